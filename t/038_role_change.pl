# Copyright (c) 2026, the replwatch authors

# A server that is started in another role, or on another timeline, than it was
# stopped in.  The replicas that it knew were those of that role: it forgets
# them, and says so.  The LSN history stays.  A restart in the same role
# forgets nobody.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $forgotten =
  qr/LOG:  replicas known to this server in another role or on another timeline are forgotten/;

# Names, links and states of all rows, in order.
sub rows
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		"SELECT coalesce(string_agg(concat_ws(' ', name, link, state), ', '), '') FROM replwatch_status()"
	);
}

# How often does the log say that replicas are forgotten?
sub times_forgotten
{
	my ($node) = @_;
	my @matches = slurp_file($node->logfile) =~ m/$forgotten/g;

	return scalar @matches;
}

# When $node says that an LSN was reached, in seconds since the epoch.
sub lsn_time
{
	my ($node, $lsn) = @_;

	return $node->safe_psql('postgres',
		"SELECT extract(epoch FROM replwatch_lsn_time('$lsn'))");
}

my $first = Replwatch::primary(
	'first',
	'wal_keep_size = 64MB',
	'replwatch.known_after = 0');
my $second = Replwatch::standby($first, 'second');
my $gone = Replwatch::standby($first, 'gone');
my $third = Replwatch::standby($second, 'third');


note '1. the same role again';

Replwatch::wait_sampled($_) foreach $first, $second;    # all are known
$gone->stop;
Replwatch::burst($first);
my $lsn = $first->safe_psql('postgres', 'SELECT pg_current_wal_flush_lsn()');
Replwatch::wait_replayed($first, $_) foreach $second, $third;
Replwatch::wait_sampled($first);
Replwatch::wait_sampled($second);
my $first_time = lsn_time($first, $lsn);
my $second_time = lsn_time($second, $lsn);

$first->restart;
Replwatch::wait_until(
	$first,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'second'",
	'second is back');
is( rows($first),
	'gone downstream missing, second downstream streaming',
	'a primary that is restarted remembers its replicas');
is(times_forgotten($first), 0, 'and forgets nobody');


note '2. a switchover: the primary becomes a standby';

$first->stop;
Replwatch::wait_until(
	$second,
	"SELECT count(*) = 0 FROM pg_stat_wal_receiver",
	'second has received all that there is');
$second->promote;
$first->set_standby_mode;
Replwatch::connect_to($first, $second, 'first');
$first->start;
Replwatch::wait_until(
	$second,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'first'",
	'the old primary streams from the new one');
Replwatch::wait_replayed($second, $first);
Replwatch::wait_sampled($first);

is( rows($first),
	'first upstream streaming',
	'a primary that has become a standby has no replica');
is(times_forgotten($first), 1, 'it says so, once');
cmp_ok(abs(lsn_time($first, $lsn) - $first_time),
	'<', 0.1, 'its LSN history is the same as before');


note '3. the standby that has become a primary';

is( rows($second),
	'first downstream streaming, third downstream streaming',
	'it has its old replica and a new one');
is(times_forgotten($second),
	0, 'replicas that go on do not have to be forgotten');
cmp_ok(abs(lsn_time($second, $lsn) - $second_time),
	'<', 0.1, 'its LSN history is the same as before');


note '4. a standby that is started as a primary';

# It once had a replica of its own.
my $fourth = Replwatch::standby($third, 'fourth');
Replwatch::wait_sampled($third);    # it is known
$fourth->stop;
Replwatch::wait_until(
	$third,
	"SELECT state = 'missing' FROM replwatch_status() WHERE name = 'fourth'",
	'fourth is missed');
my $third_time = lsn_time($third, $lsn);
$third->restart;
Replwatch::wait_until(
	$third,
	"SELECT state = 'missing' FROM replwatch_status() WHERE name = 'fourth'",
	'a standby that is restarted remembers its replicas');
is(times_forgotten($third), 0, 'and forgets nobody');

$third->stop;
unlink $third->data_dir . '/standby.signal'
  or die "could not remove standby.signal: $!";
$third->start;
Replwatch::wait_until(
	$third,
	"SELECT role = 'primary' AND worker_state = 'running' FROM replwatch_node()",
	'third is a primary');
Replwatch::wait_sampled($third);
is(rows($third), '', 'a standby that is started as a primary has no replica');
is(times_forgotten($third), 1, 'it says so, once');
cmp_ok(abs(lsn_time($third, $lsn) - $third_time),
	'<', 0.1, 'its LSN history is the same as before');

done_testing();
