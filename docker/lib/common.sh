#
# docker/lib/common.sh - checks the settings, before anything is changed
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

# A shell handles a signal only when the program that it waits for has ended, and
# SIGINT only with a trap if that program ignores it.
end_on_signals() {
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

usage() {
	sed -n '/^# SYNOPSIS/,/^# DESCRIPTION/s/^#	/	/p' "$self" >&2
	exit 1
}

# For SQL of the superuser: names mean the server's own functions and operators.
safe_options='-c search_path=pg_catalog,pg_temp'

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

# Check that a variable is one of some words.
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
	# A plain host has its own settings of these, which are kept unless others are given.
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
	SECRETS=${SECRETS-}
	CONTAINER=${CONTAINER-}
	LISTEN=${LISTEN-${CONTAINER:+*}}
	PRELOAD=${PRELOAD-replwatch}
	REPLWATCH_PORT=${REPLWATCH_PORT:-8009}
	REPLWATCH_UPSTREAM_PORT=${REPLWATCH_UPSTREAM_PORT-}
	INIT=${INIT-}

	if [[ $CLUSTER ]]; then
		TLS_CA_FILE=${TLS_CA_FILE:-$CLUSTER/tls/ca.crt}
		[[ $PRIMARY_HOST ]] || PRIMARY_HOST=$(named_primary)
	fi
	if [[ $SECRETS ]]; then
		TLS_CERT_FILE=${TLS_CERT_FILE:-$SECRETS/$NODE.crt}
		TLS_KEY_FILE=${TLS_KEY_FILE:-$SECRETS/$NODE.key}
	fi
	TLS_CA_FILE=${TLS_CA_FILE-} TLS_CERT_FILE=${TLS_CERT_FILE-} TLS_KEY_FILE=${TLS_KEY_FILE-}
}

# Get the primary's name from $CLUSTER, if there is one.
named_primary() {
	[[ ! $CLUSTER || ! -e $CLUSTER/primary ]] || cat "$CLUSTER/primary"
}

# Print a password: $NAME_PASSWORD, the file $NAME_PASSWORD_FILE, or $SECRETS's.
password() {
	local variable=$1_PASSWORD file=$1_PASSWORD_FILE path text

	if [[ ${!variable-} ]]; then
		printf '%s' "${!variable}"
		return
	fi
	path=${!file-}
	[[ $path || ! $SECRETS ]] || path=$SECRETS/${1,,}
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

# Check all settings in the environment, and the programs.
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
	[[ ! $REPLWATCH_UPSTREAM_PORT ]] || number REPLWATCH_UPSTREAM_PORT ''
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
		# Debian's directory, if the server is Debian's.
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
		for file in APP REPLICATION REWIND; do
			password "$file" >/dev/null
		done
	else
		password REPLICATION >/dev/null
		[[ $PRIMARY_HOST ]] || die "PRIMARY_HOST is not set" "Set it to the name of the primary."
		# Commas and spaces have a meaning in a connection string.
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

# Print synchronous_standby_names from $SYNC, without this server itself, and for no
# more standbys than remain.
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
	# Names are separated by commas; two words are an error.
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

# Check that it, or the directory that it will be made in, belongs to this user.
# Official images make data directories two levels deep in an empty volume.
check_owner() {
	local dir=$PGDATA

	[[ -e $dir ]] || dir=$(dirname "$dir")
	[[ ! $CONTAINER || -e $dir ]] || dir=$(dirname "$dir")
	[[ -d $dir ]] || die "$dir does not exist" "Make it, owned by $(id -un), or set PGDATA to another one."
	[[ $(stat -c %u "$dir") == "$EUID" ]] ||
		die "$dir belongs to user $(stat -c '%u (%U)' "$dir"), and this runs as user $EUID ($(id -un))" \
			"Give it to that user: chown -R $EUID:$(id -g) where it is mounted from. Nothing was changed."
	[[ -w $dir ]] || die "cannot write to $dir" "Is it mounted read-only? Nothing was changed."
	if ! has_data; then
		[[ ! $CONTAINER ]] || check_volume
		mkdir -p "$(dirname "$PGDATA")"
		check_beside
	fi
	if [[ -d $PGDATA ]] && ! has_data && [[ $(ls -A "$PGDATA") ]]; then
		die "$PGDATA is not empty, and holds no PostgreSQL server" \
			"Empty it, or set PGDATA to another directory. Nothing was changed."
	fi
}

# Check that the volume has no server's data in another place, as that of another
# major or an official image has: here they would seem to be lost.
check_volume() {
	local volume=${PGDATA%/data} dir

	volume=${volume%/"$major"/docker}
	for dir in "$volume" "$volume/data" "$volume"/*/docker; do
		[[ ! -e $dir/PG_VERSION ]] ||
			die "$PGDATA has no server, but $dir has one of PostgreSQL $(<"$dir/PG_VERSION")" \
				"See \"Coming from the official image\" in docker/README.md. Nothing was made."
	done
}

# Check that $PGDATA.new can be renamed to it.
check_beside() {
	[[ -w $(dirname "$PGDATA") ]] && ! mountpoint -q "$PGDATA" || die "cannot make $PGDATA.new beside $PGDATA" \
		"Mount the volume at $(dirname "$PGDATA"), not at $PGDATA. Nothing was made."
}

# Lock it for as long as this process, and the server that it becomes, lives.
# Containers do not see each other's processes, so a server's own lock file is
# meaningless there, and a stale one may name one of our processes.
lock_data() {
	[[ $CONTAINER ]] || return 0
	{ : >>"$PGDATA.lock"; } 2>/dev/null ||
		die "cannot write $PGDATA.lock" "Mount the volume at $(dirname "$PGDATA"), not at $PGDATA. Nothing was changed."
	exec {data_lock}>"$PGDATA.lock"
	flock -n "$data_lock" || die "another container uses $PGDATA" "Stop it first. Nothing was changed."
	rm -f "$PGDATA/postmaster.pid"
}

# Check that existing data are of this major, and that the files are writable.
check_data() {
	local version

	version=$(<"$PGDATA/PG_VERSION")
	[[ $version == "$major" ]] ||
		die "$PGDATA was made by PostgreSQL $version, and this is PostgreSQL $major" \
			"Start PostgreSQL $version on it (PG_MAJOR=$version), or move it by pg_upgrade. Nothing was changed."
	control "Database system identifier" >/dev/null
}

# Print a value of pg_controldata.
control() {
	local line

	line=$("$PG_BIN/pg_controldata" -D "$PGDATA" 2>&1 | grep -m 1 "^$1:") ||
		die "cannot read $PGDATA/global/pg_control" "Is the data directory complete? Nothing was changed."
	line=${line#*:}
	printf '%s\n' "${line##* }"
}

# Make $PGDATA.new, and report an interrupted attempt.
begin_new() {
	# finish_new was interrupted between its two renames.
	if [[ -e $PGDATA.old && ! -e $PGDATA ]]; then
		mv "$PGDATA.old" "$PGDATA"
	fi
	if [[ -e $PGDATA.new ]]; then
		say "$PGDATA.new is what an interrupted start left: it is removed and made again"
		rm -rf "$PGDATA.new"
	fi
}

# Rename $PGDATA.new to $PGDATA.
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

# Making it failed: remove all of it.
fail_new() {
	local space

	space=$(df -h --output=avail "$(dirname "$PGDATA")" 2>/dev/null | tail -n 1) || true
	rm -rf "$PGDATA.new"
	die "$1" "There were ${space// /} free in $(dirname "$PGDATA") at the end." "${@:2}"
}
