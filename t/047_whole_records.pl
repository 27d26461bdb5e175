# Copyright (c) 2026, the replwatch authors

# matrix: every major

# Only whole records are missing.  An open transaction on a primary where nothing
# else happens leaves the flushed WAL in the middle of a record: a primary with
# replwatch has the rest flushed, and a standby of one without it knows that it has
# replayed all that it could.  A record that is whole is missing, whatever replay
# seems to wait for.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Open a transaction on $node and write several pages of WAL.  The record that
# reaches into the last page is longer than the rest of it.
sub write_open
{
	my ($node) = @_;
	my $client = Session->new($node);

	Replwatch::rows($client, 'BEGIN');
	Replwatch::rows($client,
		"SELECT pg_logical_emit_message(true, 'open', repeat('x', 20000))");
	return $client;
}

# Neither a record of the background writer nor a checkpoint comes to help.
my @quiet = ('checkpoint_timeout = 1h', 'autovacuum = off');


note '1. a primary with replwatch';

my $primary = Replwatch::primary('primary', @quiet);
my $standby = Replwatch::standby($primary, 'standby');
my $writer = Replwatch::stop_background_writer($primary);
my $client = write_open($primary);
my $inserted =
  Replwatch::value($primary, 'SELECT pg_current_wal_insert_lsn()');

Replwatch::wait_until(
	$primary,
	"SELECT pg_current_wal_flush_lsn() >= '$inserted'",
	'the whole record is flushed');
my $row = Replwatch::row_when_current($primary, 'standby');
is($row->{lag_bytes}, 0, 'nothing is missing for the primary');
$row = Replwatch::row_when_current($standby, 'standby', 'upstream');
is($row->{lag_bytes}, 0, 'nothing is missing for the standby');
my $received =
  Replwatch::value($standby, 'SELECT pg_last_wal_receive_lsn()');
is( Replwatch::value($standby, "SELECT replwatch_wait_for_lsn('$received')"),
	't',
	'a wait for what it has received succeeds');
kill('CONT', $writer);


note '2. a primary without replwatch';

my $bare = PostgreSQL::Test::Cluster->new('bare');
$bare->init(allows_streaming => 1);
$bare->append_conf('postgresql.conf', join("\n", @quiet) . "\n");
$bare->start;
$bare->safe_psql('postgres', 'CREATE EXTENSION replwatch');
my $follower = Replwatch::standby(
	$bare,
	'follower',
	start => 0,
	conf => ["shared_preload_libraries = 'replwatch'"]);

$follower->start;
Replwatch::wait_until(
	$bare,
	"SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'",
	'it streams');
# Nobody sends keepalives here, so that it needs WAL to hear of its upstream.
$bare->safe_psql('postgres', 'CREATE TABLE heard ()');
Replwatch::row_when_current($follower, 'follower', 'upstream');
my $cascade = Replwatch::standby($follower, 'cascade');
$writer = Replwatch::stop_background_writer($bare);
$client = write_open($bare);

Replwatch::wait_until(
	$_,
	'SELECT pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn()',
	$_->name . ' has received a part of a record') foreach $follower, $cascade;
$row = Replwatch::row_when_current($follower, 'follower', 'upstream');
is($row->{lag_bytes}, 0, 'nothing is missing for the standby');
$row = Replwatch::row_when_current($follower, 'cascade');
is($row->{lag_bytes}, 0, 'nor for its own standby');
$row = Replwatch::row_when_current($cascade, 'cascade', 'upstream');
is($row->{lag_bytes}, 0, 'nor does that think so');
is( Replwatch::value(
		$follower,
		'SELECT pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn()'),
	't',
	'part of a record is still all that there is');

Replwatch::value($follower, 'SELECT pg_wal_replay_pause()');
Replwatch::rows($client, 'COMMIT');
Replwatch::row_when(
	$follower,
	'follower',
	'upstream',
	'the rest of it is missing',
	sub { $_[0]->{lag_bytes} > 20000 / 2 && $_[0]->{lag} > 0 });
Replwatch::value($follower, 'SELECT pg_wal_replay_resume()');
Replwatch::row_when_current($follower, 'follower', 'upstream');
Replwatch::row_when_current($cascade, 'cascade', 'upstream');
pass('it is replayed once it is whole');


note '3. replay that stands still, and looks as if it waited for WAL';

$client = write_open($bare);
Replwatch::wait_until(
	$follower,
	'SELECT pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn()',
	'it has received a part of a record');
Replwatch::row_when_current($follower, 'follower', 'upstream');
my $startup = Replwatch::process($follower, 'startup');
Replwatch::stop_quietly($follower, $startup,
	"SELECT 1 FROM pg_stat_activity WHERE pid = $startup AND wait_event = 'RecoveryWalStream'"
);
$row = Replwatch::status($follower, 'follower', 'upstream');
is($row->{lag_bytes}, 0, 'nothing is missing yet');

Replwatch::rows($client, 'COMMIT');
my $flushed = Replwatch::flushed($bare);
Replwatch::wait_until($follower,
	"SELECT pg_last_wal_receive_lsn() >= '$flushed'",
	'the rest has come');
my $since = Replwatch::now($follower);
Replwatch::wait_until(
	$follower,
	"SELECT extract(epoch FROM last_sample) > $since + 1 FROM replwatch_node()",
	'the worker has looked for a second');
$row = Replwatch::status($follower, 'follower', 'upstream');
cmp_ok($row->{lag_bytes}, '>', 20000 / 2, 'it is missing');
cmp_ok($row->{lag}, '>', 1, 'for a second now');
is($row->{lag_bound}, 'exact', 'which is certain');
kill('CONT', $startup);
Replwatch::row_when_current($follower, 'follower', 'upstream');
pass('until it is replayed');
kill('CONT', $writer);

done_testing();
