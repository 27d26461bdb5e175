# Copyright (c) 2026, the replwatch authors

# Clients that mean no good, or know no better: many at once, slow ones, ones
# that never ask or never read, garbage, pipelined requests, headers without
# end.  Others are served meanwhile, sampling goes on, and nothing is
# left behind.

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_RCVBUF TCP_MAXSEG);
use Test::More;
use Time::HiRes qw(time sleep);

# Requests in a row, and bytes of garbage.
my $requests = $ENV{REPLWATCH_SOAK} ? 10_000 : 1_000;
my $garbage = $ENV{REPLWATCH_SOAK} ? 1 << 30 : 1 << 26;

my $primary = Replwatch::primary('primary', 'replwatch.max_replicas = 1000',
	Port::conf());
my $standby =
  Replwatch::standby($primary, 'replica1', conf => [ Port::conf() ]);
my $port = Port::of($primary);
my ($answer, $answered, $before, @clients, $begin, $in_time, $pid);

# What the process holds: open descriptors, and kilobytes of its own memory.
sub descriptors
{
	my @fds =
	  glob '/proc/' . Process::child($primary, 'replwatch port') . '/fd/*';

	return scalar @fds;
}

sub memory
{
	my ($kb) = status_of_process() =~ /^RssAnon:\s+(\d+) kB/m;

	return $kb;
}

# How often it has gone to sleep.
sub sleeps
{
	my ($n) = status_of_process() =~ /^voluntary_ctxt_switches:\s+(\d+)/m;

	return $n;
}

sub status_of_process
{
	return slurp_file(
		'/proc/' . Process::child($primary, 'replwatch port') . '/status');
}

# Wait until it holds as many descriptors as it did when it had no client.
sub all_gone
{
	my ($what) = @_;

	Process::until_true("$what: nobody is left",
		sub { descriptors() <= $before });
	is(descriptors(), $before, "$what: nobody is left");
	return;
}

# Has the other end closed?  Without waiting.
sub has_ended
{
	my ($socket) = @_;

	return 0 if !Process::readable($socket, 0);
	my $n = sysread($socket, my $part, 65536);
	return !$n;
}

# A request that is answered at once, and the right way.
sub is_served
{
	my ($what) = @_;

	is(Port::status($port, '/primary'), 200, "$what: others are served");
	return;
}

Port::status_when($port, '/health', 200, 'samples are fresh');
Port::ask($port, '/metrics');
Port::ask($port, '/status');
$before = descriptors();

note '1. No client, and many in a row';

all_gone('before');
Process::until_true('it sleeps',
	sub { status_of_process() =~ /^State:\s+S/m });
my $sleeps = sleeps();
sleep(2);
is(sleeps(), $sleeps, 'without clients it is not woken');

# The last sample is looked at as well: whoever asks does not keep the sampling
# worker from its work.  A busy machine may, for a while.
Port::status($port, '/primary') for 1 .. 100;
my $used = memory();
my $wrong = 0;
for my $i (1 .. $requests)
{
	my $target =
	  $i % 50 == 0 ? '/metrics' : $i % 10 == 0 ? '/health' : '/primary';

	$answer = Port::ask($port, $target);
	$answer = Port::status_when($port, $target, 200, 'samples are taken')
	  if $answer->{body} =~ /"reason":"no sample for /;
	$wrong++ if $answer->{status} != 200;
}
is($wrong, 0, "each of $requests is answered, and samples are taken");
all_gone('after these clients');
cmp_ok(memory(), '<', $used + 200, 'no memory is lost');

note '2. 200 clients at once';

$begin = time();
push @clients, Port::connect_to($port) for 1 .. 200;
syswrite($_, "GET /primary HTTP/1.1\r\n\r\n") foreach @clients;

# Each client has five seconds: where it took long until all had asked, none
# needs to be served.
my $served_at_least = time() < $begin + 1.5 ? 64 : 0;
my @answers = map { Port::read_all($_) } @clients;
is((grep { !/^(HTTP\/1\.1 200 |\z)/ } @answers),
	0, 'each of the clients that wait before they ask is served or dropped');
my $served = grep { /^HTTP\/1\.1 200 / } @answers;
cmp_ok($served, '>=', $served_at_least,
	"and as many as there is room for are served ($served were)");
@clients = ();
is_served('afterwards');

# Who asks at once is served, however many there are.
$wrong = 0;
for my $round (1 .. 2)
{
	for (1 .. 100)
	{
		my $socket = Port::connect_to($port);

		syswrite($socket, "GET /primary HTTP/1.1\r\n\r\n");
		push @clients, $socket;
	}
	$wrong += grep { Port::read_all($_) !~ /^HTTP\/1\.1 200 / } @clients;
	@clients = ();
}
is($wrong, 0, 'all of 100 clients that ask at once are served');
all_gone('after these clients');
cmp_ok(memory(), '<', $used + 200, 'no memory is lost');

note '3. Clients that never ask';

push @clients, Port::connect_to($port) for 1 .. 100;
is_served('a hundred connections without a request');
cmp_ok(descriptors(), '<=', $before + 64, 'no more than 64 of them are kept');
@clients = ();
all_gone('after these clients');

note '4. Half a request, slowly';

$begin = time();
push @clients, Port::connect_to($port) for 1 .. 4;
syswrite($clients[0], "GET /primary HTTP/1.1\r\nHost: localhost\r\n");
syswrite($clients[1], 'repl');
my $slow = '';
while (!has_ended($clients[2]))
{
	# One byte now and then; it will be told, and then nobody listens.
	local $SIG{PIPE} = 'IGNORE';
	last if time() > $begin + $PostgreSQL::Test::Utils::timeout_default;
	syswrite($clients[2], 'G') or last;
	$slow .= 'G';
	sleep(0.2);
	last if Process::readable($clients[2], 0);
}
cmp_ok(time() - $begin, '>', 4.9, 'a slow client has five seconds');
$answer = Port::read_all($clients[0]);
is(Port::parse($answer)->{status}, 408, 'half a request is refused in the end');
is(Port::read_all($clients[1]) =~ /^HTTP\/1\.1 408 / ? 1 : 0,
	1, 'so is half a line of the agent');
is(Port::read_all($clients[3]), '', 'a client without a request gets no answer');
@clients = ();
all_gone('after these clients');

# In pieces, but in time.
my $socket = Port::connect_to($port);
foreach my $piece (split //, "GET /primary HTTP/1.1\r\nHost: localhost\r\n\r\n")
{
	syswrite($socket, $piece);
}
is(Port::parse(Port::read_all($socket))->{status},
	200, 'a request byte by byte is answered');

note '5. Garbage';

# More than anybody reads: written for as long as it is taken.
$socket = Port::connect_to($port);
my $written = 0;
my $block = join '', map { chr(rand(256)) } 1 .. 65536;
{
	local $SIG{PIPE} = 'IGNORE';
	while ($written < $garbage)
	{
		my $n = syswrite($socket, 'X' . $block) or last;
		$written += $n;
	}
}
cmp_ok($written, '<', $garbage, "it is cut off ($written bytes were taken)");
close $socket;
is_served('a lot of garbage');
all_gone('after it');

# What is malformed is for unit/port/test_request.c: here is what is too long.
is(Port::parse(Port::raw($port, 'X' x 9000))->{status},
	431, 'an endless line');
is( Port::parse(
		Port::raw($port, "GET / HTTP/1.1\r\n" . "A: b\r\n" x 2000 . "\r\n")
	)->{status},
	431,
	'endless headers');
is( Port::parse(
		Port::raw($port, "GET / HTTP/1.1\r\nA: " . 'b' x 8000 . "\r\n\r\n")
	)->{status},
	200,
	'a long header that fits');
is(Port::raw($port, 'replica' . 'x' x 9000) =~ /^HTTP\/1\.1 431 / ? 1 : 0,
	1, "an agent's line without end");

note '6. More than one request';

$answer = Port::raw($port,
	"GET /primary HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\n\r\n");
is(Port::parse($answer)->{status}, 200, 'the first request is answered');
is(() = $answer =~ m{HTTP/1\.1 \d}g, 1, 'the second request is not');
$answer =
  Port::raw($port, "GET /primary HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
is(Port::parse($answer)->{status}, 200, 'a body is ignored');
$answer = Port::raw($port, "primary\nprimary\n");
is($answer, "up ready 100%\n", "an agent's second line, too");
all_gone('after these clients');

note '7. Clients that never read';

# A page that does not fit into the system's buffers, asked for by more than
# there are buffers for pages.
$primary->safe_psql('postgres',
	"ALTER SYSTEM SET max_replication_slots = 500");
$primary->restart;
Port::status_when($port, '/health', 200, 'samples are fresh');
$primary->safe_psql('postgres',
	"SELECT count(pg_create_physical_replication_slot('slot_with_a_long_name_' || i, true)) FROM generate_series(1, 400) i"
);
$answer = Port::ask($port, '/metrics');
cmp_ok(length($answer->{body}), '>', 300_000, 'a long page');
is( (   () =
		  $answer->{body} =~
		  /^replwatch_slot_active\{slot="slot_with_a_long_name_\d+"/mg),
	400,
	'with each slot');
$before = descriptors();
$used = memory();

for (1 .. 10)
{
	my $socket = IO::Socket::INET->new(Proto => 'tcp') or die $!;

	# With the large segments of loopback, the system would take the whole page.
	setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 2048);
	setsockopt($socket, IPPROTO_TCP, TCP_MAXSEG, 536);
	bind($socket,
		Socket::pack_sockaddr_in(0, Socket::inet_aton('127.0.0.2')))
	  or die $!;
	connect($socket,
		Socket::pack_sockaddr_in($port, Socket::inet_aton('127.0.0.1')))
	  or die $!;
	syswrite($socket, "GET /metrics HTTP/1.1\r\n\r\n");
	push @clients, $socket;
}
is_served('clients that do not read');
Process::until_true(
	'each has a page or is refused',
	sub {
		return !grep { !Process::readable($_, 0) } @clients;
	});
is(Port::status($port, '/metrics'),
	200, 'another address gets a page all the same');
@clients = ();
Port::status_when($port, '/metrics', 200, 'there is room for pages');
all_gone('after these clients');

# A slow reader gets all of it.
# It has five seconds in all, which a busy machine may take from it.
Process::until_true(
	'a page is read in time',
	sub {
		$begin = time();
		$socket = Port::connect_to($port);
		syswrite($socket, "GET /metrics HTTP/1.1\r\n\r\n");
		sleep(0.5);
		$answer = Port::read_all($socket);
		return time() - $begin < 4;
	});
$answer = Port::parse($answer);
is( $answer->{headers}->{'content-length'},
	length($answer->{body}),
	'a client that reads later gets the whole page');
all_gone('after it');

note '8. One address that floods';

# Clients of another address have asked in part, fewer than are its share.
sub flood
{
	my ($number) = @_;
	my @parts = ('', "GET /primary HTTP/1.1\r\n", 'prim');

	foreach my $i (1 .. $number)
	{
		my $socket = Port::connect_to($port, undef, '127.0.0.2');

		syswrite($socket, $parts[ $i % @parts ]);
		push @clients, $socket;
	}
	return;
}

$begin = time();
my @others = map { Port::connect_to($port) } 1 .. 20;
syswrite($_, 'prim') foreach @others;
flood(200);
Process::until_true(
	'the flood displaces its own clients',
	sub {
		@clients = grep { !has_ended($_) } @clients;
		return @clients <= 44;
	});
$wrong = 0;
foreach (1 .. 20)
{
	flood(10);
	$wrong++ if Port::status($port, '/primary') != 200;
}
is($wrong, 0, 'new clients of other addresses are served meanwhile');
syswrite($_, "ary\n") foreach @others;
@answers = map { Port::read_all($_) } @others;
$in_time = time() < $begin + 5;
is( (   grep {
			$in_time ? !/^up ready 100%$/ : !/^(up ready 100%$|HTTP\/1\.1 408 )/
		} @answers),
	0,
	'those that were there stay and are answered');
$socket = Port::connect_to($port, undef, '127.0.0.2');
syswrite($socket, "primary\n");
is(Port::read_all($socket), "up ready 100%\n",
	'so is a client of the same address that asks');
@clients = ();
all_gone('after the flood');

# Many clients of one address, of which some ask only when the room is full.
$begin = time();
@others = map { Port::connect_to($port) } 1 .. 60;
Process::until_true('each has a place',
	sub { descriptors() == $before + 60 || time() > $begin + 5 });
$pid = Process::child($primary, 'replwatch port');
Process::stop($pid);
push @clients, Port::connect_to($port) for 1 .. 100;
syswrite($_, "primary\n") foreach @others;
kill 'CONT', $pid;
@answers = map { Port::read_all($_) } @others;
$in_time = time() < $begin + 5;
$answered = grep { /^up ready 100%$/ } @answers;
is($in_time ? $answered : 60,
	60, 'clients that have asked are not dropped for others');
@clients = ();
all_gone('after these clients');

note '9. The server meanwhile';

# Sampling is another process's; what is written is replicated, too.
Replwatch::wait_sampled($primary);
Replwatch::burst($primary);
Replwatch::wait_replayed($primary, $standby);
unlike(
	slurp_file($primary->logfile),
	qr/PANIC|terminated by signal|(WARNING|ERROR|FATAL):.*replwatch/,
	'the sampler was not disturbed');

done_testing();
