# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Tree - servers that replicate in a tree and have lines to each other

=head1 SYNOPSIS

  use lib 't/lib';
  use Tree;

  my $primary = Tree::primary('primary');
  my $middle = Tree::standby($primary, 'middle');
  my $leaf = Tree::standby($middle, 'leaf');
  my $watch = Tree->watch($primary, $middle, $leaf);

  Tree::shape_is($_, 'primary, middle < primary, leaf < middle',
	  'the tree is complete') foreach $primary, $middle, $leaf;
  $watch->is_sound('nobody was ever in it twice');

=head1 DESCRIPTION

All servers have the same replwatch.port, each on an address of its own:
127.0.0.1 for the first one, 127.0.0.2, and so on.  They replicate over TCP;
the test itself asks them at their Unix sockets.

=cut

package Tree;

use strict;
use warnings;

use IO::Select;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process ();
use Replwatch ();
use Session ();
use Test::More;
use Time::HiRes qw(time sleep);

# Names of the columns of replwatch_cluster(), in order.
our @columns = qw(node upstream depth role host timeline replay_lsn lag
  staleness state health reason_code reason alerts port version reported_at);

# The port of all servers, and the address of each, by name.
my $port;
my %address;

# A port that is free on all addresses that a tree may have.
sub port
{
	my $most = 12;

	until (defined $port)
	{
		my $found = PostgreSQL::Test::Cluster::get_free_port();

		$port = $found
		  if !grep { !PostgreSQL::Test::Cluster::can_bind("127.0.0.$_", $found) }
		  2 .. $most;
	}
	return $port;
}

# The address of a server, which is assigned when it is first asked for.
sub address
{
	my ($name) = @_;

	$address{$name} = '127.0.0.' . (1 + keys %address)
	  if !exists $address{$name};
	return $address{$name};
}

# Lines for postgresql.conf of the server with this name.
sub conf
{
	my ($name, @conf) = @_;
	my $address = address($name);

	return (
		"listen_addresses = '$address'",
		'replwatch.port = ' . port(),
		"replwatch.listen_addresses = '$address'",
		"replwatch.port_serves = 'all'",
		"replwatch.node_name = '$name'",
		'wal_retrieve_retry_interval = 200ms',
		@conf);
}

# How a standby with this application_name reaches its upstream server.
sub conninfo
{
	my ($upstream, $name) = @_;

	return
		'host='
	  . address($upstream->name)
	  . ' port='
	  . $upstream->port
	  . " application_name=$name";
}

# Start a primary, with further lines for postgresql.conf.
sub primary
{
	my ($name, @conf) = @_;

	return Replwatch::primary($name, 'wal_keep_size = 64MB',
		conf($name, @conf));
}

# Start a standby, and wait until it streams; parameters as Replwatch::standby
# has them.
sub standby
{
	my ($upstream, $name, %params) = @_;
	my $conninfo = conninfo($upstream, $name);

	return Replwatch::standby(
		$upstream, $name, %params,
		conf => [
			conf($name, "primary_conninfo = '$conninfo'"),
			@{ $params{conf} // [] }
		]);
}

# Let a standby follow another server, from its next start or reload on.
sub follow
{
	my ($node, $upstream) = @_;
	my $conninfo = conninfo($upstream, $node->name);

	$node->append_conf('postgresql.conf',
		"primary_conninfo = '$conninfo'\n");
	return;
}

# The rows of replwatch_cluster(), in order, as hashes of column to text, undef
# for NULL; lag, staleness and reported_at in seconds, and the age of that as
# "age".
sub rows
{
	my ($node) = @_;
	my @rows;
	my $list = join ', ', map {
		/^(lag|staleness|reported_at)$/
		  ? "extract(epoch FROM $_)"
		  : $_
	} @columns;

	foreach my $values (
		Replwatch::rows($node,
			"SELECT $list, extract(epoch FROM clock_timestamp() - reported_at) FROM replwatch_cluster()"
		))
	{
		my %row;
		@row{ @columns, 'age' } = @$values;
		push @rows, \%row;
	}
	return @rows;
}

# The row of a server; undef if there is none, dies if there are several.
sub row
{
	my ($node, $name) = @_;
	my @rows = grep { $_->{node} eq $name } rows($node);

	die "several rows are of $name: " . join("", explain(\@rows)) if @rows > 1;
	return $rows[0];
}

# Wait until the row of a server fits, and return it; dies with $what at the time
# limit.
sub row_when
{
	my ($node, $name, $what, $fits) = @_;
	my $client = Session->new($node);
	my $row;

	return eval {
		Process::until_true(
			$what,
			sub {
				$row = row($client, $name);
				return $row && $fits->($row) ? $row : undef;
			});
	} // do
	{
		diag(defined $row ? explain($row) : "there is no row of $name");
		die $@;
	};
}

# Check that a server shows this tree before long, and that each server in it has
# just reported, but for those with these names, which are all that have not.  The
# tree is written in a line: "primary, standby < primary".
sub shape_is
{
	my ($node, $shape, $what, @silent) = @_;
	my $client = Session->new($node);
	my $seen = '';

	eval {
		Process::until_true(
			$what,
			sub {
				my @rows = rows($client);
				my $silent = join ' ', sort map { $_->{node} }
				  grep { !defined $_->{age} || $_->{age} > 3 } @rows;

				$seen = join(', ', map {
					defined $_->{upstream}
					  ? "$_->{node} < $_->{upstream}"
					  : $_->{node}
				} @rows) . "; silent: $silent";
				return $seen eq "$shape; silent: " . join ' ', sort @silent;
			});
	};
	return is($seen, "$shape; silent: " . join(' ', sort @silent), $what);
}

# Ask some servers for the tree, again and again, until is_sound() is called:
# whatever happens meanwhile, each server is in the tree once, below its upstream
# server, and the server that was asked is always there.  Servers that do not
# answer are left out.
sub watch
{
	my ($class, @nodes) = @_;

	pipe(my $reader, my $writer) or die "could not create a pipe: $!";
	my $pid = fork() // die "could not fork: $!";

	if ($pid == 0)
	{
		my ($ended, %seen) = (0);

		# Whoever waits for the test's output must not wait for us.
		open(STDOUT, '>', '/dev/null');
		open(STDERR, '>', '/dev/null');
		local $SIG{TERM} = sub { $ended = 1 };
		close $reader;
		until ($ended)
		{
			$seen{$_}++ foreach map { _look($_) } @nodes;
			sleep(0.03);
		}
		syswrite($writer, join('', map { "$seen{$_} x $_\n" } sort keys %seen));
		POSIX::_exit(0);
	}
	close $writer;
	return bless { pid => $pid, reader => $reader }, $class;
}

# The sessions of such a process.
my %watched;

# What is wrong with the tree that a server shows now, and "looks".
sub _look
{
	my ($node) = @_;
	my $name = $node->name;
	my (@rows, @wrong, %depth);

	# A server that is stopped does not answer at all.
	eval {
		my $client = $watched{$name} //= Session->new($node);
		my $answer = $client->ask(
			'SELECT node, upstream, depth FROM replwatch_cluster()')->answer(5);

		die 'no answer' if $answer->{state} || $answer->{closed};
		@rows = @{ $answer->{rows} };
		1;
	} or do
	{
		delete $watched{$name};
		return;
	};

	foreach my $row (@rows)
	{
		my ($node, $upstream, $depth) = @$row;

		push @wrong, "$node is there twice" if exists $depth{$node};
		push @wrong, "$node is not below $upstream"
		  if defined $upstream && ($depth{$upstream} // -1) != $depth - 1;
		push @wrong, "$node has no upstream server, and depth $depth"
		  if !defined $upstream && $depth != 0;
		$depth{$node} = $depth;
	}
	push @wrong, 'it is not there itself' if !exists $depth{$name};
	return ('looks',
		map { "on $name $_: " . join ', ', map { $_->[0] } @rows } @wrong);
}

# End the watch, and check that nothing was wrong in any look.
sub is_sound
{
	my ($self, $what) = @_;
	my $reader = $self->{reader};
	my $pid = delete $self->{pid};

	kill('TERM', $pid);
	my @seen = <$reader>;
	waitpid($pid, 0);

	my ($looks) = map { /^(\d+) x looks$/ } @seen;
	my @wrong = grep { !/ x looks$/ } @seen;

	note(($looks // 0) . ' looks');
	return ok($looks && !@wrong, $what) || diag(@wrong);
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	kill('KILL', $self->{pid}) if $self->{pid};
	return;
}

# All processes of a server are stopped, as those of a virtual machine that is
# suspended.  Returns their pids; SIGCONT resumes them.
sub suspend
{
	my ($node) = @_;
	my $postmaster = Process::postmaster($node);
	my @pids;

	# It starts none while it is stopped.
	Process::stop($postmaster);
	@pids = ($postmaster, Process::children($postmaster));
	kill('STOP', @pids);
	return @pids;
}

# The text without its numbers, which change from one second to the next.
sub without_numbers
{
	my ($text) = @_;

	$text =~ s/\d+(?:\.\d+)?/N/g if defined $text;
	return $text;
}

1;
