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

# Lines for postgresql.conf that have a server listen on a port of its own, with
# everything served; further arguments are more lines.
sub conf
{
	my (@conf) = @_;

	return (
		'replwatch.port = ' . PostgreSQL::Test::Cluster::get_free_port(),
		"replwatch.listen_addresses = '127.0.0.1'",
		"replwatch.port_serves = 'all'",
		@conf);
}

# The number of the port that a server's configuration gives.
sub of
{
	my ($node) = @_;
	my @found = slurp_file($node->data_dir . '/postgresql.conf') =~
	  /^replwatch\.port = (\d+)/mg;

	return $found[-1];
}

# Connect; undef if nobody listens there.  Waits for nothing.
sub try_connect
{
	my ($port, $address) = @_;

	return IO::Socket::INET->new(
		PeerAddr => $address // '127.0.0.1',
		PeerPort => $port,
		Proto => 'tcp',
		Timeout => $PostgreSQL::Test::Utils::timeout_default);
}

# Connect, once somebody listens there, on 127.0.0.1 unless told otherwise.
sub connect_to
{
	my ($port, $address) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;

	while (1)
	{
		my $socket = try_connect($port, $address);

		return $socket if $socket;
		die "nobody listens on port $port" if time() > $limit;
		sleep(0.05);
	}
}

# All that the other end sends until it closes; dies if it does not.
sub read_all
{
	my ($socket) = @_;
	my $all = '';

	while (1)
	{
		Process::readable($socket, $PostgreSQL::Test::Utils::timeout_default)
		  or die 'the port does not close a connection';
		my $n = sysread($socket, my $part, 65536);

		# A connection that is reset has ended, too.
		last if !$n;
		$all .= $part;
	}
	return $all;
}

# Send these bytes, and return all that comes back.
sub raw
{
	my ($port, $bytes) = @_;
	my $socket = connect_to($port);

	syswrite($socket, $bytes);
	return read_all($socket);
}

# Take an answer apart: status, headers (names in small letters), body, and
# what the body says if it is JSON.
sub parse
{
	my ($bytes) = @_;
	my ($head, $body) = $bytes =~ /^(.*?)\r\n\r\n(.*)$/s
	  or die "this is no answer in HTTP: $bytes";
	my ($first, @lines) = split /\r\n/, $head;
	my %answer = (body => $body);

	($answer{status}) = $first =~ m{^HTTP/1\.1 (\d{3}) }
	  or die "this is no status: $first";
	$answer{headers} =
	  { map { /^([^:]+): (.*)$/ ? (lc $1, $2) : () } @lines };
	$answer{json} = decode_json($body)
	  if $answer{headers}->{'content-type'} eq 'application/json'
	  && $body ne '';
	return \%answer;
}

# Ask for a page; headers are lines.
sub ask
{
	my ($port, $target, %params) = @_;
	my $method = $params{method} // 'GET';
	my $headers = join '', map { "$_\r\n" } @{ $params{headers} // [] };

	return parse(
		raw($port, "$method $target HTTP/1.1\r\nHost: x\r\n$headers\r\n"));
}

# Only the status.
sub status
{
	my ($port, $target) = @_;

	return ask($port, $target)->{status};
}

# What the agent answers to a line, without its end.
sub agent
{
	my ($port, $line) = @_;
	my $answer = raw($port, "$line\n");

	$answer =~ s/\n\z// or die "this is no line: $answer";
	return $answer;
}

# Ask until the answer fits, and return it; dies saying for what was waited.
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

# An answer that rests on a fresh sample: on a busy machine the sampling worker
# may be late, and the port says so then.
sub sampled
{
	my ($port, $target) = @_;

	return answer_when($port, $target, 'samples are taken',
		sub { $_[0]->{body} !~ /"reason":"no sample / });
}

# Likewise of the agent.
sub sampled_agent
{
	my ($port, $line) = @_;

	return agent_when($port, $line, 'samples are taken',
		qr/^(?!down #no sample )/);
}

# Ask until the status is that, and return the answer.
sub status_when
{
	my ($port, $target, $status, $what) = @_;

	return answer_when($port, $target, $what,
		sub { $_[0]->{status} == $status });
}

# Ask the agent until its answer fits, and return that.
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
	die "timed out waiting until $what; it says $answer";
}

1;
