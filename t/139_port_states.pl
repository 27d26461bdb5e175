# Copyright (c) 2026, the replwatch authors

# Every page of the port in every state of a server: which say yes, and that all
# the others say no and nothing else.

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;
use Time::HiRes qw(time);

# Who says yes while all is well.
my $yes_of_primary =
  '/ primary read-write read-only liveness readiness health metrics status';
my $yes_of_standby =
  'replica read-only liveness readiness health metrics status';

my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $primary = Replwatch::primary('primary', Port::conf());
my $standby = Replwatch::standby(
	$primary,
	'replica1',
	conf => [
		Port::conf(
			'replwatch.route_lag = 1h',
			"recovery_end_command = 'touch $dir/ending; while [ -e $dir/hold ]; do sleep 0.1; done'"
		)
	]);
my $cascade =
  Replwatch::standby($standby, 'replica2', conf => [ Port::conf() ]);
my %port =
  map { $_->name => Port::of($_) } ($primary, $standby, $cascade);

# The pages that say yes, in order; each of the others has to say no.
sub yes
{
	my ($name) = @_;
	my @yes;

	foreach my $page (
		'/', qw(primary read-write replica read-only liveness readiness health
		metrics status))
	{
		my $status = Port::status($port{$name}, $page =~ s{^/?}{/}r);

		die "$page answers $status" if $status != 200 && $status != 503;
		push @yes, $page if $status == 200;
	}
	return join ' ', @yes;
}

# Wait until just these say yes: what is known of a sample comes with the next.
sub yes_are
{
	my ($name, $expected, $what) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $yes;

	do { $yes = yes($name) } while ($yes ne $expected && time() < $limit);
	is($yes, $expected, "$name, $what");
	return;
}

# The answers to an agent's two lines.
sub agent_says
{
	my ($name, $as_primary, $as_replica, $what) = @_;

	like(Port::agent($port{$name}, 'primary'),
		$as_primary, "$name, $what: the agent for primary");
	like(Port::agent_when($port{$name}, 'replica', $what, $as_replica),
		$as_replica, "$name, $what: the agent for replica");
	return;
}

note '1. All is well';

yes_are('primary', $yes_of_primary, 'a primary');
agent_says('primary', qr/^up ready 100%$/, qr/^down #.*primary/, 'a primary');
yes_are($_, $yes_of_standby, 'a standby') foreach qw(replica1 replica2);
agent_says($_, qr/^down #.*recovery/, qr/^up ready 100%$/, 'a standby')
  foreach qw(replica1 replica2);
Port::answer_when(
	$port{replica1}, '/replica',
	'replica1 has a standby of its own',
	sub { $_[0]->{json}->{role} eq 'cascade' });

note '2. Replay is paused';

Replwatch::pause_replay($primary, $standby);
Replwatch::burst($primary);
Port::status_when($port{replica1}, '/replica?lag=1s', 503, 'the lag exceeds 1 s');
yes_are('replica1', $yes_of_standby, 'paused');
agent_says('replica1', qr/^down #/, qr/^up ready \d+%$/, 'paused');
yes_are('replica2', $yes_of_standby, 'fed by a paused standby');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');

note '3. The receiver is stopped';

# The receiver goes, and the one behind it notices nothing.
Replwatch::set($standby, "primary_conninfo = ''");
Port::answer_when(
	$port{replica1}, '/replica',
	'replica1 is cut off',
	sub { $_[0]->{json}->{cut_off} });
yes_are('replica1', $yes_of_standby, 'cut off');
agent_says('replica1', qr/^down #/, qr/^up ready 1%$/, 'cut off');
yes_are('replica2', $yes_of_standby, 'fed by a standby that is cut off');
Port::status_when($port{replica2}, '/replica?lag=5s', 200,
	'replica2 is not cut off itself');
pass('replica2 is not cut off itself');
Replwatch::connect_to($standby, $primary, 'replica1');
$standby->reload;
Port::answer_when(
	$port{replica1}, '/replica',
	'replica1 is connected',
	sub { !($_[0]->{json}->{cut_off} // 1) });

note '4. No samples are taken';

my @samplers = map { Replwatch::stop_sampler($_) } $primary, $standby, $cascade;
foreach my $node ($primary, $standby, $cascade)
{
	my $name = $node->name;

	Port::status_when($port{$name}, '/health', 503, 'no sample is taken');
	yes_are(
		$name,
		$node == $primary
		? $yes_of_primary =~ s/health //r
		: 'liveness readiness metrics status',
		'without samples');
	agent_says(
		$name,
		$node == $primary ? qr/^up ready 100%$/ : qr/^down #/,
		$node == $primary
		? qr/^down #.*primary/
		: qr/^down #no sample for \d+ s$/,
		'without samples');
}
kill 'CONT', @samplers;
Port::status_when($_, '/health', 200, 'samples are taken')
  foreach values %port;

note '5. hot_standby = off';

$cascade->append_conf('postgresql.conf', "hot_standby = off\n");
$cascade->restart;
Port::status_when($port{replica2}, '/health', 200, 'samples are taken');
yes_are('replica2', 'liveness health metrics status', 'closed');
agent_says('replica2', qr/^down #/, qr/^down #not accepting connections$/,
	'closed');
$cascade->stop;

note '6. During a promotion';

my $kept = $primary->safe_psql('postgres',
	"INSERT INTO burst VALUES ('kept'); SELECT replwatch_commit_token()");
Replwatch::wait_replayed($primary, $standby);

# The standby is held where it has taken its last WAL, and is no primary yet.
append_to_file("$dir/hold", '');
$standby->safe_psql('postgres', 'SELECT pg_promote(false)');
Process::until_true('recovery is about to end',
	sub { -e "$dir/ending" });
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'),
	't', 'recovery has not ended yet');
yes_are('replica1', $yes_of_standby, 'being promoted');
agent_says('replica1', qr/^down #.*recovery/, qr/^up ready \d+%$/,
	'being promoted');
unlink "$dir/hold";
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
  or die 'it is not promoted';
is(Port::status($port{replica1}, '/primary'),
	200, 'the first answer after the promotion is that of a primary');
is(Port::status($port{replica1}, '/replica'), 503, 'it is no replica any more');
yes_are('replica1', $yes_of_primary, 'promoted');
agent_says('replica1', qr/^up ready 100%$/, qr/^down #.*primary/, 'promoted');

# What the old primary goes on to write is on another way than ours.
my $lost = $primary->safe_psql('postgres',
	"INSERT INTO burst VALUES ('lost'); SELECT replwatch_commit_token()");
is(Port::status($port{replica1}, "/read-only?token=$kept"),
	200, 'it has a commit from before the promotion');
my $answer = Port::ask($port{replica1}, "/read-only?token=$lost");
is($answer->{status}, 503, 'it lacks a later commit of the old primary');
is( $answer->{json}->{reason},
	"the commit is not part of this server's history",
	'with the reason');

note '7. In crash recovery';

# The WAL that it begins with is a pipe, from which nothing comes.
$primary->safe_psql('postgres', 'CHECKPOINT');
$primary->stop('immediate');
my ($stdout, $stderr) = run_command([ 'pg_controldata', $primary->data_dir ]);
my ($segment) = $stdout =~ /^Latest checkpoint's REDO WAL file: +(\w+)$/m
  or die 'no segment is told';
$segment = $primary->data_dir . "/pg_wal/$segment";
rename $segment, $primary->basedir . '/segment'
  or die "could not rename $segment: $!";
mkfifo($segment, 0600) or die "could not make $segment: $!";
command_ok(
	[
		'pg_ctl', '-W', '-D', $primary->data_dir,
		'-l', $primary->logfile, 'start'
	],
	'a crashed primary starts');
Port::status_when($port{primary}, '/health', 200, 'samples are taken');
yes_are('primary', 'liveness health metrics status', 'in crash recovery');
agent_says(
	'primary',
	qr/^down #this server is in recovery$/,
	qr/^down #not accepting connections$/,
	'in crash recovery');
my $json = Port::ask($port{primary}, '/liveness')->{json};
is($json->{role}, undef, 'its role is undecided');
is($json->{lag_bytes}, undef, 'no lag is shown');
is(Port::ask($port{primary}, '/status')->{json}->{node}->{role},
	undef, 'nor is it on the pages');
unlike(Port::ask($port{primary}, '/metrics')->{body},
	qr/^replwatch_role\{/m, 'nor in the metrics');
command_ok(
	[ 'pg_ctl', '-m', 'immediate', '-D', $primary->data_dir, 'stop' ],
	'it is stopped');
unlink $segment;
rename $primary->basedir . '/segment', $segment
  or die "could not bring $segment back: $!";
$primary->start;
yes_are('primary', $yes_of_primary, 'recovered');

unlike(slurp_file($_->logfile), qr/TRAP|terminated by signal 11/,
	$_->name . ': nothing broke')
  foreach $primary, $standby, $cascade;

done_testing();
