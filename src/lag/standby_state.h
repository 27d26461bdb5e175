/*-------------------------------------------------------------------------
 *
 * standby_state.h
 *	  How a standby stands with its upstream server, for health checks.
 *
 * Plain data that the sampling worker publishes (check_facts.h) and that answers
 * are made from (verdict.h).
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_STANDBY_STATE_H
#define RW_STANDBY_STATE_H

#include "src/base/clock.h"

/* A standby's link to its upstream server, as of the last sample. */
typedef struct RwStandbyState
{
	RwTime		sampled_at;		/* RW_NEVER: no sample yet */
	bool		cascade;		/* it has replicas of its own */
	bool		cut_off;		/* nobody tells whether there is more WAL */
	bool		lag_known;
	bool		at_least;		/* what is known of the lag: a bound of it */
	bool		at_most;
	RwTime		stale_since;	/* its lag is counted from here; RW_NEVER: it
								 * lacks nothing */
	int64		missing_bytes;	/* that are known to be missing; -1 if not
								 * even that is known */
	bool		run_dry;		/* cut off, and all that is complete has been
								 * replayed: what is missing is the rest of a
								 * record that has come in part */
} RwStandbyState;

#endif							/* RW_STANDBY_STATE_H */
