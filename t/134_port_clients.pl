# Copyright (c) 2026, the replwatch authors

# Clients that mean no good, or know no better: many at once, slow ones, ones
# that never ask or never read, garbage, pipelined requests, zero bytes, headers
# without end.  Others are served meanwhile, sampling goes on, and nothing is
# left behind.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use IO::Select;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Socket qw(SOL_SOCKET SO_RCVBUF);
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
my ($answer, $before, @clients, $begin);

# What the process holds: open descriptors, and kilobytes of its own memory.
sub descriptors
{
	my @fds =
	  glob '/proc/' . Port::child($primary, 'replwatch port') . '/fd/*';

	return scalar @fds;
}

sub memory
{
	my ($kb) =
	  slurp_file(
		'/proc/' . Port::child($primary, 'replwatch port') . '/status') =~
	  /^RssAnon:\s+(\d+) kB/m;

	return $kb;
}

# Wait until it holds as many descriptors as it did when it had no client.
sub all_gone
{
	my ($what) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;

	sleep(0.05) while descriptors() > $before && time() < $limit;
	is(descriptors(), $before, "$what: nobody is left");
	return;
}

# Has the other end closed?  Without waiting.
sub has_ended
{
	my ($socket) = @_;

	return 0 if !IO::Select->new($socket)->can_read(0);
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

Port::status_when($port, '/health', 200, 'it samples');
Port::ask($port, '/metrics');
Port::ask($port, '/status');
$before = descriptors();

note '1. None, and many in a row';

# How often the process has gone to sleep: nobody wakes it.
sub sleeps
{
	my ($n) =
	  slurp_file(
		'/proc/' . Port::child($primary, 'replwatch port') . '/status') =~
	  /^voluntary_ctxt_switches:\s+(\d+)/m;

	return $n;
}

sleep(0.5);
my $sleeps = sleeps();
sleep(3);
is(sleeps(), $sleeps, 'while nobody asks it is not woken');

# The last sample is looked at as well: whoever asks does not keep the sampling
# worker from its work.
Port::status($port, '/primary') for 1 .. 100;
my $used = memory();
my $wrong = 0;
for my $i (1 .. $requests)
{
	my $target =
	  $i % 50 == 0 ? '/metrics' : $i % 10 == 0 ? '/health' : '/primary';

	$wrong++ if Port::status($port, $target) != 200;
}
is($wrong, 0, "each of $requests is answered, and samples are taken");
all_gone('after them');
cmp_ok(memory(), '<', $used + 200, 'no memory is lost');

note '2. 200 clients at once';

$begin = time();
push @clients, Port::connect_to($port) for 1 .. 200;
syswrite($_, "GET /primary HTTP/1.1\r\n\r\n") foreach @clients;
$wrong = grep { Port::read_all($_) !~ /^HTTP\/1\.1 200 / } @clients;
cmp_ok($wrong, '<=', 136,
	"of those who waited before they asked, 64 were served ($wrong were not)"
);
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
is($wrong, 0, 'of 100 who ask at once all are served');
all_gone('after them');
cmp_ok(memory(), '<', $used + 200, 'no memory is lost');

note '3. Who never asks gives way';

push @clients, Port::connect_to($port) for 1 .. 100;
is_served('a hundred connections that say nothing');
cmp_ok(descriptors(), '<=', $before + 64, 'not more than 64 are there');
@clients = ();
all_gone('after them');

note '4. Half a request, slowly';

push @clients, Port::connect_to($port) for 1 .. 3;
$begin = time();
syswrite($clients[0], "GET /primary HTTP/1.1\r\nHost: x\r\n");
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
	last if IO::Select->new($clients[2])->can_read(0);
}
cmp_ok(time() - $begin, '>', 4.5, 'a slow client has five seconds');
$answer = Port::read_all($clients[0]);
is(Port::parse($answer)->{status}, 408, 'half a request: it is told');
is(Port::read_all($clients[1]) =~ /^HTTP\/1\.1 408 / ? 1 : 0,
	1, 'half a line, too');
@clients = (Port::connect_to($port));
is(Port::read_all($clients[0]), '', 'who has said nothing is told nothing');
@clients = ();
all_gone('after them');

# In pieces, but in time.
my $socket = Port::connect_to($port);
foreach my $piece (split //, "GET /primary HTTP/1.1\r\nHost: x\r\n\r\n")
{
	syswrite($socket, $piece);
}
is(Port::parse(Port::read_all($socket))->{status},
	200, 'byte by byte is no crime');

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
is(Port::parse(Port::raw($port, 'X' x 9000))->{status},
	431, 'a line without end');
is( Port::parse(
		Port::raw($port, "GET / HTTP/1.1\r\n" . "A: b\r\n" x 2000 . "\r\n")
	)->{status},
	431,
	'headers without end');
is( Port::parse(
		Port::raw($port, "GET / HTTP/1.1\r\nA: " . 'b' x 8000 . "\r\n\r\n")
	)->{status},
	200,
	'a long header that fits');
is(Port::parse(Port::raw($port, "GET /\0 HTTP/1.1\r\n\r\n"))->{status},
	400, 'a zero byte');
is(Port::parse(Port::raw($port, "\0" x 100))->{status},
	400, 'nothing but zero bytes');
is(Port::parse(Port::raw($port, "\x16\x03\x01\x02\x00"))->{status},
	400, 'TLS');
is(Port::parse(Port::raw($port, "\r\n\r\n"))->{status}, 400, 'empty lines');
is(Port::raw($port, 'replica' . 'x' x 9000) =~ /^HTTP\/1\.1 431 / ? 1 : 0,
	1, "an agent's line without end");

note '6. More than one request';

$answer = Port::raw($port,
	"GET /primary HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\n\r\n");
is(Port::parse($answer)->{status}, 200, 'the first is answered');
is(() = $answer =~ m{HTTP/1\.1 \d}g, 1, 'the second is not');
$answer =
  Port::raw($port, "GET /primary HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
is(Port::parse($answer)->{status}, 200, 'a body is passed over');
$answer = Port::raw($port, "primary\nprimary\n");
is($answer, "up ready 100%\n", "an agent's second line, too");
all_gone('after them');

note '7. Who never reads';

# A page that does not fit into the system's buffers, asked for by more than
# there are buffers for pages.
$primary->safe_psql('postgres',
	"ALTER SYSTEM SET max_replication_slots = 500");
$primary->restart;
Port::status_when($port, '/health', 200, 'it samples');
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

	setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 2048);
	connect($socket,
		Socket::pack_sockaddr_in($port, Socket::inet_aton('127.0.0.1')))
	  or die $!;
	syswrite($socket, "GET /metrics HTTP/1.1\r\n\r\n");
	push @clients, $socket;
}
is_served('those who do not read');
$answer = Port::ask($port, '/metrics');
like($answer->{status}, qr/^(200|503)$/,
	'pages are served when there is room for them');
@clients = ();
Port::status_when($port, '/metrics', 200, 'there is room for pages');
all_gone('after them');
@clients = ();

# A slow reader gets all of it.
$socket = Port::connect_to($port);
syswrite($socket, "GET /metrics HTTP/1.1\r\n\r\n");
sleep(1);
$answer = Port::parse(Port::read_all($socket));
is( $answer->{headers}->{'content-length'},
	length($answer->{body}),
	'who reads a second later gets all of it');
all_gone('after it');

note '8. Meanwhile';

# Sampling is another process's; what is written is replicated, too.
Replwatch::wait_sampled($primary);
Replwatch::burst($primary);
Replwatch::wait_replayed($primary, $standby);
unlike(
	slurp_file($primary->logfile),
	qr/PANIC|terminated by signal|(WARNING|ERROR|FATAL):.*replwatch/,
	'nobody noticed');

done_testing();
