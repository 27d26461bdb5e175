# Copyright (c) 2026, the replwatch authors

# pg_upgrade between two clusters that preload the library: it wants the
# servers for itself and gets them, without a worker, and the extension works
# in the cluster that comes out of it.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Both clusters are of one major: what is upgraded is not the question here.
my $old = Replwatch::primary('old');
my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(allows_streaming => 1);
$new->append_conf('postgresql.conf',
	"shared_preload_libraries = 'replwatch'\n");

$old->safe_psql(
	'postgres', q{
	CREATE ROLE watcher LOGIN;
	GRANT EXECUTE ON FUNCTION replwatch_forget(text) TO watcher;
	CREATE SCHEMA mine;
	CREATE VIEW mine.lags AS SELECT name, lag FROM replwatch_lag;
});
Replwatch::burst($old);
my $end = Replwatch::now($old);
$old->stop;

my $bindir = $old->config_data('--bindir');
my @upgrade = (
	'pg_upgrade', '--no-sync', '--retain',
	'-b' => $bindir,
	'-B' => $bindir,
	'-d' => $old->data_dir,
	'-D' => $new->data_dir,
	'-s' => $old->host,
	'-p' => $old->port,
	'-P' => $new->port);

# What the servers logged that pg_upgrade started.
sub server_logs
{
	return join '',
	  map { slurp_file($_) }
	  glob $new->data_dir
	  . '/pg_upgrade_output.d/*/log/pg_upgrade_server.log';
}

# It leaves its scripts where it is called.
chdir ${PostgreSQL::Test::Utils::tmp_check} or die "chdir: $!";

note '1. Would it work?';

command_ok([ @upgrade, '--check' ], 'pg_upgrade --check finds no fault');

note '2. It does';

command_ok(\@upgrade, 'pg_upgrade succeeds');
like(
	server_logs(),
	qr/database system is ready to accept connections/,
	'it has started servers');
unlike(server_logs(), qr/sampler/, 'no worker ran');
unlike(server_logs(), qr/WARNING/, 'no warning was logged');

note '3. The extension in the new cluster';

$new->start;
Replwatch::wait_sampled($new);
is( $new->safe_psql(
		'postgres', q{
		SELECT worker_state, version = extversion,
			(SELECT count(*) FROM burst), (SELECT count(*) FROM mine.lags),
			has_function_privilege('pg_monitor', 'replwatch_status()', 'EXECUTE'),
			has_function_privilege('pg_monitor', 'replwatch_forget(text)', 'EXECUTE'),
			has_function_privilege('watcher', 'replwatch_forget(text)', 'EXECUTE'),
			(SELECT count(*) FROM pg_proc, aclexplode(proacl) a
			 WHERE proname LIKE 'replwatch%' AND a.grantee = 0)
		FROM replwatch_node(), pg_extension WHERE extname = 'replwatch'}),
	'running|t|100|0|t|f|t|0',
	'it works, with the privileges of before');

# What is remembered belongs to the cluster that is no more.
cmp_ok(
	Replwatch::value(
		$new,
		'SELECT extract(epoch FROM history_start) FROM replwatch_node()'),
	'>', $end, 'its history begins there');
$new->safe_psql('postgres',
	'DROP VIEW mine.lags; DROP EXTENSION replwatch; CREATE EXTENSION replwatch'
);
is($new->safe_psql('postgres', 'SELECT role FROM replwatch_node()'),
	'primary', 'the extension can be dropped and created there');

done_testing();
