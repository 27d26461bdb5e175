# Copyright (c) 2026, the replwatch authors

# WAL of another extension's resource manager wakes sessions, too, whether the
# extension is preloaded before replwatch or after it, and still after the server
# has restarted its processes.  The record is the last one that is written, and
# sessions look for themselves only once a minute, which is longer than a
# statement may take here.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Module;
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'there is no compiler here' if !Module::can_build();

my $library = Module::build('custom_rmgr');
my %woken = (statement_timeout => '55s', track_counts => 'off');

# The last record of this server's WAL is the extension's: wait for its first
# byte on all standbys, then write it.
sub wakes
{
	my ($writer, $what, @standbys) = @_;
	my $lsn = $writer->value('SELECT pg_current_wal_insert_lsn() + 1');
	my %client;

	foreach my $standby (@standbys)
	{
		my $client = $client{ $standby->name } =
		  Session->new($standby, %woken);

		$client->ask("SELECT replwatch_wait_for_lsn('$lsn', '1 day')");
		Replwatch::wait_until(
			$standby,
			'SELECT count(*) = 1 FROM replwatch_waiters() WHERE pid = '
			  . $client->pid,
			'it waits');
	}
	my $end = $writer->value('SELECT custom_rmgr_write()');
	my $length = $writer->value("SELECT '$end'::pg_lsn - '$lsn'");
	is(verdict($client{$_}->answer), 't', "$_: woken by the record $what")
	  foreach sort keys %client;
	is($writer->value('SELECT pg_current_wal_insert_lsn()'),
		$end, 'nothing was written after it');
	cmp_ok($length, '<', 100, 'nor before it');
	return;
}

my $primary = Replwatch::primary(
	'primary',
	"shared_preload_libraries = 'replwatch, $library'",
	'checkpoint_timeout = 1h',
	'restart_after_crash = on',
	'replwatch.wait_recheck = 1min');
$primary->safe_psql('postgres',
	"CREATE FUNCTION custom_rmgr_write() RETURNS pg_lsn AS '$library' LANGUAGE C STRICT"
);
my $after  = Replwatch::standby($primary, 'after');
my $before = Replwatch::standby($primary, 'before',
	conf => ["shared_preload_libraries = '$library, replwatch'"]);
my $writer = Session->new($primary);
my $background_writer = Replwatch::stop_background_writer($primary);

# The first call reads the catalogs, which may write as well.
$writer->value('SELECT custom_rmgr_write()');
Replwatch::wait_replayed($primary, $_) foreach $before, $after;
wakes($writer, 'of another library', $before, $after);

# The postmaster sets up shared memory once more.
my $offset = -s $before->logfile;
my $victim = Session->new($before);
kill 'KILL', $victim->pid;
$before->wait_for_log(qr/all server processes terminated; reinitializing/,
	$offset);
Replwatch::wait_replayed($primary, $before);
wakes($writer, 'after a crash', $before);

kill 'CONT', $background_writer;

done_testing();
