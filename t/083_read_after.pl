# Copyright (c) 2026, the replwatch authors

# SET replwatch.read_after waits before it sets, and takes no snapshot: it
# serves REPEATABLE READ and clients that must share a transaction with the
# read.  Its value promises something only where the wait was really done, so
# all the other ways to a setting are refused, as is a SET that failed.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A session that is not woken looks for itself after a minute, or after ten
# seconds where it has statistics to report.  Where a test does not say how long to
# wait nothing but that ends a wait.
my $primary = Replwatch::primary(
	'primary',
	'replwatch.wait_recheck = 1min',
	'replwatch.wait_timeout = 1h');
my $standby = Replwatch::standby($primary, 'replica1');
my $writer = Session->new($primary);
my $reader = Session->new($standby, track_counts => 'off');

# The SQLSTATE of a command's error, '' if there is none.
sub state_of
{
	my ($client, $sql) = @_;
	my $answer = $client->query($sql);

	return $answer->{state} // '';
}

# A command is refused with 55000 and a hint.
sub is_refused
{
	my ($client, $sql, $what) = @_;
	my $error = $client->query($sql);

	is($error->{state}, '55000', "$what is refused");
	isnt($error->{hint} // '', '', "$what: a hint says what to do");
	return $error;
}

# Insert a row and return the commit's token.
my $row = 0;

sub write_row
{
	$row++;
	$writer->value("INSERT INTO t VALUES ($row) RETURNING i");
	return $writer->value('SELECT replwatch_commit_token()');
}

sub pause
{
	Replwatch::pause_replay($primary, $standby);
	return;
}

sub resume
{
	Replwatch::value($standby, 'SELECT pg_wal_replay_resume()');
	return;
}

# Wait until the client waits in the server.
sub is_waiting
{
	my ($client) = @_;

	Replwatch::wait_until(
		$standby,
		"SELECT count(*) = 1 FROM replwatch_waiters() WHERE kind = 'read_after' AND pid = "
		  . $client->pid,
		'it waits');
	return;
}

$writer->query('CREATE TABLE t (i int)');
Replwatch::wait_replayed($primary, $standby);


note '1. SET and SET LOCAL';

my $token = write_row();
is(state_of($reader, "SET replwatch.read_after = '$token'"),
	'', 'SET of a token succeeds');
is($reader->value('SELECT max(i) FROM t'), $row, 'the row is there');
is($reader->value('SHOW replwatch.read_after'),
	$token, 'the value is remembered');
my $lsn = (split /:/, write_row())[-1];
is(state_of($reader, "SET replwatch.read_after TO '$lsn'"),
	'', 'SET of an LSN succeeds');
is($reader->value('SELECT max(i) FROM t'), $row, 'the row is there');

$token = write_row();
is( state_of($reader, "BEGIN; SET LOCAL replwatch.read_after = '$token'"),
	'', 'SET LOCAL succeeds');
is($reader->value('SELECT max(i) FROM t'), $row, 'the row is there');
is($reader->value('SHOW replwatch.read_after'),
	$token, 'the value is remembered');
$reader->query('COMMIT');
is($reader->value('SHOW replwatch.read_after'),
	$lsn, 'and forgotten with the transaction');
my $error =
  $reader->query("SET LOCAL replwatch.read_after = '$token'");
is($error->{state}, '25P01', 'SET LOCAL outside a block is an error');

$token = write_row();
my $answer = $reader->query(
	"BEGIN; SET LOCAL replwatch.read_after = '$token'; SELECT max(i) FROM t; COMMIT"
);
is($answer->{rows}[0][0], $row, 'all in one query');
$token = write_row();
$reader->bound('BEGIN')
  ->bound("SET LOCAL replwatch.read_after = '$token'")
  ->bound('SELECT max(i) FROM t')->bound('COMMIT')->sync;
is($reader->answer->{rows}[0][0], $row, 'all in one pipeline');
$token = write_row();
$reader->bound("SET replwatch.read_after = '$token'")
  ->bound('SELECT max(i) FROM t')->sync;
is($reader->answer->{rows}[0][0],
	$row, 'a pipeline without a block');
$token = write_row();
is(state_of($reader, "SET SESSION \"Replwatch.Read_After\" = '$token'"),
	'', 'the name in other letters is the same setting');
is($reader->value('SHOW replwatch.read_after'), $token, 'the value is kept');


note '2. it waits, and holds nothing while it does';

pause();
$token = write_row();
$reader->ask("SET replwatch.read_after = '$token'");
is_waiting($reader);
is( $standby->safe_psql(
		'postgres',
		'SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE pid = '
		  . $reader->pid),
	't',
	'no snapshot is held');
resume();
is($reader->answer->{state}, undef, 'the wait ends');
is($reader->value('SELECT max(i) FROM t'), $row, 'with the row there');

pause();
$token = write_row();
$reader->ask("SET replwatch.read_after = '$token'");
is_waiting($reader);
$standby->safe_psql('postgres',
	'SELECT pg_cancel_backend(' . $reader->pid . ')');
is($reader->answer->{state}, '57014', 'the wait can be cancelled');
$reader->query("SET statement_timeout = '200 ms'");
is(state_of($reader, "SET replwatch.read_after = '$token'"),
	'57014', 'statement_timeout ends it');
$reader->query('RESET statement_timeout');
is( $standby->safe_psql(
		'postgres', 'SELECT count(*) FROM replwatch_waiters()'),
	0,
	'nobody is left waiting');


note '3. not in time';

$reader->query("SET replwatch.wait_timeout = '300 ms'");
my $kept = $reader->value('SHOW replwatch.read_after');
my ($timeouts, $seconds) = Replwatch::waited($standby);
$error = $reader->query("SET replwatch.read_after = '$token'");
is($error->{state}, 'RW002', 'a wait that takes too long is an error');
my ($timeouts_then, $seconds_then) = Replwatch::waited($standby);
is($timeouts_then - $timeouts, 1, 'it is counted as a time-out');
my $took = $seconds_then - $seconds;
ok($took >= 0.3 && $took < 60, 'after wait_timeout')
  or diag("took $took");
like(
	$error->{message},
	qr/^LSN [0-9A-F]+\/[0-9A-F]+ has not been replayed within 300 ms$/,
	'the message says how long');
like($error->{detail}, qr/\b[1-9]\d* bytes\b/, 'the detail says what is missing');
is($reader->value('SHOW replwatch.read_after'),
	$kept, 'the old value is kept');

$reader->query('SET replwatch.wait_timeout = 0');
is(state_of($reader, "SET replwatch.read_after = '$token'"),
	'RW002', 'wait_timeout 0 checks once');
is(state_of($reader, "SET replwatch.read_after = '$kept'"),
	'', 'a replayed LSN passes the check');
$reader->query("BEGIN; SET LOCAL replwatch.wait_timeout = '100 ms'");
is(state_of($reader, "SET LOCAL replwatch.read_after = '$token'"),
	'RW002', 'in a block it is an error as well');
is(state_of($reader, 'SELECT 1'), '25P02', 'the error aborts the block');
$reader->query('ROLLBACK');

$reader->query('BEGIN; SAVEPOINT a');
is(state_of($reader, "SET LOCAL replwatch.read_after = '$token'"),
	'RW002', 'it fails within a savepoint');
is(state_of($reader, 'ROLLBACK TO a'), '', 'the savepoint can be rolled back to');
is($reader->value('SHOW replwatch.read_after'),
	$kept, 'the old value is kept');
$reader->query('SET LOCAL replwatch.wait_timeout = -1');
$reader->ask("SET LOCAL replwatch.read_after = '$token'");
is_waiting($reader);
is( $standby->safe_psql(
		'postgres', 'SELECT deadline IS NULL FROM replwatch_waiters()'),
	't',
	'with wait_timeout -1 there is no deadline');
resume();
is($reader->answer->{state}, undef, 'the wait succeeds');
is($reader->value('SELECT max(i) FROM t'), $row, 'until the row is there');
$reader->query('COMMIT; RESET replwatch.wait_timeout');


note '4. REPEATABLE READ';

$token = write_row();
is( state_of(
		$reader,
		"BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL replwatch.read_after = '$token'"
	),
	'',
	'as the first command of REPEATABLE READ');
is($reader->value('SELECT max(i) FROM t'), $row, 'the row is there');
$token = write_row();
$error = is_refused(
	$reader,
	"SET LOCAL replwatch.read_after = '$token'",
	'after the first query of REPEATABLE READ it');
like($error->{message}, qr/REPEATABLE READ/, 'the message says why');
$reader->query('ROLLBACK');
is( state_of(
		$reader,
		"SET default_transaction_isolation = 'repeatable read'; SET replwatch.read_after = '$token'"
	),
	'',
	'where REPEATABLE READ is the default');
is($reader->value('SELECT max(i) FROM t'), $row, 'the row is there');

# SERIALIZABLE there is on the primary only, which has what it has written.
{
	my $serial = Session->new($primary,
		default_transaction_isolation => 'serializable');

	is( state_of(
			$serial,
			"BEGIN; SET LOCAL replwatch.read_after = '$token'; SELECT max(i) FROM t; COMMIT"
		),
		'',
		'as the first command of SERIALIZABLE');
	is(state_of($serial, "SET replwatch.read_after = '$token'"),
		'', 'where SERIALIZABLE is the default');
}
$token = write_row();
is( state_of(
		$reader,
		"BEGIN; SET LOCAL replwatch.read_after = '$token'; SAVEPOINT a; SET LOCAL replwatch.read_after = '$token'"
	),
	'',
	'twice, within a savepoint, too');
is($reader->value('SELECT max(i) FROM t'), $row, 'the row is there');
$reader->query('ROLLBACK; RESET default_transaction_isolation');


note '5. with locks or snapshots held';

$token = write_row();
foreach my $case (
	[ 'after a query', 'BEGIN; SELECT count(*) FROM t' ],
	[ 'with a lock', 'BEGIN; LOCK t IN ACCESS SHARE MODE' ],
	[
		'with an open cursor',
		'BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 10); FETCH c'
	],
	[ 'with an advisory lock', 'BEGIN; SELECT pg_advisory_xact_lock(1)' ])
{
	my ($what, $sql) = @{$case};

	is(state_of($reader, $sql), '', "$what: nothing is wrong before");
	is_refused($reader, "SET LOCAL replwatch.read_after = '$token'",
		"$what it");
	$reader->query('ROLLBACK');
}


note '6. the other ways to a setting';

my $role = $reader->value('SELECT current_user');
foreach my $client ($reader, $writer)
{
	is_refused($client,
		"SELECT set_config('replwatch.read_after', '$token', false)",
		'set_config');
	is_refused($client,
		"DO \$\$ BEGIN SET replwatch.read_after = '$token'; END \$\$", 'DO');
	is_refused(
		$client,
		"DO \$\$ BEGIN EXECUTE \$e\$SET replwatch.read_after = '$token'\$e\$; END \$\$",
		'EXECUTE in DO');
}
is_refused(
	$writer,
	"CREATE FUNCTION f() RETURNS int LANGUAGE sql SET replwatch.read_after = '$token' AS 'SELECT 1'",
	"a function's SET");
is_refused($writer, "ALTER ROLE $role SET replwatch.read_after = '$token'",
	'ALTER ROLE');
is_refused($writer,
	"ALTER DATABASE postgres SET replwatch.read_after = '$token'",
	'ALTER DATABASE');
is_refused($writer, "ALTER SYSTEM SET replwatch.read_after = '$token'",
	'ALTER SYSTEM');
$writer->query(
	"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'");
is_refused($writer,
	"SET replwatch.read_after = '$token'; ALTER FUNCTION f() SET replwatch.read_after FROM CURRENT",
	"a function's SET FROM CURRENT");
foreach my $node ($primary, $standby)
{
	my $name = $node->name;

	eval { Session->new($node, 'replwatch.read_after' => $token) };
	like($@, qr/connection refused: .*read_after/,
		"in the startup message it is refused on the $name");
	eval {
		Session->new($node, options => "-c replwatch.read_after=$token");
	};
	like($@, qr/connection refused: .*read_after/,
		"in PGOPTIONS it is refused on the $name");
	is(Session->new($node)->value('SHOW replwatch.read_after'),
		'', "nothing is left of it on the $name");
}

# A file on disk does not keep the server from going on.
my $offset = -s $standby->logfile;
$standby->append_conf('postgresql.conf',
	"replwatch.read_after = '$token'\n");
$standby->reload;
$standby->wait_for_log(qr/HINT: .*SET replwatch\.read_after/, $offset);
is(Session->new($standby)->value('SHOW replwatch.read_after'),
	'', 'in postgresql.conf it has no effect');
$standby->adjust_conf('postgresql.conf', 'replwatch.read_after', undef, 1);
$standby->reload;


note '7. to nothing';

$reader->query("SET replwatch.read_after = '$token'");
foreach my $client ($reader, $writer)
{
	foreach my $command (
		"SET replwatch.read_after = ''",
		'SET replwatch.read_after TO DEFAULT',
		'RESET replwatch.read_after',
		'RESET ALL',
		'DISCARD ALL',
		"SELECT set_config('replwatch.read_after', '', false)")
	{
		is(state_of($client, $command), '', "$command waits for nothing");
		is($client->value('SHOW replwatch.read_after'),
			'', "$command: the value is empty");
	}
}

# In REPEATABLE READ after a query, too.
is( state_of(
		$reader,
		"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t; SET LOCAL replwatch.read_after = ''; COMMIT"
	),
	'',
	'the empty value is allowed where a wait is not');

# A transaction that rolls back gives the old value back without a wait.
pause();
my $old = $token;
$token = write_row();
$reader->query("SET replwatch.read_after = '$old'");
$reader->query("BEGIN; SET replwatch.read_after = ''; ROLLBACK");
is($reader->value('SHOW replwatch.read_after'),
	$old, 'a rollback brings the old value back');
resume();


note '8. a parallel query after it';

my $force =
  $standby->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
$token = write_row();
$reader->query("SET $force = on");
is(state_of($reader, "SET replwatch.read_after = '$token'"), '', 'SET');
is($reader->value('SELECT count(*) FROM t'),
	$row, 'parallel workers take the setting over');
$reader->query("RESET $force");


note '9. bad values and lost commits';

foreach my $bad (
	'garbage', '1', '1:0/1', "$token ", " $token", "${token}x",
	Replwatch::token($primary, 0, '0/1'),
	'x' x 10_000_000)
{
	$error = $reader->query("SET replwatch.read_after = '$bad'");
	is($error->{state}, '22P02', 'refused: ' . substr($bad, 0, 20));
	cmp_ok(length $error->{message}, '<', 200, 'the value is not shown in full');
}

# Nor is it cut in the middle of a character, which can't be told to a client.
$reader->query('SET client_encoding = LATIN1');
foreach my $bad ("\xe4" x 100, 'x' . "\xe4" x 100)
{
	$error = $reader->query("SET replwatch.read_after = '$bad'");
	is($error->{state}, '22P02', 'refused: letters of two bytes');
	like($error->{message}, qr/\xe4"$/, 'no letter is cut in two');
}
$reader->query('RESET client_encoding');
is($reader->value('SHOW replwatch.read_after'),
	$token, 'the old value is kept');
is(state_of($reader, 'SET replwatch.read_after = a, b'),
	'22023', 'a list is refused');

my $past_end = 'FFFFFFFF/FFFFFFFF';
is(state_of($writer, "SET replwatch.read_after = '$token'"),
	'', 'on a primary a written LSN is there');
foreach my $value ($past_end, map { Replwatch::token($primary, @$_) }
	[ 1, $past_end ], [ 2, '0/1' ])
{
	$error = $writer->query("SET replwatch.read_after = '$value'");
	is($error->{state}, '55000', "on a primary $value is not");
	like($error->{message}, qr/^LSN .* has not been written on this server/,
		'with the message');
}

# Promoted, while one waits for what never comes.
my $waiter = Session->new($standby, track_counts => 'off');
my $token_past_end = Replwatch::token($primary, 1, $past_end);
$waiter->ask("SET replwatch.read_after = '$token_past_end'");
is_waiting($waiter);
$standby->promote;
is($waiter->answer->{state},
	'RW001', 'a lost commit is reported');
is( Replwatch::value(
		$standby,
		"SELECT max_time < '55 s' FROM replwatch_wait_stats()"),
	't',
	'no wait lasted until the session looked for itself: each was woken');
is($waiter->value('SHOW replwatch.read_after'),
	'', 'the value is not set');
is(state_of($reader, "SET replwatch.read_after = '$token_past_end'"),
	'RW001', 'a later attempt fails as well');
is(state_of($reader, "SET replwatch.read_after = '$token'"),
	'', 'a commit that was kept is there');

# Nor does a file keep it from starting.
$standby->append_conf('postgresql.conf',
	"replwatch.read_after = '$token'\n");
$offset = -s $standby->logfile;
$standby->restart;
is(Session->new($standby)->value('SHOW replwatch.read_after'),
	'', 'a server starts with the setting in postgresql.conf');
like(
	slurp_file($standby->logfile, $offset),
	qr/HINT: .*SET replwatch\.read_after/,
	'and says what to do instead');

done_testing();
