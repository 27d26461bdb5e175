# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Walsenders that sleep although they have WAL to send.  A library of the test's
# holds one where it is about to sleep, until there is WAL.  If it is held before
# replwatch's look, that look has it check again.  If it is held after the look,
# and its wake-up is lost, the sampler wakes it, and counts that.  Without the
# sampler it sleeps on until something else wakes it.

use strict;
use warnings;

use lib 't/lib';
use Lateness;
use Module;
use Process;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'make or the compiler is missing' if !Module::can_build();

# Standbys reply to what they have flushed, and to nothing else.
my $primary = Replwatch::primary(
	'primary',
	"shared_preload_libraries = 'replwatch, " . Module::build('swallow') . "'",
	'wal_level = logical',
	'wal_keep_size = 64MB',
	'wal_sender_timeout = 1h',
	'wal_receiver_timeout = 1h',
	'wal_receiver_status_interval = 1h',
	'checkpoint_timeout = 1h',
	'fsync = off');
my $standby = Replwatch::standby($primary, 'replica1');
my $cascaded = Replwatch::standby($standby, 'replica2');

# 15 sets the latch of each walsender: it has no gap before replwatch's look.
my $has_gap = $primary->pg_version >= 16;

# How long a walsender may take that is woken by the sampler, and a time in which
# one that is not would surely have been, in milliseconds.
my ($limit, $sleep) = (600, 2000);

# The file of the library's on a node.
sub file
{
	my ($node, $suffix) = @_;

	return $node->data_dir . "/swallow$suffix";
}

sub wait_file
{
	my ($node, $suffix) = @_;

	Process::until_true("swallow$suffix is there",
		sub { -f file($node, $suffix) });
	return;
}

sub write_row
{
	$primary->safe_psql('postgres', q[INSERT INTO burst VALUES ('x')]);
	return;
}

# How often walsenders of $node have been rescued.
sub rescued
{
	my ($node) = @_;

	return Replwatch::value($node,
		'SELECT rescued FROM replwatch_wait_stats()');
}

# Receive by a logical slot, from a walsender that the client never replies to.
sub receive
{
	my ($slot) = @_;
	my $client = Replwatch::start_client(
		'pg_recvlogical', '-d', $primary->connstr('postgres'),
		'-S', $slot, '-f', '/dev/null', '-s', '0', '--start');

	write_row();
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 2 FROM pg_stat_replication WHERE state = 'streaming'",
		'it streams');
	return $client;
}

# Hold a walsender of $node.  A logical one comes there when it has sent something.
sub hold
{
	my ($node, $how) = @_;

	ask($node, $how);
	write_row() if $how =~ /logical/;
	wait_file($node, '.holding');
	return;
}

# Tell the library what to hold.
sub ask
{
	my ($node, $how) = @_;

	unlink map { file($node, $_) } qw(.holding .written .done .sent);
	append_to_file(file($node, '.new'), "$how\n");
	rename(file($node, '.new'), file($node, '')) or die "rename: $!";
	return;
}

# Write, and when nothing is left that would wake it for that, let it go to sleep.  A
# standby's receiver reports what is flushed after it has woken walsenders.
sub let_go
{
	my ($node) = @_;

	write_row();
	if ($node == $standby)
	{
		my $lsn = Replwatch::flushed($primary);

		Replwatch::wait_until(
			$primary,
			"SELECT flush_lsn >= '$lsn' FROM pg_stat_replication",
			"$lsn is flushed");
		Replwatch::wait_replayed($primary, $standby);
	}
	append_to_file(file($node, '.written'), '');
	wait_file($node, '.done');
	return;
}

# The milliseconds after which it sent.
sub sent_after
{
	my ($node) = @_;

	wait_file($node, '.sent');
	return slurp_file(file($node, '.sent')) + 0;
}

# The walsender is held as given, and then goes on soon, rescued or not.
sub goes_on
{
	my ($node, $how, $rescues, $what) = @_;
	my $before = rescued($node);
	my $probe = Lateness->new;

	hold($node, $how);
	let_go($node);
	my $time = sent_after($node);
	my $late = $probe->worst * 1000;

	note(sprintf '%s: %d ms, %.1f ms late', $what, $time, $late);
	cmp_ok($time, '<=', $limit + 5 * $late, "$what: it goes on");

	# It has counted what it sent before when it has sent something else.
	write_row();
	Replwatch::wait_replayed($primary, $standby);
	Replwatch::wait_replayed($primary, $cascaded);
	wait_sent($node);
	is(rescued($node) - $before, $rescues, "$what: rescued $rescues times");
	return;
}

# Wait until all walsenders of $node have sent all WAL.
sub wait_sent
{
	my ($node) = @_;
	my $lsn = Replwatch::flushed($primary);

	Replwatch::wait_until($node,
		"SELECT bool_and(sent_lsn >= '$lsn') FROM pg_stat_replication",
		"$lsn is sent");
	return;
}

# The walsender is held as given, and sleeps until there is more WAL.
sub sleeps_on
{
	my ($node, $what) = @_;

	sleep($sleep / 1000);
	ok(!-f file($node, '.sent'), "$what: it sleeps");
	write_row();
	cmp_ok(sent_after($node), '>=', $sleep,
		"$what: and goes on when there is more");
	return;
}

# Nothing of the servers' own accord writes WAL or has a standby reply: of the
# receiving server, the sampler is stopped.
my @stopped = (Replwatch::stop_background_writer($primary));


note '1. a cascade';

{
	push @stopped, Replwatch::stop_sampler($cascaded);
	goes_on($standby, 'before physical', 0, 'first net') if $has_gap;
	goes_on($standby, 'after physical late', 1, 'second net');
}


note '2. a primary';

push @stopped, Replwatch::stop_sampler($standby);
goes_on($primary, 'before physical', 0, 'first net') if $has_gap;
goes_on($primary, 'after physical late', 1, 'second net');


note '3. a logical walsender';

{
	my $client;
	my $late = $has_gap ? '' : ' late';

	Replwatch::value($primary,
		q[SELECT pg_create_logical_replication_slot('decoded', 'test_decoding')]);
	$client = receive('decoded');
	goes_on($primary, 'before logical', 0, 'first net') if $has_gap;
	goes_on($primary, "after logical$late", 1, 'second net');
	$client->signal('TERM');
	$client->finish;
}


note '4. a logical walsender that waits for a standby';

SKIP:
{
	skip 'synchronized_standby_slots are new in 17', 1
	  if $primary->pg_version < 17;

	my $probe = Lateness->new;
	my ($client, $receiver);

	Replwatch::value($primary,
		q[SELECT pg_create_physical_replication_slot('replica1', true)]);
	Replwatch::set($standby, q[primary_slot_name = 'replica1']);
	Replwatch::wait_until($primary,
		q[SELECT active FROM pg_replication_slots WHERE slot_name = 'replica1'],
		'the standby uses its slot');
	$receiver = Process::child($standby, 'walreceiver');
	Replwatch::set($primary, q[synchronized_standby_slots = 'replica1']);
	Replwatch::value($primary,
		q[SELECT pg_create_logical_replication_slot('after', 'test_decoding', failover => true)]
	);
	$client = receive('after');

	Process::stop($receiver);
	ask($primary, 'confirm');
	write_row();
	wait_file($primary, '.holding');
	kill('CONT', $receiver);
	my $lsn = Replwatch::flushed($primary);
	Replwatch::wait_until(
		$primary,
		"SELECT restart_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 'replica1'",
		'the standby has confirmed it');
	append_to_file(file($primary, '.written'), '');
	wait_file($primary, '.done');
	my $time = sent_after($primary);
	my $late = $probe->worst * 1000;

	cmp_ok($time, '<=', $limit + 5 * $late,
		'it does not miss the confirmation');
	$client->signal('TERM');
	$client->finish;
}


note '5. without the sampler';

{
	hold($primary, 'after physical');
	my $sampler = Replwatch::stop_sampler($primary);

	let_go($primary);
	sleeps_on($primary, 'no sampler');
	push @stopped, $sampler;
}


note '6. a keepalive that becomes due just before it sleeps';

{
	my $walsender = Session->new($primary, replication => 'true');
	my $lsn = Replwatch::flushed($primary);
	my $received = '';

	ask($primary, 'keepalive');
	$walsender->ask("START_REPLICATION PHYSICAL $lsn");
	wait_file($primary, '.holding');
	sysread($walsender->socket, $received, 65536)
	  while Process::readable($walsender->socket, 0);
	append_to_file(file($primary, '.written'), '');
	wait_file($primary, '.done');
	write_row();
	Process::readable($walsender->socket, 60);
	sysread($walsender->socket, $received, 65536);
	like($received, qr/^d....w/s, 'none lies in its buffer meanwhile');
}

# A server that is shut down waits for its processes.
kill('CONT', @stopped);
done_testing();
