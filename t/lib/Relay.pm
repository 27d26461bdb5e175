# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Relay - a line between two servers that the test can cut

=head1 SYNOPSIS

  use lib 't/lib';
  use Relay;

  my $line = Relay->new($primary);
  $standby->append_conf('postgresql.conf',
	  "primary_conninfo = '" . $line->connstr . "'");

  $line->cut;
  $line->mend;

=head1 DESCRIPTION

A process that accepts connections for a node at a socket of its own and
passes on whatever comes from either side.  Cut, it passes on nothing, and
neither side is told: both connections stay open, as they do when a cable is
pulled out.

=cut

package Relay;

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

# Start one.  With speed => N the node's data goes through at N bytes a second
# at most; with delay => SECONDS all data, and the end of a connection, arrives
# later by that much, from either side.  It ends with the object.
sub new
{
	my ($class, $node, %params) = @_;
	my $self = bless {
		dir => PostgreSQL::Test::Utils::tempdir_short(),
		port => $node->port,
		speed => $params{speed},
	}, $class;
	my $socket = '/.s.PGSQL.' . $node->port;
	my $listener =
	  IO::Socket::UNIX->new(Local => $self->{dir} . $socket, Listen => 5)
	  or die "could not listen in $self->{dir}: $!";
	my $parent = $$;

	$self->{pid} = fork() // die "could not fork: $!";
	if ($self->{pid} == 0)
	{
		# Whoever waits for the test's output must not wait for us.
		open(STDOUT, '>', '/dev/null');
		open(STDERR, '>', '/dev/null');
		$SIG{PIPE} = 'IGNORE';
		eval {
			_pass_on($listener, $node->host . $socket,
				$parent, $params{speed}, $params{delay} // 0);
		};
		POSIX::_exit(0);
	}
	close $listener;
	return $self;
}

# How to reach the node through it.
sub connstr
{
	my ($self) = @_;

	return "host=$self->{dir} port=$self->{port}";
}

# Nothing goes through from now on.
sub cut
{
	my ($self) = @_;

	kill('STOP', $self->{pid}) or die "no relay runs: $!";
	return;
}

# It works again, and what has piled up goes through.
sub mend
{
	my ($self) = @_;

	kill('CONT', $self->{pid}) or die "no relay runs: $!";
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	return if !$self->{pid};
	kill('KILL', $self->{pid});
	waitpid($self->{pid}, 0);
	return;
}

# The relay's own process, until the test is gone.
sub _pass_on
{
	my ($listener, $target, $parent, $speed, $delay) = @_;
	my $select = IO::Select->new($listener);
	my %other;
	my %from_node;

	# What is on its way, oldest first: when it arrives, where from, where to,
	# and the data; none at the end of a connection.
	my @underway;

	while (getppid() == $parent)
	{
		my $wait = @underway ? $underway[0][0] - time() : 1;

		foreach my $from ($select->can_read($wait > 0 ? $wait : 0))
		{
			if ($from == $listener)
			{
				my $client = $listener->accept                    or next;
				my $node = IO::Socket::UNIX->new(Peer => $target) or next;

				$select->add($client, $node);
				$other{$client} = $node;
				$other{$node} = $client;
				$from_node{$node} = 1;
				next;
			}

			my $got = sysread($from, my $data, 16384);

			$select->remove($from) if !$got;
			push @underway,
			  [ time() + $delay, $from, $other{$from}, $got ? $data : '' ];
		}

		while (@underway && $underway[0][0] <= time())
		{
			my (undef, $from, $to, $data) = @{ shift @underway };

			# The other side may have been first to close the connection.
			next if !$other{$from};
			if ($data eq '')
			{
				$select->remove($from, $to);
				delete @other{ $from, $to };
				delete @from_node{ $from, $to };
				close $from;
				close $to;
				next;
			}

			# If nobody reads any more, the end of the connection will be read.
			_write_all($to, $data);
			sleep(length($data) / $speed) if $speed && $from_node{$from};
		}
	}
	return;
}

sub _write_all
{
	my ($to, $data) = @_;

	while (length $data)
	{
		my $done = syswrite($to, $data) or return;
		substr($data, 0, $done, '');
	}
	return;
}

1;
