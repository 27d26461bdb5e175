/*-------------------------------------------------------------------------
 *
 * compat_replication.h
 *	  What differs between PostgreSQL 15 and 19 in walsenders, WAL receivers,
 *	  replication slots and the queues of synchronous replication.
 *
 * A part of compat.h, which includes it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_COMPAT_REPLICATION_H
#define RW_COMPAT_REPLICATION_H

#include "replication/slot.h"
#include "replication/walreceiver.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/condition_variable.h"
#include "storage/proc.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 170000
#include "replication/slotsync.h"
#endif

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

#endif							/* RW_COMPAT_REPLICATION_H */
