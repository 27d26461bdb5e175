#
# bench/lib/stall.sh - measures how long walsenders sleep over WAL
#
# Part of bench/run, whose head describes the measurements.
#
# shellcheck shell=bash disable=SC2154,SC2034

# Restart the two servers, with walsenders of core's or ones that replwatch tends.
tend() {
	sql writes "ALTER SYSTEM SET replwatch.tend_walsenders = $1"
	stop writes-standby writes
	start writes writes-standby
	wait_until writes "count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
	wait_replayed writes
}

# Run bench/waits with these arguments, and print the time of the longest wait in
# milliseconds, and by how much the machine woke a process too late meanwhile.
longest_wait() {
	local max late

	# shellcheck disable=SC2016
	{ read -r _ _ _ max && read -r late; } < <(perl -I"$top/t/lib" -MLateness -e '
		my $probe = Lateness->new;
		system(@ARGV) == 0 or exit 1;
		printf "%.1f\n", 1000 * $probe->worst' "$dir/waits" "$@") || die "no waits: $*"
	say "$(calculate "$max / 1000" 1) $late"
}

# A commit and a wait for it pass through two sessions, walsender, receiver, replay and
# the client.  Each may be woken as late as the probe was.
stall_limit() {
	calculate "200 + 6 * $1" 0
}

measure_stall() {
	local core=poll beside='asking without pause' tended method what
	local -A longest late

	say '' "stall: $stalls waits and $stalls synchronous commits of one client, with core's walsenders and with tended ones"
	make_waits
	! has_core_wait || core=core beside='WAIT FOR LSN'
	for tended in off on; do
		tend $tended
		method=$core
		[[ $tended == off ]] || method='wait'
		read -r "longest[waits $tended]" "late[waits $tended]" < <(longest_wait cycle $method \
			"host=$dir/writes" "host=$dir/writes-standby" 1 "${stalls}x") || die "no waits"
		set_synchronous '*' sync
		read -r "longest[commits $tended]" "late[commits $tended]" < <(longest_wait commit remote_apply \
			"host=$dir/writes" "${stalls}x") || die "no commits"
		set_synchronous '' async
	done
	say "  walsenders that the sampler had to wake: $(sql writes "SELECT rescued FROM replwatch_wait_stats()")"
	for what in waits commits; do
		say "  during the $what, the machine was up to ${late[$what off]} and ${late[$what on]} ms late"
	done
	result "Longest of $stalls waits, \`replwatch_wait_for_lsn()\`, tended walsenders" "${longest[waits on]} ms" \
		"${longest[waits off]} ms $beside, core's walsenders" "" \
		"${longest[waits on]}" '<=' "$(stall_limit "${late[waits on]}")" ' ms'
	result "Longest of $stalls commits, \`remote_apply\`, tended walsenders" "${longest[commits on]} ms" \
		"${longest[commits off]} ms, core's walsenders" "" \
		"${longest[commits on]}" '<=' "$(stall_limit "${late[commits on]}")" ' ms'
}
