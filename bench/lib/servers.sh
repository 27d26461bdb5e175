#
# bench/lib/servers.sh - servers: each has a directory with its data, its socket and its log
#
# Part of bench/run, whose head describes the measurements.
#
# shellcheck shell=bash disable=SC2154,SC2034

sql() {
	"$bin/psql" -XAtq -v ON_ERROR_STOP=1 --host="$dir/$1" --command="$2"
}

on_data() {
	local server=$1 program=$2

	shift 2
	as_user "$bin/$program" --pgdata="$dir/$server/data" "$@"
}

start() {
	local server

	for server; do
		on_data "$server" pg_ctl --silent --log="$dir/$server/log" start >/dev/null ||
			die "$server did not start: $(tail -n 5 "$dir/$server/log")"
	done
}

stop() {
	local server

	for server; do
		on_data "$server" pg_ctl --silent --mode=fast stop
	done
}

# Set whether a server loads the library at its next start.
load() {
	printf "shared_preload_libraries = '%s'\n" "$2" |
		as_user tee "$dir/$1/data/preload.conf" >/dev/null
}

# Make an empty server that is no copy of another.
init_server() {
	as_user mkdir "$dir/$1"
	on_data "$1" initdb --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync >/dev/null
	as_user tee -a "$dir/$1/data/postgresql.conf" >/dev/null <<-END
		listen_addresses = ''
		unix_socket_directories = '$dir/$1'
		include 'preload.conf'
		fsync = off
		autovacuum = off
		shared_buffers = 256MB
		checkpoint_timeout = 1h
		max_wal_size = 4GB
		max_wal_senders = 30
		max_replication_slots = 30
		max_parallel_workers_per_gather = 0
	END
	load "$1" ''
}

make_template() {
	init_server template
	start template
	[[ $against ]] || sql template "CREATE EXTENSION replwatch"
	as_user "$bin/pgbench" --host="$dir/template" --initialize --quiet --scale="$scale" >/dev/null 2>&1
	sql template "VACUUM"
	sql template "CHECKPOINT"
	stop template
}

# Make a server, or a standby of an upstream server, without starting it: a copy of
# the template, or of another server that is stopped.
make_server() {
	local server=$1 upstream=${2-} original=${3-template}

	as_user mkdir "$dir/$server"
	as_user cp -r "$dir/$original/data" "$dir/$server/data"
	as_user tee -a "$dir/$server/data/postgresql.conf" >/dev/null <<-END
		unix_socket_directories = '$dir/$server'
		cluster_name = '$server'
	END
	if [[ $upstream ]]; then
		as_user touch "$dir/$server/data/standby.signal"
		as_user tee -a "$dir/$server/data/postgresql.conf" >/dev/null <<-END
			primary_conninfo = 'host=$dir/$upstream user=postgres application_name=$server'
		END
	fi
}

# Make two pairs of a primary and a standby; the first has replwatch.
have_pairs=''
make_pairs() {
	local pair

	[[ ! $have_pairs ]] || return 0
	have_pairs=yes
	for pair in a b; do
		make_server $pair
		make_server $pair-standby $pair
	done
	start_pairs a b
}

# Start or restart the pairs, one with replwatch and one without.
start_pairs() {
	with=$1 without=$2
	load "$with" replwatch
	load "$with-standby" replwatch
	load "$without" ''
	load "$without-standby" ''
	start a a-standby b b-standby
	wait_until a "count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
	wait_until b "count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
	wait_until "$with" "worker_state = 'running' FROM replwatch_node()"
	wait_until "$with-standby" "worker_state = 'running' FROM replwatch_node()"
	workers=(
		"$(sql "$with" "SELECT worker_pid FROM replwatch_node()")"
		"$(sql "$with-standby" "SELECT worker_pid FROM replwatch_node()")"
	)
}

have_single=''
make_single() {
	[[ ! $have_single ]] || return 0
	have_single=yes
	make_server single
	load single replwatch
	start single
	wait_until single "worker_state = 'running' FROM replwatch_node()"
}

# Print the process of a server that has these words in its title.
process_of() {
	pgrep --parent "$(head -n 1 "$dir/$1/data/postmaster.pid")" --full "$2"
}

wait_replayed() {
	wait_until "$1-standby" "pg_last_wal_replay_lsn() >= '$(sql "$1" "SELECT pg_current_wal_flush_lsn()")'"
}

wait_until() {
	local server=$1 condition=$2 end=$((SECONDS + 60))

	until [[ $(sql "$server" "SELECT $condition") == t ]]; do
		((SECONDS < end)) || die "timed out on $server waiting for $condition"
		sleep 0.1
	done
}

# Change a setting of a running server.
set_on() {
	sql "$1" "ALTER SYSTEM SET $2 = '$3'"
	sql "$1" "SELECT pg_reload_conf()" >/dev/null
}
