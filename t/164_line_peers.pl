# Copyright (c) 2026, the replwatch authors

# Lines that come to nothing.  What a standby takes for its upstream server's port
# is an HTTP server, never accepts, never answers, says a byte at a time, or goes
# away in the middle; the upstream server has no port, or one for its own machine
# only; names are looked up, by a name server that does not answer; the system has
# lost the secret in pg_control.  line_state says so, the log has one entry, and
# pauses get longer; replication, health checks and everything else go on.

use strict;
use warnings;

use lib 't/lib';
use Line;
use Module;
use Port;
use Process;
use Replwatch;
use Tree;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Socket qw(IPPROTO_TCP TCP_INFO);
use Test::More;
use Time::HiRes qw(time);

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	"listen_addresses = '127.0.0.1, 127.0.0.2'",
	'max_wal_senders = 20',
	"replwatch.node_name = 'primary'",
	Port::conf());
my $port = Port::of($primary);
my $key = Line::key($primary);

# A socket that standbys connect to.
sub listener
{
	my $port = PostgreSQL::Test::Cluster::get_free_port();

	return IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		LocalPort => $port,
		ReuseAddr => 1,
		Listen => 5) // die "port $port is not free: $!";
}

# A standby whose line goes to that socket, or to the primary without one.
sub standby
{
	my ($name, $listener) = @_;

	return Replwatch::standby(
		$primary, $name,
		conf => [
			Port::conf(
				"replwatch.node_name = '$name'",
				'replwatch.upstream_port = '
				  . ($listener ? $listener->sockport : $port))
		]);
}

# Have the line of a standby go there.
sub go_to
{
	my ($standby, $port) = @_;

	return Replwatch::set($standby, "replwatch.upstream_port = $port");
}

# The log entries of a standby about its line, from an offset on, without what
# precedes the message.
sub entries
{
	my ($node, $offset) = @_;

	return slurp_file($node->logfile, $offset // 0) =~
	  /^.* (?:LOG|WARNING):  (.*\bline to .*)$/mg;
}

# When the data came that can be read from a socket first: this process may have
# been late to look.
sub came_at
{
	my ($socket) = @_;

	Process::readable($socket, $PostgreSQL::Test::Utils::timeout_default)
	  or die 'nothing has come';
	my $info = getsockopt($socket, IPPROTO_TCP, TCP_INFO) or die $!;

	# tcpi_last_data_recv, in milliseconds
	return time() - unpack('x52 L', $info) / 1000;
}


note '1. peers that are no replwatch';

my @peer = map { listener() } 1 .. 7;

# Its queue is full, so that whoever connects hears nothing.
my $hole = IO::Socket::INET->new(
	LocalAddr => '127.0.0.1',
	LocalPort => PostgreSQL::Test::Cluster::get_free_port(),
	Listen => 0);
my @stuck = map {
	IO::Socket::INET->new(
		PeerAddr => '127.0.0.1',
		PeerPort => $hole->sockport,
		Blocking => 0)
} 1 .. 4;
my %standby = (
	http => standby('http'),
	silent => standby('silent', $peer[1]),
	hole => standby('hole', $hole));

# An HTTP server, which answers three times, and at once.
go_to($standby{http}, $peer[0]->sockport);
my @at;
foreach (1 .. 3)
{
	Process::readable($peer[0], $PostgreSQL::Test::Utils::timeout_default);
	my $socket = $peer[0]->accept;

	push @at, came_at($socket);
	syswrite($socket,
		"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
	close $socket;
	Line::state_when($standby{http}, 'refused', 'http: the line is refused')
	  if @at == 1;
}
cmp_ok($at[1] - $at[0], '>', 0.99, 'http: the first pause is a second');
cmp_ok($at[2] - $at[1], '>', 1.99, 'http: the next is longer');

foreach my $name ('silent', 'hole')
{
	Line::state_when($standby{$name}, 'refused', "$name: the line is refused");
}
foreach my $name (sort keys %standby)
{
	my @entries = entries($standby{$name});

	is(scalar(@entries), 1, "$name: one entry in the log")
	  || diag(explain(\@entries));
	is(Port::status(Port::of($standby{$name}), '/replica'),
		200, "$name: health checks go on");
	is(Replwatch::status($standby{$name}, $name, 'upstream')->{state},
		'streaming', "$name: so does replication");
}


note '2. peers that begin well';

# Each standby has another peer now, which is tried at once.
my %line;
my %peer = (http => $peer[2], silent => $peer[3], hole => $peer[4]);
foreach my $name (sort keys %peer)
{
	go_to($standby{$name}, $peer{$name}->sockport);
	$line{$name} = Line->accept(
		$peer{$name},
		key => $key,
		trickle => $name eq 'http');
	is($line{$name}->join, 'welcome', "$name: a line begins");
	is( $line{$name}{proof}{application_name},
		$name, "$name: it says which connection is its own");
	$line{$name}->tell(
		{
			name => "peer_$name",
			role => $Line::role{primary}
		});
	Line::state_when($standby{$name}, 'up', "$name: the line is up");
	Tree::row_when($standby{$name}, "peer_$name", "$name: it is told",
		sub { $_[0]->{depth} == 0 });
}

# The standby tells of itself, without being asked.
my ($told) = grep { ($_->{name} // '') eq 'hole' } $line{hole}->hear;
is($told->{role}, $Line::role{standby}, 'a standby tells of itself');
is($told->{port}, Port::of($standby{hole}), 'and of its port');

# One that ends its half of the connection has ended it.
shutdown($line{hole}->socket, 1);
is($line{hole}->ending, 'closed', 'half closed: the standby closes it');
Replwatch::wait_until(
	$standby{hole},
	"SELECT line_state <> 'up' FROM replwatch_node()",
	'half closed: the line is not up');

# What it had said of itself stays, and gets older.
my $row = Tree::row($standby{hole}, 'peer_hole');
ok($row && $row->{age} > 0, 'half closed: what it had told stays');

# Others say no more, and one of them only what nobody knows: a frame of another
# release, and fields.
$line{http}->send(99, 201 => 'a frame of the future');
$line{http}->tell(
	{
		name => 'peer_http',
		version => '1.99',
		202 => 'a field of the future',
		state => 4711,
		reason => 4711
	});
Tree::row_when($standby{http}, 'peer_http',
	'another release: the rest counts',
	sub { ($_[0]->{version} // '') eq '1.99' });
is( Replwatch::value($standby{http},
		'SELECT line_state FROM replwatch_node()'),
	'up',
	'another release: the line is up');
foreach my $name ('silent', 'http')
{
	is($line{$name}->ending, 'closed', "$name: silence ends the line");
}

# Greetings of other releases, which is all that each of them is for.
my @release = (
	[ 'another minor' => { protocol => 1 << 16 | 7, extra => [ 203 => 'x' ] }, 'up' ],
	[ 'another major' => { protocol => 2 << 16 }, 'refused' ]);
foreach my $release (@release)
{
	my ($what, $params, $state) = @$release;

	# Each has a port of its own, so that it is tried at once.
	my $listener = pop @peer;
	go_to($standby{http}, $listener->sockport);
	my $line = Line->accept($listener, key => $key, %$params);
	$line->join;
	Line::state_when($standby{http}, $state, "$what: $state");
	pass("$what: $state");
}


note '3. the port of the upstream server';

# What the log says, and what goes on.
sub is_refused
{
	my ($standby, $offset, $what) = @_;
	my $name = $standby->name;

	Line::state_when($standby, 'refused', "$what: the line is refused");
	Port::status_when(Port::of($standby), '/replica', 200,
		"$what: health checks go on");
	is(Replwatch::status($standby, $name, 'upstream')->{state},
		'streaming', "$what: so does replication");
	is(Replwatch::value($standby, 'SELECT staleness_of FROM replwatch_node()'),
		'upstream', "$what: staleness is towards the upstream server");
	return;
}

my $standby = $standby{silent};
go_to($standby, $port);
Line::state_when($standby, 'up', 'the real one is found');
Tree::row_when($primary, 'silent', 'it tells the primary',
	sub { defined $_[0]->{reported_at} });
is(Replwatch::value($standby, 'SELECT staleness_of FROM replwatch_node()'),
	'primary', 'staleness is towards the primary');

my $offset = -s $standby->logfile;
Replwatch::set($primary, 'replwatch.port = 0');
is_refused($standby, $offset, 'port off');
is(scalar(() = entries($standby, $offset)), 1, 'port off: one log entry');

# It listens on 127.0.0.1, and the standby replicates from 127.0.0.2.
Replwatch::set($primary, "replwatch.port = $port");
my $far = Replwatch::standby(
	$primary, 'far',
	conf => [
		Port::conf(
			"replwatch.node_name = 'far'",
			"replwatch.upstream_port = $port"),
		"primary_conninfo = 'host=127.0.0.2 port="
		  . $primary->port
		  . " application_name=far'"
	]);
is_refused($far, 0, 'localhost');
Replwatch::set($primary, "replwatch.listen_addresses = '127.0.0.1, 127.0.0.2'");

# A reload does not make it try again, a change of its settings does.
go_to($far, $port + 1);
go_to($far, $port);
Line::state_when($far, 'up', 'it listens there, too');
Replwatch::set($far, 'replwatch.port = 0');
Replwatch::wait_until($far,
	"SELECT line_state = 'off' FROM replwatch_node()",
	'without a port of its own there is no line');
is(Replwatch::value($far, 'SELECT staleness_of FROM replwatch_node()'),
	'upstream', 'no port, no line: staleness is towards the upstream server');


note '4. names of servers';

my $longest = 'n' x 63;
my ($ret, undef, $stderr) = $primary->psql('postgres',
	"ALTER SYSTEM SET replwatch.node_name = 'x$longest'");
isnt($ret, 0, 'a name of 64 bytes is refused');
like($stderr, qr/invalid value for parameter "replwatch\.node_name"/,
	'as other wrong values are');
is($primary->psql('postgres',
		"ALTER SYSTEM SET replwatch.node_name = '$longest'"),
	0, 'one of 63 bytes is not');
$primary->reload;
Tree::row_when($standby, $longest, 'it is told as it is', sub { 1 });
pass('it is told as it is');
$primary->psql('postgres', 'ALTER SYSTEM RESET replwatch.node_name');
$primary->reload;


note '5. names of hosts';

# The processes that look up names for a standby's port.
sub resolvers
{
	my ($node) = @_;
	my $port = Process::child($node, 'replwatch port');

	return defined $port ? Process::children($port) : ();
}

SKIP:
{
	skip 'no library can be built', 8 if !Module::can_build();

	my $answers = PostgreSQL::Test::Utils::tempdir() . '/answers';
	my $named = Replwatch::standby(
		$primary, 'named',
		start => 0,
		conf => [
			Port::conf(
				"replwatch.node_name = 'named'",
				"replwatch.upstream_port = $port"),
			"primary_conninfo = 'host=localhost port="
			  . $primary->port
			  . " application_name=named'"
		]);

	append_to_file($answers, '');
	{
		local $ENV{LD_PRELOAD} = Module::build('silent_resolver') . '.so';
		local $ENV{RESOLVER_ANSWERS} = $answers;

		$named->start;
	}
	Line::state_when($named, 'up', 'the host is looked up');
	Process::until_true('nobody is left who looks it up',
		sub { !resolvers($named) });
	pass('and nobody is left who did so');
	unlink $answers or die "could not remove $answers: $!";

	go_to($named, $port + 1);
	Process::until_true('a name server is asked', sub { resolvers($named) });
	is(Port::status(Port::of($named), '/health'),
		200, 'no answer: health checks go on');
	is(Replwatch::value($named, 'SELECT line_state FROM replwatch_node()'),
		'connecting', 'no answer: the line waits');
	my ($resolver) = resolvers($named);
	Line::state_when($named, 'refused', 'no answer: it is given up');
	Process::until_true('nobody waits any more',
		sub { !Process::runs($resolver) });
	pass('no answer: nobody waits any more');

	# Once more, and the port ends meanwhile.
	go_to($named, $port);
	Process::until_true('a name server is asked', sub { resolvers($named) });
	($resolver) = resolvers($named);
	$offset = -s $named->logfile;
	kill 'TERM', Process::child($named, 'replwatch port');
	Process::until_true('it has ended, too',
		sub { !Process::runs($resolver) });
	Process::until_true('a name server is asked', sub { resolvers($named) });
	unlike(slurp_file($named->logfile, $offset),
		qr/was terminated by signal/,
		'no answer: an orphan does not restart the server');

	# And now the server ends.
	($resolver) = resolvers($named);
	ok($named->stop('fast'), 'no answer: a shutdown is not held up');
	Process::until_true('it has ended, too',
		sub { !Process::runs($resolver) });
	is(Process::child($named, 'replwatch'), undef, 'and nobody is left');
}


note '6. a system without its secret';

# The checksum of pg_control.
sub crc32c
{
	my ($bytes) = @_;
	my $crc = 0xFFFFFFFF;

	foreach my $byte (unpack('C*', $bytes))
	{
		$crc ^= $byte;
		$crc = $crc & 1 ? $crc >> 1 ^ 0x82F63B78 : $crc >> 1 for 1 .. 8;
	}
	return $crc ^ 0xFFFFFFFF;
}

# Have no nonce, as pg_resetwal leaves a pg_control that was lost.  The checksum
# follows it, and is of all that comes before.
sub lose_nonce
{
	my ($node) = @_;
	my $path = $node->data_dir . '/global/pg_control';
	my $nonce = Line::control($node)->{nonce};
	my $control = slurp_file($path);
	my $at = index($control, $nonce);
	my $end = $at + length $nonce;

	die 'no nonce' if $at < 0;
	$end++
	  until unpack('L', substr($control, $end, 4)) ==
	  crc32c(substr($control, 0, $end));
	substr($control, $at, length $nonce) = "\0" x length $nonce;
	substr($control, $end, 4) = pack('L', crc32c(substr($control, 0, $end)));
	open my $file, '+<:raw', $path or die "$path: $!";
	print $file $control;
	close $file or die "$path: $!";
	return;
}

$_->stop foreach grep { $_ != $standby } values %standby;
$_->stop foreach $far, $standby, $primary;
foreach my $node ($primary, $standby)
{
	$offset = -s $node->logfile;
	lose_nonce($node);
	$node->start;
	$node->wait_for_log(
		qr/WARNING: .*mock authentication nonce in pg_control is all zero/,
		$offset);
	Replwatch::set($node, "replwatch.line_secret = 'x'");
	is( scalar(
			() = slurp_file($node->logfile, $offset) =~
			  /WARNING: .*mock authentication nonce/g),
		1,
		$node->name . ': one warning');
}
$key = Line::key($primary, secret => 'x');
is( Line->connect($port, key => $key, application_name => 'silent')->join,
	'closed', 'there is no line with a key that everybody has');
is(Replwatch::value($standby, 'SELECT line_state FROM replwatch_node()'),
	'off', 'nor to the upstream server');
is(Port::status($port, '/primary'), 200, 'health checks go on');
is( join(' ', map { $_->{node} } grep { defined $_->{age} } Tree::rows($primary)),
	'primary', 'a server without lines knows only what it sees itself');

done_testing();
