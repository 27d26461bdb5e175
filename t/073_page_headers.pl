# Copyright (c) 2026, the replwatch authors
# matrix: every major

# The end of the WAL at the beginning of a page.  Where a record fills a page
# or a segment, the position to write at is behind the header of a page that
# does not exist yet: no replica ever gets there while the primary is idle, and
# a wait for it must end all the same.  In many cycles of write, wait and read
# every such place is met, and so is every order in which a waiter and replay
# can come to the same LSN: waiters look for themselves only every ten seconds
# here, so a wake-up that is missed shows.  REPLWATCH_SOAK: 20,000 cycles.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $cycles = $ENV{REPLWATCH_SOAK} ? 20_000 : 2_000;

my $primary = Replwatch::primary('primary', 'wal_keep_size = 64MB',
	'replwatch.wait_recheck = 10s', 'checkpoint_timeout = 1h',
	'log_statement = none', 'fsync = off');
$primary->safe_psql('postgres', 'CREATE TABLE counter AS SELECT 0 AS n');
my $standby = Replwatch::standby($primary, 'replica1');
my $writer = Session->new($primary);
my $reader = Session->new($standby);

sub value
{
	my ($client, $sql) = @_;
	my $answer = $client->query($sql);

	die "$sql: $answer->{message}" if $answer->{message};
	return $answer->{rows}[0][0];
}

# Wait on the standby: true or false, and after how many seconds.
sub wait_for
{
	my ($target, $timeout) = @_;
	my $begin = time();
	my $result = value($reader, "SELECT replwatch_wait_for_lsn('$target', '$timeout')");

	return ($result, time() - $begin);
}


note '1. a segment\'s header';

foreach my $try (1 .. 3)
{
	value($writer, 'UPDATE counter SET n = n + 1 RETURNING n');
	value($writer, 'SELECT pg_switch_wal()');

	my $target = value($writer, 'SELECT pg_current_wal_insert_lsn()');
	my $size = value($writer, "SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'");
	my $offset = value($writer, "SELECT ('$target'::pg_lsn - '0/0') % $size");

	# Something else may have been written since, which would be no harm.
	note("$offset bytes into the segment");
	my ($result, $elapsed) = wait_for($target, '1 min');
	is($result, 't', "after a switch of segments the end of the WAL is reached");
	ok($elapsed < 5, 'at once') or diag($elapsed);
	is( value($reader, "SELECT replwatch_wait_for_lsn('$target', '0')"),
		't', 'and is seen to be there without waiting');
	is( value($writer, "SELECT replwatch_wait_for_lsn('$target', '0')"),
		't', 'as it is on the primary');
}


note '2. each byte of a header';

# Replay stands exactly at the end of a segment: what is within the header of
# the next is there, and the first byte behind it is not.
{
	my ($start, $end);

	foreach my $try (1 .. 20)
	{
		value($writer, 'UPDATE counter SET n = n + 1 RETURNING n');
		value($writer, 'SELECT pg_switch_wal()');
		$end = value($writer, 'SELECT pg_current_wal_insert_lsn()');
		$start = value($writer, "SELECT '$end'::pg_lsn - 40");
		wait_for($start, '1 min');
		last if value($reader, "SELECT pg_last_wal_replay_lsn() = '$start'") eq 't';
	}
	is(value($reader, "SELECT pg_last_wal_replay_lsn() = '$start'"),
		't', 'replay stands at the end of a segment');
	foreach my $byte (0, 1, 23, 24, 39, 40)
	{
		my $target = value($writer, "SELECT '$start'::pg_lsn + $byte");

		is((wait_for($target, '50 ms'))[0], 't', "byte $byte of its header is there");
	}
	my $behind = value($writer, "SELECT '$start'::pg_lsn + 41");
	is((wait_for($behind, '50 ms'))[0], 'f', 'the byte behind it is not');
}


note '3. a page\'s header';

# Write just as much as is left of a page.
sub fill_page
{
	my $extra = 200;

	for my $try (1 .. 100)
	{
		my $offset = value($writer, "SELECT (pg_current_wal_insert_lsn() - '0/0') % 8192");
		my $left = 8192 - $offset - $extra;

		value($writer, "SELECT pg_logical_emit_message(true, 'page', repeat('x', greatest($left, 10)::int))");
		next if $left < 300;

		# How far beside it was: behind the page's end, or short of it.
		my $reached = value($writer, "SELECT (pg_current_wal_insert_lsn() - '0/0') % 8192");
		return if $reached == 24;
		$extra += $reached < 4096 ? $reached - 24 : $reached - 8192;
	}
	die 'no page could be filled';
}

foreach my $try (1 .. 5)
{
	fill_page();

	my $target = value($writer, 'SELECT pg_current_wal_insert_lsn()');
	my ($result, $elapsed) = wait_for($target, '30 s');
	is($result, 't', 'after a page is filled the end of the WAL is reached');
	ok($elapsed < 5, 'at once') or diag($elapsed);
}


note "4. $cycles times write, wait, read";

{
	my $longest = 0;
	my $failed = 0;
	my $stale = 0;
	my $in_header = 0;

	for my $cycle (1 .. $cycles)
	{
		my $n = value($writer, 'UPDATE counter SET n = n + 1 RETURNING n');
		my $target = value($writer, 'SELECT pg_current_wal_insert_lsn()');
		my ($result, $elapsed) = wait_for($target, '30 s');

		$failed++ if $result ne 't';
		$stale++ if value($reader, 'SELECT n FROM counter') != $n;
		$longest = $elapsed if $elapsed > $longest;
		$in_header++ if hex(substr($target, -4)) % 8192 == 24;
	}
	note("the longest wait took $longest s, $in_header targets were behind a header");
	is($failed, 0, 'no wait failed');
	is($stale, 0, 'no read was stale');
	ok($longest < 5, 'no wake-up was missed') or diag($longest);
}

done_testing();
