# Copyright (c) 2026, the replwatch authors
# matrix: every major

# The commit token names the end of the commit record, whatever committed: the
# standby that has replayed up to it has the change, and one that has replayed
# up to a byte before it does not.  That it is exact matters both ways: an LSN
# too small gives stale reads, one too large makes readers wait for WAL that an
# idle primary never writes.  What commits nothing leaves it alone.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'max_prepared_transactions = 5',
	'replwatch.wait_timeout = 1h');
my $standby = Replwatch::standby($primary, 'replica1');
my $client = Session->new($primary);
my $observer = Session->new($primary);
my $reader = Session->new($standby);

# The ends of the commit records between two LSNs, by pg_waldump: where the
# record after each begins, or the page, if that is the first in a page.
sub commit_ends
{
	my ($from, $to) = @_;
	my ($stdout, $stderr);
	my $file = $observer->value("SELECT pg_walfile_name('$from')");
	my $dir = $primary->data_dir . '/pg_wal';
	my @ends;
	my $after_commit;

	# It complains at the end of what is written; what it printed counts.
	IPC::Run::run([ 'pg_waldump', '-p', $dir, '-s', $from, $file ],
		'>', \$stdout, '2>', \$stderr);
	foreach my $line (split /\n/, $stdout)
	{
		my ($lsn) = $line =~ /lsn: ([0-9A-F]+\/[0-9A-F]+)/ or next;

		push @ends, before_page_header(bytes($lsn)) if $after_commit;
		$after_commit = $line =~ /rmgr: Transaction\s.*desc: COMMIT/;
	}
	return grep { $_ <= bytes($to) } @ends;
}

# An LSN as a number.
sub bytes
{
	my ($lsn) = @_;
	my ($high, $low) = split m{/}, $lsn;

	return (hex($high) << 32) + hex($low);
}

# A position behind the header of a page is the page's start.  Headers are of
# 24 bytes, 40 at the start of a segment.
sub before_page_header
{
	my ($position) = @_;
	my $offset = $position % 8192;
	my $header = $position % (16 * 1024 * 1024) < 8192 ? 40 : 24;

	return $offset <= $header ? $position - $offset : $position;
}

# The LSN of a token.
sub lsn_of
{
	my ($token) = @_;

	return (split /:/, $token)[-1];
}

# Something committed: the token moved, it is the end of a commit record, and
# the last one of this session; a wait for it on the standby lets it be read.
# $do is SQL, or a sub that executes it; $seen a query that is true on a
# standby that has it.
sub commits
{
	my ($what, $do, $seen) = @_;
	my $before = $client->value('SELECT replwatch_commit_token()');
	my $from = $client->value('SELECT pg_current_wal_insert_lsn()');

	if (ref $do)
	{
		$do->();
	}
	else
	{
		my $answer = $client->query($do);
		is($answer->{state}, undef, "$what: no error")
		  or diag(explain($answer));
	}

	my $token = $client->value('SELECT replwatch_commit_token()');
	isnt($token, $before, "$what: the token moves");

	# It takes a record after it to see where it ended.
	my $to = $client->value('SELECT pg_current_wal_insert_lsn()');
	$observer->value('CHECKPOINT');
	my @ends = commit_ends($from, $to);
	is(bytes(lsn_of($token)),
		$ends[-1], "$what: it is the end of the last commit record");
	is(bytes($client->value('SELECT replwatch_commit_lsn()')),
		bytes(lsn_of($token)), "$what: the LSN alone is the same");

	return if !defined $seen;
	is($reader->value("SELECT replwatch_wait_for_token('$token')"),
		't', "$what: the wait for it succeeds");
	is($reader->value("SELECT ($seen)::boolean"),
		't', "$what: what was committed is seen after it");
	return;
}

# Nothing committed: the token stays.  Not more than one command a query in
# those that can't be in a transaction block.
sub leaves_alone
{
	my ($what, @commands) = @_;
	my $before = $client->value('SELECT replwatch_commit_token()');

	$client->query($_) foreach @commands;
	is($client->value('SELECT replwatch_commit_token()'),
		$before, "$what leaves the token alone");
	return;
}


note '1. before the first commit';

is($client->value('SELECT replwatch_commit_token()'), undef, 'no token yet');
is($client->value('SELECT replwatch_commit_lsn()'), undef, 'no LSN yet');
is($client->value('SHOW replwatch.commit_token'),
	'', 'the setting shows no token either');
$client->query('BEGIN; SELECT pg_current_xact_id(); ROLLBACK');
is($client->value('SELECT replwatch_commit_token()'),
	undef, 'a rollback is no commit');


note '2. what commits';

commits('CREATE TABLE', 'CREATE TABLE t (i int, f text)',
	"SELECT to_regclass('t') IS NOT NULL");
commits('an implicit transaction',
	'INSERT INTO t VALUES (1)', 'SELECT count(*) = 1 FROM t');
commits('an explicit transaction',
	'BEGIN; INSERT INTO t VALUES (2); COMMIT',
	'SELECT count(*) = 2 FROM t');
commits(
	'several commands in a query',
	'INSERT INTO t VALUES (3); SELECT 1; INSERT INTO t VALUES (4)',
	'SELECT count(*) = 4 FROM t');
commits(
	'several transactions in a query',
	'BEGIN; INSERT INTO t VALUES (5); COMMIT; BEGIN; INSERT INTO t VALUES (6); COMMIT; SELECT 1',
	'SELECT count(*) = 6 FROM t');
commits(
	'a pipeline of one transaction',
	sub {
		$client->bound('INSERT INTO t VALUES ($1::int)', 7)
		  ->bound('INSERT INTO t VALUES ($1::int)', 8)->bound('SELECT 1')
		  ->sync->answer;
	},
	'SELECT count(*) = 8 FROM t');
commits(
	'a pipeline of two transactions',
	sub {
		$client->bound('INSERT INTO t VALUES ($1::int)', 9)->sync;
		$client->bound('INSERT INTO t VALUES ($1::int)', 10)->sync;
		$client->answer;
		$client->answer;
	},
	'SELECT count(*) = 10 FROM t');
commits(
	'subtransactions',
	'BEGIN; SAVEPOINT a; INSERT INTO t VALUES (11); SAVEPOINT b; INSERT INTO t VALUES (0); ROLLBACK TO b; RELEASE a; COMMIT',
	'SELECT count(*) = 11 FROM t');
commits(
	'a subtransaction that alone wrote',
	"DO \$\$ BEGIN BEGIN INSERT INTO t VALUES (12); EXCEPTION WHEN others THEN NULL; END; END \$\$",
	'SELECT count(*) = 12 FROM t');
commits(
	'synchronous_commit off',
	'BEGIN; SET LOCAL synchronous_commit = off; INSERT INTO t VALUES (13); COMMIT',
	'SELECT count(*) = 13 FROM t');
commits(
	'COMMIT AND CHAIN',
	'BEGIN; INSERT INTO t VALUES (14); COMMIT AND CHAIN; SELECT 1; ROLLBACK',
	'SELECT count(*) = 14 FROM t');
commits(
	'COMMIT PREPARED',
	sub {
		$client->query(
			"BEGIN; INSERT INTO t VALUES (15); PREPARE TRANSACTION 'p1'");
		$client->query("COMMIT PREPARED 'p1'");
	},
	'SELECT count(*) = 15 FROM t');
commits(
	'COMMIT PREPARED in the extended protocol',
	sub {
		$client->query(
			"BEGIN; INSERT INTO t VALUES (16); PREPARE TRANSACTION 'p2'");
		$client->bound("COMMIT PREPARED 'p2'")->sync->answer;
	},
	'SELECT count(*) = 16 FROM t');
$client->query(
	"CREATE PROCEDURE commits() LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO t VALUES (17); COMMIT; INSERT INTO t VALUES (18); COMMIT; PERFORM 1; END \$\$"
);
commits('a procedure that commits', 'CALL commits()',
	'SELECT count(*) = 18 FROM t');
commits(
	'a DO block that commits and goes on writing',
	"DO \$\$ BEGIN INSERT INTO t VALUES (19); COMMIT; INSERT INTO t VALUES (20); END \$\$",
	'SELECT count(*) = 20 FROM t');
commits(
	'COPY',
	sub {
		is($client->query('COPY t FROM STDIN', "21\tx\n22\ty\n")->{state},
			undef, 'COPY succeeds');
	},
	'SELECT count(*) = 22 FROM t');
commits('UPDATE and DELETE', 'UPDATE t SET f = i; DELETE FROM t WHERE i = 22',
	"SELECT count(*) = 21 AND min(f) = '1' FROM t");
commits('DDL', 'ALTER TABLE t ADD COLUMN g int DEFAULT 7',
	'SELECT sum(g) = 147 FROM t');
commits('CREATE TABLE AS', 'CREATE TABLE made AS SELECT * FROM t',
	'SELECT count(*) = 21 FROM made');
commits('CREATE INDEX CONCURRENTLY',
	'CREATE INDEX CONCURRENTLY made_i ON made (i)',
	"SELECT indisvalid FROM pg_index WHERE indexrelid = 'made_i'::regclass");
commits('CREATE DATABASE', 'CREATE DATABASE other',
	"SELECT count(*) = 1 FROM pg_database WHERE datname = 'other'");
commits('DROP DATABASE', 'DROP DATABASE other',
	"SELECT count(*) = 0 FROM pg_database WHERE datname = 'other'");
commits('VACUUM FULL', 'VACUUM FULL made', 'SELECT count(*) = 21 FROM made');
commits('ANALYZE', 'ANALYZE made',
	"SELECT count(*) > 0 FROM pg_statistic WHERE starelid = 'made'::regclass");
commits('NOTIFY', "NOTIFY somebody, 'something'", 'SELECT true');
commits('a large object', 'SELECT lo_create(4711)',
	'SELECT count(*) = 1 FROM pg_largeobject_metadata WHERE oid = 4711');
commits('a logical message of a transaction',
	"SELECT pg_logical_emit_message(true, 'test', 'x')", 'SELECT true');
commits('TRUNCATE', 'TRUNCATE made', 'SELECT count(*) = 0 FROM made');
commits('a sequence', 'CREATE SEQUENCE s',
	"SELECT to_regclass('s') IS NOT NULL");
commits('nextval', "SELECT nextval('s')", 'SELECT last_value >= 1 FROM s');
commits(
	'an unlogged table',
	'CREATE UNLOGGED TABLE u (i int)',
	"SELECT to_regclass('u') IS NOT NULL");
commits('a row of an unlogged table', 'INSERT INTO u VALUES (1)', 'SELECT true');
commits('a temporary table', 'CREATE TEMPORARY TABLE tt (i int)',
	'SELECT true');
commits('a row lock', 'SELECT * FROM t WHERE i = 1 FOR UPDATE',
	'SELECT true');

# Transactions on temporary tables alone write a commit record that nobody
# flushes; when it is flushed, the wait for it comes to an end.
my $from = $client->value('SELECT replwatch_commit_lsn()');
$client->query('INSERT INTO tt VALUES (1)');
isnt($client->value('SELECT replwatch_commit_lsn()'),
	$from, 'a row of a temporary table is a commit too');
is( $reader->value(
		"SELECT replwatch_wait_for_token('"
		  . $client->value('SELECT replwatch_commit_token()') . "')"),
	't',
	'and a standby gets there');

is( $client->value('SHOW replwatch.commit_token'),
	$client->value('SELECT replwatch_commit_token()'),
	'the setting shows the same as the function');
is($client->value("SELECT current_setting('replwatch.commit_token')"),
	$client->value('SELECT replwatch_commit_token()'),
	'so does current_setting');


note '3. what does not';

leaves_alone('SELECT', 'SELECT count(*) FROM t');
leaves_alone('a read-only transaction',
	'BEGIN READ ONLY; SELECT count(*) FROM t; COMMIT');
leaves_alone('ROLLBACK', 'BEGIN; INSERT INTO t VALUES (0); ROLLBACK');
leaves_alone('an error', 'INSERT INTO t SELECT 1/0');
leaves_alone('an error in a block',
	'BEGIN; INSERT INTO t VALUES (0); SELECT 1/0', 'COMMIT');
leaves_alone('PREPARE TRANSACTION',
	"BEGIN; INSERT INTO t VALUES (0); PREPARE TRANSACTION 'p3'");
leaves_alone('ROLLBACK PREPARED', "ROLLBACK PREPARED 'p3'");
leaves_alone('a COMMIT PREPARED that fails', "COMMIT PREPARED 'nobody'");
leaves_alone(
	'what follows a COMMIT PREPARED that fails',
	"COMMIT PREPARED 'nobody'", 'SELECT count(*) FROM t',
	'BEGIN; SELECT 1; COMMIT');
leaves_alone('VACUUM', 'VACUUM t');
leaves_alone('a restore point', "SELECT pg_create_restore_point('here')");
leaves_alone('a logical message',
	"SELECT pg_logical_emit_message(false, 'test', 'x')");

# Waits for what is there, and one for a replica that has it not yet: that one
# asks for a report, which is WAL, before replay goes on and it ends.
my $before = $client->value('SELECT pg_current_wal_insert_lsn()');
foreach my $wait (
	'replwatch_wait_for_replicas()',
	"replwatch_wait_for_lsn('$before')",
	"replwatch_wait_for_token('" . Replwatch::token($primary, 1, $before) . "')")
{
	my $token = $client->value('SELECT replwatch_commit_token()');

	is($client->query("SELECT $wait")->{state}, undef, "$wait succeeds");
	is($client->value('SELECT replwatch_commit_token()'),
		$token, "$wait leaves the token alone");
}
Replwatch::pause_replay($primary, $standby);
my $token = $client->value('SELECT replwatch_commit_token()');
my $target =
  $observer->value("SELECT pg_logical_emit_message(false, 'test', 'x')");
$client->ask("SELECT replwatch_wait_for_replicas('$target', 1)");
Replwatch::wait_until($primary,
	"SELECT pg_current_wal_insert_lsn() > '$target'",
	'the wait has written WAL');
Replwatch::value($standby, 'SELECT pg_wal_replay_resume()');
is($client->answer->{rows}[0][0], 1, 'a wait that wrote WAL succeeds');
is($client->value('SELECT replwatch_commit_token()'),
	$token, 'a wait that wrote WAL leaves the token alone');

# A SELECT that cleans up a page: there has to be something to clean up, and
# that it was is seen by the WAL that it wrote.
$primary->safe_psql('postgres',
	"CREATE TABLE pruned (i int, f text) WITH (fillfactor = 100); INSERT INTO pruned SELECT i, repeat('x', 500) FROM generate_series(1, 14) i; VACUUM FREEZE pruned"
);
$primary->safe_psql('postgres', 'UPDATE pruned SET f = f WHERE i < 3');
$token = $client->value('SELECT replwatch_commit_token()');
$before = $client->value('SELECT pg_current_wal_insert_lsn()');
$client->query('SELECT count(*) FROM pruned');
isnt($client->value('SELECT pg_current_wal_insert_lsn()'),
	$before, 'a SELECT cleans up a page');
is($client->value('SELECT replwatch_commit_token()'),
	$token, 'a SELECT that cleans up a page leaves the token alone');


note '4. the settings are read-only';

foreach my $name ('commit_token', 'version')
{
	foreach my $command (
		"SET replwatch.$name = '$token'",
		"SET LOCAL replwatch.$name = '$token'",
		"RESET replwatch.$name",
		"SELECT set_config('replwatch.$name', '$token', false)",
		"ALTER SYSTEM SET replwatch.$name = '$token'")
	{
		is($client->query($command)->{state},
			'55P02', "refused: $command");
	}
}

# The first one drops the temporary table, and that is a commit.
$client->query('DISCARD ALL');
$token = $client->value('SELECT replwatch_commit_token()');
is($client->query('DISCARD ALL')->{state}, undef, 'DISCARD ALL succeeds');
is($client->value('SELECT replwatch_commit_token()'),
	$token, 'and leaves the token alone');
like($client->value('SHOW replwatch.version'),
	qr/^\d+\.\d+/, 'the version is shown');
is($client->value('SELECT version FROM replwatch_node()'),
	$client->value('SHOW replwatch.version'),
	'and is that of replwatch_node()');


note '5. it is the session\'s own';

is(Session->new($primary)->value('SELECT replwatch_commit_token()'),
	undef, 'another session has none');
is($reader->value('SELECT replwatch_commit_token()'),
	undef, 'a session on a standby has none');


note '6. in parallel workers';

# The functions never run in one; the setting is the leader's alone.
my $force =
  $primary->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
my $shown = "SELECT current_setting('replwatch.commit_token')";
my $leader = Session->new($primary);
$leader->query("SET $force = on");
like($leader->value("EXPLAIN $shown"), qr/^Gather/, 'a worker shows it');
$leader->query("CREATE TABLE of_leader ()");
is($leader->value($shown), '', 'a worker has no token');
is( $leader->value('SHOW replwatch.commit_token'),
	$leader->value('SELECT replwatch_commit_token()'),
	'the leader still has its own');

done_testing();
