# Copyright (c) 2026, the replwatch authors

# A waiter holds back nothing.  Where hot_standby_feedback is off and conflicts
# are never resolved (max_standby_streaming_delay = -1), replay waits for every
# snapshot that could see what is to be removed, and for every lock: that of a
# session that waits for this replay must not be among them: it would wait for
# ever.  Sessions look for themselves only once a minute, and no statement of
# theirs may take that long, so that one who is not woken gets an error, too.
# With REPLWATCH_SOAK set the last section takes a minute.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use IO::Select;
use Test::More;

my $clients = 64;
my $cycles = $ENV{REPLWATCH_SOAK} ? 1_000 : 50;

# Shorter than wait_recheck; and there are no statistics to report, for which a
# session wakes after ten seconds, and then looks.
my %woken = (statement_timeout => '55s', track_counts => 'off');

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	'max_connections = 150',
	'hot_standby_feedback = off',
	'max_standby_streaming_delay = -1',
	'max_standby_archive_delay = -1',
	'fsync = off',
	'replwatch.wait_recheck = 1min',
	'wal_receiver_status_interval = 1s');
$primary->safe_psql('postgres',
	'CREATE TABLE removed AS SELECT generate_series(1, 1000) AS i;
	 CREATE TABLE locked (i int)');
my @standbys = map { Replwatch::standby($primary, "replica$_") } 1 .. 2;
my $standby = $standbys[0];

# Send a wait whose answer is fetched later.  Returns once the session is among
# the waiters.
sub begin_wait
{
	my ($client, $statement) = @_;

	$client->ask($statement);
	Replwatch::wait_until($standby,
		'SELECT count(*) = 1 FROM replwatch_waiters() WHERE pid = ' . $client->pid,
		'it waits');
	return;
}

# The LSN that a waiter can be given before it is written.
sub ahead
{
	return Replwatch::value($primary,
		'SELECT pg_current_wal_insert_lsn() + 512 * 1024');
}


note '1. rows removed while it waits';

my %way = (
	'a call' => [ "SELECT replwatch_wait_for_lsn('LSN', '1 day')" ],
	'a call in FROM' => [ "SELECT * FROM replwatch_wait_for_lsn('LSN', '1 day')" ],
	'a token' => [ "SELECT replwatch_wait_for_token('TOKEN', '1 day')" ],
	'a block' => [ 'BEGIN', "SELECT replwatch_wait_for_lsn('LSN', '1 day')" ],
	'a savepoint' => [ 'BEGIN', 'SAVEPOINT s', "SELECT replwatch_wait_for_lsn('LSN', '1 day')" ],
	'a setting' => [ "SET replwatch.wait_timeout = '1d'", "SET replwatch.read_after = 'TOKEN'" ],
	'a setting in REPEATABLE READ' => [
		"SET replwatch.wait_timeout = '1d'",
		'BEGIN ISOLATION LEVEL REPEATABLE READ',
		"SET LOCAL replwatch.read_after = 'LSN'"
	]);

{
	my %client;
	my $lsn = ahead();
	my $token = Replwatch::token($primary, 1, $lsn);

	foreach my $what (sort keys %way)
	{
		my @statements =
		  map { s/LSN/$lsn/r =~ s/TOKEN/$token/r } @{ $way{$what} };
		my $last = pop @statements;

		$client{$what} = Session->new($standby, %woken);
		$client{$what}->value($_) foreach @statements;
		begin_wait($client{$what}, $last);
	}
	is( Replwatch::value(
			$standby,
			"SELECT count(*) FROM pg_stat_activity JOIN replwatch_waiters() USING (pid) WHERE backend_xmin IS NULL AND backend_xid IS NULL"),
		scalar(keys %way),
		'a waiting session holds no snapshot');

	$primary->safe_psql('postgres', 'DELETE FROM removed');
	$primary->safe_psql('postgres', 'VACUUM removed');
	Replwatch::write_beyond($primary, $lsn);

	# Where replay waits for one of them, it waits in vain.
	foreach my $what (sort keys %way)
	{
		like(verdict($client{$what}->answer), qr/^(t|)$/, "$what has waited");
		is($client{$what}->value('SELECT count(*) FROM removed'),
			'0', "$what: what was removed is not seen");
	}
}


note '2. a table locked while it waits';

{
	my $client = Session->new($standby, %woken);
	my $lsn = ahead();

	$client->value('SELECT count(*) FROM locked');
	$client->value('BEGIN');
	begin_wait($client, "SELECT replwatch_wait_for_lsn('$lsn', '1 day')");
	$primary->safe_psql('postgres', 'ALTER TABLE locked ADD COLUMN more int');
	$primary->safe_psql('postgres', 'DROP TABLE locked');
	Replwatch::write_beyond($primary, $lsn);
	is(verdict($client->answer), 't', 'ALTER and DROP TABLE pass a waiting session');
	is($client->query('SELECT count(*) FROM locked')->{state},
		'42P01', 'the table is gone');

	# Held on the primary all the time that somebody waits.
	my $holder = Session->new($primary);
	$holder->value('BEGIN');
	$holder->value('LOCK removed IN ACCESS EXCLUSIVE MODE');
	$client = Session->new($standby, %woken);
	$lsn = ahead();
	begin_wait($client, "SELECT replwatch_wait_for_lsn('$lsn', '1 day')");
	Replwatch::write_beyond($primary, $lsn);
	is(verdict($client->answer), 't', 'a lock does not disturb a waiting session');
	$holder->query('COMMIT');
}


note '3. the conflict is there for others';

{
	my $reader = Session->new($standby);
	my $client = Session->new($standby, %woken);

	# Without this the sections above would show nothing.
	$primary->safe_psql('postgres', 'INSERT INTO removed SELECT generate_series(1, 1000)');
	Replwatch::wait_replayed($primary, $standby);
	$reader->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
	$reader->value('SELECT count(*) FROM removed');
	$primary->safe_psql('postgres', 'DELETE FROM removed');
	$primary->safe_psql('postgres', 'VACUUM removed');
	Replwatch::burst($primary, 10);

	my $lsn = Replwatch::flushed($primary);
	begin_wait($client, "SELECT replwatch_wait_for_lsn('$lsn', '1 day')");
	Replwatch::wait_until(
		$standby,
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'startup' AND wait_event = 'RecoveryConflictSnapshot'",
		'replay waits for the reader');
	Replwatch::wait_until($standby,
		"SELECT reason ~ 'replay waits' AND reason ~ '" . $reader->pid . "' FROM replwatch_waiters()",
		'the waiter\'s reason names the reader');
	ok($client->silent, 'a reader holds replay and the waiter up');
	$reader->query('COMMIT');
	is(verdict($client->answer), 't', 'until it is done');
}


note '4. pages pruned all the time';

# Each client updates its own row on the primary, waits on a standby and reads
# it there, again and again: never an older one, and no wait fails.
$primary->safe_psql('postgres',
	"CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL) WITH (fillfactor = 50);
	 INSERT INTO counters SELECT g, 0 FROM generate_series(1, $clients) g");
Replwatch::wait_replayed($primary, $_) foreach @standbys;

my %counted = (stale => 0, failed => 0);
my @told;
my $select = IO::Select->new;
my %client;

# Why a standby's replay stands still, to be told when it did.
sub what_holds
{
	my ($node) = @_;

	return $node->name . ":\n" . $node->safe_psql(
		'postgres', q[
SELECT pg_last_wal_replay_lsn(), pg_last_wal_receive_lsn();
SELECT pid, backend_type, state, wait_event, backend_xmin, query FROM pg_stat_activity
WHERE backend_type IN ('startup', 'walreceiver', 'client backend');
SELECT * FROM replwatch_waiters()]);
}

# What a client does next, given the answer to what it did last.
sub step
{
	my ($client, $answer) = @_;

	if ($client->{stage} eq 'write')
	{
		die verdict($answer) if $answer->{message};
		$client->{token} = $client->{writer}->parameter('replwatch.commit_token');
		$client->{stage} = 'wait';
		$client->{reader}->ask("SELECT replwatch_wait_for_token('$client->{token}', '1 day')");
	}
	elsif ($client->{stage} eq 'wait')
	{
		if (verdict($answer) ne 't')
		{
			$counted{failed}++;
			push @told, verdict($answer), what_holds($client->{node});
		}
		$client->{stage} = 'read';
		$client->{reader}->ask("SELECT n FROM counters WHERE id = $client->{id}");
	}
	else
	{
		my $seen = verdict($answer);

		if ($seen ne $client->{n})
		{
			$counted{stale}++;
			push @told, "$seen instead of $client->{n}";
		}
		$client->{stage} = 'rest';
	}
	return;
}

# Let it begin another cycle.
sub begin_cycle
{
	my ($client) = @_;

	$client->{n}++;
	$client->{stage} = 'write';
	$client->{writer}->ask("UPDATE counters SET n = n + 1 WHERE id = $client->{id}");
	return;
}

foreach my $id (1 .. $clients)
{
	my $client = {
		id => $id,
		n => 0,
		writer => Session->new($primary,
			'replwatch.report_commit_token' => 'on'),
		node => $standbys[ $id % 2 ],
		reader => Session->new($standbys[ $id % 2 ], %woken) };

	foreach my $side (qw(writer reader))
	{
		my $socket = $client->{$side}->socket;

		$select->add($socket);
		$client{$socket} = [ $client, $client->{$side} ];
	}
	begin_cycle($client);
}
while ($select->handles)
{
	my @ready = Process::readable($select,
		$PostgreSQL::Test::Utils::timeout_default);

	die 'nobody answers' if !@ready;
	foreach my $socket (@ready)
	{
		my ($client, $session) = @{ $client{$socket} };

		step($client, $session->answer);
		next if $client->{stage} ne 'rest';
		if ($client->{n} < $cycles && !@told)
		{
			begin_cycle($client);
		}
		else
		{
			$select->remove($client->{$_}->socket) foreach qw(writer reader);
		}
	}
}
is($counted{stale}, 0, 'no read was stale') or diag(join("\n", @told));
is($counted{failed}, 0, 'no wait failed') or diag(join("\n", @told));
Replwatch::wait_until(
	$primary,
	"SELECT n_tup_hot_upd > 0 FROM pg_stat_user_tables WHERE relname = 'counters'",
	'rows were updated in place, so that pages are pruned');
is(Replwatch::value($_, 'SELECT count(*) FROM replwatch_waiters()'),
	'0', 'nobody is left among the waiters of ' . $_->name)
  foreach @standbys;

done_testing();
