# Copyright (c) 2026, the replwatch authors

# Replicas that are missing, silent, or stand still.  Each is told once, as the
# cause; that it falls behind for that is shown by SQL, with the cause, but not
# told.  Left alone are a replica that is soon back, one that is slow but moves,
# and those that have nothing to say on an idle primary.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Relay;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $hold = 0.5;

# Without wal_sender_timeout a connection is silent after five seconds.
my %overrides = (
	never => 'missing_timeout=2s',
	paused => 'stall_timeout=5s, lag_warning=2s',
	slow => 'stall_timeout=0',
	'hung*' => 'silent_timeout=1s, lag_warning=1s');

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 128MB',
	'max_wal_senders = 20',
	'wal_sender_timeout = 0',
	"wal_retrieve_retry_interval = '200ms'",
	"replwatch.alert_hold = '${hold}s'",
	"replwatch.expected_replicas = 'never, gone_expected, paused'",
	Alerts::overrides(%overrides));
my $line = Relay->new($primary);
my %standby = map {
	my $slot = $_ eq 'gone_slot';
	$_ => Replwatch::standby($primary, $_, slot => $slot)
} qw(gone gone_slot gone_expected soon_back slow);

# One that says nothing of its own accord.
$standby{hung} = Replwatch::standby($primary, 'hung',
	conf => ["wal_receiver_status_interval = '1h'"]);
$standby{paused} = Replwatch::standby(
	$primary, 'paused',
	conf => [
		"replwatch.replica_overrides = ''",
		'replwatch.stall_timeout = 1s',
		'replwatch.lag_warning = 2s'
	]);

# One that is reached over a line that can be cut.
$standby{hung_line} = Replwatch::standby($primary, 'hung_line', start => 0);
$standby{hung_line}->append_conf('postgresql.conf',
		"primary_conninfo = '"
	  . $line->connstr
	  . " application_name=hung_line'\n");
$standby{hung_line}->start;
Replwatch::wait_until(
	$primary,
	"SELECT bool_and(health = 'ok' AND state = 'streaming') AND count(*) = 8 FROM replwatch_status() WHERE last_seen IS NOT NULL",
	'all stream');

Alerts::wait_known($primary);

note '1. three go, one is soon back, one has never been';

$overrides{'gone*'} = 'missing_timeout=2s';
Replwatch::set($primary, Alerts::overrides(%overrides));
Replwatch::wait_sampled($primary);
my $seen = Replwatch::value($primary,
	'SELECT extract(epoch FROM last_sample) FROM replwatch_node()');
$standby{$_}->stop for qw(gone gone_slot gone_expected);
$standby{soon_back}->restart;

my $row = Alerts::alert_when($primary, 'replica_missing', 'never', 'critical',
	'one is missed that has never been');
my $started = $primary->safe_psql('postgres',
	'SELECT extract(epoch FROM pg_postmaster_start_time())');
cmp_ok(
	$row->{raised_at}, '>=',
	$started + 2 + $hold,
	'what the server does not see as it starts is not missed at once');
is( $row->{detail},
	'It has not connected to this server. It is listed in "replwatch.expected_replicas".',
	'and why');

my %last = (
	gone => 'warning',
	gone_slot => 'warning',
	gone_expected => 'critical');
foreach my $name (sort keys %last)
{
	my $hint =
	  $name eq 'gone_expected'
	  ? 'Bring it back, or remove it from "replwatch.expected_replicas".'
	  : "Bring it back or, if it was removed or moved on purpose, run replwatch_forget('$name').";

	$row = Alerts::alert_when($primary, 'replica_missing', $name,
		$last{$name}, "$name is missed");

	cmp_ok(
		$row->{raised_at}, '>=',
		$seen + 2 + $hold - 0.1,
		"$name: not before its limit and hold time");
	like(
		$row->{detail},
		qr/^It has not been connected for 00:\d\d:\d\d\./,
		"$name: for how long it has been away");
	is($row->{threshold}, '00:00:02', "$name: the threshold");
	Alerts::story_is(
		$primary, 'replica_missing', $name,
		"raised $last{$name}",
		"$name: the log has it");

	my ($event) = Alerts::log_events($primary, 'replica_missing', $name);
	is($event->{level}, 'WARNING', "$name: as a warning");
	Alerts::is_beyond(
		$event,
		qr/^It has not been connected for (00:\d\d:\d\d)\./,
		'00:00:02',
		"$name: with for how long it has been away");
	like($event->{hint}, qr/^\Q$hint\E/, "$name: and what to do");
	Alerts::health_is($primary, $name, 'downstream', $last{$name},
		"$name: replwatch_status() shows it");
}

note '2. nothing is written';

# By now the limit is five seconds.
Replwatch::row_when(
	$primary, 'hung',
	'downstream',
	'an idle replica has not replied for long',
	sub { $_[0]->{state} eq 'streaming' && reply_age('hung') > 5 });
Alerts::wait_held($primary);
is(Alerts::alert($primary, 'replica_silent', 'hung'),
	undef, 'it has no reason to');
Alerts::health_is($primary, 'hung', 'downstream', 'ok', 'which is all right');

sub reply_age
{
	my ($name) = @_;

	return Replwatch::value($primary,
		"SELECT extract(epoch FROM clock_timestamp() - reply_time) FROM replwatch_status() WHERE name = '$name'"
	);
}

note '3. one stands still, two are silent, one is slow';

Replwatch::set($standby{slow}, "recovery_min_apply_delay = '8s'");
Replwatch::pause_replay($primary, $standby{paused});
my $receiver = Replwatch::process($standby{hung}, 'walreceiver');
Process::stop($receiver);
$line->cut;
Replwatch::burst($primary);

# From now on something is written all the time.
$primary->safe_psql('postgres', 'CREATE TABLE stop ()');
my $writer =
  Replwatch::start_client('psql', '-XAtq', '-d',
	$primary->connstr('postgres'),
	'-c', <<'EOS');
DO $$
BEGIN
	WHILE to_regclass('stop') IS NOT NULL LOOP
		INSERT INTO burst VALUES ('x');
		COMMIT;
		PERFORM pg_sleep(0.05);
	END LOOP;
END
$$
EOS

Alerts::alert_when($primary, 'replica_stalled', 'paused', 'warning',
	'one stands still');
Alerts::story_is(
	$primary, 'replica_stalled', 'paused',
	'raised warning',
	'the log has it');

# It is critical after five times as long, which is sooner now.
$overrides{paused} = 'stall_timeout=1s, lag_warning=2s';
Replwatch::set($primary, Alerts::overrides(%overrides));
$row = Alerts::alert_when($primary, 'replica_stalled', 'paused', 'critical',
	'it does so for long');
like(
	$row->{detail},
	qr/^Replay has not advanced for 00:\d\d:\d\d, with \d+ \w+ to replay\.$/,
	'for how long, and with how much to do');
is($row->{threshold}, '00:00:05', 'its threshold is that of critical');
Alerts::story_is(
	$primary, 'replica_stalled', 'paused',
	'raised warning, escalated critical',
	'the log has that, too');

my %limit = (raised => '00:00:05', escalated => '00:00:05');
foreach my $event (Alerts::log_events($primary, 'replica_stalled', 'paused'))
{
	is($event->{level}, 'WARNING', "$event->{change} as a warning");
	Alerts::is_beyond(
		$event,
		qr/^Replay has not advanced for (00:\d\d:\d\d), with \d+ \w+ to replay\.$/,
		$limit{ $event->{change} },
		'in the same words, beyond its limit');
	like($event->{hint}, qr/replay may be paused/, 'with what it may be');
}

foreach my $name (qw(hung hung_line))
{
	$row = Alerts::alert_when($primary, 'replica_silent', $name, 'warning',
		"$name is silent");
	like(
		$row->{detail},
		qr/^It is connected but has not replied for 00:\d\d:\d\d\.$/,
		"$name: the detail says so");
	is($row->{threshold}, '00:00:05', "$name: its threshold is the lowest");
	Alerts::story_is(
		$primary, 'replica_silent', $name,
		'raised warning',
		"$name: the log has it");
	my ($event) = Alerts::log_events($primary, 'replica_silent', $name);
	is($event->{level}, 'WARNING', "$name: as a warning");
	Alerts::is_beyond($event, qr/has not replied for (00:\d\d:\d\d)\./,
		'00:00:05', "$name: in the same words, beyond its limit");
	like(
		$event->{hint},
		qr/^Check the network, and the walreceiver/,
		"$name: with what it may be");
	Alerts::health_is($primary, $name, 'downstream', 'warning',
		"$name: replwatch_status() shows it");
}

note '4. one cause, one page';

$overrides{paused} .= ', lag_bytes_warning=1kB';
Replwatch::set($primary, Alerts::overrides(%overrides));
foreach my $alert (qw(replica_lag replica_lag_bytes))
{
	$row = Alerts::alert_when($primary, $alert, 'paused', 'warning',
		"$alert fires, too");
	like(
		$row->{detail},
		qr/ Not reported while replica_stalled is firing\.$/,
		"$alert has its cause in its detail");
	is(Alerts::story($primary, $alert, 'paused'), '', "$alert is not told");
}
my @told = grep { $_->{subject} eq 'paused' } Alerts::log_events($primary);
is(scalar(grep { $_->{change} eq 'raised' } @told),
	1, 'the primary has logged one alert');

$row = Alerts::alert_when($standby{paused}, 'replay_paused', 'paused',
	'warning', 'the standby knows that it is paused');
like(
	$row->{detail},
	qr/^Replay is paused, with \d+ \w+ to replay\.$/,
	'the detail says so');
$row = Alerts::alert_when($standby{paused}, 'self_lag', 'paused', 'warning',
	'and that it lags');
like(
	$row->{detail},
	qr/^Time lag is .* Replay is paused; .* Not reported while replay_paused is firing\.$/,
	'because it is paused');
@told = Alerts::log_events($standby{paused});
is( join(', ', map { "$_->{level} $_->{change} $_->{alert}" } @told),
	'WARNING raised replay_paused',
	'the standby has logged one alert');
like($told[0]->{detail}, qr/^Replay is paused, with /, 'what it is');
like($told[0]->{hint}, qr/^Run pg_wal_replay_resume\(\)\./, 'and what to do');
Alerts::health_is($standby{paused}, 'paused', 'upstream', 'warning',
	'its replwatch_status() shows it');

note '5. slow is not still';

# It can't be said to move before it has replayed the first write.
my $first = Replwatch::status($primary, 'slow')->{replay_lsn};
Replwatch::row_when(
	$primary, 'slow', 'downstream',
	'one is slow, but moves',
	sub { $_[0]->{lag} > 7 && $_[0]->{replay_lsn} ne $first });
$overrides{slow} = 'stall_timeout=5s';
Replwatch::set($primary, Alerts::overrides(%overrides));
Alerts::wait_held($primary);
$row = Replwatch::row_when($primary, 'slow', 'downstream',
	'its health is known', sub { $_[0]->{health} ne 'unknown' });
cmp_ok($row->{lag}, '>', 5, 'one is behind by more than the limit, but moves');
is($row->{health}, 'ok', 'that is all right');

note '6. they go on';

# Nothing is written any more, so that nobody falls behind again.
$primary->safe_psql('postgres', 'DROP TABLE stop');
$writer->finish;
$standby{paused}->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
kill('CONT', $receiver) or die "could not continue a process: $!";
$line->mend;

$row = Alerts::alert_when($primary, 'replica_stalled', 'paused', 'cleared',
	'it moves');
like(
	$row->{detail},
	qr/^Replay has not advanced for /,
	'what it was about is remembered');
Alerts::alert_when($primary, $_, 'paused', 'cleared', 'it is not behind')
  for qw(replica_lag replica_lag_bytes);
Alerts::alert_when($primary, 'replica_silent', $_, 'cleared', 'it replies')
  for qw(hung hung_line);
Alerts::alert_when($standby{paused}, $_, 'paused', 'cleared', 'all is well')
  for qw(replay_paused self_lag);
delete @overrides{ 'paused', 'hung*', 'slow' };
Replwatch::set($primary, Alerts::overrides(%overrides));
Alerts::health_is($primary, $_, 'downstream', 'ok', "$_ is well")
  for qw(paused hung hung_line);

Alerts::story_is(
	$primary, 'replica_stalled', 'paused',
	'raised warning, escalated critical, cleared',
	'the log has all of it');
Alerts::story_is($primary, 'replica_silent', $_, 'raised warning, cleared',
	"and of $_")
  for qw(hung hung_line);
Alerts::story_is(
	$standby{paused}, 'replay_paused', 'paused',
	'raised warning, cleared',
	'and that of the standby');
is(Alerts::story($primary, $_, 'paused'), '', "$_ was never told")
  for qw(replica_lag replica_lag_bytes);
is(Alerts::story($standby{paused}, 'self_lag', 'paused'),
	'', 'nor the lag of the standby');
is( scalar(
		grep { $_->{subject} =~ /^(slow|soon_back)$/ }
		  Alerts::log_events($primary)),
	0,
	'the slow replica and the one that was soon back have no alerts');

note '7. who was missed comes back, and then all go';

$standby{gone}->start;
Alerts::alert_when($primary, 'replica_missing', 'gone', 'cleared',
	'one is back');
Alerts::story_is(
	$primary, 'replica_missing', 'gone',
	'raised warning, cleared',
	'the log has it');

# That one last, so that none is left when it is missed.
$standby{$_}->stop('immediate')
  for qw(soon_back slow hung hung_line paused gone);
$row = Alerts::alert_when($primary, 'replica_missing', 'gone_slot',
	'critical', 'none is left');
like(
	$row->{detail},
	qr/^It has not been connected for [\d:]+\. It may stream from another server\. No standby is streaming\.$/,
	'which the detail says');
Alerts::alert_when($primary, 'replica_missing', 'gone', 'critical',
	'the last one is missed');

$standby{gone}->start;
Alerts::alert_when($primary, 'replica_missing', 'gone', 'cleared',
	'one is back');
Alerts::alert_when($primary, 'replica_missing', 'gone_slot', 'warning',
	'the other one no longer matters as much');
$standby{gone_slot}->start;
Alerts::alert_when($primary, 'replica_missing', 'gone_slot', 'cleared',
	'all are back that can');
Alerts::story_is(
	$primary, 'replica_missing', 'gone_slot',
	'raised warning, escalated critical, eased warning, cleared',
	'the log has all of it');
Alerts::story_is(
	$primary, 'replica_missing', 'gone',
	'raised warning, cleared, raised critical, cleared',
	'and of the other');
Alerts::agree($primary, 'the log and SQL agree');
Alerts::agree($standby{gone}, 'on standbys, too');

done_testing();
