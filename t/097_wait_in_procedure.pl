# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Waiting where a statement of its own is not possible.  A look with timeout 0 is
# allowed everywhere; what it promises is for the next statement, as the snapshot
# of its own can be older.  Looks in a function hold its snapshot, for which
# replay may be waiting; examples/wait_in_procedure.sql commits between them.
#
# Conflicts are never resolved here (max_standby_streaming_delay = -1), so that
# replay goes on only when no session holds it up.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'hot_standby_feedback = off',
	'max_standby_streaming_delay = -1',
	'wal_receiver_status_interval = 1s');

# The procedure in a text, without comments and line breaks.
sub procedure_in
{
	my ($text) = @_;
	my ($sql) = $text =~ /^(CREATE PROCEDURE .*?^\$\$;)/ms;

	$sql =~ s/^\s*--.*$//mg;
	return join(' ', split(' ', $sql));
}

is( procedure_in(slurp_file('doc/read-your-writes.md')),
	procedure_in(slurp_file('examples/wait_in_procedure.sql')),
	'the document has the procedure of the example');

# As the example says to install it.
$primary->command_ok(
	[
		'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1',
		'-d', $primary->connstr('postgres'),
		'-f', 'examples/wait_in_procedure.sql'
	],
	'the example is installed');
$primary->safe_psql(
	'postgres', q[
CREATE TABLE item AS SELECT generate_series(1, 100) AS i;
CREATE TABLE other (i int);
CREATE FUNCTION look_until(target text) RETURNS boolean LANGUAGE plpgsql AS
$$
BEGIN
	WHILE NOT replwatch_wait_for_token(target, '0') LOOP
		PERFORM pg_sleep(0.005);
	END LOOP;
	RETURN true;
END
$$;
CREATE PROCEDURE count_when_replayed(target text, INOUT n bigint DEFAULT NULL)
LANGUAGE plpgsql AS
$$
DECLARE
	replayed boolean;
BEGIN
	-- Both would be in the way of replay.
	SELECT count(*) INTO n FROM item;
	CALL wait_until_replayed(target, '1 day', replayed);
	IF replayed THEN
		SELECT count(*) INTO n FROM item;
	END IF;
END
$$]);
my $standby = Replwatch::standby($primary, 'replica1');
Replwatch::wait_replayed($primary, $standby);

# The token of an LSN that is yet to be written.
sub token_ahead
{
	my $lsn = Replwatch::value($primary,
		'SELECT pg_current_wal_insert_lsn() + 256 * 1024');

	return (Replwatch::token($primary, 1, $lsn), $lsn);
}

# Have a session call the procedure, or look in a loop, and return when it does.
sub begin_looks
{
	my ($client, $statement) = @_;

	$client->ask($statement);
	Replwatch::wait_until(
		$standby,
		"SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = "
		  . $client->pid,
		'it looks and sleeps');
	return;
}

# Remove rows that a snapshot from before can see, and change a table that a
# transaction from before may have locked.
sub write_what_conflicts
{
	my ($lsn) = @_;

	$primary->safe_psql('postgres', 'DELETE FROM item WHERE i > 10');
	$primary->safe_psql('postgres', 'VACUUM item');
	$primary->safe_psql('postgres', 'ALTER TABLE item ADD COLUMN more int');
	Replwatch::write_beyond($primary, $lsn);
	return;
}

sub restore_rows
{
	$primary->safe_psql('postgres',
		'ALTER TABLE item DROP COLUMN more; TRUNCATE item;
		 INSERT INTO item SELECT generate_series(1, 100)');
	Replwatch::wait_replayed($primary, $standby);
	return;
}


note '1. a look can be true under an older snapshot';

{
	my ($token, $lsn) = token_ahead();
	my $client = Session->new($standby);
	my $holder = Session->new($standby);

	# The statement takes its snapshot and stops at the lock; the commit is replayed
	# before it looks.
	$holder->value('SELECT pg_advisory_lock(97)');
	$client->ask(
		"SELECT pg_advisory_lock(97) IS NULL, replwatch_wait_for_token('$token', '0'), (SELECT count(*) FROM item)"
	);
	Replwatch::wait_until(
		$standby,
		"SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = "
		  . $client->pid,
		'it stands at the lock');
	$primary->safe_psql('postgres', 'INSERT INTO item VALUES (101)');
	Replwatch::write_beyond($primary, $lsn);
	Replwatch::wait_replayed($primary, $standby);
	$holder->value('SELECT pg_advisory_unlock(97)');
	is_deeply(
		$client->answer->{rows},
		[ [ 'f', 't', '100' ] ],
		'it is true in a statement that does not see the commit');
	is($client->value('SELECT count(*) FROM item'),
		'101', 'the next statement sees it');
}


note '2. a function that looks again and again holds back replay';

{
	my ($token, $lsn) = token_ahead();
	my $client = Session->new($standby);

	begin_looks($client, "SELECT look_until('$token')");
	write_what_conflicts($lsn);
	Replwatch::wait_until(
		$standby,
		"SELECT wait_event = 'RecoveryConflictSnapshot' FROM pg_stat_activity WHERE backend_type = 'startup'",
		'replay waits for its snapshot');
	ok($client->silent, 'it looks in vain');
	Replwatch::value($standby,
		'SELECT pg_cancel_backend(' . $client->pid . ')');
	is($client->answer->{state}, '57014', 'until it is canceled');
	restore_rows();
}


note '3. a procedure that commits in between does not';

{
	my ($token, $lsn) = token_ahead();
	my %statement = (
		'CALL' => "CALL wait_until_replayed('$token', '1 day')",
		'a procedure that has read the table' =>
		  "CALL count_when_replayed('$token')",
		'DO' => qq[DO \$\$
DECLARE
	replayed boolean;
BEGIN
	CALL wait_until_replayed('$token', '1 day', replayed);
	PERFORM set_config('test.replayed', replayed::text, false);
END
\$\$]);
	my %client = map { $_ => Session->new($standby) } keys %statement;

	begin_looks($client{$_}, $statement{$_}) foreach sort keys %statement;
	write_what_conflicts($lsn);
	is(verdict($client{'CALL'}->answer), 't', 'CALL: the commit is here');
	is(verdict($client{'a procedure that has read the table'}->answer),
		'10', 'a procedure: its next statement sees the commit');
	is($client{'DO'}->answer->{message}, undef, 'DO: no error');
	is($client{'DO'}->value(q[SELECT current_setting('test.replayed')]),
		'true', 'DO: the commit is here');
	is($client{$_}->value('SELECT count(*) FROM item'),
		'10', "$_: the next statement sees it")
	  foreach sort keys %client;
}


note '4. what else it answers';

{
	my ($token) = token_ahead();
	my $client = Session->new($standby);

	is(verdict($client->query("CALL wait_until_replayed('$token', '20 ms')")),
		'f', 'false when the time is up');
	is(verdict($client->query("CALL wait_until_replayed('$token', '0')")),
		'f', 'false at once with timeout 0');
	is(verdict($client->query("CALL wait_until_replayed(NULL, '1 day')")),
		't', 'true without a token');
	$client->value('BEGIN');
	is($client->query("CALL wait_until_replayed('$token', '1 day')")->{state},
		'2D000', 'an error in a transaction block, where it cannot commit');
	$client->value('ROLLBACK');
	$client->value("SET default_transaction_isolation = 'repeatable read'");
	is($client->query("CALL wait_until_replayed('$token', '1 day')")->{state},
		'55000', 'an error in REPEATABLE READ');

	my $writer =
	  Session->new($primary, 'replwatch.report_commit_token' => 'on');
	$writer->value('INSERT INTO other VALUES (1)');
	$token = $writer->parameter('replwatch.commit_token');
	is(verdict($writer->query("CALL wait_until_replayed('$token', '1 day')")),
		't', 'true on the primary');
}

done_testing();
