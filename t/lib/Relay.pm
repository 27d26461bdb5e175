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
use Time::HiRes qw(sleep);

# Start one.  With speed => N the node's data goes through at N bytes a second
# at most.  It ends with the object.
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
				$parent, $params{speed});
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
	my ($listener, $target, $parent, $speed) = @_;
	my $select = IO::Select->new($listener);
	my %other;
	my %from_node;

	while (getppid() == $parent)
	{
		foreach my $from ($select->can_read(1))
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

			my $to = $other{$from} or next;
			my $got = sysread($from, my $data, 16384);

			if (!$got || !_write_all($to, $data))
			{
				$select->remove($from, $to);
				delete @other{ $from, $to };
				delete @from_node{ $from, $to };
				close $from;
				close $to;
				next;
			}
			sleep($got / $speed) if $speed && $from_node{$from};
		}
	}
	return;
}

sub _write_all
{
	my ($to, $data) = @_;

	while (length $data)
	{
		my $done = syswrite($to, $data) or return 0;
		substr($data, 0, $done, '');
	}
	return 1;
}

1;
