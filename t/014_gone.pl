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

# A standby is known as soon as it is seen, and replies often.
my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	'replwatch.known_after = 0');
my @conf = ('wal_receiver_status_interval = 1s');
my %standby = (
	with_slot =>
	  Replwatch::standby($primary, 'with_slot', slot => 1, conf => \@conf),
	without_slot =>
	  Replwatch::standby($primary, 'without_slot', conf => \@conf));
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

# When was it last seen, in seconds since 1970?
sub last_seen
{
	my ($name) = @_;

	return Replwatch::value($primary,
		"SELECT extract(epoch FROM last_seen) FROM replwatch_status() WHERE name = '$name'"
	);
}

note '1. two standbys are stopped';

my $writer = Replwatch::stop_background_writer($primary);
my (%last, %alive, %stopped);
foreach my $name (@names)
{
	Replwatch::wait_replayed($primary, $standby{$name});
	Replwatch::row_when_current($primary, $name);
}
foreach my $name (@names)
{
	# What the worker has seen of it is from after this.
	$alive{$name} = Replwatch::now($primary);
	Replwatch::wait_until(
		$primary,
		"SELECT last_seen > to_timestamp($alive{$name}) + interval '50 ms' FROM replwatch_status() WHERE name = '$name'",
		"$name replies");
	Replwatch::wait_sampled($primary);
	$last{$name} = Replwatch::status($primary, $name);
	$standby{$name}->stop;
	Replwatch::row_when($primary, $name, 'downstream', "$name is gone",
		sub { $_[0]->{state} eq $state{$name} });
	$stopped{$name} = Replwatch::now($primary);
}

note '2. then something is written';

my $burst = Replwatch::burst($primary);
foreach my $name (@names)
{
	my $row = Replwatch::lag_is_true($primary, $name, $burst, $name);

	is_gone($row, $name, $last{$name}, 'stopped');
	cmp_ok($row->{lag_bytes}, '>', 100 * 100,
		"$name: what was written is missing");

	my $seen = last_seen($name);
	cmp_ok($seen, '<', $stopped{$name} + 0.1,
		"$name: it was not seen after it was stopped");
	cmp_ok($seen, '>', $alive{$name} - 0.1,
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

my %seen = map { $_ => last_seen($_) } @names;
kill 'CONT', $writer;
$primary->restart;
Replwatch::row_when($primary, $_, 'downstream', "$_ is known", sub { 1 })
  foreach @names;

foreach my $name (@names)
{
	my $row = Replwatch::lag_is_true($primary, $name, $burst,
		"$name, after a restart of the primary");

	is_gone($row, $name, $last{$name}, 'after a restart');
	Replwatch::is_between(last_seen($name), $seen{$name}, $seen{$name},
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

# Nothing is to be written between the worker's last look and these.
$writer = Replwatch::stop_background_writer($primary);
Replwatch::wait_replayed($primary, $standby{$_}) foreach @names;
Replwatch::row_when_current($primary, $_) foreach @names;
Replwatch::wait_sampled($primary);

# Rows are read fresh: that somebody has gone shows without the worker.
my $sampler = Replwatch::stop_sampler($primary);
foreach my $name (@names)
{
	$last{$name} = Replwatch::status($primary, $name);
	$standby{$name}->stop;

	# Only the walsender has to notice.
	my $row = Replwatch::row_when(
		$primary, $name, undef,
		"$name is gone",
		sub { ($_[0]->{state} // '') eq $state{$name} });

	is_gone($row, $name, $last{$name}, 'just now');
	is($row->{lag_bound}, 'exact', "$name: how far it is behind is known");
}
isnt(Replwatch::status($primary, 'with_slot')->{inactive_since},
	undef, 'with_slot: so is since when nobody uses the slot');
kill 'CONT', $writer, $sampler;

done_testing();
