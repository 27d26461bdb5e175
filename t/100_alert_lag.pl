# Copyright (c) 2026, the replwatch authors

# matrix: every major

# Replicas that fall behind, in time and in bytes.  Each limit that is exceeded
# for alert_hold raises its alert, each that is no longer approached eases or
# clears it, and log, replwatch_alerts() and health say the same all the time.
# A burst that is soon replayed, a standby that lags on purpose, one that
# catches up for the first time and programs that replay nothing are left
# alone, and limits that change are applied to what fires already.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Relay;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $hold = 0.5;
my %overrides = (
	tardy => 'lag_warning=1s, lag_critical=5s, stall_timeout=0',
	delayed => 'lag_warning=5s, delay=8s, stall_timeout=0',
	big => 'lag_warning=3s, lag_critical=0, stall_timeout=0, '
	  . 'lag_bytes_warning=1MB, lag_bytes_critical=3MB',
	big_only => 'lag_warning=1h, stall_timeout=0, '
	  . 'lag_bytes_warning=1MB, lag_bytes_critical=3MB',
	newcomer => 'lag_warning=1s, lag_bytes_warning=1MB',
	receivewal => 'lag_warning=1s, missing_timeout=1ms');

sub overrides
{
	return
	  "replwatch.replica_overrides = '"
	  . join('; ', map { "$_: $overrides{$_}" } sort keys %overrides) . "'";
}

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 128MB',
	'max_wal_senders = 20',
	'replwatch.alert_hold = 1min',
	overrides());
my %standby = map {
	my $lag = /^(tardy|delayed)$/ ? 'replwatch.lag_warning = 5s' : '';
	$_ => Replwatch::standby($primary, $_, conf => [$lag])
} qw(steady tardy delayed big big_only);

# What replays nothing is not judged, here or gone.
my $receivewal =
  Replwatch::start_client('pg_receivewal', '-D',
	PostgreSQL::Test::Utils::tempdir(),
	'-d', $primary->connstr . ' application_name=receivewal');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'receivewal' AND state = 'streaming'",
	'pg_receivewal streams');

note '1. a burst that is replayed before alert_hold has gone by';

sub burst
{
	# About 4 MB.
	return Replwatch::burst($primary, 25_000);
}

Alerts::wait_known($primary);
Replwatch::pause_replay($primary, $standby{big});
burst();
Replwatch::row_when(
	$primary, 'big', 'downstream',
	'much is missing',
	sub { $_[0]->{lag_bytes} > 3 * 1024 * 1024 });
$standby{big}->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
Replwatch::row_when_current($primary, 'big');
Replwatch::wait_sampled($primary);
is(scalar(Alerts::alerts($primary)), 0, 'a burst raises nothing');

note '2. three fall behind, one does so on purpose';

my $start = time();
Alerts::set($primary, "replwatch.alert_hold = '${hold}s'");
Replwatch::pause_replay($primary, $_)     for @standby{qw(big big_only)};
Replwatch::row_when_current($primary, $_) for keys %standby;
foreach my $name (qw(tardy delayed))
{
	Alerts::set($standby{$name}, "recovery_min_apply_delay = '8s'");
	Replwatch::wait_until(
		$standby{$name},
		"SELECT current_setting('recovery_min_apply_delay') = '8s'",
		'replay is delayed');
}

burst();

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

my $row = Alerts::alert_when($primary, 'replica_lag_bytes', 'big', 'critical',
	'big lags in bytes and in time');
cmp_ok(
	$row->{changed_at}, '>=',
	$start + 3 + $hold,
	'replica_lag_bytes is critical only with time lag above lag_warning');
is($row->{threshold}, '3072 kB', 'its threshold is that of critical');
like(
	$row->{value},
	qr/^(\d{4} kB|\d+ MB)$/,
	'its value is the amount that is missing');
like(
	$row->{detail},
	qr/^Byte lag is \Q$row->{value}\E, above 3072 kB\. Time lag is 00:00:\d\d\./,
	'its detail tells both');

# Both have the same WAL to replay.
$row = Alerts::alert($primary, 'replica_lag_bytes', 'big_only');
is($row->{severity}, 'warning',
	'without time lag above lag_warning as many bytes are a warning');
is($row->{threshold}, '1024 kB', 'its threshold is that of a warning');

$row = Alerts::alert_when($primary, 'replica_lag', 'tardy', 'critical',
	'tardy is far behind');
cmp_ok(
	$row->{changed_at}, '>=',
	$start + 5 + $hold,
	'replica_lag is critical once the limit was exceeded for the hold time');
cmp_ok(
	$row->{raised_at}, '>=',
	$start + 1 + $hold,
	'and was raised no sooner than its limit and hold time');

is($row->{threshold}, '00:00:05', 'its threshold is that of critical');

note '3. how it is shown';

my @rows = Replwatch::statuses($primary);
is( join(', ', map { "$_->{name} $_->{health}" } @rows),
	'big critical, tardy critical, big_only warning, delayed ok, receivewal ok, steady ok',
	'the worst health comes first in replwatch_status()');

@rows = Alerts::alerts($primary);
my $severities = join ' ', map { $_->{severity} } @rows;
like(
	$severities,
	qr/^(critical ?)+(warning ?)+$/,
	'and in replwatch_alerts()');

my ($event) = Alerts::log_events($primary, 'replica_lag', 'tardy');
is( "$event->{change} $event->{severity} $event->{level}",
	'raised warning WARNING',
	'the log has it as raised');
like(
	$event->{detail},
	qr/^Time lag is 00:00:\d\d \(\d+ \w+\), above 00:00:01\. /,
	'with how far it is behind');
like(
	$event->{hint},
	qr/^Look at replwatch_status\(\) on that server\./,
	'and what to do');
(undef, $event) = Alerts::log_events($primary, 'replica_lag', 'tardy');
is( "$event->{change} $event->{severity} $event->{level}",
	'escalated critical WARNING',
	'and then as escalated');
like($event->{detail}, qr/above 00:00:05\. /, 'above the other limit');
like($event->{hint}, qr/replwatch_status/, 'with what to do');

note '4. what lags on purpose';

$row = Replwatch::row_when($primary, 'delayed', 'downstream',
	'delayed lags', sub { $_[0]->{lag} > 5 + $hold + 1 });
is($row->{health}, 'ok', 'a delayed replica may lag');
$row = Replwatch::status($standby{delayed}, 'delayed', 'upstream');
cmp_ok($row->{lag}, '>', 5 + $hold, 'it knows of its lag itself');
is($row->{health}, 'ok', 'and takes its delay into account');
is(Alerts::firing($standby{$_}), '', "$_ has nothing to say of itself")
  for qw(tardy delayed);

note '5. it gets better';

Alerts::set($standby{tardy}, "recovery_min_apply_delay = '2s'");
$row = Alerts::alert_when($primary, 'replica_lag', 'tardy', 'warning',
	'tardy catches up');
is($row->{threshold}, '00:00:01', 'it is a warning again');
Alerts::story_is(
	$primary, 'replica_lag', 'tardy',
	'raised warning, escalated critical, eased warning',
	'the log has it as eased');
$event = (Alerts::log_events($primary, 'replica_lag', 'tardy'))[2];
is($event->{level}, 'LOG', 'which is good news');
like($event->{detail}, qr/^Time lag is /, 'with what it is now');

Alerts::set($standby{tardy}, "recovery_min_apply_delay = 0");
$row = Alerts::alert_when($primary, 'replica_lag', 'tardy', 'cleared',
	'tardy has caught up');
is($row->{severity}, 'warning', 'the cleared one keeps its severity');
Alerts::story_is(
	$primary, 'replica_lag', 'tardy',
	'raised warning, escalated critical, eased warning, cleared',
	'the log has it as cleared');
$event = (Alerts::log_events($primary, 'replica_lag', 'tardy'))[3];
is($event->{level}, 'LOG', 'which is good news');
my ($h, $m, $s) = split /:/, $event->{after};
is( 3600 * $h + 60 * $m + $s,
	int($row->{cleared_at} - $row->{raised_at}),
	'with how long it took');
is(Replwatch::status($primary, 'tardy')->{health},
	'ok', 'replwatch_status() shows it');

note '6. limits change under a firing alert';

$overrides{big} =~ s/critical=3MB/critical=1GB/;
Alerts::set($primary, overrides());
Alerts::alert_when($primary, 'replica_lag_bytes', 'big', 'warning',
	'a higher limit counts');
$overrides{big_only} =~ s/bytes_(\w+)=.MB/bytes_$1=0/g;
$overrides{big} =~ s/lag_warning=3s/lag_warning=0/;
Alerts::set($primary, overrides());
Alerts::alert_when($primary, 'replica_lag_bytes', 'big_only', 'cleared',
	'an alert that is switched off is cleared');
Alerts::alert_when($primary, 'replica_lag', 'big', 'cleared',
	'the other one, too');
cmp_ok(
	Replwatch::status($primary, 'big_only')->{lag_bytes},
	'>',
	3 * 1024 * 1024,
	'although nothing has changed');
is(Replwatch::status($primary, 'big_only')->{health},
	'ok', 'that is its health now');

# In the wrong order: the lower one counts.
$overrides{big_only} =~ s/bytes_warning=0/bytes_warning=1GB/;
$overrides{big_only} =~ s/bytes_critical=0/bytes_critical=1MB/;
$overrides{big_only} =~ s/lag_warning=1h/lag_warning=0/;
Alerts::set($primary, overrides());
Alerts::alert_when($primary, 'replica_lag_bytes', 'big_only', 'critical',
	'a critical limit below that of warnings');

note '7. a newcomer catches up';

# What the base backups left is 64 MB and more, which takes three seconds.
my $line = Relay->new($primary, speed => 20 * 1024 * 1024);
my $newcomer = PostgreSQL::Test::Cluster->new('newcomer');
my $behind_since;
$newcomer->init_from_backup($primary, 'backup_steady', has_streaming => 1);
$newcomer->append_conf('postgresql.conf',
		"primary_conninfo = '"
	  . $line->connstr
	  . " application_name=newcomer'\n");
$newcomer->start;
$row = Replwatch::row_when(
	$primary,
	'newcomer',
	'downstream',
	'the newcomer is far behind for longer than the hold time',
	sub {
		my $is_behind =
			 $_[0]->{state} eq 'catchup'
		  && ($_[0]->{lag} // 0) > 1
		  && $_[0]->{lag_bytes} > 1024 * 1024;

		$behind_since //= time() if $is_behind;
		return $is_behind && time() - $behind_since > 2 * $hold;
	});
is($row->{health}, 'ok', 'it is on its way, and that is all right');
Replwatch::row_when($primary, 'newcomer', 'downstream', 'it streams',
	sub { $_[0]->{state} eq 'streaming' && $_[0]->{lag} < 0.5 });

note '8. all is well again';

$receivewal->signal('TERM');
$receivewal->finish;
$primary->safe_psql('postgres', 'DROP TABLE stop');
$writer->finish;
$_->safe_psql('postgres', 'SELECT pg_wal_replay_resume()')
  for @standby{qw(big big_only)};
foreach my $name (qw(big big_only))
{
	$row = Alerts::alert_when($primary, 'replica_lag_bytes', $name,
		'cleared', "$name has caught up");
	is(Replwatch::status($primary, $name)->{health}, 'ok', "$name is well");
}
is(Alerts::firing($primary), '', 'nothing fires');

Alerts::story_is(
	$primary, 'replica_lag_bytes', 'big',
	qr/^raised (warning, escalated )?critical, eased warning, cleared$/,
	'the log has all of big');
Alerts::story_is(
	$primary, 'replica_lag_bytes', 'big_only',
	'raised warning, cleared, raised critical, cleared',
	'and of big_only');
Alerts::story_is(
	$primary, 'replica_lag', 'big',
	'raised warning, cleared',
	'and of its time lag');
is( join(' ',
		sort { $a cmp $b }
		  keys %{ { map { $_->{subject} => 1 } Alerts::log_events($primary) }
		  }),
	'big big_only tardy',
	'and of nobody else');
is(scalar(Alerts::log_events($standby{$_})), 0, "$_ has told nothing")
  for qw(tardy delayed steady);
Alerts::agree($primary, 'the log and SQL have told the same');

done_testing();
