/*-------------------------------------------------------------------------
 *
 * waiters.c
 *	  The queues of waiting sessions, and how sessions are woken.
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

#include "src/base/compat.h"
#include "src/base/locks.h"
#include "src/settings.h"
#include "src/wait/waiters.h"

/* The number of sessions woken for one acquisition of the lock. */
#define WAKE_BATCH		16

/* This backend is waiting, without the lock on its virtual transaction. */
static bool joined = false;
static VirtualTransactionId own_vxid;

/* Called with the lock held. */
static void
publish_lowest(RwQueue queue)
{
	pg_atomic_write_u64(&rw_wait_shared->lowest[queue].lsn,
						rw_heap_lowest(&rw_wait_shared->queues[queue]));
}

static bool
anything_due(void)
{
	int			queue;

	for (queue = 0; queue < RW_NUM_QUEUES; queue++)
	{
		if (pg_atomic_read_u64(&rw_wait_shared->due[queue]) != 0)
			return true;
	}
	return false;
}

/*
 * Take sessions that are due out of the queues, as many as a batch has room
 * for, and return their number.  Called with the lock held.
 */
static int
take_due(int *batch)
{
	int			n = 0;
	int			queue;

	for (queue = 0; queue < RW_NUM_QUEUES && n < WAKE_BATCH; queue++)
	{
		uint64		due = pg_atomic_read_u64(&rw_wait_shared->due[queue]);

		if (due == 0)
			continue;
		for (; n < WAKE_BATCH; n++)
		{
			batch[n] = rw_heap_pop(&rw_wait_shared->queues[queue], due);
			if (batch[n] < 0)
				break;
		}
		/* That was all, unless the batch is full or more have become due. */
		if (n < WAKE_BATCH)
			(void) pg_atomic_compare_exchange_u64(&rw_wait_shared->due[queue],
												  &due, 0);
		publish_lowest(queue);
	}
	return n;
}

/*
 * Release the lock and wake the sessions that are due, in all queues: a
 * process that found the lock taken may have come for another queue.
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
leave_queue_at_exit(int code, Datum arg)
{
	if (joined)
	{
		int			me = rw_my_proc_number();

		rw_waiter_done(RW_WAIT_ERROR, rw_wait_shared->places[me].since);
	}
}

bool
rw_waiter_join(const RwWaiter *waiter)
{
	static bool exit_registered = false;
	int			me = rw_my_proc_number();

	Assert(!joined && me >= 0 && me < MaxBackends);

	/* However the wait ends, the exit of this process clears the entry. */
	if (!exit_registered)
	{
		before_shmem_exit(leave_queue_at_exit, (Datum) 0);
		exit_registered = true;
	}

	LWLockAcquire(rw_waiters_lock, LW_EXCLUSIVE);
	if (rw_max_waiters > 0 && rw_waiters_number() >= rw_max_waiters)
	{
		release_lock();
		return false;
	}
	joined = true;
	pg_atomic_fetch_add_u32(&rw_wait_shared->nwaiters, 1);
	rw_wait_shared->places[me] = *waiter;
	rw_wait_shared->places[me].pid = MyProcPid;
	rw_heap_add(&rw_wait_shared->queues[waiter->queue], me, waiter->key);
	publish_lowest(waiter->queue);
	release_lock();

	/*
	 * Replay that conflicts with a snapshot waits for the end of the virtual
	 * transaction that held it, even if the snapshot has been released since.
	 * It may be waiting for ours, which holds neither a snapshot nor a lock
	 * any more; releasing the lock on it ends that wait.
	 */
	GET_VXID_FROM_PGPROC(own_vxid, *MyProc);
	VirtualXactLockTableCleanup();

	/* Pairs with the barrier of those who make progress. */
	pg_memory_barrier();
	return true;
}

/*
 * Is this backend in the queue?  Other processes can take it out, but never
 * put it in, so "no" is conclusive.  If one does so while we look here without
 * the lock, it will set our latch.
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
	RwWaiter   *place = &rw_wait_shared->places[me];
	RwWaitHeap *queue = &rw_wait_shared->queues[place->queue];

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
		RwQueue		queue = rw_wait_shared->places[me].queue;

		if (is_queued(&rw_wait_shared->queues[queue], me))
		{
			LWLockAcquire(rw_waiters_lock, LW_EXCLUSIVE);
			rw_heap_remove(&rw_wait_shared->queues[queue], me);
			publish_lowest(queue);
			release_lock();
		}
		rw_wait_shared->places[me].pid = 0;
		pg_atomic_fetch_sub_u32(&rw_wait_shared->nwaiters, 1);
		VirtualXactLockTableInsert(own_vxid);
		joined = false;
	}
	rw_wait_stats_count(end, Max(rw_clock_now() - since, 0));
}

void
rw_waiters_wake(RwQueue queue, XLogRecPtr reached)
{
	pg_atomic_uint64 *shared_due = &rw_wait_shared->due[queue];
	uint64		due = pg_atomic_read_u64(shared_due);

	while (due < reached &&
		   !pg_atomic_compare_exchange_u64(shared_due, &due, reached))
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
		if (rw_wait_shared->places[i].pid == 0)
			continue;
		/* The session may be leaving while we copy. */
		copy[n] = *(volatile RwWaiter *) &rw_wait_shared->places[i];
		if (copy[n].pid != 0)
			n++;
	}
	release_lock();
	return n;
}

int
rw_waiters_number(void)
{
	return pg_atomic_read_u32(&rw_wait_shared->nwaiters);
}
