# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Replay and walsenders do not wait for the lock of those who wait: whoever
# holds it has to wake in their place, whatever it is held for.  Here others
# hold it all the time, waiters look for themselves only once a minute, and
# nothing is written that would bring another occasion to wake: a wake-up that
# is lost shows.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $cycles = $ENV{REPLWATCH_SOAK} ? 10_000 : 1_000;

my $primary = Replwatch::primary('primary', 'replwatch.wait_recheck = 1min',
	'checkpoint_timeout = 1h', 'fsync = off');
my @standbys = map { Replwatch::standby($primary, $_, slot => 1) } qw(replica1 replica2);
my $writer = Session->new($primary);

sub value
{
	my ($client, $sql) = @_;
	my $answer = $client->query($sql);

	die "$sql: $answer->{message}" if $answer->{message};
	return $answer->{rows}[0][0];
}

# Sessions that look who waits, again and again: that takes the lock.
sub hold_lock
{
	my ($node) = @_;
	my @holders = map { Session->new($node) } 1 .. 2;

	$_->ask('DO $$BEGIN LOOP PERFORM FROM replwatch_waiters(); END LOOP; END$$')
	  foreach @holders;
	return @holders;
}

sub let_go
{
	my ($node, @holders) = @_;

	ok((!grep { !$_->silent } @holders), 'the lock was held again and again');
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $_->pid . ')')
	  foreach @holders;
	$_->answer foreach @holders;
	return;
}

# In each cycle there is a commit, and the clients wait for it, each with its own
# query in which LSN stands for the commit's.
sub run_cycles
{
	my ($expected, %query) = @_;
	my @clients = map { { session => Session->new($query{$_}), query => $_ } } sort keys %query;
	my $longest = 0;
	my $failed = 0;

	for my $cycle (1 .. $cycles)
	{
		value($writer, "SELECT pg_logical_emit_message(true, 'cycle', 'x')");

		my $lsn = value($writer, 'SELECT replwatch_commit_lsn()');
		my $begin = time();
		foreach my $client (@clients)
		{
			$client->{session}->ask($client->{query} =~ s/LSN/'$lsn'/r);
		}
		foreach my $client (@clients)
		{
			my $answer = $client->{session}->answer;

			$failed++ if $answer->{message} || $answer->{rows}[0][0] ne $expected;
		}
		my $elapsed = time() - $begin;
		$longest = $elapsed if $elapsed > $longest;
		last if $longest > 5;
	}
	note("the longest cycle took $longest s");
	is($failed, 0, 'no wait failed');
	ok($longest < 5, 'no wake-up was lost') or diag($longest);
	return;
}


note '1. replay';

{
	my @holders = hold_lock($standbys[0]);

	run_cycles('t', "SELECT replwatch_wait_for_lsn(LSN, '2 min')" => $standbys[0]);
	let_go($standbys[0], @holders);
}


note '2. what replicas report';

# Two walsenders have to do with three stages at the same time.
{
	my @holders = hold_lock($primary);

	run_cycles('2', map { ("SELECT replwatch_wait_for_replicas(LSN, 2, '$_', '2 min')" => $primary) }
		  qw(write flush replay));
	let_go($primary, @holders);
}

done_testing();
