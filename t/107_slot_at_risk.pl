# Copyright (c) 2026, the replwatch authors

# Slots on their way to being lost: by what they keep, by the time that is
# left, beyond what is allowed, and lost at last.  Each step is told, and so is
# each way back: moved, allowed to keep more, dropped.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Three segments are kept in any case, six for slots.  Nothing is left for long
# enough to count as unused.
my $primary = Replwatch::primary(
	'primary',
	'replwatch.known_after = 0',
	'min_wal_size = 32MB',
	'max_wal_size = 48MB',
	'max_slot_wal_keep_size = 96MB',
	"replwatch.alert_hold = '500ms'",
	"replwatch.missing_timeout = '1h'",
	"replwatch.replica_overrides = 'by_size: slot_time_left=0, slot_retained=24MB; kept: slot_time_left=0'"
);
my @slots = qw(by_size kept moved by_time dropped doomed);

# Fill one segment after another, and wait until the slot that is used has all
# of it, so that it never keeps much.
sub write_segments
{
	my ($count) = @_;

	for (1 .. $count)
	{
		$primary->safe_psql('postgres',
			"SELECT pg_logical_emit_message(false, 'test', 'x')");
		my $lsn = Replwatch::value($primary, 'SELECT pg_switch_wal()');
		Replwatch::wait_until(
			$primary,
			"SELECT restart_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 'used'",
			"$lsn is received");
	}
	return;
}

sub advance
{
	my ($slot) = @_;

	$primary->safe_psql('postgres',
		"SELECT pg_replication_slot_advance('$slot', pg_current_wal_flush_lsn())"
	);
	return;
}

sub drop
{
	my ($slot) = @_;

	$primary->safe_psql('postgres',
		"SELECT pg_drop_replication_slot('$slot')");
	return;
}

# The last entry of the log about a slot.
sub last_event
{
	my ($alert, $slot) = @_;

	return (Alerts::log_events($primary, $alert, $slot))[-1];
}

my $hint =
  qr/^Bring its replica back, increase "max_slot_wal_keep_size", or run pg_drop_replication_slot\('\w+'\)\. /;


note '1. more than slot_retained';

# A slot that is used keeps up, whatever is written.
$primary->safe_psql('postgres', 'SELECT pg_switch_wal(); CHECKPOINT');
$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('$_', true)")
  foreach @slots, 'used';
my $client =
  Replwatch::start_client('pg_receivewal', '--synchronous', '--slot', 'used',
	'--directory', $primary->backup_dir, '--dbname', $primary->connstr);
Replwatch::wait_until(
	$primary,
	"SELECT active FROM pg_replication_slots WHERE slot_name = 'used'",
	'one slot is used');

# Without a checkpoint, which is due all the time, nothing is lost yet.
my $checkpointer = Replwatch::process($primary, 'checkpointer');
Replwatch::stop_quietly($primary, $checkpointer,
	"SELECT 1 FROM pg_stat_activity WHERE pid = $checkpointer AND wait_event ILIKE 'checkpoint%'"
);

write_segments(2);
my $row =
  Alerts::alert_when($primary, 'slot_at_risk', 'by_size', 'warning',
	'a slot keeps too much');
Alerts::story_is(
	$primary, 'slot_at_risk', 'by_size',
	'raised warning',
	'by size: a warning is raised');
my $event = last_event('slot_at_risk', 'by_size');
is($event->{level}, 'WARNING', 'by size: the level of the log entry');
like(
	$event->{detail},
	qr/^The slot retains (\d\d MB|\d{5} kB) of WAL, above 24 MB\.$/,
	'by size: the detail');
like(
	$event->{hint},
	qr/^Bring its replica back, increase "replwatch\.slot_retained", or run pg_drop_replication_slot\('by_size'\)\. /,
	'by size: the hint');
is($row->{threshold}, '24 MB', 'by size: the threshold');
like($row->{value}, qr/^(\d\d MB|\d{5} kB)$/, 'by size: the value');
Alerts::health_is($primary, 'by_size', 'downstream', 'warning',
	'by size: its health');

# At this rate the others are lost in seconds, but have more than half of
# what they may keep, and have not been left for long.
my $others =
  Replwatch::row_when($primary, 'by_time', 'downstream', 'the rate is known',
	sub { defined $_[0]->{slot_time_left} });
cmp_ok($others->{slot_time_left}, '<', 3600, 'the others would be lost soon');
cmp_ok(
	$others->{safe_wal_size},
	'>',
	$others->{retained_bytes},
	'but have kept less than half of what they may');
is( Alerts::firing($primary),
	'slot_at_risk (warning) on by_size',
	'and nothing is said of them');


note '2. little time left';

write_segments(2);
foreach my $slot (qw(by_time moved dropped doomed))
{
	Alerts::alert_when($primary, 'slot_at_risk', $slot, 'warning',
		"there is little time left for $slot");
}
Alerts::story_is(
	$primary, 'slot_at_risk', 'by_time',
	'raised warning',
	'by time: a warning is raised');
$event = last_event('slot_at_risk', 'by_time');
like(
	$event->{detail},
	qr/^The slot retains \d+ MB of WAL and, at the rate of the last minute, will be lost in 00:\d\d:\d\d\.$/,
	'by time: the detail');
like($event->{hint}, $hint, 'by time: the hint');
$row = Alerts::alert($primary, 'slot_at_risk', 'by_time');
is($row->{threshold}, '01:00:00', 'by time: the threshold');
like($row->{value}, qr/^00:\d\d:\d\d$/, 'by time: the value');

advance($_) foreach qw(by_size moved);
foreach my $slot (qw(by_size moved))
{
	Alerts::alert_when($primary, 'slot_at_risk', $slot, 'cleared',
		"$slot is out of danger");
	Alerts::story_is(
		$primary, 'slot_at_risk', $slot,
		'raised warning, cleared',
		"$slot: being moved, it is cleared");
}


note '3. more than is allowed';

write_segments(3);
foreach my $slot (qw(by_time dropped doomed))
{
	Alerts::alert_when($primary, 'slot_at_risk', $slot, 'critical',
		"$slot keeps more than is allowed");
}
Alerts::story_is(
	$primary, 'slot_at_risk', 'doomed',
	'raised warning, escalated critical',
	'unreserved: it is critical');
$event = last_event('slot_at_risk', 'doomed');
is($event->{level}, 'WARNING', 'unreserved: the level of the log entry');
like(
	$event->{detail},
	qr/^The slot retains \d+ MB of WAL, more than is allowed, and will be lost at the next checkpoint unless it advances\.$/,
	'unreserved: the detail');
like($event->{hint}, $hint, 'unreserved: the hint');
Alerts::health_is($primary, 'doomed', 'downstream', 'critical',
	'unreserved: its health');

# The way back, and there again.
Replwatch::set($primary, 'max_slot_wal_keep_size = 160MB');
Alerts::alert_when($primary, 'slot_at_risk', 'doomed', 'warning',
	'it may keep more');
Alerts::story_is(
	$primary, 'slot_at_risk', 'doomed',
	'raised warning, escalated critical, eased warning',
	'with more allowed, it is eased');
is(last_event('slot_at_risk', 'doomed')->{level},
	'LOG', 'eased: the level of the log entry');
Replwatch::set($primary, 'max_slot_wal_keep_size = 96MB');
Alerts::alert_when($primary, 'slot_at_risk', 'doomed', 'critical',
	'it may not keep that much');

advance('by_time');
drop('dropped');
foreach my $slot (qw(by_time dropped))
{
	Alerts::alert_when($primary, 'slot_at_risk', $slot, 'cleared',
		"$slot is out of danger, one way or another");
	Alerts::story_is(
		$primary, 'slot_at_risk', $slot,
		qr/critical, cleared$/,
		"$slot: it was critical and is cleared");
}


note '4. lost';

Replwatch::wait_sampled($primary);
advance($_) foreach qw(by_size moved by_time);
kill 'CONT', $checkpointer;
$primary->safe_psql('postgres', 'CHECKPOINT');
foreach my $slot (qw(doomed kept))
{
	$row =
	  Alerts::alert_when($primary, 'slot_lost', $slot, 'critical',
		"$slot is lost");

	Alerts::story_is(
		$primary, 'slot_lost', $slot,
		'raised critical',
		"$slot: that it is lost is critical");
	$event = last_event('slot_lost', $slot);
	is($event->{level}, 'WARNING', "$slot: the level of the log entry");
	like(
		$event->{detail},
		qr/^The slot was invalidated \(wal_removed\) 00:\d\d:\d\d ago\. It retained \d+ MB of WAL\.$/,
		"$slot: the detail says why, when and what it retained");
	like(
		$event->{hint},
		qr/^Increase "max_slot_wal_keep_size", run pg_drop_replication_slot\('$slot'\), and rebuild its replica\. /,
		"$slot: the hint names the setting to raise");
	Alerts::health_is($primary, $slot, 'downstream', 'critical',
		"$slot: its health");
}
Alerts::alert_when($primary, 'slot_at_risk', 'doomed', 'cleared',
	'what is lost is no longer at risk');
Alerts::story_is(
	$primary, 'slot_at_risk', 'doomed',
	qr/critical, cleared$/,
	'and the log says so');
is(Alerts::story($primary, 'slot_at_risk', 'kept'),
	'', 'a slot whose limits are off was not reported before');
is( $primary->safe_psql(
		'postgres',
		"SELECT string_agg(subject, ' ' ORDER BY subject) FROM replwatch_alerts() WHERE alert = 'slot_lost'"
	),
	'doomed kept',
	'no other is lost');

drop('doomed');
Alerts::alert_when($primary, 'slot_lost', 'doomed', 'cleared',
	'a lost slot is dropped');
Alerts::story_is(
	$primary, 'slot_lost', 'doomed',
	'raised critical, cleared',
	'the log says that it is cleared');

is( join('',
		map { Alerts::story($primary, $_, 'used') }
		  qw(slot_at_risk slot_lost slot_inactive)),
	'',
	'nothing was ever said of the slot that is used');
Alerts::agree($primary, 'the log and SQL say the same');
$client->signal('INT');
$client->finish;

done_testing();
