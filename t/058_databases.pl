# Copyright (c) 2026, the replwatch authors

# The worker is connected to no database, so it is in the way of nobody who
# drops or copies one, neither where that is done nor where it is replayed.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $primary = Replwatch::primary('primary');
my $standby = Replwatch::standby($primary, 'replica1');

# Assert that a command of $database is done at once.
sub is_quick
{
	my ($database, $command) = @_;
	my $begin = time();
	my ($status, $stdout, $stderr) =
	  $primary->psql($database, "SET statement_timeout = '10s'; $command");

	is($stderr, '', "no complaint: $command");
	cmp_ok(time() - $begin, '<', 10, "no delay: $command");
	return;
}

Replwatch::wait_sampled($_) foreach $primary, $standby;

note '1. Where it is done';

# Nobody may be connected to a database that is copied.
is_quick('template1', 'CREATE DATABASE copy1 TEMPLATE postgres');
is_quick('template1',
	'CREATE DATABASE copy2 TEMPLATE postgres STRATEGY file_copy');
is_quick('postgres', 'ALTER DATABASE copy1 RENAME TO copy3');
is_quick('postgres', 'DROP DATABASE copy3');

note '2. Where it is replayed, with the extension in use there';

Replwatch::wait_replayed($primary, $standby);
is($standby->safe_psql('copy2', 'SELECT role FROM replwatch_node()'),
	'standby', 'the extension works in the copy of a database');
my $begin = time();
is_quick('postgres', 'DROP DATABASE copy2');
Replwatch::wait_replayed($primary, $standby);
cmp_ok(time() - $begin, '<', 10, 'no delay where it is replayed');
is( $standby->safe_psql(
		'postgres',
		"SELECT count(*) FROM pg_database WHERE datname LIKE 'copy%'"),
	0,
	'the databases are gone there, too');

note '3. The worker is still there';

is($_->safe_psql('postgres', 'SELECT worker_state FROM replwatch_node()'),
	'running', $_->name . ': it runs')
  foreach $primary, $standby;

done_testing();
