# Copyright (c) 2026, the replwatch authors

# The tree follows the servers: a cascade that moves, an upstream server that is
# killed, a failover, an old primary that is rewound.  A replica that streams from
# another server of the tree is not missed by the one that it has left; one that
# streams nowhere is.  Two servers of one name are two, and what is below a server
# without a port is not seen.
#
#	primary --+-- middle ---- leaf
#			  +-- side

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use File::Copy qw(copy);
use Parted;
use Process;
use Replwatch;
use Session;
use Tree;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @conf = (
	"replwatch.known_after = 0",
	"replwatch.alert_hold = '200ms'",
	"replwatch.missing_timeout = '2s'");
my %node = (primary => Tree::primary('primary', @conf));
$node{middle} = Tree::standby($node{primary}, 'middle');
$node{side} = Tree::standby($node{primary}, 'side');
$node{leaf} = Tree::standby($node{middle}, 'leaf');
my $watch = Tree->watch(values %node);
my $row;

# All servers but those show this tree, in which some may be silent.
sub all_show
{
	my ($shape, $what, %params) = @_;
	my %down = map { $_ => 1 } @{ $params{down} // [] };

	foreach my $name (grep { !$down{$_} } sort keys %node)
	{
		Tree::shape_is($node{$name}, $shape, "$what: on $name",
			@{ $params{silent} // [] });
	}
	return;
}

# Wait until a replica has been missing on a server for so long that it would have
# been raised, and more.
sub wait_missing
{
	my ($node, $name) = @_;

	Replwatch::wait_until(
		$node,
		"SELECT last_seen < clock_timestamp() - interval '3 s' AND state = 'missing' FROM replwatch_status() WHERE link = 'downstream' AND name = '$name'",
		"$name has been missing for long");
	Alerts::wait_held($node);
	return;
}

# Let a standby follow another server.
sub move
{
	my ($name, $to) = @_;

	Tree::follow($node{$name}, $node{$to});
	$node{$name}->reload;
	Replwatch::wait_until(
		$node{$to},
		"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = '$name' AND state = 'streaming'",
		"$name streams from $to");
	return;
}

all_show('primary, middle < primary, leaf < middle, side < primary',
	'at first');

note '1. the leaf moves';

move('leaf', 'side');
all_show('primary, middle < primary, side < primary, leaf < side',
	'the leaf has moved');
is(Tree::row($node{middle}, 'leaf')->{state},
	'streaming', 'its former upstream server knows how it is');
wait_missing($node{middle}, 'leaf');
is(Alerts::story($node{middle}, 'replica_missing', 'leaf'),
	'', 'and does not miss it');
is(Parted::fires($node{middle}, 'replica_missing', 'leaf') ? 1 : 0,
	0, 'nor does SQL say so');

note '2. one that streams nowhere is missed';

$node{leaf}->stop;
foreach my $at (qw(middle side))
{
	# The one that it left misses it as soon as it streams nowhere else.  No
	# standby is left to either.
	Alerts::alert_when($node{$at}, 'replica_missing', 'leaf', 'critical',
		"it is missed on $at");
	Alerts::story_is($node{$at}, 'replica_missing', 'leaf',
		'raised critical', "it is missed on $at");
}
$row = Tree::row($node{primary}, 'leaf');
is($row->{state}, 'missing', 'on top it is shown as missing');

# Back at one of the two, it is missed by neither.
$node{leaf}->start;
Alerts::alert_when($node{$_}, 'replica_missing', 'leaf', 'cleared',
	"it is cleared on $_") foreach qw(middle side);
pass('back at one of the two, it is missed by neither');
all_show('primary, middle < primary, side < primary, leaf < side',
	'it is back');

note '3. its upstream server is killed';

$node{side}->stop('immediate');
Tree::row_when($node{primary}, 'side', 'side is gone',
	sub { $_[0]->{state} eq 'missing' });
Tree::shape_is(
	$node{primary},
	'primary, middle < primary, side < primary, leaf < side',
	'what was below it stays where it was',
	qw(leaf side));
move('leaf', 'primary');
all_show(
	'primary, leaf < primary, middle < primary, side < primary',
	'the leaf has moved on',
	silent => ['side'],
	down => ['side']);
Alerts::alert_when($node{primary}, 'replica_missing', 'side', 'firing',
	'the one that was killed is missed');
$node{side}->start;
all_show('primary, leaf < primary, middle < primary, side < primary',
	'it is back');

note '4. a failover';

$node{primary}->stop('immediate');
$node{middle}->promote;
move($_, 'middle') foreach qw(leaf side);
my $after = 'middle, leaf < middle, side < middle';
all_show($after, 'after the failover', down => ['primary']);
foreach my $at (qw(leaf middle side))
{
	foreach my $name (qw(leaf middle side))
	{
		$row = Tree::row_when(
			$node{$at}, $name,
			"$name is on timeline 2, on $at",
			sub { $_[0]->{timeline} == 2 && $_[0]->{health} eq 'ok' });
		is( $row->{role},
			$name eq 'middle' ? 'primary' : 'standby',
			"$name, on $at: its role");
	}
}

note '5. the old primary is rewound';

$node{primary}->start;
Replwatch::burst($node{primary}, 1000);
$node{primary}->stop;
my $conf = $node{primary}->data_dir . '/postgresql.conf';
my $kept = $node{primary}->basedir . '/postgresql.conf.kept';
copy($conf, $kept) or die "could not copy $conf: $!";
$node{middle}->safe_psql('postgres', 'CHECKPOINT');
command_ok(
	[
		'pg_rewind', '--no-sync',
		'--source-server', $node{middle}->connstr('postgres'),
		'--target-pgdata', $node{primary}->data_dir
	],
	'pg_rewind');
copy($kept, $conf) or die "could not copy $kept: $!";
$node{primary}->set_standby_mode;
Tree::follow($node{primary}, $node{leaf});
$node{primary}->start;
all_show('middle, leaf < middle, primary < leaf, side < middle',
	'rewound, it is a cascade');
is(Tree::row($node{side}, 'primary')->{role},
	'standby', 'and a standby for all');
$watch->is_sound('through all of that nobody was there twice');

note '6. two of one name';

Replwatch::set($node{side}, q(replwatch.node_name = 'leaf'));
foreach my $at (qw(middle primary))
{
	Replwatch::wait_until(
		$node{$at},
		q(SELECT string_agg(concat_ws(' < ', node, upstream), ', ') = 'middle, leaf < middle, primary < leaf, leaf < middle' FROM replwatch_cluster()),
		'both are there');
	pass("two servers of one name are two on $at");
}
Replwatch::set($node{side}, q(replwatch.node_name = 'side'));
all_show('middle, leaf < middle, primary < leaf, side < middle',
	'named apart');

note '7. two connections of one name';

# Nobody can tell which is whose.
my $conninfo = Tree::conninfo($node{middle}, 'leaf');
Replwatch::set($node{side}, "primary_conninfo = '$conninfo'");
Replwatch::wait_until(
	$node{middle},
	q(SELECT count(*) = 2 FROM pg_stat_replication WHERE application_name = 'leaf'),
	'both are connected');
Replwatch::wait_until($node{side},
	q(SELECT line_state = 'refused' FROM replwatch_node()),
	'the newer one is refused');
pass('the line of one of them is refused');
Tree::follow($node{side}, $node{middle});
$node{side}->reload;
all_show('middle, leaf < middle, primary < leaf, side < middle',
	'each with its own name again');

note '8. a server without a port';

Replwatch::set($node{leaf}, 'replwatch.port = 0');
Replwatch::wait_until($node{primary},
	q(SELECT line_state = 'refused' FROM replwatch_node()),
	'what is below it is refused');
is( Replwatch::value($node{leaf}, 'SELECT line_state FROM replwatch_node()'),
	'off', 'without a port it has no line');
foreach my $at (qw(middle side))
{
	$row = Tree::row_when(
		$node{$at}, 'leaf',
		"on $at its last report gets older",
		sub { $_[0]->{age} > 3 });
	is($row->{state}, 'streaming',
		"on $at it is there as its upstream server sees it");
}
$node{leaf}->restart;
$row = Tree::row_when($node{middle}, 'leaf', 'it streams again',
	sub { $_[0]->{state} eq 'streaming' });
Tree::row_when(
	$node{primary}, 'middle',
	'a server below it hears nothing of those above',
	sub { $_[0]->{age} > 3 });
Replwatch::set($node{leaf}, 'replwatch.port = ' . Tree::port());
all_show('middle, leaf < middle, primary < leaf, side < middle',
	'with its port again');

done_testing();
