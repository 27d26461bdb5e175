# Copyright (c) 2026, the replwatch authors

# The port never keeps a server from stopping, whatever the mode and whoever is
# connected, and does not outlive it.

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;
use Time::HiRes qw(time);
use Time::Local qw(timegm);

my @conf = "log_timezone = 'UTC'";
my $primary = Replwatch::primary('primary', Port::conf(@conf));
my $standby =
  Replwatch::standby($primary, 'replica1', conf => [ Port::conf(@conf) ]);
my ($pid, $begin, @clients);

# Connect clients of each kind: one says nothing, one has asked in part, one has
# asked and goes on sending, one does not read.
sub connect_clients
{
	my ($port) = @_;

	Port::status_when($port, '/liveness', 200, 'the port answers');
	$begin = time();
	@clients = map { Port::connect_to($port) } 1 .. 4;
	syswrite($clients[1], "GET /primary HTTP/1.1\r\n");
	syswrite($clients[2], "NONSENSE\r\n\r\n" . 'x' x 1000);
	syswrite($clients[3], "GET /metrics HTTP/1.1\r\n\r\n");
	return;
}

# When a server was told to stop, by its log, in seconds since 1970.
sub told_to_stop
{
	my ($node, $mode, $offset) = @_;
	my ($year, $month, $day, $hour, $minute, $second) =
	  slurp_file($node->logfile, $offset) =~
	  /^(\d+)-(\d+)-(\d+) (\d+):(\d+):([\d.]+) UTC .* received $mode shutdown request$/m
	  or die "the log does not say that the server was told to stop";

	return timegm(int $second, $minute, $hour, $day, $month - 1, $year) +
	  $second - int $second;
}

note '1. Each mode, with clients connected';

foreach my $mode (qw(smart fast immediate))
{
	foreach my $node ($standby, $primary)
	{
		my $what = $node->name . " stopped in $mode mode";
		my $offset = -s $node->logfile;

		connect_clients(Port::of($node));
		$pid = Process::child($node, 'replwatch port');
		$node->stop($mode);
		ok(!Process::runs($pid), "$what: the port is gone");
		is(Port::try_connect(Port::of($node)),
			undef, "$what: nobody listens");

		# A client that has asked in part is told when its five seconds are over.
		# They are not waited for; they may have been over before, though.
		my @answers = map { Port::read_all($_) } @clients;
		like(
			$answers[1],
			told_to_stop($node, $mode, $offset) < $begin + 1
			? qr/^$/
			: qr/^(HTTP\/1\.1 408 .*)?$/s,
			"$what: it does not wait for its clients");
	}
	$_->start foreach $primary, $standby;
}

note '2. A server that is about to stop';

# In smart mode it waits for its sessions, and takes no more.
my $session = $primary->background_psql('postgres');
my $port = Port::of($primary);
$session->query('SELECT 1');
Port::status_when($port, '/read-only', 200, 'the standby accepts connections');
system('pg_ctl', '-D', $primary->data_dir, '-m', 'smart', '-W', 'stop');
my $answer =
  Port::status_when($port, '/read-only', 503, 'it accepts no more connections');
is($answer->{json}->{reason}, 'not accepting connections', 'with the reason');
is(Port::status($port, '/readiness'), 503, 'it is not ready');
foreach my $page (qw(/ /primary /read-write))
{
	$answer = Port::ask($port, $page);
	is($answer->{status}, 503, "nor a primary to write on: $page");
	is( $answer->{json}->{reason},
		'not accepting connections',
		'for that reason');
}
is( Port::agent($port, 'primary'),
	'down #not accepting connections',
	'the agent says so, too');
is(Port::status($port, '/liveness'), 200, 'it is alive');
$session->quit;
Process::until_true('it stops when the session ends',
	sub { !-e $primary->data_dir . '/postmaster.pid' });
pass('it stops when the session ends');
$primary->_update_pid(0);
$primary->start;

note '3. The port ends with a postmaster that is killed';

Port::status_when($port, '/liveness', 200, 'the port answers');
connect_clients($port);
$pid = Process::child($primary, 'replwatch port');
my $postmaster = Process::postmaster($primary);
$primary->kill9;
Process::until_true('the port is gone', sub { !Process::runs($pid) });
pass('the port is gone');

# Others may need a moment longer, and then somebody has to notice.
Process::until_true('the server starts',
	sub { !kill(0, $postmaster) && $primary->start(fail_ok => 1) });
is(Port::status_when($port, '/primary', 200, 'it is back')->{status},
	200, 'the port is back with the server');

done_testing();
