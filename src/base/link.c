/*-------------------------------------------------------------------------
 *
 * link.c
 *	  The words for states, reasons, bounds and health of a replication link.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/link.h"

static const char *const state_names[] = {
	[RW_STATE_STARTUP] = "startup",
	[RW_STATE_CATCHUP] = "catchup",
	[RW_STATE_STREAMING] = "streaming",
	[RW_STATE_BACKUP] = "backup",
	[RW_STATE_STOPPING] = "stopping",
	[RW_STATE_INACTIVE] = "inactive",
	[RW_STATE_MISSING] = "missing",
	[RW_STATE_LOST] = "lost",
	[RW_STATE_CONNECTING] = "connecting",
	[RW_STATE_WAITING] = "waiting",
	[RW_STATE_ARCHIVE] = "archive",
	[RW_STATE_DISCONNECTED] = "disconnected",
};

static const char *const reason_names[] = {
	[RW_REASON_NONE] = NULL,
	[RW_REASON_NOT_PRELOADED] = "not_preloaded",
	[RW_REASON_SILENT] = "silent",
	[RW_REASON_SENDER_BEHIND] = "sender_behind",
	[RW_REASON_WAITS_FOR_STANDBY] = "waits_for_standby",
	[RW_REASON_FLUSH_BEHIND] = "flush_behind",
	[RW_REASON_REPLAY_STUCK] = "replay_stuck",
	[RW_REASON_GONE] = "gone",
	[RW_REASON_SLOT_LOST] = "slot_lost",
	[RW_REASON_SHARED_NAME] = "shared_name",
	[RW_REASON_HELD_BY_TRANSACTION] = "held_by_transaction",
	[RW_REASON_NOTHING_FOR_IT] = "nothing_for_it",
	[RW_REASON_REFUSED] = "refused",
	[RW_REASON_DIVERGED] = "diverged",
	[RW_REASON_AHEAD] = "ahead",
	[RW_REASON_TIMELINE_LEFT] = "timeline_left",
	[RW_REASON_REPLAY_BEHIND] = "replay_behind",
	[RW_REASON_PAUSED] = "paused",
	[RW_REASON_PAUSED_AT_TARGET] = "paused_at_target",
	[RW_REASON_PAUSED_FOR_SETTING] = "paused_for_setting",
	[RW_REASON_APPLY_DELAY] = "apply_delay",
	[RW_REASON_CONFLICT] = "conflict",
	[RW_REASON_BROKEN_WAL] = "broken_wal",
	[RW_REASON_RECEIVER_DOWN] = "receiver_down",
	[RW_REASON_UPSTREAM_SILENT] = "upstream_silent",
	[RW_REASON_FROM_ARCHIVE] = "from_archive",
	[RW_REASON_RESTORE_COMMAND] = "restore_command",
};

static const char *const bound_names[] = {
	[RW_BOUND_EXACT] = "exact",
	[RW_BOUND_AT_LEAST] = "at least",
	[RW_BOUND_AT_MOST] = "at most",
};

static const char *const health_names[] = {
	[RW_HEALTH_OK] = "ok",
	[RW_HEALTH_UNKNOWN] = "unknown",
	[RW_HEALTH_WARNING] = "warning",
	[RW_HEALTH_CRITICAL] = "critical",
};

StaticAssertDecl(lengthof(state_names) == RW_STATE_DISCONNECTED + 1,
				 "every state has a name");
StaticAssertDecl(lengthof(state_names) <= 16,
				 "a chart keeps states in four bits");
StaticAssertDecl(lengthof(reason_names) == RW_REASON_RESTORE_COMMAND + 1,
				 "every reason has a name");
StaticAssertDecl(lengthof(bound_names) == RW_BOUND_AT_MOST + 1,
				 "every bound has a name");
StaticAssertDecl(lengthof(health_names) == RW_HEALTH_CRITICAL + 1,
				 "every health has a name");

const char *
rw_link_state_name(RwLinkState state)
{
	return state_names[state];
}

const char *
rw_reason_name(RwReason reason)
{
	return reason_names[reason];
}

const char *
rw_bound_name(RwBound bound)
{
	return bound_names[bound];
}

const char *
rw_health_name(RwHealth health)
{
	return health_names[health];
}
