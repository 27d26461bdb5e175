# Copyright (c) 2026, the replwatch authors

# replwatch_cluster() without a line: a server knows itself and the replicas that
# it sees, of these only what it sees, and nothing of what is below or above.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Rows of the servers, these columns, a line each.
sub servers
{
	my ($node, $columns, $database) = @_;

	return $node->safe_psql($database // 'postgres',
		"SELECT $columns FROM replwatch_cluster()");
}

# Wait until a server has one row, for which this holds.
sub wait_for_server
{
	my ($node, $name, $condition, $what) = @_;

	Replwatch::wait_until(
		$node,
		"SELECT count(*) = 1 AND bool_and($condition) FROM replwatch_cluster() WHERE node = '$name'",
		$what);
	return;
}

my $primary = Replwatch::primary(
	'primary',
	"listen_addresses = '127.0.0.1'",
	'replwatch.known_after = 0');
$primary->safe_psql(
	'postgres', q{
	CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'latin1' LOCALE 'C';
});
$primary->safe_psql('latin1', 'CREATE EXTENSION replwatch');
my $near = Replwatch::standby($primary, 'near');
my $below = Replwatch::standby($near, 'below');
my $far = Replwatch::standby($primary, 'far', start => 0);
$far->append_conf('postgresql.conf',
	    "primary_conninfo = 'host=127.0.0.1 port="
	  . $primary->port
	  . " application_name=far'\n");
$far->start;

# Which server is seen where.
wait_for_server($primary, $_, "state = 'streaming' AND lag = '0'",
	"the primary sees $_")
  foreach qw(near far);
wait_for_server($near, 'below', "state = 'streaming' AND lag = '0'",
	'near sees below');
wait_for_server($_, $_->name, 'staleness IS NOT NULL', $_->name . ' is judged')
  foreach $near, $far, $below;

note '1. What is known';

my $tree = 'node, upstream, depth, role, host, state';
is( servers($primary, $tree),
	join("\n",
		'primary||0|primary||',
		'far|primary|1|standby|127.0.0.1|streaming',
		'near|primary|1|standby||streaming'),
	'a primary knows itself and its replicas, by name');
is( servers($near, $tree),
	"near||0|cascade||\nbelow|near|1|standby||streaming",
	'a standby with replicas likewise, and not what it is a replica of');
is(servers($below, $tree), 'below||0|standby||', 'one without knows itself');

my $own =
  "staleness IS NOT NULL, timeline, version = (SELECT version FROM replwatch_node()), now() - reported_at < '1 h', alerts, port, lag IS NOT NULL";
is( servers($primary, $own),
	"t|1|t|t|0||f\nf||||||t\nf||||||t",
	'what a server says of itself is known only of this one');
is(servers($below, $own), 't|1|t|t|0||f', 'and what is seen of it, elsewhere');
is( servers(
		$primary,
		"replay_lsn <= pg_current_wal_lsn(), replay_lsn > '0/0', health, reason_code"
	),
	join("\n", 't|t|ok|', 't|t|ok|', 't|t|ok|'),
	'the rest is known of all');

is( $_->safe_psql('postgres', 'SELECT line_state FROM replwatch_node()'),
	'off', $_->name . ' has no line')
  foreach $primary, $near, $below;
is( $primary->safe_psql(
		'postgres', 'SELECT staleness, staleness_of FROM replwatch_node()'),
	'00:00:00|primary',
	'a primary is never stale');
is( $near->safe_psql(
		'postgres',
		"SELECT staleness >= '0' AND staleness < '1 h', staleness_of FROM replwatch_node()"
	),
	't|upstream',
	'a standby is as stale as its upstream server lets it know');
is( $primary->safe_psql(
		'postgres', 'SELECT count(reported_at) FROM replwatch_status()'),
	0,
	'no replica has reported');

note '2. Why a replica is late';

Replwatch::pause_replay($primary, $far);
Replwatch::burst($primary);
wait_for_server(
	$primary, 'far',
	"reason_code = 'replay_stuck' AND reason <> '' AND lag > '1 s'",
	'the primary sees that far is late');
wait_for_server($far, 'far',
	"reason_code = 'paused' AND reason <> '' AND lag IS NULL AND staleness > '1 s'",
	'far knows why');
pass('each says what it can see');
my $lag = Replwatch::status($far, 'far', 'upstream')->{lag};
cmp_ok(
	Replwatch::value(
		$far, 'SELECT extract(epoch FROM staleness) FROM replwatch_node()'),
	'>=', $lag, 'far is as stale as it is late');

note '3. A replica that goes';

$far->stop;
wait_for_server($primary, 'far',
	"state = 'missing' AND reason_code = 'gone' AND depth = 1 AND upstream = 'primary'",
	'far is gone');
pass('it stays in the tree');
Replwatch::value($primary, "SELECT replwatch_forget('far')");
Replwatch::wait_sampled($primary);
is(servers($primary, 'node'), "primary\nnear", 'until it is forgotten');

note '4. Words that not every encoding has';

Replwatch::set_upstream($near,
	$primary->connstr . " application_name=near user=\xc3\xa9");
Session->new($primary)->query(
	"SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = 'near'"
);
wait_for_server($near, 'near', "reason_code = 'refused'",
	'the primary refuses near');
like(
	servers($near, 'reason'),
	qr/role "\xc3\xa9" does not exist/,
	'what is UTF-8 is shown in UTF-8');
like(
	servers($near, 'reason', 'latin1'),
	qr/role "\?\?" does not exist/,
	'and in another encoding as far as it is ASCII');
like(
	$near->safe_psql('latin1',
		"SELECT reason FROM replwatch_status() WHERE link = 'upstream'"),
	qr/role "\?\?" does not exist/,
	'in replwatch_status(), too');

done_testing();
