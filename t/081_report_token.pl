# Copyright (c) 2026, the replwatch authors
# matrix: every major

# What reaches a client that asked for its commit tokens: a ParameterStatus
# message for each commit, no later than the ReadyForQuery that follows, with
# the right value; and none when nothing was committed.  Then a client that
# does not read: the server process that sends to it stands still, but after
# its commit, without locks, and it can be terminated.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $setting = 'replwatch.commit_token';
my $primary = Replwatch::primary(
	'primary',
	'max_prepared_transactions = 5',
	'max_connections = 30');
my $client = Session->new($primary, 'replwatch.report_commit_token' => 'on');

# The tokens that an answer reported, in order.
sub tokens
{
	my ($answer) = @_;

	return map { /^\Q$setting\E=(.*)/ } @{ $answer->{reported} };
}

# This answer told of a commit once, just before ReadyForQuery, and the value
# is the session's token.  With $types, the answer's messages are these.
sub reports
{
	my ($what, $answer, $types) = @_;
	my @tokens = tokens($answer);

	is($answer->{types}, $types, "$what: the messages")
	  if defined $types;
	like($answer->{types}, qr/SZ$/,
		"$what: it is told just before ReadyForQuery");
	is(scalar @tokens, 1, "$what: it is told once");
	is($tokens[0],
		$client->value('SELECT replwatch_commit_token()'),
		"$what: it is told right");
	return;
}

# This answer did not tell of a commit.
sub is_silent
{
	my ($what, $answer) = @_;

	is_deeply([ tokens($answer) ], [], "$what: nothing is told");
	return;
}


note '1. at connection';

like($client->parameter('replwatch.version'),
	qr/^\d+\.\d+/, 'the version is reported at connection');
is($client->parameter('replwatch.version'),
	$client->value('SHOW replwatch.version'),
	'it is that which the setting shows');
is($client->parameter($setting), undef,
	'no token is reported before there is one');


note '2. commits';

$client->query('CREATE TABLE t (i int)');
reports('INSERT', $client->query('INSERT INTO t VALUES (1)'), 'CSZ');
my $first = $client->parameter($setting);
reports('another INSERT', $client->query('INSERT INTO t VALUES (2)'),
	'CSZ');
isnt($client->parameter($setting), $first, 'each commit has its own token');
reports('several commands',
	$client->query('INSERT INTO t VALUES (3); SELECT 1'), 'CTDCSZ');
reports(
	'a block in one query',
	$client->query('BEGIN; INSERT INTO t VALUES (4); COMMIT; SELECT 1'),
	'CCCTDCSZ');
is_silent('BEGIN', $client->query('BEGIN'));
is_silent('within a block', $client->query('INSERT INTO t VALUES (5)'));
reports('COMMIT', $client->query('COMMIT'), 'CSZ');
reports(
	'COMMIT AND CHAIN',
	$client->query('BEGIN; INSERT INTO t VALUES (6); COMMIT AND CHAIN'));
is_silent('the end of the chain', $client->query('COMMIT'));
reports(
	'an error after a commit',
	$client->query('BEGIN; INSERT INTO t VALUES (7); COMMIT; SELECT 1/0'));
reports('COPY', $client->query('COPY t FROM STDIN', "8\n9\n"), 'GCSZ');
$client->query(
	'CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (10); COMMIT; INSERT INTO t VALUES (11); COMMIT; END $$'
);
reports('a procedure that commits', $client->query('CALL commits()'));
$client->query(
	"BEGIN; INSERT INTO t VALUES (12); PREPARE TRANSACTION 'p1'");
reports('COMMIT PREPARED', $client->query("COMMIT PREPARED 'p1'"), 'CSZ');

$client->bound('INSERT INTO t VALUES ($1::int)', 13)
  ->bound('INSERT INTO t VALUES ($1::int)', 14)->sync;
reports('a pipeline', $client->answer, '12C12CSZ');

$client->bound('INSERT INTO t VALUES ($1::int)', 15)->sync;
$client->bound('SELECT 1')->sync;
$client->bound('INSERT INTO t VALUES ($1::int)', 16)->sync;
my @answers = map { $client->answer } 1 .. 3;
is($answers[0]{types}, '12CSZ', 'the first Sync of three reports its commit');
is($answers[1]{types}, '12DCZ', 'the second, which only read, reports nothing');
reports('the third Sync', $answers[2], '12CSZ');
isnt((tokens($answers[0]))[0],
	(tokens($answers[2]))[0], 'the tokens of the pipeline differ');

SKIP:
{
	my $force =
	  $primary->pg_version >= 16
	  ? 'debug_parallel_query'
	  : 'force_parallel_mode';

	$client->query("SET $force = on");
	is_silent('a parallel query', $client->query('SELECT count(*) FROM t'));
	reports('a parallel CREATE TABLE AS',
		$client->query('CREATE TABLE made AS SELECT count(*) FROM t'),
		'CSZ');
	$client->query("RESET $force");
}


note '3. no commits';

is_silent('SELECT', $client->query('SELECT count(*) FROM t'));
is_silent('ROLLBACK',
	$client->query('BEGIN; INSERT INTO t VALUES (0); ROLLBACK'));
is_silent('an error', $client->query('INSERT INTO t SELECT 1/0'));
is_silent('VACUUM', $client->query('VACUUM t'));
is_silent(
	'PREPARE TRANSACTION',
	$client->query(
		"BEGIN; INSERT INTO t VALUES (0); PREPARE TRANSACTION 'p2'"));
is_silent('ROLLBACK PREPARED', $client->query("ROLLBACK PREPARED 'p2'"));
is_silent('an empty query', $client->query(''));


note '4. on and off';

is_silent('switched off',
	$client->query(
		'SET replwatch.report_commit_token = off; INSERT INTO t VALUES (17)'));
is_silent('off', $client->query('INSERT INTO t VALUES (18)'));
is_silent('switching it on reports no earlier commit',
	$client->query('SET replwatch.report_commit_token = on'));
reports('on again', $client->query('INSERT INTO t VALUES (19)'), 'CSZ');
$client->query('SET replwatch.report_commit_token = off');
reports(
	'SET LOCAL',
	$client->query(
		'BEGIN; SET LOCAL replwatch.report_commit_token = on; INSERT INTO t VALUES (20); COMMIT'
	));
is_silent('after SET LOCAL', $client->query('INSERT INTO t VALUES (21)'));

my $role = $client->value('SELECT current_user');
$client->query(
	'CREATE ROLE reporting LOGIN; ALTER ROLE reporting SET replwatch.report_commit_token = on; GRANT INSERT ON t TO reporting'
);
my $reporting = Session->new($primary, user => 'reporting');
is(scalar tokens($reporting->query('INSERT INTO t VALUES (22)')),
	1, 'ALTER ROLE ... SET switches it on');
is($client->value('SELECT count(*) FROM t'),
	22, 'everything was committed that was to be');

# SQL on a connection that could also be told to replicate.
{
	my $walsender = Session->new(
		$primary,
		replication => 'database',
		'replwatch.report_commit_token' => 'on');
	my $answer = $walsender->query('INSERT INTO t VALUES (23)');

	is($answer->{types}, 'CSZ', 'a replication connection: the token is reported');
	is( (tokens($answer))[0],
		$walsender->value('SELECT replwatch_commit_token()'),
		'a replication connection: the token is right');
	is_silent('a replication connection: a replication command',
		$walsender->query('IDENTIFY_SYSTEM'));
}


note '5. a client that does not read';

# The answer to each INSERT is just under the 8 kB of the server's send buffer
# when its transaction commits, which is therefore flushed with the first
# message that follows.  The answer to the SELECT before it fills the socket's
# buffer, so that it is there that the server process comes to stand.  How far
# the buffer is filled, and with what, differs from client to client.  A
# RowDescription of one column f is 27 bytes, a DataRow with it 11 and its value.
$primary->safe_psql('postgres', 'CREATE TABLE stuck (i serial, f int)');
my @stuck;
foreach my $number (0 .. 11)
{
	my $stuck = Session->new($primary, 'replwatch.report_commit_token' => 'on');
	my $rest = (0, 10, 25, 35)[ $number % 4 ];
	my $length = 8192 - 27 - 11 - $rest;
	my $ahead = 1 + 2500 * int($number / 4);

	$stuck->ask(
		"SELECT repeat('x', $ahead) AS f",
		(   "SELECT repeat('x', 8100) AS f",
			"INSERT INTO stuck (f) VALUES ($rest) RETURNING repeat('x', $length) AS f"
		) x 200);
	push @stuck, $stuck;
}
my $pids = join(',', map { $_->pid } @stuck);
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = " . @stuck
	  . " FROM pg_stat_activity WHERE pid IN ($pids) AND wait_event = 'ClientWrite'",
	'they all wait for their clients');

is( $primary->safe_psql('postgres',
		"SELECT count(*) FROM pg_locks WHERE pid IN ($pids)"),
	0,
	'while they do they hold no lock');
is( $primary->safe_psql(
		'postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE pid IN ($pids) AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL)"
	),
	0,
	'nor a transaction or snapshot');
is( $primary->safe_psql('postgres', 'SELECT max(i) - count(*) FROM stuck'),
	0, 'each row that was inserted is committed');
my ($rc) = $primary->psql('postgres',
	"SET lock_timeout = '1s'; BEGIN; LOCK stuck; ROLLBACK");
is($rc, 0, 'others get the lock that they had');

my $committed =
  $primary->safe_psql('postgres', 'SELECT count(*) FROM stuck');
is( $primary->safe_psql(
		'postgres',
		"SELECT bool_and(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid IN ($pids)"
	),
	't',
	'they are terminated');
Replwatch::wait_until($primary,
	"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN ($pids)",
	'they are gone');
is($primary->safe_psql('postgres', 'SELECT count(*) FROM stuck'),
	$committed, 'what they committed is there');

# A client that is gone instead, before its command commits.
my $gone = Session->new($primary, 'replwatch.report_commit_token' => 'on');
my $pid = $gone->pid;
$client->query('BEGIN; LOCK stuck');
$gone->ask('INSERT INTO stuck (f) VALUES (-1)');
Replwatch::wait_until(
	$primary,
	"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid",
	'it waits for the lock');
$gone->vanish;
$client->query('COMMIT');
Replwatch::wait_until($primary,
	"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid",
	'its server process is gone');
is( $primary->safe_psql(
		'postgres', 'SELECT count(*) FROM stuck WHERE f = -1'),
	1,
	'a commit whose client is gone is a commit');
unlike(slurp_file($primary->logfile),
	qr/PANIC|TRAP/, 'the server never panicked');

done_testing();
