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
		CREATE PROCEDURE look_each_millisecond(target pg_lsn) LANGUAGE plpgsql AS
		'BEGIN WHILE pg_last_wal_replay_lsn() < target LOOP PERFORM pg_sleep(0.001); COMMIT; END LOOP; END'"
	wait_replayed writes
}

# Run a command for each of so many turns, and keep what it prints for each method:
# the method, cycles per second, median, 99th percentile, maximum and, where methods
# alternate, the mean.  Rate, half and mean are kept as RATE[METHOD TURN] and so on,
# percentile and maximum of the worst turn as MOST[METHOD] and LONGEST[METHOD].  The
# command gets the number of the turn.
declare -A rate half mean most longest
take_turns() {
	local i method cycles median p99 max average

	most=() longest=()
	for ((i = 0; i < turns; i++)); do
		wait_replayed writes
		"$@" "$i" >"$dir/turn" || die "turn $i could not be measured"
		while read -r method cycles median p99 max average; do
			rate[$method $i]=$cycles half[$method $i]=$median mean[$method $i]=$average
			most[$method]=$(quantile 1 "${most[$method]-0}" "$p99")
			longest[$method]=$(quantile 1 "${longest[$method]-0}" "$max")
		done <"$dir/turn"
	done
}

# Print the figures of a method by turns, of rate, half or mean.
turns_of() {
	local -n values=$1
	local method=$2 i

	for ((i = 0; i < turns; i++)); do
		say "${values[$method $i]}"
	done
}

# Print the median over the turns.
of() {
	local all

	mapfile -t all < <(turns_of "$1" "$2")
	median "${all[@]}"
}

# Print the ratios of two methods by turns.
ratios_by_turn() {
	local ours theirs

	mapfile -t ours < <(turns_of "$1" "$2")
	mapfile -t theirs < <(turns_of "$1" "$3")
	ratios_of ours theirs
}

has_core_wait() {
	(($(sql writes "SELECT current_setting('server_version_num')") >= 190000))
}

# Run wait_clients that take turns in methods, given with commas.
one_cycle() {
	"$dir/waits" cycle "$1" "host=$dir/writes" "host=$dir/writes-standby" "$wait_clients" "$look"
}

# Methods share clients, connections and time, and thus also the processors on which
# the kernel has put these processes: that alone makes one turn take up to twice as
# long as the next.
measure_wait() {
	local methods=(nothing wait prepared set poll server) method other which ratios

	say '' "wait: one client, $turns turns of $((3 * look)) s, in which all methods alternate"
	make_waits
	! has_core_wait || methods+=(core)
	wait_clients=1
	look=$((3 * look)) take_turns one_cycle "$(IFS=,; say "${methods[*]}")"
	for method in "${methods[@]}"; do
		say "  $(printf '%-9s' "$method") $(calculate "$(of half "$method")" 0) µs median, ${most[$method]} µs 99th percentile"
	done
	for method in wait prepared set; do
		for other in server core; do
			[[ ${methods[*]} == *"$other"* ]] || continue
			which=${figure_for[$other]}
			mapfile -t ratios < <(ratios_by_turn "$which" "$method" "$other")
			result_of_ratios "One client: ${form_of[$method]}" \
				"$(calculate "$(of "$which" "$method")" 0) µs (a bare round trip $(calculate "$(of "$which" nothing)" 0), asking without pause $(calculate "$(of "$which" poll)" 0))" \
				"$(calculate "$(of "$which" "$other")" 0) µs ${name_of[$other]}" '<=' "${limit_of[$other]}" "${ratios[@]}"
		done
	done
	mapfile -t ratios < <(ratios_by_turn half prepared wait)
	result_of_ratios "One client: prepared, beside simple" "$(calculate "$(of half prepared)" 0) µs" \
		"$(calculate "$(of half wait)" 0) µs simple" '<=' 1 "${ratios[@]}"
}

# shellcheck disable=SC2016
declare -A form_of=([wait]='`replwatch_wait_for_lsn()`, simple' [prepared]='`replwatch_wait_for_lsn()`, prepared'
	[set]='`SET replwatch.read_after`' [core]='WAIT FOR LSN')
declare -A name_of=([server]='for a look each millisecond, on average' [core]='for WAIT FOR LSN')
declare -A limit_of=([server]=0.333 [core]=1.1)

# Many looks find the LSN replayed already, the others sleep for a millisecond: neither
# is typical, so the mean counts.
declare -A figure_for=([server]=mean [core]=half)

# Run one process for each method, as the cycles per second of many clients are only
# those of a method while all of them use it; in another order each turn.
each_method() {
	local methods i=${*: -1} method

	methods=("${@:1:$# - 1}")
	for method in "${methods[@]:i % ${#methods[@]}}" "${methods[@]:0:i % ${#methods[@]}}"; do
		say "$method $(one_cycle "$method")"
	done
}

measure_clients() {
	local methods=(wait prepared set) method ours theirs ratios

	make_waits
	! has_core_wait || methods+=(core)
	for wait_clients in 16 64; do
		say '' "clients: $wait_clients that write, wait and read, $turns turns of $look s with each method"
		take_turns each_method "${methods[@]}"
		for method in "${methods[@]}"; do
			ours="$(calculate "$(of rate "$method")" 0) cycles/s, longest wait $(calculate "${longest[$method]} / 1000" 0) ms"
			if ! has_core_wait || [[ $method == core ]]; then
				say "  ${form_of[$method]}:" "    $ours"
				continue
			fi
			theirs="$(calculate "$(of rate core)" 0) with WAIT FOR LSN"
			mapfile -t ratios < <(ratios_by_turn rate "$method" core)
			if [[ $method == wait ]]; then
				# Parsing and planning each time is part of the simple form's cost.
				say "  ${form_of[$method]}:" "    $ours; $theirs; ratio $(median "${ratios[@]}")"
			else
				result_of_ratios "$wait_clients clients write, wait, read: ${form_of[$method]}" \
					"$ours" "$theirs" '>=' 1 "${ratios[@]}"
			fi
		done
	done
}

set_synchronous() {
	set_on writes synchronous_standby_names "$1"
	wait_until writes "sync_state = '$2' FROM pg_stat_replication"
}

# Commit by methods that take turns, given with commas.
one_commit() {
	"$dir/waits" commit "$1" "host=$dir/writes" "$look"
}

# The standby is synchronous for the one and not for the other: as both alternate in
# one session, they share everything else.
measure_replicas() {
	local ratios

	say '' "replicas: commit and wait for replay, $turns turns of $((3 * look)) s, in which all methods alternate"
	make_waits
	set_synchronous '*' sync
	look=$((3 * look)) take_turns one_commit local,replicas,pipelined,remote_apply
	set_synchronous '' async
	say "  a commit alone takes $(calculate "$(of half local)" 0) µs, commit and wait sent together $(calculate "$(of half pipelined)" 0) µs"
	mapfile -t ratios < <(ratios_by_turn half replicas remote_apply)
	result_of_ratios "Commit and \`replwatch_wait_for_replicas()\`" \
		"$(calculate "$(of half replicas)" 0) µs" "$(calculate "$(of half remote_apply)" 0) µs for remote_apply, the same standby" \
		'<=' 1.1 "${ratios[@]}"
}

# Both run at the same time, with half of the clients each, so that other load on the
# machine affects both.
measure_token() {
	local i side order ratios=() ours=() theirs=()
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
	result_of_ratios "pgbench, \`report_commit_token\` on, beside as many clients with it off" \
		"$(calculate "$(median "${ours[@]}")" 0) transactions/s" \
		"$(calculate "$(median "${theirs[@]}")" 0) off" '>=' 0.99 "${ratios[@]}"
}
