# Copyright (c) 2026, the replwatch authors
# matrix: every major

# On a primary a session can wait for replicas wherever it can call a function:
# with what it holds, but as a statement of its own without a snapshot.  Sessions
# that wait for its transaction go on waiting.  Replicas are asked to report only
# where one of them can.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Less than a session sleeps that is not woken.
my %woken = (statement_timeout => '55s', track_counts => 'off');

my $primary = Replwatch::primary(
	'primary',
	'autovacuum = off',
	'checkpoint_timeout = 1h',
	'replwatch.wait_recheck = 1min',
	'replwatch.wait_timeout = 1h');
$primary->safe_psql(
	'postgres', q[
CREATE TABLE t (i int);
INSERT INTO t SELECT generate_series(1, 100);
CREATE FUNCTION waits(target pg_lsn, count int) RETURNS int LANGUAGE plpgsql AS
$$ BEGIN RETURN replwatch_wait_for_replicas(target, count); END $$;
CREATE PROCEDURE batches(count int, INOUT seen text DEFAULT '') LANGUAGE plpgsql AS
$$
BEGIN
	FOR batch IN 1 .. 3
	LOOP
		INSERT INTO t VALUES (batch);
		COMMIT;
		seen := concat_ws(' ', seen, replwatch_wait_for_replicas(count => count));
	END LOOP;
END
$$;
]);

# Nobody else writes: not the background writer, and our worker writes nothing.
my $background_writer = Replwatch::stop_background_writer($primary);

END
{
	kill 'CONT', $background_writer if $background_writer;
}

sub end_of_wal
{
	return Replwatch::value($primary, 'SELECT pg_current_wal_insert_lsn()');
}

# Start a wait whose answer is fetched later.  Returns once it waits.
sub begin_wait
{
	my ($client, $query) = @_;

	$client->ask($query);
	Replwatch::wait_until(
		$primary,
		'SELECT count(*) = 1 FROM replwatch_waiters() JOIN pg_stat_activity USING (pid) WHERE wait_event_type = \'Extension\' AND pid = '
		  . $client->pid,
		'the session waits');
	return;
}

sub snapshot_of
{
	my ($client) = @_;

	return Replwatch::value(
		$primary,
		'SELECT CASE WHEN backend_xmin IS NULL THEN \'none\' ELSE \'held\' END FROM pg_stat_activity WHERE pid = '
		  . $client->pid);
}

# Wait until so many sessions wait for a virtual transaction to end.
sub wait_blocked
{
	my ($count, $what) = @_;

	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = $count FROM pg_locks WHERE locktype = 'virtualxid' AND NOT granted",
		$what);
	return;
}

my $client = Session->new($primary, %woken);


note '1. no replica is asked that cannot answer';

{
	my $lsn = end_of_wal();

	is($client->value("SELECT replwatch_wait_for_replicas('$lsn', 1, 'replay', '50 ms')"),
		0, 'there is no replica');
	is(end_of_wal(), $lsn, 'and nothing is written for it');
}

my $replica1 = Replwatch::standby($primary, 'replica1',
	conf => ['max_standby_streaming_delay = -1']);

{
	$client->value("SELECT pg_logical_emit_message(true, 'x', 'x')");
	my $lsn = $client->value('SELECT replwatch_commit_lsn()');
	Replwatch::wait_until($primary,
		"SELECT replay_lsn >= '$lsn' FROM pg_stat_replication",
		'the replica has reported it');

	is($client->value("SELECT replwatch_wait_for_replicas('$lsn', 2, 'replay', '50 ms')"),
		1, 'the only replica has it');
	is(end_of_wal(), $lsn, 'and is not asked again');

	# One that lacks it is asked, once.
	Replwatch::pause_replay($primary, $replica1);
	$client->value("SELECT pg_logical_emit_message(true, 'x', 'x')");
	$lsn = $client->value('SELECT replwatch_commit_lsn()');
	is($client->value("SELECT replwatch_wait_for_replicas('$lsn', 1, 'flush')"),
		1, 'a replica has flushed it');
	is(end_of_wal(), $lsn, 'which it reports without being asked');
	is($client->value("SELECT replwatch_wait_for_replicas('$lsn', 1, 'replay', '50 ms')"),
		0, 'and not replayed');
	my $asked = end_of_wal();
	isnt($asked, $lsn, 'for that it is asked');
	is($client->value("SELECT replwatch_wait_for_replicas('$lsn', 1, 'replay', '50 ms')"),
		0, 'another wait for it');
	is(end_of_wal(), $asked, 'asks no more');
	Replwatch::value($replica1, 'SELECT pg_wal_replay_resume()');
}


note '2. functions, procedures, DO';

$client->value('INSERT INTO t VALUES (0)');
is($client->value('SELECT waits(NULL, 1)'), 1, 'in a function');
is($client->value('CALL batches(1, NULL)'), '1 1 1', 'in a procedure, after each commit');
is( verdict(
		$client->query(
			'DO $$BEGIN INSERT INTO t VALUES (1); COMMIT; PERFORM replwatch_wait_for_replicas(); END$$'
		)),
	'',
	'in DO');
is($client->value('SELECT max(replwatch_wait_for_replicas(NULL, 1)) FROM t WHERE i < 3'),
	1, 'for each row of a query');
like(
	verdict($client->query('DO $$BEGIN INSERT INTO t VALUES (1); PERFORM replwatch_wait_for_replicas(); END$$')),
	qr/^55000 .* has not committed$/,
	'not for a transaction that has not committed');
$client->value('BEGIN');
$client->value('INSERT INTO t VALUES (1)');
my $inside = end_of_wal();
is($client->value("SELECT waits('$inside', 1)"),
	1, 'but for what it has written, if that is given');
$client->value('COMMIT');


note '3. what is held while it waits';

{
	Replwatch::pause_replay($primary, $replica1);
	$client->value('INSERT INTO t VALUES (1)');

	my $lsn = $client->value('SELECT replwatch_commit_lsn()');
	my $alone = Session->new($primary, %woken);
	my $within = Session->new($primary, %woken);
	my $locks = Session->new($primary, %woken);

	begin_wait($alone, "SELECT replwatch_wait_for_replicas('$lsn')");
	begin_wait($within, "SELECT waits('$lsn', 1)");
	$locks->value('BEGIN');
	$locks->value('SELECT count(*) FROM t');
	begin_wait($locks, "SELECT replwatch_wait_for_replicas('$lsn')");
	is(snapshot_of($alone), 'none', 'a statement of its own holds no snapshot');
	is(snapshot_of($within), 'held', 'a function does');
	is(snapshot_of($locks), 'none', 'with locks, a statement of its own does not');

	# Sessions that wait for these transactions go on waiting.
	my $index = Session->new($primary);
	my $drop = Session->new($primary);

	$index->ask('CREATE INDEX CONCURRENTLY ON t (i)');
	wait_blocked(1, 'CREATE INDEX CONCURRENTLY waits for a transaction');
	$drop->ask('DROP TABLE t');
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) > 0 FROM pg_locks WHERE relation = 't'::regclass AND NOT granted",
		'DROP TABLE waits for a lock');
	ok($_->silent, 'a session waits on') foreach $alone, $within, $locks;
	$primary->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $drop->pid . ')');
	is($drop->answer->{state}, '57014', 'DROP TABLE has waited');

	Replwatch::value($replica1, 'SELECT pg_wal_replay_resume()');
	is(verdict($_->answer), '1', 'the wait ends') foreach $alone, $within, $locks;
	is($index->answer->{state}, undef, 'and then the index is made');
	$locks->value('COMMIT');
	is( Replwatch::value($primary,
			"SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass"),
		't',
		'it is valid');
}

# A session that does nothing but wait, in a function.
{
	Replwatch::pause_replay($primary, $replica1);
	$client->value('INSERT INTO t VALUES (1)');

	my $lsn = $client->value('SELECT replwatch_commit_lsn()');
	my $within = Session->new($primary, %woken);
	my $index = Session->new($primary);

	begin_wait($within, "SELECT waits('$lsn', 1)");
	$index->ask('REINDEX TABLE CONCURRENTLY t');
	wait_blocked(1, 'REINDEX CONCURRENTLY waits for the snapshot');
	ok($within->silent && $index->silent, 'both wait');
	Replwatch::value($replica1, 'SELECT pg_wal_replay_resume()');
	is(verdict($within->answer), '1', 'the wait ends');
	is($index->answer->{state}, undef, 'then the index is made');
}


note '4. ended from outside';

{
	Replwatch::pause_replay($primary, $replica1);
	$client->value('INSERT INTO t VALUES (1)');

	my $lsn = $client->value('SELECT replwatch_commit_lsn()');
	my $gone = Session->new($primary, %woken);
	my $kept = Session->new($primary, %woken);

	$gone->value('BEGIN');
	$gone->value('LOCK t IN ROW EXCLUSIVE MODE');
	begin_wait($gone, "SELECT waits('$lsn', 1)");
	$kept->value('BEGIN');
	$kept->value('SAVEPOINT s');
	begin_wait($kept, "SELECT waits('$lsn', 1)");
	$primary->safe_psql('postgres',
		    'SELECT pg_terminate_backend('
		  . $gone->pid
		  . '), pg_cancel_backend('
		  . $kept->pid . ')');
	is($gone->answer->{state}, '57P01', 'terminated');
	is($kept->answer->{state}, '57014', 'cancelled');
	Replwatch::wait_until(
		$primary,
		'SELECT count(*) = 0 FROM pg_locks WHERE pid = ' . $gone->pid,
		'nothing is left of one');
	$kept->value('ROLLBACK TO s');
	is( Replwatch::value(
			$primary,
			"SELECT count(*) FROM pg_locks WHERE locktype = 'virtualxid' AND pid = "
			  . $kept->pid),
		1,
		'the other still has its transaction');
	is($kept->value('SELECT count(*) > 0 FROM t'), 't', 'and goes on');
	$kept->value('COMMIT');
	is(Replwatch::value($primary, 'SELECT count(*) FROM replwatch_waiters()'),
		0, 'nobody is left among the waiters');
	Replwatch::value($replica1, 'SELECT pg_wal_replay_resume()');
}

is( Replwatch::value(
		$primary, "SELECT max_time < '55 s' FROM replwatch_wait_stats()"),
	't',
	'no wake-up was lost');

done_testing();
