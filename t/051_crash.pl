# Copyright (c) 2026, the replwatch authors

# A crash, of the worker, of the primary or of a standby, costs at most what
# was seen since the files were last saved: the history goes on from where it
# began, a replica that was gone before is still gone, and its lag is still
# the truth.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Wait until a worker other than $pid runs, that is, has taken a sample since
# connections are accepted: one that it takes before may be without what was
# saved.
sub wait_other_worker
{
	my ($node, $pid) = @_;

	Replwatch::wait_until(
		$node,
		"SELECT worker_state = 'running' AND worker_pid <> $pid FROM replwatch_node()",
		"a worker other than $pid runs");
	Replwatch::wait_sampled($node);
	return;
}

# The history of $node begins at $start, as it did before, and not after what
# has just happened, at $end; and the replica that is gone is still remembered
# as it was, $before.
sub is_as_before
{
	my ($node, $start, $end, $before, $what) = @_;
	my $after = Replwatch::status($node, $before->{name});
	my $its_start = Replwatch::history_start($node);

	cmp_ok($its_start, '<', $end, "$what: the history goes on");
	Replwatch::is_between($its_start, $start, $start,
		"$what: its beginning is the same");
	is($after->{state}, 'missing', "$what: the replica is still missing");
	is($after->{$_}, $before->{$_}, "$what: its $_ is kept")
	  foreach qw(kind sent_lsn flush_lsn replay_lsn);
	return;
}

# Stop $replica, which $upstream knows, and wait until it is missed there.
sub stop_and_miss
{
	my ($upstream, $replica) = @_;
	my $name = $replica->name;

	# With known_after = 0 one sample is enough to be known.
	Replwatch::wait_sampled($upstream);
	$replica->stop;
	Replwatch::wait_until(
		$upstream,
		"SELECT state = 'missing' FROM replwatch_status() WHERE name = '$name'",
		"$name is missing");
	return;
}

my $primary = Replwatch::primary(
	'primary',
	'restart_after_crash = on',
	'replwatch.known_after = 0');
my $replica1 = Replwatch::standby($primary, 'replica1');
my $cascade1 = Replwatch::standby($replica1, 'cascade1');
my ($start, $end, $before, $burst, $offset, $pid, $log);

note '1. A replica is gone, WAL is written, and the files are saved';

my $writer = Replwatch::stop_background_writer($primary);
Replwatch::wait_replayed($primary, $replica1);
stop_and_miss($primary, $replica1);
$burst = Replwatch::burst($primary);
kill('CONT', $writer);
Replwatch::wait_saved($primary);
$start = Replwatch::history_start($primary);
$before = Replwatch::status($primary, 'replica1');
cmp_ok($before->{lag}, '>', 0, 'its lag grows');

note '2. SIGTERM to the worker: a new one starts, and nothing else happens';

$offset = -s $primary->logfile;
$pid = Replwatch::worker_pid($primary);
$end = Replwatch::now($primary);
kill 'TERM', $pid;

# Nobody is connected, so it is the postmaster that starts it, a second later,
# and no session that misses one.
Process::until_true(
	'a new worker starts',
	sub {
		my $other = Process::child($primary, 'replwatch sampler');
		return defined $other && $other != $pid;
	});
wait_other_worker($primary, $pid);
is_as_before($primary, $start, $end, $before, 'SIGTERM');
$log = slurp_file($primary->logfile, $offset);
unlike(
	$log,
	qr/WARNING|terminating any other active server processes/,
	'SIGTERM: the server does not restart, and logs no warning');

note '3. SIGKILL to the worker: the server restarts';

$offset = -s $primary->logfile;
$pid = Replwatch::worker_pid($primary);
$end = Replwatch::now($primary);
kill 'KILL', $pid;
$primary->wait_for_log(qr/database system is ready to accept connections/,
	$offset);
wait_other_worker($primary, $pid);
is_as_before($primary, $start, $end, $before, 'SIGKILL');
$log = slurp_file($primary->logfile, $offset);
like(
	$log,
	qr/background worker "replwatch sampler" \(PID $pid\) was terminated by signal 9/,
	'SIGKILL: the server logs which process was killed');
unlike($log, qr/could not .*replwatch/, 'SIGKILL: no file is in a bad state');

note '4. Crash of the primary';

$end = Replwatch::now($primary);
$primary->stop('immediate');
$offset = -s $primary->logfile;
$primary->start;
wait_other_worker($primary, 0);
is_as_before($primary, $start, $end, $before, 'crash');
like(
	slurp_file($primary->logfile, $offset),
	qr/replwatch sampler started with an LSN history of [1-9]\d* s/,
	'crash: the worker logs how far back its history goes');
Replwatch::lag_is_true($primary, 'replica1', $burst, 'after three restarts');

note '5. Crash of a standby that has a replica of its own';

$replica1->start;
Replwatch::wait_replayed($primary, $replica1);
Replwatch::wait_until(
	$replica1,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'cascade1'",
	'cascade1 streams');
Replwatch::wait_replayed($primary, $cascade1);
stop_and_miss($replica1, $cascade1);
Replwatch::wait_saved($replica1);
$start = Replwatch::history_start($replica1);
$before = Replwatch::status($replica1, 'cascade1');
$end = Replwatch::now($replica1);

$replica1->stop('immediate');
Replwatch::burst($primary);
$replica1->start;
wait_other_worker($replica1, 0);
is_as_before($replica1, $start, $end, $before, 'crash of a standby');
Replwatch::wait_until(
	$primary,
	"SELECT state = 'streaming' AND lag = '0' FROM replwatch_status() WHERE name = 'replica1'",
	"the standby has caught up in its primary's view");
Replwatch::wait_until(
	$replica1,
	"SELECT state = 'streaming' AND lag = '0' FROM replwatch_status() WHERE link = 'upstream'",
	'the standby has caught up in its own view');
is( $primary->safe_psql(
		'postgres',
		"SELECT count(*) FROM replwatch_status() WHERE name = 'replica1'"),
	1,
	'the standby that crashed is one replica, not two');

done_testing();
