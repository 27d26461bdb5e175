# Copyright (c) 2026, the replwatch authors
# matrix: every major

# What a wait ends with.  Replay that is delayed, paused, cut off, fed by an
# archive, restarted, promoted: a wait ends when the LSN is replayed and not
# before, what was written is then seen, and when recovery is over it says so.
# Sessions look for themselves only once a minute here, and no statement of
# theirs may take that long: one who is not woken gets an error.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use File::Spec;
use Test::More;

my $never = 'FFFFFFFF/FFFFFFFF';
my @quick = ('wal_retrieve_retry_interval = 100ms');

# Shorter than wait_recheck; and there are no statistics to report, for which a
# session wakes after ten seconds, and then looks.
my %woken = (statement_timeout => '55s', track_counts => 'off');

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	'replwatch.wait_recheck = 1min');
$primary->enable_archiving;

# The servers run elsewhere, and the framework's directory may be a relative one.
my $archive = File::Spec->rel2abs($primary->archive_dir);
$primary->append_conf('postgresql.conf',
	"archive_command = 'cp \"%p\" \"$archive/%f\"'\n");
$primary->restart;
$primary->safe_psql('postgres', 'CREATE TABLE told (n int)');

# Write the row n on a primary: where that ends in the WAL.
sub write_row
{
	my ($node, $n) = @_;

	my $writer = Session->new($node);

	$writer->query("INSERT INTO told VALUES ($n)");
	return $writer->value('SELECT pg_current_wal_insert_lsn()');
}

# An LSN and so many bytes.
sub lsn_plus
{
	my ($lsn, $bytes) = @_;

	return Replwatch::value($primary, "SELECT '$lsn'::pg_lsn + ($bytes)");
}

# Send a wait whose answer is fetched later.  Returns once it is among the
# waiters.
sub begin_wait
{
	my ($client, $node, $target) = @_;
	my $name = $target =~ /:/ ? 'token' : 'lsn';

	$client->ask("SELECT replwatch_wait_for_$name('$target', '1 day')");
	Replwatch::wait_until($node,
		'SELECT count(*) = 1 FROM replwatch_waiters() WHERE pid = '
		  . $client->pid,
		"a session waits for $target");
	return;
}

# The same of a wait that is sent now.
sub wait_for
{
	my ($client, $target, $timeout) = @_;

	return verdict(
		$client->query("SELECT replwatch_wait_for_lsn('$target', '$timeout')"));
}

sub sees
{
	my ($client, $n) = @_;

	return $client->value("SELECT count(*) FROM told WHERE n = $n");
}

# How many wait on a server.
sub waiters
{
	my ($node) = @_;

	return Replwatch::value($node, 'SELECT count(*) FROM replwatch_waiters()');
}

sub resume
{
	my ($node) = @_;

	Replwatch::value($node, 'SELECT pg_wal_replay_resume()');
	return;
}

sub cancel
{
	my ($client, $node) = @_;

	Replwatch::value($node, 'SELECT pg_cancel_backend(' . $client->pid . ')');
	return;
}

my $standby = Replwatch::standby($primary, 'replica1', conf => \@quick);
my $delayed = Replwatch::standby($primary, 'delayed1',
	conf => ['recovery_min_apply_delay = 1h']);
my $cascade = Replwatch::standby($standby, 'cascade1', conf => \@quick);

$primary->backup('for_archive');
my $archived = PostgreSQL::Test::Cluster->new('archived1');
$archived->init_from_backup($primary, 'for_archive', has_restoring => 1);
$archived->append_conf('postgresql.conf',
	join("\n", @quick, "restore_command = 'cp \"$archive/%f\" \"%p\"'") . "\n");
$archived->start;

my $client = Session->new($standby, %woken);
my @clients = map { Session->new($standby, %woken) } 1 .. 5;


note '1. the byte at which it is there';

# Within a page: after a backup the WAL ends where one begins, and the bytes of
# the header that will be there are not waited for.
write_row($primary, 0);
Replwatch::pause_replay($primary, $standby);
my $at = Replwatch::value($standby, 'SELECT pg_last_wal_replay_lsn()');
my $before = lsn_plus($at, -1);
my $behind = lsn_plus($at, 1);
foreach my $timeout ('0', '50 ms')
{
	is(wait_for($client, $before, $timeout), 't', "a byte before is there, timeout $timeout");
	is(wait_for($client, $at, $timeout), 't', "what is replayed is there, timeout $timeout");
	is(wait_for($client, $behind, $timeout), 'f', "a byte behind is not, timeout $timeout");
}
begin_wait($client, $standby, $behind);
my $written = write_row($primary, 1);
Replwatch::wait_until($standby,
	"SELECT pg_last_wal_receive_lsn() >= '$written'",
	'it is received');
ok($client->silent, 'received is not replayed');
resume($standby);
is(verdict($client->answer), 't', 'a byte within the next record comes with it');

# Of a commit record every byte but the first stands for all of it.
foreach my $bytes (1, 8, 20)
{
	my $n = 1000 + $bytes;
	my $writer = Session->new($primary);

	Replwatch::pause_replay($primary, $standby);
	$writer->query("INSERT INTO told VALUES ($n)");
	my $within = $writer->value("SELECT replwatch_commit_lsn() - $bytes");
	begin_wait($client, $standby, $within);
	resume($standby);
	is(verdict($client->answer), 't', "$bytes bytes before a commit record's end");
	is(sees($client, $n), '1', 'the row is seen');
}


note '2. it sees what it waited for';

foreach my $n (10 .. 40)
{
	my $lsn = write_row($primary, $n);

	if (wait_for($client, $lsn, '1 min') ne 't' || !sees($client, $n))
	{
		fail("row $n is seen after the wait");
	}
}
is(sees($client, 40), '1', 'each row is seen after its wait');

# The same at two hops.
{
	my $far = Session->new($cascade, %woken);
	my $failed = 0;

	foreach my $n (50 .. 70)
	{
		my $lsn = write_row($primary, $n);

		$failed++ if wait_for($far, $lsn, '1 min') ne 't' || !sees($far, $n);
	}
	is($failed, 0, 'no wait failed on the standby of a standby');
}


note '3. an LSN that never comes';

{
	my $waited = 'SELECT extract(epoch FROM total_time) FROM replwatch_wait_stats()';
	my $before = Replwatch::value($standby, $waited) // 0;

	is(wait_for($client, $never, '300 ms'), 'f', 'false when time is over');
	cmp_ok(Replwatch::value($standby, $waited) - $before,
		'>=', 0.3, 'not earlier');
}


note '4. five waiters, replay paused and resumed';

Replwatch::pause_replay($primary, $standby);
foreach my $i (0 .. 4)
{
	begin_wait($clients[$i], $standby, write_row($primary, 100 + $i));
}
is(waiters($standby), '5', 'five are among the waiters');
is(join(' ', map { $_->silent ? 'waits' : 'answered' } @clients),
	join(' ', ('waits') x 5), 'and none has been answered');

# A signal or a changed setting wakes the process, and is no reason to return.
foreach my $try (1 .. 20)
{
	kill('USR1', map { $_->pid } @clients);
	kill('HUP', map { $_->pid } @clients);
}
Replwatch::value($standby, 'SELECT 1');
is(join(' ', map { $_->silent ? 'waits' : 'answered' } @clients),
	join(' ', ('waits') x 5), 'nor is when woken for nothing');

resume($standby);
foreach my $i (0 .. 4)
{
	is(verdict($clients[$i]->answer), 't', "waiter $i has waited");
	is(sees($clients[$i], 100 + $i), '1', "waiter $i sees its row");
}


note '5. cancelled in a savepoint, and once more';

$client->query('BEGIN');
$client->query('SAVEPOINT s');
begin_wait($client, $standby, $never);
cancel($client, $standby);
is(verdict($client->answer), '57014 canceling statement due to user request', 'a wait can be cancelled');
is(waiters($standby), '0', 'the session is no longer a waiter');
$client->query('ROLLBACK TO s');
Replwatch::pause_replay($primary, $standby);
begin_wait($client, $standby, write_row($primary, 200));
resume($standby);
is(verdict($client->answer), 't', 'the session waits again in the same transaction');
is(sees($client, 200), '1', 'it sees the row');
is($client->query('COMMIT')->{message}, undef, 'the transaction commits');


note '6. recovery_min_apply_delay';

{
	my $late = Session->new($delayed, %woken);
	my $lsn = write_row($primary, 300);

	is(wait_for($late, $lsn, '100 ms'), 'f', 'too little time for the delay');
	begin_wait($late, $delayed, $lsn);
	Replwatch::set($delayed, 'recovery_min_apply_delay = 2s');
	is(verdict($late->answer), 't', 'enough time');
	is(sees($late, 300), '1', 'the row is seen');
}
$delayed->stop;


note '7. the walreceiver is stopped';

{
	Replwatch::set($standby, "primary_conninfo = ''");
	Replwatch::wait_until($standby,
		'SELECT count(*) = 0 FROM pg_stat_wal_receiver',
		'no walreceiver runs');

	my $lsn = write_row($primary, 400);
	is(wait_for($client, $lsn, '100 ms'), 'f', 'nothing comes');
	begin_wait($client, $standby, $lsn);
	Replwatch::connect_to($standby, $primary, 'replica1');
	$standby->reload;
	is(verdict($client->answer), 't', 'a new one brings it');
	is(sees($client, 400), '1', 'the row is seen');
}


note '8. a standby that is fed by the archive only';

{
	my $slow = Session->new($archived, %woken);
	my $lsn = write_row($primary, 500);

	begin_wait($slow, $archived, $lsn);
	Replwatch::value($primary, 'SELECT pg_switch_wal()');
	is(verdict($slow->answer), 't', 'WAL from the archive ends the wait');
	is(sees($slow, 500), '1', 'the row is seen');
}
$archived->stop;


note '9. recovery is paused at its target, and then is over';

{
	my $target = Replwatch::standby($primary, 'target1', start => 0);
	my $before = write_row($primary, 550);
	my $point = Replwatch::value($primary, "SELECT pg_create_restore_point('here')");
	my $after = write_row($primary, 551);

	$target->append_conf('postgresql.conf',
		"recovery_target_name = 'here'\nrecovery_target_action = 'pause'\n");
	$target->start;
	Replwatch::wait_until($target,
		"SELECT pg_get_wal_replay_pause_state() = 'paused'",
		'recovery is at its target');

	my ($there, $beyond) = map { Session->new($target, %woken) } 1 .. 2;
	is(wait_for($there, $point, '1 min'), 't', 'the target itself is there');
	is(sees($there, 550), '1', 'a row from before the target is seen');
	is(wait_for($beyond, $after, '100 ms'), 'f', 'WAL beyond the target is not replayed');
	begin_wait($beyond, $target, $after);
	Replwatch::wait_until($target,
		"SELECT bool_and(reason ~ 'paused') FROM replwatch_waiters()",
		'the reason is known');
	resume($target);
	like(verdict($beyond->answer), qr/^55000 recovery ended before LSN \S+ was replayed$/,
		'the end of recovery ends the wait for it');
	is(sees($beyond, 551), '0', 'a row beyond the target is not seen');
	$target->stop;
}


note '10. the standby is restarted while the primary is down';

{
	my $lsn = write_row($primary, 600);
	my $far;

	Replwatch::wait_replayed($primary, $standby);
	$primary->stop;
	$standby->restart;
	$client = Session->new($standby, %woken);
	is(wait_for($client, $lsn, '1 min'), 't', 'replayed WAL is still replayed after the restart');
	is(sees($client, 600), '1', 'the row is seen');

	$far = Replwatch::value($standby, 'SELECT pg_last_wal_replay_lsn() + 1');
	is(wait_for($client, $far, '100 ms'), 'f', 'WAL that was not written is not replayed');
	begin_wait($client, $standby, $far);
	$primary->start;
	write_row($primary, 601);
	is(verdict($client->answer), 't', 'the wait ends when the primary is back');
}


note '11. promotion';

{
	my ($reached, $unreached, $of_new_timeline, $of_old) =
	  map { Session->new($standby, %woken) } 1 .. 4;
	my ($below, $below_token) =
	  map { Session->new($cascade, %woken) } 1 .. 2;

	Replwatch::wait_until($standby,
		"SELECT status = 'streaming' FROM pg_stat_wal_receiver",
		'the standby streams again');
	Replwatch::wait_replayed($primary, $cascade);
	Replwatch::pause_replay($primary, $standby);

	my $lsn = write_row($primary, 700);
	my $later = lsn_plus($lsn, 256 * 1024);

	$primary->wait_for_catchup('replica1', 'flush', $lsn);
	begin_wait($reached, $standby, $lsn);
	begin_wait($of_old, $standby, Replwatch::token($primary, 1, $lsn));
	begin_wait($unreached, $standby, $later);
	begin_wait($of_new_timeline, $standby, Replwatch::token($primary, 2, $lsn));
	begin_wait($below, $cascade, $later);
	begin_wait($below_token, $cascade, Replwatch::token($primary, 2, $later));

	$primary->stop('immediate');
	$standby->promote;
	is(verdict($reached->answer), 't', 'a wait for WAL replayed before the end of recovery succeeds');
	is(sees($reached, 700), '1', 'the row is seen');
	is(verdict($of_old->answer), 't', 'the same by token');

	my $answer = $unreached->answer;
	is($answer->{state}, '55000', 'the end of recovery ends the wait for more');
	like($answer->{message},
		qr/^recovery ended before LSN \S+ was replayed$/,
		'with the message');

	# The token's LSN is one that this server has, of a timeline that it now
	# is on; whether that had begun when it looked is a matter of luck.
	like(verdict($of_new_timeline->answer),
		qr/^(t|55000 recovery ended before LSN \S+ was replayed)$/,
		'a token of the timeline that begins ends with it');

	is(wait_for($unreached, $lsn, '10 s'), 't', 'the session lives on and finds what is written on the new primary');
	like(wait_for($unreached, $never, '10 s'),
		qr/^55000 LSN \S+ has not been written on this server$/,
		'where what is not written is an error');

	ok($below->silent, 'on the standby below it the wait goes on');
	ok($below_token->silent, 'the one by token as well');
	Replwatch::burst($standby, 4000);
	my $written = write_row($standby, 701);
	is(verdict($below->answer), 't', 'until the new timeline gets there');
	is(verdict($below_token->answer), 't', 'by token as well');
	is(wait_for($below, $written, '1 min'), 't', 'the session can wait for WAL of the new primary');
	is(sees($below, 701), '1', 'it sees the row of the new primary');

	foreach my $node ($standby, $cascade)
	{
		is(waiters($node), '0',
			'nobody is left among the waiters of ' . $node->name);
	}
}

done_testing();
