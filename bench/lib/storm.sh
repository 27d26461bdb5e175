#
# bench/lib/storm.sh - measures what a crowd that waits for replicas costs others
#
# Part of bench/run, whose head describes the measurements.
#
# shellcheck shell=bash disable=SC2154,SC2034

# Make a primary and one standby, with room for a crowd.
have_storm=''
make_storm() {
	local server

	[[ ! $have_storm ]] || return 0
	have_storm=yes
	make_server storm
	make_server storm-standby storm
	for server in storm storm-standby; do
		as_user tee -a "$dir/$server/data/postgresql.conf" >/dev/null <<<'max_connections = 300'
		load $server replwatch
		start $server
	done
	wait_until storm "count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
}

# Start so many sessions that wait for a second replica, which is not there, or that
# are idle.  A session in pg_sleep() would hold a snapshot, as none that waits does,
# and so keep others from pruning rows.
crowd=''
gather_crowd() {
	local number=$1 what=$2 transactions=1 query

	if [[ $what == wait ]]; then
		query="SELECT replwatch_wait_for_replicas('$(sql storm "SELECT pg_current_wal_insert_lsn()")', 2, 'replay', '1 day')"
	else
		# pgbench notices that a session is gone when it has slept.
		transactions=86400
		query='SELECT 1;
\sleep 1 s'
	fi
	say "$query" | as_user tee "$dir/storm/crowd.sql" >/dev/null
	as_user "$bin/pgbench" --host="$dir/storm" --no-vacuum --client="$number" --transactions="$transactions" \
		--file="$dir/storm/crowd.sql" >/dev/null 2>&1 &
	crowd=$!
	if [[ $what == wait ]]; then
		wait_until storm "count(*) = $number FROM replwatch_waiters()"
	else
		wait_until storm "count(*) = $number FROM pg_stat_activity WHERE application_name = 'pgbench' AND state = 'idle'"
	fi
}

dissolve_crowd() {
	sql storm "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()" >/dev/null
	wait "$crowd" || true
	wait_until storm "count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"
}

measure_storm() {
	local number i what order ratios ours theirs
	local -A tps

	make_storm
	full_load storm "$turn" >/dev/null
	for number in 100 200; do
		say '' "storm: $number sessions that wait for two replicas, one of them away, $turns pairs of turns of $turn s"
		ratios=() ours=() theirs=()
		for ((i = 0; i < turns; i++)); do
			((i % 10 != 0)) || sql storm "CHECKPOINT"
			order=(wait idle)
			((i % 2 == 0)) || order=(idle wait)
			for what in "${order[@]}"; do
				wait_replayed storm
				gather_crowd "$number" "$what"
				tps[$what]=$(full_load storm "$turn")
				dissolve_crowd
			done
			ratios+=("$(calculate "${tps[wait]} / ${tps[idle]}" 6)")
			ours+=("${tps[wait]}")
			theirs+=("${tps[idle]}")
		done
		result_of_ratios "pgbench, $clients clients, beside $number sessions that wait for two replicas, one of them away" \
			"$(calculate "$(median "${ours[@]}")" 0) transactions/s" \
			"$(calculate "$(median "${theirs[@]}")" 0) beside as many idle ones" '>=' 0.95 "${ratios[@]}"
	done
}
