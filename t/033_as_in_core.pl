# Copyright (c) 2026, the replwatch authors
# matrix: every major

# What replwatch_status() shows of connections and slots is what core shows,
# column by column, as somebody may replace core's views by it or compare the
# two.  And what it shows of slots beyond that: since when they are unused,
# which core tells from 17 on, and how far they hold vacuum back.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'log_hostname = on',
	"listen_addresses = '127.0.0.1'",
	'max_slot_wal_keep_size = 1GB');
my $major = $primary->pg_version->major;

# Columns of pg_stat_replication; ours have the same names.
my %senders = map { $_ => $_ } qw(pid usesysid usename application_name
  client_addr client_hostname client_port backend_start backend_xmin state
  sent_lsn write_lsn flush_lsn replay_lsn write_lag flush_lag replay_lag
  sync_priority sync_state reply_time);

# What pg_replication_slots shows, and what is to be the same here.
my %slots = (
	slot_name => 'slot_name',
	slot_type => 'kind',
	database => 'database',
	active => "state NOT IN ('inactive', 'lost')",
	'greatest(age(xmin), age(catalog_xmin))' => 'slot_xmin_age',
	restart_lsn => 'restart_lsn',
	confirmed_flush_lsn => 'confirmed_flush_lsn',
	wal_status => 'wal_status',
	safe_wal_size => 'safe_wal_size');

# These came later.
$slots{synced} = 'slot_synced' if $major >= 17;
$slots{inactive_since} = 'inactive_since' if $major >= 17;
$slots{invalidation_reason} = 'invalidation_reason' if $major >= 17;

# Compare a view of core's with the rows of replwatch_status() that have a
# $key, in what %$columns maps from there to here.  Something may move between
# two looks, so that core is looked at before and after ours: the first look
# during which nothing moved is what is compared.  It has to show a value in each
# column but those that are named in @empty, or comparing them would show
# nothing.  Returns what is wrong, or nothing.
sub differences
{
	my ($view, $key, $columns, @empty) = @_;
	my @theirs = sort keys %$columns;
	my $theirs = join ', ', map { "($_)::text" } @theirs;
	my $ours = join ', ', map { "($columns->{$_})::text" } @theirs;
	my %may_be_empty = map { $_ => 1 } @empty;
	my $client = Session->new($primary);
	my (@core, %core, %replwatch);

	# In transactions of their own: core keeps what it has seen of processes
	# until a transaction ends.
	Process::until_true(
		"nothing moves in $view during a look",
		sub {
			my $query = "SELECT $theirs FROM $view";

			%core = map { row_text($_) => 1 } Replwatch::rows($client, $query);
			%replwatch = map { row_text($_) => 1 } Replwatch::rows($client,
				"SELECT $ours FROM replwatch_status() WHERE $key IS NOT NULL");
			@core = Replwatch::rows($client, $query);
			return join("\n", sort keys %core) eq
			  join("\n", sort map { row_text($_) } @core);
		});

	my @wrong = (
		(map { "core: $_" } grep { !$replwatch{$_} } sort keys %core),
		(map { "replwatch: $_" } grep { !$core{$_} } sort keys %replwatch));

	foreach my $i (0 .. $#theirs)
	{
		push @wrong, "$theirs[$i] has no value"
		  if !$may_be_empty{ $theirs[$i] } && !grep { defined $_->[$i] } @core;
	}
	return join "\n", @wrong;
}

sub row_text
{
	my ($row) = @_;

	return join '|', map { $_ // 'NULL' } @$row;
}


note '1. all kinds of connections and slots';

my @feedback =
  ('hot_standby_feedback = on', "wal_receiver_status_interval = '1s'");
my $standby =
  Replwatch::standby($primary, 'replica1', slot => 1, conf => \@feedback);
my $slotless = Replwatch::standby($primary, 'replica2', conf => \@feedback);

$primary->safe_psql('postgres', 'CREATE DATABASE other');
$primary->safe_psql('other',
	"SELECT pg_create_logical_replication_slot('logical_used', 'test_decoding'), pg_create_logical_replication_slot('logical_unused', 'test_decoding')"
);
$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('physical_unused', true), pg_create_physical_replication_slot('physical_idle', false)"
);

my @clients = (
	Replwatch::start_client(
		'pg_recvlogical', '-d',
		$primary->connstr('other'), '-S',
		'logical_used', '--start',
		'-f', '/dev/null'),
	Replwatch::start_client(
		'pg_receivewal', '-D', $primary->backup_dir, '--no-sync',
		'-d', 'host=127.0.0.1 port=' . $primary->port));

# A snapshot on each standby, which the primary has to respect.
my @sessions;
foreach my $node ($standby, $slotless)
{
	Replwatch::wait_replayed($primary, $node);
	push @sessions, $node->background_psql('postgres', on_error_die => 1);
	$sessions[-1]->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	$sessions[-1]->query_safe('SELECT count(*) FROM burst');
}
$primary->safe_psql('postgres', 'SELECT pg_current_xact_id();' x 20);

$primary->safe_psql('postgres',
	"ALTER SYSTEM SET synchronous_standby_names = 'replica2, replica1'");
$primary->reload;

# While something is missing on a standby, core goes on showing how long
# replication takes.
Replwatch::pause_replay($primary, $slotless);
Replwatch::burst($primary);
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 4 AND bool_and(state = 'streaming') AND count(*) FILTER (WHERE sync_state = 'sync') = 1 AND count(backend_xmin) = 1 AND count(CASE WHEN application_name = 'replica2' THEN write_lag + flush_lag + replay_lag END) = 1 FROM pg_stat_replication",
	'four receivers stream, and one shows lags');
Replwatch::wait_until(
	$primary,
	"SELECT (SELECT max(age(xmin)) >= 20 FROM pg_replication_slots) AND (SELECT max(age(backend_xmin)) >= 20 FROM pg_stat_replication)",
	'a slot holds vacuum back, and so does a standby without one');


note '2. as core sees them';

is( differences(
		'pg_stat_replication', 'backend_start',
		\%senders, 'client_hostname'),
	'',
	'each connection is shown as in pg_stat_replication');
is( differences(
		'pg_replication_slots', 'slot_name',
		\%slots, 'invalidation_reason'),
	'',
	'each slot is shown as in pg_replication_slots');

is( join(' ', sort map { $_->{name} } Replwatch::statuses($primary)),
	'logical_unused logical_used pg_receivewal physical_idle physical_unused replica1 replica2',
	'a connection and its slot are one row');
is(Replwatch::status($primary, 'logical_unused')->{database},
	'other', 'a slot of another database is shown with its name');
cmp_ok(Replwatch::status($primary, 'replica1')->{slot_xmin_age},
	'>=', 20,
	'the age of the snapshot that a standby holds through its slot is shown');
cmp_ok(Replwatch::status($primary, 'replica2')->{slot_xmin_age},
	'>=', 20, 'and of the one that a standby without a slot holds');
is(Replwatch::status($primary, 'pg_receivewal')->{slot_xmin_age},
	undef, 'who sends no feedback has no such age');

my $unsynced = $major >= 17 ? 'f' : undef;
is(Replwatch::status($primary, 'physical_unused')->{slot_synced},
	$unsynced, 'slot_synced is shown where core has it');


note '3. since when a slot is unused';

my $before = $primary->safe_psql('postgres', 'SELECT clock_timestamp()');
$_->quit foreach @sessions;
$standby->stop;
$clients[0]->signal('INT');
$clients[0]->finish;
Replwatch::wait_until(
	$primary,
	"SELECT count(*) FILTER (WHERE active) = 0 FROM pg_replication_slots",
	'no slot is used');
Replwatch::wait_sampled($primary);    # our own worker notices it then
my $after = $primary->safe_psql('postgres', 'SELECT clock_timestamp()');

is( differences(
		'pg_replication_slots', 'slot_name',
		\%slots, 'invalidation_reason'),
	'',
	'unused slots are shown as in pg_replication_slots');

my %since =
  map { $_->{name} => $_->{inactive_since} } Replwatch::statuses($primary);
foreach my $name (qw(replica1 logical_used))
{
	is( $primary->safe_psql(
			'postgres',
			"SELECT '$since{$name}'::timestamptz BETWEEN '$before' AND '$after'"
		),
		't',
		"$name is unused since it was left");
}
foreach my $name (qw(logical_unused physical_idle))
{
	is( $primary->safe_psql(
			'postgres', "SELECT '$since{$name}'::timestamptz < '$before'"),
		't',
		"$name is unused for longer");
}


note '4. after a restart';

my $stopped = $primary->safe_psql('postgres', 'SELECT clock_timestamp()');
$primary->restart;
Replwatch::wait_sampled($primary);    # the worker has its state again
is( differences(
		'pg_replication_slots', 'slot_name',
		\%slots, 'invalidation_reason'),
	'',
	'slots are shown as in pg_replication_slots');
SKIP:
{
	skip 'core counts from the restart on', 2 if $major >= 17;

	# From clock to clock and back again it may have got a little inexact.
	foreach my $name (qw(replica1 logical_unused))
	{
		is( $primary->safe_psql(
				'postgres',
				"SELECT inactive_since BETWEEN '$since{$name}'::timestamptz - interval '1 s' AND '$stopped' FROM replwatch_status() WHERE name = '$name'"
			),
			't',
			"$name is unused since before the restart, as it was");
	}
}
$clients[1]->signal('INT');
$clients[1]->finish;

done_testing();
