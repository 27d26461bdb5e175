# Copyright (c) 2026, the replwatch authors

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
use Process;
use Test::More;

# Of two limits the higher one is set once the lower one is exceeded, so that
# nothing depends on how often the worker looks in between.
my %overrides = (
	tardy => 'lag_warning=1s, lag_critical=0, stall_timeout=0',
	delayed => 'lag_warning=1s, delay=1h, stall_timeout=0',
	big => 'lag_warning=3s, lag_critical=0, stall_timeout=0, '
	  . 'lag_bytes_warning=1MB, lag_bytes_critical=3MB',
	big_only => 'lag_warning=1h, stall_timeout=0, '
	  . 'lag_bytes_warning=1MB, lag_bytes_critical=3MB',
	newcomer => 'lag_warning=1s, lag_bytes_warning=1MB',
	receivewal => 'lag_warning=1s, missing_timeout=1ms');

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 128MB',
	'max_wal_senders = 20',
	'wal_sender_timeout = 1h',
	'replwatch.alert_hold = 1h',
	Alerts::overrides(%overrides));
my %conf = (
	tardy => ["recovery_min_apply_delay = '1h'"],

	# It judges itself, by a limit that it is soon beyond.
	delayed => [
		"recovery_min_apply_delay = '1h'",
		"replwatch.replica_overrides = ''",
		"replwatch.alert_hold = '500ms'",
		'replwatch.lag_warning = 1s',
		'replwatch.stall_timeout = 0'
	]);
my %standby =
  map { $_ => Replwatch::standby($primary, $_, conf => $conf{$_}) }
  qw(steady tardy delayed big big_only);

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
Replwatch::wait_sampled($primary);
$standby{big}->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
Replwatch::row_when_current($primary, 'big');
Replwatch::wait_sampled($primary);
is(scalar(Alerts::alerts($primary)), 0, 'a burst raises nothing');

note '2. a newcomer is stopped half-way';

# What the base backups left is 64 MB and more, which takes half a minute.
my $line = Relay->new($primary, speed => 2 * 1024 * 1024);
my $newcomer = PostgreSQL::Test::Cluster->new('newcomer');
$newcomer->init_from_backup($primary, 'backup_steady', has_streaming => 1);
$newcomer->append_conf('postgresql.conf',
		"primary_conninfo = '"
	  . $line->connstr
	  . " application_name=newcomer'\n"
	  . "wal_receiver_timeout = 0\n"
	  . "wal_retrieve_retry_interval = '100ms'\n");
$newcomer->start;
Replwatch::row_when(
	$primary,
	'newcomer',
	'downstream',
	'it catches up, being far behind',
	sub {
		return
			 $_[0]->{state} eq 'catchup'
		  && ($_[0]->{lag} // 0) > 1
		  && $_[0]->{lag_bytes} > 1024 * 1024;
	});
$line->cut;

note '3. four fall behind, one does so on purpose';

Replwatch::row_when_current($primary, $_) for qw(steady big big_only);
Replwatch::pause_replay($primary, $_)     for @standby{qw(big big_only)};
Replwatch::set($primary, "replwatch.alert_hold = '500ms'");
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

my $row = Alerts::alert_when($primary, 'replica_lag', 'tardy', 'warning',
	'tardy is behind');
is($row->{threshold}, '00:00:01', 'its threshold is that of a warning');
Alerts::story_is(
	$primary, 'replica_lag', 'tardy',
	'raised warning',
	'the log has it as raised');
$overrides{tardy} =~ s/critical=0/critical=3s/;
Replwatch::set($primary, Alerts::overrides(%overrides));
$row = Alerts::alert_when($primary, 'replica_lag', 'tardy', 'critical',
	'tardy is far behind');
is($row->{threshold}, '00:00:03', 'its threshold is that of critical');
Alerts::story_is(
	$primary, 'replica_lag', 'tardy',
	'raised warning, escalated critical',
	'the log has it as escalated');

$row = Alerts::alert_when($primary, 'replica_lag_bytes', 'big', 'critical',
	'big lags in bytes and in time');
cmp_ok(
	$row->{changed_at},
	'>',
	Alerts::alert($primary, 'replica_lag', 'big')->{raised_at} - 1,
	'replica_lag_bytes is critical only with time lag above lag_warning');
is($row->{threshold}, '3072 kB', 'its threshold is that of critical');
like(
	$row->{value},
	qr/^(\d{4} kB|\d+ MB)$/,
	'its value is the amount that is missing');
like(
	$row->{detail},
	qr/^Byte lag is \Q$row->{value}\E, above 3072 kB\. Time lag is (at \w+ )?00:\d\d:\d\d\./,
	'its detail has both');

# Both have the same WAL to replay.
$row = Alerts::alert($primary, 'replica_lag_bytes', 'big_only');
is($row->{severity}, 'warning',
	'without time lag above lag_warning as many bytes are a warning');
is($row->{threshold}, '1024 kB', 'its threshold is that of a warning');

note '4. how it is shown';

my $expected =
  'big critical, tardy critical, big_only warning, delayed ok, newcomer ok, receivewal ok, steady ok';
my $seen;
Process::until_true(
	'replwatch_status() has an order',
	sub {
		$seen = join ', ',
		  map { "$_->{name} $_->{health}" } Replwatch::statuses($primary);
		return $seen !~ /unknown/;
	});
is($seen, $expected, 'the worst health comes first in replwatch_status()');

my @rows = Alerts::alerts($primary);
my $severities = join ' ', map { $_->{severity} } @rows;
like(
	$severities,
	qr/^(critical ?)+(warning ?)+$/,
	'and in replwatch_alerts()');

# An entry says what was judged.
my @events = Alerts::log_events($primary, 'replica_lag', 'tardy');
foreach my $expected (
	[ 'raised warning WARNING', '00:00:01' ],
	[ 'escalated critical WARNING', '00:00:03' ])
{
	my ($entry, $limit) = @$expected;
	my $event = shift @events;

	is("$event->{change} $event->{severity} $event->{level}",
		$entry, "the log has it as $entry");
	my ($lag) = $event->{detail} =~
	  /^Time lag is (?:at \w+ )?(\d\d:\d\d:\d\d) \(\d+ \w+\), above $limit\. /;
	cmp_ok($lag // '',
		'ge', $limit, 'with how far it is behind, beyond the limit');
	like(
		$event->{hint},
		qr/^Look at replwatch_status\(\) on that server\./,
		'and what to do');
}

note '5. what is no reason';

# Both are beyond the limit of tardy, which is told.
$row = Replwatch::status($primary, 'newcomer');
is($row->{state}, 'catchup', 'the newcomer is on its way');
cmp_ok($row->{lag}, '>', 1, 'far behind');
is(Alerts::alert($primary, $_, 'newcomer'), undef, "no $_ on it")
  for qw(replica_lag replica_lag_bytes);
cmp_ok(Replwatch::status($primary, 'delayed')->{lag},
	'>', 1, 'a delayed replica lags');
is(Alerts::alert($primary, 'replica_lag', 'delayed'),
	undef, 'and may, on purpose');
Replwatch::row_when($standby{delayed}, 'delayed', 'upstream',
	'it knows of its lag itself', sub { $_[0]->{lag} > 1 });
Alerts::wait_held($standby{delayed});
Alerts::health_is($standby{delayed}, 'delayed', 'upstream', 'ok',
	'and takes its delay into account');
is(Alerts::firing($standby{delayed}), '', 'it has nothing to say of itself');

note '6. limits change under a firing alert';

$overrides{tardy} =~ s/critical=3s/critical=1h/;
$overrides{big}   =~ s/critical=3MB/critical=1GB/;
Replwatch::set($primary, Alerts::overrides(%overrides));
$row = Alerts::alert_when($primary, 'replica_lag', 'tardy', 'warning',
	'a higher limit counts');
is($row->{threshold}, '00:00:01', 'it is a warning again');
Alerts::alert_when($primary, 'replica_lag_bytes', 'big', 'warning',
	'the one in bytes, too');
Alerts::story_is(
	$primary, 'replica_lag', 'tardy',
	'raised warning, escalated critical, eased warning',
	'the log has it as eased');
my $event = (Alerts::log_events($primary, 'replica_lag', 'tardy'))[2];
is($event->{level}, 'LOG', 'which is good news');
like($event->{detail}, qr/^Time lag is /, 'with what it is now');

$overrides{big_only} =~ s/bytes_(\w+)=.MB/bytes_$1=0/g;
$overrides{big} =~ s/lag_warning=3s/lag_warning=0/;
Replwatch::set($primary, Alerts::overrides(%overrides));
Alerts::alert_when($primary, 'replica_lag_bytes', 'big_only', 'cleared',
	'an alert that is switched off is cleared');
Alerts::alert_when($primary, 'replica_lag', 'big', 'cleared',
	'the other one, too');
cmp_ok(
	Replwatch::status($primary, 'big_only')->{lag_bytes},
	'>',
	3 * 1024 * 1024,
	'although nothing has changed');
Alerts::health_is($primary, 'big_only', 'downstream', 'ok',
	'that is its health now');

# In the wrong order: the lower one counts.
$overrides{big_only} =~ s/bytes_warning=0/bytes_warning=1GB/;
$overrides{big_only} =~ s/bytes_critical=0/bytes_critical=1MB/;
$overrides{big_only} =~ s/lag_warning=1h/lag_warning=0/;
$overrides{newcomer} = 'lag_warning=0, lag_bytes_warning=0';
Replwatch::set($primary, Alerts::overrides(%overrides));
Alerts::alert_when($primary, 'replica_lag_bytes', 'big_only', 'critical',
	'a critical limit below that of warnings');

note '7. it gets better';

# Nothing is written any more, so that nobody falls behind again.
$receivewal->signal('TERM');
$receivewal->finish;
$primary->safe_psql('postgres', 'DROP TABLE stop');
$writer->finish;
Replwatch::connect_to($newcomer, $primary, 'newcomer');
undef $line;
$newcomer->reload;
Replwatch::set($standby{tardy}, 'recovery_min_apply_delay = 0');
$_->safe_psql('postgres', 'SELECT pg_wal_replay_resume()')
  for @standby{qw(big big_only)};

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
my $lasted = $row->{cleared_at} - $row->{raised_at};
Replwatch::is_between(3600 * $h + 60 * $m + $s,
	$lasted, $lasted, 'with how long it took');
Alerts::alert_when($primary, 'replica_lag_bytes', $_, 'cleared',
	"$_ has caught up")
  for qw(big big_only);
Alerts::health_is($primary, $_, 'downstream', 'ok', "$_ is well")
  for qw(tardy big big_only);
Replwatch::row_when($primary, 'newcomer', 'downstream', 'it streams',
	sub { $_[0]->{state} eq 'streaming' });
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
is(scalar(Alerts::log_events($standby{delayed})),
	0, 'nothing is logged of delayed');
Alerts::agree($primary, 'the log and SQL agree');

done_testing();
