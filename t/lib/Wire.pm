# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Wire - a client that sees each message of the protocol

=head1 SYNOPSIS

  use lib 't/lib';
  use Wire;

  my $client = Wire->new($node, 'replwatch.report_commit_token' => 'on');

  my $answer = $client->simple('INSERT INTO t VALUES (1)');
  is($answer->{messages}, 'CSZ', 'the token follows the command');
  is($client->parameter('replwatch.commit_token'), $token, 'it is this one');

  $client->send(Wire::bound('SELECT $1::int', 7), Wire::sync());
  $answer = $client->until_ready;

=head1 DESCRIPTION

Drivers hide what reaches a client, and when: here the order of the messages
is to be seen, many requests can be on their way at once, and answers can be
left unread.

=cut

package Wire;

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

# Connect to a node, or to what listens as { host => directory, port => n }.
# Further arguments are settings for the startup message; user and database
# are taken from them if given.  Dies if the server refuses.
sub new
{
	my ($class, $node, %settings) = @_;
	my ($host, $port) =
	  ref $node eq 'HASH'
	  ? @{$node}{qw(host port)}
	  : ($node->host, $node->port);
	my $self = bless { input => '', parameters => {} }, $class;
	my $startup = pack('N', 3 << 16);

	$settings{user} //= (getpwuid($<))[0];
	$settings{database} //= 'postgres';
	$startup .= pack('Z* Z*', $_, $settings{$_}) foreach sort keys %settings;
	$startup .= "\0";

	$self->{socket} =
	  IO::Socket::UNIX->new(Peer => "$host/.s.PGSQL.$port")
	  or die "could not connect to $host, port $port: $!";
	$self->send(pack('N', 4 + length $startup) . $startup);
	my $answer = $self->until_ready;
	die "connection refused: $answer->{error}{M}" if $answer->{error};
	return $self;
}

# The server process that serves this client.
sub pid
{
	my ($self) = @_;

	return $self->{pid};
}

# The last value that the server told of a setting; undef if it never did.
sub parameter
{
	my ($self, $name) = @_;

	return $self->{parameters}{$name};
}

# Execute a simple query, of one or several commands, and return the answer as
# until_ready does.  What is to be copied in follows it.
sub simple
{
	my ($self, $sql, $copy) = @_;

	$self->send(query($sql));
	$self->send(message('d', $copy), message('c', '')) if defined $copy;
	return $self->until_ready;
}

# The one value that a query returns, undef for NULL; dies if there is an error.
sub value
{
	my ($self, $sql) = @_;
	my $answer = $self->simple($sql);

	die "$sql: $answer->{error}{M}" if $answer->{error};
	return $answer->{rows}[0][0];
}

# Send messages, made by the functions below, in one piece.
sub send
{
	my ($self, @messages) = @_;
	my $data = join('', @messages);

	local $SIG{PIPE} = 'IGNORE';
	while (length $data)
	{
		my $done = syswrite($self->{socket}, $data)
		  or die "could not send: $!";
		substr($data, 0, $done, '');
	}
	return;
}

# Read up to the next ReadyForQuery.  Returns a hash of
#	messages	the types of the messages, in order, but for notices
#	rows		of all results, each an array of texts, undef for NULL
#	error		the first error's fields, by their letters: C, M, D, H
#	reported	what was said of settings, in order, as "name=value"
# Dies if the connection ends without an error, or when the framework's time is
# up.
sub until_ready
{
	my ($self) = @_;
	my %answer = (messages => '', rows => [], reported => []);

	while (1)
	{
		my ($type, $body) = $self->_next($answer{error});

		last if !defined $type;
		next if $type eq 'N';
		$answer{messages} .= $type;
		if ($type eq 'E')
		{
			$answer{error} //=
			  { map { (substr($_, 0, 1), substr($_, 1)) } split /\0/, $body };
		}
		elsif ($type eq 'S')
		{
			my ($name, $value) = unpack('Z* Z*', $body);

			$self->{parameters}{$name} = $value;
			push @{ $answer{reported} }, "$name=$value";
		}
		elsif ($type eq 'D')
		{
			push @{ $answer{rows} }, _row($body);
		}
		elsif ($type eq 'R')
		{
			die 'only trust is spoken here' if unpack('N', $body) != 0;
		}
		elsif ($type eq 'K')
		{
			$self->{pid} = unpack('N', $body);
		}
		last if $type eq 'Z';
	}
	return \%answer;
}

# End the connection, without a word to the server if it is "abrupt".
sub close
{
	my ($self, $abrupt) = @_;

	eval { $self->send(message('X', '')) } if !$abrupt;
	CORE::close($self->{socket});
	return;
}

# A message of a type.
sub message
{
	my ($type, $body) = @_;

	return $type . pack('N', 4 + length $body) . $body;
}

# The message that asks for a simple query.
sub query
{
	my ($sql) = @_;

	return message('Q', "$sql\0");
}

# The messages that ask for one command in the extended protocol, with unnamed
# statement and portal; values are texts.
sub bound
{
	my ($sql, @values) = @_;
	my $bind = "\0\0" . pack('n n', 0, scalar @values);

	$bind .= defined $_ ? pack('N', length $_) . $_ : pack('N', 0xFFFFFFFF)
	  foreach @values;
	return
		message('P', "\0$sql\0" . pack('n', 0))
	  . message('B', $bind . pack('n', 0))
	  . message('E', "\0" . pack('N', 0));
}

# The message that ends a pipeline.
sub sync
{
	return message('S', '');
}

# One message: type and body; nothing if the connection has ended, which is
# right after an error only.
sub _next
{
	my ($self, $after_error) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;

	while (1)
	{
		if (length $self->{input} >= 5)
		{
			my ($type, $len) = unpack('a N', $self->{input});

			if (length $self->{input} > $len)
			{
				my $body = substr($self->{input}, 5, $len - 4);

				substr($self->{input}, 0, 1 + $len, '');
				return ($type, $body);
			}
		}

		IO::Select->new($self->{socket})->can_read($limit - time())
		  or die 'timed out waiting for an answer';
		if (!sysread($self->{socket}, $self->{input}, 65536,
				length $self->{input}))
		{
			return if $after_error;
			die 'the server closed the connection';
		}
	}
	return;
}

sub _row
{
	my ($body) = @_;
	my $columns = unpack('n', $body);
	my $at = 2;
	my @row;

	foreach (1 .. $columns)
	{
		my $len = unpack('N', substr($body, $at, 4));

		$at += 4;
		if ($len == 0xFFFFFFFF)
		{
			push @row, undef;
			next;
		}
		push @row, substr($body, $at, $len);
		$at += $len;
	}
	return \@row;
}

1;
