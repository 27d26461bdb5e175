# Copyright (c) 2026, the replwatch authors

# Files are saved when something moves, and once a minute even if nothing does:
# a replica becomes known by the mere passing of time, and if both servers
# lose power in that quiet the one that comes back still misses the other.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep stat);

# Wait until $file has been written after $since, $limit seconds at most.
# Returns whether it was.
sub is_written
{
	my ($file, $since, $limit) = @_;
	my $begin = time();

	while (time() < $begin + $limit)
	{
		return 1 if ((stat($file))[9] // 0) > $since;
		sleep(0.5);
	}
	return 0;
}

# A standby whose upstream server is gone is told of nothing: nothing moves.
my $primary = Replwatch::primary('primary');
my $standby = Replwatch::standby($primary, 'standby',
	conf => ["replwatch.known_after = '1d'"]);
my $cascade = Replwatch::standby($standby, 'cascade');
my $file = $standby->data_dir . '/pg_stat_tmp/replwatch.state';
my $since;

Replwatch::wait_replayed($primary, $cascade);
$primary->stop;

note '1. The connection of a replica is saved, which is not known yet';

$since = time();
ok(is_written($file, $since, 70), 'what has moved is saved');

note '2. It becomes known';

$standby->safe_psql('postgres', 'ALTER SYSTEM SET replwatch.known_after = 1');
$standby->reload;
Replwatch::wait_sampled($standby);

# The time of a file is the kernel's, and a little behind.
$since = time() + 0.1;
ok(is_written($file, $since, 70), 'a file is saved each minute anyway');

note '3. Both crash, and one comes back';

$standby->stop('immediate');
$cascade->stop('immediate');
$standby->start;
Replwatch::wait_sampled($standby);
is(Replwatch::status($standby, 'cascade')->{state},
	'missing', 'it misses the other');

done_testing();
