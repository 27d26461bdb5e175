# Copyright (c) 2026, the replwatch authors

# matrix: every major

# A replica is missing, and something else connects under its name: a base
# backup, pg_receivewal, somebody who only asks what the system is.  None of
# them stands for the replica, which stays missing, in a row of its own.  A
# subscriber whose apply fails again and again is missing as well, until it
# gets on; the line to it is slow, so that each attempt lasts.  The last standby
# that goes is critical even if a subscriber is left.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Relay;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $attempts = $ENV{REPLWATCH_SOAK} ? 100 : 5;
my $looks = $ENV{REPLWATCH_SOAK} ? 100 : 3;
my $timeout = 2;
my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'wal_keep_size = 256MB',
	'max_wal_senders = 20',
	'replwatch.known_after = 0',
	"replwatch.alert_hold = '200ms'",
	"replwatch.missing_timeout = '${timeout}s'");
my $r1 = Replwatch::standby($primary, 'r1');
my $r2 = Replwatch::standby($primary, 'r2');
my $as_r1 = $primary->connstr . ' application_name=r1';

# The states of all rows named r1.
sub states
{
	return map { $_->{state} }
	  grep { $_->{name} eq 'r1' } Replwatch::statuses($primary);
}

# Look for some samples, of which each is judged: the replica is missing at each
# look, and the visitor has a row of its own.  $visitor is its state.
sub is_a_visitor
{
	my ($what, $visitor) = @_;
	my %seen;

	Replwatch::wait_until(
		$primary,
		"SELECT count(*) > 0 FROM pg_stat_replication WHERE application_name = 'r1' AND state = '$visitor'",
		"$what is connected");
	foreach (1 .. $looks)
	{
		$seen{ join ' ', sort(states()) }++;
		Replwatch::wait_sampled($primary);
	}
	# It may have ended before the last look.
	my $both = join ' ', sort('missing', $visitor);

	ok($seen{$both}, "$what: one row is missing, one is the visitor's");
	is_deeply([ grep { $_ ne $both && $_ ne 'missing' } keys %seen ],
		[], "$what: there are no others, and the missing one stays")
	  || diag(explain(\%seen));
	is(Alerts::story($primary, 'replica_missing', 'r1'),
		'raised warning', "$what: the replica is still missed, once");
	is(Alerts::alert($primary, 'replica_missing', 'r1')->{state},
		'firing', "$what: SQL says so, too");
	is( join(
			' ',
			map { $_->{health} }
			grep { $_->{name} eq 'r1' && $_->{state} eq 'missing' }
			  Replwatch::statuses($primary)),
		'warning',
		"$what: and so does the health of the replica");
	return;
}

# End a client, and wait until nobody is connected under the name.
sub end
{
	my ($client) = @_;

	$client->signal('INT');
	$client->finish;
	no_visitor();
	return;
}

sub no_visitor
{
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 0 FROM pg_stat_replication WHERE application_name = 'r1'",
		'nobody is connected');
	Replwatch::wait_sampled($primary);
	is_deeply([ states() ], ['missing'], 'gone, it leaves the row of r1 alone');
	return;
}

$r1->stop;
Alerts::alert_when($primary, 'replica_missing', 'r1', 'warning',
	'r1 is missed');
Alerts::story_is($primary, 'replica_missing', 'r1', 'raised warning',
	'the log has it');


note '1. a base backup';

my $backup =
  Replwatch::start_client('pg_basebackup', '-X', 'none', '--checkpoint=fast',
	'--max-rate=1M', '--no-sync', '-d', $as_r1, '-D',
	$primary->backup_dir . '/slow');
is_a_visitor('a base backup', 'backup');
$primary->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE state = 'backup'"
);
$backup->finish;
no_visitor();

note '2. pg_receivewal, without a slot and with one';

my $dir = PostgreSQL::Test::Utils::tempdir_short();
mkdir "$dir/$_" foreach qw(plain slot);
my $receiver =
  Replwatch::start_client('pg_receivewal', '--no-loop',
	'--status-interval=1', '-d', $as_r1, '-D', "$dir/plain");
is_a_visitor('pg_receivewal', 'streaming');
Replwatch::burst($primary);
is_a_visitor('pg_receivewal, receiving', 'streaming');
end($receiver);

$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('kept', true)");
$receiver =
  Replwatch::start_client('pg_receivewal', '--no-loop',
	'--status-interval=1', '-S', 'kept', '-d', $as_r1, '-D', "$dir/slot");
Replwatch::row_when($primary, 'kept', 'downstream',
	'pg_receivewal with a slot has the row of the slot',
	sub { $_[0]->{state} eq 'streaming' });
Replwatch::wait_sampled($primary, 5);
is_deeply([ states() ], ['missing'], 'and r1 keeps its own');
is(Alerts::story($primary, 'replica_missing', 'r1'),
	'raised warning', 'pg_receivewal with a slot: r1 is still missed, once');
end($receiver);
$primary->safe_psql('postgres', "SELECT pg_drop_replication_slot('kept')");

note '3. somebody who looks';

my $guest =
  Session->new($primary, replication => 1, application_name => 'r1');
like($guest->value('IDENTIFY_SYSTEM'), qr/^\d+$/, 'he asks, and stays');
is_a_visitor('a connection that only asks', 'startup');
$guest->vanish;
no_visitor();

note '4. another standby, and the replica itself';

# By its name it is the replica.
Replwatch::connect_to($r2, $primary, 'r1');
$r2->reload;
Alerts::alert_when($primary, 'replica_missing', 'r1', 'cleared',
	'a standby of that name ends it');
is_deeply([ states() ], ['streaming'], 'in the one row');
Replwatch::connect_to($r2, $primary, 'r2');
$r2->reload;
Alerts::alert_when($primary, 'replica_missing', 'r1', 'warning',
	'it goes on under its own name, and r1 is missed');

$r1->start;
Alerts::alert_when($primary, 'replica_missing', 'r1', 'cleared',
	'the replica itself ends it');
# While the only other standby changes its name, none is left.
Alerts::story_is(
	$primary,
	'replica_missing',
	'r1',
	qr/^raised warning(, escalated critical)?, cleared, raised warning, cleared$/,
	'each once');
is_deeply([ states() ], ['streaming'], 'it has one row again');


note '5. a subscriber whose apply fails';

my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(allows_streaming => 'logical');
$subscriber->append_conf('postgresql.conf',
	"wal_retrieve_retry_interval = '200ms'\nwal_receiver_status_interval = 1s\n"
);
$subscriber->start;
my $line = Relay->new($primary, delay => 0.1);
foreach my $node ($primary, $subscriber)
{
	$node->safe_psql('postgres', 'CREATE TABLE item (i int PRIMARY KEY)');
}
$primary->safe_psql('postgres', 'CREATE PUBLICATION pub FOR TABLE item');
$subscriber->safe_psql('postgres',
		"CREATE SUBSCRIPTION sub CONNECTION '"
	  . $line->connstr
	  . " dbname=postgres' PUBLICATION pub WITH (copy_data = off)");
Replwatch::wait_until(
	$primary,
	"SELECT state = 'streaming' AND flush_lsn IS NOT NULL FROM replwatch_status() WHERE name = 'sub'",
	'the subscriber streams');
$primary->safe_psql('postgres', 'INSERT INTO item VALUES (1)');
Replwatch::wait_until($subscriber, 'SELECT count(*) = 1 FROM item',
	'the subscriber has the first row');
Replwatch::row_when_current($primary, 'sub');
Replwatch::wait_sampled($primary);

my $failure =
  qr{ERROR: .*(duplicate key value violates unique constraint|conflict detected on relation)};
my $offset = -s $subscriber->logfile;

sub failed
{
	my @matches = slurp_file($subscriber->logfile, $offset) =~ /$failure/g;

	return scalar @matches;
}

sub wait_failed
{
	my ($times) = @_;

	Process::until_true("apply has failed $times times",
		sub { failed() >= $times });
	return;
}

$subscriber->safe_psql('postgres', 'INSERT INTO item VALUES (2)');
my $from = Replwatch::now($primary);
$primary->safe_psql('postgres', 'INSERT INTO item VALUES (2)');
wait_failed(1);
my $to = Replwatch::now($primary);
my $alert = Alerts::alert_when($primary, 'replica_missing', 'sub', 'warning',
	'it is missed');
Replwatch::is_between(
	$alert->{raised_at},
	$from + $timeout,
	$to + $timeout + 0.2,
	'it is missed in time');
my %seen;
my $client = Session->new($primary);
for (my $until = failed() + $attempts; failed() < $until; sleep(0.02))
{
	my @rows =
	  grep { $_->{name} eq 'sub' } Replwatch::statuses($client);
	my ($own) = grep { $_->{state} eq 'inactive' } @rows;

	$seen{
		$own
		? "inactive " . ($own->{reason_code} // 'NULL')
		: 'only ' . join(', ', map { $_->{state} } @rows)
	}++;
}
is_deeply([ keys %seen ],
	['inactive refused'], 'it is inactive, refused, at each look')
  || diag(explain(\%seen));
is(Alerts::story($primary, 'replica_missing', 'sub'),
	'raised warning', 'it is missed once');

$subscriber->safe_psql('postgres', 'DELETE FROM item WHERE i = 2');
Replwatch::wait_until($subscriber, 'SELECT count(*) = 2 FROM item',
	'the subscriber gets on');
Alerts::story_is($primary, 'replica_missing', 'sub',
	'raised warning, cleared', 'which ends it');


note '6. a consumer that has not replied, and another one of its slot';

$primary->safe_psql('postgres',
	"SELECT pg_create_logical_replication_slot('consumer', 'pgoutput')");
my @consume = (
	'pg_recvlogical', '--start', '--slot=consumer', '--no-loop',
	'--status-interval=0', '--file=/dev/null', '--option=proto_version=1',
	'--option=publication_names=pub', '-d', $primary->connstr('postgres'));
my $sampler = $primary->safe_psql('postgres',
	'SELECT worker_pid FROM replwatch_node()');
my $consumer = Replwatch::start_client(@consume);
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM pg_replication_slots WHERE slot_name = 'consumer' AND active",
	'one consumer has the slot');
command_fails([@consume], 'another one does not get it');
Replwatch::wait_sampled($primary, 3);
is_deeply(
	[
		map { "$_->{state} $_->{slot_name}" }
		grep { $_->{name} eq 'consumer' } Replwatch::statuses($primary)
	],
	['streaming consumer'],
	'which leaves the slot its one row');
is( $primary->safe_psql('postgres',
		'SELECT worker_pid FROM replwatch_node()'),
	$sampler,
	'the sampler goes on');
$consumer->signal('INT');
$consumer->finish;


note '7. a subscriber is no standby';

$_->stop foreach $r1, $r2;
foreach my $name (qw(r1 r2))
{
	Alerts::story_is(
		$primary, 'replica_missing', $name,
		qr/(raised|escalated) critical$/,
		"$name is missed, and no standby is left");
}
is(Replwatch::status($primary, 'sub')->{state},
	'streaming', 'though the subscriber is there');

done_testing();
