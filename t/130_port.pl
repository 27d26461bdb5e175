# Copyright (c) 2026, the replwatch authors

# Health checks on the port: every page on a primary, a standby and a standby of
# that standby, the limits that can be asked for, and what is refused.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Port;
use Process;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary('primary', Port::conf());
my $standby =
  Replwatch::standby($primary, 'replica1', conf => [ Port::conf() ]);
my $cascade =
  Replwatch::standby($standby, 'replica2', conf => [ Port::conf() ]);
my %port =
  map { $_->name => Port::of($_) } ($primary, $standby, $cascade);
my $answer;

# A status for each of the three, asked in one go.
sub statuses
{
	my ($target) = @_;

	return join ' ',
	  map { Port::sampled($port{$_}, $target)->{status} } qw(primary replica1 replica2);
}

# An answer with a reason like that, waited for.
sub refused_when
{
	my ($name, $target, $what, $reason) = @_;

	return Port::answer_when($port{$name}, $target, $what,
		sub { ($_[0]->{json}->{reason} // '') =~ $reason });
}

note '1. Every page on every server';

Port::status_when($port{$_}, '/replica?lag=10MB&lag=1h', 200, "$_ is fit")
  foreach qw(replica1 replica2);
is(statuses('/'), '200 503 503', '/ is the primary');
is(statuses('/primary'), '200 503 503', '/primary');
is(statuses('/read-write'), '200 503 503', '/read-write');
is(statuses('/replica'), '503 200 200', '/replica');
is(statuses('/read-only'), '200 200 200', '/read-only');
is(statuses('/liveness'), '200 200 200', '/liveness');
is(statuses('/readiness'), '200 200 200', '/readiness');
is(statuses('/health'), '200 200 200', '/health');
is(statuses('/metrics'), '200 200 200', '/metrics');
is(statuses('/status'), '200 200 200', '/status');
is(statuses('/cluster'), '200 200 200', '/cluster');

foreach my $name (qw(primary replica1 replica2))
{
	my %role = (
		primary => 'primary',
		replica1 => 'cascade',
		replica2 => 'standby');

	Port::answer_when(
		$port{$name}, '/liveness',
		"$name has its role",
		sub { ($_[0]->{json}->{role} // '') eq $role{$name} });
}
pass('each server reports its role');

$answer = Port::answer_when(
	$port{replica1}, '/replica',
	'the standby is connected',
	sub { $_[0]->{status} == 200 && !$_[0]->{json}->{cut_off} });
is_deeply(
	[ sort keys %{ $answer->{json} } ],
	[ sort qw(ok check role lag lag_bound lag_bytes cut_off) ],
	'a standby reports its lag');
is($answer->{headers}->{'content-type'}, 'application/json', 'in JSON');
is($answer->{headers}->{connection}, 'close', 'the connection is closed');
is( $answer->{headers}->{'content-length'},
	length($answer->{body}),
	'with the length of the body');
$answer = Port::ask($port{primary}, '/replica');
is( $answer->{json}->{reason},
	'this server is a primary',
	'a refusal has its reason');

note '2. Methods, and what is refused';

# What is refused, and with which answer, is for unit/port/test_request.c and
# unit/port/test_answer.c: here is one of each kind.
is(Port::ask($port{primary}, '/', method => 'OPTIONS')->{status},
	200, "OPTIONS, which is HAProxy's own");
is(Port::ask($port{replica1}, '/', method => 'OPTIONS')->{status},
	503, 'OPTIONS of a refused check');
$answer = Port::ask($port{primary}, '/metrics', method => 'HEAD');
ok($answer->{status} == 200 && $answer->{body} eq '',
	'HEAD of a page has no body');
cmp_ok($answer->{headers}->{'content-length'},
	'>', 0, 'but has the length of the body');
is(Port::ask($port{primary}, '/', method => 'POST')->{status},
	405, 'POST is refused');
is(statuses('/nothing'), '404 404 404', 'an unknown page is not found');
is(statuses('/replica?lagg=5s'),
	'400 400 400', 'an unknown parameter is refused');
is(Port::ask($port{primary}, '/replica?x')->{json}->{ok},
	JSON::PP::false, 'the body says no as well');

# As a proxy is asked.  The host is that of the target.
is(Port::ask($port{primary}, "http://localhost:$port{primary}/read-write")->{status},
	200, 'a URL as the target');
is( Port::ask($port{replica1}, "http://127.0.0.1/replica?lagg=5s")->{status},
	400, 'with its parameters');
is(Port::ask($port{replica1}, '*', method => 'OPTIONS')->{json}->{check},
	'liveness', 'OPTIONS * asks whether the server is there');

# Where a port is on loopback only, what asks for another host has been led
# there by a name that does not belong to this machine.
sub asked_for
{
	my ($name, $host) = @_;

	return Port::parse(
		Port::raw(
			$port{$name}, "GET /liveness HTTP/1.1\r\nHost: $host\r\n\r\n"));
}

$answer = asked_for('primary', "evil.example.com:$port{primary}");
is($answer->{status}, 421, 'another host is refused');
is( $answer->{json}->{reason},
	'this port listens on loopback only: the Host must be localhost, an address of 127.0.0.0/8, or [::1]',
	'with the hosts that are not');
is(Port::ask($port{primary}, 'http://evil.example.com/liveness')->{status},
	421, 'the same in the target');
is(asked_for('primary', 'localhost:18009')->{status},
	200, 'the port does not matter, as through a tunnel');
is( Port::parse(
		Port::raw($port{primary}, "OPTIONS /primary HTTP/1.0\r\n\r\n"))
	  ->{status},
	200,
	'a host is not required');
is(asked_for('primary', "localhost\r\nHost: localhost")->{status},
	400, 'two hosts are refused');
Replwatch::set($cascade, "replwatch.listen_addresses = '*'");
Process::until_true('a port on all addresses serves any host',
	sub { asked_for('replica2', 'db3')->{status} == 200 });
pass('a port on all addresses serves any host');
Replwatch::set($cascade, "replwatch.listen_addresses = '127.0.0.1'");
Process::until_true('a port that is on loopback again does not',
	sub { asked_for('replica2', 'db3')->{status} == 421 });
pass('a port that is on loopback again does not');

SKIP:
{
	my $curl = 'curl --silent --max-time 60';

	skip 'curl is not installed', 3
	  if system('curl --version >/dev/null 2>&1') != 0;
	foreach my $version ('--http1.0', '--http1.1')
	{
		is( `$curl $version -o /dev/null -w '%{http_code}' http://127.0.0.1:$port{primary}/primary`,
			'200',
			"curl is answered with $version");
	}
	like(
		`$curl http://127.0.0.1:$port{replica1}/primary`,
		qr/"reason":"this server is in recovery"/,
		'with the reason');
}

note '3. The agent check';

is(Port::agent($port{primary}, 'primary'), 'up ready 100%', 'primary');
like(Port::agent($port{replica1}, 'primary'),
	qr/^down #.*recovery/, 'primary of a standby');
is( Port::agent_when(
		$port{replica1}, 'replica', 'it gets all reads', qr/^up ready 100%$/),
	'up ready 100%',
	'replica');
is( Port::agent_when(
		$port{replica1}, 'replica lag=10MB floor=1',
		'it gets all reads', qr/^up ready 100%$/),
	'up ready 100%',
	'replica within a limit in bytes');
like(Port::agent($port{primary}, 'replica'),
	qr/^down #.*primary/, 'replica of a primary');
like(Port::agent($port{primary}, 'standby'),
	qr/^down #/, 'an unknown word');
like(Port::agent($port{replica1}, 'replica lag=x'),
	qr/^down #/, 'a malformed limit');

note '4. Limits, with replay paused';

Replwatch::pause_replay($primary, $standby);
Replwatch::burst($primary, 1000);
$answer = refused_when(
	'replica1', '/replica?lag=1kB',
	'bytes are missing',
	qr/^\d+ bytes are missing, more than 1024$/);
is($answer->{status}, 503, 'beyond its limit it is no replica');
cmp_ok($answer->{json}->{lag_bytes}, '>', 1024, 'the missing bytes are shown');
is(statuses('/replica'), '503 200 200', 'without a limit it is a replica');
is(statuses('/replica?lag=1GB&lag=1h'),
	'503 200 200', 'within its limits it is one');
is(Port::sampled($port{replica1}, '/read-only?lag=1kB')->{status},
	503, 'beyond its limit it is not read-only');
is(Port::status($port{primary}, '/read-only?lag=0&lag=0s'),
	200, 'a primary is within every limit');
is(statuses('/readiness'), '200 200 200', 'all are ready');
is(Port::sampled($port{replica1}, '/readiness?lag=1kB')->{status},
	503, 'beyond its limit it is not ready');

$answer = refused_when(
	'replica1', '/replica?lag=1s',
	'the lag exceeds 1 s',
	qr/^lag is [\d.]+ s, more than 1\.0 s$/);
is($answer->{status}, 503, 'beyond a limit in time it is no replica');
cmp_ok($answer->{json}->{lag}, '>=', 1, 'the lag is shown');
$answer = Port::answer_when(
	$port{replica1}, '/replica?lag=1s&cut_off=serve',
	'the standby is connected',
	sub { !($_[0]->{json}->{cut_off} // 1) });
is($answer->{status}, 503, 'cut_off=serve does not excuse missing WAL');

note '5. Limits by LSN and by token';

my $token = $primary->safe_psql('postgres',
	"INSERT INTO burst VALUES ('mine'); SELECT replwatch_commit_token()");
my ($lsn) = $token =~ /.*:(.*)/;

# A standby sends on what it has not replayed itself.
Replwatch::wait_replayed($primary, $cascade);
is(statuses("/read-only?lsn=$lsn"), '200 503 200', 'servers that have the LSN say so');
is(statuses("/read-only?token=$token"), '200 503 200', 'the same by token');
like(
	Port::sampled($port{replica1}, "/replica?token=$token")->{json}->{reason},
	qr{^replayed up to LSN \S+, not \S+$},
	'the missing bytes are shown');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
Replwatch::wait_replayed($primary, $_) foreach $standby, $cascade;
is(statuses("/read-only?lsn=$lsn"), '200 200 200', 'now all servers have it');
is(statuses("/read-only?token=$token"), '200 200 200', 'the same by token');
is( statuses('/read-only?token=' . Replwatch::token($primary, 2, '0/1')),
	'503 503 503', 'no server has a commit of another timeline');
Port::status_when($port{$_}, '/replica?lag=0', 200, "$_ has caught up")
  foreach qw(replica1 replica2);
pass('replay has resumed and nothing is missing');

# An idle primary's insert position may be behind the header of a page that
# does not exist yet.  The server writes of its own accord now and then.
my $ahead = '';
for my $try (1 .. 10)
{
	Replwatch::value($primary, 'SELECT pg_switch_wal()');
	$ahead =
	  Replwatch::value($primary, 'SELECT pg_current_wal_insert_lsn()');
	last if $ahead =~ /000028$/;
}
like($ahead, qr/000028$/, 'nothing is written in a new segment');
Replwatch::wait_replayed($primary, $standby);
is(Port::sampled($port{replica1}, "/replica?lsn=$ahead")->{status},
	200, "a page's header is not waited for");

note '6. port_serves';

Replwatch::set($standby, "replwatch.port_serves = 'health'");
Port::status_when($port{replica1}, '/metrics', 404, 'metrics are off');
is(Port::status($port{replica1}, '/status'), 404, 'health: no status');
is(Port::status($port{replica1}, '/cluster'), 404, 'health: no cluster');
is(Port::sampled($port{replica1}, '/replica')->{status}, 200, 'health: health checks');
is( Port::agent_when(
		$port{replica1}, 'replica', 'it gets all reads', qr/^up ready 100%$/),
	'up ready 100%',
	'health: agent checks');
Replwatch::set($standby, "replwatch.port_serves = 'metrics'");
Port::status_when($port{replica1}, '/metrics', 200, 'metrics are on');
is(Port::status($port{replica1}, '/status'), 200, 'metrics: status');
is(Port::status($port{replica1}, '/cluster'), 200, 'metrics: cluster');
is(Port::status($port{replica1}, '/replica'), 404, 'metrics: no checks');
like(Port::agent($port{replica1}, 'replica'), qr/^down #/, 'metrics: no agent checks');

unlike(slurp_file($_->logfile),
	qr/WARNING:.*replwatch|PANIC/, $_->name . ': nothing to complain about')
  foreach $primary, $standby, $cascade;

done_testing();
