# Copyright (c) 2026, the replwatch authors
# matrix: every major

# A session has the server's own table of protocol functions until it has a
# commit token to report, however reports have been switched on; one that
# reports none keeps it.  A walsender that has executed SQL and reported tokens
# still sends keepalives when it streams.

use strict;
use warnings;

use lib 't/lib';
use Module;
use Process;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'cannot build a library' if !Module::can_build();

my $library = Module::build('protocol_table');
my $report = 'replwatch.report_commit_token';
my $primary = Replwatch::primary(
	'primary',
	"shared_preload_libraries = 'replwatch, $library'",
	'wal_sender_timeout = 0');

$primary->safe_psql('postgres', <<"SQL");
CREATE FUNCTION has_own_table() RETURNS boolean
	AS '$library' LANGUAGE C;
CREATE TABLE note (n int);
CREATE ROLE reporter LOGIN SUPERUSER;
ALTER ROLE reporter SET $report = on;
SQL

# Commit something; does the answer come with a token?
sub commit
{
	my ($session) = @_;
	my $answer = $session->query('INSERT INTO note VALUES (1)');

	return scalar grep { /^replwatch\.commit_token=/ }
	  @{ $answer->{reported} };
}

sub has_own_table
{
	my ($session) = @_;

	return $session->value('SELECT has_own_table()');
}


note '1. sessions';

my $silent = Session->new($primary);
is(commit($silent), 0, 'a session reports no token by default');
is(has_own_table($silent), 't', 'its table is the server\'s own');

my %session = (
	'the startup packet' => Session->new($primary, $report => 'on'),
	'its role' => Session->new($primary, user => 'reporter'),
	'SET' => $silent);

$silent->query("SET $report = on");
foreach my $what (sort keys %session)
{
	my $session = $session{$what};

	is(has_own_table($session),
		't', "reports on by $what: the table is the server's own");
	$session->query('BEGIN; INSERT INTO note VALUES (2); ROLLBACK');
	is(has_own_table($session), 't', "reports on by $what: also after a rollback");
	is(commit($session), 1, "reports on by $what: a commit is reported");
	is(has_own_table($session),
		'f', "reports on by $what: the table is ours after the first");
	is(commit($session), 1, "reports on by $what: the next one is, too");
}
$silent->query("SET $report = off");
is(commit($silent), 0, 'reports off again: nothing is reported');


note '2. walsenders';

# The server's own keepalives are off.
foreach my $reports ('off', 'on')
{
	my $walsender = Session->new(
		$primary,
		replication => 'database',
		$report => $reports);
	my $lsn = $walsender->value('SELECT pg_current_wal_flush_lsn()');
	my $received = '';

	is( commit($walsender),
		$reports eq 'on' ? 1 : 0,
		"walsender, reports $reports: tokens");
	$walsender->ask("START_REPLICATION PHYSICAL $lsn");
	Process::until_true(
		"a keepalive has been sent, reports $reports",
		sub {
			return 0 if !Process::readable($walsender->socket, 1);
			sysread($walsender->socket, $received, 65536, length $received)
			  or die 'the walsender has ended';
			return $received =~ /d\0\0\0\x16k/;
		});
	pass("walsender, reports $reports: keepalives are sent");
}

done_testing();
