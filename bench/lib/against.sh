#
# bench/lib/against.sh - compares this source with another
#
# Part of bench/run, whose head describes the comparisons.
#
# shellcheck shell=bash disable=SC2154,SC2034,SC2016,SC2128,SC2178

#
# Two builds
#

# Build both sources in copies.
build_sides() {
	local side source

	for side in before after; do
		source=$against
		[[ $side == before ]] || source=$top
		mkdir "$dir/$side-build"
		copy_source "$source" "$dir/$side-build"
		make -C "$dir/$side-build" --jobs="$cores" with_llvm=no PG_CONFIG="$PG_CONFIG" \
			>"$dir/$side-build/make.log" 2>&1 ||
			die "could not build $source: $(tail -n 5 "$dir/$side-build/make.log")"
	done
}

# Make a server that has the build of a side: by the library's bare name, the
# server, its background workers and its functions all find it through
# dynamic_library_path.
make_sided() {
	local side=$1 server=$2

	make_server "$server" "${3-}"
	as_user tee -a "$dir/$server/data/postgresql.conf" >/dev/null <<-END
		dynamic_library_path = '$dir/$side-build:\$libdir'
	END
	load "$server" replwatch
}

# Create the functions of a side, which CREATE EXTENSION would take from the
# installed script.
make_functions() {
	local side=$1 server=$2

	sed -e '/^\\echo/d' -e 's/MODULE_PATHNAME/replwatch/' "$dir/$side-build/"replwatch--*.sql |
		"$bin/psql" -Xq -v ON_ERROR_STOP=1 --host="$dir/$server" ||
		die "could not create the functions of $side"
}

# Wait for the sampler of a server, and keep its process as sampler_of[SERVER].
declare -A sampler_of
wait_for_sampler() {
	wait_until "$1" "worker_state = 'running' FROM replwatch_node()"
	sampler_of[$1]=$(sql "$1" "SELECT worker_pid FROM replwatch_node()")
}

# Make a primary and its standby for each side: before, before-standby, after and
# after-standby.
have_sides=''
make_sides() {
	local side

	[[ ! $have_sides ]] || return 0
	have_sides=yes
	for side in before after; do
		make_sided $side $side
		make_sided $side $side-standby $side
		start $side $side-standby
		make_functions $side $side
		wait_until $side "count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
		wait_replayed $side
		wait_for_sampler $side
		wait_for_sampler $side-standby
	done
}

#
# Ratios of pairs
#

# The figures of a comparison, of turn I as taken[SIDE I].
declare -A taken
compare() {
	local what=$1 unit=$2 digits=$3 i before=() after=() ratios

	for ((i = 0; i < turns; i++)); do
		before+=("${taken[before $i]}")
		after+=("${taken[after $i]}")
	done
	mapfile -t ratios < <(ratios_of after before)
	result_of_ratios "$what" "$(calculate "$(median "${after[@]}")" "$digits") $unit" \
		"$(calculate "$(median "${before[@]}")" "$digits") $unit before" '<=' 1 "${ratios[@]}"
}

# Print the sides in the order of a turn.
sides_in() {
	if (($1 % 2 == 0)); then
		say before after
	else
		say after before
	fi
}

#
# Comparisons
#

# Take the processor time of the samplers of servers while a command runs, in
# microseconds per second, as share[SERVER I].
declare -A share
take_shares() {
	local i=$1 servers=$2 server samplers='' shares at=0

	shift 2
	for server in $servers; do
		samplers+=" ${sampler_of[$server]}"
	done
	mapfile -t shares < <(cpu_share "$samplers" "$@")
	for server in $servers; do
		share[$server $i]=$(calculate "10000 * ${shares[at]}")
		((++at))
	done
}

# Compare the shares of the samplers of two servers.
compare_shares() {
	local what=$1 before=$2 after=$3 i

	for ((i = 0; i < turns; i++)); do
		taken[before $i]=${share[$before $i]}
		taken[after $i]=${share[$after $i]}
	done
	compare "$what" "µs/s" 0
}

# Load both primaries with half of the clients each.
load_both() {
	local side

	for side in before after; do
		pgbench_tps $side --client=$((clients / 2)) --protocol=prepared --time="$1" &
	done
	wait
}

compare_worker() {
	local i what command servers='before after before-standby after-standby'

	say '' "worker: $turns turns of $turn s, idle and under full load"
	make_sides
	for what in idle load; do
		command=(sleep "$turn")
		if [[ $what == load ]]; then
			command=(load_both "$turn")
			load_both "$turn" >/dev/null
		fi
		for ((i = 0; i < turns; i++)); do
			take_shares "$i" "$servers" "${command[@]}"
		done
		compare_shares "Sampler of a primary, $what" before after
		compare_shares "Sampler of a standby, $what" before-standby after-standby
	done
}

compare_status() {
	local i side protocol standby where

	say '' "status: $turns turns of $look s"
	make_sides
	say "SELECT * FROM replwatch_status();" | as_user tee "$dir/status.sql" >/dev/null
	for side in before after; do
		connect_receivers $side 20
	done
	for standby in '' -standby; do
		where=${standby:+standby}
		where=${where:-20 pg_receivewal}
		for protocol in simple prepared; do
			for ((i = 0; i < turns; i++)); do
				for side in $(sides_in "$i"); do
					taken[$side $i]=$(calculate "1000000 / $(pgbench_tps "$side$standby" \
						--file="$dir/status.sql" --protocol=$protocol --time="$look")")
				done
			done
			compare "\`replwatch_status()\`, $where, $protocol" "µs" 0
		done
	done
	for side in before after; do
		sql $side "SELECT pg_terminate_backend(pid) FROM pg_stat_replication
			WHERE application_name = 'pg_receivewal'" >/dev/null
	done
}

judge_both() {
	local side

	for side in before after; do
		idle=$turn judge_times $side-judged >"$dir/$side-judged/times" &
	done
	wait
}

compare_judge() {
	local i side what times

	say '' "judge: 64 replicas and 64 slots, $turns turns of $turn s quiet and while all alerts fire"
	for side in before after; do
		make_sided $side $side-judged
		expect_replicas $side-judged
		start $side-judged
		make_functions $side $side-judged
		wait_for_sampler $side-judged
		make_slots $side-judged
	done
	for what in quiet firing; do
		if [[ $what == firing ]]; then
			fire_all before-judged
			fire_all after-judged
		fi
		sleep 2
		for ((i = 0; i < turns; i++)); do
			take_shares "$i" 'before-judged after-judged' judge_both
			for side in before after; do
				mapfile -t times <"$dir/$side-judged/times"
				[[ ${times[*]} ]] || die "no alerts were judged on $side-judged"
				taken[$side $i]=$(median "${times[@]}")
			done
		done
		compare "Judging 64 replicas and 64 slots, $what" "µs a round" 0
		compare_shares "Sampler that judges 64 replicas and 64 slots, $what" before-judged after-judged
	done
	stop before-judged after-judged
}

# Print the instructions of a call of a function, callees included, by the profiles
# of a server's processes.
instructions_of() {
	local name=$1 server=$2

	awk -v name="$name" '
		FNR == 1 { id = "" }
		/^c?fn=/ && $2 == name { id = substr($1, index($1, "=") + 1) }
		/^cfn=/ { callee = substr($1, 5) }
		in_cost { sum += $2; in_cost = 0 }
		/^calls=/ && callee == id {
			calls += substr($1, 7)
			in_cost = 1
		}
		END { if (calls > 0) printf "%.0f\n", sum / calls }' "$dir/$server/callgrind."* | grep . ||
		die "callgrind has not recorded $name on $server"
}

# Run a server under callgrind until it is stopped.
start_counted() {
	local server=$1 end=$((SECONDS + 120))

	as_user valgrind --quiet --tool=callgrind --trace-children=yes \
		--callgrind-out-file="$dir/$server/callgrind.%p" \
		"$bin/postgres" -D "$dir/$server/data" >"$dir/$server/log" 2>&1 &
	until [[ $(sql "$server" "SELECT true" 2>/dev/null) == t ]]; do
		((SECONDS < end)) || die "the server did not start under valgrind: $(tail -n 3 "$dir/$server/log")"
		sleep 1
	done
}

compare_instructions() {
	local side server standby where name ratio i calls=50
	local -A instructions names=([rw_sample]='Round of the sampler' [rw_alerts_round]='Judging in it'
		[replwatch_status]='`replwatch_status()`' [replwatch_node]='`replwatch_node()`'
		[replwatch_alerts]='`replwatch_alerts()`')

	say '' "instructions: $calls calls, and $idle s idle"
	type -P valgrind >/dev/null || die "valgrind is missing"
	for side in before after; do
		server=$side-counted
		make_sided $side $server
		make_sided $side $server-standby $server
		start $server
		make_functions $side $server
		stop $server
		start_counted $server
		start_counted $server-standby
		connect_receivers $server 20
		wait_until $server "count(*) = 21 FROM pg_stat_replication WHERE state = 'streaming'"
		sleep "$idle"
		for standby in '' -standby; do
			for name in status node alerts; do
				for ((i = 0; i < calls; i++)); do
					say "SELECT * FROM replwatch_$name();"
				done | "$bin/psql" -Xq --host="$dir/$server$standby" >/dev/null
			done
		done
		stop $server-standby $server
		wait
	done
	for standby in '' -standby; do
		where=${standby:+standby}
		where=${where:-20 pg_receivewal}
		for name in rw_sample rw_alerts_round replwatch_status replwatch_node replwatch_alerts; do
			for side in before after; do
				instructions[$side]=$(instructions_of $name $side-counted$standby)
			done
			ratio=$(calculate "${instructions[after]} / ${instructions[before]}")
			result "${names[$name]}, $where" "${instructions[after]} instructions" \
				"${instructions[before]} before" "$ratio" "$ratio" '<=' 1.05
		done
	done
}
