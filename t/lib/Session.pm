# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Session - a client that speaks the protocol itself

=head1 SYNOPSIS

  use lib 't/lib';
  use Session qw(verdict);

  my $client = Session->new($node, 'replwatch.report_commit_token' => 'on');
  is($client->value('SELECT 1'), '1', 'it answers');

  $client->ask('SELECT pg_sleep(10)');
  # ... something else in the meantime ...
  is(verdict($client->answer), '57014 canceling statement due to user request',
      'it was cancelled');

  my $answer = $client->query('INSERT INTO t VALUES (1)');
  is($answer->{state}, undef, 'no error');
  is($answer->{types}, 'CSZ', 'the token follows the command');
  is($client->parameter('replwatch.commit_token'), $token, 'it is this one');

  $client->parse('p', 'SELECT $1::text')->bind('', 'p', 'x')->execute('');
  $answer = $client->bound('SELECT $1::int', 7)->sync->answer;

=head1 DESCRIPTION

What psql can't do on every major: a query that is sent now and answered
later or never read, many requests on their way at once, statements and
portals by protocol, pipelines, a look at the messages and at their order.

=cut

package Session;

use strict;
use warnings;

use Exporter qw(import);
use IO::Socket::INET;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use Process ();
use Time::HiRes qw(time);

our @EXPORT_OK = qw(outcomes verdict);

# Connect to a node, or to what listens as { host => directory, port => n }, where
# the host may also be an address, and from an address { ..., from => address }.
# Further arguments are settings for the startup message; user and database
# are taken from them if given.  Dies if the server refuses.
sub new
{
	my ($class, $node, %settings) = @_;
	my ($host, $port, $from) =
	  ref $node eq 'HASH'
	  ? @{$node}{qw(host port from)}
	  : ($node->host, $node->port);
	my $self = bless { out => '', in => '', parameters => {} }, $class;
	my $startup = pack('N', 3 << 16);

	$settings{user}     //= (getpwuid($<))[0];
	$settings{database} //= 'postgres';
	$startup .= pack('Z* Z*', $_, $settings{$_}) foreach sort keys %settings;
	$startup .= "\0";

	$self->{socket} =
	  $host =~ m{^/}
	  ? IO::Socket::UNIX->new(Peer => "$host/.s.PGSQL.$port")
	  : IO::Socket::INET->new(
		PeerAddr => $host,
		PeerPort => $port,
		$from ? (LocalAddr => $from) : ());
	$self->{socket}
	  or die "could not connect to $host, port $port: $!";
	$self->{out} = pack('N', 4 + length $startup) . $startup;
	my $answer = $self->_flush->answer;
	die 'connection refused: '
	  . ($answer->{message} // 'the server closed the connection')
	  if $answer->{state} || $answer->{closed};
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

# What the server has last told of a setting, by ParameterStatus; undef if it
# never did.
sub parameter
{
	my ($self, $name) = @_;

	return $self->{parameters}{$name};
}

# Send simple queries, each of one or several commands, in one piece.  Each
# has an answer.
sub ask
{
	my ($self, @queries) = @_;

	$self->_message('Q', "$_\0") foreach @queries;
	return $self->_flush;
}

# The next answer, waited for as long as is usual or $seconds: all that comes
# up to a ReadyForQuery.  A hash of
#	types	of the messages, a letter each, in order, but for notices
#	rows	of all results, each an array of texts, undef for NULL
#	reported	what was told of settings, in order, as "name=value"
#	state, message, detail, hint	of the first error, if there is one
#	closed	true if the connection has ended instead
# Dies when the time is up.
sub answer
{
	my ($self, $seconds) = @_;
	my $limit =
	  time() + ($seconds // $PostgreSQL::Test::Utils::timeout_default);
	my %answer = (types => '', rows => [], reported => []);

	while (my ($type, $body) = $self->_next($limit))
	{
		next if $type eq 'N';
		$answer{types} .= $type;
		if ($type eq 'Z')
		{
			return \%answer;
		}
		elsif ($type eq 'D')
		{
			push @{ $answer{rows} }, _row($body);
		}
		elsif ($type eq 'E' && !$answer{state})
		{
			my %field =
			  map { (substr($_, 0, 1), substr($_, 1)) } split /\0/, $body;

			@answer{qw(state message detail hint)} = @field{qw(C M D H)};
		}
		elsif ($type eq 'S')
		{
			my ($name, $value) = unpack('Z* Z*', $body);

			$self->{parameters}{$name} = $value;
			push @{ $answer{reported} }, "$name=$value";
		}
		elsif ($type eq 'R')
		{
			die 'only trust is spoken here' if unpack('N', $body) != 0;
		}
		elsif ($type eq 'K')
		{
			$self->{pid} = unpack('N', $body);
		}
	}
	$answer{closed} = 1;
	return \%answer;
}

# Execute a simple query and return its answer.  What is to be copied in
# follows it.
sub query
{
	my ($self, $sql, $copy) = @_;

	$self->_message('Q', "$sql\0");
	$self->_message('d', $copy)->_message('c', '') if defined $copy;
	return $self->_flush->answer;
}

# The one value that a query returns, undef for NULL; dies if there is an error.
sub value
{
	my ($self, $sql) = @_;
	my $answer = $self->query($sql);

	die "$sql: " . verdict($answer) if $answer->{state} || $answer->{closed};
	return $answer->{rows}[0][0];
}

# Send data of a copy that goes on, as a standby does when it reports.
sub copy_in
{
	my ($self, $data) = @_;

	return $self->_message('d', $data)->_flush;
}

# What an answer comes down to: SQLSTATE and message of its error, or the first
# value of each of its rows.
sub verdict
{
	my ($answer) = @_;

	return "$answer->{state} $answer->{message}" if $answer->{state};
	return 'closed' if $answer->{closed};
	return join(' ', map { $_->[0] // 'null' } @{ $answer->{rows} });
}

# The verdicts of what these sessions were asked, each with its number.
sub outcomes
{
	my %seen;

	$seen{ verdict($_->answer) }++ foreach @_;
	return join ', ', map { "$seen{$_} x $_" } sort keys %seen;
}

# Has nothing come yet?
sub silent
{
	my ($self) = @_;

	return $self->{in} eq ''
	  && !Process::readable($self->{socket}, 0);
}

# Messages of the extended protocol, sent with the next sync.  Values are texts.
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

# Ask what a statement ('S') or portal ('P') takes and returns.
sub describe
{
	my ($self, $kind, $name) = @_;

	return $self->_message('D', "$kind$name\0");
}

# The three of them for one command, with unnamed statement and portal.
sub bound
{
	my ($self, $sql, @values) = @_;

	return $self->parse('', $sql)->bind('', '', @values)->execute('');
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

# A server that does not want to hear it may have something to say.
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
		  if $left <= 0 || !Process::readable($self->{socket}, $left);
		sysread($self->{socket}, $self->{in}, 65536, length $self->{in})
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
