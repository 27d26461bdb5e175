/*-------------------------------------------------------------------------
 *
 * waiters.c
 *	  The queues of waiting sessions, and how sessions are woken.
 *
 * The order that makes no wake-up be missed: a waiter publishes the LSN that
 * it waits for, as the `next` of each source, and then looks at the position;
 * a source that moves on publishes its position and then looks at `next`.
 * Both have a full memory barrier between the two, so at least one sees the
 * other.
 * Replay on this server does without, in a way of its own: see replay.c.
 *
 * A waiter leaves `next` alone where the source's position has reached its LSN
 * already: that position was published after the server's own, which the
 * waiter reads next and counts.  If that is not enough, this source has no
 * more news for it.  Should the server's position have gone back meanwhile, or
 * be another process's, the owner of the source says so after it has published
 * the new one (RW_AGAIN).  The holder of the lock makes the lowest LSN beyond
 * that `next` again, and then reads the position once more, as a waiter does.
 *
 * Sessions are woken in order, and `woken` is how far that has got.  `next` is
 * never higher than the first LSN behind it that the source must wake for and
 * that is not due yet, but may be lower when a session has left: the source
 * then comes for nothing, once.
 *
 * The same order serves for the lock.  Sources do not wait for it: they
 * publish that sessions are due, and then look whether the lock is free; a
 * process that releases the lock then looks whether sessions are due.  The
 * lock is never taken shared: each of several holders would leave the sessions
 * to the last one, and there may always be another.
 *
 * A source wakes a few sessions and leaves the rest to these.  Each of the few
 * is marked as a helper, under the lock.  Before it sleeps again, leaves or
 * raises an error, it takes the lock, for which it waits if it must, and wakes
 * sessions until none is due or another process has the lock.  So it comes
 * after the lock was released, and sees the sessions that became due for
 * sources that found the lock taken.  A helper that can't run delays no
 * session as long as another helper can.  If none can, the source itself comes
 * again after some more WAL (HELP_DISTANCE), and any process that takes the
 * lock wakes all sessions that are due: at the latest the next session that
 * checks by itself and leaves.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

#include "src/base/compat.h"
#include "src/base/locks.h"
#include "src/settings.h"
#include "src/wait/waiters.h"

/*
 * The number of sessions woken for one acquisition of the lock, and by a
 * source.
 */
#define WAKE_BATCH		16
#define WAKE_FEW		8

/*
 * While helpers wake the rest, the source does not try for each record, but
 * when it has moved on by so much.
 */
#define HELP_DISTANCE	(64 * 1024)

/* This backend is waiting; maybe without the lock on its transaction. */
static bool joined = false;
static bool vxid_released = false;
static VirtualTransactionId own_vxid;

/* The sources that wake the sessions in a queue, each in turn; NULL: no more */
static RwWakeSource *
nth_source(RwQueue queue, int n)
{
	if (queue == RW_QUEUE_REPLAY)
		return n == 0 ? &rw_wait_shared->replay.source : NULL;
	return n < max_wal_senders ? rw_sender_source(n, queue) : NULL;
}

static void
set_next(RwWakeSource *source, XLogRecPtr next)
{
	/* Unless it changes, its reader keeps the cache line. */
	if (rw_waiters_next(source) != next)
		pg_atomic_write_u64(&source->next.lsn, next);
}

/*
 * Have all sources of the queue wake for this LSN, but those that have reached
 * it.  Called with the lock held.
 */
static void
await_sources(RwQueue queue, XLogRecPtr key)
{
	RwWakeSource *source;

	for (int i = 0; (source = nth_source(queue, i)) != NULL; i++)
	{
		XLogRecPtr	position = pg_atomic_read_u64(&source->position);
		XLogRecPtr	next = rw_waiters_next(source);

		/*
		 * No session up to the position is waiting to be woken for it, so the
		 * next wake-up can begin there.
		 */
		if (next > position && position > source->woken.key &&
			pg_atomic_read_u32(&source->due) == 0)
			source->woken = rw_wait_mark_after(position);

		if (key > position && key < next)
			set_next(source, key);
	}
}

/* The same after a session with this key has left. */
static void
forget_key(RwQueue queue, XLogRecPtr key)
{
	RwWakeSource *source;

	for (int i = 0; (source = nth_source(queue, i)) != NULL; i++)
	{
		if (rw_waiters_next(source) == key)
			set_next(source, rw_wait_queue_after(&rw_wait_shared->queues[queue],
												 source->woken));
	}
}

/* `due` first: a process that sees the queue's bit must find it. */
static void
set_due(RwWakeSource *source, uint32 due)
{
	pg_atomic_fetch_or_u32(&source->due, due);
	pg_atomic_fetch_or_u32(&rw_wait_shared->due_queues, 1 << source->queue);
}

/* Take sessions out that are due for a source; returns their number. */
static int
take_for_source(RwWakeSource *source, int *batch, int room)
{
	RwWaitQueue *queue = &rw_wait_shared->queues[source->queue];
	uint32		due;
	XLogRecPtr	position;
	XLogRecPtr	next;
	bool		more;
	int			n;

	if (pg_atomic_read_u32(&source->due) == 0)
		return 0;

	/* Before the position is read: if that moves on, `due` is set again. */
	due = pg_atomic_exchange_u32(&source->due, 0);
	position = pg_atomic_read_u64(&source->position);
	if (due & RW_AGAIN)
		source->woken = rw_wait_mark_after(0);
	n = rw_wait_queue_take(queue, &source->woken, position, batch, room);

	next = rw_wait_queue_after(queue, rw_wait_mark_after(position));
	more = rw_wait_queue_after(queue, source->woken) <= position;
	if (more)
		next = Min(next, position + HELP_DISTANCE);
	if (source != &rw_wait_shared->all[source->queue].source)
		set_next(source, next);

	/*
	 * If that was lowered, the source may have moved on without seeing it.
	 * Pairs with its barrier between position and `next`.
	 */
	if (due & RW_AGAIN)
	{
		pg_memory_barrier();
		more |= pg_atomic_read_u64(&source->position) >= next;
	}

	/* The others go with the next batch. */
	if (more)
		set_due(source, RW_DUE);
	return n;
}

/*
 * Take sessions that are due out of the queues, as many as there is room for,
 * and return their number.  Called with the lock held.
 */
static int
take_due(int *batch, int room)
{
	uint32		queues = pg_atomic_exchange_u32(&rw_wait_shared->due_queues, 0);
	int			n = 0;

	for (int queue = 0; queue < RW_NUM_QUEUES; queue++)
	{
		RwWakeSource *source;

		if ((queues & (1 << queue)) == 0)
			continue;
		n += take_for_source(&rw_wait_shared->all[queue].source,
							 &batch[n], room - n);
		for (int i = 0;
			 n < room && (source = nth_source(queue, i)) != NULL; i++)
			n += take_for_source(source, &batch[n], room - n);

		/* Not all sources may have been looked at. */
		if (n == room)
		{
			pg_atomic_fetch_or_u32(&rw_wait_shared->due_queues, queues);
			break;
		}
	}
	return n;
}

static bool
anything_due(void)
{
	return pg_atomic_read_u32(&rw_wait_shared->due_queues) != 0;
}

/*
 * Release the lock and wake the sessions that are due, in all queues: a
 * process that found the lock taken may have come for another queue.  With
 * `few`, wake a few and leave the rest to them.
 */
static void
release_lock(bool few)
{
	int			batch[WAKE_BATCH];
	int			n;
	bool		left;

	do
	{
		n = take_due(batch, few ? WAKE_FEW : WAKE_BATCH);
		left = few && n > 0 && anything_due();
		for (int i = 0; i < n; i++)
			rw_wait_shared->helpers[batch[i]] = left;
		LWLockRelease(rw_waiters_lock);
		for (int i = 0; i < n; i++)
			SetLatch(rw_proc_latch(batch[i]));

		/* The helpers come after us, and see all that is due. */
		if (left)
			break;

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

		/* The transaction goes, too: its lock is not put back. */
		vxid_released = false;
		rw_waiter_done(RW_WAIT_ERROR, rw_wait_shared->places[me].since);
	}
}

/*
 * Put this backend into the queue.  It counts as a helper until the process
 * that takes it out says otherwise.  Called with the lock held.
 */
static void
enqueue(RwQueue queue, int me, XLogRecPtr key)
{
	Assert(key <= RW_KEY_ALL_ONLY);
	rw_wait_queue_add(&rw_wait_shared->queues[queue], me, key);
	rw_wait_shared->helpers[me] = true;
	await_sources(queue, key);
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
		release_lock(false);
		return false;
	}
	joined = true;
	pg_atomic_fetch_add_u32(&rw_wait_shared->nwaiters, 1);
	rw_wait_shared->places[me] = *waiter;
	rw_wait_shared->places[me].pid = MyProcPid;
	enqueue(waiter->queue, me, waiter->key);
	release_lock(false);

	/*
	 * Replay that conflicts with a snapshot waits for the end of the virtual
	 * transaction that held it, even if the snapshot has been released since.
	 * It may be waiting for ours, which holds neither a snapshot nor a lock
	 * any more; releasing the lock on it ends that wait.
	 *
	 * On a primary nothing that this session waits for can wait for it, and
	 * the transaction may hold snapshots and locks: CREATE INDEX CONCURRENTLY
	 * is right to wait for its end.
	 */
	if (RecoveryInProgress())
	{
		GET_VXID_FROM_PGPROC(own_vxid, *MyProc);
		VirtualXactLockTableCleanup();
		vxid_released = true;
	}

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
is_queued(RwQueue queue, int me)
{
	const RwWaitMember *member = &rw_wait_shared->queues[queue].members[me];

	return *(const volatile int32 *) &member->queued != 0;
}

/*
 * Is this backend, which has been taken out of the queue, to help?  "No" is
 * conclusive: it is only set to that after this backend has joined.
 */
static bool
is_helper(int me)
{
	return *(volatile int32 *) &rw_wait_shared->helpers[me] != 0;
}

bool
rw_waiter_stay(XLogRecPtr key)
{
	int			me = rw_my_proc_number();
	RwWaiter   *place = &rw_wait_shared->places[me];

	Assert(joined);

	if (place->key == key && is_queued(place->queue, me))
		return false;

	LWLockAcquire(rw_waiters_lock, LW_EXCLUSIVE);
	if (is_queued(place->queue, me))
	{
		rw_wait_queue_remove(&rw_wait_shared->queues[place->queue], me);
		forget_key(place->queue, place->key);
	}
	place->key = key;
	enqueue(place->queue, me, key);
	release_lock(false);

	/* Pairs with the barrier of those who make progress. */
	pg_memory_barrier();
	return true;
}

void
rw_waiter_help(void)
{
	int			me = rw_my_proc_number();

	Assert(joined);
	if (is_queued(rw_wait_shared->places[me].queue, me) || !is_helper(me))
		return;
	LWLockAcquire(rw_waiters_lock, LW_EXCLUSIVE);
	rw_wait_shared->helpers[me] = false;
	release_lock(false);
}

void
rw_waiter_done(RwWaitEnd end, RwTime since)
{
	if (joined)
	{
		int			me = rw_my_proc_number();
		RwQueue		queue = rw_wait_shared->places[me].queue;

		if (is_queued(queue, me) || is_helper(me))
		{
			LWLockAcquire(rw_waiters_lock, LW_EXCLUSIVE);
			if (is_queued(queue, me))
			{
				rw_wait_queue_remove(&rw_wait_shared->queues[queue], me);
				forget_key(queue, rw_wait_shared->places[me].key);
			}
			release_lock(false);
		}
		rw_wait_shared->places[me].pid = 0;
		pg_atomic_fetch_sub_u32(&rw_wait_shared->nwaiters, 1);
		if (vxid_released)
			VirtualXactLockTableInsert(own_vxid);
		vxid_released = false;
		joined = false;
	}
	rw_wait_stats_count(end, Max(rw_clock_now() - since, 0));
}

void
rw_waiters_wake(RwWakeSource *source, bool again)
{
	set_due(source, again ? RW_DUE | RW_AGAIN : RW_DUE);

	/* Pairs with release_lock. */
	pg_memory_barrier();
	if (LWLockConditionalAcquire(rw_waiters_lock, LW_EXCLUSIVE))
		release_lock(true);
}

void
rw_waiters_wake_all(RwQueue queue)
{
	rw_waiters_wake(&rw_wait_shared->all[queue].source, true);
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
	release_lock(false);
	return n;
}

int
rw_waiters_number(void)
{
	return pg_atomic_read_u32(&rw_wait_shared->nwaiters);
}
