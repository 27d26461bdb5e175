# Copyright (c) 2026, the replwatch authors
# matrix: every major

# A slot that nobody uses and that keeps WAL is alerted, physical or logical,
# and whoever used it last; it is cleared when somebody uses, moves or drops
# it.  Quiet are slots that are used or moved, that keep nothing, that belong
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
use Test::More;
use Time::HiRes qw(time sleep);

my $timeout = 2;
my $hold = 0.5;
my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'replwatch.known_after = 0',
	"replwatch.alert_hold = '500ms'",
	"replwatch.slot_inactive_timeout = '${timeout}s'");

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

# When this ends the slot has been moved; returns when that began.
sub advance
{
	my ($slot) = @_;
	my $begin = time();

	Replwatch::burst($primary, 1);
	$primary->safe_psql('postgres',
		"SELECT pg_replication_slot_advance('$slot', pg_current_wal_flush_lsn())"
	);
	return $begin;
}

# When slot_inactive was raised on a slot, each time.
sub raised
{
	my ($slot) = @_;

	return map { $_->{raised_at} }
	  grep     { $_->{alert} eq 'slot_inactive' && $_->{subject} eq $slot }
	  Alerts::alerts($primary);
}

# Assert that the alert was never raised sooner after a move than it may be.
sub is_in_time
{
	my ($slot, $moves, $what) = @_;
	my @early;

	foreach my $raised (raised($slot))
	{
		my ($last) =
		  grep { $_ < $raised } reverse @$moves;

		push @early, $raised - $last
		  if $last && $raised - $last < $timeout + $hold - 0.01;
	}
	is("@early", '', $what);
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
my $made = time();
$primary->safe_psql(
	'postgres', q{
	SELECT pg_create_physical_replication_slot('idle', true);
	SELECT pg_create_physical_replication_slot('keeps_nothing');
	SELECT pg_create_physical_replication_slot('used', true);
	SELECT pg_create_logical_replication_slot('idle_logical', 'test_decoding');
	SELECT pg_create_logical_replication_slot('moved', 'test_decoding');
	SELECT pg_create_logical_replication_slot('taken', 'test_decoding');
});
my $client = use_slot('used');
my $session = Session->new($primary);
$session->query(
	"SELECT pg_create_physical_replication_slot('temporary', true, true)");

my (@moves, @takes);
my $until = time() + 2 * $timeout + $hold + 1;
while (time() < $until)
{
	push @moves, advance('moved');
	push @takes, time();
	$primary->safe_psql('postgres',
		"SELECT count(*) FROM pg_logical_slot_get_changes('taken', NULL, NULL)"
	);
	sleep(0.3);
}

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
		qr/^The slot has not been used for 00:\d\d:\d\d and retains \d+ \w+ of WAL\.$/,
		"$slot: the detail");
	like(
		$event->{hint},
		qr/^Bring its replica back or, if nobody needs the slot any more, run pg_drop_replication_slot\('$slot'\)\. /,
		"$slot: the hint");
	is($row->{threshold}, '00:00:02', "$slot: the threshold in SQL");
	like($row->{value}, qr/^00:\d\d:\d\d$/, "$slot: the value");
	cmp_ok(
		$row->{raised_at} - $made,
		'>=',
		$timeout + $hold - 0.01,
		"$slot: it was not raised too soon");
	is(Replwatch::status($primary, $slot)->{health},
		'warning', "$slot: its health");
}
is_in_time('moved', \@moves, 'a slot that is moved is quiet');
is_in_time('taken', \@takes, 'a slot whose changes are taken is quiet');
foreach my $slot (qw(keeps_nothing used temporary from_backup))
{
	is(Alerts::alert($primary, 'slot_inactive', $slot),
		undef, "$slot: quiet in SQL");
	is(Alerts::story($primary, 'slot_inactive', $slot),
		'', "$slot: quiet in the log");
	is(Replwatch::status($primary, $slot)->{health},
		'ok', "$slot: its health")
	  if $slot ne 'temporary';
}
cmp_ok(Replwatch::status($primary, 'from_backup')->{retained_bytes},
	'>', 0, 'although the slot for a standby to come keeps WAL');


note '2. cleared';

# Each in another way.
$session->query("SELECT pg_drop_replication_slot('temporary')");
my $other = use_slot('idle');
advance('idle_logical');
foreach my $slot (qw(idle idle_logical))
{
	my $row =
	  Alerts::alert_when($primary, 'slot_inactive', $slot, 'cleared',
		"$slot is cleared");

	Alerts::story_is(
		$primary, 'slot_inactive', $slot,
		'raised warning, cleared',
		"$slot: it was raised and cleared");
	my $event = (Alerts::log_events($primary, 'slot_inactive', $slot))[-1];
	is($event->{level}, 'LOG', "$slot: the level of the log entry");
	cmp_ok(
		$row->{cleared_at} - $row->{raised_at},
		'>=',
		$hold - 0.01,
		"$slot: not before it has held");
	is($row->{changed_at}, $row->{cleared_at},
		"$slot: that was its last change");
}
is(Replwatch::status($primary, 'idle')->{health},
	'ok', 'a slot that is used is well');


note '3. left';

# One of a client that goes, and one that nobody moves any more.
stop_using($_) foreach $client, $other;
foreach my $slot (qw(used moved))
{
	Alerts::alert_when($primary, 'slot_inactive', $slot, 'warning',
		"$slot is alerted, being left");
}
is_in_time('moved', \@moves, 'not too soon after the last move');
$primary->safe_psql('postgres', "SELECT pg_drop_replication_slot('moved')");
my $row =
  Alerts::alert_when($primary, 'slot_inactive', 'moved', 'cleared',
	'the alert on a slot that is dropped is cleared');
like(
	$row->{detail},
	qr/^The slot has not been used for /,
	'it still says what it was about');
Alerts::story_is(
	$primary, 'slot_inactive', 'moved',
	qr/raised warning, cleared$/,
	'the log says that it was cleared');


note '4. the standby of the backup starts, and stops';

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
Alerts::alert_when($primary, 'slot_inactive', 'from_backup', 'warning',
	'its slot is like any other');
Alerts::agree($primary, 'the log and SQL say the same');

done_testing();
