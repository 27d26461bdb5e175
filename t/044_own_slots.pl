# Copyright (c) 2026, the replwatch authors

# A slot that the server makes for itself is nobody's replica.
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $subscriber = Replwatch::primary(
	'subscriber',
	'wal_level = logical',
	'track_commit_timestamp = on',
	"replwatch.alert_hold = '200ms'",
	"replwatch.slot_inactive_timeout = '1s'");
plan skip_all => 'no release before 19 makes such a slot'
  if $subscriber->pg_version->major < 19;

$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION sub CONNECTION 'host=192.0.2.1' PUBLICATION pub WITH (connect = false, retain_dead_tuples = true)"
);
Replwatch::wait_until(
	$subscriber,
	"SELECT count(*) = 1 FROM pg_replication_slots WHERE slot_name = 'pg_conflict_detection'",
	'the server makes a slot');

# Another one, beside it, is judged.
$subscriber->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('unused', true)");
Replwatch::burst($subscriber);
$subscriber->safe_psql('postgres', 'SELECT pg_switch_wal()');
Alerts::alert_when($subscriber, 'slot_inactive', 'unused', 'warning',
	'a slot that nobody uses');
Alerts::wait_judged($subscriber);
is( Replwatch::value(
		$subscriber,
		"SELECT string_agg(name, ', ') FROM replwatch_status()"),
	'unused',
	'has a row, and the server\'s own has none');
is(Alerts::firing($subscriber),
	'slot_inactive (warning) on unused', 'nor an alert');

done_testing();
