# Copyright (c) 2026, the replwatch authors

# A loss of power leaves the files of before or those of after: the new ones are
# on disk before they take the place of the old ones.  Nothing waits for that: on
# a filesystem that stands still, samples, keepalives, health checks and alerts go
# on.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Module;
use Port;
use Process;
use Replwatch;
use StateFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'there is no compiler here' if !Module::can_build();
$ENV{LD_PRELOAD} = Module::build('disk') . '.so';

# What is done to save both files, in this order.
my @saving = (
	'write pg_stat/replwatch.history.tmp',
	'fsync pg_stat/replwatch.history.tmp',
	'rename pg_stat/replwatch.history.tmp',
	'fsync pg_stat',
	'write pg_stat_tmp/replwatch.state.tmp',
	'fsync pg_stat_tmp/replwatch.state.tmp',
	'rename pg_stat_tmp/replwatch.state.tmp',
	'fsync pg_stat_tmp');

# What a server has done to its files since this was last asked, in order; of
# several writes to a file one.
sub calls
{
	my ($node) = @_;
	my $file = $node->data_dir . '/disk.calls';
	my @calls;

	foreach my $call (-e $file ? split(/\n/, slurp_file($file)) : ())
	{
		push @calls, $call if !@calls || $calls[-1] ne $call;
	}
	StateFile::write_bytes($file, '');
	return @calls;
}

# From now on nothing reaches the files of a server.  Returns the pids of the
# processes that wait for that, once one does.
sub hold
{
	my ($node) = @_;

	calls($node);
	StateFile::write_bytes($node->data_dir . '/disk.hold', '');
	$node->reload;
	return waiting($node, 1);
}

# The pids of the processes that wait, once there are so many.
sub waiting
{
	my ($node, $count) = @_;
	my @pids;

	Process::until_true(
		$node->name . ' waits for its disk',
		sub {
			@pids = slurp_file($node->data_dir . '/disk.calls') =~
			  /^(\d+) waits$/mg;
			return @pids >= $count;
		});
	return @pids;
}

sub release
{
	my (@nodes) = @_;

	unlink $_->data_dir . '/disk.hold' or die "unlink: $!" foreach @nodes;
	return;
}

my $primary = Replwatch::primary('primary', 'restart_after_crash = on');
my $standby = Replwatch::standby($primary, 'replica1', conf => [ Port::conf() ]);
my $history = StateFile::history_path($primary);
my ($begin, $saved, $start, $saver, $sampler, $offset, $last, @calls);

Replwatch::set($_, 'fsync = on') foreach $primary, $standby;

note '1. The order of what is done';

Replwatch::wait_saved($primary);
calls($primary);
$primary->reload;
Process::until_true(
	'both files are saved',
	sub {
		slurp_file($primary->data_dir . '/disk.calls') =~
		  /^\Q$saving[0]\E\n.*^\Q$saving[-1]\E\n/ms;
	});

# The save before that may have ended meanwhile.
@calls = calls($primary);
shift @calls while $calls[0] ne $saving[0];
is_deeply([ @calls[ 0 .. $#saving ] ],
	\@saving, 'each file is flushed before it is renamed, then its directory');

note '2. Filesystems stand still';

# That lasts longer than health checks take a sample for one of now.
$begin = Replwatch::now($primary);
hold($_) foreach $primary, $standby;
$saved = StateFile::saved_at($history);
Replwatch::set($primary, "replwatch.expected_replicas = 'nobody'",
	'replwatch.missing_timeout = 1s', 'replwatch.alert_hold = 0');
foreach my $node ($primary, $standby)
{
	Replwatch::wait_until($node,
		"SELECT last_sample > to_timestamp($begin) + interval '4 s' FROM replwatch_node()",
		$node->name . ' goes on sampling');
}
Replwatch::wait_until($standby,
	"SELECT last_message > to_timestamp($begin) + interval '4 s' FROM replwatch_node()",
	'keepalives go on');
is(Port::status(Port::of($standby), '/replica'),
	200, 'a health check of the standby succeeds');
Alerts::alert_when($primary, 'replica_missing', 'nobody', 'critical', 'an alert is raised');
is(StateFile::saved_at($history), $saved, 'the old file is there');

release($primary, $standby);
Replwatch::wait_file_saved($_, StateFile::history_path($_), $begin)
  foreach $primary, $standby;
pass('the files are saved when they can be');

note '3. The process that saves is killed';

($saver) = hold($primary);
$saved = StateFile::saved_at($history);
$offset = -s $primary->logfile;
kill 'KILL', $saver;
$primary->wait_for_log(
	qr/LOG:  could not save file "pg_stat.*\/replwatch\..*": child process was terminated by signal 9/,
	$offset);
is(StateFile::saved_at($history), $saved, 'the old file is there');

note '4. The sampler is killed, too';

$start = Replwatch::history_start($primary);
$sampler = Replwatch::worker_pid($primary);
$primary->reload;
$saver = (waiting($primary, 2))[1];
$offset = -s $primary->logfile;
kill 'KILL', $sampler;
Process::until_true('its child has gone, too', sub { !Process::runs($saver) });
is(StateFile::saved_at($history), $saved, 'the old file is there');
release($primary);
$primary->wait_for_log(qr/replwatch sampler started with an LSN history/,
	$offset);
Replwatch::wait_sampled($primary);
Replwatch::is_between(Replwatch::history_start($primary),
	$start, $start, 'the server goes on with it after a crash');

note '5. The server is stopped';

($saver) = hold($primary);
$offset = -s $primary->logfile;
system('pg_ctl', '-D', $primary->data_dir, '-m', 'fast', '-W', 'stop');
waiting($primary, 2);
ok(!Process::runs($saver), 'the process that saved has gone');
release($primary);
$primary->stop('fast', fail_ok => 1);
# Later the server flushes that directory for its own statistics.
@calls = grep { !/ waits$/ } calls($primary);
($last) = grep { $calls[$_] eq $saving[0] } reverse 0 .. $#calls;
is_deeply([ @calls[ $last .. $last + $#saving ] ],
	\@saving, 'the files are saved for the last time');
unlike(slurp_file($primary->logfile, $offset),
	qr/could not .*replwatch/, 'nothing has failed');

note '6. The postmaster is killed while the server is being stopped';

# A process that is stopped ends no sooner than one that waits for a disk.
$primary->start;
Replwatch::wait_sampled($primary);
($saver) = hold($primary);
Process::stop($saver);
$sampler = Replwatch::worker_pid($primary);
system('pg_ctl', '-D', $primary->data_dir, '-m', 'fast', '-W', 'stop');
Process::until_true('the checkpointer is left, and waits for the sampler',
	sub { !Process::child($primary, 'walwriter') });
ok(Process::runs($sampler), 'the sampler waits for its child');
my $postmaster = Process::postmaster($primary);
$primary->kill9;
Process::until_true('both have gone',
	sub { !grep { kill 0, $_ } $postmaster, $sampler });
ok(Process::runs($saver), 'its child has not');
release($primary);
$primary->start;
Replwatch::wait_sampled($primary);
pass('the server starts all the same');
kill 'CONT', $saver;
Process::until_true('its child has gone', sub { !Process::runs($saver) });

done_testing();
