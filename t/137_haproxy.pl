# Copyright (c) 2026, the replwatch authors

# A real HAProxy, with the configuration in examples/: the read pool follows the
# replicas' lag by agent check and by health check, falls back to the primary
# when none is fit, and returns; a replica that is cut off gets reads only when
# the primary is dead, too; the write pool follows a promotion and takes their
# sessions from who is no primary any more.

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Relay;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'haproxy is not installed'
  if system('haproxy -v >/dev/null 2>&1') != 0;

my @conf = (
	"listen_addresses = '127.0.0.1'",
	'replwatch.route_hold = 1s',
	'wal_retrieve_retry_interval = 200ms');
my $primary = Replwatch::primary('db1', Port::conf(@conf));
my @node = (
	$primary,
	map { Replwatch::standby($primary, $_, conf => [ Port::conf(@conf) ]) }
	  qw(db2 db3));
my ($write, $read, $checked, $told) =
  map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 4;
my $dir = PostgreSQL::Test::Utils::tempdir_short();

# The example, with the addresses of here, asking more often and with more time
# for an answer; a pool that goes by health check alone; and one that goes by
# agent check alone.
my $example = slurp_file('examples/haproxy.cfg');
$example =~ s/:5000$/127.0.0.1:$write/m or die;
$example =~ s/:5001$/127.0.0.1:$read/m or die;
foreach my $i (1 .. 3)
{
	my $node = $node[ $i - 1 ];
	my $port = Port::of($node);

	$example =~
	  s/ db$i:5432/' 127.0.0.1:' . $node->port . " port $port agent-port $port"/ge;
}
$example =~ s/inter 1s/inter 200ms/g;
# What counts here is that a replica is cut off, not for how long.
$example =~ s/cut_off=5s/cut_off=0s/g == 2 or die;
$example =~ s/timeout check 2s/timeout check 1m/ or die;
$example =~
  s/^global\n/global\n\tstats socket $dir\/stats mode 600 level admin\n/m;
$example .= <<"EOS";

listen checked
	bind 127.0.0.1:$checked
	option httpchk GET /replica?lag=1MB
	default-server inter 200ms fall 2 rise 1
EOS
$example .=
	"\tserver db$_ 127.0.0.1:"
  . $node[ $_ - 1 ]->port
  . ' check port '
  . Port::of($node[ $_ - 1 ]) . "\n"
  foreach 1 .. 3;
$example .= <<"EOS";

listen told
	bind 127.0.0.1:$told
	default-server weight 100 agent-inter 200ms agent-send "replica lag=10MB\\n"
EOS
$example .=
	"\tserver db$_ 127.0.0.1:"
  . $node[ $_ - 1 ]->port
  . ' agent-check agent-port '
  . Port::of($node[ $_ - 1 ]) . "\n"
  foreach 1 .. 3;
append_to_file("$dir/haproxy.cfg", $example);

# What HAProxy says of a server: its status and weight, or another figure.
sub state_of
{
	my ($pool, $server, $field) = @_;
	my $socket = IO::Socket::UNIX->new("$dir/stats")
	  or die "haproxy does not answer: $!";

	syswrite($socket, "show stat\n");
	my ($names, @lines) = split /\n/, Port::read_all($socket);
	my @names = split /,/, $names =~ s/^# //r;
	foreach my $line (@lines)
	{
		my %row;

		@row{@names} = split /,/, $line, -1;
		next if $row{pxname} ne $pool || $row{svname} ne $server;
		return $field ? $row{$field} : "$row{status} $row{weight}";
	}
	die "haproxy knows no $server in $pool";
}

sub state_when
{
	my ($pool, $server, $pattern, $what, $field) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $state = '';

	while (time() < $limit)
	{
		$state = state_of($pool, $server, $field);
		return $state if $state =~ $pattern;
		sleep(0.1);
	}
	die "timed out waiting until $what; $server in $pool is $state";
}

# A session through HAProxy; in seconds it is refused, not in minutes.
sub connstr
{
	my ($port) = @_;

	return "host=127.0.0.1 port=$port dbname=postgres connect_timeout=60";
}

# Which servers are met behind a port, in several connections.
sub met
{
	my ($port) = @_;
	my %met;

	for (1 .. 6)
	{
		my ($out, $err);

		IPC::Run::run(
			[
				'psql', '-XAtc',
				"SELECT current_setting('port')", '-d',
				connstr($port)
			],
			'>',
			\$out,
			'2>',
			\$err);
		chomp $out;
		$met{ $out eq '' ? 'nobody' : $out }++;
	}
	return join ' ', sort map {
		my $port = $_;
		my ($node) = grep { $_->port eq $port } @node;
		$node ? $node->name : $port
	} keys %met;
}

# As soon as it is just those.
sub met_when
{
	my ($port, $expected, $what) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $met;

	do { $met = met($port) } while ($met ne $expected && time() < $limit);
	is($met, $expected, $what);
	return;
}

my $log = "$PostgreSQL::Test::Utils::log_path/137_haproxy.haproxy.log";
my $haproxy = IPC::Run::start([ 'haproxy', '-db', '-f', "$dir/haproxy.cfg" ],
	'<', \undef, '>', $log, '2>&1');
Process::until_true('haproxy listens',
	sub { -S "$dir/stats" && Port::try_connect($read) });

note '1. All is well';

state_when('primary', 'db1', qr/^UP/, 'the primary is found');
state_when('primary', $_, qr/^DOWN/, 'the standbys are no primary')
  foreach qw(db2 db3);
state_when('replicas', 'db1', qr/^DOWN/, 'the primary is no replica');
state_when('replicas', $_, qr/^UP 100$/, "$_ is a replica")
  foreach qw(db2 db3);
state_when('checked', 'db1', qr/^DOWN/, 'the primary is no replica by health check');
state_when('told', 'db1', qr/^DOWN/, 'the agent check takes it out');
state_when('told', 'db1', qr/down \(this server is a primary\)/,
	'haproxy shows the reason', 'last_agt');
met_when($write, 'db1', 'writes go to the primary');
met_when($read, 'db2 db3', 'reads go to the replicas');
met_when($checked, 'db2 db3', 'the same by health check');
met_when($told, 'db2 db3', 'the same by agent check');

note '2. A replica falls behind';

Replwatch::pause_replay($primary, $node[1]);
$primary->safe_psql('postgres',
	"INSERT INTO burst SELECT repeat('x', 1000) FROM generate_series(1, 12000)"
);
state_when('replicas', 'db2', qr/^DRAIN/, 'the replica is drained');
met_when($read, 'db3', 'by agent check: reads go to the other replica');
state_when('checked', 'db2', qr/^DOWN/, 'it is down by health check');
met_when($checked, 'db3', 'the same by health check');

note '3. Both replicas fall behind';

Replwatch::wait_replayed($primary, $node[2]);
Replwatch::pause_replay($primary, $node[2]);
$primary->safe_psql('postgres',
	"INSERT INTO burst SELECT repeat('x', 1000) FROM generate_series(1, 12000)"
);
state_when('replicas', 'db3', qr/^DRAIN/, 'the replica is drained');
met_when($read, 'db1', 'reads fall back to the primary');
met_when($checked, 'nobody', 'a pool without a backup is empty');

note '4. Both catch up';

$_->safe_psql('postgres', 'SELECT pg_wal_replay_resume()')
  foreach @node[ 1, 2 ];
state_when('replicas', $_, qr/^UP/, "$_ is back") foreach qw(db2 db3);
met_when($read, 'db2 db3', 'reads go to the replicas again');
met_when($checked, 'db2 db3', 'the same by health check');

note '5. The sessions of a primary that is no longer one';

# As far as HAProxy can see.
my $session = IPC::Run::start(
	[ 'psql', '-XAtq', '-d', connstr($write) ],
	'<',
	\my $in,
	'>',
	\my $out,
	'2>',
	\my $err,
	IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
$in = "SELECT 'there';\n";
$session->pump until $out =~ /there/;
$primary->safe_psql('postgres', 'ALTER SYSTEM SET replwatch.port = 0');
$primary->reload;
state_when('primary', 'db1', qr/^DOWN/, 'the server is taken out');
$in = "SELECT 'still there';\n";
eval { $session->finish };
unlike($out, qr/still there/, 'its sessions are closed');
like($err, qr/server closed the connection/, 'the clients see that');
$primary->safe_psql('postgres', 'ALTER SYSTEM RESET replwatch.port');
$primary->reload;
state_when('primary', 'db1', qr/^UP/, 'the server is back');

note '6. A replica is cut off';

# It has heard of the primary through a line of its own.
my $line = Relay->new($primary);
Replwatch::set($node[1],
	"primary_conninfo = '" . $line->connstr . " application_name=db2'");
Replwatch::wait_until(
	$node[1],
	"SELECT count(*) = 1 FROM pg_stat_wal_receiver WHERE sender_host = '"
	  . ($line->connstr =~ /host=(\S+)/)[0] . "'",
	'it streams through the line');
state_when('replicas', 'db2', qr/^UP 100$/, 'the replica is back');
$line->cut;
state_when('replicas', 'db2', qr/^DOWN/, 'the replica is taken out');
state_when('replicas', 'db2', qr/down \(cut off from the upstream server/,
	'haproxy shows the reason', 'last_agt');
state_when('cut_off', 'db2', qr/^UP/, 'it is kept in reserve');
state_when('told', 'db2', qr/ 1$/,
	'in a pool of all it has the least weight');
met_when($read, 'db3', 'reads go to the other replica');

note '7. The other one is stopped';

$node[2]->stop;
state_when('replicas', 'db3', qr/^DOWN/, 'no replica is left');
met_when($read, 'db1', 'reads go to the primary');

note '8. The primary dies';

$primary->stop('immediate');
state_when('primary', 'db1', qr/^DOWN/, 'the primary is down');
met_when($read, 'db2', 'reads go to the replica that is cut off');
met_when($write, 'nobody', 'writes go nowhere');
$node[2]->start;
Port::answer_when(
	Port::of($node[2]),
	'/replica',
	'the other one has started',
	sub {
		($_[0]->{json}->{reason} // '') eq
		  'this server has not caught up since it started';
	});
state_when('cut_off', 'db3', qr/^DOWN/, 'one that was never in step is no reserve');
met_when($read, 'db2', 'reads stay where they are');

note '9. A replica is promoted';

$node[1]->promote;
state_when('primary', 'db2', qr/^UP/, 'the new primary is found');
state_when('cut_off', 'db2', qr/^DOWN/, 'it is no longer a replica');
state_when('told', 'db2', qr/^DOWN/, 'the agent check takes it out');
met_when($write, 'db2', 'writes go there');
met_when($read, 'db2', 'reads as well');
Replwatch::connect_to($node[2], $node[1], 'db3');
$node[2]->reload;
state_when('replicas', 'db3', qr/^UP 100$/, 'the other one follows');
met_when($read, 'db3', 'reads go to the replica');

$haproxy->kill_kill;

done_testing();
