# Copyright (c) 2026, the replwatch authors
# matrix: every major

# From 18 on idle_replication_slot_timeout ends a slot that nobody uses, at the
# first checkpoint after that.  The time until then is slot_time_left, and a slot
# that comes near it is at risk, in words that name the setting.  A slot that is
# used has no such end.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'checkpoint_timeout = 1h',
	"replwatch.alert_hold = '500ms'",
	"replwatch.missing_timeout = '1s'");

if ($primary->pg_version->major < 18)
{
	$primary->stop;
	plan skip_all => 'no slot is ended for want of use before 18';
}


note '1. without a limit';

$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('$_', true)")
  foreach qw(unused used);
my $client =
  Replwatch::start_client('pg_receivewal', '--no-loop', '--slot', 'used',
	'--directory', $primary->backup_dir, '--dbname', $primary->connstr);
Replwatch::wait_until(
	$primary,
	"SELECT active FROM pg_replication_slots WHERE slot_name = 'used'",
	'one slot is used');
Replwatch::burst($primary);
is(Replwatch::status($primary, 'unused')->{slot_time_left},
	undef, 'nothing ends it');


note '2. at risk';

Replwatch::set($primary, "idle_replication_slot_timeout = '30min'");
my $row =
  Alerts::alert_when($primary, 'slot_at_risk', 'unused', 'warning',
	'it will be lost soon');
my ($event) = Alerts::log_events($primary, 'slot_at_risk', 'unused');
like(
	$event->{detail},
	qr/^The slot retains \d+ \w+ of WAL and, being unused, will be lost in 00:(29|2\d):\d\d, or at the first checkpoint after that\.$/,
	'the detail');
like(
	$event->{hint},
	qr/^Bring its replica back, increase "idle_replication_slot_timeout", or run pg_drop_replication_slot\('unused'\)\. /,
	'the hint');
like($row->{value}, qr/^00:2\d:\d\d$/, 'the value in SQL');
is($row->{threshold}, '01:00:00', 'the threshold in SQL');
my $left = Replwatch::status($primary, 'unused')->{slot_time_left};
Replwatch::is_between($left, 20 * 60, 30 * 60, 'the time that is left');
is(Replwatch::status($primary, 'used')->{slot_time_left},
	undef, 'one that is used does not end');
is(Alerts::story($primary, 'slot_at_risk', 'used'),
	'', 'and nothing is said of it');

# Whichever comes first: by its size it could stay for much longer.
Replwatch::set($primary, "max_slot_wal_keep_size = '1TB'");
$row = Replwatch::status($primary, 'unused');
cmp_ok($row->{safe_wal_size}, '>', 1024**3, 'it may retain much');
Replwatch::is_between($row->{slot_time_left},
	20 * 60, 30 * 60, 'but it has no more time');


note '3. cleared';

Replwatch::set($primary, "idle_replication_slot_timeout = '1d'");
Alerts::alert_when($primary, 'slot_at_risk', 'unused', 'cleared',
	'it may be unused for longer');


note '4. lost';

Replwatch::set($primary, "idle_replication_slot_timeout = '1s'");
Alerts::alert_when($primary, 'slot_at_risk', 'unused', 'warning',
	'its time is over');
cmp_ok(Replwatch::status($primary, 'unused')->{slot_time_left},
	'==', 0, 'no time is left');
$primary->safe_psql('postgres', 'CHECKPOINT');
Alerts::alert_when($primary, 'slot_lost', 'unused', 'critical',
	'a checkpoint ends it');
($event) = Alerts::log_events($primary, 'slot_lost', 'unused');
like(
	$event->{detail},
	qr/^The slot was invalidated \(idle_timeout\) /,
	'lost: the detail');
like(
	$event->{hint},
	qr/^Increase "idle_replication_slot_timeout", /,
	'lost: the hint');
Alerts::alert_when($primary, 'slot_at_risk', 'unused', 'cleared',
	'it is not at risk any more');
is(Replwatch::status($primary, 'unused')->{slot_time_left},
	undef, 'a lost slot has no time left');
is(Alerts::story($primary, 'slot_lost', 'used'),
	'', 'the other one is as it was');

$client->kill_kill;
done_testing();
