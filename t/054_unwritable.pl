# Copyright (c) 2026, the replwatch authors

# A directory that can't be written to costs what would have been saved there,
# and nothing else: a LOG entry at each attempt, of which there is one in ten
# seconds, and all goes on; when it can be written to again, it is.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep stat);

my $node = Replwatch::primary('primary', 'restart_after_crash = on');
my $dir = $node->data_dir . '/pg_stat';
my $state = $node->data_dir . '/pg_stat_tmp/replwatch.state';
my $failure =
  qr/LOG:  could not create file "pg_stat\/replwatch\.history\.tmp": Permission denied/;
my ($offset, $begin, $log, $start);

# Whatever happens, the next run has to be able to clean up.
END { chmod 0700, $dir if defined $dir; }

note '1. While nothing can be saved';

# Files are saved at shutdown.
$node->restart;
my $saved = (stat("$dir/replwatch.history"))[9];
$offset = -s $node->logfile;
chmod 0500, $dir or die "chmod: $!";
$begin = time();

# Two attempts are to be seen.
my @attempts;
while (@attempts < 2)
{
	die 'timed out waiting for attempts to save'
	  if time() > $begin + $PostgreSQL::Test::Utils::timeout_default;
	Replwatch::burst($node, 1);
	sleep(0.2);
	$log = slurp_file($node->logfile, $offset);
	push @attempts, time() if @attempts < (() = $log =~ /$failure/g);
}
cmp_ok($attempts[1] - $attempts[0],
	'>', 9, 'there is an attempt each ten seconds');
my @complaints = $log =~ /could not .*replwatch/g;
is(@complaints, 2, 'one LOG entry each, and no other complaint');

is((stat("$dir/replwatch.history"))[9], $saved, 'the old file stays');
cmp_ok((stat($state))[9], '>', $begin, 'the other file is written as before');
is( $node->safe_psql(
		'postgres',
		q{SELECT worker_state,
			replwatch_lsn_time(pg_current_wal_flush_lsn()) > clock_timestamp() - interval '10 s'
		FROM replwatch_node()}),
	'running|t',
	'the worker samples');

note '2. A restart in that state';

$start = $node->safe_psql('postgres',
	'SELECT extract(epoch FROM history_start) FROM replwatch_node()');
$offset = -s $node->logfile;
$node->stop;
$node->start;
Replwatch::wait_sampled($node);
like(slurp_file($node->logfile, $offset),
	$failure, 'the last attempt is made at shutdown');
is( $node->safe_psql(
		'postgres',
		"SELECT abs(extract(epoch FROM history_start) - $start) < 0.1 FROM replwatch_node()"
	),
	't',
	'the server starts with the file of before');

note '3. When it can be saved again';

chmod 0700, $dir or die "chmod: $!";
$begin = time();
$offset = -s $node->logfile;
Replwatch::wait_saved($node);
cmp_ok(time() - $begin, '<', 15, 'it is, at the next attempt');
unlike(
	slurp_file($node->logfile, $offset),
	qr/could not .*replwatch/,
	'and the log is silent');

done_testing();
