# Copyright (c) 2026, the replwatch authors

# matrix: every major

# Commands of the administrator's that do not end: a restore_command, an
# archive_cleanup_command and a recovery_end_command are named, with for how long
# they have been running, and no longer once they end.  A restore_command that is
# quick is not named, however often it runs, nor one that runs all the time only
# because it is slow to find nothing.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;
use Time::HiRes qw(time sleep);

my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 128MB',
	'checkpoint_timeout = 1h',
	'replwatch.known_after = 0');
$primary->enable_archiving;
$primary->restart;

# A command that notes that it has begun, waits for a file, and goes on.
sub waiting
{
	my ($name, $command) = @_;

	return
	  qq(touch $dir/$name.begun; while test -e $dir/$name.hold; do sleep 0.1; done; $command);
}

sub begun
{
	my ($name) = @_;

	Process::until_true("$name has begun", sub { -e "$dir/$name.begun" });
	return;
}

sub release
{
	my ($name) = @_;

	unlink "$dir/$name.hold" or die "could not release $name: $!";
	return;
}

append_to_file("$dir/$_.hold", '') foreach qw(restore cleanup end);

my $copy = 'cp "' . $primary->archive_dir . '/%f" "%p"';
my @common = (
	"wal_retrieve_retry_interval = '200ms'",
	"replwatch.alert_hold = '200ms'",
	"replwatch.upstream_timeout = '1s'",
	"replwatch.lag_warning = '1s'");

# Those that stream, but for the command.
my %standby = (
	cleanup => Replwatch::standby(
		$primary,
		'cleanup',
		conf => [
			@common,
			"archive_cleanup_command = '" . waiting('cleanup', 'true') . "'"
		]),
	end => Replwatch::standby(
		$primary, 'end',
		conf => [
			@common,
			"recovery_end_command = '" . waiting('end', 'true') . "'"
		]));

# Those that have the archive only, and find nothing there yet.
my %command = (
	restore => waiting('restore', $copy),
	quick => $copy,
	slow => "sleep 0.5; $copy");
foreach my $name (sort keys %command)
{

	$primary->backup($name);
	$standby{$name} = PostgreSQL::Test::Cluster->new($name);
	$standby{$name}->init_from_backup($primary, $name);
	$standby{$name}->set_standby_mode;
	$standby{$name}->append_conf(
		'postgresql.conf',
		join("\n",
			@common,
			"cluster_name = '$name'",
			"primary_conninfo = '" . ($name eq 'slow' ? '' : "host=$dir") . "'",
			"restore_command = '$command{$name}'")
		  . "\n");
}

# It does not wait for what it needs to become consistent.
unlink "$dir/restore.hold";
$standby{$_}->start foreach sort keys %command;
foreach my $name (sort keys %command)
{
	Replwatch::burst($primary);
	my $lsn = Replwatch::value($primary, 'SELECT pg_current_wal_lsn()');
	Replwatch::value($primary, 'SELECT pg_switch_wal()');
	Replwatch::wait_until($standby{$name},
		"SELECT pg_last_wal_replay_lsn() >= '$lsn'",
		"$name has replayed a segment");
}
# In this order, a run that is held leaves its note after that was removed.
unlink "$dir/restore.begun";
append_to_file("$dir/restore.hold", '');

note '1. they begin';

begun('restore');
Replwatch::value($primary, 'CHECKPOINT');
Replwatch::wait_replayed($primary, $standby{cleanup});
my $session = Session->new($standby{cleanup});
$session->ask('CHECKPOINT');
begun('cleanup');
$standby{end}->safe_psql('postgres', 'SELECT pg_promote(false)');
begun('end');

# Meanwhile the quick one gets a segment each second, and the slow one none.
Replwatch::set($standby{slow}, "restore_command = 'sleep 0.5; false'");
my %client = map { $_ => Session->new($standby{$_}) } qw(quick slow);
my %named;
my $until = time() + 12;
my $next = time();

while (time() < $until)
{
	if (time() >= $next)
	{
		$next += 1;
		Replwatch::burst($primary);
		Replwatch::value($primary, 'SELECT pg_switch_wal()');
	}
	foreach my $name (sort keys %client)
	{
		my ($row) = Replwatch::statuses($client{$name}, 'upstream');

		$named{$name}{ $row->{reason_code} // 'NULL' }++;
	}
	sleep(0.1);
}

note '2. they are named';

my %text = (
	restore => qr/^the restore_command has been running for (\d+) s, and replay waits for it$/,
	cleanup => qr/^the archive_cleanup_command has been running for (\d+) s, and the restartpoint waits for it$/,
	end => qr/^the recovery_end_command has been running for (\d+) s, and recovery ends only after it$/);
foreach my $name (sort keys %text)
{
	my $row = Replwatch::row_when(
		$standby{$name}, $name,
		'upstream',
		"the command of $name is named",
		sub { ($_[0]->{reason_code} // '') eq 'restore_command' });
	my ($seconds) = $row->{reason} =~ $text{$name};

	ok(defined $seconds, "$name: it is named") || diag($row->{reason});
	Replwatch::is_between($seconds, 10, time() - $^T,
		"$name: with for how long it has been running");
}
foreach my $name (sort keys %client)
{
	is_deeply([ keys %{ $named{$name} } ],
		['from_archive'], "the $name one is not");
	cmp_ok($named{$name}{from_archive} // 0,
		'>', 10, "the $name one was looked at");
}

my $alert = Alerts::alert_when($standby{restore}, 'upstream_down', 'restore',
	'firing', 'a standby does not stream');
$alert = Alerts::alert($standby{restore}, 'upstream_down', 'restore')
  while $alert->{detail} !~ /restore_command/ && sleep(0.1);
like(
	$alert->{detail},
	qr/^This standby has not streamed for 00:\d\d:\d\d\. The restore_command has been running for \d+ s, and replay waits for it\. Data read here is stale by at most 00:\d\d:\d\d\.$/,
	'an alert has it in its detail');
Replwatch::set($standby{restore}, "replwatch.alert_repeat = 1s");
Process::until_true(
	'the log has it as well',
	sub {
		grep { ($_->{detail} // '') =~ /restore_command has been running/ }
		  Alerts::log_events($standby{restore}, 'upstream_down');
	});
my ($event) = grep { ($_->{detail} // '') =~ /restore_command has been running/ }
  Alerts::log_events($standby{restore}, 'upstream_down');
like(
	$event->{hint},
	qr/^Look at the processes that the command runs on this server, and at what they wait for\./,
	'with what to look at');

note '3. they end';

release($_) foreach qw(restore cleanup end);
$session->answer;
Replwatch::row_when(
	$standby{restore},
	'restore',
	'upstream',
	'the WAL comes',
	sub { ($_[0]->{reason_code} // '') eq 'from_archive' });
my $row = Replwatch::row_when_current($standby{cleanup}, 'cleanup', 'upstream');
$row = Replwatch::row_when(
	$standby{cleanup}, 'cleanup',
	'upstream',
	'nothing is named any more',
	sub { !defined $_[0]->{reason_code} });
pass('they are not named any more');
Replwatch::wait_until($standby{end}, 'SELECT NOT pg_is_in_recovery()',
	'recovery has ended');
is(scalar(Replwatch::statuses($standby{end}, 'upstream')),
	0, 'a primary has no such row');

done_testing();
