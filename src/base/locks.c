/*-------------------------------------------------------------------------
 *
 * locks.c
 *	  The locks that protect shared memory, and whether there is any.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/spin.h"
#include "utils/wait_event.h"

#include "src/base/locks.h"

#define TRANCHE		"replwatch"
#define NUM_LOCKS	4

/*
 * How often a process that must not wait looks at a lock: for some
 * microseconds, in which a holder that runs releases it.
 */
#define TRIES		100

LWLock	   *rw_history_lock = NULL;
LWLock	   *rw_state_lock = NULL;
LWLock	   *rw_waiters_lock = NULL;
LWLock	   *rw_command_lock = NULL;

/* This process does not wait for locks. */
static bool do_not_wait = false;

void
rw_locks_request(void)
{
	RequestNamedLWLockTranche(TRANCHE, NUM_LOCKS);
}

void
rw_locks_attach(void)
{
	LWLockPadded *locks = GetNamedLWLockTranche(TRANCHE);

	rw_history_lock = &locks[0].lock;
	rw_state_lock = &locks[1].lock;
	rw_waiters_lock = &locks[2].lock;
	rw_command_lock = &locks[3].lock;
}

void
rw_require_preload(void)
{
	if (!rw_is_preloaded())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("replwatch must be loaded via \"shared_preload_libraries\"")));
}

void
rw_locks_do_not_wait(void)
{
	do_not_wait = true;
}

/* Acquire a lock without waiting, or raise an error. */
static void
acquire_at_once(LWLock *lock, LWLockMode mode)
{
	int			i;

	for (i = 0; i < TRIES; i++)
	{
		if (LWLockConditionalAcquire(lock, mode))
			return;
		SPIN_DELAY();
	}
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg_internal("lock \"%s\" is held by another process",
							 pgstat_get_wait_event(PG_WAIT_LWLOCK |
												   lock->tranche))));
}

void
rw_lock_shared(LWLock *lock)
{
	if (do_not_wait)
		acquire_at_once(lock, LW_SHARED);
	else
		LWLockAcquire(lock, LW_SHARED);
}

void
rw_hold_for_call(LWLock *lock)
{
	if (do_not_wait)
		acquire_at_once(lock, LW_SHARED);
}

void
rw_release_after_call(LWLock *lock)
{
	if (do_not_wait)
		LWLockRelease(lock);
}

void
rw_require_free(LWLock *lock, LWLockMode mode)
{
	if (do_not_wait)
	{
		acquire_at_once(lock, mode);
		LWLockRelease(lock);
	}
}
