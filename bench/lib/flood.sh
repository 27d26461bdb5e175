#
# bench/lib/flood.sh - measures health checks while another address floods the port
#
# Part of bench/run, whose head describes the measurements.
#
# shellcheck shell=bash disable=SC2154

# Ask the standby for a time, beside so many connections per second of another
# address, and add to the figures of that rate.
declare -A asked answered longest halves
ask_beside() {
	local rate=$1 requests good half most made

	read -r requests good half most made < <("$dir/flood" "$number" '/replica?lag=10s' "$turn" "$rate") ||
		die "the port could not be asked"
	((made >= rate * turn * 8 / 10)) || die "only $made connections could be made in $turn s"
	asked[$rate]=$((${asked[$rate]-0} + requests))
	answered[$rate]=$((${answered[$rate]-0} + good))
	halves[$rate]+=" $half"
	longest[$rate]+=" $most"
}

measure_flood() {
	local i order rate number

	say '' "flood: $turns pairs of turns of $turn s, with 1,000 connections a second from another address and without"
	gcc -O2 -o "$dir/flood" "$top/bench/flood.c"
	number=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
	make_server flooded
	make_server flooded-standby flooded
	load flooded replwatch
	load flooded-standby replwatch
	as_user tee -a "$dir/flooded-standby/data/postgresql.conf" >/dev/null <<<"replwatch.port = $number"
	start flooded flooded-standby
	wait_until flooded "count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
	wait_until flooded-standby "port_state = 'listening' FROM replwatch_node()"
	for ((i = 0; i < turns; i++)); do
		order=(1000 0)
		((i % 2 == 0)) || order=(0 1000)
		for rate in "${order[@]}"; do
			ask_beside "$rate"
		done
	done
	stop flooded-standby flooded

	# shellcheck disable=SC2086
	{
		for rate in 0 1000; do
			halves[$rate]=$(median ${halves[$rate]})
			longest[$rate]=$(quantile 1 ${longest[$rate]})
		done
	}
	result "Health checks answered, beside 1,000 connections a second from another address" \
		"${answered[1000]} of ${asked[1000]}" "${answered[0]} of ${asked[0]} without them" '' \
		"100 * ${answered[1000]} / ${asked[1000]}" '>=' 100 ' %'
	result "Median time of these" "$(calculate "${halves[1000]}" 0) µs" "$(calculate "${halves[0]}" 0) µs without them" \
		"$(calculate "${halves[1000]} / ${halves[0]}" 2)" "${halves[1000]} / 1000" '<' 2 ' ms'
	result "Longest time of these" "$(calculate "${longest[1000]} / 1000" 1) ms" \
		"$(calculate "${longest[0]} / 1000" 1) ms without them" \
		"$(calculate "${longest[1000]} / ${longest[0]}" 2)" "${longest[1000]} / 1000" '<' 100 ' ms'
}
