# Copyright (c) 2026, the replwatch authors

# A server that is started in another role, or on another timeline, than it was
# stopped in.  The replicas that it knew were those of that role: it forgets
# them, and says so.  The LSN history stays.  A restart in the same role
# forgets nobody.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $forgotten =
  qr/LOG:  replicas known to this server in another role or on another timeline were forgotten/;

# Names, links and states of all rows.
sub rows
{
	my ($node) = @_;

	return Replwatch::value($node,
		"SELECT coalesce(string_agg(concat_ws(' ', name, link, state), ', ' ORDER BY name, link), '') FROM replwatch_status()"
	);
}

# Wait until a standby streams from $node, as $node sees it.
sub wait_streaming
{
	my ($node, $name) = @_;

	Replwatch::row_when(
		$node, $name, undef,
		"$name streams",
		sub { $_[0]->{state} eq 'streaming' });
	return;
}

# How often does the log say that replicas are forgotten?
sub times_forgotten
{
	my ($node) = @_;
	my @matches = slurp_file($node->logfile) =~ m/$forgotten/g;

	return scalar @matches;
}

# Does a server date an LSN as it did before?  What could be taken for its time
# is that of a restart, two seconds later and more.
sub is_still_dated
{
	my ($node, $lsn, $before, $what) = @_;

	local $Replwatch::tolerance = 1;
	return Replwatch::is_between(Replwatch::lsn_time($node, $lsn),
		$before, $before, $what);
}

my $first = Replwatch::primary(
	'first',
	'wal_keep_size = 64MB',
	'replwatch.known_after = 0');
my $second = Replwatch::standby($first, 'second');
my $gone = Replwatch::standby($first, 'gone');
my $third = Replwatch::standby($second, 'third');


note '1. the same role again';

Replwatch::wait_sampled($_) foreach $first, $second;    # all are known
$gone->stop;
Replwatch::burst($first);
my $lsn = Replwatch::flushed($first);
Replwatch::wait_replayed($first, $_) foreach $second, $third;
Replwatch::wait_sampled($_) foreach $first, $second, $third;
my $first_time = Replwatch::lsn_time($first, $lsn);
my $second_time = Replwatch::lsn_time($second, $lsn);
my $third_time = Replwatch::lsn_time($third, $lsn);
sleep(2);    # so that what is dated by a restart can be told apart

$first->restart;
wait_streaming($first, 'second');
Replwatch::wait_sampled($first);
is( rows($first),
	'gone downstream missing, second downstream streaming',
	'a primary that is restarted remembers its replicas');
is(times_forgotten($first), 0, 'no replica is forgotten');


note '2. a switchover: the primary becomes a standby';

$first->stop;
Replwatch::wait_until(
	$second,
	"SELECT count(*) = 0 FROM pg_stat_wal_receiver",
	'second has received all that there is');
$second->promote;
$first->set_standby_mode;
Replwatch::connect_to($first, $second, 'first');
$first->start;
wait_streaming($second, $_) foreach qw(first third);
Replwatch::wait_replayed($second, $first);
Replwatch::row_when(
	$first, 'first', 'upstream',
	'the old primary streams from the new one',
	sub { $_[0]->{state} eq 'streaming' });
Replwatch::wait_sampled($first);

is( rows($first),
	'first upstream streaming',
	'a primary that has become a standby has no replica');
is(times_forgotten($first), 1, 'that is logged once');
is_still_dated($first, $lsn, $first_time,
	'its LSN history is the same as before');


note '3. the standby that has become a primary';

is( rows($second),
	'first downstream streaming, third downstream streaming',
	'it has its old replica and a new one');
is(times_forgotten($second),
	0, 'replicas that go on do not have to be forgotten');
is_still_dated($second, $lsn, $second_time,
	'its LSN history is the same as before');


note '4. a standby that is started as a primary';

# It once had a replica of its own.
my $fourth = Replwatch::standby($third, 'fourth');
Replwatch::wait_sampled($third);    # it is known
$fourth->stop;
Replwatch::wait_until(
	$third,
	"SELECT state = 'missing' FROM replwatch_status() WHERE name = 'fourth'",
	'fourth is missed');
$third->restart;
Replwatch::wait_until(
	$third,
	"SELECT state = 'missing' FROM replwatch_status() WHERE name = 'fourth'",
	'a standby that is restarted remembers its replicas');
is(times_forgotten($third), 0, 'no replica is forgotten');

$third->stop;
unlink $third->data_dir . '/standby.signal'
  or die "could not remove standby.signal: $!";
$third->start;
Replwatch::wait_until(
	$third,
	"SELECT role = 'primary' AND worker_state = 'running' FROM replwatch_node()",
	'third is a primary');
Replwatch::wait_sampled($third);
is(rows($third), '', 'a standby that is started as a primary has no replica');
is(times_forgotten($third), 1, 'that is logged once');
is_still_dated($third, $lsn, $third_time,
	'its LSN history is the same as before');

done_testing();
