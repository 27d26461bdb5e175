# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Alerts - what a server says of its alerts, in the log and by SQL

=head1 SYNOPSIS

  use lib 't/lib';
  use Alerts;
  use Replwatch;

  my $row = Alerts::alert_when($primary, 'replica_lag', 'replica1',
	  'critical', 'the replica is far behind');
  my ($event) = Alerts::log_events($primary, 'replica_lag', 'replica1');
  is($event->{change}, 'raised', 'it was raised');
  is(Alerts::story($primary, 'replica_lag', 'replica1'),
	  'raised warning, escalated critical', 'and has got worse since');
  Alerts::agree($primary, 'the log and SQL say the same');

=cut

package Alerts;

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Replwatch ();
use Session ();
use Test::More;
use Time::HiRes qw(time sleep);

# Names of the columns of replwatch_alerts(), in order.
our @columns = qw(alert severity subject state raised_at changed_at cleared_at
  value threshold detail);

# The log entries about alerts on $node, oldest first: of all alerts, of one, or
# of one for one subject.  Each is a hash of
#	change		raised, escalated, still firing, eased, cleared
#	alert, subject, severity (undef when cleared)
#	after		as HH:MM:SS (still firing, cleared)
#	level		WARNING, LOG
#	detail, hint	undef if there is none
sub log_events
{
	my ($node, $alert, $subject) = @_;
	my @events;
	my $event;

	foreach my $line (split /\n/, slurp_file($node->logfile))
	{
		if ($line =~
			/ (\w+):  replication alert (raised|escalated|still firing|eased|cleared): (\w+)(?: \((\w+)\))? on "(.*)"(?: after ([\d:]+))?$/
		  )
		{
			$event = {
				level => $1,
				change => $2,
				alert => $3,
				severity => $4,
				subject => $5,
				after => $6
			};
			push @events, $event;
		}
		elsif ($event && $line =~ / (DETAIL|HINT):  (.*)$/)
		{
			$event->{ lc $1 } = $2;
		}
		else
		{
			undef $event;
		}
	}
	return grep {
			 (!defined $alert || $_->{alert} eq $alert)
		  && (!defined $subject || $_->{subject} eq $subject)
	} @events;
}

# The same as a short text: 'raised warning, escalated critical, cleared'.
sub story
{
	my ($node, $alert, $subject) = @_;

	return join ', ', map {
		join ' ',
		  grep { defined }
		  @$_{qw(change severity)}
	} log_events($node, $alert, $subject);
}

# Wait until the story of an alert is this, or matches this pattern: the log entry
# is written a moment after SQL shows the change.
sub story_is
{
	my ($node, $alert, $subject, $expected, $what) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $story;

	while (1)
	{
		$story = story($node, $alert, $subject);
		last if ref $expected ? $story =~ $expected : $story eq $expected;
		last if time() >= $limit;
		sleep(0.1);
	}
	return ref $expected
	  ? like($story, $expected, $what)
	  : is($story, $expected, $what);
}

# Check that an alert is raised with this severity, that its story in the log is
# this, and that its detail and hint match in the log, the detail in SQL, too.
# Returns the alert's row.
sub raised_with
{
	my ($node, $alert, $subject, %expected) = @_;
	my $what = $expected{what};
	my $row = alert_when($node, $alert, $subject, $expected{severity},
		"$what: the alert is raised");
	my $event;

	story_is($node, $alert, $subject, $expected{story}, "$what: in the log");
	($event) = (log_events($node, $alert, $subject))[-1];
	like($event->{detail}, $expected{detail}, "$what: the detail");
	like($event->{hint}, $expected{hint}, "$what: the hint");
	like($row->{detail}, $expected{detail}, "$what: the detail in SQL");
	return $row;
}

# The rows of replwatch_alerts(), in order, as hashes of column to text, undef
# for NULL; times as seconds since 1970.
sub alerts
{
	my ($node) = @_;
	my @rows;
	my $list = join ', ',
	  map { /_at$/ ? "extract(epoch FROM $_)" : $_ } @columns;

	foreach my $values (
		Replwatch::rows($node, "SELECT $list FROM replwatch_alerts()"))
	{
		my %row;
		@row{@columns} = @$values;
		push @rows, \%row;
	}
	return @rows;
}

# The row of an alert for a subject: the firing one, else the one cleared last;
# undef if there is none.
sub alert
{
	my ($node, $alert, $subject) = @_;

	return (grep { $_->{alert} eq $alert && $_->{subject} eq $subject }
		  alerts($node))[0];
}

# Wait until that row is in $state, and return it; dies with $what at the time
# limit.  $state is firing, silenced or cleared, or the severity with which it
# fires.
sub alert_when
{
	my ($node, $alert, $subject, $state, $what) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $client = Session->new($node);
	my $row;

	while (1)
	{
		$row = alert($client, $alert, $subject);
		return $row
		  if $row
		  && ($row->{state} eq $state
			|| ($row->{state} eq 'firing' && $row->{severity} eq $state));
		last if time() >= $limit;
		sleep(0.1);
	}
	diag(
		defined $row
		? explain($row)
		: "there is no $alert on $subject, only " . firing($node));
	die "timed out waiting until $what";
}

# Wait until $node knows the replicas that stream now.
sub wait_known
{
	my ($node) = @_;

	Replwatch::wait_sampled($node);
	my $since = Replwatch::value($node, 'SELECT clock_timestamp()');
	Replwatch::wait_until(
		$node,
		"SELECT clock_timestamp() > '$since'::timestamptz + current_setting('replwatch.known_after')::interval",
		'known_after has gone by');
	Replwatch::wait_sampled($node);
	return;
}

# Wait until the present state of each server was judged and reported; a sample
# was judged once the next one has ended.
sub wait_judged
{
	Replwatch::wait_sampled($_, 3) foreach @_;
	return;
}

# Wait until alert_hold has passed between two samples of $node, so that the alert
# of a lasting condition has been raised.
sub wait_held
{
	my ($node) = @_;

	Replwatch::wait_sampled($node);
	my $since = Replwatch::value($node, 'SELECT clock_timestamp()');
	Replwatch::wait_until(
		$node,
		"SELECT clock_timestamp() > '$since'::timestamptz + current_setting('replwatch.alert_hold')::interval",
		'alert_hold has gone by');
	wait_judged($node);
	return;
}

# Check that the health of a link is this, or matches this pattern, or becomes so.
sub health_is
{
	my ($node, $name, $link, $health, $what) = @_;
	my $row = Replwatch::row_when($node, $name, $link, $what,
		sub {
			ref $health
			  ? $_[0]->{health} =~ $health
			  : $_[0]->{health} eq $health;
		});

	return ref $health
	  ? like($row->{health}, $health, $what)
	  : is($row->{health}, $health, $what);
}

# Check that the detail of a log entry matches, and that the time in it, as
# HH:MM:SS, has reached the limit.
sub is_beyond
{
	my ($event, $pattern, $limit, $what) = @_;
	my ($value) = $event->{detail} =~ $pattern;

	return cmp_ok($value // '', 'ge', $limit, $what)
	  || diag($event->{detail});
}

# The line for postgresql.conf that has these overrides, by pattern.
sub overrides
{
	my (%overrides) = @_;

	return
	  "replwatch.replica_overrides = '"
	  . join('; ', map { "$_: $overrides{$_}" } sort keys %overrides) . "'";
}

# The firing alerts of $node, in order: 'replica_lag (critical) on replica1, ...'.
sub firing
{
	my ($node) = @_;

	return join ', ', map { "$_->{alert} ($_->{severity}) on $_->{subject}" }
	  grep { $_->{state} ne 'cleared' } alerts($node);
}

# Check that the whole log of $node agrees with SQL: the entries of each alert are
# consistent; the last one reported is the state that SQL shows, unless muted; and
# each cleared alert was reported, unless muted.  Leaves out subjects that were
# silenced and no longer are.
sub agree
{
	my ($node, $what, @except) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my @wrong;

	# An alert may change between the two queries.
	while (1)
	{
		@wrong = differences($node, @except);
		last if !@wrong || time() >= $limit;
		sleep(0.2);
	}
	return ok(!@wrong, $what) || diag(join "\n", @wrong);
}

# The present differences between the two.
sub differences
{
	my ($node, @except) = @_;
	my %except = map { $_ => 1 } @except;
	my @rows = grep { !$except{ $_->{subject} } } alerts($node);
	my @events = grep { !$except{ $_->{subject} } } log_events($node);
	my (%told, %cleared, @wrong);

	foreach my $event (@events)
	{
		my $key = "$event->{alert} on $event->{subject}";
		my $before = $told{$key};
		my $now = $event->{severity};
		my $change = $event->{change};
		my $fits =
			$change eq 'raised'       ? !$before
		  : !$before                  ? 0
		  : $change eq 'escalated'    ? "$before $now" eq 'warning critical'
		  : $change eq 'eased'        ? "$before $now" eq 'critical warning'
		  : $change eq 'still firing' ? $before eq $now
		  :                             1;

		push @wrong,
		  "log: $key is $change, being " . ($before // 'not raised')
		  if !$fits;
		if ($change eq 'cleared')
		{
			delete $told{$key};
			$cleared{$key}++;
		}
		else
		{
			$told{$key} = $now;
		}
	}

	foreach my $row (@rows)
	{
		my $key = "$row->{alert} on $row->{subject}";
		my $muted = $row->{state} eq 'silenced'
		  || $row->{detail} =~ /Not reported (while \w+ is firing|because \w+ (may be about to fire|has just cleared)|because it is about to clear)\.$/;

		if ($row->{state} ne 'cleared')
		{
			my $told = delete $told{$key} // 'nothing';

			push @wrong, "SQL: $key is $row->{severity}, the log says $told"
			  if !$muted && $told ne $row->{severity};
		}
		elsif ($cleared{$key})
		{
			$cleared{$key}--;
		}
		elsif (!$muted)
		{
			push @wrong, "SQL: $key was cleared, the log does not say so";
		}
	}
	push @wrong, "log: $_ is $told{$_}, and does not fire"
	  for sort keys %told;
	return @wrong;
}

1;
