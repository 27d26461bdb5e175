# Copyright (c) 2026, the replwatch authors

# Which replicas are remembered when they go, and until when.  Known is what
# has streamed for known_after; it is remembered for forget_after unless a slot
# waits for it, until somebody says to forget it, or until its place is needed
# for another: max_replicas is 1 here.
#
# The rules are proved in unit/replica/test_replicas.c, where time is simulated.  Here
# it is about the settings, the log, and what SQL shows.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	'replwatch.max_replicas = 1',
	"replwatch.known_after = '1h'");

# Change a setting, and wait until the worker has read it, which has it save its
# files.
sub set
{
	my ($setting) = @_;

	Replwatch::set($primary, "replwatch.$setting");
	Replwatch::wait_saved($primary);
	return;
}

# Names and states of all rows.
sub rows
{
	return join ', ',
	  sort map { "$_->{name} $_->{state}" } Replwatch::statuses($primary);
}

# Start a standby and wait until it streams and has replied, by which it is a
# replica, and known where known_after is 0.
sub start_and_get_known
{
	my ($node) = @_;

	$node->start;
	Replwatch::wait_until(
		$primary,
		"SELECT state = 'streaming' AND replay_lsn IS NOT NULL FROM pg_stat_replication WHERE application_name = '"
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

	return Replwatch::value($primary, "SELECT replwatch_forget('$name')");
}

my $standby1 = Replwatch::standby($primary, 'standby1');
my $standby2 = Replwatch::standby($primary, 'standby2', start => 0);


note '1. known_after';

stop_and_notice($standby1);
is(rows(), '', 'a replica that streamed for less than known_after is not missing');

set('known_after = 1s');
start_and_get_known($standby1);
Alerts::wait_known($primary);
stop_and_notice($standby1);
is(rows(), 'standby1 missing', 'a replica that streamed for longer is missing');
my $row = Replwatch::status($primary, 'standby1');
is($row->{reason_code}, 'gone', 'its reason is gone');
like($row->{reason}, qr/^not connected for \d+ s$/, 'its reason has the time');
ok(defined $row->{replay_lsn}, 'where it was is remembered');
is($row->{pid}, undef, 'it has no process');


note '2. replwatch_forget()';

is(forget('nobody'), 'f', 'nobody of an unknown name is forgotten');
is(forget(''), 'f', 'an empty name cannot be forgotten');
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
is(rows(), 'standby1 missing', 'nothing is forgotten');

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
set('known_after = 0');
start_and_get_known($standby1);
set('known_after = 1h');
is(forget('standby1'), 't', 'a connected one is forgotten too');
is(rows(), 'standby1 streaming', 'it is shown while it is connected');
stop_and_notice($standby1);
is(rows(), '', 'it is not missing afterwards');


note '3. max_replicas';

set('known_after = 0');
start_and_get_known($standby1);
stop_and_notice($standby1);

my $offset = -s $primary->logfile;
start_and_get_known($standby2);
is(rows(), 'standby2 streaming', 'a replica that is gone makes room for another');
$primary->wait_for_log(
	qr/LOG:  replica "standby1" was forgotten to make room for another.*HINT:  Consider increasing "replwatch.max_replicas"/s,
	$offset);
pass('that is logged with a hint');

start_and_get_known($standby1);
is( rows(),
	'standby1 streaming, standby2 streaming',
	'connected replicas are shown even without room');
ok(defined Replwatch::status($primary, 'standby1')->{lag},
	'its lag is shown');
stop_and_notice($standby1);
is(rows(), 'standby2 streaming',
	'a replica without room is not missing afterwards');
unlike(
	slurp_file($primary->logfile, $offset),
	qr/replica "standby2" was forgotten/,
	'nobody who is there had to make room');


note '4. forget_after';

Replwatch::value($primary,
	"SELECT pg_create_physical_replication_slot('standby2')");
$standby2->append_conf('postgresql.conf', "primary_slot_name = 'standby2'");
$standby2->restart;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'streaming' AND replay_lsn IS NOT NULL AND pid = (SELECT active_pid FROM pg_replication_slots) FROM pg_stat_replication",
	'standby2 uses a slot');
Replwatch::wait_sampled($primary);
stop_and_notice($standby2);

$offset = -s $primary->logfile;
set('forget_after = 1s');
my $since = Replwatch::now($primary);
Replwatch::wait_until(
	$primary,
	"SELECT clock_timestamp() > to_timestamp($since + 1)",
	'forget_after has gone by');
Replwatch::wait_sampled($primary);
isnt(Replwatch::status($primary, 'standby2')->{last_seen},
	undef, 'with a slot it is kept for longer');

Replwatch::value($primary, "SELECT pg_drop_replication_slot('standby2')");
$primary->wait_for_log(
	qr/LOG:  replica "standby2" was forgotten after 1 s without a connection/,
	$offset);
is(rows(), '', 'without a slot it is forgotten');

# And once more, without a slot from the beginning.
$offset = -s $primary->logfile;
start_and_get_known($standby1);
stop_and_notice($standby1);
$primary->wait_for_log(qr/LOG:  replica "standby1" was forgotten after/,
	$offset);
is(rows(), '', 'so is a replica that never had a slot');
my $log = slurp_file($primary->logfile);
is(scalar(() = $log =~ m/was forgotten after/g),
	2, 'each is told of once');

done_testing();
