# Copyright (c) 2026, the replwatch authors

# Synchronous standbys.  Which one is synchronous is what core says; how many
# commits need, how many are there and how many commits wait for them is what
# replwatch_node() counts, as the settings are now.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary('primary');

# Set synchronous_standby_names, and wait until that has reached the
# walsenders, which work out their priorities themselves: names and priorities
# of all, in order, as core shows them.
sub set_names
{
	my ($names, $expected) = @_;

	$primary->safe_psql('postgres',
		"ALTER SYSTEM SET synchronous_standby_names = '$names'");
	$primary->reload;
	Replwatch::wait_until(
		$primary,
		"SELECT string_agg(concat_ws(' ', application_name, sync_priority, sync_state), ', ' ORDER BY application_name) = '$expected' FROM pg_stat_replication",
		"core says $expected");
	return;
}

# The same of replwatch_status().
sub states
{
	return join ', ',
	  sort map { "$_->{name} $_->{sync_priority} $_->{sync_state}" }
	  Replwatch::statuses($primary);
}

# What replwatch_node() counts: wanted, connected, waiting.
sub counts
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		'SELECT sync_wanted, sync_connected, commits_waiting FROM replwatch_node()'
	);
}

my %standby =
  map { $_ => Replwatch::standby($primary, $_) } qw(alpha beta gamma);
my $receiver =
  Replwatch::start_client('pg_receivewal', '-D', $primary->backup_dir,
	'--no-sync', '-d', $primary->connstr . ' application_name=archive');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 4 AND bool_and(state = 'streaming') FROM pg_stat_replication",
	'four receivers stream');


note '1. who is synchronous';

foreach my $case (
	[
		'', 'alpha 0 async, archive 0 async, beta 0 async, gamma 0 async',
		'0|0|0', 'none is wanted'
	],
	[
		'alpha, beta',
		'alpha 1 sync, archive 0 async, beta 2 potential, gamma 0 async',
		'1|2|0', 'the first of two'
	],
	[
		'FIRST 2 (beta, alpha, gamma)',
		'alpha 2 sync, archive 0 async, beta 1 sync, gamma 3 potential',
		'2|3|0', 'the first two of three'
	],
	[
		'ANY 1 (alpha, gamma)',
		'alpha 1 quorum, archive 0 async, beta 0 async, gamma 1 quorum',
		'1|2|0', 'any of two'
	],

	# One that never says what it has flushed can't be waited for.
	[
		'ANY 2 (alpha, archive)',
		'alpha 1 quorum, archive 0 async, beta 0 async, gamma 0 async',
		'2|1|0',
		'two, of which one can\'t be synchronous'
	],

	# Of equal ones the first in core's array is synchronous, so alpha is put
	# first: what had the array's first place when it came may have left later.
	[
		'FIRST 1 (alpha, *)',
		'alpha 1 sync, archive 0 async, beta 2 potential, gamma 2 potential',
		'1|3|0',
		'anybody'
	])
{
	my ($names, $expected, $counts, $what) = @$case;

	set_names($names, $expected);
	is(states(), $expected, "$what: states and priorities are core's");
	is(counts($primary), $counts, "$what: so many are wanted and there");
}
is(counts($standby{alpha}), '0|0|0', 'a standby needs none');


note '2. commits that wait';

set_names('alpha, beta',
	'alpha 1 sync, archive 0 async, beta 2 potential, gamma 0 async');
$standby{$_}->stop foreach qw(alpha beta);
Replwatch::wait_until(
	$primary,
	'SELECT sync_connected = 0 FROM replwatch_node()',
	'no synchronous standby is connected');
is(counts($primary), '1|0|0', 'one is missing, and no commit waits yet');

my @sessions;
foreach my $number (1, 2)
{
	my $session = $primary->background_psql('postgres');

	$session->query_until(qr/go/,
		"\\echo go\nINSERT INTO burst VALUES ('waits');\n\\echo committed\n");
	push @sessions, $session;
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = $number FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
		"commit $number waits");
	is(counts($primary), "1|0|$number", "commits that wait: $number");
}

$standby{beta}->start;
$_->query_until(qr/committed/, '') foreach @sessions;
is(counts($primary), '1|1|0',
	'when the next standby connects, no commit waits');
is(Replwatch::status($primary, 'beta')->{sync_state},
	'sync', 'it is synchronous now');
$_->quit foreach @sessions;
$receiver->signal('INT');
$receiver->finish;

done_testing();
