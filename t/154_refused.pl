# Copyright (c) 2026, the replwatch authors

# matrix: every major

# A standby that connects again and again and gets nowhere: its slot is gone or
# lost, its WAL is gone, it follows a timeline that its upstream does not know, no
# walsender is free, or what it is sent can't be replayed.  However often and
# however long it is connected, it is missing all the time: that is raised in
# time, once, and lasts until the standby really streams.  Both sides say that it
# is refused, and why as far as they can know.
#
# The line is slow at first, so that each attempt lasts, and then as quick as can
# be.  alert_hold is short at first, and then as long as the time between two
# attempts.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Parted;
use Relay;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $attempts = $ENV{REPLWATCH_SOAK} ? 100 : 5;

my @conf = (
	'wal_keep_size = 0',
	'checkpoint_timeout = 1h',
	'wal_retrieve_retry_interval = 500ms',
	'wal_receiver_status_interval = 1s',
	"replwatch.known_after = 0",
	"replwatch.alert_hold = '200ms'",
	"replwatch.missing_timeout = '1h'",
	"replwatch.upstream_timeout = '3s'",
	"replwatch.lag_warning = 0",
	"replwatch.lag_critical = 0",
	"replwatch.stall_timeout = '3s'");

# What is sent must come from the file.
my $primary = Replwatch::primary('primary', @conf, 'wal_buffers = 64kB',
	'max_wal_senders = 20',
	'max_slot_wal_keep_size = 16MB');
my $crowded = Replwatch::primary('crowded', @conf, 'max_wal_senders = 2');
my $archive = PostgreSQL::Test::Utils::tempdir_short();

# Of each: what its log says at each attempt, and the reasons on both sides.
my $minute = qr/\b\d+\b.*\bminute\b/;
my %case = (
	slot_gone => {
		upstream => $primary,
		attempt => qr/FATAL: .*replication slot "slot_gone" does not exist/,
		code => 'refused',
		said => qr/replication slot "slot_gone" does not exist/,
	},
	wal_gone => {
		upstream => $primary,
		attempt =>
		  qr/FATAL: .*requested WAL segment \w+ has already been removed/,
		code => 'refused',
		said => qr/requested WAL segment \w+ has already been removed/,
	},
	slot_lost => {
		upstream => $primary,
		attempt =>
		  qr/FATAL: .*(requested WAL segment \w+ has already been removed|replication slot "slot_lost")/,
		code => 'refused',
		said => qr/slot|WAL segment/,
		row => qr/lost slot_lost/,
	},
	other_line => {
		upstream => $primary,
		attempt =>
		  qr/FATAL: .*highest timeline 1 of the primary is behind recovery timeline 2/,
		conf => [qq(restore_command = 'cp "$archive/%f" "%p"')],
		code => 'refused',
		said => qr/timeline/,
	},
	flipped => {
		upstream => $primary,
		attempt => qr/LOG: .*incorrect resource manager data checksum in record/,
		code => 'broken_wal',
		row => qr/missing (?:gone|refused)/,
	},
	crowded_out => {
		upstream => $crowded,
		attempt => qr/FATAL: .*exceeds "?max_wal_senders/,
		code => 'refused',
		said => qr/max_wal_senders/,
	},
	fine => { upstream => $primary });
my @refused = grep { $case{$_}{code} } sort keys %case;

# How to reach the upstream server, directly or over the slow line.
sub conninfo
{
	my ($name, $slow) = @_;
	my $upstream = $case{$name}{upstream};
	my $to = $slow ? $case{$name}{line}->connstr : $upstream->connstr;

	return "$to application_name=$name";
}

# How often has a standby tried since the last start?
sub tried
{
	my ($name) = @_;
	my @matches = slurp_file($case{$name}{node}->logfile, $case{$name}{offset})
	  =~ /$case{$name}{attempt}/g;

	return scalar @matches;
}

sub wait_tried
{
	my ($name, $times) = @_;

	Process::until_true("$name has tried $times times",
		sub { tried($name) >= $times });
	return;
}

sub start
{
	my ($name) = @_;
	my $case = $case{$name};

	$case->{offset} = -s $case->{node}->logfile // 0;
	$case->{started} = Replwatch::now($case->{upstream});
	$case->{node}->start;
	return;
}

# Stop a standby when it has all WAL, and wait until its upstream server has seen
# that it is gone.
sub stop
{
	my ($name) = @_;
	my ($upstream, $node) = @{ $case{$name} }{qw(upstream node)};

	Replwatch::wait_replayed($upstream, $node);
	$node->stop;
	Replwatch::wait_until(
		$upstream,
		"SELECT state IN ('missing', 'inactive') FROM replwatch_status() WHERE name = '$name'",
		"$name is missed");
	Replwatch::wait_sampled($upstream);
	return;
}

# Overwrite what was found in a segment of the primary with something of the same
# length.
sub overwrite
{
	my ($segment, $found, $with) = @_;
	my $path = $primary->data_dir . "/pg_wal/$segment";
	my $at = index(slurp_file($path), $found);

	die "$segment does not contain what was written" if $at < 0;
	open my $file, '+<:raw', $path or die "could not open $path: $!";
	seek($file, $at, 0);
	print $file $with;
	close $file or die "could not write $path: $!";
	return;
}

# Wait until an alert is told, for a while; without it the test goes on.
sub is_raised
{
	my ($node, $alert, $subject, $what) = @_;
	my $limit = time() + 3.2 + 2 * $Replwatch::tolerance;
	my $story;

	do
	{
		$story = Alerts::story($node, $alert, $subject);
		sleep(0.1) if $story eq '';
	} while ($story eq '' && time() < $limit);
	return like($story, qr/^raised /, $what);
}

# Look at both sides of all that are refused until each has tried so many times
# more.  Returns for each the number of looks, and the looks that were wrong, as
# texts with how often.
sub watch
{
	my (@names) = @_;
	my %until = map { $_ => tried($_) + $attempts } @names;
	my %session = map { $_->name => Session->new($_) }
	  map { @{ $case{$_} }{qw(upstream node)} } @names;
	my %seen = map { $_ => { looks => 0, down => {}, up => {} } } @names;

	while (grep { tried($_) < $until{$_} } @names)
	{
		foreach my $name (@names)
		{
			my ($upstream, $node) = @{ $case{$name} }{qw(upstream node)};
			my @rows = grep { $_->{name} eq $name }
			  Replwatch::statuses($session{ $upstream->name });
			my ($row) =
			  grep { $_->{state} =~ /^(missing|inactive|lost)$/ } @rows;
			my ($own) = Replwatch::statuses($session{ $node->name }, 'upstream');
			my $seen = $seen{$name};

			$seen->{looks}++;
			$seen->{down}{ $row
				? join(' ', $row->{state}, $row->{reason_code} // 'NULL')
				: 'only ' . join(', ', map { $_->{state} } @rows) }++;
			$seen->{up}{
				join(' ',
					$own->{reason_code} // 'NULL',
					defined $own->{lag} && $own->{lag} == 0 ? 'current' : 'late',
					$own->{lag_bound} // 'NULL') }++;
			@$seen{qw(row own)} = ($row, $own);
		}
		sleep(0.02);
	}
	return \%seen;
}

# All that must hold while they try.
sub all_are_refused
{
	my ($when, @names) = @_;
	my $seen = watch(@names);

	foreach my $name (@names)
	{
		my ($upstream, $node, $code, $said) =
		  @{ $case{$name} }{qw(upstream node code said)};
		my ($looks, $down, $up, $row, $own) =
		  @{ $seen->{$name} }{qw(looks down up row own)};
		my $what = "$name, $when";

		# With the flipped byte there is hardly an attempt to be seen.
		my $expected = $case{$name}{row} // 'missing refused';

		is_deeply(
			[ grep { !/^$expected$/ } keys %$down ],
			[], "$what: it is missing at each look, and why")
		  || diag(explain($down));
		like($row->{reason} // '', $minute,
			"$what: the reason has how often in a minute")
		  if $expected eq 'missing refused';

		# What can't be replayed is here; since when may be known.
		my $bound = $name eq 'flipped' ? qr/.+/ : qr/(?!exact).+/;

		is_deeply(
			[ grep { !/^$code late $bound$/ } keys %$up ],
			[], "$what: the standby says so as well, and is never current")
		  || diag(explain($up));
		like($own->{reason} // '', $said, "$what: it says why") if $said;
		is(Alerts::story($upstream, 'replica_missing', $name),
			$upstream == $crowded ? 'raised critical' : 'raised warning',
			"$what: one entry about it in the log");
		if ($name eq 'flipped')
		{
			my $lsn = Replwatch::value($node, 'SELECT pg_last_wal_replay_lsn()');

			Parted::has_lsn($own->{reason}, $lsn, "$what: it says where");
		}
		else
		{
			like(
				Alerts::story($node, 'upstream_down', $name),
				qr/^raised warning(, escalated critical)?$/,
				"$what: one entry about it in the log of the standby");
		}
	}
	return;
}

foreach my $upstream ($primary, $crowded)
{
	my $line = Relay->new($upstream, delay => 0.1);

	$upstream->backup('backup');
	foreach my $name (grep { $case{$_}{upstream} == $upstream } sort keys %case)
	{
		my $node = PostgreSQL::Test::Cluster->new($name);

		$node->init_from_backup($upstream, 'backup', has_streaming => 1);
		@{ $case{$name} }{qw(node line)} = ($node, $line);
		$node->append_conf(
			'postgresql.conf',
			join("\n",
				"primary_conninfo = '" . conninfo($name, 1) . "'",
				@{ $case{$name}{conf} // [] })
			  . "\n");
	}
}
foreach my $name (qw(slot_gone slot_lost))
{
	$case{$name}{node}
	  ->append_conf('postgresql.conf', "primary_slot_name = '$name'\n");
	$primary->safe_psql('postgres',
		"SELECT pg_create_physical_replication_slot('$name', true)");
}
start($_) foreach sort keys %case;
foreach my $name (sort keys %case)
{
	my $upstream = $case{$name}{upstream};

	Replwatch::wait_until(
		$upstream,
		"SELECT state = 'streaming' AND replay_lsn IS NOT NULL FROM replwatch_status() WHERE name = '$name'",
		"$name streams");
	Replwatch::wait_sampled($upstream);
}


note '1. each is cut off in its way';

# The WAL that two need is removed, and the slot of one is lost; all others have it.
stop($_) foreach qw(wal_gone slot_lost);
my $needed = Replwatch::value($primary,
	'SELECT pg_walfile_name(pg_current_wal_flush_lsn())');
foreach (1 .. 2)
{
	Replwatch::burst($primary);
	Replwatch::value($primary, 'SELECT pg_switch_wal()');
	Replwatch::wait_replayed($primary, $case{$_}{node})
	  foreach qw(slot_gone other_line flipped fine);
	Replwatch::wait_until(
		$primary,
		"SELECT restart_lsn >= (SELECT max(replay_lsn) FROM pg_stat_replication) FROM pg_replication_slots WHERE slot_name = 'slot_gone'",
		'the slot keeps nothing');
	$primary->safe_psql('postgres', 'CHECKPOINT');
}
ok(!-e $primary->data_dir . "/pg_wal/$needed", 'the WAL is gone');

stop('slot_gone');
Replwatch::value($primary, "SELECT pg_drop_replication_slot('slot_gone')");

# A copy is promoted, and thrown away; its history file stays in the archive.
stop('other_line');
$case{other_line}{node}->backup_fs_cold('copy');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($case{other_line}{node}, 'copy');
$copy->append_conf(
	'postgresql.conf', join "\n",
	"primary_conninfo = ''",
	'archive_mode = on',
	qq(archive_command = 'cp "%p" "$archive/%f"'),
	'');
$copy->start;
$copy->promote;
Process::until_true('the history file is archived',
	sub { -e "$archive/00000002.history" });
$copy->stop('immediate');

# A byte of a record changes on the way.  The standby asks for it once: from then
# on it finds the record in its own copy of the WAL each time, before a walreceiver
# has connected.
stop('flipped');
my $segment = Replwatch::value($primary,
	q(SELECT pg_walfile_name(pg_logical_emit_message(false, 'test', repeat('flip me', 20)))));
Replwatch::burst($primary, 5000);
overwrite($segment, 'flip meflip me', 'flip mefLip me');

# All walsenders are taken.
stop('crowded_out');
my @taken =
  map { Session->new($crowded, replication => 1) } 1 .. 2;

start($_) foreach @refused;
wait_tried($_, 2) foreach @refused;

note '2. they are missed, over a slow line';

Replwatch::set($_, "replwatch.missing_timeout = '3s'")
  foreach $primary, $crowded;
foreach my $name (@refused)
{
	my ($upstream, $node, $started) =
	  @{ $case{$name} }{qw(upstream node started)};

	is_raised($upstream, 'replica_missing', $name, "$name: it is missed");
	next if $name eq 'flipped';
	is_raised($node, 'upstream_down', $name, "$name: it misses its upstream");
	my ($at) = Replwatch::logged_at($node,
		qr/replication alert raised: upstream_down/);
	Replwatch::is_between(($at // 0) - $started,
		3, 3.2, "$name: it does so in time");
}
all_are_refused('slow', @refused);

note '3. nor does a quick line change anything';

foreach my $name (@refused)
{
	my ($upstream, $node) = @{ $case{$name} }{qw(upstream node)};

	Replwatch::set($node, "primary_conninfo = '" . conninfo($name) . "'",
		"replwatch.alert_hold = '500ms'");
}
Replwatch::set($_, "replwatch.alert_hold = '500ms'") foreach $primary, $crowded;
wait_tried($_, tried($_) + 2) foreach @refused;
all_are_refused('quick', @refused);

note '4. those that can be helped';

# What is sent to them is whole again before it is.
overwrite($segment, 'flip mefLip me', 'flip meflip me');
Replwatch::value($primary,
	"SELECT pg_create_physical_replication_slot('slot_gone', true)");
$_->vanish foreach @taken;

# It does not look at what it is sent before it is started anew.
$case{flipped}{node}->restart;
foreach my $name (qw(slot_gone flipped crowded_out))
{
	my ($upstream, $node) = @{ $case{$name} }{qw(upstream node)};

	Replwatch::wait_replayed($upstream, $node);
	Alerts::alert_when($upstream, 'replica_missing', $name, 'cleared',
		"$name is back");
	Alerts::story_is(
		$upstream, 'replica_missing', $name,
		$upstream == $crowded
		? 'raised critical, cleared'
		: 'raised warning, cleared',
		"$name: it was missed once");
	Alerts::story_is(
		$node, 'upstream_down', $name,
		qr/^raised warning(, escalated critical)?, cleared$/,
		"$name: and missed its upstream server once");
	Replwatch::row_when($upstream, $name, 'downstream',
		"$name: nothing is left to explain",
		sub { $_[0]->{state} eq 'streaming' && !defined $_[0]->{reason_code} });
	Replwatch::row_when($node, $name, 'upstream',
		"$name: nor on its own side",
		sub { $_[0]->{state} eq 'streaming' && !defined $_[0]->{reason_code} });
}
foreach my $name (qw(wal_gone slot_lost other_line))
{
	is(Alerts::story($primary, 'replica_missing', $name),
		'raised warning', "$name: it is still missed, once");
}

done_testing();
