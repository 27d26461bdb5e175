#
# bench/lib/alerts.sh - measures alerts
#
# Part of bench/run, whose head describes the measurements.
#
# shellcheck shell=bash disable=SC2154,SC2034

# Print the microseconds that judging alerts takes on a server, for each round in the
# next seconds.
judge_times() {
	local server=$1 begin

	begin=$(wc -c <"$dir/$server/log")
	set_on "$server" log_min_messages debug2
	sleep "$idle"
	set_on "$server" log_min_messages warning
	tail -c "+$begin" "$dir/$server/log" | sed -n 's/.*alerts were judged in \([0-9]*\) us$/\1/p' |
		grep . || die "no alerts were judged on $server"
}

# Let a server that was made expect 64 replicas.
expect_replicas() {
	local names

	names=$(printf ', judged%d' {1..64})
	as_user tee -a "$dir/$1/data/postgresql.conf" >/dev/null <<-END
		max_replication_slots = 64
		replwatch.expected_replicas = '${names#, }'
		replwatch.missing_timeout = 0
		replwatch.alert_repeat = 0
		replwatch.log_alerts = off
	END
}

# Give a server that expects 64 replicas a slot of each.
make_slots() {
	sql "$1" "SELECT pg_create_physical_replication_slot('judged' || i, true) FROM generate_series(1, 64) i" >/dev/null
	sql "$1" "CREATE TABLE written (); SELECT pg_switch_wal()" >/dev/null
}

# Let an alert fire on each replica and slot.
fire_all() {
	set_on "$1" replwatch.missing_timeout 1ms
	set_on "$1" replwatch.slot_inactive_timeout 1ms
	wait_until "$1" "count(*) = 128 FROM replwatch_alerts() WHERE state = 'firing'"
}

measure_judge() {
	local time what

	say '' "judge: 64 replicas and 64 slots, $idle s quiet, $idle s while all alerts fire"
	make_server judged
	expect_replicas judged
	load judged replwatch
	start judged
	wait_until judged "worker_state = 'running' FROM replwatch_node()"
	make_slots judged
	for what in quiet firing; do
		[[ $what == quiet ]] || fire_all judged
		sleep 2
		mapfile -t time < <(judge_times judged)
		say "  ${#time[@]} rounds, 99th percentile $(calculate "$(quantile 0.99 "${time[@]}")" 0) µs"
		result "Judging 64 replicas and 64 slots, $what" "$(calculate "$(median "${time[@]}")" 0) µs a round" \
			'' '' "$(median "${time[@]}")" '<' 100 ' µs'
	done
	stop judged
}

# Make an alert fire by a command, and print how many milliseconds later than
# alert_hold it was raised.
detect() {
	local server=$1 alert=$2 begin

	shift 2
	begin=$(sql "$server" "SELECT clock_timestamp()")
	"$@" >/dev/null
	wait_until "$server" "count(*) > 0 FROM replwatch_alerts() WHERE alert = '$alert' AND state = 'firing'"
	begin=$(sql "$server" "SELECT round(1000 * extract(epoch FROM min(raised_at) - '$begin' - current_setting('replwatch.alert_hold')::interval))
		FROM replwatch_alerts() WHERE alert = '$alert' AND raised_at > '$begin'")
	printf '  %8d ms: %s\n' "$begin" "$alert" >&2
	say "$begin"
}

write_on() {
	sql "$1" "INSERT INTO pgbench_history (filler) SELECT 'x' FROM generate_series(1, 1000)"
}

measure_detect() {
	local late

	say '' "detect: delay of alerts beyond alert_hold"
	make_server watched
	make_server watched-standby watched
	as_user tee -a "$dir/watched/data/postgresql.conf" >/dev/null <<-END
		max_slot_wal_keep_size = 1GB
		replwatch.known_after = 0
		replwatch.alert_hold = 2s
	END
	as_user tee -a "$dir/watched-standby/data/postgresql.conf" >/dev/null <<-END
		replwatch.known_after = 0
		replwatch.alert_hold = 2s
	END
	load watched replwatch
	load watched-standby replwatch
	start watched watched-standby
	wait_until watched "count(*) = 1 FROM replwatch_status() WHERE state = 'streaming' AND health = 'ok'"
	wait_until watched-standby "count(*) = 1 FROM replwatch_status() WHERE state = 'streaming' AND health = 'ok'"
	sql watched "SELECT pg_create_physical_replication_slot('unused', true)" >/dev/null
	write_on watched
	wait_replayed watched
	sleep 3

	mapfile -t late < <(
		detect watched sync_short set_on watched synchronous_standby_names nobody
		set_on watched synchronous_standby_names ''
		detect watched slot_inactive set_on watched replwatch.slot_inactive_timeout 1ms
		detect watched slot_at_risk set_on watched replwatch.slot_retained 1kB
		set_on watched max_slot_wal_keep_size 1MB
		sql watched "SELECT pg_switch_wal()" >/dev/null
		write_on watched
		sql watched "SELECT pg_switch_wal()" >/dev/null
		detect watched slot_lost sql watched "CHECKPOINT"
		wait_replayed watched
		sql watched-standby "SELECT pg_wal_replay_pause()" >/dev/null
		set_on watched replwatch.lag_warning 1ms
		detect watched replica_lag write_on watched
		detect watched replica_lag_bytes set_on watched replwatch.lag_bytes_warning 1kB
		detect watched replica_stalled set_on watched replwatch.stall_timeout 1ms
		detect watched-standby self_lag set_on watched-standby replwatch.lag_warning 1ms
		detect watched-standby replay_paused set_on watched-standby replwatch.stall_timeout 1ms
		sql watched-standby "SELECT pg_wal_replay_resume()" >/dev/null
		wait_replayed watched
		set_on watched replwatch.missing_timeout 1ms
		detect watched replica_missing set_on watched-standby primary_conninfo "host=$dir/nowhere"
		detect watched-standby upstream_down set_on watched-standby replwatch.upstream_timeout 1ms
	)
	((${#late[@]} == 11)) || die "not all alerts were raised"
	result "Delay of alerts beyond \`alert_hold\`" \
		"$(calculate "$(median "${late[@]}")" 0) ms, at worst $(calculate "$(quantile 1 "${late[@]}")" 0) ms" \
		'' '' "$(quantile 1 "${late[@]}")" '<' 500 ' ms'
	stop watched-standby watched
}
