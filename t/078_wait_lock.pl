# Copyright (c) 2026, the replwatch authors

# Replay and walsenders do not wait for the lock of those who wait: whoever
# holds it has to wake in their place, whatever it is held for.  Here others
# hold it all the time, waiters look for themselves only once a minute, and
# nothing is written that would bring another occasion to wake.  The server says
# how long the longest waited: a wake-up that is lost shows.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cycles = $ENV{REPLWATCH_SOAK} ? 10_000 : 1_000;

my $primary = Replwatch::primary('primary', 'replwatch.wait_recheck = 1min',
	'checkpoint_timeout = 1h', 'fsync = off');
my @standbys = map { Replwatch::standby($primary, $_, slot => 1) } qw(replica1 replica2);
my $writer = Session->new($primary);
my $background_writer = Replwatch::stop_background_writer($primary);

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
	Replwatch::value($node, 'SELECT pg_cancel_backend(' . $_->pid . ')')
	  foreach @holders;
	$_->answer foreach @holders;
	return;
}

# In each cycle there is a commit, and the clients wait for it on a node, each
# with its own query in which LSN stands for the commit's.
# A session that has statistics to report would be woken for that.
sub run_cycles
{
	my ($node, $expected, @queries) = @_;
	my @clients = map {
		{
			session => Session->new($node, track_counts => 'off'),
			query => $_
		}
	} @queries;
	my %ended;

	for my $cycle (1 .. $cycles)
	{
		$writer->value("SELECT pg_logical_emit_message(true, 'cycle', 'x')");

		my $lsn = $writer->value('SELECT replwatch_commit_lsn()');
		foreach my $client (@clients)
		{
			$client->{session}->ask($client->{query} =~ s/LSN/'$lsn'/r);
		}
		$ended{ verdict($_->{session}->answer) }++ foreach @clients;
		last if keys %ended > 1;
	}
	is(join(', ', sort keys %ended), $expected, 'no wait failed');
	is( Replwatch::value(
			$node, "SELECT max_time < '55 s' FROM replwatch_wait_stats()"),
		't',
		'no wake-up was lost');
	return;
}


note '1. replay';

{
	my @holders = hold_lock($standbys[0]);

	run_cycles($standbys[0], 't', "SELECT replwatch_wait_for_lsn(LSN, '1 day')");
	let_go($standbys[0], @holders);
}


note '2. what replicas report';

# Two walsenders have to do with three stages at the same time.
{
	my @holders = hold_lock($primary);

	run_cycles($primary, '2',
		map { "SELECT replwatch_wait_for_replicas(LSN, 2, '$_', '1 day')" }
		  qw(write flush replay));
	let_go($primary, @holders);
}

kill('CONT', $background_writer);

done_testing();
