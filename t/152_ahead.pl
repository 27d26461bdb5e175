# Copyright (c) 2026, the replwatch authors
# matrix: every major

# A standby that has WAL of its upstream server's own timeline that this one does
# not have: a primary that was brought back from an older copy of its files, whose
# standby goes on to be critical also after the LSNs have met; and a standby that
# was pointed at another one which is behind for a while, where nothing is wrong.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Parted;
use Port;
use Relay;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{REPLWATCH_SOAK} ? 60 : 3;

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 256MB',
	'max_connections = 30',
	'wal_retrieve_retry_interval = 200ms',
	'wal_receiver_status_interval = 1s',
	'replwatch.known_after = 0',
	'replwatch.alert_hold = 500ms');
my $ahead = Replwatch::standby($primary, 'ahead', conf => [ Port::conf() ]);
my $port = Port::of($ahead);
my %link = (
	upstream => $primary,
	standby => $ahead,
	name => 'ahead',
	code => 'ahead');

# What a wait for a token on the standby says: t, f, or the SQLSTATE.
sub token_says
{
	my ($client, $token) = @_;
	my $answer =
	  $client->query("SELECT replwatch_wait_for_token('$token', '200 ms')");

	return $answer->{state} // $answer->{rows}[0][0];
}


note '1. the primary comes back from an older copy of its files';

$primary->safe_psql('postgres',
	'CREATE TABLE new (i int); SELECT pg_switch_wal()');
my $kept = Parted::write_row(Session->new($primary));
Replwatch::wait_replayed($primary, $ahead);
Alerts::wait_known($primary);
$primary->stop;
my $data = $primary->data_dir;
my $copy = $primary->basedir . '/copy';
PostgreSQL::Test::Utils::system_or_bail('cp', '-a', $data, $copy);
$primary->start;
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'",
	'the standby streams again');
my $lost = Parted::write_row(Session->new($primary));
Replwatch::burst($primary, 5000);
Replwatch::wait_replayed($primary, $ahead);
$primary->stop('immediate');
PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', $data);
PostgreSQL::Test::Utils::system_or_bail('mv', $copy, $data);

my $at = Replwatch::value($ahead, 'SELECT pg_last_wal_replay_lsn()');
$primary->start;
my $writer = Session->new($primary);
$writer->query('INSERT INTO new VALUES (1)');
my $early = $writer->value('SELECT replwatch_commit_token()');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'ahead'",
	'the standby connects');
cmp_ok(
	Parted::lsn(Replwatch::flushed($primary)) + 100000,
	'<', Parted::lsn($at), 'the primary is far behind its standby');
is(Replwatch::value($primary, 'SELECT timeline FROM replwatch_node()'),
	1, 'on the same timeline');


note '2. what both servers say';

my $row = Parted::is_seen(%link, upstream_alert => 1, standby_alert => 1);
Parted::stays(
	%link,
	seconds => $seconds,
	what => 'a primary that is behind');
Parted::is_no_replica($port, $early, 'ahead of the primary');
my $reader = Session->new($ahead);
is($reader->value('SELECT count(*) FROM new'),
	0, 'the standby has no row of the new commit');
is(token_says($reader, $early), 'f', 'nor does it claim to have it');
is(token_says($reader, $kept), 't', 'it has what both have');


note '3. the primary has written more than the standby has';

Parted::write_segments_beyond($primary, $at);
$writer->query('INSERT INTO new VALUES (2)');
my $late = $writer->value('SELECT replwatch_commit_token()');
Parted::stays(
	%link,
	seconds => $seconds,
	what => 'a primary whose LSN has met it');
Parted::is_no_replica($port, $late, 'after the LSNs have met');

# It may have lost its way, and not run any more.
foreach my $case ([ $early, 1 ], [ $late, 2 ])
{
	my ($token, $i) = @$case;
	my $rows =
	  $reader->value("SELECT count(*) FROM new WHERE i = $i");

	is(token_says($reader, $token), 'f', "it does not claim to have row $i");
	is($rows, 0, 'which it does not have');
}


note '4. the standby is rebuilt';

$ahead->stop;
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 0 FROM pg_stat_replication",
	'nobody is connected');
is(Replwatch::value($primary, "SELECT replwatch_forget('ahead')"),
	't', 'the old one is forgotten');
ok(!Parted::fires($primary, 'replica_diverged', 'ahead'),
	'nothing fires for it');
my $rebuilt = PostgreSQL::Test::Cluster->new('rebuilt');
$primary->backup('backup_rebuilt');
$rebuilt->init_from_backup($primary, 'backup_rebuilt', has_streaming => 1);
Replwatch::connect_to($rebuilt, $primary, 'ahead');
$rebuilt->append_conf('postgresql.conf', join("\n", Port::conf()) . "\n");
$rebuilt->start;
Parted::is_well(
	upstream => $primary,
	standby => $rebuilt,
	name => 'ahead',
	port => Port::of($rebuilt));
$reader = Session->new($rebuilt);
is(token_says($reader, $_), 't', 'it has the commit')
  foreach $kept, $early, $late;


note '5. a standby that is pointed at one which is behind for a while';

# The cascade is cut off from the primary, and the other one is not.
my $relay = Relay->new($primary);
my $cascade = Replwatch::standby($primary, 'cascade', start => 0);
$cascade->append_conf('postgresql.conf',
	"primary_conninfo = '" . $relay->connstr . " application_name=cascade'\n");
$cascade->start;
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'cascade' AND state = 'streaming'",
	'the cascade streams');
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
Replwatch::wait_replayed($primary, $_) foreach $cascade, $rebuilt;
$relay->cut;
Replwatch::burst($primary, 1000);
Replwatch::wait_replayed($primary, $rebuilt);
Replwatch::connect_to($rebuilt, $cascade, 'ahead');
$rebuilt->reload;
Replwatch::wait_until(
	$cascade,
	"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'ahead' AND replay_lsn > pg_last_wal_replay_lsn()",
	'it streams from the cascade, being ahead of it');
Parted::comes(
	'the cascade shows that it is ahead',
	sub {
		Replwatch::row_when($cascade, 'ahead', 'downstream', 'it is ahead',
			sub { ($_[0]->{reason_code} // '') eq 'ahead' });
	});
Alerts::wait_held($cascade);
is(Alerts::story($cascade, 'replica_diverged', 'ahead'),
	'', 'no alert is raised');

$relay->mend;
Parted::is_well(
	upstream => $cascade,
	standby => $rebuilt,
	name => 'ahead',
	primary => $primary,
	port => Port::of($rebuilt));
is(Alerts::story($cascade, 'replica_diverged', 'ahead'),
	'', 'none has been raised meanwhile');

done_testing();
