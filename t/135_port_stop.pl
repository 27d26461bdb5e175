# Copyright (c) 2026, the replwatch authors

# The port never keeps a server from stopping, whatever the mode and whoever is
# connected, and does not outlive it.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

# How long it may take, in seconds: well less than the five that a client has,
# which are counted from its connection.  A loaded machine gets more tries.
my $at_once = 3;
my $tries = 5;

my $primary = Replwatch::primary('primary', Port::conf());
my $standby =
  Replwatch::standby($primary, 'replica1', conf => [ Port::conf() ]);
my ($pid, $begin, @clients);

# Connect clients of each kind: one says nothing, one has asked in part, one has
# asked and goes on sending, one does not read.
sub connect_clients
{
	my ($port) = @_;

	Port::status_when($port, '/liveness', 200, 'it answers');
	@clients = map { Port::connect_to($port) } 1 .. 4;
	syswrite($clients[1], "GET /primary HTTP/1.1\r\n");
	syswrite($clients[2], "NONSENSE\r\n\r\n" . 'x' x 1000);
	syswrite($clients[3], "GET /metrics HTTP/1.1\r\n\r\n");
	return;
}

sub is_alive
{
	my ($process) = @_;

	open my $stat, '<', "/proc/$process/stat" or return 0;
	return (<$stat> // '') =~ /^\d+ \(.*\) [^ZX] /;
}

note '1. Each mode, with clients connected';

foreach my $mode (qw(smart fast immediate))
{
	foreach my $node ($standby, $primary)
	{
		my $what = $node->name . " stopped in $mode mode";
		my $took;

		for my $try (1 .. $tries)
		{
			connect_clients(Port::of($node));
			$pid = Port::child($node, 'replwatch port');
			$begin = time();
			$node->stop($mode);
			$took = time() - $begin;
			last if $took < $at_once || $try == $tries;
			$node->start;
		}
		cmp_ok($took, '<', $at_once, "$what: it stops at once");
		ok(!is_alive($pid), "$what: the port is gone");
		is(Port::try_connect(Port::of($node)),
			undef, "$what: nobody listens");
		Port::read_all($_) foreach @clients;
		pass("$what: the clients are told");
	}
	$_->start foreach $primary, $standby;
}

note '2. A server that is about to stop';

# In smart mode it waits for its sessions, and takes no more.
my $session = $primary->background_psql('postgres');
my $port = Port::of($primary);
$session->query('SELECT 1');
Port::status_when($port, '/read-only', 200, 'it takes connections');
system('pg_ctl', '-D', $primary->data_dir, '-m', 'smart', '-W', 'stop');
my $answer =
  Port::status_when($port, '/read-only', 503, 'it takes none any more');
is($answer->{json}->{reason}, 'not accepting connections', 'it says so');
is(Port::status($port, '/readiness'), 503, 'it is not ready');
is(Port::status($port, '/liveness'), 200, 'but alive');
$session->quit;
my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
sleep(0.1) while -e $primary->data_dir . '/postmaster.pid' && time() < $limit;
ok(!-e $primary->data_dir . '/postmaster.pid', 'it stops then');
$primary->_update_pid(0);
$primary->start;

note '3. A postmaster that is killed takes its port with it';

Port::status_when($port, '/liveness', 200, 'it answers');
connect_clients($port);
$pid = Port::child($primary, 'replwatch port');
my ($postmaster) =
  slurp_file($primary->data_dir . '/postmaster.pid') =~ /^(\d+)/;
$primary->kill9;
$limit = time() + $PostgreSQL::Test::Utils::timeout_default;
sleep(0.05) while is_alive($pid) && time() < $limit;
ok(!is_alive($pid), 'the port is gone');

# Others may need a moment longer, and then somebody has to notice.
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if !kill(0, $postmaster) && $primary->start(fail_ok => 1);
	sleep(0.1);
}
is(Port::status_when($port, '/primary', 200, 'it is back')->{status},
	200, 'and back with the server');

done_testing();
