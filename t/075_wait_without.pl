# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Waiting where something is missing.  With wake_on_replay off nobody tells
# those who wait: they look for themselves every few milliseconds, and what is
# promised holds.  On a server that has not loaded the library the functions
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
use Time::HiRes qw(time);

my $never = 'FFFFFFFF/FFFFFFFF';
my $primary = Replwatch::primary('primary', 'wal_keep_size = 64MB');
$primary->safe_psql('postgres', 'CREATE TABLE counter AS SELECT 0 AS n');
my $looking = Replwatch::standby($primary, 'looking1',
	conf => [ 'replwatch.wake_on_replay = off', 'replwatch.wait_recheck = 1s' ]);
my $without = Replwatch::standby($primary, 'without1',
	conf => ["shared_preload_libraries = ''"]);
my $writer = Session->new($primary);

sub value
{
	my ($client, $sql) = @_;

	return verdict($client->query($sql));
}

# Write, and return where that ends.
sub write_row
{
	value($writer, 'UPDATE counter SET n = n + 1');
	return value($writer, 'SELECT pg_current_wal_insert_lsn()');
}


note '1. wake_on_replay = off';

{
	my $reader = Session->new($looking);
	my ($failed, $stale, $total) = (0, 0, 0);

	is($reader->parameter('replwatch.version') =~ /^\d/ ? 'a number' : 'none',
		'a number', 'the version is told at connection');
	foreach my $n (1 .. 100)
	{
		my $lsn = write_row();
		my $begin = time();

		$failed++ if value($reader, "SELECT replwatch_wait_for_lsn('$lsn', '30 s')") ne 't';
		$total += time() - $begin;
		$stale++ if value($reader, 'SELECT n FROM counter') != $n;
	}
	is($failed, 0, 'no wait failed');
	is($stale, 0, 'no read was stale');
	ok($total < 20, 'and they looked more often than wait_recheck') or diag($total);

	Replwatch::pause_replay($primary, $looking);
	my $lsn = write_row();
	$reader->ask("SELECT replwatch_wait_for_token('1:$lsn', '1 min')");
	Replwatch::wait_until($looking,
		'SELECT count(*) = 1 FROM replwatch_waiters()', 'it waits');
	ok($reader->silent, 'paused replay is waited for');
	$looking->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	is(verdict($reader->answer), 't', 'until it goes on');
	is(value($reader, "SELECT replwatch_wait_for_lsn('$never', '100 ms')"),
		'f', 'what never comes is out of time');
	is(value($reader, 'SELECT count(*) FROM replwatch_waiters()'), '0', 'nobody is left');

	# Neither does it report when it is asked to, nor one without the library:
	# the primary hears of it within the second in which it tends the link.
	value($writer, 'UPDATE counter SET n = n + 1');
	is( value($writer,
			"SELECT replwatch_wait_for_replicas(NULL, 2, 'replay', '30 s')"),
		2,
		'who waits on the primary is told all the same');

	# The end of recovery is found by looking, too.
	my $lost = Session->new($looking);
	$lost->ask("SELECT replwatch_wait_for_lsn('$never', '1 min')");
	Replwatch::wait_until($looking,
		'SELECT count(*) = 1 FROM replwatch_waiters()', 'it waits');
	$looking->promote;
	like(verdict($lost->answer(10)),
		qr/^55000 recovery ended before LSN \S+ was replayed$/,
		'the end of recovery ends it');
}


note '2. the library is not loaded on the replica';

{
	my $reader = Session->new($without);
	my $preload = qr/^55000 replwatch must be loaded via "shared_preload_libraries"$/;

	is($reader->parameter('replwatch.version'), undef, 'no version is told');
	is($reader->query('SHOW "replwatch.version"')->{state},
		'42704', 'and there is none to show');
	foreach my $name ('commit_token', 'read_after')
	{
		is($reader->query("SHOW \"replwatch.$name\"")->{state},
			'42704', "nor $name");
	}
	is($reader->query("SET replwatch.read_after = '1:$never'")->{message},
		undef, 'a server that knows nothing of it takes any setting silently');
	$reader->query('BEGIN');
	is($reader->query("SET LOCAL replwatch.read_after = '1:$never'")->{message},
		undef, 'SET LOCAL as well');
	$reader->query('COMMIT');

	# A new session: the library is brought in by the first function.
	foreach my $call (
		"replwatch_wait_for_lsn('0/1', '1 s')",
		"replwatch_wait_for_lsn('0/1', '0')",
		"replwatch_wait_for_lsn(NULL)",
		"replwatch_wait_for_token('1:0/1', '1 s')",
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
	value($reader, "SELECT replwatch_wait_for_lsn('0/1')");
	my $answer = $reader->query("SET replwatch.read_after = '1:0/1'");
	is($reader->query('SELECT 1')->{rows}[0][0], '1', 'the session lives on')
	  or diag(explain($answer));
	is($reader->parameter('replwatch.version'), undef,
		'and no version is told that would promise a wait');
}

done_testing();
