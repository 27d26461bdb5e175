# Copyright (c) 2026, the replwatch authors

# A directory that can't be written to costs what would have been saved there,
# and nothing else: a LOG entry at each attempt, of which there is one in ten
# seconds, and all goes on; when it can be written to again, it is.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use StateFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = Replwatch::primary('primary', "log_timezone = 'UTC'");
my $dir = $node->data_dir . '/pg_stat';
my $history = StateFile::history_path($node);
my $state = StateFile::path($node);
my $failure =
  qr/LOG:  could not create file "pg_stat\/replwatch\.history\.tmp": Permission denied/;
my ($offset, $begin, $saved, $start, $writer, @attempts);

# Whatever happens, the next run has to be able to clean up.
END { chmod 0700, $dir if defined $dir; }

note '1. While nothing can be saved';

Replwatch::wait_saved($node);
$saved = StateFile::saved_at($history);
$offset = -s $node->logfile;
chmod 0500, $dir or die "chmod: $!";
$begin = Replwatch::now($node);

# The first attempt is made at a reload, the second in its time: although nothing
# moves it is not a minute, because what was to be saved still is.
$writer = Replwatch::stop_background_writer($node);
$node->reload;
Process::until_true(
	'there are two attempts to save',
	sub {
		@attempts = Replwatch::logged_at($node, $failure, $offset);
		return @attempts >= 2;
	});
cmp_ok($attempts[1] - $attempts[0],
	'>', 5, 'an attempt every ten seconds, not at each sample');
cmp_ok($attempts[1] - $attempts[0],
	'<', 40, 'an attempt every ten seconds, not every minute');
kill('CONT', $writer);
Replwatch::burst($node, 1);
my @others = grep { /could not .*replwatch/ && !/$failure/ } split /\n/,
  slurp_file($node->logfile, $offset);
is_deeply(\@others, [], 'one LOG entry for each attempt, and nothing else');

is(StateFile::saved_at($history), $saved, 'the old file is kept');
cmp_ok(StateFile::saved_at($state),
	'>', $begin, 'the other file is still written');
Replwatch::wait_sampled($node);
is( Replwatch::value(
		$node,
		qq{SELECT worker_state = 'running' AND
			replwatch_lsn_time(pg_current_wal_flush_lsn()) > to_timestamp($begin)
		FROM replwatch_node()}),
	't',
	'the worker samples');

note '2. A restart in this state';

$start = Replwatch::value($node,
	'SELECT extract(epoch FROM history_start) FROM replwatch_node()');
$offset = -s $node->logfile;
$node->stop;
$node->start;
Replwatch::wait_sampled($node);
like(
	slurp_file($node->logfile, $offset),
	qr/received fast shutdown request.*$failure/s,
	'the last attempt is made at shutdown');
$begin = Replwatch::value($node,
	'SELECT extract(epoch FROM history_start) FROM replwatch_node()');
cmp_ok($begin, '<', $saved, 'the server starts with the old file');
Replwatch::is_between($begin, $start, $start, 'its history begins in that file');

note '3. When files can be saved again';

chmod 0700, $dir or die "chmod: $!";
$offset = -s $node->logfile;
Replwatch::wait_saved($node);
pass('the file is saved at the next attempt');
unlike(
	slurp_file($node->logfile, $offset),
	qr/could not .*replwatch/,
	'nothing more is logged');

done_testing();
