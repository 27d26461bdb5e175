# Copyright (c) 2026, the replwatch authors

# What commit tokens say across a failover, where an LSN alone would lie: the
# commits that the promoted standby had are there, those that it had not are
# lost, and a standby that is still on the old timeline does not claim a commit
# of the new one because its own LSN happens to be larger.
#
#	primary --+-- promoted	cut off, then promoted to timeline 2
#			  |	  +-- follower	follows it
#			  +-- behind	cut off at the same time, follows later
#			  +-- diverged	goes past the fork; in the end promoted to 3

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use Session;
use File::Copy qw(copy move);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary;

# The answer to a wait for a token: t, f, or the SQLSTATE.  Without a timeout it
# is given all the time that it needs.
sub answer
{
	my ($client, $token, $timeout) = @_;

	return result($client->query(wait_for($token, $timeout)));
}

# The token of an LSN on a timeline of the system that all servers here are of.
sub token
{
	my ($timeline, $lsn) = @_;

	return Replwatch::token($primary, $timeline, $lsn);
}

# The command that waits.
sub wait_for
{
	my ($token, $timeout) = @_;

	$timeout //= '1 h';
	return "SELECT replwatch_wait_for_token('$token', '$timeout')";
}

# t, f, or the SQLSTATE.
sub result
{
	my ($answer) = @_;

	return $answer->{state} // $answer->{rows}[0][0];
}

# A connection to $node on which a wait for a token is under way.
sub waiter
{
	my ($node, $token) = @_;
	my $client = Session->new($node);

	$client->ask(wait_for($token));
	Replwatch::wait_until(
		$node,
		"SELECT count(*) = 1 FROM replwatch_waiters() WHERE pid = "
		  . $client->pid,
		"a session waits for $token");
	return $client;
}

# Insert a row in a table t and return the commit's token.
sub write_row
{
	my ($client, $i) = @_;
	my $answer = $client->query("INSERT INTO t VALUES ($i)");

	die $answer->{message} if $answer->{state};
	return $client->value('SELECT replwatch_commit_token()');
}

$primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	'wal_retrieve_retry_interval = 100ms',
	'max_connections = 30');
my $promoted = Replwatch::standby($primary, 'promoted');
my $follower = Replwatch::standby($promoted, 'follower');
my $behind = Replwatch::standby($primary, 'behind');
my $diverged = Replwatch::standby($primary, 'diverged',
	conf => ["recovery_target_timeline = 'current'"]);
my $system = Replwatch::system_of($primary);
my %on = map { $_->name => Session->new($_) }
  $primary, $promoted, $follower, $behind, $diverged;


note '1. before the failover';

$on{primary}->query('CREATE TABLE t (i int)');
my $kept = write_row($on{primary}, 1);
like($kept, qr/^$system:00000001:/, 'the token is of timeline 1');
foreach my $name (sort keys %on)
{
	is(answer($on{$name}, $kept), 't', "$name has the commit");
	is($on{$name}->value('SELECT count(*) FROM t'),
		1, "$name shows the row");
}
(my $newer = $kept) =~ s/:00000001:/:00000002:/;
foreach my $name ('promoted', 'follower', 'behind')
{
	is(answer($on{$name}, $newer, '100 ms'),
		'f', "an LSN that was replayed, of a newer timeline, is not reached on $name"
	);
	is(answer($on{$name}, $newer, '0'), 'f', "nor at a look on $name");
}
is(answer($on{primary}, $newer), '55000',
	'on a primary a token of a newer timeline is not written');
is(answer($on{$_}, token(1, '0/1')), 't', "an old LSN is there on $_")
  foreach sort keys %on;


note '2. the failover';

# First the one that is to be behind: what the server writes of its own accord
# in between must not take it past the fork.
foreach my $cut_off ($behind, $promoted)
{
	Replwatch::wait_replayed($primary, $cut_off);
	Replwatch::set_upstream($cut_off, '');
	Replwatch::wait_until(
		$cut_off,
		"SELECT count(*) = 0 AND (SELECT wait_event = 'RecoveryRetrieveRetryInterval' FROM pg_stat_activity WHERE backend_type = 'startup') FROM pg_stat_wal_receiver",
		$cut_off->name . ' is cut off, and has replayed what it has got');
}
my $lost = write_row($on{primary}, 2);
Replwatch::burst($primary, 5000);
my $lost_later = write_row($on{primary}, 3);
is(answer($on{diverged}, $lost_later), 't', 'diverged has what is lost');

# These wait across the promotion, and across the change of the timeline.
my $lost_on_promoted = waiter($promoted, $lost);
my $lost_on_follower = waiter($follower, $lost);
my $lost_on_behind = waiter($behind, $lost);

# The first record of the new timeline takes the place of these, and wakes them
# at the very moment at which the timeline changes.
my $fork = $on{promoted}->value('SELECT pg_last_wal_replay_lsn()');
my @at_fork = map {
	my $lsn = $on{promoted}->value("SELECT '$fork'::pg_lsn + $_");
	waiter($follower, token(1, $lsn));
} (1, 8, 16, 24, 32, 40);
$primary->stop('immediate');
$promoted->promote;

is(result($lost_on_promoted->answer),
	'RW001', 'a wait for a lost commit on a promoted standby fails');
is(result($lost_on_follower->answer),
	'RW001', 'so does one on the standby that follows it');
is(result($_->answer),
	'RW001', 'so does one for an LSN just past the fork')
  foreach @at_fork;


note '3. on the new primary and its standby';

$on{promoted} = Session->new($promoted);
my $new = write_row($on{promoted}, 4);
like($new, qr/^$system:00000002:/, 'the token is of timeline 2');
is(answer($on{follower}, $new), 't', 'its standby gets the commit');
is($on{follower}->value('SELECT max(i) FROM t'), 4, 'and shows it');
foreach my $name ('promoted', 'follower')
{
	is(answer($on{$name}, $kept), 't', "what was kept is there on $name");
	is(answer($on{$name}, $lost), 'RW001', "what was lost is not on $name");
	is(answer($on{$name}, $lost_later),
		'RW001', "nor is what was lost later on $name");
	is(answer($on{$name}, $lost, '0'), 'RW001', "nor at a look on $name");
}
my $error = $on{promoted}->query(wait_for($lost));
like($error->{message}, qr/^commit .* is not part of this server's history$/,
	'the message says so');
like($error->{message}, qr/\Q$lost\E/, 'the message names the token');

# The end of the old timeline is the last that was kept of it.
my ($end) = slurp_file($promoted->data_dir . '/pg_wal/00000002.history') =~
  m{^1\t([0-9A-F]+/[0-9A-F]+)}m;
is( $on{promoted}->value("SELECT '$end'::pg_lsn = '$fork'"),
	't', 'the fork is where the promoted standby had got to');
my $beyond = $on{promoted}->value("SELECT '$end'::pg_lsn + 1");
is(answer($on{promoted}, token(1, $end)),
	't', 'the fork itself is part of the history');
is(answer($on{promoted}, token(1, $beyond)), 'RW001', 'one byte more is not part of it');
is(answer($on{promoted}, token(3, '0/1')),
	'55000', 'on the new primary a newer timeline is not written');
is(answer($on{follower}, token(3, '0/1'), '100 ms'),
	'f', 'on its standby a newer timeline is not reached');


note '4. standbys that are still on the old timeline';

is( $on{diverged}->value(
		"SELECT pg_last_wal_replay_lsn() > '" . ($new =~ s/.*://r) . "'"),
	't',
	'diverged has replayed more bytes than the new commit needs');
is( $on{diverged}->value(
		"SELECT replwatch_wait_for_lsn('" . ($new =~ s/.*://r) . "')"),
	't',
	'an LSN, which has no timeline, is fooled by that');
is(answer($on{diverged}, $new, '200 ms'), 'f', 'a token is not fooled');
is(answer($on{diverged}, $lost), 't',
	'there the lost commit is still part of the history');
is(answer($on{behind}, $new, '200 ms'),
	'f', 'the new commit is not there before the server follows');
is(answer($on{behind}, $lost, '200 ms'),
	'f', 'nor is a commit known to be lost before');

my $new_on_behind = waiter($behind, $new);
Replwatch::set_upstream($behind, $promoted->connstr . ' application_name=behind');
is(result($new_on_behind->answer),
	't', 'once it follows, a wait for a new commit ends');
is(Session->new($behind)->value('SELECT max(i) FROM t'), 4, 'the new commit can be read');
is(result($lost_on_behind->answer),
	'RW001', 'a wait for a lost one fails');


note '5. a timeline that is not of this server';

# Knowing that 2 is taken it takes 3, whose parent is 1.
copy(
	$promoted->data_dir . '/pg_wal/00000002.history',
	$diverged->data_dir . '/pg_wal/00000002.history'
) or die "could not copy: $!";
$diverged->promote;
$on{diverged} = Session->new($diverged);
like(write_row($on{diverged}, 5), qr/^$system:00000003:/, 'diverged is on timeline 3');
is(answer($on{diverged}, $new), 'RW001',
	'a commit of a timeline that is no ancestor is lost there');
is(answer($on{diverged}, token(2, '0/1')),
	'RW001', 'even where that one was still the same');
is(answer($on{diverged}, $lost),
	't', 'a commit of its own ancestor is there, even if lost elsewhere');


note '6. history files that are missing or damaged';

foreach my $node ($promoted, $follower)
{
	my $name = $node->name;
	my $file = $node->data_dir . '/pg_wal/00000002.history';
	my $client = $on{$name};

	move($file, "$file.away") or die "could not rename $file: $!";
	my $answer = $client->query(wait_for($kept));
	is(result($answer), '55000', "not verified without the file on $name");
	like($answer->{message}, qr/^could not verify/, 'the message says so');
	is(answer($client, $lost), '55000', "nor is that it was lost on $name");
	is(answer($client, $new), 't',
		"the server's own timeline needs no file on $name");

	append_to_file($file, "this is no history\n");
	is(answer($client, $kept), '55000', "not verified when damaged on $name");
	unlink($file);
	append_to_file($file, '');
	is(answer($client, $kept), '55000', "not verified when empty on $name");
	unlink($file);
	mkdir($file);
	is(answer($client, $kept),
		'55000', "not verified when a directory on $name");
	rmdir($file);

	move("$file.away", $file) or die "could not rename $file: $!";
	is(answer($client, $kept), 't', "verified again on $name");
	is(answer($client, $lost), 'RW001', "lost again on $name");
}


note '7. what is no token';

my @bad = (
	'', ' ', 'garbage', ':', '0/1', '1:0/1',
	"$system:", "$system:00000001", "$system:1:0/1",
	"$system:00000001:0/1", token(0, '0/1'),
	"$kept ", " $kept", "$kept\n", "${kept}x", "${kept}0", "0$kept",
	"$kept:1", substr($kept, 0, -1), "$kept\x{c3}\x{a4}",
	$kept =~ tr{/}{:}r, $kept =~ tr{:}{-}r, $kept =~ tr{:/}{}dr,
	$kept =~ s/:0/: /r, $kept =~ s/:0/:+/r, $kept =~ s/.$/G/r);
foreach my $token (@bad)
{
	foreach my $name ('promoted', 'follower')
	{
		my $answer = $on{$name}->query(wait_for($token));

		is(result($answer), '22P02',
			"no token on $name: " . ($token =~ s/\n/\\n/r));
		like(
			$answer->{message},
			qr/^invalid input syntax for commit token: "\Q$token\E"$/,
			'the message shows it');
	}
}
foreach my $long (
	'x' x 10_000_000,
	$kept . '0' x 10_000_000,
	'1' x 10_000_000,
	$kept . ' ' x 10_000_000,
	"\x{e2}\x{82}\x{ac}" x 3_000_000)
{
	my $answer = $on{follower}->query(wait_for($long));

	is(result($answer), '22P02', 'a text of 10 MB is no token');
	cmp_ok(length $answer->{message},
		'<', 200, 'it is not shown in full');

	# As a parameter, which is not a constant of the plan.
	$on{follower}->bound('SELECT replwatch_wait_for_token($1)', $long)->sync;
	is(result($on{follower}->answer), '22P02', 'nor is it as a parameter');
}
foreach my $good (lc $kept, uc $kept, token(1, '0/1'), token(1, '0/0'))
{
	is(answer($on{follower}, $good), 't', "a token: '$good'");
}
is( $on{follower}->value('SELECT replwatch_wait_for_token(NULL)'),
	't', 'for NULL there is nothing to wait for');
$error =
  $on{follower}->query("SELECT replwatch_wait_for_token('$kept', '-1 s')");
is($error->{state}, '22023', 'a negative timeout is refused');
like($error->{message}, qr/^timeout must not be negative/, 'the message says so');

# An LSN that never comes, of a timeline that is here.
my $never = token(2, 'FFFFFFFF/FFFFFFFF');
is(answer($on{follower}, $never, '100 ms'),
	'f', 'the largest LSN is never reached on a standby');
is(answer($on{promoted}, $never),
	'55000', 'the largest LSN is not written on a primary');
is(answer($on{follower}, token(0xFFFFFFFF, '0/1'), '100 ms'),
	'f', 'the largest timeline is never reached on a standby');
is( $on{follower}->value('SELECT count(*) FROM replwatch_waiters()'),
	0, 'nobody is left waiting');


note '8. what is counted';

# Each wait is, as what it was: also one that a primary answers, and one that is
# refused at the first look.
foreach my $case (
	[ 'promoted', $kept, 'waits 1 immediate 1 timeouts 0 errors 0' ],
	[ 'follower', $kept, 'waits 1 immediate 1 timeouts 0 errors 0' ],
	[ 'promoted', $lost, 'waits 1 immediate 0 timeouts 0 errors 1' ],
	[ 'follower', $lost, 'waits 1 immediate 0 timeouts 0 errors 1' ],
	[
		'promoted', $never,
		'waits 1 immediate 0 timeouts 0 errors 1'
	],
	[
		'follower', $never,
		'waits 1 immediate 0 timeouts 1 errors 0'
	],
	[ 'follower', 'no token', 'waits 0 immediate 0 timeouts 0 errors 0' ])
{
	my ($name, $token, $expected) = @$case;
	my $sql =
	  'SELECT waits, immediate, timeouts, errors FROM replwatch_wait_stats()';
	my $before = $on{$name}->query($sql)->{rows}[0];
	answer($on{$name}, $token, '10 ms');
	my $after = $on{$name}->query($sql)->{rows}[0];
	my @counted = map { $after->[$_] - $before->[$_] } 0 .. 3;

	is( "waits $counted[0] immediate $counted[1] timeouts $counted[2] errors $counted[3]",
		$expected,
		"$token on $name");
}

done_testing();
