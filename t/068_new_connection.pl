# Copyright (c) 2026, the replwatch authors

# A standby whose receiver has just connected does not know yet whether its
# upstream server has all that was replayed here.  A wait for a token that has
# been replayed ends as soon as the first message says so, although neither
# replay nor the sampler has a reason to wake it.

use strict;
use warnings;

use lib 't/lib';
use Relay;
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary('primary', 'wal_keep_size = 64MB');
my $standby = Replwatch::standby(
	$primary,
	'replica',
	conf => [
		'wal_retrieve_retry_interval = 100ms',
		'replwatch.wait_recheck = 1min'
	]);

# Nothing is written from here on.
my $background_writer = Replwatch::stop_background_writer($primary);
my $lsn   = Replwatch::flushed($primary);
my $token = Replwatch::token($primary, 1, $lsn);
Replwatch::wait_replayed($primary, $standby);

# Everything on the line takes half a second, so there is time to ask before
# the first message arrives.
my $line = Relay->new($primary, delay => 0.5);
Replwatch::set($standby,
	"primary_conninfo = '" . $line->connstr . " application_name=replica'");
my $client = Session->new($standby, statement_timeout => '55s',
	track_counts => 'off');
Replwatch::wait_until(
	$standby,
	'SELECT count(*) = 1 FROM pg_stat_wal_receiver WHERE last_msg_send_time = last_msg_receipt_time',
	'the receiver has connected and got no message');
$client->ask("SELECT replwatch_wait_for_token('$token', '1 day')");
is(verdict($client->answer), 't', 'the first message ends the wait');

kill 'CONT', $background_writer;

done_testing();
