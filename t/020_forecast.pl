# Copyright (c) 2026, the replwatch authors

# Forecasts: how fast WAL is written, how long a replica needs to catch up, and
# how long a slot can go on retaining WAL.  They are what the last minute's
# rates make of the present, and are not told where they would be about
# nothing: a replica that is not behind or falls behind further has no time at
# which it will have caught up.  (That it does not while replay is paused is
# shown in 012_paused.pl.)
#
# A replica that catches up slowly is one that is fed through a slow line.

use strict;
use warnings;

use lib 't/lib';
use Relay;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 128MB',
	'max_slot_wal_keep_size = 256MB');
my $standby = Replwatch::standby($primary, 'replica');

# What the line lets through, in bytes a second.
my $speed = 3_000_000;

sub flushed
{
	return $primary->safe_psql('postgres',
		"SELECT pg_current_wal_flush_lsn() - '0/0'");
}

sub wal_rate
{
	return $primary->safe_psql('postgres',
		'SELECT wal_rate FROM replwatch_node()');
}

note '1. a replica that is current';

# The primary's restart is where its rate begins.
$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('slot', true)");
my %start = (begin => time());
$primary->restart;
$start{end} = time();
my $before = flushed();

my $row = Replwatch::row_when_current($primary, 'replica');
is($row->{catchup}, undef, 'where nothing is missing there is no forecast');
$standby->stop;

note '2. the rate of WAL, and the time that a slot has';

# Much at once: what an observation of some seconds sees.
Replwatch::burst($primary, 100_000);
my $written = flushed() - $before;
my $rest = $start{end} + 4 - time();
sleep($rest) if $rest > 0;
Replwatch::wait_sampled($primary);

my $begin = time();
my $rate = wal_rate();
my $slot = Replwatch::status($primary, 'slot');
my $end = time();

cmp_ok(
	$rate, '>',
	0.9 * $written / ($end - $start{begin}),
	'the rate is not less than what was written in the time');
cmp_ok($rate, '<', 1.1 * $written / ($begin - $start{end}), 'and not more');

cmp_ok($slot->{safe_wal_size}, '>', 0, 'the slot may retain some more WAL');
cmp_ok(
	$slot->{slot_time_left},
	'>',
	0.8 * $slot->{safe_wal_size} / $rate,
	'the time that it has is not less than what that takes at the rate');
cmp_ok(
	$slot->{slot_time_left},
	'<', 1.2 * $slot->{safe_wal_size} / $rate,
	'and not more');

note '3. a replica that catches up';

# The forecast takes it that writes go on as in the last minute, or since the
# server's start where that is shorter: so the longer ago the writes are, the
# less there is to keep up with.  They are to count for half of what the line
# lets through.
$rest = $start{end} + 2 * $written / $speed - time();
sleep($rest) if $rest > 0;

my $line = Relay->new($primary, speed => $speed);
$standby->append_conf('postgresql.conf',
	"primary_conninfo = '" . $line->connstr . " application_name=replica'\n");
$standby->start;

# Halfway its speed has been observed for a while.
$row = Replwatch::row_when(
	$primary, 'replica', 'downstream',
	'there is a forecast',
	sub { defined $_[0]->{catchup} && $_[0]->{lag_bytes} < $written / 2 });
my $look = time();

is($row->{state}, 'catchup', 'it is on its way');
is($row->{reason_code}, 'sender_behind',
	'the reason says what keeps it: most has not been sent yet');
cmp_ok($row->{lag_bytes}, '>', 1_000_000, 'and much is missing');
unlike($row->{reason}, qr/falling/, 'it does not fall behind');

# Nothing more is written, so that it takes less long than the forecast says:
# what is missing at the line's speed.
Replwatch::wait_replayed($primary, $standby);
my $took = time() - $look;

cmp_ok($row->{catchup}, '>', 0.7 * $took, 'the forecast is not too short');
cmp_ok($row->{catchup}, '<', 10 * $took + 10, 'nor far too long');

$row = Replwatch::row_when_current($primary, 'replica');
is($row->{catchup}, undef, 'when it has caught up there is no forecast');
is($row->{state}, 'streaming', 'and it streams');

note '4. no limit, no end';

$primary->safe_psql('postgres',
	'ALTER SYSTEM SET max_slot_wal_keep_size = -1');
$primary->reload;
Replwatch::wait_until(
	$primary,
	"SELECT safe_wal_size IS NULL FROM pg_replication_slots WHERE slot_name = 'slot'",
	'the limit is gone');
is(Replwatch::status($primary, 'slot')->{slot_time_left},
	undef, 'a slot without a limit has all the time there is');

done_testing();
