# Copyright (c) 2026, the replwatch authors

# Logical replication: a subscriber whose apply worker waits for a lock, and a
# consumer that hangs, are behind by the age of what they have not confirmed;
# when they vanish, their slots go on being behind.  A row says which slot and
# which database it is about.  What the subscriber does not want moves it all
# the same: it is behind the WAL, not behind a table.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The primary does not give up a receiver that hangs.
my $primary = Replwatch::primary(
	'primary',
	'wal_level = logical',
	'wal_sender_timeout = 1h');

# The subscriber does not need the library.
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(allows_streaming => 'logical');
$subscriber->append_conf('postgresql.conf',
	'wal_receiver_status_interval = 1s');
$subscriber->start;
$subscriber->safe_psql('postgres', 'CREATE TABLE burst (t text)');

$primary->safe_psql('postgres',
	'CREATE TABLE unwanted (t text); CREATE PUBLICATION pub FOR TABLE burst');
$subscriber->safe_psql('postgres',
		"CREATE SUBSCRIPTION sub CONNECTION '"
	  . $primary->connstr
	  . " dbname=postgres' PUBLICATION pub WITH (copy_data = off, slot_name = 'sub_slot')"
);

# A consumer that is no subscription.
$primary->safe_psql('postgres',
	"SELECT pg_create_logical_replication_slot('consumer', 'pgoutput')");
my $consumer = start_consumer();

# Start pg_recvlogical on the slot of the consumer.
sub start_consumer
{
	return IPC::Run::start(
		[
			'pg_recvlogical', '--start',
			'--slot' => 'consumer',
			'--dbname' => $primary->connstr('postgres'),
			'--file' => $primary->basedir . '/consumed',
			'--status-interval' => 1,
			'--fsync-interval' => 1,
			'--option' => 'proto_version=1',
			'--option' => 'publication_names=pub'
		]);
}

# The consumer's own process.
sub consumer_pid
{
	return $consumer->{KIDS}[0]{PID};
}

# Does a row say what it is about?
sub names_it
{
	my ($row, $name, $when) = @_;

	is($row->{kind}, 'logical', "$name, $when: the kind");
	is($row->{slot_name}, $name, "$name, $when: the slot");
	is($row->{database}, 'postgres', "$name, $when: the database");
	return;
}

note '1. both keep up';

foreach my $name ('sub_slot', 'consumer')
{
	Replwatch::row_when(
		$primary, $name, 'downstream',
		"$name streams",
		sub { $_[0]->{state} eq 'streaming' });
}
Replwatch::burst($primary);
$primary->safe_psql('postgres',
	"INSERT INTO unwanted SELECT repeat('x', 100) FROM generate_series(1, 100)"
);
foreach my $name ('sub_slot', 'consumer')
{
	my $row = Replwatch::row_when_current($primary, $name);

	names_it($row, $name, 'current');
	is($row->{reason_code}, undef, "$name: there is nothing to explain");
}
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM burst'),
	100, 'the subscriber has what it wants');

note '2. the apply worker waits, and the consumer hangs';

# Now and then the background writer writes a record: nothing is to be written
# between what is confirmed and the burst.
my $writer = Replwatch::stop_background_writer($primary);
Replwatch::row_when_current($primary, $_) foreach 'sub_slot', 'consumer';

my $lock = $subscriber->background_psql('postgres');
$lock->query_safe('BEGIN; LOCK TABLE burst');
kill('STOP', consumer_pid()) or die "could not stop the consumer: $!";
my $burst = Replwatch::burst($primary);

foreach my $name ('sub_slot', 'consumer')
{
	my $row = Replwatch::lag_is_true($primary, $name, $burst, "$name, stuck");

	names_it($row, $name, 'stuck');
	is($row->{state}, 'streaming', "$name: the connection is still open");
	is($row->{reason_code}, 'silent',
		"$name: what is seen is that no reply comes");
	cmp_ok($row->{lag_bytes}, '>', 100 * 100,
		"$name: what was written is missing");
	cmp_ok($row->{retained_bytes},
		'>=', $row->{lag_bytes}, "$name: the slot retains it");
}

note '3. both vanish';

# The apply worker is told to stop, and stops when it is given the lock.
$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION sub DISABLE');
kill('KILL', consumer_pid()) or die "could not end the consumer: $!";
$consumer->finish;
$subscriber->stop('immediate');

foreach my $name ('sub_slot', 'consumer')
{
	Replwatch::row_when(
		$primary, $name, 'downstream',
		"$name is gone",
		sub { $_[0]->{state} eq 'inactive' });
	my $row =
	  Replwatch::lag_is_true($primary, $name, $burst, "$name, vanished");

	names_it($row, $name, 'vanished');
	is($row->{reason_code}, 'gone', "$name: the reason says that it is gone");
	is($row->{lag_bound}, 'exact',
		"$name: what was confirmed is known for sure");
	isnt($row->{confirmed_flush_lsn},
		undef, "$name: how far it got is still told");
	isnt($row->{inactive_since}, undef, "$name: and since when it is gone");
}

note '4. they come back';

kill 'CONT', $writer;
$subscriber->start;
$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION sub ENABLE');
$consumer = start_consumer();

foreach my $name ('sub_slot', 'consumer')
{
	my $row = Replwatch::row_when_current($primary, $name);

	is($row->{state}, 'streaming', "$name: it streams again");
}
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM burst'),
	200, 'the subscriber has what it missed');

$consumer->signal('INT');
$consumer->finish;

note '5. the subscription is dropped';

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
Replwatch::wait_until(
	$primary,
	"SELECT NOT EXISTS (SELECT FROM replwatch_status() WHERE name = 'sub_slot')",
	'the subscriber is forgotten');
isnt(Replwatch::status($primary, 'consumer'),
	undef, 'the one that has only gone is not');

done_testing();
