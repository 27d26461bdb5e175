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
		load "$server" replwatch
	done
	start storm storm-standby
	wait_until storm "count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
}

# Start so many sessions that wait for a second replica, which is not there, or that
# sleep.
crowd=''
gather_crowd() {
	local number=$1 what=$2 query

	if [[ $what == wait ]]; then
		query="SELECT replwatch_wait_for_replicas('$(sql storm "SELECT pg_current_wal_insert_lsn()")', 2, 'replay', '1 day')"
	else
		query="SELECT pg_sleep(86400)"
	fi
	say "$query" | as_user tee "$dir/storm/crowd.sql" >/dev/null
	as_user "$bin/pgbench" --host="$dir/storm" --no-vacuum --client="$number" --transactions=1 \
		--file="$dir/storm/crowd.sql" >/dev/null 2>&1 &
	crowd=$!
	wait_until storm "count(*) = $number FROM pg_stat_activity WHERE state = 'active' AND wait_event_type IN ('Extension', 'Timeout')"
}

dissolve_crowd() {
	sql storm "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE state = 'active' AND pid <> pg_backend_pid() AND backend_type = 'client backend'" >/dev/null
	wait "$crowd" || true
	wait_until storm "count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"
}

measure_storm() {
	local number i what order ratio ratios ours theirs
	local -A tps

	make_storm
	full_load storm "$turn" >/dev/null
	for number in 100 200; do
		say '' "storm: $number sessions wait for two replicas, with one away: $pairs pairs of turns of $turn s"
		ratios=() ours=() theirs=()
		for ((i = 0; i < pairs; i++)); do
			order=(wait sleep)
			((i % 2 == 0)) || order=(sleep wait)
			for what in "${order[@]}"; do
				gather_crowd "$number" "$what"
				tps[$what]=$(full_load storm "$turn")
				dissolve_crowd
			done
			ratio=$(calculate "${tps[wait]} / ${tps[sleep]}" 6)
			ratios+=("$ratio")
			ours+=("${tps[wait]}")
			theirs+=("${tps[sleep]}")
			((i % 10 != 9)) || sql storm "CHECKPOINT"
		done
		say "  half of the ratios are between $(quantile 0.25 "${ratios[@]}") and $(quantile 0.75 "${ratios[@]}")"
		ratio=$(median "${ratios[@]}")
		result "pgbench beside $number sessions that wait for a replica that is away" \
			"$(calculate "$(median "${ours[@]}")" 0) transactions/s" \
			"$(calculate "$(median "${theirs[@]}")" 0) beside as many that sleep" "$ratio" "$ratio" '>=' 0.95
	done
	stop storm-standby storm
}
