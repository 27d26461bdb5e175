# Copyright (c) 2026, the replwatch authors

# An old primary that went on after a failover, is rewound and comes back as a
# standby.  pg_rewind brings it the LSN history of the new primary, and what
# the old one wrote alone is no longer part of it; of the replicas that it had
# as a primary nothing is left.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use File::Copy;
use Time::HiRes qw(time sleep);

# When $node says that an LSN was reached, in seconds since the epoch; undef
# for NULL.
sub lsn_time
{
	my ($node, $lsn) = @_;
	my $time = $node->safe_psql('postgres',
		"SELECT extract(epoch FROM replwatch_lsn_time('$lsn'))");

	return $time eq '' ? undef : $time;
}

# Is the time that of a moment, to half a second?
sub is_about
{
	my ($time, $expected, $what) = @_;

	ok(defined $time && defined $expected && abs($time - $expected) < 0.5,
		$what)
	  or
	  diag(sprintf '%s instead of %s', $time // 'NULL', $expected // 'NULL');
	return;
}

sub flushed
{
	my ($node) = @_;

	return $node->safe_psql('postgres', 'SELECT pg_current_wal_flush_lsn()');
}

my $old = Replwatch::primary(
	'old',
	'wal_keep_size = 64MB',
	'replwatch.known_after = 0');
my $new = Replwatch::standby($old, 'new', slot => 1);
my $gone = Replwatch::standby($old, 'gone');


note '1. a failover';

Replwatch::wait_sampled($old);    # both are known
$gone->stop;
Replwatch::burst($old);
my $shared = flushed($old);
my $shared_at = time();
Replwatch::wait_replayed($old, $new);
$new->promote;
sleep(2);                         # so that times can be told apart


note '2. both go on';

# The old primary writes more.
Replwatch::burst($old, 3000);
my $lost = flushed($old);
my $lost_at = time();
Replwatch::wait_sampled($old);
is_about(lsn_time($old, $lost),
	$lost_at, 'the old primary dates what it wrote alone');
is( $old->safe_psql(
		'postgres',
		"SELECT string_agg(name || ' ' || state, ', ') FROM replwatch_status()"
	),
	'gone missing, new inactive',
	'it knows two replicas that are gone');
sleep(2);    # so that times can be told apart

Replwatch::burst($new, 1000);
my $won = flushed($new);
my $won_at = time();
is($new->safe_psql('postgres', "SELECT '$won' < '$lost'::pg_lsn"),
	't', 'the new primary has written less');
Replwatch::wait_sampled($new);


note '3. the old primary is rewound';

$old->stop;
$new->stop;
my $conf = $old->data_dir . '/postgresql.conf';
my $kept = $old->basedir . '/postgresql.conf.kept';
copy($conf, $kept) or die "could not copy $conf: $!";
command_ok(
	[
		'pg_rewind', '--no-sync',
		'--source-pgdata', $new->data_dir,
		'--target-pgdata', $old->data_dir
	],
	'pg_rewind takes the new primary as its source');
copy($kept, $conf) or die "could not copy $kept: $!";
ok( !-e $old->data_dir . '/pg_stat_tmp/replwatch.state',
	'it leaves nothing of the known replicas');

$new->start;
$old->set_standby_mode;

# It starts where the timelines were still one; it takes a while to fetch its
# first segment, so that the worker sees it there, with a history of timeline 2.
$old->append_conf('postgresql.conf', "restore_command = 'sleep 1; false'\n");
Replwatch::connect_to($old, $new, 'old');
$old->start;
Replwatch::wait_until(
	$new,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'old'",
	'the old primary streams from the new one');
Replwatch::wait_replayed($new, $old);
Replwatch::wait_sampled($old);


note '4. what it says as a standby';

is( $old->safe_psql(
		'postgres', 'SELECT role, timeline FROM replwatch_node()'),
	'standby|2',
	'it is a standby on timeline 2');
is( $old->safe_psql(
		'postgres',
		"SELECT string_agg(name || ' ' || link || ' ' || state, ', ') FROM replwatch_status()"
	),
	'old upstream streaming',
	'it has its own link, and no replica');
is_about(lsn_time($old, $shared), $shared_at, 'it dates what both had');
is_about(lsn_time($old, $won),
	$won_at, 'it dates what the new primary wrote as the new primary does');
is( $old->safe_psql(
		'postgres',
		"SELECT pg_last_wal_replay_lsn() < '$lost'::pg_lsn AND replwatch_lsn_time('$lost') IS NULL"
	),
	't',
	'what it once wrote alone has no time');
is( $old->safe_psql(
		'postgres',
		"SELECT replwatch_time_lsn(to_timestamp($lost_at)) < '$won'"),
	't',
	'nor did the WAL go that far at that time');

# WAL takes the place of what was lost.
Replwatch::burst($new, 3000);
my $again_at = time();
Replwatch::wait_replayed($new, $old);
is_about(lsn_time($old, $lost),
	$again_at, 'when the LSN comes again, it is dated anew');
my $row = Replwatch::row_when_current($new, 'old');
is($row->{name}, 'old', 'the new primary sees it as current');
Replwatch::row_when_current($old, 'old', 'upstream');
is(scalar(grep { $_->{name} eq 'old' } Replwatch::statuses($new)),
	1, 'in one row');

done_testing();
