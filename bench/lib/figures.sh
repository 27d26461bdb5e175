#
# bench/lib/figures.sh - takes figures, and compares them
#
# Part of bench/run, whose head describes the measurements.
#
# shellcheck shell=bash disable=SC2154,SC2034

# Print the transactions per second of pgbench, called with these arguments, on a
# server.
pgbench_tps() {
	local server=$1

	shift
	as_user "$bin/pgbench" --host="$dir/$server" --no-vacuum "$@" 2>&1 |
		sed -n 's/^tps = \([0-9.]*\) .*/\1/p' | grep . || die "pgbench failed on $server"
}

full_load() {
	pgbench_tps "$1" --client="$clients" --jobs="$jobs" --protocol=prepared --time="$2"
}

# Print the microseconds that a query in a file takes on the server "single".
query_time() {
	local file=$1 protocol=$2

	shift 2
	calculate "1000000 / $(pgbench_tps single --file="$dir/$file.sql" --protocol="$protocol" "$@")"
}

calculate() {
	awk "BEGIN { printf \"%.${2-3}f\", ($1) }"
}

# Print a quantile of numbers.
quantile() {
	local q=$1

	shift
	printf '%s\n' "$@" | sort -g | awk -v q="$q" '
		{ v[NR - 1] = $1 }
		END {
			at = q * (NR - 1)
			low = int(at)
			high = low + (at > low)
			printf "%.3f", v[low] + (at - low) * (v[high] - v[low])
		}'
}

median() {
	quantile 0.5 "$@"
}

# Print the processor time of a process in nanoseconds.
cpu_time() {
	local time rest

	if { read -r time rest <"/proc/$1/schedstat"; } 2>/dev/null && ((time > 0)); then
		say "$time"
	else
		rest=$(<"/proc/$1/stat")
		read -ra rest <<<"${rest##*) }"
		say "$(((rest[11] + rest[12]) * (1000000000 / $(getconf CLK_TCK))))"
	fi
}

# Print the percentage of a core that each process uses while a command runs.
cpu_share() {
	local pids=$1 pid begin end
	local -A before

	shift
	begin=${EPOCHREALTIME/./}
	for pid in $pids; do
		before[$pid]=$(cpu_time "$pid")
	done
	"$@" >/dev/null
	end=${EPOCHREALTIME/./}
	for pid in $pids; do
		calculate "100 * ($(cpu_time "$pid") - ${before[$pid]}) / 1000 / ($end - $begin)"
		echo
	done
}

# Print a result and keep it for the table.  A figure is within its limit if
# "FIGURE RELATION BOUND" is true.
table=()
missed=0
result() {
	local what=$1 ours=$2 theirs=$3 ratio=$4 figure=$5 relation=$6 bound=$7 unit=${8-}
	local -A words=(['>=']='at least' ['<=']='at most' ['<']='under')
	local limit="${words[$relation]} $bound$unit" outcome=within

	if (($(calculate "($figure) $relation ($bound)" 0) == 0)); then
		outcome='NOT WITHIN'
		((++missed))
	fi
	say "  ${what//\`/}:" \
		"    $ours${theirs:+; $theirs}${ratio:+; ratio $ratio}; $outcome the limit, $limit"
	table+=("| $what | $ours | ${theirs//_/\\_} | $ratio | $limit |")
}

#
# Ratios of pairs of turns
#

# Print the ends of the interval that contains the true median with a probability
# of at least 95 %: the k-th least and the k-th greatest number, where fewer than k
# of so many tosses of a coin are heads with one of at most 2.5 %.  Of 15 numbers
# these are the quartiles.  With fewer than six numbers, it is their range.
interval() {
	printf '%s\n' "$@" | sort -g | awk '
		{ v[NR] = $1 }
		END {
			exactly = below = 0.5 ^ NR
			for (k = 1; k < NR / 2; k++)
			{
				exactly *= (NR - k + 1) / k
				below += exactly
				if (below > 0.025)
					break
			}
			printf "%.3f %.3f\n", v[k], v[NR + 1 - k]
		}'
}

# Print the ratios of two arrays of as many figures, by their names.
ratios_of() {
	local -n numerators=$1 denominators=$2
	local i

	for ((i = 0; i < ${#numerators[@]}; i++)); do
		calculate "${numerators[i]} / ${denominators[i]}" 6
		echo
	done
}

# Print a result from the ratios of pairs of turns: their median, with its interval.
# The limit is missed if the interval's lower end is more than 0.05 beyond it.
result_of_ratios() {
	local what=$1 ours=$2 theirs=$3 relation=$4 bound=$5 low high slack=+

	shift 5
	[[ $relation == '<=' ]] || slack=-
	read -r low high < <(interval "$@")
	result "$what" "$ours" "$theirs" "$(median "$@") ($low to $high)" "$low $slack -0.05" "$relation" "$bound"
}
