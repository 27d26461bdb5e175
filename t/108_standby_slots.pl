# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Slots on a standby.  Copies that somebody keeps moving there for after a
# failover, a tool by pg_replication_slot_advance() or, from 17 on, the server
# itself, raise no alert.  Those that nobody moves do, as on a primary, and so do
# copies that are not synchronized any more.  All of it goes on when the standby
# starts again or is promoted.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;
use Time::HiRes qw(sleep);

my $timeout = 2;
my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'replwatch.known_after = 0',
	"replwatch.alert_hold = '500ms'",
	"replwatch.slot_inactive_timeout = '${timeout}s'",
	"replwatch.slot_retained = 1kB",
	"replwatch.replica_overrides = 'old_copy: missing_timeout=1s; used: missing_timeout=1s; failover1: slot_inactive_timeout=1h'",
	"replwatch.upstream_timeout = 0");
my $standby = Replwatch::standby(
	$primary,
	'standby1',
	slot => 1,
	conf =>
	  [ 'hot_standby_feedback = on', "wal_receiver_status_interval = '1s'" ]);
my $major = $primary->pg_version->major;

note '1. copies';

$primary->safe_psql('postgres', 'CHECKPOINT');
Replwatch::wait_replayed($primary, $standby);
$standby->safe_psql('postgres', 'CHECKPOINT');
$standby->safe_psql(
	'postgres', q{
	SELECT pg_create_physical_replication_slot('copy', true);
	SELECT pg_create_physical_replication_slot('old_copy', true);
	SELECT pg_create_physical_replication_slot('used', true);
});

my $synced = 0;
if ($major >= 17)
{
	my $conninfo =
	  $primary->connstr('postgres') . ' application_name=standby1';

	$conninfo =~ s/'/''/g;
	Replwatch::set(
		$standby,
		"primary_conninfo = '$conninfo'",
		'sync_replication_slots = on');
	$primary->safe_psql('postgres',
		"SELECT pg_create_logical_replication_slot('failover1', 'test_decoding', false, false, true)"
	);
	$synced = 1;
}

my $client =
  Replwatch::start_client('pg_receivewal', '--no-loop', '--slot', 'used',
	'--directory', $standby->backup_dir, '--dbname', $standby->connstr);
Replwatch::wait_until(
	$standby,
	"SELECT active FROM pg_replication_slots WHERE slot_name = 'used'",
	'a slot is used on the standby');

Alerts::wait_judged($standby);

# What a failover manager does each few seconds.
sub advance_copy
{
	Replwatch::burst($primary);
	Replwatch::wait_replayed($primary, $standby);
	$standby->safe_psql('postgres',
		"SELECT pg_replication_slot_advance('copy', pg_last_wal_replay_lsn())"
	);
	return;
}

advance_copy() for 1 .. 3;

# A synchronized slot is a temporary one until it has caught up.
if ($synced)
{
	Process::until_true(
		'a slot is synchronized',
		sub {
			advance_copy();
			$primary->safe_psql('postgres',
				"SELECT pg_log_standby_snapshot(); SELECT pg_replication_slot_advance('failover1', pg_current_wal_lsn())"
			);
			sleep(0.3);
			return Replwatch::value($standby,
				"SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'failover1' AND NOT temporary"
			) == 1;
		});
	my $confirmed = Replwatch::value($primary,
		"SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'failover1'"
	);
	Replwatch::wait_until(
		$standby,
		"SELECT confirmed_flush_lsn = '$confirmed' FROM pg_replication_slots WHERE slot_name = 'failover1'",
		'it moves no more');
	advance_copy();
}

Alerts::wait_judged($standby);
$client->signal('INT');
$client->finish;


note '2. slots that nobody moves';

foreach my $slot (qw(old_copy used))
{
	my $row;

	Process::until_true(
		"$slot is alerted",
		sub {
			advance_copy();
			return Alerts::alert($standby, 'slot_inactive', $slot)
			  && Alerts::alert($standby, 'slot_at_risk', $slot);
		});
	Alerts::story_is(
		$standby, 'slot_inactive', $slot,
		'raised warning',
		"$slot: the log says so");
	my ($event) = Alerts::log_events($standby, 'slot_inactive', $slot);
	like(
		$event->{detail},
		qr/^The slot has not moved for 00:00:\d\d and retains \d+ \w+ of WAL\. /,
		"$slot: the detail");
	is(Replwatch::status($standby, $slot)->{health},
		'warning', "$slot: its health");
}
like(
	(Alerts::log_events($standby, 'slot_inactive', 'old_copy'))[0]->{hint},
	qr/^If it is left over from when this server was a primary, run pg_drop_replication_slot\('old_copy'\); if it is kept for a failover, see why nothing moves it\. /,
	'old_copy: the hint');
foreach my $slot ('copy', $synced ? 'failover1' : ())
{
	my $row = Replwatch::status($standby, $slot);

	is($row->{state}, 'inactive', "$slot: nobody uses it");
	is($row->{health}, 'ok', "$slot: its health");
	is(Alerts::story($standby, $_, $slot), '', "$slot: no $_ is raised")
	  foreach qw(slot_inactive slot_at_risk);
}

if ($synced)
{
	# The primary's own does not move any more.
	Replwatch::set($standby, "replwatch.replica_overrides = ''");
	Process::until_true(
		'a copy that does not move is alerted',
		sub {
			advance_copy();
			return Alerts::alert($standby, 'slot_inactive', 'failover1');
		});
	like(
		Alerts::alert($standby, 'slot_inactive', 'failover1')->{detail},
		qr/^The slot has not moved for .* Slot synchronization works, so it does not move on the primary server either\.$/,
		'failover1: the detail');

	Replwatch::set($standby, 'sync_replication_slots = off');
	Process::until_true(
		'a copy that is not synchronized any more',
		sub {
			return Alerts::alert($standby, 'slot_inactive', 'failover1')
			  ->{detail} =~
			  /It is synchronized from the primary server, but "sync_replication_slots" is off\.$/;
		});
	Replwatch::set($standby, 'sync_replication_slots = on');
	Process::until_true(
		'it moves again and is cleared',
		sub {
			advance_copy();
			$primary->safe_psql('postgres',
				"SELECT pg_log_standby_snapshot(); SELECT pg_replication_slot_advance('failover1', pg_current_wal_lsn())"
			);
			return Alerts::alert($standby, 'slot_inactive', 'failover1')
			  ->{state} eq 'cleared';
		});
}

# What has not moved before a restart has not done so by it.
$standby->restart;
Replwatch::wait_until(
	$standby,
	"SELECT worker_state = 'running' FROM replwatch_node()",
	'the worker runs again');
Alerts::wait_held($standby);
Alerts::story_is(
	$standby, 'slot_inactive', 'old_copy',
	'raised warning',
	'a restart does not clear an alert');


SKIP:
{
	skip 'there is no logical decoding on a standby before 16', 5
	  if $major < 16;

	note '3. a slot that conflicts with replay';

	# The other one on the primary needs the same rows.
	$primary->safe_psql('postgres',
		"SELECT pg_drop_replication_slot('failover1')")
	  if $synced;
	# Making the slot waits for a record that the primary writes now and then.
	my $creation =
	  Replwatch::start_client('pg_recvlogical', '-d',
		$standby->connstr('postgres'),
		'-S', 'conflicts', '-P', 'test_decoding', '--create-slot');
	Replwatch::wait_until(
		$standby,
		"SELECT count(*) = 1 FROM pg_replication_slots WHERE slot_name = 'conflicts' AND restart_lsn IS NOT NULL",
		'the slot is being made');
	$primary->safe_psql('postgres', 'SELECT pg_log_standby_snapshot()');
	$creation->finish;

	my $subscriber =
	  Replwatch::start_client('pg_recvlogical', '-d',
		$standby->connstr('postgres'),
		'-S', 'conflicts', '--start', '--no-loop', '-f', '/dev/null');
	Replwatch::wait_until(
		$standby,
		"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'conflicts'",
		'a subscriber streams from the standby');
	Alerts::wait_judged($standby);

	# Without feedback the rows go that it would need.
	Replwatch::set($standby, 'hot_standby_feedback = off');
	Replwatch::wait_until(
		$primary,
		"SELECT bool_and(xmin IS NULL AND catalog_xmin IS NULL) FROM pg_replication_slots WHERE slot_name = 'standby1'",
		'there is no feedback any more');
	$primary->safe_psql('postgres',
		'CREATE TABLE dropped (); DROP TABLE dropped');
	$primary->safe_psql('postgres', 'VACUUM FULL pg_class');
	$primary->safe_psql('postgres', 'VACUUM pg_class');
	Replwatch::burst($primary);
	my $row =
	  Alerts::alert_when($standby, 'slot_lost', 'conflicts', 'critical',
		'the slot is lost');
	$subscriber->finish;
	Alerts::story_is(
		$standby, 'slot_lost', 'conflicts',
		'raised critical',
		'it is critical');
	my ($event) = Alerts::log_events($standby, 'slot_lost', 'conflicts');
	like(
		$event->{detail},
		qr/^The slot was invalidated \(rows_removed\) 00:\d\d:\d\d ago\. It retained \d+ \w+ of WAL\.$/,
		'the detail says why');
	like(
		$event->{hint},
		qr/^Turn on "hot_standby_feedback", run pg_drop_replication_slot\('conflicts'\), and rebuild its replica\./,
		'the hint names the setting');
	is(Replwatch::status($standby, 'conflicts')->{health},
		'critical', 'its health');
	$standby->safe_psql('postgres',
		"SELECT pg_drop_replication_slot('conflicts')");
	Alerts::alert_when($standby, 'slot_lost', 'conflicts', 'cleared',
		'it is dropped');
	Alerts::story_is(
		$standby, 'slot_lost', 'conflicts',
		'raised critical, cleared',
		'the log says that it is cleared');
}


note '4. promoted';

Replwatch::set($standby, 'replwatch.slot_retained = 0');
$standby->promote;
Replwatch::burst($standby);
Alerts::alert_when($standby, 'slot_inactive', $_, 'warning',
	"$_ is one of a primary now")
  foreach qw(copy old_copy);
Alerts::story_is(
	$standby, 'slot_inactive', 'old_copy',
	'raised warning',
	'that of one which nobody moved goes on');
Alerts::agree($standby, 'the log and SQL say the same');

done_testing();
