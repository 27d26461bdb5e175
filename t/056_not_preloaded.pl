# Copyright (c) 2026, the replwatch authors

# A server that does not preload the library shows what it can all the same:
# links, positions and bytes, and of all else that it needs the library.  Each
# end of a link can have it without the other, and tells the truth.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $without = "shared_preload_libraries = ''";

# Assert that a function says what it needs.
sub needs_preload
{
	my ($node, $call) = @_;

	like(
		verdict(Session->new($node)->query("SELECT * FROM $call")),
		qr/^55000 replwatch must be loaded via "shared_preload_libraries"/,
		$node->name . ": $call needs the library");
	return;
}

# Assert that a row is that of a server without the library: nothing about
# time, and the reason why.
sub is_without_time
{
	my ($row, $what) = @_;

	is_deeply(
		[ @{$row}{qw(lag lag_bound catchup slot_time_left health)} ],
		[ undef, undef, undef, undef, 'unknown' ],
		"$what: no word about time");
	is($row->{reason_code}, 'not_preloaded', "$what: reason_code");
	is( $row->{reason},
		'time lag needs shared_preload_libraries',
		"$what: reason");
	return;
}

# Only one end of each pair has it.
my $bare_primary = Replwatch::primary('bare_primary', $without);
my $standby =
  Replwatch::standby($bare_primary, 'standby', slot => 1, start => 0);
$standby->append_conf('postgresql.conf',
	"shared_preload_libraries = 'replwatch'\n");
my $primary = Replwatch::primary('primary');
my $bare_standby =
  Replwatch::standby($primary, 'bare_standby', conf => [$without]);
my ($row, @rows);

$standby->start;
$bare_primary->safe_psql(
	'postgres', q{
	SELECT pg_create_physical_replication_slot('unused', true);
	SELECT pg_create_physical_replication_slot('untouched');
});
$bare_primary->poll_query_until('postgres',
	"SELECT state = 'streaming' FROM pg_stat_replication")
  or die 'timed out waiting until the standby streams';

# Without a word from it nobody can trust a primary.
Replwatch::burst($bare_primary);
Replwatch::wait_replayed($bare_primary, $standby);
Replwatch::wait_replayed($primary, $bare_standby);

note '1. Both ends are at rest';

$row = Replwatch::row_when(
	$bare_primary, 'standby', undef,
	'the standby has reported that it has caught up',
	sub { $_[0]->{state} eq 'streaming' && $_[0]->{lag_bytes} == 0 });
is_without_time($row, 'a standby that lacks no bytes');

@rows = Replwatch::statuses($bare_primary);
is_deeply(
	[ map { "$_->{name} $_->{state}" } @rows ],
	[ 'standby streaming', 'untouched inactive', 'unused inactive' ],
	'a primary without it shows its walsenders and slots');
is_without_time($_, "primary without it, $_->{name}") foreach @rows;
is($rows[1]->{lag_bytes}, undef, 'a slot never used has no position');
cmp_ok($rows[2]->{retained_bytes}, '>=', 0, 'a slot keeps WAL');
cmp_ok($rows[2]->{lag_bytes}, '>=', 0, 'and nobody has taken it from there');

Replwatch::wait_sampled($standby);
$row = Replwatch::row_when_current($standby, 'standby', 'upstream');
is_deeply(
	[ @{$row}{qw(name state lag lag_bound reason_code)} ],
	[ 'standby', 'streaming', '0.000000', 'exact', undef ],
	'a standby with it trusts a primary without');

$row = Replwatch::row_when($bare_standby, 'bare_standby', 'upstream',
	'all is replayed', sub { $_[0]->{lag_bytes} == 0 });
is_deeply(
	[ @{$row}{qw(name state lag_bytes)} ],
	[ 'bare_standby', 'streaming', 0 ],
	'a standby without it shows its own link');
is_without_time($row, 'standby without it');

$row = Replwatch::row_when_current($primary, 'bare_standby');
is_deeply(
	[ @{$row}{qw(state lag reason_code)} ],
	[ 'streaming', '0.000000', undef ],
	'a primary with it follows a standby without');

note '2. Both standbys pause';

Replwatch::pause_replay($bare_primary, $standby);
my $bare_burst =
  Replwatch::arrived(Replwatch::burst($bare_primary), $bare_primary,
	$standby);
Replwatch::pause_replay($primary, $bare_standby);
my $burst = Replwatch::burst($primary);

foreach my $node ($bare_primary, $bare_standby)
{
	my $link = $node eq $bare_standby ? 'upstream' : 'downstream';
	my $name = $node eq $bare_standby ? 'bare_standby' : 'standby';
	my $what = $node->name;

	Replwatch::wait_until(
		$node,
		"SELECT lag_bytes > 10000 FROM replwatch_status() WHERE name = '$name'",
		"$what tells of the bytes that are missing");
	$row = Replwatch::status($node, $name, $link);
	is_without_time($row, "$what, while it is behind");
}

# The two are looked at one after the other, so both have to have come to rest.
Replwatch::wait_until(
	$bare_primary, q{
	SELECT lag_bytes = pg_current_wal_flush_lsn() - s.replay_lsn AND
		s.sent_lsn = r.sent_lsn AND s.replay_lsn = r.replay_lsn AND
		s.slot_name = 'standby' AND s.usename = r.usename AND
		s.sync_state = 'async'
	FROM replwatch_status() s JOIN pg_stat_replication r USING (pid)},
	'a primary without it shows what core shows');
pass('a primary without it shows what core shows');

note '3. What else there is without it';

foreach my $node ($bare_primary, $bare_standby)
{
	my $what = $node->name;

	needs_preload($node, $_)
	  foreach "replwatch_lsn_time('0/1')", "replwatch_time_lsn('now')",
	  'replwatch_history()', "replwatch_forget('standby')",
	  'replwatch_alerts()', "replwatch_silence('standby', '1 hour')",
	  'replwatch_cluster()';
	is( $node->safe_psql(
			'postgres', q{
			SELECT worker_state, num_nonnulls(worker_pid, last_sample, history_start, wal_rate),
				timeline, horizon > '0/1', version IS NOT NULL,
				port, port_state, command_runner_state
			FROM replwatch_node()}),
		'not running|0|1|t|t||off|off',
		"$what: replwatch_node() says that no worker runs");
	is( $node->safe_psql(
			'postgres',
			q{SELECT bool_or(lag_bytes > 10000 AND state = 'streaming'), count(lag), count(trend)
			FROM replwatch_lag}),
		't|0|0',
		"$what: replwatch_lag tells of the bytes");
}
is( $bare_standby->safe_psql(
		'postgres',
		'SELECT role, receiver_state, upstream_port, replay_state FROM replwatch_node()'
	),
	'standby|streaming|' . $primary->port . '|paused',
	'a standby without it knows where its WAL comes from');
is( $bare_standby->safe_psql(
		'postgres',
		'SELECT staleness, staleness_of, line_state FROM replwatch_node()'),
	'||off',
	'but not how stale it is');
is( $bare_primary->safe_psql(
		'postgres', 'SELECT slot_name, state FROM replwatch_slots'),
	"standby|streaming\nuntouched|inactive\nunused|inactive",
	'replwatch_slots lists the slots of a primary without it');
is( $bare_primary->safe_psql(
		'postgres',
		"SELECT 1 FROM replwatch_node(); SHOW replwatch.sample_interval"),
	"1\n100ms",
	'settings come with the functions, as far as they can');
unlike(
	slurp_file($bare_primary->logfile),
	qr/replwatch sampler/,
	'no worker has ever been there');

note '4. The ends that have it tell the truth about time';

Replwatch::lag_is_true($standby, 'standby', $bare_burst,
	'a standby of a primary without it', 'upstream');
Replwatch::lag_is_true($primary, 'bare_standby', $burst,
	'the primary of a standby without it');

note '5. And replication goes on';

Replwatch::value($_, 'SELECT pg_wal_replay_resume()')
  foreach $standby, $bare_standby;
Replwatch::wait_replayed($bare_primary, $standby);
Replwatch::wait_replayed($primary, $bare_standby);
is( Replwatch::value($_, 'SELECT count(*) FROM burst'),
	$_ eq $standby ? 200 : 100,
	'all has arrived on ' . $_->name) foreach $standby, $bare_standby;

done_testing();
