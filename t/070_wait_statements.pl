# Copyright (c) 2026, the replwatch authors
# matrix: every major

# In which statements a wait is possible.  A wait gives up the snapshot of its
# statement, so it has to be all that the statement does: each form in which
# that is so waits, each other form is refused with a hint, whether or not the
# LSN is there and on a primary as on a standby, so that an application finds
# out at the first try.  And what the arguments may be.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# auto_explain measures every statement, which must be no reason to refuse.
my $primary = Replwatch::primary(
	'primary',
	"shared_preload_libraries = 'auto_explain, replwatch'",
	'auto_explain.log_min_duration = 1h',
	'auto_explain.log_analyze = on',
	'auto_explain.log_nested_statements = on');

my %lsn = (reached => '0/1', unreached => 'FFFFFFFF/FFFFFFFF');

# What the function for $name, an LSN or a token, is given to wait for.
sub target
{
	my ($name, $which) = @_;

	return $lsn{$which} if $name eq 'lsn';
	return Replwatch::token($primary, 1, $lsn{$which});
}

foreach my $kind ([ 'lsn', 'pg_lsn' ], [ 'token', 'text' ])
{
	my ($name, $type) = @$kind;
	my ($reached, $unreached) =
	  map { target($name, $_) } 'reached', 'unreached';

	$primary->safe_psql(
		'postgres', qq[
CREATE FUNCTION pl_$name(target $type, timeout interval) RETURNS boolean LANGUAGE plpgsql AS
\$\$ BEGIN RETURN replwatch_wait_for_$name(target, timeout); END \$\$;
CREATE FUNCTION perform_$name(target $type, timeout interval) RETURNS boolean LANGUAGE plpgsql AS
\$\$ BEGIN PERFORM replwatch_wait_for_$name(target, timeout); RETURN true; END \$\$;
CREATE FUNCTION execute_$name(target $type, timeout interval) RETURNS boolean LANGUAGE plpgsql AS
\$\$ DECLARE r boolean; BEGIN EXECUTE format('SELECT replwatch_wait_for_$name(%L, %L)', target, timeout) INTO r; RETURN r; END \$\$;
CREATE FUNCTION sql_$name(target $type, timeout interval) RETURNS boolean LANGUAGE sql AS
\$\$ SELECT 1; SELECT replwatch_wait_for_$name(target, timeout) \$\$;
CREATE FUNCTION inlined_$name(target $type, timeout interval) RETURNS boolean LANGUAGE sql AS
\$\$ SELECT replwatch_wait_for_$name(target, timeout) \$\$;
CREATE FUNCTION definer_$name(target $type, timeout interval) RETURNS boolean LANGUAGE sql SECURITY DEFINER AS
\$\$ SELECT replwatch_wait_for_$name(target, timeout) \$\$;
CREATE PROCEDURE procedure_$name(target $type, timeout interval) LANGUAGE plpgsql AS
\$\$ BEGIN PERFORM replwatch_wait_for_$name(target, timeout); END \$\$;
CREATE VIEW reached_$name AS SELECT replwatch_wait_for_$name('$reached', '10 ms');
CREATE VIEW unreached_$name AS SELECT replwatch_wait_for_$name('$unreached', '10 ms');
CREATE VIEW looks_$name AS SELECT replwatch_wait_for_$name('$reached', '0');
]);
}
$primary->safe_psql('postgres', 'CREATE TABLE one AS SELECT 1 AS i; VACUUM FREEZE one');
$primary->safe_psql('postgres', q[
CREATE DOMAIN some_lsn AS pg_lsn CHECK (VALUE > '0/0');
CREATE DOMAIN some_token AS text CHECK (VALUE ~ ':');
CREATE DOMAIN some_time AS interval CHECK (VALUE > '0')]);
my $standby = Replwatch::standby($primary, 'replica1');
Replwatch::wait_replayed($primary, $standby);

my %node = (standby => $standby, primary => $primary);

# A statement for one of the two functions.  In it CALL is the call, NAME what
# the helpers above end in, ARGS the arguments, VIEW the view's beginning.
sub statement
{
	my ($template, $name, $which, $timeout) = @_;
	my $target = target($name, $which eq 'unreached' ? $which : 'reached');
	my $args = "'$target', '$timeout'";
	my $view = $timeout eq '0' ? 'looks' : $which;

	$template =~ s/CALL/replwatch_wait_for_$name($args)/g;
	$template =~ s/ARGS/$args/g;
	$template =~ s/VIEW/$view/g;
	$template =~ s/NAME/$name/g;
	return $template;
}

# Send the statements of a case, of which only the last may fail, in a session
# of its own and return what came back for that.
sub outcome
{
	my ($node, @statements) = @_;
	my $client = Session->new($node);
	my $last = pop @statements;

	foreach my $statement (@statements)
	{
		my $answer = $client->query($statement);
		die "$statement: $answer->{message}" if $answer->{message};
	}
	return $client->query($last);
}

# Refused because it can't wait here, and with a hint?
sub is_refused
{
	my ($answer, $what) = @_;
	my $fits =
		 ($answer->{state} // '') eq '55000'
	  && $answer->{message} =~ /cannot wait/
	  && ($answer->{hint} // '') =~ /^[A-Z].*\.$/;

	ok($fits, "$what is refused with a hint") or diag(explain($answer));
	return;
}


note '1. forms that wait';

my @waits = (
	[ 'a call', 'SELECT CALL' ],
	[ 'a call in FROM', 'SELECT * FROM CALL' ],
	[ 'an alias', 'SELECT CALL AS caught_up' ],
	[ 'an alias in FROM', 'SELECT * FROM CALL AS caught(up)' ],
	[ 'LIMIT', 'SELECT CALL LIMIT 1' ],
	[ 'LIMIT of a call in FROM', 'SELECT * FROM CALL LIMIT 1' ],
	[ 'parentheses', '(SELECT (CALL))' ],
	[ 'a sub-select in FROM', 'SELECT * FROM (SELECT CALL) s' ],
	[ 'LATERAL', 'SELECT * FROM LATERAL CALL' ],
	[ 'ROWS FROM one', 'SELECT * FROM ROWS FROM (CALL) AS r(a)' ],
	[ 'a condition that is always met', 'SELECT CALL WHERE true' ],
	[ 'another schema in the way', 'SET search_path = pg_temp', 'SELECT public.CALL' ],
	[ 'an SQL function that the planner puts it in the place of', 'SELECT inlined_NAME(ARGS)' ],
	[ 'SET LOCAL and SHOW before it', 'BEGIN', 'SET LOCAL work_mem = 1024', 'SHOW work_mem', 'SELECT CALL' ],
	[ 'an advisory lock that was given back', 'SELECT pg_advisory_lock(7)', 'SELECT pg_advisory_unlock(7)', 'SELECT CALL' ],
	[ 'a block', 'BEGIN', 'SELECT CALL' ],
	[ 'a READ ONLY block', 'BEGIN READ ONLY', 'SELECT CALL' ],
	[ 'after a statement that reads no table', 'BEGIN', 'SELECT 1', 'SELECT CALL' ],
	[ 'a savepoint', 'BEGIN', 'SAVEPOINT s', 'SELECT CALL' ],
	[
		'a savepoint rolled back, and the locks taken in it',
		'BEGIN', 'SAVEPOINT s', 'SELECT i FROM one', 'ROLLBACK TO s',
		'SELECT CALL'
	],
	[ 'after a transaction that read a table', 'SELECT i FROM one', 'SELECT CALL' ],
	[ 'a block in one message', 'BEGIN; SELECT CALL; COMMIT' ],
	[ 'the first statement of a message', 'SELECT CALL; SELECT FROM one WHERE false' ],
	[
		'an open cursor WITH HOLD that needs no snapshot any more',
		'BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT i FROM one', 'COMMIT',
		'SELECT CALL'
	],
	[ 'after a cursor was closed', 'BEGIN', 'DECLARE c CURSOR FOR SELECT 1', 'CLOSE c', 'SELECT CALL' ],
	[ 'a server told to use parallel workers', 'SET PARALLEL = on', 'SELECT CALL' ],
	[ 'jit', 'SET jit_above_cost = 0', 'SELECT CALL' ]);

my $parallel =
  $primary->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';

foreach my $name (qw(lsn token))
{
	foreach my $case (@waits)
	{
		my ($what, @templates) = @$case;

		s/PARALLEL/$parallel/ foreach @templates;
		foreach my $try ([ 'reached', 't' ], [ 'unreached', 'f' ])
		{
			my ($which, $expected) = @$try;
			my $answer = outcome($standby,
				map { statement($_, $name, $which, '10 ms') } @templates);

			is(verdict($answer), $expected,
				"wait_for_$name waits: $what, $which");
		}
		is( verdict(
				outcome(
					$primary,
					map { statement($_, $name, 'reached', '10 ms') }
					  @templates)),
			't',
			"wait_for_$name waits on a primary: $what");
	}
}
is( verdict(outcome($standby, statement('SELECT 1; SELECT CALL; SELECT 2', 'lsn', 'unreached', '10 ms'))),
	'1 f 2',
	'in the middle of a message');
is( verdict(outcome($standby, "SELECT replwatch_wait_for_lsn('0/1'::text::pg_lsn, ('10' || ' ms')::interval)")),
	't',
	'what the planner makes a constant is one');


note '2. forms that are refused, and that may look';

my @refused = (
	[ 'PL/pgSQL', 'SELECT pl_NAME(ARGS)' ],
	[ 'PERFORM', 'SELECT perform_NAME(ARGS)' ],
	[ 'EXECUTE in PL/pgSQL', 'SELECT execute_NAME(ARGS)' ],
	[ 'an SQL function', 'SELECT sql_NAME(ARGS)' ],
	[ 'an SQL function with rights of its own', 'SELECT definer_NAME(ARGS)' ],
	[ 'a procedure', 'call procedure_NAME(ARGS)' ],
	[ 'DO', 'DO $$ BEGIN PERFORM CALL; END $$' ],
	[ 'EXECUTE', 'PREPARE p AS SELECT CALL', 'EXECUTE p' ],
	[ 'EXPLAIN ANALYZE', 'EXPLAIN ANALYZE SELECT CALL' ],
	[ 'COPY', 'COPY (SELECT CALL) TO STDOUT' ],
	[ 'a cursor', 'BEGIN', 'DECLARE c CURSOR FOR SELECT CALL', 'FETCH c' ],
	[ 'a cursor WITH HOLD', 'BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT CALL', 'COMMIT' ],
	[ 'a view', 'SELECT * FROM VIEW_NAME' ],
	[ 'a CTE', 'WITH w AS (SELECT CALL) SELECT * FROM w' ],
	[ 'a CTE NOT MATERIALIZED', 'WITH w AS NOT MATERIALIZED (SELECT CALL) SELECT * FROM w' ],
	[ 'a CTE beside it', 'WITH w AS MATERIALIZED (SELECT count(*) FROM one) SELECT CALL FROM w' ],
	[ 'a second column', 'SELECT CALL, 1' ],
	[ 'two calls', 'SELECT CALL, CALL' ],
	[ 'a table', 'SELECT CALL FROM one' ],
	[ 'a join', 'SELECT w FROM CALL w, one' ],
	[ 'WHERE', 'SELECT 1 WHERE CALL' ],
	[ 'a sub-select', 'SELECT (SELECT CALL)' ],
	[ 'UNION ALL', 'SELECT CALL UNION ALL SELECT true' ],
	[ 'an expression', 'SELECT NOT CALL' ],
	[ 'CASE', 'SELECT CASE WHEN CALL THEN 1 END' ],
	[ 'ORDER BY another', 'SELECT CALL ORDER BY random()' ],
	[ 'ORDER BY', 'SELECT CALL ORDER BY 1' ],
	[ 'GROUP BY', 'SELECT CALL GROUP BY 1' ],
	[ 'DISTINCT', 'SELECT DISTINCT CALL' ],
	[ 'an aggregate', 'SELECT count(CALL)' ],
	[ 'a cast of its result', 'SELECT (CALL)::text' ],
	[ 'a row', 'SELECT ROW(CALL)' ],
	[ 'an array', 'SELECT ARRAY[CALL]' ],
	[ 'VALUES', 'VALUES (CALL)' ],
	[ 'a set-returning function', 'SELECT CALL, generate_series(1, 2)' ],
	[ 'LATERAL to another', 'SELECT w FROM (VALUES (1)) v, LATERAL CALL w WHERE random() >= 0' ],
	[ 'LIMIT by a sub-select', 'SELECT CALL LIMIT (SELECT 1)' ],
	[ 'ROWS FROM two', 'SELECT * FROM ROWS FROM (CALL, CALL) AS r(a, b)' ],
	[ 'WITH ORDINALITY', 'SELECT * FROM CALL WITH ORDINALITY' ],
	[ 'a relation lock', 'BEGIN', 'SELECT i FROM one', 'SELECT CALL' ],
	[ 'a relation lock of the same message', 'SELECT FROM one WHERE false; SELECT CALL' ],
	[ 'a relation lock under a savepoint', 'BEGIN', 'SELECT i FROM one', 'SAVEPOINT s', 'SELECT CALL' ],
	[ 'a LOCK', 'BEGIN', 'LOCK one IN ACCESS SHARE MODE', 'SELECT CALL' ],
	[ 'an advisory lock', 'BEGIN', 'SELECT pg_advisory_xact_lock(7)', 'SELECT CALL' ],
	[ 'an advisory lock of the session', 'SELECT pg_advisory_lock(7)', 'SELECT CALL' ],
	[ 'an open cursor', 'BEGIN', 'DECLARE c CURSOR FOR SELECT generate_series(1, 3)', 'SELECT CALL' ],
	[ 'an exported snapshot', 'BEGIN', 'SELECT pg_export_snapshot()', 'SELECT CALL' ]);

foreach my $name (qw(lsn token))
{
	foreach my $case (@refused)
	{
		my ($what, @templates) = @$case;

		foreach my $where (qw(standby primary))
		{
			foreach my $which (qw(reached unreached))
			{
				is_refused(
					outcome(
						$node{$where},
						map { statement($_, $name, $which, '10 ms') }
						  @templates),
					"wait_for_$name in $what, $which, on a $where");
			}
			my $answer = outcome($node{$where},
				map { statement($_, $name, 'reached', '0') } @templates);
			is($answer->{message}, undef,
				"wait_for_$name with timeout 0 only looks: $what, on a $where"
			);
		}
	}
	is_refused(
		outcome($primary, statement('CREATE TABLE made AS SELECT CALL', $name, 'reached', '10 ms')),
		"wait_for_$name in CREATE TABLE AS");
	is_refused(
		outcome($primary, statement('SELECT CALL INTO made', $name, 'reached', '10 ms')),
		"wait_for_$name in SELECT INTO");
	is_refused(
		outcome($primary, statement('INSERT INTO one SELECT CALL::int', $name, 'reached', '10 ms')),
		"wait_for_$name in INSERT");
}

# Who gets it wrong is told what to do, not something else that is true.
foreach my $case (
	[ 'EXECUTE', qr/as a separate statement/, 'PREPARE p AS SELECT CALL', 'EXECUTE p' ],
	[ 'a function', qr/as a separate statement/, 'SELECT pl_NAME(ARGS)' ],
	[ 'an open cursor', qr/Close it first/, 'BEGIN', 'DECLARE c CURSOR FOR SELECT generate_series(1, 3)', 'SELECT CALL' ],
	[ 'a lock', qr/before the transaction reads/, 'BEGIN', 'SELECT i FROM one', 'SELECT CALL' ],
	[ 'REPEATABLE READ', qr/before the transaction begins/, 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT CALL' ])
{
	my ($what, $hint, @templates) = @$case;

	like(outcome($standby, map { statement($_, 'lsn', 'reached', '10 ms') } @templates)->{hint},
		$hint, "the hint fits $what");
}

foreach my $case (
	[ 'a sub-select', '(SELECT max(i)::text::interval FROM one)' ],
	[ 'a function that reads', "current_setting('deadlock_timeout')::interval" ])
{
	my ($what, $argument) = @$case;

	is_refused(outcome($standby, "SELECT replwatch_wait_for_lsn('0/1', $argument)"),
		"an argument that is $what");
}


note '3. isolation levels';

foreach my $name (qw(lsn token))
{
	foreach my $case (
		[ 'standby', 'REPEATABLE READ' ],
		[ 'primary', 'REPEATABLE READ' ],
		[ 'primary', 'SERIALIZABLE' ])
	{
		my ($where, $level) = @$case;

		foreach my $timeout ('10 ms', '0')
		{
			is_refused(
				outcome(
					$node{$where},
					"BEGIN ISOLATION LEVEL $level",
					statement('SELECT CALL', $name, 'reached', $timeout)),
				"wait_for_$name in $level on a $where, timeout $timeout,");
		}
	}
	is_refused(
		outcome(
			$standby,
			"SET default_transaction_isolation = 'repeatable read'",
			statement('SELECT CALL', $name, 'reached', '10 ms')),
		"wait_for_$name under default_transaction_isolation");
	is_refused(
		outcome(
			$primary,
			'SET default_transaction_isolation = serializable',
			statement('SELECT CALL', $name, 'reached', '10 ms')),
		"wait_for_$name under default_transaction_isolation serializable");

	# Which the server itself refuses on a standby, whatever is asked.
	is( outcome(
			$standby,
			'SET default_transaction_isolation = serializable',
			statement('SELECT CALL', $name, 'reached', '10 ms'))->{state},
		'0A000',
		"wait_for_$name under it on a standby is an error");
	is( verdict(
			outcome(
				$standby,
				"SET default_transaction_isolation = 'repeatable read'",
				'BEGIN ISOLATION LEVEL READ COMMITTED',
				statement('SELECT CALL', $name, 'reached', '10 ms'))),
		't',
		"wait_for_$name waits in the block that is READ COMMITTED");
}


note '4. arguments';

foreach my $case (
	[ 'a NULL target', 'NULL', q('10 ms'), 't' ],
	[ 'LSN 0/0', q('0/0'), q('10 ms'), 't' ],
	[ 'the greatest LSN', q('FFFFFFFF/FFFFFFFF'), q('10 ms'), 'f' ],
	[ 'the greatest but one', q('FFFFFFFF/FFFFFFFE'), q('10 ms'), 'f' ],
	[ 'the greatest with timeout 0', q('FFFFFFFF/FFFFFFFF'), q('0'), 'f' ],
	[ 'a timeout under a millisecond', q('FFFFFFFF/FFFFFFFF'), q('1 us'), 'f' ],
	[ 'a huge timeout', q('0/1'), q('178000000 years'), 't' ],
	[ 'a NULL timeout', q('0/1'), q(NULL), 't' ],
	[ 'months that days make up for', q('0/1'), q('1 month -29 days'), 't' ])
{
	my ($what, $target, $timeout, $expected) = @$case;

	is(verdict(outcome($standby, "SELECT replwatch_wait_for_lsn($target, $timeout)")),
		$expected, $what);
}
is(verdict(outcome($standby, 'SELECT replwatch_wait_for_token(NULL, NULL)')),
	't', 'a NULL token');
foreach my $timeout ('-1 us', '-1 ms', '-1 day', '1 day -25 hours', '-178000000 years')
{
	foreach my $target ("lsn('0/1'", "lsn(NULL", "token('" . target('token', 'reached') . "'")
	{
		foreach my $where (qw(standby primary))
		{
			is( verdict(outcome($node{$where}, "SELECT replwatch_wait_for_$target, '$timeout')")),
				'22023 timeout must not be negative',
				"timeout $timeout is an error on a $where, $target)");
		}
	}
}
is( verdict(
		outcome($standby, "SET replwatch.wait_timeout = '20 ms'", "SELECT replwatch_wait_for_lsn('FFFFFFFF/FFFFFFFF')")),
	'f',
	'without a timeout the setting counts');
is( verdict(
		outcome($standby, "SET replwatch.wait_timeout = 0", 'BEGIN', 'SELECT i FROM one', "SELECT replwatch_wait_for_lsn('FFFFFFFF/FFFFFFFF', NULL)")),
	'f',
	'and where that is 0 it only looks');

my $unreached = target('token', 'unreached');
foreach my $call (
	"lsn(timeout => '5 ms', target => 'FFFFFFFF/FFFFFFFF')",
	"lsn('FFFFFFFF/FFFFFFFF', timeout => '5 ms')",
	"token(timeout => '5 ms', token => '$unreached')",
	"token('" . substr($unreached, 0, 17) . "' || '" . substr($unreached, 17) . "', '5 ms')",
	"token('$unreached'::varchar(50) COLLATE \"C\", '5 ms')",
	"token('$unreached'::some_token, '5 ms'::some_time)",
	"lsn('FFFFFFFF/FFFFFFFF'::some_lsn, '5 ms'::some_time)")
{
	is(verdict(outcome($standby, "SELECT replwatch_wait_for_$call")),
		'f', "waits: $call");
}
is( outcome($standby, "SELECT replwatch_wait_for_lsn(VARIADIC ARRAY['0/1'::pg_lsn])")->{state},
	'42883',
	'there is none with VARIADIC');

# -1 as the setting is for ever, and seen to be.
{
	my $client = Session->new($standby);

	$client->query('SET replwatch.wait_timeout = -1');
	$client->ask("SELECT replwatch_wait_for_lsn('FFFFFFFF/FFFFFFFF')");
	Replwatch::wait_until($standby,
		'SELECT count(*) = 1 FROM replwatch_waiters() WHERE deadline IS NULL AND pid = '
		  . $client->pid,
		'it waits without an end');
	$standby->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $client->pid . ')');
	is(verdict($client->answer), '57014 canceling statement due to user request',
		'wait_timeout -1 is for ever');
}

SKIP:
{
	skip 'no infinite intervals before 17', 3 if $primary->pg_version < 17;

	is(verdict(outcome($standby, "SELECT replwatch_wait_for_lsn('0/1', 'infinity')")),
		't', 'an infinite timeout');
	is(verdict(outcome($standby, "SET statement_timeout = '300 ms'", "SELECT replwatch_wait_for_lsn('FFFFFFFF/FFFFFFFF', 'infinity')")),
		'57014 canceling statement due to statement timeout',
		'which never comes');
	is(verdict(outcome($standby, "SELECT replwatch_wait_for_lsn('0/1', '-infinity')")),
		'22023 timeout must not be negative',
		'minus infinity is negative');
}
is(verdict(outcome($standby, "SET statement_timeout = '300 ms'", "SELECT replwatch_wait_for_lsn('FFFFFFFF/FFFFFFFF', '178000000 years')")),
	'57014 canceling statement due to statement timeout',
	'a huge timeout does not come soon');


note '5. the extended protocol';

foreach my $name (qw(lsn token))
{
	my $cast = $name eq 'lsn' ? '::text::pg_lsn' : '::text';
	my ($reached, $unreached) =
	  map { target($name, $_) } 'reached', 'unreached';

	foreach my $mode (qw(auto force_generic_plan force_custom_plan))
	{
		my $client = Session->new($standby);
		my @seen;

		$client->query("SET plan_cache_mode = $mode");
		$client->parse('wait', "SELECT replwatch_wait_for_$name(\$1$cast, \$2::text::interval)");
		foreach my $try (1 .. 20)
		{
			$client->bind('', 'wait', $try % 4 == 0 ? $unreached : $reached, '5 ms')->execute('');
			push @seen, verdict($client->sync->answer);
		}
		is(join(' ', @seen), join(' ', ('t t t f') x 5),
			"wait_for_$name: twenty executions, plan_cache_mode $mode");

		my $plans = $client->query("SELECT generic_plans > 0, custom_plans > 0 FROM pg_prepared_statements WHERE name = 'wait'");
		is(join(' ', @{ $plans->{rows}[0] }),
			{ auto => 't t', force_generic_plan => 't f', force_custom_plan => 'f t' }->{$mode},
			"of which the plans were those of $mode");
	}

	# Only described, it waits for nothing and is no error.
	{
		my $client = Session->new($standby);

		$client->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
		$client->parse('', "SELECT replwatch_wait_for_$name(\$1, \$2)")
		  ->describe('S', '')->sync;
		my $answer = $client->answer;
		is("$answer->{types}", '1tTZ', "wait_for_$name can be described anywhere");
	}

	# Domains, of which a custom plan checks a constant and a generic one a
	# parameter.
	foreach my $mode (qw(force_generic_plan force_custom_plan))
	{
		my $client = Session->new($standby);

		$client->query("SET plan_cache_mode = $mode");
		$client->bound("SELECT replwatch_wait_for_$name(\$1::some_$name, \$2::some_time)",
			$unreached, '5 ms');
		is(verdict($client->sync->answer), 'f', "wait_for_$name with domains, $mode");
	}

	# What drivers make a timeout of.  A custom plan has a constant where a
	# generic one still has to work it out, which is no reason for refusing.
	foreach my $case (
		[ "(\$2::text || ' ms')::interval", '5' ],
		[ "\$2::int * interval '1 ms'", '5' ],
		[ 'make_interval(secs => $2::numeric / 1000)', '5' ],
		[ "coalesce(\$2::text::interval, '1 s')", '5 ms' ],
		[ "least(greatest(\$2::int, 1), 5) * interval '1 ms'", '5' ])
	{
		my ($timeout, $value) = @$case;
		my %seen;

		foreach my $mode (qw(force_generic_plan force_custom_plan))
		{
			my $client = Session->new($standby);

			$client->query("SET plan_cache_mode = $mode");
			$client->bound("SELECT replwatch_wait_for_$name(\$1, $timeout)",
				$unreached, $value);
			$seen{$mode} = verdict($client->sync->answer);
		}
		is("$seen{force_generic_plan} $seen{force_custom_plan}",
			'f f', "wait_for_$name waits for $timeout under each plan");
	}
	foreach my $timeout (
		"\$2::int * current_setting('deadlock_timeout')::interval",
		'$2::int * (clock_timestamp() - now())',
		"\$2::int * interval '1 ms' + (CURRENT_TIMESTAMP - CURRENT_TIMESTAMP)")
	{
		foreach my $mode (qw(force_generic_plan force_custom_plan))
		{
			my $client = Session->new($standby);

			$client->query("SET plan_cache_mode = $mode");
			$client->bound("SELECT replwatch_wait_for_$name(\$1, $timeout)",
				$reached, '5');
			is_refused($client->sync->answer,
				"wait_for_$name with $timeout, $mode,");
		}
	}

	# Types as a driver leaves them: those of the function.
	my $client = Session->new($standby);
	$client->parse('', "SELECT * FROM replwatch_wait_for_$name(\$1, \$2) LIMIT 1")
	  ->bind('', '', $unreached, '5 ms')->execute('', 1);
	is(verdict($client->sync->answer), 'f',
		"wait_for_$name with parameters, in FROM, with a row limit of the protocol");

	# In a pipeline, between others.
	$client->parse('', 'SELECT 1')->bind('', '')->execute('')
	  ->parse('', "SELECT replwatch_wait_for_$name(\$1, \$2)")
	  ->bind('', '', $unreached, '5 ms')->execute('')
	  ->parse('', 'SELECT i FROM one')->bind('', '')->execute('');
	is(verdict($client->sync->answer), '1 f 1',
		"wait_for_$name in a pipeline");

	# After one that holds a lock until the Sync.
	$client->parse('', 'SELECT i FROM one')->bind('', '')->execute('')
	  ->parse('', "SELECT replwatch_wait_for_$name(\$1, \$2)")
	  ->bind('', '', $reached, '5 ms')->execute('');
	is_refused($client->sync->answer,
		"wait_for_$name after a read in the same pipeline");

	# Portals that are open beside it.
	$client->parse('', 'SELECT generate_series(1, 3)')->bind('half', '')
	  ->execute('half', 1)
	  ->parse('', "SELECT replwatch_wait_for_$name(\$1, \$2)")
	  ->bind('', '', $reached, '5 ms')->execute('');
	is_refused($client->sync->answer,
		"wait_for_$name beside a portal that is suspended");
	$client->parse('other', 'SELECT generate_series(1, 3)')
	  ->bind('first', 'other')
	  ->parse('', "SELECT replwatch_wait_for_$name(\$1, \$2)")
	  ->bind('', '', $reached, '5 ms')->execute('');
	is_refused($client->sync->answer,
		"wait_for_$name beside a portal that is bound");

	is(verdict($client->query(statement('SELECT CALL', $name, 'reached', '5 ms'))),
		't', 'and afterwards the session waits as ever');
}

is( $standby->safe_psql('postgres', 'SELECT count(*) FROM replwatch_waiters()'),
	'0',
	'nobody is left among the waiters');


note '6. replwatch_wait_for_replicas';

# The same rules on a standby.  On a primary it waits anywhere.  Its number is 1
# where there is a replica to be had.
{
	my $call = "replwatch_wait_for_replicas('0/1', 1, 'flush', TIMEOUT)";
	my %of = (reached => "'10 ms'", look => "'0'");

	foreach my $case (@waits)
	{
		my ($what, @templates) = @$case;

		next if "@templates" =~ /NAME|VIEW/;
		my @statements = map { s/CALL/$call/gr =~ s/TIMEOUT/$of{reached}/gr =~ s/PARALLEL/$parallel/gr } @templates;
		is(verdict(outcome($primary, @statements)), '1', "wait_for_replicas waits: $what");
	}
	foreach my $case (@refused)
	{
		my ($what, @templates) = @$case;

		# Its result is a number, and these want a condition.
		next if "@templates" =~ /NAME|VIEW|WHERE CALL|NOT CALL|WHEN CALL|UNION/;
		foreach my $timeout (qw(reached look))
		{
			my @statements = map { s/CALL/$call/gr =~ s/TIMEOUT/$of{$timeout}/gr } @templates;
			my $answer = outcome($primary, @statements);

			is($answer->{message}, undef,
				"wait_for_replicas on a primary, timeout $of{$timeout}: $what");
			$answer = outcome($standby, @statements);
			if ($timeout eq 'reached')
			{
				is_refused($answer, "wait_for_replicas on a standby in $what");
			}
			else
			{
				is($answer->{message}, undef, "wait_for_replicas on a standby with timeout 0 only looks: $what");
			}
		}
	}
	my $wait = 'SELECT ' . $call =~ s/TIMEOUT/'10 ms'/r;
	is(verdict(outcome($primary, "BEGIN ISOLATION LEVEL $_", $wait)),
		'1', "wait_for_replicas on a primary in $_")
	  foreach 'REPEATABLE READ', 'SERIALIZABLE';
	is_refused(outcome($standby, 'BEGIN ISOLATION LEVEL REPEATABLE READ', $wait),
		'wait_for_replicas on a standby in REPEATABLE READ');

	foreach my $mode (qw(auto force_generic_plan force_custom_plan))
	{
		my $client = Session->new($primary);
		my @seen;

		$client->query("SET plan_cache_mode = $mode");
		$client->parse('wait', 'SELECT replwatch_wait_for_replicas($1::text::pg_lsn, $2, $3, $4::text::interval)');
		foreach my $try (1 .. 20)
		{
			$client->bind('', 'wait', '0/1', $try % 4 == 0 ? '2' : '1', 'write', '5 ms')->execute('');
			push @seen, verdict($client->sync->answer);
		}
		is(join(' ', @seen), join(' ', ('1') x 20),
			"wait_for_replicas: twenty executions, plan_cache_mode $mode");
	}
}

done_testing();
