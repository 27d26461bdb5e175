/*-------------------------------------------------------------------------
 *
 * standby_state.c
 *	  How a standby stands with its upstream server, for health checks.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/lag/standby_state.h"

/* Replay that has not moved for this long stands still. */
#define STANDSTILL			(1 * RW_SECOND)

/* Replay of what a connection brought may end this long after it. */
#define LAST_MOMENTS		(3 * RW_SECOND)

static bool
replay_stands_still(const RwStandbyFacts *facts)
{
	return facts->now - facts->replay_moved_at >= STANDSTILL;
}

/*
 * A standby without a connection that still replays, and not just what it
 * received in the last moments of one, finds WAL elsewhere: in the archive, or
 * in a base backup.  It is certainly behind, but nobody knows by how much.
 */
static bool
finds_wal_elsewhere(const RwStandbyFacts *facts)
{
	return !facts->streaming && facts->lag_bytes == 0 &&
		!replay_stands_still(facts) &&
		(facts->last_seen == RW_NEVER ||
		 facts->replay_moved_at - facts->last_seen > LAST_MOMENTS);
}

void
rw_standby_state(RwStandbyState *state, const RwStandbyFacts *facts)
{
	memset(state, 0, sizeof(RwStandbyState));
	state->sampled_at = facts->now;
	state->cascade = facts->has_replicas;
	state->missing_bytes = -1;
	if (!facts->has_upstream)
		return;

	state->cut_off = facts->cut_off;
	state->lag_known = facts->lag >= 0;
	state->at_least = facts->at_least;
	state->at_most = facts->at_most;
	state->parted = facts->parted;
	state->mark = facts->mark;
	state->common = facts->common;
	if (facts->lag > 0)
		state->stale_since = facts->now - facts->lag;
	state->missing_bytes = facts->lag_bytes;
	if (facts->cut_off && finds_wal_elsewhere(facts))
	{
		state->cut_off = false;
		state->missing_bytes = -1;
	}
}
