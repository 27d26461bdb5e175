#
# bench/lib/line.sh - measures what it costs that servers tell each other what they know
#
# Part of bench/run, whose head describes the measurements.
#
# shellcheck shell=bash disable=SC2154

leaves=(leaf1 leaf2 leaf3 leaf4 leaf5 leaf6 leaf7 leaf8 leaf9 leaf10)
declare -A line_port

# Make a primary with ten standbys, each with a port.
make_tree() {
	local server numbers

	numbers=$(perl -MIO::Socket::INET -e 'print join " ", map { $_->sockport }
		map { IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") } 0 .. shift' "${#leaves[@]}")
	init_server root
	start root
	sql root "CREATE EXTENSION replwatch"
	stop root
	for server in root "${leaves[@]}"; do
		line_port[$server]=${numbers%% *} numbers=${numbers#* }
		[[ $server == root ]] || make_server "$server" root root
		load "$server" replwatch
	done
	for server in "${leaves[@]}"; do
		as_user tee -a "$dir/$server/data/postgresql.conf" >/dev/null <<<"replwatch.upstream_port = ${line_port[root]}"
	done
	start root "${leaves[@]}"
	wait_until root "count(*) = ${#leaves[@]} FROM pg_stat_replication WHERE state = 'streaming'"
	set_on root replwatch.port "${line_port[root]}"
}

# Give the standbys ports, and so lines, or take them away ("with", "without").
draw_lines() {
	local server state=up

	[[ $1 == with ]] || state=off
	for server in "${leaves[@]}"; do
		if [[ $1 == with ]]; then
			set_on "$server" replwatch.port "${line_port[$server]}"
		else
			set_on "$server" replwatch.port 0
		fi
	done
	for server in "${leaves[@]}"; do
		wait_until "$server" "line_state = '$state' FROM replwatch_node()"
	done
	[[ $1 == without ]] ||
		wait_until leaf1 "count(*) = ${#leaves[@]} + 1 FROM replwatch_cluster() WHERE reported_at > now() - interval '3 s'"
}

# Add to "shares" what a server's sampler and, with lines, its port use of a core.
declare -A shares
look_at_line() {
	local what=$1 server pids=() names=() share i

	for server in root leaf1; do
		names+=("$what $server sampler")
		pids+=("$(sql "$server" "SELECT worker_pid FROM replwatch_node()")")
		if [[ $what == with ]]; then
			names+=("$what $server port")
			pids+=("$(process_of "$server" 'replwatch port')")
		fi
	done
	mapfile -t share < <(cpu_share "${pids[*]}" sleep "$idle")
	for i in "${!names[@]}"; do
		shares[${names[i]}]+=" ${share[i]}"
	done
}

measure_line() {
	local i order what server rate more=() ratios=() with=() without=()

	say '' "line: $rounds pairs of turns of $idle s, idle, then $turns of $look s of health checks; ten standbys with lines and without"
	gcc -O2 -o "$dir/ask" "$top/bench/ask.c"
	make_tree
	for ((i = 0; i < rounds; i++)); do
		order=(with without)
		((i % 2 == 0)) || order=(without with)
		for what in "${order[@]}"; do
			draw_lines "$what"
			sleep 2
			look_at_line "$what"
		done
	done
	for what in "${!shares[@]}"; do
		# shellcheck disable=SC2086
		shares[$what]=$(median ${shares[$what]})
	done
	for server in root leaf1; do
		more+=("$(calculate "${shares[with $server port]} + ${shares[with $server sampler]} - ${shares[without $server sampler]}")")
	done
	result "Lines of a primary with 10 standbys, and that of one of these, nothing moves" \
		"${more[0]} % and ${more[1]} % of a core: ports ${shares[with root port]} % and ${shares[with leaf1 port]} %, samplers ${shares[with root sampler]} % and ${shares[with leaf1 sampler]} %" \
		"samplers ${shares[without root sampler]} % and ${shares[without leaf1 sampler]} % without lines and ports" \
		'' "$(quantile 1 "${more[@]}")" '<' 0.1 ' %'

	for ((i = 0; i < turns; i++)); do
		order=(with without)
		((i % 2 == 0)) || order=(without with)
		for what in "${order[@]}"; do
			draw_lines "$what"
			read -r rate _ < <("$dir/ask" "${line_port[root]}" /primary "$look") || die "the port did not answer"
			if [[ $what == with ]]; then
				with+=("$rate")
			else
				without+=("$rate")
			fi
		done
	done
	stop "${leaves[@]}" root
	mapfile -t ratios < <(ratios_of with without)
	result_of_ratios "Health checks by one client, beside 10 lines" "$(calculate "$(median "${with[@]}")" 0) a second" \
		"$(calculate "$(median "${without[@]}")" 0) without lines" '>=' 0.99 "${ratios[@]}"
}
