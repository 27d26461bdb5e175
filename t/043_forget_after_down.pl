# Copyright (c) 2026, the replwatch authors

# Time during which a server was down counts for nobody's forget_after: a
# replica could not come back meanwhile.  How long it has been gone is shown as
# it is.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use StateFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary(
	'primary',
	'replwatch.known_after = 0',
	"replwatch.forget_after = '1d'");
my $standby = Replwatch::standby($primary, 'standby1');

$standby->stop;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'missing' FROM replwatch_status() WHERE name = 'standby1'",
	'it is gone');
Replwatch::wait_sampled($primary);

# Make the file one of two days ago, and start with it.
sub pass_two_days
{
	$primary->stop;
	my $bytes = StateFile::read_bytes(StateFile::path($primary));
	my $wall = unpack 'q', substr($bytes, StateFile::WALL_AT, 8);
	substr($bytes, StateFile::WALL_AT, 8) = pack 'q',
	  $wall - 2 * 86_400 * 1_000_000;
	StateFile::write_bytes(StateFile::path($primary), StateFile::seal($bytes));
	$primary->start;
	Replwatch::wait_sampled($primary);
	return;
}

my $gone =
  "SELECT extract(day FROM clock_timestamp() - last_seen) FROM replwatch_status() WHERE name = 'standby1'";

pass_two_days();
is(Replwatch::value($primary, $gone),
	2, 'it is remembered, and has not been seen for two days');
like(Replwatch::status($primary, 'standby1')->{reason},
	qr/^not connected for 48:00:/, 'as the reason says');
pass_two_days();
is(Replwatch::value($primary, $gone), 4, 'twice');

my $offset = -s $primary->logfile;
Replwatch::set($primary, "replwatch.forget_after = '1s'");
$primary->wait_for_log(qr/replica "standby1" was forgotten after 1 s/, $offset);
Replwatch::wait_sampled($primary);
is(Replwatch::status($primary, 'standby1'),
	undef, 'time during which the server runs does count');

done_testing();
