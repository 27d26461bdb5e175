# Copyright (c) 2026, the replwatch authors

# A slot on its way past max_slot_wal_keep_size.  What is told of it agrees
# with core at each step, with the time that is left beside it; when it is
# lost and core's restart_lsn and safe_wal_size are NULL, what it kept is
# still told, and after a restart too.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Three segments are kept in any case, six for slots.
my $primary = Replwatch::primary(
	'primary',
	'replwatch.known_after = 0',
	'min_wal_size = 32MB',
	'max_wal_size = 48MB',
	'max_slot_wal_keep_size = 96MB');
my $standby = Replwatch::standby($primary, 'replica1', slot => 1);

# Fill one segment after another.
sub write_segments
{
	my ($count) = @_;

	foreach (1 .. $count)
	{
		$primary->safe_psql('postgres',
			"SELECT pg_logical_emit_message(false, 'test', 'x'); SELECT pg_switch_wal()"
		);
	}
	return;
}

# What a query returns, taken while nothing was written: what the server writes
# of its own accord between two functions' looks would tell them apart.
sub look
{
	my ($query) = @_;
	my $client = Session->new($primary);
	my @rows;

	Process::until_true(
		'nothing is written during a look',
		sub {
			my $before = $client->value('SELECT pg_current_wal_lsn()');

			@rows = Replwatch::rows($client, $query);
			return $client->value('SELECT pg_current_wal_lsn()') eq $before;
		});
	return join "\n", map { join '|', map { $_ // 'NULL' } @$_ } @rows;
}

# In how many slots, and where, do core and replwatch differ?  Empty if they
# agree.
sub differences
{
	return look(
		q(
		SELECT slot_name, c.wal_status, r.wal_status,
			c.safe_wal_size, r.safe_wal_size, c.restart_lsn, r.restart_lsn
		FROM pg_replication_slots c
			FULL JOIN replwatch_status() r USING (slot_name)
		WHERE (c.wal_status, c.safe_wal_size, c.restart_lsn)
			IS DISTINCT FROM (r.wal_status, r.safe_wal_size, r.restart_lsn)));
}

# While there is room: the time that is left is what is safe at the present
# rate.  That falls while nothing is written, so that it is asked for before and
# after; only a look in which it has hardly changed tells anything.
sub check_forecast
{
	my $client = Session->new($primary);
	my $rate_query = 'SELECT wal_rate FROM replwatch_node()';
	my ($rate, @rows);

	Process::until_true(
		'there is a forecast at a steady rate',
		sub {
			my $before = $client->value($rate_query) || return 0;

			@rows = Replwatch::rows($client,
				"SELECT name, safe_wal_size, extract(epoch FROM slot_time_left) FROM replwatch_status() WHERE slot_name IS NOT NULL"
			);
			$rate = $client->value($rate_query) || return 0;
			return abs($rate / $before - 1) < 0.01;
		});

	is(scalar @rows, 2, 'there are two forecasts');
	foreach (@rows)
	{
		my ($name, $safe, $left) = @$_;

		cmp_ok(
			abs(($left // 0) * $rate / $safe - 1),
			'<',
			0.05,
			"$name: the time that is left is safe_wal_size at the present rate"
		);
	}
	return;
}


note '1. room to spare';

# One that was never used, beside that of a known replica.
$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('unused', true)");
my $writer = Replwatch::stop_background_writer($primary);
Replwatch::pause_replay($primary, $standby);
my $burst = Replwatch::burst($primary);
kill('CONT', $writer);
Replwatch::wait_sampled($primary);    # the replica is known
$standby->stop;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'inactive' AND last_seen IS NOT NULL FROM replwatch_status() WHERE name = 'replica1'",
	'the replica is gone and known');

my $row = Replwatch::status($primary, 'replica1');
my $replayed = $row->{replay_lsn};
my %retained = (replica1 => 0, unused => 0);
my @statuses = ($row->{wal_status});


note '2. a segment at a time, until there is no room left';

# Without a checkpoint, which is due all the time, nothing is lost yet.
my $checkpointer = Replwatch::process($primary, 'checkpointer');
Replwatch::stop_quietly($primary, $checkpointer,
	"SELECT 1 FROM pg_stat_activity WHERE pid = $checkpointer AND wait_event ILIKE 'checkpoint%'"
);

foreach my $segment (1 .. 12)
{
	write_segments(1);

	is(differences(), '', "segment $segment: core says the same");
	my @rows =
	  grep { defined $_->{slot_name} } Replwatch::statuses($primary);

	is(scalar @rows, 2, "segment $segment: each slot has a row");
	foreach (@rows)
	{
		cmp_ok(
			$_->{retained_bytes}, '>',
			$retained{ $_->{name} },
			"segment $segment: $_->{name} retains more");
		$retained{ $_->{name} } = $_->{retained_bytes};
	}
	($row) = grep { $_->{name} eq 'replica1' } @rows;
	if ($row->{wal_status} ne $statuses[-1])
	{
		push @statuses, $row->{wal_status};
		check_forecast() if $row->{wal_status} eq 'extended';
	}
	last if $row->{wal_status} eq 'unreserved';
}

is( look(
		"SELECT bool_and(retained_bytes = pg_wal_lsn_diff(pg_current_wal_flush_lsn(), restart_lsn)) FROM replwatch_status() WHERE slot_name IS NOT NULL"
	),
	't',
	'retained is what lies between restart_lsn and the horizon');
is( $primary->safe_psql(
		'postgres',
		"SELECT count(*) FROM replwatch_status() WHERE slot_name IS NOT NULL AND slot_time_left IS DISTINCT FROM '0'"
	),
	0,
	'when nothing is left, no time is left');


note '3. lost';

Replwatch::wait_sampled($primary);
kill 'CONT', $checkpointer;
$primary->safe_psql('postgres', 'CHECKPOINT');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 2 FROM replwatch_status() WHERE state = 'lost'",
	'both slots are lost');
push @statuses, 'lost';
my $statuses = join ' ', @statuses;
is( $statuses,
	'reserved extended unreserved lost',
	'each step on the way was shown');

# What must hold of the lost slots, as long as they are there.
sub check_lost
{
	my ($when) = @_;

	is(differences(), '', "$when: core says the same");
	foreach my $name (qw(replica1 unused))
	{
		my $lost = Replwatch::status($primary, $name);

		is($lost->{state}, 'lost', "$when: $name is lost");
		is($lost->{wal_status}, 'lost', "$when: so says its wal_status");
		is($lost->{reason_code}, 'slot_lost', "$when: and its reason");
		is($lost->{invalidation_reason},
			'wal_removed', "$when: why it was invalidated");
		like($lost->{reason}, qr/wal_removed/,
			"$when: people are told it as well");
		cmp_ok($lost->{retained_bytes},
			'>=', $retained{$name},
			"$when: what $name retained is still told");
		cmp_ok(
			$lost->{retained_bytes},
			'<',
			2 * $retained{$name},
			"$when: and it no longer grows");
		is($lost->{slot_time_left}, undef, "$when: no time is left to tell");
		ok(defined $lost->{inactive_since},
			"$when: since when it is unused is told");
	}

	my $lost = Replwatch::status($primary, 'replica1');
	is($lost->{replay_lsn}, $replayed,
		"$when: it is remembered how far the replica was");
	ok(defined $lost->{last_seen}, "$when: and when it was last seen");
	return;
}

check_lost('lost');
my $lost = Replwatch::lag_is_true($primary, 'replica1', $burst, 'lost');
is($lost->{lag_bound}, 'exact', 'the lag of a lost replica is exact');
write_segments(3);
check_lost('WAL later');
%retained =
  map { $_->{name} => $_->{retained_bytes} } Replwatch::statuses($primary);


note '4. after a restart';

$primary->restart;
Replwatch::wait_sampled($primary);    # the worker has its state again
check_lost('restarted');
is(Replwatch::status($primary, $_)->{retained_bytes},
	$retained{$_}, "restarted: what $_ retained has not changed")
  foreach sort keys %retained;
Replwatch::lag_is_true($primary, 'replica1', $burst, 'restarted');


note '5. without its slot';

$primary->safe_psql('postgres',
	"SELECT pg_drop_replication_slot('unused'), pg_drop_replication_slot('replica1')"
);
is(Replwatch::status($primary, 'unused'),
	undef, 'a slot that was dropped leaves nothing behind');
$row = Replwatch::status($primary, 'replica1');
is($row->{state}, 'missing', 'the replica is still known');
is($row->{retained_bytes}, undef, 'a new slot retains nothing');


note '6. a new slot of the same name';

$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('unused', true)");
Replwatch::wait_sampled($primary);
$row = Replwatch::status($primary, 'unused');
is($row->{state}, 'inactive', 'the new slot is not lost');
cmp_ok(
	$row->{retained_bytes},
	'<',
	1024 * 1024,
	'figures of the old slot do not count');

done_testing();
