# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Parted - a standby whose WAL is not that of its upstream server

=head1 SYNOPSIS

  use lib 't/lib';
  use Parted;

  my %link = (
	  upstream => $promoted,
	  standby => $diverged,
	  name => 'diverged',
	  code => 'diverged');

  Parted::is_seen(%link);
  Parted::stays(%link, seconds => 5, what => 'behind the new primary');
  Parted::is_no_replica($port, $token, 'diverged');
  Parted::is_well(%link, port => $port);

=cut

package Parted;

use strict;
use warnings;

use Alerts ();
use Port ();
use PostgreSQL::Test::Utils;
use Process ();
use Replwatch ();
use Session ();
use Test::More;
use Time::HiRes qw(time);

# Check that a sub returns before its time limit, and return what it returns; an
# empty hash if it dies.
sub comes
{
	my ($what, $sub) = @_;
	my $row = eval { $sub->() };

	ok(defined $row, $what) || diag($@);
	return $row // {};
}

# The byte that an LSN in text stands for; the format differs between majors.
sub lsn
{
	my ($text) = @_;
	my ($high, $low) = $text =~ m{^([0-9A-F]+)/([0-9A-F]+)$}
	  or die "not an LSN: $text";

	return (hex($high) << 32) + hex($low);
}

# Check that a text contains this LSN.
sub has_lsn
{
	my ($text, $lsn, $what) = @_;
	my @found = ($text // '') =~ m{\b([0-9A-F]+/[0-9A-F]+)\b}g;

	return ok(scalar(grep { lsn($_) == lsn($lsn) } @found), $what)
	  || diag(($text // 'NULL') . ", without $lsn");
}

# Insert a row in the table "burst", and return the commit's token.
sub write_row
{
	my ($client) = @_;

	$client->value("INSERT INTO burst VALUES ('x')");
	return $client->value('SELECT replwatch_commit_token()');
}

# Write on a primary, a segment at a time, until this LSN is passed.
sub write_segments_beyond
{
	my ($node, $lsn) = @_;
	my $client = Session->new($node);

	do
	{
		$client->value('SELECT pg_switch_wal()');
		write_row($client);
	} while (
		$client->value("SELECT pg_current_wal_flush_lsn() <= '$lsn'") eq 't');
	return;
}

# Has this alert been raised and not cleared?
sub fires
{
	my ($node, $alert, $subject) = @_;
	my $row = Alerts::alert($node, $alert, $subject);

	return $row && $row->{state} ne 'cleared';
}

# Wait until one of the rows of this name fits, and return it; dies with $what at
# the time limit.  While a replica connects there may be a row more, of the
# connection.
sub row_that
{
	my ($node, $name, $link, $what, $fits) = @_;
	my $client = Session->new($node);

	return Process::until_true(
		$what,
		sub {
			my ($row) =
			  grep { ($_->{name} // '') eq $name && $fits->($_) }
			  Replwatch::statuses($client, $link);

			return $row;
		});
}

# Check that both servers show the code, and that replica_diverged fires on both;
# returns the standby's own row.
sub is_seen
{
	my (%link) = @_;
	my ($name, $code) = @link{qw(name code)};
	my $row;

	foreach my $side (qw(upstream standby))
	{
		my $node = $link{$side};
		my $at = $node->name;
		my $direction = $side eq 'standby' ? 'upstream' : 'downstream';

		$row = comes(
			"$code is seen on $at",
			sub {
				row_that($node, $name, $direction, "$name is $code",
					sub { ($_[0]->{reason_code} // '') eq $code });
			});
		isnt($row->{reason} // '', '', "it is put in words on $at");
		comes(
			"replica_diverged fires on $at",
			sub {
				Alerts::alert_when($node, 'replica_diverged', $name,
					'critical', 'it is critical');
			});
		comes(
			"its health is critical on $at",
			sub {
				row_that($node, $name, $direction, "$name is critical",
					sub { $_[0]->{health} eq 'critical' });
			});
	}
	return $row;
}

# Check for so many seconds, while the standby tries to connect, that no look shows
# it as well, and that it is never counted as a replica that has a commit.  "code"
# may have alternatives; "before" has what the logs of these servers, by name,
# already said of it.
sub stays
{
	my (%link) = @_;
	my ($name, $code) = @link{qw(name code)};
	my $sender = Session->new($link{upstream});
	my $receiver = Session->new($link{standby});
	my $limit = time() + $link{seconds};
	my ($looks, $waits) = (0, 0);
	my (%wrong, %states);

	write_row($sender);
	while (time() < $limit)
	{
		foreach my $stage (qw(write flush replay))
		{
			$waits++;
			$wrong{"upstream: counted at $stage"}++
			  if $sender->value(
				"SELECT replwatch_wait_for_replicas(NULL, 1, '$stage', '15 ms')"
			  ) != 0;
		}

		# While it connects there may be a row more, of the connection.
		my @rows =
		  grep { ($_->{name} // '') eq $name } Replwatch::statuses($sender);

		$looks++;
		$wrong{'upstream: no row'}++ if !@rows;
		foreach my $row (@rows)
		{
			$states{"upstream: $row->{state}"}++;
			$wrong{"upstream: $row->{state}, lag 0"}++
			  if defined $row->{lag} && $row->{lag} == 0;
			$wrong{"upstream: $row->{state}, lag_bytes 0"}++
			  if defined $row->{lag_bytes} && $row->{lag_bytes} == 0;
		}
		$wrong{"upstream: no row is $code and critical"}++
		  if !grep {
				 ($_->{reason_code} // '') =~ /^(?:$code)$/
			  && $_->{health} eq 'critical'
		  } @rows;

		@rows = Replwatch::statuses($receiver, 'upstream');
		$wrong{'standby: no single row'}++ if @rows != 1;
		foreach my $row (@rows)
		{
			$states{"standby: $row->{state}"}++;
			$wrong{"standby: $row->{state}, lag 0"}++
			  if defined $row->{lag} && $row->{lag} == 0;
			$wrong{"standby: $row->{state}, lag exact"}++
			  if ($row->{lag_bound} // '') eq 'exact';
			$wrong{ "standby: $row->{state}, reason "
				  . ($row->{reason_code} // 'NULL') }++
			  if ($row->{reason_code} // '') !~ /^(?:$code)$/;
			$wrong{"standby: $row->{state}, health $row->{health}"}++
			  if $row->{health} ne 'critical';
		}
	}
	note "$waits waits, $looks looks; ",
	  join ', ', map { "$_ $states{$_}" } sort keys %states;
	is_deeply(\%wrong, {}, "$link{what}: it stays $code in every look")
	  || diag(explain(\%wrong));
	foreach my $node (@link{qw(upstream standby)})
	{
		Alerts::story_is(
			$node, 'replica_diverged', $name,
			($link{before}{ $node->name } // '') . 'raised critical',
			"$link{what}: replica_diverged fires once on " . $node->name);
	}
	return;
}

# Check that the port of a standby says no, whatever limit is asked for.
sub is_no_replica
{
	my ($port, $token, $what) = @_;

	is(Port::sampled($port, "/replica$_")->{status},
		503, "$what: /replica$_ says no")
	  foreach '', '?cut_off=serve', '?lag=1h',
	  "?token=$token";
	unlike(Port::sampled_agent($port, $_),
		qr/^up/, "$what: the agent says no to $_")
	  foreach 'replica', 'replica cut_off=serve', 'replica lag=1h';
	return;
}

# Check that all becomes well on both sides.  For a link below a standby "primary"
# is the server that writes.
sub is_well
{
	my (%link) = @_;
	my $name = $link{name};

	foreach my $side (qw(upstream standby))
	{
		my $node = $link{$side};
		my $row = comes(
			"$name streams, and nothing is wrong, on " . $node->name,
			sub {
				Replwatch::row_when(
					$node, $name,
					$side eq 'standby' ? 'upstream' : 'downstream',
					"$name streams",
					sub {
						$_[0]->{state} eq 'streaming'
						  && !defined $_[0]->{reason_code}
						  && $_[0]->{health} eq 'ok'
						  && ($_[0]->{lag} // 1) == 0
						  && $_[0]->{lag_bound} eq 'exact';
					});
			});

		is($row->{reason}, undef, 'there is nothing to say');
		comes(
			'replica_diverged does not fire on ' . $node->name,
			sub {
				Process::until_true('it is cleared',
					sub { !fires($node, 'replica_diverged', $name) });
			});
	}
	my $writer = Session->new($link{primary} // $link{upstream});
	write_row($writer);
	my $target = $writer->value('SELECT replwatch_commit_lsn()');
	Replwatch::wait_replayed($link{primary}, $link{upstream})
	  if $link{primary};
	is( Replwatch::value(
			$link{upstream},
			"SELECT replwatch_wait_for_replicas('$target', 1, 'replay', '${PostgreSQL::Test::Utils::timeout_default} s')"
		),
		1,
		"$name counts as a replica");
	Port::status_when($link{port}, '/replica', 200, "$name is a replica")
	  if $link{port};
	return;
}

1;
