# Copyright (c) 2026, the replwatch authors
# matrix: every major

# alert_command is run for each change of an alert that is told of, in order,
# with the same words as in the log.  Whatever the name of a replica is made
# of, the command gets it whole, and nothing of it is executed.  When a command
# fails the log says so once, and with what it said itself.

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
	[ @{ $calls[0] }{@Command::values} ],
	[ qw(replica_missing replica1 critical raised), $detail ],
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
	'true %s # %s',
	'cat >/dev/null <<END',
	'%s',
	'END',
	': $(true %s) `true %s` "$(true %s)" ${nothing:-%s}',
	qq{printf "%%s\\n" %s"|%s" >> $dir/otherwise});
Command::expect($primary, @names);
Process::until_true(
	'all changes are passed on',
	sub {
		-e "$dir/otherwise"
		  && (() = slurp_file("$dir/otherwise") =~ /\n/g) == @names;
	});
is_deeply(
	[ sort split /\n/, slurp_file("$dir/otherwise") ],
	[ sort map { "$_|$_" } @names ],
	'in other places of the line, too');
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
	[ 'exit 3', qr/failed with exit code 3/, undef ],
	[
		'exec /no/such/thing',
		qr/failed with exit code 127/,
		qr{.*/no/such/thing: not found}
	],
	[
		'kill -USR1 $$',
		qr/was terminated by signal \d+: User defined signal 1/, undef
	],
	[
		'echo out; echo err >&2; exit 1',
		qr/failed with exit code 1/,
		qr/out\n\terr/
	],
	[
		q{printf 'a\\033[1mb\\r\\n\\n'; exit 1},
		qr/failed with exit code 1/,
		qr/a\?\[1mb/
	],
	[
		q{head -c 1048576 /dev/zero | tr '\\0' x; exit 9},
		qr/failed with exit code 9/,
		qr/x{1000}\.\.\./
	])
{
	my ($lines, $message, $output) = @$case;
	my $command = Command::command($primary);
	my $entry =
	  qr/WARNING:  alert command $message\n.*DETAIL:  The alert command for replica_missing \(raised\) on "failing" was: \Q$command\E\n/;

	$entry = qr/$entry\tIts output was: $output\n/ if $output;
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

Command::does($primary, 'echo all is well');
$offset = -s $primary->logfile;
Command::forget_calls($primary);
Command::expect($primary, 'fine');
Command::calls_when($primary, 1);
Command::expect($primary);
Command::calls_when($primary, 2);
unlike(
	slurp_file($primary->logfile, $offset),
	qr/alert command|all is well/,
	'of success nothing is said');

note '6. What can not be a command';

foreach my $case (
	[ 'page %',  'String ends unexpectedly after escape character "%".' ],
	[ 'page %p', 'String contains unexpected placeholder "%p".' ],
	[
		"page '%s'",
		'Placeholder "%s" must not be within single quotes, where the shell expands nothing.'
	])
{
	my ($command, $why) = @$case;
	my ($rc, $out, $err) = $primary->psql('postgres',
		"ALTER SYSTEM SET replwatch.alert_command = \$\$$command\$\$");

	like(
		$err,
		qr/ERROR:  invalid value for parameter "replwatch.alert_command": "\Q$command\E"\nDETAIL:  \Q$why\E/,
		"ALTER SYSTEM refuses: $command");
}

$offset = -s $primary->logfile;
Command::set_command($primary, 'page %p');
$primary->wait_for_log(
	qr/LOG:  invalid value for parameter "replwatch.alert_command": "page %p"\n.*DETAIL:  String contains unexpected placeholder "%p"\./,
	$offset);
is( $primary->safe_psql('postgres', 'SHOW replwatch.alert_command'),
	Command::command($primary),
	'in the file it is refused, and the old one stays');

$primary->stop;
$offset = -s $primary->logfile;
$primary->start;
Replwatch::wait_sampled($primary);
like(
	slurp_file($primary->logfile, $offset),
	qr/WARNING:  invalid value for parameter "replwatch.alert_command": "page %p"/,
	'it is no reason not to start');
is($primary->safe_psql('postgres', 'SHOW replwatch.alert_command'),
	'', 'and there is no command then');

done_testing();
