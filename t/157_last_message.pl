# Copyright (c) 2026, the replwatch authors

# matrix: every major

# A receiver that comes and goes between two looks of the sampler: the last
# message that it got is known all the same, and no other one is.

use strict;
use warnings;

use lib 't/lib';
use Port;
use Process;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $primary = Replwatch::primary('primary');
my $standby = Replwatch::standby(
	$primary, 'late',
	start => 0,
	conf => [ Port::conf('wal_retrieve_retry_interval = 200ms') ]);
my $attempt = qr/FATAL: .*no pg_hba\.conf entry|FATAL: .*pg_hba\.conf rejects/;

# Let standbys connect, or not; sessions that are connected stay.
sub let_connect
{
	my ($method) = @_;

	unlink $primary->data_dir . '/pg_hba.conf';
	append_to_file($primary->data_dir . '/pg_hba.conf',
		"local replication all $method\nlocal all all trust\n");
	Replwatch::set($primary);
	return;
}

# Wait until the receiver has got a message later than this, in seconds since
# 1970, and return when.
sub received_after
{
	my ($since) = @_;

	Replwatch::wait_until(
		$standby,
		"SELECT extract(epoch FROM last_msg_receipt_time) > $since AND last_msg_receipt_time <> last_msg_send_time FROM pg_stat_wal_receiver",
		'a message comes');
	return Replwatch::value($standby,
		'SELECT extract(epoch FROM last_msg_receipt_time) FROM pg_stat_wal_receiver'
	);
}

# Wait until the receiver has ended, and others have come and gone for so many
# seconds.  Returns when it can't have run any longer.
sub end_receiver
{
	my ($seconds) = @_;
	my $log = -s $standby->logfile;

	let_connect('reject');
	Replwatch::value($primary,
		'SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
	Process::until_true('it is refused',
		sub { slurp_file($standby->logfile, $log) =~ $attempt });

	my $ended = Replwatch::now($standby);

	sleep($seconds);
	my $more = -s $standby->logfile;
	Process::until_true('it goes on to be refused',
		sub { slurp_file($standby->logfile, $more) =~ $attempt });
	return $ended;
}

# When the last message came, as this standby says.
sub last_seen
{
	return Replwatch::value($standby,
		"SELECT extract(epoch FROM last_seen) FROM replwatch_status() WHERE link = 'upstream'"
	);
}

note '1. the first receiver';

let_connect('reject');
$standby->start;
my $port = Port::of($standby);
Replwatch::wait_sampled($standby);
is(last_seen(), undef, 'no message has come');
is(Port::sampled($port, '/replica?lag=1h')->{status},
	503, 'and it is not known how stale it is');

my $sampler = Replwatch::stop_sampler($standby);
let_connect('trust');
my $received = received_after(0);

# The start of a later receiver is no message.
my $ended = end_receiver(2);
kill('CONT', $sampler);
Replwatch::wait_sampled($standby);

Replwatch::is_dated(last_seen(), $received, $ended,
	'the last message that it got is known');
my ($row) = Replwatch::statuses($standby, 'upstream');
isnt($row->{state}, 'streaming', 'though it does not stream');
is($row->{lag_bound}, 'at most', 'with how stale a read may be');
cmp_ok($row->{lag} // 0, '>=', 2, 'since that message');
is(Port::sampled($port, '/replica?lag=1h')->{status},
	200, 'health checks know it as well');

note '2. another one';

let_connect('trust');
Replwatch::row_when_current($standby, 'late', 'upstream');
$sampler = Replwatch::stop_sampler($standby);

# The sampler has not seen what comes seconds later.
my $stopped = Replwatch::now($standby);
$received = received_after($stopped + 2);
$ended = end_receiver(0);
kill('CONT', $sampler);
Replwatch::wait_sampled($standby);
Replwatch::is_dated(last_seen(), $received, $ended,
	'its last message is known, not one from before');

done_testing();
