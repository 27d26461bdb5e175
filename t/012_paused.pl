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
use Time::HiRes qw(time sleep);

my $primary = Replwatch::primary('primary');
my $standby = Replwatch::standby($primary, 'replica');

my ($burst, $arrived);

# Look at both rows; the lag that they show is to be the age of the burst.
# Returns the primary's row and the standby's.
sub both_are_true
{
	my ($what) = @_;

	return (
		Replwatch::lag_is_true(
			$primary, 'replica', $burst, "$what, seen from the primary"),
		Replwatch::lag_is_true(
			$standby, 'replica',
			$arrived, "$what, seen from the standby",
			'upstream'));
}

note '1. paused, and nothing is written';

# That nothing is written for a while is the case that this is about.
my $writer = Replwatch::process($primary, 'background writer');
kill 'STOP', $writer;
Replwatch::pause_replay($primary, $standby);
sleep(8);

foreach my $look ([ $primary, 'downstream' ], [ $standby, 'upstream' ])
{
	my ($node, $link) = @$look;
	my $row = Replwatch::status($node, 'replica', $link);

	is($row->{lag} + 0, 0, "$link: there is no lag when nothing is missing");
	is($row->{lag_bound}, 'exact', "$link: and that is certain");
	is($row->{reason_code}, undef, "$link: and needs no reason");
}
kill 'CONT', $writer;

note '2. one burst';

$burst = Replwatch::burst($primary);
$arrived = Replwatch::arrived($burst, $primary, $standby);
my ($down, $up) = both_are_true('a burst after a quiet time');

cmp_ok($down->{lag_bytes}, '>', 100 * 100,
	'the primary knows how much is missing');
is($up->{lag_bytes}, $down->{lag_bytes}, 'the standby knows it too');
is($down->{reason_code}, 'replay_stuck',
	'the primary sees that replay stands still');
like(
	$down->{reason},
	qr/^WAL is flushed there, but replay has not advanced for \d+ s/,
	'the reason says for how long');
is($up->{reason_code}, 'paused', 'the standby knows that replay is paused');
like($up->{reason}, qr/pg_wal_replay_resume\(\)/,
	'the reason says what to do');
is($up->{lag_bound}, 'exact', 'the standby knows its lag exactly');

note '3. then nothing more for a while';

# Longer than wal_receiver_status_interval, at which core's own figures jump.
my $rest = $burst->{end} + 12 - time();
sleep($rest) if $rest > 0;

($down, $up) = both_are_true('a burst and then a quiet time');
is($down->{catchup}, undef, 'a replay that stands still catches up never');

note '4. writes go on';

my $until = time() + 5;
while (time() < $until)
{
	Replwatch::burst($primary);
	sleep(0.3);
}

($down, $up) = both_are_true('more writes');

# The rates are those of a minute: a standby whose worker saw it begin with the
# segment of the base backup first seems to have been quick.
foreach my $look ([ $primary, 'downstream' ], [ $standby, 'upstream' ])
{
	my ($node, $link) = @$look;
	my $row = Replwatch::row_when(
		$node,
		'replica',
		$link,
		"$link: the distance grows",
		sub {
			Replwatch::burst($primary);
			return $_[0]->{reason} =~ /; falling further behind$/;
		});

	is($row->{catchup}, undef, "$link: there is no forecast");
}

note '5. resumed';

$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
Replwatch::wait_replayed($primary, $standby);

$down = Replwatch::row_when_current($primary, 'replica');
$up = Replwatch::row_when_current($standby, 'replica', 'upstream');
is($_->{lag_bytes}, 0, "$_->{link}: nothing is missing any more")
  foreach $down, $up;
is($_->{reason_code}, undef, "$_->{link}: there is no reason any more")
  foreach $down, $up;

done_testing();
