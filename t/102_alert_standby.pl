# Copyright (c) 2026, the replwatch authors

# matrix: every major

# What a standby tells of itself: that it lags, with what holds its replay back
# and how to end that, and that it has lost its upstream server.  Nothing is
# told by a standby whose upstream server is only restarted, nor by one that
# has none and lives from the archive.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $hold = 0.5;
my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 128MB',
	"wal_retrieve_retry_interval = '200ms'",
	"replwatch.alert_hold = '${hold}s'",
	"replwatch.lag_warning = '10min'",
	"replwatch.stall_timeout = '10min'",
	"replwatch.missing_timeout = '10min'");
$primary->safe_psql('postgres',
	'CREATE TABLE old AS SELECT generate_series(1, 100) AS i');

# Of two limits the higher one is set once the lower one is exceeded, so that
# nothing depends on how often the worker looks in between.
my %conf = (
	cut_off =>
	  [ 'replwatch.upstream_timeout = 5s', 'replwatch.lag_warning = 2s' ],
	patient => ["replwatch.upstream_timeout = '10min'"],
	paused => [
		'replwatch.stall_timeout = 0',
		'replwatch.lag_warning = 1s',
		'replwatch.lag_critical = 0'
	],
	held => ['max_standby_streaming_delay = -1'],
	late => ['replwatch.upstream_timeout = 1s']);

my %standby = map {
	$_ => Replwatch::standby(
		$primary, $_,
		conf => $conf{$_},
		start => $_ ne 'late')
} sort keys %conf;

# One that has nothing but the archive.
my $archived = PostgreSQL::Test::Cluster->new('archived');
$archived->init_from_backup($primary, 'backup_late', standby => 1);
$archived->append_conf(
	'postgresql.conf', join "\n",
	"restore_command = 'false'",
	'replwatch.upstream_timeout = 1s',
	'replwatch.lag_warning = 1s');
$archived->start;

Replwatch::row_when_current($standby{$_}, $_, 'upstream')
  for qw(cut_off patient paused held);

note '1. replay is paused, and held back by a query';

my $session = Session->new($standby{held});
$session->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
$session->query('SELECT count(*) FROM old');
my $blocker = $session->pid;

Replwatch::pause_replay($primary, $standby{paused});
$primary->safe_psql('postgres', 'DELETE FROM old');
$primary->safe_psql('postgres', 'VACUUM old');

my $row = Alerts::alert_when($standby{paused}, 'self_lag', 'paused',
	'warning', 'one lags');
is($row->{threshold}, '00:00:01', 'its threshold is that of a warning');
Alerts::story_is(
	$standby{paused}, 'self_lag', 'paused',
	'raised warning',
	'the log has it');
Replwatch::set($standby{paused}, 'replwatch.lag_critical = 3s');
$row = Alerts::alert_when($standby{paused}, 'self_lag', 'paused',
	'critical', 'it lags by more');
is($row->{threshold}, '00:00:03', 'its threshold is that of critical');
like(
	$row->{detail},
	qr/^Time lag is (at \w+ )?00:\d\d:\d\d \(.*\), above 00:00:03\. Replay is paused; /,
	'its detail has the distance and the reason');
Alerts::story_is(
	$standby{paused}, 'self_lag', 'paused',
	'raised warning, escalated critical',
	'the log has that, too');

my %limit = (raised => '00:00:01', escalated => '00:00:03');
foreach my $event (Alerts::log_events($standby{paused}))
{
	my $limit = $limit{ $event->{change} };

	is($event->{level}, 'WARNING', "$event->{change} as a warning");
	Alerts::is_beyond(
		$event,
		qr/^Time lag is (?:at \w+ )?(00:\d\d:\d\d) \(.*\), above $limit\. Replay is paused; /,
		$limit,
		'with how far it is behind, beyond the limit, and why');
	like(
		$event->{hint},
		qr/^Run pg_wal_replay_resume\(\)\./,
		'and what to do');
}
Alerts::health_is($standby{paused}, 'paused', 'upstream', 'critical',
	'replwatch_status() shows it');

Replwatch::row_when(
	$standby{held}, 'held',
	'upstream',
	'the query holds it back',
	sub { ($_[0]->{reason_code} // '') eq 'conflict' });
Replwatch::set($standby{held}, 'replwatch.lag_warning = 1s');
$row = Alerts::alert_when($standby{held}, 'self_lag', 'held', 'warning',
	'another one lags');
like(
	$row->{detail},
	qr/^Time lag is .*, above 00:00:01\. Replay waits for a snapshot of process $blocker/,
	'its detail names the session');
Alerts::story_is(
	$standby{held}, 'self_lag', 'held',
	'raised warning',
	'the log has it');
my ($event) = Alerts::log_events($standby{held});
like($event->{detail}, qr/ process $blocker/, 'names the session');
like(
	$event->{hint},
	qr/^End the session with pg_terminate_backend\($blocker\), or decrease "max_standby_streaming_delay"\./,
	'and says how to end it');

note '2. they go on';

Replwatch::set($standby{paused}, 'replwatch.lag_critical = 1h');
Alerts::alert_when($standby{paused}, 'self_lag', 'paused', 'warning',
	'a higher limit eases it');
$standby{paused}->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$standby{held}
  ->safe_psql('postgres', "SELECT pg_terminate_backend($blocker)");
foreach my $name (qw(paused held))
{
	Alerts::alert_when($standby{$name}, 'self_lag', $name, 'cleared',
		"$name goes on");
	Alerts::health_is($standby{$name}, $name, 'upstream', 'ok',
		"$name: replwatch_status() shows it");
}
Alerts::story_is(
	$standby{paused}, 'self_lag', 'paused',
	'raised warning, escalated critical, eased warning, cleared',
	'the log has all of it');
Alerts::story_is(
	$standby{held}, 'self_lag', 'held',
	'raised warning, cleared',
	'and of the other');

note '3. the upstream server is gone';

$primary->stop('immediate');

Alerts::alert_when($standby{cut_off}, 'upstream_down', 'cut_off',
	'warning', 'one misses its upstream server');
Alerts::story_is(
	$standby{cut_off}, 'upstream_down', 'cut_off',
	'raised warning',
	'the log has it');

# It is critical after five times as long, which is sooner now.
Replwatch::set($standby{cut_off}, 'replwatch.upstream_timeout = 1s');
$row = Alerts::alert_when($standby{cut_off}, 'upstream_down', 'cut_off',
	'critical', 'it has missed it for long');
is($row->{threshold}, '00:00:05', 'its threshold is that of critical');
like(
	$row->{detail},
	qr/^This standby has not streamed for 00:\d\d:\d\d\. Data read here is stale by at most 00:\d\d:\d\d\.$/,
	'its detail has the time and what it means');
Alerts::story_is(
	$standby{cut_off}, 'upstream_down', 'cut_off',
	'raised warning, escalated critical',
	'the log has that, too');

%limit = (raised => '00:00:05', escalated => '00:00:05');
foreach my $event (Alerts::log_events($standby{cut_off}))
{
	is($event->{level}, 'WARNING', "$event->{change} as a warning");
	Alerts::is_beyond(
		$event,
		qr/^This standby has not streamed for (00:\d\d:\d\d)\./,
		$limit{ $event->{change} },
		'with for how long, beyond its limit');
	like(
		$event->{hint},
		qr/^Check that the upstream server is running and reachable, and "primary_conninfo"/,
		'and what to look at');
}
Alerts::health_is($standby{cut_off}, 'cut_off', 'upstream', 'critical',
	'replwatch_status() shows it');
$standby{late}->start;

$row = Alerts::alert_when($standby{cut_off}, 'self_lag', 'cut_off',
	'warning', 'it lags');
like(
	$row->{detail},
	qr/ Not reported while upstream_down is firing\.$/,
	'which is not logged');

$row = Alerts::alert_when($standby{late}, 'upstream_down', 'late', 'firing',
	'one finds none');
my $started = $standby{late}->safe_psql('postgres',
	'SELECT extract(epoch FROM pg_postmaster_start_time())');
cmp_ok(
	$row->{raised_at}, '>=',
	$started + 1 + $hold,
	'which is not logged at once');

note '4. it is back';

$primary->start;
Alerts::alert_when($standby{$_}, 'upstream_down', $_, 'cleared',
	"$_ streams")
  for qw(cut_off late);
Alerts::alert_when(
	$standby{cut_off}, 'self_lag', 'cut_off', 'cleared',
	'and does not lag');
Alerts::health_is($standby{$_}, $_, 'upstream', 'ok',
	"$_: replwatch_status() shows it")
  for qw(cut_off late);
Alerts::story_is(
	$standby{cut_off}, 'upstream_down', 'cut_off',
	'raised warning, escalated critical, cleared',
	'the log has all of it');
is(Alerts::story($standby{cut_off}, 'self_lag', 'cut_off'),
	'', 'the lag is not logged');

is(scalar(Alerts::log_events($standby{patient})),
	0, 'a restart of the upstream server is not logged');
is(scalar(Alerts::alerts($standby{patient})), 0, 'nor shown');
Alerts::wait_held($archived);
is(scalar(Alerts::log_events($archived)),
	0, 'a server without an upstream misses none');
is(scalar(Alerts::alerts($archived)), 0, 'nor shows that');
is(scalar(Alerts::log_events($primary)),
	0, 'nor does the primary log what soon ended');
Alerts::agree($standby{$_}, "$_: the log and SQL agree")
  for sort keys %standby;

done_testing();
