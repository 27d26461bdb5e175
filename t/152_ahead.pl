# Copyright (c) 2026, the replwatch authors
# matrix: every major

# A standby that has WAL of its upstream server's own timeline that this one does
# not have: a primary that was brought back from an older copy of its files, whose
# standby goes on to be critical also after the LSNs have met; and a standby that
# was pointed at another one which is behind for a while, where nothing is wrong.
#
# The primary comes back once in the segment where the standby is, so that it
# streams; and once segments before, where it refuses.
#
# With REPLWATCH_SOAK the standby is watched for a minute each.

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

my $seconds = $ENV{REPLWATCH_SOAK} ? 60 : 2;

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 256MB',
	'max_connections = 30',
	'wal_retrieve_retry_interval = 200ms',
	'wal_receiver_status_interval = 1s',
	'replwatch.known_after = 0',
	'replwatch.alert_hold = 500ms');
$primary->safe_psql('postgres', 'CREATE TABLE new (i int)');

# What a wait for a token says: t, f, or the SQLSTATE.
sub token_says
{
	my ($client, $token) = @_;
	my $answer =
	  $client->query("SELECT replwatch_wait_for_token('$token', '200 ms')");

	return $answer->{state} // $answer->{rows}[0][0];
}

# Make a standby that the primary knows as "ahead".
sub make_standby
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$primary->backup("backup_$name");
	$node->init_from_backup($primary, "backup_$name", has_streaming => 1);
	Replwatch::connect_to($node, $primary, 'ahead');
	$node->append_conf('postgresql.conf', join("\n", Port::conf()) . "\n");
	$node->start;
	return $node;
}

# Wait until the primary has a standby that streams.
sub wait_streaming
{
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn IS NOT NULL",
		'the standby streams');
	return;
}

# Write a row on the primary, and return the commit's token.
sub write_new
{
	my ($i) = @_;
	my $client = Session->new($primary);

	$client->value("INSERT INTO new VALUES ($i)");
	return $client->value('SELECT replwatch_commit_token()');
}

# Have the standby replay WAL that reaches so many segments further, and take the
# primary back to before it was written.  Returns how far the standby has got.
sub take_back
{
	my ($ahead, $segments) = @_;
	my $data = $primary->data_dir;
	my $copy = $primary->basedir . '/copy';

	# There is room in this segment.
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	Parted::write_row(Session->new($primary));
	Replwatch::wait_replayed($primary, $ahead);
	Alerts::wait_known($primary);
	$primary->stop;
	PostgreSQL::Test::Utils::system_or_bail('cp', '-a', $data, $copy);
	$primary->start;
	wait_streaming();
	Replwatch::burst($primary, 5000);
	foreach (1 .. $segments)
	{
		$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
		Replwatch::burst($primary);
	}
	Replwatch::wait_replayed($primary, $ahead);
	$primary->stop('immediate');
	PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', $data);
	PostgreSQL::Test::Utils::system_or_bail('mv', $copy, $data);
	return Replwatch::value($ahead, 'SELECT pg_last_wal_replay_lsn()');
}

my $ahead = make_standby('ahead1');
my $row = 0;

foreach my $case (
	{
		what => 'in the same segment',
		segments => 0,
		refused => 0
	},
	{
		what => 'segments ahead',
		segments => 2,
		refused => 1
	})
{
	note "1. the primary comes back from an older copy, $case->{what}";

	wait_streaming();
	my $kept = write_new(++$row);
	my $at = take_back($ahead, $case->{segments});
	my $port = Port::of($ahead);
	my $before = Alerts::story($primary, 'replica_diverged', 'ahead');
	my %link = (
		upstream => $primary,
		standby => $ahead,
		name => 'ahead',
		code => 'ahead',
		before => { primary => $before && "$before, " });
	my ($primary_log, $ahead_log) =
	  map { -s $_->logfile } $primary, $ahead;

	$primary->start;
	my $early = write_new(++$row);
	my $early_row = $row;
	if ($case->{refused})
	{
		$ahead->wait_for_log(
			qr/requested starting point .* is ahead of the WAL flush position of this server/,
			$ahead_log);
	}
	else
	{
		$primary->wait_for_log(qr/START_REPLICATION .*TIMELINE 1/,
			$primary_log);
		wait_streaming();
	}
	cmp_ok(
		Parted::lsn(Replwatch::flushed($primary)) + 100000,
		'<', Parted::lsn($at), 'the primary is far behind its standby');
	is(Replwatch::value($primary, 'SELECT timeline FROM replwatch_node()'),
		1, 'on the same timeline');


	note "2. what both servers say, $case->{what}";

	Parted::is_seen(%link);
	Parted::stays(
		%link,
		seconds => $seconds,
		what => "$case->{what}, its LSN being the greater one");
	Parted::is_no_replica($port, $early, $case->{what});
	my $reader = Session->new($ahead);
	is($reader->value("SELECT count(*) FROM new WHERE i = $early_row"),
		0, 'the standby has no row of the new commit');
	is(token_says($reader, $early), 'f', 'nor does it claim to have it');


	note "3. the primary has written more than the standby has, $case->{what}";

	# Once it receives what follows its own WAL there, it can't read that, and
	# connects no more.
	Parted::write_segments_beyond($primary, $at);
	my $late = write_new(++$row);
	Parted::stays(
		%link,
		code => 'ahead|broken_wal',
		seconds => $seconds,
		what => "$case->{what}, its LSN being the lesser one");
	Parted::is_no_replica($port, $late, "$case->{what}, later");
	foreach my $commit ([ $early, $early_row ], [ $late, $row ])
	{
		my ($token, $i) = @$commit;

		is($reader->value("SELECT count(*) FROM new WHERE i = $i"),
			0, "it has no row $i");
		is(token_says($reader, $token), 'f', 'nor does it claim to have it');
	}


	note "4. the standby is rebuilt, $case->{what}";

	$ahead->stop;
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 0 FROM pg_stat_replication",
		'nobody is connected');
	is(Replwatch::value($primary, "SELECT replwatch_forget('ahead')"),
		't', 'the old one is forgotten');
	ok(!Parted::fires($primary, 'replica_diverged', 'ahead'),
		'nothing fires for it');
	$ahead = make_standby("rebuilt$case->{segments}");
	Parted::is_well(
		%link,
		standby => $ahead,
		port => Port::of($ahead));
	is(token_says(Session->new($ahead), $_), 't', 'it has the commit')
	  foreach $kept, $early, $late;
}


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
Replwatch::wait_replayed($primary, $_) foreach $cascade, $ahead;
$relay->cut;
Replwatch::burst($primary, 1000);
Replwatch::wait_replayed($primary, $ahead);

# The sampler knows of the new upstream before the connection to the old one ends.
my $startup = Replwatch::process($ahead, 'startup');
Replwatch::stop_quietly($ahead, $startup,
	"SELECT 1 FROM pg_stat_activity WHERE pid = $startup AND wait_event = 'RecoveryWalStream'"
);
Replwatch::connect_to($ahead, $cascade, 'ahead');
$ahead->reload;
Replwatch::wait_sampled($ahead);
kill('CONT', $startup);
Replwatch::wait_until(
	$cascade,
	"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'ahead' AND state = 'streaming' AND replay_lsn > pg_last_wal_replay_lsn()",
	'it streams from the cascade, being ahead of it');
Parted::comes(
	'the cascade shows that it is ahead',
	sub {
		Parted::row_that($cascade, 'ahead', 'downstream', 'it is ahead',
			sub { ($_[0]->{reason_code} // '') eq 'ahead' });
	});
Parted::comes(
	'the standby shows it, too',
	sub {
		Parted::row_that($ahead, 'ahead', 'upstream', 'it is ahead',
			sub { ($_[0]->{reason_code} // '') eq 'ahead' });
	});
Alerts::wait_held($_) foreach $cascade, $ahead;
is(Alerts::story($_, 'replica_diverged', 'ahead'),
	'', 'no alert is raised on ' . $_->name) foreach $cascade, $ahead;

$relay->mend;
Parted::is_well(
	upstream => $cascade,
	standby => $ahead,
	name => 'ahead',
	primary => $primary,
	port => Port::of($ahead));
is(Alerts::story($_, 'replica_diverged', 'ahead'),
	'', 'none has been raised meanwhile on ' . $_->name)
  foreach $cascade, $ahead;

done_testing();
