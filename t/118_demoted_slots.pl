# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Slots that are left over on a primary which has become a standby: nobody will
# ever move them there, and they keep WAL until the disk is full.  They are
# alerted, physical and logical; one that a failover manager keeps moving is not,
# until it no longer does.

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

my $old = Replwatch::primary(
	'old',
	'wal_level = logical',
	"replwatch.alert_hold = '500ms'",
	"replwatch.slot_inactive_timeout = '2s'",
	"replwatch.upstream_timeout = 0");
my $new = Replwatch::standby($old, 'new', slot => 1);

$old->safe_psql(
	'postgres', q{
	SELECT pg_create_physical_replication_slot('kept', true);
	SELECT pg_create_logical_replication_slot('app', 'test_decoding');
});
Replwatch::burst($old);
$old->safe_psql('postgres',
	"SELECT pg_replication_slot_advance('app', pg_current_wal_flush_lsn())");


note '1. the primary becomes a standby';

Replwatch::wait_replayed($old, $new);
$old->stop;
$new->promote;
$old->set_standby_mode;
Replwatch::connect_to($old, $new, 'old');
$old->start;
Replwatch::wait_until(
	$new,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'old'",
	'the old primary streams');

# What a failover manager does each few seconds.
my $client = Session->new($old);

sub move
{
	my ($slot) = @_;

	Replwatch::burst($new, 1);
	Replwatch::wait_replayed($new, $old);
	$client->query(
		"SELECT pg_replication_slot_advance('$slot', pg_last_wal_replay_lsn())"
	);
	return;
}

foreach my $slot (qw(new app))
{
	Process::until_true(
		"$slot is alerted",
		sub {
			move('kept');
			return Alerts::alert($old, 'slot_inactive', $slot);
		});
	my ($event) = Alerts::log_events($old, 'slot_inactive', $slot);
	like(
		$event->{detail},
		qr/^The slot has not moved for 00:\d\d:\d\d and retains \d+ \w+ of WAL\. Nobody uses it\.$/,
		"$slot: the detail");
	like(
		$event->{hint},
		qr/^If it is left over from when this server was a primary, run pg_drop_replication_slot\('$slot'\); if it is kept for a failover, see why nothing moves it\. /,
		"$slot: the hint");
	is(Alerts::alert($old, 'slot_inactive', $slot)->{severity},
		'warning', "$slot: in SQL");
	Alerts::health_is($old, $slot, 'downstream', 'warning',
		"$slot: its health");
}
is(Alerts::story($old, 'slot_inactive', 'kept'),
	'', 'nothing was said of the one that is moved');


note '2. cleared';

$old->safe_psql('postgres', "SELECT pg_drop_replication_slot('new')");
Process::until_true(
	'the slot that was dropped is cleared',
	sub {
		move('kept');
		return Alerts::alert($old, 'slot_inactive', 'new')->{state} eq
		  'cleared';
	});
Alerts::story_is(
	$old, 'slot_inactive', 'new',
	'raised warning, cleared',
	'the log says so');
is(Alerts::story($old, 'slot_inactive', 'app'),
	'raised warning', 'the other one still fires');
is(Alerts::story($old, 'slot_inactive', 'kept'),
	'', 'still nothing of the one that is moved');

# The failover manager stops, and starts again.
Replwatch::burst($new);
Alerts::alert_when($old, 'slot_inactive', 'kept', 'warning',
	'that is not moved any more');
Process::until_true(
	'it is moved again',
	sub {
		move('kept');
		return Alerts::alert($old, 'slot_inactive', 'kept')->{state} eq
		  'cleared';
	});
Alerts::agree($old, 'the log and SQL say the same');

done_testing();
