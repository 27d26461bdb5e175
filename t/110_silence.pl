# Copyright (c) 2026, the replwatch authors

# A subject that is silenced is quiet in the log and true in SQL.  What was
# told and what is true are brought together when the silence ends, whether
# its time is over, somebody ends it, or the server was restarted in between.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Replicas that have never been here are missed all the same.
my $odd = q(it''s 100% "odd");
my $primary = Replwatch::primary(
	'primary',
	"replwatch.alert_hold = '200ms'",
	"replwatch.missing_timeout = '500ms'");
my $major = $primary->pg_version->major;

sub expect
{
	my (@names) = @_;

	Replwatch::set($primary,
		"replwatch.expected_replicas = '" . join(', ', @names) . "'");
	return;
}

# What replwatch_silence() returns.
sub silence
{
	my ($name, $duration) = @_;

	return $primary->safe_psql('postgres',
		"SELECT replwatch_silence('$name', '$duration')");
}

sub state_is
{
	my ($name, $state, $what) = @_;

	Alerts::alert_when($primary, 'replica_missing', $name, $state, $what);
	return;
}

sub story_is
{
	my ($name, $story, $what) = @_;

	return Alerts::story_is($primary, 'replica_missing', $name, $story,
		$what);
}


note '1. who can be silenced';

is(silence('nobody', '1 hour'), 'f', 'nobody of that name');
is(silence('', '1 hour'), 'f', 'no name');
is(silence('primary', '1 hour'), 't', 'the server itself');
is(silence('primary', '0'), 't', 'the server itself, no longer');
is( $primary->safe_psql(
		'postgres', "SELECT replwatch_silence('primary', NULL)"),
	'',
	'no duration: no answer');


note '2. before it fires';

# The setting is in force when a silence is accepted.
$primary->append_conf('postgresql.conf', "replwatch.missing_timeout = '1h'");
expect('early', 'noisy', $odd);
Replwatch::wait_until(
	$primary,
	"SELECT replwatch_silence('early', '1 hour')",
	'it is expected');
is(silence($odd, '1 hour'), 't', 'a name with quotes');
Replwatch::set($primary, "replwatch.missing_timeout = '500ms'");
state_is('early', 'silenced', 'it fires silently');
state_is('noisy', 'critical', 'the other fires aloud');
(my $plain = $odd) =~ s/''/'/g;
state_is($plain, 'silenced', 'that with the odd name is silent');
story_is('noisy', 'raised critical', 'the alert is logged');
Alerts::wait_judged($primary);
is(Alerts::story($primary, 'replica_missing', 'early'),
	'', 'and not of what is silenced');
is(Alerts::story($primary, 'replica_missing', $plain),
	'', 'nor of that with the odd name');

my ($row) = grep { $_->{subject} eq 'early' } Alerts::alerts($primary);
is($row->{severity}, 'critical', 'its severity is true');
like(
	$row->{detail},
	qr/^It has not connected to this server\./,
	'its detail is true');


note '3. when a silence ends';

is(silence('early', '0'), 't', 'somebody ends it');
state_is('early', 'critical', 'it is no longer silent');
story_is('early', 'raised critical', 'now it is logged');
is(silence($odd, '-1 second'), 't', 'a negative time ends it, too');
state_is($plain, 'critical', 'it is no longer silent either');
story_is($plain, 'raised critical', 'now it is logged as well');

# One that is cleared meanwhile, and one that is raised again.
is(silence('early', '1 hour'), 't', 'silenced while it fires');
is(silence('noisy', '1 hour'), 't', 'and another');
expect('noisy', $odd);
state_is('early', 'cleared', 'one is cleared');
Alerts::wait_judged($primary);
story_is('early', 'raised critical', 'which is not logged yet');
is(silence('early', '0'),
	't', 'although there is nothing of that name any more');
story_is('early', 'raised critical, cleared', 'it is, when the silence ends');

expect($odd);
state_is('noisy', 'cleared', 'the other is cleared');
expect('noisy', $odd);
state_is('noisy', 'silenced', 'and fires again');
is(silence('noisy', '0'), 't', 'and is silent no longer');
Alerts::wait_judged($primary);
story_is(
	'noisy',
	'raised critical',
	'it was last logged as firing');
Alerts::agree($primary, 'the log and SQL say the same', 'noisy');

# By its time.
my $begin = Replwatch::now($primary);
is(silence('noisy', '2 seconds'), 't', 'silenced for a while');
state_is('noisy', 'firing', 'and then it is not');
cmp_ok(Replwatch::now($primary), '>=', $begin + 2, 'but until then it was');


note '4. for long';

my $ever = $major >= 17 ? 'infinity' : '200000 years';
is(silence('noisy', $ever), 't', 'for ever');
is(silence($odd, '1 hour'), 't', 'and another for an hour');
state_is('noisy', 'silenced', 'it is silent');
$primary->restart;
state_is('noisy', 'silenced', 'after a restart it still is');
state_is($plain, 'silenced', 'and so is the other');
Alerts::wait_judged($primary);
story_is('noisy', 'raised critical', 'the log has nothing new of the one');
story_is($plain, 'raised critical', 'nor of the other');
is(silence('noisy', $major >= 17 ? '-infinity' : '-200 years'), 't', 'ended');
state_is('noisy', 'firing', 'it is not silent any more');


note '5. many';

# A silence that is replaced or over takes no room.
is(silence($odd, '0'), 't', 'the last one ends');
$primary->append_conf('postgresql.conf', "replwatch.missing_timeout = '1h'");
expect(map { "many$_" } 1 .. 64);
Replwatch::wait_until(
	$primary,
	"SELECT replwatch_silence('many64', '0')",
	'they are expected');
is( $primary->safe_psql(
		'postgres',
		"SELECT bool_and(replwatch_silence('many' || i, '1 hour')) FROM generate_series(1, 64) i, generate_series(1, 2)"
	),
	't',
	'as many as can be expected can be silenced');
my ($stdout, $stderr);
$primary->psql(
	'postgres', "SELECT replwatch_silence('primary', '1 hour')",
	extra_params => [ '-v', 'VERBOSITY=verbose' ],
	stdout => \$stdout,
	stderr => \$stderr);
like(
	$stderr,
	qr/ERROR:  53400: more than 64 subjects cannot be silenced at a time/,
	'there is a limit');
is(silence('many7', '0'), 't', 'one ends');
is(silence('primary', '1 hour'), 't', 'and makes room for another');
Replwatch::set($primary, "replwatch.missing_timeout = '500ms'");
Replwatch::wait_until(
	$primary,
	"SELECT count(*) FILTER (WHERE state = 'silenced') = 63 AND count(*) FILTER (WHERE state = 'firing') = 1 FROM replwatch_alerts() WHERE subject LIKE 'many%'",
	'all but one fire silently');
story_is('many7', 'raised critical', 'that is logged');
Alerts::wait_judged($primary);
is(scalar(grep { $_->{subject} =~ /^many/ } Alerts::log_events($primary)),
	1, 'and nothing else is');
Alerts::agree($primary, 'the log and SQL say the same', 'noisy');

done_testing();
