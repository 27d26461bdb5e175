# Copyright (c) 2026, the replwatch authors
# matrix: every major

# A primary, two standbys and a cascade: each server shows all of them, soon after
# they have started, in the order of the tree, with what each says of itself and
# what its upstream server sees of it.  A server that falls silent stays, with its
# age, and what is below it stays where it was.  Nobody is ever in it twice.
#
#	primary --+-- middle ---- leaf
#			  +-- side

use strict;
use warnings;

use lib 't/lib';
use Parted;
use Port;
use Process;
use Replwatch;
use Session;
use Tree;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $tree = 'primary, middle < primary, leaf < middle, side < primary';
my (%node, $row, $watch);

# All four show this tree; but for those that are down or stopped.
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

note '1. alone, it shows itself';

$node{primary} = Tree::primary('primary');
all_show('primary', 'alone');
$row = Tree::row($node{primary}, 'primary');
is($row->{role},  'primary', 'it is the primary');
is($row->{depth}, 0,         'and on top');
is($row->{$_}, undef, "no server sees it: $_ is not known")
  foreach qw(upstream host lag state);

note '2. all four start';

# They are there at first without a report, under the name of the link, which is
# the same here.
$node{middle} = Tree::standby($node{primary}, 'middle');
$node{side} =
  Tree::standby($node{primary}, 'side', slot => 1, start => 0);
$node{leaf} = Tree::standby($node{middle}, 'leaf', start => 0);
$watch = Tree->watch(@node{qw(primary middle)});
$node{$_}->start foreach qw(side leaf);
Replwatch::wait_until(
	$node{middle},
	q(SELECT state = 'streaming' FROM replwatch_status() WHERE name = 'leaf'),
	'the last one streams');

my $begin = time();
all_show($tree, 'started');
my $took = time() - $begin;

# It would be four and more if a first attempt had failed twice.
note "the tree is complete on each after $took s";
cmp_ok($took, '<', 2 + $Replwatch::tolerance, 'that takes no two seconds');
$watch->is_sound('meanwhile nobody is there twice');
$watch = Tree->watch(values %node);

note '3. what it says of them';

my $version = Replwatch::value($node{primary},
	'SELECT version FROM replwatch_node()');
my %is = (
	primary => [ undef, 0, 'primary', undef, undef ],
	middle => [ 'primary', 1, 'cascade', '127.0.0.1', 'streaming' ],
	leaf => [ 'middle', 2, 'standby', '127.0.0.1', 'streaming' ],
	side => [ 'primary', 1, 'standby', '127.0.0.1', 'streaming' ]);

Replwatch::burst($node{primary});
Replwatch::wait_replayed($node{primary}, $node{$_}) foreach qw(middle leaf side);
my $lsn = Replwatch::flushed($node{primary});

foreach my $at (sort keys %node)
{
	foreach my $name (sort keys %is)
	{
		my $what = "$name, on $at";

		# What was replayed, and that nothing is missing, comes with a report.
		$row = Tree::row_when(
			$node{$at}, $name,
			"$what: it has reported since",
			sub {
				Parted::lsn($_[0]->{replay_lsn} // '0/0') >= Parted::lsn($lsn)
				  && ($name eq 'primary' || ($_[0]->{lag} // 1) == 0);
			});
		is_deeply([ @$row{qw(upstream depth role host state)} ],
			$is{$name}, "$what: where it is, and how it is seen")
		  || diag(explain($row));
		is_deeply(
			[ @$row{qw(timeline health reason_code reason alerts)} ],
			[ 1, 'ok', undef, undef, 0 ],
			"$what: all is well") || diag(explain($row));
		is($row->{port}, Tree::port(), "$what: its port");
		is($row->{version}, $version, "$what: its version");
		cmp_ok(abs($row->{age}), '<', $Replwatch::tolerance,
			"$what: the report is new");
		cmp_ok($row->{staleness} // 99,
			'<', 2 * $Replwatch::tolerance,
			"$what: how stale it is, with the age of its reports");
	}
	is(Tree::row($node{$at}, 'primary')->{staleness} + 0,
		0, "on $at: the primary is not stale");
}

# The rows of replwatch_status() say when it was.
foreach my $link ([ 'primary', 'middle' ], [ 'middle', 'leaf' ])
{
	my ($at, $name) = @$link;

	cmp_ok(
		Replwatch::value(
			$node{$at},
			"SELECT extract(epoch FROM clock_timestamp() - reported_at) FROM replwatch_status() WHERE link = 'downstream' AND name = '$name'"
		),
		'<', $Replwatch::tolerance, "status on $at: $name has just reported");
}
is( Replwatch::value($node{$_}, 'SELECT line_state FROM replwatch_node()'),
	$_ eq 'primary' ? 'off' : 'up',
	"node: the line of $_ to its upstream server") foreach sort keys %node;

note '4. who may see it';

$node{primary}->safe_psql(
	'postgres', q{
	CREATE ROLE granted LOGIN;
	GRANT EXECUTE ON FUNCTION replwatch_cluster() TO granted;
	CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
	CREATE ROLE nobody LOGIN;
});
Replwatch::wait_replayed($node{primary}, $node{middle});
foreach my $at (qw(primary middle))
{
	my %sees = map {
		$_ => Session::verdict(
			Session->new($node{$at}, user => $_)
			  ->query(q(SELECT node FROM replwatch_cluster())))
	} qw(granted monitor nobody);

	is_deeply(
		\%sees,
		{
			granted => $at,
			monitor => 'primary middle leaf side',
			nobody =>
			  '42501 permission denied for function replwatch_cluster'
		},
		"on $at: without pg_read_all_stats nobody sees other servers")
	  || diag(explain(\%sees));
}

note '5. the port has the same';

my $answer = Port::ask(Tree::port(), '/cluster');
is($answer->{status}, 200, '/cluster');
my $servers = $answer->{json};
($servers) = grep { ref eq 'ARRAY' } values %$servers if ref $servers eq 'HASH';
is(join(' ', map { $_->{node} } @$servers),
	'primary middle leaf side', 'it has all four in this order');

note '6. one that falls silent';

# Its port's process is stopped, and nothing else.
my $port = Process::child($node{leaf}, 'replwatch port');
my $reported = Tree::row($node{primary}, 'leaf')->{reported_at};
Process::stop($port);
all_show($tree, 'the leaf is silent', silent => ['leaf'], down => ['leaf']);
$row = Tree::row($node{primary}, 'leaf');
cmp_ok($row->{age}, '>', 3, 'its last report gets older');
is($row->{state}, 'streaming', 'it streams, as its upstream server sees');
is($row->{role}, 'standby', 'and is what it last said');
kill('CONT', $port);
all_show($tree, 'it speaks again');
cmp_ok(Tree::row($node{primary}, 'leaf')->{reported_at},
	'>', $reported, 'with a new report');

note '7. one that is gone';

Replwatch::wait_sampled($node{middle});
$node{leaf}->stop('immediate');
Tree::row_when($node{primary}, 'leaf', 'the leaf is gone',
	sub { $_[0]->{state} eq 'missing' });
all_show($tree, 'the leaf is gone', silent => ['leaf'], down => ['leaf']);
$node{leaf}->start;
all_show($tree, 'it is back');
is(Tree::row($node{side}, 'leaf')->{state}, 'streaming', 'and streams');

note '8. a branch that is suspended';

my @pids = Tree::suspend($node{middle});
all_show(
	$tree,
	'the middle is suspended',
	silent => [qw(middle leaf)],
	down => [qw(middle leaf)]);
Tree::shape_is($node{leaf}, $tree, 'it is suspended: on leaf',
	qw(primary middle side));
kill('CONT', @pids);
all_show($tree, 'it goes on');

note '9. one that starts anew';

# It is another server now, with the same name.
$node{middle}->restart;
all_show($tree, 'the middle is restarted');
kill('TERM', Process::child($node{side}, 'replwatch port'));
all_show($tree, 'a port is restarted');
$node{primary}->restart;
all_show($tree, 'the primary is restarted');

$watch->is_sound('through all of that nobody is there twice');
done_testing();
