# Copyright (c) 2026, the replwatch authors

# The course of a lag: replwatch_history() has the worst of each ten seconds,
# so that a peak is not lost between two looks, and the trend in replwatch_lag
# draws it.  The trend is made of block characters where both the database and
# the client can have them, else of digits: a client with another encoding would
# get nothing but an error.
#
# How the points and the trend come from what is noted is shown in
# unit/history/test_chart.c.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary('primary');
foreach my $encoding ('utf8', 'latin1')
{
	$primary->safe_psql('postgres',
		"CREATE DATABASE $encoding TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'"
	);
	$primary->safe_psql($encoding, 'CREATE EXTENSION replwatch');
}
my $came = Replwatch::now($primary);
my $standby = Replwatch::standby($primary, 'replica');

# The points of replwatch_history(arguments), oldest first.
sub history
{
	my ($node, $arguments) = @_;
	my $out = $node->safe_psql(
		'postgres',
		"SELECT extract(epoch FROM at), name, lag_bytes, extract(epoch FROM lag), state
		   FROM replwatch_history($arguments)");

	return map {
		my %point;
		@point{qw(at name lag_bytes lag state)} = split /\|/, $_, -1;
		\%point
	} split /\n/, $out;
}

# The trend of a link as a client with this encoding sees it, in the bytes of
# that encoding.
sub trend
{
	my ($node, $database, $encoding, $link) = @_;

	return $node->safe_psql(
		$database,
		"SET client_encoding = '$encoding';
		 SELECT trend FROM replwatch_lag WHERE name = 'replica' AND link = '$link'"
	);
}

# The worst lag that there is in the points so far, once the worker has looked,
# in seconds.
sub worst_lag
{
	my ($node) = @_;

	Replwatch::wait_sampled($node);
	return Replwatch::value($node,
		"SELECT extract(epoch FROM max(lag)) FROM replwatch_history('replica')"
	);
}

my @looks = (
	{ node => $primary, link => 'downstream' },
	{ node => $standby, link => 'upstream' });

note '1. a lag comes and goes';

# Now and then the background writer writes a record.
my $writer = Replwatch::stop_background_writer($primary);
Replwatch::row_when_current($_->{node}, 'replica', $_->{link})
  foreach @looks;
$_->{worst_before} = worst_lag($_->{node}) foreach @looks;

my $paused = Replwatch::now($primary);
Replwatch::pause_replay($primary, $standby);
Replwatch::burst($primary);

# It is to be longer than any that there was while the replica came.
foreach my $look (@looks)
{
	Replwatch::row_when(
		$look->{node},
		'replica',
		$look->{link},
		'a lag has grown',
		sub {
			my $lag = $_[0]->{lag} // 0;
			return $lag > 3 && $lag > $look->{worst_before} + 1;
		});
	Replwatch::wait_sampled($look->{node});
	$look->{at} = Replwatch::now($look->{node});
	$look->{lag} =
	  Replwatch::status($look->{node}, 'replica', $look->{link})->{lag};
}
Replwatch::wait_sampled($_->{node}) foreach @looks;
Replwatch::value($standby, 'SELECT pg_wal_replay_resume()');
foreach my $look (@looks)
{
	Replwatch::row_when_current($look->{node}, 'replica', $look->{link});
	$look->{over} = Replwatch::now($look->{node});
}

# Each point is the worst of its ten seconds: wait for one that begins later.
Replwatch::wait_until(
	$_->{node},
	"SELECT (array_agg(lag ORDER BY at DESC))[1] = '0' FROM replwatch_history('replica')",
	'a time without a lag has a point') foreach @looks;

note '2. the points';

foreach my $look (@looks)
{
	my $node = $look->{node};
	my $name = $node->name;
	my @points = history($node, "'replica'");
	my $asked = Replwatch::now($node);
	my ($worst) = sort { ($b->{lag} || 0) <=> ($a->{lag} || 0) } @points;
	my @apart =
	  map { $points[$_]{at} - $points[ $_ - 1 ]{at} } 1 .. $#points;

	cmp_ok(scalar @points, '>=', 2, "$name: there are points");
	is_deeply([ grep { abs($_ - 10) > 0.001 } @apart ],
		[], "$name: they are ten seconds apart");
	cmp_ok(
		$points[0]{at}, '>',
		$came - 10.1,
		"$name: the first is of when the replica came");
	cmp_ok($points[-1]{at}, '<=', $asked, "$name: the last is not of later");
	is_deeply([ grep { $_->{name} ne 'replica' } @points ],
		[], "$name: they are of the replica that was asked for");
	is_deeply(
		[
			grep { $_->{at} > $paused - 10 && $_->{state} ne 'streaming' }
			  @points
		],
		[],
		"$name: it was streaming");

	# Points have hundredths of a second.
	cmp_ok(
		$worst->{lag}, '>',
		$look->{lag} - 0.02,
		"$name: the peak is there");
	cmp_ok(
		$worst->{lag},
		'<',
		$look->{lag} + $look->{over} - $look->{at} + 0.1,
		"$name: as high as it was");
	cmp_ok($worst->{lag_bytes}, '>', 100 * 100, "$name: in bytes as well");
	is($points[-1]{lag} + 0, 0, "$name: afterwards there is no lag");
	is($points[-1]{lag_bytes}, 0, "$name: nor is there in bytes");
}

note '3. what is asked for';

is(scalar(history($primary, "'nobody'")), 0, 'an unknown name has no points');
is_deeply(
	[ map { $_->{name} } history($primary, '') ],
	[ map { $_->{name} } history($primary, "'replica'") ],
	'without a name all replicas have points');

# The step that goes on has a point once the worker has looked; then nothing is to
# change while these are compared.
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 FROM replwatch_history('replica', '0')",
	'an empty interval has the present point');
my $sampler = Replwatch::stop_sampler($primary);
is( scalar(history($primary, "'replica', NULL")),
	scalar(history($primary, "'replica', '1 hour'")),
	'a time of NULL is an hour');
is( scalar(history($primary, "'replica', '1000 years'")),
	scalar(history($primary, "'replica', '1 day'")),
	'no point is older than a day');
kill('CONT', $sampler);

foreach my $since ('-1 s', '-1 month', '1 day -25 hours')
{
	my ($status, undef, $error) = $primary->psql(
		'postgres',
		"\\set VERBOSITY verbose
		 SELECT * FROM replwatch_history(NULL, '$since')");

	isnt($status, 0, "a time of $since is refused");
	like(
		$error,
		qr/ERROR:  22023: since must not be negative/,
		"a time of $since: by this message");
}

note '4. the trend';

# The last steps may be so young that nothing is noted in them yet.
foreach my $look (@looks)
{
	my ($node, $link) = @$look{qw(node link)};
	my $what = 'seen from the ' . $node->name;

	# U+2581, lower one eighth block, to U+2588, full block
	like(
		trend($node, 'utf8', 'UTF8', $link),
		qr/^(\xE2\x96[\x81-\x88])*\xE2\x96\x88(\xE2\x96[\x81-\x88])*\xE2\x96[\x81\x82] *$/,
		"$what: blocks, a full one at the peak, a low one at the end");
	like(trend($node, 'utf8', 'LATIN1', $link),
		qr/^[0-7]*7[0-7]*[01] *$/,
		"$what: digits where the client does not use UTF8");
	like(trend($node, 'latin1', 'UTF8', $link),
		qr/^[0-7]*7[0-7]*[01] *$/,
		"$what: digits where the database does not use it");
}

note '5. the replica goes';

kill 'CONT', $writer;
$standby->stop;
Replwatch::wait_until(
	$primary,
	"SELECT (array_agg(state ORDER BY at DESC))[1] = 'missing'
	   FROM replwatch_history('replica')",
	'the newest point says that it is missing');
my @before = grep { $_->{state} ne 'missing' } history($primary, "'replica'");
is($before[-1]{state}, 'streaming', 'the points before say that it was not');

done_testing();
