# Copyright (c) 2026, the replwatch authors

# Replay is paused: the lag is the age of the first write that the standby has
# not replayed.  That is not the time since replay was paused, when nothing was
# written for a while in between; it goes on growing when nothing more is
# written, and it does not start anew when something is.  Both sides say the
# same, and each says why as far as it can see.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

# The standby replies again and again while nothing is written: then core's own
# figures jump.
my $primary = Replwatch::primary('primary');
my $standby = Replwatch::standby($primary, 'replica',
	conf => ['wal_receiver_status_interval = 1s']);

my ($burst, $arrived);

# Look at both rows; the lag that they show is to be the age of the burst.
sub both_are_true
{
	my ($what) = @_;

	Replwatch::lag_is_true($primary, 'replica', $burst,
		"$what, seen from the primary");
	Replwatch::lag_is_true($standby, 'replica', $arrived,
		"$what, seen from the standby", 'upstream');
	return;
}

# Wait until the primary's row and the standby's give these reasons, and return
# them.
sub both_say
{
	my ($down, $up) = @_;

	return map {
		my ($node, $link, $says) = @$_;

		Replwatch::row_when($node, 'replica', $link, "$link: $says",
			sub { ($_[0]->{reason} // '') =~ $says })
	  } [ $primary, 'downstream', $down ],
	  [ $standby, 'upstream', $up ];
}

note '1. paused, and nothing is written';

# That nothing is written for a while is the case that this is about: for long
# enough to tell the age of the pause from that of the burst.
my $writer = Replwatch::stop_background_writer($primary);
Replwatch::pause_replay($primary, $standby);
sleep(6);

foreach my $look ([ $primary, 'downstream' ], [ $standby, 'upstream' ])
{
	my ($node, $link) = @$look;
	my $row = Replwatch::row_when_current($node, 'replica', $link);

	is($row->{lag_bytes}, 0, "$link: nothing is missing, and there is no lag");
	is($row->{reason_code}, undef, "$link: there is no reason");
}

note '2. one burst';

$burst = Replwatch::burst($primary);
$arrived = Replwatch::arrived($burst, $primary, $standby);
both_are_true('a burst after a quiet time');

my ($down, $up) = both_say(
	qr/^WAL is flushed there, but replay has not advanced for \d+ s/,
	qr/pg_wal_replay_resume\(\)/);
cmp_ok($down->{lag_bytes}, '>', 100 * 100,
	'the primary knows how much is missing');
is($up->{lag_bytes}, $down->{lag_bytes}, 'the standby knows it as well');
is($down->{reason_code}, 'replay_stuck',
	'the primary reports that replay stands still, and for how long');
is($up->{reason_code}, 'paused',
	'the standby reports that replay is paused, and the remedy');
is($up->{lag_bound}, 'exact', 'the standby knows its lag exactly');
is($down->{catchup}, undef, 'there is no forecast for replay that stands still');

note '3. writes go on';

# So much that it outweighs what replay has done in the last minute: a standby
# whose worker saw it begin with the segment of the base backup seems to have
# been quick.
Replwatch::burst($primary, 100_000);
both_are_true('more writes');
foreach my $row (
	both_say(qr/; falling further behind$/, qr/; falling further behind$/))
{
	is($row->{catchup}, undef,
		"$row->{link}: the distance grows, and there is no forecast");
}

note '4. resumed';

Replwatch::value($standby, 'SELECT pg_wal_replay_resume()');
Replwatch::wait_replayed($primary, $standby);

foreach my $row (
	Replwatch::row_when_current($primary, 'replica'),
	Replwatch::row_when_current($standby, 'replica', 'upstream'))
{
	is($row->{lag_bytes}, 0, "$row->{link}: nothing is missing");
	is($row->{reason_code}, undef,
		"$row->{link}: there is no reason");
}
kill 'CONT', $writer;

done_testing();
