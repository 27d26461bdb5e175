# Copyright (c) 2026, the replwatch authors

# Builds a library of t/modules for the server under test.  Tests use such
# libraries to do what no client can: write WAL as another extension would, or
# hold up a process at a place of the test's choice.

package Module;

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

# Is there what is needed to build one?
sub can_build
{
	return run_log(
		[ 'sh', '-c', "make --version && \$(pg_config --cc) --version" ]);
}

# Build t/modules/NAME.c; returns the path for shared_preload_libraries.
sub build
{
	my ($name) = @_;
	my $dir    = PostgreSQL::Test::Utils::tempdir;
	my $source = "t/modules/$name.c";
	my $output;

	# The make that runs the tests must not pass its settings on to ours.
	local %ENV = %ENV;
	delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES)};

	open my $makefile, '>', "$dir/Makefile" or die "$dir/Makefile: $!";
	print $makefile <<"MAKE";
MODULES = $name
PG_CONFIG = pg_config
PGXS := \$(shell \$(PG_CONFIG) --pgxs)
include \$(PGXS)
MAKE
	close $makefile;
	PostgreSQL::Test::Utils::append_to_file("$dir/$name.c",
		slurp_file($source));

	IPC::Run::run(
		[ 'make', '-C', $dir, 'with_llvm=no', 'COPT=-Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -Werror' ],
		'>&', \$output)
	  or die "could not build $source:\n$output";
	return "$dir/$name";
}

1;
