# Copyright (c) 2026, the replwatch authors

# Where the port listens: another program has it and gives it up, port and
# addresses change at run time, IPv4 and IPv6, names that do not exist, no room
# for the process, off and on again.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use IO::Socket::INET;
use IO::Socket::IP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my @port = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 2;
my ($offset, $log, $pid);

# Change settings by a reload.
sub set
{
	my ($node, @settings) = @_;

	$node->append_conf('postgresql.conf', join("\n", @settings) . "\n");
	$node->reload;
	return;
}

# Wait until nobody listens there any more.
sub gone
{
	my ($port, $address) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;

	while (Port::try_connect($port, $address))
	{
		die "somebody still listens on $port" if time() > $limit;
		sleep(0.05);
	}
	return 1;
}

# Wait until the server says so of its port.
sub port_state_when
{
	my ($node, $state, $what) = @_;

	Replwatch::wait_until($node,
		"SELECT port_state = '$state' FROM replwatch_node()", $what);
	pass("node: $state, $what");
	return;
}

sub squat
{
	my ($port) = @_;

	return IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		LocalPort => $port,
		ReuseAddr => 1,
		Listen => 5) // die "port $port is not free: $!";
}

note '1. Off, as it is by default';

my $node = Replwatch::primary('primary');
Replwatch::wait_sampled($node);
is(Port::child($node, 'replwatch port'), undef, 'no process runs');
is( $node->safe_psql(
		'postgres',
		q{SELECT setting FROM pg_settings WHERE name = 'replwatch.port'}),
	0,
	'for there is no port');
is( $node->safe_psql(
		'postgres', 'SELECT port, port_state FROM replwatch_node()'),
	'|off',
	'which the server says');

note '2. Another program has it';

my $squatter = squat($port[0]);
$offset = -s $node->logfile;
set($node,
	"replwatch.port = $port[0]",
	"replwatch.port_serves = 'all'",
	"replwatch.listen_addresses = '127.0.0.1'",
	'log_min_messages = debug1');
$node->wait_for_log(
	qr/WARNING:  could not listen on address "127\.0\.0\.1", port $port[0], for replwatch: Address already in use/,
	$offset);
$log = slurp_file($node->logfile, $offset);
like(
	$log,
	qr/HINT:  Is another program using this port\? It is tried again\./,
	'the log says what is the matter');
$pid = Port::child($node, 'replwatch port');
isnt($pid, undef, 'the process stays');
port_state_when($node, 'not listening', 'nobody can reach it');

$node->wait_for_log(qr/tries again to listen, after a pause of 4 s/, $offset);
$log = slurp_file($node->logfile, $offset);
is(() = $log =~ /could not listen/g, 1, 'it is said once');
like(
	$log,
	qr/pause of 1 s.*pause of 2 s.*pause of 4 s/s,
	'and tried again after pauses that grow');
$squatter->close;
is(Port::status_when($port[0], '/primary', 200, 'it listens')->{status},
	200, 'it listens when it can');
is(Port::child($node, 'replwatch port'), $pid, 'the same process');
like(
	slurp_file($node->logfile, $offset),
	qr/LOG:  replwatch listens on address "127\.0\.0\.1", port $port[0]/,
	'the log says so');
is( $node->safe_psql(
		'postgres', 'SELECT port, port_state FROM replwatch_node()'),
	"$port[0]|listening",
	'and the server does');

note '3. Another port';

# A client that is there stays.
my $client = Port::connect_to($port[0]);
set($node, "replwatch.port = $port[1]", 'log_min_messages = warning');
Port::status_when($port[1], '/primary', 200, 'it listens on the other port');
ok(gone($port[0]), 'and on the first no more');
syswrite($client, "primary\n");
is( Port::read_all($client),
	"up ready 100%\n",
	'who was connected is answered');
is(Port::child($node, 'replwatch port'), $pid, 'by the same process');

note '4. Other addresses';

is(Port::try_connect($port[1], '127.0.0.2'),
	undef, 'another address is not listened on');
set($node, "replwatch.listen_addresses = '127.0.0.2, 127.0.0.1'");
my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
my $other;
sleep(0.05)
  until $other = Port::try_connect($port[1], '127.0.0.2')
  or time() > $limit;
ok($other, 'now it is');
is(Port::status($port[1], '/primary'), 200, 'the first one is, too');
set($node, "replwatch.listen_addresses = '127.0.0.2'");
ok(gone($port[1]), 'until it is taken out');

# One of them is not to be in the way of all, nor all in the way of one.
$offset = -s $node->logfile;
set($node, "replwatch.listen_addresses = '*'");
Port::status_when($port[1], '/primary', 200, 'all addresses');
ok(Port::try_connect($port[1], '127.0.0.2'), '* is all addresses');
set($node, "replwatch.listen_addresses = '127.0.0.1'");
ok(gone($port[1], '127.0.0.2'), 'one address again');
is(Port::status($port[1], '/primary'), 200, 'which is listened on');
unlike(slurp_file($node->logfile, $offset),
	qr/WARNING/, 'which is nothing to complain about');

SKIP:
{
	my $try = IO::Socket::IP->new(LocalHost => '::1', Listen => 1);

	skip 'there is no IPv6', 2 if !$try;
	$try->close;
	foreach my $addresses ('*', '::1')
	{
		my $answer = '';

		set($node, "replwatch.listen_addresses = '$addresses'");
		$limit = time() + $PostgreSQL::Test::Utils::timeout_default;
		while ($answer eq '' && time() < $limit)
		{
			my $socket =
			  IO::Socket::IP->new(PeerHost => '::1', PeerPort => $port[1])
			  or next;

			syswrite($socket, "primary\n");
			$answer = Port::read_all($socket);
		}
		is($answer, "up ready 100%\n", "IPv6 with $addresses");
	}
}

note '5. What makes no sense';

$offset = -s $node->logfile;
set($node, "replwatch.listen_addresses = '127.0.0.1, no-such-host.invalid'");
$node->wait_for_log(
	qr/WARNING:  could not translate host name "no-such-host\.invalid" for "replwatch\.listen_addresses": /,
	$offset);
is(Port::status($port[1], '/primary'), 200, 'the others are listened on');
port_state_when($node, 'partly listening', 'an address is missing');
is( Port::ask($port[1], '/status')->{json}->{node}->{port_state},
	'partly listening',
	'on its page, too');
$offset = -s $node->logfile;
set($node, "replwatch.listen_addresses = '127.0.0.1,,'");
$node->wait_for_log(
	qr/WARNING:  invalid list syntax in parameter "replwatch\.listen_addresses"/,
	$offset);
is(Port::status($port[1], '/primary'), 200, 'all stays as it was');
$offset = -s $node->logfile;
set($node, "replwatch.listen_addresses = '192.0.2.77'");
$node->wait_for_log(
	qr/WARNING:  could not listen on address "192\.0\.2\.77", port $port[1], for replwatch/,
	$offset);
ok(gone($port[1]), 'an address that this machine does not have');
port_state_when($node, 'not listening', 'no address is left');
set($node, "replwatch.listen_addresses = ''");
is(Port::child($node, 'replwatch port'), $pid,
	'it is the same process still');

note '6. Many addresses';

# As many as there may be, all on another port at once, and one more.
my @many = map { "127.0.0.$_" } 1 .. 17;
set($node,
	"replwatch.listen_addresses = '" . join(', ', @many[ 0 .. 15 ]) . "'");
port_state_when($node, 'listening', 'as many as there may be');
$offset = -s $node->logfile;
set($node, "replwatch.port = $port[0]");
foreach my $address (@many[ 0, 15 ])
{
	$limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	sleep(0.05)
	  until Port::try_connect($port[0], $address)
	  or time() > $limit;
	ok(Port::try_connect($port[0], $address), "$address: on another port");
}
ok(gone($port[1], $many[15]), 'and on the first no more');
unlike(slurp_file($node->logfile, $offset),
	qr/WARNING/, 'which is nothing to complain about');
set($node, "replwatch.listen_addresses = '" . join(', ', @many) . "'");
$node->wait_for_log(
	qr/WARNING:  replwatch cannot listen on more than 16 addresses\n.*DETAIL:  Address "127\.0\.0\.17" is left out\./,
	$offset);
port_state_when($node, 'partly listening', 'one too many');

# Those that are there count from the first on, wherever they stand.
$offset = -s $node->logfile;
set($node,
	"replwatch.listen_addresses = '"
	  . join(', ', @many[ 16, 0 .. 15 ]) . "'");
$node->wait_for_log(qr/DETAIL:  Address "127\.0\.0\.16" is left out\./, $offset);
ok(gone($port[0], $many[15]), 'one that was there gives way');
my @others = map { "127.0.1.$_" } 1 .. 16;
$offset = -s $node->logfile;
set($node,
	"replwatch.listen_addresses = '"
	  . join(', ', @others, @many[ 0 .. 14 ]) . "'");
$node->wait_for_log(qr/DETAIL:  Address "127\.0\.0\.15" is left out\./, $offset);
ok(gone($port[0], $_), "$_ gives way to another") foreach @many[ 0, 14 ];
ok(Port::try_connect($port[0], $others[15]), 'which is listened on');
set($node, "replwatch.port = $port[1]");
$limit = time() + $PostgreSQL::Test::Utils::timeout_default;
sleep(0.05)
  until Port::try_connect($port[1], $others[15])
  or time() > $limit;
ok(Port::try_connect($port[1], $others[15]), 'all move to another port');
ok(gone($port[0], $others[15]), 'and leave the first');
is(Port::child($node, 'replwatch port'), $pid, 'it is the same process still');

note '7. Off and on again';

set($node, "replwatch.listen_addresses = 'localhost'");
Port::status_when($port[1], '/primary', 200, 'it listens on localhost');
port_state_when($node, 'listening', 'the address is there');
$offset = -s $node->logfile;
set($node, 'replwatch.port = 0');
ok(gone($port[1]), 'nobody listens');
$limit = time() + $PostgreSQL::Test::Utils::timeout_default;
sleep(0.05)
  while defined Port::child($node, 'replwatch port') && time() < $limit;
is(Port::child($node, 'replwatch port'), undef, 'the process has ended');

# It is not to be started again, as one that failed would be.
sleep(2);
is(Port::child($node, 'replwatch port'), undef, 'for good');
is( $node->safe_psql(
		'postgres', 'SELECT port, port_state FROM replwatch_node()'),
	'|off',
	'as the server says');
set($node, "replwatch.port = $port[1]");
Port::status_when($port[1], '/primary', 200, 'it listens again');
isnt(Port::child($node, 'replwatch port'), $pid, 'in another process');
$node->stop;

note '8. No room for the process';

# Another has the last slot, and gives it back when asked.
my $has_prewarm = -e $node->config_data('--pkglibdir') . '/pg_prewarm.so';
$node->append_conf(
	'postgresql.conf',
	join "\n",
	'max_logical_replication_workers = 0',
	$has_prewarm
	? ( "shared_preload_libraries = 'pg_prewarm, replwatch'",
		'max_worker_processes = 2')
	: 'max_worker_processes = 1',
	'');
$offset = -s $node->logfile;
$node->start;
$node->wait_for_log(
	qr/WARNING:  could not start the replwatch port: no free background worker slot/,
	$offset);
is( $node->safe_psql(
		'postgres', 'SELECT port, port_state FROM replwatch_node()'),
	"$port[1]|no worker slot",
	'the server says what is the matter');
is(Port::try_connect($port[1]), undef, 'nobody listens');

# It tries each five seconds.
my $begin = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
Replwatch::wait_until(
	$node,
	"SELECT last_sample > '$begin'::timestamptz + interval '11 s' FROM replwatch_node()",
	'it has been tried again');
$log = slurp_file($node->logfile, $offset);
is(() = $log =~ /could not start the replwatch port/g, 1, 'it is said once');
like(
	$log,
	qr/HINT:  Consider increasing "max_worker_processes"/,
	'and what to do');

# Who switches it off and on again is told again.
$offset = -s $node->logfile;
set($node, 'replwatch.port = 0');
port_state_when($node, 'off', 'it is not wanted');
Replwatch::wait_sampled($node);
set($node, "replwatch.port = $port[1]");
$node->wait_for_log(qr/WARNING:  could not start the replwatch port/,
	$offset);
port_state_when($node, 'no worker slot', 'it is wanted again');

SKIP:
{
	skip 'pg_prewarm is not installed', 3 if !$has_prewarm;

	kill 'TERM',
	  Port::child($node, 'autoprewarm leader') // die 'nobody has the slot';
	is(Port::status_when($port[1], '/primary', 200, 'it listens')->{status},
		200, 'when there is room it listens');
	port_state_when($node, 'listening', 'it is there');
	is( $node->safe_psql('postgres', 'SELECT port FROM replwatch_node()'),
		$port[1],
		'on the port that was asked for');
}
unlike(slurp_file($node->logfile),
	qr/PANIC|exit code [2-9]/, 'nothing else is the matter');

done_testing();
