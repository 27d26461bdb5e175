/*-------------------------------------------------------------------------
 *
 * blockers.c
 *	  One look at the server: the sessions that replay may wait for.
 *
 * The lock manager knows for certain who holds a lock.  For a snapshot the
 * note that the startup process has left of its record says which ones are in
 * conflict (replaying.h).  Nobody knows who has pinned a page, but whoever
 * has is reading its relation, so it has locked that and has a snapshot.
 *
 * Any session may end while it is looked at, and its pid and transaction be
 * those of another; what is copied here is as good as core's views.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "storage/buf_internals.h"
#include "storage/bufmgr.h"

#include "src/base/compat.h"
#include "src/base/locks.h"
#include "src/observe/culprit.h"
#include "src/observe/intern.h"
#include "src/observe/replaying.h"
#include "src/observe/start_command.h"

/* So much of a query is looked at to find what is shown of it. */
#define QUERY_START_LEN		512

/* When the transaction of a process began; 0 if not known. */
static TimestampTz
transaction_start(int pid)
{
	const PgBackendStatus *status = rw_status_of_pid(pid);

	return status ? status->st_xact_start_timestamp : 0;
}

static int
compare_pids(const void *a, const void *b)
{
	int			pid_a = ((const RwHolder *) a)->pid;
	int			pid_b = ((const RwHolder *) b)->pid;

	return (pid_a > pid_b) - (pid_a < pid_b);
}

/*
 * Fill in when the transactions began.  There may be as many of them as there
 * are backends, so each backend's entry is looked at only once.
 */
static void
date_transactions(RwHolder *holders, int n)
{
	int			nbackends = rw_backend_status_number();
	int			i;

	qsort(holders, n, sizeof(RwHolder), compare_pids);
	for (i = 1; i <= nbackends && n > 0; i++)
	{
		LocalPgBackendStatus *local = rw_backend_status(i);
		RwHolder	key;
		RwHolder   *holder;

		if (local == NULL)
			continue;
		key.pid = local->backendStatus.st_procpid;
		holder = bsearch(&key, holders, n, sizeof(RwHolder), compare_pids);
		if (holder)
			holder->began = local->backendStatus.st_xact_start_timestamp;
	}
}

/*
 * Describe the sessions that run these transactions; returns how many, and an
 * array in the current memory context, in the order of their pids.  Left out is
 * whose transaction replay would not wait for: it has ended, or a session that
 * waits for replay has released its lock on it (see src/wait/waiters.c).
 */
static int
describe_holders(const VirtualTransactionId *vxids, RwHolder **holders)
{
	int			n = 0;
	int			i;

	while (VirtualTransactionIdIsValid(vxids[n]))
		n++;
	*holders = palloc(Max(n, 1) * sizeof(RwHolder));
	n = 0;
	for (i = 0; VirtualTransactionIdIsValid(vxids[i]); i++)
	{
		PGPROC	   *proc = rw_vxid_proc(vxids[i]);
		RwHolder   *holder = &(*holders)[n];

		if (proc == NULL)
			continue;
		holder->pid = proc->pid;
		holder->xmin = proc->xmin;
		holder->began = 0;
		/* If it still runs now, what was copied is not its successor's. */
		pg_read_barrier();
		if (rw_is_transaction_of(proc, vxids[i]))
			n++;
	}
	date_transactions(*holders, n);
	return n;
}

/*
 * The open transactions in a database, or in all.  Where it is not known since
 * when replay waits, the transaction that asks is taken for a later one.
 */
static int
find_transactions(Oid database, TimestampTz since, RwHolder **holders)
{
	VirtualTransactionId *vxids;
	int			n;
	int			kept = 0;
	int			i;

	rw_hold_for_call(ProcArrayLock);
	vxids = GetConflictingVirtualXIDs(InvalidTransactionId, database);
	rw_release_after_call(ProcArrayLock);
	n = describe_holders(vxids, holders);
	for (i = 0; i < n; i++)
	{
		if (since != 0 || (*holders)[i].pid != MyProcPid)
			(*holders)[kept++] = (*holders)[i];
	}
	return kept;
}

static void
find_snapshots(RwRecoveryFacts *recovery, TimestampTz since)
{
	RwReplaying replaying;
	RwHolder   *holders;
	int			n;

	if (rw_replaying_read(&replaying) &&
		replaying.kind == RW_REPLAYING_ROWS)
	{
		n = find_transactions(replaying.database, since, &holders);
		rw_blame_snapshots(recovery, holders, n, replaying.horizon, since);
	}
	else
	{
		n = find_transactions(InvalidOid, since, &holders);
		rw_blame_any_snapshot(recovery, holders, n, since);
	}
}

/*
 * The lock that the startup process waits for.  Core's view of locks would copy
 * all of them, and keep all from being taken meanwhile.  Which lock a process
 * waits for is protected by the lock on its partition, which the tag tells.
 */
static bool
find_awaited_lock(LOCKTAG *tag, LOCKMODE *mode)
{
	const volatile PGPROC *proc = rw_startup_proc();
	LOCK	   *lock = proc ? proc->waitLock : NULL;
	LWLock	   *partition;
	bool		found;

	if (lock == NULL)
		return false;
	/* Its memory stays one of a lock, but it may be another by now. */
	*tag = lock->tag;
	partition = LockHashPartitionLock(LockTagHashCode(tag));
	rw_lock_shared(partition);
	*mode = proc->waitLockMode;
	found = proc->waitLock == lock &&
		memcmp(tag, &lock->tag, sizeof(LOCKTAG)) == 0;
	LWLockRelease(partition);
	return found;
}

/*
 * The transactions that hold a lock in a mode that conflicts with this one.  The
 * server looks for them in its table of locks and in the entries of all
 * processes, each under a lock of its own: too many to hold them meanwhile.
 */
static const VirtualTransactionId *
find_conflicts(const LOCKTAG *tag, LOCKMODE mode)
{
	int			i;

	for (i = 0; i < ProcGlobal->allProcCount; i++)
		rw_require_free(&ProcGlobal->allProcs[i].fpInfoLock, LW_SHARED);
	rw_require_free(LockHashPartitionLock(LockTagHashCode(tag)), LW_SHARED);
	return GetLockConflicts(tag, mode, NULL);
}

/* Add the holders of the lock that the startup process waits for. */
static void
find_lock_holders(RwRecoveryFacts *recovery)
{
	LOCKTAG		tag;
	LOCKMODE	mode;
	RwHolder   *holders;
	int			n;
	int			i;

	if (!find_awaited_lock(&tag, &mode))
		return;
	n = describe_holders(find_conflicts(&tag, mode), &holders);
	for (i = 0; i < n; i++)
		rw_add_blocker(recovery, holders[i].pid);
}

/*
 * The relation of the page that is pinned.  The startup process has pinned it,
 * too, so it stays what it is.
 */
static bool
find_pinned_relation(LOCKTAG *relation)
{
	int			buffer = GetStartupBufferPinWaitBufId();
	const BufferTag *tag;

	if (buffer < 0 || buffer >= NBuffers)
		return false;
	tag = &GetBufferDescriptor(buffer)->tag;
	/* A relation that was never rewritten has its files under its own OID. */
	SET_LOCKTAG_RELATION(*relation, RW_BUFFER_DATABASE(tag),
						 RW_BUFFER_RELATION(tag));
	return GetStartupBufferPinWaitBufId() == buffer;
}

static void
find_pins(RwRecoveryFacts *recovery, TimestampTz since)
{
	LOCKTAG		relation;
	RwHolder   *holders;
	int			n;

	if (!find_pinned_relation(&relation))
		return;

	/* This session is not among those found, but may have the pin. */
	if (since != 0 && transaction_start(MyProcPid) != 0 &&
		transaction_start(MyProcPid) <= since)
		return;
	n = describe_holders(find_conflicts(&relation, AccessExclusiveLock),
						 &holders);
	rw_blame_pins(recovery, holders, n);
}

/* Add all transactions that were open when a tablespace was to be dropped. */
static void
find_users_of_dropped(RwRecoveryFacts *recovery)
{
	RwReplaying replaying;
	RwHolder   *holders;
	int			n;

	if (!rw_replaying_read(&replaying) ||
		replaying.kind != RW_REPLAYING_DROP_TABLESPACE)
		return;
	n = find_transactions(InvalidOid, replaying.begun, &holders);
	rw_blame_transactions(recovery, holders, n, replaying.begun);
}

/* Add the sessions in the database that is dropped, if any are left. */
static void
find_sessions_of_dropped(RwRecoveryFacts *recovery)
{
	RwReplaying replaying;
	int			nbackends;
	int			i;

	if (!rw_replaying_read(&replaying) ||
		replaying.kind != RW_REPLAYING_DROP_DATABASE)
		return;
	pgstat_clear_backend_activity_snapshot();
	nbackends = rw_backend_status_number();
	for (i = 1; i <= nbackends; i++)
	{
		LocalPgBackendStatus *local = rw_backend_status(i);

		if (local &&
			local->backendStatus.st_databaseid == replaying.database)
			rw_add_blocker(recovery, local->backendStatus.st_procpid);
	}
	if (recovery->nblockers > 0)
		recovery->hold = RW_REPLAY_WAIT_DATABASE;
}

/* Fill in the query of the first blocker. */
static void
observe_query(RwRecoveryFacts *recovery)
{
	const PgBackendStatus *status = rw_status_of_pid(recovery->blockers[0]);
	char		line[QUERY_START_LEN];

	if (status == NULL)
		return;
	recovery->query_start = status->st_activity_start_timestamp;
	rw_one_line(line, status->st_activity_raw, sizeof(line));
	rw_first_line(recovery->query, line, RW_QUERY_LEN);
}

void
rw_observe_blockers(RwRecoveryFacts *recovery, TimestampTz since)
{
	switch (recovery->hold)
	{
		case RW_REPLAY_WAIT_NONE:
			/* Core ends these sessions at once, and so shows no wait. */
			find_sessions_of_dropped(recovery);
			break;
		case RW_REPLAY_WAIT_SNAPSHOT:
			pgstat_clear_backend_activity_snapshot();
			find_snapshots(recovery, since);
			break;
		case RW_REPLAY_WAIT_LOCK:
			pgstat_clear_backend_activity_snapshot();
			find_lock_holders(recovery);
			break;
		case RW_REPLAY_WAIT_PIN:
			pgstat_clear_backend_activity_snapshot();
			find_pins(recovery, since);
			break;
		case RW_REPLAY_WAIT_TABLESPACE:
			pgstat_clear_backend_activity_snapshot();
			find_users_of_dropped(recovery);
			break;
		case RW_REPLAY_WAIT_PAUSED:
		case RW_REPLAY_WAIT_DELAY:
		case RW_REPLAY_WAIT_DATABASE:
		case RW_REPLAY_WAIT_OTHER:
			break;
	}
	if (recovery->nblockers > 0)
		observe_query(recovery);
}
