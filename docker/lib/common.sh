#
# docker/lib/common.sh - what is asked for, checked before anything is touched
#
# shellcheck shell=bash disable=SC2154

say() {
	printf '%s: %s\n' "${NODE-node}" "$*"
}

die() {
	printf '%s: %s\n' "${NODE-node}" "$1" >&2
	shift
	(($# == 0)) || printf '  %s\n' "$@" >&2
	exit 1
}

# A shell hears a signal once the program that it waits for has ended, and SIGINT
# only if it is told to where that program takes none.
end_on_signals() {
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

usage() {
	sed -n '/^# SYNOPSIS/,/^# DESCRIPTION/s/^#	/	/p' "$self" >&2
	exit 1
}

#
# The environment
#

is_one_of() {
	local value=$1 allowed

	shift
	for allowed; do
		[[ $value != "$allowed" ]] || return 0
	done
	return 1
}

# A variable that has to be one of some words.
choice() {
	local name=$1

	shift
	is_one_of "${!name}" "$@" || die "$name is \"${!name}\"" "Set it to one of: $*."
}

number() {
	[[ ${!1} =~ ^[0-9]{1,6}$ ]] || die "$1 is \"${!1}\"" "Set it to a number$2."
}

defaults() {
	NODE=${NODE-$(hostname -s)}
	ROLE=${ROLE-}
	PGPORT=${PGPORT:-5432}
	PRIMARY_HOST=${PRIMARY_HOST-}
	PRIMARY_PORT=${PRIMARY_PORT:-$PGPORT}
	PRIMARY_TIMEOUT=${PRIMARY_TIMEOUT:-300}
	HOT_STANDBY=${HOT_STANDBY:-on}
	# A plain host has its own of these, which stay where nobody asks for others.
	sync_given=${CONTAINER-}${SYNC-} archive_given=${CONTAINER-}${ARCHIVE-}
	SYNC=${SYNC:-off}
	ARCHIVE=${ARCHIVE:-off}
	ARCHIVE_DIR=${ARCHIVE_DIR:-/archive}
	MAX_SLOT_WAL_KEEP_SIZE=${MAX_SLOT_WAL_KEEP_SIZE:-2GB}
	TLS=${TLS:-on}
	POSTGRES_USER=${POSTGRES_USER:-postgres}
	POSTGRES_DB=${POSTGRES_DB:-app}
	APP_USER=${APP_USER:-app}
	REPLICATION_USER=${REPLICATION_USER:-replicator}
	REWIND_USER=${REWIND_USER:-rewinder}
	REPLICATION_CONNECTIONS=${REPLICATION_CONNECTIONS:-20}
	CLUSTER=${CLUSTER-}
	CONTAINER=${CONTAINER-}
	LISTEN=${LISTEN-${CONTAINER:+*}}
	PRELOAD=${PRELOAD-replwatch}
	REPLWATCH_PORT=${REPLWATCH_PORT:-8009}
	INIT=${INIT-}

	if [[ $CLUSTER ]]; then
		TLS_CA_FILE=${TLS_CA_FILE:-$CLUSTER/tls/ca.crt}
		TLS_CERT_FILE=${TLS_CERT_FILE:-$CLUSTER/tls/$NODE.crt}
		TLS_KEY_FILE=${TLS_KEY_FILE:-$CLUSTER/tls/$NODE.key}
		[[ $PRIMARY_HOST ]] || PRIMARY_HOST=$(named_primary)
	fi
	TLS_CA_FILE=${TLS_CA_FILE-} TLS_CERT_FILE=${TLS_CERT_FILE-} TLS_KEY_FILE=${TLS_KEY_FILE-}
}

# The primary by its name in $CLUSTER, if there is one.
named_primary() {
	[[ ! $CLUSTER || ! -e $CLUSTER/primary ]] || cat "$CLUSTER/primary"
}

# Prints a password: $NAME_PASSWORD, the file $NAME_PASSWORD_FILE, or $CLUSTER's.
password() {
	local variable=$1_PASSWORD file=$1_PASSWORD_FILE path text

	if [[ ${!variable-} ]]; then
		printf '%s' "${!variable}"
		return
	fi
	path=${!file-}
	[[ $path || ! $CLUSTER ]] || path=$CLUSTER/passwords/${1,,}
	[[ $path ]] ||
		die "$variable is not set" "Set it, or $file to the name of a file that holds the password."
	[[ -r $path ]] ||
		die "cannot read the password file $path" "$file has to name a file that $(id -un) may read."
	text=$(<"$path")
	[[ $text ]] || die "the password file $path is empty" "Write the password into it, or set $variable."
	printf '%s' "$text"
}

name() {
	local name=$1

	[[ ${!name} =~ ^[a-z_][a-z0-9_]{0,62}$ ]] ||
		die "$name is \"${!name}\"" "Names are made of a to z, 0 to 9 and _ here, and begin with no digit."
}

# Everything that comes from the environment, and the programs.
check_environment() {
	local file

	defaults
	((EUID)) || die "PostgreSQL does not run as root" \
		"Run this as the owner of the data directory, on Debian: runuser -u postgres -- env ... $self"
	name NODE
	choice ROLE primary replica
	choice HOT_STANDBY on off
	choice ARCHIVE on off
	choice TLS on off
	number PRIMARY_TIMEOUT " of seconds"
	number REPLICATION_CONNECTIONS ''
	number REPLWATCH_PORT ''
	number PGPORT ''
	number PRIMARY_PORT ''
	for file in POSTGRES_USER POSTGRES_DB APP_USER REPLICATION_USER REWIND_USER; do
		name "$file"
	done
	synchronous_names >/dev/null
	[[ $MAX_SLOT_WAL_KEEP_SIZE =~ ^(-1|[0-9]+(MB|GB|TB))$ ]] ||
		die "MAX_SLOT_WAL_KEEP_SIZE is \"$MAX_SLOT_WAL_KEEP_SIZE\"" "Set it to a size such as 2GB, or to -1 for no limit."

	[[ ${PGDATA-} ]] || die "PGDATA is not set" "Set it to the data directory."
	[[ $PGDATA == /* ]] || die "PGDATA is \"$PGDATA\"" "Set it to a whole path."
	PGDATA=${PGDATA%/}
	if [[ ! ${CONFIG-} ]]; then
		# Where Debian's tools look, if it is theirs.
		CONFIG=/etc/postgresql${PGDATA#/var/lib/postgresql}/conf.d/replwatch.conf
		[[ $PGDATA == /var/lib/postgresql/* && -d ${CONFIG%/*} ]] || CONFIG=$PGDATA/replwatch.conf
	fi
	find_programs

	if [[ $TLS == on ]]; then
		readable TLS_CA_FILE "the certificate of the CA"
		if [[ $CONTAINER || $ROLE == primary || $TLS_CERT_FILE ]]; then
			readable TLS_CERT_FILE "this server's certificate"
			readable TLS_KEY_FILE "its key"
		fi
	fi
	if [[ $ROLE == primary ]]; then
		for file in POSTGRES APP REPLICATION REWIND; do
			password "$file" >/dev/null
		done
	else
		password REPLICATION >/dev/null
		[[ $PRIMARY_HOST ]] || die "PRIMARY_HOST is not set" "Set it to the name of the primary."
		# Commas and spaces mean something in a connection string.
		[[ $PRIMARY_HOST =~ ^[[:alnum:]._:/-]+$ ]] ||
			die "PRIMARY_HOST is \"$PRIMARY_HOST\"" "Set it to one name or address."
	fi
	if [[ $ARCHIVE == on ]]; then
		[[ -d $ARCHIVE_DIR && -w $ARCHIVE_DIR ]] ||
			die "cannot write to $ARCHIVE_DIR" "ARCHIVE=on needs ARCHIVE_DIR to be a directory of $(id -un)'s."
	fi
	check_owner
}

readable() {
	local name=$1 what=$2

	[[ ${!name} ]] || die "$name is not set" "TLS=on needs $what; TLS=off does without."
	[[ -r ${!name} ]] || die "cannot read $name ${!name}" "It has to be a file with $what that $(id -un) may read."
}

find_programs() {
	local dir

	if [[ ! ${PG_BIN-} ]]; then
		PG_BIN=$(dirname "$(type -P postgres || true)")
		if [[ $PG_BIN == . ]]; then
			for dir in /usr/lib/postgresql/*/bin; do
				[[ ! -x $dir/postgres ]] || PG_BIN=$dir
			done
		fi
	fi
	[[ -x $PG_BIN/postgres ]] || die "no PostgreSQL server in $PG_BIN" "Set PG_BIN to the directory of its programs."
	major=$("$PG_BIN/postgres" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
}

# synchronous_standby_names by $SYNC, without this server itself, which a primary
# cannot wait for, and for no more than are left.
synchronous_names() {
	local names=$SYNC name how=FIRST number=1 quoted=()

	[[ $SYNC != off ]] || return 0
	if [[ ${SYNC,,} =~ ^(any|first)\ +([1-9][0-9]?)\ *(\((.*)\))?$ ]]; then
		how=${BASH_REMATCH[1]^^} number=${BASH_REMATCH[2]}
		if [[ ! ${BASH_REMATCH[3]} ]]; then
			printf '%s %d (*)\n' "$how" "$number"
			return
		fi
		names=${BASH_REMATCH[4]}
	fi
	# Names are parted by commas; two words are something else.
	while read -r name; do
		if [[ ! $name =~ ^[a-z_][a-z0-9_]{0,62}$ ]] || is_one_of "$name" any first on; then
			names=''
			break
		fi
		[[ ! $CLUSTER || ! -e $CLUSTER/nodes ]] || grep -qx "$name" "$CLUSTER/nodes" ||
			die "SYNC is \"$SYNC\", and there is no node $name" \
				"Commits would wait for it for ever. The nodes are: $(xargs <"$CLUSTER/nodes")."
		[[ $name == "$NODE" ]] || quoted+=("\"$name\"")
	done <<<"${names//,/$'\n'}"
	[[ $names =~ [a-z] ]] ||
		die "SYNC is \"$SYNC\"" "Set it to off, any 1, first 1, or names of replicas: replica1, replica2."
	((number <= ${#quoted[@]})) || number=${#quoted[@]}
	((number == 0)) || (IFS=,; printf '%s %d (%s)\n' "$how" "$number" "${quoted[*]}")
}

#
# The data directory
#

has_data() {
	[[ -e $PGDATA/PG_VERSION ]]
}

is_standby() {
	[[ -e $PGDATA/standby.signal ]]
}

# It, or what it will be made in, is this user's.
check_owner() {
	local dir=$PGDATA

	[[ -e $dir ]] || dir=$(dirname "$dir")
	[[ -d $dir ]] || die "$dir does not exist" "Make it, owned by $(id -un), or set PGDATA to another one."
	[[ $(stat -c %u "$dir") == "$EUID" ]] ||
		die "$dir belongs to user $(stat -c '%u (%U)' "$dir"), and this runs as user $EUID ($(id -un))" \
			"Give it to that user: chown -R $EUID:$(id -g) where it is mounted from. Nothing was changed."
	[[ -w $dir ]] || die "cannot write to $dir" "Is it mounted read-only? Nothing was changed."
	has_data || check_beside
	if [[ -d $PGDATA ]] && ! has_data && [[ $(ls -A "$PGDATA") ]]; then
		die "$PGDATA is not empty, and holds no PostgreSQL server" \
			"Empty it, or set PGDATA to another directory. Nothing was changed."
	fi
}

# What is made beside it can get its name.
check_beside() {
	[[ -w $(dirname "$PGDATA") ]] && ! mountpoint -q "$PGDATA" || die "cannot make $PGDATA.new beside $PGDATA" \
		"Mount the volume at $(dirname "$PGDATA"), not at $PGDATA. Nothing was made."
}

# For as long as this process lives, and what it turns into.  Containers do not
# see each other's processes: there a server's own lock file means nothing, and a
# stale one may name a process of ours.
lock_data() {
	[[ $CONTAINER ]] || return 0
	{ : >>"$PGDATA.lock"; } 2>/dev/null ||
		die "cannot write $PGDATA.lock" "Mount the volume at $(dirname "$PGDATA"), not at $PGDATA. Nothing was changed."
	exec {data_lock}>"$PGDATA.lock"
	flock -n "$data_lock" || die "another container uses $PGDATA" "Stop it first. Nothing was changed."
	rm -f "$PGDATA/postmaster.pid"
}

# Data that are there are this major's, and its files can be written.
check_data() {
	local version

	version=$(<"$PGDATA/PG_VERSION")
	[[ $version == "$major" ]] ||
		die "$PGDATA was made by PostgreSQL $version, and this is PostgreSQL $major" \
			"Start PostgreSQL $version on it (PG_MAJOR=$version), or move it by pg_upgrade. Nothing was changed."
	control "Database system identifier" >/dev/null
}

# A value of pg_controldata's.
control() {
	local line

	line=$("$PG_BIN/pg_controldata" -D "$PGDATA" 2>&1 | grep -m 1 "^$1:") ||
		die "cannot read $PGDATA/global/pg_control" "Is the data directory complete? Nothing was changed."
	line=${line#*:}
	printf '%s\n' "${line##* }"
}

# Makes room for what is to be made, and says if somebody was at it before.
begin_new() {
	# The two renames of finish_new were interrupted between them.
	if [[ -e $PGDATA.old && ! -e $PGDATA ]]; then
		mv "$PGDATA.old" "$PGDATA"
	fi
	if [[ -e $PGDATA.new ]]; then
		say "$PGDATA.new is what an interrupted start left: it is removed and made again"
		rm -rf "$PGDATA.new"
	fi
}

# Gives what was made its name.
finish_new() {
	chmod 700 "$PGDATA.new"
	if has_data; then
		mv "$PGDATA" "$PGDATA.old"
	elif [[ -d $PGDATA ]]; then
		rmdir "$PGDATA"
	fi
	mv "$PGDATA.new" "$PGDATA"
	rm -rf "$PGDATA.old"
	sync "$PGDATA" "$(dirname "$PGDATA")"
}

# It could not be made: nothing stays of it.
fail_new() {
	local space

	space=$(df -h --output=avail "$(dirname "$PGDATA")" 2>/dev/null | tail -n 1) || true
	rm -rf "$PGDATA.new"
	die "$1" "There were ${space// /} free in $(dirname "$PGDATA") at the end." "${@:2}"
}
