# Copyright (c) 2026, the replwatch authors

# Behind a transaction pooler a session of the server's is not the client's: the
# token has to come with the commit itself, and the wait has to share the
# transaction with the read, as the next one may go to another server.  With
# PgBouncer as Debian has it, and one of its databases spread over two replicas.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process ();
use Test::More;

my ($pgbouncer) =
  grep { -x $_ } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}),
  '/usr/sbin';
plan skip_all => 'PgBouncer is not installed' if !defined $pgbouncer;

my $cycles = 100;
my $setting = 'replwatch.commit_token';
my $primary = Replwatch::primary(
	'primary',
	'max_connections = 40',
	'replwatch.wait_timeout = 1h');
my $standby1 = Replwatch::standby($primary, 'replica1');
my $standby2 = Replwatch::standby($primary, 'replica2');

# A list of hosts shares one port, so one replica is moved to where the other's
# would be, in a directory of its own.
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $port = $standby1->port;
my %socket_of;
foreach my $standby ($standby1, $standby2)
{
	my $name = $standby->name;

	$socket_of{$name} = "$dir/$name";
	mkdir($socket_of{$name}) or die "could not create $socket_of{$name}: $!";
	symlink($standby->host . '/.s.PGSQL.' . $standby->port,
		"$socket_of{$name}/.s.PGSQL.$port")
	  or die "could not link: $!";
}

$primary->safe_psql('postgres',
	'CREATE TABLE t (i int); CREATE ROLE app LOGIN; GRANT ALL ON t TO app; ALTER ROLE app SET replwatch.report_commit_token = on'
);
Replwatch::wait_replayed($primary, $_) foreach $standby1, $standby2;

# A list of hosts is used in turn from 1.17 on; each server connection takes
# the next one.
my ($version) =
  `$pgbouncer --version` =~ /PgBouncer (\d+)\.(\d+)/
  ? $1 * 1000 + $2
  : 0;
my $conf = "$dir/pgbouncer.ini";
my $pooler = { host => $dir, port => $primary->port };
append_to_file($conf, join("\n",
		'[databases]',
		'write = user=app dbname=postgres pool_size=2 host='
		  . $primary->host . ' port=' . $primary->port,
		"read = user=app dbname=postgres pool_size=4 host=$socket_of{replica1},$socket_of{replica2} port=$port",
		'[pgbouncer]',
		'pool_mode = transaction',
		'server_round_robin = 1',
		"unix_socket_dir = $dir",
		"listen_port = $pooler->{port}",
		'listen_addr =',
		'auth_type = any',
		"logfile = $dir/pgbouncer.log",
		"pidfile = $dir/pgbouncer.pid") . "\n");
my $running = IPC::Run::start([ $pgbouncer, $conf ],
	'<', \undef, '>', '/dev/null', '2>', '/dev/null');

# It ends with the test, whatever becomes of that.
END
{
	my $status = $?;

	if ($running)
	{
		$running->signal('TERM');
		eval { $running->finish };
	}
	$? = $status;
}

# A client of one of the pooler's databases.
sub client
{
	my ($database) = @_;

	return Session->new($pooler, database => $database, user => 'app');
}

# So many clients of the replicas, each in a transaction of its own and so on a
# server connection of its own, and where these lead.
sub readers
{
	my ($count) = @_;
	my @readers = map { client('read') } 1 .. $count;

	$_->value('BEGIN') foreach @readers;
	return map { { client => $_, server => $_->value('SHOW cluster_name') } }
	  @readers;
}

# The servers to which they lead.
sub servers
{
	my %servers = map { $_->{server} => 1 } @_;

	return join ' ', sort keys %servers;
}

Process::until_true('the pooler listens',
	sub { -S "$dir/.s.PGSQL.$pooler->{port}" });


note '1. the token comes through';

my $first = client('write');
my $second = client('write');
like($first->parameter('replwatch.version') // '',
	qr/^\d+\.\d+/, 'the version is reported through the pooler');

my $row = 0;
my %seen;
foreach my $writer ($first, $second, $first, $second)
{
	$row++;
	my $answer = $writer->query("INSERT INTO t VALUES ($row)");
	is($answer->{state}, undef, "row $row is written");
	my $token = $writer->parameter($setting) // '';
	like($token, qr/^[0-9a-f]{16}:00000001:/, "row $row: its token came with the commit");
	ok(!$seen{$token}++, "row $row: it is a new one");
	is( Session->new($standby1)->value(
			"SELECT replwatch_wait_for_token('$token')"),
		't',
		"row $row: it is waited for");
	is($standby1->safe_psql('postgres', 'SELECT max(i) FROM t'),
		$row, "row $row: it is there then");
}

# Server connections are shared: a client is not told of another's commit by
# a transaction that only read.
my $token = $first->parameter($setting);
$second->query('INSERT INTO t VALUES (0)');
my $answer = $first->query('SELECT 1');
is($answer->{state}, undef, 'a read through the same pool');
is($first->parameter($setting),
	$token, "does not tell of another client's commit");


note '2. wait and read in one transaction, over two replicas';

SKIP:
{
	skip 'this PgBouncer does not take a list of hosts', 4
	  if $version < 1017;

	# Several at once, so that both replicas have server connections.
	my @readers = readers(4);
	is(servers(@readers), 'replica1 replica2', 'both replicas are read from');
	@readers = map { $_->{client} } @readers;
	$_->query('COMMIT') foreach @readers;

	my ($stale, $failed, $told) = (0, 0, 0);
	my %servers;
	foreach my $cycle (1 .. $cycles)
	{
		my $reader = $readers[ $cycle % @readers ];
		my $other = $readers[ ($cycle + 1) % @readers ];

		$row++;
		$first->query("INSERT INTO t VALUES ($row)");
		$token = $first->parameter($setting);
		$told++ if !$seen{$token}++;

		# Two readers at the same time; server connections take turns.
		foreach my $client ($reader, $other)
		{
			$client->ask(
				"BEGIN; SET LOCAL replwatch.read_after = '$token'; SELECT max(i), current_setting('cluster_name') FROM t; COMMIT"
			);
		}
		foreach my $client ($reader, $other)
		{
			$answer = $client->answer;
			if ($answer->{state})
			{
				$failed++;
				diag($answer->{message});
				$client->query('ROLLBACK');
				next;
			}
			$stale++ if $answer->{rows}[0][0] < $row;
			$servers{ $answer->{rows}[0][1] }++;
		}
	}
	is($told, $cycles, 'each commit reported its token');
	is($failed, 0, 'no wait failed');
	is($stale, 0, 'no read was stale');
	cmp_ok($servers{$_} // 0,
		'>', 0, "$_ answered some of them") foreach 'replica1', 'replica2';
	is(join(' ', sort keys %servers),
		'replica1 replica2', 'no other replica is used');

	# One block, command by command.
	$row++;
	$first->query("INSERT INTO t VALUES ($row)");
	$token = $first->parameter($setting);
	foreach my $reader (@readers)
	{
		$reader->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
		$reader->query("SET LOCAL replwatch.read_after = '$token'");
		is($reader->value('SELECT max(i) FROM t'),
			$row, 'a block of several commands reads the row');
		$reader->query('COMMIT');
		is($reader->value('SHOW replwatch.read_after'),
			'', 'the server connection keeps no setting');
	}
}


note '3. one replica is behind';

SKIP:
{
	skip 'this PgBouncer does not take a list of hosts', 1
	  if $version < 1017;

	$standby2->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	Replwatch::wait_until($standby2,
		"SELECT pg_get_wal_replay_pause_state() = 'paused'",
		'replay is paused');
	$row++;
	$first->query("INSERT INTO t VALUES ($row)");
	$token = $first->parameter($setting);

	# All at once, on four server connections of both replicas.
	my @readers = readers(4);
	is(servers(@readers), 'replica1 replica2', 'both replicas are asked');
	foreach my $reader (@readers)
	{
		my ($client, $server) = @{$reader}{qw(client server)};

		if ($server eq 'replica1')
		{
			$client->value("SET LOCAL replwatch.read_after = '$token'");
			is($client->value('SELECT max(i) FROM t'),
				$row, 'the one that is not reads the row');
		}
		else
		{
			$client->value("SET LOCAL replwatch.wait_timeout = '100 ms'");
			is( $client->query("SET LOCAL replwatch.read_after = '$token'")
				  ->{state},
				'RW002',
				'the remaining one reports that it is missing');
		}
		$client->query('ROLLBACK');
	}
	Replwatch::value($standby2, 'SELECT pg_wal_replay_resume()');
}

done_testing();
