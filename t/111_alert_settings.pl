# Copyright (c) 2026, the replwatch authors

# The settings of the alerts, in force and changed while they fire: limits by
# replica, limits that are off, in the wrong order, as far as they reach, how
# often alerts are told, whether they are logged; who is expected, and who is
# forgotten.  What follows from limits and hold time is for unit/alert/test_alert_state.c.

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
	"replwatch.alert_hold = '200ms'",
	"replwatch.missing_timeout = 0",
	'replwatch.lag_warning = 0',
	'replwatch.lag_critical = 0',
	'replwatch.forget_after = 1s');
my %standby =
  map { $_ => Replwatch::standby($primary, $_) } qw(delayed1 replica1);

# Set settings and wait until the worker has judged by them.
sub set
{
	my (@lines) = @_;

	Replwatch::set($primary, @lines);
	Alerts::wait_judged($primary);
	return;
}

# What the log says of an alert since this was last asked about it.
my %known;

sub news
{
	my ($alert, $subject) = @_;
	my @events = Alerts::log_events($primary, $alert, $subject);
	my $before = $known{"$alert $subject"} // 0;

	$known{"$alert $subject"} = @events;
	splice @events, 0, $before;
	return @events;
}

# Wait until replica_lag on replica1 is in a state and assert what the log says
# since the last time; the last of its entries.
sub lag_is
{
	my ($state, $story, $what) = @_;
	my @events;

	Alerts::alert_when($primary, 'replica_lag', 'replica1', $state, $what);
	Alerts::story_is($primary, 'replica_lag', 'replica1', qr/\Q$story\E$/,
		"$what: in the log");
	@events = news('replica_lag', 'replica1');
	is( join(
			', ',
			map {
				join ' ', grep { defined } @$_{qw(change severity)}
			} @events),
		$story,
		"$what: and nothing else");
	return $events[-1];
}

# Two that fall behind and are never quick enough for what follows, of which
# one does so on purpose.
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 2 FROM replwatch_status() WHERE state = 'streaming' AND lag IS NOT NULL",
	'both stream');
set("replwatch.replica_overrides = 'stall*: lag_warning=0; *: stall_timeout=0; delayed?: delay=1h'"
);
Replwatch::pause_replay($primary, $_) foreach values %standby;
Replwatch::burst($primary);
Replwatch::row_when($primary, 'replica1', 'downstream', 'it is behind',
	sub { ($_[0]->{lag} // 0) > 2 });


note '1. off, in the wrong order, as far as they reach';

is(Alerts::firing($primary), '', 'without limits nothing fires');

# Critical below warning: it is critical at once, and never a mere warning.
Replwatch::set(
	$primary,
	"replwatch.lag_warning = '1h'",
	"replwatch.lag_critical = '1s'");
my $event = lag_is('critical', 'raised critical', 'critical below warning');
like(
	$event->{detail},
	qr/^Time lag is (?:at \w+ )?00:\d\d:\d\d \(\d+ \w+\), above 00:00:01\./,
	'critical below warning: the detail');
Replwatch::set(
	$primary,
	'replwatch.lag_warning = 0',
	'replwatch.lag_critical = 0');
lag_is('cleared', 'cleared', 'off while it fires');

# As far as the settings reach, no more.
set("replwatch.lag_warning = '2147483647ms'",
	"replwatch.lag_critical = '2147483647ms'",
	"replwatch.lag_bytes_warning = '2147483647kB'",
	"replwatch.lag_bytes_critical = '2147483647kB'",
	"replwatch.slot_retained = '2147483647kB'",
	"replwatch.stall_timeout = '2147483647ms'",
	"replwatch.silent_timeout = '2147483647ms'",
	"replwatch.upstream_timeout = '2147483647ms'",
	"replwatch.slot_time_left = '2147483647ms'",
	"replwatch.missing_timeout = '2147483647ms'",
	'replwatch.alert_hold = 0',
	"replwatch.alert_repeat = '2147483647s'");
is(Alerts::firing($primary), '', 'nothing reaches the greatest limits');
set("replwatch.alert_hold = '1h'", "replwatch.lag_warning = '1ms'");
is(Alerts::firing($primary), '', 'nor anything the longest hold time');
Replwatch::set(
	$primary,
	'replwatch.alert_hold = 0',
	'replwatch.missing_timeout = 0');
lag_is('warning', 'raised warning', 'the least limit');
my $row = Alerts::alert($primary, 'replica_lag', 'replica1');
is($row->{threshold}, '00:00:00', 'a limit of next to nothing');
Alerts::wait_judged($primary);
is(scalar(news('replica_lag', 'replica1')),
	0, 'it is not logged again in the longest time');
Replwatch::set(
	$primary,
	'replwatch.alert_repeat = 0',
	'replwatch.lag_warning = 0');
lag_is('cleared', 'cleared', 'no hold at all');


note '2. by replica';

is(Alerts::alert($primary, 'replica_lag', 'delayed1'),
	undef, 'nothing was ever said of the one that is delayed on purpose');
is(Replwatch::status($primary, 'delayed1')->{health},
	'ok', 'the delayed one is well');
Replwatch::set(
	$primary,
	"replwatch.alert_hold = '200ms'",
	"replwatch.lag_warning = '2s'",
	"replwatch.replica_overrides = '*: stall_timeout=0, lag_critical=3s; repl?ca*: lag_warning=0,lag_critical=0; delayed1: delay=1s;'"
);
$row =
  Alerts::alert_when($primary, 'replica_lag', 'delayed1', 'critical',
	'more than was intended');
Alerts::story_is($primary, 'replica_lag', 'delayed1', qr/critical$/,
	'more than was intended: in the log');
$event = (Alerts::log_events($primary, 'replica_lag', 'delayed1'))[-1];
like(
	$event->{detail},
	qr/^Time lag is (?:at \w+ )?00:\d\d:\d\d \(\d+ \w+\), above 00:00:03\. Of that, 00:00:01 is intentional\./,
	'more than was intended: the detail');
is(Alerts::alert($primary, 'replica_lag', 'replica1')->{state},
	'cleared', 'a later pattern counts for the other one');
Replwatch::set($primary,
	"replwatch.replica_overrides = 'delayed*: delay=1h; *: stall_timeout=0; replica1: lag_warning=1s'"
);
Alerts::alert_when($primary, 'replica_lag', 'delayed1', 'cleared',
	'what is intended is judged anew');
lag_is('warning', 'raised warning', 'the other one has its limit back');
news('replica_lag', 'delayed1');


note '3. how often, and whether at all';

Replwatch::set($primary, "replwatch.alert_repeat = '1s'");
Alerts::story_is(
	$primary, 'replica_lag', 'replica1',
	qr/(still firing warning(, |$)){2}/,
	'it is logged repeatedly');
set('replwatch.alert_repeat = 0');
my @events = news('replica_lag', 'replica1');
is(scalar(grep { $_->{change} ne 'still firing' } @events),
	0, 'that is no change');
is($events[0]{level}, 'WARNING', 'repeated: the level of the log entry');
like($events[0]{after}, qr/^00:\d\d:\d\d$/, 'repeated: the time');
like($events[0]{detail}, qr/^Time lag is /, 'repeated: the detail');
like($events[0]{hint}, qr/replwatch_status/, 'repeated: the hint');

set('replwatch.log_alerts = off');
$standby{replica1}->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
Alerts::alert_when($primary, 'replica_lag', 'replica1', 'cleared',
	'it has caught up');
Alerts::wait_judged($primary);
set('replwatch.log_alerts = on');
is(scalar(news('replica_lag', 'replica1')),
	0, 'the log has nothing of that, nor later');


note '4. expected, and forgotten';

# A server does not miss itself, whatever it is called there.
Replwatch::set(
	$primary,
	"replwatch.replica_overrides = ''",
	'replwatch.lag_warning = 0',
	"replwatch.missing_timeout = '1s'",
	"replwatch.expected_replicas = 'primary, \"replica1\", later'");
$row =
  Alerts::alert_when($primary, 'replica_missing', 'later', 'critical',
	'one that was never here is missed');
($event) = Alerts::log_events($primary, 'replica_missing', 'later');
is( $event->{detail},
	'It has not connected to this server. It is listed in "replwatch.expected_replicas".',
	'never here: the detail');
is(Replwatch::status($primary, 'later'),
	undef, 'never here: it has no link to show');

# One that is expected is remembered; the other is forgotten, and its alert
# with it.
$standby{$_}->stop foreach qw(replica1 delayed1);
Alerts::alert_when($primary, 'replica_missing', 'replica1', 'critical',
	'an expected one is missed');
($event) = Alerts::log_events($primary, 'replica_missing', 'replica1');
like(
	$event->{detail},
	qr/^It has not been connected for 00:\d\d:\d\d\. It is listed in "replwatch.expected_replicas"\./,
	'an expected one: the detail');
like(
	$event->{hint},
	qr/^Bring it back, or remove it from "replwatch.expected_replicas"\. /,
	'an expected one: the hint');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 0 FROM replwatch_status() WHERE name = 'delayed1'",
	'the other is forgotten');
$primary->wait_for_log(
	qr/LOG:  replica "delayed1" was forgotten after 1 s without a connection/);
is(Replwatch::status($primary, 'replica1')->{state},
	'missing', 'the expected one is not forgotten');

# That it is cleared may be over before anybody has looked.
my $offset = -s $primary->logfile;
is($primary->safe_psql('postgres', "SELECT replwatch_forget('later')"),
	't', 'an alert is cleared by forgetting');
$primary->wait_for_log(
	qr/replication alert cleared: replica_missing on "later"/, $offset);
Alerts::alert_when($primary, 'replica_missing', 'later', 'critical',
	'an expected replica is missing again');

# Removed from the list: known, and forgotten in its time.
set('replwatch.forget_after = 0',
	"replwatch.expected_replicas = 'later, delayed1'");
is(Replwatch::status($primary, 'replica1')->{state},
	'missing', 'one that is not expected any more is still known');
is(Alerts::alert($primary, 'replica_missing', 'replica1')->{state},
	'firing', 'and missed');
Alerts::alert_when($primary, 'replica_missing', 'delayed1', 'critical',
	'another that is expected now is missed');
is($primary->safe_psql('postgres', "SELECT replwatch_forget('replica1')"),
	't', 'it is removed on purpose');
Alerts::alert_when($primary, 'replica_missing', 'replica1', 'cleared',
	'its alert is cleared');
Alerts::story_is(
	$primary, 'replica_missing', 'replica1',
	'raised critical, cleared',
	'which the log says');
is(Replwatch::status($primary, 'replica1'), undef, 'it is gone for good');
is(Alerts::alert($primary, 'replica_missing', 'primary'),
	undef, 'nobody ever misses itself');
Replwatch::set($primary, "replwatch.expected_replicas = ''");

foreach my $name (qw(later delayed1))
{
	Alerts::alert_when($primary, 'replica_missing', $name, 'cleared',
		"$name is not expected any more");
}
is(Alerts::firing($primary), '', 'nothing fires in the end');
Alerts::agree($primary, 'the log and SQL say the same, but where it was off',
	'replica1');

done_testing();
