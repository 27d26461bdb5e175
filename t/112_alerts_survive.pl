# Copyright (c) 2026, the replwatch authors

# Alerts over the end of the worker, a restart, a crash, a damaged state file
# and a change of the server's role.  What fires goes on and is not raised
# again; those of the old role are cleared, and the log says so.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use StateFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;

# Nothing is held back, so that a worker that took up an alert anew would tell
# of it at once.
my $primary = Replwatch::primary(
	'primary',
	'replwatch.alert_hold = 0',
	"replwatch.missing_timeout = '1ms'",
	"replwatch.slot_inactive_timeout = '1ms'",
	"replwatch.expected_replicas = 'primary, standby1, absent, other'",
	"replwatch.replica_overrides = 'standby1: missing_timeout=1h, slot_inactive_timeout=1h'"
);
my $standby = Replwatch::standby(
	$primary,
	'standby1',
	slot => 1,
	conf => [
		"replwatch.stall_timeout = '1ms'",
		"replwatch.upstream_timeout = '1h'",
		"wal_retrieve_retry_interval = '200ms'"
	]);
my $state_file = StateFile::path($primary);

# The alerts that fire, in the same words for as long as they go on.  The
# clock's times are worked out from another clock's at each look.
sub firing
{
	my ($node) = @_;

	return join ', ',
	  map  { sprintf '%s %s since %.0f', @$_{qw(alert subject raised_at)} }
	  sort { $a->{alert} cmp $b->{alert} || $a->{subject} cmp $b->{subject} }
	  grep { $_->{state} ne 'cleared' } Alerts::alerts($node);
}

# Do these alerts fire since the same moments as those?
sub same_firing
{
	my ($now, $then, $what) = @_;
	my @now = $now =~ /since (\d+)/g;
	my @then = $then =~ /since (\d+)/g;

	s/ since \d+//g foreach $now, $then;
	is($now, $then, "$what: the same alerts fire");
	is(scalar(grep { abs($now[$_] - $then[$_]) > 1 } 0 .. $#now),
		0, "$what: since the same moments");
	return;
}

# All that the log says of alerts.
sub entries
{
	my ($node) = @_;

	return scalar Alerts::log_events($node);
}


note '1. the worker';

$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('idle', true)");
Replwatch::burst($primary);
foreach my $case (
	[qw(replica_missing absent)],
	[qw(replica_missing other)],
	[qw(slot_inactive idle)])
{
	Alerts::alert_when($primary, @$case, 'firing', "@$case fires");
	Alerts::story_is($primary, @$case, qr/^raised \w+$/, "@$case is raised");
}
my $before = firing($primary);
my $entries = entries($primary);
is($entries, 3, 'nothing else is');

my $worker =
  $primary->safe_psql('postgres', 'SELECT worker_pid FROM replwatch_node()');
kill 'TERM', $worker or die "could not end process $worker";
Replwatch::wait_until(
	$primary,
	"SELECT worker_state = 'running' AND worker_pid <> $worker FROM replwatch_node()",
	'another worker runs');
Alerts::wait_judged($primary);
same_firing(firing($primary), $before, 'another worker');
is(entries($primary), $entries, 'another worker: it says nothing');


note '2. a restart';

# One of them ends while the server is down.
$primary->stop;
$primary->append_conf('postgresql.conf',
	"replwatch.expected_replicas = 'primary, standby1, absent'");
$primary->start;
my $row =
  Alerts::alert_when($primary, 'replica_missing', 'other', 'cleared',
	'what is over is cleared');
Alerts::story_is(
	$primary, 'replica_missing', 'other',
	'raised critical, cleared',
	'the log says so');
$before =~ s/replica_missing other since \d+, //;
Alerts::wait_judged($primary);
same_firing(firing($primary), $before, 'a restart');
is(entries($primary), $entries + 1, 'a restart: nothing is logged again');
Alerts::agree($primary, 'the log and SQL say the same after a restart');


note '3. a crash';

Replwatch::wait_saved($primary);
my $cleared = Alerts::alert($primary, 'replica_missing', 'other');
$primary->stop('immediate');
$primary->start;
Alerts::wait_judged($primary);
same_firing(firing($primary), $before, 'a crash');
is(entries($primary), $entries + 1, 'a crash: nothing is logged again');
$row = Alerts::alert($primary, 'replica_missing', 'other');
is_deeply(
	[ @$row{qw(alert subject state severity detail)} ],
	[ @$cleared{qw(alert subject state severity detail)} ],
	'a crash: the one that was cleared is remembered');
cmp_ok(abs($row->{$_} - $cleared->{$_}), '<', 1, "a crash: its $_")
  foreach qw(raised_at cleared_at);

# What changes is saved soon, though nothing is written.  It fires after the
# reload, which saves, too.
Replwatch::set(
	$primary,
	"replwatch.alert_hold = '200ms'",
	"replwatch.expected_replicas = 'primary, standby1, absent, soon'");
$row = Alerts::alert_when($primary, 'replica_missing', 'soon', 'firing',
	'one more fires');
my $saved_at;
Process::until_true(
	'it is saved',
	sub {
		$saved_at = StateFile::saved_at($state_file);
		return slurp_file($state_file) =~ /\0soon\0/;
	});
cmp_ok($saved_at - $row->{raised_at}, '<', 6, 'it is soon saved');
$primary->stop('immediate');
$primary->append_conf('postgresql.conf', 'replwatch.alert_hold = 0');
$primary->start;
Alerts::wait_judged($primary);
is( Alerts::story($primary, 'replica_missing', 'soon'),
	'raised critical',
	'a saved alert is not logged again');


note '4. not too many are remembered';

# Have them come and go in forties.
foreach my $round (1, 2)
{
	Replwatch::set(
		$primary,
		"replwatch.expected_replicas = '"
		  . join(', ',
			'primary', 'standby1',
			'absent', map { "many${round}_$_" } 1 .. 40)
		  . "'");
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 40 FROM replwatch_alerts() WHERE state = 'firing' AND subject LIKE 'many${round}_%'",
		'forty fire');
}
Replwatch::set($primary,
	"replwatch.expected_replicas = 'primary, standby1, absent'");
Replwatch::wait_until(
	$primary,
	"SELECT count(*) FILTER (WHERE state = 'firing') = 0 AND count(*) = 64 FROM replwatch_alerts() WHERE subject LIKE 'many%'",
	'the last ones are cleared');
my $remembered =
  q{SELECT string_agg(subject, ' ') FROM replwatch_alerts() WHERE state = 'cleared'};
my $list = $primary->safe_psql('postgres', $remembered);
is(scalar(() = $list =~ /many2/g), 40, 'the later ones are remembered');
is(scalar(() = $list =~ /many1/g),
	24, 'and of the others those for which is room');
like($list, qr/^(many2_\d+ ){40}(many1_\d+ ?){24}$/, 'the latest first');
$primary->restart;
Alerts::wait_judged($primary);
my $later = $primary->safe_psql('postgres', $remembered);
like($later, qr/^(many2_\d+ ){40}(many1_\d+ ?){24}$/,
	'a restart changes nothing in that');
is( join(' ', sort split / /, $later),
	join(' ', sort split / /, $list),
	'and they are the same');
same_firing(firing($primary), $before, 'nor in what fires');


note '5. a state file that can not be used';

$primary->stop;
my $good = StateFile::read_bytes($state_file);
my $alert_size = StateFile::number($good, StateFile::ALERT_SIZE_AT);
my $nalerts = StateFile::number($good, StateFile::NALERTS_AT);
is($nalerts, 66,
	'this test knows where the file says how many alerts it has');
is(StateFile::seal($good), $good, 'and how it is sealed');

# An older build's, with alerts of another size.
my $older =
  StateFile::with_number($good, StateFile::ALERT_SIZE_AT, $alert_size - 8);
my $offset = -s $primary->logfile;
StateFile::write_bytes($state_file, StateFile::seal($older));
$primary->start;
Alerts::wait_judged($primary);
ok( $primary->log_contains(
		qr/WARNING:  could not use file "pg_stat_tmp\/replwatch\.state": its lengths do not add up/,
		$offset),
	'the file of another build is not used');
ok(-e "$state_file.bad", 'it is set aside');
Alerts::alert_when($primary, 'replica_missing', 'absent', 'firing',
	'what is missing is found missing again');
Alerts::story_is(
	$primary, 'replica_missing', 'absent',
	'raised critical, raised critical',
	'it is logged again');
is($primary->safe_psql('postgres', $remembered),
	'', 'what was cleared before is not known any more');

# Alerts that there are not, in a file that is otherwise whole: all bytes of
# each alert but its subject's are overwritten.
$primary->stop;
my $nonsense = $good;
my $nsilences = StateFile::number($good, StateFile::NALERTS_AT + 4);
is($nsilences, 0, 'the alerts are the last in the file');
substr($nonsense, -$nalerts * $alert_size) =
  "\xfe" x ($nalerts * $alert_size);
unlink "$state_file.bad" or die "could not remove $state_file.bad: $!";
$offset = -s $primary->logfile;
StateFile::write_bytes($state_file, StateFile::seal($nonsense));
$primary->start;
Alerts::wait_judged($primary);
Alerts::alert_when($primary, 'slot_inactive', 'idle', 'firing',
	'the slot is found unused again');
is($primary->safe_psql('postgres', $remembered),
	'', 'nonsense is nobody\'s alert');
ok(!-e "$state_file.bad", 'for which the rest is not given up');
ok( !$primary->log_contains(
		qr/WARNING:  could not|PANIC|terminated/, $offset),
	'there is nothing to complain about');



note '6. another role';

# Replay on the standby is paused, and it is promoted like that.
Replwatch::wait_until(
	$primary,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'standby1'",
	'the standby streams');
Replwatch::pause_replay($primary, $standby);
Replwatch::burst($primary);
Alerts::alert_when($standby, 'replay_paused', 'standby1', 'warning',
	'its replay is paused');
Alerts::story_is(
	$standby, 'replay_paused', 'standby1',
	qr/raised warning$/,
	'the standby says so');
$primary->stop;
$standby->promote;
$row =
  Alerts::alert_when($standby, 'replay_paused', 'standby1', 'cleared',
	'a primary replays nothing');
like($row->{detail}, qr/^Replay is paused, /, 'it says what it was');
Alerts::story_is(
	$standby, 'replay_paused', 'standby1',
	qr/raised warning, cleared$/,
	'the log says that it is cleared');

# It was a standby's business to have this list, too, and to leave it alone.
Alerts::alert_when($standby, 'replica_missing', 'absent', 'critical',
	'a primary misses what it expects');
is(Alerts::alert($standby, 'replica_missing', 'standby1'),
	undef, 'but not itself');
Alerts::agree($standby, 'the log and SQL say the same after promotion');

# The old primary comes back as a standby.
$primary->append_conf('postgresql.conf', "primary_slot_name = 'primary'");
$standby->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('primary', true)");
Replwatch::connect_to($primary, $standby, 'primary');
$primary->set_standby_mode;
$entries = entries($primary);
my $story = Alerts::story($primary, 'slot_inactive', 'idle');
$primary->start;
Alerts::alert_when($primary, 'replica_missing', 'absent', 'cleared',
	'a standby misses nobody');
Alerts::story_is(
	$primary, 'replica_missing', 'absent',
	qr/raised \w+, cleared$/,
	'the log says that this is cleared');
Alerts::wait_judged($primary);
is( Alerts::firing($primary),
	'slot_inactive (warning) on idle',
	'a slot that nobody moves is one there, too, and nothing else fires');
is(Alerts::story($primary, 'slot_inactive', 'idle'),
	$story, 'that was neither cleared nor raised again');
Alerts::agree($standby, 'the log and SQL say the same after all');

done_testing();
