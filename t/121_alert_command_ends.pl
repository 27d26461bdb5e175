# Copyright (c) 2026, the replwatch authors

# A command that does not end, or leaves children behind, holds up nothing but
# the commands after it, and that not for long: it is ended with all that it
# has started when its time is over, when the setting is emptied, and when the
# server stops, in whatever way.  Nothing is left of it: no process, no
# zombie, no descriptor.

use strict;
use warnings;

use lib 't/lib';
use Command;
use Module;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use POSIX ();
use Test::More;

my $primary = Command::primary(
	'primary',
	'restart_after_crash = on',
	"replwatch.alert_command_timeout = '10min'");
my $dir = $primary->{command_dir};
my ($offset, $runner, $descriptors, $pid, $child);
my $turn = 0;

# Notes its pid, and runs until a file is there.
my $hang =
  "echo \$\$ > $dir/pid\nwhile ! test -e $dir/go; do sleep 0.05; done";

# The same, with a child, and deaf to SIGTERM.
my $deaf =
  "trap '' TERM\nsleep 1000 & echo \$! > $dir/child\n$hang\nsleep 1000";

sub set_timeout
{
	my ($timeout) = @_;

	$primary->append_conf('postgresql.conf',
		"replwatch.alert_command_timeout = '$timeout'\n");
	$primary->reload;
	return;
}

sub alerts_fire
{
	my ($count) = @_;

	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = $count FROM replwatch_alerts() WHERE state = 'firing'",
		"$count alerts fire");
	return;
}

# How many descriptors a process has, but for the one it may be sleeping on.
sub descriptors
{
	my ($pid) = @_;

	return
	  scalar grep { (readlink($_) // '') !~ /eventpoll/ }
	  glob "/proc/$pid/fd/*";
}

# Wait until the runner has seen the end of all that it has run, and sleeps.
sub wait_idle
{
	Process::until_true(
		'the runner is idle',
		sub {
			!Process::children($runner)
			  && slurp_file("/proc/$runner/stat") =~ /\) S /;
		});
	return;
}

# Of what the runner has run, nothing is left: no process, dead or alive, else
# it would not be idle, and no descriptor.
sub nothing_left
{
	my ($what) = @_;

	wait_idle();
	is(descriptors($runner), $descriptors, "$what: nothing is left");
	return;
}

# Wait until these processes have gone, which they do not of their own accord.
# One that was killed may take its time.
sub all_go
{
	my ($what, @processes) = @_;

	Process::until_true(
		"$what: all go",
		sub {
			!grep { Process::runs($_) } @processes;
		});
	ok(1, "$what: nothing goes on");
	return;
}

Command::start($primary);
$runner = Command::runner($primary);
Command::expect($primary, 'first');
Command::calls_when($primary, 1);
Command::expect($primary);
Command::calls_when($primary, 2);
wait_idle();
$descriptors = descriptors($runner);

note '1. One that hangs';

Command::does($primary, $hang);
Command::forget_calls($primary);
Command::expect($primary, 'a');
$pid    = Command::line_in($primary, 'pid');
$offset = -s $primary->logfile;
Command::expect($primary, 'a', 'b');
$primary->wait_for_log(
	qr/replication alert raised: replica_missing .* on "b"/, $offset);
Replwatch::wait_sampled($primary) foreach 1 .. 5;
ok(Process::runs($pid), 'sampling and alerts go on meanwhile');
is(Command::calls($primary), 1, 'the next command waits');

append_to_file("$dir/go", '');
is((Command::calls_when($primary, 2))[1]->{subject},
	'b', 'then it is its turn');
Command::expect($primary);
Command::calls_when($primary, 4);
nothing_left('after it');
unlink "$dir/go";
unlink "$dir/pid";

note '2. When its time is over';

Command::does($primary, $deaf);
Command::expect($primary, 'a');
$pid    = Command::line_in($primary, 'pid');
$child  = Command::line_in($primary, 'child');
$offset = -s $primary->logfile;
set_timeout('1s');
$primary->wait_for_log(
	qr/WARNING:  alert command timed out after 1000 ms\n.*DETAIL:  The alert command for replica_missing \(raised\) on "a" was: /,
	$offset);
all_go('it is ended with its child, though it does not listen',
	$pid, $child);
nothing_left('by force');

# What ends a process is the first signal that does, however long the process
# takes to go.  Whoever is to tell which one it was has to leave the session.
set_timeout('10min');
append_to_file("$dir/background", <<'END');
use POSIX;
my $child = fork // die;
if (!$child)
{
	sleep 1000;
	exit;
}
POSIX::setsid();
write_line('child', $child);
waitpid $child, 0;
write_line('signal', $? & 127);

sub write_line
{
	my ($name, $line) = @_;

	open my $file, '>', "$ARGV[0]/$name.new" or die;
	print $file "$line\n";
	close $file;
	rename "$ARGV[0]/$name.new", "$ARGV[0]/$name";
}
END
Command::does($primary,
	"'$^X' $dir/background $dir &\necho \$\$ > $dir/pid");
$offset = -s $primary->logfile;
Command::expect($primary);
$pid   = Command::line_in($primary, 'pid');
$child = Command::line_in($primary, 'child');
Process::until_true('the shell has ended', sub { !Process::runs($pid) });
ok(Process::runs($child), 'what it put into the background belongs to it');
set_timeout('1s');
$primary->wait_for_log(qr/WARNING:  alert command timed out after 1000 ms/,
	$offset);
is(Command::line_in($primary, 'signal'),
	POSIX::SIGTERM, 'and is asked to end when the time is over');
nothing_left('in the background');

set_timeout('10min');
Command::does($primary,
	"(sleep 0.3; echo done > $dir/done) &\necho \$\$ > $dir/pid");
$offset = -s $primary->logfile;
Command::expect($primary, 'a');
is(Command::line_in($primary, 'done'),
	'done', 'what is done within the time is let do it');
wait_idle();
unlike(
	slurp_file($primary->logfile, $offset),
	qr/alert command/,
	'and not complained about');
nothing_left('done in the background');

SKIP:
{
	skip 'setsid is not there', 4
	  if system('command -v setsid >/dev/null') != 0;

	Command::does($primary,
		"setsid sh -c 'echo \$\$; while ! test -e $dir/go; do sleep 0.05; done; kill -KILL \$\$' > $dir/child &"
	);
	Command::forget_calls($primary);
	Command::expect($primary);
	$child = Command::line_in($primary, 'child');
	Command::does($primary, '');
	Command::expect($primary, 'a');
	is((Command::calls_when($primary, 2))[1]->{state},
		'raised', 'what has left its session holds up nobody');
	ok(Process::runs($child), 'and goes on');
	append_to_file("$dir/go", '');
	nothing_left('a process that had left');
	is(Command::runner($primary),
		$runner, 'all the time there was one runner');
	unlink "$dir/go";
}

note '3. More than can wait';

Command::expect($primary);
alerts_fire(0);
Command::does($primary, $hang);
Command::stop($primary);
Command::forget_calls($primary);
Command::start($primary);
$runner = Command::runner($primary);
$offset = -s $primary->logfile;
my @names = map { "q$_" } 1 .. 64;
Command::expect($primary, @names);
Command::calls_when($primary, 1);
alerts_fire(64);
Command::expect($primary);
alerts_fire(0);
Command::expect($primary, @names);
alerts_fire(64);

# One runs, 128 wait, 63 are too many.
append_to_file("$dir/go", '');
$primary->wait_for_log(qr/LOG:  alert command was not run for 63 changes\n/,
	$offset);
Command::calls_when($primary, 129);
like(
	slurp_file($primary->logfile, $offset),
	qr/WARNING:  alert command queue is full\n.*DETAIL:  128 changes are waiting already; further changes are dropped until there is room\.\n.*HINT:  Check how long "replwatch\.alert_command" takes to run\.\n/,
	'it is said that some are dropped, later how many');
my $log = slurp_file($primary->logfile, $offset);
is(() = $log =~ /WARNING:  alert command/g, 1, 'once each');
my @told = $log =~ /replication alert (\w+: \w+)(?: \(\w+\))? on/g;
is_deeply(
	[ map { "$_->{state}: $_->{alert}" } Command::calls($primary) ],
	[ @told[ 0 .. 128 ] ],
	'those that came first are run, in order');
Command::expect($primary);
is(scalar(Command::calls_when($primary, 193)),
	193, 'afterwards all are run again');

# The last one, which notes its call first, has yet to see the file.
wait_idle();
unlink "$dir/go";
unlink "$dir/pid";

note '4. Another command, and none';

Command::expect($primary, 'a');
$pid = Command::line_in($primary, 'pid');
Command::set_command($primary, "echo \$REPLWATCH_SUBJECT >> $dir/other");
Command::expect($primary, 'a', 'b');
alerts_fire(2);
ok(Process::runs($pid), 'the one that runs is not disturbed by another');
append_to_file("$dir/go", '');
is(Command::line_in($primary, 'other'), 'b', 'the next is the new one');
unlink "$dir/go";

Command::stop($primary);
Command::start($primary);
Command::expect($primary, 'a');
$pid = Command::line_in($primary, 'pid');
Command::expect($primary);
alerts_fire(0);
$offset = -s $primary->logfile;
Command::forget_calls($primary);
Command::stop($primary);
all_go('none', $pid);
like(
	slurp_file($primary->logfile, $offset),
	qr/LOG:  alert command was terminated because its runner is stopping\n.*DETAIL:  The alert command for replica_missing \(cleared\) on "b"/,
	'which is said');
Command::does($primary, '');

# The sampler has to notice, too, that there was no command.
Replwatch::wait_sampled($primary) for 1 .. 3;
Command::start($primary);
Command::expect($primary, 'c');
is((Command::calls_when($primary, 1))[0]->{subject},
	'c', 'and what waited is forgotten');

note '5. The runner is terminated';

Command::does($primary, $hang);
Command::forget_calls($primary);
Command::expect($primary);
$pid = Command::line_in($primary, 'pid');
Command::expect($primary, 'd');
alerts_fire(1);
$runner = Command::runner($primary);
kill 'TERM', $runner;
isnt(Command::line_in($primary, 'pid'),
	$pid, 'another comes, and goes on with what waited');
all_go('the runner and its command', $runner, $pid);
ok(defined Command::runner($primary), 'that is another runner');

note '6. The server stops';

# All processes that a command started, and the runner, while one hangs.
sub processes
{
	my $pid   = Command::line_in($primary, 'pid');
	my $child = Command::line_in($primary, 'child');

	# The runner before it may not have gone yet.
	my ($runner) = grep {
		grep { $_ == $pid } Process::children($_)
	} Process::child($primary, 'replwatch command runner');

	return ($runner, $pid, $child);
}

# One that hangs, from the start of the server on.
sub start_and_hang
{
	$primary->start;
	Process::until_true('the runner has come',
		sub { defined Command::runner($primary) });
	Command::expect($primary, 'x' . ++$turn);
	return processes();
}

my @processes;

Command::does($primary,
	"sleep 1000 & echo \$! > $dir/child\n$hang\nsleep 1000");
kill 'TERM', Command::runner($primary);
Command::expect($primary, 'w');
@processes = processes();
$primary->stop('fast');
all_go('fast', @processes);

# What the last server heard of the first is not told to the next.
Command::forget_calls($primary);
@processes = start_and_hang();
$primary->stop('smart');
all_go('smart', @processes);

Command::does($primary, $deaf);
@processes = start_and_hang();
$primary->stop('immediate');
all_go('immediate', @processes);

@processes = start_and_hang();
my $postmaster = $primary->{_pid};
my @servers    = Process::children($postmaster);
$primary->kill9;
all_go('kill -9 of the postmaster', @processes);
Process::until_true(
	'the other processes have gone',
	sub {
		!grep { kill 0, $_ } $postmaster, @servers;
	});

@processes = start_and_hang();

# The runner after it does not hang.
Command::does($primary, '');
Command::forget_calls($primary);
kill 'KILL', $processes[0];
Process::until_true('the shell has gone',
	sub { !Process::runs($processes[1]) });
ok(1, 'kill -9 of the runner: the shell goes with it');
kill 'KILL', $processes[2];
Process::until_true(
	'another runner has come',
	sub {
		(Command::runner($primary) // $processes[0]) != $processes[0];
	});
$primary->poll_query_until('postgres', 'SELECT true')
  or die 'the server has not come back';
Command::expect($primary, 'again');
Process::until_true(
	'the command runs for it',
	sub {
		grep { $_->{subject} eq 'again' } Command::calls($primary);
	});
ok(1, 'after the restart commands are run again');

note '7. No room for a runner';

my $has_prewarm = -e $primary->config_data('--pkglibdir') . '/pg_prewarm.so';

Command::stop($primary);
$primary->append_conf(
	'postgresql.conf',
	join "\n",
	'max_logical_replication_workers = 0',
	$has_prewarm
	? ( "shared_preload_libraries = 'pg_prewarm, replwatch'",
		'max_worker_processes = 2')
	: 'max_worker_processes = 1',
	'');
$primary->restart;
$offset = -s $primary->logfile;
Command::set_command($primary, Command::command($primary));
$primary->wait_for_log(
	qr/WARNING:  could not start the replwatch command runner: no free background worker slot\n.*DETAIL:  "replwatch\.alert_command" is not run until it can be started\.\n.*HINT:  Consider increasing "max_worker_processes"\.\n/,
	$offset);

# It is tried again each second.
my $begin = $primary->safe_psql('postgres', 'SELECT now()');
Replwatch::wait_until(
	$primary,
	"SELECT last_sample > '$begin'::timestamptz + interval '2 s' FROM replwatch_node()",
	'it has been tried again');
is( () =
	  slurp_file($primary->logfile, $offset) =~
	  /could not start the replwatch command runner/g,
	1,
	'it is said once');
is( $primary->safe_psql(
		'postgres', 'SELECT command_runner_state FROM replwatch_node()'),
	'no worker slot',
	'the server says what is the matter');

SKIP:
{
	skip 'pg_prewarm is not installed', 2 if !$has_prewarm;

	Command::forget_calls($primary);
	Command::expect($primary, 'kept');
	alerts_fire(1);
	my ($leader) = grep { Process::title($_) =~ /autoprewarm leader/ }
	  Process::children($primary->{_pid});
	kill 'TERM', $leader // die 'nobody has the slot';
	Process::until_true(
		'the command runs for it',
		sub {
			grep { $_->{subject} eq 'kept' } Command::calls($primary);
		});
	ok(1, 'when there is room, what has waited is run');
	is( $primary->safe_psql(
			'postgres', 'SELECT command_runner_state FROM replwatch_node()'),
		'running',
		'the server says that it runs');
}

note '8. The runner fails';

SKIP:
{
	skip 'there is no compiler here', 2 if !Module::can_build();

	Command::stop($primary);
	$primary->append_conf(
		'postgresql.conf',
		"shared_preload_libraries = 'replwatch, "
		  . Module::build('fail_reload')
		  . "'\nmax_worker_processes = 8\n");
	$primary->restart;
	Command::does($primary,
		"sleep 1000 & echo \$! > $dir/child\n$hang\nsleep 1000");
	Command::start($primary);
	Command::expect($primary, 'failing');
	@processes = processes();
	$offset = -s $primary->logfile;
	Replwatch::set($primary,
		"fail_reload.worker = 'replwatch command runner'");
	all_go('all that it has run', @processes);
	like(
		slurp_file($primary->logfile, $offset),
		qr/ERROR:  fail_reload\.worker is this worker/,
		'with an error');
}

done_testing();
