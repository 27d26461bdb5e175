# Copyright (c) 2026, the replwatch authors

# A dead link and an idle primary look alike to a standby: nothing comes.
# Where the primary tends its walsenders a standby knows better within five
# seconds, whatever end of the link has died, and its own row says so: the lag
# is bounded by the age of the last message.
#
# Three standbys of one primary, each cut off in a way of its own, all of them
# so that the connection stays open; then all of them by the primary's end.

use strict;
use warnings;

use lib 't/lib';
use Relay;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $primary = Replwatch::primary('primary');
my %standby =
  map { $_ => Replwatch::standby($primary, $_) } qw(sender receiver line);

my $line = Relay->new($primary);
$standby{line}->append_conf('postgresql.conf',
	"primary_conninfo = '" . $line->connstr . " application_name=line'\n");
$standby{line}->restart;
Replwatch::wait_until(
	$primary,
	"SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'line'",
	'line streams');

# The end of the link that is stopped and continued, by standby.
my %process = (
	sender => Replwatch::status($primary, 'sender')->{pid},
	receiver => Replwatch::process($standby{receiver}, 'walreceiver'));

# For how many seconds nothing real can have come before a link is cut: a
# tended standby hears something each second, or at the worst the second
# after.
my $pulse = 2.2;

# Wait until the standby is current.
sub current
{
	my ($name) = @_;

	return Replwatch::row_when_current($standby{$name}, $name, 'upstream');
}

# When did the standby hear from its primary, in seconds since 1970?
sub heard
{
	my ($name) = @_;

	return $standby{$name}->safe_psql(
		'postgres',
		"SELECT extract(epoch FROM last_seen)
		   FROM replwatch_status() WHERE link = 'upstream' AND name = '$name'"
	);
}

note '1. a link is cut while nothing is written';

my %receiver =
  map { $_ => Replwatch::process($standby{$_}, 'walreceiver') } keys %standby;

# For a while nothing is written: that is the case that this is about.
sleep(6);
current($_) foreach keys %standby;

my $cut = time();
kill('STOP', $process{sender}, $process{receiver}) == 2
  or die "could not stop processes: $!";
$line->cut;

my (%row, %heard);
foreach my $name (sort keys %standby)
{
	$row{$name} = eval {
		Replwatch::row_when(
			$standby{$name},
			$name,
			'upstream',
			"$name notices",
			sub { ($_[0]->{reason_code} // '') eq 'upstream_silent' },
			$cut + 5 - time());
	};
	ok($row{$name},
		"$name: the row says within five seconds that no message comes")
	  or next;
	$heard{$name} = heard($name);
	is($row{$name}{state}, 'streaming',
		"$name: the connection is still open");
	is($row{$name}{lag_bound}, 'at most', "$name: the lag is a bound");
	is($row{$name}{lag_bytes}, '0', "$name: no WAL is known to be missing");
	like(
		$row{$name}{reason},
		qr/^no message from upstream for \d+ s$/,
		"$name: the reason says for how long");
}

note '2. it grows';

sleep(2);
foreach my $name (sort keys %standby)
{
	my $begin = time();
	my $row = Replwatch::status($standby{$name}, $name, 'upstream');
	my $end = time();

	cmp_ok(
		$row->{lag}, '>=',
		$begin - $cut - 0.1,
		"$name: nothing can be staler than the lag");
	cmp_ok(
		$row->{lag}, '<=',
		$end - $cut + $pulse,
		"$name: the lag is not longer than nothing came");
	cmp_ok(heard($name) - $heard{$name},
		'<', 0.01, "$name: the last message is still the last one");
}

note '3. a link works again';

kill('CONT', $process{sender}, $process{receiver}) == 2
  or die "could not continue processes: $!";
$line->mend;

foreach my $name (sort keys %standby)
{
	my $row = current($name);

	is($row->{reason_code}, undef, "$name: there is no reason any more");
	is($row->{pid}, $receiver{$name}, "$name: it is the same connection");
}

note '4. the primary goes';

# Each walreceiver that starts stamps its figures with its own time.  That
# must not pass for a message, so many of them are to start.  What counts is
# the last message that the worker has seen, so it has to look once more.
Replwatch::wait_sampled($_) foreach values %standby;
my $stop_begin = time();
$primary->stop;
my $stop_end = time();

Replwatch::row_when(
	$standby{$_}, $_, 'upstream',
	"$_ is disconnected",
	sub { $_[0]->{state} ne 'streaming' }) foreach sort keys %standby;

# Some attempts to connect fail: the time of that is the subject.
my $rest = $stop_end + 5 - time();
sleep($rest) if $rest > 0;

foreach my $name (sort keys %standby)
{
	my $begin = time();
	my $row = Replwatch::status($standby{$name}, $name, 'upstream');
	my $end = time();

	like(
		$row->{state},
		qr/^(disconnected|connecting)$/,
		"$name: without the primary there is no connection");
	is($row->{reason_code}, 'receiver_down', "$name: the reason says so");
	is($row->{lag_bound}, 'at most', "$name: the lag is a bound");
	cmp_ok(
		$row->{lag}, '>=',
		$begin - $stop_end - 0.1,
		"$name: the lag grows from when the primary went");
	cmp_ok(
		$row->{lag}, '<=',
		$end - $stop_begin + $pulse,
		"$name: the lag is not longer than nothing came");
}

$primary->start;
foreach my $name (sort keys %standby)
{
	is(current($name)->{state},
		'streaming', "$name: it streams again and nothing is missing");
}

done_testing();
