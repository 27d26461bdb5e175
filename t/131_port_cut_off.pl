# Copyright (c) 2026, the replwatch authors

# When the primary dies, reads do not die with it: standbys that are cut off go
# on to be replicas, say so, and are refused only to those who give a limit in
# time, or for how long they may be cut off.  One that starts then is none.  And the
# agent check under lag: weights, drained, and back.

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;
use Time::HiRes qw(time sleep);

# For how long the primary is gone at least, in seconds; the standbys are waited
# for until they may be 5 s behind.
my $outage = $ENV{REPLWATCH_SOAK} ? 60 : 0;

my $primary = Replwatch::primary('primary', 'wal_keep_size = 512MB');
my @conf =
  Port::conf('replwatch.route_hold = 1s', 'replwatch.route_lag = 2s');
my $standby1 = Replwatch::standby($primary, 'replica1', conf => [@conf]);
my $standby2 = Replwatch::standby($primary, 'replica2',
	conf =>
	  [ Port::conf('replwatch.route_hold = 1s', 'replwatch.route_lag = 2s') ]
);
my @port = map { Port::of($_) } $standby1, $standby2;
my ($answer, $begin);

note '1. The agent check, with replay paused';

Port::agent_when(
	$port[0], 'replica',
	'full weight without lag',
	qr/^up ready 100%$/);
Replwatch::pause_replay($primary, $standby1);
Replwatch::burst($primary);
$answer = Port::answer_when(
	$port[0], '/replica',
	'bytes are missing',
	sub { $_[0]->{json}->{lag_bytes} > 10000 });
like(
	Port::agent_when(
		$port[0], 'replica lag=' . 2 * $answer->{json}->{lag_bytes},
		'it gets a part', qr/^up ready (5[5-9]|6[0-5])%$/),
	qr/^up ready (5[5-9]|6[0-5])%$/,
	'at half the limit the weight is 60 %');
is(Port::agent_when($port[0], 'replica', 'it is drained', qr/^drain$/),
	'drain', 'beyond the limit it is drained');
is(Port::sampled_agent($port[0], 'replica lag=2s floor=1'),
	'up ready 1%', 'with floor=1 it gets the least weight');
is( Port::agent_when(
		$port[0], 'replica lag=1GB',
		'full weight without lag', qr/^up ready 100%$/),
	'up ready 100%',
	'another limit gives another answer');
is( Port::agent_when(
		$port[1], 'replica',
		'the other one gets all reads', qr/^up ready 100%$/),
	'up ready 100%',
	'the other standby gets full weight');

Replwatch::value($standby1, 'SELECT pg_wal_replay_resume()');
Replwatch::wait_replayed($primary, $standby1);
$answer =
  Port::status_when($port[0], '/replica?lag=1s', 200, 'it has caught up');

# The time begins when the agent is asked first.
$begin = time();
is(Port::sampled_agent($port[0], 'replica'), 'drain', 'it stays drained at first');
Port::agent_when($port[0], 'replica', 'it is back', qr/^up ready 100%$/);
cmp_ok(time() - $begin, '>', 0.9, 'it stays drained for route_hold');

note '2. The receiver is stopped';

# A standby that may not connect any more, but for what it has.
Replwatch::set($standby1, "primary_conninfo = ''");
$answer = Port::answer_when(
	$port[0], '/replica',
	'the standby is cut off',
	sub { $_[0]->{json}->{cut_off} });
is($answer->{status}, 200, 'a standby that is cut off is still a replica');
like(
	$answer->{json}->{staleness},
	qr/^at most [\d.]+ m?s$|^not known$/,
	'it reports how stale it may be');
is(Port::sampled_agent($port[0], 'replica'), 'up ready 1%',
	'the agent puts it behind all others');
is(Port::sampled($port[1], '/replica?lag=1min')->{status},
	200, 'the other standby is not cut off');
Replwatch::connect_to($standby1, $primary, 'replica1');
$standby1->reload;
Port::agent_when(
	$port[0], 'replica',
	'the standby is connected again',
	qr/^up ready 100%$/);

note '3. The primary is gone';

# What it has sent ends in the middle of a record: a commit that is not waited
# for is first written up to where its last page begins.  The process that would
# write the rest ten seconds later is stopped before it does.
Replwatch::set(
	$primary,
	'wal_writer_delay = 10s',
	'wal_writer_flush_after = 0');
my $walwriter = Replwatch::process($primary, 'walwriter');
my ($half, $emitted, $part);

for my $try (1 .. 10)
{
	my $before = Replwatch::flushed($primary);

	kill 'CONT', $walwriter;
	$emitted = time();
	Replwatch::rows($primary,
		"SET synchronous_commit = off; SELECT pg_logical_emit_message(true, 'half', repeat('x', 50000))"
	);
	Replwatch::wait_until($primary,
		"SELECT pg_current_wal_flush_lsn() > '$before'",
		'part of the record is written');
	Process::stop($walwriter);
	$half = Replwatch::flushed($primary);
	$part = Replwatch::value($primary,
		"SELECT pg_current_wal_insert_lsn() > '$half'") eq 't';
	last if $part;
}
ok($part, 'a record is written in part');
Replwatch::wait_until(
	$_,
	"SELECT pg_last_wal_receive_lsn() = '$half' AND pg_last_wal_replay_lsn() < '$half'",
	$_->name . ' has received that part') foreach $standby1, $standby2;

my $postmaster = Process::postmaster($primary);
my @processes = Process::children($postmaster);
$primary->kill9;
kill 'KILL', $walwriter;
Process::until_true('the primary is gone',
	sub { !kill(0, $postmaster) && !grep { Process::runs($_) } @processes });
my $gone = time();

foreach my $i (0, 1)
{
	my $name = 'replica' . ($i + 1);

	$answer = Port::answer_when(
		$port[$i],
		'/replica?lag=5s',
		"$name may be 5 s behind",
		sub {
			($_[0]->{json}->{reason} // '') =~
			  /^lag may be up to [\d.]+ s, more than/;
		});
	is($answer->{status}, 503, "$name: it may be 5 s behind");
	cmp_ok($answer->{json}->{lag}, '>=', 5, "$name: not at once");
}
sleep(0.5) while time() < $gone + $outage;
foreach my $i (0, 1)
{
	my $name = 'replica' . ($i + 1);

	$begin = time();
	$answer = Port::sampled($port[$i], '/replica');
	is($answer->{status}, 200, "$name: without a limit it is a replica");
	is($answer->{json}->{cut_off}, JSON::PP::true, "$name: and cut off");
	like(
		$answer->{json}->{staleness},
		qr/^at most \d+(\.\d)? s$/,
		"$name: it reports how stale it may be");
	Replwatch::is_between(
		$answer->{json}->{lag},
		$begin - $gone,
		time() - $emitted,
		"$name: which is the length of the silence");
	is(Port::sampled($port[$i], '/replica?lag=5s')->{status},
		503, "$name: a limit in time is strict");
	is(Port::sampled($port[$i], '/replica?lag=5s&cut_off=serve')->{status},
		200, "$name: unless it is lifted");
	is(Port::sampled($port[$i], '/replica?lag=5s&cut_off=1h')->{status},
		200, "$name: or it may be cut off for an hour");
	$answer = Port::sampled($port[$i], '/replica?cut_off=4s');
	is($answer->{status}, 503, "$name: not if it may be for 4 s");
	like(
		$answer->{json}->{reason},
		qr/^cut off from the upstream server for [\d.]+ s, more than 4\.0 s$/,
		"$name: it says for how long it has been");
	is(Port::sampled($port[$i], '/read-only?cut_off=0s')->{status},
		503, "$name: nor if it must not be");
	is(Port::sampled_agent($port[$i], 'replica lag=5s cut_off=1h'),
		'up ready 1%', "$name: the same for the agent");
	like(
		Port::sampled_agent($port[$i], 'replica lag=5s cut_off=4s'),
		qr/^down #cut off from the upstream server for [\d.]+ s, more than 4\.0 s$/,
		"$name: which says so, too");
	is(Port::sampled($port[$i], '/replica?lag=1MB')->{status},
		200, "$name: in bytes, nothing is known to be missing");
	is(Port::sampled($port[$i], '/replica?lag=0')->{status},
		200, "$name: part of a record is nothing that it could replay");
	is(Port::sampled($port[$i], '/read-only')->{status}, 200, "$name: read-only");
	is(Port::status($port[$i], '/readiness'), 200, "$name: readiness");
	is(Port::status($port[$i], '/primary'), 503, "$name: it is no primary");
	is(Port::sampled_agent($port[$i], 'replica'),
		'up ready 1%', "$name: the agent");
	is(Port::sampled_agent($port[$i], 'replica lag=1MB'),
		'up ready 1%', "$name: with a limit in bytes");
}

note '4. A standby that finds WAL in the archive';

# It comes slowly until the test has seen enough.  What it replays is old,
# whatever is out of reach: it is never within a limit of a millisecond.
my $old = PostgreSQL::Test::Cluster->new('old');
my $archive = PostgreSQL::Test::Utils::tempdir();
$old->init_from_backup($primary, 'backup_replica1', has_streaming => 1);
$old->append_conf(
	'postgresql.conf',
	join("\n",
		Port::conf(
			'replwatch.route_lag = 1ms',
			'replwatch.route_hold = 0',
			"primary_conninfo = 'host=/nonexistent'",
			'wal_retrieve_retry_interval = 200ms',
			"restore_command = 'test -e $archive/seen || sleep 2; cp $archive/%f %p'"
		))
	  . "\n");
$primary->start;
my ($early, $end);
for (1 .. 10)
{
	$early = $end;
	$end = $primary->safe_psql('postgres',
		"INSERT INTO burst VALUES ('x'); SELECT pg_current_wal_insert_lsn(); SELECT pg_switch_wal()"
	);
	($end) = $end =~ /^(\S+)/;
}
my $last = $primary->safe_psql('postgres', "SELECT pg_walfile_name('$end')");
$primary->stop;
PostgreSQL::Test::Utils::system_or_bail('cp',
	grep { !/$last/ } glob($primary->data_dir . '/pg_wal/0*'), $archive);
$old->start;
my $old_port = Port::of($old);
is( Port::status_when($old_port, '/replica', 503, 'it replays')->{status},
	503, 'no replica while it replays from the archive');
append_to_file("$archive/seen", '');

# That the archive has no more proves nothing: it may be out of reach as well.
Replwatch::wait_until($old, "SELECT pg_last_wal_replay_lsn() >= '$early'",
	'it has replayed everything in the archive');
my $offset = -s $old->logfile;
$old->wait_for_log(qr/could not connect to the primary server/, $offset);
my $now = $old->safe_psql('postgres', 'SELECT clock_timestamp()');
Replwatch::wait_until($old,
	"SELECT last_sample > '$now' FROM replwatch_node()",
	'the worker has seen that there is no more');
$answer = Port::sampled($old_port, '/replica?lag=1GB&cut_off=serve');
is($answer->{status}, 503, 'it is no replica');
is( $answer->{json}->{reason},
	'this server has not caught up since it started',
	'because it may be of any age');
is( Port::sampled_agent($old_port, 'replica floor=1'),
	'down #this server has not caught up since it started',
	'nor by the agent');
is(Port::status($old_port, '/readiness'), 200, 'it can be used, though');

# More of it shows that it is not.
PostgreSQL::Test::Utils::system_or_bail('cp',
	$primary->data_dir . "/pg_wal/$last", "$archive/new");
rename "$archive/new", "$archive/$last" or die "could not rename: $!";
Replwatch::wait_until($old, "SELECT pg_last_wal_replay_lsn() >= '$end'",
	'it goes on');
$answer = Port::answer_when(
	$old_port, '/replica',
	'the standby is cut off',
	sub { $_[0]->{status} == 200 && $_[0]->{json}->{cut_off} });
Port::agent_when($old_port, 'replica', 'it is back', qr/^up ready 1%$/);
pass('it is then cut off like the others');
$old->stop;

note '5. A standby starts while its primary is gone';

$standby1->restart;
$answer = Port::answer_when(
	$port[0], '/replica',
	'samples are taken',
	sub { ($_[0]->{json}->{reason} // '') !~ /^no sample/ });
is($answer->{status}, 503, 'it is no replica, for its data may be of any age');
is( $answer->{json}->{reason},
	'this server has not caught up since it started',
	'and says why');
is(Port::status($port[0], "$_?lag=10MB&cut_off=serve"), 503, "nor is it for $_")
  foreach qw(/replica /read-only);
my $sampler = Process::child($standby1, 'replwatch sampler');
$offset = -s $standby1->logfile;
kill 'TERM', $sampler;
$standby1->wait_for_log(qr/replwatch sampler started/, $offset);
is(Port::sampled($port[0], '/replica')->{status}, 503, 'nor for another sampler');
$primary->start;
Port::status_when($port[0], '/replica', 200, 'it is in step');
pass('it is a replica once it has caught up');
$offset = -s $standby1->logfile;
kill 'TERM', Process::child($standby1, 'replwatch sampler');
$standby1->wait_for_log(qr/replwatch sampler started/, $offset);
is(Port::sampled($port[0], '/replica')->{status}, 200, 'a new sampler knows that');
$primary->stop;
Port::status_when($port[0], '/replica?cut_off=0', 503, 'it is cut off');
is(Port::sampled($port[0], '/replica')->{status}, 200, 'and goes on to be one');

# What a delayed standby has not replayed shows how old its data are.
$primary->start;
Port::status_when($port[0], '/replica?cut_off=0', 200, 'it streams');
Replwatch::set($standby1, "recovery_min_apply_delay = '1h'");
$primary->safe_psql('postgres', "INSERT INTO burst VALUES ('x')");
my $inserted = Replwatch::flushed($primary);
Replwatch::wait_until($standby1,
	"SELECT pg_last_wal_receive_lsn() >= '$inserted' AND pg_last_wal_replay_lsn() < '$inserted'",
	'it has received what it does not replay');
$primary->stop;
$standby1->restart;
Port::status_when($port[0], '/replica', 200, 'it waits for nothing else');
pass('one that is delayed on purpose is a replica from its start');

note '6. A standby is promoted';

$standby2->promote;
is($standby2->safe_psql('postgres', 'SELECT pg_is_in_recovery()'),
	'f', 'the standby is promoted');
is(Port::status($port[1], '/primary'), 200, 'the first answer after it is that of a primary');
is(Port::status($port[1], '/replica'), 503, 'it is no replica any more');
is(Port::status($port[1], '/read-only?lag=1s'), 200, 'it has no lag');
like(Port::agent($port[1], 'replica'), qr/^down #/, 'the agent takes it out of the replicas');
is(Port::agent($port[1], 'primary'), 'up ready 100%', 'the agent makes it the primary');

done_testing();

