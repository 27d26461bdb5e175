# Copyright (c) 2026, the replwatch authors

# Whatever is found in the place of one of the two files, the server starts,
# says what is wrong with it, sets it aside and goes on without what it held.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use StateFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX qw(mkfifo);
use Test::More;

# In what follows the header: a point of the history, and where the state file
# has how many replicas there are.
use constant {
	POINT_SIZE => 24,
	NREPLICAS_AT => 12,
};

# $bytes with one bit of the byte at $at turned over.
sub flip
{
	my ($bytes, $at) = @_;

	substr($bytes, $at, 1) ^= "\x10";
	return $bytes;
}

# Whatever lies at $path, remove it.
sub remove
{
	my ($path) = @_;

	-d $path ? rmdir $path : unlink $path;
	die "$path is still there" if -e $path;
	return;
}

my $node = Replwatch::primary('primary', 'replwatch.known_after = 0');
my $standby = Replwatch::standby($node, 'replica1');
Replwatch::wait_sampled($node);
my @files = (StateFile::history_path($node), StateFile::path($node));

$standby->stop;
Replwatch::burst($node);
$node->stop;
my @good = map { StateFile::read_bytes($_) } @files;
my $saved = StateFile::saved_at($files[0]);
is_deeply([ map { StateFile::seal($_) } @good ],
	\@good, 'this test computes the same checksum');
cmp_ok(
	length($good[0]), '>=',
	StateFile::HEADER_SIZE + 2 * POINT_SIZE,
	'the history has points');

# Good files that links lead to.
my $elsewhere = PostgreSQL::Test::Utils::tempdir;
my @targets = map { "$elsewhere/$_" } 0, 1;

# What is done to a file: given its good bytes and its index, its new ones, or
# undef if the path given as the third has been turned into something else.
my @cases = (
	{
		name => 'a bit of the contents is flipped',
		damage => sub {
			flip($_[0], (StateFile::HEADER_SIZE + length $_[0]) / 2);
		},
		reason => 'its checksum is wrong',
	},
	{
		name => 'a bit of the header is flipped',
		damage => sub { flip($_[0], StateFile::SYSTEM_AT + 10) },
		reason => 'its checksum is wrong',
	},
	{
		name => 'cut in half',
		damage => sub { substr $_[0], 0, length($_[0]) / 2 },
		reason => 'it is incomplete',
	},
	{
		name => 'cut within the header',
		damage => sub { substr $_[0], 0, StateFile::SYSTEM_AT },
		reason => "it is not one of replwatch's files",
	},
	{
		name => 'a byte too long',
		damage => sub { "$_[0]x" },
		reason => 'it is incomplete',
	},
	{
		name => 'empty',
		damage => sub { '' },
		reason => 'it is empty',
	},
	{
		name => 'of another cluster',
		damage => sub { StateFile::seal(flip($_[0], StateFile::SYSTEM_AT)) },
		reason => 'it belongs to another database cluster',
	},
	{
		name => 'of another format',
		damage => sub { StateFile::seal(flip($_[0], StateFile::FORMAT_AT)) },
		reason => "its format is that of another version",
	},
	{
		name => 'the other of the two files',
		damage => sub { $good[ 1 - $_[1] ] },
		reason => "it is not one of replwatch's files",
	},
	{
		name => 'garbage',
		damage => sub {
			join '', map { chr($_ * 7 % 256) } 1 .. 5000;
		},
		reason => "it is not one of replwatch's files",
	},
	{
		# A mistake of ours, or somebody's joke: all but the meaning is right.
		name => 'nonsense with the right checksum',
		damage => sub {
			my ($bytes, $i) = @_;
			my $begin = StateFile::HEADER_SIZE;

			substr($bytes, $begin, 2 * POINT_SIZE) =
			    substr($bytes, $begin + POINT_SIZE, POINT_SIZE)
			  . substr($bytes, $begin, POINT_SIZE)
			  if $i == 0;
			$bytes = StateFile::with_number($bytes, NREPLICAS_AT, 2**31)
			  if $i == 1;
			return StateFile::seal($bytes);
		},
		reason => qr/its points are out of order|its lengths do not add up/,
	},
	{
		name => 'a directory',
		damage => sub { mkdir $_[2] or die "mkdir: $!"; undef },
		reason => 'it is not a regular file',
	},
	{
		name => 'a pipe',
		damage => sub { mkfifo($_[2], 0600) or die "mkfifo: $!"; undef },
		reason => 'it is not a regular file',
	},
	{
		name => 'a link',
		damage => sub {
			StateFile::write_bytes($targets[ $_[1] ], $_[0]);
			symlink $targets[ $_[1] ], $_[2] or die "symlink: $!";
			undef;
		},
		reason => 'it is a symbolic link',
	},
	{
		name => 'unreadable',
		damage => sub {
			StateFile::write_bytes($_[2], $_[0]);
			chmod 0, $_[2] or die "chmod: $!";
			undef;
		},
		reason => 'Permission denied',
	});

# Start the server with good files, damaged by $damage if given, and stop it.
# Returns what was seen: whether the history is the old one, whether replica1
# is remembered, whether the worker does its work, and the log.
sub visit
{
	my ($damage) = @_;
	my %seen;

	foreach my $i (0, 1)
	{
		remove($files[$i]) if -e $files[$i];
		my $bytes =
		  $damage ? $damage->($good[$i], $i, $files[$i]) : $good[$i];
		StateFile::write_bytes($files[$i], $bytes) if defined $bytes;
	}

	my $offset = -s $node->logfile;
	$node->start;
	Replwatch::wait_sampled($node);
	Replwatch::burst($node);
	my ($row) = Replwatch::rows(
		$node,
		qq{SELECT history_start < to_timestamp($saved),
			EXISTS (SELECT FROM replwatch_status() WHERE name = 'replica1'),
			replwatch_lsn_time(pg_current_wal_flush_lsn()) IS NOT NULL
		FROM replwatch_node()});
	@seen{qw(old_history knows works)} = @$row;
	$node->stop;
	$seen{log} = slurp_file($node->logfile, $offset);
	return \%seen;
}

note 'Good files';

my $seen = visit();
is($seen->{old_history}, 't', 'good files: the history goes on');
is($seen->{knows}, 't', 'good files: the replica is remembered');
unlike(
	$seen->{log},
	qr/WARNING|could not .*replwatch/,
	'good files: no message');

foreach my $case (@cases)
{
	my $name = $case->{name};

	note "Bad files: $name";
	$seen = visit($case->{damage});

	foreach my $file (@files)
	{
		my ($short) = $file =~ m!(pg_stat\w*/replwatch\.\w+)$!;

		like(
			$seen->{log},
			qr/WARNING:  could not (use|open) file "\Q$short\E": $case->{reason}/,
			"$name: the log has what is wrong with $short");
		ok(-e "$file.bad", "$name: $short is set aside");
		remove("$file.bad") if -e "$file.bad";
		ok( -f $file
			  && -r $file
			  && StateFile::seal(StateFile::read_bytes($file)) eq
			  StateFile::read_bytes($file),
			"$name: a good file takes its place");
	}
	my @complaints = $seen->{log} =~ /could not .*replwatch/g;
	is(@complaints, 2, "$name: nothing else is logged");

	is($seen->{works}, 't', "$name: the worker does its work");
	is($seen->{old_history}, 'f', "$name: the history is new");
	is($seen->{knows}, 'f', "$name: the table of replicas is new");
}

is_deeply([ map { StateFile::read_bytes($_) } @targets ],
	\@good, 'the files that links led to are as they were');

note 'A state file of the format before this one';

foreach my $i (0, 1)
{
	StateFile::write_bytes($files[$i], $good[$i]);
}
my $old = $good[1];
substr($old, StateFile::FORMAT_AT, 4) = pack 'L', 1;
isnt($old, $good[1], 'this version has another format');
StateFile::write_bytes($files[1], StateFile::seal($old));

my $offset = -s $node->logfile;
$node->start;
Replwatch::wait_sampled($node);
is( Replwatch::value(
		$node,
		qq{SELECT history_start < to_timestamp($saved) FROM replwatch_node()}
	),
	't',
	'the history, whose format is the same, goes on');
is(Replwatch::status($node, 'replica1'), undef, 'the replicas are forgotten');
$node->restart;
my @warnings =
  slurp_file($node->logfile, $offset) =~ /(WARNING:  could not .*)/g;
is_deeply(
	\@warnings,
	[
		'WARNING:  could not use file "pg_stat_tmp/replwatch.state": its format is that of another version'
	],
	'it is said once');
ok(-e "$files[1].bad", 'and the file is set aside');
$node->stop;

done_testing();
