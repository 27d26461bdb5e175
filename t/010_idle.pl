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
use Process;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tended = Replwatch::primary('tended');
my $quiet = Replwatch::primary('quiet', 'replwatch.tend_walsenders = off');

# To the one that is tended nothing comes but what its primary sends of its own
# accord, for it does not ask in the time that this takes.  The other one asks
# after half of its timeout.
my $near =
  Replwatch::standby($tended, 'near', conf => ['wal_receiver_timeout = 1h']);
my $far =
  Replwatch::standby($quiet, 'far', conf => ['wal_receiver_timeout = 16s']);

# One that never asks.
my $deaf =
  Replwatch::standby($quiet, 'deaf', conf => ['wal_receiver_timeout = 0']);

# For how many seconds a standby may have heard nothing without missing
# anything: three messages of one each second, or five seconds more than what
# an idle link is silent for.
my %patience = (near => 3, far => 16 / 2 + 5);

# How often the one that is tended is to be told something.
my $messages = 8;

my $sql = q{SELECT state, lag_bytes, extract(epoch FROM lag), lag_bound,
	catchup, reason_code, extract(epoch FROM clock_timestamp() - last_seen)
	FROM replwatch_status() WHERE link = '%s' AND name = '%s'};

# What a row says that is not as it should be, undef if all is; and for how many
# seconds nothing has come by then.
sub look
{
	my ($client, $name, $link) = @_;
	my ($row) = Replwatch::rows($client, sprintf($sql, $link, $name));

	return ("there is no row of $name", 0) if !$row;

	my $silence = pop @$row;
	my $says = join '|', map { $_ // '' } @$row;

	return ($says =~ /^streaming\|0\|0(\.0*)?\|exact\|\|$/ ? undef : $says,
		$silence);
}

note '1. nothing is written for some time';

# Now and then a background writer writes a record.
my @writers =
  map { Replwatch::stop_background_writer($_) } $tended, $quiet;

# All have heard something.
Replwatch::burst($_) foreach $tended, $quiet;
foreach my $pair ([ $tended, $near ], [ $quiet, $far ], [ $quiet, $deaf ])
{
	Replwatch::wait_replayed(@$pair);
}
foreach my $look (
	[ $tended, 'near' ],
	[ $near, 'near', 'upstream' ],
	[ $quiet, 'far' ],
	[ $far, 'far', 'upstream' ])
{
	Replwatch::row_when_current(@$look);
}

my %client = (
	tended => Session->new($tended),
	quiet => Session->new($quiet),
	near => Session->new($near),
	far => Session->new($far));
my $before = Replwatch::flushed($client{tended});
my %longest = (near => 0, far => 0);
my (%wrong, %heard, $asked);

# That time passes is what this is about: long enough for the one to be told
# something so many times, and for the other to ask once.
Process::until_true(
	'both standbys have heard from their primaries',
	sub {
		foreach my $side ([qw(tended near)], [qw(quiet far)])
		{
			my ($primary, $name) = @$side;
			my ($complaint) = look($client{$primary}, $name, 'downstream');

			push @{ $wrong{$primary} }, $complaint if $complaint;

			# What a machine that is too busy has kept away is missed indeed.
			($complaint, my $silence) =
			  look($client{$name}, $name, 'upstream');
			next if $silence >= $patience{$name};
			push @{ $wrong{$name} }, $complaint if $complaint;
			$longest{$name} = $silence if $silence > $longest{$name};
			$asked = 1 if $name eq 'far' && $silence < $longest{far} - 1;
		}
		$heard{
			Replwatch::value(
				$client{near},
				'SELECT extract(epoch FROM last_msg_receipt_time) FROM pg_stat_wal_receiver'
			)
		} = 1;
		return $asked && $longest{far} > 6 && keys %heard > $messages;
	});

foreach my $side (qw(tended near quiet far))
{
	ok(!$wrong{$side}, "$side: the lag is always 0 and exact")
	  or diag(explain($wrong{$side}));
}

note '2. the age of the last message';

# Nothing but these messages was due in this time.
my @heard = sort { $a <=> $b } keys %heard;
cmp_ok(($heard[-1] - $heard[0]) / $#heard,
	'<', 4, 'a standby of a primary that tends its walsenders gets messages all the time');

# Nobody could say that there is nothing more, so nothing is known.
my $row = Replwatch::row_when(
	$deaf, 'deaf', 'upstream',
	'deaf has got no message for a while',
	sub { ($_[0]->{reason_code} // '') eq 'upstream_silent' });
is($row->{lag}, undef,
	'a standby that gets no messages does not know its lag');
is($row->{lag_bound}, undef, 'its lag has no bound');
is($row->{lag_bytes}, 0, 'no WAL is known to be missing');
like(
	$row->{reason},
	qr/wal_receiver_timeout is 0/,
	'the reason names the setting');

note '3. the cost';

is(Replwatch::flushed($client{tended}),
	$before, 'tending walsenders writes no WAL');
kill 'CONT', @writers;

done_testing();
