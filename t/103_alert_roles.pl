# Copyright (c) 2026, the replwatch authors

# A failover.  A standby tells of those that replicate from it, and misses
# nobody else.  Promoted, it clears what it told as a standby, and misses the
# expected replicas that have stayed behind, but not itself nor those that
# follow it.  The old primary, made a standby, no longer misses anybody.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Limits that are soon exceeded are set only where something is to be told, and
# only for as long.
my $hold = 0.5;
my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 128MB',
	"wal_retrieve_retry_interval = '200ms'",
	"replwatch.alert_hold = '${hold}s'",
	"replwatch.replica_overrides = 'leaf: stall_timeout=1s, lag_warning=1s'");
my $middle = Replwatch::standby($primary, 'middle');
my $other = Replwatch::standby($primary, 'other');
my $leaf = Replwatch::standby($middle, 'leaf');
my @nodes = ($primary, $middle, $other, $leaf);

# All have one list, as they should.
foreach my $node (@nodes)
{
	Replwatch::set(
		$node,
		"replwatch.expected_replicas = 'primary, middle, other, ghost'",
		'replwatch.missing_timeout = 2s');
}

note '1. in a cascade';

Replwatch::row_when_current($middle, 'leaf');
Replwatch::pause_replay($primary, $leaf);
Replwatch::burst($primary);
my $row = Alerts::alert_when($middle, 'replica_stalled', 'leaf', 'firing',
	'a standby reports its replica');
like(
	$row->{detail},
	qr/^Replay has not advanced for 00:\d\d:\d\d, with \d+ \w+ to replay\.$/,
	'as a primary would');
Alerts::alert_when($middle, 'replica_lag', 'leaf', 'warning',
	'it lags as well');
Alerts::health_is($middle, 'leaf', 'downstream', qr/^(warning|critical)$/,
	'replwatch_status() shows it');
Alerts::health_is($middle, 'middle', 'upstream', qr/^ok$/,
	'it reports another alert for its upstream link');

Alerts::alert_when($primary, 'replica_missing', 'ghost', 'critical',
	'the primary misses one');
is( Alerts::firing($primary),
	'replica_missing (critical) on ghost',
	'it reports nothing else');
is( join(', ', sort map { $_->{alert} } Alerts::alerts($middle)),
	'replica_lag, replica_stalled',
	'a standby misses nobody that it is not used to');

$leaf->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
Alerts::alert_when($middle, $_, 'leaf', 'cleared', 'its replica is well')
  for qw(replica_stalled replica_lag);
Alerts::story_is(
	$middle, 'replica_stalled', 'leaf',
	qr/^raised warning, (escalated critical, )?cleared$/,
	'the log has it');
is(Alerts::story($middle, 'replica_lag', 'leaf'),
	'', 'and nothing of its consequences');

note '2. the primary is gone';

$primary->stop('fast');
foreach my $node ($middle, $other)
{
	my $name = $node->name;

	Replwatch::set($node,
		"replwatch.replica_overrides = '$name: upstream_timeout=1s, lag_warning=1s'"
	);
}
foreach my $node ($middle, $other)
{
	my $name = $node->name;

	Alerts::alert_when($node, 'upstream_down', $name, 'firing',
		"$name misses it");
	Alerts::alert_when($node, 'self_lag', $name, 'warning', "$name lags");
}
my $promoted = Replwatch::now($middle);
$middle->promote;

note '3. the old role is over';

Alerts::alert_when($middle, $_, 'middle', 'cleared',
	'a primary has no upstream server')
  for qw(upstream_down self_lag);
Alerts::story_is(
	$middle, 'upstream_down', 'middle',
	qr/^raised warning, (escalated critical, )?cleared$/,
	'the log has it');
is(Alerts::story($middle, 'self_lag', 'middle'),
	'', 'and nothing of its consequences');

note '4. the new role';

foreach my $name (qw(other primary ghost))
{
	$row = Alerts::alert_when($middle, 'replica_missing', $name, 'critical',
		"$name is missed");
	cmp_ok(
		$row->{raised_at}, '>=',
		$promoted + 2 + $hold,
		"$name: after missing_timeout, as of the promotion");
	like(
		$row->{detail},
		qr/^It has not connected to this server\. It is listed in "replwatch\.expected_replicas"\.$/,
		"$name: as one that is expected");
	Alerts::story_is(
		$middle, 'replica_missing', $name,
		'raised critical',
		"$name: the log has it");
}
Replwatch::wait_replayed($middle, $leaf);
Replwatch::row_when($middle, 'leaf', 'downstream', 'leaf follows',
	sub { $_[0]->{state} eq 'streaming' });
Alerts::wait_held($middle);
unlike(Alerts::firing($middle), qr/ on leaf/,
	'a replica that has followed is not missed');
is(Alerts::alert($middle, 'replica_missing', 'middle'),
	undef, 'nobody misses himself');
Alerts::alert_when($other, 'upstream_down', 'other', 'critical',
	'the server left behind reports it');

note '5. all follow';

Replwatch::connect_to($other, $middle, 'other');
$other->reload;
Replwatch::connect_to($primary, $middle, 'primary');
$primary->set_standby_mode;
$primary->start;
foreach my $name (qw(other primary))
{
	Alerts::alert_when($middle, 'replica_missing', $name, 'cleared',
		"$name follows");
	Alerts::story_is(
		$middle, 'replica_missing', $name,
		'raised critical, cleared',
		"$name: the log has it");
}
Alerts::alert_when($other, $_, 'other', 'cleared', 'all is well')
  for qw(upstream_down self_lag);
is( Alerts::firing($middle),
	'replica_missing (critical) on ghost',
	'nobody has seen the ghost');

note '6. the old primary is a standby';

Alerts::alert_when($primary, 'replica_missing', 'ghost', 'cleared',
	'a standby does not miss the ghost');
is(Alerts::firing($primary), '', 'nor anybody else');
Alerts::story_is(
	$primary, 'replica_missing', 'ghost',
	'raised critical, cleared',
	'the log has that as well');
Alerts::agree($_, $_->name . ': the log and SQL agree')
  for @nodes;

done_testing();
