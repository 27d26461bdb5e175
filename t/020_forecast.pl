# Copyright (c) 2026, the replwatch authors

# Forecasts: how fast WAL is written, how long a replica needs to catch up, and
# how long a slot can go on retaining WAL.  They are what the last minute's
# rates make of the present, and are not told where they would be about
# nothing: a replica that is not behind or falls behind further has no time at
# which it will have caught up.  (That it does not while replay is paused is
# shown in 012_paused.pl.)
#
# A replica that catches up slowly is one that is fed through a slow line.
#
# How long what was observed was observed is known only within bounds, which the
# server's clock and the order of things give, and which are the wider the
# slower the machine is.

use strict;
use warnings;

use lib 't/lib';
use Relay;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 128MB',
	'max_slot_wal_keep_size = 256MB',
	'wal_sender_timeout = 1h');
my $standby = Replwatch::standby($primary, 'replica',
	conf => ['wal_receiver_timeout = 1h']);

# What the line lets through, in bytes a second: so little that it takes more
# than a minute for all that is written here.
my $speed = 200_000;

# By how much a figure may be off for what the background writer writes, and for
# what a line has let through and holds.
my $slack = 1.05;

sub wal_rate
{
	return Replwatch::value($primary, 'SELECT wal_rate FROM replwatch_node()');
}

# How far the replica has replayed, by what the primary knows.
sub replayed
{
	return Replwatch::value($primary,
		"SELECT replay_lsn FROM replwatch_status() WHERE name = 'replica'");
}

# How many bytes are between two places.
sub distance
{
	my ($from, $to) = @_;

	return Replwatch::value($primary, "SELECT '$to'::pg_lsn - '$from'");
}

note '1. a replica that is current';

# The primary's restart is where its rate begins.
Replwatch::value($primary,
	"SELECT pg_create_physical_replication_slot('slot', true)");
$primary->restart;
Replwatch::wait_sampled($primary);

# It has been observed since some moment between these.
my $started = Replwatch::value($primary,
	'SELECT extract(epoch FROM pg_postmaster_start_time())');
my $sampled = Replwatch::now($primary);
my $before = Replwatch::flushed($primary);

my $row = Replwatch::row_when_current($primary, 'replica');
is($row->{catchup}, undef, 'where nothing is missing there is no forecast');
my $from = $row->{replay_lsn};
$standby->stop;

note '2. the rate of WAL, and the time that a slot has';

# Much at once: what an observation of some seconds sees.
Replwatch::burst($primary, 100_000);
my $written = distance($before, Replwatch::flushed($primary));
my $rest = $sampled + 3 - Replwatch::now($primary);
sleep($rest) if $rest > 0;
Replwatch::wait_sampled($primary);

# From one look to the next the rate falls, as nothing is written.
my $begin = Replwatch::now($primary);
my $rate_before = wal_rate();
my $slot = Replwatch::status($primary, 'slot');
my $rate_after = wal_rate();
my $end = Replwatch::now($primary);

cmp_ok(
	$rate_after, '>',
	$written / ($end - $started),
	'the rate is not less than what was written in the time');
cmp_ok($rate_before, '<', $slack * $written / ($begin - $sampled),
	'the forecast is not longer');

cmp_ok($slot->{safe_wal_size}, '>', 0, 'the slot may retain some more WAL');
cmp_ok(
	$slot->{slot_time_left},
	'>',
	$slot->{safe_wal_size} / $rate_before / $slack,
	'the time that it has is not less than what that takes at the rate');
cmp_ok(
	$slot->{slot_time_left},
	'<',
	$slot->{safe_wal_size} / $rate_after * $slack,
	'the forecast is not longer');

note '3. a replica that catches up';

# The forecast takes it that writes go on as in the last minute, or since the
# server's start where that is shorter.  After a restart next to nothing has
# been written, so the replica does not fall behind.
$primary->restart;

my $line = Relay->new($primary, speed => $speed);
$standby->append_conf('postgresql.conf',
	"primary_conninfo = '" . $line->connstr . " application_name=replica'\n");
$standby->start;

# It has been observed since some moment between when it connected and now; and
# what has been seen of it since is at least what is replayed from now on.
Replwatch::wait_until(
	$primary,
	"SELECT replay_lsn > '$from' FROM replwatch_status() WHERE name = 'replica'",
	'the catch-up has begun');
Replwatch::wait_sampled($primary);
$sampled = Replwatch::now($primary);
my $seen = replayed();
sleep(2);

$rate_before = wal_rate();
$row = Replwatch::row_when(
	$primary,
	'replica',
	'downstream',
	'there is a forecast',
	sub {
		return
			 defined $_[0]->{catchup}
		  && $_[0]->{state} eq 'catchup'
		  && $_[0]->{reason_code} eq 'sender_behind'
		  && distance($seen, $_[0]->{replay_lsn}) > $speed;
	});
$end = Replwatch::now($primary);
my $connected = Replwatch::value($primary,
	"SELECT extract(epoch FROM '$row->{backend_start}'::timestamptz)");

like(
	$row->{reason},
	qr/^most of the missing WAL has not been sent yet/,
	'it catches up, and the reason has the cause');
cmp_ok($row->{lag_bytes}, '>', 1_000_000, 'much is missing');
unlike($row->{reason}, qr/falling/, 'it does not fall further behind');

# No faster than the line, and no slower than it was.
my $slowest = distance($seen, $row->{replay_lsn}) / ($end - $connected);
cmp_ok(
	$row->{catchup}, '>',
	$row->{lag_bytes} / $speed / 3,
	'the forecast is not too short');
cmp_ok(
	$row->{catchup},
	'<',
	$row->{lag_bytes} / ($slowest - $rate_before),
	'the forecast is not too long');

# Without the line it need not take that long.
Replwatch::connect_to($standby, $primary, 'replica');
$standby->reload;
Replwatch::wait_replayed($primary, $standby);

$row = Replwatch::row_when_current($primary, 'replica');
is($row->{catchup}, undef, 'when it has caught up there is no forecast');
is($row->{state}, 'streaming', 'it streams');

note '4. no limit, no end';

Replwatch::set($primary, 'max_slot_wal_keep_size = -1');
Replwatch::wait_until(
	$primary,
	"SELECT safe_wal_size IS NULL FROM pg_replication_slots WHERE slot_name = 'slot'",
	'the limit is gone');
is(Replwatch::status($primary, 'slot')->{slot_time_left},
	undef, 'a slot without a limit has all the time there is');

done_testing();
