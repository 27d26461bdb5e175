# Copyright (c) 2026, the replwatch authors

# matrix: every major

# Slots that nobody uses.  Of a physical one that was never used it is known
# what it still keeps, so its consumer is behind at least that far; of a
# logical one it is known what was confirmed.  What they retain grows, and it
# is told since when nobody uses them, by the server where it knows (from 17
# on), else by the worker.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $primary = Replwatch::primary('primary', 'wal_level = logical');

# Since when, as the row says, nobody uses the slot, in seconds since 1970.
sub unused_since
{
	my ($name) = @_;

	return Replwatch::value($primary,
		"SELECT extract(epoch FROM inactive_since) FROM replwatch_status() WHERE name = '$name'"
	);
}

note '1. slots are made';

# A new physical slot keeps WAL from the last checkpoint on.
my $write = { start => time() };
$primary->safe_psql('postgres', 'CHECKPOINT');
my $made_begin = Replwatch::now($primary);
$primary->safe_psql(
	'postgres', q{
	SELECT pg_create_physical_replication_slot('physical', true);
	SELECT pg_create_physical_replication_slot('reserves_nothing');
	SELECT pg_create_logical_replication_slot('logical', 'pgoutput');
});
my $burst = Replwatch::burst($primary);
$write->{end} = $burst->{end};

# Where the server does not say since when nobody uses a slot, it is when the
# worker sees it first.
Replwatch::wait_sampled($primary);
my $made_end = Replwatch::now($primary);

my $row = Replwatch::status($primary, 'reserves_nothing');
is($row->{state}, 'inactive', 'a slot that reserves nothing: the state');
is($row->{lag}, undef, 'a slot that reserves nothing: no lag is known');
is($row->{retained_bytes},
	undef, 'a slot that reserves nothing: it retains nothing');
is( $row->{reason},
	'slot has never been used',
	'a slot that reserves nothing: the reason says why');

note '2. some time later';

my %first =
  map { $_ => Replwatch::status($primary, $_) } qw(physical logical);

foreach my $name (qw(physical logical))
{
	$row =
	  Replwatch::lag_is_true($primary, $name,
		$write, "a $name slot");
	is($row->{kind}, $name, "a $name slot: the kind");
	is($row->{state}, 'inactive', "a $name slot: the state");
	is($row->{reason_code}, 'gone', "a $name slot: the reason");
	is( $row->{database},
		$name eq 'logical' ? 'postgres' : undef,
		"a $name slot: the database");

	Replwatch::is_between(unused_since($name), $made_begin, $made_end,
		"a $name slot: nobody uses it since it was made");
}
is(Replwatch::status($primary, 'physical')->{lag_bound},
	'at least', 'a physical slot: its consumer is at least that far behind');
is(Replwatch::status($primary, 'logical')->{lag_bound},
	'exact', 'a logical slot: what was confirmed is known for sure');

note '3. more is written';

my $before = Replwatch::flushed($primary);
Replwatch::burst($primary, 1000);
my $written = Replwatch::value($primary,
	"SELECT pg_current_wal_flush_lsn() - '$before'");

foreach my $name (qw(physical logical))
{
	$row = Replwatch::status($primary, $name);
	cmp_ok(
		$row->{retained_bytes},
		'>=',
		$first{$name}{retained_bytes} + $written,
		"a $name slot: what it retains grows by what is written");
	cmp_ok(
		$row->{retained_bytes},
		'<',
		$first{$name}{retained_bytes} + $written + 100_000,
		"a $name slot: and by nothing else");
	is($row->{wal_status}, 'reserved',
		"a $name slot: the server still has what it retains");
}
is( $primary->safe_psql(
		'postgres',
		q{SELECT string_agg(slot_name, ' ') FROM replwatch_slots
		   WHERE retained_bytes > 100 * 1000}),
	'logical physical',
	'the view replwatch_slots shows them');

note '4. a slot is used and left';

# While it is used there is no time since which it is not.
my $receiver = IPC::Run::start(
	[
		'pg_receivewal', '--no-loop',
		'--slot' => 'physical',
		'--directory' => $primary->backup_dir,
		'--dbname' => $primary->connstr
	]);
$row = Replwatch::row_when(
	$primary, 'physical', 'downstream',
	'the slot is used',
	sub { $_[0]->{state} eq 'streaming' && $_[0]->{restart_lsn} });
# The worker has to see it, too: before 17 only it knows.
Replwatch::wait_sampled($primary);
is($row->{inactive_since}, undef, 'a slot in use is not unused');

my $left_begin = Replwatch::now($primary);
$receiver->signal('INT');
$receiver->finish;
Replwatch::row_when(
	$primary, 'physical', 'downstream',
	'the slot is left',
	sub { $_[0]->{state} eq 'inactive' });
Replwatch::wait_sampled($primary);
Replwatch::is_between(unused_since('physical'),
	$left_begin, Replwatch::now($primary),
	'a slot that was left is unused since then');

done_testing();
