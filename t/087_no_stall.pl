# Copyright (c) 2026, the replwatch authors
# matrix: every major

# One client on a quiet system, whose every commit finds the walsender about to
# sleep: waits on a standby, and commits that a synchronous standby replays.
# From 16 on, core's walsender misses one in some ten thousand.  None may be
# missed here, and the sampler must not have to wake a walsender.  With
# REPLWATCH_SOAK there are 200,000 of each.

use strict;
use warnings;

use lib 't/lib';
use Lateness;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my $many = $ENV{REPLWATCH_SOAK} ? 200_000 : 5_000;

# A longer time is a stall, in milliseconds; and the number of processes that a
# commit and a wait for it pass through, each of which may be late: this one, two
# sessions, walsender, receiver and replay.
my ($limit, $processes) = (200, 6);

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 256MB',
	'max_wal_size = 4GB',
	'checkpoint_timeout = 1h',
	'wal_init_zero = off',
	'replwatch.wait_recheck = 1min',
	'fsync = off');
my $standby = Replwatch::standby($primary, 'replica1');

$primary->safe_psql('postgres',
	'CREATE TABLE counter (n int) WITH (fillfactor = 10); INSERT INTO counter VALUES (0)'
);
Replwatch::wait_replayed($primary, $standby);

my $writer =
  Session->new($primary, 'replwatch.report_commit_token' => 'on');
my $reader = Session->new($standby);

sub milliseconds
{
	return clock_gettime(CLOCK_MONOTONIC) * 1000;
}

# Do so often what returns the milliseconds that it took.  The longest is a stall's
# unless the machine was that late itself.
sub never_stalls
{
	my ($what, $action) = @_;
	my $probe = Lateness->new;
	my $longest = 0;

	foreach (1 .. $many)
	{
		my $time = $action->();

		$longest = $time if $time > $longest;
	}

	my $late = $probe->worst * 1000;
	my $rescued =
	  Replwatch::value($primary,
		'SELECT rescued FROM replwatch_wait_stats()');

	note(
		sprintf '%d %s, the longest in %.1f ms, on a machine that was up to %.1f ms late; %d rescued',
		$many, $what, $longest, $late, $rescued);
	cmp_ok($longest, '<=', $limit + $processes * $late,
		"of $many $what, none stalls");

	# The sampler may wake one that a session is about to wake, but is late.
	is($rescued, 0, 'no walsender had to be rescued') if $late < $limit / 4;
	return;
}

sub write_row
{
	my $answer = $writer->query('UPDATE counter SET n = n + 1');

	die Session::verdict($answer) if $answer->{state} || $answer->{closed};
	return;
}

never_stalls(
	'waits',
	sub {
		write_row();
		my $token = $writer->parameter('replwatch.commit_token');
		my $begin = milliseconds();

		die 'a wait timed out'
		  if $reader->value(
			"SELECT replwatch_wait_for_token('$token', '50 s')") ne 't';
		return milliseconds() - $begin;
	});

Replwatch::set($primary, q[synchronous_standby_names = '*']);
Replwatch::wait_until($primary,
	"SELECT sync_state = 'sync' FROM pg_stat_replication",
	'the standby is synchronous');
$writer->query('SET synchronous_commit = remote_apply');
never_stalls(
	'synchronous commits',
	sub {
		my $begin = milliseconds();

		write_row();
		return milliseconds() - $begin;
	});

done_testing();
