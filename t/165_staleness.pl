# Copyright (c) 2026, the replwatch authors

# How stale reads are at most, and towards which server: on a primary never, on a
# standby towards the primary that it follows, on a cascade with what its upstream
# server lags in addition.  It is never less than what is really missing, and a
# cascade that lags does not look fresh because its upstream server has caught up.
# Without a line it is towards the upstream server only.
#
#	primary --relay-- middle --relay-- leaf
#
# All of them are on one address, so each has a port of its own, which the one
# below it is told.

use strict;
use warnings;

use lib 't/lib';
use Port;
use Process;
use Relay;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

# By how much a wrong figure is off, at least.
my $apart = 6;

my $primary = Replwatch::primary('primary', Port::conf(
		'wal_retrieve_retry_interval = 200ms',
		'wal_receiver_status_interval = 1s'));
my $to_primary = Relay->new($primary);
my $middle = standby_over($to_primary, $primary, 'middle');
my $to_middle = Relay->new($middle);
my $leaf = standby_over($to_middle, $middle, 'leaf');
my %client = map { $_->name => Session->new($_) } $primary, $middle, $leaf;
my ($burst, $stopped, $cut);

# A standby whose connection goes over a relay, and its line straight.
sub standby_over
{
	my ($relay, $upstream, $name) = @_;

	return Replwatch::standby(
		$upstream, $name,
		conf => [
			Port::conf(
				'replwatch.upstream_port = ' . Port::of($upstream),
				'wal_keep_size = 1GB',
				'wal_retrieve_retry_interval = 200ms',
				'wal_receiver_status_interval = 1s'),
			"primary_conninfo = '"
			  . $relay->connstr
			  . " application_name=$name'"
		]);
}

# How stale a server is, in seconds, and towards which one; and the moments before
# and after that was asked.
sub staleness
{
	my ($node) = @_;
	my $begin = time();
	my ($values) = Replwatch::rows($client{ $node->name },
		'SELECT extract(epoch FROM staleness), staleness_of, line_state FROM replwatch_node()'
	);

	return {
		staleness => $values->[0],
		of => $values->[1] // 'nobody',
		line => $values->[2],
		begin => $begin,
		end => time()
	};
}

# Wait until it fits, and return it.
sub staleness_when
{
	my ($node, $what, $fits) = @_;
	my $seen;

	return eval {
		Process::until_true(
			$what,
			sub {
				$seen = staleness($node);
				return $fits->($seen) ? $seen : undef;
			});
	} // do
	{
		diag(explain($seen));
		die $@;
	};
}

sub fresh_of
{
	my ($of) = @_;

	return sub {
		$_[0]->{of} eq $of && ($_[0]->{staleness} // 99) < 3;
	};
}

# Check that a server is stale since a moment between these two.
sub is_stale_since
{
	my ($node, $from, $to, $what) = @_;
	my $rest = $to + $apart - time();

	sleep($rest) if $rest > 0;
	my $seen = staleness($node);
	Replwatch::is_between(
		$seen->{staleness},
		$seen->{begin} - $to,
		$seen->{end} - $from,
		"$what: the staleness is true");
	is($seen->{of}, 'primary', "$what: it is towards the primary");
	return $seen;
}

sub all_fresh
{
	my ($what) = @_;

	foreach my $node ($primary, $middle, $leaf)
	{
		staleness_when($node, "$what: " . $node->name . ' is fresh',
			fresh_of('primary'));
		pass("$what: " . $node->name . ' is fresh, towards the primary');
	}
	return;
}

note '1. at rest';

all_fresh('at rest');
my $seen = staleness($primary);
is($seen->{staleness} + 0, 0, 'the primary is never stale');
is($seen->{line}, 'off', 'it has no line');
is(staleness($_)->{line}, 'up', $_->name . ' has a line') foreach $middle, $leaf;

note '2. replay is paused in the middle';

# The cascade has replayed what its upstream server has only received; but nobody
# can say how stale that is towards the primary.
my $writer = Replwatch::stop_background_writer($primary);
Replwatch::pause_replay($primary, $middle);
$burst = Replwatch::burst($primary);
Replwatch::wait_replayed($primary, $leaf);
is_stale_since($middle, $burst->{start}, $burst->{end}, 'paused, the middle');
is_stale_since($leaf, $burst->{start}, $burst->{end},
	'the one below it');
Replwatch::value($middle, 'SELECT pg_wal_replay_resume()');
all_fresh('resumed');

note '3. replay is paused on the cascade';

Replwatch::pause_replay($primary, $leaf);
$burst = Replwatch::burst($primary);
is_stale_since($leaf, $burst->{start}, $burst->{end}, 'paused, the leaf');
staleness_when($middle, 'the middle is fresh', fresh_of('primary'));
pass('the middle is fresh');
Replwatch::value($leaf, 'SELECT pg_wal_replay_resume()');
all_fresh('resumed');

note '4. the connection of the middle is cut';

# The cascade misses nothing of what its upstream server has.  Then replay there is
# paused, and the connection mended: the middle catches up at once, and what the
# cascade misses is new to it, but old.
$cut = time();
$to_primary->cut;
$burst = Replwatch::burst($primary);
is_stale_since($_, $cut - 1, $burst->{end}, 'cut off, ' . $_->name)
  foreach $middle, $leaf;
Replwatch::value($leaf, 'SELECT pg_wal_replay_pause()');
Replwatch::wait_until($leaf,
	q(SELECT pg_get_wal_replay_pause_state() = 'paused'), 'it is paused');
$to_primary->mend;
staleness_when($middle, 'the middle has caught up', fresh_of('primary'));
$seen = staleness($leaf);
cmp_ok(
	$seen->{staleness},
	'>=',
	$seen->{begin} - $burst->{end} - $Replwatch::tolerance,
	'the cascade is as stale as it is, though its upstream server is fresh');
is($seen->{of}, 'primary', 'towards the primary');
Replwatch::value($leaf, 'SELECT pg_wal_replay_resume()');
all_fresh('mended');

note '5. the connection of the cascade is cut';

$cut = time();
$to_middle->cut;
$burst = Replwatch::burst($primary);
is_stale_since($leaf, $cut - 1, $burst->{end}, 'cut off, the leaf');
staleness_when($middle, 'the middle is fresh', fresh_of('primary'));
$to_middle->mend;
all_fresh('mended');

note '6. the line is silent';

# What was told last gets older.  Once it counts no more, the staleness is one
# towards the upstream server.
my $port = Process::child($middle, 'replwatch port');
Process::stop($port);
$stopped = time();
my ($looks, %wrong) = (0);
while (time() < $stopped + $apart)
{
	$seen = staleness($leaf);
	$looks++;
	$wrong{"$seen->{staleness} after " . ($seen->{begin} - $stopped)}++
	  if $seen->{of} eq 'primary'
	  && $seen->{staleness} <
	  $seen->{begin} - $stopped - $Replwatch::tolerance;
	sleep(0.1);
}
note "$looks looks";
is_deeply([ keys %wrong ], [], 'it is never fresher than what was told');
kill('CONT', $port);
all_fresh('told again');

note '7. no line';

my %port = map { $_->name => Port::of($_) } $middle, $leaf;
my $upstream = fresh_of('upstream');

Replwatch::set($leaf, 'replwatch.port = 0');
$seen = staleness_when($leaf, 'the leaf has no port', $upstream);
is($seen->{line}, 'off', 'no port here: there is no line');
Replwatch::set($leaf, "replwatch.port = $port{leaf}");
all_fresh('with a port');

Replwatch::set($leaf, "replwatch.upstream_port = $port{leaf}");
$seen = staleness_when($leaf, 'the leaf asks the wrong port',
	sub { $_[0]->{line} eq 'refused' && $upstream->(@_) });
is($seen->{of}, 'upstream', 'another port: the line is refused');
Replwatch::set($leaf, "replwatch.upstream_port = $port{middle}");
all_fresh('with the right port');

# What the middle does not know, the one below it does not know either.
Replwatch::set($middle, "replwatch.upstream_port = $port{middle}");
staleness_when($middle, 'the middle has no line', $upstream);
$seen = staleness_when($leaf, 'the leaf is told', $upstream);
is($seen->{line}, 'up', 'no line above: its own is up');

kill('CONT', $writer);

note '8. another primary, of which the cascade does not know';

# Over a new connection it first gets the rest of its own timeline.  The end of that
# is not the end of its upstream server's WAL.
Replwatch::wait_replayed($primary, $_) foreach $middle, $leaf;
$to_middle->cut;
kill('TERM', Replwatch::value($leaf, 'SELECT pid FROM pg_stat_wal_receiver'));
Replwatch::burst($primary, 300000);
Replwatch::wait_replayed($primary, $middle);
$primary->stop;
$middle->promote;
$burst = Replwatch::burst($middle);
my $end = Replwatch::value($middle, 'SELECT pg_current_wal_lsn()');
sleep($apart);
$to_middle->mend;
($looks, %wrong) = (0);
my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
while (time() < $limit)
{
	$seen = staleness($leaf);
	my ($followed) = Replwatch::rows($client{leaf},
		"SELECT pg_last_wal_replay_lsn() >= '$end'");

	last if $followed->[0] eq 't';
	$looks++;
	$wrong{"$seen->{staleness} of $seen->{of}"}++
	  if defined $seen->{staleness}
	  && $seen->{staleness} < $seen->{begin} - $burst->{end};
}
cmp_ok(time(), '<', $limit, 'the cascade has followed');
note "$looks looks";
is_deeply([ keys %wrong ],
	[], 'the end of its timeline is not taken for the end of WAL');
done_testing();
