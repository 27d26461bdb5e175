# Copyright (c) 2026, the replwatch authors

# In single-user mode there is no worker, and the functions say what can be
# seen without one.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = Replwatch::primary('primary');
my ($stdout, $stderr, $start, $end, $its_start);

$node->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('unused', true)");
Replwatch::burst($node);
Replwatch::wait_sampled($node);
$start = Replwatch::value($node,
	'SELECT extract(epoch FROM history_start) FROM replwatch_node()');
$end = Replwatch::now($node);
$node->stop;

note '1. One query after the other';

# A line is a query, and each value of its result has a line of its own.
my $queries = join "\n",
  'SELECT role, worker_state, num_nonnulls(worker_pid, last_sample, history_start) AS known FROM replwatch_node()',
  'SELECT port, port_state, command_runner_state FROM replwatch_node()',
  'SELECT name, state, lag_bytes > 10000 AS behind, lag IS NULL AS unknown FROM replwatch_status()',
  'SELECT name AS lag_name, trend IS NULL AS no_trend FROM replwatch_lag',
  'SELECT slot_name, wal_status FROM replwatch_slots',
  'SELECT replwatch_lsn_time(pg_current_wal_flush_lsn()) IS NULL AS no_time',
  'SELECT replwatch_time_lsn(clock_timestamp()) IS NULL AS no_lsn',
  'SELECT count(*) AS points FROM replwatch_history()',
  "SELECT replwatch_forget('nobody') AS forgotten", '';
run_log(
	[
		$node->installed_command('postgres'),
		'--single', '-D', $node->data_dir,
		'-c', 'replwatch.port=8009',
		'-c', 'replwatch.alert_command=true',
		'postgres'
	],
	'<',
	\$queries,
	'>',
	\$stdout,
	'2>',
	\$stderr);
my @values = $stdout =~ /\d: (\w+ = "[^"]*")/g;
is_deeply(
	\@values,
	[
		'role = "primary"',
		'worker_state = "not running"',
		'known = "0"',
		'port = "8009"',
		'port_state = "not running"',
		'command_runner_state = "not running"',
		'name = "unused"',
		'state = "inactive"',
		'behind = "t"',
		'unknown = "t"',
		'lag_name = "unused"',
		'no_trend = "t"',
		'slot_name = "unused"',
		'wal_status = "reserved"',
		'no_time = "t"',
		'no_lsn = "t"',
		'points = "0"',
		'forgotten = "f"'
	],
	'the functions answer');
unlike("$stdout$stderr", qr/ERROR|WARNING|sampler/,
	'and there is nothing to complain about');

note '2. The server as before';

$node->start;
Replwatch::wait_sampled($node);
$its_start = Replwatch::value($node,
	'SELECT extract(epoch FROM history_start) FROM replwatch_node()');
cmp_ok($its_start, '<', $end, 'its history goes on');
Replwatch::is_between($its_start, $start, $start, 'it begins where it did');

done_testing();
