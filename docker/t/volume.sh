#!/usr/bin/env bash
#
# docker/t/volume.sh - the alert wal_disk on a volume that really becomes full
#
# SYNOPSIS
#	PG_CONFIG=... WORK=DIRECTORY TOP=TREE RUN_AS=USER volume.sh
#
# A server of this machine with pg_wal on a volume of its own, a tmpfs of 192 MB,
# and the alert's settings at their defaults.  More WAL than fits is written while
# nothing holds it; then a slot holds it until the server stops for want of space,
# and the forecasts made meanwhile are compared with that moment; then the
# volume is enlarged and the slot dropped.  Runs as root, in namespaces that cover
# the server's directories of extensions; all of it is gone at the end.
#
# The writer keeps to a schedule, and writes what it has missed after a pause, so
# that the speed of the machine is of no account.
#
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C.UTF-8

if [[ ${1-} != inside ]]; then
	exec unshare --mount --pid --fork --kill-child --mount-proc bash "$0" inside
fi

# shellcheck source=docker/t/lib.sh
. "$TOP/docker/t/lib.sh"

PG_BIN=$("$PG_CONFIG" --bindir)
size=192
log=$WORK/log

# shellcheck disable=SC2317
stop() {
	local status=$?

	((status == 0)) || tail -n 20 "$log" 2>/dev/null | sed 's/^/# /' || true
	as_user "$PG_BIN/pg_ctl" -D "$WORK/data" -s -m immediate stop >/dev/null 2>&1 || true
	exit "$status"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

# A server that stops by PANIC is to leave no core file.
as_user() {
	(
		ulimit -c 0
		cd "$WORK"
		exec setpriv --reuid="$RUN_AS" --regid="$(id -g "$RUN_AS")" --init-groups "$@"
	)
}

start() {
	as_user "$PG_BIN/pg_ctl" -D "$WORK/data" -s -w -l "$log" start
}

running() {
	as_user "$PG_BIN/pg_ctl" -D "$WORK/data" status
}

stopped() {
	! running
}

sql() {
	as_user "$PG_BIN/psql" -XAtqw -v ON_ERROR_STOP=1 -h "$WORK" -d postgres -c "$1"
}

# A session that goes on by itself, until it has done all or the server stops.
session() {
	as_user "$PG_BIN/psql" -XAtqw -h "$WORK" -d postgres <<<"$1" >"$2" 2>&1 &
}

alert_is() {
	[[ $(sql "SELECT state FROM replwatch_alerts() WHERE alert = 'wal_disk'") == "$1" ]]
}

# Are so many MB of WAL written since?
written() {
	[[ $(sql "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '$begin') > $1 * 1024::bigint * 1024") == t ]]
}

logged() {
	grep -Eq "$1" "$log"
}

# What follows the entry about the alert.
said() {
	grep -A 2 "replication alert raised: wal_disk" "$log" | sed -n "s/.* $1:  //p" | head -n 1
}

cd "$TOP"

note "1. A server with pg_wal on a volume of $size MB"
mkdir "$WORK/covers" "$WORK/wal"
mount -t tmpfs -o mode=0755 tmpfs "$WORK/covers"
cover "$("$PG_CONFIG" --pkglibdir)" "$WORK/covers/lib"
cover "$("$PG_CONFIG" --sharedir)/extension" "$WORK/covers/share"
ok "the extension is built" make -s -j2 PG_CONFIG="$PG_CONFIG" with_llvm=no
ok "and installed" make -s PG_CONFIG="$PG_CONFIG" with_llvm=no install
mount -t tmpfs -o "size=${size}m,mode=0700,uid=$(id -u "$RUN_AS"),gid=$(id -g "$RUN_AS")" tmpfs "$WORK/wal"
ok "the cluster is made" as_user "$PG_BIN/initdb" --no-locale -N -A trust -U "$RUN_AS" \
	--wal-segsize=1 --waldir="$WORK/wal" -D "$WORK/data"
cat >>"$WORK/data/postgresql.conf" <<-SETTINGS
	shared_preload_libraries = 'replwatch'
	listen_addresses = ''
	unix_socket_directories = '$WORK'
	log_line_prefix = '%n '
	fsync = off
	autovacuum = off
	restart_after_crash = off
	min_wal_size = 4MB
	max_wal_size = 16MB
	checkpoint_warning = 0
SETTINGS
ok "it starts" start

# 3 MB per second.
sql "CREATE EXTENSION replwatch;
	CREATE PROCEDURE write_wal() LANGUAGE plpgsql AS \$\$
	DECLARE
		begun timestamptz := clock_timestamp();
		done bigint := 0;
	BEGIN
		LOOP
			WHILE done < 3072 * extract(epoch FROM clock_timestamp() - begun) LOOP
				PERFORM pg_logical_emit_message(true, 'test', repeat('x', 32 * 1024));
				done := done + 32;
			END LOOP;
			COMMIT;
			PERFORM pg_sleep(0.05);
		END LOOP;
	END \$\$"

note "2. More WAL than fits, which checkpoints recycle"
begin=$(sql "SELECT pg_current_wal_lsn()")
session "CALL write_wal()" "$WORK/writer"
# This takes longer than has to be observed before there is a forecast.
comes "more than $size MB are written" written "$size"
is "$(grep -c "replication alert" "$log" || true)" 0 "no alert, since it stays at what the settings allow"

note "3. A slot holds it"
sql "SELECT pg_create_physical_replication_slot('held', true)" >/dev/null
session "SELECT extract(epoch FROM clock_timestamp()),
		extract(epoch FROM substring(detail FROM 'will fill its volume in ([0-9:]+)\.')::interval)
	FROM replwatch_alerts() WHERE alert = 'wal_disk' AND state = 'firing' \\watch 1" "$WORK/forecasts"
comes "the alert is raised" logged "replication alert raised: wal_disk \(critical\) on \"primary\"$"
like "$(said DETAIL)" "^At the rate at which it grows, pg_wal will fill its volume in 0+:[0-9:]+\. Of the volume's $size MB, [0-9]+ MB \([0-9]+%\) are free\. Slot \"held\" holds [0-9]+ MB of WAL\. \"max_wal_size\" and \"wal_keep_size\" allow 16 MB\.$" \
	"it names the slot, and says when the volume will be full"
like "$(said HINT)" "^Bring the consumer of the slot back, set \"max_slot_wal_keep_size\", or run pg_drop_replication_slot\('held'\)\." \
	"and what to do"
note "it says: $(said DETAIL)"

note "4. The volume becomes full"
comes "the server stops" stopped
full=$(sed -nE 's/^([0-9.]+) PANIC: .*No space left on device$/\1/p' "$log" | head -n 1)
like "$full" "^[0-9.]+$" "for want of space"
# The forecast is in whole seconds, so that the last ones are no measure.
summary=$(awk -F '|' -v full="${full:-0}" '
	/^[0-9.]+[|][0-9.]+$/ && full - $1 >= 20 {
		left = full - $1
		error = ($1 + $2 - full) / left
		if (n++ == 0)
			first = left
		if (error > high) high = error
		if (error < low) low = error
	}
	END {
		printf "%s: %d forecasts, from %d s to 20 s before, %+.1f to %+.1f percent\n",
			(n > 0 && high < 0.2 && low > -0.2) ? "good" : "bad", n, first, 100 * low, 100 * high
	}' "$WORK/forecasts")
note "$summary"
like "$summary" "^good: [1-9]" "every forecast is within 20 percent of the time that was left"

note "5. The volume is enlarged, and the slot dropped"
mount -o "remount,size=$((4 * size))m" "$WORK/wal"
ok "the server starts" start
session "CALL write_wal()" "$WORK/writer"
comes "the alert holds" alert_is firing
is "$(grep -c "replication alert cleared" "$log" || true)" 0 "space alone has not cleared it"
sql "SELECT pg_drop_replication_slot('held')" >/dev/null
sql "CHECKPOINT"
comes "without the slot it is cleared" alert_is cleared
ok "in the log, too" logged "replication alert cleared: wal_disk on \"primary\" after"
ok "the server runs" running

done_testing
