# Copyright (c) 2026, the replwatch authors

# /metrics and /status: they say what SQL says, in formats that their readers
# take, without what is nobody's business; series go on when a replica
# reconnects.
#
# matrix: every major

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $primary = Replwatch::primary('primary',
	Port::conf('wal_level = logical', 'replwatch.alert_hold = 0'));
my $standby = Replwatch::standby(
	$primary, 'replica1',
	slot => 1,
	conf => [ Port::conf('replwatch.alert_hold = 0') ]);
my @port = map { Port::of($_) } $primary, $standby;
my ($metrics, $series, $answer, $status, @rows);

# The samples of a page: name and labels, as written, to value.  Dies if a
# line makes no sense or a series is there twice.
sub samples
{
	my ($page) = @_;
	my %samples;

	foreach my $line (split /\n/, $page)
	{
		next if $line =~ /^#/;
		my ($key, $value) =
		  $line =~
		  /^([a-z_]+(?:\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)+\})?) (-?[0-9.]+|NaN)$/
		  or die "this is no sample: $line";
		die "there are two samples of $key" if exists $samples{$key};
		$samples{$key} = $value;
	}
	return \%samples;
}

sub metrics
{
	my ($port) = @_;

	return samples(Port::ask($port, '/metrics')->{body});
}

# Does promtool take it?  All is well where it is not installed.
sub promtool_takes
{
	my ($page, $what) = @_;

  SKIP:
	{
		skip 'promtool is not installed', 1
		  if system('promtool --version >/dev/null 2>&1') != 0;
		my ($out, $err);

		IPC::Run::run([ 'promtool', 'check', 'metrics' ],
			'<', \$page, '>', \$out, '2>', \$err);
		is($out . $err, '', "promtool finds no fault with $what");
	}
	return;
}

# All members of all objects in this, with their values.
sub members
{
	my ($value) = @_;

	return map { members($_) } @$value if ref $value eq 'ARRAY';
	return map { ($_, members($value->{$_})) } sort keys %$value
	  if ref $value eq 'HASH';
	return ();
}

note '1. Both say what SQL says';

Replwatch::row_when_current($primary, 'replica1', 'downstream');
Replwatch::pause_replay($primary, $standby);
Replwatch::burst($primary);
Replwatch::row_when($primary, 'replica1', 'downstream', 'it is behind',
	sub { $_[0]->{lag} > 1 });

my $link = '{link="downstream",kind="physical",name="replica1"';
my $row;

# The server writes of its own accord now and then: look while it does not.
for my $try (1 .. 10)
{
	$row = Replwatch::status($primary, 'replica1');
	$series = metrics($port[0]);
	$status = Port::ask($port[0], '/status')->{json};
	last
	  if Replwatch::status($primary, 'replica1')->{lag_bytes} ==
	  $row->{lag_bytes};
}
is($series->{"replwatch_link_lag_bytes$link}"},
	$row->{lag_bytes}, 'metrics: bytes');
cmp_ok($series->{"replwatch_link_lag_seconds$link}"},
	'>=', $row->{lag}, 'metrics: lag');
is($series->{"replwatch_link_state$link,state=\"$row->{state}\"}"},
	1, 'metrics: state');
is( $series->{
		"replwatch_slot_retained_bytes{slot=\"replica1\",kind=\"physical\"}"},
	$row->{retained_bytes},
	'metrics: slots');
is($series->{'replwatch_role{role="primary"}'}, 1, 'metrics: role');
is($series->{'replwatch_port_state{state="listening"}'},
	1, 'metrics: the port itself');
is($series->{'replwatch_command_runner_state{state="off"}'},
	1, 'metrics: the command runner');
is( $series->{replwatch_horizon_bytes},
	$primary->safe_psql(
		'postgres',
		"SELECT '$row->{replay_lsn}' - '0/0'::pg_lsn + $row->{lag_bytes}"),
	'metrics: horizon');
my ($seen) = grep { $_->{name} eq 'replica1' } @{ $status->{status} };

foreach my $column (
	qw(name link kind state health lag_bytes sent_lsn write_lsn flush_lsn
	replay_lsn sync_priority sync_state pid application_name slot_name
	restart_lsn confirmed_flush_lsn wal_status retained_bytes slot_xmin_age
	invalidation_reason))
{
	is($seen->{$column}, $row->{$column}, "status: $column");
}
cmp_ok($seen->{lag}, '>=', $row->{lag}, 'status: lag');
foreach my $column (
	qw(role system_identifier timeline version worker_state port port_state
	command_runner_state))
{
	is( $status->{node}->{$column},
		$primary->safe_psql(
			'postgres', "SELECT $column FROM replwatch_node()"),
		"status: node's $column");
}

# The standby's own link, and what it knows of why.
$row = (Replwatch::statuses($standby, 'upstream'))[0];
$status = Port::ask($port[1], '/status')->{json};
$seen = $status->{status}->[0];
foreach
  my $column (qw(name link state lag_bytes reason_code reason replay_lsn pid))
{
	is($seen->{$column}, $row->{$column}, "standby's status: $column");
}
is($status->{node}->{replay_state}, 'paused', "standby's status: replay");
$series = metrics($port[1]);
is($series->{'replwatch_replay_state{state="paused"}'},
	1, "standby's metrics: replay");
is( $series->{
		'replwatch_link_reason{link="upstream",kind="physical",name="replica1",reason_code="paused"}'
	},
	1,
	"standby's metrics: why");

note '2. Alerts';

$primary->safe_psql('postgres',
	"ALTER SYSTEM SET replwatch.lag_warning = '1s'");
$primary->reload;
$answer = Port::answer_when(
	$port[0],
	'/status',
	'an alert fires',
	sub {
		grep { $_->{state} eq 'firing' } @{ $_[0]->{json}->{alerts} };
	});
my ($alert) = @{ $answer->{json}->{alerts} };
@rows = split /\|/,
  $primary->safe_psql('postgres',
	'SELECT alert, severity, subject, state FROM replwatch_alerts() LIMIT 1');
is_deeply([ @{$alert}{qw(alert severity subject state)} ],
	\@rows, 'status: as in SQL');
like($alert->{detail}, qr/\.$/, 'status: with its detail');
like($alert->{raised_at}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'status: and when');
$series = metrics($port[0]);
cmp_ok($series->{'replwatch_alerts_firing{severity="warning"}'},
	'>=', 1, 'metrics: how many');
is( scalar(
		grep {
			/^replwatch_alert_raised_timestamp_seconds\{alert="replica_lag",severity="warning",state="firing",subject="replica1"\}$/
		} keys %$series),
	1,
	'metrics: which');
is($series->{"replwatch_link_health$link,health=\"warning\"}"},
	1, "metrics: the link's health");

note '3. Formats';

$metrics = Port::ask($port[0], '/metrics');
like(
	$metrics->{headers}->{'content-type'},
	qr{^text/plain; version=0\.0\.4},
	'the text format');
promtool_takes($metrics->{body}, "the primary's metrics");
promtool_takes(Port::ask($port[1], '/metrics')->{body},
	"the standby's metrics");
$metrics = Port::ask($port[0], '/metrics',
	headers => ['Accept: application/openmetrics-text;version=1.0.0']);
like(
	$metrics->{headers}->{'content-type'},
	qr{^application/openmetrics-text; version=1\.0\.0},
	'OpenMetrics');
like($metrics->{body}, qr/\n# EOF\n\z/, 'which has an end');
like(
	$metrics->{body},
	qr/^# TYPE replwatch_waits counter$/m,
	'and names counters without their suffix');

# Alerts come and go, and what is known does: a moment's will do.
my ($text, $open);
for my $try (1 .. 20)
{
	$text = join "\n", sort keys %{ metrics($port[0]) };
	$open = join "\n",
	  sort keys %{
		samples(
			Port::ask($port[0], '/metrics',
				headers => ['Accept: application/openmetrics-text'])->{body})
	  };
	last if $text eq $open;
	sleep(0.2);
}
is($open, $text, 'both formats have the same series');

note '4. What is nobody\'s business';

foreach my $port (@port)
{
	my %members =
	  map { $_ => 1 } members(Port::ask($port, '/status')->{json});
	my $page = join "\n", sort keys %{ metrics($port) };

	is_deeply(
		[
			grep { exists $members{$_} }
			  qw(usesysid usename client_addr client_hostname client_port backend_xmin)
		],
		[],
		'status: neither users nor clients nor xmins');
	unlike(
		$page,
		qr/usename|user=|client|xmin=|addr/,
		'metrics: neither of them');
}

note '5. Waits';

$primary->safe_psql('postgres', 'SELECT replwatch_wait_for_lsn(NULL)');
$standby->safe_psql('postgres',
	"SELECT replwatch_wait_for_lsn('FFFF/0', '100 ms')");
@rows = split /\|/,
  $standby->safe_psql('postgres',
	'SELECT waits, immediate, timeouts, errors FROM replwatch_wait_stats()');
$series = metrics($port[1]);
is_deeply(
	[
		@{$series}{
			qw(replwatch_waits_total replwatch_waits_immediate_total
			  replwatch_waits_timed_out_total replwatch_waits_failed_total)
		}
	],
	\@rows,
	'metrics: as in SQL');
is($series->{replwatch_waits_timed_out_total}, 1, 'one timed out');
cmp_ok($series->{replwatch_wait_duration_seconds_sum},
	'>=', 0.1, 'the time is counted in seconds');

note '6. Series go on';

my $stable = sub {
	return join "\n",
	  sort grep { !/state=|reason|bound=|core_lag|catchup|alert|health/ }
	  keys %{ $_[0] };
};
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
Replwatch::row_when_current($primary, 'replica1', 'downstream');
$series = metrics($port[0]);
$standby->restart;
Replwatch::row_when($primary, 'replica1', 'downstream',
	'it streams and has replied',
	sub { $_[0]->{state} eq 'streaming' && defined $_[0]->{reply_time} });

# A page is made of what the worker has seen.
Replwatch::wait_sampled($primary);
is($stable->(metrics($port[0])),
	$stable->($series), 'a replica that reconnects is the same series');

note '7. Two of a name, and names that mean something else';

my $twin = Replwatch::standby($primary, 'twin');
$primary->backup('other');
my $other = PostgreSQL::Test::Cluster->new('other');
$other->init_from_backup($primary, 'other', has_streaming => 1);
Replwatch::connect_to($other, $primary, 'twin');
$other->start;
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 2 FROM pg_stat_replication WHERE application_name = 'twin' AND state = 'streaming'",
	'two are connected under one name');
$series = metrics($port[0]);
is( $series->{
		'replwatch_link_connections{link="downstream",kind="physical",name="twin"}'
	},
	2,
	'two of a name are one series, which counts them');
promtool_takes(Port::ask($port[0], '/metrics')->{body}, 'that');

# The name of a replica is what it calls itself.
$other->safe_psql('postgres', q{ALTER SYSTEM SET primary_conninfo = ''});
$other->append_conf('postgresql.auto.conf',
	"primary_conninfo = '" . $primary->connstr =~
	  s/'/''/gr . q{ application_name=''a"b\\\\\\\\c{}'''} . "\n");
$other->restart;
Replwatch::wait_until(
	$primary,
	q{SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'a"b\c{}' AND state = 'streaming'},
	'a replica has an odd name');
$series = metrics($port[0]);
is( $series->{
		'replwatch_link_state{link="downstream",kind="physical",name="a\"b\\\\c{}",state="streaming"}'
	},
	1,
	'metrics: it is escaped');
promtool_takes(Port::ask($port[0], '/metrics')->{body}, 'that');
is( scalar(
		grep { $_->{name} eq 'a"b\\c{}' }
		  @{ Port::ask($port[0], '/status')->{json}->{status} }),
	1,
	'status: it is escaped');

done_testing();
