# Copyright (c) 2026, the replwatch authors
# matrix: every major

# A slot that nobody uses and that keeps WAL is alerted, physical or logical,
# and whoever used it last; it is cleared when somebody moves or drops it, by
# using it or otherwise.  Quiet are slots that move, that keep nothing, that belong
# to a session, and one that pg_basebackup made for a standby that has not
# started yet.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;

my $timeout = 2;
my $hold = 0.5;

# The two that will be moved may be left alone for any time until then.
my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'replwatch.known_after = 0',
	"replwatch.alert_hold = '500ms'",
	"replwatch.slot_inactive_timeout = '${timeout}s'",
	"replwatch.replica_overrides = 'moved: slot_inactive_timeout=1h; taken: slot_inactive_timeout=1h'"
);

# A client that uses a slot, once it does.
sub use_slot
{
	my ($slot) = @_;
	my $client =
	  Replwatch::start_client('pg_receivewal', '--no-loop', '--slot', $slot,
		'--directory', $primary->backup_dir, '--dbname', $primary->connstr);

	Replwatch::wait_until(
		$primary,
		"SELECT active FROM pg_replication_slots WHERE slot_name = '$slot'",
		"$slot is used");
	return $client;
}

sub stop_using
{
	my ($client) = @_;

	$client->signal('INT');
	$client->finish;
	return;
}

# When this ends the slot has been moved.
sub advance
{
	my ($slot) = @_;

	Replwatch::burst($primary, 1);
	$primary->safe_psql('postgres',
		"SELECT pg_replication_slot_advance('$slot', pg_current_wal_flush_lsn())"
	);
	return;
}


note '1. slots of all kinds';

# Not by the framework's way, which gives the program another name; and not in
# less time than passes between two samples.
Replwatch::start_client(
	'pg_basebackup', '--pgdata',
	$primary->backup_dir . '/backup', '--checkpoint=fast',
	'--max-rate=10M', '--no-sync',
	'--create-slot', '--slot',
	'from_backup', '--dbname',
	$primary->connstr)->finish
  or die 'could not take a base backup';
my $made = Replwatch::now($primary);
$primary->safe_psql(
	'postgres', q{
	SELECT pg_create_physical_replication_slot('idle', true);
	SELECT pg_create_physical_replication_slot('keeps_nothing');
	SELECT pg_create_physical_replication_slot('used', true);
	SELECT pg_create_logical_replication_slot('idle_logical', 'test_decoding');
	SELECT pg_create_logical_replication_slot('pg_16394_sync_16385_7', 'test_decoding');
	SELECT pg_create_logical_replication_slot('moved', 'test_decoding');
	SELECT pg_create_logical_replication_slot('taken', 'test_decoding');
});
my $client = use_slot('used');
my $session = Session->new($primary);
$session->query(
	"SELECT pg_create_physical_replication_slot('temporary', true, true)");
Replwatch::burst($primary);

foreach my $slot (qw(idle idle_logical))
{
	my $row =
	  Alerts::alert_when($primary, 'slot_inactive', $slot, 'warning',
		"$slot is alerted");

	Alerts::story_is(
		$primary, 'slot_inactive', $slot,
		'raised warning',
		"$slot: a warning is raised");
	my ($event) = Alerts::log_events($primary, 'slot_inactive', $slot);
	is($event->{level}, 'WARNING', "$slot: the level of the log entry");
	like(
		$event->{detail},
		qr/^The slot has not moved for 00:\d\d:\d\d and retains \d+ \w+ of WAL\. Nobody uses it\.$/,
		"$slot: the detail");
	like(
		$event->{hint},
		qr/^Bring its replica back or, if the slot is no longer needed, run pg_drop_replication_slot\('$slot'\)\. /,
		"$slot: the hint");
	is($row->{threshold}, '00:00:02', "$slot: the threshold in SQL");
	like($row->{value}, qr/^00:\d\d:\d\d$/, "$slot: the value");
	cmp_ok(
		$row->{raised_at} - $made,
		'>=',
		$timeout + $hold - 0.1,
		"$slot: it was not raised too soon");
	Alerts::health_is($primary, $slot, 'downstream', 'warning',
		"$slot: its health");
}

# Core gives such names to the slots with which a subscription copies its tables.
Alerts::alert_when($primary, 'slot_inactive', 'pg_16394_sync_16385_7',
	'warning', 'a slot for an initial copy is alerted');
my ($copy) =
  Alerts::log_events($primary, 'slot_inactive', 'pg_16394_sync_16385_7');
like(
	$copy->{detail},
	qr/ Nobody uses it\. It is for the initial copy of a table by a subscription\.$/,
	'the detail says so');
like(
	$copy->{hint},
	qr/^The subscription drops it when the table has been copied: .* run pg_drop_replication_slot\('pg_16394_sync_16385_7'\) only if the subscription no longer exists\. /,
	'and the hint does not have it dropped under the subscription');
foreach my $slot (qw(keeps_nothing used temporary from_backup))
{
	is(Alerts::alert($primary, 'slot_inactive', $slot),
		undef, "$slot: quiet in SQL");
	is(Alerts::story($primary, 'slot_inactive', $slot),
		'', "$slot: quiet in the log");
	Alerts::health_is($primary, $slot, 'downstream', 'ok',
		"$slot: its health")
	  if $slot ne 'temporary';
}
cmp_ok(Replwatch::status($primary, 'from_backup')->{retained_bytes},
	'>', 0, 'although the slot for a standby to come keeps WAL');


note '2. moved';

# They are as old as the slots that are alerted; only the move keeps them quiet.
my $moved = Replwatch::now($primary);
advance('moved');
$primary->safe_psql('postgres',
	"SELECT count(*) FROM pg_logical_slot_get_changes('taken', NULL, NULL)");
Replwatch::burst($primary);
Replwatch::wait_sampled($primary);
Replwatch::set($primary, "replwatch.replica_overrides = ''");


note '3. cleared';

# Each in another way.
$session->query("SELECT pg_drop_replication_slot('temporary')");
my $other = use_slot('idle');
foreach my $slot (qw(idle idle_logical))
{
	my $row;

	# Left alone, the one that is moved is alerted again after a time.
	Process::until_true(
		"$slot is cleared",
		sub {
			advance($slot) if $slot eq 'idle_logical';
			($row) = grep {
					 $_->{alert} eq 'slot_inactive'
				  && $_->{subject} eq $slot
				  && $_->{state} eq 'cleared'
			} Alerts::alerts($primary);
			return $row;
		});
	Alerts::story_is(
		$primary, 'slot_inactive', $slot,
		qr/^raised warning, cleared/,
		"$slot: it was raised and cleared");
	my $event = (Alerts::log_events($primary, 'slot_inactive', $slot))[1];
	is($event->{level}, 'LOG', "$slot: the level of the log entry");
	is($row->{changed_at}, $row->{cleared_at},
		"$slot: that was its last change");
}
Alerts::health_is($primary, 'idle', 'downstream', 'ok',
	'a slot that is used is well');


note '4. left';

# Slots of clients that go, slots that nobody moves any more, and the slot of the
# backup, whose standby starts and stops.
stop_using($_) foreach $client, $other;
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "primary_slot_name = 'from_backup'");
$standby->start;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'from_backup'",
	'the standby streams');
is(Alerts::story($primary, 'slot_inactive', 'from_backup'),
	'', 'until now nothing was said of its slot');
Replwatch::wait_sampled($primary);
$standby->stop;
Replwatch::burst($primary);

foreach my $slot (qw(used moved taken))
{
	my $row =
	  Alerts::alert_when($primary, 'slot_inactive', $slot, 'warning',
		"$slot is alerted, being left");

	next if $slot eq 'used';
	cmp_ok(
		$row->{raised_at} - $moved,
		'>=',
		$timeout + $hold - 0.1,
		"$slot: not too soon after the last move");
}
$primary->safe_psql('postgres', "SELECT pg_drop_replication_slot('moved')");
my $row =
  Alerts::alert_when($primary, 'slot_inactive', 'moved', 'cleared',
	'the alert on a slot that is dropped is cleared');
like(
	$row->{detail},
	qr/^The slot has not moved for /,
	'it still says what it was about');
Alerts::story_is(
	$primary, 'slot_inactive', 'moved',
	'raised warning, cleared',
	'the log says that it was cleared');
Alerts::alert_when($primary, 'slot_inactive', 'from_backup', 'warning',
	'the slot of the backup is like any other');
Alerts::agree($primary, 'the log and SQL say the same');

done_testing();
