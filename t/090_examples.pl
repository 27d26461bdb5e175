# Copyright (c) 2026, the replwatch authors

# The programs in examples/ do what they say: each writes on a primary, takes
# the commit token, waits on the replica and reads there; and reads on the
# primary where the replica is late, does not know replwatch, is not there, or
# has left the primary's timeline without the write.
#
# They wait for half a second.  A machine may be too busy for replay within that:
# where an example is to read on the replica its commits are replayed there when
# they return.
#
# What a machine has no driver for is skipped.  Java speaks TCP only, so the
# servers listen on the loopback.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = 'examples';
my $limit = $PostgreSQL::Test::Utils::timeout_default;

# How to name a server to the examples.
sub conninfo
{
	my ($node) = @_;

	return $node->connstr('postgres') . " connect_timeout=$limit";
}

sub jdbc_url
{
	my ($node) = @_;
	my $user = getpwuid($>);

	return
		'jdbc:postgresql://127.0.0.1:'
	  . $node->port
	  . "/postgres?user=$user&loginTimeout=$limit";
}

# Run a command; its exit code, what it printed and what it complained of.
sub run
{
	my (@command) = @_;
	my ($stdout, $stderr) = ('', '');
	my $done = eval {
		IPC::Run::run(\@command, '<', \undef, '>', \$stdout, '2>', \$stderr,
			IPC::Run::timeout($limit));
		1;
	};

	# What is not installed can't be started.
	return (-1, $stdout, $@) if !$done;
	return ($? >> 8, $stdout, $stderr);
}

# The first of some commands that succeeds, or undef.
sub first_that_runs
{
	my ($try, @commands) = @_;

	foreach my $command (@commands)
	{
		return $command if (run($command, @$try))[0] == 0;
	}
	return;
}

# Build the example in C; the path of the program, or undef and the reason.
sub build_c
{
	my $cc =
	  first_that_runs(['--version'], $ENV{CC} // (), 'cc', 'gcc', 'clang')
	  or return (undef, 'no C compiler');
	my (undef, $include) = run('pg_config', '--includedir');
	my (undef, $lib) = run('pg_config', '--libdir');
	my $program = "$PostgreSQL::Test::Utils::tmp_check/read_your_writes";

	chomp($include, $lib);
	return (undef, 'no libpq-fe.h: libpq-dev') if !-f "$include/libpq-fe.h";

	my ($code, undef, $stderr) =
	  run($cc, '-Wall', '-Wextra', '-Werror', "$directory/read_your_writes.c",
		'-o', $program, "-I$include", "-L$lib", '-lpq');
	is("$code$stderr", '0', 'C: compiles without a warning');
	return $code == 0 ? $program : (undef, 'does not compile');
}

# Compile the example in Java; the command that runs what has come of it, or
# undef and the reason.
sub build_java
{
	my ($driver) = @_;
	my $javac = first_that_runs(['--version'], 'javac');
	my $classes = "$PostgreSQL::Test::Utils::tmp_check/classes";

	return (undef,
		'no JDK or no driver: default-jdk-headless, libpostgresql-jdbc-java')
	  if !$javac || !$driver;

	my ($code, undef, $stderr) =
	  run($javac, '-cp', $driver, '-d', $classes,
		"$directory/ReadYourWrites.java");
	is($code, 0, 'Java: compiles') or diag($stderr);
	return (undef, 'does not compile') if $code != 0;
	return [ 'java', '-cp', "$driver:$classes", 'ReadYourWrites' ];
}

# The examples: a name; the command, without the servers, or undef and the
# reason why it can't run; how it is told of the servers; and a command that does
# the same and takes less time.
sub examples
{
	my $plain = sub {
		map { conninfo($_) } @_;
	};
	my ($program, $why) = build_c();
	my $python = first_that_runs([ '-c', 'import psycopg2' ],
		'python3', '/usr/bin/python3');
	my $ruby =
	  first_that_runs([ '-e', "require 'pg'" ], 'ruby', '/usr/bin/ruby');
	my ($driver) = grep { -f } '/usr/share/java/postgresql.jar';
	my ($compiled, $why_not) = build_java($driver);

	return (
		{
			name => 'psql',
			command => ["$directory/read_your_writes.sh"],
			servers => $plain
		},
		{
			name => 'C',
			command => $program && [$program],
			missing => $why,
			servers => $plain
		},
		{
			name => 'Python',
			command => $python
			  && [ $python, "$directory/read_your_writes.py" ],
			missing => 'no psycopg2: python3-psycopg2',
			servers => $plain
		},
		{
			name => 'Ruby',
			command => $ruby && [ $ruby, "$directory/read_your_writes.rb" ],
			missing => 'no pg: ruby-pg',
			servers => $plain
		},
		{
			name => 'Java',
			command => $compiled
			  && [ 'java', '-cp', $driver, "$directory/ReadYourWrites.java" ],
			compiled => $compiled,
			missing => $why_not,
			servers => sub {
				map { jdbc_url($_) } @_;
			}
		});
}

my $primary = Replwatch::primary(
	'primary',
	"listen_addresses = '127.0.0.1'",
	"synchronous_standby_names = 'replica'",
	'synchronous_commit = local');
$primary->safe_psql('postgres',
	'CREATE TABLE note (id bigserial PRIMARY KEY, body text)');
my $replica = Replwatch::standby($primary, 'replica');
my $bare = Replwatch::standby($primary, 'bare',
	conf => ["shared_preload_libraries = ''"]);
my $gone = Replwatch::standby($primary, 'gone');
my $promoted = Replwatch::standby($primary, 'promoted');
my @examples = examples();

# The replica and a server without the library have the table and the
# extension; what is written from now on has to be waited for.
Replwatch::wait_replayed($primary, $_) foreach $replica, $bare, $promoted;
$gone->stop;

# Have new sessions on the primary commit when the replica has replayed it, or
# without regard to it.
sub commit_on_replica
{
	$primary->safe_psql('postgres',
		'ALTER DATABASE postgres SET synchronous_commit = remote_apply');
	return;
}

sub commit_alone
{
	$primary->safe_psql('postgres',
		'ALTER DATABASE postgres RESET synchronous_commit');
	return;
}

# Run each example with a replica.  $where is where it is to read, and $why the
# reason that it is to give before, a pattern.
sub run_examples
{
	my ($node, $where, $what, $why) = @_;

	foreach my $example (@examples)
	{
		my $name = $example->{name};

	  SKIP:
		{
			skip "$name: $example->{missing}", 3 if !$example->{command};

			my ($code, $stdout, $stderr) = run(@{ $example->{command} },
				$example->{servers}->($primary, $node));

			is($code, 0, "$name, $what: succeeds") or diag($stderr);
			like(
				$stdout,
				qr{^wrote note \d+, token [0-9a-f]{16}:00000001:[0-9A-F]{8}/[0-9A-F]{8}\n},
				"$name, $what: has a token");
			like(
				$stdout,
				qr/\n${why}read on the $where:\nwritten with /,
				"$name, $what: reads on the $where");
		}
	}
	return;
}


note '1. a replica that follows';

commit_on_replica();
run_examples($replica, 'replica', 'a replica that follows', '');
commit_alone();

# From source it is run once, as it says that it is to be.
$_->{command} = $_->{compiled} foreach grep { $_->{compiled} } @examples;


note '2. replay is paused';

my $timeouts = 'SELECT timeouts FROM replwatch_wait_stats()';
my $drivers = grep { $_->{command} } @examples;
my $before = $replica->safe_psql('postgres', $timeouts);

Replwatch::pause_replay($primary, $replica);
run_examples(
	$replica, 'primary',
	'replay is paused',
	"replica: not replayed within 500 ms\n");
is($replica->safe_psql('postgres', $timeouts) - $before,
	$drivers, 'each of them has waited in vain');
$replica->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
commit_on_replica();
run_examples($replica, 'replica', 'replay goes on', '');
commit_alone();


note '3. servers that cannot say';

run_examples(
	$bare, 'primary',
	'replwatch is not loaded there',
	"replica: replwatch is not loaded\n");
run_examples(
	$gone, 'primary',
	'the replica is not there',
	"replica: [^\n]*(?:connect|refused)(?s:.*?)\n");


note '4. the replica became a primary without the write';

$promoted->promote;
run_examples(
	$promoted, 'primary',
	'the commit is lost there',
	"replica: the commit was lost in a failover\n");


note '5. a server of another system';

my $stranger = Replwatch::primary('stranger', "listen_addresses = '127.0.0.1'");
run_examples(
	$stranger, 'primary',
	'the token is of another system',
	"replica: [^\n]*commit token is of another database system\n(?s:.*?)");


note '6. a primary without replwatch';

# Nobody has a token, and everybody reads where he wrote.
$promoted->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$promoted->restart;
foreach my $example (grep { $_->{command} } @examples)
{
	my $name = $example->{name};
	my ($code, $stdout, $stderr) = run(@{ $example->{command} },
		$example->{servers}->($promoted, $replica));

	is($code, 0, "$name, a primary without replwatch: succeeds")
	  or diag($stderr);
	like(
		$stdout,
		qr/read on the primary:\nwritten with /,
		"$name, a primary without replwatch: reads there");
}

done_testing();
