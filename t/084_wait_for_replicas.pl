# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Waiting on the sending server until n replicas have a commit: who counts, at
# which stage; what is refused; and that it is quick although the standbys
# report of themselves only every ten seconds, without anybody who decodes the
# WAL seeing how that is done.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'max_connections = 40',
	'max_wal_senders = 8',
	'max_replication_slots = 8',
	'wal_sender_timeout = 1min');
my $client = Session->new($primary);

# The number that a wait returns; its arguments as text.
sub have
{
	my ($arguments) = @_;

	return $client->value("SELECT replwatch_wait_for_replicas($arguments)");
}

# A wait fails with this SQLSTATE.
sub fails
{
	my ($on, $arguments, $state, $like, $what) = @_;
	my $error =
	  $on->query("SELECT replwatch_wait_for_replicas($arguments)");

	is($error->{state}, $state, "$what: refused with $state");
	like($error->{message} // '', $like, "$what: the message says so");
	return;
}

# Insert a row.
sub write_row
{
	my ($on) = @_;
	my $answer = $on->query('INSERT INTO t VALUES (1)');

	die $answer->{message} if $answer->{state};
	return;
}

# Start something that streams from the primary, and wait until it does.
sub receiver
{
	my ($name, @command) = @_;
	my $handle =
	  Replwatch::start_client(@command, '-d',
		$primary->connstr('postgres') . " application_name=$name");

	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = '$name' AND state = 'streaming'",
		"$name streams");
	return $handle;
}

# Pause or resume replay of a standby, and be sure of it.
sub pause
{
	my ($node) = @_;

	$node->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	Replwatch::wait_until($node,
		"SELECT pg_get_wal_replay_pause_state() = 'paused'",
		'replay is paused');
	return;
}

sub resume
{
	my ($node) = @_;

	$node->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	return;
}

# Milliseconds that one insert and the wait for it take, as the median of so
# many; and how many of the waits were not answered with 1.
sub median_cycle
{
	my ($cycles) = @_;
	my @times;
	my $failed = 0;

	for my $cycle (1 .. $cycles)
	{
		my $begin = time();
		write_row($client);
		$failed++ if have("NULL, 1, 'replay', '10 s'") < 1;
		push @times, (time() - $begin) * 1000;
	}
	@times = sort { $a <=> $b } @times;
	return ($times[ $cycles / 2 ], $failed);
}


note '1. without replicas';

# None of these takes its time, which is too long to be overlooked.
my $begin = time();
is(have("timeout => '1 h'"), 0, 'before the first commit it answers at once');
is(have("NULL, 8, 'flush', '1 h'"), 0, 'whatever it is asked for');
fails($client, '(SELECT NULL::pg_lsn)', '55000', qr/cannot wait/,
	'but not where it could not wait later');
$client->query('CREATE TABLE t (i int)');
is(have("NULL, 0, 'replay', '1 h'"), 0, 'count 0 answers at once');
$begin = time();
is(have("NULL, 1, 'replay', '300 ms'"), 0, 'nobody has it');
my $took = time() - $begin;
ok($took >= 0.3 && $took < 20, 'which is said when the time is up')
  or diag($took);
is(have("NULL, 1, 'replay', '0'"), 0, 'timeout 0 only looks');


note '2. standbys, by stage';

my @conf = ("wal_receiver_status_interval = 10s");
my $standby1 = Replwatch::standby($primary, 'replica1', conf => \@conf);
my $standby2 =
  Replwatch::standby($primary, 'replica2', conf => \@conf, slot => 1);

foreach my $stage ('write', 'flush', 'replay')
{
	write_row($client);
	is(have("NULL, 2, '$stage'"), 2, "both standbys have it at $stage");
}
is(have(''), 2, 'it says how many have it, also if that is more than asked');
is($standby1->safe_psql('postgres', 'SELECT count(*) FROM t'),
	3, 'the rows can be read there');

pause($standby2);
write_row($client);
is(have("NULL, 2, 'flush'"), 2, 'a paused standby has it at flush');
is(have("NULL, 2, 'replay', '300 ms'"), 1, 'but not at replay');
is(have("NULL, 1, 'replay'"), 1, 'one is enough where one is asked for');
my $lsn = $client->value('SELECT replwatch_commit_lsn()');
$client->ask(
	"SELECT replwatch_wait_for_replicas('$lsn', 2, 'replay', '1 min')");
Replwatch::wait_until(
	$primary,
	"SELECT target = '$lsn' AND count = 2 AND stage = 'replay' AND kind = 'replicas' AND missing_bytes > 0 FROM replwatch_waiters()",
	'it waits, and that can be seen');
Replwatch::wait_until(
	$primary,
	"SELECT w.eta IS NULL AND w.reason = s.reason FROM replwatch_waiters() w, replwatch_status() s WHERE s.name = 'replica2'",
	'there is no saying when, and the reason is that of the last one needed'
);
is( $primary->safe_psql(
		'postgres',
		'SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE pid = '
		  . $client->pid),
	't',
	'no snapshot is held');
$begin = time();
resume($standby2);
is($client->answer->{rows}[0][0], 2, 'it is told when replay goes on');
cmp_ok(time() - $begin, '<', 8, 'and not when the next report is due');


note '3. what else streams';

# What receives WAL has no replay; backups never count.
my $wal = $primary->basedir . '/received';
mkdir($wal) or die "could not create $wal: $!";
my $receivewal = receiver('receivewal', 'pg_receivewal', '-D', $wal,
	'--synchronous', '-s', '1');
write_row($client);
is(have("NULL, 3, 'write'"), 3, 'pg_receivewal counts for write');
is(have("NULL, 3, 'flush'"), 3, 'and for flush');
is(have("NULL, 3, 'replay', '300 ms'"), 2, 'but not for replay');

$primary->safe_psql('postgres',
	"SELECT pg_create_logical_replication_slot('decoded', 'test_decoding')");
my $recvlogical = receiver(
	'decoded', 'pg_recvlogical', '-S', 'decoded', '--start', '-f',
	$primary->basedir . '/decoded.txt', '-s', '1', '-F', '1');
write_row($client);
is(have("NULL, 4, 'flush'"), 4, 'a subscriber counts');

# A name counts once.
my @twins;
foreach my $dir (map { $primary->basedir . "/twin$_" } 1, 2)
{
	mkdir($dir) or die "could not create $dir: $!";
	push @twins,
	  Replwatch::start_client('pg_receivewal', '-D', $dir, '--synchronous',
		'-s', '1', '-d',
		$primary->connstr('postgres') . ' application_name=twin');
}
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 2 FROM pg_stat_replication WHERE application_name = 'twin' AND state = 'streaming'",
	'the twins stream');
write_row($client);
is(have("NULL, 5, 'flush'"), 5, 'a name counts');
is(have("NULL, 6, 'flush', '2 s'"), 5, 'but only once');
$client->ask("SELECT replwatch_wait_for_replicas(NULL, 6, 'flush', '1 h')");
Replwatch::wait_until($primary, 'SELECT count(*) = 1 FROM replwatch_waiters()',
	'it waits');
is( $primary->safe_psql(
		'postgres',
		'SELECT missing_bytes IS NULL, reason FROM replwatch_waiters()'),
	't|fewer replicas are connected than are waited for',
	'and so says who looks for the reason');
$primary->safe_psql('postgres',
	'SELECT pg_cancel_backend(pid) FROM replwatch_waiters()');
is($client->answer->{state}, '57014', 'it is cancelled');
foreach my $running (@twins, $recvlogical)
{
	$running->signal('TERM');
	$running->finish;
}

# A table that a subscription still copies has a slot of its own.
$primary->safe_psql('postgres',
	"SELECT pg_create_logical_replication_slot('pg_16400_sync_16390_7', 'test_decoding')"
);
my $sync = receiver(
	'tablesync', 'pg_recvlogical', '-S', 'pg_16400_sync_16390_7', '--start',
	'-f', $primary->basedir . '/sync.txt', '-s', '1', '-F', '1');
Replwatch::wait_until(
	$primary,
	"SELECT flush_lsn IS NOT NULL FROM pg_stat_replication WHERE application_name = 'tablesync'",
	'it reports');
is(have("'0/1', 4, 'flush', '0'"),
	3, 'the first copy of a table is no subscriber');
$sync->signal('TERM');
$sync->finish;

# A backup streams the WAL beside the files, and reports what it has got.
$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('kept')");
foreach my $slot ([], ['--no-slot'], [ '-S', 'kept' ])
{
	my $what = "@$slot" || 'a temporary slot';
	my $backup = Replwatch::start_client(
		'pg_basebackup', '-D', $primary->backup_dir . "/slow@$slot", '-r',
		'32k', '-X', 'stream', '-c', 'fast', '-s', '1', '--no-manifest', '-d',
		$primary->connstr('postgres') . ' application_name=slow', @$slot);

	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 2 AND bool_or(write_lsn IS NOT NULL) FROM pg_stat_replication WHERE application_name = 'slow' AND state IN ('backup', 'streaming')",
		'a backup runs and streams');
	is(have("'0/1', 4, 'write', '0'"),
		3, "a base backup does not count, $what");
	is(have("'0/1', 4, 'flush', '0'"), 3, "nor for flush, $what");

	# Cut off by the server: killed, it would leave a process behind.
	$primary->safe_psql('postgres',
		"SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = 'slow'"
	);
	$backup->finish;
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 0 FROM pg_stat_replication WHERE application_name = 'slow'",
		'it is gone');
}
# A subscriber counts at each stage, when it has applied what it was sent.
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(allows_streaming => 'logical');
$subscriber->start;
$subscriber->safe_psql('postgres', 'CREATE TABLE t (i int)');
$primary->safe_psql('postgres', 'CREATE PUBLICATION pub FOR TABLE t');
$subscriber->safe_psql('postgres',
		"CREATE SUBSCRIPTION sub CONNECTION '"
	  . $primary->connstr . " dbname=postgres' PUBLICATION pub");
Replwatch::wait_until(
	$subscriber,
	"SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel",
	'the table is copied');
foreach my $stage ('write', 'flush', 'replay')
{
	my $count = $stage eq 'replay' ? 3 : 4;

	write_row($client);
	is(have("NULL, $count, '$stage', '1 min'"),
		$count, "a subscriber that applies counts for $stage");
}
is( $subscriber->safe_psql('postgres', 'SELECT count(*) FROM t'),
	$client->value('SELECT count(*) FROM t'),
	'and what it has counted for can be read there');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
$subscriber->stop;
$receivewal->signal('TERM');
$receivewal->finish;


note '4. what is refused';

fails($client, 'NULL, -1', '22023', qr/^count must not be negative/,
	'a negative count');
fails($client, 'NULL, 9', '22023', qr/max_wal_senders/,
	'a count above max_wal_senders');
is(have("NULL, 8, 'replay', '0'"), 2, 'max_wal_senders itself is allowed');
fails($client, "NULL, 1, 'sent'", '22023', qr/^stage must be/, 'a bad stage');
fails($client, "NULL, 1, ''", '22023', qr/^stage must be/, 'an empty stage');
fails($client, "NULL, 1, 'replay', '-1 s'", '22023',
	qr/^timeout must not be negative/, 'a negative timeout');
fails($client, "'FFFFFFFF/FFFFFFFF'", '55000',
	qr/^LSN .* has not been written on this server/,
	'a target that is not written');
$client->query('BEGIN; INSERT INTO t VALUES (0)');
fails($client, '', '55000', qr/cannot wait/,
	'a transaction with an ID of its own');
$client->query('ROLLBACK');
$client->query('BEGIN; SELECT pg_current_xact_id()');
fails($client, "NULL, 1, 'replay', '0'", '55000', qr/has not committed/,
	'the same at a look');
$client->query('ROLLBACK');
is($client->query('BEGIN')->{state}, undef, 'BEGIN');
is(have(''), 2, 'in a block that has not written it is allowed');
$client->query('COMMIT');
fails(
	$client,
	"pg_current_wal_flush_lsn(), 1",
	'55000', qr/cannot wait/,
	'an argument that is no constant');
$client->query('BEGIN; SELECT count(*) FROM t');
fails($client, '', '55000', qr/cannot wait/, 'a transaction with locks');
$client->query('ROLLBACK');

my $on_standby = Session->new($standby1);
fails($on_standby, '', '22023', qr/target must be given on a standby/,
	'no target on a standby');
my $replayed = $on_standby->value('SELECT pg_last_wal_replay_lsn()');
is( $on_standby->value(
		"SELECT replwatch_wait_for_replicas('$replayed', 1, 'replay', '0')"),
	0,
	'with a target a standby answers');
fails($on_standby, "'FFFFFFFF/FFFFFFFF'", '55000',
	qr/^LSN .* has not been written on this server/,
	'what a standby has not received');

# As statements of drivers.
write_row($client);
$client->bound('SELECT replwatch_wait_for_replicas(NULL, $1::int, $2::text)',
	2, 'replay')->sync;
is($client->answer->{rows}[0][0], 2, 'with parameters');
$lsn = $client->value('SELECT replwatch_commit_lsn()');
$client->bound(
	'SELECT * FROM replwatch_wait_for_replicas($1::text::pg_lsn, count => 2)',
	$lsn)->sync;
is($client->answer->{rows}[0][0], 2, 'and in FROM');


note '5. while connections come and go';

# A replica that is away does not count, and does when it is back.
write_row($client);
is(have('NULL, 2'), 2, 'both are there');
$standby2->stop;
write_row($client);
$client->ask("SELECT replwatch_wait_for_replicas(NULL, 2, 'replay', '1 h')");
Replwatch::wait_until($primary,
	"SELECT count(*) = 1 FROM replwatch_waiters() WHERE missing_bytes IS NULL",
	'one is missing');
$standby2->start;
is($client->answer->{rows}[0][0], 2, 'it is back, and has caught up');

# So many may wait, of whatever kind.
{
	my $other = Session->new($primary);

	$client->query("ALTER SYSTEM SET replwatch.max_waiters = 1");
	$client->query('SELECT pg_reload_conf()');
	Replwatch::wait_until($primary, "SELECT current_setting('replwatch.max_waiters') = '1'",
		'the setting has come');
	$other->ask("SELECT replwatch_wait_for_replicas('0/1', 8, 'flush', '1 h')");
	Replwatch::wait_until($primary, 'SELECT count(*) = 1 FROM replwatch_waiters()', 'it waits');
	fails($client, "'0/1', 8, 'flush', '1 h'", '53000', qr/^too many sessions wait/, 'one too many');
	is(have("'0/1', 2, 'flush', '1 h'"), 2, 'what is there needs no waiting');
	$client->query('SELECT pg_cancel_backend(' . $other->pid . ')');
	is($other->answer->{state}, '57014', 'the other is cancelled');
	$client->query('ALTER SYSTEM RESET replwatch.max_waiters');
	$client->query('SELECT pg_reload_conf()');
}


note '6. on a standby that sends on';

{
	my $cascade = Replwatch::standby($standby1, 'cascade1', conf => \@conf);
	my $upstream = Session->new($standby1);
	my $on_standby = sub {
		my ($arguments) = @_;

		return $upstream->value("SELECT replwatch_wait_for_replicas($arguments)");
	};

	foreach my $stage ('write', 'flush', 'replay')
	{
		write_row($client);
		my $written = $client->value('SELECT replwatch_commit_lsn()');

		# It can be asked for what is here.
		is($upstream->value("SELECT replwatch_wait_for_lsn('$written', '1 min')"), 't', 'it has come to the standby');
		is($on_standby->("'$written', 1, '$stage', '1 min'"), 1, "the standby of a standby has it at $stage");
	}
	is($cascade->safe_psql('postgres', 'SELECT count(*) FROM t'),
		$client->value('SELECT count(*) FROM t'), 'and shows it');

	pause($cascade);
	write_row($client);
	my $written = $client->value('SELECT replwatch_commit_lsn()');
	is($upstream->value("SELECT replwatch_wait_for_lsn('$written', '1 min')"), 't', 'it has come to the standby');
	is($on_standby->("'$written', 1, 'flush', '1 min'"), 1, 'a paused one has it at flush');
	is($on_standby->("'$written', 1, 'replay', '300 ms'"), 0, 'but not at replay');
	$upstream->ask("SELECT replwatch_wait_for_replicas('$written', 1, 'replay', '1 h')");
	Replwatch::wait_until($standby1,
		"SELECT count(*) = 1 FROM replwatch_waiters() JOIN pg_stat_activity USING (pid) WHERE missing_bytes > 0 AND backend_xmin IS NULL",
		'it waits, without a snapshot');
	my $begin = time();
	resume($cascade);
	is($upstream->answer->{rows}[0][0], 1, 'it is told when replay goes on');
	cmp_ok(time() - $begin, '<', 8, 'and not when the next report is due');
	$cascade->stop;
}


note '7. quick under a steady load';

# While others write, replay that is a little late never runs out of WAL, and
# what the waiter is told comes from reports in the middle of it.
foreach my $standby ($standby1, $standby2)
{
	$standby->safe_psql('postgres',
		"ALTER SYSTEM SET recovery_min_apply_delay = '20ms'");
	$standby->reload;
}
my $script = $primary->basedir . '/load.sql';
append_to_file($script,
	"INSERT INTO burst SELECT repeat('x', 50) FROM generate_series(1, 20);\n");
my $load = IPC::Run::start(
	[
		'pgbench', '-n', '-T', '120', '-c', '1', '-f', $script,
		$primary->connstr('postgres')
	],
	'<', \undef, '>', '/dev/null', '2>', '/dev/null');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'INSERT INTO burst%' AND pid <> pg_backend_pid()",
	'the load is on');
my ($median, $failed) = median_cycle(50);
is($failed, 0, 'all waits succeed');
cmp_ok($median, '<', 100,
	'a write and the wait for it take less than 100 ms in the median');
note("median $median ms");


note '8. nothing of it is decoded';

$load->signal('TERM');
$load->finish;
Replwatch::wait_until($primary,
	"SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'INSERT INTO burst%' AND pid <> pg_backend_pid()",
	'what it was doing is done');
$primary->safe_psql('postgres',
	"SELECT pg_create_logical_replication_slot('quiet', 'test_decoding')");
$begin = $client->value('SELECT pg_current_wal_flush_lsn()');
foreach my $i (1 .. 5)
{
	my $target = $client->value('SELECT pg_current_wal_flush_lsn()');

	is(have("'$target', 3, 'replay', '50 ms'"),
		2, "wait $i for more than there are");
}
isnt($client->value('SELECT pg_current_wal_flush_lsn()'),
	$begin, 'which wrote WAL');

# Those who wait for the same have it asked for once.
pause($standby2);
$lsn = $client->value("SELECT pg_create_restore_point('a crowd waits')");
my @crowd = map { Session->new($primary) } 1 .. 20;
my $from = $client->value('SELECT pg_current_wal_flush_lsn()');
$_->ask("SELECT replwatch_wait_for_replicas('$lsn', 2, 'replay', '1 min')")
  foreach @crowd;
Replwatch::wait_until($primary,
	'SELECT count(*) = 20 FROM replwatch_waiters()', 'all wait');
my $to = $client->value('SELECT pg_current_wal_flush_lsn()');
resume($standby2);
is(scalar(grep { $_->answer->{rows}[0][0] == 2 } @crowd),
	20, 'all are told');
my ($records, $stderr) = run_command(
	[
		'pg_waldump', '-p', $primary->data_dir . '/pg_wal',
		'-s', $from, '-e', $to, '-r', 'XLOG'
	]);
my $nudges = () = $records =~ /desc: NOOP/g;
cmp_ok($nudges, '>', 0, 'the replicas were asked');
cmp_ok($nudges, '<', 10, 'and not for each of them') or diag($records);

is( $primary->safe_psql(
		'postgres',
		"SELECT count(*) FROM pg_logical_slot_get_changes('quiet', NULL, NULL)"
	),
	0,
	'and none of it is decoded');


note '9. without tend_walsenders';

$primary->append_conf('postgresql.conf', 'replwatch.tend_walsenders = off');
$primary->restart;
$client = Session->new($primary);
Replwatch::wait_until($primary,
	"SELECT count(*) = 2 FROM pg_stat_replication WHERE state = 'streaming'",
	'both standbys stream');
$_->safe_psql('postgres', 'ALTER SYSTEM RESET recovery_min_apply_delay')
  foreach $standby1, $standby2;
$_->reload foreach $standby1, $standby2;
($median, $failed) = median_cycle(10);
is($failed, 0, 'all waits succeed');
cmp_ok($median, '<', 500, 'by timed looks, in a moment');
note("median $median ms");


note '10. asked to report, the standby does not wait until it has run dry';

# Replay is late by five seconds.  Five commits come at it one after another,
# and a last one three seconds later, so that it has WAL left all the time.  Each
# wait is to end when its own commit is replayed, and not when the last one is.
# The workers of the standbys, which ask for a report once a second, stand still.
my @workers =
  map { Replwatch::value($_, 'SELECT worker_pid FROM replwatch_node()') }
  $standby1, $standby2;
foreach my $standby ($standby1, $standby2)
{
	$standby->safe_psql('postgres',
		"ALTER SYSTEM SET recovery_min_apply_delay = '5s'");
	$standby->reload;
}
my @waits = map { { client => Session->new($primary) } } 1 .. 5;
my $last = Session->new($primary);
kill 'STOP', @workers;
foreach my $wait (@waits)
{
	$wait->{begin} = time();
	write_row($wait->{client});
	$wait->{written} = time();
	$wait->{client}->ask(
		"SELECT replwatch_wait_for_replicas(NULL, 2, 'replay', '1 min')",
		'SELECT extract(epoch FROM clock_timestamp())');

	# Not a wait for something: it is the distance of the commits.
	sleep(0.2);
}
sleep(2);
$last->value('INSERT INTO t VALUES (2) RETURNING i');
foreach my $wait (@waits)
{
	is($wait->{client}->answer->{rows}[0][0], 2, 'a wait succeeds');
	$wait->{end} = $wait->{client}->answer->{rows}[0][0];
}
kill 'CONT', @workers;
my @least = sort { $a <=> $b } map { $_->{end} - $_->{begin} } @waits;
my @took = sort { $a <=> $b } map { $_->{end} - $_->{written} } @waits;
note("took @took s");
cmp_ok($least[0], '>=', 4.9, 'none before its commit is replayed');
cmp_ok($took[2], '<', 6.5, 'but then at once');

done_testing();
