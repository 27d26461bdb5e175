/*-------------------------------------------------------------------------
 *
 * replica_shared.h
 *	  The replicas, their charts, the slot notes and this server's own
 *	  names, in shared memory.
 *
 * The sampling worker writes, all other processes copy, all under
 * rw_state_lock.  The memory is empty at each start of the server, also after
 * a crash, until the worker has loaded the state file.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPLICA_SHARED_H
#define RW_REPLICA_SHARED_H

#include "port/atomics.h"

#include "src/base/locks.h"
#include "src/history/chart.h"
#include "src/observe/observe.h"
#include "src/replica/own_names.h"
#include "src/replica/replica.h"
#include "src/replica/slot_notes.h"

/* One chart for each place in the table of replicas. */
typedef struct RwPlaceChart
{
	uint32		generation;		/* of the replica that the chart is about */
	RwChart		chart;
} RwPlaceChart;

/* Which replicas have parted from this server, as rw_replicas_parted(). */
extern pg_atomic_uint32 *rw_parted_set;

/* NULL where the library is not preloaded. */
extern RwReplica *rw_replicas;	/* [rw_max_replicas] */
extern RwPlaceChart *rw_charts; /* [rw_max_replicas] */
extern RwSlotNote *rw_slot_notes;	/* [RW_MAX_SLOTS] */
extern RwOwnNames *rw_own_names;

/*
 * Set `parted` of the walsenders in *facts, for those who need no rows.  Takes
 * rw_state_lock in share mode, but only if any replica has parted.
 */
extern void rw_find_parted(RwFacts *facts);

/* Shared memory; called by src/shmem.c. */
extern Size rw_replica_size(void);
extern void rw_replica_attach(void);

#endif							/* RW_REPLICA_SHARED_H */
