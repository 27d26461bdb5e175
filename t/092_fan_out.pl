# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Many sessions of a standby wait for one LSN.  The startup process wakes a few of
# them, and these wake the others.  If all of those few cannot run, the others still
# come through when more is replayed, or when any session takes the lock.  Sessions
# look for themselves only once a minute, and no statement of theirs may take that
# long.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session qw(outcomes verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $soak = $ENV{REPLWATCH_SOAK};
my $many = $soak ? 900 : 90;
my $rounds = $soak ? 200 : 10;

# Less than a session sleeps that is not woken.
my %woken = (statement_timeout => '55s', track_counts => 'off');

my $primary = Replwatch::primary(
	'primary',
	'max_connections = ' . ($many + 30),
	'checkpoint_timeout = 1h',
	'wal_keep_size = 256MB',
	'fsync = off',
	'replwatch.wait_recheck = 1min');
my $standby = Replwatch::standby($primary, 'replica1');
my $writer = Session->new($primary);
my $control = Session->new($standby);
my @clients = map { Session->new($standby, %woken) } 1 .. $many;

# The processes that stand still, and go on when the test ends.
my @stopped;

sub go_on
{
	kill 'CONT', splice @stopped;
	return;
}

my $background_writer;

END
{
	go_on();
	kill 'CONT', $background_writer if $background_writer;
}

# Nothing is written but what the test writes.
$background_writer = Replwatch::stop_background_writer($primary);

# Pause replay, write a commit, and have all sessions wait for it.
sub all_wait
{
	Replwatch::pause_replay($primary, $standby);
	$writer->value("SELECT pg_logical_emit_message(true, 'x', 'x')");

	my $lsn = $writer->value('SELECT replwatch_commit_lsn()');
	$_->ask("SELECT replwatch_wait_for_lsn('$lsn', '1 day')") foreach @clients;
	Replwatch::wait_until(
		$standby,
		"SELECT count(*) = $many FROM replwatch_waiters() JOIN pg_stat_activity USING (pid) WHERE wait_event_type = 'Extension'",
		'all wait');
	return;
}

sub resume
{
	$control->value('SELECT pg_wal_replay_resume()');
	return;
}

# Three sessions, which are neither the first nor the last to be woken.
my @rest = @clients[ $many / 2 .. $many / 2 + 2 ];
my @still = @clients[ 0 .. $many / 2 - 1, $many / 2 + 3 .. $#clients ];

sub stop_all_but_three
{
	foreach my $pid (map { $_->pid } @still)
	{
		push @stopped, $pid;
		Process::stop($pid);
	}
	return;
}


note '1. all for one LSN, again and again';

my %seen;
foreach my $round (1 .. $rounds)
{
	all_wait();
	resume();
	$seen{ outcomes(@clients) }++;
}
is(join('; ', keys %seen), "$many x t", 'each has been woken');


note '2. one that is woken stands still';

# It may be among the few that are to wake the others.
{
	all_wait();
	push @stopped, $clients[0]->pid;
	Process::stop($stopped[0]);
	resume();
	is(outcomes(@clients[ 1 .. $#clients ]),
		$many - 1 . ' x t', 'the others come through');
	go_on();
	is(verdict($clients[0]->answer), 't', 'and it does when it goes on');
}


note '3. most stand still';

{
	all_wait();
	stop_all_but_three();
	resume();
	Replwatch::wait_replayed($primary, $standby);
	ok((!grep { !$_->silent } @rest),
		'the startup process has woken a few others');

	# The startup process wakes some more with what comes later.
	Process::until_true(
		'the others are woken',
		sub {
			$writer->value(
				"SELECT pg_logical_emit_message(false, 'x', repeat('x', 100000))"
			);
			$writer->value("SELECT pg_logical_emit_message(true, 'x', 'x')");
			return !grep { $_->silent } @rest;
		});
	is(outcomes(@rest), '3 x t', 'they come through by what is replayed later');
	go_on();
	is(outcomes(@still), $many - 3 . ' x t', 'the rest when they go on');
}


note '4. any session that takes the lock wakes the others';

{
	all_wait();
	stop_all_but_three();
	resume();
	Replwatch::wait_replayed($primary, $standby);
	ok((!grep { !$_->silent } @rest), 'they wait');

	$control->value('SELECT count(*) FROM replwatch_waiters()');
	is(outcomes(@rest), '3 x t', 'they come through');
	go_on();
	is(outcomes(@still), $many - 3 . ' x t', 'the rest when they go on');
}


note '5. some are ended as they are woken';

foreach my $round (1 .. 3)
{
	all_wait();
	my $list = join ', ', map { $_->pid } @clients[ 0 .. 19 ];

	$control->value(
		"SELECT count(pg_cancel_backend(pid)) FROM unnest(ARRAY[$list]) pid");
	resume();
	is(outcomes(@clients[ 20 .. $#clients ]),
		$many - 20 . ' x t', 'the others come through');
	like(outcomes(@clients[ 0 .. 19 ]),
		qr/canceling statement/, 'those were cancelled');
}

is( $control->value("SELECT max_time < '55 s' FROM replwatch_wait_stats()"),
	't', 'no wake-up was lost');
is($control->value('SELECT count(*) FROM replwatch_waiters()'),
	0, 'nobody is left among the waiters');

done_testing();
