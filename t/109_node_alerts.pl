# Copyright (c) 2026, the replwatch authors

# What a primary says of itself: that synchronous standbys are missing, and
# that commits wait for them; from 17 on, that logical replication waits for
# a standby.  Quiet are a list that is satisfied and a standby that is soon back.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	"replwatch.alert_hold = '200ms'",
	'replwatch.missing_timeout = 0',
	"replwatch.replica_overrides = 'marker: missing_timeout=1ms'",
	'replwatch.slot_inactive_timeout = 0');
my $major = $primary->pg_version->major;
my %standby =
  map { $_ => Replwatch::standby($primary, $_) } qw(alpha beta);

sub set_names
{
	my ($names) = @_;

	Replwatch::set($primary, "synchronous_standby_names = '$names'");
	return;
}

# What has been said of synchronous standbys and is not yet known to this
# test.
my $known = 0;

sub news
{
	my @events = Alerts::log_events($primary, 'sync_short');
	my @new = @events[ $known .. $#events ];

	$known = @events;
	return @new;
}

# Wait until sync_short is in $state, and assert that the log says $story, a
# pattern, since the last time.  Returns the last entry.
sub changes
{
	my ($state, $story, $what) = @_;
	my ($row, @events);

	$row =
	  Alerts::alert_when($primary, 'sync_short', 'primary', $state, $what);
	Alerts::story_is($primary, 'sync_short', 'primary', qr/(^|, )$story$/,
		"$what: in the log");
	@events = news();
	like(
		join(
			', ',
			map {
				join ' ', grep { defined } @$_{qw(change severity)}
			} @events),
		qr/^$story$/,
		"$what: and nothing else");
	return $events[-1], $row;
}

my $sync_hint =
  qr/^Bring back a standby that is listed in "synchronous_standby_names", or shorten that list\. /;


note '1. fewer synchronous standbys than commits need';

set_names('FIRST 2 (alpha, beta)');
Replwatch::wait_until(
	$primary,
	'SELECT sync_wanted = 2 AND sync_connected = 2 FROM replwatch_node()',
	'both are synchronous');

# Until then it may have looked otherwise for some time.
Alerts::wait_judged($primary);
Replwatch::wait_until(
	$primary,
	"SELECT NOT EXISTS (SELECT FROM replwatch_alerts() WHERE state = 'firing')",
	'nothing fires');
Alerts::wait_judged($primary);
news();
$standby{beta}->stop;
my ($event, $row) =
  changes('warning', 'raised warning', 'one of two is missing');
is($event->{level}, 'WARNING', 'one of two: the level of the log entry');
is( $event->{detail},
	'Synchronous standbys: 2 needed, 1 connected. Commits waiting: 0.',
	'one of two: the detail');
like($event->{hint}, $sync_hint, 'one of two: the hint');
is($row->{value}, '1', 'one of two: the value');
is($row->{threshold}, '2', 'one of two: the threshold');

set_names('ANY 1 (alpha, beta)');
($event) = changes('cleared', 'cleared', 'any one of two is there');
is($event->{level}, 'LOG', 'cleared: the level of the log entry');

set_names('gamma');
changes('warning', 'raised warning', 'nobody of this name is there');
set_names('*');
changes('cleared', 'cleared', 'anybody is there');


note '2. commits wait';

$standby{alpha}->stop;
changes('warning', 'raised warning', 'nobody at all is there');
my $session = Session->new($primary);
$session->ask("INSERT INTO burst VALUES ('waits')");
($event, $row) = changes('critical', 'escalated critical', 'a commit waits');
like(
	$event->{detail},
	qr/^Synchronous standbys: 1 needed, 0 connected\. Commits waiting: 1, the oldest for 00:00:\d\d\.$/,
	'a commit waits: the detail');
like($event->{hint}, $sync_hint, 'a commit waits: the hint');
$standby{alpha}->start;

# The standby may come between the looks at standbys and at commits: that is no
# more than a warning, for a moment.
($event, $row) =
  changes('cleared', '(eased warning, )?cleared', 'a standby is back');
ok(!$session->answer->{message}, 'the commit is done');


note '3. soon back, or not needed';

# However long a start takes here.
Replwatch::set($primary, "replwatch.alert_hold = '1h'");
Alerts::wait_judged($primary);
$standby{alpha}->stop;
Replwatch::wait_until(
	$primary,
	'SELECT sync_connected = 0 FROM replwatch_node()',
	'the standby is away');
Alerts::wait_judged($primary);
$standby{alpha}->start;
Replwatch::wait_until(
	$primary,
	'SELECT sync_connected = 1 FROM replwatch_node()',
	'the standby is back');
Alerts::wait_judged($primary);
Replwatch::set($primary, "replwatch.alert_hold = '200ms'", "synchronous_standby_names = ''");
Alerts::wait_judged($primary);
$standby{alpha}->stop;

# One that is missed from now on is told of after the same hold time.
Replwatch::wait_until(
	$primary,
	'SELECT count(*) = 0 FROM pg_stat_replication',
	'the standby is away');
Replwatch::set($primary, 'replwatch.expected_replicas = marker');
Alerts::alert_when($primary, 'replica_missing', 'marker', 'firing',
	'the hold time has gone by');
Alerts::wait_judged($primary);
is(scalar(news()), 0, 'shorter than the hold, or not wanted: nothing');
Replwatch::set($primary, "replwatch.expected_replicas = ''");


SKIP:
{
	skip 'logical replication waits for nobody before 17', 7 if $major < 17;

	note '4. a standby that logical replication would wait for';

	$primary->safe_psql('postgres',
		"SELECT pg_create_physical_replication_slot('alpha', true)");
	Replwatch::set($primary, "synchronized_standby_slots = 'alpha'");
	($event, $row) =
	  changes('warning', 'raised warning', 'its slot is not used');
	is( $event->{detail},
		'Slot "alpha" of "synchronized_standby_slots" is not used, and logical replication would wait for it if a slot had failover enabled.',
		'its slot is not used: the detail');
	like(
		$event->{hint},
		qr/^Bring its standby back, or remove it from "synchronized_standby_slots"\. /,
		'its slot is not used: the hint');
	is($row->{severity}, 'warning', 'its slot is not used: a warning');

	$standby{alpha}
	  ->append_conf('postgresql.conf', "primary_slot_name = 'alpha'");
	$standby{alpha}->start;
	changes('cleared', 'cleared', 'its slot is used');
	Replwatch::set($primary, "synchronized_standby_slots = ''");
}

Alerts::agree($primary, 'the log and SQL say the same');

done_testing();
