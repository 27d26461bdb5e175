# Copyright (c) 2026, the replwatch authors

# Waiting where something is missing.  With wake_on_replay off nobody tells
# those who wait: they look for themselves every few milliseconds, however rarely
# others do, and what is promised holds.  On a server that has not loaded the library the functions
# say so, and a SET of any of its settings is taken silently: that
# replwatch.version is missing is how a client can tell.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $never = 'FFFFFFFF/FFFFFFFF';

# Replicas report what they have replayed when the primary's library asks, and
# for no other reason.
my $primary = Replwatch::primary('primary', 'wal_keep_size = 64MB',
	'replwatch.wait_recheck = 1min', 'wal_receiver_status_interval = 1h',
	'wal_sender_timeout = 0');
$primary->safe_psql('postgres', 'CREATE TABLE counter AS SELECT 0 AS n');
my $looking = Replwatch::standby($primary, 'looking1',
	conf => ['replwatch.wake_on_replay = off']);
my $without = Replwatch::standby($primary, 'without1',
	conf => ["shared_preload_libraries = ''"]);

# Shorter than wait_recheck, which is not what they look by; and there are no
# statistics to report, for which a session wakes after ten seconds.
my %looks = (statement_timeout => '55s', track_counts => 'off');
my $writer = Session->new($primary, %looks);

# Write, and return where that ends.
sub write_row
{
	$writer->query('UPDATE counter SET n = n + 1');
	return $writer->value('SELECT pg_current_wal_insert_lsn()');
}


note '1. wake_on_replay = off';

{
	my $reader = Session->new($looking, %looks);
	my ($failed, $stale) = (0, 0);

	is($reader->parameter('replwatch.version') =~ /^\d/ ? 'a number' : 'none',
		'a number', 'the version is reported at connection');
	foreach my $n (1 .. 100)
	{
		my $lsn = write_row();

		$failed++ if $reader->value("SELECT replwatch_wait_for_lsn('$lsn', '1 day')") ne 't';
		$stale++ if $reader->value('SELECT n FROM counter') != $n;
	}
	is($failed, 0, 'no wait failed');
	is($stale, 0, 'no read was stale');

	Replwatch::pause_replay($primary, $looking);
	my $lsn = write_row();
	my $token = Replwatch::token($primary, 1, $lsn);
	$reader->ask("SELECT replwatch_wait_for_token('$token', '1 day')");
	Replwatch::wait_until($looking,
		'SELECT count(*) = 1 FROM replwatch_waiters()', 'it waits');
	ok($reader->silent, 'paused replay is waited for');
	Replwatch::value($looking, 'SELECT pg_wal_replay_resume()');
	is(verdict($reader->answer), 't', 'until it goes on');
	is($reader->value("SELECT replwatch_wait_for_lsn('$never', '100 ms')"),
		'f', 'a wait for an LSN that never comes times out');
	is($reader->value('SELECT count(*) FROM replwatch_waiters()'), '0', 'nobody is left');

	# Neither does it report when it is asked to, nor does one without the library:
	# the primary hears of it by what core has a standby report when it has
	# replayed all that it has, here when replay goes on.
	my $background_writer = Replwatch::stop_background_writer($primary);
	Replwatch::pause_replay($primary, $without);
	$lsn = write_row();
	$writer->ask(
		"SELECT replwatch_wait_for_replicas(NULL, 2, 'replay', '1 day')");
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 2 FROM pg_stat_replication WHERE flush_lsn > '$lsn'",
		'what asks for a report is flushed');
	Replwatch::value($without, 'SELECT pg_wal_replay_resume()');
	is(verdict($writer->answer),
		2, 'a wait on the primary ends all the same');
	kill('CONT', $background_writer);

	# The end of recovery is found by looking, too.
	my $lost = Session->new($looking, %looks);
	$lost->ask("SELECT replwatch_wait_for_lsn('$never', '1 day')");
	Replwatch::wait_until($looking,
		'SELECT count(*) = 1 FROM replwatch_waiters()', 'it waits');
	$looking->promote;
	like(verdict($lost->answer),
		qr/^55000 recovery ended before LSN \S+ was replayed$/,
		'the end of recovery ends it');
}


note '2. the library is not loaded on the replica';

{
	my $reader = Session->new($without);
	my $preload = qr/^55000 replwatch must be loaded via "shared_preload_libraries"$/;

	is($reader->parameter('replwatch.version'), undef, 'no version is reported');
	is($reader->query('SHOW "replwatch.version"')->{state},
		'42704', 'SHOW has no version');
	foreach my $name ('commit_token', 'read_after')
	{
		is($reader->query("SHOW \"replwatch.$name\"")->{state},
			'42704', "nor $name");
	}
	my $token = Replwatch::token($primary, 1, $never);
	is($reader->query("SET replwatch.read_after = '$token'")->{message},
		undef, 'a server that knows nothing of it takes any setting silently');
	$reader->query('BEGIN');
	is($reader->query("SET LOCAL replwatch.read_after = '$token'")->{message},
		undef, 'SET LOCAL as well');
	$reader->query('COMMIT');

	# A new session: the library is brought in by the first function.
	foreach my $call (
		"replwatch_wait_for_lsn('0/1', '1 s')",
		"replwatch_wait_for_lsn('0/1', '0')",
		"replwatch_wait_for_lsn(NULL)",
		"replwatch_wait_for_token('$token', '1 s')",
		'replwatch_wait_for_replicas(\'0/1\')',
		'replwatch_commit_token()',
		'replwatch_commit_lsn()')
	{
		like(verdict(Session->new($without)->query("SELECT $call")),
			$preload, "$call says so");
	}
	foreach my $call ('replwatch_waiters()', 'replwatch_wait_stats()')
	{
		like(verdict(Session->new($without)->query("SELECT * FROM $call")),
			$preload, "$call says so");
	}

	# After that the session knows the settings, of which none may do harm.
	$reader = Session->new($without);
	$reader->query("SELECT replwatch_wait_for_lsn('0/1')");
	my $answer = $reader->query("SET replwatch.read_after = '" . Replwatch::token($primary, 1, '0/1') . "'");
	is($reader->query('SELECT 1')->{rows}[0][0], '1', 'the session lives on')
	  or diag(explain($answer));
	is($reader->parameter('replwatch.version'), undef,
		'no version is reported that would promise a wait');
}

done_testing();
