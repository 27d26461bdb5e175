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
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

# A receiver that is not tended asks after half of this, and a silence is no
# idle link's if it is five seconds longer than that.
my @conf = ('wal_receiver_timeout = 4s');
my $idle_silence = 4 / 2 + 5;

my @primaries = (
	Replwatch::primary('tended'),
	Replwatch::primary('quiet', 'replwatch.tend_walsenders = off'));
my @pairs = map {
	my $name = $_->name . '_replica';
	{
		name => $name,
		primary => $_,
		standby => Replwatch::standby($_, $name, conf => \@conf)
	}
} @primaries;

note '1. the walreceivers hang, and something is written';

foreach my $pair (@pairs)
{
	my ($name, $standby) = @$pair{qw(name standby)};

	Replwatch::wait_replayed($pair->{primary}, $standby);
	Replwatch::row_when_current($pair->{primary}, $name);
	Replwatch::row_when_current($standby, $name, 'upstream');
	$pair->{receiver} = Replwatch::process($standby, 'walreceiver');
	$pair->{before} = Replwatch::status($pair->{primary}, $name);

	$pair->{stopped} = time();
	kill('STOP', $pair->{receiver}) or die "could not stop a process: $!";
	$pair->{burst} = Replwatch::burst($pair->{primary});
}

note '2. the primaries know of the writes';

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

note '3. the standbys know that they hear nothing';

foreach my $pair (@pairs)
{
	my ($name, $standby) = @$pair{qw(name standby)};
	my $row = Replwatch::row_when(
		$standby, $name, 'upstream',
		"$name misses messages",
		sub { ($_[0]->{reason_code} // '') eq 'upstream_silent' });
	my $first = $row->{lag};

	cmp_ok(
		time() - $pair->{stopped},
		'>',
		$idle_silence - 4,
		"$name: it did not take an idle link for dead") if $name =~ /^quiet/;

	# It is the same look at a later time that is to be told.
	sleep(1);
	my $begin = time();
	$row = Replwatch::status($standby, $name, 'upstream');

	is($row->{lag_bound}, 'at most', "$name: the lag is a bound");
	cmp_ok(
		$row->{lag}, '>=',
		$begin - $pair->{burst}{start} - 0.1,
		"$name: nothing is staler than the lag");
	cmp_ok($row->{lag}, '>=', $first + 1, "$name: the lag grows");
	is($row->{lag_bytes}, 0, "$name: the standby can't know what is missing");
}

note '4. the primaries again';

foreach my $pair (@pairs)
{
	Replwatch::lag_is_true($pair->{primary}, $pair->{name}, $pair->{burst},
		"$pair->{name}: still no reply");
}

note '5. the walreceivers go on';

foreach my $pair (@pairs)
{
	my ($name, $primary, $standby) = @$pair{qw(name primary standby)};

	kill('CONT', $pair->{receiver}) or die "could not continue: $!";
	Replwatch::wait_replayed($primary, $standby);

	my $row = Replwatch::row_when_current($standby, $name, 'upstream');
	is($row->{reason_code}, undef, "$name: the standby needs no reason");
	$row = Replwatch::row_when_current($primary, $name);
	is($row->{reason_code}, undef, "$name: the primary needs no reason");
	is($row->{state}, 'streaming', "$name: it streams");
}

done_testing();
