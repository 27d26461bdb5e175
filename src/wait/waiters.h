/*-------------------------------------------------------------------------
 *
 * waiters.h
 *	  The queues of waiting sessions, and how sessions are woken.
 *
 * Each backend has an entry, by the number of its PGPROC.  A waiting session
 * is in one of four queues, by what it waits for: replay on this server, or a
 * replica's report that it has written, flushed or replayed WAL.
 *
 * A process that makes progress (the startup process, a walsender) has a
 * source: for a walsender one for each stage.  It reads one atomic variable to
 * see whether a session waits for what it has just reached; only then does it
 * wake sessions, and only those: a replica's reply is no news for a session
 * whose LSN that replica had reached before.
 *
 * waiters_lock guards the queues.  It is held for a few steps in memory, to
 * join a queue, to be moved in it, to leave it before the LSN is reached and
 * to wake, and a little longer to list the sessions; a session that has been
 * woken leaves without it.  Latches are set after it is released.  A latch set
 * for nothing does no harm: a session checks for itself, and now and then
 * without being woken.
 *
 * A process that makes progress never waits for the lock.  A backend that
 * holds it may have lost its processor, to one of the many that have just been
 * woken, and replay would stand still until it gets it back.  If the lock is
 * taken, the wake-up is left to its holder, before it is done: the sessions
 * run a little later, and replay goes on.  Such a process does not wake a
 * thousand sessions either: it wakes a few, which wake the others.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAITERS_H
#define RW_WAITERS_H

#include "src/wait/intern.h"
#include "src/wait/wait_shared.h"

/*
 * Fill in this backend's entry, as given but for the pid, and join the queue.
 * Returns false if there are max_waiters sessions already.  The caller must
 * call rw_waiter_done() afterwards, also after an error; the exit of the
 * backend does so too.  In recovery, the transaction counts in between as
 * ended for those that wait for its end, so it may hold neither a snapshot nor
 * a lock there.
 */
extern bool rw_waiter_join(const RwWaiter *waiter);

/*
 * Stay in the queue, to be woken for the LSN `key`: the target, or
 * RW_KEY_ALL_ONLY to be woken by rw_waiters_wake_all() only.  Returns false if
 * this backend has been in the queue for this LSN all the time; otherwise the
 * LSN may have been reached meanwhile, and the caller must check again.
 */
extern bool rw_waiter_stay(XLogRecPtr key);

/*
 * Wake others, if that was left to this backend.  To be called after sleeping,
 * before anything that could take long or raise an error.
 */
extern void rw_waiter_help(void);

/*
 * Leave the queue and clear the entry, if this backend has one, and count the
 * wait, which began at `since` and ended as given.
 */
extern void rw_waiter_done(RwWaitEnd end, RwTime since);

/*
 * The lowest LSN that the source has to wake a session for; RW_NOBODY_WAITS if
 * there is none.
 */
static inline XLogRecPtr
rw_waiters_next(const RwWakeSource *source)
{
	return pg_atomic_read_u64(&((RwWakeSource *) source)->next.lsn);
}

/*
 * Called by the process whose source this is, which has set the position.
 * Wakes sessions whose LSN is at or below it, and that have not been woken for
 * this source, or leaves that to others.  With `again`, all at or below it:
 * the position went back, or that of another process began.  Waits for no lock
 * and raises nothing.
 */
extern void rw_waiters_wake(RwWakeSource *source, bool again);

#endif							/* RW_WAITERS_H */
