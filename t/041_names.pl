# Copyright (c) 2026, the replwatch authors
# matrix: every major

# Names that somebody made up.  Whatever an application calls itself, it has
# one row of one line, under the name that core shows; log entries take it for
# text, not for a format; and it is found by that name when it is to be
# forgotten.  The standby's own row goes by the same name.

use strict;
use warnings;

use lib 't/lib';
use Replwatch;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = Replwatch::primary('primary', 'replwatch.known_after = 0');
my $standby = Replwatch::standby($primary, 'plain');
my $major = $primary->pg_version->major;

# A value as it is written in a connection string.
sub quoted
{
	my ($value) = @_;

	$value =~ s/([\\'])/\\$1/g;
	return "'$value'";
}

# Change a setting of the standby; a file can't hold all characters as such.
sub set
{
	my ($name, $value) = @_;

	$value =~ s/\\/\\\\/g;
	$value =~ s/'/''/g;
	$value =~ s/\n/\\n/g;
	$value =~ s/\t/\\t/g;
	$standby->append_conf('postgresql.conf', "$name = '$value'\n");
	return;
}

# Have the standby connect with this connection string, and wait for the new
# connection and its first reply, by which it is a replica.  Returns its name in
# core's view, as hex digits so that nothing of it is lost on its way.
sub reconnect
{
	my ($conninfo) = @_;
	my $old = Replwatch::value($primary,
		'SELECT max(backend_start) FROM pg_stat_replication');

	set('primary_conninfo', $conninfo);
	$standby->reload;
	Replwatch::wait_until(
		$primary,
		"SELECT count(*) = 1 AND bool_and(backend_start > '$old' AND state = 'streaming' AND replay_lsn IS NOT NULL) FROM pg_stat_replication",
		'the standby has connected anew');
	Replwatch::wait_sampled($_) foreach $primary, $standby;
	return Replwatch::value($primary,
		"SELECT encode(convert_to(application_name, 'UTF8'), 'hex') FROM pg_stat_replication"
	);
}

# The names of all rows of that link, likewise.
sub names
{
	my ($node, $link) = @_;

	return Replwatch::value($node,
		"SELECT string_agg(encode(convert_to(name, 'UTF8'), 'hex'), ' ' ORDER BY name COLLATE \"C\") FROM replwatch_status() WHERE link = '$link'"
	);
}

# The text that hex digits stand for, as SQL.
sub text
{
	my ($hex) = @_;

	return "convert_from('\\x$hex', 'UTF8')";
}


note '1. names of all kinds';

my $server = $primary->connstr;
my $uri = 'postgresql://:' . $primary->port . '/?host=' . $primary->host;

# What becomes of bytes that are not printable ASCII is core's to say: from 16
# on they are escaped, before that each is a question mark.
my @cases = (
	[
		'quotes, a backslash, formats, SQL',
		'it\'s "here" back\\slash 100%s %n %d\'; DROP TABLE burst; --'
	],
	[
		'a newline and a tab',
		"two\nlines\tand a tab",
		$major >= 16
		? 'two\x0alines\x09and a tab'
		: 'two?lines?and a tab'
	],
	[ 'blanks', '  ' ],
	[ '63 bytes', 'x' x 63 ],
	[ 'more than 63 bytes', 'y' x 80, 'y' x 63 ],
	[
		'letters of two bytes',
		"r\xc3\xa9plica",
		$major >= 16 ? 'r\xc3\xa9plica' : 'r??plica'
	],
	[
		'63 bytes of UTF-8',
		"\xc3\xa9" x 31 . 'z',
		$major >= 16 ? substr('\xc3\xa9' x 31, 0, 63) : '?' x 62 . 'z'
	],
	[ 'a URI with escapes', '50%;', undef, "$uri&application_name=50%25%3B" ]
);

# The name before, which is known, for who streams is known at once here.
my $last = unpack('H*', 'plain');
Replwatch::wait_sampled($primary);

foreach my $case (@cases, [ 'at last', 'other' ])
{
	my ($what, $name, $shown, $conninfo) = @$case;

	$conninfo //= "$server application_name=" . quoted($name);
	my $hex = reconnect($conninfo);

	is(pack('H*', $hex), $shown // $name, "$what: core shows it so");
	is( names($primary, 'downstream'),
		join(' ', sort($hex, $last)),
		"$what: there is one row, so named, beside that of the last name");
	is(names($standby, 'upstream'),
		$hex, "$what: the standby goes by the same name");
	is( Replwatch::value(
			$primary,
			"SELECT count(*) FROM replwatch_status() WHERE name ~ '[[:cntrl:]]' OR reason ~ '[[:cntrl:]]'"
		),
		0,
		"$what: all is on one line");
	is( Replwatch::value(
			$primary,
			'SELECT state FROM replwatch_status() WHERE name = ' . text($last)
		),
		'missing',
		"before $what: the last name is missing");
	is( Replwatch::value(
			$primary, 'SELECT replwatch_forget(' . text($last) . ')'),
		't',
		"before $what: it can be forgotten by its name");
	$last = $hex;
}


note '2. a slot with a name as long as they come';

my $slot = 's' x 63;
Replwatch::value($primary,
	"SELECT pg_create_physical_replication_slot('$slot')");
set('primary_slot_name', $slot);
reconnect($server . ' application_name=other');
is(names($primary, 'downstream'),
	unpack('H*', $slot), 'the slot names the row of the same standby, in full');
is( names($standby, 'upstream'),
	unpack('H*', $slot),
	'the standby goes by the same name');


note '3. names in the log';

set('primary_slot_name', '');
my $name = '%s%n%%"\'';
reconnect("$server application_name=" . quoted($name));
my $offset = -s $primary->logfile;
$standby->stop;
Replwatch::set($primary, 'replwatch.forget_after = 1');
$primary->wait_for_log(
	qr/LOG:  replica "\Q$name\E" was forgotten after/,
	$offset);
pass('a log entry has the name as it is');

done_testing();
