# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Session - a client that speaks the protocol itself

=head1 SYNOPSIS

  use lib 't/lib';
  use Session;

  my $client = Session->new($node);
  is($client->query('SELECT 1')->{rows}[0][0], '1', 'it answers');

  $client->ask('SELECT pg_sleep(10)');
  # ... something else in the meantime ...
  my $answer = $client->answer;

  $client->parse('p', 'SELECT $1::text')->bind('', 'p', 'x')->execute('');
  $answer = $client->sync->answer;

=head1 DESCRIPTION

What psql can't do on every major: a query that is sent now and answered
later, statements and portals by protocol, pipelines, a look at the messages.

An answer is all that came up to a ReadyForQuery: rows (texts, undef for
NULL), and of an error its state (SQLSTATE), message, detail and hint; or, if
the server closed the connection first, closed.

=cut

package Session;

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

# Connect to a node as the user who runs the tests.  Further parameters go
# into the startup packet.  Dies if that is refused.
sub new
{
	my ($class, $node, %parameters) = @_;
	my $socket =
	  IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port)
	  or die 'could not connect to ' . $node->name . ": $!";
	my $self = bless { socket => $socket, out => '', in => '' }, $class;

	%parameters = (
		user => scalar(getpwuid($<)),
		database => 'postgres',
		%parameters);
	my $body = pack('N', 196608)
	  . join('', map { "$_\0$parameters{$_}\0" } sort keys %parameters) . "\0";
	$self->{out} = pack('N', 4 + length $body) . $body;
	$self->_flush;
	my $answer = $self->answer;
	die $answer->{message} // 'the server closed the connection'
	  if $answer->{message} || $answer->{closed};
	return $self;
}

# The server's process for this connection.
sub pid
{
	my ($self) = @_;

	return $self->{pid};
}

# What to wait for, with others: readable when something of an answer has come.
sub socket
{
	my ($self) = @_;

	return $self->{socket};
}

# What the server has last told of a setting, by ParameterStatus.
sub parameter
{
	my ($self, $name) = @_;

	return $self->{parameter}{$name};
}

# Send a simple query.
sub ask
{
	my ($self, $sql) = @_;

	return $self->_message('Q', "$sql\0")->_flush;
}

# The next answer, waited for as long as is usual or $seconds.
sub answer
{
	my ($self, $seconds) = @_;
	my $limit = time() + ($seconds // $PostgreSQL::Test::Utils::timeout_default);
	my %answer = (rows => []);

	while (my ($type, $body) = $self->_next($limit))
	{
		if ($type eq 'Z')
		{
			return \%answer;
		}
		elsif ($type eq 'D')
		{
			push @{ $answer{rows} }, _row($body);
		}
		elsif ($type eq 'E')
		{
			my %field =
			  map { substr($_, 0, 1) => substr($_, 1) } split /\0/, $body;

			$answer{$_->[0]} = $field{ $_->[1] }
			  foreach ([ state => 'C' ], [ message => 'M' ],
				[ detail => 'D' ], [ hint => 'H' ]);
		}
		elsif ($type eq 'S')
		{
			my ($name, $value) = split /\0/, $body, 3;
			$self->{parameter}{$name} = $value // '';
		}
		elsif ($type eq 'K')
		{
			$self->{pid} = unpack('N', $body);
		}
	}
	$answer{closed} = 1;
	return \%answer;
}

# Both in one.
sub query
{
	my ($self, $sql) = @_;

	return $self->ask($sql)->answer;
}

# Has nothing come yet?
sub silent
{
	my ($self) = @_;

	return $self->{in} eq '' && !IO::Select->new($self->{socket})->can_read(0);
}

# Messages of the extended protocol, sent with the next sync.
sub parse
{
	my ($self, $name, $sql) = @_;

	return $self->_message('P', "$name\0$sql\0" . pack('n', 0));
}

sub bind
{
	my ($self, $portal, $name, @values) = @_;

	return $self->_message(
		'B',
		"$portal\0$name\0"
		  . pack('nn', 0, scalar @values)
		  . join('',
			map { defined $_ ? pack('N/a*', $_) : pack('N', 0xFFFFFFFF) }
			  @values)
		  . pack('n', 0));
}

sub execute
{
	my ($self, $portal, $rows) = @_;

	return $self->_message('E', "$portal\0" . pack('N', $rows // 0));
}

sub sync
{
	my ($self) = @_;

	return $self->_message('S', '')->_flush;
}

# Go away without a word.
sub vanish
{
	my ($self) = @_;

	close $self->{socket};
	return;
}

sub _message
{
	my ($self, $type, $body) = @_;

	$self->{out} .= $type . pack('N', 4 + length $body) . $body;
	return $self;
}

sub _flush
{
	my ($self) = @_;
	local $SIG{PIPE} = 'IGNORE';

	while (length $self->{out})
	{
		my $done = syswrite($self->{socket}, $self->{out}) or last;
		substr($self->{out}, 0, $done, '');
	}
	$self->{out} = '';
	return $self;
}

# The next message as type and body; none if the connection has ended.
sub _next
{
	my ($self, $limit) = @_;

	while (1)
	{
		if (length $self->{in} >= 5)
		{
			my ($type, $length) = unpack('aN', $self->{in});

			if (length $self->{in} >= $length + 1)
			{
				my $message = substr($self->{in}, 0, $length + 1, '');
				return ($type, substr($message, 5));
			}
		}

		my $left = $limit - time();
		die 'timed out waiting for an answer'
		  if $left <= 0
		  || !IO::Select->new($self->{socket})->can_read($left);
		sysread($self->{socket}, $self->{in}, 16384, length $self->{in})
		  or return;
	}
}

sub _row
{
	my ($body) = @_;
	my $columns = unpack('n', $body);
	my $at = 2;
	my @row;

	foreach (1 .. $columns)
	{
		my $length = unpack('N', substr($body, $at, 4));

		$at += 4;
		if ($length == 0xFFFFFFFF)
		{
			push @row, undef;
			next;
		}
		push @row, substr($body, $at, $length);
		$at += $length;
	}
	return \@row;
}

1;
