# Copyright (c) 2026, the replwatch authors

# The worker never keeps a server from stopping, whatever the mode, and does
# not outlive it.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use StateFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# When $node logged that the alerts were judged, which is done in each sample.
sub judged_at
{
	my ($node, $offset) = @_;

	return Replwatch::logged_at($node, qr/DEBUG:  alerts were judged in/, $offset);
}

# Have the worker of $node take a sample, by a reload, so that it is going to
# sleep for ten seconds.  Returns its pid.
sub just_asleep
{
	my ($node) = @_;
	my $offset = -s $node->logfile;
	my ($asked, $row);

	Replwatch::wait_until(
		$node,
		"SELECT worker_state = 'running' FROM replwatch_node()",
		'the worker runs');
	$node->reload;
	$asked = Process::until_true('the reload has come',
		sub { (Replwatch::logged_at($node, qr/received SIGHUP/, $offset))[0] });

	# The log knows milliseconds only.
	Process::until_true(
		'a sample is taken',
		sub {
			($row) = Replwatch::rows($node,
				'SELECT extract(epoch FROM last_sample), worker_pid FROM replwatch_node()'
			);
			return $row->[0] > $asked + 0.001;
		});
	Process::until_true('the alerts are judged',
		sub { grep { $_ > $row->[0] - 0.001 } judged_at($node, $offset) });
	return $row->[1];
}

# The server tells of each sample.
my $primary = Replwatch::primary('primary', "log_timezone = 'UTC'",
	'log_min_messages = debug2');
my $standby = Replwatch::standby($primary, 'replica1');
my ($pid, $postmaster, $offset, @all);

# A worker that sleeps for long has to be woken.
Replwatch::set($_, "replwatch.sample_interval = '10s'")
  foreach $standby, $primary;

note '1. Each mode, on a standby and on a primary with a standby';

foreach my $mode (qw(smart fast immediate))
{
	foreach my $node ($standby, $primary)
	{
		my $what = $node->name . " stopped in $mode mode";
		my $log;

		# The standby has been stopped already when it is the primary's turn.
		$standby->start if $node eq $primary;
		Replwatch::wait_replayed($primary, $standby);

		$pid = just_asleep($node);
		$offset = -s $node->logfile;
		$node->stop($mode);
		ok(!Process::runs($pid), "$what: the worker is gone");
		if ($mode ne 'immediate')
		{
			my ($asked) =
			  Replwatch::logged_at($node, qr/received $mode shutdown request/, $offset);
			my $saved = StateFile::saved_at(StateFile::history_path($node));

			# It would have slept for most of ten seconds.
			cmp_ok($saved, '>=', $asked, "$what: the history is saved");
			cmp_ok($saved - $asked, '<', 5, "$what: the worker ends at once");
		}
		$log = slurp_file($node->logfile, $offset);
		unlike(
			$log,
			qr/could not .*replwatch|PANIC/,
			"$what: no warning is logged");
		unlike(
			$log,
			qr/to recalcitrant children/,
			"$what: no process has to be killed");
	}
	$primary->start;
}

note '2. The worker ends with a postmaster that is killed';

foreach my $node ($standby, $primary)
{
	$pid = just_asleep($node);

	# From then on no process is started.
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'",
		'the standby streams');
	$postmaster = Process::postmaster($node);
	@all = ($postmaster, Process::children($postmaster));
	$offset = -s $node->logfile;
	$node->kill9;
	Process::until_true('the worker has gone',
		sub { !Process::runs($pid) });
	is_deeply([ judged_at($node, $offset) ],
		[], $node->name . ': the worker is gone before its next sample');

	# Others may need a moment longer, and for the server one that has ended is
	# still there until somebody has noticed.
	Process::until_true('all processes have ended', sub { !kill(0, @all) });
	$node->start;
	cmp_ok(just_asleep($node), '>', 0,
		$node->name . ' can be started again');
}

done_testing();
