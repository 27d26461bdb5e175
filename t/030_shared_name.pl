# Copyright (c) 2026, the replwatch authors

# Two standbys under one name.  A standby that was given neither a slot nor an
# application_name, on a server without cluster_name, is called "walreceiver"
# as any other such standby is.  They must be told apart while they are
# connected, somebody must be told to name them, and none of them may be
# reported missing, since nobody could say which one it is.
#
# One replica whose old, dead connection has not been noticed yet looks nearly
# the same, and must not be taken for two.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $told = qr/several replicas are connected under the name "walreceiver"/;

# Start a node without the cluster_name and the environment that
# PostgreSQL::Test::Cluster would give it, so that its walreceiver has no name
# but the default one.
sub start_nameless
{
	my ($node) = @_;

	local %ENV = %ENV;
	delete $ENV{PGAPPNAME};
	system_or_bail('pg_ctl', '-w', '-s', '-D', $node->data_dir,
		'-l', $node->logfile, 'start');
	$node->_update_pid(1);
	return;
}

# Make $node a standby of $upstream, reached at $host, that says nothing of
# its name.
sub connect_nameless
{
	my ($node, $upstream, $host) = @_;

	$node->append_conf('postgresql.conf',
		"primary_conninfo = 'host=$host port=" . $upstream->port . "'\n");
	return;
}

# How often does the log of $node match?
sub times_logged
{
	my ($node, $regexp) = @_;
	my @matches = slurp_file($node->logfile) =~ m/$regexp/g;

	return scalar @matches;
}

# The rows called "walreceiver", the one from the local socket first.
sub walreceivers
{
	my ($node) = @_;

	my @rows =
	  sort { ($a->{client_port} // 0) <=> ($b->{client_port} // 0) }
	  grep { $_->{name} eq 'walreceiver' } Replwatch::statuses($node);

	return @rows;
}

# Set known_after, and wait until the worker has read it, which has it save its
# files.
sub known_after
{
	my ($node, $time) = @_;

	Replwatch::set($node, "replwatch.known_after = '$time'");
	Replwatch::wait_saved($node);
	return;
}

# At first nobody streams long enough to be known.
my $primary = Replwatch::primary(
	'primary',
	"listen_addresses = '127.0.0.1'",
	"replwatch.known_after = '1h'");
my @lively = ("wal_receiver_status_interval = '1s'");
my $local =
  Replwatch::standby($primary, 'local', start => 0, conf => \@lively);
my $distant =
  Replwatch::standby($primary, 'distant', start => 0, conf => \@lively);

connect_nameless($local, $primary, $primary->host);
connect_nameless($distant, $primary, '127.0.0.1');


note '1. two standbys, one name';

start_nameless($local);
start_nameless($distant);
my $offset = $primary->wait_for_log($told);

my @rows = walreceivers($primary);
is(scalar @rows, 2, 'both have a row');
is_deeply(
	[ map { $_->{state} } @rows ],
	[ 'streaming', 'streaming' ],
	'both stream');
is_deeply(
	[ map { $_->{client_addr} } @rows ],
	[ undef, '127.0.0.1' ],
	'they have different addresses');
isnt($rows[0]->{pid}, $rows[1]->{pid}, 'they have different processes');
is_deeply(
	[ map { $_->{reason_code} } @rows ],
	[ 'shared_name', 'shared_name' ],
	'both say that the name is shared');
like(
	$rows[0]->{reason},
	qr/primary_slot_name.*application_name/,
	'the reason says what to set');
is(Replwatch::status($local, 'walreceiver', 'upstream')->{state},
	'streaming', 'a standby has the same name for its own link');


note '2. each has its own lag';

Replwatch::pause_replay($primary, $distant);
my $burst = Replwatch::burst($primary);
Replwatch::wait_until(
	$primary,
	"SELECT bool_and(flush_lsn >= horizon) FROM replwatch_status() s, replwatch_node() WHERE s.name = 'walreceiver'",
	'both have received the burst');

# In one look, for the server may write something of its own accord.
Replwatch::wait_until(
	$primary,
	"SELECT bool_and(CASE WHEN client_addr IS NULL THEN lag = '0' AND lag_bytes = 0 ELSE lag > '0' END) FROM replwatch_status() WHERE name = 'walreceiver'",
	'the one that replays has no lag, the one that is paused has one');

@rows = walreceivers($primary);
cmp_ok($rows[1]->{lag_bytes},
	'>', 0, 'the one that is paused lacks the burst');
is($rows[1]->{reason_code},
	'shared_name', 'the shared name goes before the cause of the lag');
$distant->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');


note '3. one goes';

$distant->stop;
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM replwatch_status() WHERE name = 'walreceiver'",
	'one row remains');
Replwatch::wait_sampled($primary);
@rows = walreceivers($primary);
is(scalar @rows, 1, 'the one that has gone leaves no row behind');
is($rows[0]->{state}, 'streaming', 'the other one streams on');
is($rows[0]->{reason_code}, 'shared_name', 'its name still counts as shared');

known_after($primary, 0);
Replwatch::wait_until(
	$primary,
	"SELECT reason_code IS NULL FROM replwatch_status() WHERE name = 'walreceiver'",
	'the name is no longer shared');
is(times_logged($primary, $told), 1, 'one log entry in all');


note '4. alone it is known';

$local->stop;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'missing' FROM replwatch_status() WHERE name = 'walreceiver'",
	'the last one is missed');
is(Replwatch::status($primary, 'walreceiver')->{reason_code},
	'gone', 'it is missing because it is gone');
start_nameless($local);
Replwatch::wait_until(
	$primary,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'walreceiver'",
	'the replica is back');
is(scalar walreceivers($primary), 1, 'back, it has one row');


note '5. the other one again';

# What is alone for a moment now is not known by that.
known_after($primary, '1h');
start_nameless($distant);
$primary->wait_for_log($told, $offset);
is_deeply(
	[ map { $_->{reason_code} } walreceivers($primary) ],
	[ 'shared_name', 'shared_name' ],
	'the name is shared again');
$local->stop;
$distant->stop;
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 0 FROM pg_stat_replication",
	'both are gone');
Replwatch::wait_sampled($primary);
is(scalar walreceivers($primary),
	0, 'when both go, none is missed, though the name was known before');


note '6. a replica that comes back before its old connection is noticed';

known_after($primary, 0);

# The walsender is stopped, and the replica connects anew: as with a connection
# that was cut without a word, the primary has two connections of one replica.
my $replica = Replwatch::standby($primary, 'replica1',
	conf => ["wal_retrieve_retry_interval = '100ms'"]);
Replwatch::wait_sampled($primary);    # it is known
my $old = Replwatch::status($primary, 'replica1')->{pid};

# Later connections are known only if they inherit it.
known_after($primary, '1h');

kill 'STOP', $old or die "could not stop walsender $old";
kill 'TERM', Replwatch::process($replica, 'walreceiver');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 2 AND bool_and(state = 'streaming') FROM replwatch_status() WHERE name = 'replica1'",
	'both connections are there');
my $new = Replwatch::value($primary,
	"SELECT pid FROM replwatch_status() WHERE name = 'replica1' AND pid <> $old"
);

# Each burst is answered by the new connection, which proves it alive.
foreach my $i (1 .. 3)
{
	Replwatch::burst($primary);
	Replwatch::wait_replayed($primary, $replica);
	Replwatch::wait_until(
		$primary,
		"SELECT lag_bytes = 0 FROM replwatch_status() WHERE pid = $new",
		'the new connection has reported');
	Replwatch::wait_sampled($primary);
}
is( Replwatch::value(
		$primary,
		"SELECT count(*) FROM replwatch_status() WHERE name = 'replica1' AND reason_code = 'shared_name'"
	),
	0,
	'a dead connection does not share the name with its successor');

# Terminated, it does not read what the replica had sent before it gave up.
kill 'TERM', $old;
kill 'CONT', $old;
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM replwatch_status() WHERE name = 'replica1'",
	'the dead connection has ended');
is(Replwatch::status($primary, 'replica1')->{state},
	'streaming', 'the row that is left is the one that streams');
$replica->stop;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'missing' FROM replwatch_status() WHERE name = 'replica1'",
	'replica1 is missed');
is(times_logged($primary, qr/several replicas.*"replica1"/),
	0, 'no shared name was logged');

done_testing();
