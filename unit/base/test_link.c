/*-------------------------------------------------------------------------
 *
 * test_link.c
 *	  Tests of src/base/link.c.
 *
 * The words are part of the interface: scripts and dashboards compare them.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/base/link.h"
#include "unit/tap.h"

int
main(void)
{
	section("States");
	is_text(rw_link_state_name(RW_STATE_STARTUP), "startup", "startup");
	is_text(rw_link_state_name(RW_STATE_CATCHUP), "catchup", "catchup");
	is_text(rw_link_state_name(RW_STATE_STREAMING), "streaming", "streaming");
	is_text(rw_link_state_name(RW_STATE_BACKUP), "backup", "backup");
	is_text(rw_link_state_name(RW_STATE_STOPPING), "stopping", "stopping");
	is_text(rw_link_state_name(RW_STATE_INACTIVE), "inactive", "inactive");
	is_text(rw_link_state_name(RW_STATE_MISSING), "missing", "missing");
	is_text(rw_link_state_name(RW_STATE_LOST), "lost", "lost");
	is_text(rw_link_state_name(RW_STATE_CONNECTING), "connecting",
			"connecting");
	is_text(rw_link_state_name(RW_STATE_WAITING), "waiting", "waiting");
	is_text(rw_link_state_name(RW_STATE_ARCHIVE), "archive", "archive");
	is_text(rw_link_state_name(RW_STATE_DISCONNECTED), "disconnected",
			"disconnected");
	is_int(RW_STATE_STARTUP, 0, "the first state in files");
	is_int(RW_STATE_DISCONNECTED, 11, "the last state in files");

	section("Reasons");
	ok(rw_reason_name(RW_REASON_NONE) == NULL, "no reason has no code");
	is_text(rw_reason_name(RW_REASON_NOT_PRELOADED), "not_preloaded",
			"not preloaded");
	is_text(rw_reason_name(RW_REASON_SILENT), "silent", "silent");
	is_text(rw_reason_name(RW_REASON_SENDER_BEHIND), "sender_behind",
			"sender behind");
	is_text(rw_reason_name(RW_REASON_WAITS_FOR_STANDBY), "waits_for_standby",
			"waits for a standby");
	is_text(rw_reason_name(RW_REASON_FLUSH_BEHIND), "flush_behind",
			"flush behind");
	is_text(rw_reason_name(RW_REASON_REPLAY_STUCK), "replay_stuck",
			"replay stuck");
	is_text(rw_reason_name(RW_REASON_GONE), "gone", "gone");
	is_text(rw_reason_name(RW_REASON_SLOT_LOST), "slot_lost", "slot lost");
	is_text(rw_reason_name(RW_REASON_SHARED_NAME), "shared_name",
			"shared name");
	is_text(rw_reason_name(RW_REASON_REPLAY_BEHIND), "replay_behind",
			"replay behind");
	is_text(rw_reason_name(RW_REASON_PAUSED), "paused", "paused");
	is_text(rw_reason_name(RW_REASON_PAUSED_AT_TARGET), "paused_at_target",
			"paused_at_target");
	is_text(rw_reason_name(RW_REASON_PAUSED_FOR_SETTING),
			"paused_for_setting", "paused_for_setting");
	is_text(rw_reason_name(RW_REASON_APPLY_DELAY), "apply_delay",
			"apply delay");
	is_text(rw_reason_name(RW_REASON_CONFLICT), "conflict", "conflict");
	is_text(rw_reason_name(RW_REASON_RECEIVER_DOWN), "receiver_down",
			"receiver down");
	is_text(rw_reason_name(RW_REASON_UPSTREAM_SILENT), "upstream_silent",
			"upstream silent");
	is_text(rw_reason_name(RW_REASON_FROM_ARCHIVE), "from_archive",
			"from archive");
	is_text(rw_reason_name(RW_REASON_RESTORE_COMMAND), "restore_command",
			"restore command");

	section("Bounds");
	is_text(rw_bound_name(RW_BOUND_EXACT), "exact", "exact");
	is_text(rw_bound_name(RW_BOUND_AT_LEAST), "at least", "at least");
	is_text(rw_bound_name(RW_BOUND_AT_MOST), "at most", "at most");

	section("Health");
	is_text(rw_health_name(RW_HEALTH_OK), "ok", "ok");
	is_text(rw_health_name(RW_HEALTH_UNKNOWN), "unknown", "unknown");
	is_text(rw_health_name(RW_HEALTH_WARNING), "warning", "warning");
	is_text(rw_health_name(RW_HEALTH_CRITICAL), "critical", "critical");
	ok(RW_HEALTH_OK < RW_HEALTH_UNKNOWN &&
	   RW_HEALTH_UNKNOWN < RW_HEALTH_WARNING &&
	   RW_HEALTH_WARNING < RW_HEALTH_CRITICAL, "from best to worst");

	return tap_end();
}
