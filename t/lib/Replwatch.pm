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

# By how many seconds a lag may be off in tests against errors of five seconds and
# more: on a busy machine the sampler may be late.
our $tolerance = 3.5;

# Names of the columns of replwatch_status(), in order.
our @columns = qw(name link kind state health reason_code reason lag_bytes lag
  lag_bound catchup last_seen sent_lsn write_lsn flush_lsn replay_lsn
  write_lag flush_lag replay_lag sync_priority sync_state reply_time pid
  usesysid usename application_name client_addr client_hostname client_port
  backend_start backend_xmin slot_name database slot_synced restart_lsn
  confirmed_flush_lsn wal_status safe_wal_size retained_bytes slot_time_left
  slot_xmin_age inactive_since invalidation_reason reported_at);

# Start a primary with the library and the extension.  Further arguments are
# lines for postgresql.conf.
sub primary
{
	my ($name, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', join("\n", (
				"shared_preload_libraries = 'replwatch'",
				"replwatch.known_after = 1",
				"autovacuum = off",
				# However little is free where the tests run.
				"replwatch.wal_disk_free = 0",
				"replwatch.wal_disk_time_left = 0",
				@conf)) . "\n");
	$node->start;
	$node->safe_psql('postgres',
		'CREATE EXTENSION replwatch; CREATE TABLE burst (t text)');

	# The first reader of a new row sets its hint bits, which may write WAL: a
	# query that looks at a replica's lag must not add to it.
	$node->safe_psql('postgres', 'VACUUM FREEZE');
	return $node;
}

# Start a standby of $upstream, known there as $name by its application_name, or
# by a slot of that name with slot => 1, and wait until it streams; with
# start => 0 only make it.  conf => [lines].
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
	# Only a standby that has replied is a replica.
	wait_until($upstream,
		"SELECT state = 'streaming' AND replay_lsn IS NOT NULL FROM replwatch_status() WHERE name = '$name' AND link = 'downstream'",
		"$name streams");

	# A replica is known once a worker has seen it.
	wait_sampled($upstream)
	  if value($upstream, 'SELECT worker_state FROM replwatch_node()') eq
	  'running';
	return $node;
}

# The identifier of a server's system, as it begins its commit tokens.
sub system_of
{
	my ($node) = @_;

	return $node->{replwatch_system} //= value($node,
		"SELECT lpad(to_hex(system_identifier), 16, '0') FROM pg_control_system()");
}

# The commit token of an LSN, on a timeline of a server's system.
sub token
{
	my ($node, $timeline, $lsn) = @_;

	return sprintf('%s:%08X:%08X/%08X',
		system_of($node), $timeline, map { hex } split m{/}, $lsn);
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
# on an error.  $node is a server or, for repeated queries, a Session with it:
# starting psql or a backend takes many times as long as most queries.
sub rows
{
	my ($node, $query) = @_;
	my $client = $node->isa('Session') ? $node : Session->new($node);
	my $answer = $client->query($query);

	die "$query: " . Session::verdict($answer)
	  if $answer->{state} || $answer->{closed};
	return @{ $answer->{rows} };
}

# The one value that a query returns, undef for NULL or no row; dies on an error.
sub value
{
	my ($node, $query) = @_;
	my ($row) = rows($node, $query);

	return $row ? $row->[0] : undef;
}

# Wait for a query to return true; dies with $what at the time limit.  Goes on
# while the server cannot be reached, or reports an error.
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

# Wait until the standby has replayed all WAL that the primary has flushed by now.
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
# now or later.  A reload makes them save; the first save may still be of a sample
# from before.
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

# Wait until a file of $node was saved after $since, in seconds since 1970.
sub wait_file_saved
{
	my ($node, $file, $since) = @_;

	Process::until_true("$file is saved",
		sub { (StateFile::saved_at($file) // 0) > $since });
	return;
}

# The time by the clock of $node, in seconds since 1970, for comparing with times
# that it reports.
sub now
{
	my ($node) = @_;

	return value($node, 'SELECT extract(epoch FROM clock_timestamp())');
}

# The times of matching lines in the log of $node, from an offset on, in seconds
# since 1970.  Its log_timezone has to be UTC.
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

# The pid of the sampling worker of $node, as replwatch_node() shows it.
sub worker_pid
{
	my ($node) = @_;

	return value($node, 'SELECT worker_pid FROM replwatch_node()');
}

# The beginning of the history of $node, in seconds since 1970.
sub history_start
{
	my ($node) = @_;

	return value($node,
		'SELECT extract(epoch FROM history_start) FROM replwatch_node()');
}

# The flush LSN of a primary.
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
# until all processes have been signaled; dies if the settings are wrong.
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

	# The postmaster signals its children before it accepts new connections.
	wait_until(
		$node,
		"SELECT extract(epoch FROM pg_conf_load_time()) > $since",
		'the settings are in force');
	now($node);
	return;
}

# Stop the background writer of $node, which writes a record every now and then,
# while it sleeps and holds no lock.  Returns its pid; SIGCONT resumes it.
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

# Stop the sampling worker of $node while it holds no lock of replwatch.
sub stop_sampler
{
	my ($node) = @_;
	my $pid = Process::child($node, 'replwatch sampler');

	stop_quietly($node, $pid,
		'SELECT count(*) FROM replwatch_node(), replwatch_status(), replwatch_alerts()'
	);
	return $pid;
}

# Stop a process of $node at a moment when this query returns a row; if it does not,
# resume the process and stop it again.
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
# lag, catchup and slot_time_left in seconds.  $link is downstream by default, or
# upstream.  undef if there is no such row; dies if there are several.
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

# Pause replay on $standby, a direct standby of $primary, when it has replayed all
# WAL, so that the next byte written is the first that it misses.  WAL that the
# server writes by itself meanwhile, as the background writer does, is replayed
# first.
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
	die 'WAL is written all the time';
}

# Has $standby replayed all that $primary has flushed?
sub replayed_all
{
	my ($primary, $standby) = @_;
	my $lsn = value($primary, 'SELECT pg_current_wal_flush_lsn()');

	return value($standby, "SELECT pg_last_wal_replay_lsn() = '$lsn'") eq 't';
}

# Wait until the row of $name fits, and return it; dies with $what at the time
# limit, which is $seconds, or by default that of the framework.  $fits is a sub
# that is called with the row, if there is one.
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

		# While the replica of a slot connects, both have a row of that name.
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

# The process of this backend_type on $node; dies unless there is exactly one.
sub process
{
	my ($node, $type) = @_;
	my @pids = map { $_->[0] } rows($node,
		"SELECT pid FROM pg_stat_activity WHERE backend_type = '$type'");

	die "no single process is a $type: @pids" if @pids != 1;
	return $pids[0];
}

# Write something that is flushed at once.  Returns the times at which the write
# began and ended, for lag_is_true.
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

# Write on $node until this LSN is passed.
sub write_beyond
{
	my ($node, $lsn) = @_;
	my $client = Session->new($node);

	burst($client, 1000)
	  while value($client, "SELECT pg_current_wal_flush_lsn() < '$lsn'") eq 't';
	return;
}

# Change the primary_conninfo of a standby.
sub set_upstream
{
	my ($node, $conninfo) = @_;

	$conninfo =~ s/'/''/g;
	$node->safe_psql('postgres',
		"ALTER SYSTEM SET primary_conninfo = '$conninfo'");
	$node->reload;
	return;
}

# The times of a burst that was just written, for $standby: from the beginning of
# the write to the moment at which all of it was seen to have arrived there.
# Transit is not part of a lag.
sub arrived
{
	my ($burst, $primary, $standby) = @_;
	my $lsn = value($primary, 'SELECT pg_current_wal_flush_lsn()');

	wait_until($standby, "SELECT pg_last_wal_receive_lsn() >= '$lsn'",
		"$lsn is received");
	return { start => $burst->{start}, end => time() };
}

# Check that the time lag that $node shows is the age of $burst, whose first byte is
# the first that the replica has not replayed.  Checks when the burst is six seconds
# old, so that the usual wrong figures are that far off.  Returns the row.
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

# Check that $seen, in seconds, is between these two, give or take $tolerance.
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

# Check that a time of a server's is between these two moments, the first before
# the event and the second after a sample had seen it.  Wrong times would be two
# seconds off.
sub is_dated
{
	my ($time, $from, $to, $what) = @_;

	local $tolerance = 1;
	return is_between($time, $from, $to, $what);
}

# The number of waits on a server that timed out, and the total seconds of those
# that did not end at once, by its own clock.
sub waited
{
	my ($node) = @_;
	my ($row) = rows($node,
		'SELECT timeouts, extract(epoch FROM total_time) FROM replwatch_wait_stats()'
	);

	return @$row;
}

1;
