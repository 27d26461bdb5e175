# Copyright (c) 2026, the replwatch authors

# While the sampling worker stands still, as on a machine that is suspended,
# nobody watches.  A replica that goes meanwhile, a slot that nobody moves and
# an upstream server that is lost are not alerts because of that time, but only
# once their limits have passed since somebody watches again.  What fired before
# goes on firing, and is not told of again.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Nobody watches for longer than for any limit.
my $limit = 3;
my $gap   = 4;

my $primary = Replwatch::primary(
	'primary',
	'replwatch.known_after = 0',
	"replwatch.alert_hold = '100ms'",
	"replwatch.missing_timeout = '${limit}s'",
	"replwatch.slot_inactive_timeout = '${limit}s'",
	"replwatch.upstream_timeout = '${limit}s'",
	"replwatch.expected_replicas = 'nobody'");
my $standby = Replwatch::standby($primary, 'replica1',
	conf => ["replwatch.expected_replicas = ''"]);
my %subjects = (
	replica_missing => [ $primary, 'replica1' ],
	slot_inactive   => [ $primary, 'left' ],
	upstream_down   => [ $standby, 'replica1' ]);
my $conninfo = $standby->safe_psql('postgres', 'SHOW primary_conninfo');

sub alert
{
	my ($alert, $subject, $state) = @_;

	return
	  "FROM replwatch_alerts() WHERE alert = '$alert' AND subject = '$subject' AND state = '$state'";
}

# How often it was raised and cleared; slow machines may see it get worse.
sub changes
{
	my @changes = map { $_->{change} } Alerts::log_events(@_);

	return [ grep { $_ ne 'escalated' && $_ ne 'eased' } @changes ];
}

Replwatch::wait_until(
	$primary,
	'SELECT count(*) = 1 ' . alert('replica_missing', 'nobody', 'firing'),
	'one that never came is missing');
$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('left', true)");
Replwatch::wait_sampled($primary);
Replwatch::wait_sampled($standby);

note '1. All goes wrong while nobody watches';

my @samplers = map { Replwatch::stop_sampler($_) } $primary, $standby;
my $begin    = $primary->safe_psql('postgres', 'SELECT clock_timestamp()');
Replwatch::burst($primary, 1000);
Replwatch::set_upstream($standby, 'host=/nowhere');
Replwatch::wait_until(
	$primary,
	'SELECT count(*) = 0 FROM pg_stat_replication',
	'the standby is gone');
Replwatch::wait_until(
	$primary,
	"SELECT clock_timestamp() > '$begin'::timestamptz + interval '$gap s'",
	'that goes on for longer than the limits');
my $resumed = $primary->safe_psql('postgres', 'SELECT clock_timestamp()');
kill 'CONT', @samplers;

foreach my $alert (sort keys %subjects)
{
	my ($node, $subject) = @{ $subjects{$alert} };

	Replwatch::wait_until($node,
		'SELECT count(*) = 1 ' . alert($alert, $subject, 'firing'),
		"$alert is raised");
	is( $node->safe_psql(
			'postgres',
			"SELECT raised_at - '$resumed'::timestamptz >= interval '$limit s' "
			  . alert($alert, $subject, 'firing')),
		't',
		"$alert is raised by time that was watched");
}

note '2. All is well again';

Replwatch::set_upstream($standby, $conninfo);
$primary->safe_psql('postgres', "SELECT pg_drop_replication_slot('left')");
foreach my $alert (sort keys %subjects)
{
	my ($node, $subject) = @{ $subjects{$alert} };

	Replwatch::wait_until($node,
		'SELECT count(*) = 1 ' . alert($alert, $subject, 'cleared'),
		"$alert is cleared");
	is_deeply(
		changes($node, $alert, $subject),
		[ 'raised', 'cleared' ],
		"$alert: that was all");
}
is_deeply(changes($primary, 'replica_missing', 'nobody'),
	['raised'], 'what fired before fired all the time');

done_testing();
