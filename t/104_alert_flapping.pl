# Copyright (c) 2026, the replwatch authors

# A standby that comes and goes all the time.  However often it does, its alert
# turns at most once a hold time, and what is told alternates; with a hold time
# longer than it is ever away, nothing is told.  Ten times up and down;
# REPLWATCH_SOAK: fifty, in a minute.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $times = $ENV{REPLWATCH_SOAK} ? 50 : 10;
my $hold = 0.2;
my $primary = Replwatch::primary(
	'primary',
	"replwatch.alert_hold = '${hold}s'",
	'replwatch.missing_timeout = 1ms',
	'replwatch.sample_interval = 20ms');
my $standby = Replwatch::standby($primary, 'flapping',
	conf => ['wal_retrieve_retry_interval = 600ms']);

# Up and down, and up again.
sub flap
{
	my $pid =
	  $primary->safe_psql('postgres', 'SELECT pid FROM pg_stat_replication');

	$primary->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 1 FROM pg_stat_replication WHERE pid <> $pid AND state = 'streaming'",
		'it is back');
	return;
}

# Away until it is missed.  (One whose connection is ended comes back at once if
# it has had it for longer than wal_retrieve_retry_interval.)
sub go_for_long
{
	$standby->stop;
	Alerts::alert_when($primary, 'replica_missing', 'flapping', 'critical',
		'it is missed');
	$standby->start;
	Alerts::alert_when($primary, 'replica_missing', 'flapping', 'cleared',
		'it is back');
	return;
}

# Known, it is missed when it goes.
Alerts::wait_known($primary);
go_for_long();
my $before = Alerts::log_events($primary);

note "1. $times times up and down, some longer than the hold time";

my $start = time();
flap() for 1 .. $times / 2;
Alerts::alert_when($primary, 'replica_missing', 'flapping', 'cleared',
	'it stays');
go_for_long();
flap() for 1 .. $times / 2;
Alerts::alert_when($primary, 'replica_missing', 'flapping', 'cleared',
	'it stays');
my $seconds = time() - $start;
note sprintf 'took %.1f seconds', $seconds;

my @rows = reverse Alerts::alerts($primary);
my $events = Alerts::log_events($primary) - $before;
cmp_ok(scalar(@rows), '>', 1, 'it was told of');
is($events, 2 * (@rows - 1), 'all that was raised was cleared');
cmp_ok($events / 2, '<=', $seconds / $hold, 'once a hold time at most');
my @short = grep { $_->{cleared_at} - $_->{raised_at} < $hold } @rows;
is(scalar(@short), 0, 'what is raised stays so for the hold time');
@short =
  grep { $rows[$_]->{raised_at} - $rows[ $_ - 1 ]->{cleared_at} < $hold }
  1 .. $#rows;
is(scalar(@short), 0, 'so does what is cleared');
Alerts::agree($primary, 'the log and SQL have told the same');

note "2. $times times up and down, all shorter than the hold time";

Alerts::set($primary, 'replwatch.alert_hold = 1min');
$before = Alerts::log_events($primary);
flap() for 1 .. $times;
is(scalar(Alerts::log_events($primary)), $before, 'nothing is told');
is(Alerts::firing($primary), '', 'and nothing fires');

done_testing();
