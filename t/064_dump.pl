# Copyright (c) 2026, the replwatch authors

# A dump of a database with the extension makes one with the extension: in its
# schema, with what was granted beyond its own grants, and with what uses it.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = Replwatch::primary('primary');
my $dump = "${PostgreSQL::Test::Utils::tmp_check}/replwatch.sql";

$node->safe_psql(
	'postgres', q{
	CREATE ROLE watcher;
	CREATE SCHEMA watch;
	ALTER EXTENSION replwatch SET SCHEMA watch;
	GRANT EXECUTE ON FUNCTION watch.replwatch_forget(text) TO watcher;
	REVOKE EXECUTE ON FUNCTION watch.replwatch_history FROM pg_monitor;
	CREATE VIEW lags AS SELECT name, lag FROM watch.replwatch_status();
	CREATE DATABASE copy;
	SELECT pg_create_physical_replication_slot('unused', true);
});
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'pg_dump');
my $text = slurp_file($dump);
like(
	$text,
	qr/^CREATE EXTENSION IF NOT EXISTS replwatch WITH SCHEMA watch;$/m,
	'the dump creates the extension');
unlike(
	$text,
	qr/^CREATE (FUNCTION|VIEW) .*\breplwatch_/m,
	'and leaves it to make its members');

$node->command_ok(
	[
		'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'copy', '-f',
		$dump
	],
	'the dump can be restored');
is( $node->safe_psql(
		'copy', q{
		SELECT role, (SELECT string_agg(name, ' ') FROM lags),
			(SELECT string_agg(name, ' ') FROM watch.replwatch_lag),
			has_function_privilege('pg_monitor', 'watch.replwatch_status()', 'EXECUTE'),
			has_function_privilege('watcher', 'watch.replwatch_forget(text)', 'EXECUTE'),
			has_function_privilege('pg_monitor', 'watch.replwatch_forget(text)', 'EXECUTE'),
			has_function_privilege('pg_monitor', 'watch.replwatch_history(text, interval)', 'EXECUTE')
		FROM watch.replwatch_node()}),
	'primary|unused|unused|t|t|f|f',
	'what was dumped works there, with its privileges');

# Once more, with privileges and all, is the same.
$node->command_ok([ 'pg_dump', '-f', "$dump.again", 'copy' ],
	'pg_dump of the copy');
my @dumps =
  map { my $t = slurp_file($_); $t =~ s/^\\(un)?restrict .*//mg; $t }
  ($dump, "$dump.again");
is($dumps[1], $dumps[0], 'the copy gives the same dump');

done_testing();
