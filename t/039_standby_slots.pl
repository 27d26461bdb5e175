# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Logical slots on a standby.  From 16 on somebody can decode there: the
# standby has a downstream like any other server, with the lag counted from
# what it has replayed itself.  From 17 on it can keep the primary's slots for
# the day of a failover: these are shown, and say what they are.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $major = PostgreSQL::Test::Cluster->new('version')->pg_version->major;
plan skip_all => 'there is no logical decoding on a standby before 16'
  if $major < 16;

my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'replwatch.known_after = 0');
my $standby = Replwatch::standby(
	$primary,
	'standby1',
	slot => 1,
	conf =>
	  [ 'hot_standby_feedback = on', "wal_receiver_status_interval = '1s'" ]);


note '1. a subscriber of a standby';

# Making the slot waits for a record that the primary writes now and then.
my $creation =
  Replwatch::start_client('pg_recvlogical', '-d',
	$standby->connstr('postgres'),
	'-S', 'sub1', '-P', 'test_decoding', '--create-slot');
Replwatch::wait_until(
	$standby,
	"SELECT count(*) = 1 FROM pg_replication_slots WHERE restart_lsn IS NOT NULL",
	'the slot is being made');
$primary->safe_psql('postgres', 'SELECT pg_log_standby_snapshot()');
$creation->finish;
is($creation->result(0), 0, 'there is a logical slot on the standby');

my $subscriber =
  Replwatch::start_client('pg_recvlogical', '-d',
	$standby->connstr('postgres'),
	'-S', 'sub1', '--start', '-f', '/dev/null', '--status-interval=1');
Replwatch::wait_until(
	$standby,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'sub1'",
	'the subscriber streams');

is($standby->safe_psql('postgres', 'SELECT role FROM replwatch_node()'),
	'cascade', 'the standby is one with downstreams');
Replwatch::burst($primary);
Replwatch::wait_replayed($primary, $standby);
Replwatch::wait_until(
	$standby,
	"SELECT flush_lsn >= pg_last_wal_replay_lsn() FROM pg_stat_replication",
	'the subscriber has taken all');
my $row = Replwatch::row_when(
	$standby, 'sub1', undef,
	'the subscriber is current',
	sub { ($_[0]->{lag} // 1) == 0 });
is($row->{kind}, 'logical', 'its row is a logical one');
is($row->{slot_name}, 'sub1', 'named by its slot');
is($row->{database}, 'postgres', 'it has the database');
is( $row->{slot_synced},
	($major >= 17 ? 'f' : undef),
	'and the slot is the standby\'s own');
is(scalar(() = Replwatch::statuses($standby)), 1, 'it has one row');
is(Replwatch::status($primary, 'sub1'),
	undef, 'the primary knows nothing of it');


note '2. it goes';

Replwatch::wait_sampled($standby);    # it is known
$subscriber->signal('INT');
$subscriber->finish;
Replwatch::burst($primary);
Replwatch::wait_replayed($primary, $standby);
$row = Replwatch::row_when(
	$standby, 'sub1', undef,
	'the subscriber has gone',
	sub { $_[0]->{state} eq 'inactive' });
is($row->{reason_code}, 'gone', 'the consumer is gone');
isnt($row->{last_seen}, undef, 'when it was last seen is kept');
isnt($row->{inactive_since}, undef, 'its slot has inactive_since');
cmp_ok($row->{retained_bytes}, '>', 0, 'its slot retains WAL');
$row = Replwatch::row_when(
	$standby, 'sub1', undef,
	'it has a lag',
	sub { ($_[0]->{lag} // 0) > 0 });
cmp_ok($row->{lag_bytes}, '>', 0, 'it lacks the WAL written since');

# "at most" is what a worker says that was held up.
isnt($row->{lag_bound}, 'at least', 'the beginning of its lag is known');


note '3. a slot that is synchronized';

SKIP:
{
	skip 'there is no synchronization of slots before 17', 6 if $major < 17;

	my $conninfo =
	  $primary->connstr('postgres') . ' application_name=standby1';

	$conninfo =~ s/'/''/g;
	$standby->append_conf(
		'postgresql.conf', qq(
primary_conninfo = '$conninfo'
sync_replication_slots = on
));
	$primary->safe_psql('postgres',
		"SELECT pg_create_logical_replication_slot('failover1', 'test_decoding', false, false, true)"
	);
	$standby->reload;

	# The slot on the standby is kept only when it has caught up with this one.
	Replwatch::wait_until(
		$standby,
		"SELECT pg_drop_replication_slot('sub1') IS NOT NULL",
		'the other slot is dropped');
	my $kept =
	  'SELECT count(*) FROM pg_replication_slots WHERE synced AND NOT temporary';
	Process::until_true(
		'the slot is kept',
		sub {
			$primary->safe_psql('postgres',
				"SELECT pg_log_standby_snapshot(); SELECT pg_replication_slot_advance('failover1', pg_current_wal_lsn())"
			);
			Replwatch::wait_replayed($primary, $standby);
			sleep(1);    # what is ahead of the standby again would be left out
			return Replwatch::value($standby, $kept) == 1;
		});

	$row = Replwatch::status($standby, 'failover1');
	is($row->{state}, 'inactive', 'it exists and is not used');
	is($row->{kind}, 'logical', 'it is a logical one');
	is($row->{slot_synced}, 't', 'it is shown as synchronized');
	is($row->{last_seen}, undef, 'it is nobody\'s whom somebody could miss');
	is(Replwatch::status($primary, 'failover1')->{slot_synced},
		'f', 'the original is not');

	# It may still be brought up to date.
	Replwatch::wait_until(
		$standby,
		"SELECT count(*) = 1 FROM pg_replication_slots c JOIN replwatch_status() r USING (slot_name) WHERE (c.synced, c.restart_lsn, c.confirmed_flush_lsn, c.database, c.wal_status) IS NOT DISTINCT FROM (r.slot_synced, r.restart_lsn, r.confirmed_flush_lsn, r.database, r.wal_status)",
		'core says the same');
	pass('core says the same');
}

done_testing();
