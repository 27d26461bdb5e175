# Copyright (c) 2026, the replwatch authors

# matrix: every major

# What holds replay back, told by the standby that holds it back: an apply
# delay that was set, or a conflict with a session on the standby, by its
# snapshot, its lock or its pin on a buffer.  Who it is can be known of a lock,
# guessed of a snapshot, and not be told of a pin.  The primary sees that
# replay stands still, and both sides know for how long.
#
# The server does not say so itself but by the names of wait events, which are
# a thing of the major release.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# Queries may hold replay back for as long as they like.
my $primary = Replwatch::primary(
	'primary',
	'max_standby_streaming_delay = -1',
	'hot_standby_feedback = off');
$primary->safe_psql(
	'postgres', q{
	CREATE TABLE snapshot (t text);
	INSERT INTO snapshot VALUES ('read by the one, deleted by the other');
	CREATE TABLE lock (t text);
	CREATE TABLE other (t text);
	CREATE TABLE pin (t text);
	INSERT INTO pin VALUES ('a row to read');
});

my %standby =
  map { $_ => Replwatch::standby($primary, $_) } qw(snapshot lock pin);
$standby{delay} = Replwatch::standby($primary, 'delay',
	conf => ['recovery_min_apply_delay = 1h']);

# What is held back, by standby, as it was written and as it arrived.
my (%burst, %arrived);

# How a reason may go on.
my $end = qr/(; falling further behind)?$/;

# A session on a standby that has run $sql and sits on what it got: itself and
# its process.
sub sit_on
{
	my ($node, $sql) = @_;
	my $session = $node->background_psql('postgres');
	my $pid = $session->query_safe('SELECT pg_backend_pid()');

	$session->query_safe($sql);
	return ($session, $pid);
}

# Wait until the standby says what holds replay back, and look at it from both
# sides.  Returns the standby's row.
sub held_back
{
	my ($name, $code) = @_;
	my $row = Replwatch::row_when(
		$standby{$name}, $name, 'upstream',
		"$name says $code",
		sub { ($_[0]->{reason_code} // '') eq $code });

	Replwatch::lag_is_true($standby{$name}, $name, $arrived{$name},
		"$name, seen from the standby", 'upstream');
	Replwatch::lag_is_true($primary, $name, $burst{$name},
		"$name, seen from the primary");
	my $down = Replwatch::row_when(
		$primary, $name, 'downstream',
		"the primary sees that $name stands still",
		sub { ($_[0]->{reason_code} // '') eq 'replay_stuck' });
	like(
		$down->{reason},
		qr/, but replay has not advanced for \d+ s$end/,
		"$name: the primary sees for how long replay stands still");
	return $row;
}

# What replwatch_node() says of who blocks replay, once it says anything.
sub blocked_by
{
	my ($node) = @_;

	return Process::until_true(
		'somebody blocks replay',
		sub {
			Replwatch::value($node,
				'SELECT replay_blocked_by FROM replwatch_node()');
		});
}

note '1. four standbys are held back';

# Locks that do not conflict, and older snapshots elsewhere, are not blamed.
my ($snapshot, $snapshot_pid) = sit_on($standby{snapshot},
	'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM snapshot');
my ($lock, $lock_pid) =
  sit_on($standby{lock}, 'BEGIN; SELECT FROM lock; SELECT 1');
my ($bystander) =
  sit_on($standby{lock}, 'BEGIN; SELECT FROM other; SELECT 1');
my ($pin, $pin_pid) = sit_on($standby{pin},
	'BEGIN; DECLARE c CURSOR FOR SELECT * FROM pin; FETCH c');

# Write, by a sub, what the standby of this name will not replay.  What is not
# flushed by then is flushed by a commit: VACUUM leaves that to others.
sub write_for
{
	my ($name, $write) = @_;

	$burst{$name}{start} = time();
	$write->();
	$burst{$name}{end} = Replwatch::burst($primary, 1)->{end};
	$arrived{$name} =
	  Replwatch::arrived($burst{$name}, $primary, $standby{$name});
	return;
}

# Wait until those that are not held back yet have replayed all there is.
sub others_go_on
{
	my (@names) = @_;

	Replwatch::wait_replayed($primary, $standby{$_}) foreach @names;
	return;
}

# Commits are delayed, so here it is the commit that is missing.
write_for('delay', sub { });
others_go_on(qw(snapshot lock pin));

# Of a transaction that is rolled back nobody can see the row: what VACUUM
# takes away conflicts with no snapshot, but needs the page for itself.
$primary->safe_psql('postgres',
	"BEGIN; INSERT INTO pin VALUES ('never there'); ROLLBACK");
others_go_on(qw(snapshot lock));
write_for(
	'pin',
	sub {
		$primary->safe_psql('postgres', 'VACUUM (TRUNCATE off) pin');
	});
others_go_on(qw(snapshot lock));

write_for(
	'lock',
	sub {
		$primary->safe_psql('postgres', 'BEGIN; LOCK TABLE lock; COMMIT');
	});
others_go_on(qw(snapshot));

$primary->safe_psql('postgres', 'DELETE FROM snapshot');
write_for(
	'snapshot',
	sub {
		$primary->safe_psql('postgres', 'VACUUM (TRUNCATE off) snapshot');
	});

note '2. an apply delay';

my $row = held_back('delay', 'apply_delay');
like(
	$row->{reason},
	qr/recovery_min_apply_delay \(3600000 ms\)/,
	'delay: the reason names the setting and its value');
is( $standby{delay}->safe_psql(
		'postgres',
		'SELECT apply_delay, replay_blocked_by FROM replwatch_node()'),
	'01:00:00|',
	'delay: replwatch_node() knows the delay, and that nobody is to blame');

note '3. a snapshot';

$row = held_back('snapshot', 'conflict');
like(
	$row->{reason},
	qr/^replay waits for a snapshot of process $snapshot_pid; its query began \S+ s ago: SELECT FROM snapshot ;$end/,
	'snapshot: the reason names the session, for sure, and its query');
is(blocked_by($standby{snapshot}),
	"{$snapshot_pid}", 'snapshot: replwatch_node() names it too');

note '4. a lock';

$row = held_back('lock', 'conflict');
like(
	$row->{reason},
	qr/^replay waits for a lock of process $lock_pid; its query began \S+ s ago: SELECT 1 ;$end/,
	'lock: the reason names the session, and it alone, for sure');
is(blocked_by($standby{lock}),
	"{$lock_pid}", 'lock: replwatch_node() names it too');

note '5. a pin on a buffer';

$row = held_back('pin', 'conflict');
like(
	$row->{reason},
	qr/^replay waits for a buffer pin of process $pin_pid \(likely\); its query began \S+ s ago: FETCH c ;$end/,
	'pin: the reason names the session, as a guess');
is(blocked_by($standby{pin}),
	"{$pin_pid}", 'pin: replwatch_node() names it too');

note '6. nothing holds them back any more';

$_->quit foreach $snapshot, $lock, $bystander, $pin;
$standby{delay}
  ->append_conf('postgresql.conf', 'recovery_min_apply_delay = 0');
$standby{delay}->reload;

foreach my $name (sort keys %standby)
{
	Replwatch::wait_replayed($primary, $standby{$name});
	$row = Replwatch::row_when_current($standby{$name}, $name, 'upstream');
	is($row->{reason_code}, undef, "$name: there is no reason any more");
	is( $standby{$name}->safe_psql(
			'postgres',
			'SELECT replay_blocked_by IS NULL FROM replwatch_node()'),
		't',
		"$name: nobody blocks replay");
}

done_testing();
