/*-------------------------------------------------------------------------
 *
 * wait_shared.c
 *	  The shared memory of waits.
 *
 * One allocation: the struct, the entries of the backends, and for each queue
 * the two arrays of its heap.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/shmem.h"

#include "src/wait/wait_shared.h"

RwWaitShared *rw_wait_shared = NULL;

/* ShmemInitStruct aligns the struct itself to a cache line. */
StaticAssertDecl(offsetof(RwWaitShared, lowest) == 0 &&
				 sizeof(RwPaddedLsn) == PG_CACHE_LINE_SIZE,
				 "replay reads a cache line that nothing else is in");

static Size
places_size(void)
{
	return MAXALIGN(mul_size(MaxBackends, sizeof(RwWaiter)));
}

static Size
queue_size(void)
{
	return MAXALIGN(add_size(mul_size(MaxBackends, sizeof(RwHeapEntry)),
							 mul_size(MaxBackends, sizeof(int32))));
}

Size
rw_wait_shmem_size(void)
{
	Size		size = MAXALIGN(sizeof(RwWaitShared));

	size = add_size(size, places_size());
	return add_size(size, mul_size(RW_NUM_QUEUES, queue_size()));
}

static void
counters_init(RwWaitCounters *counters)
{
	pg_atomic_init_u64(&counters->waits, 0);
	pg_atomic_init_u64(&counters->immediate, 0);
	pg_atomic_init_u64(&counters->timeouts, 0);
	pg_atomic_init_u64(&counters->errors, 0);
	pg_atomic_init_u64(&counters->total_time, 0);
	pg_atomic_init_u64(&counters->max_time, 0);
	for (int i = 0; i < RW_HISTOGRAM_BUCKETS; i++)
		pg_atomic_init_u64(&counters->times[i], 0);
}

/* Called with AddinShmemInitLock held. */
void
rw_wait_shmem_attach(void)
{
	bool		found;
	char	   *p;

	rw_wait_shared = ShmemInitStruct("replwatch waits", rw_wait_shmem_size(),
									 &found);
	if (found)
		return;

	memset(rw_wait_shared, 0, rw_wait_shmem_size());
	pg_atomic_init_u64(&rw_wait_shared->replayed.lsn, InvalidXLogRecPtr);
	pg_atomic_init_u32(&rw_wait_shared->nwaiters, 0);
	pg_atomic_init_u64(&rw_wait_shared->nudged_at, RW_NEVER);
	pg_atomic_init_u64(&rw_wait_shared->nudge_end, InvalidXLogRecPtr);
	counters_init(&rw_wait_shared->counters);

	p = (char *) rw_wait_shared + MAXALIGN(sizeof(RwWaitShared));
	rw_wait_shared->places = (RwWaiter *) p;
	p += places_size();
	for (int i = 0; i < RW_NUM_QUEUES; i++, p += queue_size())
	{
		pg_atomic_init_u64(&rw_wait_shared->lowest[i].lsn, RW_NOBODY_WAITS);
		pg_atomic_init_u64(&rw_wait_shared->due[i], 0);
		rw_heap_init(&rw_wait_shared->queues[i], MaxBackends,
					 (RwHeapEntry *) p,
					 (int32 *) (p + MaxBackends * sizeof(RwHeapEntry)));
	}
}
