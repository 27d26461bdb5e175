# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Command - a primary with an alert_command, and what the command was told

=head1 SYNOPSIS

  use lib 't/lib';
  use Command;

  my $primary = Command::primary('primary');
  Command::start($primary);
  Command::does($primary, 'exit 3');
  Command::expect($primary, 'replica1');    # one that is not there
  my ($call) = Command::calls_when($primary, 1);
  is($call->{subject}, 'replica1', 'it was told of it');

=head1 DESCRIPTION

The command itself never changes, so that no test has to wait until a reload
has reached all processes: it is a script, each time anew looked up, that
notes with what it was called and then does what the test wants.

Alerts are had by expecting replicas that do not exist.

=cut

package Command;

use strict;
use warnings;

use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process ();

# The values of a call.
our @values = qw(alert subject severity state detail time node);

# Start a primary whose alerts are raised after a second.  Further arguments are
# lines for postgresql.conf.
sub primary
{
	my ($name, @conf) = @_;
	my $dir  = PostgreSQL::Test::Utils::tempdir;
	my $node = Replwatch::primary(
		$name,
		"replwatch.missing_timeout = '1s'",
		"replwatch.alert_hold = '100ms'", @conf);

	$node->{command_dir} = $dir;
	does($node, '');
	return $node;
}

# The name of a file for the commands of $node.
sub file
{
	my ($node, $name) = @_;

	return "$node->{command_dir}/$name";
}

# A command that records its calls.
sub command
{
	my ($node) = @_;

	return 'exec sh ' . file($node, 'script');
}

# Change the setting.  Not by ALTER SYSTEM, which rejects newlines.
sub set_command
{
	my ($node, $command) = @_;

	$command =~ s/\\/\\\\/g;
	$command =~ s/'/''/g;
	$command =~ s/\n/\\n/g;
	$node->append_conf('postgresql.conf',
		"replwatch.alert_command = '$command'\n");
	$node->reload;
	return;
}

# Set the command, by default the one that records its calls, and wait until a
# runner has started.  None may be running before.
sub start
{
	my ($node, $command) = @_;

	$command //= command($node);
	die 'a runner is running already' if defined runner($node);
	set_command($node, $command);
	Process::until_true('the runner has come', sub { defined runner($node) });
	return;
}

# Unset the command, and wait until the runner has ended.
sub stop
{
	my ($node) = @_;

	set_command($node, '');
	Process::until_true('the runner has gone', sub { !defined runner($node) });
	return;
}

# From its next call on, have the command run these lines of shell after recording
# the call.
sub does
{
	my ($node, $lines) = @_;
	my $calls       = file($node, 'calls');
	my $environment = join ' ', map { '"$REPLWATCH_' . uc($_) . '"' } @values;

	open my $script, '>', file($node, 'script.new')
	  or die "could not write a script: $!";
	print $script "printf '%s\\0' $environment >> $calls\n$lines\n";
	close $script;

	# A shell may still be reading the old script.
	rename file($node, 'script.new'), file($node, 'script')
	  or die "could not rename a script: $!";
	return;
}

# Expect replicas of these names instead of others: new ones are missing, and the
# alerts of those no longer expected are cleared.
sub expect
{
	my ($node, @names) = @_;
	my $list = join ', ', @names;

	$node->safe_psql('postgres',
		"ALTER SYSTEM SET replwatch.expected_replicas = \$\$$list\$\$");
	$node->reload;
	return;
}

# The calls of the command since forget_calls, oldest first: hashes of @values.
sub calls
{
	my ($node)  = @_;
	my $file    = file($node, 'calls');
	my $written = -e $file ? slurp_file($file) : '';
	my @fields  = split /\0/, $written, -1;
	my @calls;

	# The last element follows the last \0.
	while (@fields > 1)
	{
		my %call;

		# It was being written meanwhile.
		last if @fields <= @values;

		@call{@values} = splice @fields, 0, scalar @values;
		push @calls, \%call;
	}
	return @calls;
}

# The same, when there are $count calls.
sub calls_when
{
	my ($node, $count) = @_;

	Process::until_true(
		"the command is called $count times",
		sub { calls($node) >= $count });
	return calls($node);
}

sub forget_calls
{
	my ($node) = @_;

	unlink file($node, 'calls');
	return;
}

# The process that runs the commands of $node, undef if there is none.
sub runner
{
	my ($node) = @_;

	return scalar Process::child($node, 'replwatch command runner');
}

# The line that a command writes to one of its files, once it is there.
sub line_in
{
	my ($node, $name) = @_;
	my $file = file($node, $name);

	Process::until_true("something is in $name",
		sub { -s $file && slurp_file($file) =~ /\n\z/ });
	my ($line) = slurp_file($file) =~ /(.*)\n\z/;
	unlink $file;
	return $line;
}

1;
