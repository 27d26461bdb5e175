# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Slots on a standby.  Copies that somebody keeps there for after a failover,
# a tool by pg_replication_slot_advance() or, from 17 on, the server itself,
# are no business of the alerts: not there, and not at once when the standby is
# promoted either.  A slot that a walsender has used on this server is, until
# the server starts again.

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
	"replwatch.upstream_timeout = 0");
my $standby = Replwatch::standby(
	$primary,
	'standby1',
	slot => 1,
	conf =>
	  [ 'hot_standby_feedback = on', "wal_receiver_status_interval = '1s'" ]);
my $major = $primary->pg_version->major;

# What is said of slots on the standby, in SQL and in the log, but for the slot
# of this name.
sub about_other_slots
{
	my ($name) = @_;

	Alerts::wait_judged($standby);
	return join ' ', map { "$_->{alert}:$_->{subject}" }
	  grep { $_->{alert} =~ /^slot_/ && $_->{subject} ne $name }
	  Alerts::alerts($standby), Alerts::log_events($standby);
}

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

# From here on nobody uses any of them, that which was used here included; it
# was the last to be, so that its alert comes after those that the copies would
# have.
Alerts::wait_judged($standby);
$client->signal('INT');
$client->finish;
Replwatch::burst($primary);
Replwatch::wait_replayed($primary, $standby);


note '2. a slot that was used';

Alerts::alert_when($standby, 'slot_inactive', 'used', 'warning',
	'a slot that was used here is alerted');
Alerts::alert_when($standby, 'slot_at_risk', 'used', 'warning',
	'and keeps more than it should');
Alerts::story_is(
	$standby, 'slot_inactive', 'used',
	'raised warning',
	'the log says so');
is(Replwatch::status($standby, 'used')->{health},
	'warning', 'it is not well');

foreach my $slot (qw(copy old_copy), $synced ? 'failover1' : ())
{
	my $row = Replwatch::status($standby, $slot);

	cmp_ok($row->{retained_bytes}, '>', 1024, "$slot keeps WAL");
	is($row->{state}, 'inactive', "$slot: nobody uses it");
	is($row->{health}, 'ok', "$slot: its health");
}
is(about_other_slots('used'),
	'', 'no alert is raised on a slot that nobody has used there');

$standby->restart;
Replwatch::wait_until(
	$standby,
	"SELECT worker_state = 'running' FROM replwatch_node()",
	'the worker runs again');
foreach my $alert (qw(slot_inactive slot_at_risk))
{
	Alerts::alert_when($standby, $alert, 'used', 'cleared',
		"$alert: since the start nobody has used it");
	Alerts::story_is(
		$standby, $alert, 'used',
		qr/raised warning, cleared$/,
		"$alert: the log says that it is cleared");
}


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

# Those who will use the slots now are given the time that anybody has.
Replwatch::set($standby, 'replwatch.slot_retained = 0');
my $promoted = Replwatch::now($standby);
$standby->promote;
Replwatch::burst($standby);
foreach my $slot (qw(copy old_copy))
{
	my $row =
	  Alerts::alert_when($standby, 'slot_inactive', $slot, 'warning',
		"$slot is one of a primary now");

	cmp_ok($row->{raised_at} - $promoted,
		'>=', $timeout, "$slot: but not for what was before");
}
Alerts::agree($standby, 'the log and SQL say the same');

done_testing();
