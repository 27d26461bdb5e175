#
# docker/lib/archive.sh - the archive of WAL
#
# A file gets its name when it is complete and on disk, by a link, which never
# replaces another file.  An existing file with the same content was archived before
# a crash, which is no error; one with another content is another server's.
#
# shellcheck shell=bash

archive() {
	local dir=$1 path=$2 file=$3

	partial=$dir/.$file.${HOSTNAME-host}
	trap 'rm -f "$partial"' EXIT
	if [[ -e $dir/$file ]]; then
		cmp -s "$path" "$dir/$file" && return
		echo "archive: $dir/$file exists with another content: is this archive another cluster's?" >&2
		return 1
	fi
	cp "$path" "$partial"
	sync "$partial"
	ln "$partial" "$dir/$file"
	sync "$dir"
}

# Servers routinely ask for files that do not exist.
restore() {
	local dir=$1 file=$2 path=$3

	[[ -e $dir/$file ]] || return 1
	cp "$dir/$file" "$path"
}
