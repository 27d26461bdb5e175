# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Line - either end of a line between two servers, spoken by the test

=head1 SYNOPSIS

  use lib 't/lib';
  use Line;

  my $line = Line->connect($port, key => Line::key($primary),
	  application_name => 'replica1');
  is($line->join, 'welcome', 'it is taken for the standby');
  $line->tell({ id => $line->id, name => 'liar', health => 0 });
  my @servers = $line->hear;

  $line->keep_telling(...);

  my $server = Line->accept($listener, key => $key);
  is($server->join, 'welcome', 'a standby has come');

=head1 DESCRIPTION

A client and a server of the line, written from doc/internals.md and not from the
source.  Each can also do what no server does: leave out the proof, send frames
twice, or back, or those of another session.

=cut

package Line;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use POSIX ();
use PostgreSQL::Test::Utils;
use Port ();
use Process ();
use Replwatch ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time sleep);

our %type = (
	hello => 1,
	challenge => 2,
	proof => 3,
	welcome => 4,
	server => 5,
	end => 6,
	refused => 7);
my %type_name = reverse %type;

# What a refusal says, from RwLineRefusal on.
my @refusals = qw(none plain no_connection ambiguous full no_standby);

# The number of a state, a role, a health, and of some reasons.
our %state = (startup => 0, streaming => 2, missing => 6);
our %role = (primary => 1, standby => 2, cascade => 3);
our %health = (ok => 0, unknown => 1, warning => 2, critical => 3);
our %reason = (none => 0, silent => 2, paused => 17, broken_wal => 22);

# Fields of frames: tag, and template for pack.
my %field = (
	protocol => [ 1, 'Q>' ],
	id => [ 2, 'a*' ],
	challenge => [ 3, 'a*' ],
	application_name => [ 4, 'a*' ],
	slot_name => [ 5, 'a*' ],
	refusal => [ 6, 'Q>' ],
	server => [ 16, 'a*' ],
	parent => [ 17, 'a*' ],
	key => [ 18, 'Q>' ],
	label => [ 19, 'a*' ],
	host => [ 20, 'a*' ],
	state => [ 21, 'Q>' ],
	lag => [ 22, 'Q>' ],
	streaming_for => [ 23, 'Q>' ],
	seen_age => [ 24, 'Q>' ],
	name => [ 25, 'a*' ],
	role => [ 26, 'Q>' ],
	timeline => [ 27, 'Q>' ],
	replay => [ 28, 'Q>' ],
	staleness => [ 29, 'Q>' ],
	of_primary => [ 30, 'Q>' ],
	health => [ 31, 'Q>' ],
	reason => [ 32, 'Q>' ],
	own_reason => [ 33, 'Q>' ],
	reason_text => [ 34, 'a*' ],
	alerts => [ 35, 'Q>' ],
	port => [ 36, 'Q>' ],
	version => [ 37, 'a*' ],
	report_age => [ 38, 'Q>' ],
	gone_for => [ 39, 'Q>' ]);

# The key of a node's system, or one that differs in this: nonce, system, secret.
sub key
{
	my ($node, %params) = @_;
	my $control = control($node);
	my $nonce = $params{nonce} // $control->{nonce};
	my $system = $params{system} // $control->{system};

	return hmac_sha256(
		"replwatch line 1\0"
		  . pack('Q>', $system)
		  . ($params{secret} // ''),
		$nonce);
}

# What a node's pg_control says: system, its identifier as a number, and nonce,
# 32 bytes.
sub control
{
	my ($node) = @_;
	my ($text) =
	  run_command([ 'pg_controldata', '-D', $node->data_dir ]);
	my ($system) = $text =~ /^Database system identifier:\s+(\d+)$/m
	  or die "no system identifier: $text";
	my ($nonce) = $text =~ /^Mock authentication nonce:\s+([0-9a-f]{64})$/m
	  or die "no nonce: $text";

	return { system => $system, nonce => pack('H*', $nonce) };
}

# 16 random bytes for a server, 32 for a challenge.
sub random
{
	my ($length) = @_;

	return join '', map { chr(int(rand(256))) } 1 .. $length;
}

# Connect to a port, from another address with from => ADDRESS.  key is needed;
# id, application_name and slot_name are what it says of itself.  With
# trickle => 1 it sends a byte at a time; with extra => [fields] its greeting has
# more fields.
sub connect
{
	my ($class, $port, %params) = @_;

	return $class->_new(Port::connect_to($port, $params{to}, $params{from}),
		client => 1, %params);
}

# The next standby that connects to a listening socket, or undef if none does in
# this many seconds, by default as long as is usual.  It may be an HTTP client as
# well, as nothing is read yet.
sub accept
{
	my ($class, $listener, %params) = @_;
	my $seconds =
	  $params{seconds} // $PostgreSQL::Test::Utils::timeout_default;

	return if !Process::readable($listener, $seconds);
	return $class->_new(scalar $listener->accept, client => 0, %params);
}

sub _new
{
	my ($class, $socket, %params) = @_;

	setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
	return bless {
		id => random(16),
		challenge => random(32),
		protocol => 1 << 16,
		application_name => '',
		slot_name => '',
		%params,
		socket => $socket,
		in => '',
		bytes_in => '',
		bytes_out => '',
		sent => 0,
		received => 0,
	}, $class;
}

sub id
{
	my ($self) = @_;

	return $self->{id};
}

sub socket
{
	my ($self) = @_;

	return $self->{socket};
}

# All that has come, and that was sent.
sub bytes_in
{
	my ($self) = @_;

	return $self->{bytes_in};
}

sub bytes_out
{
	my ($self) = @_;

	return $self->{bytes_out};
}

# Has a part of a frame come, or more?
sub has_come
{
	my ($self) = @_;

	return length $self->{in} || Process::readable($self->{socket}, 0);
}

# Send bytes.  Whoever has closed the connection does not get them.
sub write
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';

	$self->{bytes_out} .= $bytes;
	while (length $bytes)
	{
		my $done = syswrite($self->{socket},
			$bytes, $self->{trickle} ? 1 : length $bytes)
		  or last;
		substr($bytes, 0, $done, '');
	}
	return;
}

# The bytes of a frame; fields as name and value, or number of a tag and bytes.
sub frame
{
	my ($type, @fields) = @_;
	my $payload = '';

	while (my ($name, $value) = splice @fields, 0, 2)
	{
		my ($tag, $template) =
		  $name =~ /^\d+$/ ? ($name, 'a*') : @{ $field{$name} };

		$payload .= pack('C n/a*', $tag, pack($template, $value));
	}
	return pack('C C n/a*', 0xF1, $type{$type} // $type, $payload);
}

# The same with its MAC, as the next one of this session.
sub sealed
{
	my ($self, @frame) = @_;
	my $frame = frame(@frame);

	return $frame . $self->_mac($self->{send_key}, $self->{sent}++, $frame);
}

# Send a frame, with a MAC unless it has none by its type.
sub send
{
	my ($self, $type, @fields) = @_;

	return $self->write(
		$type =~ /^(hello|challenge)$/
		? frame($type, @fields)
		: $self->sealed($type, @fields));
}

# The next frame: type, bytes, and fields by name, those that are not known by the
# numbers of their tags.  authentic says whether it has the MAC that it should.
# undef if the other end has closed; dies if nothing comes in time.
sub receive
{
	my ($self, $seconds) = @_;
	my $limit =
	  time() + ($seconds // $PostgreSQL::Test::Utils::timeout_default);

	while (1)
	{
		my $frame = $self->_take;

		return $frame if $frame;
		my $left = $limit - time();
		die 'timed out waiting for a frame'
		  if $left <= 0 || !Process::readable($self->{socket}, $left);
		sysread($self->{socket}, my $part, 65536) or return;
		$self->{in} .= $part;
		$self->{bytes_in} .= $part;
	}
}

# The first frame of what has come, if it is whole.
sub _take
{
	my ($self) = @_;
	my ($magic, $type, $length) = unpack('C C n', $self->{in});

	return if length $self->{in} < 4;
	die "not a frame: $self->{in}" if $magic != 0xF1;

	my %frame = (type => $type_name{$type} // $type);
	my $macless = $frame{type} =~ /^(hello|challenge)$/
	  || $frame{type} eq 'refused' && $length == 0;
	my $whole = 4 + $length + ($macless ? 0 : 32);

	return if length $self->{in} < $whole;

	my $bytes = substr($self->{in}, 0, 4 + $length);
	my $mac = substr($self->{in}, 4 + $length, $whole - 4 - $length);

	$frame{bytes} = substr($self->{in}, 0, $whole, '');
	$frame{authentic} =
	  $mac eq $self->_mac($self->{receive_key}, $self->{received}++, $bytes)
	  if !$macless;

	my $payload = substr($bytes, 4);
	while (length $payload)
	{
		my ($tag, $value) = unpack('C n/a*', $payload);
		my ($name) = grep { $field{$_}[0] == $tag } keys %field;

		substr($payload, 0, 3 + length $value, '');
		$frame{ $name // $tag } =
		  defined $name ? unpack($field{$name}[1], $value) : $value;
	}
	return \%frame;
}

# Go through the handshake, and say how it ended: 'welcome', 'refused' with what was
# said of why, 'closed', or 'not authentic' if the other end could not prove itself.
sub join
{
	my ($self) = @_;

	return $self->{client} ? $self->_join_as_client : $self->_join_as_server;
}

sub hello
{
	my ($self) = @_;

	return $self->send(
		$self->{client} ? 'hello' : 'challenge',
		@{ $self->{extra} // [] },
		protocol => $self->{protocol},
		id => $self->{id},
		challenge => $self->{challenge});
}

# Take the other end's first frame, of that type; false if another one has come.
sub meet
{
	my ($self, $type) = @_;
	my $frame = $self->receive;

	$self->{last} = $frame;
	return 0 if !$frame || $frame->{type} ne $type;
	$self->{"peer_$_"} = $frame->{$_} foreach qw(protocol id challenge);
	$self->_make_keys;
	return 1;
}

sub prove
{
	my ($self) = @_;

	$self->send('proof',
		application_name => $self->{application_name},
		slot_name => $self->{slot_name});
	return;
}

sub _join_as_client
{
	my ($self) = @_;

	$self->hello;
	return verdict($self->{last}) if !$self->meet('challenge');
	$self->prove;
	return verdict($self->receive);
}

sub _join_as_server
{
	my ($self) = @_;

	return verdict($self->{last}) if !$self->meet('hello');
	$self->hello;

	my $proof = $self->receive;

	return verdict($proof) if !$proof || !$proof->{authentic};
	$self->{proof} = $proof;
	$self->send('welcome');
	return 'welcome';
}

# What a frame says of the session.
sub verdict
{
	my ($frame) = @_;

	return 'closed' if !$frame;
	return 'not authentic'
	  if exists $frame->{authentic} && !$frame->{authentic};
	return 'refused' if $frame->{type} eq 'refused' && !$frame->{refusal};
	return 'refused ' . ($refusals[ $frame->{refusal} ] // $frame->{refusal})
	  if $frame->{type} eq 'refused';
	return $frame->{type};
}

# Tell of servers, each a hash of fields.  The first is this one, which reports now.
sub tell
{
	my ($self, $own, @servers) = @_;

	$self->write(
		CORE::join('',
			map { $self->sealed('server', %$_) } $self->own(%$own), @servers)
		  . $self->sealed('end'));
	return;
}

# The fields of this server, with these.
sub own
{
	my ($self, %fields) = @_;

	return { server => $self->{id}, report_age => 0, %fields };
}

# What the other end tells, up to its next end: hashes of fields.  Dies if the line
# is closed.
sub hear
{
	my ($self) = @_;
	my @servers;

	while (my $frame = $self->receive)
	{
		die 'a frame is not authentic' if !$frame->{authentic};
		return @servers if $frame->{type} eq 'end';
		push @servers, $frame if $frame->{type} eq 'server';
	}
	die 'the line was closed';
}

# How the other end has closed the line: 'closed', or the verdict of a refusal,
# after all that it still tells.
sub ending
{
	my ($self) = @_;

	while (my $frame = $self->receive)
	{
		return verdict($frame) if $frame->{type} eq 'refused';
	}
	return 'closed';
}

# Tell the same in the background, three times a second, until the line is closed
# or the object is gone.  What comes is thrown away.
sub keep_telling
{
	my ($self, @servers) = @_;
	my $parent = $$;

	$self->{keeper} = fork() // die "could not fork: $!";
	return if $self->{keeper};

	# Whoever waits for the test's output must not wait for us.
	open(STDOUT, '>', '/dev/null');
	open(STDERR, '>', '/dev/null');
	while (getppid() == $parent)
	{
		$self->tell(@servers);
		last
		  if Process::readable($self->{socket}, 0.3)
		  && !sysread($self->{socket}, my $part, 65536);
	}
	POSIX::_exit(0);
}

# Is that going on?
sub is_kept
{
	my ($self) = @_;

	return $self->{keeper} && Process::runs($self->{keeper});
}

# Close it, without a word, also where a process that was forked meanwhile has the
# socket, too.
sub end
{
	my ($self) = @_;

	$self->DESTROY;
	shutdown($self->{socket}, 2);
	close $self->{socket};
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);
	my $keeper = delete $self->{keeper} or return;

	kill('KILL', $keeper);
	waitpid($keeper, 0);
	return;
}

# Wait until the line of a standby to its upstream server is in this state.
sub state_when
{
	my ($node, $state, $what) = @_;

	Replwatch::wait_until($node,
		"SELECT line_state = '$state' FROM replwatch_node()", $what);
	return;
}

# Make the keys of both directions, when the other end's greeting has come.
sub _make_keys
{
	my ($self) = @_;
	my @order = $self->{client} ? ('', 'peer_') : ('peer_', '');
	my $session = CORE::join '',
	  map({ pack('Q>', $self->{"${_}protocol"}) } @order),
	  map({ $self->{"${_}id"} } @order),
	  map({ $self->{"${_}challenge"} } @order);
	my %key = map {
		($_ => hmac_sha256("replwatch $_$session", $self->{key}))
	} qw(client server);

	@{$self}{qw(send_key receive_key)} =
	  @key{ $self->{client} ? qw(client server) : qw(server client) };
	return;
}

sub _mac
{
	my ($self, $key, $number, $frame) = @_;

	return hmac_sha256(pack('Q>', $number) . $frame, $key);
}

1;
