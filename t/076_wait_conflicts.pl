# Copyright (c) 2026, the replwatch authors
# matrix: every major

# What replay does to those who are in its way it does not do to those who wait
# for it.  Each kind of recovery conflict comes while sessions wait, with
# hot_standby_feedback off and on: on a standby that never resolves conflicts
# (max_standby_streaming_delay = -1) nobody but them is there, and replay goes
# on, or they would wait for ever; on one that resolves them soon somebody else
# is in the way and is cancelled, and they are not.  Only who waits in a database
# that is dropped is thrown out, as anybody is.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'wal_keep_size = 64MB',
	'max_connections = 60',
	'max_prepared_transactions = 2',
	'deadlock_timeout = 50ms',
	'allow_in_place_tablespaces = on');
my @conf =
  ('wal_receiver_status_interval = 1s', 'replwatch.wait_recheck = 1min');
my $patient = Replwatch::standby($primary, 'patient1',
	conf => [ @conf, 'max_standby_streaming_delay = -1' ]);
my $strict = Replwatch::standby($primary, 'strict1',
	conf => [ @conf, 'max_standby_streaming_delay = 50ms' ]);
my @standbys = ($patient, $strict);

# How sessions wait: what they do first, and what waits for LSN or its TOKEN.
my %way = (
	'a call' => ["SELECT replwatch_wait_for_lsn('LSN', '1 day')"],
	'a call in a block' =>
	  [ 'BEGIN', "SELECT replwatch_wait_for_token('TOKEN', '1 day')" ],
	'a setting' => [
		"SET replwatch.wait_timeout = '1d'",
		"SET replwatch.read_after = 'TOKEN'"
	],
	'a setting in REPEATABLE READ' => [
		"SET replwatch.wait_timeout = '1d'",
		'BEGIN ISOLATION LEVEL REPEATABLE READ',
		"SET LOCAL replwatch.read_after = 'LSN'"
	]);

# Sessions on $node that wait for an LSN in each way, having read everything
# before.  Returns them by their way once all are among the waiters.
sub begin_waits
{
	my ($node, $lsn) = @_;
	my $token = Replwatch::token($primary, 1, $lsn);
	my %client;

	foreach my $what (sort keys %way)
	{
		my @statements =
		  map { s/LSN/$lsn/r =~ s/TOKEN/$token/r } @{ $way{$what} };
		my $last = pop @statements;
		my $client = $client{$what} = Session->new($node);

		$client->value("SELECT count(*) FROM $_")
		  foreach qw(removed locked pinned);
		$client->value($_) foreach @statements;
		$client->ask($last);
	}
	Replwatch::wait_until(
		$node,
		'SELECT count(*) = ' .
		  keys(%client)
		  . ' FROM replwatch_waiters() WHERE pid IN ('
		  . join(', ', map { $_->pid } values %client) . ')',
		'they wait');
	return %client;
}

# A session on a standby that is in the way.
sub holder
{
	my ($node, @statements) = @_;
	my $client = Session->new($node);

	$client->value($_) foreach @statements;
	return $client;
}

# Let a conflict come while sessions wait on both standbys.
#	hold	what the session does that is in the way on the strict one
#	held	what its next query comes to; a cancelled one, if not given
#	make	the conflict, made on the primary
sub conflict
{
	my ($what, %conflict) = @_;
	my $lsn = Replwatch::value($primary,
		'SELECT pg_current_wal_insert_lsn() + 512 * 1024');
	my $holder = holder($strict, @{ $conflict{hold} });
	my %waits = map { $_->name => { begin_waits($_, $lsn) } } @standbys;

	$conflict{make}->($holder);
	Replwatch::write_beyond($primary, $lsn);
	foreach my $node (@standbys)
	{
		my $name = $node->name;

		foreach my $way (sort keys %way)
		{
			like(verdict($waits{$name}{$way}->answer),
				qr/^(t|)$/, "$what on $name: $way has waited");
		}
	}
	like(
		verdict($holder->query('SELECT 1')),
		$conflict{held} // qr/^(40001 |40P01 |closed)/,
		"$what: who is in the way is dealt with as ever");
	Replwatch::wait_replayed($primary, $_) foreach @standbys;
	return;
}

$primary->safe_psql('postgres',
	'CREATE TABLE removed (i int); CREATE TABLE locked (i int); CREATE TABLE pinned (i int); INSERT INTO pinned VALUES (1)'
);
Replwatch::wait_replayed($primary, $_) foreach @standbys;

foreach my $feedback ('off', 'on')
{
	note "hot_standby_feedback = $feedback";

	foreach my $node (@standbys)
	{
		my $name = $node->name;

		$node->safe_psql('postgres',
			"ALTER SYSTEM SET hot_standby_feedback = $feedback");
		$node->reload;
		Replwatch::wait_until(
			$primary,
			'SELECT backend_xmin IS '
			  . ($feedback eq 'on' ? 'NOT NULL' : 'NULL')
			  . " FROM pg_stat_replication WHERE application_name = '$name'",
			"$name reports its snapshots or does not");
	}

	# With feedback there is no conflict, since nothing is removed.
	$primary->safe_psql('postgres',
		'INSERT INTO removed SELECT generate_series(1, 1000)');
	Replwatch::wait_replayed($primary, $_) foreach @standbys;
	conflict(
		"a snapshot, feedback $feedback",
		hold => [
			'BEGIN ISOLATION LEVEL REPEATABLE READ',
			'SELECT count(*) FROM removed'
		],
		held => $feedback eq 'on' ? qr/^1$/ : undef,
		make => sub {
			my ($holder) = @_;

			if ($feedback eq 'on')
			{
				my $xmin = Replwatch::value($strict,
					'SELECT backend_xmin FROM pg_stat_activity WHERE pid = '
					  . $holder->pid);

				# The next transaction is newer; what is reported after it counts.
				Replwatch::value($primary, 'SELECT pg_current_xact_id()');

				my $now = Replwatch::value($primary, 'SELECT clock_timestamp()');
				Replwatch::wait_until(
					$primary,
					"SELECT backend_xmin = '$xmin' AND reply_time > '$now' FROM pg_stat_replication WHERE application_name = 'strict1'",
					'its snapshot is known');
			}
			$primary->safe_psql('postgres', 'DELETE FROM removed');
			$primary->safe_psql('postgres', 'VACUUM removed');
		});

	conflict(
		"a lock, feedback $feedback",
		hold => [ 'BEGIN', 'SELECT count(*) FROM locked' ],
		make => sub {
			$primary->safe_psql('postgres',
				'BEGIN; LOCK locked IN ACCESS EXCLUSIVE MODE; SELECT pg_current_xact_id(); COMMIT'
			);
		});

	# What was never committed is removed without regard to snapshots; the page
	# must not be looked at by anybody meanwhile.
	$primary->safe_psql('postgres',
		'BEGIN; INSERT INTO pinned SELECT generate_series(1, 100); ROLLBACK; SELECT pg_switch_wal()'
	);
	Replwatch::wait_replayed($primary, $_) foreach @standbys;
	conflict(
		"a buffer pin, feedback $feedback",
		hold =>
		  [ 'BEGIN', 'DECLARE c CURSOR FOR SELECT i FROM pinned', 'FETCH c' ],
		make => sub { $primary->safe_psql('postgres', 'VACUUM pinned'); });

	# The same, and who holds the pin waits for a lock that replay holds.
	$primary->safe_psql('postgres',
		'BEGIN; INSERT INTO pinned SELECT generate_series(1, 100); ROLLBACK; SELECT pg_switch_wal()'
	);
	Replwatch::wait_replayed($primary, $_) foreach @standbys;
	conflict(
		"a deadlock with replay, feedback $feedback",
		hold =>
		  [ 'BEGIN', 'DECLARE c CURSOR FOR SELECT i FROM pinned', 'FETCH c' ],
		make => sub {
			my ($holder) = @_;

			$primary->safe_psql('postgres',
				"BEGIN; LOCK locked IN ACCESS EXCLUSIVE MODE; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'p'"
			);
			Replwatch::wait_replayed($primary, $strict);
			$holder->ask('SELECT count(*) FROM locked');
			Replwatch::wait_until(
				$strict,
				"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = "
				  . $holder->pid,
				'it waits for the lock');
			$primary->safe_psql('postgres', 'VACUUM pinned');
			like(
				verdict($holder->answer),
				qr/^40(001|P01) /,
				'the deadlock is resolved');
			$primary->safe_psql('postgres', "COMMIT PREPARED 'p'");
		},
		held => qr/^(25P02 |40001 |closed)/);

	# Where the files of a tablespace can't be removed, replay waits for every
	# transaction there is, with a snapshot or without.
	my $oid = $primary->safe_psql(
		'postgres', q{
CREATE TABLESPACE place LOCATION '';
SELECT oid FROM pg_tablespace WHERE spcname = 'place'});
	Replwatch::wait_replayed($primary, $_) foreach @standbys;
	foreach my $node (@standbys)
	{
		my ($directory) = glob($node->data_dir . "/pg_tblspc/$oid/PG_*");

		append_to_file("$directory/stray", 'in the way');
	}
	my $offset = -s $patient->logfile;
	conflict(
		"a tablespace, feedback $feedback",
		hold => [ 'BEGIN', 'SELECT 1' ],
		make => sub {
			$primary->safe_psql('postgres', 'DROP TABLESPACE place');
		});
	like(
		slurp_file($patient->logfile, $offset),
		qr/directories for tablespace $oid could not be removed/,
		'which could not be removed');

	# A logical slot here, whose rows of the catalog are gone.  A temporary one
	# is its session's; who waits has none, or waits with it.
  SKIP:
	{
		skip 'no logical decoding on a standby before 16', 1
		  if $primary->pg_version < 16;
		skip 'nothing is removed', 1 if $feedback eq 'on';

		my %owner;
		foreach my $node (@standbys)
		{
			my $session = $owner{ $node->name } = Session->new($node);

			# It is made at the next record of running transactions.
			$session->ask(
				"SELECT pg_create_logical_replication_slot('temporary', 'test_decoding', true)"
			);
			Process::until_true(
				'a slot is made',
				sub {
					return 1 if !$session->silent;
					Replwatch::value($primary, 'SELECT pg_log_standby_snapshot()');
					return 0;
				});
			is($session->answer->{state}, undef,
				'a logical slot is made on ' . $node->name);
		}
		my $far = Replwatch::value($primary,
			'SELECT pg_current_wal_insert_lsn() + 512 * 1024');
		$owner{patient1}->ask("SELECT replwatch_wait_for_lsn('$far', '1 day')");
		conflict(
			'a logical slot',
			hold => ['SELECT 1'],
			held => qr/^1$/,
			make => sub {
				$primary->safe_psql('postgres',
					'CREATE TABLE made_and_gone (i int); DROP TABLE made_and_gone');
				$primary->safe_psql('postgres', 'VACUUM pg_class');
			});
		like(verdict($owner{patient1}->answer),
			qr/^40001 /, 'a slot: a waiting session that uses it is cancelled');
		like(
			slurp_file($_->logfile),
			qr/invalidating obsolete replication slot "temporary"|terminating process \d+ to release replication slot "temporary"/,
			'a slot was in the way on ' . $_->name)
		  foreach @standbys;
	}

	# Who is in a database that is dropped has to go.
	$primary->safe_psql('postgres',
		"CREATE DATABASE dropped; ALTER DATABASE dropped SET replwatch.wait_timeout = '1d'"
	);
	$primary->safe_psql('dropped', 'CREATE EXTENSION replwatch');
	Replwatch::wait_replayed($primary, $_) foreach @standbys;
	my $lsn = Replwatch::value($primary,
		'SELECT pg_current_wal_insert_lsn() + 512 * 1024');
	my @others = map {
		{ begin_waits($_, $lsn) }
	} @standbys;
	my @inside = map { Session->new($_, database => 'dropped') } @standbys;
	$_->ask("SELECT replwatch_wait_for_lsn('$lsn')") foreach @inside;
	Replwatch::wait_until(
		$_,
		'SELECT count(*) = ' . (1 + keys %way) . ' FROM replwatch_waiters()',
		'they wait') foreach @standbys;
	$primary->safe_psql('postgres', 'DROP DATABASE dropped');
	like(
		verdict($_->answer),
		qr/^57P04 /,
		"feedback $feedback: who waits in a database that is dropped is out"
	) foreach @inside;
	Replwatch::write_beyond($primary, $lsn);
	foreach my $waits (@others)
	{
		like(verdict($waits->{$_}->answer),
			qr/^(t|)$/, "feedback $feedback: elsewhere $_ has waited")
		  foreach sort keys %way;
	}
}

foreach my $node (@standbys)
{
	is( $node->safe_psql(
			'postgres', 'SELECT count(*) FROM replwatch_waiters()'),
		'0',
		'nobody is left among the waiters of ' . $node->name);
	unlike(slurp_file($node->logfile),
		qr/TRAP|PANIC/, 'no harm was done to ' . $node->name);
}

done_testing();
