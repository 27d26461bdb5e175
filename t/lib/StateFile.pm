# Copyright (c) 2026, the replwatch authors

=pod

=head1 NAME

StateFile - the files that replwatch keeps, as bytes

=head1 SYNOPSIS

  use lib 't/lib';
  use StateFile;

  my $bytes = StateFile::read_bytes($path);
  substr($bytes, StateFile::HEADER_SIZE, 4) = pack 'L', 7;
  StateFile::write_bytes($path, StateFile::seal($bytes));

=cut

package StateFile;

use strict;
use warnings;

use PostgreSQL::Test::Utils;

# The header of a file: magic, format, kind, length of the payload, system
# identifier, and four more fields, then the checksum of all but itself.
use constant {
	FORMAT_AT => 4,
	SYSTEM_AT => 16,
	WALL_AT => 32,
	CRC_AT => 48,
	HEADER_SIZE => 56,
};

# Offsets in the payload of the state file: the size of an alert, the number of
# alerts, and whether the upstream server tends its walsenders.
use constant {
	TENDED_AT => 48,
	ALERT_SIZE_AT => 20,
	NALERTS_AT => 24,
};

my @crc_table = map {
	my $crc = $_;
	$crc = $crc & 1 ? ($crc >> 1) ^ 0x82F63B78 : $crc >> 1 for 1 .. 8;
	$crc
} 0 .. 255;

# $bytes with the right checksum.
sub seal
{
	my ($bytes) = @_;
	my $crc = 0xFFFFFFFF;

	foreach my $byte (unpack 'C*',
		substr($bytes, 0, CRC_AT) . substr($bytes, HEADER_SIZE))
	{
		$crc = ($crc >> 8) ^ $crc_table[ ($crc ^ $byte) & 0xFF ];
	}
	substr($bytes, CRC_AT, 4) = pack 'L', $crc ^ 0xFFFFFFFF;
	return $bytes;
}

# The state file of a node.
sub path
{
	my ($node) = @_;

	return $node->data_dir . '/pg_stat_tmp/replwatch.state';
}

# The history file of a node.
sub history_path
{
	my ($node) = @_;

	return $node->data_dir . '/pg_stat/replwatch.history';
}

# The time at which a file's contents were collected, by the server's clock, in
# seconds since 1970; undef if there is no such file.
sub saved_at
{
	my ($path) = @_;

	open my $file, '<:raw', $path or return;
	read($file, my $header, HEADER_SIZE) == HEADER_SIZE or return;

	# The server counts microseconds since 2000.
	return unpack('q', substr($header, WALL_AT, 8)) / 1e6 + 946_684_800;
}

sub read_bytes
{
	my ($path) = @_;

	return slurp_file($path);
}

sub write_bytes
{
	my ($path, $bytes) = @_;

	open my $file, '>:raw', $path or die "could not create $path: $!";
	print $file $bytes;
	close $file or die "could not write $path: $!";
	return;
}

# A four-byte number of the payload.
sub number
{
	my ($bytes, $at) = @_;

	return unpack 'L', substr($bytes, HEADER_SIZE + $at, 4);
}

# $bytes with this number changed.
sub with_number
{
	my ($bytes, $at, $number) = @_;

	substr($bytes, HEADER_SIZE + $at, 4) = pack 'L', $number;
	return $bytes;
}

1;
