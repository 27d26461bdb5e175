# Copyright (c) 2026, the replwatch authors

# Names in listen_addresses: one that leads elsewhere, one that can't be looked
# up for a while, several that lead to one address.  The names are looked up in
# a file of this test, by nss_wrapper (https://cwrap.org/nss_wrapper.html).

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $wrapper = 'libnss_wrapper.so';

# The linker says on standard error what it can't load, and goes on without.
my $complaint = `LD_PRELOAD=$wrapper true 2>&1`;
plan skip_all => "$wrapper is not installed" if $complaint ne '';

my $hosts = PostgreSQL::Test::Utils::tempdir() . '/hosts';
my $edited = time();
my @port = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 2;
my $offset;

# Name => address, for all there are.  The file is read again when its time, in
# whole seconds, is another one.
sub set_hosts
{
	my (%address) = @_;

	append_to_file("$hosts.new",
		join('', map { "$address{$_} $_\n" } sort keys %address));
	$edited += 2;
	utime $edited, $edited, "$hosts.new" or die "could not set a time: $!";
	rename "$hosts.new", $hosts or die "could not rename a file: $!";
	return;
}

# Wait until it is so that the port is listened on there, or that it is not.
sub listening
{
	my ($expected, $port, $address, $name) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $listening;

	do
	{
		my $socket = Port::try_connect($port, $address);

		$listening = defined $socket ? 1 : 0;
		sleep(0.05) if $listening != $expected;
	} while ($listening != $expected && time() < $limit);
	is($listening, $expected, $name);
	return;
}

# Change settings, or none: the names are looked up at each reload, and those
# that are not to be found are complained about.
sub set
{
	my ($node, @settings) = @_;

	$offset = -s $node->logfile;
	Replwatch::set($node, @settings);
	return;
}

sub state_is
{
	my ($node, $state, $what) = @_;

	Replwatch::wait_until($node,
		"SELECT port_state = '$state' FROM replwatch_node()", $what);
	pass("node: $state, $what");
	return;
}

set_hosts('here.invalid' => '127.0.0.1', 'there.invalid' => '127.0.0.2');
my $node;
{
	local $ENV{LD_PRELOAD} = $wrapper;
	local $ENV{NSS_WRAPPER_HOSTS} = $hosts;

	$node = Replwatch::primary(
		'primary',
		"replwatch.port = $port[0]",
		"replwatch.listen_addresses = 'here.invalid, there.invalid'");
}

note '1. Names that can be looked up';

listening(1, $port[0], '127.0.0.1', 'the port listens on the first name');
listening(1, $port[0], '127.0.0.2', 'and on the second');
state_is($node, 'listening', 'the port listens on all names');

note '2. A name that cannot be looked up';

# A client that is there stays, for the five seconds that each client has.
my $begin = time();
my $client = Port::connect_to($port[0], '127.0.0.2');
syswrite($client, 'prim');
set_hosts('here.invalid' => '127.0.0.1');
set($node);
$node->wait_for_log(
	qr/WARNING:  could not translate host name "there\.invalid" for "replwatch\.listen_addresses": /,
	$offset);
state_is($node, 'partly listening', 'one name cannot be looked up');
ok(Port::try_connect($port[0], '127.0.0.2'),
	'its last address is kept');
ok(Port::try_connect($port[0], '127.0.0.1'), 'so is that of the other name');
syswrite($client, "ary\n");

# A client that comes later is served later.
is(Port::status($port[0], '/primary'), 200, 'new clients are served');
my $in_time = time() < $begin + 5;

# If the five seconds are over it is told so, which it would not be if it had
# been dropped.
like(
	Port::read_all($client),
	$in_time ? qr/^up ready 100%$/ : qr/^(up ready 100%$|HTTP\/1\.1 408 )/,
	'a connected client is answered');

note '3. The name has another address';

set_hosts('here.invalid' => '127.0.0.1', 'there.invalid' => '127.0.0.3');
listening(1, $port[0], '127.0.0.3', 'the new address is used without a reload');
listening(0, $port[0], '127.0.0.2', 'the old address is given up');
state_is($node, 'listening', 'the port listens on all names again');

note '4. Two names for one address';

set_hosts('here.invalid' => '127.0.0.1', 'there.invalid' => '127.0.0.1');
set($node);
listening(0, $port[0], '127.0.0.3', 'the second name has the address of the first');
state_is($node, 'listening', 'one socket for both is complete');
set_hosts('there.invalid' => '127.0.0.1');
set($node);
$node->wait_for_log(qr/could not translate host name "here\.invalid"/, $offset);
state_is($node, 'partly listening', 'one of the two cannot be looked up');
listening(1, $port[0], '127.0.0.1', 'the address is kept for the other');

note '5. No name can be looked up';

set_hosts();
set($node);
$node->wait_for_log(qr/could not translate host name "there\.invalid"/,
	$offset);
is(Port::status($port[0], '/primary'), 200, 'the sockets are kept');

note '6. Another port';

set($node, "replwatch.port = $port[1]");
$node->wait_for_log(qr/could not translate host name "there\.invalid"/,
	$offset);
listening(0, $port[0], '127.0.0.1', 'the first port is given up');
is(Port::try_connect($port[1], '127.0.0.1'),
	undef, 'no address is known for the new port');
state_is($node, 'not listening', 'port_state is not listening');
set_hosts('here.invalid' => '127.0.0.2', 'there.invalid' => '127.0.0.1');
listening(1, $port[1], '127.0.0.1', 'the port listens on a name that is found');
listening(1, $port[1], '127.0.0.2', 'and on the other');

note '7. A name is removed from the list';

set_hosts('here.invalid' => '127.0.0.2');
set($node, "replwatch.listen_addresses = 'here.invalid'");
listening(0, $port[1], '127.0.0.1',
	'its address is given up');
state_is($node, 'listening', 'the port listens on the remaining name');

$node->stop;
done_testing();
