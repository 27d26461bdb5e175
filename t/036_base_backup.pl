# Copyright (c) 2026, the replwatch authors

# What a base backup carries along.  The LSN history is as true on the copy as
# it is on the server that it was taken of, and a standby that is made of it
# can say from its first second when an old LSN was written.  Who replicated
# from that server is none of the copy's business.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# When the backup began.
my $backup_at;

# How a server dates an LSN, and the LSNs a little before it: a list of seconds
# since the epoch, undef for NULL.
sub lsn_times
{
	my ($node, $lsn) = @_;

	return [
		map { $_->[0] } Replwatch::rows(
			$node,
			"SELECT extract(epoch FROM replwatch_lsn_time('$lsn'::pg_lsn - back)) FROM unnest(ARRAY[0, 1, 1000, 10000]) back"
		)
	];
}

# Does a copy date an LSN as the primary did, before the backup of it began?
sub dates_alike
{
	my ($expected, $times, $what) = @_;
	my $differ = 0;

	foreach my $i (0 .. 3)
	{
		$differ = 1
		  if !defined $expected->[$i]
		  || !defined $times->[$i]
		  || abs($expected->[$i] - $times->[$i]) > 1
		  || $times->[$i] > $backup_at;
	}
	ok(!$differ, $what) or diag(explain([ $expected, $times, $backup_at ]));
	return;
}

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	'replwatch.known_after = 0');
my $known = Replwatch::standby($primary, 'known', slot => 1);
my $gone = Replwatch::standby($primary, 'gone');


note '1. a primary with a past';

Replwatch::burst($primary);
my $first = Replwatch::flushed($primary);
Replwatch::wait_sampled($primary);
$gone->stop;
Replwatch::wait_until(
	$primary,
	'SELECT count(*) = 1 FROM pg_stat_replication',
	'one replica is connected');
sleep(2);    # so that the times can be told apart
Replwatch::burst($primary);
my $second = Replwatch::flushed($primary);
Replwatch::wait_sampled($primary);
Replwatch::wait_saved($primary);

my $names =
  "SELECT string_agg(name || ' ' || state, ', ' ORDER BY name) FROM replwatch_status()";
is( $primary->safe_psql('postgres', $names),
	'gone missing, known streaming',
	'the primary knows two replicas, one of which is gone');
my $first_times = lsn_times($primary, $first);
my $second_times = lsn_times($primary, $second);
my $start = Replwatch::value($primary,
	'SELECT extract(epoch FROM history_start) FROM replwatch_node()');
cmp_ok(
	$second_times->[0], '>',
	$first_times->[0] + 1,
	'its history dates the two writes differently');


note '2. a backup of it';

$backup_at = Replwatch::now($primary);
$primary->backup('copy');
my $dir = $primary->backup_dir . '/copy';
ok(-s "$dir/pg_stat/replwatch.history", 'the LSN history is in the backup');
ok(!-e "$dir/pg_stat_tmp/replwatch.state", 'the known replicas are not');


note '3. a standby made of it';

my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($primary, 'copy', has_streaming => 1);
Replwatch::connect_to($copy, $primary, 'copy');
$copy->start;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'copy'",
	'the copy streams');
Replwatch::row_when(
	$copy, 'copy', 'upstream',
	'the copy streams by itself',
	sub { $_[0]->{state} eq 'streaming' });
Replwatch::wait_sampled($copy);

dates_alike(
	$first_times,
	lsn_times($copy, $first),
	'it dates the first write as the primary does');
dates_alike(
	$second_times,
	lsn_times($copy, $second),
	'so it does the later write');
my $copy_start = Replwatch::value($copy,
	'SELECT extract(epoch FROM history_start) FROM replwatch_node()');
cmp_ok(abs($copy_start - $start),
	'<', 1, 'its history begins where that of the primary does');
is( $copy->safe_psql('postgres', $names),
	'copy streaming',
	'it has a row for its own link and no other');
is( $copy->safe_psql(
		'postgres',
		'SELECT count(*) FROM replwatch_history() WHERE name IN (\'known\', \'gone\')'
	),
	0,
	'it has no charts of replicas');


note '4. a server of its own made of it';

# Promoted at once; it never had an upstream server.
my $own = PostgreSQL::Test::Cluster->new('own');
$own->init_from_backup($primary, 'copy');
$own->append_conf('postgresql.conf', "restore_command = 'false'");
$own->set_recovery_mode;
$own->start;
Replwatch::wait_until(
	$own,
	'SELECT NOT pg_is_in_recovery()',
	'recovery has ended');
Replwatch::wait_sampled($own);

is($own->safe_psql('postgres', 'SELECT timeline FROM replwatch_node()'),
	2, 'it is on a timeline of its own');
dates_alike(
	$first_times,
	lsn_times($own, $first),
	'it dates WAL of both as the primary does');
dates_alike($second_times, lsn_times($own, $second), 'up to the last write');
is( $own->safe_psql(
		'postgres',
		"SELECT count(*) FROM replwatch_status() WHERE slot_name IS NULL"),
	0,
	'it knows no replica');

# pg_basebackup leaves slots out.
is($own->safe_psql('postgres', 'SELECT count(*) FROM replwatch_status()'),
	0, 'it has no slot');

done_testing();
