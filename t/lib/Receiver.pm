# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Receiver - a WAL receiver without a standby

=head1 SYNOPSIS

  use lib 't/lib';
  use Receiver;

  my $receiver = Receiver->new($primary, 'replica1');
  $receiver->report($lsn);
  $receiver->end;

=head1 DESCRIPTION

A replica that costs its upstream server a walsender, and the test a socket: it
streams, says that it has replayed everything up to where it began, or up to
wherever the test says, and throws the WAL away.

=cut

package Receiver;

use strict;
use warnings;

use Process ();
use Replwatch ();
use Session ();
use Time::HiRes qw(time);

# Between the years 1970 and 2000, in which the server's time begins.
my $epoch = 946_684_800;

# Stream from a node, or from what { host => address, port => n, from => address }
# says, as Session->new() takes it; the LSN to begin at is needed then.  With
# slot => NAME it uses that slot, which has to be there.
sub new
{
	my ($class, $node, $name, %params) = @_;
	my $lsn = $params{lsn} // Replwatch::flushed($node);
	my $self = bless {
		session => Session->new(
			$node,
			replication => 'true',
			application_name => $name)
	}, $class;
	my $slot = $params{slot} ? qq(SLOT "$params{slot}" ) : '';

	$self->{session}->ask("START_REPLICATION ${slot}PHYSICAL $lsn");
	$self->report($lsn);
	return $self;
}

# Report that everything up to an LSN is there and is replayed, or else only up
# to a second one.
sub report
{
	my ($self, $lsn, $replayed) = @_;

	$self->drain;
	$self->{session}->copy_in(
		pack('A Q> Q> Q> q> C',
			'r', _number($lsn), _number($lsn), _number($replayed // $lsn),
			(time() - $epoch) * 1_000_000, 0));
	return;
}

# Read what has come, so that the walsender is not kept waiting.
sub drain
{
	my ($self) = @_;
	my $socket = $self->{session}->socket;

	while (Process::readable($socket, 0))
	{
		sysread($socket, my $part, 65536) or return;
	}
	return;
}

# Go away, also where a process that was forked meanwhile has the socket, too.
sub end
{
	my ($self) = @_;

	shutdown($self->{session}->socket, 2);
	$self->{session}->vanish;
	return;
}

# An LSN as a number.
sub _number
{
	my ($high, $low) = split m{/}, $_[0];

	return hex($high) << 32 | hex($low);
}

1;
