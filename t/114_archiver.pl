# Copyright (c) 2026, the replwatch authors

# What waits to be archived, whatever keeps it: a command that fails, that is
# not found, that exits with a code that ends the archiver or is ended by a
# signal, that hangs or is too slow, none at all, a library that can't be
# loaded; on a standby that archives, too.  Each has words of its own, in the
# log and in SQL.  Quiet are a server with nothing to archive and a burst that
# is worked off.  While archive_status can't be read nothing is known: that is
# logged once, and what fires goes on.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Process;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $flags = PostgreSQL::Test::Utils::tempdir();
my $file = qr/"[0-9A-F]{24}"/;
my $time = qr/00:\d\d:\d\d/;
my $waits = qr/^WAL file $file has waited to be archived for $time\./;
my $fails = qr/The archiver's last attempt failed\./;
my $gone =
  qr/The archiver (has not been seen running for|has exited and was restarted) /;
my $exits =
  qr/^The archiver exits if "archive_command" is not found, is ended by a signal, or exits with a code above 125; the server log says which\. /;

# How each server archives, until there is a file of its name in $flags, and
# what is said of it.
my %fault = (
	fails => {
		command => 'exit 1',
		detail => qr/$waits Files waiting: 1\. $fails Last archived: none\. Last failure: $file $time ago\.$/,
		hint => qr/^Check the server log for messages of "archive_command"\. /,
	},
	not_found => {
		command => '/nonexistent/archive %p',
		detail => qr/$waits Files waiting: 1\. $gone/,
		hint => $exits,
	},
	code_255 => {
		command => 'exit 255',
		detail => qr/$waits Files waiting: 1\. $gone/,
		hint => $exits,
	},
	signal => {
		command => 'kill -9 $$',
		detail => qr/$waits Files waiting: 1\. $gone/,
		hint => $exits,
	},
	hangs => {
		command => "until test -e $flags/hangs; do sleep 0.1; done",
		detail => qr/$waits Files waiting: 1\. The archiver is running, but has finished nothing for $time\. Last archived: none\.$/,
		hint => qr/^Check what the archiver, process \d+, and its "archive_command" wait for\. /,
	},
	slow => {
		command => 'sleep 3',
		segments => 6,
		detail => qr/$waits Files waiting: [2-5]\. The archiver works, but cannot keep up with the WAL\. Last archived: $file $time ago\.$/,
		hint => qr/^Check how long "archive_command" takes for a file, and what it waits for\. /,
	},
	not_set => {
		conf => "archive_command = ''",
		detail => qr/$waits Files waiting: 1\. Neither "archive_command" nor "archive_library" is set\. Last archived: none\.$/,
		hint => qr/^Set "archive_command" or "archive_library"\. /,
	},
	library => {
		conf => "archive_command = ''\narchive_library = 'nonexistent'",
		detail => qr/$waits Files waiting: 1\. $gone/,
		hint => qr/^Check the server log for why the archiver exits: "archive_library" may not load, or raise an error\. /,
	},
	standby => {
		command => 'exit 1',
		mode => 'always',
		detail => qr/$waits Files waiting: [1-6]\. $fails Last archived: none\. Last failure: $file $time ago\.$/,
		hint => qr/^Check the server log for messages of "archive_command"\. /,
	});

my $primary = Replwatch::primary(
	'primary',
	'archive_mode = on',
	"archive_command = 'exit 0'",
	"replwatch.alert_hold = '200ms'",
	"replwatch.alert_repeat = '1s'",
	'replwatch.missing_timeout = 0',
	"replwatch.archiver_failing_timeout = '20s'");

my %node;

sub conf_of
{
	my ($name) = @_;
	my $fault = $fault{$name};

	return (
		'archive_mode = ' . ($fault->{mode} // 'on'),
		$fault->{conf}
		  // "archive_command = 'test -e $flags/$name || $fault->{command}'",
		"replwatch.archiver_failing_timeout = '2s'");
}

sub switch_wal
{
	my ($node, $segments) = @_;

	$node->safe_psql('postgres',
		"SELECT pg_logical_emit_message(false, 'test', 'x'); SELECT pg_switch_wal()"
	) foreach 1 .. $segments // 1;
	return;
}

# Wait until the log says $pattern of the alert, and return that entry.
sub entry_when
{
	my ($node, $name, $pattern) = @_;
	my $found;

	Process::until_true(
		"$name: what is said matches",
		sub {
			($found) = grep { ($_->{detail} // '') =~ $pattern }
			  Alerts::log_events($node, 'archiver_failing');
			return $found;
		});
	return $found;
}

# Wait until these have archived something, with new connections for each look: a
# postmaster starts an archiver that has exited when it has something else to
# do, or after a minute.
sub wait_archived
{
	my @names = @_;

	Process::until_true(
		"@names archive",
		sub {
			@names = grep {
				Replwatch::value($node{$_},
					'SELECT archived_count = 0 FROM pg_stat_archiver') eq 't'
			} @names;
			return !@names;
		});
	return;
}

# A copy of the primary, which goes its own way.
sub copy_of_primary
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init_from_backup($primary, 'copy');
	return $node;
}

# Move the WAL of a server that is not running.
sub link_wal
{
	my ($node) = @_;
	my $wal = $node->data_dir . '/pg_wal';

	rename($wal, $node->basedir . '/wal') or die "could not move $wal: $!";
	symlink($node->basedir . '/wal', $wal) or die "could not link $wal: $!";
	return;
}

$primary->backup('copy');
$node{standby} =
  Replwatch::standby($primary, 'standby', conf => [ conf_of('standby') ]);

# The last is slow, which gets through its work after all.
foreach my $name ((grep { !/^(standby|slow)$/ } sort keys %fault), 'slow')
{
	$node{$name} = copy_of_primary($name);
	$node{$name}->append_conf('postgresql.conf',
		join("\n", conf_of($name)) . "\n");
	link_wal($node{$name}) if $name eq 'fails';
	$node{$name}->start;
	switch_wal($node{$name}, $fault{$name}{segments});
}


note '1. a burst that is worked off';

# The standby has finished a segment once the next one has begun.
switch_wal($primary, 5);
$primary->safe_psql('postgres',
	"SELECT pg_logical_emit_message(true, 'test', 'x')");
Replwatch::wait_until($primary,
	'SELECT archived_count >= 5 FROM pg_stat_archiver',
	'the burst is archived');


note '2. what keeps files waiting';

my @mended =
  ('slow', grep { !/^(not_set|slow)$/ } sort keys %fault);
my $unread = $node{not_set};
my $status = $unread->data_dir . '/pg_wal/archive_status';
my $unreadable =
  qr/WARNING:  could not read "pg_wal\/archive_status": Permission denied\n[^\n]* DETAIL:  The alert "archiver_failing" stays as it is until this can be read\./;

sub times_unreadable
{
	return scalar(() = slurp_file($unread->logfile) =~ /$unreadable/g);
}

# Whatever happens, the next run has to be able to clean up.
END { chmod 0700, $status if defined $status; }

foreach my $name ('not_set', @mended)
{
	my $entry = entry_when($node{$name}, $name, $fault{$name}{detail});
	my $row;

	is($entry->{level}, 'WARNING', "$name: the level of the log entry");
	is($entry->{subject}, $name, "$name: the subject");
	like($entry->{hint}, $fault{$name}{hint}, "$name: the hint");
	$row = Alerts::alert_when($node{$name}, 'archiver_failing', $name,
		'warning', "$name is raised");
	like($row->{detail}, $waits, "$name: the detail in SQL");
	is($row->{threshold}, '00:00:02', "$name: the threshold");
	cmp_ok($row->{value}, 'ge', '00:00:02', "$name: not before its time");
}
chmod 0, $status or die "could not change $status: $!";
append_to_file("$flags/$_", '') foreach keys %fault;
Replwatch::set($node{library}, "archive_library = ''",
	"archive_command = 'exit 0'");

# An archiver that has given up for a minute is woken by the next segment.
switch_wal($node{$_}) foreach grep { $_ ne 'standby' } @mended;
switch_wal($primary);
$primary->safe_psql('postgres',
	"SELECT pg_logical_emit_message(true, 'test', 'x')");


note '3. archive_status cannot be read';

Process::until_true('the log says why', sub { times_unreadable() });
Replwatch::set($unread, "archive_command = 'exit 0'");
Alerts::wait_held($unread);
is(Alerts::alert($unread, 'archiver_failing', 'not_set')->{state},
	'firing', 'what is not known is not good news');


note '4. it clears';

wait_archived(@mended);
foreach my $name (@mended)
{
	Alerts::alert_when($node{$name}, 'archiver_failing', $name, 'cleared',
		"$name is cleared");
	Alerts::story_is(
		$node{$name},
		'archiver_failing',
		$name,
		qr/^raised warning(, still firing warning)*, cleared$/,
		"$name: in the log");
	Alerts::agree($node{$name}, "$name: the log and SQL say the same");
}
is(times_unreadable(), 1, 'what cannot be read is logged once');
chmod 0700, $status or die "could not change $status: $!";
wait_archived('not_set');
Alerts::alert_when($unread, 'archiver_failing', 'not_set', 'cleared',
	'not_set is cleared');
chmod 0, $status or die "could not change $status: $!";
Process::until_true('the log says it again, as it was read in between',
	sub { times_unreadable() == 2 });
is(Alerts::story($primary, 'archiver_failing', 'primary'),
	'', 'nothing was said of what did not wait for long');

done_testing();
