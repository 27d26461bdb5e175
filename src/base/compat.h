/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between PostgreSQL 15 and 19.
 *
 * No other file of the project looks at PG_VERSION_NUM, but the one that this
 * includes for walsenders, receivers and slots.  Each difference is an inline
 * function or macro, named after what is wanted, with one body per release.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_COMPAT_H
#define RW_COMPAT_H

#include "access/heapam_xlog.h"
#include "fmgr.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "archive/archive_module.h"
#else
#include "postmaster/pgarch.h"
#include "storage/sinvaladt.h"
#endif

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 200000
#error "replwatch supports PostgreSQL 15 to 19"
#endif

#include "src/base/compat_replication.h"

/* How the server prints an LSN: 19 pads the lower half. */
#if PG_VERSION_NUM >= 190000
#define RW_LSN_FORMAT "%X/%08X"
#else
#define RW_LSN_FORMAT "%X/%X"
#endif

/* 18 shows a module's name and version in pg_get_loaded_modules(). */
#if PG_VERSION_NUM >= 180000
#define RW_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "replwatch", .version = REPLWATCH_VERSION)
#else
#define RW_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* Entry i, from 1, of this process's copy of the backend status array. */
static inline LocalPgBackendStatus *
rw_backend_status(int i)
{
#if PG_VERSION_NUM >= 160000
	return pgstat_get_local_beentry_by_index(i);
#else
	return pgstat_fetch_stat_local_beentry(i);
#endif
}

/*
 * An application_name as the server shows it: printable ASCII.  A standby
 * and its upstream are of one major release, so this is what the upstream
 * makes of it.
 */
static inline void
rw_clean_name(char *dst, const char *src, size_t size)
{
	size_t		len = 0;

	for (; *src && len + 1 < size; src++)
	{
		if (*src >= ' ' && *src <= '~')
			dst[len++] = *src;
		else
		{
#if PG_VERSION_NUM >= 160000
			/* Cut where it does not fit, like anything too long. */
			len += snprintf(dst + len, size - len, "\\x%02x",
							(unsigned char) *src);
			len = Min(len, size - 1);
#else
			dst[len++] = '?';
#endif
		}
	}
	dst[len] = '\0';
}

/*
 * Memory for what the check hook of a setting passes to its assign hook; the
 * server frees it.
 */
#if PG_VERSION_NUM >= 160000
#define rw_guc_malloc(elevel, size)	guc_malloc(elevel, size)
#define rw_guc_free(p)				guc_free(p)
#else
#define rw_guc_malloc(elevel, size)	malloc(size)
#define rw_guc_free(p)				free(p)
#endif

/*
 * The oldest transaction that has an ID and runs, in any database; the next ID
 * if there is none.  Not in recovery.
 */
static inline TransactionId
rw_oldest_running_xid(void)
{
#if PG_VERSION_NUM >= 190000
	return GetOldestActiveTransactionId(false, true);
#else
	return GetOldestActiveTransactionId();
#endif
}

/* The process that runs a virtual transaction, or NULL if it has gone. */
static inline PGPROC *
rw_vxid_proc(VirtualTransactionId vxid)
{
#if PG_VERSION_NUM >= 170000
	return ProcNumberGetProc(vxid.procNumber);
#else
	return BackendIdGetProc(vxid.backendId);
#endif
}

/* Is an interval infinite in the positive direction? */
static inline bool
rw_interval_is_infinite(const Interval *interval)
{
#if PG_VERSION_NUM >= 170000
	return INTERVAL_IS_NOEND(interval);
#else
	return false;
#endif
}

/*
 * Fields of WAL records: the newest transaction whose rows a record removes,
 * and the database that it is about.
 */
#if PG_VERSION_NUM >= 160000
#define RW_INDEX_HORIZON(xlrec)		((xlrec)->snapshotConflictHorizon)
#define RW_REDIRECT_HORIZON(xlrec)	((xlrec)->snapshotConflictHorizon)
#define RW_REUSE_HORIZON(xlrec)		((xlrec)->snapshotConflictHorizon)
#define RW_REUSE_DATABASE(xlrec)	((xlrec)->locator.dbOid)
#define RW_BLOCK_DATABASE(block)	((block)->rlocator.dbOid)
#define RW_BUFFER_DATABASE(tag)		((tag)->dbOid)
#define RW_BUFFER_RELATION(tag)		((tag)->relNumber)
#else
#define RW_INDEX_HORIZON(xlrec)		((xlrec)->latestRemovedXid)
#define RW_REDIRECT_HORIZON(xlrec)	((xlrec)->newestRedirectXid)
#define RW_REUSE_HORIZON(xlrec)		((xlrec)->latestRemovedFullXid)
#define RW_REUSE_DATABASE(xlrec)	((xlrec)->node.dbNode)
#define RW_BLOCK_DATABASE(block)	((block)->rnode.dbNode)
#define RW_BUFFER_DATABASE(tag)		((tag)->rnode.dbNode)
#define RW_BUFFER_RELATION(tag)		((tag)->rnode.relNode)
#endif

/*
 * The same of a record about a heap page, given its operation and its data;
 * invalid if it removes nothing that a snapshot could see.
 */
static inline TransactionId
rw_heap2_horizon(uint8 operation, const char *data)
{
	TransactionId horizon = InvalidTransactionId;

#if PG_VERSION_NUM >= 170000
	switch (operation)
	{
		case XLOG_HEAP2_PRUNE_ON_ACCESS:
		case XLOG_HEAP2_PRUNE_VACUUM_SCAN:
		case XLOG_HEAP2_PRUNE_VACUUM_CLEANUP:
			if ((((const xl_heap_prune *) data)->flags &
				 XLHP_HAS_CONFLICT_HORIZON) != 0)
				memcpy(&horizon, data + SizeOfHeapPrune, sizeof(horizon));
			break;
#if PG_VERSION_NUM < 190000
		case XLOG_HEAP2_VISIBLE:
			horizon = ((const xl_heap_visible *) data)->snapshotConflictHorizon;
			break;
#endif
	}
#elif PG_VERSION_NUM >= 160000
	switch (operation)
	{
		case XLOG_HEAP2_PRUNE:
			horizon = ((const xl_heap_prune *) data)->snapshotConflictHorizon;
			break;
		case XLOG_HEAP2_FREEZE_PAGE:
			horizon = ((const xl_heap_freeze_page *) data)->snapshotConflictHorizon;
			break;
		case XLOG_HEAP2_VISIBLE:
			horizon = ((const xl_heap_visible *) data)->snapshotConflictHorizon;
			break;
	}
#else
	switch (operation)
	{
		case XLOG_HEAP2_PRUNE:
			horizon = ((const xl_heap_prune *) data)->latestRemovedXid;
			break;
		case XLOG_HEAP2_FREEZE_PAGE:
			horizon = ((const xl_heap_freeze_page *) data)->cutoff_xid;
			TransactionIdRetreat(horizon);
			break;
		case XLOG_HEAP2_VISIBLE:
			horizon = ((const xl_heap_visible *) data)->cutoff_xid;
			break;
	}
#endif
	return horizon;
}

/* The number of this process's PGPROC, under MaxBackends in a backend. */
static inline int
rw_my_proc_number(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber;
#else
	return MyProc->pgprocno;
#endif
}

/* The latch of the process with that number, or of its successor. */
static inline Latch *
rw_proc_latch(int number)
{
	return &ProcGlobal->allProcs[number].procLatch;
}

/*
 * Does this session hold a lock that replay could wait for?  Any heavyweight
 * lock but the one on its own virtual transaction, as core's WAIT FOR has it.
 */
#if PG_VERSION_NUM >= 190000
static inline bool
rw_holds_lock(void)
{
	LOCKTAG		tag;

	return GetAnyGrantedHeavyweightLock(&tag);
}
#else
static inline bool
rw_is_real_lock(const PROCLOCK *proclock)
{
	return proclock->holdMask != 0 &&
		proclock->tag.myLock->tag.locktag_type != LOCKTAG_VIRTUALTRANSACTION;
}

/*
 * Earlier releases have no such function, so walk the lists of our own PGPROC.
 * First the fast path, then the lists: other processes move locks only in that
 * direction.
 */
static inline bool
rw_holds_lock(void)
{
	bool		found = false;
	int			i;

	LWLockAcquire(&MyProc->fpInfoLock, LW_SHARED);
#if PG_VERSION_NUM >= 180000
	for (i = 0; i < FastPathLockGroupsPerBackend; i++)
		found |= MyProc->fpLockBits[i] != 0;
#else
	found = MyProc->fpLockBits != 0;
#endif
	LWLockRelease(&MyProc->fpInfoLock);

	for (i = 0; i < NUM_LOCK_PARTITIONS && !found; i++)
	{
#if PG_VERSION_NUM >= 160000
		dlist_iter	iter;

		if (dlist_is_empty(&MyProc->myProcLocks[i]))
			continue;
		LWLockAcquire(LockHashPartitionLockByIndex(i), LW_SHARED);
		dlist_foreach(iter, &MyProc->myProcLocks[i])
			found |= rw_is_real_lock(dlist_container(PROCLOCK, procLink,
													 iter.cur));
		LWLockRelease(LockHashPartitionLockByIndex(i));
#else
		SHM_QUEUE  *queue = &MyProc->myProcLocks[i];
		PROCLOCK   *proclock;

		if (SHMQueueEmpty(queue))
			continue;
		LWLockAcquire(LockHashPartitionLockByIndex(i), LW_SHARED);
		for (proclock = (PROCLOCK *) SHMQueueNext(queue, queue,
												  offsetof(PROCLOCK, procLink));
			 proclock != NULL;
			 proclock = (PROCLOCK *) SHMQueueNext(queue, &proclock->procLink,
												  offsetof(PROCLOCK, procLink)))
			found |= rw_is_real_lock(proclock);
		LWLockRelease(LockHashPartitionLockByIndex(i));
#endif
	}
	return found;
}
#endif

/* A set for at most so many events, which lives until it is freed. */
static inline WaitEventSet *
rw_create_wait_event_set(int nevents)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, nevents);
#else
	return CreateWaitEventSet(TopMemoryContext, nevents);
#endif
}

/* The wait event of a process of ours; it has a name from 17 on. */
static inline uint32
rw_wait_event(const char *name)
{
#if PG_VERSION_NUM >= 170000
	return WaitEventExtensionNew(name);
#else
	return PG_WAIT_EXTENSION;
#endif
}

#endif							/* RW_COMPAT_H */
