# Copyright (c) 2026, the replwatch authors
# matrix: every major

# On a primary, too, true means that the next statement sees it.  A commit that
# has been written but cannot be seen, because it is being flushed or waits for
# a synchronous standby, holds up sessions that wait for an LSN at or beyond its
# end, in all forms of the wait, until it can be seen, however that comes.  It
# holds up no others, and no transaction leaves anything behind that does.

use strict;
use warnings;

use lib 't/lib';
use Process;
use Replwatch;
use Session qw(verdict);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

# commit_delay is of use only with fsync.
my $primary = Replwatch::primary(
	'primary',
	'max_connections = 40',
	'max_prepared_transactions = 5',
	'fsync = on',
	'commit_siblings = 0',
	'replwatch.wait_timeout = 50ms');
my $standby = Replwatch::standby($primary, 'alpha', start => 0);

$primary->safe_psql('postgres',
	'CREATE TABLE note (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)');

# In this session nothing waits for a standby.
my $admin = Session->new($primary);
$admin->query('SET synchronous_commit = local');
my $reader = Session->new($primary);

# Let commits wait for standbys of this name.  The checkpointer puts that into
# force, before it does what it is asked for next.
sub set_names
{
	my ($names) = @_;

	Replwatch::set($primary, "synchronous_standby_names = '$names'");
	$admin->query('CHECKPOINT');
	return;
}

sub insert_lsn
{
	return $admin->value('SELECT pg_current_wal_insert_lsn()');
}

# Is this row visible?
sub sees
{
	my ($n) = @_;

	return $admin->value("SELECT count(*) FROM note WHERE n = $n");
}

# A commit that nothing holds up; where it ends.
my $others = 1000;

sub commit_locally
{
	$others++;
	$admin->query("INSERT INTO note VALUES ($others)");
	return $admin->value('SELECT replwatch_commit_lsn()');
}

# The answers of a look in all forms: t, f or an error.
sub look
{
	my ($lsn) = @_;
	my $token = Replwatch::token($primary, 1, $lsn);
	my $set = $reader->query("SET replwatch.read_after = '$lsn'");
	my @verdicts = (
		verdict($reader->query("SELECT replwatch_wait_for_lsn('$lsn', '0')")),
		verdict(
			$reader->query("SELECT replwatch_wait_for_token('$token', '0')")),
		verdict($reader->query("SELECT replwatch_wait_for_lsn('$lsn')")),
		!defined $set->{state} ? 't'
		: $set->{state} eq 'RW002' ? 'f'
		: verdict($set));
	my %different = map { $_ => 1 } @verdicts;

	return join ', ', sort keys %different;
}

# A session in which this command hangs.
sub hang
{
	my ($command, @before) = @_;
	my $session = Session->new($primary);

	foreach (@before)
	{
		my $answer = $session->query($_);

		die "$_: " . verdict($answer) if $answer->{state};
	}
	$session->ask($command);
	Replwatch::wait_until($primary,
		"SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = "
		  . $session->pid,
		"$command waits for a standby");
	return $session;
}

# Sessions that wait for an LSN, in all forms.
sub begin_waits
{
	my ($lsn) = @_;
	my $token = Replwatch::token($primary, 1, $lsn);
	my @waiters = map { Session->new($primary) } 1 .. 3;

	$waiters[2]->query('SET replwatch.wait_timeout = -1');
	$waiters[0]->ask("SELECT replwatch_wait_for_lsn('$lsn', '1 day')");
	$waiters[1]->ask("SELECT replwatch_wait_for_token('$token', '1 day')");
	$waiters[2]->ask("SET replwatch.read_after = '$lsn'");
	Replwatch::wait_until($primary,
		'SELECT count(*) = 3 FROM replwatch_waiters()',
		'three sessions wait');
	return @waiters;
}

# They do until they see the row.
sub end_waits
{
	my ($n, $what, @waiters) = @_;
	my @errors = grep { $_->{state} } map { $_->answer } @waiters;

	is_deeply(\@errors, [], "$what: the waits end");
	is( join(' ', map { $_->value("SELECT count(*) FROM note WHERE n = $n") }
			  @waiters),
		'1 1 1',
		"$what: what was waited for is seen");
	return;
}


note '1. a commit that waits for a standby';

my $earlier = commit_locally();
is(look($earlier), 't', 'what is committed is visible');

set_names('alpha');
my %release = (
	'the commit is cancelled' => sub {
		$admin->query('SELECT pg_cancel_backend(' . $_[0]->pid . ')');
	},
	'its session is terminated' => sub {
		$admin->query('SELECT pg_terminate_backend(' . $_[0]->pid . ')');
	},
	'no standby is wanted any more' => sub { set_names('') },
	'the standby comes' => sub { $standby->start });
my $n = 0;

foreach my $what (
	'the commit is cancelled',
	'its session is terminated',
	'no standby is wanted any more',
	'the standby comes')
{
	$n++;
	set_names('alpha') if $n == 4;

	my $before = commit_locally();
	my $writer = hang("INSERT INTO note VALUES ($n)");

	# Where the commit ends, which the server shows.
	my ($target) = Process::title($writer->pid) =~ m{waiting for ([0-9A-F/]+)};
	my $inside = $admin->value("SELECT '$target'::pg_lsn - 1");
	my $later = commit_locally();
	my @waiters = begin_waits($target);

	is(sees($n), '0', 'the row of a commit that hangs is not seen');
	is(look($before), 't', 'what was committed before is visible');
	is(look($inside), 't', 'so is the last byte before its end');
	is(look($target), 'f', 'its end is not');
	is(look($later), 'f', 'nor is a later commit, though that does not wait');
	is( $admin->value(
			'SELECT string_agg(DISTINCT reason, $$,$$) FROM replwatch_waiters()'
		),
		'a commit up to there cannot be seen yet',
		'the waits say what they wait for');
	is(scalar(grep { !$_->silent } @waiters), 0, 'sessions wait');

	$release{$what}->($writer);
	end_waits($n, $what, @waiters);
	is(look(insert_lsn()), 't', "$what: everything is visible");
}

$standby->stop;
my $answer = $reader->query('SET replwatch.read_after = $$FFFFFFFF/FFFFFFFF$$');
is($answer->{state}, '55000', 'what is not written is an error as ever');


note '2. two commits that wait, of which the later is released';

my $before = commit_locally();
my $first = hang('INSERT INTO note VALUES (11)');
my $between = insert_lsn();
my $second = hang('INSERT INTO note VALUES (12)');
my $after = insert_lsn();

is(look($_->[0]), $_->[1], "$_->[2] is as it should be")
  foreach [ $before, 't', 'before' ], [ $between, 'f', 'between' ],
  [ $after, 'f', 'after' ];
$release{'the commit is cancelled'}->($second);
$second->answer;
is(look($_->[0]), $_->[1], "$_->[2] is the same when the later is released")
  foreach [ $before, 't', 'before' ], [ $between, 'f', 'between' ],
  [ $after, 'f', 'after' ];
$second = hang('INSERT INTO note VALUES (13)');
$release{'the commit is cancelled'}->($first);
$first->answer;
is(look($_->[0]), 't', "$_->[1] is visible when the earlier is released")
  foreach [ $between, 'between' ], [ $after, 'after' ];
is(look(insert_lsn()), 'f', 'one that is later still waits');
$release{'the commit is cancelled'}->($second);
$second->answer;


note '3. prepared transactions';

# PREPARE and ROLLBACK PREPARED may hang, too, but there is nothing to be seen.
my $session = hang(
	"PREPARE TRANSACTION 'a'",
	'BEGIN', 'INSERT INTO note VALUES (21)');
is(look(insert_lsn()), 't', 'PREPARE TRANSACTION that hangs is no commit');
$release{'the commit is cancelled'}->($session);
$session->answer;

$session = hang("ROLLBACK PREPARED 'a'");
is(look(insert_lsn()), 't', 'ROLLBACK PREPARED that hangs is none');
$release{'the commit is cancelled'}->($session);
$session->answer;

$session = Session->new($primary);
$session->query(
	'SET synchronous_commit = local; BEGIN; INSERT INTO note VALUES (22)');
$session->query("PREPARE TRANSACTION 'b'");
is(look(insert_lsn()), 't', 'a prepared transaction holds up nothing');
$before = commit_locally();
$session = hang("COMMIT PREPARED 'b'");
my $target = insert_lsn();
is(sees(22), '0', 'COMMIT PREPARED that hangs is not seen');
is(look($before), 't', 'what was committed before is visible');
is(look($target), 'f', 'its end is not');

my @waiters = begin_waits($target);
$release{'the commit is cancelled'}->($session);
end_waits(22, 'COMMIT PREPARED is cancelled', @waiters);
$session->answer;
is(look(insert_lsn()), 't', 'then everything is visible');


note '4. what ends otherwise leaves nothing behind';

my @ends = (
	[ 'ROLLBACK', 'ROLLBACK' ],
	[ 'a commit that fails', 'COMMIT', 'INSERT INTO note VALUES (1)' ],
	[ 'an error', 'SELECT 1 / 0' ],
	[ 'the end of the session', 'SELECT pg_terminate_backend(pg_backend_pid())' ]
);

foreach my $end (@ends)
{
	my ($what, $command, @before) = @$end;

	$session = Session->new($primary);
	$session->query($_) foreach 'BEGIN', 'INSERT INTO note VALUES (31)', @before;
	is(look(insert_lsn()), 't', "before $what everything is visible");

	my $answer = $session->query($command);

	ok($what eq 'ROLLBACK' || $answer->{state}, "$what ends it");
	is(look(insert_lsn()), 't', "after $what everything is visible");
}
set_names('');


note '5. a commit that has been written, and not flushed';

# It holds the lock for writing WAL.  Nothing else may write, neither at a time
# when it could be taken for the commit.
my $background_writer = Replwatch::stop_background_writer($primary);
my $sampler = Replwatch::stop_sampler($primary);
my $writer = Session->new($primary);
my %seen;

$writer->query('SET commit_delay = 100000');
foreach my $try (1 .. 50)
{
	my $row = 100 + $try;

	$writer->query("BEGIN; INSERT INTO note VALUES ($row)");
	my $begin = insert_lsn();

	$writer->ask('COMMIT');
	1 while insert_lsn() eq $begin && $writer->silent;
	Process::stop($writer->pid);

	# It may have come to its end already.
	my $end = insert_lsn();
	my %try = (row => sees($row), end => look($end), begin => look($begin));

	kill('CONT', $writer->pid);
	$writer->answer;
	next
	  if $try{row} ne '0'
	  || !$writer->value("SELECT replwatch_commit_lsn() <= '$end'");
	%seen = %try;
	last;
}
kill('CONT', $background_writer, $sampler);
is_deeply(
	\%seen,
	{ row => '0', end => 'f', begin => 't' },
	'a commit that is being flushed holds up a wait for its end, none for its beginning'
);
is(look(insert_lsn()), 't', 'then everything is visible');


note '6. many commits of all kinds';

# Each row has the end of the commit of the one before.
$standby->start;
set_names('alpha');
$primary->safe_psql('postgres', <<'SQL');
CREATE TABLE log (writer int, n int, before pg_lsn, PRIMARY KEY (writer, n));
CREATE PROCEDURE write(writer int) LANGUAGE plpgsql AS $$
DECLARE
	levels text[] := '{off, local, on, remote_apply}';
	n int := 0;
BEGIN
	LOOP
		n := n + 1;
		PERFORM set_config('synchronous_commit',
			levels[1 + floor(4 * random())], true);
		INSERT INTO log VALUES (writer, n, replwatch_commit_lsn());
		COMMIT;
		EXIT WHEN to_regclass('enough_written') IS NOT NULL;
	END LOOP;
	INSERT INTO log VALUES (writer, n + 1, replwatch_commit_lsn());
END;
$$;
SQL

my $looks = $ENV{REPLWATCH_SOAK} ? 50_000 : 300;
my @writers = map { Session->new($primary) } 1 .. 4;
my (@seen, %verdicts);

$writers[$_]->ask("CALL write($_)") foreach 0 .. $#writers;
Replwatch::wait_until($primary,
	'SELECT count(DISTINCT writer) = 4 FROM log',
	'all write');
foreach (1 .. $looks)
{
	my $lsn = insert_lsn();

	$verdicts{
		verdict(
			$reader->query("SELECT replwatch_wait_for_lsn('$lsn', '1 min')"))
	}++;
	push @seen,
	  [
		$lsn,
		map { @$_ } @{
			$reader->query(
				'SELECT writer, (SELECT max(n) FROM log WHERE log.writer = w.writer) FROM generate_series(0, 3) AS w(writer)'
			)->{rows}
		}
	  ];
}
$admin->query('CREATE TABLE enough_written ()');
is(join(' ', map { verdict($_->answer) } @writers), '   ', 'all have written');
is_deeply(\%verdicts, { t => $looks }, 'each wait came to its end');

# By writer and number, where it ends.
my %end;
$end{ $_->[0] }[ $_->[1] - 1 ] = Replwatch::token($primary, 1, $_->[2])
  foreach grep { defined $_->[2] }
  Replwatch::rows($primary, 'SELECT * FROM log');
my @missed;

foreach my $look (@seen)
{
	my ($lsn, %last) = @$look;
	my $token = Replwatch::token($primary, 1, $lsn);

	foreach my $w (keys %last)
	{
		my $next = $end{$w}[ $last{$w} + 1 ];

		push @missed, "writer $w, row $last{$w} + 1, at $lsn"
		  if defined $next && $next le $token;
	}
}
is_deeply(\@missed, [], 'every commit up to the LSN was seen');

done_testing();
