# Copyright (c) 2026, the replwatch authors

# What holds a cascade back is known by nobody but itself: its upstream server
# sees that replay stands still, and the primary nothing at all.  Over the lines
# the reason arrives on top: in replwatch_cluster() on each server, and on the
# cascade's upstream server in replwatch_status() and in the details of alerts.
# What is not told, as without a connection, stays what the upstream server sees.
#
#	primary ---- middle --+-- broken		WAL that can't be replayed
#						  +-- delay			recovery_min_apply_delay
#						  +-- hand			paused by hand
#						  +-- lock			a conflict with a session
#						  +-- setting		paused for a setting
#						  +-- target		paused at the recovery target

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Process;
use Replwatch;
use Session;
use Tree;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my @conf = (
	'max_connections = 30',
	'max_standby_streaming_delay = -1',
	'hot_standby_feedback = off',
	'checkpoint_timeout = 1h',
	"replwatch.known_after = 0",
	"replwatch.alert_hold = '200ms'",
	"replwatch.lag_warning = '1s'",
	"replwatch.stall_timeout = '500ms'",
	"replwatch.upstream_timeout = '1s'",
	'replwatch.missing_timeout = 0');
my $primary = Tree::primary('primary', @conf);
$primary->safe_psql('postgres', 'CREATE TABLE lock (t text)');
my $middle =
  Tree::standby($primary, 'middle', conf => ['max_connections = 47']);
my %conf = (
	broken => [],
	delay => [],
	hand => [],
	lock => [],
	setting => ['max_connections = 30'],
	target => [
		"recovery_target_name = 'stop here'",
		"recovery_target_timeline = 'current'"
	]);
my %leaf =
  map { $_ => Tree::standby($middle, $_, conf => $conf{$_}) } sort keys %conf;
my $tree = join ', ', 'primary', 'middle < primary',
  map { "$_ < middle" } sort keys %leaf;
my $row;

# Check that what holds a leaf back is known above it as it knows it itself, and
# that the details of the alerts on its upstream server have it in these words.
sub is_known_above
{
	my ($name, $code, $words) = @_;
	my $own = Replwatch::row_when(
		$leaf{$name}, $name,
		'upstream',
		"$name says $code",
		sub { ($_[0]->{reason_code} // '') eq $code });
	my $begin = time();
	my $is_code = sub { ($_[0]->{reason_code} // '') eq $code };
	my $on_top =
	  Tree::row_when($primary, $name, "$name is $code on top", $is_code);
	my $took = time() - $begin;

	note "$name: it is known on top after $took s";
	cmp_ok($took, '<', 1 + $Replwatch::tolerance,
		"$name: that takes no second");
	like($own->{reason}, $words, "$name: it has these words");

	# A lag may begin to grow at any time, and its numbers change.  The text of a
	# query stays where it is.
	my ($text) =
	  $own->{reason} =~ /^(.*?)(?:; falling further behind|; its query .*)*$/;
	$text = quotemeta Tree::without_numbers($text);
	my %seen = (
		'on top' => $on_top,
		'in the middle' =>
		  Tree::row_when($middle, $name, "$name is $code", $is_code),
		'on another leaf' => Tree::row_when(
			$leaf{ $name eq 'hand' ? 'delay' : 'hand' }, $name,
			"$name is $code", $is_code),
		'in the status' => Replwatch::row_when(
			$middle, $name, 'downstream', "$name is $code", $is_code));
	foreach my $at (sort keys %seen)
	{
		like(
			Tree::without_numbers($seen{$at}{reason}),
			qr/^$text(; falling further behind)?$/,
			"$name, $at: the reason is its own");
		is($seen{$at}{state}, 'streaming', "$name, $at: it streams");
	}

	# What it says changes nothing of what is seen.
	cmp_ok($seen{'in the status'}{lag_bytes},
		'>', 0, "$name: its upstream server sees that it is behind");
	foreach my $alert (qw(replica_stalled replica_lag))
	{
		my $raised = Alerts::alert_when($middle, $alert, $name, 'firing',
			"$name: $alert is raised");

		eval {
			Process::until_true(
				"its detail has the reason",
				sub {
					$raised = Alerts::alert($middle, $alert, $name);
					return $raised->{detail} =~ /(?i:$words)/;
				});
		};
		like($raised->{detail}, qr/(?i:$words)/,
			"$name: the detail of $alert has the reason");
	}

	# What is delayed on purpose raises no alert there.
	my $alerts = $name eq 'delay' ? 0 : 1;
	$row = Tree::row_when(
		$primary, $name,
		"$name is not well on top",
		sub { $_[0]->{health} ne 'ok' && $_[0]->{alerts} >= $alerts });
	isnt($row->{health}, 'ok', "$name: neither is its health");
	cmp_ok($row->{alerts}, '>=', $alerts,
		"$name: its alerts are counted on top");
	return;
}

# Wait until all is well with a leaf, everywhere.
sub is_well_again
{
	my ($name) = @_;

	Replwatch::wait_replayed($primary, $leaf{$name});
	foreach my $at ($primary, $middle)
	{
		$row = Tree::row_when(
			$at, $name,
			"$name is well again on " . $at->name,
			sub {
				!defined $_[0]->{reason_code}
				  && ($_[0]->{lag} // 1) == 0
				  && $_[0]->{health} eq 'ok';
			});
		is($row->{reason}, undef, "$name is well again on " . $at->name);
	}
	$row = Replwatch::row_when_current($middle, $name);
	is($row->{reason_code}, undef, "$name is well again in the status");
	return;
}

Tree::shape_is($_, $tree, 'the tree is complete on ' . $_->name)
  foreach $primary, $middle;
my $watch = Tree->watch($primary, $middle, $leaf{hand});

note '1. four are held back';

Replwatch::pause_replay($primary, $leaf{hand});
Replwatch::set($leaf{delay}, "recovery_min_apply_delay = '1h'");
my $holder = Session->new($leaf{lock});
$holder->value('BEGIN');
$holder->value('SELECT count(*) FROM lock');
$primary->safe_psql('postgres', q{SELECT pg_create_restore_point('stop here')});
$primary->safe_psql('postgres', 'BEGIN; LOCK TABLE lock; COMMIT');
Replwatch::burst($primary);

my $pid = $holder->pid;
is_known_above('hand', 'paused',
	qr/replay is paused; run pg_wal_replay_resume\(\)/);
is_known_above('delay', 'apply_delay', qr/recovery_min_apply_delay/);
is_known_above('lock', 'conflict',
	qr/replay waits for a lock of process $pid\b/);
is_known_above('target', 'paused_at_target',
	qr/replay is paused at the recovery target; pg_wal_replay_resume\(\) promotes/
);

note '2. they go on';

Replwatch::value($leaf{hand}, 'SELECT pg_wal_replay_resume()');
$holder->vanish;
Replwatch::set($leaf{delay}, 'recovery_min_apply_delay = 0');
is_well_again($_) foreach qw(hand lock delay);
$leaf{target}->stop;

note '3. the primary has a higher setting';

$primary->append_conf('postgresql.conf', 'max_connections = 47');
$primary->restart;
Replwatch::burst($primary);
is_known_above('setting', 'paused_for_setting',
	qr/replay is paused until this server is restarted with max_connections = 47 \(now 30\)/
);
$leaf{setting}->append_conf('postgresql.conf', 'max_connections = 47');
$leaf{setting}->stop('immediate');
$leaf{setting}->start;
is_well_again('setting');

note '4. WAL that cannot be replayed';

# Each connection lasts as long as it takes to fail.
$leaf{broken}->stop;
my $segment = Replwatch::value($primary,
	q(SELECT pg_walfile_name(pg_logical_emit_message(false, 'test', repeat('flip me', 20)))));
Replwatch::burst($primary);
Replwatch::wait_replayed($primary, $_) foreach $middle, @leaf{qw(delay hand lock setting)};
overwrite($segment, 'flip meflip me', 'flip mefLip me');
$leaf{broken}->start;
Replwatch::row_when(
	$leaf{broken}, 'broken', 'upstream', 'it says so',
	sub { ($_[0]->{reason_code} // '') eq 'broken_wal' });
foreach my $at ($primary, $middle)
{
	$row = Tree::row_when(
		$at, 'broken',
		'it is known not to be well on ' . $at->name,
		sub {
			($_[0]->{reason_code} // '') =~ /^(broken_wal|gone|refused)$/;
		});
	isnt($row->{state}, 'streaming',
		'on ' . $at->name . ' it is never seen to stream');
}
$leaf{broken}->stop;

note '5. one without a connection tells nothing';

# What was told last explains nothing that has happened since.
Replwatch::pause_replay($primary, $leaf{hand});
Replwatch::burst($primary);
is_known_above('hand', 'paused', qr/replay is paused/);

# While it is paused, no new connection is made.
Replwatch::value($middle,
	q(SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = 'hand'));
Replwatch::row_when($middle, 'hand', 'downstream', 'its upstream server sees it go',
	sub { $_[0]->{state} eq 'missing' && $_[0]->{reason_code} eq 'gone' });
$row = Tree::row_when($primary, 'hand', 'so it is on top',
	sub { $_[0]->{state} eq 'missing' && $_[0]->{age} > 3 });
isnt($row->{health}, 'unknown', 'it is still judged');
is( Replwatch::value(
		$leaf{hand}, 'SELECT line_state FROM replwatch_node()'),
	'off',
	'without a WAL receiver there is no line');
Replwatch::value($leaf{hand}, 'SELECT pg_wal_replay_resume()');
is_well_again('hand');

$watch->is_sound('through all of that nobody is there twice');
done_testing();

# Change a part of a segment of WAL in the middle.
sub overwrite
{
	my ($file, $found, $with) = @_;
	my $path = $middle->data_dir . "/pg_wal/$file";
	my $at = index(slurp_file($path), $found);

	die "$file does not contain what was written" if $at < 0;
	open my $handle, '+<:raw', $path or die "could not open $path: $!";
	seek($handle, $at, 0);
	print $handle $with;
	close $handle or die "could not write $path: $!";
	return;
}
