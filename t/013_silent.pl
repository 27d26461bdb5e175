# Copyright (c) 2026, the replwatch authors

# A walreceiver that hangs.  The connection stays, core goes on showing its
# last figures, and what is written does not arrive.  The primary's row says
# that no reply comes and its lag grows; the standby does not know of the
# writes, but its own row says that it hears nothing and bounds the lag by the
# age of the last message.  It does so also where the primary does not tend its
# walsenders, as soon as the silence is longer than an idle link's.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# A receiver that is not tended asks after half of this, and a silence is no
# idle link's if it is five seconds longer than that.
my @conf = ('wal_receiver_timeout = 8s');
my $idle_silence = 8 / 2 + 5;

# The primaries do not give up a receiver that hangs.
my @primaries = (
	Replwatch::primary('tended', 'wal_sender_timeout = 1h'),
	Replwatch::primary(
		'quiet',
		'wal_sender_timeout = 1h',
		'replwatch.tend_walsenders = off'));
my @pairs = map {
	my $name = $_->name . '_replica';
	{
		name => $name,
		primary => $_,
		standby => Replwatch::standby($_, $name, conf => \@conf)
	}
} @primaries;

note '1. the walreceivers hang, and something is written';

# Nothing is to be written that the test does not write.
my @writers = map { Replwatch::stop_background_writer($_) } @primaries;

foreach my $pair (@pairs)
{
	my ($name, $standby) = @$pair{qw(name standby)};

	Replwatch::wait_replayed($pair->{primary}, $standby);
	Replwatch::row_when_current($pair->{primary}, $name);
	Replwatch::row_when_current($standby, $name, 'upstream');
	$pair->{before} = Replwatch::status($pair->{primary}, $name);
	$pair->{receiver} = Replwatch::process($standby, 'walreceiver');
	Process::stop($pair->{receiver});
	$pair->{burst} = Replwatch::burst($pair->{primary});
}

note '2. the standbys know that they hear nothing';

foreach my $pair (@pairs)
{
	my ($name, $standby, $burst) = @$pair{qw(name standby burst)};
	my $row = Replwatch::row_when(
		$standby, $name, 'upstream',
		"$name misses messages",
		sub { ($_[0]->{reason_code} // '') eq 'upstream_silent' });

	# What the lag is when it is told first is how long the silence was.
	cmp_ok($row->{lag}, '>=', $idle_silence,
		"$name: it did not take an idle link for dead")
	  if $name =~ /^quiet/;
	$pair->{first} = $row->{lag};
}

foreach my $pair (@pairs)
{
	my ($name, $standby) = @$pair{qw(name standby)};
	my $begin = time();
	my $row = Replwatch::status($standby, $name, 'upstream');

	is($row->{lag_bound}, 'at most', "$name: the lag is a bound");
	cmp_ok(
		$row->{lag}, '>=',
		$begin - $pair->{burst}{start} - $Replwatch::tolerance,
		"$name: nothing is staler than the lag");
	cmp_ok($row->{lag}, '>', $pair->{first}, "$name: the lag grows");
	is($row->{lag_bytes}, 0, "$name: the standby can't know what is missing");
}

note '3. the primaries know of the writes';

foreach my $pair (@pairs)
{
	my ($name, $primary) = @$pair{qw(name primary)};
	my $row = Replwatch::lag_is_true($primary, $name, $pair->{burst},
		"$name: no reply comes");

	is($row->{state}, 'streaming', "$name: the connection is still open");
	is($row->{reason_code}, 'silent', "$name: the reason says what is wrong");
	like($row->{reason}, qr/^no reply for \d+ s/, "$name: and for how long");
	is($row->{lag_bound}, 'at most',
		"$name: it may have replayed more than it could tell");
	is( $row->{replay_lsn},
		$pair->{before}{replay_lsn},
		"$name: the figures are those of the last reply");
	cmp_ok($row->{lag_bytes}, '>', 100 * 100,
		"$name: what was written is missing");
}

note '4. the walreceivers go on';

foreach my $pair (@pairs)
{
	my ($name, $primary, $standby) = @$pair{qw(name primary standby)};

	kill('CONT', $pair->{receiver}) or die "could not continue: $!";
	Replwatch::wait_replayed($primary, $standby);

	my $row = Replwatch::row_when_current($standby, $name, 'upstream');
	is($row->{reason_code}, undef, "$name: the standby needs no reason");
	$row = Replwatch::row_when(
		$primary, $name, undef,
		"$name streams again",
		sub { $_[0]->{state} eq 'streaming' && ($_[0]->{lag} // 1) == 0 });
	is($row->{reason_code}, undef, "$name: the primary needs no reason");
}
kill 'CONT', @writers;

done_testing();
