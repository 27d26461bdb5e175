/*-------------------------------------------------------------------------
 *
 * hold_locks.c
 *	  Holds locks in a process that is stopped: for t/143.
 *
 * hold_locks(n) acquires the LWLocks of group n in exclusive mode, stops its
 * process with SIGSTOP, and releases them once that goes on.  hold_locks(-1)
 * holds all groups at once.  A group is a lock of the server's that has a name of
 * its own, or one of replwatch's, or all partitions of the table of locks, or the
 * locks of all processes on their own entries in it.  lock_groups() returns how
 * many there are.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(hold_locks);
PG_FUNCTION_INFO_V1(lock_groups);

/* replwatch's own, as in src/base/locks.h */
#define OURS			4

#define FIRST_OF_OURS	NUM_INDIVIDUAL_LWLOCKS
#define TABLE			(FIRST_OF_OURS + OURS)
#define PROCESSES		(TABLE + 1)
#define NGROUPS			(PROCESSES + 1)

/* Acquire one without waiting, so that no deadlock comes of their order. */
static bool
acquire(LWLock *lock)
{
	return LWLockConditionalAcquire(lock, LW_EXCLUSIVE);
}

static bool
acquire_group(int group)
{
	int			i;

	if (group < FIRST_OF_OURS)
		return acquire(&MainLWLockArray[group].lock);
	if (group < TABLE)
		return acquire(&GetNamedLWLockTranche("replwatch")[group - FIRST_OF_OURS].lock);
	if (group == TABLE)
	{
		for (i = 0; i < NUM_LOCK_PARTITIONS; i++)
		{
			if (!acquire(LockHashPartitionLockByIndex(i)))
				return false;
		}
		return true;
	}
	for (i = 0; i < ProcGlobal->allProcCount; i++)
	{
		if (!acquire(&ProcGlobal->allProcs[i].fpInfoLock))
			return false;
	}
	return true;
}

static bool
acquire_groups(int group)
{
	int			i;

	if (group >= 0)
		return acquire_group(group);
	for (i = 0; i < NGROUPS; i++)
	{
		if (!acquire_group(i))
			return false;
	}
	return true;
}

Datum
hold_locks(PG_FUNCTION_ARGS)
{
	int			group = PG_GETARG_INT32(0);

	if (group >= NGROUPS)
		elog(ERROR, "there is no such group");
	while (!acquire_groups(group))
	{
		LWLockReleaseAll();
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000);
	}
	raise(SIGSTOP);
	LWLockReleaseAll();
	PG_RETURN_VOID();
}

Datum
lock_groups(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(NGROUPS);
}
