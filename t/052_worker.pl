# Copyright (c) 2026, the replwatch authors

# The sampling worker: how it shows itself, how often it samples, that it
# takes a reload, and what is said of it while there is none.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

# How many samples are taken within two seconds, in which a transaction is
# committed every five milliseconds, or none if $idle.
sub count_samples
{
	my ($node, $idle) = @_;
	my $write = $idle ? '' : "INSERT INTO burst VALUES ('x'); COMMIT;";
	my $notice;

	# The same moment is shown a few microseconds off each time.
	$node->psql('postgres', <<"EOF", stderr => \$notice, on_error_die => 1);
DO \$\$
DECLARE
	deadline timestamptz := clock_timestamp() + interval '2 s';
	last timestamptz;
	latest timestamptz;
	samples int := -1;
BEGIN
	WHILE clock_timestamp() < deadline LOOP
		$write
		SELECT last_sample INTO latest FROM replwatch_node();
		IF last IS NULL OR latest > last + interval '4 ms' THEN
			samples := samples + 1;
			last := latest;
		END IF;
		PERFORM pg_sleep(0.005);
	END LOOP;
	RAISE NOTICE 'samples: %', samples;
END
\$\$
EOF
	$notice =~ /samples: (\d+)/ or die "no number of samples: $notice";
	return $1;
}

# Set replwatch.sample_interval by a reload, and wait until that is done.
sub set_interval
{
	my ($node, $interval) = @_;
	my $offset = -s $node->logfile;

	$node->safe_psql('postgres',
		"ALTER SYSTEM SET replwatch.sample_interval = '$interval'");
	$node->reload;
	$node->wait_for_log(
		qr/parameter "replwatch.sample_interval" changed to "$interval"/,
		$offset);
	return;
}

sub worker_pid
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		'SELECT worker_pid FROM replwatch_node()');
}

# The pids of all samplers that are children of $postmaster.
sub samplers
{
	my ($postmaster) = @_;
	my @pids;

	foreach my $file (glob '/proc/[0-9]*/stat')
	{
		# It may be gone by now.
		open my $stat, '<', $file or next;
		my $line = <$stat> // '';
		my ($pid) = $file =~ /(\d+)/;

		push @pids, $pid
		  if $line =~ /^\d+ \(.*\) \S (\d+) /
		  && $1 == $postmaster
		  && slurp_file("/proc/$pid/cmdline") =~ /replwatch sampler/;
	}
	return join ' ', @pids;
}

# The server tells of each worker that it starts.
my $node = Replwatch::primary('primary', 'log_min_messages = debug1');
my ($samples, $slower, $pid, $state, $begin);

note '1. How it shows itself';

Replwatch::wait_until(
	$node,
	"SELECT worker_state = 'running' FROM replwatch_node()",
	'the worker runs');
like(
	slurp_file($node->logfile),
	qr/replwatch sampler started with an empty LSN history/,
	'the log tells of its start');
$pid = worker_pid($node);
like(
	slurp_file("/proc/$pid/cmdline"),
	qr/^postgres: primary: replwatch sampler/,
	'worker_pid is the process of that name');
is( $node->safe_psql(
		'postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"),
	0,
	'it is no session, so it can be in the way of none');
is( $node->safe_psql(
		'postgres',
		q{SELECT history_start <= last_sample,
			last_sample BETWEEN clock_timestamp() - interval '2 s' AND clock_timestamp(),
			version = (SELECT extversion FROM pg_extension WHERE extname = 'replwatch')
		FROM replwatch_node()}),
	't|t|t',
	'its history has begun, its last sample is fresh');

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

$samples = count_samples($node, 1);
ok($samples >= 4 && $samples <= 12,
	"an idle server is looked at each 250 ms ($samples times in 2 s)");
$slower = count_samples($node);
ok($slower > $samples && $slower <= 30,
	"a busy one is looked at each 100 ms ($slower times in 2 s)");

set_interval($node, '10ms');
$samples = count_samples($node);
cmp_ok(
	$samples, '>',
	2 * $slower,
	"an interval of 10 ms holds from the reload on ($samples times in 2 s)");

set_interval($node, '10s');
Replwatch::wait_until(
	$node,
	"SELECT last_sample < clock_timestamp() - interval '2 s' FROM replwatch_node()",
	'samples are rare');
is( $node->safe_psql('postgres', 'SELECT worker_state FROM replwatch_node()'),
	'running',
	'a worker that samples each 10 s runs');

# It has some eight seconds to go.
set_interval($node, '100ms');
$begin = time();
Replwatch::wait_sampled($node);
cmp_ok(time() - $begin, '<', 4,
	'a shorter one holds from the reload on, too');

note '3. While there is none';

# A postmaster that stands still starts no other, so what is said then can be
# watched by a session that is there already.
my $session = $node->background_psql('postgres');
my $postmaster = $node->safe_psql('postgres',
	q{SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)});

kill 'STOP', $postmaster;
kill 'TERM', $pid;
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	$state = $session->query_safe(
		'SELECT worker_state, worker_pid FROM replwatch_node()');
	last if $state !~ /^running/;
	sleep(0.1);
}
is($state, 'starting|', 'a worker that has just gone is about to come back');

# A session that finds none for five seconds has one started, too.
$begin = time();
while (time() < $begin + 7)
{
	$session->query_safe('SELECT worker_state FROM replwatch_node()');
	sleep(0.5);
}
my $offset = -s $node->logfile;
kill 'CONT', $postmaster;

note '4. There is never more than one';

# The server starts its own again as well, a second later.
$node->wait_for_log(
	qr/background worker "replwatch sampler" \(PID \d+\) exited with exit code 0/,
	$offset);
$session->quit;
my $log = slurp_file($node->logfile, $offset);
my @processes =
  $log =~ /starting background worker process "replwatch sampler"/g;
my @workers = $log =~ /replwatch sampler started with/g;
is(@processes, 2, 'two have been started');
is(@workers, 1, 'one of them has begun to work');

Replwatch::wait_sampled($node);
isnt(worker_pid($node), $pid, 'it is a new one');
is(samplers($postmaster), worker_pid($node), 'nobody else is there');

done_testing();
