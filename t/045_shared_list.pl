# Copyright (c) 2026, the replwatch authors

# All servers have one list of expected replicas, the members of a failover
# manager, and one cluster_name.  The slots are named after the members, with
# underscores, and a leader has neither primary_conninfo nor primary_slot_name.
# Nobody misses itself, before and after a switchover, a failover and the old
# primary's return.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use File::Copy qw(copy);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $list = 'pg-1, pg-2, pg-3';
my %node;

# Start member $i.  The framework would make its own name the cluster_name.
sub start
{
	my ($i) = @_;

	local $node{$i}{_name} = 'main';
	$node{$i}->start;
	return;
}

# Have member $i follow another at its next start or reload.
sub follow
{
	my ($i, $leader) = @_;
	my $conninfo = $node{$leader}->connstr . " application_name=pg-$i";

	$conninfo =~ s/'/''/g;
	$node{$i}->append_conf('postgresql.conf',
		"primary_conninfo = '$conninfo'\nprimary_slot_name = 'pg_$i'\n");
	return;
}

# Take what made member $i a standby out of its configuration, and make the
# slots of the others.
sub lead
{
	my ($i) = @_;

	Replwatch::set($node{$i}, "primary_conninfo = ''",
		"primary_slot_name = ''");
	$node{$i}->safe_psql('postgres',
		"SELECT pg_create_physical_replication_slot('pg_$_', true)")
	  foreach grep { $_ != $i } 1 .. 3;
	return;
}

# Wait until both others stream from member $i.
sub wait_streaming
{
	my ($i) = @_;

	Replwatch::wait_until(
		$node{$i},
		"SELECT count(*) = 2 FROM replwatch_status() WHERE state = 'streaming' AND replay_lsn IS NOT NULL",
		"all stream from pg-$i");
	return;
}

# Wait until all members have sampled, and then for so many seconds.
sub wait_on_all
{
	my ($seconds) = @_;
	my %begin;

	foreach my $i (keys %node)
	{
		Replwatch::wait_sampled($node{$i});
		$begin{$i} = Replwatch::now($node{$i});
	}
	foreach my $i (keys %node)
	{
		Replwatch::wait_until(
			$node{$i},
			"SELECT extract(epoch FROM clock_timestamp()) > $begin{$i} + $seconds",
			'time passes');
		Replwatch::wait_sampled($node{$i});
	}
	return;
}

# While nobody is away, have those that are missed noticed soon, and check that
# nobody has ever had an alert.
sub nobody_is_missed
{
	my ($what) = @_;
	my ($leader) =
	  grep { Replwatch::value($_, 'SELECT pg_is_in_recovery()') eq 'f' }
	  values %node;

	# After a failed attempt, a replica streams only once what it reports rises,
	# or it has streamed for 3 s.
	$leader->safe_psql('postgres', 'INSERT INTO burst VALUES (1)');
	my $lsn = Replwatch::value($leader, 'SELECT pg_current_wal_flush_lsn()');
	Replwatch::wait_until(
		$leader,
		"SELECT count(*) = 2 FROM replwatch_status() WHERE state = 'streaming' AND replay_lsn >= '$lsn'",
		'all get on');
	wait_on_all(3.1);
	Replwatch::set($_, "replwatch.missing_timeout = '1s'") foreach values %node;
	# The timeout, the hold time, and a second more.
	wait_on_all(2.5);
	foreach my $i (sort keys %node)
	{
		Alerts::wait_judged($node{$i});
		is( join(', ',
				map { "$_->{alert} on $_->{subject}" }
				  Alerts::alerts($node{$i})),
			'',
			"$what: no alert on pg-$i");
	}
	Replwatch::set($_, "replwatch.missing_timeout = '1h'")
	  foreach values %node;
	return;
}

sub names_are
{
	my ($expected, $what) = @_;

	return is(
		join(', ',
			map {
				Replwatch::value($node{$_}, 'SELECT name FROM replwatch_node()')
			} 1 .. 3),
		$expected, $what);
}

$node{1} = PostgreSQL::Test::Cluster->new('one');
$node{1}->init(allows_streaming => 1);
$node{1}->append_conf(
	'postgresql.conf',
	join("\n",
		"shared_preload_libraries = 'replwatch'",
		'autovacuum = off',
		'wal_log_hints = on',
		'wal_keep_size = 128MB',
		"wal_retrieve_retry_interval = '200ms'",
		'replwatch.known_after = 0',
		"replwatch.alert_hold = '500ms'",
		"replwatch.missing_timeout = '1h'",
		"replwatch.upstream_timeout = '1h'",
		"replwatch.expected_replicas = '$list'",
		"replwatch.node_name = 'pg-1'") . "\n");
start(1);
$node{1}->safe_psql('postgres',
	'CREATE EXTENSION replwatch; CREATE TABLE burst (t text)');
$node{1}->backup('backup');
lead(1);
foreach my $i (2, 3)
{
	$node{$i} = PostgreSQL::Test::Cluster->new($i == 2 ? 'two' : 'three');
	$node{$i}->init_from_backup($node{1}, 'backup', has_streaming => 1);
	$node{$i}->append_conf('postgresql.conf',
		"replwatch.node_name = 'pg-$i'\n");
	follow($i, 1);
	start($i);
}
wait_streaming(1);


note '1. all is well';

is( join(' ',
		map {
			Replwatch::value($node{$_}, 'SHOW cluster_name')
		} 1 .. 3),
	'main main main',
	'all have one cluster_name');
names_are('pg-1, pg-2, pg-3', 'each has a name');
nobody_is_missed('at first');


note '2. a primary that does not know its name';

Replwatch::set($node{1}, "replwatch.node_name = ''",
	"replwatch.missing_timeout = '1s'");
my $row = Alerts::alert_when($node{1}, 'replica_missing', 'pg-1', 'critical',
	'it misses itself');
like(
	$row->{detail},
	qr/^It has not connected to this server\. /,
	'as one that was never here');
like(
	slurp_file($node{1}->logfile),
	qr/If it is this server, set "replwatch\.node_name" to this name\./,
	'the hint has the remedy');
is( Replwatch::value($node{1}, 'SELECT name FROM replwatch_node()'),
	'main', 'it calls itself by its cluster_name');
Replwatch::set($node{1}, "replwatch.node_name = 'pg-1'",
	"replwatch.missing_timeout = '1h'");
Alerts::alert_when($node{1}, 'replica_missing', 'pg-1', 'cleared',
	'with its name it does not');

# Cleared alerts survive a restart only in the state file.
$node{1}->stop;
unlink $node{1}->data_dir . '/pg_stat_tmp/replwatch.state'
  or die "could not remove the state file: $!";
start(1);
wait_streaming(1);


note '3. a switchover';

$node{1}->stop;
$node{2}->promote;
lead(2);
follow(3, 2);
$node{3}->reload;
follow(1, 2);
$node{1}->set_standby_mode;
start(1);
wait_streaming(2);
nobody_is_missed('after a switchover');


note '4. a failover, and the return of the old primary';

$node{2}->stop('immediate');
$node{3}->promote;
lead(3);
follow(1, 3);
$node{1}->reload;
my $conf = $node{2}->data_dir . '/postgresql.conf';
my $kept = $node{2}->basedir . '/postgresql.conf.kept';
copy($conf, $kept) or die "could not copy $conf: $!";
$node{3}->safe_psql('postgres', 'CHECKPOINT');
command_ok(
	[
		'pg_rewind', '--no-sync',
		'--source-server', $node{3}->connstr('postgres'),
		'--target-pgdata', $node{2}->data_dir
	],
	'the old primary is rewound');
copy($kept, $conf) or die "could not copy $kept: $!";
follow(2, 3);
$node{2}->set_standby_mode;
start(2);
wait_streaming(3);
nobody_is_missed('after a failover');


note '5. names that were learned';

# It has been known upstream as pg_3 and pg-3, which it still is after a restart.
Replwatch::set($node{3}, "replwatch.node_name = ''");
names_are('pg-1, pg-2, main', 'one is no longer told its name');
nobody_is_missed('promoted without a name');
$node{3}->stop;
start(3);
wait_streaming(3);
nobody_is_missed('restarted without a name');

# Another starts as a primary with the file that it has written as a standby.
Replwatch::set($node{1}, "replwatch.node_name = ''");
names_are('pg_1, pg-2, main', 'a standby is known by its slot');
$node{1}->stop;
unlink $node{1}->data_dir . '/standby.signal'
  or die "could not remove standby.signal: $!";
$node{1}->append_conf('postgresql.conf',
	"primary_conninfo = ''\nprimary_slot_name = ''\nreplwatch.missing_timeout = '1s'\n"
);
start(1);
Alerts::alert_when($node{1}, 'replica_missing', $_, 'critical',
	"alone, it misses $_, by the name in the list")
  foreach 'pg-2', 'pg-3';
Alerts::wait_judged($node{1});
is( join(', ', sort map { $_->{subject} } Alerts::alerts($node{1})),
	'pg-2, pg-3', 'but not itself');

done_testing();
