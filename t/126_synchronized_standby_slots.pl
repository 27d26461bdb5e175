# Copyright (c) 2026, the replwatch authors
# matrix: every major

# From 17 on, logical walsenders with a failover slot wait for the slots in
# synchronized_standby_slots.  If one of those can't get further, sync_short says
# which one and why, and so does the row of the subscriber that waits: it is in
# use and does not move, it is not used, it is gone, a logical one, or has been
# invalidated.  Quiet is a standby that keeps up, with a subscriber that waits
# for it again and again.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Process;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $major = PostgreSQL::Test::Cluster->new('version')->pg_version->major;
plan skip_all => 'logical replication waits for nobody before 17'
  if $major < 17;

my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'wal_sender_timeout = 1h',
	'replwatch.known_after = 0',
	"replwatch.alert_hold = '500ms'",
	'replwatch.missing_timeout = 0',
	'replwatch.slot_inactive_timeout = 0');
my $standby = Replwatch::standby($primary, 'alpha', slot => 1);

# Nothing is to be written that the test does not write.
Replwatch::stop_background_writer($primary);
$primary->safe_psql('postgres',
	"SELECT pg_create_logical_replication_slot('sub', 'test_decoding', false, false, true)"
);
my $subscriber =
  Replwatch::start_client('pg_recvlogical', '-d',
	$primary->connstr('postgres'),
	'-S', 'sub', '--start', '--no-loop', '-f', '/dev/null',
	'--status-interval=1');
Replwatch::set($primary, "synchronized_standby_slots = 'alpha'");

sub wait_in_step
{
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 1 FROM pg_stat_replication r JOIN pg_replication_slots s ON pid = active_pid WHERE slot_name = 'sub' AND sent_lsn >= pg_current_wal_flush_lsn()",
		'the subscriber has got all');
	return;
}

my $raised = 0;

# Wait until the alert is raised, and the subscriber waits, for this.
sub is_held
{
	my ($detail, $hint, $reason, $what) = @_;
	my $row;

	$raised++;
	$row = Alerts::raised_with(
		$primary, 'sync_short', 'primary',
		severity => 'warning',
		story => join(', ', ('raised warning, cleared') x ($raised - 1),
			'raised warning'),
		detail => $detail,
		hint => $hint,
		what => $what);

	Replwatch::burst($primary);
	$row = Replwatch::row_when(
		$primary, 'sub', undef,
		"$what: the subscriber waits",
		sub { ($_[0]->{reason_code} // '') eq 'waits_for_standby' });
	like($row->{reason},
		qr/^waits for slot "\w+" of synchronized_standby_slots, $reason/,
		"$what: the reason of the subscriber");
	return;
}

sub is_over
{
	my ($what) = @_;

	wait_in_step();
	Alerts::alert_when($primary, 'sync_short', 'primary', 'cleared',
		"$what: the alert is cleared");
	Alerts::story_is(
		$primary, 'sync_short', 'primary',
		join(', ', ('raised warning, cleared') x $raised),
		"$what: the log says so");
	return;
}

# How such a detail reads.
sub detail
{
	my ($slot, $what) = @_;

	return
	  qr/^Slot "$slot" of "synchronized_standby_slots" $what, and logical replication waits for it\.$/;
}


note '1. the standby keeps up';

Replwatch::set($primary, "replwatch.alert_hold = '3s'");
my $until = time() + 4;
while (time() < $until)
{
	Replwatch::burst($primary, 1);
}
wait_in_step();
Alerts::wait_judged($primary);
is(Alerts::story($primary, 'sync_short', 'primary'),
	'', 'nothing is said of it');
Replwatch::set($primary, "replwatch.alert_hold = '500ms'");


note '2. its slot is in use and does not move';

my $receiver = Replwatch::process($standby, 'walreceiver');
Process::stop($receiver);
Replwatch::burst($primary);
is_held(
	detail(
		'alpha',
		'is used but has not moved for 00:00:\d\d, is \d+ (bytes|kB) behind'),
	qr/^Check its standby, or remove it from "synchronized_standby_slots"\. See /,
	qr/which is \d+ (bytes|kB) behind/,
	'it does not move');
kill 'CONT', $receiver;
is_over('it moves again');


note '3. its slot is not used';

$standby->stop;
Replwatch::burst($primary);
is_held(
	detail('alpha', 'is not used'),
	qr/^Bring its standby back, or remove it from "synchronized_standby_slots"\. See /,
	qr/which is not used$/,
	'not used');
$standby->start;
is_over('used again');


note '4. a slot that can not be waited for';

# The server takes none that is wrong already.
$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('other', true)");
Replwatch::set($primary, "synchronized_standby_slots = 'alpha, other'");
$primary->safe_psql('postgres', "SELECT pg_drop_replication_slot('other')");
is_held(
	detail('other', 'does not exist'),
	qr/^Create it and have its standby use it, or remove it from "synchronized_standby_slots"\. See /,
	qr/which does not exist$/,
	'gone');
Replwatch::set($primary, "synchronized_standby_slots = 'alpha'");
is_over('no longer listed');

$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('other', true)");
Replwatch::set($primary, "synchronized_standby_slots = 'alpha, other'");
$primary->safe_psql('postgres',
	"SELECT pg_drop_replication_slot('other'); SELECT pg_create_logical_replication_slot('other', 'test_decoding')"
);
is_held(
	detail('other', 'is a logical slot'),
	qr/^Remove it from "synchronized_standby_slots", which is for the slots of standbys\. See /,
	qr/which is a logical slot$/,
	'a logical one');
Replwatch::set($primary, "synchronized_standby_slots = 'alpha'");
is_over('no longer listed');
$primary->safe_psql('postgres', "SELECT pg_drop_replication_slot('other')");

$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('other', true)");
Replwatch::set($primary, "max_slot_wal_keep_size = '48MB'");

# The others' slots move on meanwhile.
for my $try (1 .. 20)
{
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal(); CHECKPOINT');
	Replwatch::burst($primary, 1);
	Replwatch::wait_replayed($primary, $standby);
	wait_in_step();
	last
	  if $primary->safe_psql('postgres',
		"SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'other'"
	  ) eq 'lost';
}
Replwatch::set($primary, "synchronized_standby_slots = 'alpha, other'");
is_held(
	detail('other', 'has been invalidated'),
	qr/^Drop it and rebuild its standby, or remove it from "synchronized_standby_slots"\. See /,
	qr/which has been invalidated$/,
	'invalidated');
Replwatch::set($primary, "synchronized_standby_slots = 'alpha'");
is_over('no longer listed');
$subscriber->signal('INT');
$subscriber->finish;


note '5. no consumer waits';

$primary->safe_psql('postgres', "SELECT pg_drop_replication_slot('sub')");
$standby->stop;
Replwatch::burst($primary);
$raised++;
Alerts::raised_with(
	$primary, 'sync_short', 'primary',
	severity => 'warning',
	story =>
	  join(', ', ('raised warning, cleared') x ($raised - 1), 'raised warning'),
	detail =>
	  qr/^Slot "alpha" of "synchronized_standby_slots" is not used, and logical replication would wait for it if a slot had failover enabled\.$/,
	hint => qr/^Bring its standby back, /,
	what => 'no slot has failover enabled');
Alerts::agree($primary, 'the log and SQL say the same');

done_testing();
