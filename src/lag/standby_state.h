/*-------------------------------------------------------------------------
 *
 * standby_state.h
 *	  How a standby stands with its upstream server, for health checks.
 *
 * Plain data that the sampling worker works out once per sample and publishes
 * (standby_state_shared.h).  The port answers health checks from it
 * (port/verdict.c).
 *
 * Pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_STANDBY_STATE_H
#define RW_STANDBY_STATE_H

#include "src/base/clock.h"
#include "src/replica/position.h"

/* A standby's link to its upstream server, as of the last sample. */
typedef struct RwStandbyState
{
	RwTime		sampled_at;		/* RW_NEVER: no sample yet */
	bool		cascade;		/* it has replicas of its own */
	bool		was_in_step;	/* since the server started, see upstream.h */
	bool		cut_off;		/* it would not learn of new WAL, */
	RwTime		cut_off_since;	/* and at this moment it had all there was;
								 * RW_NEVER: not known */
	bool		lag_known;
	bool		at_least;		/* the lag is a lower bound */
	bool		at_most;		/* the lag is an upper bound */
	RwTime		stale_since;	/* the lag counts from here; RW_NEVER: nothing
								 * is missing */
	int64		missing_bytes;	/* known to be missing; -1 if unknown */
	RwParted	parted;			/* its WAL is not its upstream server's, */
	uint64		mark;			/* beyond this LSN */
	uint64		common;			/* and is known to be up to this one; 0 if
								 * that is not known */
} RwStandbyState;

/* What that is worked out from. */
typedef struct RwStandbyFacts
{
	RwTime		now;
	bool		has_replicas;	/* some are connected to this standby */
	bool		has_upstream;	/* false on a primary; the rest is unused */
	bool		was_in_step;
	bool		cut_off;		/* rw_upstream_is_cut_off() */
	RwTime		cut_off_since;
	int64		lag;			/* microseconds; -1 if unknown */
	int64		lag_bytes;		/* -1 if unknown */
	bool		at_least;		/* the lag is a lower bound */
	bool		at_most;		/* the lag is an upper bound */
	RwParted	parted;
	uint64		mark;
	uint64		common;
	bool		goes_on;		/* rw_archive_goes_on() */
} RwStandbyFacts;

/* Work out the state. */
extern void rw_standby_state(RwStandbyState *state,
							 const RwStandbyFacts *facts);

#endif							/* RW_STANDBY_STATE_H */
