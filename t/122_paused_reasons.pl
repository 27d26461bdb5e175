# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Why replay is paused: by hand, at a recovery target, or because a setting of
# the primary has been raised above this standby's.  Resuming goes on with
# replay in the first case, promotes in the second, and stops the server in the
# third, so the reason, the alert and its HINT differ.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Process;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'max_connections = 30',
	'max_locks_per_transaction = 64',
	'wal_keep_size = 64MB',
	"replwatch.lag_warning = '10min'",
	"replwatch.stall_timeout = '10min'",
	'replwatch.missing_timeout = 0');
my @conf =
  ("replwatch.alert_hold = '200ms'", "replwatch.stall_timeout = '100ms'");

# By hand; raised on the primary; one of the latter that can't say which.
my $standby = Replwatch::standby($primary, 'hand', conf => \@conf);
my $low = Replwatch::standby($primary, 'low', conf => \@conf);
my $mute = Replwatch::standby($primary, 'mute',
	conf => [ @conf, 'replwatch.wake_on_replay = off' ]);

# One that stops at a restore point.
my $target = Replwatch::standby($primary, 'target',
	conf => [ @conf, "replwatch.stall_timeout = '10min'" ],
	start => 0);
$target->append_conf('postgresql.conf',
	"recovery_target_name = 'stop here'\nrecovery_target_timeline = 'current'\n"
);

# Wait for the row and the alert of a paused standby.
sub is_paused
{
	my ($node, %is) = @_;
	my $name = $node->name;
	my $row = Replwatch::row_when(
		$node, $name,
		'upstream',
		"$name is paused",
		sub { ($_[0]->{reason_code} // '') eq $is{code} });
	like($row->{reason}, $is{reason}, "$name: the reason");

	$row = Alerts::alert_when($node, 'replay_paused', $name, 'warning',
		"$name: the alert is raised");
	like($row->{detail}, $is{detail}, "$name: its detail in SQL");
	Alerts::story_is($node, 'replay_paused', $name, 'raised warning',
		"$name: the log has it");
	my ($event) = Alerts::log_events($node, 'replay_paused');
	like($event->{detail}, $is{detail}, "$name: its detail in the log");
	like($event->{hint},   $is{hint},   "$name: its hint");
	return;
}

note '1. by hand';

Replwatch::pause_replay($primary, $standby);
Replwatch::burst($primary);
is_paused(
	$standby,
	code => 'paused',
	reason => qr/^replay is paused; run pg_wal_replay_resume\(\)/,
	detail => qr/^Replay is paused, with \d+ (bytes|kB) to replay\.$/,
	hint => qr/^Run pg_wal_replay_resume\(\)\. See "replay_paused" in /);
Replwatch::value($standby, 'SELECT pg_wal_replay_resume()');
Alerts::alert_when($standby, 'replay_paused', 'hand', 'cleared', 'it clears');
Replwatch::row_when_current($standby, 'hand', 'upstream');

note '2. at a target';

# Paused by hand before that, it is paused by hand.
$target->start;
Replwatch::pause_replay($primary, $target);
Replwatch::burst($primary);
Replwatch::row_when(
	$target, 'target',
	'upstream',
	'before the target it is paused by hand',
	sub { ($_[0]->{reason_code} // '') eq 'paused' });
Replwatch::value($target, 'SELECT pg_wal_replay_resume()');
Replwatch::row_when_current($target, 'target', 'upstream');
Replwatch::set($target, "replwatch.stall_timeout = '100ms'");
$primary->safe_psql('postgres', q{SELECT pg_create_restore_point('stop here')});
Replwatch::burst($primary);
is_paused(
	$target,
	code => 'paused_at_target',
	reason =>
	  qr/^replay is paused at the recovery target; pg_wal_replay_resume\(\) promotes this server/,
	detail =>
	  qr/^Replay is paused at the recovery target, with \d+ (bytes|kB) to replay\.$/,
	hint =>
	  qr/^Run pg_wal_replay_resume\(\) to end recovery and promote this server; to replay more WAL instead, change the recovery target and restart it\./
);
Replwatch::value($target, 'SELECT pg_wal_replay_resume()');
Alerts::alert_when($target, 'replay_paused', 'target', 'cleared',
	'promoted, it clears');
is($target->safe_psql('postgres', 'SELECT pg_is_in_recovery()'),
	'f', 'resuming has promoted it');

note '3. for settings';

# Standbys that are connected before that replay it.
$primary->append_conf('postgresql.conf',
	"max_connections = 47\nmax_locks_per_transaction = 96\n");
$primary->restart;
Replwatch::burst($primary);
my $why =
  'The setting "max_connections" is 30 here and 47 on the primary server\. The setting "max_locks_per_transaction" is 64 here and 96 on the primary server\.';
is_paused(
	$low,
	code => 'paused_for_setting',
	reason =>
	  qr/^replay is paused until this server is restarted with max_connections = 47 \(now 30\), max_locks_per_transaction = 96 \(now 64\)/,
	detail => qr/^Replay is paused, with \d+ (bytes|kB) to replay\. $why$/,
	hint =>
	  qr/^Set "max_connections" to at least 47\. Set "max_locks_per_transaction" to at least 96\. Then restart this server; pg_wal_replay_resume\(\) would only shut it down\./
);
is_paused(
	$mute,
	code => 'paused_for_setting',
	reason =>
	  qr/^replay is paused because a setting is lower than on the primary server; the server log says which/,
	detail =>
	  qr/^Replay is paused, with \d+ (bytes|kB) to replay\. A setting is lower than on the primary server\.$/,
	hint =>
	  qr/^Raise the setting that the server log names\. Then restart this server; /
);

# Resuming stops it, as the hint says; with the settings it goes on.
my $postmaster = Process::postmaster($low);
$low->psql('postgres', 'SELECT pg_wal_replay_resume()');
Process::until_true('the server has stopped',
	sub { !Process::runs($postmaster) });
pass('resuming stops it');
$low->_update_pid(0);
$low->append_conf('postgresql.conf',
	"max_connections = 47\nmax_locks_per_transaction = 96\n");
$low->start;
Replwatch::row_when_current($low, 'low', 'upstream');
pass('with these settings it goes on');

# Whether the alert was saved by the server that stopped is not known.
Replwatch::wait_until(
	$low,
	"SELECT NOT EXISTS (SELECT FROM replwatch_alerts() WHERE alert = 'replay_paused' AND state = 'firing')",
	'no alert is left');

$mute->stop('immediate');
done_testing();
