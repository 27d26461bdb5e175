# Copyright (c) 2026, the replwatch authors

# When was this LSN reached, and where was the WAL at that time?  The answers
# are compared with writes whose time and LSN the test knows, on the primary,
# and on a standby, which knows when it was told of them.
#
# After a time in which nothing was written there are two answers that look
# alike: the LSN at its end was reached when it began, and the byte after it
# appeared when it ended.  The one is told by replwatch_lsn_time(), the other is
# where a lag begins.

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

# A sample is taken a quarter of a second after the one before when nothing
# moves, and a write shows in the next one.
my $tolerance = 0.25 + 0.1;

# What a busy machine may add to that.
my $patience = 1;

sub ask
{
	my ($node, $expression) = @_;

	return $node->safe_psql(
		'postgres',
		"SELECT $expression",
		extra_params => [ '-P', 'null=(null)' ]);
}

# replwatch_lsn_time() in seconds since 1970, as the test's own clock has it.
sub reached
{
	my ($node, $lsn) = @_;

	return ask($node, "extract(epoch FROM replwatch_lsn_time('$lsn'))");
}

# replwatch_time_lsn() of seconds since 1970.
sub lsn_at
{
	my ($node, $at) = @_;

	return ask($node, "replwatch_time_lsn(to_timestamp($at))");
}

# Were the ends of these writes reached when they were written?  A busy machine
# may have delayed the look at one of them, but hardly that at most.
sub reached_in_time
{
	my ($node, @writes) = @_;
	my @late;

	foreach my $write (@writes)
	{
		my $at = reached($node, $write->{lsn});

		push @late,
		  sprintf(
			'%.3f s from its beginning, %.3f s from its end',
			$at - $write->{start},
			$at - $write->{end})
		  if $at < $write->{start} - $tolerance
		  || $at > $write->{end} + $tolerance;
	}
	cmp_ok(
		scalar @late, '<',
		@writes / 2,
		$node->name . ': writes were reached when they were written'
	) or diag(join("\n", @late));
	return;
}

note '1. a write, a time in which nothing is written, and another write';

sleep(2 * $patience);
my @writes;
for my $n (1 .. 5)
{
	push @writes, Replwatch::burst($primary);
	$writes[-1]{lsn} = ask($primary, 'pg_current_wal_flush_lsn()');
	sleep(0.4);
}
my ($first_start, $first_lsn) = @{ $writes[0] }{qw(start lsn)};
my ($idle_begin, $idle_lsn);

# The background writer may write a record of its own before all is quiet.
do
{
	Replwatch::pause_replay($primary, $standby);
	$idle_begin = time();
	sleep(4);
	$idle_lsn = ask($primary, 'pg_current_wal_flush_lsn()');
} while (!Replwatch::replayed_all($primary, $standby));

my $second = Replwatch::burst($primary);
my $second_lsn = ask($primary, 'pg_current_wal_flush_lsn()');

Replwatch::wait_until(
	$standby,
	"SELECT pg_last_wal_receive_lsn() >= '$second_lsn'",
	'the second write is received');
Replwatch::wait_sampled($_) foreach $primary, $standby;

note '2. when was it reached';

foreach my $node ($primary, $standby)
{
	my $name = $node->name;

	reached_in_time($node, @writes);
	cmp_ok(
		reached($node, $idle_lsn),
		'<',
		$idle_begin + $patience,
		"$name: what the second write came after was reached long before it");
}

# The same LSN, asked for as a lag.
my $row = Replwatch::lag_is_true($primary, 'replica', $second,
	'the byte after it appeared with the second write');
is($row->{replay_lsn}, $idle_lsn, 'and it is the same LSN');

note '3. where was it at a time';

foreach my $node ($primary, $standby)
{
	my $name = $node->name;

	is(lsn_at($node, $idle_begin + $patience),
		$idle_lsn, "$name: when nothing was written any more");
	is(lsn_at($node, $second->{start} - $patience),
		$idle_lsn, "$name: just before the second write");

	# Some record of the server itself may have followed.
	is( ask($node,
			"replwatch_time_lsn(to_timestamp($second->{end} + $patience))
			   BETWEEN '$second_lsn'::pg_lsn AND '$second_lsn'::pg_lsn + 1000"
		),
		't',
		"$name: just after it");
	is( ask($node,
			"replwatch_time_lsn(to_timestamp($first_start - $patience)) < '$first_lsn'"
		),
		't',
		"$name: before the first write it was not there");

	# One is the other's inverse; after each of these there was a pause.
	is( ask($node,
			"bool_and(replwatch_time_lsn(replwatch_lsn_time(lsn) + interval '20 ms') BETWEEN lsn AND lsn + 1000)
			   FROM (VALUES ('$first_lsn'::pg_lsn), ('$idle_lsn'), ('$second_lsn')) v (lsn)"
		),
		't',
		"$name: the time of an LSN leads back to it");

	# Each look at the clocks is a little different.
	is( ask($node,
			"bool_and(later >= earlier - interval '1 ms')
			   FROM (SELECT replwatch_lsn_time('$first_lsn'::pg_lsn + n * ('$second_lsn'::pg_lsn - '$first_lsn') / 50) AS later,
							lag(replwatch_lsn_time('$first_lsn'::pg_lsn + n * ('$second_lsn'::pg_lsn - '$first_lsn') / 50)) OVER (ORDER BY n) AS earlier
					   FROM generate_series(0, 50) n) s"
		),
		't',
		"$name: what comes later was reached later");
}

note '4. beyond what is known';

foreach my $node ($primary, $standby)
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
		  "replwatch_time_lsn(clock_timestamp() + interval '1 s')",
		"the end of time" => "replwatch_time_lsn('infinity')",
		"the beginning of time" => "replwatch_time_lsn('-infinity')",
		"a time before the history" =>
		  "replwatch_time_lsn((SELECT history_start - interval '1 s' FROM replwatch_node()))",
		"a time before the server" => "replwatch_time_lsn('1970-01-01')",
		"no time" => "replwatch_time_lsn(NULL)");

	is(ask($node, $unknown{$_}), '(null)', "$name: $_ is unknown")
	  foreach sort keys %unknown;

	isnt(
		ask($node,
			"replwatch_lsn_time((SELECT horizon FROM replwatch_node()))"),
		'(null)',
		"$name: the newest LSN is known");
	isnt(
		ask($node,
			"replwatch_time_lsn((SELECT history_start + interval '100 ms' FROM replwatch_node()))"
		),
		'(null)',
		"$name: the time at which the history begins is known");
}

done_testing();
