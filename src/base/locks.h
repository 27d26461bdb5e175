/*-------------------------------------------------------------------------
 *
 * locks.h
 *	  The locks that protect shared memory, and whether there is any.
 *
 *	rw_history_lock	the LSN history (history/history.h)
 *	rw_state_lock	replicas, slot notes, links and alerts: all that the
 *					worker publishes in each round
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

#endif							/* RW_LOCKS_H */
