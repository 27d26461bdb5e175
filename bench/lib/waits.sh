#
# bench/lib/waits.sh - measures what read-your-writes costs
#
# Part of bench/run, whose head describes the measurements.
#
# shellcheck shell=bash disable=SC2154,SC2034

# Make a primary and its standby, both with replwatch, with a row for each client.
have_waits=''
make_waits() {
	[[ ! $have_waits ]] || return 0
	have_waits=yes
	type -P gcc >/dev/null || die "gcc is missing"
	gcc -O2 -I"$("$PG_CONFIG" --includedir)" -L"$("$PG_CONFIG" --libdir)" \
		-o "$dir/waits" "$top/bench/waits.c" -lpq -lpthread ||
		die "could not compile waits.c: is libpq-dev installed?"
	make_server writes
	make_server writes-standby writes
	load writes replwatch
	load writes-standby replwatch
	start writes writes-standby
	wait_until writes "count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
	sql writes "CREATE TABLE written (id int PRIMARY KEY, n int) WITH (fillfactor = 10);
		INSERT INTO written SELECT i, 0 FROM generate_series(1, 64) i;
		CREATE FUNCTION look_each_millisecond(target pg_lsn) RETURNS void LANGUAGE plpgsql AS
		'BEGIN WHILE pg_last_wal_replay_lsn() < target LOOP PERFORM pg_sleep(0.001); END LOOP; END'"
	wait_replayed writes
}

# Measure every method once per round, in changing order, by a command that takes a
# method and prints cycles per second, median, 99th percentile and maximum.  The
# first two are kept as RATE[METHOD ROUND] and HALF[METHOD ROUND], the last two of the
# worst round as MOST[METHOD] and LONGEST[METHOD].
declare -A rate half most longest
take_turns() {
	local command=$1 i method number_of=$2 order

	shift 2
	for ((i = 0; i < number_of; i++)); do
		order=("${@:1 + i % $#}" "${@:1:i % $#}")
		for method in "${order[@]}"; do
			wait_replayed writes
			read -r "rate[$method $i]" "half[$method $i]" p99 max < <("$command" "$method") ||
				die "$method could not be measured"
			((i > 0)) || most[$method]=0 longest[$method]=0
			most[$method]=$(quantile 1 "${most[$method]}" "$p99")
			longest[$method]=$(quantile 1 "${longest[$method]}" "$max")
		done
	done
}

# Print the median over the rounds of rate or half of a method.
of() {
	local -n values=$1
	local method=$2 i all=()

	for ((i = 0; i < rounds; i++)); do
		all+=("${values[$method $i]}")
	done
	median "${all[@]}"
}

# Print the median of the rounds' ratios of two methods.
ratio_of() {
	local -n values=$1
	local ours=$2 theirs=$3 i ratios=()

	for ((i = 0; i < rounds; i++)); do
		ratios+=("$(calculate "${values[$ours $i]} / ${values[$theirs $i]}" 6)")
	done
	median "${ratios[@]}"
}

has_core_wait() {
	(($(sql writes "SELECT current_setting('server_version_num')") >= 190000))
}

one_cycle() {
	"$dir/waits" cycle "$1" "host=$dir/writes" "host=$dir/writes-standby" "$wait_clients" "$look"
}

measure_wait() {
	local methods=(nothing wait prepared set poll server) method other ratio

	say '' "wait: one client, $rounds rounds of $look s with each method"
	make_waits
	! has_core_wait || methods+=(core)
	wait_clients=1
	take_turns one_cycle "$rounds" "${methods[@]}"
	for method in "${methods[@]}"; do
		say "  $(printf '%-9s' "$method") $(calculate "$(of half "$method")" 0) µs median, ${most[$method]} µs 99th percentile"
	done
	for method in wait prepared set; do
		for other in server core; do
			[[ ${methods[*]} == *"$other"* ]] || continue
			ratio=$(ratio_of half "$method" "$other")
			result "One client: ${form_of[$method]}" \
				"$(calculate "$(of half "$method")" 0) µs (a bare round trip $(calculate "$(of half nothing)" 0), asking without pause $(calculate "$(of half poll)" 0))" \
				"$(calculate "$(of half "$other")" 0) µs ${name_of[$other]}" "$ratio" "$ratio" '<=' "${limit_of[$other]}"
		done
	done
}

# shellcheck disable=SC2016
declare -A form_of=([wait]='`replwatch_wait_for_lsn()`, simple' [prepared]='`replwatch_wait_for_lsn()`, prepared'
	[set]='`SET replwatch.read_after`' [core]='WAIT FOR LSN')
declare -A name_of=([server]='for a look each millisecond' [core]='for WAIT FOR LSN')
declare -A limit_of=([server]=0.333 [core]=1.1)

measure_clients() {
	local methods=(wait prepared set) method ratio theirs

	make_waits
	! has_core_wait || methods+=(core)
	for wait_clients in 16 64; do
		say '' "clients: $wait_clients that write, wait and read, $rounds rounds of $look s with each method"
		take_turns one_cycle "$rounds" "${methods[@]}"
		for method in "${methods[@]}"; do
			ratio='' theirs=''
			if has_core_wait; then
				ratio=$(ratio_of rate "$method" core)
				theirs="$(calculate "$(of rate core)" 0) with WAIT FOR LSN"
			fi
			case $method in
				prepared | set)
					result "$wait_clients clients write, wait, read: ${form_of[$method]}" \
						"$(calculate "$(of rate "$method")" 0) cycles/s, longest wait $(calculate "${longest[$method]} / 1000" 0) ms" \
						"$theirs" "$ratio" "${ratio:-1}" '>=' 1
					;;
				*)
					# Parsing and planning each time is part of the simple form's cost.
					say "  ${form_of[$method]}:" \
						"    $(calculate "$(of rate "$method")" 0) cycles/s, longest wait $(calculate "${longest[$method]} / 1000" 0) ms${ratio:+; ratio $ratio}"
					;;
			esac
		done
	done
}

set_synchronous() {
	set_on writes synchronous_standby_names "$1"
	wait_until writes "sync_state = '$2' FROM pg_stat_replication"
}

one_commit() {
	if [[ $1 == remote_apply ]]; then
		set_synchronous '*' sync
	else
		set_synchronous '' async
	fi
	"$dir/waits" commit "$1" "host=$dir/writes" "$look"
}

measure_replicas() {
	local ratio

	say '' "replicas: commit and wait for replay, $rounds rounds of $look s with each method"
	make_waits
	take_turns one_commit "$rounds" replicas remote_apply
	set_synchronous '' async
	ratio=$(ratio_of half replicas remote_apply)
	result "Commit and \`replwatch_wait_for_replicas()\`, asynchronous standby" \
		"$(calculate "$(of half replicas)" 0) µs" "$(calculate "$(of half remote_apply)" 0) µs for remote_apply, synchronous" \
		"$ratio" "$ratio" '<=' 3
}

# Both run at the same time, with half of the clients each, so that other load on the
# machine affects both.
measure_token() {
	local i side order ratio ratios=() ours=() theirs=()
	local -A tps

	say '' "token: $pairs turns of $turn s, on and off side by side"
	make_single
	full_load single "$turn" >/dev/null
	for ((i = 0; i < pairs; i++)); do
		order=(on off)
		((i % 2 == 0)) || order=(off on)
		for side in "${order[@]}"; do
			PGOPTIONS="-c replwatch.report_commit_token=$side" pgbench_tps single \
				--client=$((clients / 2)) --protocol=prepared --time="$turn" >"$dir/$side.tps" &
		done
		wait
		for side in on off; do
			read -r "tps[$side]" <"$dir/$side.tps" || die "pgbench failed"
		done
		ratios+=("$(calculate "${tps[on]} / ${tps[off]}" 6)")
		ours+=("${tps[on]}")
		theirs+=("${tps[off]}")
		((i % 10 != 9)) || sql single "CHECKPOINT"
	done
	say "  half of the ratios are between $(quantile 0.25 "${ratios[@]}") and $(quantile 0.75 "${ratios[@]}")"
	ratio=$(median "${ratios[@]}")
	result "pgbench, \`report_commit_token\` on, beside as many clients with it off" \
		"$(calculate "$(median "${ours[@]}")" 0) transactions/s" \
		"$(calculate "$(median "${theirs[@]}")" 0) off" "$ratio" "$ratio" '>=' 0.99
}
