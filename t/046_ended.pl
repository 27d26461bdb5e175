# Copyright (c) 2026, the replwatch authors

# matrix: every major

# What is known of replication connections that have ended, or were refused,
# however short they were: the processes leave a note, and the sampler finds it.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Wait until the sampler of $node has logged an end that matches, from $offset on.
# Messages and details are lines of their own, in this order.
sub ended
{
	my ($node, $offset, $message, $detail, $what) = @_;

	ok( $node->wait_for_log(
			qr/replication connection of $message\n.*DETAIL:  $detail/,
			$offset),
		$what);
	return;
}

sub offset
{
	my ($node) = @_;

	return -s $node->logfile;
}

# A replication connection to $node as $name.
sub sender
{
	my ($node, $name) = @_;

	return Session->new(
		$node,
		replication => 'true',
		application_name => $name);
}

my $lsn = qr{[0-9A-F]+/[0-9A-F]+};
my $primary = Replwatch::primary(
	'primary',
	'log_min_messages = debug1',
	'max_wal_senders = 3',
	'wal_keep_size = 0');


note '1. commands that fail';

# A name that has to be quoted.  A doubled quote in it is a syntax error on minor
# versions before those of August 2026.
my $offset = offset($primary);
sender($primary, 'no_slot')->query(
	'START_REPLICATION SLOT "No such" PHYSICAL 0/1000000 TIMELINE 1');
ended(
	$primary,
	$offset,
	qr/"no_slot" ended: replication slot "No such" does not exist/,
	qr/Sender \d+, slot "No such", start 0\/0?1000000 on timeline 1, sent 0\/0/,
	'a slot that does not exist');

$offset = offset($primary);
sender($primary, 'timeline')->query(
	'START_REPLICATION 0/1000000 TIMELINE 7');
ended(
	$primary, $offset,
	qr/"timeline" ended: .*timeline 7.*/,
	qr/Sender \d+, slot "", start 0\/0?1000000 on timeline 7,/,
	'a timeline that is not of its history');

# The first segments have to go.
for (1 .. 3)
{
	Replwatch::burst($primary);
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal(); CHECKPOINT');
}
$offset = offset($primary);
sender($primary, 'removed')->query(
	'START_REPLICATION 0/1000000 TIMELINE 1');
ended(
	$primary,
	$offset,
	qr/"removed" ended: requested WAL segment \w+ has already been removed/,
	qr/Sender \d+, slot "", start 0\/0?1000000 on timeline 1, sent 0\/0?1000000,/,
	'WAL that has been removed');


note '2. connections that end without an error';

$offset = offset($primary);
sender($primary, 'identified')->query(
	'IDENTIFY_SYSTEM');
ended(
	$primary, $offset,
	qr/"identified" ended: no error/,
	qr/Sender \d+, slot "", start 0\/0+ on timeline 0,/,
	'a command that succeeds');

$offset = offset($primary);
my $standby = Replwatch::standby(
	$primary, 'standby',
	slot => 1,
	conf => ['log_min_messages = debug1']);
ended(
	$primary, $offset,
	qr/"[^"]*" ended: no error/,
	qr/Sender \d+, slot "[^"]*", base backup, start 0\/0+ on timeline 0,/,
	'a base backup');

$offset = offset($primary);
$standby->stop;
ended(
	$primary,
	$offset,
	qr/"standby" ended: no error/,
	qr/Sender \d+, slot "standby", start 0\/0+ on timeline 0, sent $lsn, replayed (?!0\/0+\.)$lsn/,
	'a standby that is stopped');

$standby->start;
Replwatch::wait_until(
	$primary,
	"SELECT active FROM pg_replication_slots WHERE slot_name = 'standby'",
	'it is back');
$offset = offset($primary);
my $standby_offset = offset($standby);
$primary->safe_psql('postgres',
	'SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
ended(
	$primary,
	$offset,
	qr/"standby" ended: no error/,
	qr/Sender \d+, slot "standby", start 0\/0+ on timeline 0,/,
	'a walsender that is terminated');
ended(
	$standby,
	$standby_offset,
	qr/"standby" ended: .+/,
	qr/Receiver \d+, slot "standby", connected, start/,
	'its receiver');


note '3. connections that are refused';

$standby->stop;
Replwatch::wait_until(
	$primary,
	'SELECT count(*) = 0 FROM pg_stat_replication',
	'no walsender is left');
my @idle = map { sender($primary, "idle$_") } 1 .. 3;
$offset = offset($primary);
$standby_offset = offset($standby);
$standby->start;
ended(
	$primary,
	$offset,
	qr/"standby" ended: number of requested standby connections exceeds .*/,
	qr/Sender \d+, slot "", start 0\/0+ on timeline 0, sent 0\/0+,/,
	'one too many');
ended(
	$standby, $standby_offset,
	qr/"standby" ended: number of requested standby connections exceeds .*/,
	qr/Receiver \d+, slot "standby", connected, start/,
	'its receiver, with what the primary said');

$offset = offset($primary);
undef @idle;
ended(
	$primary, $offset,
	qr/"idle1" ended: no error/,
	qr/Sender \d+, slot "", start/,
	'those that were in the way');

$offset = offset($primary);
my $hba = slurp_file($primary->data_dir . '/pg_hba.conf');
$hba =~ s/^(?=local\s)/local replication all reject\n/m or die 'no line';
open(my $file, '>', $primary->data_dir . '/pg_hba.conf') or die $!;
print $file $hba;
close($file);
$primary->reload;
Replwatch::wait_until(
	$primary,
	"SELECT count(*) > 0 FROM pg_hba_file_rules WHERE auth_method = 'reject'",
	'the rules are in force');
eval { sender($primary, 'rejected') };
ended(
	$primary,
	$offset,
	qr/"rejected" ended: pg_hba.conf rejects replication connection for .*/,
	qr/Sender \d+, slot "", start/,
	'one that pg_hba.conf rejects');
done_testing();
