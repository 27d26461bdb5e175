# Copyright (c) 2026, the replwatch authors
# matrix: every major

# How a wait ends before its LSN has come: cancelled, terminated, out of time,
# its client gone, the process killed, the server crashed or stopped in each
# mode with a hundred who wait; and that it goes on when it is the primary that
# crashes.  The waits are for a day, nobody is left among the waiters, and the
# server is well.  And what can be seen of those who wait.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session qw(verdict);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $never = 'FFFFFFFF/FFFFFFFF';
my $many = 100;

my $primary = Replwatch::primary('primary', 'wal_keep_size = 64MB');
my $standby = Replwatch::standby($primary, 'replica1',
	conf => [
		'max_connections = 150',
		'client_connection_check_interval = 100ms',
		'wal_retrieve_retry_interval = 100ms',
		'restart_after_crash = on',
		'replwatch.wait_recheck = 1min' ]);

# What is asked of replwatch_waiters() on the standby.
sub waiters
{
	my ($columns) = @_;

	return Replwatch::value($standby,
		"SELECT $columns FROM replwatch_waiters()");
}

sub cancel
{
	my ($client) = @_;

	Replwatch::value($standby,
		'SELECT pg_cancel_backend(' . $client->pid . ')');
	return;
}

# Wait until nothing is left of the processes of these connections.
sub wait_gone
{
	my (@pids) = @_;

	Replwatch::wait_until(
		$standby,
		'SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN ('
		  . join(', ', @pids) . ')',
		'their processes have ended');
	return;
}

# Does the standby wait for what is written now, and get there?
sub waits_as_before
{
	my ($what) = @_;

	Replwatch::burst($primary, 10);

	my $target =
	  Replwatch::value($primary, 'SELECT pg_current_wal_insert_lsn()');
	is( Replwatch::value(
			$standby, "SELECT replwatch_wait_for_lsn('$target', '1 day')"),
		't',
		"$what: the server waits as before");
	return;
}

# Begin waits for an LSN that never comes, without a timeout that counts.
# Returns once all are among the waiters.
sub begin_waits
{
	my (@clients) = @_;
	my $pids = join ', ', map { $_->pid } @clients;

	$_->ask("SELECT replwatch_wait_for_lsn('$never', '1 day')") foreach @clients;
	Replwatch::wait_until(
		$standby,
		'SELECT count(*) = ' . @clients . " FROM replwatch_waiters() WHERE pid IN ($pids)",
		@clients . ' sessions wait');
	return;
}

# What replwatch_wait_stats() counts, as a hash.
sub stats
{
	my %stats;

	@stats{qw(waits immediate timeouts errors)} =
	  @{ (Replwatch::rows($standby,
		'SELECT waits, immediate, timeouts, errors FROM replwatch_wait_stats()'))[0] };
	return \%stats;
}


note '1. ends that a session lives through, or not';

{
	my $counted = stats();
	my ($cancelled, $timed, $blocked) = map { Session->new($standby) } 1 .. 3;
	my ($terminated, $gone) = map { Session->new($standby) } 1 .. 2;
	my @ended = map { $_->pid } $terminated, $gone;
	my $too_long;

	$timed->query('BEGIN');
	$timed->query("SET LOCAL statement_timeout = '1 s'");
	$timed->ask("SELECT replwatch_wait_for_lsn('$never', '1 day')");
	if ($standby->pg_version >= 17)
	{
		$too_long = Session->new($standby);
		$too_long->query("SET transaction_timeout = '3 s'");
		$too_long->ask("SELECT replwatch_wait_for_lsn('$never', '1 day')");
		push @ended, $too_long->pid;
	}
	begin_waits($cancelled, $terminated, $gone);

	cancel($cancelled);
	is(verdict($cancelled->answer),
		'57014 canceling statement due to user request', 'a wait can be cancelled');

	Replwatch::value($standby,
		'SELECT pg_terminate_backend(' . $terminated->pid . ')');
	is(verdict($terminated->answer),
		'57P01 terminating connection due to administrator command',
		'it can be terminated');

	is(verdict($timed->answer),
		'57014 canceling statement due to statement timeout',
		'statement_timeout ends it');
	$timed->query('ROLLBACK');

  SKIP:
	{
		skip 'no transaction_timeout before 17', 1 if !$too_long;
		like(verdict($too_long->answer), qr/^25P04 /, 'transaction_timeout ends it');
		$counted->{errors}++;
	}

	# The server notices that a client has gone.
	$gone->vanish;
	wait_gone(@ended);

	is(waiters('count(*)'), '0', 'nobody is left among the waiters');
	is(stats()->{errors} - $counted->{errors}, 4, 'each of them counts as an error');
	is(verdict($cancelled->query("SELECT replwatch_wait_for_lsn('0/1', '1 s')")),
		't', 'a cancelled session can wait again');
	is(verdict($timed->query("SELECT replwatch_wait_for_lsn('0/1', '1 s')")),
		't', 'so can one that ran out of time');

	# While it waits a transaction counts as ended for those who wait for its
	# end, since it holds nothing; afterwards it goes on.
	my $open = "SELECT count(*) FROM pg_locks WHERE locktype = 'virtualxid' AND granted AND pid = "
	  . $blocked->pid;
	$blocked->query('BEGIN; SAVEPOINT s');
	is(Replwatch::value($standby, $open), '1', 'a transaction is open');
	begin_waits($blocked);
	is(Replwatch::value($standby, $open), '0', 'nobody waits for the end of one that waits');
	cancel($blocked);
	$blocked->answer;
	$blocked->query('ROLLBACK TO s');
	is(Replwatch::value($standby, $open), '1', 'cancelled and rolled back to the savepoint it is open again');
	is(verdict($blocked->query("SELECT replwatch_wait_for_lsn('$never', '10 ms')")), 'f', 'another wait in it');
	is(Replwatch::value($standby, $open), '1', 'after that, too');
	$blocked->query('COMMIT');
	is(Replwatch::value($standby, $open), '0', 'until it commits');
}


note '2. what can be seen of those who wait';

{
	my $counted = stats();
	my ($by_lsn, $by_token, $by_set) = map { Session->new($standby) } 1 .. 3;
	my $begin = Replwatch::value($standby, 'SELECT clock_timestamp()');
	my ($target, $token);

	Replwatch::pause_replay($primary, $standby);
	Replwatch::burst($primary, 100);
	$target = Replwatch::value($primary, 'SELECT pg_current_wal_insert_lsn()');
	$token = Replwatch::token($primary, 1, $target);
	$by_set->query("SET replwatch.wait_timeout = '2 h'");
	$by_lsn->ask("SELECT replwatch_wait_for_lsn('$target', '1 h')");
	$by_token->ask("SELECT replwatch_wait_for_token('$token', '1 day')");
	$by_set->ask("SET replwatch.read_after = '$token'");
	Replwatch::wait_until($standby,
		"SELECT count(*) = 3 AND bool_and(reason IS NOT NULL) FROM replwatch_waiters()",
		'three wait and the reason is known');

	is(waiters("string_agg(kind, ' ' ORDER BY kind)"), 'lsn read_after token', 'the kinds of the three waits');
	is( waiters("bool_and(target = '$target' AND stage = 'replay' AND count IS NULL)"),
		't',
		'and for what');
	is( Replwatch::value($standby,
			"SELECT bool_and(missing_bytes = '$target'::pg_lsn - pg_last_wal_replay_lsn() AND missing_bytes > 0) FROM replwatch_waiters()"
		),
		't',
		'how much is missing');
	is( waiters(
			"bool_and(abs(extract(epoch FROM deadline - since) - CASE kind WHEN 'lsn' THEN 3600 WHEN 'token' THEN 86400 ELSE 7200 END) < 0.01 AND since BETWEEN '$begin' AND now())"
		),
		't',
		'since when and until when');
	is(waiters('bool_and(eta IS NULL)'), 't', 'paused replay will not get there at any time');
	like(waiters('min(reason)'), qr/paus/i, 'the reason is that replay is paused');
	is(Replwatch::value($standby, 'SELECT waiters FROM replwatch_node()'),
		'3', 'replwatch_node() counts them');
	is( Replwatch::value(
			$standby,
			"SELECT string_agg(DISTINCT coalesce(backend_xmin::text, 'none'), ' ') FROM pg_stat_activity JOIN replwatch_waiters() USING (pid)"),
		'none',
		'none of them holds a snapshot');

	# Not while they look for themselves.
	my $event = 'Extension/'
	  . ($primary->pg_version >= 17 ? 'ReplwatchWait' : 'Extension');
	Replwatch::wait_until(
		$standby,
		"SELECT bool_and(concat_ws('/', wait_event_type, wait_event) = '$event') FROM pg_stat_activity JOIN replwatch_waiters() USING (pid)",
		'the event that they wait for has a name where it can');

	Replwatch::value($standby, 'SELECT pg_wal_replay_resume()');
	is(verdict($by_lsn->answer), 't', 'the first has waited');
	is(verdict($by_token->answer), 't', 'the second');
	is($by_set->answer->{message}, undef, 'the third succeeds as well');

	is(verdict($by_lsn->query("SELECT replwatch_wait_for_lsn('$never', '10 ms')")), 'f', 'one runs out of time');
	is(verdict($by_lsn->query("SELECT replwatch_wait_for_lsn('$target', '1 s')")), 't', 'one finds it there');

	my $now = stats();
	is(join(' ', map { "$_ " . ($now->{$_} - $counted->{$_}) } qw(waits immediate timeouts errors)),
		'waits 5 immediate 1 timeouts 1 errors 0', 'each is counted as what it was');
	is( Replwatch::value($standby,
			'SELECT total_time >= max_time AND max_time >= p99 AND p99 >= p95 AND p95 >= p50 AND p50 > interval \'0\' FROM replwatch_wait_stats()'
		),
		't',
		'and the times fit each other');
}


note '3. when it will be there';

# Replay goes on and is late: at the rate of the last minute it will have come to
# what is missing at some time, which who waits can look up and who can wait no
# longer is told.
{
	my ($waiter, $impatient) = map { Session->new($standby) } 1 .. 2;
	my $script = $primary->basedir . '/load.sql';
	my $answer;
	my $load;

	Replwatch::set($standby, 'recovery_min_apply_delay = 4s');
	append_to_file($script, "INSERT INTO burst SELECT repeat('x', 50) FROM generate_series(1, 20);\n");
	$load = IPC::Run::start(
		[ 'pgbench', '-n', '-T', '600', '-R', '100', '-f', $script, $primary->connstr('postgres') ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');

	Replwatch::wait_until($standby,
		"SELECT pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn() > 10000",
		'replay is late');
	my $target = Replwatch::value($primary, 'SELECT pg_current_wal_insert_lsn() + 256 * 1024 * 1024');
	$waiter->ask("SELECT replwatch_wait_for_lsn('$target', '1 day')");
	Replwatch::wait_until($standby,
		"SELECT eta BETWEEN interval '1 ms' AND interval '1 day' FROM replwatch_waiters()",
		'there is an estimate');
	is(waiters("count(*) FILTER (WHERE missing_bytes > 0)"), '1', 'of what is missing');
	$impatient->query("SET replwatch.wait_timeout = '1 ms'");

	# A machine that is busy may keep replay from moving for a while.
	Process::until_true(
		'an estimate is reported',
		sub {
			$answer = $impatient->query("SET replwatch.read_after = '$target'");
			return ($answer->{detail} // '') =~ /about/;
		});
	is($answer->{state}, 'RW002', 'a session that cannot wait that long gives up');
	like($answer->{detail},
		qr/^Replay has reached LSN \S+, is [1-9]\d* bytes behind, and needs about [1-9]\d* ms at the current rate\.$/,
		'is told of it');

	# Paused, it has none, from that moment on.
	Replwatch::value($standby, 'SELECT pg_wal_replay_pause()');
	is(waiters('eta IS NULL'), 't', 'there is no estimate while replay is paused');
	like($impatient->query("SET replwatch.read_after = '$target'")->{detail},
		qr/ bytes behind, and is not catching up\.$/, 'nor is one told');
	Replwatch::value($standby, 'SELECT pg_wal_replay_resume()');
	$load->signal('TERM');
	$load->finish;
	Replwatch::set($standby, 'recovery_min_apply_delay = 0');
	cancel($waiter);
	$waiter->answer;
	Replwatch::wait_replayed($primary, $standby);
}


note '4. cancelled just when it comes';

# Whichever is first, it is told, and the session is none the worse.
{
	my @clients = map { Session->new($standby) } 1 .. 4;
	my $canceller = Session->new($standby);
	my $writer = Session->new($primary);
	my %ends = (t => 0, cancelled => 0);
	my $other = 0;
	my $round = 0;

	# Until there have been some of either kind.
	while ($round < 60
		|| $round < 2000 && !($ends{t} && $ends{cancelled}))
	{
		my $target = $writer->value('SELECT pg_current_wal_insert_lsn() + 20');

		$round++;

		foreach my $i (0 .. $#clients)
		{
			$clients[$i]->query($i % 2 ? 'BEGIN; SAVEPOINT s' : 'SELECT 1');
			$clients[$i]->ask("SELECT replwatch_wait_for_lsn('$target', '1 day')");
		}
		my $cancels = join ', ', map { 'pg_cancel_backend(' . $_->pid . ')' } @clients;

		# Neither waits for the other.
		foreach my $first ($round % 2 ? ($writer, $canceller) : ($canceller, $writer))
		{
			$first->ask($first == $writer ? "INSERT INTO burst VALUES ('x')" : "SELECT $cancels");
		}
		$_->answer foreach $writer, $canceller;
		foreach my $i (0 .. $#clients)
		{
			my $seen = verdict($clients[$i]->answer);

			$ends{t}++ if $seen eq 't';
			$ends{cancelled}++ if $seen =~ /^57014/;

			# A cancel that came too late for the wait meets what is next.
			foreach my $try (1 .. 3)
			{
				last if !$clients[$i]->query($i % 2 ? 'ROLLBACK' : 'SELECT 1')->{state};
			}
			$other++ if verdict($clients[$i]->query("SELECT replwatch_wait_for_lsn('0/1', '1 s')")) ne 't';
		}
	}
	note("$ends{t} reached, $ends{cancelled} cancelled");
	is($ends{t} + $ends{cancelled}, $round * @clients, 'each wait ended with one or the other');
	ok($ends{t} > 0 && $ends{cancelled} > 0, 'some with the one, some with the other');
	is($other, 0, 'and each session waits afterwards');
	is(waiters('count(*)'), '0', 'nobody is left among the waiters');
}


note '5. replwatch.max_waiters';

{
	my ($first, $second, $third) = map { Session->new($standby) } 1 .. 3;

	Replwatch::set($standby, 'replwatch.max_waiters = 2');
	begin_waits($first, $second);
	is($third->query("SELECT replwatch_wait_for_lsn('$never', '1 day')")->{state},
		'53000', 'a third is refused and does not wait');
	is(verdict($third->query("SELECT replwatch_wait_for_lsn('0/1', '1 min')")),
		't', 'a replayed LSN needs no wait');
	is(verdict($third->query("SELECT replwatch_wait_for_lsn('$never', '0')")),
		'f', 'nor does a check without waiting');

	cancel($first);
	$first->answer;
	is(verdict($third->query("SELECT replwatch_wait_for_lsn('$never', '10 ms')")),
		'f', 'when one has gone there is room');
	Replwatch::set($standby, 'replwatch.max_waiters = 0');
	cancel($second);
	$second->answer;
}


# Start a node whose postmaster was killed: once that has ended and its children
# have let go of the shared memory.
sub start_again
{
	my ($node, $postmaster) = @_;

	Process::until_true(
		$node->name . ' starts again',
		sub {
			return 0 if Process::runs($postmaster);
			undef $node->{_pid};
			return $node->start(fail_ok => 1);
		});
	return;
}


note '6. a waiter, the startup process or all of the server is killed';

foreach my $victim ('waiter', 'startup', 'postmaster')
{
	my @clients = map { Session->new($standby) } 1 .. 5;

	begin_waits(@clients);
	my $offset = -s $standby->logfile;
	my $postmaster = Process::postmaster($standby);
	my $pid =
		$victim eq 'waiter' ? $clients[0]->pid
	  : $victim eq 'startup' ? Replwatch::process($standby, 'startup')
	  : $postmaster;

	kill('KILL', $pid);
	is( join(' ', map { verdict($_->answer) =~ /^(closed|57P0\d.*)$/ ? 'ended' : 'other' } @clients),
		join(' ', ('ended') x 5),
		"killed $victim: all waits end");

	# Without its startup process a standby ends, as it does without us.
	if ($victim ne 'waiter')
	{
		start_again($standby, $postmaster);
	}
	Replwatch::wait_until($standby, 'SELECT true', 'the standby comes back');
	is(waiters('count(*)'), '0', "killed $victim: nobody is left among the waiters");
	waits_as_before("killed $victim");
	unlike(
		PostgreSQL::Test::Utils::slurp_file($standby->logfile, $offset),
		qr/TRAP|PANIC/, "killed $victim: no other harm");
}


note '7. the primary is killed';

{
	my @clients = map { Session->new($standby) } 1 .. 5;
	my $target = Replwatch::value($primary,
		'SELECT pg_current_wal_insert_lsn() + 512 * 1024');
	my $postmaster = Process::postmaster($primary);
	my $pids = join ', ', map { $_->pid } @clients;

	my $token = Replwatch::token($primary, 1, $target);

	$_->ask("SELECT replwatch_wait_for_token('$token', '1 day')") foreach @clients;
	Replwatch::wait_until($standby,
		"SELECT count(*) = 5 FROM replwatch_waiters() WHERE pid IN ($pids)",
		'they wait');
	$primary->kill9;
	Replwatch::wait_until($standby,
		"SELECT count(*) = 0 FROM pg_stat_wal_receiver WHERE status = 'streaming'",
		'nothing is received');
	is(join(' ', map { $_->silent ? 'waits' : 'answered' } @clients),
		join(' ', ('waits') x 5), 'the waits go on without it');
	start_again($primary, $postmaster);
	while (
		Replwatch::value($primary,
			"SELECT pg_current_wal_flush_lsn() < '$target'") eq 't')
	{
		Replwatch::burst($primary, 1000);
	}
	is(join(' ', map { verdict($_->answer) } @clients),
		't t t t t', 'the waits succeed when the primary is back');
}


note '8. the server is stopped';

foreach my $mode (qw(smart fast immediate))
{
	my @clients = map { Session->new($standby) } 1 .. $many;

	begin_waits(@clients);
	if ($mode eq 'smart')
	{
		# That waits for clients, which is not for us to change; it has to go
		# on with replay, though, until the last is served.
		my $last = Session->new($standby);
		my $target;

		$_->vanish foreach splice(@clients, 1);
		Replwatch::wait_until($standby,
			'SELECT count(*) = 1 FROM replwatch_waiters()',
			'one is left');
		Replwatch::pause_replay($primary, $standby);
		Replwatch::burst($primary, 10);
		$target = Replwatch::value($primary, 'SELECT pg_current_wal_insert_lsn()');
		$last->ask("SELECT replwatch_wait_for_lsn('$target', '1 day')");
		Replwatch::wait_until($standby,
			'SELECT count(*) = 2 FROM replwatch_waiters()',
			'another waits for what comes');
		my $hand = Session->new($standby);
		my $offset = -s $standby->logfile;
		$standby->command_ok(
			[
				'pg_ctl', '-D', $standby->data_dir, '-m', 'smart', '-W', 'stop'
			],
			'a smart stop is asked for');
		$standby->wait_for_log(qr/received smart shutdown request/, $offset);
		$hand->query('SELECT pg_wal_replay_resume()');
		is(verdict($last->answer), 't', 'smart: replay goes on for waiting sessions');
		$hand->query('SELECT pg_cancel_backend(' . $clients[0]->pid . ')');
		like(verdict($clients[0]->answer), qr/^57014/, 'smart: the other is cancelled');
		$_->vanish foreach $last, $hand, $clients[0];
		# It may have ended by itself by now.
		$standby->stop('fast', fail_ok => 1);
	}
	else
	{
		$standby->stop($mode);
		is( scalar(grep { verdict($_->answer) =~ /^(closed|57P0\d.*)$/ } @clients),
			$many,
			"$mode: all $many waits end");
	}

	$standby->start;
	is(waiters('count(*)'), '0', "$mode: nobody is left among the waiters");
	waits_as_before($mode);
}
is(PostgreSQL::Test::Utils::slurp_file($standby->logfile) =~ /TRAP|PANIC/ ? 'harm' : 'none',
	'none', 'no harm was done');

done_testing();
