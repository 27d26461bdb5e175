/*-------------------------------------------------------------------------
 *
 * wait_shared.h
 *	  The shared memory of waits.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAIT_SHARED_H
#define RW_WAIT_SHARED_H

#include "port/atomics.h"

#include "src/wait/wait.h"
#include "src/wait/wait_heap.h"

/* An LSN in a cache line of its own. */
typedef union RwPaddedLsn
{
	pg_atomic_uint64 lsn;
	char		pad[PG_CACHE_LINE_SIZE];
} RwPaddedLsn;

/* As RwWaitStats. */
typedef struct RwWaitCounters
{
	pg_atomic_uint64 waits;
	pg_atomic_uint64 immediate;
	pg_atomic_uint64 timeouts;
	pg_atomic_uint64 errors;
	pg_atomic_uint64 total_time;
	pg_atomic_uint64 max_time;
	pg_atomic_uint64 times[RW_HISTOGRAM_BUCKETS];
} RwWaitCounters;

typedef struct RwWaitShared
{
	/*
	 * The lowest LSN that a session in the queue waits for, RW_NOBODY_WAITS if
	 * there is none.  Written under waiters_lock, read without.  The startup
	 * process reads that of RW_QUEUE_REPLAY after each record.
	 */
	RwPaddedLsn lowest[RW_NUM_QUEUES];

	/*
	 * How far replay had got when it last woke a session; written by the
	 * startup process alone (replay.c).
	 */
	RwPaddedLsn replayed;

	/*
	 * Sessions that wait for no more than this are to be woken; 0: none.
	 * Raised without the lock, set back to 0 under waiters_lock.
	 */
	pg_atomic_uint64 due[RW_NUM_QUEUES];

	/* Raised under waiters_lock, lowered without. */
	pg_atomic_uint32 nwaiters;

	/* Under waiters_lock. */
	RwWaitHeap	queues[RW_NUM_QUEUES];

	/*
	 * [MaxBackends], by the number of the PGPROC.  An entry is written by its
	 * backend under waiters_lock, but for the pid, which is set to 0 without.
	 */
	RwWaiter   *places;

	/* When this primary last nudged its standbys, and where that ends. */
	pg_atomic_uint64 nudged_at;
	pg_atomic_uint64 nudge_end;

	/* Added to without a lock. */
	RwWaitCounters counters;
} RwWaitShared;

/* NULL where the library is not preloaded. */
extern RwWaitShared *rw_wait_shared;

#endif							/* RW_WAIT_SHARED_H */
