/*-------------------------------------------------------------------------
 *
 * lag_shared.c
 *	  What the sampling worker publishes of the links, in shared memory.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/shmem.h"

#include "src/lag/lag_shared.h"

RwLagShared *rw_lag_shared = NULL;

Size
rw_lag_size(void)
{
	return MAXALIGN(sizeof(RwLagShared));
}

void
rw_lag_attach(void)
{
	bool		found;

	rw_lag_shared = ShmemInitStruct("replwatch links", sizeof(RwLagShared),
									&found);
	if (!found)
	{
		memset(rw_lag_shared, 0, sizeof(RwLagShared));
		pg_atomic_init_u32(&rw_lag_shared->standby_state_changes, 0);
		rw_rate_init(&rw_lag_shared->wal_rate);
		rw_rate_init(&rw_lag_shared->upstream.replay_rate);
		rw_chart_init(&rw_lag_shared->upstream_chart);
	}
}
