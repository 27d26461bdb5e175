# Copyright (c) 2026, the replwatch authors

# The port is there when the server is hardly: before consistency is reached,
# with hot_standby = off, in crash recovery, during promotion; it needs the
# sampling worker for samples alone, and comes back after a kill -9.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;
use Time::HiRes qw(time);

# The standby finds the WAL that it needs after each of its restarts.
my $primary = Replwatch::primary('primary',
	Port::conf('restart_after_crash = on', 'wal_keep_size = 64MB'));
my $standby =
  Replwatch::standby($primary, 'replica1', conf => [ Port::conf() ]);
my @port = map { Port::of($_) } $primary, $standby;
my ($answer, $sampler, $offset);

note '1. The sampling worker is stopped';

Port::status_when($port[$_], '/health', 200, 'it samples') foreach 0, 1;
my @samplers = map { Replwatch::stop_sampler($_) } $primary, $standby;
foreach my $i (0, 1)
{
	my $name = ($primary, $standby)[$i]->name;

	$answer =
	  Port::status_when($port[$i], '/health', 503, 'samples are too old');
	like(
		$answer->{json}->{reason},
		qr/^no sample for \d+ s$/,
		"$name: it says so");
	is(Port::status($port[$i], '/liveness'), 200, "$name: liveness");
	is(Port::status($port[$i], '/readiness'), 200, "$name: readiness");
	is( Port::status($port[$i], '/primary'),
		$i == 0 ? 200 : 503,
		"$name: primary");
	is( Port::status($port[$i], '/read-only'),
		$i == 0 ? 200 : 503,
		"$name: read-only");
	is( Port::agent($port[$i], 'primary') =~ /^up/ ? 1 : 0,
		$i == 0                                    ? 1 : 0,
		"$name: the agent for primary");
	is(Port::status($port[$i], '/metrics'), 200, "$name: metrics");

	if ($i == 1)
	{
		$answer = Port::ask($port[1], '/replica');
		is($answer->{status}, 503, "$name: no replica");
		like(
			$answer->{json}->{reason},
			qr/^no sample for \d+ s$/,
			"$name: because of that");
		is($answer->{json}->{lag}, undef, "$name: no lag is made up");
		is(Port::status($port[1], '/readiness?lag=1h'),
			503, "$name: readiness within a limit");
		like(
			Port::agent($port[1], 'replica'),
			qr/^down #no sample for \d+ s$/,
			"$name: the agent for replica");
	}
}
kill 'CONT', @samplers;
foreach my $i (0, 1)
{
	Port::status_when($port[$i], '/health', 200, 'samples are fresh again');
	pass(($primary, $standby)[$i]->name . ': all is well again');
}
Port::status_when($port[1], '/replica', 200, 'the standby is a replica');

note '2. hot_standby = off';

$standby->append_conf('postgresql.conf', "hot_standby = off\n");
$standby->restart;
Port::status_when($port[1], '/health', 200, 'it samples');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'",
	'it streams');
foreach my $page (qw(replica read-only readiness))
{
	$answer = Port::ask($port[1], "/$page");
	is($answer->{status}, 503, "closed: /$page");
	is( $answer->{json}->{reason},
		'not accepting connections',
		"closed: why not /$page");
}
is(Port::status($port[1], '/liveness'), 200, 'closed: /liveness');
is(Port::status($port[1], '/primary'), 503, 'closed: /primary');
is( Port::agent($port[1], 'replica'),
	'down #not accepting connections',
	'closed: the agent');
is(Port::status($port[1], '/metrics'), 200, 'closed: /metrics');
$answer = Port::answer_when(
	$port[1],
	'/metrics',
	'the metrics show the link',
	sub {
		$_[0]->{body} =~
		  /^replwatch_link_state\{link="upstream",.*state="streaming"\} 1$/m;
	});
is($answer->{status}, 200, 'closed: the metrics show the link');
is(Port::status($port[1], '/status'), 200, 'closed: /status');

note '3. Before consistency is reached';

# A base backup that is not complete, for the WAL that it needs is missing.
$standby->stop;
$primary->backup('early');
my $early = PostgreSQL::Test::Cluster->new('early');
$early->init_from_backup($primary, 'early', has_streaming => 1);
$early->append_conf('postgresql.conf',
	join("\n", Port::conf("primary_conninfo = 'host=/nonexistent'")) . "\n");
unlink glob($early->data_dir . '/pg_wal/0*');
command_ok(
	[
		'pg_ctl', '-W', '-D', $early->data_dir, '-l', $early->logfile,
		'start'
	],
	'a standby without WAL starts');
my $early_port = Port::of($early);
Port::status_when($early_port, '/liveness', 200, 'the server is alive');
pass('early: /liveness');
is(Port::status($early_port, $_), 503, "early: $_")
  foreach qw(/ /primary /replica /read-only /readiness /replica?lag=1GB);
like(Port::agent($early_port, $_), qr/^down #/, "early: the agent for $_")
  foreach qw(primary replica);
is(Port::status($early_port, $_), 200, "early: $_")
  foreach qw(/metrics /status);
command_ok([ 'pg_ctl', '-m', 'fast', '-D', $early->data_dir, 'stop' ],
	'the standby without WAL is stopped');

note '4. Promotion';

$standby->append_conf('postgresql.conf', "hot_standby = on\n");
$standby->start;
Port::status_when($port[1], '/replica', 200, 'it is a replica');

# Ask all the time: each answer is yes to one of both.
my @answers;
my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
$standby->safe_psql('postgres', 'SELECT pg_promote(false)');
while (time() < $limit)
{
	my $replica = Port::sampled($port[1], '/replica')->{status};
	my $is_primary = Port::status($port[1], '/primary');

	push @answers, "$replica $is_primary";
	last if $is_primary == 200;
}
like($answers[-1], qr/ 200$/, 'after the promotion it is the primary');
is((grep { !/^(200 503|503 200|200 200)$/ } @answers),
	0, 'until then it answers as a replica')
  or diag(join ', ', @answers);
is(Port::status($port[1], '/replica'), 503, 'it is no replica any more');
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
  or die 'the server does not agree';
is(Port::status($port[1], '/primary'), 200, 'the server agrees');
Port::status_when($port[1], '/readiness', 200, 'it is ready');
$standby->stop;

note '5. The port is killed, and starts again with the server';

my $pid = Process::child($primary, 'replwatch port');
$offset = -s $primary->logfile;
kill 'KILL', $pid;
$primary->wait_for_log(qr/all server processes terminated; reinitializing/,
	$offset);
$primary->wait_for_log(qr/replwatch listens on address/, $offset);
Port::status_when($port[0], '/primary', 200, 'it is the primary again');
isnt(Process::child($primary, 'replwatch port'), $pid,
	'a new process answers');
Port::status_when($port[0], '/health', 200, 'it samples');
$primary->poll_query_until('postgres', 'SELECT true')
  or die 'the server does not come back';
Port::status_when($port[0], '/read-only', 200, 'it accepts connections');
my $log = slurp_file($primary->logfile, $offset);
is(() = $log =~ /replwatch listens on address/g, 1, 'it was started once');

note '6. Terminated, it comes back by itself';

$pid = Process::child($primary, 'replwatch port');
$offset = -s $primary->logfile;
kill 'TERM', $pid;
$primary->wait_for_log(qr/replwatch listens on address/, $offset);
is(Port::status($port[0], '/primary'), 200, 'it answers again');
unlike(
	slurp_file($primary->logfile, $offset),
	qr/all server processes terminated/,
	'nobody else noticed');

# So does the sampling worker, which finds the port there.
$sampler = Process::child($primary, 'replwatch sampler');
$pid = Process::child($primary, 'replwatch port');
$offset = -s $primary->logfile;
kill 'TERM', $sampler;
$primary->wait_for_log(qr/replwatch sampler started/, $offset);
Port::status_when($port[0], '/health', 200, 'it samples');
is(Process::child($primary, 'replwatch port'), $pid, 'the port did not go');

note '7. In crash recovery';

$primary->safe_psql('postgres',
	"CREATE TABLE big AS SELECT repeat('x', 1000) AS t FROM generate_series(1, 20000)"
);
$primary->stop('immediate');
command_ok(
	[
		'pg_ctl', '-W', '-D', $primary->data_dir,
		'-l', $primary->logfile, 'start'
	],
	'a crashed primary starts');
my %seen;
$limit = time() + $PostgreSQL::Test::Utils::timeout_default;

while (time() < $limit)
{
	my $answer = eval { Port::ask($port[0], '/primary') };

	next if !$answer;
	$seen{ join ' ', $answer->{status},
		$answer->{json}->{role} // 'no role' }++;
	last if $answer->{status} == 200;
}
# Recovered, it takes connections a moment later.
is( join(', ', grep { !/^(503 no role|503 primary|200 primary)$/ } keys %seen),
	'', 'it says no without a role, then yes');
is($seen{'200 primary'}, 1, 'it is the primary');

$primary->poll_query_until('postgres', 'SELECT true')
  or die 'the server does not start';
system('pg_ctl', '-D', $primary->data_dir, '-m', 'immediate', 'stop');
ok(slurp_file($_->logfile) !~ /PANIC|TRAP/, $_->name . ': nothing broke')
  foreach $primary, $standby, $early;

done_testing();
