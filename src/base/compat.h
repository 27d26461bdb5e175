/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between PostgreSQL 15 and 19, in one place.
 *
 * No other file of the project looks at PG_VERSION_NUM.  Each difference is
 * an inline function or macro, named after what is wanted, with one body per
 * release.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_COMPAT_H
#define RW_COMPAT_H

#include "access/heapam_xlog.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "replication/slot.h"
#include "replication/walreceiver.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/condition_variable.h"
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
#if PG_VERSION_NUM >= 170000
#include "postmaster/walsummarizer.h"
#include "replication/slotsync.h"
#endif

#include "src/base/locks.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 200000
#error "replwatch supports PostgreSQL 15 to 19"
#endif

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

/* Wake all walsenders, to check whether there is something to send. */
static inline void
rw_wake_walsenders(void)
{
#if PG_VERSION_NUM >= 160000
	WalSndWakeup(true, false);
#else
	WalSndWakeup();
#endif
}

/*
 * Does a walsender send WAL to a standby, or something that keeps it?  15 does
 * not say, and the answer is yes.  The caller holds the spinlock.
 */
static inline bool
rw_sender_is_physical(const WalSnd *walsnd)
{
#if PG_VERSION_NUM >= 160000
	return walsnd->kind == REPLICATION_KIND_PHYSICAL;
#else
	return true;
#endif
}

/*
 * Put this walsender on the list of those that are woken when there is WAL to
 * send, on which core puts it when it sleeps.  Returns false on 15, which has
 * no list and wakes all.
 */
static inline bool
rw_join_walsenders_to_wake(void)
{
#if PG_VERSION_NUM >= 160000
	ConditionVariablePrepareToSleep(MyWalSnd->kind == REPLICATION_KIND_PHYSICAL ?
									&WalSndCtl->wal_flush_cv :
									&WalSndCtl->wal_replay_cv);
	return true;
#else
	return false;
#endif
}

/*
 * Does this walsender, a logical one, send WAL only after the standbys of
 * synchronized_standby_slots have confirmed it?
 */
static inline bool
rw_sends_after_standbys(void)
{
#if PG_VERSION_NUM >= 170000
	return MyReplicationSlot->data.failover &&
		synchronized_standby_slots && synchronized_standby_slots[0] != '\0';
#else
	return false;
#endif
}

/*
 * Have these standbys confirmed WAL up to this LSN?  Takes
 * ReplicationSlotControlLock, and in recovery returns true.
 */
static inline bool
rw_standbys_have(XLogRecPtr lsn)
{
#if PG_VERSION_NUM >= 170000
	return StandbySlotsHaveCaughtup(lsn, DEBUG5);
#else
	return true;
#endif
}

/* Put this walsender on the list of those woken by such a confirmation. */
static inline void
rw_join_walsenders_to_confirm(void)
{
#if PG_VERSION_NUM >= 170000
	ConditionVariablePrepareToSleep(&WalSndCtl->wal_confirm_rcv_cv);
#endif
}

/*
 * Does this walsender's process sleep until there is WAL to send, or a reply?
 * It also does so in WAL_SENDER_MAIN while it has output that it cannot send.
 */
static inline bool
rw_sleeps_for_wal(const PGPROC *proc)
{
	uint32		event = *(volatile const uint32 *) &proc->wait_event_info;

#if PG_VERSION_NUM >= 160000
	return event == WAIT_EVENT_WAL_SENDER_MAIN ||
		event == WAIT_EVENT_WAL_SENDER_WAIT_FOR_WAL;
#else
	return event == WAIT_EVENT_WAL_SENDER_MAIN ||
		event == WAIT_EVENT_WAL_SENDER_WAIT_WAL;
#endif
}

/* Have the WAL receiver report what has been replayed, if there is one. */
static inline void
rw_request_receiver_reply(void)
{
#if PG_VERSION_NUM >= 190000
	WalRcvRequestApplyReply();
#else
	WalRcvForceReply();
#endif
}

/* Is the receiver about to connect? */
static inline bool
rw_receiver_is_connecting(WalRcvState state)
{
#if PG_VERSION_NUM >= 190000
	if (state == WALRCV_CONNECTING)
		return true;
#endif
	return state == WALRCV_STARTING || state == WALRCV_RESTARTING;
}

/*
 * Is the receiver connected to its upstream server?  The caller holds the
 * spinlock.  19 displays a receiver that still connects, without a host.
 */
static inline bool
rw_receiver_is_connected(const WalRcvData *walrcv)
{
#if PG_VERSION_NUM >= 190000
	return walrcv->pid != 0 && walrcv->sender_host[0] != '\0';
#else
	return walrcv->pid != 0 && walrcv->ready_to_display;
#endif
}

/* Places in the server's array of slots: 19 keeps some more for REPACK. */
#if PG_VERSION_NUM >= 190000
#define RW_MAX_SLOTS	(max_replication_slots + max_repack_replication_slots)
#else
#define RW_MAX_SLOTS	max_replication_slots
#endif

/* The sizes of the arrays of walsenders and slots, 0 where not exported. */
#if PG_VERSION_NUM >= 190000
#define RW_WALSENDERS_SIZE	0
#define RW_SLOTS_SIZE		0
#else
#define RW_WALSENDERS_SIZE	WalSndShmemSize()
#define RW_SLOTS_SIZE		ReplicationSlotsShmemSize()
#endif

/* The process that uses a slot, 0 if none; the slot's spinlock is held. */
static inline int
rw_slot_active_pid(const ReplicationSlot *slot)
{
#if PG_VERSION_NUM >= 190000
	if (slot->active_proc == INVALID_PROC_NUMBER)
		return 0;
	return GetPGProcByNumber(slot->active_proc)->pid;
#else
	return slot->active_pid;
#endif
}

/* Why a slot was invalidated, in core's words; NULL if it was not. */
static inline const char *
rw_slot_invalidation(const ReplicationSlot *slot)
{
#if PG_VERSION_NUM >= 160000
	switch (slot->data.invalidated)
	{
		case RS_INVAL_NONE:
			return NULL;
		case RS_INVAL_WAL_REMOVED:
			return "wal_removed";
		case RS_INVAL_HORIZON:
			return "rows_removed";
		case RS_INVAL_WAL_LEVEL:
			return "wal_level_insufficient";
#if PG_VERSION_NUM >= 180000
		case RS_INVAL_IDLE_TIMEOUT:
			return "idle_timeout";
#endif
	}
	return "unknown";
#else
	/* 15 knows one cause, which these two fields show together. */
	if (XLogRecPtrIsInvalid(slot->data.restart_lsn) &&
		!XLogRecPtrIsInvalid(slot->data.invalidated_at))
		return "wal_removed";
	return NULL;
#endif
}

/*
 * Is this a slot that the server keeps for itself, such as the one with which
 * it detects conflicts of its subscriptions?
 */
static inline bool
rw_slot_is_own(const ReplicationSlot *slot)
{
#if PG_VERSION_NUM >= 190000
	return strcmp(NameStr(slot->data.name), CONFLICT_DETECTION_SLOT) == 0;
#else
	return false;
#endif
}

/* Is this slot kept in step with the primary's by core's slot sync? */
static inline bool
rw_slot_synced(const ReplicationSlot *slot)
{
#if PG_VERSION_NUM >= 170000
	return slot->data.synced;
#else
	return false;
#endif
}

/*
 * Is it to be on the standbys for a failover?  Then its consumer waits for the
 * slots in synchronized_standby_slots.
 */
static inline bool
rw_slot_failover(const ReplicationSlot *slot)
{
#if PG_VERSION_NUM >= 170000
	return slot->data.failover;
#else
	return false;
#endif
}

/* Does core know synced slots at all? */
#if PG_VERSION_NUM >= 170000
#define RW_SERVER_SYNCS_SLOTS	true
#else
#define RW_SERVER_SYNCS_SLOTS	false
#endif

/* Since when a slot is unused, according to core; 0 if unknown. */
static inline TimestampTz
rw_slot_inactive_since(const ReplicationSlot *slot)
{
#if PG_VERSION_NUM >= 170000
	return slot->inactive_since;
#else
	return 0;
#endif
}

/* idle_replication_slot_timeout in seconds; 0: none. */
#if PG_VERSION_NUM >= 180000
#define RW_IDLE_SLOT_TIMEOUT_S	idle_replication_slot_timeout_secs
#else
#define RW_IDLE_SLOT_TIMEOUT_S	0
#endif

/* sync_replication_slots */
#if PG_VERSION_NUM >= 170000
#define RW_SYNCS_SLOTS	sync_replication_slots
#else
#define RW_SYNCS_SLOTS	false
#endif

/*
 * Why slot synchronization has not brought a synced slot up to date the last
 * time, in core's words; NULL if it has, or core does not know.
 */
static inline const char *
rw_slot_sync_skipped(const ReplicationSlot *slot)
{
#if PG_VERSION_NUM >= 190000
	switch (slot->slotsync_skip_reason)
	{
		case SS_SKIP_NONE:
			return NULL;
		case SS_SKIP_WAL_NOT_FLUSHED:
			return "wal_not_flushed";
		case SS_SKIP_WAL_OR_ROWS_REMOVED:
			return "wal_or_rows_removed";
		case SS_SKIP_NO_CONSISTENT_SNAPSHOT:
			return "no_consistent_snapshot";
		case SS_SKIP_INVALID:
			return "slot_invalidated";
	}
#endif
	return NULL;
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
 * The list of slots that logical walsenders wait for, in memory that may be
 * written to; NULL if there is none.
 */
static inline char *
rw_synchronized_standby_slots(void)
{
#if PG_VERSION_NUM >= 170000
	if (synchronized_standby_slots && synchronized_standby_slots[0] != '\0')
		return pstrdup(synchronized_standby_slots);
#endif
	return NULL;
}

/* Does this process wait for those slots, in a walsender? */
static inline bool
rw_waits_for_standby(const PGPROC *proc)
{
#if PG_VERSION_NUM >= 170000
	return *(volatile const uint32 *) &proc->wait_event_info ==
		WAIT_EVENT_WAIT_FOR_STANDBY_CONFIRMATION;
#else
	return false;
#endif
}

/*
 * The queue of the commits that wait for synchronous standbys at a stage, in
 * the order of their LSNs: whether it is empty, which needs no lock if the
 * answer may be outdated, and its first and last process, under SyncRepLock,
 * of a queue that is not empty.
 */
#if PG_VERSION_NUM >= 160000
static inline bool
rw_sync_queue_is_empty(int stage)
{
	return dlist_is_empty(&WalSndCtl->SyncRepQueue[stage]);
}

static inline const PGPROC *
rw_sync_queue_first(int stage)
{
	return dlist_head_element(PGPROC, syncRepLinks,
							  &WalSndCtl->SyncRepQueue[stage]);
}

static inline const PGPROC *
rw_sync_queue_last(int stage)
{
	return dlist_tail_element(PGPROC, syncRepLinks,
							  &WalSndCtl->SyncRepQueue[stage]);
}
#else
static inline bool
rw_sync_queue_is_empty(int stage)
{
	const SHM_QUEUE *queue = &WalSndCtl->SyncRepQueue[stage];

	/* SHMQueueEmpty() asserts that nobody changes the queue meanwhile. */
	return queue->next == queue;
}

static inline const PGPROC *
rw_sync_queue_first(int stage)
{
	return (PGPROC *) SHMQueueNext(&WalSndCtl->SyncRepQueue[stage],
								   &WalSndCtl->SyncRepQueue[stage],
								   offsetof(PGPROC, syncRepLinks));
}

static inline const PGPROC *
rw_sync_queue_last(int stage)
{
	return (PGPROC *) SHMQueuePrev(&WalSndCtl->SyncRepQueue[stage],
								   &WalSndCtl->SyncRepQueue[stage],
								   offsetof(PGPROC, syncRepLinks));
}
#endif

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

/* The lock under which the server looks up a backend and its transaction. */
#if PG_VERSION_NUM >= 170000
#define RW_BACKENDS_LOCK	ProcArrayLock
#else
#define RW_BACKENDS_LOCK	SInvalWriteLock
#endif

/* The process that runs a virtual transaction, or NULL if it has gone. */
static inline PGPROC *
rw_vxid_proc(VirtualTransactionId vxid)
{
#if PG_VERSION_NUM >= 170000
	/* It takes no lock. */
	return ProcNumberGetProc(vxid.procNumber);
#else
	PGPROC	   *proc;

	rw_hold_for_call(RW_BACKENDS_LOCK);
	proc = BackendIdGetProc(vxid.backendId);
	rw_release_after_call(RW_BACKENDS_LOCK);
	return proc;
#endif
}

/*
 * Does this process still run that transaction, and hold the lock on its
 * virtual ID?  VirtualXactLock() finds the same, under the process's own lock.
 */
static inline bool
rw_is_transaction_of(const PGPROC *proc, VirtualTransactionId vxid)
{
	const volatile PGPROC *vproc = proc;

#if PG_VERSION_NUM >= 170000
	return vproc->vxid.procNumber == vxid.procNumber &&
		vproc->fpLocalTransactionId == vxid.localTransactionId;
#else
	return vproc->backendId == vxid.backendId &&
		vproc->fpLocalTransactionId == vxid.localTransactionId;
#endif
}

/*
 * GetWALAvailability().  From 17 on it asks what the WAL summarizer has left to
 * do, and finds that out itself if nobody has yet.
 */
static inline WALAvailability
rw_wal_availability(XLogRecPtr lsn)
{
#if PG_VERSION_NUM >= 170000
	if (summarize_wal)
		rw_require_free(WALSummarizerLock, LW_EXCLUSIVE);
#endif
	return GetWALAvailability(lsn);
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
