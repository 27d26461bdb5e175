# Copyright (c) 2026, the replwatch authors

# A library that was built for another minor release, in which a struct of the
# server has one field more: the server starts, and says what is wrong; sessions
# wait, are woken, and get commit tokens; functions that look at replicas, slots
# or alerts refuse.  With REPLWATCH_SOAK set it is each of the three structs in
# turn, otherwise that of walsenders, and only where the check differs: on 15 and
# from 19 on.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Module;
use Process;
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'there is no compiler here' if !Module::can_build();

my ($version) = run_command([ 'pg_config', '--version' ]);
my ($major) = $version =~ /(\d+)/ or die "no version: $version";
plan skip_all => "on $major all is as on 15"
  if !$ENV{REPLWATCH_SOAK} && $major > 15 && $major < 19;

# Where the structs are.
my %header = (
	WalSnd => 'replication/walsender_private.h',
	ReplicationSlot => 'replication/slot.h',
	PGPROC => 'storage/proc.h');

my ($includedir) = run_command([ 'pg_config', '--includedir-server' ]);
my $source = PostgreSQL::Test::Utils::tempdir;
my $build  = PostgreSQL::Test::Utils::tempdir;
my $headers = PostgreSQL::Test::Utils::tempdir;

system_or_bail('sh', '-c',
	"tar -c --exclude='*.[odb]' --exclude='*.bc' --exclude='*.so' Makefile replwatch* src | tar -C $source -x"
);

# Build the library with a field added at the end of $struct, where minor
# releases add theirs.  It is so large that only the first entry of the array
# would lie within the server's shared memory: reading another one crashes.
sub build
{
	my ($struct) = @_;
	my $header = slurp_file("$includedir/$header{$struct}");
	my $output;

	$header =~ s/^(typedef )?(struct $struct\n\{.*?\n)\}/${\($1 \/\/ '')}$2\tchar added[16 << 20];\n}/ms
	  or die "no $struct in $header{$struct}";
	system_or_bail('rm', '-rf', $headers, $build);
	system_or_bail('mkdir', '-p', "$headers/replication",
		"$headers/storage", $build);
	append_to_file("$headers/$header{$struct}", $header);

	# The make that runs the tests must not pass its settings on to ours.
	local %ENV = %ENV;
	delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES)};
	IPC::Run::run(
		[
			'make', '-j2', '-C', $build, '-f', "$source/Makefile",
			"VPATH=$source", 'PG_CONFIG=pg_config', 'with_llvm=no',
			"COPT=-O0 -g0 -I$headers"
		],
		'>&', \$output)
	  or die "could not build replwatch:\n$output";
	return;
}

# Create what CREATE EXTENSION would, with the functions of this library.
sub create_functions
{
	my ($node) = @_;
	my $script = slurp_file("$source/replwatch--1.0.sql");

	$script =~ s/^\\echo .*//m;
	$script =~ s/MODULE_PATHNAME/replwatch/g;
	$node->safe_psql('postgres', $script);
	return;
}

# A session of $client's waits.
sub wait_begins
{
	my ($node, $client) = @_;
	my $pid = $client->pid;

	Replwatch::wait_until(
		$node,
		"SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pid",
		'it waits');
	return;
}

# All that can be asked of such a server.
sub check
{
	my ($struct) = @_;
	my $primary = PostgreSQL::Test::Cluster->new("primary_$struct");
	my $standby = PostgreSQL::Test::Cluster->new("standby_$struct");
	my $warning =
	  qr/WARNING:  replwatch was built for another release of this server: replication is not watched\n.*DETAIL:  The server's array of "$struct" /;

	$primary->init(allows_streaming => 1);
	$primary->append_conf(
		'postgresql.conf', "
		shared_preload_libraries = 'replwatch'
		dynamic_library_path = '$build:\$libdir'
		restart_after_crash = on
		max_prepared_transactions = 1
		replwatch.wait_recheck = 1min
		replwatch.port = " . PostgreSQL::Test::Cluster::get_free_port());
	$primary->start;
	create_functions($primary);
	$primary->backup('backup');
	$standby->init_from_backup($primary, 'backup', has_streaming => 1);
	$standby->start;
	foreach my $node ($primary, $standby)
	{
		$node->wait_for_log($warning);
		like(
			slurp_file($node->logfile),
			qr/HINT:  Rebuild replwatch for PostgreSQL \d/,
			$node->name . ': the log says what to do');
	}

	# What comes from the primary confirms that it is not behind.
	$primary->safe_psql('postgres', 'CREATE TABLE t (i int)');
	Replwatch::wait_replayed($primary, $standby);

	# Several of each, so that there is more than the first entry to look at.
	my @writers = map { Session->new($primary) } 1 .. 3;
	my @waiters = map {
		Session->new($standby, statement_timeout => '55s',
			track_counts => 'off')
	} 1 .. 3;
	my $ahead = Replwatch::token($primary, 1,
		$writers[0]->value('SELECT pg_current_wal_insert_lsn() + 1'));

	$_->ask("SELECT replwatch_wait_for_token('$ahead', '1 day')")
	  foreach @waiters;
	wait_begins($standby, $_) foreach @waiters;
	$writers[2]->value('INSERT INTO t VALUES (1)');
	is(verdict($_->answer), 't', "$struct: a wait ends") foreach @waiters;
	my $token = $writers[2]->value('SELECT replwatch_commit_token()');
	is( $waiters[0]->value("SELECT replwatch_wait_for_token('$token')"),
		't', "$struct: there are commit tokens");
	is($waiters[0]->value('SELECT waits > 2 FROM replwatch_wait_stats()'),
		't', "$struct: waits are counted");
	is($waiters[0]->value("SET replwatch.read_after = '$token'"),
		undef, "$struct: a setting waits, too");

	# On a primary a wait looks at all processes, and so does COMMIT PREPARED.
	my $wait_here =
	  $struct eq 'PGPROC'
	  ? qr/^55000 replwatch was built for another release of this server/
	  : qr/^t$/;
	$writers[1]->value($_)
	  foreach 'BEGIN', 'INSERT INTO t VALUES (2)',
	  "PREPARE TRANSACTION 'two'", "COMMIT PREPARED 'two'";
	$token = $writers[1]->value('SELECT replwatch_commit_token()');
	like(
		verdict(
			$writers[1]->query("SELECT replwatch_wait_for_token('$token')")),
		$wait_here, "$struct: what a wait on the primary says");
	Replwatch::wait_replayed($primary, $standby);

	is($writers[0]->value("SELECT replwatch_lsn_time('0/1')"),
		undef, "$struct: no time is known");

	foreach my $node ($primary, $standby)
	{
		my $client = Session->new($node);

		foreach my $call (
			'replwatch_status()', 'replwatch_lag',
			'replwatch_slots', 'replwatch_node()',
			'replwatch_cluster()',
			'replwatch_alerts()', 'replwatch_waiters()',
			'replwatch_history()', "replwatch_forget('x')",
			"replwatch_silence('x', '1 h')",
			"replwatch_wait_for_replicas('0/1')")
		{
			like(
				verdict($client->query("SELECT * FROM $call")),
				qr/^55000 replwatch was built for another release of this server/,
				"$struct: $call refuses");
		}
		is(Process::child($node, 'replwatch (sampler|port|command)'),
			undef, "$struct: no process of replwatch runs");
	}

	# As long as it takes until a connection would start another sampler.
	if ($ENV{REPLWATCH_SOAK})
	{
		sleep 6;
		Session->new($_) foreach ($primary, $standby) x 2;
	}

	$standby->promote;
	is(Session->new($standby)->value('SELECT count(*) FROM t'),
		2, "$struct: the standby is promoted");
	foreach my $node ($primary, $standby)
	{
		$node->stop;
		my $log = slurp_file($node->logfile);

		is(() = $log =~ /$warning/g, 1, "$struct: the warning is logged once");
		unlike(
			$log,
			qr/was terminated by signal|PANIC|TRAP|sampler started/,
			"$struct: nothing crashed");
	}
	return;
}

foreach my $struct (
	$ENV{REPLWATCH_SOAK} ? qw(WalSnd ReplicationSlot PGPROC) : 'WalSnd')
{
	note $struct;
	build($struct);
	check($struct);
}

done_testing();
