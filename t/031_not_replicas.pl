# Copyright (c) 2026, the replwatch authors

# Things that are connected like replicas and are none.  A base backup and
# pg_receivewal have a row while they are there; when they are done, however
# long they took, nothing is missing.  A slot that was made for a standby that
# does not exist yet is an unused slot and no more.  A temporary slot's name is
# another one at each connection, so that the replica behind it goes by its
# application_name.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A replica is known as soon as it streams.
my $primary = Replwatch::primary(
	'primary',
	'replwatch.known_after = 0',
	'wal_keep_size = 64MB');

# All rows of that name, in short: state and kind.
sub rows_of
{
	my ($name) = @_;

	return sort map { "$_->{state} $_->{kind}" }
	  grep { $_->{name} eq $name } Replwatch::statuses($primary);
}

# Wait until nobody is connected and the worker has seen that.
sub wait_disconnected
{
	Replwatch::wait_until(
		$primary,
		'SELECT count(*) = 0 FROM pg_stat_replication',
		'nobody is connected any more');
	Replwatch::wait_sampled($primary);
	return;
}


note '1. a base backup, pg_receivewal without and with a slot';

my @receivers;
$primary->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('receivewal')");
foreach my $slot ([], [ '-S', 'receivewal', '--synchronous' ])
{
	my $dir = $primary->backup_dir . '/receivewal' . @receivers;

	mkdir $dir or die "could not create $dir: $!";
	push @receivers,
	  Replwatch::start_client('pg_receivewal', '-d', $primary->connstr,
		'--status-interval=1', '-D', $dir, @$slot);
}
Replwatch::wait_until(
	$primary,
	"SELECT count(*) FILTER (WHERE state = 'streaming') = 2 FROM pg_stat_replication",
	'both of pg_receivewal are connected');

# At this rate it would take the better part of an hour.
my $backup =
  Replwatch::start_client('pg_basebackup', '-X', 'stream',
	'--checkpoint=fast', '--max-rate=32k',
	'-d', $primary->connstr, '-D', $primary->backup_dir . '/slow');
Replwatch::wait_until(
	$primary,
	"SELECT count(*) FILTER (WHERE state = 'backup') = 1 AND count(*) FILTER (WHERE state = 'streaming') = 3 FROM pg_stat_replication",
	'the base backup is on its way');
Replwatch::burst($primary);
Replwatch::wait_sampled($primary);    # were they replicas, they were known

is_deeply(
	[ rows_of('pg_basebackup') ],
	[ 'backup physical', 'streaming physical' ],
	'a base backup has a row for the files and one for the WAL');
is(Replwatch::status($primary, 'pg_basebackup', 'upstream'),
	undef, 'a primary has no upstream row');
my ($wal) =
  grep { $_->{state} eq 'streaming' }
  grep { $_->{name} eq 'pg_basebackup' } Replwatch::statuses($primary);
like($wal->{slot_name}, qr/^pg_basebackup_\d+$/,
	'the WAL comes through a temporary slot');

is( $primary->safe_psql(
		'postgres',
		"SELECT count(*) FROM replwatch_status() WHERE reason_code = 'sender_behind' AND sent_lsn = pg_current_wal_flush_lsn()"
	),
	0,
	'WAL that was sent and not acknowledged does not count as unsent');

Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 2 FROM replwatch_status() WHERE name IN ('receivewal', 'pg_receivewal') AND lag_bytes = 0 AND lag = '0'",
	'both of pg_receivewal have taken all WAL');
is_deeply(
	[ rows_of('pg_receivewal') ],
	['streaming physical'],
	'pg_receivewal has a row');
is_deeply([ rows_of('receivewal') ],
	['streaming physical'], 'pg_receivewal with a slot has one, of its name');
is($primary->safe_psql('postgres', 'SELECT role FROM replwatch_node()'),
	'primary', 'the server is a primary');
unlike(
	slurp_file($primary->logfile),
	qr/several replicas/,
	'the two connections of a base backup do not share a name');


note '2. they go';

# The backup is cut off by the server: killed, it would leave the process behind
# that receives the WAL.
$primary->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE state = 'backup'"
);
$_->signal('INT') foreach @receivers;
$_->finish foreach $backup, @receivers;
wait_disconnected();

is_deeply([ rows_of('pg_basebackup') ],
	[], 'an interrupted base backup leaves no row');
is_deeply([ rows_of('pg_receivewal') ], [], 'pg_receivewal leaves no row');
my $slot = Replwatch::status($primary, 'receivewal');
is($slot->{state}, 'inactive', 'its slot is inactive');
is($slot->{last_seen}, undef, 'no user of the slot is remembered');
ok(defined $slot->{inactive_since}, 'inactive_since is set');
is( $primary->safe_psql('postgres', "SELECT replwatch_forget('receivewal')"),
	'f',
	'no replica is behind the slot');
$primary->safe_psql('postgres',
	"SELECT pg_drop_replication_slot('receivewal')");
is_deeply([ rows_of('receivewal') ], [], 'without the slot there is no row');


note '3. a slot made by pg_basebackup before its standby starts';

$primary->backup('early', backup_options => [ '-C', '-S', 'early' ]);
wait_disconnected();
is_deeply([ rows_of('early') ], ['inactive physical'],
	'the slot has one row');
is(Replwatch::status($primary, 'early')->{last_seen},
	undef, 'nobody has used it yet');
is_deeply([ rows_of('pg_basebackup') ],
	[], 'a finished base backup leaves no row');
is(scalar(() = Replwatch::statuses($primary)), 1, 'there is no other row');

my $early = PostgreSQL::Test::Cluster->new('early');
$early->init_from_backup($primary, 'early', has_streaming => 1);
Replwatch::connect_to($early, $primary, 'another');
$early->append_conf('postgresql.conf', "primary_slot_name = 'early'\n");
$early->start;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'early'",
	'the standby uses its slot');
is(scalar(() = Replwatch::statuses($primary)),
	1, 'the standby and its slot are one row');


note '4. a standby with a temporary slot';

my $temporary = Replwatch::standby($primary, 'temporary1',
	conf => ['wal_receiver_create_temp_slot = on']);
my $row = Replwatch::status($primary, 'temporary1');
like($row->{slot_name}, qr/^pg_walreceiver_\d+$/,
	'it has a temporary slot');
my $pid = $row->{pid};
ok( Replwatch::row_when(
		$temporary, 'temporary1', 'upstream',
		'the standby streams', sub { $_[0]->{state} eq 'streaming' }),
	'the standby goes by the same name for itself');
Replwatch::wait_sampled($primary);    # it is known
$temporary->stop;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'missing' FROM replwatch_status() WHERE name = 'temporary1'",
	'the standby is missed');
$row = Replwatch::status($primary, 'temporary1');
is($row->{slot_name}, undef, 'the slot went with it');
is(scalar(() = Replwatch::statuses($primary)),
	2, 'nothing else is left of it');
$temporary->start;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'temporary1'",
	'the standby is back, with another slot and the same name');
isnt(Replwatch::status($primary, 'temporary1')->{pid},
	$pid, 'it is a new connection');

done_testing();
