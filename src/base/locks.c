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

#include "src/base/locks.h"

#define TRANCHE		"replwatch"
#define NUM_LOCKS	4

LWLock	   *rw_history_lock = NULL;
LWLock	   *rw_state_lock = NULL;
LWLock	   *rw_waiters_lock = NULL;
LWLock	   *rw_command_lock = NULL;

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
