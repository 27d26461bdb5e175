# Copyright (c) 2026, the replwatch authors

# A standby that is stopped does not vanish from its primary's rows.  With a
# slot it is `inactive`, without one it is `missing`, and either way its row
# keeps saying how far it got and when it was last seen, and its lag grows.  So
# it goes on when the primary is restarted in the meantime: it is still known
# who is missing and since when, and still true how much.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $primary = Replwatch::primary('primary', 'wal_keep_size = 64MB');
my %standby = (
	with_slot => Replwatch::standby($primary, 'with_slot', slot => 1),
	without_slot => Replwatch::standby($primary, 'without_slot'));
my @names = sort keys %standby;
my %state = (with_slot => 'inactive', without_slot => 'missing');

# Does the row of a standby that is gone say so, and say how it went?
sub is_gone
{
	my ($row, $name, $last, $when) = @_;

	is($row->{state}, $state{$name}, "$name, $when: the state");
	is($row->{reason_code}, 'gone', "$name, $when: the reason");
	like(
		$row->{reason},
		qr/^not connected for \d+ s$/,
		"$name, $when: the reason says since when");
	is($row->{$_}, $last->{$_}, "$name, $when: $_ is kept")
	  foreach qw(sent_lsn write_lsn flush_lsn replay_lsn);
	is($row->{pid}, undef, "$name, $when: there is no walsender");
	return;
}

# For how many seconds was it not seen?
sub unseen_for
{
	my ($name) = @_;

	return $primary->safe_psql(
		'postgres',
		"SELECT extract(epoch FROM clock_timestamp() - last_seen)
		   FROM replwatch_status() WHERE name = '$name'");
}

note '1. two standbys are stopped';

# Both have streamed for long enough to be known.
my (%last, %stop);
sleep(1.5);
foreach my $name (@names)
{
	Replwatch::wait_replayed($primary, $standby{$name});
	Replwatch::row_when_current($primary, $name);
}
foreach my $name (@names)
{
	$last{$name} = Replwatch::status($primary, $name);
	$stop{$name}{begin} = time();
	$standby{$name}->stop;
	$stop{$name}{end} = time();
}
Replwatch::row_when($primary, $_, 'downstream', "$_ is gone",
	sub { $_[0]->{state} eq $state{ $_[0]->{name} } })
  foreach @names;

note '2. then something is written';

my $burst = Replwatch::burst($primary);
foreach my $name (@names)
{
	my $row = Replwatch::lag_is_true($primary, $name, $burst, $name);

	is_gone($row, $name, $last{$name}, 'stopped');
	cmp_ok($row->{lag_bytes}, '>', 100 * 100,
		"$name: what was written is missing");

	# It replies each ten seconds when nothing happens, and when it goes.
	my $begin = time();
	my $unseen = unseen_for($name);
	my $end = time();
	cmp_ok(
		$unseen, '>',
		$begin - $stop{$name}{end} - 0.1,
		"$name: it was not seen after it was stopped");
	cmp_ok(
		$unseen, '<',
		$end - $stop{$name}{begin} + 10.5,
		"$name: it was seen shortly before");
}
my $with_slot = Replwatch::status($primary, 'with_slot');
is($with_slot->{slot_name}, 'with_slot', 'a slot is shown as its own');
cmp_ok(
	$with_slot->{retained_bytes},
	'>=',
	$with_slot->{lag_bytes},
	'the slot retains what is missing');

note '3. the primary is restarted';

my %seen = map { $_ => Replwatch::status($primary, $_)->{last_seen} } @names;
$primary->restart;
Replwatch::row_when($primary, $_, 'downstream', "$_ is known", sub { 1 }, 20)
  foreach @names;

foreach my $name (@names)
{
	my $row = Replwatch::lag_is_true($primary, $name, $burst,
		"$name, after a restart of the primary");

	is_gone($row, $name, $last{$name}, 'after a restart');
	is( $primary->safe_psql(
			'postgres',
			"SELECT abs(extract(epoch FROM '$row->{last_seen}'::timestamptz - '$seen{$name}')) < 0.1"
		),
		't',
		"$name: it is still known when it was last seen");
}

note '4. they come back';

foreach my $name (@names)
{
	$standby{$name}->start;
	Replwatch::wait_replayed($primary, $standby{$name});
	my $row = Replwatch::row_when($primary, $name, undef, "$name is back",
		sub { $_[0]->{state} eq 'streaming' && ($_[0]->{lag} // 1) == 0 });

	is($row->{reason_code}, undef, "$name: and needs no reason");
	is($row->{name}, $name, "$name: there is one row of it, by its name");
}

note '5. they go, and the worker has not seen it yet';

# Rows are read fresh: that somebody has gone shows at once, however seldom the
# worker looks.
$primary->safe_psql('postgres',
	'ALTER SYSTEM SET replwatch.sample_interval = 10000');
$primary->reload;

# Nothing is to be written between the sample and the looks.
my $writer = Replwatch::process($primary, 'background writer');
kill 'STOP', $writer;
Replwatch::wait_replayed($primary, $standby{$_}) foreach @names;
Replwatch::wait_sampled($primary);
foreach my $name (@names)
{
	$last{$name} = Replwatch::status($primary, $name);
	$standby{$name}->stop;
	my $row = Replwatch::status($primary, $name);

	ok($row, "$name: there is a row at once") or next;
	is_gone($row, $name, $last{$name}, 'just now');
	is($row->{lag_bound}, 'exact', "$name: how far it is behind is known");
}
kill 'CONT', $writer;
isnt(Replwatch::status($primary, 'with_slot')->{inactive_since},
	undef, 'with_slot: so is since when nobody uses the slot');

done_testing();
