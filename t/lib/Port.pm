# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Port - asks the port of a server, as proxies and monitors do

=head1 SYNOPSIS

  use lib 't/lib';
  use Port;

  my $standby = Replwatch::standby($primary, 'replica1',
	conf => [ Port::conf() ]);
  my $port = Port::of($standby);

  my $answer = Port::ask($port, '/replica?lag=5s');
  is($answer->{status}, 200, 'it is near enough');
  is($answer->{json}->{role}, 'standby', 'it is a standby');
  is(Port::agent($port, 'replica'), 'up ready 100%', 'it gets all reads');

=cut

package Port;

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process ();
use Test::More;
use Time::HiRes qw(time sleep);

# Lines for postgresql.conf that make a server listen on a free port and serve
# everything; further arguments are more lines.
sub conf
{
	my (@conf) = @_;

	return (
		'replwatch.port = ' . PostgreSQL::Test::Cluster::get_free_port(),
		"replwatch.listen_addresses = '127.0.0.1'",
		"replwatch.port_serves = 'all'",
		@conf);
}

# The port in a server's configuration.
sub of
{
	my ($node) = @_;
	my @found = slurp_file($node->data_dir . '/postgresql.conf') =~
	  /^replwatch\.port = (\d+)/mg;

	return $found[-1];
}

# Connect, from another address if one is given, without waiting; undef if nothing
# listens there.
sub try_connect
{
	my ($port, $address, $from) = @_;

	return IO::Socket::INET->new(
		defined $from ? (LocalAddr => $from) : (),
		PeerAddr => $address // '127.0.0.1',
		PeerPort => $port,
		Proto => 'tcp',
		Timeout => $PostgreSQL::Test::Utils::timeout_default);
}

# Connect once something listens there, by default on 127.0.0.1.
sub connect_to
{
	my ($port, $address, $from) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;

	while (1)
	{
		my $socket = try_connect($port, $address, $from);

		return $socket if $socket;
		die "nothing listens on port $port" if time() > $limit;
		sleep(0.05);
	}
}

# Everything that the other end sends until it closes; dies if it does not close.
sub read_all
{
	my ($socket) = @_;
	my $all = '';

	while (1)
	{
		Process::readable($socket, $PostgreSQL::Test::Utils::timeout_default)
		  or die 'the port did not close a connection';
		my $n = sysread($socket, my $part, 65536);

		# A connection that was reset has ended as well.
		last if !$n;
		$all .= $part;
	}
	return $all;
}

# Send these bytes, and return the answer.
sub raw
{
	my ($port, $bytes) = @_;
	my $socket = connect_to($port);

	syswrite($socket, $bytes);
	return read_all($socket);
}

# Parse an answer: status, headers (with lower-case names), body, and the decoded
# body if it is JSON.
sub parse
{
	my ($bytes) = @_;
	my ($head, $body) = $bytes =~ /^(.*?)\r\n\r\n(.*)$/s
	  or die "not an answer in HTTP: $bytes";
	my ($first, @lines) = split /\r\n/, $head;
	my %answer = (body => $body);

	($answer{status}) = $first =~ m{^HTTP/1\.1 (\d{3}) }
	  or die "not a status line: $first";
	$answer{headers} =
	  { map { /^([^:]+): (.*)$/ ? (lc $1, $2) : () } @lines };
	$answer{json} = decode_json($body)
	  if $answer{headers}->{'content-type'} eq 'application/json'
	  && $body ne '';
	return \%answer;
}

# Ask for a page; headers are lines.  The port of these tests is on loopback.
sub ask
{
	my ($port, $target, %params) = @_;
	my $method = $params{method} // 'GET';
	my $headers = join '', map { "$_\r\n" } @{ $params{headers} // [] };

	return parse(
		raw($port, "$method $target HTTP/1.1\r\nHost: localhost:$port\r\n$headers\r\n"));
}

# Only the status.
sub status
{
	my ($port, $target) = @_;

	return ask($port, $target)->{status};
}

# The answer of the agent to a line, without its line end.
sub agent
{
	my ($port, $line) = @_;
	my $answer = raw($port, "$line\n");

	$answer =~ s/\n\z// or die "not a line: $answer";
	return $answer;
}

# Ask until the answer fits, and return it; dies with $what at the time limit.
sub answer_when
{
	my ($port, $target, $what, $fits) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $answer;

	while (time() < $limit)
	{
		$answer = ask($port, $target);
		return $answer if $fits->($answer);
		sleep(0.1);
	}
	diag(explain($answer));
	die "timed out waiting until $what";
}

# An answer from a fresh sample: on a busy machine the sampling worker may be
# late, which the port reports.
sub sampled
{
	my ($port, $target) = @_;

	return answer_when($port, $target, 'samples are taken',
		sub { $_[0]->{body} !~ /"reason":"no sample / });
}

# The same for the agent.
sub sampled_agent
{
	my ($port, $line) = @_;

	return agent_when($port, $line, 'samples are taken',
		qr/^(?!down #no sample )/);
}

# Ask until the answer has this status, and return it.
sub status_when
{
	my ($port, $target, $status, $what) = @_;

	return answer_when($port, $target, $what,
		sub { $_[0]->{status} == $status });
}

# Ask the agent until its answer fits, and return it.
sub agent_when
{
	my ($port, $line, $what, $pattern) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $answer;

	while (time() < $limit)
	{
		$answer = agent($port, $line);
		return $answer if $answer =~ $pattern;
		sleep(0.1);
	}
	die "timed out waiting until $what; the last answer was $answer";
}

1;
