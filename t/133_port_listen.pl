# Copyright (c) 2026, the replwatch authors

# Where the port listens: another program has it and gives it up, port and
# addresses change at run time, IPv4 and IPv6, names, which are refused, no room
# for the process, off and on again.

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use IO::Socket::INET;
use IO::Socket::IP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Module;
use Process;
use Test::More;
use Time::HiRes qw(time);

my @port = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 3;
my ($offset, $log, $pid);

# Wait until nobody listens there any more.
sub gone
{
	my ($port, $address) = @_;

	return Process::until_true("nobody listens on port $port",
		sub { !Port::try_connect($port, $address) });
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

# For part 9: another has the last slot, and gives it back when asked.
my $has_prewarm = -e $node->config_data('--pkglibdir') . '/pg_prewarm.so';
my $full = Replwatch::primary(
	'full',
	"replwatch.port = $port[2]",
	"replwatch.listen_addresses = '127.0.0.1'",
	'max_logical_replication_workers = 0',
	$has_prewarm
	? ( "shared_preload_libraries = 'pg_prewarm, replwatch'",
		'max_worker_processes = 2')
	: 'max_worker_processes = 1');

Replwatch::wait_sampled($node);
is(Process::child($node, 'replwatch port'), undef, 'no process runs');
is( $node->safe_psql(
		'postgres',
		q{SELECT setting FROM pg_settings WHERE name = 'replwatch.port'}),
	0,
	'the port process does not run');
is( $node->safe_psql(
		'postgres', 'SELECT port, port_state FROM replwatch_node()'),
	'|off',
	'port_state is off');

note '2. Another program uses the port';

my $squatter = squat($port[0]);
$offset = -s $node->logfile;
Replwatch::set($node,
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
	qr/HINT:  Is another program using this port\? replwatch will retry\./,
	'the log has a warning');
$pid = Process::child($node, 'replwatch port');
isnt($pid, undef, 'the process keeps running');
port_state_when($node, 'not listening', 'it listens on nothing');

$node->wait_for_log(qr/will try again to listen after 2 s/, $offset);
$log = slurp_file($node->logfile, $offset);
is(() = $log =~ /could not listen/g, 1, 'the warning is logged once');
like(
	$log,
	qr/listen after 1 s.*listen after 2 s/s,
	'it is tried again after growing pauses');

# A reload that changes neither port nor addresses leaves that as it is.
Replwatch::set($node, "replwatch.port_serves = 'all'");
$node->wait_for_log(qr/will try again to listen after 4 s/, $offset);
$log = slurp_file($node->logfile, $offset);
is(() = $log =~ /could not listen/g, 1, 'a reload repeats no warning');
is(() = $log =~ /listen after 1 s/g, 1, 'and cuts no pause short');
$squatter->close;
is(Port::status_when($port[0], '/primary', 200, 'it listens')->{status},
	200, 'it listens once the port is free');
is(Process::child($node, 'replwatch port'), $pid, 'the same process');
like(
	slurp_file($node->logfile, $offset),
	qr/LOG:  replwatch listens on address "127\.0\.0\.1", port $port[0]/,
	'the log says that it listens');
is( $node->safe_psql(
		'postgres', 'SELECT port, port_state FROM replwatch_node()'),
	"$port[0]|listening",
	'port_state is listening');

note '3. Another port';

# A client that is there stays, for the five seconds that each client has.
my $begin = time();
my $client = Port::connect_to($port[0]);
syswrite($client, 'prim');
Replwatch::set(
	$node,
	"replwatch.port = $port[1]",
	'log_min_messages = warning');
Port::status_when($port[1], '/primary', 200, 'it listens on the new port');
ok(gone($port[0]), 'the first address is given up');
syswrite($client, "ary\n");

# A client that comes later is served later.
is(Port::status($port[1], '/primary'), 200, 'new clients are served');
my $in_time = time() < $begin + 5;

# If the five seconds are over it is told so, which it would not be if it had
# been dropped.
like(
	Port::read_all($client),
	$in_time ? qr/^up ready 100%$/ : qr/^(up ready 100%$|HTTP\/1\.1 408 )/,
	'a connected client is answered');
is(Process::child($node, 'replwatch port'), $pid, 'by the same process');

note '4. Other addresses';

is(Port::try_connect($port[1], '127.0.0.2'),
	undef, 'it does not listen on another address');
Replwatch::set($node, "replwatch.listen_addresses = '127.0.0.2, 127.0.0.1'");
ok(Port::connect_to($port[1], '127.0.0.2'), 'after a reload it does');
is(Port::status($port[1], '/primary'), 200, 'still on the first address as well');
Replwatch::set($node, "replwatch.listen_addresses = '127.0.0.2'");
ok(gone($port[1]), 'an address that is removed is given up');

# One of them is not to be in the way of all, nor all in the way of one.
$offset = -s $node->logfile;
Replwatch::set($node, "replwatch.listen_addresses = '*'");
Port::status_when($port[1], '/primary', 200, 'all addresses');
ok(Port::try_connect($port[1], '127.0.0.2'), '* is all addresses');
Replwatch::set($node, "replwatch.listen_addresses = '127.0.0.1'");
ok(gone($port[1], '127.0.0.2'), 'one address again');
is(Port::status($port[1], '/primary'), 200, 'the port listens on it');
unlike(slurp_file($node->logfile, $offset),
	qr/WARNING/, 'no warning is logged');

SKIP:
{
	my $try = IO::Socket::IP->new(LocalHost => '::1', Listen => 1);

	skip 'there is no IPv6', 2 if !$try;
	$try->close;
	foreach my $addresses ('*', '::1')
	{
		Replwatch::set($node, "replwatch.listen_addresses = '$addresses'");
		my $answer = Process::until_true(
			"the port answers by IPv6 with $addresses",
			sub {
				my $socket =
				  IO::Socket::IP->new(PeerHost => '::1', PeerPort => $port[1])
				  or return;

				syswrite($socket, "primary\n");
				return Port::read_all($socket);
			});
		is($answer, "up ready 100%\n", "IPv6 with $addresses");
	}
}

note '5. Names, and addresses that are not there';

# Refused, also after a reload, and everything stays as it is.
my $stderr;
$node->psql('postgres',
	"ALTER SYSTEM SET replwatch.listen_addresses = '127.0.0.1, db1.example.com'",
	stderr => \$stderr);
like(
	$stderr,
	qr/ERROR:  invalid value for parameter "replwatch\.listen_addresses": .*\nDETAIL:  "db1\.example\.com" is not an IP address, localhost or \*\.\nHINT:  Names are not resolved\. Use the IP address itself, localhost or \*\.$/,
	'a name is refused when it is set');
Replwatch::set($node, "replwatch.listen_addresses = '127.0.0.1'");
$offset = -s $node->logfile;
$node->append_conf('postgresql.conf',
	"replwatch.listen_addresses = '127.0.0.2, db1.example.com'");
$node->reload;
$node->wait_for_log(
	qr/LOG:  invalid value for parameter "replwatch\.listen_addresses": "127\.0\.0\.2, db1\.example\.com"\n.*DETAIL:  "db1\.example\.com" is not an IP address, localhost or \*\./,
	$offset);
is(Port::status($port[1], '/primary'), 200, 'a reload with a name changes nothing');
is(Port::try_connect($port[1], '127.0.0.2'),
	undef, 'nor does the rest of the list count');
port_state_when($node, 'listening', 'no address is missing');

$offset = -s $node->logfile;
Replwatch::set($node, "replwatch.listen_addresses = '127.0.0.1, 192.0.2.77'");
$node->wait_for_log(
	qr/WARNING:  could not listen on address "192\.0\.2\.77", port $port[1], for replwatch/,
	$offset);
is(Port::status($port[1], '/primary'), 200, 'the other addresses are used');
port_state_when($node, 'partly listening', 'an address is missing');
is( Port::ask($port[1], '/status')->{json}->{node}->{port_state},
	'partly listening',
	'the page /status has the same state');
$offset = -s $node->logfile;
Replwatch::set($node,
	"replwatch.listen_addresses = '192.0.2.77, fe80::1%nothing0'");
$node->wait_for_log(
	qr/WARNING:  could not listen on address "fe80::1%nothing0", port $port[1], for replwatch: (No such device|Address family)/,
	$offset);
ok(gone($port[1]), 'an address that this machine does not have');
port_state_when($node, 'not listening', 'no address is left');
Replwatch::set($node, "replwatch.listen_addresses = ''");
is(Process::child($node, 'replwatch port'), $pid,
	'the process is still the same');

note '6. Many addresses';

# As many as there may be, all on another port at once, and all of them others.
my @many = map { "127.0.0.$_" } 1 .. 16;
Replwatch::set($node,
	"replwatch.listen_addresses = '" . join(', ', @many) . "'");
port_state_when($node, 'listening', 'as many as there may be');
$offset = -s $node->logfile;
Replwatch::set($node, "replwatch.port = $port[0]");
foreach my $address (@many[ 0, 15 ])
{
	ok(Port::connect_to($port[0], $address), "$address: on another port");
}
ok(gone($port[1], $many[15]), 'the first address is given up');
my @others = map { "127.0.1.$_" } 1 .. 16;
Replwatch::set($node,
	"replwatch.listen_addresses = '" . join(', ', @others) . "'");
ok(gone($port[0], $_), "$_ gives way to another") foreach @many[ 0, 15 ];
ok(Port::connect_to($port[0], $_), "$_ is another") foreach @others[ 0, 15 ];
unlike(slurp_file($node->logfile, $offset),
	qr/WARNING/, 'no warning is logged');
is(Process::child($node, 'replwatch port'), $pid, 'the process is still the same');

note '7. Off and on again';

Replwatch::set(
	$node,
	"replwatch.port = $port[1]",
	"replwatch.listen_addresses = 'localhost'");
Port::status_when($port[1], '/primary', 200, 'it listens on localhost');
port_state_when($node, 'listening', 'the address is there');
$offset = -s $node->logfile;
Replwatch::set($node, 'replwatch.port = 0', 'log_min_messages = debug1');
ok(gone($port[1]), 'nothing listens');

# It is not to be started again, as one that failed would be.
$node->wait_for_log(
	qr/background worker "replwatch port" \(PID $pid\) exited with exit code 0/,
	$offset);
is(Process::child($node, 'replwatch port'),
	undef, 'the process has ended and is not started again');
is( $node->safe_psql(
		'postgres', 'SELECT port, port_state FROM replwatch_node()'),
	'|off',
	'port_state agrees');
Replwatch::set($node, "replwatch.port = $port[1]");
Port::status_when($port[1], '/primary', 200, 'it listens again');
isnt(Process::child($node, 'replwatch port'), $pid, 'in another process');
$node->stop;

note '8. A name server that does not answer';

# Nobody is asked for localhost, and nothing holds up a shutdown.
SKIP:
{
	skip 'no library can be built', 2 if !Module::can_build();

	{
		local $ENV{LD_PRELOAD} = Module::build('silent_resolver') . '.so';

		$node->start;
	}
	is(Port::status_when($port[1], '/primary', 200, 'it listens')->{status},
		200, 'it listens on localhost');
	ok($node->stop('fast'), 'a fast shutdown is not held up');
}

note '9. No room for the process';

$node = $full;
$node->wait_for_log(
	qr/WARNING:  could not start the replwatch port: no free background worker slot/
);
port_state_when($node, 'no worker slot', 'no worker slot is free');
is(Replwatch::value($node, 'SELECT port FROM replwatch_node()'),
	$port[2], 'the port is the new one');
is(Port::try_connect($port[2]), undef, 'nothing listens');

# It tries each five seconds, and did so for the first time when it was started.
Replwatch::wait_until(
	$node,
	"SELECT last_sample > pg_postmaster_start_time() + interval '8 s' FROM replwatch_node()",
	'starting it has been tried again');
$log = slurp_file($node->logfile);
is(() = $log =~ /could not start the replwatch port/g, 1, 'the warning is logged once');
like(
	$log,
	qr/HINT:  Consider increasing "max_worker_processes"/,
	'with a hint');

# Who switches it off and on again is told again.
$offset = -s $node->logfile;
Replwatch::set($node, 'replwatch.port = 0');
port_state_when($node, 'off', 'the port is switched off');
Replwatch::wait_sampled($node);
Replwatch::set($node, "replwatch.port = $port[2]");
$node->wait_for_log(qr/WARNING:  could not start the replwatch port/,
	$offset);
port_state_when($node, 'no worker slot', 'the port is switched on again');

SKIP:
{
	skip 'pg_prewarm is not installed', 3 if !$has_prewarm;

	kill 'TERM',
	  Process::child($node, 'autoprewarm leader') // die 'nobody has the slot';
	is(Port::status_when($port[2], '/primary', 200, 'it listens')->{status},
		200, 'it listens once a slot is free');
	port_state_when($node, 'listening', 'it is there');
	is( $node->safe_psql('postgres', 'SELECT port FROM replwatch_node()'),
		$port[2],
		'the port is the new one');
}
unlike(slurp_file($node->logfile),
	qr/PANIC|exit code [2-9]/, 'no other process failed');

done_testing();
