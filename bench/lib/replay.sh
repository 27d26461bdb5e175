#
# bench/lib/replay.sh - measures replay, by a standby that gets its WAL when everything is in place
#
# Part of bench/run, whose head describes the measurements.
#
# shellcheck shell=bash disable=SC2154,SC2034

# Write the WAL to replay, and note where it ends.
make_wal() {
	local first

	make_server writer
	as_user tee -a "$dir/writer/data/postgresql.conf" >/dev/null <<-END
		max_wal_size = 100GB
		max_connections = 1100
	END
	load writer ''
	as_user cp -r "$dir/writer/data" "$dir/replayed"
	start writer
	first=$(sql writer "SELECT pg_walfile_name(pg_current_wal_lsn())")
	sql writer "CREATE TABLE small (n int)"
	sql writer "INSERT INTO small SELECT generate_series(1, $records)"
	replay_end=$(sql writer "SELECT pg_current_wal_flush_lsn()")
	as_user mkdir "$dir/wal"
	for file in "$dir/writer/data/pg_wal/"????????????????????????; do
		[[ ${file##*/} < $first ]] || as_user cp "$file" "$dir/wal/"
	done
	on_data writer pg_ctl --silent --mode=immediate stop
	as_user rm -r "$dir/writer"
}

# Make a standby without that WAL, with a library or none, and do not start it.
make_replayer() {
	as_user rm -rf "$dir/replayer"
	as_user mkdir "$dir/replayer"
	as_user cp -r "$dir/replayed" "$dir/replayer/data"
	as_user cp -r "$dir/wal" "$dir/replayer/wal"
	as_user touch "$dir/replayer/data/standby.signal"
	as_user tee -a "$dir/replayer/data/postgresql.conf" >/dev/null <<-END
		unix_socket_directories = '$dir/replayer'
		wal_retrieve_retry_interval = 100ms
	END
	load replayer "$1"
}

# Start so many sessions that wait for a distant LSN or, without the library, do
# nothing.
holder=''
hold_waiters() {
	local number=$1 library=$2 lsn=none

	((number > 0)) || return 0
	[[ ! $library ]] || lsn=7FFFFFFF/0
	coproc "$dir/waits" hold "host=$dir/replayer" "$number" "$lsn" 2>/dev/null
	holder=$COPROC_PID input=${COPROC[1]}
	read -r _ <&"${COPROC[0]}"
	[[ ! $library ]] || wait_until replayer "count(*) = $number FROM replwatch_waiters()"
}

let_waiters_go() {
	[[ $holder ]] || return 0
	exec {input}>&-
	wait "$holder" || true
	holder=''
}

bring_wal() {
	as_user find "$dir/replayer/wal" -type f -exec mv -t "$dir/replayer/data/pg_wal" {} +
}

# Print the processor time in seconds of the startup process while it replays that
# WAL, with a library or none, and with so many sessions that wait for a distant LSN.
replay_time() {
	local library=$1 waiting=$2 startup before

	make_replayer "$library"
	start replayer
	wait_until replayer "pg_is_in_recovery()"
	hold_waiters "$waiting" "$library"
	startup=$(head -n 1 "$dir/replayer/data/postmaster.pid")
	startup=$(pgrep --parent "$startup" --full 'startup')
	before=$(cpu_time "$startup")
	bring_wal
	# Do not poll meanwhile: the two processors may share a core.
	sleep "$(calculate "$records / 600000")"
	wait_until replayer "pg_last_wal_replay_lsn() >= '$replay_end'"
	calculate "($(cpu_time "$startup") - $before) / 1000000000" 6
	on_data replayer pg_ctl --silent --mode=immediate stop
	let_waiters_go
}

# Print the instructions per record of the startup process, as valgrind's callgrind
# counts them: the same each time, whatever else the machine does.
replay_instructions() {
	local library=$1 waiting=$2 server file end=$((SECONDS + 600))

	make_replayer "$library"
	as_user valgrind --quiet --tool=callgrind --trace-children=yes \
		--callgrind-out-file="$dir/replayer/callgrind.%p" \
		"$bin/postgres" -D "$dir/replayer/data" >"$dir/replayer/log" 2>&1 &
	server=$!
	until [[ $(sql replayer "SELECT pg_is_in_recovery()" 2>/dev/null) == t ]]; do
		((SECONDS < end)) || die "the server did not start under valgrind: $(tail -n 3 "$dir/replayer/log")"
		sleep 1
	done
	hold_waiters "$waiting" "$library"
	bring_wal
	until [[ $(sql replayer "SELECT pg_last_wal_replay_lsn() >= '$replay_end'" 2>/dev/null) == t ]]; do
		((SECONDS < end)) || die "no replay under valgrind: $(tail -n 3 "$dir/replayer/log")"
		sleep 1
	done
	kill -INT "$(head -n 1 "$dir/replayer/data/postmaster.pid")"
	wait "$server" || true
	let_waiters_go
	file=$(grep -l PerformWalRecovery "$dir/replayer/callgrind."*) || die "callgrind has not recorded replay"
	callgrind_annotate --inclusive=yes "$file" |
		awk -v n="$records" '/:PerformWalRecovery / { gsub(",", "", $1); printf "%.1f\n", $1 / n; exit }' | grep .
}

# Two replays are compared with the two next to them in time.
measure_replay() {
	local i what number bound ours theirs ratio ratios order
	local -a plain=() idle=() none=() many=()
	local -A waiting_of=([none]=0 [some]=20)
	local -A name=([none]='nobody waits' [many]='1,000 wait for an LSN far away')
	local -A beside=([none]=plain [many]=idle)
	local -A words=([plain]='without replwatch' [idle]='without replwatch, beside 1,000 idle sessions')

	say '' "replay: $turns turns, $records records each"
	make_waits
	make_wal
	for ((i = 0; i < turns; i++)); do
		order=(plain none idle many)
		((i % 2 == 0)) || order=(many idle none plain)
		for what in "${order[@]}"; do
			case $what in
				plain) plain+=("$(replay_time '' 0)") ;;
				idle) idle+=("$(replay_time '' 1000)") ;;
				none) none+=("$(replay_time replwatch 0)") ;;
				many) many+=("$(replay_time replwatch 1000)") ;;
			esac
		done
		say "  ${plain[i]} s of processor time without and ${none[i]} s with replwatch; ${idle[i]} s beside 1,000 idle sessions and ${many[i]} s beside 1,000 that wait"
	done
	for what in none many; do
		local -n seconds=$what others=${beside[$what]}
		mapfile -t ratios < <(ratios_of others seconds)
		bound=0.98
		[[ $what == none ]] || bound=0.95
		result_of_ratios "Speed of replay, ${name[$what]}" \
			"$(calculate "$records / $(median "${seconds[@]}") / 1000000" 2) million records a second of processor time" \
			"$(calculate "$records / $(median "${others[@]}") / 1000000" 2) ${words[${beside[$what]}]}" \
			'>=' "$bound" "${ratios[@]}"
	done
	as_user rm -rf "$dir/wal" "$dir/replayed" "$dir/replayer"

	if ! type -P valgrind >/dev/null; then
		say "  instructions are not counted: valgrind is not installed"
		return
	fi
	records=$((records / 5))
	make_wal
	theirs=$(replay_instructions '' 0)
	for what in none some; do
		ours=$(replay_instructions replwatch "${waiting_of[$what]}")
		ratio=$(calculate "$theirs / $ours" 4)
		result "Replay by instructions, ${waiting_of[$what]} wait for an LSN far away" "$(calculate "$ours" 0) a record" \
			"$(calculate "$theirs" 0) without replwatch" "$ratio" "$ratio" '>=' 0.98
	done
	as_user rm -rf "$dir/wal" "$dir/replayed" "$dir/replayer"
	records=$((records * 5))
}
