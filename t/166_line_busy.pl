# Copyright (c) 2026, the replwatch authors

# Many lines at once, and many clients of the port that have no line.  Thirty
# standbys, played by this test, tell of themselves and are told of all others.
# Meanwhile more clients than the port has room for ask slowly, never ask, or
# begin a line and go no further: they compete with each other, and not with the
# lines, which all live, while a real standby's is up and stays so.

use strict;
use warnings;

use lib 't/lib';
use Line;
use Port;
use Process;
use Receiver;
use Replwatch;
use Tree;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $number = 30;
my $primary = Replwatch::primary(
	'primary',
	'max_wal_senders = 40',
	'max_connections = 20',
	"replwatch.node_name = 'primary'",
	Port::conf());
my $port = Port::of($primary);
my $key = Line::key($primary);
my $real = Replwatch::standby(
	$primary, 'real',
	conf => [
		Port::conf(
			"replwatch.node_name = 'real'",
			"replwatch.upstream_port = $port")
	]);


note "1. $number lines";

my @receivers = map { Receiver->new($primary, "link$_") } 1 .. $number;
my @lines = map {
	Line->connect($port, key => $key, application_name => "link$_")
} 1 .. $number;

foreach my $line (@lines)
{
	$line->hello;
	$line->meet('challenge') or die 'no challenge';
	$line->prove;
}
is(scalar(grep { Line::verdict($_->receive) eq 'welcome' } @lines),
	$number, "$number standbys are let in");

# Have each tell of itself, and take what has come for it.  Returns how many names
# each was told last.
my %heard;
my $told_at = 0;

sub exchange
{
	if (time() - $told_at > 0.5)
	{
		foreach my $i (1 .. $number)
		{
			$lines[ $i - 1 ]->tell(
				{
					name => "server$i",
					role => $Line::role{standby},
					health => $Line::health{ok}
				});
		}
		$told_at = time();
	}
	foreach my $line (@lines)
	{
		while ($line->has_come)
		{
			$heard{$line} = { map { ($_->{name} // '' => 1) } $line->hear };
		}
	}
	return;
}

# What each is told of: the primary, the real standby, and all the others.
my $session = Session->new($primary);
Process::until_true(
	'each is told of all others',
	sub {
		exchange();
		my $complete = grep { $_ == $number + 1 }
		  map {
			my $i = $_;
			my $heard = $heard{ $lines[ $i - 1 ] } // {};

			scalar grep { $heard->{$_} } 'primary', 'real',
			  map { "server$_" } grep { $_ != $i } 1 .. $number;
		  } 1 .. $number;

		return $complete == $number;
	});
pass('each is told of all others');

# Each is once in the tree, by what it has just said.
sub fresh
{
	return grep { defined $_->{age} && $_->{age} < 3 } Tree::rows($session);
}

Process::until_true('all are in the tree',
	sub { exchange(); fresh() == $number + 2 });
my %rows;
$rows{ $_->{node} }++ foreach Tree::rows($session);
is_deeply(
	\%rows,
	{ map { ($_ => 1) } 'primary', 'real', map { "server$_" } 1 .. $number },
	'each is in the tree once');


note '2. and many other clients';

# They are dropped for each other, which is what they have to expect.
my @clients;
my @parts =
  ('', 'prim', "GET /primary HTTP/1.1\r\n", Line::frame('hello'), "\xF1\x01\x7F");

sub flood
{
	foreach my $i (1 .. 100)
	{
		my $socket = Port::connect_to($port, undef, '127.0.0.2');
		local $SIG{PIPE} = 'IGNORE';

		syswrite($socket, $parts[ $i % @parts ]);
		push @clients, $socket;
	}
	shift @clients while @clients > 200;
	return;
}

# For longer than a client has, and than a line may be silent.
my $begin = Replwatch::now($session);
my %state;
my $wrong = 0;
Process::until_true(
	'lines and clients have been there for a while',
	sub {
		flood();
		exchange();
		$wrong++ if Port::status($port, '/primary') != 200;
		$state{ Replwatch::value($real,
				'SELECT line_state FROM replwatch_node()') }++;
		return Replwatch::now($session) > $begin + 6;
	});
is($wrong, 0, 'health checks are answered');
is_deeply([ keys %state ], ['up'], "the real standby's line is up all the time");
Process::until_true('all still report',
	sub { flood(); exchange(); fresh() == $number + 2 });
pass('all still report');

# A standby that comes now gets its line, as clients of one address do not keep
# those of others out.
my $receiver = Receiver->new($primary, 'late');
my $line = Line->connect($port, key => $key, application_name => 'late');
flood();
is($line->join, 'welcome', 'a new line finds a place');

# Those who leave without a word are rows without a report of late.
@clients = ();
$_->end foreach @lines;
my $pid = Process::child($primary, 'replwatch port');
Tree::shape_is(
	$primary,
	join(', ', 'primary', map { "$_ < primary" } 'late', 'real',
		sort map { "server$_" } 1 .. $number),
	'they stay, and get older',
	'late', map { "server$_" } 1 .. $number);
is(Process::child($primary, 'replwatch port'),
	$pid, 'and the port lives');

done_testing();
