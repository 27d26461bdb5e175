# Copyright (c) 2026, the replwatch authors

# The worker is connected to no database, so it is in the way of nobody who
# drops or copies one, neither where that is done nor where it is replayed.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary('primary');
my $standby = Replwatch::standby($primary, 'replica1');

# Assert that a command in $database is done: the server waits for a few seconds
# for those who are connected to a database, and then refuses.
sub is_done
{
	my ($database, $command) = @_;
	my $client = Session->new($primary, database => $database);

	is(verdict($client->query($command)), '', "no complaint: $command");
	return;
}

Replwatch::wait_sampled($_) foreach $primary, $standby;
my @pids = map { Replwatch::worker_pid($_) } $primary, $standby;

note '1. Where it is done';

# Nobody may be connected to a database that is copied, and we have just been.
my $client = Session->new($primary, database => 'template1');
Process::until_true(
	'we have left',
	sub {
		Replwatch::value($client,
			"SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'postgres'"
		) eq 't';
	});
is_done('template1', 'CREATE DATABASE copy1 TEMPLATE postgres');
is_done('template1',
	'CREATE DATABASE copy2 TEMPLATE postgres STRATEGY file_copy');
is_done('postgres', 'ALTER DATABASE copy1 RENAME TO copy3');
is_done('postgres', 'DROP DATABASE copy3');

note '2. Where it is replayed, with the extension in use there';

Replwatch::wait_replayed($primary, $standby);
is($standby->safe_psql('copy2', 'SELECT role FROM replwatch_node()'),
	'standby', 'the extension works in the copy of a database');
is_done('postgres', 'DROP DATABASE copy2');
Replwatch::wait_replayed($primary, $standby);
is( Replwatch::value(
		$standby,
		"SELECT count(*) FROM pg_database WHERE datname LIKE 'copy%'"),
	0,
	'the databases are gone there, too');

note '3. The worker is still there';

# Whoever is connected to a database that is dropped is thrown out where that is
# replayed.
is_deeply([ map { Replwatch::worker_pid($_) } $primary, $standby ],
	\@pids, 'it is the same that was there before, on both');

done_testing();
