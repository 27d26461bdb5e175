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
use Alerts;
use Relay;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;

# How long a cause may last is set when it is to be told: until then all of it
# may take as long as it likes.
my $never = '1h';

# Limits other than for the replicas that this is about are off.
my %overrides = (
	paused => "lag_warning=0, stall_timeout=$never",
	cut =>
	  "lag_warning=0, silent_timeout=$never, missing_timeout=$never, stall_timeout=0"
);

my $primary = Replwatch::primary(
	'primary',
	"replwatch.alert_hold = '500ms'",
	'replwatch.lag_warning = 0',
	'replwatch.missing_timeout = 0',
	'replwatch.stall_timeout = 0',
	'replwatch.silent_timeout = 0',
	Alerts::overrides(%overrides));
my $line = Relay->new($primary);
my %standby;
foreach my $name (qw(paused cut))
{
	$standby{$name} = Replwatch::standby(
		$primary, $name,
		start => 0,
		conf => [
			"replwatch.stall_timeout = '$never'",
			"replwatch.upstream_timeout = '$never'",
			"replwatch.replica_overrides = ''",

			# A link that is not tended counts as down after half of this and five
			# seconds.
			"wal_receiver_timeout = '60s'",
			"wal_retrieve_retry_interval = '200ms'"
		]);
	connect_by($name, $name eq 'cut' ? $line : $primary);
	$standby{$name}->start;
}

# Have a standby connect to the primary itself or by the line, and its walsender
# never give it up.
sub connect_by
{
	my ($name, $by) = @_;
	my $conninfo =
	  $by->connstr . " application_name=$name options='-c wal_sender_timeout=1h'";

	$conninfo =~ s/'/''/g;
	$standby{$name}
	  ->append_conf('postgresql.conf', "primary_conninfo = '$conninfo'\n");
	return;
}

# What $node has told of alerts for $name, as a list of "raised replica_lag".
# If it takes long here, one may get worse.
sub story
{
	my ($node, $name) = @_;

	Alerts::wait_judged($node);
	return join ', ', map { "$_->{change} $_->{alert}" }
	  grep { $_->{subject} eq $name && $_->{change} ne 'escalated' }
	  Alerts::log_events($node);
}

sub detail_when
{
	my ($node, $alert, $name, $pattern) = @_;

	return Process::until_true("$alert is $pattern",
		sub { (Alerts::alert($node, $alert, $name) // { detail => '' })->{detail} =~ $pattern });
}

sub fires
{
	my ($node, $alert, $name) = @_;

	Alerts::alert_when($node, $alert, $name, 'firing', "$alert fires");
	return;
}

sub until_quiet
{
	my ($node, $name) = @_;

	Replwatch::wait_until(
		$node,
		"SELECT NOT EXISTS (SELECT FROM replwatch_alerts() WHERE subject = '$name' AND state = 'firing')",
		"nothing fires for $name");
	return;
}

Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 2 FROM replwatch_status() WHERE health = 'ok' AND state = 'streaming'",
	'both stream');
Alerts::wait_known($primary);

# Until the standbys have settled, and know how often they hear from the primary
# when nothing is written: if not, it takes longer until silence means anything.
Replwatch::wait_until(
	$primary,
	"SELECT clock_timestamp() > max(backend_start) + interval '6 s' FROM replwatch_status()",
	'all have streamed for some time');


note '1. replay is paused, and a line passes nothing on';

Replwatch::pause_replay($primary, $standby{paused});
$line->cut;

# Half of wal_sender_timeout and five seconds is what silent_timeout is at least.
# For the walsenders that there are it is another one.
s/lag_warning=0/lag_warning=2s/ foreach values %overrides;
Replwatch::set($primary, Alerts::overrides(%overrides), 'wal_sender_timeout = 2s');
Replwatch::set($_, "replwatch.lag_warning = '2s'") foreach values %standby;

# From now on something is written all the time.
my $writer = Session->new($primary);
$writer->ask(
	q{DO $$ BEGIN LOOP INSERT INTO burst VALUES ('x'); COMMIT; PERFORM pg_sleep(0.05); END LOOP; END $$}
);

fires($primary, 'replica_lag', 'paused');
fires($standby{paused}, 'self_lag', 'paused');
fires($primary, 'replica_lag', 'cut');
foreach my $case (
	[ $primary, 'replica_lag', 'paused', 'replica_stalled' ],
	[ $standby{paused}, 'self_lag', 'paused', 'replay_paused' ],
	[ $primary, 'replica_lag', 'cut', 'replica_silent' ])
{
	my ($node, $alert, $name, $cause) = @$case;

	detail_when($node, $alert, $name,
		qr/Not reported because $cause may be about to fire\.$/);
	is(story($node, $name),
		'', $node->name . ", $name: a lag with a cause is not told of");
}
is(story($standby{cut}, 'cut'), '', 'cut: nor is anything else');


note '2. the causes are told';

$overrides{paused} =~ s/stall_timeout=\w+/stall_timeout=5s/;
$overrides{cut} =~ s/silent_timeout=\w+/silent_timeout=1s/;
Replwatch::set($primary, Alerts::overrides(%overrides));
Replwatch::set($standby{paused}, "replwatch.stall_timeout = '5s'");
Replwatch::set($standby{cut}, "replwatch.upstream_timeout = '2s'");
fires($primary, 'replica_stalled', 'paused');
fires($standby{paused}, 'replay_paused', 'paused');
fires($primary, 'replica_silent', 'cut');
fires($standby{cut}, 'upstream_down', 'cut');
is(story($primary, 'paused'),
	'raised replica_stalled', 'primary: the paused replay is logged');
is(story($standby{paused}, 'paused'),
	'raised replay_paused', 'standby: just that');
is(story($primary, 'cut'), 'raised replica_silent',
	'primary: the silence is logged, not the lag');
is(story($standby{cut}, 'cut'), 'raised upstream_down',
	'standby: its upstream server is down, also while the connection is open'
);
is( Replwatch::value(
		$standby{cut}, 'SELECT status FROM pg_stat_wal_receiver'),
	'streaming',
	'which it is');
detail_when($primary, 'replica_lag', 'paused',
	qr/Not reported while replica_stalled is firing\.$/);
detail_when($standby{paused}, 'self_lag', 'paused',
	qr/Not reported while replay_paused is firing\.$/);
detail_when($primary, 'replica_lag', 'cut',
	qr/Not reported while replica_silent is firing\.$/);


note '3. the connection is given up';

undef $line;
Replwatch::wait_until(
	$primary,
	"SELECT NOT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = 'cut')",
	'there is no connection any more');
$overrides{cut} =~ s/missing_timeout=\w+/missing_timeout=1s/;
Replwatch::set($primary, Alerts::overrides(%overrides));
fires($primary, 'replica_missing', 'cut');
is( story($primary, 'cut'),
	'raised replica_silent, raised replica_missing',
	'primary: no all-clear when the connection is given up');


note '4. there is another line';

# What is wrong now goes on, but nothing more is to begin while a server is
# slow to come back.  A lag has as long to go away as its cause has lasted.
$overrides{cut} =~ s/(silent|missing)_timeout=\w+/$1_timeout=$never/g;
$overrides{paused} =~ s/stall_timeout=\w+/stall_timeout=$never/;
Replwatch::set($primary, Alerts::overrides(%overrides));
Replwatch::set($standby{cut}, "replwatch.upstream_timeout = '$never'");
$line = Relay->new($primary);
connect_by('cut', $line);
foreach my $case ([ $primary, 'replica_silent' ],
	[ $standby{cut}, 'upstream_down' ])
{
	my ($node, $alert) = @$case;

	Replwatch::wait_until(
		$node,
		"SELECT raised_at < clock_timestamp() - interval '6 s' FROM replwatch_alerts() WHERE alert = '$alert' AND state = 'firing'",
		"$alert has fired for long");
}
$standby{cut}->reload;
until_quiet($primary, 'cut');
until_quiet($standby{cut}, 'cut');
my @story = split /, /, story($primary, 'cut');
is_deeply(
	[ @story[ 0, 1 ], sort @story[ 2 .. $#story ] ],
	[
		'raised replica_silent',
		'raised replica_missing',
		'cleared replica_missing',
		'cleared replica_silent'
	],
	'primary: all is over');
is( story($standby{cut}, 'cut'),
	'raised upstream_down, cleared upstream_down',
	'standby: all is over');


note '5. replay goes on';

# Its lag outlives the cause.  On the standby that is because replay is no
# longer paused, but has no processor either.
my $startup = Replwatch::process($standby{paused}, 'startup');
Replwatch::set($standby{paused}, "recovery_min_apply_delay = '4s'");
Process::stop($startup);
Replwatch::value($standby{paused}, 'SELECT pg_wal_replay_resume()');
Alerts::alert_when($standby{paused}, 'replay_paused', 'paused', 'cleared',
	'replay is not paused any more');
detail_when($standby{paused}, 'self_lag', 'paused',
	qr/Not reported because replay_paused has just cleared\.$/);

# Then, on the primary, that it goes on with some delay, of which a standby
# knows itself.
kill 'CONT', $startup or die "could not continue process $startup";
Alerts::alert_when($primary, 'replica_stalled', 'paused', 'cleared',
	'replay goes on');
detail_when($primary, 'replica_lag', 'paused',
	qr/Not reported because replica_stalled has just cleared\.$/);
Replwatch::set($standby{paused}, 'recovery_min_apply_delay = 0');
until_quiet($primary, 'paused');
until_quiet($standby{paused}, 'paused');
is( story($primary, 'paused'),
	'raised replica_stalled, cleared replica_stalled',
	'primary: one page, and one all-clear');
is( story($standby{paused}, 'paused'),
	'raised replay_paused, cleared replay_paused',
	'standby: one page, and one all-clear');


note '6. it comes back before its old connection is given up';

# Limits come once the new one is there.
%overrides = (
	cut => join ', ',
	map { "$_=$never" }
	  qw(lag_warning silent_timeout missing_timeout stall_timeout));
Replwatch::set($primary, Alerts::overrides(%overrides), 'wal_sender_timeout = 0');
my $story = story($primary, 'cut');
my $old = Replwatch::status($primary, 'cut')->{pid};
$line->cut;
$standby{cut}->stop('immediate');
connect_by('cut', $primary);
$standby{cut}->start;
Replwatch::wait_until(
	$primary, qq{
	SELECT count(*) = 2 FROM replwatch_status()
	WHERE name = 'cut' AND state = 'streaming'},
	'both connections are there');
Replwatch::wait_replayed($primary, $standby{cut});
$overrides{cut} =~ s/=$never/=5s/g;
Replwatch::set($primary, Alerts::overrides(%overrides));
Replwatch::wait_until(
	$primary,
	"SELECT reply_time < clock_timestamp() - interval '8 s' FROM pg_stat_replication WHERE pid = $old",
	'the old one has said nothing for longer than any limit');
Alerts::wait_held($primary);
is(story($primary, 'cut'), $story, 'nothing is logged');
is( $primary->safe_psql(
		'postgres',
		"SELECT alert FROM replwatch_alerts() WHERE subject = 'cut' AND state = 'firing'"
	),
	'',
	'the connection that is dead does not count');
is( $primary->safe_psql(
		'postgres', "SELECT count(*) FROM pg_stat_replication WHERE pid = $old"),
	'1',
	'it was there all the time');
$writer->vanish;
undef $line;

done_testing();
