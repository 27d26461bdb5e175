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

my $old = Replwatch::primary(
	'old',
	'wal_keep_size = 64MB',
	'replwatch.known_after = 0');
my $new = Replwatch::standby($old, 'new', slot => 1);
my $gone = Replwatch::standby($old, 'gone');


note '1. a failover';

Replwatch::wait_sampled($old);    # both are known
$gone->stop;
my $shared_from = Replwatch::now($old);
Replwatch::burst($old);
my $shared = Replwatch::flushed($old);
Replwatch::wait_replayed($old, $new);
Replwatch::wait_sampled($new);
my $shared_to = Replwatch::now($new);
$new->promote;


note '2. both go on';

# The old primary writes more.
my $lost_from = Replwatch::now($old);
Replwatch::burst($old, 3000);
my $lost = Replwatch::flushed($old);
Replwatch::wait_sampled($old);
my $lost_to = Replwatch::now($old);
Replwatch::is_dated(Replwatch::lsn_time($old, $lost),
	$lost_from, $lost_to, 'the old primary dates what it wrote alone');
Replwatch::wait_until(
	$old,
	'SELECT count(*) = 0 FROM pg_stat_replication',
	'nobody is connected any more');
is( Replwatch::value(
		$old,
		"SELECT string_agg(name || ' ' || state, ', ' ORDER BY name) FROM replwatch_status()"
	),
	'gone missing, new inactive',
	'it knows two replicas that are gone');
sleep(2);    # so that the times can be told apart

my $won_from = Replwatch::now($new);
Replwatch::burst($new, 1000);
my $won = Replwatch::flushed($new);
is($new->safe_psql('postgres', "SELECT '$won' < '$lost'::pg_lsn"),
	't', 'the new primary has written less');
Replwatch::wait_sampled($new);
my $won_to = Replwatch::now($new);


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
	'the known replicas are not copied');

$new->start;
$old->set_standby_mode;

# It starts where the timelines were still one; it takes a while to fetch a
# segment, so that the worker sees it there, with a history of timeline 2.
$old->append_conf('postgresql.conf',
	"restore_command = 'case %f in *.history) ;; *) sleep 1 ;; esac; false'\n"
);
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
Replwatch::row_when(
	$old, 'old', 'upstream',
	'its own link streams',
	sub { $_[0]->{state} eq 'streaming' });
is( Replwatch::value(
		$old,
		"SELECT string_agg(name || ' ' || link, ', ') FROM replwatch_status()"
	),
	'old upstream',
	'it has its own link, and no replica');
Replwatch::is_dated(Replwatch::lsn_time($old, $shared),
	$shared_from, $shared_to, 'it dates WAL of both');
Replwatch::is_dated(Replwatch::lsn_time($old, $won),
	$won_from, $won_to,
	'it dates WAL of the new primary as that does');
is( $old->safe_psql(
		'postgres',
		"SELECT pg_last_wal_replay_lsn() < '$lost'::pg_lsn AND replwatch_lsn_time('$lost') IS NULL"
	),
	't',
	'WAL that only it had has no time');
is( $old->safe_psql(
		'postgres',
		"SELECT replwatch_time_lsn(to_timestamp($lost_to)) < '$won'"),
	't',
	'nor does the history reach that LSN at that time');

# WAL takes the place of what was lost.
my $again_from = Replwatch::now($new);
Replwatch::burst($new, 3000);
Replwatch::wait_replayed($new, $old);
Replwatch::wait_sampled($old);
my $again_to = Replwatch::now($old);
Replwatch::is_dated(Replwatch::lsn_time($old, $lost),
	$again_from, $again_to, 'when the LSN comes again, it is dated anew');
my $row = Replwatch::row_when_current($new, 'old');
is($row->{name}, 'old', 'the new primary sees it as current');
Replwatch::row_when_current($old, 'old', 'upstream');
is(scalar(grep { $_->{name} eq 'old' } Replwatch::statuses($new)),
	1, 'the standby has one row');

done_testing();
