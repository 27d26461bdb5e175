# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

Replwatch - servers with replwatch, and looks at what it says of them

=head1 SYNOPSIS

  use lib 't/lib';
  use Replwatch;

  my $primary = Replwatch::primary('primary', 'wal_keep_size = 64MB');
  my $standby = Replwatch::standby($primary, 'replica1');

  my $burst = Replwatch::burst($primary);
  my $row = Replwatch::status($primary, 'replica1');
  is($row->{state}, 'streaming', 'it streams');
  Replwatch::lag_is_true($primary, 'replica1', $burst, 'paused replay');

=cut

package Replwatch;

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process ();
use Session ();
use StateFile ();
use Test::More;
use Time::HiRes qw(time sleep);
use Time::Local qw(timegm);

# By how many seconds a lag may be off where the lie that a test guards against
# is five seconds and more off: on a busy machine the sampler comes late.
our $tolerance = 3.5;

# Names of the columns of replwatch_status(), in order.
our @columns = qw(name link kind state health reason_code reason lag_bytes lag
  lag_bound catchup last_seen sent_lsn write_lsn flush_lsn replay_lsn
  write_lag flush_lag replay_lag sync_priority sync_state reply_time pid
  usesysid usename application_name client_addr client_hostname client_port
  backend_start backend_xmin slot_name database slot_synced restart_lsn
  confirmed_flush_lsn wal_status safe_wal_size retained_bytes slot_time_left
  slot_xmin_age inactive_since invalidation_reason);

# A started primary with the library and the extension.  Further arguments
# are lines for postgresql.conf.
sub primary
{
	my ($name, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', join("\n", (
				"shared_preload_libraries = 'replwatch'",
				"replwatch.known_after = 1",
				"autovacuum = off",
				@conf)) . "\n");
	$node->start;
	$node->safe_psql('postgres',
		'CREATE EXTENSION replwatch; CREATE TABLE burst (t text)');

	# Whoever reads a new row first marks it as committed, and that may be WAL:
	# what looks at a replica's lag must not add to it.
	$node->safe_psql('postgres', 'VACUUM FREEZE');
	return $node;
}

# A started standby of $upstream, known there as $name by its
# application_name, or by a slot of that name with slot => 1.  Without
# start => 0 it is waited for until it streams.  conf => [lines].
sub standby
{
	my ($upstream, $name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $backup = "backup_$name";

	$upstream->backup($backup);
	$node->init_from_backup($upstream, $backup, has_streaming => 1);
	connect_to($node, $upstream, $name);
	if ($params{slot})
	{
		$upstream->safe_psql('postgres',
			"SELECT pg_create_physical_replication_slot('$name', true)");
		$node->append_conf('postgresql.conf', "primary_slot_name = '$name'\n");
	}
	$node->append_conf('postgresql.conf',
		join("\n", @{ $params{conf} // [] }) . "\n");
	return $node if exists $params{start} && !$params{start};

	$node->start;
	# Before its first reply it is no replica yet.
	wait_until($upstream,
		"SELECT state = 'streaming' AND replay_lsn IS NOT NULL FROM replwatch_status() WHERE name = '$name' AND link = 'downstream'",
		"$name streams");

	# A replica is known, and will be missed, once a worker has seen it.
	wait_sampled($upstream)
	  if value($upstream, 'SELECT worker_state FROM replwatch_node()') eq
	  'running';
	return $node;
}

# Make $node a standby of $upstream under the application_name $name.  Takes
# effect at its next start or reload.
sub connect_to
{
	my ($node, $upstream, $name) = @_;
	my $conninfo = $upstream->connstr . " application_name=$name";

	$conninfo =~ s/'/''/g;
	$node->append_conf('postgresql.conf',
		"primary_conninfo = '$conninfo'\n");
	return;
}

# Start a client program of the server, such as pg_receivewal, under its own
# application_name.  Returns its IPC::Run handle; the caller ends it.
sub start_client
{
	my (@command) = @_;

	local %ENV = %ENV;
	delete $ENV{PGAPPNAME};
	return IPC::Run::start(\@command, '<', \undef, '>', '/dev/null',
		'2>', '/dev/null');
}

# The rows that a query returns, each an array of texts, undef for NULL; dies
# if there is an error.  $node is a server or, for who looks again and again, a
# Session with it: to start psql or a backend takes many times as long as most
# queries do.
sub rows
{
	my ($node, $query) = @_;
	my $client = $node->isa('Session') ? $node : Session->new($node);
	my $answer = $client->query($query);

	die "$query: " . Session::verdict($answer)
	  if $answer->{state} || $answer->{closed};
	return @{ $answer->{rows} };
}

# The one value that a query returns, undef for NULL or no row; dies if there is
# an error.
sub value
{
	my ($node, $query) = @_;
	my ($row) = rows($node, $query);

	return $row ? $row->[0] : undef;
}

# Wait for a query to return true, or die saying for what was waited.  Goes on
# while the server can't be reached, or says that there is an error.
sub wait_until
{
	my ($node, $query, $what) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my ($client, $seen);

	while (1)
	{
		eval {
			$client //= Session->new($node);

			my $answer = $client->query($query);

			$seen = Session::verdict($answer);
			undef $client if $answer->{closed};
			1;
		} or ($seen, $client) = ($@, undef);
		return if $seen eq 't';
		last if time() >= $limit;
		sleep(0.05);
	}
	diag("$query: $seen");
	die "timed out waiting until $what";
}

# Wait until the standby has replayed all that the primary has flushed now.
sub wait_replayed
{
	my ($primary, $standby) = @_;
	my $lsn = value($primary, 'SELECT pg_current_wal_flush_lsn()');

	wait_until($standby, "SELECT pg_last_wal_replay_lsn() >= '$lsn'",
		"$lsn is replayed");
	return;
}

# Wait until the worker has taken a sample that began after now.  The time of a
# sample is that of its end, so it is the second one that ends after now, or the
# one of a higher number.
sub wait_sampled
{
	my ($node, $number) = @_;

	for (1 .. $number // 2)
	{
		my $now = value($node, "SELECT clock_timestamp() + interval '1 ms'");

		wait_until($node,
			"SELECT last_sample > '$now' FROM replwatch_node()",
			"a sample is taken after $now");
	}
	return;
}

# Wait until the workers of these servers have saved both of their files, as of
# now or later.  A reload has them save; what the first save is of may have been
# looked at before now.
sub wait_saved
{
	my (@nodes) = @_;

	for (1, 2)
	{
		my %since = map { $_->name => now($_) } @nodes;

		$_->reload foreach @nodes;
		foreach my $node (@nodes)
		{
			wait_file_saved($node, $_, $since{ $node->name })
			  foreach StateFile::history_path($node), StateFile::path($node);
		}
	}
	return;
}

# Wait until a file of $node is one that was saved after $since, seconds since
# 1970.
sub wait_file_saved
{
	my ($node, $file, $since) = @_;

	Process::until_true("$file is saved",
		sub { (StateFile::saved_at($file) // 0) > $since });
	return;
}

# What time it is by the clock of $node, in seconds since 1970: for comparing
# with what it says was when.
sub now
{
	my ($node) = @_;

	return value($node, 'SELECT extract(epoch FROM clock_timestamp())');
}

# When $node logged the lines that match, from an offset of its log on, in seconds
# since 1970.  Its log_timezone is to be UTC.
sub logged_at
{
	my ($node, $pattern, $offset) = @_;
	my @times;

	foreach my $line (split /\n/, slurp_file($node->logfile, $offset))
	{
		next if $line !~ $pattern;
		my ($year, $month, @rest) =
		  $line =~ /^(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)(\.\d+) UTC /
		  or die "no time: $line";
		my $fraction = pop @rest;

		push @times, timegm(reverse(@rest), $month - 1, $year) + $fraction;
	}
	return @times;
}

# The pid of the sampling worker of $node, as it says.
sub worker_pid
{
	my ($node) = @_;

	return value($node, 'SELECT worker_pid FROM replwatch_node()');
}

# When the history of $node begins, in seconds since 1970.
sub history_start
{
	my ($node) = @_;

	return value($node,
		'SELECT extract(epoch FROM history_start) FROM replwatch_node()');
}

# How far a primary has flushed.
sub flushed
{
	my ($node) = @_;

	return value($node, 'SELECT pg_current_wal_flush_lsn()');
}

# replwatch_lsn_time() in seconds since 1970; undef for NULL.
sub lsn_time
{
	my ($node, $lsn) = @_;

	return value($node,
		"SELECT extract(epoch FROM replwatch_lsn_time('$lsn'))");
}

# Change settings of $node while it runs, by lines for postgresql.conf, and wait
# until all processes have been told; dies if they are wrong.
sub set
{
	my ($node, @lines) = @_;
	my $since = now($node);

	$node->append_conf('postgresql.conf', join("\n", @lines) . "\n");
	my $errors = join ', ', map { $_->[0] } rows($node,
		"SELECT concat_ws(' ', sourceline, name, error) FROM pg_file_settings WHERE error IS NOT NULL"
	);
	die "bad settings: $errors" if $errors ne '';
	$node->reload;

	# The postmaster tells its children before it lets anybody in again.
	wait_until(
		$node,
		"SELECT extract(epoch FROM pg_conf_load_time()) > $since",
		'the settings are in force');
	now($node);
	return;
}

# Stop the background writer of $node, which writes a record of its own accord now
# and then, where it sleeps and holds no lock.  Returns its pid; SIGCONT lets it go
# on.
sub stop_background_writer
{
	my ($node) = @_;
	my $pid = process($node, 'background writer');

	stop_quietly(
		$node,
		$pid,
		"SELECT 1 FROM pg_stat_activity WHERE pid = $pid AND wait_event ILIKE 'bgwriter%'"
	);
	return $pid;
}

# Stop the sampling worker of $node likewise: others can ask for what it keeps.
sub stop_sampler
{
	my ($node) = @_;
	my $pid = Process::child($node, 'replwatch sampler');

	stop_quietly($node, $pid,
		'SELECT count(*) FROM replwatch_node(), replwatch_status(), replwatch_alerts()'
	);
	return $pid;
}

# Stop a process of $node at a moment at which this query is answered, and with a
# row; else it goes on, and is stopped again.
sub stop_quietly
{
	my ($node, $pid, $query) = @_;
	my $client = Session->new($node);

	Process::until_true(
		"process $pid is stopped, and in nobody's way",
		sub {
			Process::stop($pid);
			$client->ask($query);

			my $answered = Process::readable($client->socket, 3);

			kill('CONT', $pid) if !$answered;
			return 1 if @{ $client->answer->{rows} } && $answered;
			kill('CONT', $pid);
			return 0;
		});
	return;
}

# One row of replwatch_status() as a hash of column to text, undef for NULL;
# lag, catchup and slot_time_left in seconds.  $link is downstream, unless
# given as upstream.  undef if there is no such row; dies if there are
# several.
sub status
{
	my ($node, $name, $link) = @_;
	my @rows = grep { ($_->{name} // '') eq $name } statuses($node, $link);

	die "several rows are named $name" if @rows > 1;
	return $rows[0];
}

# All rows of replwatch_status(), in order.
sub statuses
{
	my ($node, $link) = @_;
	my @rows;
	my $list = join ', ', map {
		/^(lag|catchup|slot_time_left)$/
		  ? "extract(epoch FROM $_)"
		  : $_
	} @columns;
	my $where = "link = '" . ($link // 'downstream') . "'";

	foreach my $values (
		rows(
			$node,
			"SELECT $list FROM replwatch_status() WHERE $where OR link IS NULL"
		))
	{
		my %row;
		@row{@columns} = @$values;
		push @rows, \%row;
	}
	return @rows;
}

# Pause replay on $standby, a direct one of $primary, where it has replayed all
# that there is: the next byte that is written is the first that it misses.
# What the server writes of its own accord in the meantime, now and then the
# background writer does, is replayed first.
sub pause_replay
{
	my ($primary, $standby) = @_;

	for my $try (1 .. 10)
	{
		wait_replayed($primary, $standby);
		value($standby, 'SELECT pg_wal_replay_pause()');
		wait_until($standby,
			"SELECT pg_get_wal_replay_pause_state() = 'paused'",
			'replay is paused');
		return if replayed_all($primary, $standby);
		value($standby, 'SELECT pg_wal_replay_resume()');
	}
	die 'something is written all the time';
}

# Has $standby replayed all that $primary has flushed?
sub replayed_all
{
	my ($primary, $standby) = @_;
	my $lsn = value($primary, 'SELECT pg_current_wal_flush_lsn()');

	return value($standby, "SELECT pg_last_wal_replay_lsn() = '$lsn'") eq 't';
}

# Wait until the row of $name fits, and return it; or die saying for what was
# waited.  $fits is a sub that is given the row, while there is one.  Looks for
# $seconds, if given, else as long as the framework waits.
sub row_when
{
	my ($node, $name, $link, $what, $fits, $seconds) = @_;
	my $limit =
	  time() + ($seconds // $PostgreSQL::Test::Utils::timeout_default);
	my $client = Session->new($node);
	my $row;

	while (1)
	{
		my @rows =
		  grep { ($_->{name} // '') eq $name } statuses($client, $link);

		# While the replica of a slot connects both have a row of one name.
		$row = $rows[0];
		return $row if @rows == 1 && $fits->($row);
		last if time() >= $limit;
		sleep(0.2);
	}
	diag(defined $row ? explain($row) : "no row is named $name");
	die "timed out waiting until $what";
}

# Wait until the row of $name says that nothing is missing, and return it.
sub row_when_current
{
	my ($node, $name, $link) = @_;

	return row_when($node, $name, $link, "$name is current",
		sub { ($_[0]->{lag} // 1) == 0 && $_[0]->{lag_bound} eq 'exact' });
}

# The process of this backend_type on $node; dies if there is not just one.
sub process
{
	my ($node, $type) = @_;
	my @pids = map { $_->[0] } rows($node,
		"SELECT pid FROM pg_stat_activity WHERE backend_type = '$type'");

	die "no single process is a $type: @pids" if @pids != 1;
	return $pids[0];
}

# Write something that reaches the disk at once.  Returns when the write began
# and ended, for lag_is_true.
sub burst
{
	my ($node, $rows) = @_;
	my %burst;

	$rows //= 100;
	$burst{start} = time();
	value($node,
		"INSERT INTO burst SELECT repeat('x', 100) FROM generate_series(1, $rows)"
	);
	$burst{end} = time();
	return \%burst;
}

# Write on $node up to this LSN and beyond.
sub write_beyond
{
	my ($node, $lsn) = @_;
	my $client = Session->new($node);

	burst($client, 1000)
	  while value($client, "SELECT pg_current_wal_flush_lsn() < '$lsn'") eq 't';
	return;
}

# Give a standby another primary_conninfo.
sub set_upstream
{
	my ($node, $conninfo) = @_;

	$conninfo =~ s/'/''/g;
	$node->safe_psql('postgres',
		"ALTER SYSTEM SET primary_conninfo = '$conninfo'");
	$node->reload;
	return;
}

# A burst that was just written, as $standby knows it: between the beginning of
# the write and the moment at which all of it was seen to have arrived there.
# The way there is not part of a lag.
sub arrived
{
	my ($burst, $primary, $standby) = @_;
	my $lsn = value($primary, 'SELECT pg_current_wal_flush_lsn()');

	wait_until($standby, "SELECT pg_last_wal_receive_lsn() >= '$lsn'",
		"$lsn is received");
	return { start => $burst->{start}, end => time() };
}

# Is the time lag that $node shows the age of $burst, whose first byte is the
# first that the replica has not replayed?  Looks once it is six seconds old, by
# when the usual lies are that far off.  Returns the row.
sub lag_is_true
{
	my ($node, $name, $burst, $what, $link) = @_;

	my $rest = $burst->{end} + 6 - time();
	sleep($rest) if $rest > 0;

	my $begin = time();
	my $row = status($node, $name, $link);
	my $end = time();
	is_between(
		$row->{lag},
		$begin - $burst->{end},
		$end - $burst->{start},
		"$what: the lag is true");
	return $row;
}

# Is $seen, in seconds, between these two, give or take $tolerance?
sub is_between
{
	my ($seen, $least, $most, $what) = @_;

	return ok(
		defined $seen
		  && $seen >= $least - $tolerance
		  && $seen <= $most + $tolerance,
		$what)
	  || diag(sprintf '%s should be between %.3f and %.3f, give or take %.1f',
		$seen // 'NULL', $least, $most, $tolerance);
}

# Is a time of a server's between these two moments, which were taken before what
# it is of began and after a sample had seen it?  What it could be taken for is two
# seconds away.
sub is_dated
{
	my ($time, $from, $to, $what) = @_;

	local $tolerance = 1;
	return is_between($time, $from, $to, $what);
}

# How many waits on a server were in vain, and how many seconds all took that were
# not over at once, by its own clock.
sub waited
{
	my ($node) = @_;
	my ($row) = rows($node,
		'SELECT timeouts, extract(epoch FROM total_time) FROM replwatch_wait_stats()'
	);

	return @$row;
}

1;
