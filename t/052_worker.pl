# Copyright (c) 2026, the replwatch authors

# The sampling worker: how it shows itself, how often it samples, that it
# takes a reload, and what is said of it while there is none.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# When samples were taken: at each the alerts are judged.
sub samples
{
	my ($node, $offset) = @_;

	return Replwatch::logged_at($node, qr/DEBUG:  alerts were judged in/, $offset);
}

# The shortest time, in seconds, within which $count samples in a row were
# taken; undef if there are fewer.
sub shortest
{
	my ($count, @samples) = @_;
	my @spans = sort { $a <=> $b }
	  map { $samples[ $_ + $count - 1 ] - $samples[$_] }
	  0 .. @samples - $count;

	return $spans[0];
}

# The middle one of the pauses between samples.
sub usual_pause
{
	my (@samples) = @_;
	my @pauses = sort { $a <=> $b }
	  map { $samples[$_] - $samples[ $_ - 1 ] } 1 .. $#samples;

	return $pauses[ @pauses / 2 ];
}

# Commit something every five milliseconds for a while.
sub write_on
{
	my ($node) = @_;

	Replwatch::rows($node, <<'EOF');
DO $$
BEGIN
	FOR i IN 1 .. 50 LOOP
		INSERT INTO burst VALUES ('x');
		COMMIT;
		PERFORM pg_sleep(0.005);
	END LOOP;
END
$$
EOF
	return;
}

# The server tells of each worker that it starts, and the worker of each sample.
my $node = Replwatch::primary('primary', 'log_min_messages = debug2',
	"log_timezone = 'UTC'");
my ($pid, $offset, $reload, @samples);

note '1. How the worker is shown';

Replwatch::wait_until(
	$node,
	"SELECT worker_state = 'running' FROM replwatch_node()",
	'the worker runs');
like(
	slurp_file($node->logfile),
	qr/replwatch sampler started with an empty LSN history/,
	'its start is logged');
$pid = Replwatch::worker_pid($node);
like(
	Process::title($pid),
	qr/^postgres: primary: replwatch sampler/,
	'worker_pid is the process of that name');
is( Replwatch::value(
		$node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"),
	0,
	'it is not a session, so it blocks none');
Replwatch::wait_sampled($node);
is( Replwatch::value(
		$node,
		q{SELECT history_start <= last_sample AND
			last_sample <= clock_timestamp() AND
			version = (SELECT extversion FROM pg_extension WHERE extname = 'replwatch')
		FROM replwatch_node()}),
	't',
	'its history has begun, and samples are taken');

SKIP:
{
	skip 'wait events have names of their own from 17 on', 1
	  if $node->pg_version < 17;
	is( $node->safe_psql(
			'postgres',
			"SELECT type FROM pg_wait_events WHERE name = 'ReplwatchSampler'"
		),
		'Extension',
		'its wait event has a name');
}

note '2. How often it samples';

Replwatch::set($node, "replwatch.sample_interval = '10s'");
Replwatch::wait_until(
	$node,
	"SELECT last_sample < clock_timestamp() - interval '2 s' FROM replwatch_node()",
	'samples are rare');
is(Replwatch::value($node, 'SELECT worker_state FROM replwatch_node()'),
	'running', 'a worker that samples every 10 s is running');

# It has some eight seconds to go.
$offset = -s $node->logfile;
Replwatch::set($node, "replwatch.sample_interval = '10ms'");
Replwatch::wait_sampled($node);
($reload) = Replwatch::logged_at($node, qr/received SIGHUP/, $offset);
@samples = grep { $_ >= $reload } samples($node, $offset);
cmp_ok($samples[0] - $reload,
	'<', 4, 'a shorter interval takes effect at the reload');

# However long it takes until there is a commit between each two of them.
Process::until_true(
	'a busy server is sampled often',
	sub {
		write_on($node);
		my $span = shortest(10, samples($node, $offset));
		return defined $span && $span < 1;
	});
pass('a busy server is sampled as often as the interval says');

# After a sample that comes late the next one is early, but not most of them.
Replwatch::wait_sampled($node);
$offset = -s $node->logfile;
Process::until_true('samples are taken',
	sub { samples($node, $offset) > 8 });
cmp_ok(usual_pause(samples($node, $offset)),
	'>', 0.1, 'an idle server is sampled every 250 ms');

note '3. Without a worker';

# A postmaster that stands still starts no other, so what is said then can be
# watched by a session that is there already.
my $session = Session->new($node);
my $postmaster = Process::postmaster($node);
my $row;

$offset = -s $node->logfile;
kill 'STOP', $postmaster;
kill 'TERM', $pid;
Process::until_true(
	'the worker has gone',
	sub {
		($row) = Replwatch::rows($session,
			'SELECT worker_state, worker_pid FROM replwatch_node()');
		return $row->[0] ne 'running';
	});
is_deeply($row, [ 'starting', undef ],
	'a worker that has just ended is shown as starting');

# A session that finds none for five seconds has one started, too, but not at
# each look.
$session->value('SELECT pg_sleep(5.5)');
is_deeply(
	[
		Replwatch::rows(
			$session,
			'SELECT (replwatch_node()).worker_state FROM generate_series(1, 3)'
		)
	],
	[ (['starting']) x 3 ],
	'when none has run for some time, one is started');
kill 'CONT', $postmaster;

note '4. There is never more than one';

# The server starts its own again as well, a second later; either of the two
# may be the first to come.
$node->wait_for_log(
	qr/background worker "replwatch sampler" \(PID \d+\) exited with exit code 0/,
	$offset);
$node->wait_for_log(qr/replwatch sampler started with/, $offset);
my $log = slurp_file($node->logfile, $offset);
my @processes =
  $log =~ /starting background worker process "replwatch sampler"/g;
my @workers = $log =~ /replwatch sampler started with/g;
cmp_ok(scalar @processes, '>=', 2, 'at least two have been started');
is(@workers, 1, 'one of them works');

Replwatch::wait_sampled($node);
isnt(Replwatch::worker_pid($node), $pid, 'it is a new worker');
is(join(' ', Process::child($node, 'replwatch sampler')),
	Replwatch::worker_pid($node), 'no other worker runs');

done_testing();
