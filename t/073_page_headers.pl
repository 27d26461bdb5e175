# Copyright (c) 2026, the replwatch authors

# The end of the WAL at the beginning of a page.  Where a record fills a page
# or a segment, the position to write at is behind the header of a page that
# does not exist yet: no replica ever gets there while the primary is idle, and
# a wait for it must end all the same.  In many cycles of write, wait and read
# every such place is met, and so is every order in which a waiter and replay
# can come to the same LSN.  Waiters look for themselves only once a minute here,
# and the server says how long the longest waited: a wake-up that is missed shows.
# REPLWATCH_SOAK: 20,000 cycles.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cycles = $ENV{REPLWATCH_SOAK} ? 20_000 : 2_000;

my $primary = Replwatch::primary('primary', 'wal_keep_size = 64MB',
	'replwatch.wait_recheck = 1min', 'checkpoint_timeout = 1h',
	'log_statement = none', 'fsync = off');
$primary->safe_psql('postgres', 'CREATE TABLE counter AS SELECT 0 AS n');
my $standby = Replwatch::standby($primary, 'replica1');
my $writer = Session->new($primary);
my $reader = Session->new($standby);

# Another session than the reader, since one that has statistics to report is
# woken for that, after ten seconds; and without a statement_timeout, whose alarm
# may wake it later, when it is over.
my $waiter = Session->new($standby, track_counts => 'off');

my $background_writer = Replwatch::stop_background_writer($primary);

# Wait on the standby: true or false, or the error.
sub wait_for
{
	my ($target, $timeout) = @_;

	$timeout //= '1 day';
	return verdict(
		$waiter->query("SELECT replwatch_wait_for_lsn('$target', '$timeout')"));
}

# Did a wait last until the session looked for itself?
sub missed
{
	return Replwatch::value($standby,
		"SELECT max_time >= '55 s' FROM replwatch_wait_stats()") eq 't';
}


note '1. a segment\'s header';

foreach my $try (1 .. 3)
{
	$writer->value('UPDATE counter SET n = n + 1 RETURNING n');
	$writer->value('SELECT pg_switch_wal()');

	my $target = $writer->value('SELECT pg_current_wal_insert_lsn()');
	my $size = $writer->value("SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'");
	my $offset = $writer->value("SELECT ('$target'::pg_lsn - '0/0') % $size");

	# Something else may have been written since, which would be no harm.
	note("$offset bytes into the segment");
	is(wait_for($target), 't', 'after a switch of segments the end of the WAL is reached');
	is( $reader->value("SELECT replwatch_wait_for_lsn('$target', '0')"),
		't', 'a check without waiting agrees');
	is( $writer->value("SELECT replwatch_wait_for_lsn('$target', '0')"),
		't', 'the primary agrees');
}


note '2. each byte of a header';

# Replay stands exactly at the end of a segment, and is paused there: what is
# within the header of the next is there, and the first byte behind it is not.
{
	my ($start, $stands);

	# The server may write a record of its own at that moment.
	do
	{
		$reader->value('SELECT pg_wal_replay_resume()');
		$writer->value('UPDATE counter SET n = n + 1 RETURNING n');
		$writer->value('SELECT pg_switch_wal()');
		$start = $writer->value('SELECT pg_current_wal_insert_lsn() - 40');
		is(wait_for($start), 't', 'the end of a segment is reached');
		$reader->value('SELECT pg_wal_replay_pause()');
		$stands = $reader->value('SELECT pg_last_wal_replay_lsn()');
	} while ($stands ne $start);
	note("replay stands at $stands");
	foreach my $byte (0, 1, 23, 24, 39, 40)
	{
		my $target = $writer->value("SELECT '$start'::pg_lsn + $byte");

		is(wait_for($target, '50 ms'), 't', "byte $byte of its header is there");
	}
	my $behind = $writer->value("SELECT '$start'::pg_lsn + 41");
	is(wait_for($behind, '50 ms'), 'f', 'the byte behind it is not');
	$reader->value('SELECT pg_wal_replay_resume()');
}


note '3. a page\'s header';

# Write just as much as is left of a page.
sub fill_page
{
	my $extra = 200;

	for my $try (1 .. 100)
	{
		my $offset = $writer->value("SELECT (pg_current_wal_insert_lsn() - '0/0') % 8192");
		my $left = 8192 - $offset - $extra;

		$writer->value("SELECT pg_logical_emit_message(true, 'page', repeat('x', greatest($left, 10)::int))");
		next if $left < 300;

		# How far beside it was: behind the page's end, or short of it.
		my $reached = $writer->value("SELECT (pg_current_wal_insert_lsn() - '0/0') % 8192");
		return if $reached == 24;
		$extra += $reached < 4096 ? $reached - 24 : $reached - 8192;
	}
	die 'no page could be filled';
}

foreach my $try (1 .. 5)
{
	fill_page();

	my $target = $writer->value('SELECT pg_current_wal_insert_lsn()');
	is(wait_for($target), 't', 'after a page is filled the end of the WAL is reached');
}


note "4. $cycles times write, wait, read";

{
	my %ended;
	my $stale = 0;
	my $in_header = 0;

	for my $cycle (1 .. $cycles)
	{
		my $n = $writer->value('UPDATE counter SET n = n + 1 RETURNING n');
		my $target = $writer->value('SELECT pg_current_wal_insert_lsn()');

		$ended{ wait_for($target) }++;
		last if keys %ended > 1 || $cycle % 100 == 0 && missed();
		$stale++ if $reader->value('SELECT n FROM counter') != $n;
		$in_header++ if hex(substr($target, -4)) % 8192 == 24;
	}
	note("$in_header targets were behind a header");
	note(Replwatch::value($standby, "SELECT format('%s of %s waits were over at once', immediate, waits) FROM replwatch_wait_stats()"));
	is(join(', ', sort keys %ended), 't', 'no wait failed');
	is($stale, 0, 'no read was stale');
}

ok(!missed(), 'no wake-up was missed');
kill('CONT', $background_writer);
done_testing();
