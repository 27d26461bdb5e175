/*-------------------------------------------------------------------------
 *
 * locks.h
 *	  The locks that protect shared memory, and whether there is any.
 *
 *	rw_history_lock	the LSN history (history/history.h)
 *	rw_state_lock	replicas, slot notes, links and alerts: what the worker
 *					publishes in each round, but for what is read without a
 *					lock (lag/standby_state_shared.h, tree/tree_shared.h)
 *	rw_waiters_lock	the sessions that wait for an LSN (wait/waiters.h)
 *	rw_command_lock	the queue of alert_command (command/command.h)
 *
 * A lock is held to look something up or to copy it, never while memory is
 * allocated, a message is written or a function of the server is called that
 * could wait.  No process holds two of them; one that needed to would take
 * rw_state_lock first.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LOCKS_H
#define RW_LOCKS_H

#include "storage/lwlock.h"

/* NULL where the library is not preloaded. */
extern LWLock *rw_history_lock;
extern LWLock *rw_state_lock;
extern LWLock *rw_waiters_lock;
extern LWLock *rw_command_lock;

/*
 * Request the locks, and find them; called by src/shmem.c when the server
 * sizes its shared memory, and when it sets it up, again after each crash.
 */
extern void rw_locks_request(void);
extern void rw_locks_attach(void);

/* Is the library preloaded, so that there is shared memory? */
static inline bool
rw_is_preloaded(void)
{
	return rw_state_lock != NULL;
}

/* Raise an error (55000) if the library is not preloaded. */
extern void rw_require_preload(void);

/*
 * A process that must not wait for an LWLock
 *
 * A backend may be stopped at any instruction, also while it holds a lock: by
 * a debugger, a cgroup, or a page that does not come from the disk.  The port's
 * process makes its pages among health checks, which must be answered all the
 * same.  It therefore takes locks only if that can be done at once.  If not, an
 * error is raised with the code ERRCODE_LOCK_NOT_AVAILABLE and a message that
 * names the lock as pg_stat_activity does.  The process catches it, releases
 * all LWLocks, and may try again.
 *
 * Everything that such a process calls takes its locks by these functions.  In
 * all other processes rw_lock_shared() waits, as LWLockAcquire() does, and the
 * others do nothing.
 *
 * What is held for a few instructions only is waited for all the same:
 * spinlocks, and the change counts of the server's status array.
 */

/* From now on, this process does not wait. */
extern void rw_locks_do_not_wait(void);

/* Acquire a lock in share mode.  LWLockRelease() releases it. */
extern void rw_lock_shared(LWLock *lock);

/*
 * Hold a lock in share mode while a function of the server is called that takes
 * it in share mode itself.  It gets it at once: holders in share mode do not
 * exclude each other, and a process that waits for exclusive mode does not keep
 * further ones out.  Only for functions that return soon.
 */
extern void rw_hold_for_call(LWLock *lock);
extern void rw_release_after_call(LWLock *lock);

/*
 * Make sure that a lock could be taken in that mode, before a call of a function
 * of the server that takes it, if it can't be held meanwhile.  Another process
 * may still take it in between, within microseconds.
 */
extern void rw_require_free(LWLock *lock, LWLockMode mode);

#endif							/* RW_LOCKS_H */
