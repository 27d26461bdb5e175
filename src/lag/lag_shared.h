/*-------------------------------------------------------------------------
 *
 * lag_shared.h
 *	  What the sampling worker publishes of the links, in shared memory.
 *
 * Only the worker writes; everybody else copies under state_lock.  The state
 * of this standby is the exception: health checks read it without a lock.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LAG_SHARED_H
#define RW_LAG_SHARED_H

#include "port/atomics.h"

#include "src/base/locks.h"
#include "src/base/rates.h"
#include "src/base/watch.h"
#include "src/history/chart.h"
#include "src/lag/standby_state.h"
#include "src/lag/upstream.h"

typedef struct RwLagShared
{
	RwTime		last_sample;	/* RW_NEVER until the first */
	RwWatch		watch;			/* of the worker's rounds */
	bool		state_loaded;	/* the state file, if any, has been read */
	RwRate		wal_rate;		/* of the horizon */
	RwUpstream	upstream;
	RwChart		upstream_chart;
	char		upstream_name[RW_NAME_LEN]; /* of the upstream row */

	/* Without a lock; see standby_state_shared.h. */
	pg_atomic_uint32 standby_state_changes; /* odd while it is written */
	RwStandbyState standby_state;
} RwLagShared;

/* NULL where the library is not preloaded. */
extern RwLagShared *rw_lag_shared;

/* Shared memory; called by src/shmem.c. */
extern Size rw_lag_size(void);
extern void rw_lag_attach(void);

#endif							/* RW_LAG_SHARED_H */
