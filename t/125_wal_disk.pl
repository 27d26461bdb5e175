# Copyright (c) 2026, the replwatch authors

# pg_wal and its volume: WAL that a slot or the archiver holds, and that will
# fill it up; a volume that has little free.  Each is raised and cleared.  Quiet
# is WAL that checkpoints remove, and a part of a large volume.  Also pg_wal as
# a symbolic link, on a standby, and a file system that does not answer.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

# No volume has four times this free, and none has all of it free.
my $huge = '1000TB';

# Whatever the volume and the rate, it is full before the longest limit.
my $longest = '2147483647ms';

# Of small segments four are more than is allowed.
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, extra => ['--wal-segsize=1']);
$primary->append_conf(
	'postgresql.conf', qq(
shared_preload_libraries = 'replwatch'
autovacuum = off
min_wal_size = 2MB
max_wal_size = 2MB
wal_keep_size = 1MB
archive_mode = on
archive_command = 'exit 0'
replwatch.alert_hold = '200ms'
replwatch.slot_inactive_timeout = 0
replwatch.archiver_failing_timeout = 0
replwatch.wal_disk_free = 0
replwatch.wal_disk_time_left = '$longest'
));
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION replwatch');

# Fill segments, and have a checkpoint remove what nobody needs.
sub write_segments
{
	my ($count) = @_;

	$primary->safe_psql('postgres',
		"SELECT pg_logical_emit_message(true, 'test', repeat('x', 1000000)); CHECKPOINT;"
	) for 1 .. $count;
	return;
}

# Write until the alert fires: there is no forecast before the server has been
# observed for some time.
sub write_until_raised
{
	my ($what) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $row;

	do
	{
		write_segments(1);
		sleep(0.1);
		$row = Alerts::alert($primary, 'wal_disk', 'primary');
		die "timed out waiting until $what" if time() > $limit;
	} until ($row && $row->{state} eq 'firing');
	return $row;
}

# The last entry of the log about it, which says this.
sub entry_is
{
	my ($node, $row, $detail, $hint, $what) = @_;
	my $event;

	Alerts::story_is($node, 'wal_disk', $node->name,
		qr/(raised|escalated|eased) \w+$/, "$what: it is logged");
	$event = (Alerts::log_events($node, 'wal_disk'))[-1];
	like($row->{detail}, $detail, "$what: the detail in SQL");
	like($event->{detail}, $detail, "$what: the detail in the log");
	like($event->{hint}, $hint, "$what: the hint");
	return;
}

sub cleared
{
	my ($node, $what) = @_;

	Alerts::alert_when($node, 'wal_disk', $node->name, 'cleared', $what);
	Alerts::story_is($node, 'wal_disk', $node->name, qr/, cleared$/,
		"$what: cleared, in the log");
	return;
}

my $will_fill =
  qr/^At the rate at which it grows, pg_wal will fill its volume in [\d:]+\. Of the volume's \d+ \wB, \d+ \wB \(\d+%\) are free\. /;
my $allowed = qr/"max_wal_size" and "wal_keep_size" allow 3072 kB\.$/;


note '1. free space, on a standby whose pg_wal is a symbolic link';

# The primary is observed meanwhile, for the forecasts.
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
my $link = $standby->data_dir . '/pg_wal';
my $target = $standby->basedir . '/wal';
rename($link, $target) or die "could not rename $link: $!";
symlink($target, $link) or die "could not make $link: $!";
$standby->append_conf(
	'postgresql.conf', qq(
primary_conninfo = ''
replwatch.node_name = 'standby'
max_wal_size = '$huge'
replwatch.wal_disk_free = 100
replwatch.wal_disk_time_left = 0
));
$standby->start;
my $row = Alerts::alert_when($standby, 'wal_disk', 'standby', 'firing',
	'less is free than four times max_wal_size');
entry_is(
	$standby,
	$row,
	qr/^Of the volume's \d+ \wB, \d+ \wB \(\d+%\) are free, less than \d+ \wB\. "max_wal_size" and "wal_keep_size" allow \d+ TB\.$/,
	qr/^Enlarge the volume, remove what else is on it, or decrease "max_wal_size" or "wal_keep_size"\. /,
	'little is free');
like($row->{value}, qr/^\d+ \wB$/, 'the value is what is free');


note '2. the file system does not answer';

my $warning =
  qr/WARNING:  could not determine the free space of directory "pg_wal": /;

sub warnings
{
	return scalar(() = slurp_file($standby->logfile) =~ /$warning/g);
}

# No WAL is written on a standby, and this one has nothing to replay.
rename($target, "$target.away") or die "could not rename $target: $!";
$standby->wait_for_log($warning);

# With this it would clear at the next look.
Replwatch::set($standby, 'max_wal_size = 2MB');
my $since = Replwatch::value($standby, 'SELECT clock_timestamp()');
Replwatch::wait_until(
	$standby,
	"SELECT clock_timestamp() > '$since'::timestamptz + interval '6 s'",
	'there was another look');
Alerts::wait_held($standby);
is(Alerts::alert($standby, 'wal_disk', 'standby')->{state},
	'firing', 'what is not known is not fine');
is(warnings(), 1, 'it is logged once');
rename("$target.away", $target) or die "could not rename $target: $!";
# All of a large volume is not needed.
cleared($standby, 'it answers again');
is(warnings(), 1, 'that is all');
Alerts::agree($standby, 'the log and SQL of the standby say the same');


note '3. WAL that nobody holds';

write_segments(20);
Alerts::wait_held($primary);
is(Alerts::story($primary, 'wal_disk', 'primary'),
	'', 'WAL that checkpoints remove is not held');


note '4. a slot';

$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('held', true)");
$row = write_until_raised('a slot holds WAL');
entry_is(
	$primary,
	$row,
	qr/${will_fill}Slot "held" holds \d+ [kM]B of WAL\. (\d+ (bytes|[kM]B) are not archived\. )?$allowed/,
	qr/^Bring the consumer of the slot back, set "max_slot_wal_keep_size", or run pg_drop_replication_slot\('held'\)\. /,
	'a slot holds WAL');
like($row->{value}, qr/^\d+:\d\d:\d\d$/, 'the value is the time left');
$primary->safe_psql('postgres', "SELECT pg_drop_replication_slot('held')");
$primary->safe_psql('postgres', 'CHECKPOINT');
cleared($primary, 'the slot is dropped');


note '5. the archiver';

Replwatch::set($primary, "archive_command = 'exit 1'");
$row = write_until_raised('the archiver holds WAL');
entry_is(
	$primary, $row,
	qr/${will_fill}\d+ [kM]B are not archived\. $allowed/,
	qr/^Look at pg_stat_archiver and the server log for why WAL is not archived\. /,
	'the archiver holds WAL');
Replwatch::set($primary, "archive_command = 'exit 0'");

# A segment more tells the archiver that there is something to do.
write_segments(1);
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 0 FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'",
	'all is archived');
$primary->safe_psql('postgres', 'CHECKPOINT');
cleared($primary, 'it is archived');
Alerts::agree($primary, 'the log and SQL say the same');

done_testing();
