/*-------------------------------------------------------------------------
 *
 * waiters.c
 *	  The backends that wait for an LSN, and how they are woken.
 *
 * The order that makes no wake-up be missed: a waiter publishes the LSN that
 * it waits for and then looks at the position; whoever moves the position
 * publishes that and then looks at the lowest LSN waited for.  Both have a
 * full memory barrier between the two, so at least one sees the other.
 * Replay on this server does without, in a way of its own: see replay.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"

#include "src/compat.h"
#include "src/settings.h"
#include "src/shared.h"
#include "src/waiters.h"
#include "src/waitheap.h"

/* So many are woken for one acquisition of the lock. */
#define WAKE_BATCH		16

typedef struct WaitersShared
{
	/* Written under waiters_lock, read without */
	pg_atomic_uint64 lowest[RW_NUM_QUEUES];

	/* Under waiters_lock */
	int			nwaiters;
	RwWaitHeap	queues[RW_NUM_QUEUES];
	RwWaitStats stats;
} WaitersShared;

static WaitersShared *waiters = NULL;
static RwWaiter *places = NULL; /* [MaxBackends], under waiters_lock */

pg_atomic_uint64 *rw_lowest_awaited = NULL; /* waiters->lowest */

/* This backend's place is taken, and its virtual transaction given up. */
static bool joined = false;
static VirtualTransactionId own_vxid;

static Size
queue_size(void)
{
	return add_size(mul_size(MaxBackends, sizeof(RwHeapEntry)),
					mul_size(MaxBackends, sizeof(int32)));
}

static Size
places_size(void)
{
	return add_size(mul_size(MaxBackends, sizeof(RwWaiter)),
					mul_size(RW_NUM_QUEUES, MAXALIGN(queue_size())));
}

Size
rw_waiters_size(void)
{
	return add_size(MAXALIGN(sizeof(WaitersShared)),
					MAXALIGN(places_size()));
}

/* Called with AddinShmemInitLock held. */
void
rw_waiters_attach(void)
{
	bool		found;
	int			i;

	waiters = ShmemInitStruct("replwatch waiters", sizeof(WaitersShared),
							  &found);
	if (!found)
	{
		memset(waiters, 0, sizeof(WaitersShared));
		for (i = 0; i < RW_NUM_QUEUES; i++)
			pg_atomic_init_u64(&waiters->lowest[i], RW_NOBODY_WAITS);
	}
	rw_lowest_awaited = waiters->lowest;

	places = ShmemInitStruct("replwatch waiting backends", places_size(),
							 &found);
	if (!found)
	{
		char	   *p = (char *) (places + MaxBackends);

		memset(places, 0, MaxBackends * sizeof(RwWaiter));
		for (i = 0; i < RW_NUM_QUEUES; i++, p += MAXALIGN(queue_size()))
			rw_heap_init(&waiters->queues[i], MaxBackends,
						 (RwHeapEntry *) p,
						 (int32 *) (p + MaxBackends * sizeof(RwHeapEntry)));
	}
}

/* The lock is held. */
static void
publish_lowest(RwQueue queue)
{
	pg_atomic_write_u64(&waiters->lowest[queue],
						rw_heap_lowest(&waiters->queues[queue]));
}

static void
leave_at_exit(int code, Datum arg)
{
	if (joined)
		rw_waiter_done(RW_WAIT_ERROR, places[rw_my_proc_number()].since);
}

bool
rw_waiter_join(const RwWaiter *waiter)
{
	static bool exit_registered = false;
	int			me = rw_my_proc_number();

	Assert(!joined && me >= 0 && me < MaxBackends);

	/* Whatever comes after it, the exit of this process gives the place back. */
	if (!exit_registered)
	{
		before_shmem_exit(leave_at_exit, (Datum) 0);
		exit_registered = true;
	}

	LWLockAcquire(rw_shared->waiters_lock, LW_EXCLUSIVE);
	if (rw_max_waiters > 0 && waiters->nwaiters >= rw_max_waiters)
	{
		LWLockRelease(rw_shared->waiters_lock);
		return false;
	}
	joined = true;
	waiters->nwaiters++;
	places[me] = *waiter;
	places[me].pid = MyProcPid;
	rw_heap_add(&waiters->queues[waiter->queue], me, waiter->key);
	publish_lowest(waiter->queue);
	LWLockRelease(rw_shared->waiters_lock);

	/*
	 * Replay that meets a snapshot waits for the end of the virtual
	 * transaction that held it then, no matter when it lets go of it.  Ours
	 * may have been met.  It has no snapshot and no lock now, so nobody needs
	 * to wait for it.
	 */
	GET_VXID_FROM_PGPROC(own_vxid, *MyProc);
	VirtualXactLockTableCleanup();

	/* Pairs with the barrier of those who make progress. */
	pg_memory_barrier();
	return true;
}

bool
rw_waiter_stay(XLogRecPtr key)
{
	int			me = rw_my_proc_number();
	RwWaiter   *place = &places[me];
	RwWaitHeap *queue = &waiters->queues[place->queue];

	Assert(joined);

	/*
	 * Others can take us out of the queue and never put us in.  If they do
	 * while we look here without the lock, they will set our latch.
	 */
	if (place->key == key && *(volatile int32 *) &queue->places[me] >= 0)
		return false;

	LWLockAcquire(rw_shared->waiters_lock, LW_EXCLUSIVE);
	place->key = key;
	rw_heap_add(queue, me, key);
	publish_lowest(place->queue);
	LWLockRelease(rw_shared->waiters_lock);

	/* Pairs with the barrier of those who make progress. */
	pg_memory_barrier();
	return true;
}

/* The lock is held. */
static void
count(RwWaitEnd end, int64 duration)
{
	RwWaitStats *stats = &waiters->stats;

	stats->waits++;
	switch (end)
	{
		case RW_WAIT_IMMEDIATE:
			stats->immediate++;
			return;
		case RW_WAIT_REACHED:
			break;
		case RW_WAIT_TIMEOUT:
			stats->timeouts++;
			break;
		case RW_WAIT_ERROR:
			stats->errors++;
			break;
	}
	stats->total_time += duration;
	stats->max_time = Max(stats->max_time, (uint64) duration);
	rw_histogram_add(&stats->times, duration);
}

void
rw_waiter_done(RwWaitEnd end, RwTime since)
{
	int64		duration = Max(rw_clock_now() - since, 0);

	LWLockAcquire(rw_shared->waiters_lock, LW_EXCLUSIVE);
	if (joined)
	{
		int			me = rw_my_proc_number();
		RwQueue		queue = places[me].queue;

		rw_heap_remove(&waiters->queues[queue], me);
		publish_lowest(queue);
		places[me].pid = 0;
		waiters->nwaiters--;
	}
	count(end, duration);
	LWLockRelease(rw_shared->waiters_lock);

	if (joined)
		VirtualXactLockTableInsert(own_vxid);
	joined = false;
}

void
rw_waiters_wake(RwQueue queue, XLogRecPtr reached)
{
	int			batch[WAKE_BATCH];
	int			n;
	int			i;

	do
	{
		LWLockAcquire(rw_shared->waiters_lock, LW_EXCLUSIVE);
		for (n = 0; n < WAKE_BATCH; n++)
		{
			batch[n] = rw_heap_pop(&waiters->queues[queue], reached);
			if (batch[n] < 0)
				break;
		}
		publish_lowest(queue);
		LWLockRelease(rw_shared->waiters_lock);

		for (i = 0; i < n; i++)
			SetLatch(rw_proc_latch(batch[i]));
	} while (n == WAKE_BATCH);
}

void
rw_waiters_wake_all(RwQueue queue)
{
	rw_waiters_wake(queue, PG_UINT64_MAX);
}

int
rw_waiters_copy(RwWaiter *copy)
{
	int			n = 0;
	int			i;

	LWLockAcquire(rw_shared->waiters_lock, LW_SHARED);
	for (i = 0; i < MaxBackends; i++)
	{
		if (places[i].pid != 0)
			copy[n++] = places[i];
	}
	LWLockRelease(rw_shared->waiters_lock);
	return n;
}

int
rw_waiters_number(void)
{
	int			n;

	LWLockAcquire(rw_shared->waiters_lock, LW_SHARED);
	n = waiters->nwaiters;
	LWLockRelease(rw_shared->waiters_lock);
	return n;
}

void
rw_wait_stats_copy(RwWaitStats *copy)
{
	LWLockAcquire(rw_shared->waiters_lock, LW_SHARED);
	*copy = waiters->stats;
	LWLockRelease(rw_shared->waiters_lock);
}

int64
rw_wait_percentile(const RwWaitStats *stats, double fraction)
{
	/* A bucket's end may be above all that it holds. */
	return Min(rw_histogram_percentile(&stats->times, fraction),
			   (int64) stats->max_time);
}
