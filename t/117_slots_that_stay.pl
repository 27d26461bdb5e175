# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Slots that are used and do not move: by a consumer that is stopped, by one
# that confirms nothing, and by one that comes and goes.  Each is alerted, with
# who uses it, and cleared by a move and nothing else.  Quiet are a consumer that
# confirms whole segments, one that is in step, also while an open transaction
# holds its restart_lsn, and one for which there is nothing to confirm; status
# says so of the last two.

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

my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'wal_sender_timeout = 0',
	"replwatch.alert_hold = '500ms'",
	"replwatch.slot_inactive_timeout = '2s'",
	# A stopped consumer has this alert, too.
	'replwatch.silent_timeout = 0');

sub start_receiver
{
	my ($slot) = @_;

	return Replwatch::start_client('pg_receivewal', '--no-loop', '--slot',
		$slot, '--status-interval', 1, '--directory',
		$primary->backup_dir . "/$slot", '--dbname', $primary->connstr);
}

sub decode
{
	my ($slot, $database, @options) = @_;

	return used($slot,
		Replwatch::start_client('pg_recvlogical', '--no-loop', '--start',
			'--slot', $slot, '--file', '/dev/null',
			'--dbname', $primary->connstr($database), @options));
}

# Wait until the slot is used.
sub used
{
	my ($slot, $client) = @_;

	Replwatch::wait_until(
		$primary,
		"SELECT pid IS NOT NULL AND state = 'streaming' FROM replwatch_status() WHERE slot_name = '$slot'",
		"$slot is used");
	return $client;
}

sub pid_of
{
	my ($slot) = @_;

	return Replwatch::value($primary,
		"SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$slot'"
	);
}

sub raised
{
	my ($slot) = @_;

	Alerts::alert_when($primary, 'slot_inactive', $slot, 'warning',
		"$slot is alerted");
	return (Alerts::log_events($primary, 'slot_inactive', $slot))[0];
}

sub cleared
{
	my ($slot) = @_;

	Alerts::alert_when($primary, 'slot_inactive', $slot, 'cleared',
		"$slot is cleared");
	Alerts::story_is(
		$primary, 'slot_inactive', $slot,
		'raised warning, cleared',
		"$slot: it was raised and cleared");
	return;
}


note '1. consumers of all kinds';

$primary->safe_psql('postgres', 'CREATE DATABASE elsewhere');
foreach my $slot (qw(stopped received))
{
	mkdir $primary->backup_dir . "/$slot" or die "$slot: $!";
	$primary->safe_psql('postgres',
		"SELECT pg_create_physical_replication_slot('$slot', true)");
}
$primary->safe_psql('postgres',
	"SELECT pg_create_logical_replication_slot('$_', 'test_decoding')")
  foreach qw(in_step deaf);
$primary->safe_psql('elsewhere',
	"SELECT pg_create_logical_replication_slot('nothing', 'test_decoding')");

# From now on restart_lsn stays.
my $holder = Session->new($primary);
$holder->query('BEGIN');
$holder->query("INSERT INTO burst VALUES ('open')");

my %client = (
	stopped => used('stopped', start_receiver('stopped')),
	received => used('received', start_receiver('received')),
	in_step => decode(
		'in_step', 'postgres',
		'--status-interval=1', '--fsync-interval=1'),
	deaf => decode(
		'deaf', 'postgres',
		'--status-interval=1', '--fsync-interval=3600'),
	nothing => decode(
		'nothing', 'elsewhere',
		'--status-interval=1', '--fsync-interval=3600'));
$client{stopped}->signal('STOP');
Process::until_true(
	'pg_receivewal is stopped',
	sub { Process::is_stopped($client{stopped}{KIDS}[0]{PID}) });
Replwatch::burst($primary);


note '2. those that do not move';

my $event = raised('deaf');
my $pid = pid_of('deaf');
like(
	$event->{detail},
	qr/^The slot has not moved for .* It is used by process $pid \("pg_recvlogical"\)\.$/,
	'deaf: the detail');

# It finds no room for what it receives; each time it is another process.
$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('restless', true)");
mkdir $primary->backup_dir . '/restless', 0555 or die "restless: $!";
Process::until_true(
	'a consumer that comes and goes is alerted',
	sub {
		start_receiver('restless')->finish;
		my $row = Alerts::alert($primary, 'slot_inactive', 'restless');
		return $row && $row->{detail} =~ / used \d+ times/;
	});
$event = raised('restless');
like(
	$event->{detail},
	qr/^The slot has not moved for .* and retains .* In this time it was used \d+ times/,
	'restless: the detail');
like($event->{hint}, qr/^(See the server log|Find out why)/,
	'restless: the hint');
Alerts::wait_held($primary);
start_receiver('restless')->finish;
Alerts::wait_held($primary);
Alerts::story_is(
	$primary, 'slot_inactive', 'restless',
	'raised warning',
	'restless: no attempt clears it');

# It is given time for a report.
$event = raised('stopped');
$pid = pid_of('stopped');
is($event->{level}, 'WARNING', 'stopped: the level of the log entry');
like(
	$event->{detail},
	qr/^The slot has not moved for 00:00:\d\d and retains \d+ \w+ of WAL\. It is used by process $pid \("pg_receivewal"\)\.$/,
	'stopped: the detail');
like(
	$event->{hint},
	qr/^Find out why that process's client confirms nothing: it may be stopped, blocked, /,
	'stopped: the hint');
Alerts::health_is($primary, 'stopped', 'downstream', 'warning',
	'stopped: its health');
like(Alerts::alert($primary, 'slot_inactive', 'stopped')->{detail},
	qr/It is used by process $pid/, 'stopped: in SQL');


note '3. those that are in step';

# It takes a while until an open transaction is known to hold restart_lsn.
$pid = Replwatch::value($holder, 'SELECT pg_backend_pid()');
my $row = Replwatch::row_when(
	$primary, 'in_step', 'downstream',
	'the transaction is seen',
	sub { ($_[0]->{reason_code} // '') eq 'held_by_transaction' });
like(
	$row->{reason},
	qr/^all is confirmed, but the slot retains WAL for the transaction of process $pid, which has been open for \d+ s$/,
	'the reason says whose it is, and since when it has been open');
$row = Replwatch::status($primary, 'nothing');
is($row->{reason_code}, 'nothing_for_it',
	'one for which there is nothing to confirm');
is( $row->{reason},
	'all that was sent is confirmed, but for WAL that has nothing for it',
	'the reason in words');
foreach my $slot (qw(received in_step nothing))
{
	cmp_ok(Replwatch::status($primary, $slot)->{retained_bytes},
		'>', 0, "$slot retains WAL");
	is(Alerts::story($primary, 'slot_inactive', $slot),
		'', "$slot: nothing was said of it");
	Alerts::health_is($primary, $slot, 'downstream', 'ok',
		"$slot: its health");
}


note '4. they move';

$client{stopped}->signal('CONT');
cleared('stopped');

$client{deaf}->kill_kill;
$client{deaf} = decode(
	'deaf', 'postgres',
	'--status-interval=1', '--fsync-interval=1');
cleared('deaf');
$primary->safe_psql('postgres',
	"SELECT pg_replication_slot_advance('restless', pg_current_wal_flush_lsn())"
);
cleared('restless');

$holder->query('COMMIT');
Replwatch::row_when(
	$primary, 'in_step', 'downstream',
	'no transaction holds it',
	sub { ($_[0]->{reason_code} // '') ne 'held_by_transaction' });
Alerts::agree($primary, 'the log and SQL say the same');

$_->kill_kill foreach values %client;
done_testing();
