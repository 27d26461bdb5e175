# Copyright (c) 2026, the replwatch authors

# matrix: every major

# A standby that streamed, is refused in pg_hba.conf and is fed by the archive
# from then on.  How stale it is follows from the commits that come: it is a
# bound that grows until the next segment is replayed, whatever the receiver
# tries meanwhile.  Neither its row nor the port nor the agent goes back and
# forth with each segment.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Port;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;
use Time::HiRes qw(time sleep);

my $long = $ENV{REPLWATCH_SOAK};
my $duration = $long ? 120 : 16;
my $every = $long ? 5 : 2;
my $most = 12;

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 0',
	'checkpoint_timeout = 1h',
	'replwatch.known_after = 0');
$primary->enable_archiving;
$primary->restart;

my $retry = $long ? '5s' : '1s';
my @conf = (
	"wal_retrieve_retry_interval = $retry",
	q(restore_command = 'cp ") . $primary->archive_dir . q(/%f" "%p"'),
	"replwatch.alert_hold = '200ms'",
	"replwatch.lag_warning = '${most}s'",
	"replwatch.upstream_timeout = '3s'");
my $standby =
  Replwatch::standby($primary, 'fed', conf => [ Port::conf(@conf) ]);
my $port = Port::of($standby);

# Commit something, and have it archived.
sub archive_segment
{
	Replwatch::burst($primary);
	Replwatch::value($primary, 'SELECT pg_switch_wal()');
	return;
}

note '1. refused, it gets its WAL from the archive';

Replwatch::row_when_current($standby, 'fed', 'upstream');
Replwatch::wait_replayed($primary, $standby);
# Until the next sample, nobody else knows of a message that came after this one.
Replwatch::wait_sampled($standby);
Port::status_when($port, '/replica?lag=1MB', 200, 'it is a replica');

# Sessions that are connected stay; nobody else is refused.
unlink $primary->data_dir . '/pg_hba.conf';
append_to_file($primary->data_dir . '/pg_hba.conf',
	"local replication all reject\nlocal all all trust\n");
$primary->reload;
Replwatch::value($primary,
	'SELECT pg_terminate_backend(pid) FROM pg_stat_replication');

my $client = Session->new($standby);
my $log = -s $standby->logfile;
my $end = time() + $duration;
my $next = time();
my ($looks, $archived, $worst, $fed_at) = (0, 0, 0);
my (%state, %reason, %port, %bytes, %agent, %cut_off, @jumps, $before);

while (time() < $end)
{
	if (time() >= $next)
	{
		$next += $every;
		archive_segment();
	}

	my $begin = time();
	my ($row) = Replwatch::statuses($client, 'upstream');
	my $at = time();
	my $fed = ($row->{reason_code} // '') eq 'from_archive';

	$looks++;
	$worst = $row->{lag} // 1e9 if ($row->{lag} // 1e9) > $worst;
	push @jumps, "$before->{lag} to $row->{lag}"
	  if $before
	  && $row->{lag} > $before->{lag} + ($at - $before->{at}) + 0.5;
	$before = { at => $begin, lag => $row->{lag} };
	$fed_at //= $at if $fed;
	if (defined $fed_at)
	{
		$archived++;
		$state{"$row->{state} $row->{lag_bound}"}++;
		$reason{ $row->{reason_code} // 'NULL' }++;
	}

	my $answer = Port::sampled($port, '/replica?lag=30s');
	$port{ $answer->{status} }++;
	$cut_off{ $answer->{json}->{cut_off} ? 'cut off' : 'not cut off' }++
	  if defined $fed_at;
	$bytes{ Port::sampled($port, '/replica?lag=1MB')->{status} }++;
	$agent{ Port::sampled_agent($port, 'replica lag=30s') =~ /^up ready/
		? 'up'
		: 'not up' }++;
	sleep(0.05);
}

my $segments = () = slurp_file($standby->logfile, $log) =~
  /restored log file "[0-9A-F]{24}" from archive/g;
note "$looks looks, $archived of them after the first of $segments segments, at most $worst s";
cmp_ok($segments, '>=', $duration / $every / 2, 'segments come');
cmp_ok($archived, '>', 10, 'the test looks at something');
cmp_ok($worst, '<', $most, 'it is never staler than that');
is("@jumps", '', 'which never jumps up');
is_deeply([ keys %state ], ['archive at most'], 'its state stays the same');
is_deeply([ keys %reason ], ['from_archive'], 'and so does the reason');
is_deeply([ keys %port ], [200], 'the port lets reads come');
is_deeply([ keys %bytes ], [200], 'with a limit in bytes, too');
is_deeply([ keys %cut_off ], ['cut off'], 'and says all the time that it is cut off');
is_deeply([ keys %agent ], ['up'], 'and so does the agent');

note '2. what it is told';

my $row = Replwatch::row_when(
	$standby, 'fed',
	'upstream',
	'the refusals are known',
	sub { ($_[0]->{reason} // '') =~ /pg_hba\.conf/ });
like(
	$row->{reason},
	qr/^WAL comes from the archive; the last replayed commit is [\d.]+ m?s old, and what there is beyond it is not known; the upstream server refused \d+ connections in the last minute: .*pg_hba\.conf/,
	'the reason says how old it is, and why it does not stream');
my $alert = Alerts::alert_when($standby, 'upstream_down', 'fed', 'firing',
	'that it does not stream is told');
Alerts::story_is(
	$standby, 'upstream_down', 'fed',
	qr/^raised warning/,
	'and logged');
like(
	$alert->{detail},
	qr/^This standby has not streamed for 00:\d\d:\d\d\. WAL comes from the archive; the last replayed commit is .* old, /,
	'with where its WAL comes from');
like(
	$alert->{detail},
	qr/ Data read here is stale by at most 00:00:\d\d\.$/,
	'and how stale it is');
is(Alerts::story($standby, 'self_lag', 'fed'), '', 'a lag is not told');

note '3. nothing more comes';

Replwatch::burst($primary);
my $answer = Port::answer_when(
	$port,
	'/replica?lag=6s',
	'it may be 6 s behind',
	sub { ($_[0]->{json}->{reason} // '') =~ /^lag may be up to/ });
is($answer->{status}, 503, 'a limit in time is strict');
is(Port::sampled($port, '/replica?lag=6s&cut_off=serve')->{status},
	200, 'unless it is lifted');
cmp_ok($answer->{json}->{lag}, '>=', 6, 'its staleness grows');

note '4. it streams again';

unlink $primary->data_dir . '/pg_hba.conf';
append_to_file($primary->data_dir . '/pg_hba.conf',
	"local replication all trust\nlocal all all trust\n");
$primary->reload;
$row = Replwatch::row_when_current($standby, 'fed', 'upstream');
is($row->{reason_code}, undef, 'and there is no reason any more');
Alerts::alert_when($standby, 'upstream_down', 'fed', 'cleared',
	'the alert is over');

done_testing();
