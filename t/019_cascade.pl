# Copyright (c) 2026, the replwatch authors

# matrix: every major

# A cascade of two hops: a primary, a standby that others replicate from, and a
# standby of that one.  Asked, each of the three tells of its own links: the
# primary of the first hop, the one in the middle of both, the last of the
# second.  What is held back at one of them is told by those who can see it,
# and by them alone.
#
# How a standby wakes its walsenders is a thing of the major release.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary('primary');
my $middle = Replwatch::standby($primary, 'middle');
my $last = Replwatch::standby($middle, 'last');

# The names and links that a node tells of, in its order.
sub links
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		"SELECT string_agg(link || ' ' || name, ', ') FROM replwatch_status()"
	);
}

sub node_says
{
	my ($node, $columns) = @_;

	return $node->safe_psql('postgres',
		"SELECT $columns FROM replwatch_node()");
}

# Wait until the row of $name says that replay stands still there.
sub is_stuck
{
	my ($node, $name, $when) = @_;

	my $row = Replwatch::row_when(
		$node, $name, undef,
		"$when: replay of $name stands still",
		sub { ($_[0]->{reason_code} // '') eq 'replay_stuck' });

	like($row->{reason}, qr/ has not advanced for \d+ s/,
		"$when: " . $node->name . ' sees for how long replay stands still');
	return;
}

# All rows that are to say that nothing is missing do.
sub all_current
{
	my ($when, @looks) = @_;

	foreach my $look (@looks)
	{
		my ($node, $name, $link) = @$look;
		my $row = Replwatch::row_when_current($node, $name, $link);

		is($row->{reason_code}, undef,
			$node->name
			  . ", $when: its $link row says that nothing is missing");
	}
	return;
}

note '1. who is who';

Replwatch::burst($primary);
Replwatch::wait_replayed($primary, $_) foreach $middle, $last;

is(node_says($primary, 'role'), 'primary', 'the role of the primary');
is(node_says($middle, 'role'), 'cascade',
	'the role of the one in the middle');
is(node_says($last, 'role'), 'standby', 'the role of the last');

is(links($primary), 'downstream middle', 'the links of the primary');
is( links($middle),
	'upstream middle, downstream last',
	'the links of the one in the middle');
is(links($last), 'upstream last', 'the links of the last');

is( node_says($middle, 'upstream_port, receiver_state, replay_state'),
	$primary->port . '|streaming|replaying',
	'the one in the middle receives from the primary');
is( node_says($last, 'upstream_port, receiver_state, replay_state'),
	$middle->port . '|streaming|replaying',
	'the last receives from the one in the middle');
is( node_says($primary, 'upstream_port, receiver_state, replay_state'),
	'||not in recovery',
	'the primary receives from nobody');

foreach my $node ($middle, $last)
{
	is( node_says($node, 'system_identifier, timeline'),
		node_says($primary, 'system_identifier, timeline'),
		$node->name . ': it is the same cluster');
}

all_current(
	'at rest',
	[ $primary, 'middle', 'downstream' ],
	[ $middle, 'middle', 'upstream' ],
	[ $middle, 'last', 'downstream' ],
	[ $last, 'last', 'upstream' ]);

note '2. replay is paused on the last';

# Nothing is to be written that the test does not write.
my $writer = Replwatch::stop_background_writer($primary);
Replwatch::pause_replay($primary, $last);
my $burst = Replwatch::burst($primary);
my $in_middle = Replwatch::arrived($burst, $primary, $middle);
my $in_last = Replwatch::arrived($burst, $primary, $last);
Replwatch::wait_replayed($primary, $middle);

Replwatch::lag_is_true($middle, 'last', $in_middle,
	'paused on the last, seen from the middle');
is_stuck($middle, 'last', 'paused on the last');
my $row = Replwatch::lag_is_true($last, 'last', $in_last,
	'paused on the last, seen from there', 'upstream');
is($row->{reason_code}, 'paused', 'paused on the last: it knows why');
all_current(
	'paused on the last',
	[ $primary, 'middle', 'downstream' ],
	[ $middle, 'middle', 'upstream' ]);

$last->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
Replwatch::wait_replayed($primary, $last);
all_current(
	'resumed on the last',
	[ $middle, 'last', 'downstream' ],
	[ $last, 'last', 'upstream' ]);

note '3. replay is paused in the middle';

# It goes on sending what it receives, whether it has replayed it or not.
Replwatch::pause_replay($primary, $middle);
$burst = Replwatch::burst($primary);
$in_middle = Replwatch::arrived($burst, $primary, $middle);
Replwatch::wait_replayed($primary, $last);

all_current(
	'paused in the middle',
	[ $middle, 'last', 'downstream' ],
	[ $last, 'last', 'upstream' ]);

note '4. in the meantime the last goes';

# Known there: it has streamed for longer than known_after.
Replwatch::wait_sampled($middle);
$last->stop;
$row = Replwatch::row_when(
	$middle, 'last', 'downstream',
	'the last is gone',
	sub { $_[0]->{state} eq 'missing' });
is($row->{reason_code}, 'gone', 'the cascade knows that its replica has gone');
is(node_says($middle, 'role'),
	'standby', 'it is an ordinary standby again');

# That is all that is missing on the last; in the middle more is.
my $later = Replwatch::burst($primary);
my $later_in_middle = Replwatch::arrived($later, $primary, $middle);
my $gone = Replwatch::lag_is_true($middle, 'last', $later_in_middle,
	'the last has gone, seen from the middle');
is(Replwatch::status($primary, 'last'),
	undef, 'the primary has never known of it');

Replwatch::lag_is_true($primary, 'middle', $burst,
	'paused in the middle, seen from the primary');
is_stuck($primary, 'middle', 'paused in the middle');
$row = Replwatch::lag_is_true($middle, 'middle', $in_middle,
	'paused in the middle, seen from there', 'upstream');
is($row->{reason_code}, 'paused', 'paused in the middle: it knows why');
cmp_ok($gone->{lag_bytes},
	'<', $row->{lag_bytes} - 100 * 100,
	'the last, which had the earlier writes, does not miss them');

note '5. replay goes on in the middle';

Replwatch::value($middle, 'SELECT pg_wal_replay_resume()');
Replwatch::wait_replayed($primary, $middle);
all_current(
	'resumed in the middle',
	[ $primary, 'middle', 'downstream' ],
	[ $middle, 'middle', 'upstream' ]);

kill('CONT', $writer);

done_testing();
