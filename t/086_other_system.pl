# Copyright (c) 2026, the replwatch authors

# A commit token of another database system is refused wherever a token is read:
# on a primary, on a standby, and on a logical subscriber of the very server that
# issued the token.  pg_upgrade makes another system of a cluster, a base backup
# makes a copy of the same system.

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The server that issues the tokens, and another system with a standby.
my $ours = Replwatch::primary('ours', Port::conf(), 'wal_level = logical');
my $other = Replwatch::primary('other', Port::conf(), 'wal_level = logical');
my $standby =
  Replwatch::standby($other, 'replica1', conf => [ Port::conf() ]);

# A standby is a replica once a sample has found it in step.
Port::status_when(Port::of($standby), '/replica', 200, 'it is a replica');

# A subscriber is a system of its own.
my $subscriber = Replwatch::primary('subscriber', Port::conf());
$ours->safe_psql('postgres', 'CREATE PUBLICATION pub FOR TABLE burst');
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION sub CONNECTION '"
	  . $ours->connstr
	  . " dbname=postgres' PUBLICATION pub");
$subscriber->wait_for_subscription_sync($ours, 'sub');

# Insert a row and return the commit's token.
sub write_row
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		"INSERT INTO burst VALUES ('a row'); SELECT replwatch_commit_token()");
}

# $command, which $client sends to $node with $token, raises RW003, and the error
# says all that it should.
sub refuses
{
	my ($client, $node, $token, $command, $what) = @_;
	my $error = $client->query($command);
	my ($system) = $token =~ /^([0-9a-f]{16}):/i;
	my $here = Replwatch::system_of($node);

	is($error->{state}, 'RW003', "$what: it is refused");
	is( $error->{message},
		'commit token is of another database system',
		"$what: the message says so");
	is( $error->{detail},
		"The token is of system \L$system\E, this server is of system $here.",
		"$what: the detail names both systems");
	is( $error->{hint},
		'Drop the token and read on the primary, or obtain a new one there.',
		"$what: the hint says what to do");
	return;
}

# A server refuses a token of another system in each way to give one.
sub refuses_all
{
	my ($node, $token, $topic) = @_;
	my $name = $node->name;
	my $client = Session->new($node);
	my $before =
	  $client->value('SELECT waits FROM replwatch_wait_stats()');

	# At once: a wait of a day would end the test.
	foreach my $timeout ("'1 day'", "'0'", 'NULL')
	{
		refuses($client, $node, $token,
			"SELECT replwatch_wait_for_token('$token', $timeout)",
			"$name, timeout $timeout");
	}
	$client->query("SET replwatch.wait_timeout = -1");
	refuses($client, $node, uc $token,
		"SELECT replwatch_wait_for_token('\U$token\E')",
		"$name, in upper case");
	refuses($client, $node, $token, "SET replwatch.read_after = '$token'",
		"$name, SET read_after");
	is($client->value('SHOW replwatch.read_after'),
		'', "$name: read_after is not set");
	$client->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
	refuses($client, $node, $token,
		"SET LOCAL replwatch.read_after = '$token'",
		"$name, SET LOCAL in REPEATABLE READ");
	$client->query('ROLLBACK');
	is($client->value('SELECT waits FROM replwatch_wait_stats()'),
		$before, "$name: nothing has waited");

	# Whatever its timeline and LSN are.
	my ($system) = $token =~ /^([^:]*):/;
	foreach my $rest ('00000001:00000000/00000000',
		'00000002:00000000/00000001',
		'FFFFFFFF:FFFFFFFF/FFFFFFFF')
	{
		refuses($client, $node, $token,
			"SELECT replwatch_wait_for_token('$system:$rest', '1 day')",
			"$name, $rest");
	}

	my $port = Port::of($node);
	foreach my $page ($topic, 'readiness')
	{
		my $answer = Port::sampled($port, "/$page?token=$token");

		is($answer->{status}, 503, "$name: /$page says no");
		is( $answer->{json}->{reason},
			'the commit token is of another database system',
			"$name: /$page with the reason");
	}
	return;
}

isnt(
	Replwatch::system_of($ours),
	Replwatch::system_of($other),
	'the systems differ');


note '1. a token of its own system';

my $token = write_row($ours);
my $system = Replwatch::system_of($ours);
like($token, qr{^$system:00000001:[0-9A-F]{8}/[0-9A-F]{8}$},
	'a token has a fixed width');
my $writer = Session->new($ours);
is($writer->value("SELECT replwatch_wait_for_token('$_')"),
	't', "it is there on its own server: $_")
  foreach $token, uc $token, lc $token;
is( $writer->value(
		"SELECT split_part('$token', ':', 3)::pg_lsn <= pg_current_wal_insert_lsn()"
	),
	't',
	'its last part is an LSN');
cmp_ok(write_row($ours), 'gt', $token, 'a later one is the greater string');


note '2. on other systems';

refuses_all($other, $token, 'read-only');
refuses_all($standby, $token, 'replica');
$ours->wait_for_catchup('sub');
refuses_all($subscriber, $token, 'read-only');

# And the other way round, on the publisher.
refuses_all($ours, write_row($other), 'read-only');
refuses_all($ours, write_row($subscriber), 'read-only');


note '3. copies of a server are of the same system';

my $copied = Replwatch::standby($ours, 'replica2', conf => [ Port::conf() ]);
my $streamed = write_row($ours);
is(Session->new($copied)->value("SELECT replwatch_wait_for_token('$_', '1 h')"),
	't', 'a standby takes a token')
  foreach $token, $streamed;
Port::status_when(Port::of($copied), '/replica', 200, 'it is a replica');
is(Port::sampled(Port::of($copied), "/replica?token=$streamed")->{status},
	200, 'at the port as well');

$ours->backup('copy');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($ours, 'copy');
$copy->start;
is( Session->new($copy)
	  ->value("SELECT replwatch_wait_for_token('$streamed', '1 h')"),
	't', 'so does a server that was started from a base backup');


note '4. pg_upgrade makes another system';

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(allows_streaming => 1);
$new->append_conf('postgresql.conf',
	join("\n", "shared_preload_libraries = 'replwatch'", Port::conf()) . "\n");
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
$_->stop foreach $copied, $copy, $ours;

my $bindir = $ours->config_data('--bindir');
chdir ${PostgreSQL::Test::Utils::tmp_check} or die "chdir: $!";
command_ok(
	[
		'pg_upgrade', '--no-sync',
		'-b' => $bindir,
		'-B' => $bindir,
		'-d' => $ours->data_dir,
		'-D' => $new->data_dir,
		'-s' => $ours->host,
		'-p' => $ours->port,
		'-P' => $new->port
	],
	'pg_upgrade succeeds');
$new->start;
Replwatch::wait_sampled($new);
isnt(Replwatch::system_of($new), $system, 'its system is another one');
refuses_all($new, $streamed, 'read-only');

my $newest = write_row($new);
is(Session->new($new)->value("SELECT replwatch_wait_for_token('$newest')"),
	't', 'a token obtained there is good');
refuses_all($_, $newest, 'read-only') foreach $other, $subscriber;
refuses_all($standby, $newest, 'replica');

done_testing();
