# Copyright (c) 2026, the replwatch authors

# A standby with hot_standby = off takes no connections, so nobody can ask it
# for anything; its worker runs all the same, and writes down what it sees, so
# that its history has no hole when it is opened or promoted.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use StateFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary('primary', 'replwatch.known_after = 0');
my $standby =
  Replwatch::standby($primary, 'closed', conf => ['hot_standby = off']);
my $file = StateFile::history_path($standby);
my ($row, $before, $lsn);

note "1. The primary's view";

$row = Replwatch::status($primary, 'closed');
is($row->{state}, 'streaming', 'the standby streams');
$before = Replwatch::now($primary);
Replwatch::burst($primary);
$lsn = Replwatch::flushed($primary);
Replwatch::wait_until(
	$primary,
	"SELECT lag = '0' AND lag_bound = 'exact' FROM replwatch_status() WHERE name = 'closed'",
	'the standby has caught up');

note '2. Its worker';

$standby->wait_for_log(qr/replwatch sampler started/);
pass('its worker runs');

# It takes a sample at least each quarter of a second, and one at its end.
unlink $file;
$standby->stop;
ok(-s $file, 'its history is saved at shutdown');
ok(-s StateFile::path($standby), 'so is its state');
unlike(
	slurp_file($standby->logfile),
	qr/WARNING|could not .*replwatch/,
	'it logs no complaint');

note '3. The primary misses it';

Replwatch::wait_until(
	$primary,
	"SELECT state = 'missing' FROM replwatch_status() WHERE name = 'closed'",
	'the standby is missing');
Replwatch::burst($primary);
$row = Replwatch::status($primary, 'closed');
cmp_ok($row->{lag_bytes}, '>', 10000, 'its lag in bytes is known');

note '4. What it has seen while it was closed';

$standby->append_conf('postgresql.conf', "hot_standby = on\n");
$standby->start;
Replwatch::wait_replayed($primary, $standby);
is( $standby->safe_psql(
		'postgres', qq{
		SELECT history_start < pg_postmaster_start_time(),
			replwatch_lsn_time('$lsn') < pg_postmaster_start_time(),
			replwatch_lsn_time('$lsn') > to_timestamp($before) - interval '30 s'
		FROM replwatch_node()}),
	't|t|t',
	'the history has the times of WAL received meanwhile');
Replwatch::wait_until(
	$standby,
	"SELECT state = 'streaming' AND lag = '0' FROM replwatch_status()",
	'the standby has caught up');
Replwatch::row_when($primary, 'closed', undef, 'the standby is back',
	sub { $_[0]->{state} eq 'streaming' });
pass('it is the same replica as before');
is( $primary->safe_psql(
		'postgres', 'SELECT count(*) FROM replwatch_status()'),
	1,
	'it is the only replica');

done_testing();
