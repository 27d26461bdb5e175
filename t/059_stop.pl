# Copyright (c) 2026, the replwatch authors

# The worker never keeps a server from stopping, whatever the mode, and does
# not outlive it.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep stat);

# How long it may take, in seconds; nothing is written, so there is no more to
# do than to end.
my $at_once = 5;

sub worker_pid
{
	my ($node) = @_;

	Replwatch::wait_until(
		$node,
		"SELECT worker_state = 'running' FROM replwatch_node()",
		'the worker runs');
	return $node->safe_psql('postgres',
		'SELECT worker_pid FROM replwatch_node()');
}

# Is there such a process?  One that has ended counts as gone, even if nobody
# has asked how.
sub is_alive
{
	my ($pid) = @_;

	open my $stat, '<', "/proc/$pid/stat" or return 0;
	return (<$stat> // '') =~ /^\d+ \(.*\) [^ZX] /;
}

# Wait until a process has ended; how many seconds that took.
sub wait_for_end
{
	my ($pid) = @_;
	my $begin = time();

	while (is_alive($pid))
	{
		die "process $pid does not end"
		  if time() > $begin + $PostgreSQL::Test::Utils::timeout_default;
		sleep(0.05);
	}
	return time() - $begin;
}

# A worker that sleeps for long has to be woken.
my $primary =
  Replwatch::primary('primary', 'replwatch.sample_interval = 10s');
my $standby = Replwatch::standby($primary, 'replica1');
my ($pid, $begin);

note '1. Each mode, on a standby and on a primary with a standby';

foreach my $mode (qw(smart fast immediate))
{
	foreach my $node ($standby, $primary)
	{
		my $what = $node->name . " stopped in $mode mode";
		my $file = $node->data_dir . '/pg_stat/replwatch.history';
		my $offset = -s $node->logfile;

		# The standby has been stopped already when it is the primary's turn.
		$standby->start if $node eq $primary;
		Replwatch::wait_replayed($primary, $standby);

		$pid = worker_pid($node);
		$begin = time();
		$node->stop($mode);
		cmp_ok(time() - $begin, '<', $at_once, "$what: it stops at once");
		ok(!is_alive($pid), "$what: the worker is gone");
		if ($mode ne 'immediate')
		{
			cmp_ok(
				(stat($file))[9] // 0,
				'>',
				$begin - 0.1,
				"$what: the history is saved");
		}
		unlike(
			slurp_file($node->logfile, $offset),
			qr/could not .*replwatch|PANIC/,
			"$what: there is nothing to complain about");
	}
	$primary->start;
}

note '2. A postmaster that is killed takes its worker with it';

foreach my $node ($standby, $primary)
{
	my ($postmaster) =
	  slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;

	$pid = worker_pid($node);
	$node->kill9;
	cmp_ok(wait_for_end($pid), '<', 1.5,
		$node->name . ': the worker is gone within a second');

	# Others may need a moment longer, and then somebody has to notice.
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		last if !kill(0, $postmaster) && $node->start(fail_ok => 1);
		sleep(0.1);
	}
}
cmp_ok(worker_pid($primary), '>', 0, 'the primary can be started again');
cmp_ok(worker_pid($standby), '>', 0, 'and so can the standby');

done_testing();
