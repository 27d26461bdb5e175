# Copyright (c) 2026, the replwatch authors
# matrix: every major

# A standby that has replayed WAL beyond the point at which its new upstream server
# was promoted.  Its LSN is greater than any there, and later on just any LSN, and
# it has nothing of what is written since: no figure of either server may show it
# as a replica that is well, until it has been rewound.
#
#	primary --+-- promoted	cut off by a relay, then promoted at the fork
#			  |	  +-- diverged	pointed at it, being past the fork
#			  +-- diverged	before
#
# Once with the fork in the segment where the standby is, so that the server first
# starts to stream; and once with the fork segments before, where it refuses.
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
use File::Copy qw(copy);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{REPLWATCH_SOAK} ? 60 : 3;
my $segment_size = 16 * 1024 * 1024;

# Until the timelines have parted: promoted, diverged, the fork, and the tokens of
# commits that both have, and that the new primary lost.
sub part
{
	my ($case) = @_;
	my ($suffix, $name) = ($case->{suffix}, "diverged$case->{suffix}");
	my $primary = Replwatch::primary(
		"primary$suffix",
		'wal_keep_size = 256MB',
		'max_connections = 30',
		'wal_retrieve_retry_interval = 200ms',
		'replwatch.known_after = 0',
		'replwatch.alert_hold = 500ms');
	my $relay = Relay->new($primary);
	my $promoted = Replwatch::standby($primary, "promoted$suffix",
		start => 0,
		conf => $case->{conf} // []);
	my $diverged = Replwatch::standby(
		$primary, $name,
		conf => [ Port::conf() ]);
	$promoted->append_conf('postgresql.conf',
		"primary_conninfo = '"
		  . $relay->connstr
		  . " application_name=promoted$suffix'\n");
	$promoted->start;
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 2 FROM replwatch_status() WHERE state = 'streaming'",
		'both stream');

	# There is room in this segment.
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	my $client = Session->new($primary);
	my $kept = Parted::write_row($client);
	Replwatch::wait_replayed($primary, $_) foreach $promoted, $diverged;
	$relay->cut;
	Replwatch::burst($primary, 3000);
	$client->value(
		"INSERT INTO burst VALUES ('y'); SELECT pg_switch_wal()")
	  for 1 .. $case->{segments};
	my $lost = Parted::write_row($client);
	Replwatch::wait_replayed($primary, $diverged);
	$primary->stop('immediate');
	$promoted->promote;
	$promoted->safe_psql('postgres', 'CHECKPOINT');

	my ($fork) =
	  slurp_file($promoted->data_dir . '/pg_wal/00000002.history') =~
	  m{^1\t([0-9A-F]+/[0-9A-F]+)\t}
	  or die 'no fork';
	my $at =
	  Replwatch::value($diverged, 'SELECT pg_last_wal_replay_lsn()');
	cmp_ok(Parted::lsn($at), '>', Parted::lsn($fork) + 100000,
		'the standby is far past the fork');
	is( int(Parted::lsn($at) / $segment_size) -
		  int(Parted::lsn($fork) / $segment_size),
		$case->{segments},
		"which is $case->{segments} segments before");
	return ($promoted, $diverged, $fork, $at, $kept, $lost);
}

# Check what tokens say on the diverged standby: t, f, or the SQLSTATE.
sub token_says
{
	my ($client, $token, $expected, $what) = @_;
	my $answer =
	  $client->query("SELECT replwatch_wait_for_token('$token', '200 ms')");

	return like($answer->{state} // $answer->{rows}[0][0],
		qr/^(?:$expected)$/, $what);
}

foreach my $case (
	{
		what => 'a fork in the same segment',
		suffix => 1,
		segments => 0,
		conf => ["replwatch.expected_replicas = 'diverged1'"]
	},
	{
		what => 'a fork segments before, with a slot',
		suffix => 2,
		segments => 3,
		slot => 1
	})
{
	my $name = "diverged$case->{suffix}";

	note "1. $case->{what}";

	my ($promoted, $diverged, $fork, $at, $kept, $lost) = part($case);
	my $port = Port::of($diverged);
	my %link = (
		upstream => $promoted,
		standby => $diverged,
		name => $name,
		code => 'diverged');
	my $writer = Session->new($promoted);
	my $reader = Session->new($diverged);
	my $early = Parted::write_row($writer);

	my $offset = -s $diverged->logfile;
	Replwatch::connect_to($diverged, $promoted, $name);
	if ($case->{slot})
	{
		$promoted->safe_psql('postgres',
			"SELECT pg_create_physical_replication_slot('$name', true)");
		$diverged->append_conf('postgresql.conf',
			"primary_slot_name = '$name'\n");
	}
	$diverged->reload;
	$diverged->wait_for_log(
		qr/new timeline 2 forked off current database system timeline 1 before current recovery point/,
		$offset);
	$promoted->wait_for_log(qr/START_REPLICATION .*TIMELINE 1/);
	my $written = Replwatch::flushed($promoted);
	cmp_ok(Parted::lsn($written), '<', Parted::lsn($at),
		'the new primary has not got as far yet');


	note '2. what both servers say';

	my $row = Parted::is_seen(%link);
	Parted::has_lsn($row->{reason}, $fork, 'the reason names the fork');
	like($row->{reason} // '', qr/pg_rewind/, 'and what to do');
	Parted::stays(
		%link,
		seconds => $seconds,
		what => "$case->{what}, its LSN being the greater one");
	Parted::is_no_replica($port, $early, $case->{what});
	token_says($reader, $early, 'f',
		'it has not got a commit whose LSN it has passed');
	token_says($reader, $kept, 't', 'it has what both have');
	token_says($reader, $lost, 'f|RW001',
		'it confirms no commit beyond the fork');


	note '3. the new primary has written more than the standby has';

	Parted::write_segments_beyond($promoted, $at);
	my $late = Parted::write_row($writer);
	Parted::stays(
		%link,
		seconds => $seconds * 3 / 5,
		what => "$case->{what}, its LSN being the lesser one");
	Parted::is_no_replica($port, $late, "$case->{what}, later");
	token_says($reader, $early, 'f', 'it still has not got the early commit');
	token_says($reader, $late, 'f', 'nor a later one');


	note '4. the standby is rewound';

	$diverged->stop;
	my $conf = $diverged->data_dir . '/postgresql.conf';
	my $kept_conf = $diverged->basedir . '/postgresql.conf.kept';
	copy($conf, $kept_conf) or die "could not copy $conf: $!";
	command_ok(
		[
			'pg_rewind', '--no-sync',
			'--source-server', $promoted->connstr('postgres'),
			'--target-pgdata', $diverged->data_dir
		],
		'it is rewound to the new primary');
	copy($kept_conf, $conf) or die "could not copy $kept_conf: $!";
	$diverged->set_standby_mode;
	$diverged->start;
	Parted::is_well(%link, port => $port);
	token_says(Session->new($diverged), $_, 't', 'it has the commit')
	  foreach $kept, $early, $late;
	token_says(Session->new($diverged), $lost, 'RW001',
		'what is lost is lost');
	Alerts::story_is(
		$promoted, 'replica_diverged', $name,
		'raised critical, cleared',
		'the log has it all');
	$diverged->stop;
	$promoted->stop;
}

done_testing();
