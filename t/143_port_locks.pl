# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Health checks, agent checks and /cluster are answered whatever lock a stopped
# process holds, and beside clients that wait for a page.  The other pages are
# made once the lock is free; a client that has waited for 5 s is told why there
# is none.

use strict;
use warnings;

use lib 't/lib';
use Module;
use Port;
use Process;
use Replwatch;
use Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'cannot build a library' if !Module::can_build();

my $library = Module::build('hold_locks');
my $primary = Replwatch::primary('primary', Port::conf());
my $standby = Replwatch::standby(
	$primary, 'replica1',
	slot => 1,
	conf => [ Port::conf('max_standby_streaming_delay = -1') ]);
my @pages = qw(/metrics /status);
my @checks = qw(/primary /replica /read-only /readiness /liveness /health);

$primary->safe_psql('postgres', <<"SQL");
CREATE FUNCTION hold_locks(int) RETURNS void AS '$library' LANGUAGE C;
CREATE FUNCTION lock_groups() RETURNS int AS '$library' LANGUAGE C;
CREATE TABLE t ();
SQL
Replwatch::wait_replayed($primary, $standby);

# Have this session hold locks, in a process that is stopped.
sub hold
{
	my ($session, $group) = @_;

	$session->ask("SELECT hold_locks($group)");
	Process::until_true('the process has stopped',
		sub { Process::is_stopped($session->pid) });
	return;
}

sub let_go
{
	my ($session) = @_;

	kill 'CONT', $session->pid;
	my $answer = $session->answer;
	die $answer->{message} if $answer->{state};
	return;
}

# A client that has asked for a page, and has no answer yet.
sub page_client
{
	my ($port, $page) = @_;
	my $client = Port::connect_to($port);

	syswrite($client, "GET $page HTTP/1.1\r\n\r\n");
	return $client;
}

# Is this answer a page as a whole?
sub is_page
{
	my ($answer) = @_;

	return
		 $answer->{status} == 200
	  && length($answer->{body}) == $answer->{headers}->{'content-length'}
	  && (exists $answer->{json}->{node}
		|| $answer->{body} =~ /^replwatch_role\{/m);
}

# The groups whose locks, held in turn, keep health checks or pages from being
# answered.  A new walsender has pages look up all that they otherwise remember.
sub groups_that_block
{
	my ($node) = @_;
	my $port = Port::of($node);
	my $session = Session->new($node);
	my @block;

	foreach my $group (0 .. $session->value('SELECT lock_groups()') - 1)
	{
		my $walsender = Session->new($node, replication => 'true');

		hold($session, $group);
		my $client = page_client($port, $pages[ $group % @pages ]);
		my $alive = Port::status($port, '/liveness') == 200;

		let_go($session);
		push @block, $group
		  if !$alive || !is_page(Port::parse(Port::read_all($client)));
	}
	return join ' ', @block;
}

# What is kept for the summarizer is part of a slot's wal_status.
Replwatch::set($primary, 'summarize_wal = on')
  if $primary->pg_version >= 17;

note '1. One lock at a time';

is(groups_that_block($primary), '', 'no lock blocks the port of a primary');

# Replay waits for a lock: who holds it is found in the lock manager's table.
my $holder = Session->new($standby);
$holder->value('BEGIN');
$holder->value('SELECT count(*) FROM t');
$primary->safe_psql('postgres', 'DROP TABLE t');
Port::answer_when(
	Port::of($standby),
	'/status',
	'replay waits for a lock',
	sub {
		($_[0]->{json}->{status}->[0]->{reason_code} // '') eq 'conflict';
	});
is(groups_that_block($standby), '', 'no lock blocks the port of a standby');

note '2. All at once';

# On both servers at once, because it takes 5 s.
my %port = map { $_->name => Port::of($_) } $primary, $standby;
my %session = map { $_->name => Session->new($_) } $primary, $standby;
my %logged = map { $_->name => -s $_->logfile } $primary, $standby;
my (%clients, $answer);

foreach my $name (sort keys %port)
{
	my $node = $name eq 'primary' ? $primary : $standby;
	my $pid = Process::child($node, 'replwatch port');

	hold($session{$name}, -1);

	# They come at once, so that only one page is tried in a turn.
	Process::stop($pid);
	$clients{$name} = [ map { page_client($port{$name}, $_) } @pages ];
	my $cluster = page_client($port{$name}, '/cluster');
	kill 'CONT', $pid;
	is_deeply(
		[ grep { Port::status($port{$name}, $_) !~ /^(200|503)$/ } @checks ],
		[], "$name: all health checks are answered");
	is(Port::status($port{$name}, '/liveness'), 200, "$name: it is alive");
	$answer = Port::parse(Port::read_all($cluster));
	is($answer->{json}->{cluster}->[0]->{role},
		$name eq 'primary' ? 'primary' : 'standby',
		"$name: the servers are shown, although pages before them wait");
	like(Port::agent($port{$name}, 'replica'),
		qr/^(up|down|drain)\b/, "$name: so is an agent check");
}
foreach my $name (sort keys %port)
{
	foreach my $i (0 .. $#pages)
	{
		$answer = Port::parse(Port::read_all($clients{$name}->[$i]));
		is($answer->{status}, 503, "$name: $pages[$i] cannot be made");
		like(
			$answer->{json}->{reason},
			qr/^the page could not be made within 5 s: lock "\w+" is held by another process$/,
			'it says why');
	}
}
foreach my $node ($primary, $standby)
{
	my $name = $node->name;
	my @clients = map { page_client($port{$name}, $_) } @pages;

	is(Port::status($port{$name}, '/liveness'),
		200, "$name: it is alive beside clients that wait");
	is(scalar(grep { Process::readable($_, 0) } @clients),
		0, "$name: they do wait");
	let_go($session{$name});
	foreach my $i (0 .. $#pages)
	{
		ok(is_page(Port::parse(Port::read_all($clients[$i]))),
			"$name: $pages[$i] is made once the locks are free");
	}
	unlike(
		slurp_file($node->logfile, $logged{$name}),
		qr/ERROR|held by another process/,
		"$name: nothing is logged");
}

done_testing();
