# Copyright (c) 2026, the replwatch authors

# One cause, one page, with limits in the order of the defaults: a lag is over
# its limit before the cause of it has lasted long enough to be told.  Replay
# that is paused is told of as just that, on both servers, and a line that
# passes nothing on as a silent replica, then a missing one, on the primary,
# and as an upstream server that is down on the standby; the lag is true in SQL
# all the time, and is not told of in between or while it goes away.  A replica
# that comes back on another line before the old one is given up is well.

use strict;
use warnings;

use lib 't/lib';
use Relay;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @limits = (
	'replwatch.alert_hold = 1s',
	'replwatch.lag_warning = 3s',
	'replwatch.silent_timeout = 5s',
	'replwatch.stall_timeout = 8s',
	'replwatch.upstream_timeout = 8s',
	'replwatch.missing_timeout = 8s',

	# Half of it and five seconds is what silent_timeout is at least.
	'wal_sender_timeout = 20s',
	'wal_receiver_timeout = 20s');

my $primary = Replwatch::primary('primary', @limits, 'max_wal_size = 4GB');
my $line = Relay->new($primary);
my %standby;
foreach my $name (qw(paused cut))
{
	$standby{$name} = Replwatch::standby($primary, $name, start => 0);
	$standby{$name}->append_conf('postgresql.conf',
		"primary_conninfo = '" . $line->connstr . " application_name=cut'\n")
	  if $name eq 'cut';
	$standby{$name}->start;
}
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 2 FROM replwatch_status() WHERE health = 'ok' AND state = 'streaming'",
	'both stream');

# Until both are known, and the standbys have settled.
foreach my $node ($primary, values %standby)
{
	Replwatch::wait_until($node,
		"SELECT count(*) > 0 FROM replwatch_history(since => '1 day') WHERE state = 'streaming'",
		'a chart has begun');
}
Replwatch::wait_until(
	$primary,
	"SELECT clock_timestamp() > max(backend_start) + interval '3 s' FROM replwatch_status()",
	'all have streamed for known_after');

# What $node has told of alerts for $name, as a list of "raised replica_lag".
sub story
{
	my ($node, $name) = @_;
	my @story;

	foreach my $line (split /\n/, slurp_file($node->logfile))
	{
		push @story, "$1 $2"
		  if $line =~
		  /replication alert ([\w ]+): (\w+) (?:\(\w+\) )?on "$name"/;
	}
	return join ', ', @story;
}

# Wait until an alert fires for $name on $node by SQL, while something is
# written all the time.
sub until_firing
{
	my ($node, $alert, $name) = @_;

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		Replwatch::burst($primary, 1000);
		return
		  if $node->safe_psql(
			'postgres', "SELECT count(*) FROM replwatch_alerts()
			WHERE alert = '$alert' AND subject = '$name' AND state = 'firing'"
		  ) eq '1';
		select(undef, undef, undef, 0.1);
	}
	die "timed out waiting until $alert fires";
}

sub until_quiet
{
	my ($node, $name) = @_;

	Replwatch::wait_until(
		$node,
		"SELECT NOT EXISTS (SELECT FROM replwatch_alerts() WHERE subject = '$name' AND state = 'firing')",
		"nothing fires for $name");
}

note '1. replay is paused';

Replwatch::pause_replay($primary, $standby{paused});
until_firing($primary, 'replica_lag', 'paused');
is(story($primary, 'paused'), '', 'primary: a lag with a cause is not told of');
until_firing($standby{paused}, 'self_lag', 'paused');
is(story($standby{paused}, 'paused'),
	'', 'standby: nor is its own');
like(
	$primary->safe_psql(
		'postgres',
		"SELECT detail FROM replwatch_alerts() WHERE alert = 'replica_lag' AND subject = 'paused'"
	),
	qr/It is not told of while replica_stalled may be about to fire\.$/,
	'SQL says why');
until_firing($primary, 'replica_stalled', 'paused');
until_firing($standby{paused}, 'replay_paused', 'paused');

# A backlog that takes a while.
Replwatch::burst($primary, 500_000) foreach 1 .. 4;
$standby{paused}->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
until_quiet($primary, 'paused');
until_quiet($standby{paused}, 'paused');
is( story($primary, 'paused'),
	'raised replica_stalled, cleared replica_stalled',
	'primary: one page, and one all-clear');
is( story($standby{paused}, 'paused'),
	'raised replay_paused, cleared replay_paused',
	'standby: one page, and one all-clear');

note '2. a line passes nothing on';

is(story($primary, 'cut'), '', 'nothing was told before');
$line->cut;
until_firing($primary, 'replica_lag', 'cut');
until_firing($primary, 'replica_silent', 'cut');
is(story($primary, 'cut'), 'raised replica_silent',
	'primary: it is silent, and not told to lag');
until_firing($standby{cut}, 'upstream_down', 'cut');
is(story($standby{cut}, 'cut'), 'raised upstream_down',
	'standby: its upstream server is down, also while the connection is open'
);
until_firing($primary, 'replica_missing', 'cut');
is( story($primary, 'cut'),
	'raised replica_silent, raised replica_missing',
	'primary: no all-clear when the connection is given up');

$line->mend;
until_quiet($primary, 'cut');
until_quiet($standby{cut}, 'cut');
is( story($primary, 'cut'),
	'raised replica_silent, raised replica_missing, cleared replica_missing, cleared replica_silent',
	'primary: all is over');
is( story($standby{cut}, 'cut'),
	'raised upstream_down, cleared upstream_down',
	'standby: all is over');

note '3. it comes back before its old connection is given up';

$primary->append_conf('postgresql.conf', 'wal_sender_timeout = 0');
$primary->reload;
my $story = story($primary, 'cut');
my $old = Replwatch::status($primary, 'cut')->{pid};
$line->cut;
$standby{cut}->stop('immediate');
Replwatch::connect_to($standby{cut}, $primary, 'cut');
$standby{cut}->start;
Replwatch::wait_until(
	$primary, qq{
	SELECT count(*) = 2 FROM replwatch_status()
	WHERE name = 'cut' AND state = 'streaming'},
	'both connections are there');

# For longer than anything needs to be raised.
for (1 .. 15)
{
	Replwatch::burst($primary);
	Replwatch::wait_sampled($primary);
	select(undef, undef, undef, 1);
}
is( $primary->safe_psql(
		'postgres',
		"SELECT alert FROM replwatch_alerts() WHERE subject = 'cut' AND state = 'firing'"
	),
	'',
	'the connection that is dead does not count');
is(story($primary, 'cut'), $story, 'nothing is told');
is( $primary->safe_psql(
		'postgres', "SELECT count(*) FROM pg_stat_replication WHERE pid = $old"),
	'1',
	'it was there all the time');

done_testing();
