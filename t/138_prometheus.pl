# Copyright (c) 2026, the replwatch authors

# A real Prometheus, with the configuration in examples/: it scrapes, a rule
# fires when there is cause and stops, and each rule of the example is made to
# fire by promtool.

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'prometheus is not installed'
  if system('prometheus --version >/dev/null 2>&1') != 0;

note '1. The rules';

command_ok([ 'promtool', 'check', 'rules', 'examples/prometheus.rules.yml' ],
	'promtool check rules');
command_ok(
	[ 'promtool', 'test', 'rules', 'examples/prometheus.rules.test.yml' ],
	'promtool test rules');
my @rules = slurp_file('examples/prometheus.rules.yml') =~ /- alert: (\w+)/g;
my %fired =
  map { $_ => 1 }
  slurp_file('examples/prometheus.rules.test.yml') =~
  /alertname: (\w+)\n\s+exp_alerts:\n\s+- exp_labels/g;
is(join(' ', grep { !$fired{$_} } @rules), '', 'each rule is made to fire');
command_ok([ 'promtool', 'check', 'config', 'examples/prometheus.yml' ],
	'promtool check config');

note '2. Prometheus scrapes';

my $primary = Replwatch::primary('primary', Port::conf());
my $standby =
  Replwatch::standby($primary, 'replica1', conf => [ Port::conf() ]);
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $web = PostgreSQL::Test::Cluster::get_free_port();

# The examples, with the addresses of here; what they wait for takes no time.
my $config = slurp_file('examples/prometheus.yml');
my $targets = join '',
  map { "          - 127.0.0.1:" . Port::of($_) . "\n" } $primary, $standby;
$config =~ s/(targets:\n)(?:\s+- db\d:8009\n)+/$1$targets/ or die;
$config =~ s/scrape_interval: 10s/scrape_interval: 1s/ or die;
$config =~ s/evaluation_interval: 10s/evaluation_interval: 500ms/ or die;
append_to_file("$dir/prometheus.yml", $config);
my $rules = slurp_file('examples/prometheus.rules.yml');
$rules =~ s/for: \d+m/for: 500ms/g;
$rules =~ s/> 30 and/> 1 and/ or die;
append_to_file("$dir/prometheus.rules.yml", $rules);

my $prometheus = IPC::Run::start(
	[
		'prometheus',
		"--config.file=$dir/prometheus.yml",
		"--storage.tsdb.path=$dir/data",
		"--web.listen-address=127.0.0.1:$web"
	],
	'<',
	\undef,
	'>',
	"$PostgreSQL::Test::Utils::log_path/138_prometheus.prometheus.log",
	'2>&1');

# What Prometheus says to a query of its HTTP interface.
sub api
{
	my ($path) = @_;
	my $bytes =
	  Port::raw($web, "GET /api/v1/$path HTTP/1.0\r\nHost: x\r\n\r\n");
	my ($body) = $bytes =~ /\r\n\r\n(.*)/s;

	# It may not be ready yet.
	return $body =~ /^\{/ ? JSON::PP::decode_json($body) : {};
}

# The values of an expression by instance, when there are as many.
sub values_when
{
	my ($expression, $n) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my @found;

	$expression =~ s/([^A-Za-z0-9_])/sprintf '%%%02X', ord $1/ge;
	while (time() < $limit)
	{
		@found = @{ api("query?query=$expression")->{data}->{result} // [] };
		return map { $_->{value}->[1] } @found if @found == $n;
		sleep(0.2);
	}
	die "timed out waiting for $n values of $expression";
}

# The alerts of a name that fire for a server, when there are as many.
sub firing_when
{
	my ($name, $node, $n) = @_;
	my $limit = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $instance = '127.0.0.1:' . Port::of($node);
	my @found;

	while (time() < $limit)
	{
		@found = grep {
				 $_->{labels}->{alertname} eq $name
			  && $_->{labels}->{instance} eq $instance
			  && $_->{state} eq 'firing'
		} @{ api('alerts')->{data}->{alerts} // [] };
		return @found if @found == $n;
		sleep(0.2);
	}
	die "timed out waiting for $n alerts $name for $instance";
}

is(join(' ', values_when('up{job="replwatch"} == 1', 2)),
	'1 1', 'both servers are up');
is(join(' ', values_when('replwatch_role{role="primary"}', 1)),
	1, 'one is the primary');
is( join(
		' ',
		values_when(
			'replwatch_link_lag_seconds{link="downstream",name="replica1"}',
			1)) =~ /^[\d.]+$/ ? 1 : 0,
	1,
	'it has the lag of the replica');

# A scrape may come too late on a busy machine; then the next one does not.
my @scraped;
Process::until_true(
	'both servers are scraped without an error',
	sub {
		@scraped = @{ api('targets')->{data}->{activeTargets} // [] };
		return @scraped == 2 && !grep { $_->{lastError} ne '' } @scraped;
	});
is(join(' ', map { $_->{health} } @scraped), 'up up', 'both servers are healthy targets');

note '3. A rule fires';

firing_when('ReplicaLag', $primary, 0);
Replwatch::pause_replay($primary, $standby);
Replwatch::burst($primary);
my ($alert) = firing_when('ReplicaLag', $primary, 1);
is($alert->{labels}->{name}, 'replica1', 'the alert is about the late replica');
like(
	$alert->{annotations}->{summary},
	qr/^Replica "replica1" is [\w. ]+s behind 127\.0\.0\.1:\d+$/,
	'its summary names the replica');
my ($cause) = firing_when('ReplayPaused', $standby, 1);
is($cause->{labels}->{state}, 'paused', 'the standby reports the cause');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
is(scalar(firing_when('ReplicaLag', $primary, 0)), 0, 'the alert stops');

note '4. A server is gone';

$standby->stop;
is(scalar(firing_when('ServerNotSeen', $standby, 1)), 1, 'its absence is reported');
$prometheus->kill_kill;

done_testing();
