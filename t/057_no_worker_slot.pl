# Copyright (c) 2026, the replwatch authors

# Where max_worker_processes leaves no room for the sampling worker the server
# runs, replicates and says once what is missing; what can be seen without a
# history is seen, and when there is room later the worker comes.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $warning =
  qr/WARNING:  could not start the replwatch sampler: no free background worker slot/;

# Assert that a link with nothing missing is known to be so.
sub is_current
{
	my ($row, $what) = @_;

	is_deeply(
		[ @{$row}{qw(state lag_bytes lag lag_bound reason_code)} ],
		[ 'streaming', 0, '0.000000', 'exact', undef ], $what);
	return;
}

# On the primary there is no slot at all, nor on the standby that is promoted in
# the end; on the other one the one that there is has gone to somebody who gives
# it back when asked.
my $primary = Replwatch::primary(
	'primary',
	'max_worker_processes = 0',
	'replwatch.port = 8009',
	"replwatch.alert_command = 'true'");
my $has_prewarm = -e $primary->config_data('--pkglibdir') . '/pg_prewarm.so';
my $standby = Replwatch::standby(
	$primary,
	'standby',
	conf => [
		$has_prewarm
		? ( 'max_worker_processes = 1',
			"shared_preload_libraries = 'pg_prewarm, replwatch'",
			'max_logical_replication_workers = 0')
		: ()
	]);
my $promoted = Replwatch::standby($primary, 'promoted');
my ($row, $waiter, %told);

note '1. It is said once';

Replwatch::wait_until(
	$_,
	"SELECT worker_state = 'not running' AND worker_pid IS NULL FROM replwatch_node()",
	'it is known that no worker runs') foreach $primary, $standby;

# What it would start does not run either.
Replwatch::wait_until(
	$primary,
	"SELECT (port, port_state, command_runner_state) = (8009, 'not running', 'not running') FROM replwatch_node()",
	'it is known that neither does what it starts');

# Five seconds later another attempt is made, for whoever asks then: he is told
# the same; the log is not.
Replwatch::value($primary, 'SELECT pg_sleep(5.5)');
foreach my $node ($primary, $standby)
{
	my $client = Session->new($node);

	$told{ $node->name } = [
		map {
			Replwatch::value($client,
				'SELECT worker_state FROM replwatch_node()')
		} 1 .. 2
	];
}
is_deeply(
	\%told,
	{ map { $_ => [ ('not running') x 2 ] } qw(primary standby) },
	'replwatch_node() reports that no worker runs');
foreach my $node ($primary, $standby)
{
	my $log = slurp_file($node->logfile);
	my $what = $node->name;

	is(() = $log =~ /$warning/g, 1, "$what: the log says it once");
	like(
		$log,
		qr/HINT:  Consider increasing "max_worker_processes"/,
		"$what: and what to do");
	unlike($log, qr/replwatch sampler started/, "$what: none has started");
	is( $node->safe_psql(
			'postgres',
			'SELECT num_nonnulls(last_sample, history_start, wal_rate) FROM replwatch_node()'
		),
		0,
		"$what: nothing is recorded");
}

note '2. What is seen without it';

Replwatch::burst($primary);
Replwatch::wait_replayed($primary, $standby);
is_current(
	Replwatch::row_when_current($primary, 'standby'),
	'primary: a standby that lacks nothing');
is_current(
	Replwatch::row_when_current($standby, 'standby', 'upstream'),
	'standby: it lacks nothing');

Replwatch::pause_replay($primary, $standby);
Replwatch::burst($primary);
Replwatch::wait_until(
	$primary,
	"SELECT lag_bytes > 10000 AND sent_lsn > replay_lsn FROM replwatch_status() WHERE name = 'standby'",
	'the bytes that a standby lacks are seen');
$row = Replwatch::status($primary, 'standby');
is($row->{lag}, undef, 'primary: since when is not known');
isnt($row->{reason}, undef, 'primary: the reason is');
Replwatch::wait_until(
	$standby,
	"SELECT lag_bytes > 10000 FROM replwatch_status() WHERE link = 'upstream'",
	'the bytes that it lacks are seen by the standby');
$row = (Replwatch::statuses($standby, 'upstream'))[0];
is($row->{lag}, undef, 'standby: since when is not known');
is($row->{reason_code}, 'paused', 'standby: the reason is');

is( $primary->safe_psql(
		'postgres', q{
		SELECT (SELECT count(*) FROM replwatch_lag), (SELECT count(*) FROM replwatch_history()),
			replwatch_lsn_time(pg_current_wal_flush_lsn()), replwatch_time_lsn(clock_timestamp()),
			replwatch_forget('standby')}),
	'2|0|||f',
	'the other functions return nothing');

note '3. When there is room';

SKIP:
{
	skip 'pg_prewarm is not installed', 5 if !$has_prewarm;

	kill 'TERM',
	  Process::until_true('somebody has the slot',
		sub { Process::child($standby, 'autoprewarm leader') });
	Replwatch::wait_until(
		$standby,
		"SELECT worker_state = 'running' FROM replwatch_node()",
		'the worker has come');
	like(
		slurp_file($standby->logfile),
		qr/replwatch sampler started/,
		'the worker starts, and says so');

	# For what it would start there is none left.
	Replwatch::wait_until(
		$standby,
		"SELECT (port_state, command_runner_state) = ('no worker slot', 'no worker slot') FROM replwatch_node()",
		'it is known that there is no room for more');
	pass('there is no room for more');

	# It knows what was received, not since when.
	$row = Replwatch::row_when($standby, 'standby', 'upstream',
		'there is a lag', sub { defined $_[0]->{lag} });
	is($row->{lag_bound}, 'at least', 'the lag is known from below');
	cmp_ok($row->{lag}, '>', 0, 'and more than nothing');
}

$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
Replwatch::wait_replayed($primary, $standby);
is($standby->safe_psql('postgres', 'SELECT count(*) FROM burst'),
	200, 'all has been replicated');

note '4. Who waits at a promotion';

# It is the worker that tells them of it; without it they find out by a look.
Replwatch::wait_until(
	$promoted,
	"SELECT worker_state = 'not running' FROM replwatch_node()",
	'it is known that no worker runs');
$waiter = Session->new($promoted);
$waiter->ask("SELECT replwatch_wait_for_lsn('FFFFFFFF/0', '10 min')");
Replwatch::wait_until($promoted,
	'SELECT count(*) = 1 FROM replwatch_waiters()', 'somebody waits');
$promoted->promote;
like($waiter->answer->{message},
	qr/recovery ended before LSN/, 'it ends the wait');

done_testing();
