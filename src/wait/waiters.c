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
 * The same for the lock, which who makes progress does not wait for: it
 * publishes what is due and then looks whether the lock is free; whoever
 * releases the lock then looks whether anything is due.  Nobody takes the
 * lock shared: of several holders each would leave it to the last, and there
 * may always be another.
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

#include "src/base/compat.h"
#include "src/base/locks.h"
#include "src/settings.h"
#include "src/wait/wait_heap.h"
#include "src/wait/waiters.h"

/* So many are woken for one acquisition of the lock. */
#define WAKE_BATCH		16

typedef struct WaitersShared
{
	/* Written under waiters_lock, read without */
	pg_atomic_uint64 lowest[RW_NUM_QUEUES];

	/*
	 * Those who wait for no more than this are to be woken; 0: nobody is.
	 * Raised without the lock, set back to 0 with it.
	 */
	pg_atomic_uint64 due[RW_NUM_QUEUES];

	/* Under waiters_lock */
	RwWaitHeap	queues[RW_NUM_QUEUES];

	/* Raised under waiters_lock, lowered without */
	pg_atomic_uint32 nwaiters;
} WaitersShared;

static WaitersShared *waiters = NULL;

/*
 * [MaxBackends].  Each is written by its backend under waiters_lock, but for
 * the pid, which is set to 0 without.
 */
static RwWaiter *places = NULL;

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
		pg_atomic_init_u32(&waiters->nwaiters, 0);
		for (i = 0; i < RW_NUM_QUEUES; i++)
		{
			pg_atomic_init_u64(&waiters->lowest[i], RW_NOBODY_WAITS);
			pg_atomic_init_u64(&waiters->due[i], 0);
		}
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

static bool
anything_due(void)
{
	int			queue;

	for (queue = 0; queue < RW_NUM_QUEUES; queue++)
	{
		if (pg_atomic_read_u64(&waiters->due[queue]) != 0)
			return true;
	}
	return false;
}

/*
 * Take those who are to be woken out of the queues, as many as a batch has
 * room for; returns how many.  The lock is held.
 */
static int
take_due(int *batch)
{
	int			n = 0;
	int			queue;

	for (queue = 0; queue < RW_NUM_QUEUES && n < WAKE_BATCH; queue++)
	{
		uint64		due = pg_atomic_read_u64(&waiters->due[queue]);

		if (due == 0)
			continue;
		for (; n < WAKE_BATCH; n++)
		{
			batch[n] = rw_heap_pop(&waiters->queues[queue], due);
			if (batch[n] < 0)
				break;
		}
		/* That was all, unless there was no room or more has come due. */
		if (n < WAKE_BATCH)
			(void) pg_atomic_compare_exchange_u64(&waiters->due[queue],
												  &due, 0);
		publish_lowest(queue);
	}
	return n;
}

/*
 * Release the lock, having woken whoever is to be.  All queues count: who
 * found the lock taken may have come for another than we did.
 */
static void
release_lock(void)
{
	int			batch[WAKE_BATCH];
	int			n;
	int			i;

	do
	{
		n = take_due(batch);
		LWLockRelease(rw_waiters_lock);
		for (i = 0; i < n; i++)
			SetLatch(rw_proc_latch(batch[i]));

		/* Pairs with rw_waiters_wake: it has the lock, or we see what is due. */
		pg_memory_barrier();
	} while (anything_due() &&
			 LWLockConditionalAcquire(rw_waiters_lock, LW_EXCLUSIVE));
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

	LWLockAcquire(rw_waiters_lock, LW_EXCLUSIVE);
	if (rw_max_waiters > 0 &&
		pg_atomic_read_u32(&waiters->nwaiters) >= (uint32) rw_max_waiters)
	{
		release_lock();
		return false;
	}
	joined = true;
	pg_atomic_fetch_add_u32(&waiters->nwaiters, 1);
	places[me] = *waiter;
	places[me].pid = MyProcPid;
	rw_heap_add(&waiters->queues[waiter->queue], me, waiter->key);
	publish_lowest(waiter->queue);
	release_lock();

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

/*
 * Are we in this queue?  Others can take us out, and never put us in: no is
 * conclusive.  If they do while we look here without the lock, they will set
 * our latch.
 */
static bool
is_queued(const RwWaitHeap *queue, int me)
{
	return *(volatile int32 *) &queue->places[me] >= 0;
}

bool
rw_waiter_stay(XLogRecPtr key)
{
	int			me = rw_my_proc_number();
	RwWaiter   *place = &places[me];
	RwWaitHeap *queue = &waiters->queues[place->queue];

	Assert(joined);

	if (place->key == key && is_queued(queue, me))
		return false;

	LWLockAcquire(rw_waiters_lock, LW_EXCLUSIVE);
	place->key = key;
	rw_heap_add(queue, me, key);
	publish_lowest(place->queue);
	release_lock();

	/* Pairs with the barrier of those who make progress. */
	pg_memory_barrier();
	return true;
}

void
rw_waiter_done(RwWaitEnd end, RwTime since)
{
	if (joined)
	{
		int			me = rw_my_proc_number();
		RwQueue		queue = places[me].queue;

		if (is_queued(&waiters->queues[queue], me))
		{
			LWLockAcquire(rw_waiters_lock, LW_EXCLUSIVE);
			rw_heap_remove(&waiters->queues[queue], me);
			publish_lowest(queue);
			release_lock();
		}
		places[me].pid = 0;
		pg_atomic_fetch_sub_u32(&waiters->nwaiters, 1);
		VirtualXactLockTableInsert(own_vxid);
		joined = false;
	}
	rw_wait_stats_count(end, Max(rw_clock_now() - since, 0));
}

void
rw_waiters_wake(RwQueue queue, XLogRecPtr reached)
{
	uint64		due = pg_atomic_read_u64(&waiters->due[queue]);

	while (due < reached &&
		   !pg_atomic_compare_exchange_u64(&waiters->due[queue], &due, reached))
		;

	/* Pairs with release_lock. */
	pg_memory_barrier();
	if (LWLockConditionalAcquire(rw_waiters_lock, LW_EXCLUSIVE))
		release_lock();
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

	LWLockAcquire(rw_waiters_lock, LW_EXCLUSIVE);
	for (i = 0; i < MaxBackends; i++)
	{
		if (places[i].pid == 0)
			continue;
		/* It may be leaving while we copy. */
		copy[n] = *(volatile RwWaiter *) &places[i];
		if (copy[n].pid != 0)
			n++;
	}
	release_lock();
	return n;
}

int
rw_waiters_number(void)
{
	return pg_atomic_read_u32(&waiters->nwaiters);
}
