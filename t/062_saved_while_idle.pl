# Copyright (c) 2026, the replwatch authors

# Files are saved at a reload, whether something has moved or not, and once a
# minute even if nothing does: a replica becomes known by the mere passing of
# time, and if both servers lose power in that quiet the one that comes back
# still misses the other.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use StateFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A standby whose upstream server is gone is told of nothing: nothing moves.
# Nor is there an alert on that, for it would be saved soon.
my $primary = Replwatch::primary('primary');
my $standby = Replwatch::standby(
	$primary,
	'standby',
	conf => [
		"replwatch.known_after = '1d'",
		'replwatch.upstream_timeout = 0',
		'replwatch.lag_warning = 0',
		'replwatch.lag_critical = 0',
		'log_min_messages = debug1'
	]);
my $cascade = Replwatch::standby($standby, 'cascade');
my %files = (
	'the history' => StateFile::history_path($standby),
	'what is known of links' => StateFile::path($standby));
my $state = StateFile::path($standby);
my ($client, $asked, $connected, $saved);

Replwatch::wait_replayed($primary, $cascade);
$primary->stop;

note '1. A reload';

# What has moved is saved now.  From then on a minute is the next time.
Replwatch::wait_saved($standby);
$client = Session->new($standby);
$asked = Replwatch::now($client);
$client->value('SELECT pg_reload_conf()');
foreach my $what (sort keys %files)
{
	Replwatch::wait_file_saved($standby, $files{$what}, $asked);
	cmp_ok(StateFile::saved_at($files{$what}) - $asked,
		'<', 30, "$what is saved at once, although nothing has moved");
}

note '2. A replica becomes known';

# Five seconds after the reload that says so, which has had the files saved.
$connected = $client->value(
	'SELECT ceil(extract(epoch FROM clock_timestamp() - min(backend_start))) FROM pg_stat_replication'
);
$asked = Replwatch::now($standby);
Replwatch::set($standby, 'replwatch.known_after = ' . ($connected + 5));
Replwatch::wait_file_saved($standby, $state, $asked);
$saved = StateFile::saved_at($state);
$standby->wait_for_log(qr/replica "cascade" is now known/);
Replwatch::wait_file_saved($standby, $state, $saved);
cmp_ok(StateFile::saved_at($state) - $saved,
	'>', 30, 'the state is saved within a minute, although nothing has moved');

note '3. Both servers crash, and one is started again';

$standby->stop('immediate');
$cascade->stop('immediate');
$standby->start;
Replwatch::wait_sampled($standby);
is(Replwatch::status($standby, 'cascade')->{state},
	'missing', 'the other one is missing');

done_testing();
