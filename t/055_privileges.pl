# Copyright (c) 2026, the replwatch authors

# Who may see what.  Monitoring roles see everything; others nothing, or, if
# somebody has granted them the functions, of a process what core shows them,
# its pid, slots as in core, and nothing of replicas that are gone.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The result of a query as another role, undef for ours: a line a row; dies on
# an error.
sub as
{
	my ($role, $node, $query) = @_;
	my $client = Session->new($node, $role ? (user => $role) : ());

	return join "\n", map {
		join '|', map { $_ // '' } @$_
	} Replwatch::rows($client, $query);
}

# Assert that a query is refused to a role.
sub is_refused
{
	my ($role, $node, $query) = @_;

	like(
		verdict(Session->new($node, user => $role)->query($query)),
		qr/^42501 permission denied for (function|view) replwatch_/,
		"$role is refused: $query");
	return;
}

# What is not NULL in rows of replwatch_status(), less what may change from one
# moment to the next: times, and what a few bytes of WAL move.
my $known_columns =
  q{jsonb_strip_nulls(to_jsonb(s)) - '{lag, lag_bytes, lag_bound, catchup, reason, reason_code, last_seen, sent_lsn, write_lsn, flush_lsn, replay_lsn, write_lag, flush_lag, replay_lag, reply_time, restart_lsn, retained_bytes, slot_xmin_age, inactive_since}'::text[]};

# Rows by that, in an order that does not change; nor does the health of links,
# that is unknown for a moment when the worker is late.
my $known_rows =
  "SELECT $known_columns - 'health' FROM replwatch_status() s ORDER BY 1";

# There is to be one alert, when it is asked for.
my $primary = Replwatch::primary(
	'primary',
	'replwatch.known_after = 0',
	'replwatch.lag_warning = 0',
	'replwatch.lag_critical = 0',
	'replwatch.missing_timeout = 0');
$primary->safe_psql(
	'postgres', q{
	CREATE ROLE nobody LOGIN;
	CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
	CREATE ROLE watcher LOGIN;
	GRANT EXECUTE ON FUNCTION replwatch_status(), replwatch_node(), replwatch_cluster() TO watcher;
	SELECT pg_create_physical_replication_slot('unused', true);
});
my $gone = Replwatch::standby($primary, 'gone');
my $replica1 = Replwatch::standby($primary, 'replica1', slot => 1);
my $replica2 = Replwatch::standby($primary, 'replica2');
Replwatch::wait_sampled($primary);
$gone->stop;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'missing' FROM replwatch_status() WHERE name = 'gone'",
	'a replica is missed');
Replwatch::wait_replayed($primary, $replica1);
Replwatch::wait_sampled($replica1);
Replwatch::wait_until(
	$primary,
	q{SELECT count(*) = 2 FROM pg_stat_replication
	WHERE num_nulls(write_lsn, flush_lsn, replay_lsn, reply_time) = 0},
	'both replicas have reported their positions');

note '1. Those who may not look';

foreach my $query (
	'SELECT * FROM replwatch_status()',
	'SELECT * FROM replwatch_node()',
	'SELECT * FROM replwatch_history()',
	"SELECT replwatch_lsn_time('0/1')",
	"SELECT replwatch_time_lsn('now')",
	"SELECT replwatch_trend('replica1', 'downstream')",
	"SELECT replwatch_forget('gone')",
	'SELECT * FROM replwatch_cluster()',
	'SELECT * FROM replwatch_alerts()',
	"SELECT replwatch_silence('gone', '1 hour')",
	'SELECT * FROM replwatch_lag',
	'SELECT * FROM replwatch_slots')
{
	is_refused('nobody', $primary, $query);
	is_refused('nobody', $replica1, $query);
}

note '2. Monitoring roles';

foreach my $node ($primary, $replica1)
{
	my $name = $node->name;

	is( as('monitor', $node, $known_rows),
		as(undef, $node, $known_rows),
		"pg_monitor sees on $name what a superuser sees");
}
is( as( 'monitor', $primary,
		q{SELECT count(*) FROM replwatch_status()
		WHERE name LIKE 'replica_' AND lag_bytes >= 0 AND last_seen IS NOT NULL AND
			num_nulls(health, sent_lsn, write_lsn, flush_lsn, replay_lsn, reply_time) = 0}),
	2,
	'pg_monitor sees health, positions and times of walsenders');
is( as( 'monitor', $primary,
		'SELECT string_agg(name, $$ $$) FROM replwatch_lag'),
	'gone replica1 replica2 unused',
	'pg_monitor may use the view replwatch_lag');
is( as( 'monitor', $primary,
		'SELECT string_agg(slot_name, $$ $$) FROM replwatch_slots'),
	'replica1 unused',
	'pg_monitor may use the view replwatch_slots');
is( as( 'monitor', $primary,
		'SELECT string_agg(node, $$ $$) FROM replwatch_cluster() WHERE upstream IS NOT NULL AND state IS NOT NULL'
	),
	'gone replica1 replica2',
	'pg_monitor sees all servers');
is( as( 'monitor', $primary,
		"SELECT count(*) > 0 FROM replwatch_history('replica1')"),
	't',
	'pg_monitor may look at the history');
is( as( 'monitor',
		$primary,
		'SELECT replwatch_lsn_time(pg_current_wal_flush_lsn()) <= clock_timestamp()'
	),
	't',
	'pg_monitor may ask when an LSN was reached');
is( as( 'monitor',
		$primary,
		'SELECT replwatch_time_lsn(clock_timestamp()) <= pg_current_wal_flush_lsn()'
	),
	't',
	'pg_monitor may ask where the WAL was');
Replwatch::set(
	$primary,
	'replwatch.alert_hold = 0',
	"replwatch.missing_timeout = '1ms'");
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM replwatch_alerts() WHERE subject = 'gone'",
	'an alert fires');
is( as( 'monitor',
		$primary,
		"SELECT alert, severity, state, detail <> '' FROM replwatch_alerts() WHERE subject = 'gone'"
	),
	'replica_missing|warning|firing|t',
	'pg_monitor sees alerts');
is_refused('monitor', $primary, "SELECT replwatch_forget('gone')");
is_refused('monitor', $primary, "SELECT replwatch_silence('gone', '1 hour')");

# Everybody may wait for replicas, and learns whether there are enough.
$primary->safe_psql('postgres',
	'CREATE ROLE reader LOGIN IN ROLE pg_read_all_stats');
my $replayed = Replwatch::flushed($primary);
as(undef, $primary,
	"SELECT replwatch_wait_for_replicas('$replayed', 2, 'replay', '1 min')");
foreach my $stage ('write', 'flush', 'replay')
{
	my $have = sub {
		my ($role, $count) = @_;

		return as($role, $primary,
			"SELECT replwatch_wait_for_replicas('$replayed', $count, '$stage', '0')");
	};

	is($have->('nobody', $_), $_ < 2 ? $_ : 2,
		"a role sees at most $_ replicas at $stage if it asks for $_")
	  foreach 0 .. 3;
	is($have->('reader', $_), 2,
		"pg_read_all_stats sees both at $stage if it asks for $_")
	  foreach 0, 1;
}

note '3. Those who have been granted the functions, and nothing more';

my $query =
  "SELECT $known_columns FROM replwatch_status() s WHERE link IS NULL ORDER BY pid";
is( as('watcher', $primary, $query),
	as( undef, $primary,
		q{SELECT jsonb_build_object('pid', pid) FROM pg_stat_replication ORDER BY pid}
	),
	'of walsenders they see the pid and nothing else');
is( as( 'watcher',
		$primary,
		'SELECT jsonb_strip_nulls(to_jsonb(s)) FROM pg_stat_get_wal_senders() s ORDER BY pid'
	),
	as('watcher', $primary, $query),
	'as of core');

$query =
  "SELECT $known_columns - 'health' FROM replwatch_status() s WHERE name = 'unused'";
is( as('watcher', $primary, $query),
	as(undef, $primary, $query),
	'of slots they see what a superuser sees');
like(
	as('watcher', $primary, $query),
	qr/"wal_status": "reserved"/,
	'which is their contents');
is( as( 'watcher',
		$primary,
		"SELECT lag > '0' OR lag_bytes >= 0 FROM replwatch_status() WHERE name = 'unused'"
	),
	't',
	'and their lag');
is( as( 'watcher', $primary,
		"SELECT count(*) FROM replwatch_status() WHERE name = 'gone'"),
	0,
	'of replicas that are gone they see nothing');
is(as('watcher', $primary, 'SELECT count(*) FROM replwatch_status()'),
	3, 'there is nothing else');

is( as( 'watcher', $replica1,
		'SELECT jsonb_strip_nulls(to_jsonb(s)) FROM replwatch_status() s'),
	as( undef,
		$replica1,
		q{SELECT jsonb_build_object('pid', pid) FROM pg_stat_wal_receiver}),
	'of the link upstream they see the pid of its receiver');

$query =
  'SELECT num_nonnulls(upstream_host, upstream_port, receiver_state, last_message) FROM replwatch_node()';
is(as(undef, $replica1, $query),
	4, 'a superuser sees where a standby gets its WAL from');
is(as('watcher', $replica1, $query), 0, 'they do not');
is( as( 'watcher', $replica1,
		'SELECT role, replay_state, worker_state FROM replwatch_node()'),
	'standby|replaying|running',
	'but how it is in general');
is_refused('watcher', $primary, 'SELECT * FROM replwatch_history()');

foreach my $node ($primary, $replica1)
{
	my $name = $node->name;

	is( as( 'watcher', $node,
			'SELECT (SELECT node = name FROM replwatch_node()), depth, role, reported_at IS NOT NULL FROM replwatch_cluster()'
		),
		$node eq $primary ? 't|0|primary|t' : 't|0|standby|t',
		"of the servers they see on $name only that");
	is( as( 'watcher', $node,
			'SELECT num_nonnulls(upstream, host, lag, state, health, reason_code, reason, alerts) FROM replwatch_cluster()'
		),
		0,
		'and nothing of its link and its alerts');
}

note '4. pg_read_all_stats is what opens the rest to them';

$primary->safe_psql('postgres', 'GRANT pg_read_all_stats TO watcher');
Replwatch::wait_replayed($primary, $replica1);
foreach my $node ($primary, $replica1)
{
	my $name = $node->name;

	is( as('watcher', $node, $known_rows),
		as(undef, $node, $known_rows),
		"on $name they see what a superuser sees");
}
is( as( 'watcher', $replica1,
		'SELECT upstream_host IS NOT NULL FROM replwatch_node()'),
	't',
	'and where it gets its WAL from');

note '5. To silence and to forget can be granted';

$primary->safe_psql('postgres',
	'GRANT EXECUTE ON FUNCTION replwatch_forget(text), replwatch_silence(text, interval) TO monitor'
);
is(as('monitor', $primary, "SELECT replwatch_silence('gone', '1 hour')"),
	't', 'a role that was granted it silences a replica');
is( as( 'monitor', $primary,
		"SELECT state FROM replwatch_alerts() WHERE subject = 'gone'"),
	'silenced',
	'its alert is silent');
is(as('monitor', $primary, "SELECT replwatch_forget('gone')"),
	't', 'a role that was granted it forgets a replica');
is( as( undef, $primary,
		"SELECT count(*) FROM replwatch_status() WHERE name = 'gone'"),
	0,
	'its row is gone');

done_testing();
