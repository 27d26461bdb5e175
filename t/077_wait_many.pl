# Copyright (c) 2026, the replwatch authors

# Many who wait at once, all for one LSN or each for another: each is woken when
# its own has come and not before, whatever happens to the others, and promotion
# ends them all.  They look for themselves only once a minute, and no statement of
# theirs may take that long, so that one who was forgotten gets an error.  With
# REPLWATCH_SOAK there are 4,000.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $many = $ENV{REPLWATCH_SOAK} ? 4000 : 200;

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 256MB',
	'replwatch.wait_recheck = 1min',
	'fsync = off');
my $standby = Replwatch::standby(
	$primary,
	'replica1',
	conf => [
		'max_connections = ' . ($many + 20),
		'max_wal_size = 4GB',
		'log_connections = off',
		'log_disconnections = off',
		'log_statement = none'
	]);

# Start so many sessions that wait once for $target, an expression of pgbench's
# variable offset, which is random, and beyond what the server may write of its
# own accord.  Returns once they are among the waiters.  Sessions that get anything
# but true are not counted by pgbench as processed.
sub begin_waits
{
	my ($target) = @_;
	my %waits = (stdout => '', stderr => '');
	my $script = $primary->basedir . '/wait.sql';

	# Less than what one sleeps that nobody wakes.
	local $ENV{PGOPTIONS} = '-c statement_timeout=55s';

	unlink($script);
	append_to_file(
		$script, qq[
\\set offset random(64 * 1024, 4 * 1024 * 1024)
SELECT replwatch_wait_for_lsn($target, '1 day') AS reached \\gset
\\if :reached
\\else
SELECT 'it was not reached'::int;
\\endif
]);
	$waits{handle} = IPC::Run::start(
		[
			'pgbench', '-n', '-c', $many, '-j', '2', '-t', '1', '-f', $script,
			$standby->connstr('postgres')
		],
		'<',
		\undef,
		'>',
		\$waits{stdout},
		'2>',
		\$waits{stderr});
	Replwatch::wait_until($standby,
		"SELECT count(*) = $many FROM replwatch_waiters()",
		"$many wait");
	return \%waits;
}

# How many of them were told that it is there, once all have ended.
sub succeeded
{
	my ($waits) = @_;

	$waits->{handle}->finish;
	return $waits->{stdout} =~ m{actually processed: (\d+)/} ? $1 : -1;
}

# Where the WAL ends.
sub end_of_wal
{
	return Replwatch::value($primary, 'SELECT pg_current_wal_insert_lsn()');
}

# How many wait, and how many of them do although theirs is replayed.
sub left
{
	return Replwatch::value($standby,
		q[SELECT concat_ws('|', count(*), count(*) FILTER (WHERE missing_bytes = 0)) FROM replwatch_waiters()]
	);
}


note '1. all for one LSN';

{
	my $lsn = Replwatch::value($primary,
		'SELECT pg_current_wal_insert_lsn() + 1024 * 1024');
	my $waits = begin_waits("'$lsn'");

	Replwatch::burst($primary, 100);
	is(left(), "$many|0", 'no session is woken before');
	Replwatch::write_beyond($primary, $lsn);
	is(succeeded($waits), $many, 'each has waited, and none was forgotten');
}


note '2. each for another';

{
	my $lsn = end_of_wal();
	my $waits = begin_waits("'$lsn'::pg_lsn + :offset");
	my $half = Replwatch::value($primary,
		"SELECT '$lsn'::pg_lsn + 2 * 1024 * 1024");
	my $left;

	Replwatch::write_beyond($primary, $half);
	Replwatch::wait_replayed($primary, $standby);
	Replwatch::wait_until(
		$standby,
		'SELECT count(*) = 0 FROM replwatch_waiters() WHERE missing_bytes = 0',
		'each whose LSN has come is woken');
	($left) = split /\|/, left();
	note("$left of $many wait on");
	cmp_ok($left, '>', 0, 'those whose LSN has not come wait on');
	cmp_ok($left, '<', $many, 'others do not');

	Replwatch::write_beyond($primary,
		Replwatch::value(
			$primary, "SELECT '$lsn'::pg_lsn + 4 * 1024 * 1024 + 1"));
	is(succeeded($waits), $many, 'each has waited, and none was forgotten');
}


note '3. some give up';

{
	my $lsn = end_of_wal();
	my $waits = begin_waits("'$lsn'::pg_lsn + :offset");
	my $cancelled = Replwatch::value($standby,
		'SELECT count(*) FILTER (WHERE pg_cancel_backend(pid)) FROM replwatch_waiters() WHERE random() < 0.5'
	);
	my $rest = $many - $cancelled;

	Replwatch::wait_until(
		$standby,
		"SELECT count(*) = $rest FROM replwatch_waiters()",
		"$rest are left");
	Replwatch::write_beyond($primary,
		Replwatch::value(
			$primary, "SELECT '$lsn'::pg_lsn + 4 * 1024 * 1024 + 1"));
	is(succeeded($waits), $rest, 'each of the rest has waited, and none was forgotten');
	is( scalar(
			() =
			  $waits->{stderr} =~ /canceling statement due to user request/g),
		$cancelled,
		'the others were cancelled');
}


note '4. promotion';

{
	my $waits = begin_waits("'FFFFFFFF/F0000000'::pg_lsn + :offset");

	$standby->promote;
	is(succeeded($waits), 0, 'no wait succeeds');
	is(scalar(() = $waits->{stderr} =~ /recovery ended before LSN/g),
		$many, 'all sessions get the error');
	is(left(), '0|0', 'nobody is left among the waiters');
	is( Replwatch::value(
			$standby, 'SELECT waiters FROM replwatch_node()'),
		0,
		'nor counted');
}

done_testing();
