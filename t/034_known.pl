# Copyright (c) 2026, the replwatch authors

# Which replicas are remembered when they go, and until when.  Known is what
# has streamed for known_after; it is remembered for forget_after unless a slot
# waits for it, until somebody says to forget it, or until its place is needed
# for another: max_replicas is 2 here.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	'replwatch.max_replicas = 2',
	'replwatch.known_after = 1h');

# Change settings that take effect at a reload.
sub set
{
	my (%settings) = @_;

	$primary->safe_psql(
		'postgres',
		join "\n",
		map { "ALTER SYSTEM SET replwatch.$_ = '$settings{$_}';" }
		  sort keys %settings);
	$primary->reload;
	return;
}

# Names and states of all rows, in order.
sub rows
{
	return join ', ',
	  map { "$_->{name} $_->{state}" } Replwatch::statuses($primary);
}

# Start a standby and wait until it streams, and is known where known_after is
# 0.
sub start_and_get_known
{
	my ($node) = @_;

	$node->start;
	Replwatch::wait_until(
		$primary,
		"SELECT state = 'streaming' FROM replwatch_status() WHERE name = '"
		  . $node->name . "'",
		$node->name . ' streams');
	Replwatch::wait_sampled($primary);
	return;
}

# Stop a standby and wait until the worker has seen that.
sub stop_and_notice
{
	my ($node) = @_;

	$node->stop;
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 0 FROM pg_stat_replication WHERE application_name = '"
		  . $node->name . "'",
		$node->name . ' is not connected');
	Replwatch::wait_sampled($primary);
	return;
}

# What replwatch_forget() answers.
sub forget
{
	my ($name) = @_;

	return $primary->safe_psql('postgres',
		"SELECT replwatch_forget('$name')");
}

my $standby1 = Replwatch::standby($primary, 'standby1');


note '1. known_after';

sleep(2);    # longer than known_after will be, shorter than it is
stop_and_notice($standby1);
is(rows(), '', 'one that streamed for less than known_after is not missed');

set(known_after => '1s');
start_and_get_known($standby1);
sleep(2);
stop_and_notice($standby1);
is(rows(), 'standby1 missing', 'one that streamed for longer is missed');
my $row = Replwatch::status($primary, 'standby1');
is($row->{reason_code}, 'gone', 'it is said to be gone');
like($row->{reason}, qr/^not connected for \d+ s$/, 'and for how long');
ok(defined $row->{replay_lsn}, 'where it was is remembered');
is($row->{pid}, undef, 'there is no process');


note '2. replwatch_forget()';

is(forget('nobody'), 'f', 'nobody of an unknown name is forgotten');
is(forget(''), 'f', 'nor of no name');
is( $primary->safe_psql('postgres', 'SELECT replwatch_forget(NULL) IS NULL'),
	't',
	'NULL is nobody either');
is(rows(), 'standby1 missing', 'the others are still remembered');

$primary->safe_psql('postgres',
	'CREATE ROLE watcher LOGIN IN ROLE pg_monitor');
my ($code, $out, $err) = $primary->psql(
	'postgres',
	"SELECT replwatch_forget('standby1')",
	extra_params => [ '-U', 'watcher' ]);
like(
	$err,
	qr/permission denied for function replwatch_forget/,
	'looking is no right to forget');
is(rows(), 'standby1 missing', 'and nothing is forgotten');

$primary->safe_psql('postgres',
	'GRANT EXECUTE ON FUNCTION replwatch_forget(text) TO watcher');
is( $primary->safe_psql(
		'postgres',
		"SELECT replwatch_forget('standby1')",
		extra_params => [ '-U', 'watcher' ]),
	't',
	'the right can be granted');
is(rows(), '', 'the replica is forgotten');
is(forget('standby1'), 'f', 'once');

# One that is connected starts again.
set(known_after => 0);
start_and_get_known($standby1);
set(known_after => '1h');
is(forget('standby1'), 't', 'a connected one is forgotten too');
is(rows(), 'standby1 streaming', 'it is shown as long as it is there');
stop_and_notice($standby1);
is(rows(), '', 'but it is not missed');
set(known_after => 0);


note '3. max_replicas';

my $standby2 = Replwatch::standby($primary, 'standby2', start => 0);
my $standby3 = Replwatch::standby($primary, 'standby3', start => 0);

start_and_get_known($standby1);
start_and_get_known($standby2);
stop_and_notice($standby1);
stop_and_notice($standby2);
is( rows(),
	'standby1 missing, standby2 missing',
	'two replicas are remembered');

my $offset = -s $primary->logfile;
start_and_get_known($standby3);
is( rows(),
	'standby2 missing, standby3 streaming',
	'the one that is gone for longest makes room for a third');
like(
	slurp_file($primary->logfile, $offset),
	qr/LOG:  replica "standby1" is forgotten to make room for another.*HINT:  Consider increasing "replwatch.max_replicas"/s,
	'which is logged, with what to do');

$standby2->start;
start_and_get_known($standby1);
is( rows(),
	'standby1 streaming, standby2 streaming, standby3 streaming',
	'what is connected is shown, whether or not there is room');
ok(defined Replwatch::status($primary, 'standby1')->{lag},
	'and its lag is told');
stop_and_notice($standby1);
is( rows(),
	'standby2 streaming, standby3 streaming',
	'one that no room was left for is not missed');
unlike(
	slurp_file($primary->logfile, $offset),
	qr/replica "standby[23]" is forgotten/,
	'nobody who is there had to make room');


note '4. forget_after';

$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('standby3')");
$standby3->append_conf('postgresql.conf', "primary_slot_name = 'standby3'");
$standby3->restart;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'streaming' AND slot_name = 'standby3' FROM replwatch_status() WHERE name = 'standby3'",
	'standby3 uses a slot');
stop_and_notice($standby2);
stop_and_notice($standby3);
is( rows(),
	'standby2 missing, standby3 inactive',
	'one is remembered without a slot, one with');

$offset = -s $primary->logfile;
set(forget_after => '3s');
$primary->wait_for_log(
	qr/LOG:  replica "standby2" is forgotten after it has been gone for \d+ s/,
	$offset);
is(rows(), 'standby3 inactive', 'without a slot it is forgotten');
sleep(3);    # so that it could be told again
my $log = slurp_file($primary->logfile, $offset);
is(scalar(() = $log =~ m/is forgotten after/g), 1, 'it is logged once');
isnt(Replwatch::status($primary, 'standby3')->{last_seen},
	undef, 'with a slot it is remembered for longer');

$primary->safe_psql('postgres',
	"SELECT pg_drop_replication_slot('standby3')");
$primary->wait_for_log(qr/LOG:  replica "standby3" is forgotten after/,
	$offset);
is(rows(), '', 'until the slot is dropped');

done_testing();
