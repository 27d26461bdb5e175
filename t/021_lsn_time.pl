# Copyright (c) 2026, the replwatch authors

# When was this LSN reached, and where was the WAL at that time?  The answers
# are compared with writes whose LSN the test knows, and of which it knows
# between which two looks of the worker they were, on the primary, and on a
# standby, which knows when it was told of them.  What the answers are within
# these bounds is shown in unit/history/test_lsntime.c, as is that they rise.
#
# After a time in which nothing was written there are two answers that look
# alike: the LSN at its end was reached when it began, and the byte after it
# appeared when it ended.  The one is told by replwatch_lsn_time(), the other is
# where a lag begins.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $primary = Replwatch::primary('primary');
my $standby = Replwatch::standby($primary, 'replica');
my @nodes = ($primary, $standby);
my %client = map { $_->name => Session->new($_) } @nodes;

# What a time may be off for being worked out of two clocks, which are looked at
# one after the other.
my $slack = 0.1;

sub ask
{
	my ($node, $expression) = @_;

	return Replwatch::value($client{ $node->name }, "SELECT $expression");
}

# replwatch_time_lsn() of seconds since 1970.
sub lsn_at
{
	my ($node, $at) = @_;

	return ask($node, "replwatch_time_lsn(to_timestamp($at))");
}

# When a node's worker has looked last, in seconds since 1970.
sub last_look
{
	my ($node) = @_;

	return ask($node,
		'(SELECT extract(epoch FROM last_sample) FROM replwatch_node())');
}

# Wait until the worker has looked twice: the second look began after now.
# Returns when that was.  The same look has not quite the same time each time,
# and the next one is a tenth of a second later.
sub next_look
{
	my ($node) = @_;

	for (1, 2)
	{
		my $last = last_look($node);

		Process::until_true(
			'the worker looks',
			sub { last_look($node) > $last + 0.05 });
	}
	return last_look($node);
}

# Write something: the LSN at its end, and between which looks of each node's
# worker all of it appeared there.
sub write_row
{
	my %write = (after => { map { $_->name => last_look($_) } @nodes });

	$write{burst} = Replwatch::burst($primary);
	$write{lsn} = Replwatch::flushed($client{primary});
	Replwatch::wait_until(
		$standby,
		"SELECT pg_last_wal_receive_lsn() >= '$write{lsn}'",
		"$write{lsn} is received");
	$write{by} = { map { $_->name => next_look($_) } @nodes };
	return \%write;
}

# Is a time, in seconds since 1970, after and before these?
sub is_dated
{
	my ($at, $after, $by, $what) = @_;

	return ok(
		defined $at && $at >= $after - $slack && $at <= $by + $slack,
		$what)
	  || diag(sprintf '%s should be between %.3f and %.3f',
		$at // 'NULL', $after, $by);
}

note '1. writes, a time in which nothing is written, and another write';

# Now and then the background writer writes a record.
my $writer = Replwatch::stop_background_writer($primary);

# The histories have begun before the first write.
next_look($_) foreach @nodes;

my @writes = map { write_row() } 1 .. 3;
my $first = $writes[0];

Replwatch::pause_replay($primary, $standby);
my $idle_lsn = Replwatch::flushed($client{primary});
my %idle_begin = map { $_->name => next_look($_) } @nodes;
sleep(3);
my $last = write_row();

note '2. when was it reached';

foreach my $node (@nodes)
{
	my $name = $node->name;

	foreach my $n (0 .. $#writes)
	{
		my $write = $writes[$n];

		is_dated(
			Replwatch::lsn_time($client{$name}, $write->{lsn}),
			$write->{after}{$name},
			$write->{by}{$name},
			"$name: write $n was reached when it was written");
	}
	is_dated(
		Replwatch::lsn_time($client{$name}, $idle_lsn),
		$writes[-1]{after}{$name},
		$idle_begin{$name},
		"$name: what the last write came after was reached long before it");
}

# The same LSN, asked for as a lag: the look was between these two.
my ($row) = Replwatch::rows(
	$client{primary}, q{SELECT extract(epoch FROM statement_timestamp() - lag),
		extract(epoch FROM clock_timestamp() - lag), replay_lsn
	FROM replwatch_status() WHERE name = 'replica'});
my ($at_least, $at_most, $replayed) = @$row;

cmp_ok(
	$at_most, '>=',
	$last->{after}{primary} - $slack,
	'the byte after it appeared with the last write, and not earlier');
cmp_ok($at_least, '<=', $last->{by}{primary} + $slack, 'nor later');
is($replayed, $idle_lsn, 'and it is the same LSN');

note '3. where was it at a time';

foreach my $node (@nodes)
{
	my $name = $node->name;

	is(lsn_at($node, $idle_begin{$name}),
		$idle_lsn, "$name: when nothing was written any more");
	is(lsn_at($node, $last->{after}{$name} - $slack),
		$idle_lsn, "$name: just before the last write");
	is(lsn_at($node, $last->{by}{$name}),
		$last->{lsn}, "$name: just after it");
	is( ask($node,
			"replwatch_time_lsn(to_timestamp($first->{after}{$name} - $slack)) < '$first->{lsn}'"
		),
		't',
		"$name: before the first write it was not there");

	# One is the other's inverse, where a pause came after.
	is( ask($node,
			"bool_and(replwatch_time_lsn(replwatch_lsn_time(lsn) + interval '20 ms') = lsn)
			   FROM (VALUES ('$idle_lsn'::pg_lsn), ('$last->{lsn}')) v (lsn)"
		),
		't',
		"$name: the time of an LSN leads back to it");
}

note '4. beyond what is known';

foreach my $node (@nodes)
{
	my $name = $node->name;
	my %unknown = (
		"an LSN that is not there yet" =>
		  "replwatch_lsn_time((SELECT horizon + 1 FROM replwatch_node()))",
		"the last LSN of all" => "replwatch_lsn_time('FFFFFFFF/FFFFFFFF')",
		"an LSN from before the history" => "replwatch_lsn_time('0/1')",
		"no valid LSN" => "replwatch_lsn_time('0/0')",
		"no LSN" => "replwatch_lsn_time(NULL)",
		"the future" =>
		  "replwatch_time_lsn(clock_timestamp() + interval '1 h')",
		"the end of time" => "replwatch_time_lsn('infinity')",
		"the beginning of time" => "replwatch_time_lsn('-infinity')",
		"a time before the history" =>
		  "replwatch_time_lsn((SELECT history_start - interval '1 s' FROM replwatch_node()))",
		"a time before the server" => "replwatch_time_lsn('1970-01-01')",
		"no time" => "replwatch_time_lsn(NULL)");

	is(ask($node, $unknown{$_}), undef, "$name: $_ is unknown")
	  foreach sort keys %unknown;

	isnt(
		ask($node,
			"replwatch_lsn_time((SELECT horizon FROM replwatch_node()))"),
		undef,
		"$name: the newest LSN is known");
	isnt(
		ask($node,
			"replwatch_time_lsn((SELECT history_start + interval '100 ms' FROM replwatch_node()))"
		),
		undef,
		"$name: the time at which the history begins is known");
}
kill 'CONT', $writer;

done_testing();
