# Copyright (c) 2026, the replwatch authors

# A standby that is fed by the archive only.  It has no connection to anybody
# who could tell it how much WAL there is, so nothing that it knows of is ever
# missing, and its lag can only be bounded: whatever was committed before the
# last commit that it has replayed is there.  Its row says that this is so, and
# never that it is current.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $primary = Replwatch::primary('primary');
$primary->enable_archiving;
$primary->restart;

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('archived');
$standby->init_from_backup($primary, 'backup', has_restoring => 1);
$standby->append_conf('postgresql.conf',
	"wal_retrieve_retry_interval = 100ms\n");
$standby->start;

# The row of the standby's own link.
sub row
{
	my @rows = Replwatch::statuses($standby, 'upstream');

	is(scalar @rows, 1, 'there is one row of the link upstream');
	return $rows[0];
}

# Commit something, have it archived and wait until the standby has it.
sub burst_and_archive
{
	my $burst = Replwatch::burst($primary);
	my $rows = Replwatch::value($primary, 'SELECT count(*) FROM burst');

	Replwatch::value($primary, 'SELECT pg_switch_wal()');
	Replwatch::wait_until($standby, "SELECT count(*) = $rows FROM burst",
		'the archive is replayed');
	return $burst;
}

note '1. a commit comes from the archive';

my $burst = burst_and_archive();
my $row = row();

is($row->{state}, 'archive', 'the state says where its WAL comes from');
is($row->{kind}, 'physical', 'the kind');
is($row->{reason_code}, 'from_archive', 'the reason says so too');
like($row->{reason}, qr/archive/, 'in words');
is($row->{lag_bound}, 'at most', 'the lag is a bound');
is($row->{lag_bytes}, 0, 'no WAL is known to be missing');
isnt($row->{lag}, 0, 'which does not mean that the standby is current');
is($row->{pid}, undef, 'there is no receiver');
is($row->{last_seen}, undef, 'nobody upstream was ever heard of');

my $name = $row->{name};
Replwatch::lag_is_true($standby, $name, $burst,
	'nothing more comes from the archive', 'upstream');

note '2. what is not archived can not be known of';

# The standby goes on being as stale as its last commit is old.
Replwatch::burst($primary);
$row = Replwatch::lag_is_true($standby, $name, $burst,
	'what comes is not archived yet', 'upstream');
is($row->{reason_code}, 'from_archive', 'the reason is still the same');

note '3. a later commit comes';

# The earlier one is old by now: its age would not do.
$burst = burst_and_archive();
my $begin = time();
$row = Replwatch::status($standby, $name, 'upstream');
Replwatch::is_between(
	$row->{lag},
	$begin - $burst->{end},
	time() - $burst->{start},
	'a later commit was archived: the lag is true');
is($row->{lag_bound}, 'at most', 'the lag is still a bound');

is( $standby->safe_psql(
		'postgres',
		'SELECT role, receiver_state, last_message FROM replwatch_node()'),
	'standby||',
	'replwatch_node() knows of no receiver');

done_testing();
