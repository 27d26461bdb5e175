# Copyright (c) 2026, the replwatch authors
# matrix: every major

# How a wait ends before its LSN has come: cancelled, terminated, out of time,
# its client gone, the process killed, the server crashed or stopped in each
# mode with a hundred who wait; and that it goes on when it is the primary that
# crashes.  It ends at once, nobody is left among the waiters, and the server is
# well.  And what can be seen of those who wait.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session qw(verdict);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $never = 'FFFFFFFF/FFFFFFFF';
my $many = 100;

# So many seconds are at once, on a busy machine: the waits are for a day.
my $at_once = 20;

my $primary = Replwatch::primary('primary', 'wal_keep_size = 64MB');
my $standby = Replwatch::standby($primary, 'replica1',
	conf => [
		'max_connections = 150',
		'client_connection_check_interval = 100ms',
		'restart_after_crash = on' ]);

# What is asked of replwatch_waiters() on the standby.
sub waiters
{
	my ($columns) = @_;

	return $standby->safe_psql('postgres',
		"SELECT $columns FROM replwatch_waiters()");
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

	@stats{qw(waits immediate timeouts errors)} = split /\|/,
	  $standby->safe_psql('postgres',
		'SELECT waits, immediate, timeouts, errors FROM replwatch_wait_stats()');
	return \%stats;
}


note '1. ends that a session lives through, or not';

{
	my $counted = stats();
	my ($cancelled, $timed, $blocked) = map { Session->new($standby) } 1 .. 3;
	my ($terminated, $gone) = map { Session->new($standby) } 1 .. 2;

	$timed->query("SET statement_timeout = '2 s'");
	begin_waits($cancelled, $timed, $terminated, $gone);

	$standby->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $cancelled->pid . ')');
	is(verdict($cancelled->answer($at_once)),
		'57014 canceling statement due to user request', 'it can be cancelled');

	$standby->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $terminated->pid . ')');
	is(verdict($terminated->answer($at_once)),
		'57P01 terminating connection due to administrator command',
		'it can be terminated');

	is(verdict($timed->answer),
		'57014 canceling statement due to statement timeout',
		'statement_timeout ends it');

  SKIP:
	{
		skip 'no transaction_timeout before 17', 1 if $standby->pg_version < 17;
		my $too_long = Session->new($standby, 'transaction_timeout' => '300ms');

		$too_long->ask("SELECT replwatch_wait_for_lsn('$never', '1 day')");
		like(verdict($too_long->answer), qr/^25P04 /, 'transaction_timeout ends it');
		$counted->{errors}++;
	}

	my $pid = $gone->pid;
	$gone->vanish;
	Replwatch::wait_until($standby,
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid",
		'the process whose client has gone ends');

	is(waiters('count(*)'), '0', 'nobody is left among the waiters');
	is(stats()->{errors} - $counted->{errors}, 4, 'each of them counts as an error');
	is(verdict($cancelled->query("SELECT replwatch_wait_for_lsn('0/1', '1 s')")),
		't', 'who was cancelled waits again');
	is(verdict($timed->query("SELECT replwatch_wait_for_lsn('0/1', '1 s')")),
		't', 'and who ran out of time');

	# While it waits a transaction counts as ended for those who wait for its
	# end, since it holds nothing; afterwards it goes on.
	my $open = "SELECT count(*) FROM pg_locks WHERE locktype = 'virtualxid' AND granted AND pid = "
	  . $blocked->pid;
	$blocked->query('BEGIN; SAVEPOINT s');
	is($standby->safe_psql('postgres', $open), '1', 'a transaction is open');
	begin_waits($blocked);
	is($standby->safe_psql('postgres', $open), '0', 'nobody waits for the end of one that waits');
	$standby->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $blocked->pid . ')');
	$blocked->answer;
	$blocked->query('ROLLBACK TO s');
	is($standby->safe_psql('postgres', $open), '1', 'cancelled and rolled back to the savepoint it is open again');
	is(verdict($blocked->query("SELECT replwatch_wait_for_lsn('$never', '10 ms')")), 'f', 'another wait in it');
	is($standby->safe_psql('postgres', $open), '1', 'after that, too');
	$blocked->query('COMMIT');
	is($standby->safe_psql('postgres', $open), '0', 'until it commits');
}


note '2. what can be seen of those who wait';

{
	my $counted = stats();
	my ($by_lsn, $by_token, $by_set) = map { Session->new($standby) } 1 .. 3;
	my $target;

	Replwatch::pause_replay($primary, $standby);
	Replwatch::burst($primary, 100);
	$target = $primary->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	$by_set->query("SET replwatch.wait_timeout = '2 min'");
	$by_lsn->ask("SELECT replwatch_wait_for_lsn('$target', '1 min')");
	$by_token->ask("SELECT replwatch_wait_for_token('1:$target', '1 day')");
	$by_set->ask("SET replwatch.read_after = '1:$target'");
	Replwatch::wait_until($standby,
		"SELECT count(*) = 3 AND bool_and(reason IS NOT NULL) FROM replwatch_waiters()",
		'three wait and the reason is known');

	is(waiters("string_agg(kind, ' ' ORDER BY kind)"), 'lsn read_after token', 'what they wait with');
	is( waiters("bool_and(target = '$target' AND stage = 'replay' AND count IS NULL)"),
		't',
		'and for what');
	is( $standby->safe_psql('postgres',
			"SELECT bool_and(missing_bytes = '$target'::pg_lsn - pg_last_wal_replay_lsn() AND missing_bytes > 0) FROM replwatch_waiters()"
		),
		't',
		'how much is missing');
	is( waiters(
			"bool_and(abs(extract(epoch FROM deadline - since) - CASE kind WHEN 'lsn' THEN 60 WHEN 'token' THEN 86400 ELSE 120 END) < 0.01 AND since BETWEEN now() - interval '2 min' AND now())"
		),
		't',
		'since when and until when');
	is(waiters('bool_and(eta IS NULL)'), 't', 'paused replay will not get there at any time');
	like(waiters('min(reason)'), qr/paus/i, 'and the reason is that it is paused');
	is($standby->safe_psql('postgres', 'SELECT waiters FROM replwatch_node()'),
		'3', 'replwatch_node() counts them');
	is( $standby->safe_psql(
			'postgres',
			"SELECT string_agg(DISTINCT coalesce(backend_xmin::text, 'none'), ' ') FROM pg_stat_activity JOIN replwatch_waiters() USING (pid)"),
		'none',
		'none of them holds a snapshot');

	my $event = $standby->safe_psql('postgres',
		"SELECT string_agg(DISTINCT concat_ws('/', wait_event_type, wait_event), ' ') FROM pg_stat_activity JOIN replwatch_waiters() USING (pid)");
	is($event, 'Extension/' . ($primary->pg_version >= 17 ? 'ReplwatchWait' : 'Extension'),
		'the event that they wait for has a name where it can');

	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	is(verdict($by_lsn->answer), 't', 'the first has waited');
	is(verdict($by_token->answer), 't', 'the second');
	is($by_set->answer->{message}, undef, 'and the third');

	is(verdict($by_lsn->query("SELECT replwatch_wait_for_lsn('$never', '10 ms')")), 'f', 'one runs out of time');
	is(verdict($by_lsn->query("SELECT replwatch_wait_for_lsn('$target', '1 s')")), 't', 'one finds it there');

	my $now = stats();
	is(join(' ', map { "$_ " . ($now->{$_} - $counted->{$_}) } qw(waits immediate timeouts errors)),
		'waits 5 immediate 1 timeouts 1 errors 0', 'each is counted as what it was');
	is( $standby->safe_psql('postgres',
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
	my $load;

	$standby->safe_psql('postgres', "ALTER SYSTEM SET recovery_min_apply_delay = '4s'");
	$standby->reload;
	append_to_file($script, "INSERT INTO burst SELECT repeat('x', 50) FROM generate_series(1, 20);\n");
	$load = IPC::Run::start(
		[ 'pgbench', '-n', '-T', '600', '-R', '100', '-f', $script, $primary->connstr('postgres') ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');


	Replwatch::wait_until($standby,
		"SELECT pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn() > 10000",
		'replay is late');
	my $target = $primary->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn() + 16 * 1024 * 1024');
	$waiter->ask("SELECT replwatch_wait_for_lsn('$target', '1 day')");
	Replwatch::wait_until($standby,
		"SELECT eta BETWEEN interval '1 ms' AND interval '1 day' FROM replwatch_waiters()",
		'there is an estimate');
	is(waiters("count(*) FILTER (WHERE missing_bytes > 0)"), '1', 'of what is missing');
	$impatient->query("SET replwatch.wait_timeout = '1 ms'");

	# A machine that is busy may keep replay from moving for a while.
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $answer;
	do
	{
		$answer = $impatient->query("SET replwatch.read_after = '$target'");
	} until $answer->{detail} =~ /about/ || time() > $limit;
	is($answer->{state}, 'RW002', 'who can wait no longer');
	like($answer->{detail},
		qr/^Replay has reached LSN \S+, [1-9]\d* bytes before it, about [1-9]\d* ms at its present rate\.$/,
		'is told of it');

	# Paused, it has none, from that moment on.
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	is(waiters('eta IS NULL'), 't', 'there is no estimate while replay is paused');
	like($impatient->query("SET replwatch.read_after = '$target'")->{detail},
		qr/ bytes before it, and is not catching up\.$/, 'nor is one told');
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	$load->signal('TERM');
	$load->finish;
	$standby->safe_psql('postgres', 'ALTER SYSTEM RESET recovery_min_apply_delay');
	$standby->reload;
	$standby->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $waiter->pid . ')');
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

	foreach my $round (1 .. 60)
	{
		my $target = $primary->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn() + 20');

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
	is($ends{t} + $ends{cancelled}, 240, 'each wait ended with one or the other');
	ok($ends{t} > 0 && $ends{cancelled} > 0, 'some with the one, some with the other');
	is($other, 0, 'and each session waits afterwards');
	is(waiters('count(*)'), '0', 'nobody is left among the waiters');
}


note '5. replwatch.max_waiters';

{
	my ($first, $second, $third) = map { Session->new($standby) } 1 .. 3;

	$standby->append_conf('postgresql.conf', "replwatch.max_waiters = 2\n");
	$standby->reload;
	Replwatch::wait_until($standby,
		"SELECT current_setting('replwatch.max_waiters') = '2'",
		'the setting has come');
	begin_waits($first, $second);
	is($third->query('SHOW "replwatch.max_waiters"')->{rows}[0][0], '2', 'two may wait');

	my $begin = time();
	is($third->query("SELECT replwatch_wait_for_lsn('$never', '1 min')")->{state},
		'53000', 'a third is told so');
	ok(time() - $begin < $at_once, 'at once');
	is(verdict($third->query("SELECT replwatch_wait_for_lsn('0/1', '1 min')")),
		't', 'what is there needs no waiting');
	is(verdict($third->query("SELECT replwatch_wait_for_lsn('$never', '0')")),
		'f', 'nor does a look');

	$standby->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $first->pid . ')');
	$first->answer;
	is(verdict($third->query("SELECT replwatch_wait_for_lsn('$never', '10 ms')")),
		'f', 'when one has gone there is room');
	$standby->append_conf('postgresql.conf', "replwatch.max_waiters = 0\n");
	$standby->reload;
	$standby->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $second->pid . ')');
	$second->answer;
}


note '6. a waiter, the startup process or all of the server is killed';

foreach my $victim ('waiter', 'startup', 'postmaster')
{
	my @clients = map { Session->new($standby) } 1 .. 5;

	begin_waits(@clients);
	my $offset = -s $standby->logfile;
	my ($postmaster) =
	  slurp_file($standby->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my $pid =
		$victim eq 'waiter' ? $clients[0]->pid
	  : $victim eq 'startup' ? Replwatch::process($standby, 'startup')
	  : $postmaster;
	my $begin = time();

	kill('KILL', $pid);
	is( join(' ', map { verdict($_->answer) =~ /^(closed|57P0\d.*)$/ ? 'ended' : 'other' } @clients),
		join(' ', ('ended') x 5),
		"killed $victim: all waits end");
	ok(time() - $begin < 2 * $at_once, "killed $victim: at once");

	# Without its startup process a standby ends, as it does without us.
	if ($victim ne 'waiter')
	{
		foreach my $try (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
		{
			Time::HiRes::usleep(100_000);
			next if kill(0, $postmaster);
			$standby->_update_pid(0)
			  if !-e $standby->data_dir . '/postmaster.pid';
			undef $standby->{_pid};
			last if $standby->start(fail_ok => 1);
		}
	}
	$standby->poll_query_until('postgres', 'SELECT true')
	  or die 'the standby does not come back';
	is(waiters('count(*)'), '0', "killed $victim: nobody is left among the waiters");

	Replwatch::burst($primary, 10);
	my $target = $primary->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	is($standby->safe_psql('postgres', "SELECT replwatch_wait_for_lsn('$target', '1 min')"),
		't', "killed $victim: the server waits as before");
	unlike(
		PostgreSQL::Test::Utils::slurp_file($standby->logfile, $offset),
		qr/TRAP|PANIC/, "killed $victim: no other harm");
}


note '7. the primary is killed';

{
	my @clients = map { Session->new($standby) } 1 .. 5;
	my $target = $primary->safe_psql('postgres',
		"SELECT pg_current_wal_insert_lsn() + 512 * 1024");
	my ($postmaster) =
	  slurp_file($primary->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my $pids = join ', ', map { $_->pid } @clients;

	$_->ask("SELECT replwatch_wait_for_token('1:$target', '1 day')") foreach @clients;
	Replwatch::wait_until($standby,
		"SELECT count(*) = 5 FROM replwatch_waiters() WHERE pid IN ($pids)",
		'they wait');
	$primary->kill9;
	Replwatch::wait_until($standby,
		"SELECT count(*) = 0 FROM pg_stat_wal_receiver WHERE status = 'streaming'",
		'nothing is received');
	is(join(' ', map { $_->silent ? 'waits' : 'answered' } @clients),
		join(' ', ('waits') x 5), 'the waits go on without it');
	foreach my $try (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		last if !kill(0, $postmaster) && $primary->start(fail_ok => 1);
		Time::HiRes::usleep(100_000);
	}
	while ($primary->safe_psql('postgres',
			"SELECT pg_current_wal_flush_lsn() < '$target'") eq 't')
	{
		Replwatch::burst($primary, 1000);
	}
	is(join(' ', map { verdict($_->answer) } @clients),
		't t t t t', 'and succeed when it is back');
}


note '8. the server is stopped';

foreach my $mode (qw(smart fast immediate))
{
	my @clients = map { Session->new($standby) } 1 .. $many;

	begin_waits(@clients);
	my $begin = time();

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
		$target = $primary->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
		$last->ask("SELECT replwatch_wait_for_lsn('$target', '1 min')");
		Replwatch::wait_until($standby,
			'SELECT count(*) = 2 FROM replwatch_waiters()',
			'another waits for what comes');
		my $hand = Session->new($standby);
		$standby->command_ok(
			[
				'pg_ctl', '-D', $standby->data_dir, '-m', 'smart', '-W', 'stop'
			],
			'a smart stop is asked for');
		$hand->query('SELECT pg_wal_replay_resume()');
		is(verdict($last->answer), 't', 'smart: replay goes on for those who wait');
		$hand->query('SELECT pg_cancel_backend(' . $clients[0]->pid . ')');
		like(verdict($clients[0]->answer), qr/^57014/, 'smart: the other is cancelled');
		$begin = time();
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
	ok(time() - $begin < 2 * $at_once, "$mode: at once") or diag(time() - $begin);

	$standby->start;
	is(waiters('count(*)'), '0', "$mode: nobody is left among the waiters");
	Replwatch::burst($primary, 10);
	my $target = $primary->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	is($standby->safe_psql('postgres', "SELECT replwatch_wait_for_lsn('$target', '1 min')"),
		't', "$mode: the server waits as before");
}
is(PostgreSQL::Test::Utils::slurp_file($standby->logfile) =~ /TRAP|PANIC/ ? 'harm' : 'none',
	'none', 'no harm was done');

done_testing();
