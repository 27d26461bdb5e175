# Copyright (c) 2026, the replwatch authors

# /metrics, /status and /cluster: they say what SQL says, in formats that their
# readers take, without what is nobody's business; series go on when a replica
# reconnects.

use strict;
use warnings;

use lib 't/lib';
use Port;
use Replwatch;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Process;
use Test::More;

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

# Wait until a page's samples fit, and return them.
sub metrics_when
{
	my ($port, $what, $fits) = @_;

	return Process::until_true(
		$what,
		sub {
			my $samples = metrics($port);

			return $fits->($samples) ? $samples : undef;
		});
}

# What SQL, /metrics and /status say of one moment: the row, the samples and the
# object.  The server writes of its own accord now and then: look while what is
# compared later does not change.
sub one_moment
{
	my ($node, $port, $name, $link_end, @columns) = @_;
	my $look = sub { Replwatch::status($node, $name, $link_end) };

	return @{
		Process::until_true(
			"nothing changes on $link_end",
			sub {
				my $before = $look->();
				my $samples = metrics($port);
				my $object = Port::ask($port, '/status')->{json};
				my $after = $look->();

				return if grep {
					($before->{$_} // '') ne ($after->{$_} // '')
				} @columns;
				return [ $before, $samples, $object ];
			})
	};
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

# The names of a function's columns, less those that pages leave out and those
# that not every row has.
sub columns_of
{
	my ($function) = @_;

	return $standby->safe_psql('postgres',
		"SELECT string_agg(c, ' ' ORDER BY c COLLATE \"C\") FROM pg_proc, unnest(proargnames) c WHERE proname = '$function' AND c !~ '^(usesysid|usename|client_.*|backend_xmin|database|slot_synced|safe_wal_size)\$'"
	);
}

# The same of what the objects of a list have.
sub members_of
{
	my %members = map { $_ => 1 } map { keys %$_ } @_;

	delete @members{qw(slot_synced safe_wal_size)};
	return join ' ', sort keys %members;
}

note '1. Both pages agree with SQL';

Replwatch::row_when_current($primary, 'replica1', 'downstream');
Replwatch::wait_until(
	$standby,
	'SELECT staleness IS NOT NULL FROM replwatch_node()',
	'the standby knows how stale it is');
Replwatch::pause_replay($primary, $standby);
Replwatch::burst($primary);
Replwatch::row_when($primary, 'replica1', 'downstream', 'the replica is behind',
	sub { $_[0]->{lag} > 1 });

my $link = '{link="downstream",kind="physical",name="replica1"';
my $row;

my @columns =
  qw(name link kind state health lag_bytes sent_lsn write_lsn flush_lsn
  replay_lsn sync_priority sync_state pid application_name slot_name
  restart_lsn confirmed_flush_lsn wal_status retained_bytes slot_xmin_age
  invalidation_reason);

($row, $series, $status) =
  one_moment($primary, $port[0], 'replica1', 'downstream', @columns);
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
cmp_ok($series->{replwatch_staleness_seconds}, '==', 0, 'metrics: staleness');
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

foreach my $column (@columns)
{
	is($seen->{$column}, $row->{$column}, "status: $column");
}
cmp_ok($seen->{lag}, '>=', $row->{lag}, 'status: lag');
foreach my $column (
	qw(role system_identifier timeline version worker_state port port_state
	command_runner_state staleness_of line_state))
{
	is( $status->{node}->{$column},
		$primary->safe_psql(
			'postgres', "SELECT $column FROM replwatch_node()"),
		"status: node's $column");
}

# The standby's own link, and what it knows of why.
@columns = qw(name link state lag_bytes reason_code reason replay_lsn pid);
($row, $series, $status) =
  one_moment($standby, $port[1], 'replica1', 'upstream', @columns);
$seen = $status->{status}->[0];
foreach my $column (@columns)
{
	is($seen->{$column}, $row->{$column}, "standby's status: $column");
}
is($status->{node}->{replay_state}, 'paused', "standby's status: replay");
is($status->{node}->{staleness_of},
	'upstream', "standby's status: staleness of");
cmp_ok($series->{replwatch_staleness_seconds},
	'>=', $row->{lag}, "standby's metrics: staleness");
is($series->{'replwatch_staleness_of{of="upstream"}'},
	1, "standby's metrics: staleness of");
is( $series->{"replwatch_line_state{state=\"$status->{node}->{line_state}\"}"},
	1,
	"standby's metrics: the line");
is($series->{'replwatch_replay_state{state="paused"}'},
	1, "standby's metrics: replay");
is( $series->{
		'replwatch_link_reason{link="upstream",kind="physical",name="replica1",reason_code="paused"}'
	},
	1,
	"standby's metrics: why");

note '2. Alerts';

Replwatch::set($primary, "replwatch.lag_warning = '1s'");
$answer = Port::answer_when(
	$port[0],
	'/status',
	'an alert fires',
	sub {
		grep { $_->{alert} eq 'replica_lag' && $_->{state} eq 'firing' }
		  @{ $_[0]->{json}->{alerts} };
	});
my ($alert) =
  grep { $_->{alert} eq 'replica_lag' } @{ $answer->{json}->{alerts} };
@rows = split /\|/,
  $primary->safe_psql('postgres',
	"SELECT alert, severity, subject, state FROM replwatch_alerts() WHERE alert = 'replica_lag'"
  );
is_deeply([ @{$alert}{qw(alert severity subject state)} ],
	\@rows, 'status: as in SQL');
like($alert->{detail}, qr/\.$/, 'status: with its detail');
like($alert->{raised_at}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'status: with its time');

# While its alerts are not looked at, a link's health is not known.
$series = metrics_when(
	$port[0],
	"the link's health is known",
	sub { exists $_[0]->{"replwatch_link_health$link,health=\"warning\"}"} });
cmp_ok($series->{'replwatch_alerts_firing{severity="warning"}'},
	'>=', 1, 'metrics: the number of alerts');
is( scalar(
		grep {
			/^replwatch_alert_raised_timestamp_seconds\{alert="replica_lag",severity="warning",state="firing",subject="replica1"\}$/
		} keys %$series),
	1,
	'metrics: the alert');
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
is( Port::ask(
		$port[0], '/metrics',
		headers => ['Accept: application/openmetrics-text;version=1.0.0'])
	  ->{headers}->{'content-type'},
	$metrics->{headers}->{'content-type'},
	'the same for a client that would rather have another format');

note '4. Members are columns';

my @status = map { Port::ask($_, '/status')->{json} } @port;
is(members_of($status[1]->{node}),
	columns_of('replwatch_node'), 'node, of a standby');
is( members_of(map { @{ $_->{status} } } @status),
	columns_of('replwatch_status'), 'status');
is( members_of(map { @{ $_->{alerts} } } @status),
	columns_of('replwatch_alerts'), 'alerts');

# Times and ages go on from one look to the next.
@rows = Process::until_true(
	'nothing changes in the tree',
	sub {
		my $query =
		  'SELECT json_agg(to_jsonb(c) - $${host,lag,staleness,reported_at}$$::text[]) FROM replwatch_cluster() c';
		my $before = $primary->safe_psql('postgres', $query);
		my $page = Port::ask($port[0], '/cluster')->{json}->{cluster};
		my $after = $primary->safe_psql('postgres', $query);

		return $before eq $after ? [ decode_json($after), $page ] : undef;
	})->@*;
is( members_of(@{ $rows[1] }),
	join(' ', grep { $_ ne 'host' } split / /, columns_of('replwatch_cluster')),
	'cluster');
is_deeply([ map { $_->{node} } @{ $rows[1] } ],
	[qw(primary replica1)], 'cluster: the servers, from the top');
cmp_ok($rows[1]->[1]->{lag}, '>', 1, 'cluster: the lag that the primary sees');
like($rows[1]->[0]->{reported_at},
	qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'cluster: the time of a report');
delete @{$_}{qw(lag staleness reported_at)} foreach @{ $rows[1] };
is_deeply($rows[1], $rows[0], 'cluster: as in SQL');
is($series->{'replwatch_servers{state="reporting"}'},
	1, 'metrics: the number of servers that report');
is($series->{'replwatch_servers{state="silent"}'},
	1, 'metrics: and of those that do not');
$series = metrics($port[1]);
is($series->{'replwatch_servers{state="reporting"}'},
	1, "standby's metrics: it knows itself");
is($series->{'replwatch_servers{state="silent"}'},
	0, "standby's metrics: and no other");

note '5. What is nobody\'s business';

foreach my $port (@port)
{
	my %members = map { $_ => 1 }
	  map { members(Port::ask($port, $_)->{json}) } '/status', '/cluster';
	my $page = join "\n", sort keys %{ metrics($port) };

	is_deeply(
		[
			grep { exists $members{$_} }
			  qw(usesysid usename client_addr client_hostname client_port backend_xmin host)
		],
		[],
		'status, cluster: neither users nor clients nor xmins');
	unlike(
		$page,
		qr/usename|user=|client|xmin=|addr/,
		'metrics: none of these');
}

note '6. Waits';

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
is($series->{replwatch_waits_timed_out_total}, 1, 'one wait timed out');
cmp_ok($series->{replwatch_wait_duration_seconds_sum},
	'>=', 0.1, 'the time is counted in seconds');

note '7. Series after a reconnection';

my $stable = sub {
	return join "\n",
	  sort grep { !/state=|reason|bound=|core_lag|catchup|alert|health/ }
	  keys %{ $_[0] };
};
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
Replwatch::row_when_current($primary, 'replica1', 'downstream');
$series = metrics($port[0]);
$standby->restart;

# Before it asks for its slot, its connection has a row of its own.
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 1 AND bool_and(state = 'streaming' AND reply_time IS NOT NULL) FROM replwatch_status() WHERE name = 'replica1' AND link = 'downstream'",
	'the replica streams and has replied');

# A page is made of what the worker has seen.
my ($before, $after) = ($stable->($series), '');
eval {
	Process::until_true(
		'the series are the same',
		sub { ($after = $stable->(metrics($port[0]))) eq $before });
} or diag($@);
is($after, $before, 'a replica that reconnects is the same series');

note '8. A shared name, and odd names';

my $twin = Replwatch::standby($primary, 'twin');
my $other = PostgreSQL::Test::Cluster->new('other');
$other->init_from_backup($primary, 'backup_twin', has_streaming => 1);
Replwatch::connect_to($other, $primary, 'twin');
$other->start;
Replwatch::wait_until(
	$primary,
	"SELECT count(*) = 2 FROM pg_stat_replication WHERE application_name = 'twin' AND state = 'streaming'",
	'two replicas share a name');
my $connections =
  'replwatch_link_connections{link="downstream",kind="physical",name="twin"}';
$series = metrics_when(
	$port[0],
	'two connections are counted',
	sub { ($_[0]->{$connections} // 0) > 1 });
is($series->{$connections}, 2,
	'replicas that share a name are one series, which counts them');
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
	'a replica with an odd name is connected');
my $odd =
  'replwatch_link_state{link="downstream",kind="physical",name="a\"b\\\\c{}",state="streaming"}';
$series = metrics_when(
	$port[0],
	'the odd name has a series',
	sub { exists $_[0]->{$odd} });
is($series->{$odd}, 1, 'metrics: the name is escaped');
promtool_takes(Port::ask($port[0], '/metrics')->{body}, 'that');
is( scalar(
		grep { $_->{name} eq 'a"b\\c{}' }
		  @{ Port::ask($port[0], '/status')->{json}->{status} }),
	1,
	'status: the name is escaped');

done_testing();
