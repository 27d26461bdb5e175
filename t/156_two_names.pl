# Copyright (c) 2026, the replwatch authors

# matrix: every major

# Two names, one thing each.  A standby beside an unused slot that bears its name
# is one row, and the slot is another: neither's figures, health or series are
# the other's, and each can be silenced and forgotten by itself.  Two replicas
# that a failover manager would take for one are told apart.  A replica that
# uses a slot is known by its application_name as well.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Port;
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $long = 'n' x 63;
my %slot = ('pg-1' => '_cnpg_x', node1 => 'repmgr_slot_1');
my @conf = (
	'wal_keep_size = 256MB',
	'max_wal_senders = 20',
	'max_replication_slots = 20',
	'wal_receiver_status_interval = 1s',
	'replwatch.known_after = 0',
	"replwatch.alert_hold = '200ms'",
	"replwatch.missing_timeout = '1s'",
	"replwatch.slot_inactive_timeout = '1s'");
my $primary = Replwatch::primary('primary', @conf, Port::conf());
my $port = Port::of($primary);
my %node;

# What SQL answers, or the error.
sub answer
{
	my ($sql) = @_;

	return verdict(Session->new($primary)->query($sql));
}

# All rows of a name, without a slot first.
sub rows_of
{
	my ($name) = @_;

	return sort { defined $a->{slot_name} <=> defined $b->{slot_name} }
	  grep { $_->{name} eq $name } Replwatch::statuses($primary);
}

# The series of /metrics with what they are labeled and their values.
sub series
{
	return map { /^(\w+)\{(.*)\} (\S+)$/ ? [ $1, $2, $3 ] : () } split /\n/,
	  Port::ask($port, '/metrics')->{body};
}

# All series once.
sub no_duplicates
{
	my ($what) = @_;
	my %times;

	$times{"$_->[0]\{$_->[1]}"}++ foreach series();
	is(join(' ', grep { $times{$_} > 1 } sort keys %times),
		'', "$what: no series is there twice");
	return;
}

# The alerts that are silenced, of all that fire.
sub silenced
{
	return join ', ', sort map { "$_->{alert} $_->{subject}" }
	  grep { $_->{state} eq 'silenced' } Alerts::alerts($primary);
}

# Stop a standby, and wait until it is missed under this name.
sub stop
{
	my ($name, $subject) = @_;

	$node{$name}->stop;
	Alerts::alert_when($primary, 'replica_missing', $subject, 'firing',
		"$name is missed");
	return;
}

$primary->backup('backup');
foreach my $name ('standby1', 'a-b', 'a_b', $long, sort keys %slot)
{
	my $node =
	  PostgreSQL::Test::Cluster->new($name eq 'a_b' ? 'a_b_too' : substr($name, 0, 20));

	$node->init_from_backup($primary, 'backup', has_streaming => 1);
	Replwatch::connect_to($node, $primary, $name);
	$node->append_conf('postgresql.conf', 'replwatch.port = 0');
	if ($slot{$name})
	{
		$primary->safe_psql('postgres',
			"SELECT pg_create_physical_replication_slot('$slot{$name}', true)");
		$node->append_conf('postgresql.conf',
			"primary_slot_name = '$slot{$name}'");
	}
	$node->start;
	$node{$name} = $node;
}
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 6 AND bool_and(state = 'streaming' AND replay_lsn IS NOT NULL) FROM pg_stat_replication",
	'all stream');
Replwatch::wait_sampled($primary);


note '1. a standby, and a slot that bears its name';

$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('standby1', true)");
Replwatch::burst($primary);
Replwatch::wait_replayed($primary, $node{standby1});
Replwatch::wait_sampled($primary, 3);

my ($row, $slot) = rows_of('standby1');
is(scalar(() = rows_of('standby1')), 2, 'both have a row');
is($row->{state}, 'streaming', 'the standby streams');
is($row->{slot_name}, undef, 'without the slot');
is($row->{restart_lsn}, undef, 'whose figures are not its own');
is($slot->{state}, 'inactive', 'nobody uses the slot');
is($slot->{pid}, undef, 'nor does the standby');
is($slot->{replay_lsn}, undef, 'whose position is not its own');
Replwatch::wait_until(
	$primary,
	"SELECT lag_bytes = 0 AND lag = '0' FROM replwatch_status() WHERE name = 'standby1' AND slot_name IS NULL",
	'the standby is current');
cmp_ok((rows_of('standby1'))[1]->{lag_bytes} // 0,
	'>', 0, 'the slot is behind by itself');
Replwatch::wait_until(
	$primary,
	"SELECT trend IS NOT NULL FROM replwatch_lag WHERE name = 'standby1' AND state = 'streaming'",
	'the standby has a trend');
is( $primary->safe_psql(
		'postgres',
		"SELECT trend IS NULL FROM replwatch_lag WHERE name = 'standby1' AND state = 'inactive'"
	),
	't',
	'which is not that of the slot');
no_duplicates('a standby and a slot');
my %labels = map { $_->[1] => 1 }
  grep { $_->[1] =~ /"standby1"/ } grep { $_->[0] =~ /lag_bytes/ } series();
is(scalar keys %labels, 2, 'both have a series')
  || diag(explain([ keys %labels ]));

Alerts::alert_when($primary, 'slot_inactive', 'standby1', 'warning',
	'the slot has an alert');
Alerts::wait_judged($primary);
is_deeply(
	[ map { "$_->{state} $_->{health}" } rows_of('standby1') ],
	[ 'streaming ok', 'inactive warning' ],
	'which is not the health of the standby');
is(answer("SELECT replwatch_silence('slot:standby1', '1 hour')"),
	't', 'the slot can be silenced');
stop('standby1', 'standby1');
is_deeply(
	[ sort map { $_->{state} } rows_of('standby1') ],
	[qw(inactive missing)],
	'the standby is missing, the slot is inactive');
is(silenced(), 'slot_inactive standby1', 'the slot is silenced by itself');
is(answer("SELECT replwatch_silence('standby1', '1 hour')"),
	't', 'so can the standby be');
is(silenced(), 'replica_missing standby1, slot_inactive standby1',
	'they are two');
is(answer("SELECT replwatch_silence('slot:standby1', '0')"),
	't', 'the silence of the slot ends');
is(silenced(), 'replica_missing standby1', 'by itself');
answer("SELECT replwatch_silence('standby1', '0')");
no_duplicates('a missing standby and a slot');
is(answer("SELECT replwatch_forget('slot:standby1')"),
	't', 'the alert of the slot can be forgotten');
is(scalar(() = rows_of('standby1')), 2, 'which leaves the replica');
is(answer("SELECT replwatch_forget('standby1')"),
	't', 'the standby can be forgotten');
is_deeply([ map { $_->{state} } rows_of('standby1') ],
	['inactive'], 'which leaves the slot');
Alerts::alert_when($primary, 'replica_missing', 'standby1', 'cleared',
	'it is not missed any more');


note '2. names that are nearly one';

foreach my $name ('a-b', 'a_b', $long)
{
	is_deeply([ map { $_->{state} } rows_of($name) ],
		['streaming'], "$name has one row");
	cmp_ok(
		Replwatch::value(
			$primary,
			"SELECT count(*) FROM replwatch_history('$name') WHERE name = '$name'"
		),
		'>=', 0,
		"$name is found");
}
like(
	answer("SELECT replwatch_silence('A.B', '1 hour')"),
	qr/^(?!XX)\w{5} .*"A\.B"/,
	'a name that fits two is an error');
my $error = Session->new($primary)->query(
	"SELECT replwatch_silence('A.B', '1 hour')");
my $text = join ' ', map { $_ // '' } @$error{qw(message detail hint)};
like($text, qr/"a-b"/, 'which names one');
like($text, qr/"a_b"/, 'and the other');
no_duplicates('names that are nearly one');

stop('a-b', 'a-b');
is_deeply(
	[ map { $_->{state} } rows_of('a-b'), rows_of('a_b') ],
	[qw(missing streaming)],
	'the other streams');
is(Alerts::alert($primary, 'replica_missing', 'a_b'),
	undef, 'and is not missed');
stop($_, $_) foreach 'a_b', $long;
is(silenced(), '', 'nobody is silenced');
foreach my $name ('a-b', 'a_b', $long)
{
	is(answer("SELECT replwatch_silence('$name', '1 hour')"),
		't', "$name can be silenced");
	is(silenced(), "replica_missing $name", "$name alone");
	answer("SELECT replwatch_silence('$name', '0')");
}
is(answer("SELECT replwatch_forget('a-b')"), 't', 'the one can be forgotten');
is_deeply([ map { $_->{state} } rows_of('a_b') ],
	['missing'], 'the other stays');


note '3. slots of failover managers';

foreach my $name (sort keys %slot)
{
	is_deeply(
		[ map { "$_->{state} $_->{application_name}" } rows_of($slot{$name}) ],
		["streaming $name"],
		"$name has one row, under its slot");
	is_deeply([ rows_of($name) ], [], "$name has no other");
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) > 0 FROM replwatch_history('$slot{$name}')",
		"$name has a history") if $name eq 'node1';
	is( Replwatch::value(
			$primary,
			"SELECT count(*) FROM replwatch_history('$name')") > 0,
		Replwatch::value(
			$primary,
			"SELECT count(*) FROM replwatch_history('$slot{$name}')") > 0,
		"$name: it has the same history by either name");
}
no_duplicates('slots of failover managers');
stop($_, $slot{$_}) foreach sort keys %slot;
is( $primary->safe_psql(
		'postgres',
		"SELECT count(*) FROM replwatch_lag WHERE name IN ('"
		  . join("', '", values %slot)
		  . "') AND state = 'inactive' AND trend IS NOT NULL"
	),
	scalar keys %slot,
	'the slots show the trends of the replicas that have used them');
foreach my $name (sort keys %slot)
{
	is(answer("SELECT replwatch_silence('$name', '1 hour')"),
		't', "$name can be silenced by its application_name");
	is( join(', ', grep { /^replica_missing/ } split /, /, silenced()),
		"replica_missing $slot{$name}",
		"$name: which silences the replica");
	is(answer("SELECT replwatch_silence('$slot{$name}', '0')"),
		't', "$name: it is the same by its slot");
	is(silenced(), '', "$name: nothing is silenced any more");
}

done_testing();
