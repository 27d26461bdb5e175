# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Process - looks at processes and at connections, without asking a server

=head1 SYNOPSIS

  use lib 't/lib';
  use Process;

  my $pid = Process::child($node, 'replwatch sampler');
  Process::until_true('it has gone', sub { !Process::runs($pid) });
  Process::readable($socket, 5) or die 'no answer';

=cut

package Process;

use strict;
use warnings;

use IO::Select;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time sleep);

# The child processes of $parent, including zombies.
sub children
{
	my ($parent) = @_;
	my @children;

	foreach my $file (glob '/proc/[0-9]*/stat')
	{
		# It may have ended meanwhile.
		open my $stat, '<', $file or next;
		my ($pid, $ppid) = (<$stat> // '') =~ /^(\d+) \(.*\) \S (\d+) /s
		  or next;

		push @children, $pid if $ppid == $parent;
	}
	return @children;
}

# The title of a process; empty if it has ended.
sub title
{
	my ($pid) = @_;

	open my $file, '<', "/proc/$pid/cmdline" or return '';
	return <$file> // '';
}

# Does a process run?  A zombie does not.
sub runs
{
	my ($pid) = @_;

	open my $stat, '<', "/proc/$pid/stat" or return 0;
	return (<$stat> // '') =~ /^\d+ \(.*\) [^ZX] /s ? 1 : 0;
}

# Stop a process, and wait until it is stopped; SIGCONT resumes it.
sub stop
{
	my ($pid) = @_;

	kill('STOP', $pid) or die "could not stop process $pid: $!";
	until_true("process $pid is stopped", sub { is_stopped($pid) });
	return;
}

# Is a process stopped?
sub is_stopped
{
	my ($pid) = @_;

	open my $stat, '<', "/proc/$pid/stat" or return 0;
	return (<$stat> // '') =~ /^\d+ \(.*\) T /s ? 1 : 0;
}

# The postmaster of a node; undef if there is no pid file.
sub postmaster
{
	my ($node) = @_;

	open my $file, '<', $node->data_dir . '/postmaster.pid' or return;
	my ($pid) = (<$file> // '') =~ /^(\d+)/;
	return $pid;
}

# The children of a node's postmaster whose title matches; in scalar context
# the first one, or undef.
sub child
{
	my ($node, $title) = @_;
	my $postmaster = postmaster($node) // return;
	my @found = grep { title($_) =~ /$title/ } children($postmaster);

	return wantarray ? @found : $found[0];
}

# Wait for a sub to return true, and return its value; dies with $what at the time
# limit.
sub until_true
{
	my ($what, $is_true) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;

	while (1)
	{
		my $result = $is_true->();

		return $result if $result;
		die "timed out waiting until $what" if time() >= $limit;
		sleep(0.05);
	}
}

# Wait until at least one of some sockets can be read, and return those; none at
# the time limit.  $sockets is a socket or an IO::Select.  An interrupted select()
# is not taken for a time-out.
sub readable
{
	my ($sockets, $seconds) = @_;
	my $select =
	  $sockets->isa('IO::Select') ? $sockets : IO::Select->new($sockets);
	my $limit = time() + $seconds;
	my @ready;

	do
	{
		my $left = $limit - time();

		@ready = $select->can_read($left > 0 ? $left : 0);
	} while (!@ready && time() < $limit);
	return @ready;
}

1;
