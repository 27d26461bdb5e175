#
# bench/lib/stall.sh - measures how long walsenders sleep over WAL
#
# Part of bench/run, whose head describes the measurements.
#
# shellcheck shell=bash disable=SC2154,SC2034

# Start or restart the two servers, with walsenders of core's or ones that replwatch
# tends.
tend() {
	set_synchronous '' async
	sql writes "ALTER SYSTEM SET replwatch.tend_walsenders = $1"
	stop writes-standby writes
	start writes writes-standby
	wait_until writes "count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
	wait_replayed writes
}

# Wait or commit so many times by a command that takes a method, and print the longest
# time in milliseconds.
longest_of_many() {
	local command=$1 method=$2 number=0 longest=0 rate half p99 max

	while ((number < stalls)); do
		read -r rate half p99 max < <("$command" "$method") || die "$method could not be measured"
		number=$((number + rate * look))
		longest=$(quantile 1 "$longest" "$max")
	done
	calculate "$longest / 1000" 1
}

measure_stall() {
	local core=poll tended late rescued
	local -A waits commits

	say '' "stall: $stalls waits and $stalls synchronous commits of one client, with walsenders of core's and tended ones"
	make_waits
	! has_core_wait || core=core
	wait_clients=1
	coproc probe { perl -I"$top/t/lib" -MLateness -e '$p = Lateness->new; <STDIN>; printf "%.1f\n", 1000 * $p->worst'; }
	for tended in off on; do
		tend "$tended"
		[[ $tended == off ]] || core='wait'
		waits[$tended]=$(longest_of_many one_cycle "$core")
		commits[$tended]=$(longest_of_many one_commit remote_apply)
	done
	rescued=$(sql writes "SELECT rescued FROM replwatch_wait_stats()")
	set_synchronous '' async
	echo >&"${probe[1]}"
	read -r late <&"${probe[0]}"
	say "  the machine was up to $late ms late; $rescued walsenders were rescued"
	result "Longest of $stalls waits on a standby" "${waits[on]} ms" "${waits[off]} ms without tended walsenders" \
		"$(calculate "${waits[on]} / ${waits[off]}")" "${waits[on]}" '<=' "$(calculate "200 + 6 * $late" 0)"
	result "Longest of $stalls synchronous commits" "${commits[on]} ms" "${commits[off]} ms without tended walsenders" \
		"$(calculate "${commits[on]} / ${commits[off]}")" "${commits[on]}" '<=' "$(calculate "200 + 6 * $late" 0)"
}
