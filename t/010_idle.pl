# Copyright (c) 2026, the replwatch authors

# An idle primary: nothing is missing, so the lag is 0 and is known to be, on
# both sides, however long nothing is written.  Where the primary tends its
# walsenders the standby hears from it each second.  Where it does not, the
# standby hears nothing until it asks, after half of wal_receiver_timeout, and
# that silence must not be taken for a lag.
#
# Two pairs are idle at the same time: one whose primary tends, one whose
# primary does not.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

# A standby of the pair that is not tended asks after half of this.
my @conf = ('wal_receiver_timeout = 20s');

my $tended = Replwatch::primary('tended');
my $quiet = Replwatch::primary('quiet', 'replwatch.tend_walsenders = off');
my %pairs = (
	tended =>
	  [ $tended, Replwatch::standby($tended, 'near', conf => \@conf) ],
	quiet => [ $quiet, Replwatch::standby($quiet, 'far', conf => \@conf) ]);

# Does the row say that nothing is missing, for sure and without a reason?
sub is_idle
{
	my ($row) = @_;

	return
		 $row
	  && $row->{state} eq 'streaming'
	  && ($row->{lag_bytes} // -1) == 0
	  && ($row->{lag}       // -1) == 0
	  && ($row->{lag_bound} // '') eq 'exact'
	  && !defined $row->{catchup}
	  && !defined $row->{reason_code};
}

# Look at a pair's row; undef if it is as it should be, else what it says.  A
# look that meets the one record that a background writer writes some seconds
# after a checkpoint is repeated: it is on its way for milliseconds.
sub complaint
{
	my ($node, $name, $link) = @_;
	my $row;

	for my $look (1 .. 2)
	{
		$row = Replwatch::status($node, $name, $link);
		return if is_idle($row);
		sleep(0.3);
	}
	return $row;
}

# For how many seconds has the standby heard nothing?
sub silence
{
	my ($standby, $name) = @_;

	return $standby->safe_psql(
		'postgres',
		"SELECT extract(epoch FROM clock_timestamp() - last_seen)
		   FROM replwatch_status() WHERE link = 'upstream' AND name = '$name'"
	);
}

sub flushed
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		"SELECT pg_current_wal_flush_lsn() - '0/0'");
}

# One that never asks.
my $deaf =
  Replwatch::standby($quiet, 'deaf', conf => ['wal_receiver_timeout = 0']);

note '1. for thirty seconds nothing is written';

my (%wrong, %longest, %before, $looks);
my %names = (tended => 'near', quiet => 'far');

foreach my $pair (keys %pairs)
{
	my ($primary, $standby) = @{ $pairs{$pair} };

	$primary->safe_psql('postgres', 'CHECKPOINT');
	Replwatch::wait_replayed($primary, $standby);
	Replwatch::row_when_current($standby, $names{$pair}, 'upstream');
	$before{$pair} = flushed($primary);
	$longest{$pair} = 0;
}

# That time passes is what this is about.
my $end = time() + 30;
while (time() < $end)
{
	$looks++;
	foreach my $pair (keys %pairs)
	{
		my ($primary, $standby) = @{ $pairs{$pair} };
		my $name = $names{$pair};
		my $complaint = complaint($primary, $name, 'downstream');

		push @{ $wrong{"$pair primary"} }, $complaint if $complaint;
		$complaint = complaint($standby, $name, 'upstream');
		push @{ $wrong{"$pair standby"} }, $complaint if $complaint;

		my $silence = silence($standby, $name);
		$longest{$pair} = $silence if $silence > $longest{$pair};
	}
	sleep(0.5);
}

foreach my $side ('tended primary', 'tended standby', 'quiet primary',
	'quiet standby')
{
	ok(!$wrong{$side}, "$side: the lag is 0, exact, at each of $looks looks")
	  or diag(explain($wrong{$side}[0]));
}

note '2. how long a standby heard nothing';

cmp_ok($longest{tended}, '<', 2.5,
	'a tended standby hears from its primary each second');
cmp_ok($longest{quiet}, '>', 8,
	'a standby that is not tended heard nothing for a long time');

# Nobody could say that there is nothing more, so nothing is known.
my $row = Replwatch::status($deaf, 'deaf', 'upstream');
is($row->{lag}, undef,
	'a standby that never hears anything does not know its lag');
is($row->{lag_bound}, undef, 'nor what the lag would be a bound of');
is($row->{lag_bytes}, 0, 'but that nothing is known to be missing');
is($row->{reason_code}, 'upstream_silent', 'and the reason for it');
like(
	$row->{reason},
	qr/wal_receiver_timeout is 0/,
	'which names the setting that makes it so');

note '3. what that cost';

# Room for the background writer's record, and not for one each second.
cmp_ok(flushed($tended) - $before{tended},
	'<', 500, 'tending walsenders writes no WAL');

done_testing();
