# Copyright (c) 2026, the replwatch authors
# matrix: every major

# alert_command is run for each change of an alert that is told of, in order,
# with the same words as in the log.  Whatever the name of a replica is made
# of, the command gets it whole, and nothing of it is executed.  The line that
# the shell reads is the setting's text as it is; one that still has
# placeholders is warned of when it is set.  When a command fails the log says
# so once; what it writes itself is in the log as well.

use strict;
use warnings;

use lib 't/lib';
use Command;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;

my $primary = Command::primary('primary');
my $dir     = $primary->{command_dir};
my $offset;
my @calls;

# What the log tells of since $offset, as 'state alert subject'.
sub told
{
	my ($offset) = @_;
	my $log = slurp_file($primary->logfile, $offset);
	my @told;

	push @told, "$1 $2 $3"
	  while $log =~
	  /replication alert (\w+): (\w+) (?:\(\w+\) )?on "(.*?)"(?: after [\d:]+)?\n/g;
	return @told;
}

# What the command was told of, likewise.
sub words
{
	return map { "$_->{state} $_->{alert} $_->{subject}" } @_;
}

sub nothing_fires
{
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 0 FROM replwatch_alerts() WHERE state <> 'cleared'",
		'nothing fires');
	return;
}

note '1. Only while it is set';

ok(!defined Command::runner($primary), 'there is no runner without it');
is( $primary->safe_psql(
		'postgres', 'SELECT command_runner_state FROM replwatch_node()'),
	'off',
	'which the server says');
Command::expect($primary, 'early');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM replwatch_alerts() WHERE state = 'firing'",
	'a replica is missing');
Command::start($primary);

note '2. What it is told';

$offset = -s $primary->logfile;
my $begin = $primary->safe_psql('postgres', 'SELECT now()');
Command::expect($primary);
@calls = Command::calls_when($primary, 1);
is_deeply(
	[ @{ $calls[0] }{qw(alert subject severity state)} ],
	[qw(replica_missing early critical cleared)],
	'the command runs first for a cleared alert');
is( $primary->safe_psql(
		'postgres',
		"SELECT '$calls[0]->{time}'::timestamptz BETWEEN '$begin' AND now()"),
	't',
	'it gets the time');

Command::forget_calls($primary);
Command::expect($primary, 'replica1');
@calls = Command::calls_when($primary, 1);
my ($detail) =
  slurp_file($primary->logfile, $offset) =~
  /raised: .*"replica1"\n.*DETAIL:  (.*)\n/;
is_deeply(
	[ @{ $calls[0] }{qw(alert subject severity state detail node)} ],
	[ qw(replica_missing replica1 critical raised), $detail, 'primary' ],
	'an alert is raised: all is as in the log');

note '3. Names';

# A command runs in the data directory; a path would be cut with its name.
my $ran = $primary->data_dir . '/ran';
my @names = (
	q{it's "one"},
	q{$(touch ran)},
	q{`touch ran`},
	q{'; touch ran; '},
	q{"; touch ran #},
	q{%s %d %% %},
	q{\\\\ \\' \\" $HOME ${HOME} *},
	q{two  blanks * ?},
	q{-n --help});

# The server shows names in printable ASCII, and so does replwatch.
my $umlauts = "\xc3\xa4" x 31;

Command::expect($primary);
Command::calls_when($primary, 2);
Command::forget_calls($primary);
Command::expect($primary, @names, $umlauts);
@calls = Command::calls_when($primary, @names + 1);
my @shown = split /\n/,
  $primary->safe_psql('postgres',
	"SELECT subject FROM replwatch_alerts() WHERE state = 'firing'");
is_deeply(
	[ sort map { $_->{subject} } @calls ],
	[ sort @shown ],
	'each comes through as it is shown');
my %given  = map  { $_ => 1 } @names;
my @others = grep { !$given{$_} } @shown;
is(@shown - @others, @names, 'which is as it was given');
like("@others", qr/^([?]{62}|(\\xc3\\xa4)+.*)$/, 'but for what is not ASCII');

# The same in other places of the line.
Command::expect($primary);
Command::calls_when($primary, 2 * (@names + 1));
Command::stop($primary);
Command::start(
	$primary,
	join "\n",
	'true $REPLWATCH_SUBJECT # $REPLWATCH_SUBJECT',
	'cat >/dev/null <<END',
	'$REPLWATCH_SUBJECT',
	'END',
	': $(true $REPLWATCH_SUBJECT) `true $REPLWATCH_SUBJECT`',
	'again="$(printf %s "$REPLWATCH_SUBJECT")"',
	qq{printf '%s|%s|%s\\n' "\$REPLWATCH_SUBJECT" "\$again" "%s %a %%" >> $dir/otherwise});
Command::expect($primary, @names);
Process::until_true(
	'all changes are passed on',
	sub {
		-e "$dir/otherwise"
		  && (() = slurp_file("$dir/otherwise") =~ /\n/g) == @names;
	});
is_deeply(
	[ sort split /\n/, slurp_file("$dir/otherwise") ],
	[ sort map { "$_|$_|%s %a %%" } @names ],
	'in other places of the line, too, and % is nothing special');
ok(!-e $ran, 'nothing of a name is executed');

note '4. One for each change, in order';

Command::stop($primary);
Command::expect($primary);
nothing_fires();
Command::forget_calls($primary);
Command::start($primary);
$offset = -s $primary->logfile;
my $count = 0;
foreach my $turn (1 .. 3)
{
	Command::expect($primary, map { "r$_" } $turn .. $turn + 9);
	$count += $turn == 1 ? 10 : 2;
	Command::calls_when($primary, $count);
}
is_deeply(
	[ words(Command::calls($primary)) ],
	[ told($offset) ],
	'the log and the command agree');

# Muted in the log only.
Command::forget_calls($primary);
$primary->safe_psql('postgres',
	'ALTER SYSTEM SET replwatch.log_alerts = off');
$offset = -s $primary->logfile;
Command::expect($primary, map { "r$_" } 3 .. 11);
@calls = Command::calls_when($primary, 1);
is_deeply(
	[ words(@calls) ],
	['cleared replica_missing r12'],
	'it gets what the log does not');
is_deeply([ told($offset) ], [], 'which is not');

# Muted in both.
$primary->safe_psql('postgres', 'ALTER SYSTEM RESET replwatch.log_alerts');
is( $primary->safe_psql(
		'postgres', "SELECT replwatch_silence('r3', '1 hour')"),
	't',
	'one is silenced');
Command::forget_calls($primary);
Command::expect($primary);
@calls = Command::calls_when($primary, 8);
nothing_fires();
Command::expect($primary, 'after');
@calls = Command::calls_when($primary, 9);
is_deeply(
	[ sort map { $_->{subject} } @calls ],
	[ sort 'after', map { "r$_" } 4 .. 11 ],
	'it does not run for that alert');

note '5. Failures';

Command::expect($primary);
Command::calls_when($primary, 10);
foreach my $case (
	[ 'exit 3', qr/failed with exit code 3/ ],
	[ 'exec /no/such/thing', qr/failed with exit code 127/ ],
	[
		'kill -USR1 $$', qr/was terminated by signal \d+: User defined signal 1/
	])
{
	my ($lines, $message) = @$case;
	my $command = Command::command($primary);
	my $entry =
	  qr/WARNING:  alert command $message\n.*DETAIL:  The alert command for replica_missing \(raised\) on "failing" was: \Q$command\E\n/;

	Command::does($primary,
		"test \"\$REPLWATCH_STATE\" = raised || exit 0\n$lines");
	$offset = -s $primary->logfile;
	Command::forget_calls($primary);
	Command::expect($primary, 'failing');
	$primary->wait_for_log($entry, $offset);

	# When the next has been called, this one has said all that it will.
	Command::expect($primary);
	Command::calls_when($primary, 2);
	is( () =
		  slurp_file($primary->logfile, $offset) =~
		  /WARNING:  alert command/g,
		1,
		"it is said once: $lines");
}

Command::does($primary, 'echo all is well; echo and it shows >&2');
$offset = -s $primary->logfile;
Command::forget_calls($primary);
Command::expect($primary, 'fine');
Command::calls_when($primary, 1);
Command::expect($primary);
Command::calls_when($primary, 2);
like(
	slurp_file($primary->logfile, $offset),
	qr/^all is well\nand it shows\n/m,
	'what it writes is in the log');
unlike(
	slurp_file($primary->logfile, $offset),
	qr/alert command/,
	'of success nothing is said');

note '6. Placeholders';

sub warning
{
	my ($placeholder) = @_;

	return
	  qr/WARNING:  "$placeholder" in "replwatch.alert_command" is not replaced/;
}

foreach my $case (
	[ '/usr/bin/page --host %s "%a is %t"', '%s' ],
	[ 'echo 100%%', '%%' ])
{
	my ($command, $placeholder) = @$case;
	my ($rc, $out, $err) = $primary->psql('postgres',
		"ALTER SYSTEM SET replwatch.alert_command = \$\$$command\$\$");

	like($err, warning($placeholder), "ALTER SYSTEM warns of $placeholder");
}
foreach my $command (
	'printf "%s\n" "$REPLWATCH_DETAIL" | mail -s "$REPLWATCH_ALERT" dba',
	'page $(date +%F) 100%')
{
	my ($rc, $out, $err) = $primary->psql('postgres',
		"ALTER SYSTEM SET replwatch.alert_command = \$\$$command\$\$");

	is($err, '', "and not of: $command");
}
$primary->safe_psql('postgres', 'ALTER SYSTEM RESET replwatch.alert_command');

# How often the log has the warning once a further reload is done, that changes
# something else.  A new session begins with the postmaster's settings.
my $reloads = 0;

sub warnings_after_reload
{
	my ($offset) = @_;

	$reloads++;
	$primary->append_conf('postgresql.conf',
		"replwatch.node_name = 'node$reloads'\n");
	$primary->reload;
	$primary->poll_query_until('postgres', 'SHOW replwatch.node_name',
		"node$reloads")
	  or die 'the settings have not been reloaded';
	my $warning = warning('%v');
	return
	  scalar(() = slurp_file($primary->logfile, $offset) =~ /$warning/g);
}

$offset = -s $primary->logfile;
Command::set_command($primary, 'true %v');
is(warnings_after_reload($offset),
	1, 'one in the file is logged once, by one process');
my ($rc, $out, $err) = $primary->psql('postgres',
	"SELECT count(*) FROM pg_file_settings WHERE name = 'replwatch.alert_command'"
);
is("$rc $err", '0 ', 'looking at the file warns of nothing');
is(warnings_after_reload($offset),
	1, 'and a reload that changes something else does not repeat it');
$offset = -s $primary->logfile;
$primary->restart;
is(warnings_after_reload($offset), 1, 'a start does, once');

note '7. The name of a server that was promoted';

$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('known_by_this')");
my $standby = Replwatch::standby(
	$primary, 'standby',
	start => 0,
	conf  => [
		"primary_slot_name = 'known_by_this'",
		"replwatch.node_name = ''",
		"replwatch.expected_replicas = ''"
	]);
$standby->start;
Replwatch::wait_until(
	$standby,
	"SELECT count(*) = 1 FROM replwatch_status() WHERE link = 'upstream' AND state = 'streaming'",
	'it streams');
Replwatch::wait_sampled($standby) foreach 1 .. 2;
$standby->promote;
$standby->{command_dir} = PostgreSQL::Test::Utils::tempdir;
Command::does($standby, '');
Command::set_command($standby, Command::command($standby));
Command::expect($standby, 'nobody');
is((Command::calls_when($standby, 1))[0]->{node},
	'known_by_this', 'is the one by which it was known upstream');

done_testing();
