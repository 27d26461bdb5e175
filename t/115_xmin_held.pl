# Copyright (c) 2026, the replwatch authors

# What holds back vacuum, and on which server: the transaction of a standby that
# has a slot or has none, the slot of a standby that is away, a logical slot.
# Each is raised, named and cleared.  Quiet are standbys and slots that keep up,
# an old transaction on the primary itself, which is not replication's, and a
# standby that sends no feedback.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $limit = 1000;
my @feedback =
  ('hot_standby_feedback = on', "wal_receiver_status_interval = '1s'");
my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	"replwatch.alert_hold = '200ms'",
	'replwatch.missing_timeout = 0',
	'replwatch.slot_inactive_timeout = 0',
	"replwatch.xmin_age = $limit");
my $slotted =
  Replwatch::standby($primary, 'slotted', slot => 1, conf => \@feedback);
my $slotless = Replwatch::standby(
	$primary,
	'slotless',
	conf => [
		@feedback,
		"replwatch.alert_hold = '200ms'",
		"replwatch.xmin_age = $limit"
	]);
my $mute =
  Replwatch::standby($primary, 'mute', conf => ['hot_standby_feedback = off']);

# Use up more transaction IDs than the limit, which counts again once all but
# this holder, if any, have reported that they need nothing old: they do so each
# second only.
sub use_xids
{
	my ($holder) = @_;

	$holder //= '';
	Replwatch::set($primary, 'replwatch.xmin_age = 0');
	$primary->safe_psql('postgres',
		"DO \$\$ BEGIN FOR i IN 1..$limit + 100 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END \$\$"
	);
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 0 FROM replwatch_status() WHERE slot_xmin_age > $limit / 4 AND name <> '$holder'",
		'all others have reported');
	Replwatch::set($primary, "replwatch.xmin_age = $limit");
	return;
}

# A session with an open transaction that sees what is there now.
sub open_transaction
{
	my ($node) = @_;
	my $session = Session->new($node);

	$session->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
	$session->query('SELECT count(*) FROM burst');
	return $session;
}

# The alert is raised on the primary, and says this.
sub raised
{
	my ($detail, $hint, $what) = @_;
	my $row = Alerts::alert_when($primary, 'xmin_held', 'primary', 'warning',
		$what);
	my ($events, $event);

	like($row->{detail}, $detail, "$what: the detail in SQL");
	is($row->{threshold}, $limit, "$what: the threshold");
	cmp_ok($row->{value}, '>', $limit, "$what: the value");
	Alerts::story_is($primary, 'xmin_held', 'primary', qr/raised warning$/,
		"$what: it is logged");
	$event = (Alerts::log_events($primary, 'xmin_held'))[-1];
	is($event->{level}, 'WARNING', "$what: as a warning");
	like($event->{detail}, $detail, "$what: the detail in the log");
	like($event->{hint}, $hint, "$what: the hint");
	return;
}

sub cleared
{
	my ($what) = @_;

	Alerts::alert_when($primary, 'xmin_held', 'primary', 'cleared', $what);
	Alerts::story_is($primary, 'xmin_held', 'primary', qr/, cleared$/,
		"$what: cleared, in the log");
	return;
}

my $on_standby =
  qr/^Look for the oldest "backend_xmin" in pg_stat_activity on that standby and end its session, or turn off "hot_standby_feedback" there\. /;


note '1. nothing that holds back more than it should';

my @own = (open_transaction($primary), open_transaction($mute));
use_xids();
Replwatch::wait_until(
	$primary,
	"SELECT count(slot_xmin_age) = 2 FROM replwatch_status()",
	'two standbys report what they need');
Alerts::wait_held($primary);
is(Alerts::story($primary, 'xmin_held', 'primary'),
	'', 'transactions of the primary and of a standby without feedback');
$_->query('ROLLBACK') foreach @own;


note '2. a transaction on a standby';

foreach my $node ($slotted, $slotless)
{
	my $name = $node->name;
	my $session = open_transaction($node);

	use_xids($name);
	raised(
		qr/^The feedback of standby "$name" holds back vacuum by \d+ transactions, above $limit\. It is held by a transaction on that standby or on one that follows it\.$/,
		$on_standby,
		$name);
	is(Alerts::alert($slotless, 'xmin_held', 'slotless'),
		undef, "$name: its own transaction is none of its replicas'");
	$session->query('ROLLBACK');
	cleared($name);
}


note '3. a standby that is away';

my $session = open_transaction($slotted);
use_xids('slotted');
raised(qr/^The feedback of standby "slotted" /, $on_standby, 'again');
$slotted->stop('immediate');
Replwatch::wait_until(
	$primary,
	"SELECT NOT active AND xmin IS NOT NULL FROM pg_replication_slots WHERE slot_name = 'slotted'",
	'its slot stays');
Replwatch::wait_until(
	$primary,
	"SELECT detail ~ '^Slot \"slotted\" holds back vacuum by [0-9]+ transactions, above $limit. Nobody uses it.\$' FROM replwatch_alerts() WHERE alert = 'xmin_held' AND state = 'firing'",
	'the alert names it');
$slotted->start;
cleared('the standby is back');


note '4. a logical slot';

$primary->safe_psql('postgres',
	"SELECT pg_create_logical_replication_slot('changes', 'test_decoding')");
use_xids('changes');
raised(
	qr/^Slot "changes" holds back vacuum of system catalogs by \d+ transactions, above $limit\. Nobody uses it\.$/,
	qr/^Bring its consumer back, or run pg_drop_replication_slot\('changes'\)\. /,
	'a logical slot');
$primary->safe_psql('postgres',
	"SELECT pg_drop_replication_slot('changes')");
cleared('it is dropped');
Alerts::agree($primary, 'the log and SQL say the same');

done_testing();
