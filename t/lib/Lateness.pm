# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Lateness - how late the machine wakes processes

=head1 SYNOPSIS

  use lib 't/lib';
  use Lateness;

  my $probe = Lateness->new;
  # ... what is measured ...
  my $late = $probe->worst;
  cmp_ok($longest, '<=', 0.2 + $late, 'nothing took long');

=head1 DESCRIPTION

A process that sleeps a millisecond, again and again, and notes by how much
its longest sleep was too long.  A time that is measured meanwhile on the same
machine may be too long by as much, once for each process that had to be woken
in it.

=cut

package Lateness;

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);

# Begin.
sub new
{
	my ($class) = @_;

	pipe(my $reader, my $writer) or die "could not create a pipe: $!";
	my $pid = fork() // die "could not fork: $!";

	if ($pid == 0)
	{
		my ($worst, $ended) = (0, 0);

		local $SIG{TERM} = sub { $ended = 1 };
		close $reader;
		while (!$ended)
		{
			my $begin = clock_gettime(CLOCK_MONOTONIC);

			sleep(0.001);
			my $late = clock_gettime(CLOCK_MONOTONIC) - $begin - 0.001;
			$worst = $late if $late > $worst;
		}
		syswrite($writer, "$worst\n");
		POSIX::_exit(0);
	}
	close $writer;
	return bless { pid => $pid, reader => $reader }, $class;
}

# End, and return the longest delay in seconds.
sub worst
{
	my ($self) = @_;
	my $reader = $self->{reader};

	my $pid = delete $self->{pid};

	kill('TERM', $pid);
	my $worst = <$reader>;
	waitpid($pid, 0);
	die 'the probe has died' if !defined $worst;
	return $worst + 0;
}

sub DESTROY
{
	my ($self) = @_;

	kill('TERM', $self->{pid}) if $self->{pid};
	return;
}

1;
