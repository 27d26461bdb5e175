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

void
rw_standby_state(RwStandbyState *state, const RwStandbyFacts *facts)
{
	memset(state, 0, sizeof(RwStandbyState));
	state->sampled_at = facts->now;
	state->cascade = facts->has_replicas;
	state->missing_bytes = -1;
	if (!facts->has_upstream)
		return;

	state->was_in_step = facts->was_in_step;
	state->cut_off = facts->cut_off;
	if (facts->cut_off)
		state->cut_off_since = facts->cut_off_since;
	state->lag_known = facts->lag >= 0;
	state->at_least = facts->at_least;
	state->at_most = facts->at_most;
	state->parted = facts->parted;
	state->mark = facts->mark;
	state->common = facts->common;
	if (facts->lag > 0)
		state->stale_since = facts->now - facts->lag;
	state->missing_bytes = facts->lag_bytes;

	/*
	 * A standby that goes on finding WAL, in the archive or in a base backup,
	 * is certainly behind, but nobody knows by how much.
	 */
	if (facts->goes_on && facts->lag_bytes == 0)
	{
		state->cut_off = false;
		state->cut_off_since = RW_NEVER;
		state->missing_bytes = -1;
	}
}
