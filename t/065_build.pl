# Copyright (c) 2026, the replwatch authors

# A build from a directory of its own, as packagers' tools make it: the library
# is whole and knows its version, the source stays as it is, and objects follow
# the headers that they include.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The make that runs the tests must not pass its settings on to ours.
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES)};

my $source = PostgreSQL::Test::Utils::tempdir;
my $build  = PostgreSQL::Test::Utils::tempdir;

# What make prints, and whether it succeeded.
sub make
{
	my (@arguments) = @_;
	my $output;
	my $ok = IPC::Run::run(
		[
			'make', '-C', $build, '-f', "$source/Makefile",
			"VPATH=$source", 'PG_CONFIG=pg_config', 'with_llvm=no',
			'COPT=-O0', @arguments
		],
		'>&',
		\$output);

	return ($ok, $output);
}

# The names of all files below a directory.
sub files
{
	my ($dir) = @_;
	my @files;

	find(sub { push @files, $File::Find::name if -f }, $dir);
	return join "\n", sort @files;
}

# The objects that make would compile now.
sub to_compile
{
	my ($ok, $output) = make('-n');

	die $output if !$ok;
	return join ' ', sort $output =~ / -c -o (\S+\.o) /g;
}

plan skip_all => 'there is no compiler here'
  if !run_log([ 'sh', '-c', "make --version && \$(pg_config --cc) --version" ]);

system_or_bail('sh', '-c',
	"tar -c --exclude='*.[odb]' --exclude='*.bc' --exclude='*.so' Makefile replwatch* src unit | tar -C $source -x"
);
my $before = files($source);

note '1. from an empty directory';

my ($ok, $output) = make('-j2');
ok($ok, 'the library is built') or diag($output);
is(files($source), $before, 'nothing is written to the source');
is(to_compile(), '', 'there is nothing left to do');

my ($version) = slurp_file("$source/replwatch.control") =~
  /^default_version = '(.+)'/m;
my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
$node->append_conf('postgresql.conf',
	"dynamic_library_path = '$build'\nshared_preload_libraries = 'replwatch'");
$node->start;
is($node->safe_psql('postgres', 'SHOW replwatch.version'),
	$version, 'a server that preloads it knows its version');
$node->wait_for_log(qr/replwatch sampler started/);
$node->stop;

note '2. bitcode';

# Only where the server has LLVM, and the machine the compiler that it names.
my ($makefile) = run_command([ 'pg_config', '--pgxs' ]);
my ($clang) =
  slurp_file($makefile =~ s{makefiles/pgxs\.mk$}{Makefile.global}r) =~
  /^CLANG\s*=\s*(\S+)/m;
SKIP:
{
	skip 'there is no clang for bitcode here', 2 if !$clang || !-x $clang;
	($ok, $output) = make('with_llvm=yes', 'src/base/rates.bc');
	ok($ok, 'a file is compiled to bitcode') or diag($output);
	ok(-s "$build/src/base/rates.bc", 'beside its object');
}

note '3. a header changes';

# The compiler's own word for it: PGXS may keep its notes elsewhere.
my ($includedir) = run_command([ 'pg_config', '--includedir-server' ]);
my ($rules) = run_command(
	[
		'sh', '-c',
		"cd $source && gcc -MM -I . -I $includedir replwatch.c src/*.c src/*/*.c 2>/dev/null"
	]);
my @including = map { m{^\S+: (\S+)\.c\b.*/rates\.h} ? "$1.o" : () }
  split /\n(?! )/, $rules =~ s/\\\n//gr;
my $later = time() + 10;
utime $later, $later, "$source/src/base/rates.h"
  or die "could not touch a header: $!";
cmp_ok(scalar @including, '>', 1, 'several files include it');
is(to_compile(), join(' ', sort @including),
	'those are compiled again, and no others');

note '4. a source that has been built in';

append_to_file("$source/src/base/rates.o", '');
($ok, $output) = make();
ok(!$ok, 'the build is refused');
like($output, qr/\Q$source\E has been built in: run "make clean" there first/,
	'the error says what to do');

note '5. a source that is not whole';

unlink "$source/src/base/rates.o" or die "could not remove a file: $!";
rename "$source/src", "$source/elsewhere"
  or die "could not rename a directory: $!";
($ok, $output) = make();
ok(!$ok, 'no library of replwatch.c alone is built');
like($output, qr/no C files in \Q$source\E/, 'the error says so');
rename "$source/elsewhere", "$source/src"
  or die "could not rename a directory: $!";
rename "$source/replwatch.control", "$source/control"
  or die "could not rename a file: $!";
append_to_file("$source/replwatch.control", "comment = 'nothing'\n");
($ok, $output) = make();
ok(!$ok, 'no library without a version is built');
like($output, qr/no version in \Q$source\E/, 'the error says so');

done_testing();
