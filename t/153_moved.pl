# Copyright (c) 2026, the replwatch authors

# A standby that moves from the primary to another standby is missed by the
# primary, which can't see where it has gone: its alert comes in time, and says
# that the replica may stream from another server.
#
#	primary --+-- upstream
#			  |	  +-- moved		after
#			  +-- moved		before

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Parted;
use Relay;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

# In seconds.
my $timeout = 2;

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	'wal_retrieve_retry_interval = 200ms',
	'replwatch.known_after = 0',
	'replwatch.alert_hold = 500ms',
	"replwatch.missing_timeout = ${timeout}s");
my $upstream = Replwatch::standby($primary, 'upstream');
my $moved = Replwatch::standby($primary, 'moved');
Alerts::wait_known($primary);


note '1. one that moves';

my $from = Replwatch::now($primary);
Replwatch::connect_to($moved, $upstream, 'moved');
$moved->reload;
Replwatch::wait_until(
	$upstream,
	"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'moved' AND state = 'streaming'",
	'it streams from the other standby');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 0 FROM pg_stat_replication WHERE application_name = 'moved'",
	'it has left the primary');
my $to = Replwatch::now($primary);

my $alert = Parted::comes(
	'the primary misses it',
	sub {
		Alerts::alert_when($primary, 'replica_missing', 'moved', 'warning',
			'the alert is raised');
	});
Replwatch::is_between(
	$alert->{raised_at},
	$from + $timeout,
	$to + $timeout + 0.5,
	'in time');
like($alert->{detail}, qr/stream\w* from another server/,
	'the detail says that it may stream from another server');
Alerts::story_is($primary, 'replica_missing', 'moved', 'raised warning',
	'the log has it once');
my ($event) = Alerts::log_events($primary, 'replica_missing', 'moved');
like($event->{detail} // '', qr/stream\w* from another server/, 'and says the same');

Parted::is_well(
	upstream => $upstream,
	standby => $moved,
	name => 'moved',
	primary => $primary);
is(Alerts::firing($upstream), '', 'no alert fires on its new upstream');
is(Alerts::firing($moved), '', 'nor on itself');

note '2. one that connects again';

Replwatch::burst($primary, 5000);
Replwatch::wait_replayed($primary, $upstream);
Replwatch::row_when_current($primary, 'upstream');
Replwatch::wait_sampled($primary);

# It takes a while to send that part of a segment.
my $line = Relay->new($primary, speed => 1_000_000);
my $client = Session->new($primary);
my ($most, $looks) = (0, 0);
foreach my $try (1 .. 3)
{
	my $pid = Replwatch::value($client,
		"SELECT pid FROM pg_stat_replication WHERE application_name = 'upstream'"
	);
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $streams = 0;

	if ($try == 1)
	{
		Replwatch::set_upstream($upstream,
			$line->connstr . ' application_name=upstream');
	}
	else
	{
		Replwatch::value($client, "SELECT pg_terminate_backend($pid)");
	}
	while (!$streams)
	{
		die 'it does not stream again' if time() > $limit;
		$looks++;
		foreach my $row (grep { $_->{name} eq 'upstream' }
			Replwatch::statuses($client))
		{
			$most = $row->{lag_bytes} if ($row->{lag_bytes} // 0) > $most;
			$streams = 1
			  if $row->{state} eq 'streaming'
			  && defined $row->{replay_lsn}
			  && $row->{pid} != $pid;
		}
	}
}
cmp_ok($most, '<', 8192, "its lag stays small in each of $looks looks");

done_testing();
