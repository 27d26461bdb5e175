# Copyright (c) 2026, the replwatch authors

# Settings in the configuration file: a value that can't be is no reason not
# to start, what is fixed at start stays fixed, and the ends of the ranges can
# be lived with.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Start $node with these lines at the end of its configuration, instead of
# those of before; returns what it logs.
sub restart_with
{
	my ($node, @lines) = @_;
	my $file = $node->data_dir . '/postgresql.conf';
	my $conf = slurp_file($file);

	$conf =~ s/^# here\n.*//ms;
	open my $out, '>', $file or die "could not open $file: $!";
	print $out $conf, "# here\n", map { "$_\n" } @lines;
	close $out;

	$node->stop;
	my $offset = -s $node->logfile;
	$node->start;
	Replwatch::wait_until(
		$node,
		"SELECT worker_state = 'running' FROM replwatch_node()",
		'the worker runs');
	return slurp_file($node->logfile, $offset);
}

# The settings that are not their defaults, as name=setting.
sub changed
{
	my ($node) = @_;

	return Replwatch::value(
		$node,
		q{SELECT string_agg(replace(name, 'replwatch.', '') || '=' || setting, ' ' ORDER BY name)
		FROM pg_settings WHERE name LIKE 'replwatch.%' AND setting <> boot_val});
}

# These two the other tests switch off.
my $node = Replwatch::primary(
	'primary',
	'replwatch.wal_disk_free = 5',
	'replwatch.wal_disk_time_left = 4h');
my $log;

$node->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('unused', true)");

note '1. Values that can not be';

$log = restart_with(
	$node,
	'replwatch.sample_interval = 5',
	'replwatch.known_after = 2d',
	"replwatch.forget_after = 'never'",
	'replwatch.max_replicas = 0',
	'replwatch.tend_walsenders = perhaps',
	"replwatch.listen_addresses = 'db1'",
	'replwatch.nothing = 1');
like(
	$log,
	qr/WARNING:  5 ms is outside the valid range for parameter "replwatch\.sample_interval" \(10/,
	'a number out of range: the server says so');
like(
	$log,
	qr/WARNING:  .* "replwatch\.known_after" \(0/,
	'a time out of range, too');
like(
	$log,
	qr/WARNING:  invalid value for parameter "replwatch\.forget_after": "never"/,
	'a word for a number');
like(
	$log,
	qr/WARNING:  0 is outside the valid range for parameter "replwatch\.max_replicas" \(1 /,
	'a number out of range of what is fixed at start');
like(
	$log,
	qr/WARNING:  parameter "replwatch\.tend_walsenders" requires a Boolean value/,
	'a word for a switch');
like(
	$log,
	qr/WARNING:  invalid value for parameter "replwatch\.listen_addresses": "db1"\n.*DETAIL:  "db1" is not an IP address, localhost or \*\.\n.*HINT:  Names are not resolved\./,
	'a name for an address: the server starts');
like(
	$log,
	qr/WARNING:  invalid configuration parameter name "replwatch\.nothing"/,
	'a name that does not exist');
is(changed($node), undef, 'the defaults hold');

note '2. The smallest and the largest';

foreach my $settings (
	'forget_after=0 known_after=0 max_replicas=1 sample_interval=10 tend_walsenders=off',
	'forget_after=2147483647 known_after=86400 max_replicas=1000 sample_interval=10000'
  )
{
	my @lines = map { "replwatch.$_" } split / /, $settings;

	$log = restart_with($node, @lines);
	unlike($log, qr/WARNING/, "no complaint: $settings");
	is(changed($node), $settings, "they hold: $settings");
	is( $node->safe_psql(
			'postgres', q{
			SELECT worker_state, (SELECT string_agg(name, ' ') FROM replwatch_status())
			FROM replwatch_node()}),
		'running|unused',
		"the worker runs: $settings");
}

note '3. At run time';

restart_with($node, 'replwatch.known_after = 1min');
my $offset = -s $node->logfile;
$node->append_conf(
	'postgresql.conf',
	join "\n",
	'replwatch.max_replicas = 7',
	'replwatch.tend_walsenders = off',
	'replwatch.sample_interval = 5',
	'replwatch.forget_after = 7h',
	'');
$node->reload;
$node->wait_for_log(
	qr/configuration file .* contains errors; unaffected changes were applied/,
	$offset);
$log = slurp_file($node->logfile, $offset);
like(
	$log,
	qr/parameter "replwatch\.$_" cannot be changed without restarting the server/,
	"$_ stays as it is") foreach qw(max_replicas tend_walsenders);
like(
	$log,
	qr/LOG:  5 ms is outside the valid range for parameter "replwatch\.sample_interval" \(10/,
	'so does what would be out of range');
is(changed($node), 'forget_after=25200', 'the others change');
is( $node->safe_psql(
		'postgres', q{
		SELECT string_agg(name, ' ' ORDER BY name) FROM pg_settings
		WHERE pending_restart}),
	'replwatch.max_replicas replwatch.tend_walsenders',
	'those that need a restart wait for it');

done_testing();
