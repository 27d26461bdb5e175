# Copyright (c) 2026, the replwatch authors
# matrix: every major

# A promotion to a new timeline, with WAL that only the old one had: the new
# primary had received it, and so its history dated it, but did not replay it,
# since it was promoted at a recovery target before it.  None of what was known
# of it may date the WAL that takes its place.
#
#	primary --- promoted --+-- follower	cut off before the fork, follows
#						   +-- diverged	went past the fork, can't follow
#						   +-- gone		was remembered before the promotion

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

# The standby that is promoted; where, and between which times that was.
my ($promoted, $target, $promoted_from, $promoted_to);

# Is "diverged" shown as a replica that has nothing of the new timeline, in
# whatever state it is found?  Several looks, since it comes and goes.
sub is_left_at_fork
{
	my ($when) = @_;
	my (%states, @wrong);
	my $client = Session->new($promoted);

	foreach my $look (1 .. 20)
	{
		my $written =
		  $client->value("SELECT pg_current_wal_flush_lsn() - '$target'");
		my $least = Replwatch::now($client) - $promoted_to - 1;
		my @rows =
		  grep { $_->{name} eq 'diverged' } Replwatch::statuses($client);
		my $most = Replwatch::now($client) - $promoted_from + 1;

		# Its next connection may come before the end of the last one is seen.
		push @wrong, 'no row' if !@rows;
		foreach my $row (@rows)
		{
			$states{ $row->{state} }++;
			push @wrong,
			  "$row->{state}: $row->{lag_bytes} bytes, $row->{lag} s"
			  if $row->{lag_bytes} < $written
			  || $row->{lag} < $least
			  || $row->{lag} > $most;
		}
		sleep(0.05);
	}
	is_deeply(\@wrong, [],
		"$when: a replica that went past the fork has been behind since then"
	);
	note 'states: ' . join ', ', map { "$_ $states{$_}" } sort keys %states;
	return;
}

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	'replwatch.known_after = 0');
$promoted = Replwatch::standby($primary, 'promoted',
	conf =>
	  [ "recovery_target_name = 'fork'", "recovery_target_action = 'pause'" ]
);

# Nothing of that may be inherited.
my @no_target = ("recovery_target_name = ''");
my $follower = Replwatch::standby($promoted, 'follower', conf => \@no_target);
my $diverged = Replwatch::standby($promoted, 'diverged',
	conf => [ @no_target, "wal_retrieve_retry_interval = '200ms'" ]);
my $gone = Replwatch::standby($promoted, 'gone', conf => \@no_target);


note '1. WAL of both timelines, and WAL of the old one';

my $shared_from = Replwatch::now($primary);
Replwatch::burst($primary);
my $shared = Replwatch::flushed($primary);
Replwatch::wait_replayed($primary, $_) foreach $follower, $gone;
Replwatch::wait_sampled($promoted);
$gone->stop;
Replwatch::wait_until(
	$promoted,
	"SELECT count(*) = 0 FROM pg_stat_replication WHERE application_name = 'gone'",
	'one replica is gone');
Replwatch::wait_sampled($follower);
my $shared_to = Replwatch::now($follower);
Replwatch::set_upstream($follower, '');
Replwatch::wait_until(
	$promoted,
	"SELECT count(*) = 0 FROM pg_stat_replication WHERE application_name = 'follower'",
	'the other receives nothing any more');
sleep(2);    # so that the times can be told apart

$target =
  $primary->safe_psql('postgres', "SELECT pg_create_restore_point('fork')");
my $lost_from = Replwatch::now($primary);
Replwatch::burst($primary, 1000);
my $lost = Replwatch::flushed($primary);
Replwatch::wait_until(
	$promoted,
	"SELECT pg_last_wal_receive_lsn() >= '$lost'",
	'WAL that will be lost is received');
Replwatch::wait_sampled($promoted);
my $lost_to = Replwatch::now($promoted);
Replwatch::wait_until(
	$promoted,
	"SELECT pg_get_wal_replay_pause_state() = 'paused'",
	'the target is reached');
Replwatch::wait_until(
	$promoted,
	"SELECT replay_lsn >= '$lost' FROM replwatch_status() WHERE name = 'diverged'",
	'diverged has replayed what will be lost');
Replwatch::wait_sampled($promoted);

Replwatch::is_dated(
	Replwatch::lsn_time($_, $shared),
	$shared_from, $shared_to,
	'what both timelines will have has a time on ' . $_->name)
  foreach $promoted, $follower;
Replwatch::is_dated(Replwatch::lsn_time($promoted, $lost),
	$lost_from, $lost_to, 'WAL that will be lost has a time on the standby');
my $row = Replwatch::row_when(
	$promoted, 'promoted', 'upstream',
	'the lag has a reason',
	sub { defined $_[0]->{reason_code} });
is($row->{reason_code},
	'paused_at_target', 'replay is paused at the target');
is(Replwatch::status($promoted, 'gone')->{state},
	'missing', 'a replica of it is missed');


note '2. promotion';

$primary->stop('immediate');
sleep(2);    # so that the times can be told apart
$promoted_from = Replwatch::now($promoted);
Replwatch::wait_sampled($promoted);    # the last of the old timeline
$promoted->promote;
Replwatch::wait_until(
	$promoted,
	"SELECT timeline = 2 AND role = 'primary' FROM replwatch_node()",
	'the standby is the primary of timeline 2');
Replwatch::wait_sampled($promoted);
$promoted_to = Replwatch::now($promoted);

like(
	$promoted->safe_psql(
		'postgres', "SELECT pg_read_file('pg_wal/00000002.history')"),
	qr/^1\t\Q$target\E\t/,
	'the timelines part at the target');
my @upstream = Replwatch::statuses($promoted, 'upstream');
is(scalar @upstream, 0, 'the upstream row is gone');
Replwatch::is_dated(
	Replwatch::lsn_time($promoted, $shared),
	$shared_from, $shared_to, 'WAL of both timelines keeps its time');
is( $promoted->safe_psql(
		'postgres',
		"SELECT replwatch_time_lsn(to_timestamp($lost_to + 1)) = '$target'"),
	't',
	'when there was what is lost now, the WAL that is left ended at the fork'
);
cmp_ok(
	Replwatch::lsn_time($promoted, Replwatch::flushed($promoted)),
	'>=', $promoted_from, 'the first of the new timeline came with it');
is( $promoted->safe_psql(
		'postgres',
		"SELECT pg_current_wal_flush_lsn() < '$lost' AND replwatch_lsn_time('$lost') IS NULL"
	),
	't',
	'lost WAL has no time');

# The LSN of the replica that went past the fork is greater than any here, and
# it has nothing of what was written here since.
Replwatch::wait_until(
	$promoted,
	"SELECT bool_and(state <> 'streaming') FROM replwatch_status() WHERE name = 'diverged'",
	'diverged streams no more');
Replwatch::wait_sampled($promoted);
is_left_at_fork('when it streams no more');

# The new timeline's WAL takes its place.
my $renewed_from = Replwatch::now($promoted);
Replwatch::burst($promoted, 2000);
is( $promoted->safe_psql(
		'postgres', "SELECT pg_current_wal_flush_lsn() > '$lost'"),
	't',
	'the new timeline goes past what was lost');
Replwatch::wait_sampled($promoted);
my $renewed_to = Replwatch::now($promoted);
Replwatch::is_dated(Replwatch::lsn_time($promoted, $lost),
	$renewed_from, $renewed_to, 'the same LSN is dated anew');


note '3. the replica that follows';

Replwatch::set_upstream($follower,
	$promoted->connstr . ' application_name=follower');
Replwatch::wait_replayed($promoted, $follower);
is( $follower->safe_psql('postgres', 'SELECT timeline FROM replwatch_node()'),
	2,
	'it is on timeline 2');
Replwatch::wait_sampled($follower);
Replwatch::is_dated(
	Replwatch::lsn_time($follower, $shared),
	$shared_from, $shared_to,
	'WAL of both timelines keeps its time there');
cmp_ok(Replwatch::lsn_time($follower, $lost) // 0,
	'>=', $promoted_from, 'WAL in place of the lost one has a new time there');
Replwatch::row_when_current($promoted, 'follower');
Replwatch::row_when_current($follower, 'follower', 'upstream');
is( scalar(grep { $_->{name} eq 'follower' } Replwatch::statuses($promoted)),
	1,
	'it has one row');

my $writer = Replwatch::stop_background_writer($promoted);
Replwatch::pause_replay($promoted, $follower);
my $burst = Replwatch::burst($promoted);
my $arrived = Replwatch::arrived($burst, $promoted, $follower);
kill('CONT', $writer);


note '4. the replica that went past the fork';

# It asks for more again and again, and gets as far as the fork each time.
is_left_at_fork('while it tries');


note '5. the replica that was gone before';

my $gone_at = Replwatch::now($promoted);
$row = Replwatch::status($promoted, 'gone');
is($row->{state}, 'missing', 'it is still missing');
cmp_ok(
	$row->{lag}, '>=',
	$gone_at - $lost_to - 1,
	'its lag begins before the fork');


note '6. lags on the new timeline';

Replwatch::lag_is_true($promoted, 'follower', $burst,
	'a paused follower, on the new primary');
Replwatch::lag_is_true($follower, 'follower', $arrived,
	'a paused follower, by itself', 'upstream');


note '7. after a restart';

$promoted->restart;
Replwatch::wait_sampled($promoted);    # the worker has its state again
Replwatch::is_dated(
	Replwatch::lsn_time($promoted, $shared),
	$shared_from, $shared_to, 'WAL of both timelines keeps its time');
Replwatch::is_dated(Replwatch::lsn_time($promoted, $lost),
	$renewed_from, $renewed_to, 'so does WAL of the new timeline');
is(Replwatch::status($promoted, 'gone')->{state},
	'missing', 'a replica that was missing stays missing');
Replwatch::wait_until(
	$promoted,
	"SELECT replay_lsn >= '$lost' FROM pg_stat_replication WHERE application_name = 'diverged'",
	'diverged shows again where it is');
is_left_at_fork('after a restart');

done_testing();
