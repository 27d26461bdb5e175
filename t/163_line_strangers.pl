# Copyright (c) 2026, the replwatch authors

# Who is not of this system, or has no business here, tells nothing over the
# line and learns no more than that it is refused: a stranger without the nonce,
# with that of another system, with another line_secret; a session that was
# recorded and is played again, frames that are sent back, sent twice, left out
# or changed; a copy of this system that streams from another server.
#
# Whoever has the key and a connection that streams here can say what it likes
# of itself and of what is below it.  That changes words, and makes nothing
# healthier, fresher or less late.  It can withhold replica_missing for a replica
# that it claims as its own, and for no other.

use strict;
use warnings;

use lib 't/lib';
use Alerts;
use Line;
use Port;
use Process;
use Receiver;
use Replwatch;
use Tree;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $primary = Replwatch::primary(
	'primary',
	'wal_keep_size = 64MB',
	'max_wal_senders = 20',
	"listen_addresses = '127.0.0.1'",
	'replwatch.known_after = 0',
	"replwatch.alert_hold = '100ms'",
	"replwatch.missing_timeout = '1s'",
	"replwatch.lag_warning = '1s'",
	"replwatch.stall_timeout = '1s'",
	"replwatch.node_name = 'primary'",
	Port::conf());
my $port = Port::of($primary);
my $r1 = Replwatch::standby($primary, 'r1',
	conf => [
		Port::conf(
			"replwatch.node_name = 'r1'", "replwatch.upstream_port = $port")
	]);
my $key = Line::key($primary);

# A stranger under the name of a replica that has no line of its own.
sub stranger
{
	my (%params) = @_;

	return Line->connect(
		$port,
		key => $key,
		application_name => 'ghost',
		%params);
}

# Nothing has been told of a server of this name.
sub is_nobody
{
	my ($name, $what) = @_;

	Replwatch::wait_sampled($primary);
	is(Tree::row($primary, $name), undef, "$what: not in the tree");
	return;
}

# A listening socket for standbys, and its port.
sub listener
{
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $socket = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		LocalPort => $port,
		ReuseAddr => 1,
		Listen => 5) // die "port $port is not free: $!";

	return ($socket, $port);
}

Line::state_when($r1, 'up', 'r1 has a line');
my $ghost = Receiver->new($primary, 'ghost');
Tree::row_when($primary, 'ghost', 'ghost streams',
	sub { $_[0]->{state} eq 'streaming' });


note '1. strangers';

my $control = Line::control($primary);
my %stranger = (
	'no nonce' => Line::key($primary, nonce => "\0" x 32),
	'the nonce of another system' =>
	  Line::key($primary, nonce => Line::random(32)),
	'the identifier of another system' =>
	  Line::key($primary, system => $control->{system} + 1),
	'a secret where there is none' => Line::key($primary, secret => 'x'));
foreach my $what (sort keys %stranger)
{
	my $line = stranger(key => $stranger{$what});

	is($line->join, 'refused', "$what: refused, without a reason");
	is($line->ending, 'closed', "$what: and that is all");

	# Of its own length: protocol, id, challenge.
	like($line->bytes_in, qr/^\xF1\x02\0\x41.{65}\xF1\x07\0\0\z/s,
		"$what: it has got a challenge and a refusal");
}

my $line = stranger(protocol => 2 << 16);
like($line->join, qr/^(refused|closed)$/, 'another protocol: refused');

# Nothing is told before the proof, whatever is sent.
$line = stranger();
$line->hello;
$line->meet('challenge');
$line->tell({ name => 'mask' });
like($line->ending, qr/^(refused|closed)$/,
	'no proof, but servers: refused');
is_nobody('mask', 'no proof');
is(Tree::row($primary, 'ghost')->{reported_at},
	undef, 'the replica whose name they used has not reported');


note '2. line_secret on one side';

Replwatch::set($primary, "replwatch.line_secret = 'hush'");
Line::state_when($r1, 'refused', 'r1 is refused without the secret');
is(stranger()->join, 'refused', 'so is the key without the secret');
is(stranger(key => Line::key($primary, secret => 'Hush'))->join,
	'refused', 'and another secret');
is($r1->safe_psql('postgres', 'SELECT status FROM pg_stat_wal_receiver'),
	'streaming', 'replication goes on');
Replwatch::set($r1, "replwatch.line_secret = 'hush'");
Line::state_when($r1, 'up', 'r1 has the secret');
pass('with the secret on both sides there is a line');
Replwatch::set($_, "replwatch.line_secret = ''") foreach $r1, $primary;
Line::state_when($r1, 'up', 'neither has a secret');
$primary->safe_psql('postgres', 'CREATE ROLE somebody');
my ($ret, undef, $stderr) = $primary->psql('postgres',
	'SET ROLE somebody; SHOW replwatch.line_secret');
like($stderr, qr/must be superuser|permission denied/,
	'not everybody can see the secret');


note '3. sessions played again';

# The very client that is refused above is let in with the key: what is told
# under a name that streams here counts.
my $known_id = Line::random(16);

sub known
{
	my ($name) = @_;
	my $known = Line->connect(
		$port,
		key => $key,
		application_name => 'known',
		id => $known_id);

	is($known->join, 'welcome', "$name: let in");
	$known->tell({ name => $name });
	Tree::row_when($primary, $name, "$name is in the tree",
		sub { defined $_[0]->{reported_at} });
	return $known;
}

my $connection = Receiver->new($primary, 'known');
Tree::row_when($primary, 'known', 'known streams',
	sub { $_[0]->{state} eq 'streaming' });
my $first = known('first');
$first->end;
my $second = known('second');
$line = stranger();
$line->write($first->bytes_out);
is($line->ending, 'refused', 'a recorded session is refused');
is_nobody('first', 'a recorded session');
$second->end;

# Frames of this very session, but not as its next ones.
my %wrong = (
	'a frame sent back' => sub { $_[0]->receive->{bytes} },
	'a frame sent twice' => sub {
		my $frame = $_[0]->sealed('server', %{ $_[0]->own(name => 'third') });

		$_[0]->write($frame . $_[0]->sealed('end'));
		Tree::row_when($primary, 'third', 'it counts once', sub { 1 });
		$_[0]->tell({ name => 'second' });
		Tree::row_when($primary, 'second', 'so does the next', sub { 1 });
		return $frame;
	},
	'a frame left out' => sub {
		$_[0]->sealed('end');
		return $_[0]->sealed('server', %{ $_[0]->own(name => 'third') });
	},
	'a changed frame' => sub {
		my $frame = $_[0]->sealed('server', %{ $_[0]->own(name => 'fourth') });

		$frame =~ s/fourth/third!/;
		return $frame;
	});
foreach my $what (sort keys %wrong)
{
	$line = known('second');
	$line->write($wrong{$what}->($line) . $line->sealed('end'));
	is($line->ending, 'closed', "$what: the line is closed");
	is_nobody('third', $what);
}


note '4. a server that only plays';

# What a standby connects to in place of its upstream server's port.
my $r2 = Replwatch::standby($primary, 'r2',
	conf => [ Port::conf("replwatch.node_name = 'r2'") ]);
my @mirror = listener();
my @player = listener();

Replwatch::set($r2, "replwatch.upstream_port = $mirror[1]");
$line = Line->accept($mirror[0], key => $key);
my $hello = $line->receive;
is($hello->{type}, 'hello', 'mirror: the standby says hello');
$hello->{bytes} =~ s/^(.)./$1\x02/s;
$line->write($hello->{bytes});
my $proof = $line->receive;
if ($proof)
{
	is($proof->{type}, 'proof', 'mirror: it proves itself');
	$proof->{bytes} =~ s/^(.)./$1\x04/s;
	$line->write($proof->{bytes});
}
is($line->ending, 'closed', 'mirror: the standby does not believe its own words');
Line::state_when($r2, 'refused', 'mirror: the line is refused');

# A server that has the key, and one that has only heard it.
Replwatch::set($r2, "replwatch.upstream_port = $player[1]");
my $player_id = Line::random(16);
$line = Line->accept($player[0], key => $key, id => $player_id);
is($line->join, 'welcome', 'with the key: the line is up');
$line->tell({ name => 'player' });
Tree::row_when($r2, 'player', 'with the key: it is in the tree', sub { 1 });
my $recorded = $line->bytes_out;
$line->end;
Replwatch::set($r2, "replwatch.upstream_port = $mirror[1]");
$line = Line->accept($mirror[0], key => $key);
$line->write($recorded);
is($line->receive->{type}, 'hello', 'recorded: the standby says hello');
is($line->ending, 'closed', 'recorded: the standby is not deceived');
Line::state_when($r2, 'refused', 'recorded: the line is refused');
Replwatch::set($r2, "replwatch.upstream_port = $player[1]");
$line = Line->accept($player[0], key => Line::key($primary, secret => 'x'));
is($line->join, 'not authentic', 'a server without the key: another one');
$line->send('welcome');
is($line->ending, 'closed', 'a server without the key: likewise');
Line::state_when($r2, 'refused', 'a server without the key: refused');
Replwatch::set($r2, 'replwatch.port = 0');


note '5. the key, and no connection';

my $afar = Receiver->new(
	{ host => '127.0.0.1', port => $primary->port },
	'afar',
	lsn => Replwatch::flushed($primary));
Tree::row_when($primary, 'afar', 'afar streams',
	sub { $_[0]->{state} eq 'streaming' });

# Each waits for the sampler to see its connection.
my %without = (
	'nobody of that name' => { application_name => 'nobody' },
	'another slot' => { slot_name => 'slot' },
	'another address' =>
	  { application_name => 'afar', from => '127.0.0.2' });
my %line;
foreach my $what (sort keys %without)
{
	$line{$what} = stranger(%{ $without{$what} });
	$line{$what}->hello;
	$line{$what}->meet('challenge');
	$line{$what}->prove;
}
foreach my $what (sort keys %line)
{
	is(Line::verdict($line{$what}->receive),
		'refused no_connection', "$what: refused");
}
is(stranger(application_name => 'afar')->join,
	'welcome', 'the same from its own address: let in');
is(stranger(application_name => 'r1')->join,
	'refused ambiguous', 'the names of a standby that has a line: refused');
is(Replwatch::value($r1, 'SELECT line_state FROM replwatch_node()'),
	'up', 'which keeps its line');

# A copy of the system on its own, as in staging.  Its standby has the key, and
# looks for its upstream server's port where this server's is.
my $staging = Replwatch::standby($primary, 'staging',
	conf => [ "replwatch.node_name = 'staging'", 'replwatch.port = 0' ]);
$staging->promote;
my $clone = Replwatch::standby($staging, 'r1_copy',
	conf => [
		Port::conf(
			"replwatch.node_name = 'r1_copy'", "replwatch.upstream_port = $port")
	]);
Line::state_when($clone, 'refused', 'a standby of a copy is refused');
is_nobody('r1_copy', 'a standby of a copy');
$clone->stop;
$staging->stop;


note '6. a reporter that lies';

# r2 has no line.  Its replay is paused, so that it is late.
Replwatch::pause_replay($primary, $r2);
Replwatch::burst($primary);
Alerts::alert_when($primary, 'replica_lag', 'r2', 'firing', 'r2 is late');
my $liar_id = Line::random(16);
my $liar;

# Have another client tell this for r2 from now on.
sub lie
{
	my ($own, @others) = @_;

	undef $liar;
	$liar = Line->connect(
		$port,
		key => $key,
		application_name => 'r2',
		id => $liar_id);
	is($liar->join, 'welcome', 'the liar is believed to be r2') or return;
	$liar->keep_telling(
		{
			name => 'honest',
			role => $Line::role{standby},
			timeline => 1,
			replay => 1 << 40,
			staleness => 0,
			of_primary => 1,
			health => $Line::health{ok},
			alerts => 0,
			port => 1,
			version => '1.0',
			%$own
		},
		@others);
	return;
}

# Check, for some samples, that nothing is better than it is.
sub is_not_better
{
	my ($what) = @_;
	my %better;

	Tree::row_when($primary, 'honest', "$what: it is told",
		sub { defined $_[0]->{reported_at} });
	foreach (1 .. 3)
	{
		my $status = Replwatch::status($primary, 'r2');
		my $server = Tree::row($primary, 'honest');

		foreach my $row ($status, $server)
		{
			$better{state} = $row if $row->{state} ne 'streaming';
			$better{health} = $row if $row->{health} !~ /warning|critical/;
			$better{lag} = $row if ($row->{lag} // 0) < 1;
		}
		$better{bytes} = $status if $status->{lag_bytes} == 0;
		Replwatch::wait_sampled($primary);
	}
	is(join(' ', sort keys %better),
		'', "$what: nothing is better than it is")
	  || diag(explain(\%better));
	is(Alerts::alert($primary, 'replica_lag', 'r2')->{state},
		'firing', "$what: the alert fires");
	return;
}

# Its reason is taken over where it explains what is seen here.
lie({ reason => $Line::reason{paused}, own_reason => 1, reason_text => 'all is well' });
is_not_better('all is well');
my $row = Replwatch::row_when($primary, 'r2', 'downstream',
	'the reason is its own', sub { ($_[0]->{reason} // '') eq 'all is well' });
is($row->{reason_code}, 'paused', 'its reason is taken over');
ok(defined $row->{reported_at}, 'and is known to be');
lie({ reason => $Line::reason{none} });
is_not_better('no reason');

# Others are none of its business: this server, r1, which has a line of its own,
# and a replica that is gone.
my $gone = Receiver->new($primary, 'gone');
Tree::row_when($primary, 'gone', 'gone streams',
	sub { $_[0]->{state} eq 'streaming' });
my $spy = stranger();
is($spy->join, 'welcome', 'whoever has the key is told of all');
my %told = map { ($_->{name} // '') ne '' ? ($_->{name} => $_) : () } $spy->hear;
ok($told{r1} && $told{primary}, 'so it knows their ids')
  || diag(explain(\%told));
my %claim = (
	state => $Line::state{streaming},
	lag => 0,
	streaming_for => 1,
	seen_age => 0,
	health => $Line::health{ok});
my %stolen = (%claim, label => 'stolen', name => 'stolen', report_age => 0);
my %gone = (%claim, label => 'gone');
my ($own_id, $r1_id) = map { $_->{server} } @told{qw(primary r1)};

is(stranger(id => $own_id)->join,
	'refused no_standby', 'nobody passes for this server');
$line = Line->connect(
	$port,
	key => $key,
	application_name => 'known',
	id => $r1_id);
is($line->join, 'refused ambiguous', 'nor for another replica');
ok(Tree::row($primary, $_), "$_ is still there") foreach 'r1', 'second';

lie(
	{},
	{ %stolen, server => $r1_id, parent => $liar_id, key => 1 },
	{ %stolen, server => $own_id, parent => $liar_id, key => 2 },
	{ %stolen, server => $r1_id, parent => $own_id, key => $told{r1}{key} },

	# gone, as a replica of this server, of r1, of a server that nobody knows, and of
	# its own, but for longer than it has been gone.
	{ %gone, parent => $own_id, key => 1 << 16 | 1 },
	{ %gone, parent => $r1_id, key => 1 },
	{ %gone, parent => Line::random(16), key => 1 },
	{ %gone, parent => $liar_id, key => 3, streaming_for => 3_600_000_000 });
is_not_better('others');
$gone->end;
Alerts::alert_when($primary, 'replica_missing', 'gone', 'firing',
	'gone is missed, whatever others say of it');
is(Replwatch::status($primary, 'gone')->{state}, 'missing', 'so says its row');
is(Tree::row($primary, 'stolen'), undef, 'nobody is renamed');
is(Tree::row($primary, 'r1')->{upstream},
	Tree::row($primary, 'primary')->{node}, 'r1 streams from here');
is_deeply(
	[ grep { ($_->{depth} == 0) != ($_->{node} eq 'primary') }
		  Tree::rows($primary) ],
	[], 'and all from this server');

# What it claims as its own replica is not missed here, for as long as it streams
# from here itself.
lie({}, { %gone, parent => $liar_id, key => 1 });
Alerts::alert_when($primary, 'replica_missing', 'gone', 'cleared',
	'a replica that it claims is not missed');
is_not_better('claimed');
undef $liar;
$r2->stop;
Alerts::alert_when($primary, 'replica_missing', 'gone', 'firing',
	'without the liar it is missed');

done_testing();
