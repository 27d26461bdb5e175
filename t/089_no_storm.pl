# Copyright (c) 2026, the replwatch authors
# matrix: every major

# A reply of a replica wakes the sessions that it is news for, and no others.  A
# crowd waits for two replicas where only one is connected: the replies of that one
# say nothing that they do not know, however many there are.  When the other one
# comes, all of them are woken; and a session that waits for one replica does not have
# to wait behind them.  Sessions look for themselves only once a minute, and no
# statement of theirs may take that long: one that is not woken gets an error.

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
my $many = $soak ? 200 : 30;
my $commits = $soak ? 20_000 : 1_000;
my $cycles = $soak ? 5_000 : 200;

# A session that has statistics to report would be woken for that.  The other timeout
# is less than a session sleeps that is not woken.
my %quiet = (track_counts => 'off');
my %woken = (statement_timeout => '55s', %quiet);

my $primary = Replwatch::primary(
	'primary',
	'max_connections = ' . (2 * $many + 30),
	'wal_keep_size = 256MB',
	'fsync = off',
	'replwatch.wait_recheck = 1min');
my ($replica1, $replica2) = map {
	Replwatch::standby($primary, $_,
		conf => ['wal_retrieve_retry_interval = 100ms'])
} qw(replica1 replica2);
$replica2->stop;
my $writer = Session->new($primary);
my @stages = qw(write flush replay);

# A process that may stand still when the test ends.
my $receiver;

END
{
	kill 'CONT', $receiver if $receiver;
}

# A commit, and where it ends.
sub commit
{
	$writer->value("SELECT pg_logical_emit_message(true, 'storm', 'x')");
	return $writer->value('SELECT replwatch_commit_lsn()');
}

sub write_much
{
	commit() foreach 1 .. $commits;
	Replwatch::wait_replayed($primary, $replica1);
	return;
}

# So many sessions with these settings that wait for two replicas, each for a commit
# of its own.  Returns them when all of them sleep.
sub crowd
{
	my @crowd = map { Session->new($primary, @_) } 1 .. $many;

	foreach my $i (0 .. $#crowd)
	{
		my $lsn = commit();

		$crowd[$i]->ask(
			"SELECT replwatch_wait_for_replicas('$lsn', 2, '$stages[$i % 3]', '1 day')"
		);
	}
	my $pids = join ', ', map { $_->pid } @crowd;
	Replwatch::wait_until($primary,
		"SELECT count(*) = $many FROM replwatch_waiters() WHERE pid IN ($pids)",
		"$many wait");
	Replwatch::wait_replayed($primary, $replica1);
	Process::until_true('all of them sleep',
		sub { my $before = naps(@crowd); sleep 1; naps(@crowd) == $before });
	return @crowd;
}

# How often these sessions have gone to sleep.
sub naps
{
	my $sum = 0;

	foreach my $session (@_)
	{
		my $status = slurp_file('/proc/' . $session->pid . '/status');

		$status =~ /^voluntary_ctxt_switches:\s*(\d+)/m or die $status;
		$sum += $1;
	}
	return $sum;
}

# No session of the crowd has been woken more than once while something happened.
sub sleeps_on
{
	my ($crowd, $what, $happens) = @_;
	my $before = naps(@$crowd);

	$happens->();
	my $more = naps(@$crowd) - $before;
	note("$what: the crowd was woken $more times");
	cmp_ok($more, '<=', scalar @$crowd, "$what: the crowd sleeps on");
	return;
}

my @crowd = crowd(%quiet);


note '1. commits of others';

sleeps_on(\@crowd, "$commits commits", \&write_much);
ok((!grep { !$_->silent } @crowd), 'all of them wait');


note '2. a session that waits for one replica';

{
	my $client = Session->new($primary, %woken);
	my %seen;

	sleeps_on(
		\@crowd,
		"$cycles waits for one replica",
		sub {
			foreach my $i (1 .. $cycles)
			{
				my $lsn = commit();

				$seen{
					verdict(
						$client->query(
							"SELECT replwatch_wait_for_replicas('$lsn', 1, '$stages[$i % 3]', '1 day')"
						))
				}++;
			}
		});
	is(join(', ', keys %seen), '1', 'each of them has ended');
}


note '3. some leave';

{
	my @cancelled = splice @crowd, 0, 5;
	my @terminated = splice @crowd, 0, 5;
	my $left = @crowd;

	$writer->value('SELECT pg_cancel_backend(' . $_->pid . ')')
	  foreach @cancelled;
	$writer->value('SELECT pg_terminate_backend(' . $_->pid . ')')
	  foreach @terminated;
	is(outcomes(@cancelled),
		'5 x 57014 canceling statement due to user request',
		'waits can be cancelled');
	is(outcomes(@terminated),
		'5 x 57P01 terminating connection due to administrator command',
		'sessions can be terminated');
	Replwatch::wait_until($primary,
		"SELECT count(*) = $left FROM replwatch_waiters()",
		'nobody else is among the waiters');
	is( Replwatch::value(
			$primary,
			"SELECT count(*) FROM pg_locks WHERE locktype = 'virtualxid' AND pid NOT IN (SELECT pid FROM pg_stat_activity)"
		),
		'0',
		'they leave no lock behind');
	sleeps_on(\@crowd, "$commits commits", \&write_much);
}


note '4. the other replica comes';

@crowd = crowd(%woken);
$replica2->start;
is(outcomes(@crowd), scalar(@crowd) . ' x 2', 'all waits end');


note '5. replicas go and come back';

$replica2->stop;
@crowd = crowd(%woken);
$replica1->stop;
ok((!grep { !$_->silent } @crowd), 'all of them wait');
$replica2->start;
Replwatch::wait_until($primary,
	"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'replica2' AND state = 'streaming' AND replay_lsn >= pg_current_wal_flush_lsn()",
	'the other one has caught up');
ok((!grep { !$_->silent } @crowd), 'one at a time is not enough');
$replica1->start;
is(outcomes(@crowd), "$many x 2", 'both are');

# A crowd that waits for a commit at this stage.
sub crowd_for_one
{
	my ($stage) = @_;
	my @crowd = map { Session->new($primary, %woken) } 1 .. $many;
	my $lsn = commit();

	$_->ask("SELECT replwatch_wait_for_replicas('$lsn', 2, '$stage', '1 day')")
	  foreach @crowd;
	Replwatch::wait_until($primary,
		"SELECT count(*) = $many FROM replwatch_waiters()",
		"$many wait");
	return ($lsn, @crowd);
}

sub wait_reported
{
	my ($name, $lsn) = @_;

	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = '$name' AND flush_lsn >= '$lsn'",
		"$name has reported it");
	return;
}

# One that they have been woken for goes, the other one gets there, and the first
# comes back, to the same place among the walsenders: that is news.
$receiver = Process::child($replica2, 'walreceiver');
Process::stop($receiver);
(my $lsn, @crowd) = crowd_for_one('flush');
wait_reported('replica1', $lsn);
$replica1->stop;
kill('CONT', $receiver);
wait_reported('replica2', $lsn);
ok((!grep { !$_->silent } @crowd), 'all of them wait');
$replica1->start;
is(outcomes(@crowd), "$many x 2", 'one that had it before comes back');

# All for one LSN.
Replwatch::pause_replay($primary, $_) foreach $replica1, $replica2;
($lsn, @crowd) = crowd_for_one('replay');
foreach my $replica ($replica1, $replica2)
{
	ok((!grep { !$_->silent } @crowd), 'all of them wait');
	Replwatch::value($replica, 'SELECT pg_wal_replay_resume()');
}
is(outcomes(@crowd), "$many x 2", 'all are woken for one LSN');
is(Replwatch::value($primary, 'SELECT count(*) FROM replwatch_waiters()'),
	'0', 'nobody is left among the waiters');

done_testing();
