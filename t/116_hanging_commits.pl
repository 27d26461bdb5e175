# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Commits that hang although as many synchronous standbys are connected as they
# need: a pg_receivewal that confirms WAL only when a segment is complete, a
# standby with replay paused, a walreceiver that is stopped, and one of a quorum.
# The alert says which standby is waited for, at which stage, and for how long
# already.  Quiet are a commit that waits for less than the hold time, however
# often one does, and a busy server on which there is always one that waits.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Process;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use List::Util qw(max);
use Time::HiRes qw(sleep time);

my $primary = Replwatch::primary(
	'primary',
	'wal_sender_timeout = 1h',
	'replwatch.known_after = 0',
	"replwatch.alert_hold = '1s'",
	'replwatch.missing_timeout = 0',
	'replwatch.slot_inactive_timeout = 0');
my %standby = map {
	$_ => Replwatch::standby($primary, $_,
		conf => ["wal_receiver_status_interval = '1s'"])
} qw(alpha beta);

# In this session nothing waits.
my $admin = Session->new($primary);
$admin->query('SET synchronous_commit = local');

# Let commits wait for these standbys, who have all there is.
sub set_names
{
	my ($names) = @_;

	Replwatch::set($primary, "synchronous_standby_names = '$names'");
	Replwatch::wait_until($primary,
		'SELECT sync_wanted > 0 AND sync_connected >= sync_wanted FROM replwatch_node()',
		"$names are connected");
	return;
}

# A session in which a commit waits.
sub begin_commit
{
	my ($level) = @_;
	my $session = Session->new($primary);

	$session->query("SET synchronous_commit = $level");
	$session->ask("INSERT INTO burst VALUES ('waits')");
	return $session;
}

# Wait until the alert is raised with this detail and this hint, in SQL and in
# the log.
my $raised = 0;

sub hangs
{
	my ($detail, $hint, $what) = @_;
	my $row;

	$raised++;
	$row = Alerts::raised_with(
		$primary, 'sync_short', 'primary',
		severity => 'critical',
		story => join(', ', ('raised critical, cleared') x ($raised - 1),
			'raised critical'),
		detail => $detail,
		hint => $hint,
		what => $what);
	like($row->{value}, qr/^00:00:\d\d$/, "$what: the value");
	is($row->{threshold}, '00:00:01', "$what: the limit");
	return;
}

sub is_over
{
	my ($what, @sessions) = @_;

	ok(!$_->answer->{message}, "$what: the commit is done") foreach @sessions;
	Alerts::alert_when($primary, 'sync_short', 'primary', 'cleared',
		"$what: the alert is cleared");
	Alerts::story_is(
		$primary, 'sync_short', 'primary',
		join(', ', ('raised critical, cleared') x $raised),
		"$what: the log says so");
	return;
}

# How such details begin.
sub waiting
{
	my ($number) = @_;

	return qr/^Commits waiting: $number, the oldest for 00:00:\d\d\. The oldest is not yet/;
}


note '1. replay is paused';

set_names('alpha');
Replwatch::pause_replay($primary, $standby{alpha});
my @sessions = map { begin_commit('remote_apply') } 1, 2;
my $begin = waiting(2);
hangs(
	qr/$begin replayed by "alpha" \(\d+ (bytes|kB) behind\)\./,
	qr/^Look at replwatch_status\(\) on "alpha": replay may be paused or blocked there\. See /,
	'replay is paused');

# Nobody waits for more than the others do.
ok(!begin_commit('on')->answer->{message}, 'a commit that need not be replayed is done');
is($admin->value('SELECT commits_waiting FROM replwatch_node()'),
	2, 'the two go on waiting');
Replwatch::value($standby{alpha}, 'SELECT pg_wal_replay_resume()');
is_over('replay is resumed', @sessions);


note '2. a walreceiver is stopped';

my $receiver = Replwatch::process($standby{alpha}, 'walreceiver');
Process::stop($receiver);
@sessions = begin_commit('on');
$begin = waiting(1);
hangs(
	qr/$begin flushed by "alpha" \(\d+ (bytes|kB) behind\)\./,
	qr/^Check "alpha" and the network to it, or remove it from "synchronous_standby_names"\. See /,
	'a walreceiver is stopped');


note '3. one of a quorum';

# The commit is done now, although its standby is still stopped.
set_names('ANY 1 (alpha, beta)');
is_over('any one is enough', @sessions);

# All of two: one that has it all is none that is waited for.
set_names('ANY 2 (alpha, beta)');
@sessions = begin_commit('remote_write');
hangs(
	qr/$begin written by "alpha" \(\d+ (bytes|kB) behind\)\./,
	qr/^Check "alpha" and the network to it/,
	'one of a quorum of two is stopped');
kill 'CONT', $receiver;
is_over('the walreceiver goes on', @sessions);


note '4. pg_receivewal';

$admin->query(
	"SELECT pg_create_physical_replication_slot('archive', true)");
my $archive =
  Replwatch::start_client('pg_receivewal', '--no-loop', '--slot', 'archive',
	'--status-interval=1', '-D', $primary->backup_dir, '-d',
	$primary->connstr . ' application_name=archive');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'archive' AND state = 'streaming'",
	'it streams');
set_names('archive');
@sessions = begin_commit('on');
hangs(
	qr/$begin flushed by "archive" \(\d+ (bytes|kB|MB) behind\)\./,
	qr/^If "archive" is pg_receivewal, run it with --synchronous; or remove it from "synchronous_standby_names"\. See /,
	'it confirms complete segments only');
$admin->query('SELECT pg_switch_wal()');
is_over('a segment is complete', @sessions);
$archive->signal('INT');
$archive->finish;


note '5. quiet';

# Each commit waits for less than the hold time, and there is always one that
# does, for several times the hold time.  On a machine that is too busy, one may
# wait for longer.
set_names('alpha');
Replwatch::set($standby{alpha}, "recovery_min_apply_delay = '400ms'");
my @busy = map { Session->new($primary) } 1 .. 4;
my $longest = 0;
my @start;
foreach my $i (0 .. $#busy)
{
	$busy[$i]->query('SET synchronous_commit = remote_apply');
	$start[$i] = time();
	$busy[$i]->ask("INSERT INTO burst VALUES ('busy')");
	sleep(0.1);
}
my $until = time() + 3;
while (time() < $until)
{
	foreach my $i (0 .. $#busy)
	{
		$busy[$i]->answer;
		$longest = max($longest, time() - $start[$i]);
		$start[$i] = time();
		$busy[$i]->ask("INSERT INTO burst VALUES ('busy')");
	}
}
$_->answer foreach @busy;
Replwatch::set($standby{alpha}, 'recovery_min_apply_delay = 0');
Alerts::wait_judged($primary);
SKIP:
{
	skip "a commit took $longest s", 1 if $longest >= 1;
	is( Alerts::story($primary, 'sync_short', 'primary'),
		join(', ', ('raised critical, cleared') x $raised),
		'nothing is said of commits that wait for less than the hold time');
}
Replwatch::wait_until(
	$primary,
	"SELECT NOT EXISTS (SELECT FROM replwatch_alerts() WHERE state = 'firing')",
	'nothing fires');
my $before = Alerts::story($primary, 'sync_short', 'primary');

# One that waits, but not for as long.
Replwatch::set($primary, "replwatch.alert_hold = '1h'");
Replwatch::value($standby{alpha}, 'SELECT pg_wal_replay_pause()');
Replwatch::wait_until(
	$standby{alpha},
	"SELECT pg_get_wal_replay_pause_state() = 'paused'",
	'replay is paused');
@sessions = begin_commit('remote_apply');
Replwatch::wait_until(
	$primary,
	'SELECT commits_waiting = 1 FROM replwatch_node()',
	'a commit waits for less than the hold time');
Alerts::wait_judged($primary);
Replwatch::value($standby{alpha}, 'SELECT pg_wal_replay_resume()');
ok(!$sessions[0]->answer->{message}, 'it is done');
Alerts::wait_judged($primary);
is(Alerts::story($primary, 'sync_short', 'primary'),
	$before, 'nothing is said of it');
is($admin->value('SELECT commits_waiting FROM replwatch_node()'),
	0, 'nobody waits');
Alerts::agree($primary, 'the log and SQL say the same');

done_testing();
