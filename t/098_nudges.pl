# Copyright (c) 2026, the replwatch authors
# matrix: every major

# A session that waits for replicas to replay writes a record to have them report,
# but not for nothing: not in a read-only transaction, seldom where the replicas do
# not run replwatch, and no more once a replica does not replay.  The waits end all
# the same.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session qw(outcomes);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Less than a session sleeps that is not woken.
my %woken = (statement_timeout => '55s', track_counts => 'off');
my $many = 500;

my $primary = Replwatch::primary(
	'primary',
	'checkpoint_timeout = 1h',
	'wal_keep_size = 64MB',
	'fsync = off',
	'replwatch.wait_recheck = 1min',
	'replwatch.wait_timeout = 1h');
my $client = Session->new($primary, %woken);

# Nobody else writes.
my $background_writer = Replwatch::stop_background_writer($primary);

END
{
	kill 'CONT', $background_writer if $background_writer;
}

# A commit, and where it ends.
sub commit
{
	$client->value("SELECT pg_logical_emit_message(true, 'x', 'x')");
	return $client->value('SELECT replwatch_commit_lsn()');
}

# Run a sub, and return how many nudges were written meanwhile.
sub nudges
{
	my ($happens) = @_;
	my $from = commit();

	$happens->();
	my ($records) = run_command(
		[
			'pg_waldump', '-p', $primary->data_dir . '/pg_wal',
			'-s', $from, '-e', commit(), '-r', 'XLOG'
		]);
	my $count = () = $records =~ /desc: NOOP/g;

	note("$count nudges");
	return $count;
}

# Commit many times, or as often as given, waiting for a replica each time for as
# long as given; returns what the waits have returned.
sub commit_and_wait
{
	my ($timeout, $times) = @_;
	my %seen;

	foreach (1 .. $times // $many)
	{
		commit();
		$seen{
			$client->value(
				"SELECT replwatch_wait_for_replicas(timeout => '$timeout')")
		}++;
	}
	return join ', ', sort keys %seen;
}


# Pause replay of the only replica, over a new connection, which has not been nudged
# in vain yet.
sub pause_anew
{
	my ($standby) = @_;

	$client->value(
		'SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_replication');
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn IS NOT NULL",
		'it streams again');
	Replwatch::pause_replay($primary, $standby);
	return;
}


note '1. a replica without replwatch';

{
	# Each wait lasts long enough for many nudges.
	my $plain = Replwatch::standby(
		$primary, 'plain',
		conf => [
			"shared_preload_libraries = ''",
			"recovery_min_apply_delay = '20ms'"
		]);
	my $outcome;
	my $begin = time;
	my $nudges = nudges(sub { $outcome = commit_and_wait('1 day', 100) });

	# The time to the next one doubles to 10 s with the 14th.  What core reports of
	# itself each 10 s may be taken for an answer, after which it begins anew.
	cmp_ok(
		$nudges, '<',
		15 * (2 + (time - $begin) / 10),
		'it is seldom nudged');
	is($outcome, '1', 'each wait has ended');
	$plain->stop;
}


note '2. one that runs it';

my $replica1 = Replwatch::standby($primary, 'replica1',
	conf => ['wal_retrieve_retry_interval = 100ms']);

{
	my $outcome;

	cmp_ok(nudges(sub { $outcome = commit_and_wait('1 day') }),
		'>', 0, 'it is nudged');
	is($outcome, '1', 'each wait has ended');
}


note '3. one that does not replay';

pause_anew($replica1);
my $nudges = nudges(sub { commit_and_wait('1 ms') });
cmp_ok($nudges, '>', 0, 'it is nudged');
cmp_ok($nudges, '<', 20, 'a few times');

# That was more than a second ago.
$client->value('SELECT pg_sleep(1)');
is(nudges(sub { commit_and_wait('1 ms') }), 0, 'and then no more');

{
	my @sessions = map { Session->new($primary, %woken) } 1 .. 5;

	$_->ask('SELECT replwatch_wait_for_replicas(pg_current_wal_insert_lsn())')
	  foreach @sessions;
	Replwatch::wait_until($primary,
		'SELECT count(*) = 5 FROM replwatch_waiters()', 'they wait');
	Replwatch::value($replica1, 'SELECT pg_wal_replay_resume()');
	is(outcomes(@sessions), '5 x 1', 'the waits end when it replays');
}


note '4. read-only transactions';

pause_anew($replica1);
{
	my $lsn = commit();
	my $always = Session->new($primary, %woken,
		default_transaction_read_only => 'on');
	my $once = Session->new($primary, %woken);
	my $wait = "SELECT replwatch_wait_for_replicas('$lsn', 1, 'replay'";

	$once->value('BEGIN READ ONLY');
	is($_->value("$wait, '50 ms')"), 0, 'a read-only session waits')
	  foreach $always, $once;
	is($client->value('SELECT pg_current_wal_insert_lsn()'),
		$lsn, 'and writes nothing');
	$_->ask("$wait)") foreach $always, $once;
	Replwatch::wait_until($primary,
		'SELECT count(*) = 2 FROM replwatch_waiters()', 'both wait');
	Replwatch::value($replica1, 'SELECT pg_wal_replay_resume()');
	is(outcomes($always, $once), '2 x 1', 'the waits end when it replays');
}

is( Replwatch::value(
		$primary, "SELECT max_time < '55 s' FROM replwatch_wait_stats()"),
	't',
	'no wake-up was lost');

done_testing();
