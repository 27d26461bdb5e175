#
# bench/lib/watching.sh - measures what watching replicas costs
#
# Part of bench/run, whose head describes the measurements.
#
# shellcheck shell=bash disable=SC2154,SC2034

measure_tps() {
	local i side ratio order ratios=() ours=() theirs=()
	local -A tps

	say '' "tps: $pairs pairs of turns of $turn s"
	make_pairs
	for ((i = 0; i < pairs; i++)); do
		if ((i == pairs / 2)); then
			stop a-standby a b-standby b
			start_pairs "$without" "$with"
		fi
		if ((i % 10 == 0 || i == pairs / 2)); then
			# The extra work after a checkpoint or a start is not measured.
			for side in a b; do
				sql $side "CHECKPOINT"
				sql $side-standby "CHECKPOINT"
				full_load $side "$turn" >/dev/null
			done
		fi
		order=(with without)
		((i % 2 == 0)) || order=(without with)
		for side in "${order[@]}"; do
			if [[ $side == with ]]; then
				kill -CONT "${workers[@]}"
			else
				kill -STOP "${workers[@]}"
			fi
			wait_replayed "${!side}"
			tps[$side]=$(full_load "${!side}" "$turn")
		done
		kill -CONT "${workers[@]}"
		ratio=$(calculate "${tps[with]} / ${tps[without]}")
		printf '  %8.0f with, %8.0f without: %s\n' "${tps[with]}" "${tps[without]}" "$ratio"
		ratios+=("$ratio")
		ours+=("${tps[with]}")
		theirs+=("${tps[without]}")
	done
	result_of_ratios "pgbench, $clients clients, one standby" \
		"$(calculate "$(median "${ours[@]}")" 0) transactions/s" \
		"$(calculate "$(median "${theirs[@]}")" 0) without replwatch" '>=' 0.99 "${ratios[@]}"
}

# Connect pg_receivewal to a server until there are so many.
connect_receivers() {
	local server=$1 count=$2 i

	for ((i = 1; i <= count; i++)); do
		[[ ! -e $dir/$server/receiver$i ]] || continue
		as_user mkdir "$dir/$server/receiver$i"
		sql "$server" "SELECT pg_create_physical_replication_slot('receiver$i')" >/dev/null
		as_user "$bin/pg_receivewal" --host="$dir/$server" --directory="$dir/$server/receiver$i" \
			--slot="receiver$i" --no-loop --no-sync >/dev/null 2>&1 &
	done
	wait_until "$server" "count(*) = $count FROM pg_stat_replication
		WHERE state = 'streaming' AND application_name = 'pg_receivewal'"
}

measure_status() {
	local count protocol i order query ratio ratios ours theirs
	local -A time

	say '' "status: $rounds rounds of $look s each"
	make_single
	say "SELECT * FROM replwatch_status();" | as_user tee "$dir/status.sql" >/dev/null
	say "SELECT * FROM pg_stat_replication;" | as_user tee "$dir/senders.sql" >/dev/null
	say "SELECT * FROM pg_replication_slots;" | as_user tee "$dir/slots.sql" >/dev/null
	say "SELECT 1;" | as_user tee "$dir/nothing.sql" >/dev/null
	say "  an empty query takes $(calculate "$(query_time nothing simple --time="$look")" 0) µs"
	for count in 1 20; do
		connect_receivers single $count
		for protocol in simple prepared; do
			ratios=() ours=() theirs=()
			for ((i = 0; i < rounds; i++)); do
				order=(status senders slots)
				((i % 2 == 0)) || order=(slots senders status)
				for query in "${order[@]}"; do
					time[$query]=$(query_time "$query" $protocol --time="$look")
				done
				ratios+=("$(calculate "${time[status]} / (${time[senders]} + ${time[slots]})")")
				ours+=("${time[status]}")
				theirs+=("$(calculate "${time[senders]} + ${time[slots]}")")
			done
			ratio=$(median "${ratios[@]}")
			result "\`replwatch_status()\`, $count pg_receivewal, $protocol" \
				"$(calculate "$(median "${ours[@]}")" 0) µs" \
				"$(calculate "$(median "${theirs[@]}")" 0) µs for both of the server's views" \
				"$ratio" "$ratio" '<=' 1.5
		done
	done
	sql single "SELECT pg_terminate_backend(pid) FROM pg_stat_replication" >/dev/null
}

measure_worker() {
	local share

	say '' "worker: $idle s idle, $idle s under full load"
	make_pairs
	sql "$with" "CHECKPOINT"
	wait_replayed "$with"
	sleep 2
	mapfile -t share < <(cpu_share "${workers[*]}" sleep "$idle")
	result "Samplers of primary and standby, nothing moves" \
		"${share[0]} % and ${share[1]} % of a core" '' '' "$(quantile 1 "${share[@]}")" '<' 0.2 ' %'
	mapfile -t share < <(cpu_share "${workers[*]}" full_load "$with" "$idle")
	result "Samplers of primary and standby, full write load" \
		"${share[0]} % and ${share[1]} % of a core" '' '' "$(quantile 1 "${share[@]}")" '<' 1 ' %'
}

measure_memory() {
	local bytes

	say '' "memory"
	make_server defaults
	as_user tee -a "$dir/defaults/data/postgresql.conf" >/dev/null <<-END
		max_wal_senders = 10
		max_replication_slots = 10
	END
	load defaults replwatch
	start defaults
	bytes=$(sql defaults "SELECT sum(allocated_size) FROM pg_shmem_allocations WHERE name LIKE 'replwatch%'")
	stop defaults
	result "Shared memory at defaults" "$(calculate "$bytes / 1000000" 2) MB" '' '' \
		"$bytes / 1000000" '<' 2 ' MB'
}

measure_lookup() {
	local i calls=100000 ours theirs times=()

	say '' "lookup: $calls calls, over $filling s of history with a point every 10 ms"
	make_single
	sql single "ALTER SYSTEM SET replwatch.sample_interval = 10"
	sql single "SELECT pg_reload_conf()" >/dev/null
	say "SELECT txid_current();" | as_user tee "$dir/write.sql" >/dev/null
	pgbench_tps single --file="$dir/write.sql" --rate=300 --time="$filling" >/dev/null
	sql single "CREATE TABLE lsns AS
		SELECT replwatch_time_lsn(now() - $filling * 0.9 * random() * interval '1 s') AS lsn
		FROM generate_series(1, $calls)"
	[[ $(sql single "SELECT count(replwatch_lsn_time(lsn)) = $calls AND count(DISTINCT lsn) > $filling * 20 FROM lsns") == t ]] ||
		die "the history does not cover the LSNs written"
	say "SELECT count(replwatch_lsn_time(lsn)) FROM lsns;" | as_user tee "$dir/lookup.sql" >/dev/null
	say "SELECT count(pg_lsn_larger(lsn, lsn)) FROM lsns;" | as_user tee "$dir/nothing.sql" >/dev/null
	for ((i = 0; i < rounds; i++)); do
		ours=$(query_time lookup simple --transactions=5)
		theirs=$(query_time nothing simple --transactions=5)
		times+=("$(calculate "($ours - $theirs) / $calls")")
	done
	result "\`replwatch_lsn_time()\`" "$(median "${times[@]}") µs a call" '' '' "$(median "${times[@]}")" '<' 10 ' µs'
	sql single "ALTER SYSTEM RESET replwatch.sample_interval"
	sql single "SELECT pg_reload_conf()" >/dev/null
}

# Print how often a process has gone to sleep since its start.
sleeps() {
	sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$1/status"
}

measure_port() {
	local i number ours theirs rate half most rates=() halves=() mosts=() connects=() pid before

	say '' "port: $rounds rounds of $look s each"
	make_single
	number=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
	gcc -O2 -o "$dir/ask" "$top/bench/ask.c"
	sql single "ALTER SYSTEM SET replwatch.listen_addresses = '127.0.0.1'"
	sql single "ALTER SYSTEM SET replwatch.port = $number"
	sql single "SELECT pg_reload_conf()" >/dev/null
	for ((i = 0; i < 100; i++)); do
		"$dir/ask" "$number" /primary 0.1 >/dev/null 2>&1 && break
		sleep 0.1
	done
	say "SELECT pg_is_in_recovery();" | as_user tee "$dir/connect.sql" >/dev/null
	for ((i = 0; i < rounds; i++)); do
		read -r rate half most < <("$dir/ask" "$number" /primary "$look") || die "the port did not answer"
		rates+=("$rate") halves+=("$half") mosts+=("$most")
		connects+=("$(query_time connect simple --connect --time="$look")")
	done
	ours=$(median "${rates[@]}")
	theirs=$(calculate "1000000 / $(median "${connects[@]}")" 0)
	result "Health checks by one client" "$(calculate "$ours" 0) a second, median $(calculate "$(median "${halves[@]}")" 0) µs" \
		"$theirs new connections that ask pg_is_in_recovery()" "$(calculate "$ours / $theirs" 1)" "$ours" '>=' 5000
	result "Health check, 99th percentile" "$(calculate "$(median "${mosts[@]}")" 0) µs" '' '' "$(median "${mosts[@]}") / 1000" '<' 2 ' ms'

	pid=$(process_of single 'replwatch port')
	sleep 1
	before=$(sleeps "$pid")
	sleep "$idle"
	result "Wake-ups of the port in $idle s without a client" "$(($(sleeps "$pid") - before))" '' '' \
		"$(($(sleeps "$pid") - before))" '<=' 0
	sql single "ALTER SYSTEM RESET replwatch.port"
	sql single "SELECT pg_reload_conf()" >/dev/null
}
