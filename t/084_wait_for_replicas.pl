# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Waiting on the sending server until n replicas have a commit: who counts, at
# which stage; what is refused; and that it ends although the standbys report of
# themselves only every hour, without anybody who decodes the WAL seeing how that
# is done.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Nothing of the servers' own accord makes a standby report, or a walsender look
# up, and a session that is not woken looks for itself after a minute.
my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'max_connections = 40',
	'max_wal_senders = 12',
	'max_replication_slots = 8',
	'wal_sender_timeout = 1d',
	'wal_receiver_timeout = 0',
	'wal_retrieve_retry_interval = 100ms',
	'replwatch.wait_recheck = 1min',
	'replwatch.wait_timeout = 1h');
my $client = Session->new($primary);

my ($standby1, $standby2);

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

# Insert a row.  A session that has used a table wakes after ten seconds to tell
# of it in the statistics, and if it waits then it looks: have it do so at once.
sub write_row
{
	$client->value(
		'INSERT INTO t VALUES (1); SELECT pg_stat_force_next_flush()');
	return;
}

# Start something that streams from the primary.
sub start_receiver
{
	my ($name, @command) = @_;

	return Replwatch::start_client(@command, '-d',
		$primary->connstr('postgres') . " application_name=$name");
}

# Wait until what streams from the primary under names like this is all there,
# so many connections.
sub wait_streaming
{
	my ($name, $count) = @_;

	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = $count FROM pg_stat_replication WHERE application_name LIKE '$name' AND state = 'streaming'",
		"$name streams");
	return;
}

# The same, and return its handle.
sub receiver
{
	my ($name, @command) = @_;
	my $handle = start_receiver($name, @command);

	wait_streaming($name, 1);
	return $handle;
}

# Wait until the primary has no such connections any more.
sub wait_gone
{
	my ($name) = @_;

	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 0 FROM pg_stat_replication WHERE application_name LIKE '$name'",
		"$name is gone");
	return;
}

sub resume
{
	my ($node) = @_;

	Replwatch::value($node, 'SELECT pg_wal_replay_resume()');
	return;
}

# No session on this server waited until it looked for itself.
sub all_woken
{
	my ($node, $what) = @_;

	return is(
		Replwatch::value(
			$node, "SELECT max_time < '55 s' FROM replwatch_wait_stats()"),
		't', $what);
}

# The processes that stand still, and go on when the test ends.
my @stopped;

sub go_on
{
	kill 'CONT', splice @stopped;
	return;
}

END
{
	go_on();
}

# Each commit that is waited for is followed by a lock that somebody on the
# standbys holds against replay, until the next commit and the next lock are
# there: replay never runs out of WAL, when core would have the standby report.
# Nor is there anybody else to ask for a report, or any WAL to come that takes
# one along: our workers stand still, and so does the background writer.  So the
# wait alone can see to it that it ends.  Standbys that have been asked in vain are
# asked seldom: the connections are new ones.
sub in_the_middle
{
	my ($what, $times) = @_;
	my @standbys = ($standby1, $standby2);
	my $locker = Session->new($primary);
	my ($lsn, @before);

	# One that has no such thing ahead.
	$client = Session->new($primary);

	$primary->safe_psql('postgres',
		"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_replication WHERE application_name LIKE 'replica_'"
	);
	wait_streaming('replica_', 2);
	wait_replayed();
	push @stopped, Replwatch::stop_background_writer($primary);
	push @stopped, Replwatch::stop_sampler($_) foreach $primary, @standbys;
	foreach my $i (0 .. $times)
	{
		if ($i > 0)
		{
			write_row();
			$lsn = $client->value('SELECT replwatch_commit_lsn()');
			$client->ask(
				"SELECT replwatch_wait_for_replicas('$lsn', 2, 'replay')");

			# It has asked before it sleeps.
			Replwatch::wait_until(
				$primary,
				"SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = "
				  . $client->pid,
				'the session waits');
			is( Replwatch::value(
					$primary,
					"SELECT pg_current_wal_insert_lsn() > '$lsn'"),
				't',
				"$what: replicas are asked for commit $i");
		}
		my @holders = map { Session->new($_) } @standbys;

		$_->value("BEGIN; LOCK held$i IN ACCESS SHARE MODE")
		  foreach @holders;
		$locker->value("BEGIN; LOCK held$i; COMMIT");
		ok($client->silent, "$what: commit $i is not replayed yet") if $i > 0;
		$_->query('COMMIT') foreach @before;
		is($client->answer->{rows}[0][0], 2, "$what: and then it is")
		  if $i > 0;
		@before = @holders;
	}
	go_on();
	$_->query('COMMIT') foreach @before;
	return;
}

# Wait until both standbys have replayed everything.
sub wait_replayed
{
	Replwatch::wait_replayed($primary, $_) foreach $standby1, $standby2;
	return;
}


note '1. without replicas';

# None of these takes its time, which is too long to be overlooked.
is(have("timeout => '1 h'"), 0, 'before the first commit it answers at once');
is(have("NULL, 8, 'flush', '1 h'"), 0, 'whatever it is asked for');
is(have("(SELECT NULL::pg_lsn), 1, 'replay', '1 h'"),
	0, 'in a larger statement, too');
$client->query('CREATE TABLE t (i int)');
is(have("NULL, 0, 'replay', '1 h'"), 0, 'count 0 answers at once');
my ($timeouts, $seconds) = Replwatch::waited($primary);
is(have("NULL, 1, 'replay', '300 ms'"), 0, 'no replica has it');
my ($timeouts_then, $seconds_then) = Replwatch::waited($primary);
is($timeouts_then - $timeouts, 1, 'that is counted as a time-out');
my $took = $seconds_then - $seconds;
ok($took >= 0.3 && $took < 60, 'the wait took as long as the timeout')
  or diag($took);
is(have("NULL, 1, 'replay', '0'"), 0, 'timeout 0 checks once');


note '2. standbys, by stage';

my @conf = (
	'wal_receiver_status_interval = 1h',
	'max_standby_streaming_delay = -1');
$standby1 = Replwatch::standby($primary, 'replica1', conf => \@conf);
$standby2 =
  Replwatch::standby($primary, 'replica2', conf => \@conf, slot => 1);

foreach my $stage ('write', 'flush', 'replay')
{
	write_row();
	is(have("NULL, 2, '$stage'"), 2, "both standbys have it at $stage");
}
is(have(''), 2, 'all replicas that have it are counted, even beyond the count');
is($standby1->safe_psql('postgres', 'SELECT count(*) FROM t'),
	3, 'the rows can be read there');

Replwatch::pause_replay($primary, $standby2);
write_row();
is(have("NULL, 2, 'flush'"), 2, 'a paused standby has it at flush');
is(have("NULL, 1, 'replay'"), 1, 'count 1 needs one replica');
is(have("NULL, 2, 'replay', '300 ms'"), 1, 'the paused one is not at replay');
my $lsn = $client->value('SELECT replwatch_commit_lsn()');
$client->ask("SELECT replwatch_wait_for_replicas('$lsn', 2, 'replay')");
Replwatch::wait_until(
	$primary,
	"SELECT target = '$lsn' AND count = 2 AND stage = 'replay' AND kind = 'replicas' AND missing_bytes > 0 FROM replwatch_waiters()",
	'the wait is shown');
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
resume($standby2);
is($client->answer->{rows}[0][0],
	2, 'it ends when replay goes on, and not when the next report is due');


note '3. what else streams';

# What receives WAL has no replay; backups never count.
my $wal = $primary->basedir . '/received';
mkdir($wal) or die "could not create $wal: $!";
my $receivewal = receiver('receivewal', 'pg_receivewal', '-D', $wal,
	'--synchronous', '-s', '1');
write_row();
is(have("NULL, 3, 'write'"), 3, 'pg_receivewal counts for write');
is(have("NULL, 3, 'flush'"), 3, 'pg_receivewal counts for flush');
is(have("NULL, 2, 'replay'"), 2, 'the standbys count for replay');
is(have("NULL, 3, 'replay', '300 ms'"), 2, 'pg_receivewal does not count for replay');

$primary->safe_psql('postgres',
	"SELECT pg_create_logical_replication_slot('decoded', 'test_decoding')");
my $recvlogical = receiver(
	'decoded', 'pg_recvlogical', '-S', 'decoded', '--start', '-f',
	$primary->basedir . '/decoded.txt', '-s', '1', '-F', '1');
write_row();
is(have("NULL, 4, 'flush'"), 4, 'a subscriber counts');

# A name counts once.
my @twins;
foreach my $dir (map { $primary->basedir . "/twin$_" } 1, 2)
{
	mkdir($dir) or die "could not create $dir: $!";
	push @twins,
	  start_receiver('twin', 'pg_receivewal', '-D', $dir, '--synchronous',
		'-s', '1');
}
wait_streaming('twin', 2);
write_row();
is(have("NULL, 5, 'flush'"), 5, 'a shared name counts');
$lsn = $client->value('SELECT replwatch_commit_lsn()');
Replwatch::wait_until(
	$primary,
	"SELECT bool_and(flush_lsn >= '$lsn') FROM pg_stat_replication WHERE application_name = 'twin'",
	'both have it');
is(have("NULL, 6, 'flush', '0'"), 5, 'a shared name counts once');
$client->ask("SELECT replwatch_wait_for_replicas(NULL, 6, 'flush')");
Replwatch::wait_until($primary, 'SELECT count(*) = 1 FROM replwatch_waiters()',
	'the session waits');
is( $primary->safe_psql(
		'postgres',
		'SELECT missing_bytes IS NULL, reason FROM replwatch_waiters()'),
	't|fewer replicas are connected than are waited for',
	'the reason says so');
$primary->safe_psql('postgres',
	'SELECT pg_cancel_backend(pid) FROM replwatch_waiters()');
is($client->answer->{state}, '57014', 'the wait can be cancelled');
foreach my $running (@twins, $recvlogical)
{
	$running->signal('TERM');
	$running->finish;
}
wait_gone($_) foreach 'twin', 'decoded';

# A table that a subscription still copies has a slot of its own.
$primary->safe_psql('postgres',
	"SELECT pg_create_logical_replication_slot('pg_16400_sync_16390_7', 'test_decoding')"
);
my $sync = start_receiver(
	'tablesync', 'pg_recvlogical', '-S', 'pg_16400_sync_16390_7', '--start',
	'-f', $primary->basedir . '/sync.txt', '-s', '1', '-F', '1');

# A backup streams the WAL beside the files, and reports what it has got: with a
# temporary slot, with none, and with one that is kept.
$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('kept')");
my @backups;
foreach my $slot ([], ['--no-slot'], [ '-S', 'kept' ])
{
	my $name = 'slow' . @backups;

	push @backups,
	  start_receiver(
		$name, 'pg_basebackup', '-D', $primary->backup_dir . "/$name", '-r',
		'32k', '-X', 'stream', '-c', 'fast', '-s', '1', '--no-manifest',
		@$slot);
}
Replwatch::wait_until(
	$primary,
	"SELECT count(*) FILTER (WHERE state = 'backup') = 3 AND count(write_lsn) FILTER (WHERE state = 'streaming') = 3 FROM pg_stat_replication WHERE application_name LIKE 'slow%'",
	'the backups run and stream');
Replwatch::wait_until(
	$primary,
	"SELECT flush_lsn IS NOT NULL FROM pg_stat_replication WHERE application_name = 'tablesync'",
	'the copy of a table reports');
is(have("'0/1', 12, 'write', '0'"),
	3, 'neither the first copy of a table counts nor a base backup');
is(have("'0/1', 12, 'flush', '0'"), 3, 'neither counts for flush');

# Cut off by the server: killed, backups would leave a process behind.
$primary->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name LIKE 'slow%'"
);
$_->finish foreach @backups;
$sync->signal('TERM');
$sync->finish;
wait_gone($_) foreach 'slow%', 'tablesync';

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

	write_row();
	is(have("NULL, $count, '$stage'"),
		$count, "a subscriber that applies counts for $stage");
}
is( $subscriber->safe_psql('postgres', 'SELECT count(*) FROM t'),
	$client->value('SELECT count(*) FROM t'),
	'and what it has counted for can be read there');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
$subscriber->stop;
$receivewal->signal('TERM');
$receivewal->finish;
wait_gone('sub');
wait_gone('receivewal');


note '4. what is refused';

fails($client, 'NULL, -1', '22023', qr/^count must not be negative/,
	'a negative count');
fails($client, 'NULL, 13', '22023', qr/max_wal_senders/,
	'a count above max_wal_senders');
is(have("NULL, 12, 'replay', '0'"), 2, 'max_wal_senders itself is allowed');
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
is(have(''), 2, 'it is allowed in a block that has not written');
$client->query('COMMIT');
is(have('pg_current_wal_flush_lsn(), 2'), 2, 'an argument that is no constant');
$client->query('BEGIN; SELECT count(*) FROM t');
is(have('NULL, 2'), 2, 'a transaction with locks');
$client->query('ROLLBACK');

my $on_standby = Session->new($standby1);
fails($on_standby, '', '22023', qr/target must be specified on a standby/,
	'no target on a standby');
my $replayed = $on_standby->value('SELECT pg_last_wal_replay_lsn()');
is( $on_standby->value(
		"SELECT replwatch_wait_for_replicas('$replayed', 1, 'replay', '0')"),
	0,
	'with a target a standby answers');
$on_standby->query('BEGIN; SELECT count(*) FROM t');
fails($on_standby, "'$replayed'", '55000', qr/cannot wait/,
	'a transaction with locks on a standby');
$on_standby->query('ROLLBACK');
fails($on_standby, "pg_last_wal_replay_lsn()", '55000', qr/cannot wait/,
	'an argument that is no constant, on a standby');
fails($on_standby, "'FFFFFFFF/FFFFFFFF'", '55000',
	qr/^LSN .* has not been written on this server/,
	'what a standby has not received');

# As statements of drivers.
write_row();
$client->bound('SELECT replwatch_wait_for_replicas(NULL, $1::int, $2::text)',
	2, 'replay')->sync;
is($client->answer->{rows}[0][0], 2, 'a statement with parameters');
$lsn = $client->value('SELECT replwatch_commit_lsn()');
$client->bound(
	'SELECT * FROM replwatch_wait_for_replicas($1::text::pg_lsn, count => 2)',
	$lsn)->sync;
is($client->answer->{rows}[0][0], 2, 'a call in FROM');


note '5. while connections come and go';

# A replica that is away does not count, and does when it is back.
write_row();
is(have('NULL, 2'), 2, 'both are there');
$standby2->stop;
write_row();
$client->ask("SELECT replwatch_wait_for_replicas(NULL, 2, 'replay')");
Replwatch::wait_until($primary,
	"SELECT count(*) = 1 FROM replwatch_waiters() WHERE missing_bytes IS NULL",
	'one is missing');
$standby2->start;
is($client->answer->{rows}[0][0], 2, 'the wait ends when the replica has caught up');

# So many may wait, of whatever kind.
{
	my $other = Session->new($primary);

	Replwatch::set($primary, 'replwatch.max_waiters = 1');
	$other->ask("SELECT replwatch_wait_for_replicas('0/1', 8, 'flush')");
	Replwatch::wait_until($primary,
		'SELECT count(*) = 1 FROM replwatch_waiters()', 'the session waits');
	fails($client, "'0/1', 8, 'flush'",
		'53000', qr/^too many sessions are waiting/, 'one too many');
	is(have("'0/1', 2, 'flush'"), 2, 'an LSN that is there needs no wait');
	$client->query('SELECT pg_cancel_backend(' . $other->pid . ')');
	is($other->answer->{state}, '57014', 'the other is cancelled');
	Replwatch::set($primary, 'replwatch.max_waiters = 0');
}


note '6. on a standby that sends on';

{
	my $cascade = Replwatch::standby($standby1, 'cascade1', conf => \@conf);
	my $upstream = Session->new($standby1);
	my $on_standby = sub {
		my ($arguments) = @_;

		return $upstream->value(
			"SELECT replwatch_wait_for_replicas($arguments)");
	};

	# It can be asked for what is here.
	my $written_here = sub {
		write_row();
		my $written = $client->value('SELECT replwatch_commit_lsn()');

		is($upstream->value("SELECT replwatch_wait_for_lsn('$written')"),
			't', 'the standby has replayed it');
		return $written;
	};

	foreach my $stage ('write', 'flush', 'replay')
	{
		my $written = $written_here->();

		is($on_standby->("'$written', 1, '$stage'"),
			1, "the standby of a standby has it at $stage");
	}
	is( $cascade->safe_psql('postgres', 'SELECT count(*) FROM t'),
		$client->value('SELECT count(*) FROM t'),
		'the rows can be read there');

	Replwatch::pause_replay($primary, $cascade);
	my $written = $written_here->();
	is($on_standby->("'$written', 1, 'flush'"),
		1, 'a paused one has it at flush');
	is($on_standby->("'$written', 1, 'replay', '300 ms'"),
		0, 'the paused standby does not have it at replay');
	$upstream->ask(
		"SELECT replwatch_wait_for_replicas('$written', 1, 'replay')");
	Replwatch::wait_until(
		$standby1,
		"SELECT count(*) = 1 FROM replwatch_waiters() JOIN pg_stat_activity USING (pid) WHERE missing_bytes > 0 AND backend_xmin IS NULL",
		'it waits, without a snapshot');
	resume($cascade);
	is($upstream->answer->{rows}[0][0],
		1,
		'it ends when replay goes on, and not when the next report is due');
	all_woken($standby1, 'each wait on the standby was woken');
	$cascade->stop;
}


note '7. asked to report, the standby does not wait until it has run dry';

$primary->safe_psql('postgres', "CREATE TABLE held$_ ()") foreach 0 .. 12;

# They answer, and so can be asked each time.
in_the_middle('with tend_walsenders', 12);


note '8. nothing of it is decoded';

$primary->safe_psql('postgres',
	"SELECT pg_create_logical_replication_slot('quiet', 'test_decoding')");

# Those who wait for the same have it asked for once.  The first one has done so,
# and has had that flushed, before the others come.
Replwatch::pause_replay($primary, $standby2);
$lsn = $client->value("SELECT pg_create_restore_point('a crowd waits')");
my @crowd = map { Session->new($primary) } 1 .. 20;
my $waits = "SELECT replwatch_wait_for_replicas('$lsn', 2, 'replay')";
my $from = Replwatch::flushed($primary);
$crowd[0]->ask($waits);
Replwatch::wait_until($primary,
	"SELECT pg_current_wal_flush_lsn() > '$lsn'",
	'the first one has asked');
$_->ask($waits) foreach @crowd[ 1 .. $#crowd ];
Replwatch::wait_until($primary,
	'SELECT count(*) = 20 FROM replwatch_waiters()', 'all wait');
resume($standby2);
is(scalar(grep { $_->answer->{rows}[0][0] == 2 } @crowd),
	20, 'all waits end');
my $to = Replwatch::flushed($primary);
my ($records, $stderr) = run_command(
	[
		'pg_waldump', '-p', $primary->data_dir . '/pg_wal',
		'-s', $from, '-e', $to, '-r', 'XLOG'
	]);
my $nudges = () = $records =~ /desc: NOOP/g;
cmp_ok($nudges, '>', 0, 'the replicas were asked');
cmp_ok($nudges, '<', 10, 'they were not asked for each wait') or diag($records);

is( $primary->safe_psql(
		'postgres',
		"SELECT count(*) FROM pg_logical_slot_get_changes('quiet', NULL, NULL)"
	),
	0,
	'and none of it is decoded');
all_woken($primary, 'each wait on the primary was woken');


note '9. without tend_walsenders';

$primary->append_conf('postgresql.conf', 'replwatch.tend_walsenders = off');
$primary->restart;
$client = Session->new($primary);
wait_streaming('replica_', 2);
in_the_middle('without tend_walsenders', 3);
all_woken($primary, 'nobody is woken, and looks often enough');

done_testing();
