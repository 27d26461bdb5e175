# Copyright (c) 2026, the replwatch authors

# A replica is known by its slot and by its application_name, and by what a
# failover manager makes of its name.  A name that could be that of two is an
# error.  A slot and a replica that does not use it are two subjects, even if
# they have one name.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'replwatch.known_after = 0',
	"replwatch.alert_hold = '200ms'",
	"replwatch.missing_timeout = '1h'",
	"replwatch.slot_inactive_timeout = '1h'");

# What a query returns, or the error with its detail.
sub answer
{
	my ($query) = @_;
	my ($stdout, $stderr);

	$primary->psql(
		'postgres', $query,
		extra_params => [ '-v', 'VERBOSITY=verbose' ],
		stdout => \$stdout,
		stderr => \$stderr);
	return $stdout if $stderr eq '';
	return join ' ', $stderr =~ /^(?:psql:.*?)?(ERROR:.*|DETAIL:.*|HINT:.*)$/mg;
}

sub silence
{
	my ($name, $duration) = @_;

	return answer("SELECT replwatch_silence('$name', '$duration')");
}

# The number of points in the chart of a replica, and its name there.
sub charted
{
	my ($name) = @_;

	return answer(
		"SELECT coalesce(string_agg(DISTINCT name, ' '), 'nobody') FROM replwatch_history('$name')"
	);
}

my $by_slot = Replwatch::standby($primary, 'pg_1', slot => 1);
my $twin = Replwatch::standby($primary, 'a_b');
my $other = Replwatch::standby($primary, 'a-b');
my $standby1 = Replwatch::standby($primary, 'standby1');

note '1. names of a replica';

Replwatch::connect_to($by_slot, $primary, 'Server.One');
$by_slot->restart;
Replwatch::wait_until(
	$primary,
	"SELECT EXISTS (SELECT FROM replwatch_status() WHERE name = 'pg_1' AND application_name = 'Server.One' AND state = 'streaming')",
	'it has two names');
Replwatch::wait_until(
	$primary,
	"SELECT count(DISTINCT name) = 4 FROM replwatch_history()",
	'all have a chart');
Replwatch::wait_sampled($primary);

is(charted('pg_1'), 'pg_1', 'the slot of a replica');
is(charted('Server.One'), 'pg_1', 'its application_name');
is(charted('server_one'), 'pg_1', 'what is made of that');
is(charted('PG-1'), 'pg_1', 'what the slot was made of');
is(charted('pg_2'), 'nobody', 'nobody of another name');

note '2. names of two';

is(charted('a-b'), 'a-b', 'exactly the one');
is(charted('a_b'), 'a_b', 'exactly the other');
my $either =
  qr/^ERROR:  22023: replica name "A\.B" is ambiguous DETAIL:  It could be "a[-_]b" or "a[-_]b"\. HINT:  Write the name exactly as replwatch_status\(\) shows it\.$/;
like(charted('A.B'), $either, 'a chart of neither');
like(silence('A.B', '1 hour'), $either, 'a silence of neither');
like(answer("SELECT replwatch_forget('A.B')"), $either, 'neither is forgotten');
is(silence('a-b', '1 hour'), 't', 'exactly one is silenced');
is(silence('a-b', '0'), 't', 'and no longer');

note '3. expected replicas';

$by_slot->stop;
Replwatch::set($primary,
	"replwatch.expected_replicas = 'server-one, standby1'",
	"replwatch.missing_timeout = '1s'");
Alerts::alert_when($primary, 'replica_missing', 'pg_1', 'critical',
	'it is missed under the name that it is shown by');
Alerts::wait_judged($primary);
is( join(', ', sort map { $_->{subject} } Alerts::alerts($primary)),
	'pg_1', 'and nobody else is');
is(silence('SERVER.ONE', '1 hour'), 't', 'it is silenced');
Alerts::alert_when($primary, 'replica_missing', 'pg_1', 'silenced',
	'under any of its names');
$by_slot->start;
Alerts::alert_when($primary, 'replica_missing', 'pg_1', 'cleared',
	'it comes back');
is(silence('pg-1', '0'), 't', 'it is silenced no longer');

note '4. overrides';

Replwatch::set($primary, "replwatch.expected_replicas = ''",
	"replwatch.missing_timeout = '1h'",
	"replwatch.replica_overrides = 'SERVER-*: missing_timeout=1s; A-B: missing_timeout=2h; a-b: missing_timeout=1s'"
);
$_->stop foreach $by_slot, $twin, $other;
Alerts::alert_when($primary, 'replica_missing', 'pg_1', 'warning',
	'a pattern matches what is like its application_name');
Alerts::alert_when($primary, 'replica_missing', 'a-b', 'warning',
	'another is exactly the name of one');
Alerts::wait_judged($primary);
is( join(', ', sort split /, /, Alerts::firing($primary)),
	'replica_missing (warning) on a-b, replica_missing (warning) on pg_1',
	'and does not match that of the other');
is(answer("SELECT replwatch_forget('a-b')"), 't', 'exactly one is forgotten');
is(charted('A.B'), 'a_b', 'then its name is that of the other');
is(answer("SELECT replwatch_forget('A.B')"), 't', 'which is forgotten, too');
is(answer("SELECT replwatch_forget('A.B')"), 'f', 'once');

note '5. a slot and a replica of one name';

Replwatch::set($primary, "replwatch.replica_overrides = ''",
	"replwatch.slot_inactive_timeout = '1s'");
$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('standby1', true)");
Replwatch::burst($primary);
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
Alerts::alert_when($primary, 'slot_inactive', 'standby1', 'warning',
	'the slot has an alert');
Alerts::alert_when($primary, 'slot_inactive', 'pg_1', 'warning',
	'and so has the slot of the one that is away');

is(silence('standby1', '1 hour'), 't', 'the replica is silenced');
Alerts::wait_judged($primary);
Alerts::alert_when($primary, 'slot_inactive', 'standby1', 'firing',
	'not the slot');
is(silence('pg-1', '1 hour'), 't', 'where the slot is the replica\'s own');
Alerts::alert_when($primary, 'slot_inactive', 'pg_1', 'silenced',
	'it is silenced, too');
is(silence('slot:Standby1', '1 hour'), 't', 'the slot is silenced');
Alerts::alert_when($primary, 'slot_inactive', 'standby1', 'silenced',
	'for itself');
is(silence('standby1', '0'), 't', 'the replica no longer');
Alerts::wait_judged($primary);
Alerts::alert_when($primary, 'slot_inactive', 'standby1', 'silenced',
	'but the slot');
is(silence('slot:nothing', '1 hour'), 'f', 'no such slot');
$primary->restart;
Alerts::alert_when($primary, 'slot_inactive', 'standby1', 'silenced',
	'which outlasts a restart');

is(answer("SELECT replwatch_forget('slot:standby1')"),
	't', 'the alerts of the slot are cleared');
Replwatch::wait_until(
	$primary,
	"SELECT EXISTS (SELECT FROM replwatch_status() WHERE name = 'standby1' AND state = 'streaming')",
	'the replica is still there');

done_testing();
