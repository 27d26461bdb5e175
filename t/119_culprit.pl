# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Who blocks replay, on a standby that cancels nobody: reason, replay_blocked_by
# and the alert name the session whose end lets replay go on, by the database
# of the record that waits, whatever older snapshots there are elsewhere.  Where
# nobody can know who it is, nobody is named.  The query is for those who may
# see it in pg_stat_activity.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Port;
use Process;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary('primary', 'allow_in_place_tablespaces = on',
	"replwatch.lag_warning = '10min'");
my $standby = Replwatch::standby(
	$primary,
	'replica',
	conf => [
		Port::conf(),
		'max_standby_streaming_delay = -1',
		'wal_receiver_status_interval = 1s',
		"replwatch.alert_hold = '200ms'"
	]);

# A session on the standby that has run these statements.
sub holder
{
	my ($database, @statements) = @_;
	my $session = Session->new($standby, database => $database);

	$session->value($_) foreach @statements;
	return $session;
}

sub on_primary
{
	my ($sql, $database) = @_;

	$primary->safe_psql($database // 'postgres', $sql);
	return;
}

# The row of a standby whose replay waits as this says.
sub waits
{
	my ($what, $reason) = @_;

	return Replwatch::row_when(
		$standby, 'replica',
		'upstream', $what,
		sub {
			($_[0]->{reason_code} // '') eq 'conflict'
			  && $_[0]->{reason} =~ $reason;
		});
}

sub blocked_by
{
	return Replwatch::value($standby,
		'SELECT array_to_string(replay_blocked_by, \',\') FROM replwatch_node()'
	);
}

# That the sessions, in any order, and only they, are named.
sub names
{
	my ($what, $reason, @sessions) = @_;
	my $pids = join ', ', map { $_->pid } @sessions;
	my $row;

	$reason = qr/^replay waits $reason of process $pids/ if @sessions;
	$row = waits($what, $reason);
	is( blocked_by() // '',
		join(',', map { $_->pid } @sessions),
		"$what: replay_blocked_by");
	return $row->{reason};
}

# A session ends, and with it what replay waits for.
sub goes_on
{
	my ($what, @sessions) = @_;

	$_->vanish foreach @sessions;
	Replwatch::wait_replayed($primary, $standby);
	my $row = Replwatch::row_when_current($standby, 'replica', 'upstream');
	is($row->{reason_code}, undef, "$what: replay goes on");
	is(blocked_by(), undef, "$what: nobody blocks it");
	return;
}

on_primary(
	q{CREATE TABLE removed (i int); CREATE TABLE again (i int);
CREATE TABLE locked (i int); CREATE TABLE pinned (i int);
INSERT INTO removed SELECT generate_series(1, 1000);
INSERT INTO again SELECT generate_series(1, 1000);
INSERT INTO pinned VALUES (1);
CREATE ROLE watcher LOGIN;
GRANT EXECUTE ON FUNCTION replwatch_status() TO watcher});
on_primary('CREATE DATABASE elsewhere');
on_primary('CREATE DATABASE dropped');
Replwatch::wait_replayed($primary, $standby);

# What the reason says on a machine on which the wait takes long.
my $trend = qr/(?:; falling further behind)?/;

my $repeatable = 'BEGIN ISOLATION LEVEL REPEATABLE READ';

note '1. a snapshot; there is an older one in another database';

my $elsewhere = holder('elsewhere', $repeatable, 'SELECT 1');
on_primary('SELECT pg_current_xact_id()');
Replwatch::wait_replayed($primary, $standby);
my $culprit = holder('postgres', $repeatable,
	"SELECT count(*)\n  FROM removed  /* \xc3\xa9 */");
on_primary('DELETE FROM removed');
Replwatch::wait_replayed($primary, $standby);
my $newer = holder('postgres', $repeatable, 'SELECT 1');
on_primary('VACUUM (TRUNCATE false) removed');

my $reason = names('a snapshot', 'for a snapshot', $culprit);
my $query = "SELECT count\\(\\*\\) FROM removed /\\* \xc3\xa9 \\*/";
like(
	$reason,
	qr{^replay waits for a snapshot of process \d+$trend; its query began (\d+ s|\d+:\d\d:\d\d) ago: $query$},
	'its reason has the query');
unlike($reason, qr/likely/, 'and is certain');

my $watcher = Session->new($standby, user => 'watcher');
is( $watcher->value(
		"SELECT reason FROM replwatch_status() WHERE link = 'upstream'"),
	undef,
	'who may not see queries does not see it');
unlike(Port::ask(Port::of($standby), '/status')->{body},
	qr/FROM removed/, 'nor do readers of the port');

Replwatch::set($standby, 'replwatch.lag_warning = 100ms');
my $row = Alerts::alert_when($standby, 'self_lag', 'replica', 'warning',
	'the standby lags');
my $pid = $culprit->pid;
like(
	$row->{detail},
	qr/ Replay waits for a snapshot of process $pid$trend\.$/,
	'the alert names the session');
Alerts::story_is($standby, 'self_lag', 'replica', 'raised warning',
	'the log has it');
my ($event) = Alerts::log_events($standby, 'self_lag');
like($event->{detail}, qr/ Replay waits for a snapshot of process $pid$trend\.$/,
	'and the session');
like(
	$event->{hint},
	qr{^End the session with pg_terminate_backend\($pid\), or decrease "max_standby_streaming_delay"\. Its query began \d\d:\d\d:\d\d ago: "$query"\. See },
	'and its query');

goes_on('a snapshot', $culprit, $newer);
Alerts::alert_when($standby, 'self_lag', 'replica', 'cleared',
	'the alert clears');
Replwatch::set($standby, "replwatch.lag_warning = '10min'");

note '2. a snapshot that is given back does not end the wait';

my $cursor = holder('postgres', 'BEGIN',
	'DECLARE c CURSOR FOR SELECT i FROM again', 'FETCH c');
on_primary('DELETE FROM again');
Replwatch::wait_replayed($primary, $standby);
my $bystander = holder('postgres', 'BEGIN', 'SELECT 1');
on_primary('VACUUM (TRUNCATE false) again');
names('a cursor', 'for a snapshot', $cursor);
$cursor->value('CLOSE c');
names('a snapshot that is given back, with others there',
	qr/^replay waits for a snapshot$trend$/);
$bystander->vanish;
like(
	names('a snapshot that is given back', 'for a snapshot', $cursor),
	qr/ \(likely\)/,
	'which is likely, and says so');
goes_on('a snapshot that is given back', $cursor);

note '3. a lock';

my $older = holder('postgres', $repeatable, 'SELECT count(*) FROM pinned');
$culprit = holder('postgres', 'BEGIN', 'SELECT count(*) FROM locked');
on_primary(
	'BEGIN; LOCK locked IN ACCESS EXCLUSIVE MODE; SELECT pg_current_xact_id(); COMMIT'
);
$reason = names('a lock', 'for a lock', $culprit);
unlike($reason, qr/likely/, 'is certain');
goes_on('a lock', $culprit, $older);

note '4. a pinned page';

# What was never committed is removed without regard to snapshots; the page must
# not be looked at by anybody meanwhile.
on_primary(
	'BEGIN; INSERT INTO pinned SELECT generate_series(1, 100); ROLLBACK; SELECT pg_switch_wal()'
);
Replwatch::wait_replayed($primary, $standby);
my @innocent = (
	holder('postgres', 'BEGIN', 'SELECT count(*) FROM pinned'),
	holder('postgres', $repeatable, 'SELECT count(*) FROM locked'));
my @read = ('BEGIN', 'DECLARE c CURSOR FOR SELECT i FROM pinned', 'FETCH c');
my @culprits = (holder('postgres', @read), holder('postgres', @read));
on_primary('VACUUM (TRUNCATE false) pinned');
names('two pins', qr/^replay waits for a buffer pin$trend$/);
$culprits[0]->vanish;
like(
	names('a pin', 'for a buffer pin', $culprits[1]),
	qr/ \(likely\)/,
	'which is likely, and says so');
goes_on('a pin', $culprits[1], @innocent);

note '5. a tablespace';

# Replay waits for every transaction there is where its files can't be removed.
my $oid = $primary->safe_psql(
	'postgres', q{
CREATE TABLESPACE place LOCATION '';
SELECT oid FROM pg_tablespace WHERE spcname = 'place'});
Replwatch::wait_replayed($primary, $standby);
my ($directory) = glob($standby->data_dir . "/pg_tblspc/$oid/PG_*");
append_to_file("$directory/stray", 'in the way');

# Who waits for replay is in nobody's way.
my $waiter = Session->new($standby);
$waiter->ask("SELECT replwatch_wait_for_lsn('F/0', '1 day')");
Replwatch::wait_until($standby,
	'SELECT count(*) = 1 FROM replwatch_waiters()', 'a session waits');
on_primary('DROP TABLESPACE place');
names('a tablespace', 'to drop a tablespace, for the transaction',
	$elsewhere);
my $later = holder('postgres', $repeatable, 'SELECT 1');
names('a tablespace, later',
	'to drop a tablespace, for the transaction', $elsewhere);
goes_on('a tablespace', $elsewhere);
$_->vanish foreach $later, $waiter;

note '6. a database';

# Core ends its sessions at once; one that can't end is waited for.
$culprit = holder('dropped', 'SELECT 1');
Process::stop($culprit->pid);
on_primary('DROP DATABASE dropped');
names('a database', 'to drop a database, for the session', $culprit);
kill 'CONT', $culprit->pid;
goes_on('a database');

done_testing();
