# Copyright (c) 2026, the replwatch authors
# matrix: every major

# 16 and 17 let a receiver stream through a physical slot that was invalidated,
# and then show the slot as unreserved.  It retains nothing: it is lost, and says
# so, and is not at risk.  15 takes such a slot into use again, which ends the
# alert; from 18 on it can't be used.

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
	'min_wal_size = 32MB',
	'max_wal_size = 32MB',
	'max_slot_wal_keep_size = 16MB',
	"replwatch.alert_hold = '500ms'");
my $major = $primary->pg_version->major;

sub receive
{
	mkdir $primary->backup_dir;
	return Replwatch::start_client('pg_receivewal', '--no-loop',
		'--synchronous', '--slot', 'dead', '--directory',
		$primary->backup_dir, '--dbname', $primary->connstr);
}

$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('dead', true)");
$primary->safe_psql('postgres',
	"SELECT pg_logical_emit_message(false, 'test', 'x'); SELECT pg_switch_wal()"
) for 1 .. 6;
$primary->safe_psql('postgres', 'CHECKPOINT');
Alerts::alert_when($primary, 'slot_lost', 'dead', 'critical',
	'the slot is lost');
my $kept = Replwatch::status($primary, 'dead')->{retained_bytes};

my $client = receive();
if ($major >= 18)
{
	$client->finish;
	is(Replwatch::status($primary, 'dead')->{state},
		'lost', 'it cannot be used');
}
else
{
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 1 FROM replwatch_status() WHERE slot_name = 'dead' AND state = 'streaming' AND restart_lsn IS NOT NULL",
		'a receiver streams through it');
	Replwatch::burst($primary);
}
if ($major == 15)
{
	Alerts::alert_when($primary, 'slot_lost', 'dead', 'cleared',
		'it is in use again');
}
else
{
	Alerts::wait_held($primary);
	Alerts::story_is(
		$primary, 'slot_lost', 'dead',
		'raised critical',
		'it stays lost');
}
if ($major == 16 || $major == 17)
{
	my $row = Replwatch::status($primary, 'dead');

	is($row->{wal_status}, 'unreserved', 'as the server shows it');
	is($row->{retained_bytes}, $kept, 'it says what it retained');
	is($row->{slot_time_left}, undef, 'it has no time left');
	is($row->{health}, 'critical', 'its health');
	$row = Alerts::alert($primary, 'slot_lost', 'dead');
	like(
		$row->{detail},
		qr/A replica streams through it all the same, but the slot retains no WAL for it\.$/,
		'the detail says that it is used');
}
is(Alerts::story($primary, $_, 'dead'), '', "no $_")
  foreach qw(slot_at_risk slot_inactive);
$client->kill_kill if $major < 18;

done_testing();
