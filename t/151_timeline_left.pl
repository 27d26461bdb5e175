# Copyright (c) 2026, the replwatch authors
# matrix: every major

# A standby that stays on its timeline, by recovery_target_timeline = 'current',
# while its upstream server is promoted and leaves it.  It has all of the old
# timeline, gets nothing of the new one, and connects again and again.
#
#	primary --- promoted --- staying

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Parted;
use Port;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{REPLWATCH_SOAK} ? 60 : 4;

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 256MB',
	'max_connections = 30',
	'wal_retrieve_retry_interval = 200ms',
	'replwatch.known_after = 0',
	'replwatch.alert_hold = 500ms');
my $promoted = Replwatch::standby($primary, 'promoted');
my $staying = Replwatch::standby($promoted, 'staying',
	conf => [ Port::conf("recovery_target_timeline = 'current'") ]);
my $port = Port::of($staying);
my %link = (
	upstream => $promoted,
	standby => $staying,
	name => 'staying',
	code => 'timeline_left');

# Check that a lag is dated from the fork, as far as it is known; returns it.
sub is_from_fork
{
	my ($from, $to, $what) = @_;
	my $client = Session->new($staying);
	my $begin = Replwatch::now($client);
	my ($row) = Replwatch::statuses($client, 'upstream');
	my $end = Replwatch::now($client);

	Replwatch::is_between($row->{lag}, $begin - $to, $end - $from,
		"$what: the lag goes back to the fork");
	isnt($row->{lag_bound} // '', 'exact', "$what: it is not exact");
	return $row->{lag};
}


note '1. the upstream server is promoted';

my $kept = Parted::write_row(Session->new($primary));
Replwatch::wait_replayed($primary, $_) foreach $promoted, $staying;
Alerts::wait_known($promoted);
Port::status_when($port, '/replica', 200, 'it is a replica');
my $from = Replwatch::now($promoted);
my ($offset, $promoted_offset) =
  map { -s $_->logfile } $staying, $promoted;
$primary->stop;
$promoted->promote;
my $writer = Session->new($promoted);
my $token = Parted::write_row($writer);
my $to = Replwatch::now($promoted);
$staying->wait_for_log(qr/End of WAL reached on timeline 1/, $offset);
$promoted->wait_for_log(qr/START_REPLICATION .*TIMELINE 1/,
	$promoted_offset);
pass('it asks for timeline 1 again');


note '2. what both servers say';

my $row = Parted::is_seen(%link);
my ($fork) =
  slurp_file($promoted->data_dir . '/pg_wal/00000002.history') =~
  m{^1\t([0-9A-F]+/[0-9A-F]+)\t};
Parted::has_lsn($row->{reason}, $fork, 'the reason names the fork');
my $lag = is_from_fork($from, $to, 'soon after it');
Parted::stays(%link, seconds => $seconds, what => 'a timeline that was left');
my $later = is_from_fork($from, $to, 'later');
cmp_ok($later // 0, '>=', ($lag // 0) + $seconds - $Replwatch::tolerance,
	'the lag grows');
Parted::is_no_replica($port, $token, 'on a timeline that was left');

my $reader = Session->new($staying);
is($reader->value("SELECT replwatch_wait_for_token('$token', '200 ms')"),
	'f', 'it has not got a commit of the new timeline');
is($reader->value("SELECT replwatch_wait_for_token('$kept', '200 ms')"),
	't', 'it has one of the old timeline');


note '3. it follows';

$staying->append_conf('postgresql.conf',
	"recovery_target_timeline = 'latest'\n");
$staying->restart;
Parted::is_well(%link, port => $port);
is( Session->new($staying)->value("SELECT replwatch_wait_for_token('$token')"),
	't',
	'it has the commit');
Alerts::story_is(
	$promoted, 'replica_diverged', 'staying',
	'raised critical, cleared',
	'the log has it all');

done_testing();
