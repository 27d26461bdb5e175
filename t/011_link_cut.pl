# Copyright (c) 2026, the replwatch authors

# matrix: every major

# A dead link and an idle primary look alike to a standby: nothing comes.
# Where the primary tends its walsenders a standby knows better within five
# seconds, whatever end of the link has died, and its own row says so: the lag
# is bounded by the age of the last message.
#
# Three standbys of one primary, each cut off in a way of its own, all of them
# so that the connection stays open; then all of them by the primary's end.
#
# What sends the messages sits in the walsenders, which are a thing of the major
# release.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Relay;
use Replwatch;
use Session;
use StateFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

# Nobody gives a silent link up, or asks, in the time that this takes: a standby
# that does not know that it is tended would miss nothing for half an hour.
my $primary = Replwatch::primary('primary', 'wal_sender_timeout = 1h');
my @conf =
  ('wal_receiver_timeout = 1h', 'wal_retrieve_retry_interval = 100ms');
my @names = qw(line receiver sender);
my %standby =
  map { $_ => Replwatch::standby($primary, $_, conf => \@conf) } @names;

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

# Wait until the standby is current.
sub current
{
	my ($name) = @_;

	return Replwatch::row_when_current($standby{$name}, $name, 'upstream');
}

# What the standby of a client says of its link, and what core does, with all
# times in seconds since 1970.  The look was between asked and answered.
sub look
{
	my ($client) = @_;
	my ($row) = Replwatch::rows(
		$client, q{SELECT extract(epoch FROM statement_timestamp()),
			extract(epoch FROM lag), reason_code, state, lag_bound,
			extract(epoch FROM last_seen),
			(SELECT extract(epoch FROM last_msg_receipt_time) FROM pg_stat_wal_receiver),
			extract(epoch FROM clock_timestamp())
		FROM replwatch_status() WHERE link = 'upstream'});
	my %look;

	@look{qw(asked lag reason_code state lag_bound last_seen received answered)}
	  = @$row;
	return \%look;
}

# Wait until something has come to each of the standbys so many times.
sub wait_messages
{
	my ($times, %client) = @_;
	my %heard;

	Process::until_true(
		'messages come',
		sub {
			foreach my $name (@names)
			{
				my $at = look($client{$name})->{received};
				$heard{$name}{$at} = 1 if defined $at;
			}
			return !grep { keys %{ $heard{$_} } < $times } @names;
		});
	return;
}

sub cut_links
{
	kill('STOP', $process{sender}, $process{receiver}) == 2
	  or die "could not stop processes: $!";
	$line->cut;
	return;
}

sub mend_links
{
	kill('CONT', $process{sender}, $process{receiver}) == 2
	  or die "could not continue processes: $!";
	$line->mend;
	return;
}

# Has the standby learned that it is tended?  The answer is a byte of what its
# worker saves.
sub is_tended
{
	my ($node) = @_;
	my $bytes = StateFile::read_bytes(StateFile::path($node));

	my $at = StateFile::HEADER_SIZE + StateFile::TENDED_AT;

	return ord(substr($bytes, $at, 1)) == 1;
}

note '1. a link is cut while nothing is written';

# Now and then the background writer writes a record.
my $writer = Replwatch::stop_background_writer($primary);

my %receiver =
  map { $_ => Replwatch::process($standby{$_}, 'walreceiver') } @names;
my %client = map { $_ => Session->new($standby{$_}) } @names;

# They learn that they are tended from messages that come at the right time, and
# unlearn it by one that comes a second late, as it may on a busy machine.  The
# links are to be cut while they all know it.
my $cuts = 0;
do
{
	die 'the standbys never learn that they are tended' if ++$cuts > 10;
	mend_links() if $cuts > 1;
	current($_) foreach @names;
	wait_messages(6, %client);
	cut_links();
	Replwatch::wait_saved(values %standby);
} while (grep { !is_tended($standby{$_}) } @names);

# How long nothing had come, by each standby's own clock, at the last look at
# which its row did not say so yet.
my %unnoticed = map { $_ => 0 } @names;
my %noticed;
Process::until_true(
	'all standbys notice',
	sub {
		foreach my $name (grep { !$noticed{$_} } @names)
		{
			my $look = look($client{$name});

			if (($look->{reason_code} // '') eq 'upstream_silent')
			{
				$noticed{$name} = 1;
			}
			else
			{
				$unnoticed{$name} = $look->{asked} - $look->{received};
			}
		}
		return keys %noticed == @names;
	});

foreach my $name (@names)
{
	cmp_ok($unnoticed{$name}, '<', 5,
		"$name: the row says within five seconds that no message comes");

	my $row = Replwatch::status($standby{$name}, $name, 'upstream');
	is($row->{state}, 'streaming', "$name: the connection is still open");
	is($row->{lag_bound}, 'at most', "$name: the lag is a bound");
	is($row->{lag_bytes}, '0', "$name: no WAL is known to be missing");
	like(
		$row->{reason},
		qr/^no message from upstream for \d+ s$/,
		"$name: the reason says for how long");
}

note '2. it grows';

# A lag that begins with anything later is to be told from the true one.
sleep(3);
foreach my $name (@names)
{
	my $look = look($client{$name});

	# No sample is in this.
	local $Replwatch::tolerance = 0.5;
	Replwatch::is_between(
		$look->{lag},
		$look->{asked} - $look->{received},
		$look->{answered} - $look->{received},
		"$name: the lag is the age of the last message");
}

note '3. a link works again';

mend_links();
foreach my $name (@names)
{
	my $row = current($name);

	is($row->{reason_code}, undef, "$name: there is no reason any more");
	is($row->{pid}, $receiver{$name}, "$name: it is the same connection");
}

note '4. the primary goes';

kill 'CONT', $writer;

# Each walreceiver that starts stamps its figures with its own time.  That
# must not pass for a message, so many of them are to start.  What counts is
# the last message that the worker has seen, so it has to look once more.
my %heard = map { $_ => look($client{$_})->{received} } @names;
Replwatch::wait_sampled($_) foreach values %standby;
$primary->stop;

Replwatch::row_when(
	$standby{$_}, $_, 'upstream',
	"$_ is disconnected",
	sub { $_[0]->{state} ne 'streaming' }) foreach @names;
my $gone = Replwatch::now($client{line});

my %log_end = map { $_ => -s $standby{$_}->logfile } @names;
foreach my $name (@names)
{
	Process::until_true(
		"$name has tried to connect",
		sub {
			my @failed = slurp_file($standby{$name}->logfile, $log_end{$name})
			  =~ /could not connect to the primary server/g;
			return @failed >= 5;
		});
}

foreach my $name (@names)
{
	my $look = look($client{$name});

	like(
		$look->{state},
		qr/^(disconnected|connecting)$/,
		"$name: without the primary there is no connection");
	is($look->{reason_code}, 'receiver_down', "$name: the reason says so");
	is($look->{lag_bound}, 'at most', "$name: the lag is a bound");
	cmp_ok(
		$look->{lag}, '>=',
		$look->{asked} - $gone - 0.1,
		"$name: the lag grows from when the primary went");
	cmp_ok(
		$look->{lag}, '<=',
		$look->{answered} - $heard{$name} + 0.1,
		"$name: the lag is not longer than nothing came");
}

$primary->start;
foreach my $name (@names)
{
	is(current($name)->{state},
		'streaming', "$name: it streams again and nothing is missing");
}

done_testing();
