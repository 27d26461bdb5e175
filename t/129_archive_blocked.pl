# Copyright (c) 2026, the replwatch authors
# matrix: every major

# What holds replay back on a standby to which nobody streams.  Nothing that it
# knows of is missing there, because nobody reports what there is; but it does
# not look for more WAL before it has done with what it has.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary('primary', 'checkpoint_timeout = 1h');
$primary->enable_archiving;
$primary->restart;
$primary->safe_psql('postgres',
	'CREATE TABLE t (i int); INSERT INTO t SELECT generate_series(1, 1000)');

my $fed = Replwatch::standby(
	$primary, 'fed',
	start => 0,
	conf => [
		"primary_conninfo = ''",
		'wal_retrieve_retry_interval = 100ms',
		q(restore_command = 'cp ") . $primary->archive_dir . q(/%f" "%p"'),
		'max_standby_archive_delay = -1'
	]);
$fed->start;

sub archive_up_to_now
{
	my $lsn = Replwatch::value($primary, 'SELECT pg_current_wal_lsn()');

	Replwatch::value($primary, 'SELECT pg_switch_wal()');
	return $lsn;
}

sub reason_is
{
	my ($node, $code, $what) = @_;

	return Replwatch::row_when($node, $node->name, 'upstream', $what,
		sub { ($_[0]->{reason_code} // '') eq $code });
}

note '1. a session';

Replwatch::wait_until($fed,
	"SELECT pg_last_wal_replay_lsn() >= '" . archive_up_to_now() . "'",
	'the table is there');
my $holder = Session->new($fed);
$holder->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
$holder->value('SELECT count(*) FROM t');
$primary->safe_psql('postgres', 'DELETE FROM t; VACUUM (TRUNCATE false) t');
archive_up_to_now();

my $row = reason_is($fed, 'conflict', 'the conflict is the reason');
my $pid = $holder->pid;
like(
	$row->{reason},
	qr/^replay waits for a snapshot of process $pid; its query began .* ago: SELECT count/,
	'it names the session and its query');
is($row->{lag_bound}, 'at most', 'how old what is read is stays a bound');
is( Replwatch::value(
		$fed, 'SELECT replay_blocked_by[1] FROM replwatch_node()'),
	$pid,
	'and so does replay_blocked_by');
$holder->vanish;
$row = reason_is($fed, 'from_archive', 'replay goes on');

note '2. recovery_min_apply_delay';

Replwatch::set($fed, "recovery_min_apply_delay = '1h'");
$primary->safe_psql('postgres', 'INSERT INTO t VALUES (1)');
archive_up_to_now();
reason_is($fed, 'apply_delay', 'the delay is the reason');
$fed->stop;

note '3. a pause, during which no connection is made';

my $standby = Replwatch::standby(
	$primary,
	'standby',
	conf => [
		"replwatch.alert_hold = '200ms'",
		"replwatch.upstream_timeout = '1s'",
		'wal_retrieve_retry_interval = 100ms'
	]);
Replwatch::row_when_current($standby, 'standby', 'upstream');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
Replwatch::wait_until($standby,
	"SELECT pg_get_wal_replay_pause_state() = 'paused'", 'it is paused');
Replwatch::value($primary,
	'SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
$row = reason_is($standby, 'paused', 'the pause is the reason');
my $alert = Alerts::alert_when($standby, 'upstream_down', 'standby',
	'firing', 'that it does not stream is told');

# With WAL that came after the pause, such as a record of running transactions,
# the lag is known exactly, and may be growing.
like(
	$alert->{detail},
	qr/^This standby has not streamed for 00:\d\d:\d\d\. Replay is paused; run pg_wal_replay_resume\(\)(?:; falling further behind)?\. Data read here is stale by (?:at most )?00:\d\d:\d\d\.$/,
	'with the pause');
my ($event) = Alerts::log_events($standby, 'upstream_down');
like($event->{hint}, qr/^Run pg_wal_replay_resume\(\)\. See /, 'and what to do');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
Replwatch::row_when_current($standby, 'standby', 'upstream');
Alerts::alert_when($standby, 'upstream_down', 'standby', 'cleared',
	'resumed, it connects');

done_testing();
