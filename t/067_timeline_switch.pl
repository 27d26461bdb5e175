# Copyright (c) 2026, the replwatch authors

# Replay itself wakes a session that waits for a commit of a timeline which the
# standby has not come to yet.  Nothing else does here: the sampler is stopped,
# and sessions look for themselves only once a minute, which is longer than a
# statement may take.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	'wal_retrieve_retry_interval = 100ms',
	'replwatch.wait_recheck = 1min');
my $promoted = Replwatch::standby($primary, 'promoted');
my $follower = Replwatch::standby($promoted, 'follower');
my $lsn = Replwatch::flushed($primary);

Replwatch::wait_replayed($primary, $follower);
$primary->stop;
my $sampler = Replwatch::stop_sampler($follower);

# The LSN has been replayed there; the timeline is missing.
my $client = Session->new($follower, statement_timeout => '55s',
	track_counts => 'off');
$client->ask("SELECT replwatch_wait_for_token('"
	  . Replwatch::token($promoted, 2, $lsn)
	  . "', '1 day')");
Replwatch::wait_until($follower,
	'SELECT count(*) = 1 FROM replwatch_waiters()', 'a session waits');
ok($client->silent, 'it waits for the timeline');
$promoted->promote;
is(verdict($client->answer), 't', 'replay of the new timeline wakes it');

kill 'CONT', $sampler;

done_testing();
