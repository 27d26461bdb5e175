/*-------------------------------------------------------------------------
 *
 * observe.c
 *	  One look at the server: the sending side.
 *
 * Columns that core's own views show, too, are worked out the way core does
 * it, so that the two always agree.  Comments say which rules are core's:
 * which slot is lost, how much WAL is safe, which standby is synchronous.
 *
 * observe_peers.c finds the peer of each walsender, observe_recovery.c has the
 * receiving side.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "src/base/compat.h"
#include "src/base/layout.h"
#include "src/base/locks.h"
#include "src/observe/intern.h"

static RwSenderState
sender_state_from_core(WalSndState state)
{
	switch (state)
	{
		case WALSNDSTATE_STARTUP:
			return RW_SENDER_STARTUP;
		case WALSNDSTATE_BACKUP:
			return RW_SENDER_BACKUP;
		case WALSNDSTATE_CATCHUP:
			return RW_SENDER_CATCHUP;
		case WALSNDSTATE_STREAMING:
			return RW_SENDER_STREAMING;
		case WALSNDSTATE_STOPPING:
			return RW_SENDER_STOPPING;
	}
	return RW_SENDER_STARTUP;
}

TransactionId
rw_next_xid(void)
{
	FullTransactionId next;

	rw_hold_for_call(XidGenLock);
	next = ReadNextFullTransactionId();
	rw_release_after_call(XidGenLock);
	return XidFromFullTransactionId(next);
}

/* Fill in the walsenders but for what depends on other structures. */
static void
observe_senders(RwFacts *facts)
{
	int			i;

	facts->senders = palloc0(Max(max_wal_senders, 1) * sizeof(RwSenderFacts));
	for (i = 0; i < max_wal_senders; i++)
	{
		WalSnd	   *walsnd = &WalSndCtl->walsnds[i];
		RwSenderFacts *sender = &facts->senders[facts->nsenders];

		SpinLockAcquire(&walsnd->mutex);
		sender->pid = walsnd->pid;
		sender->state = sender_state_from_core(walsnd->state);
		sender->sent = walsnd->sentPtr;
		sender->write = walsnd->write;
		sender->flush = walsnd->flush;
		sender->replay = walsnd->apply;
		sender->write_lag = walsnd->writeLag;
		sender->flush_lag = walsnd->flushLag;
		sender->replay_lag = walsnd->applyLag;
		sender->sync_priority = walsnd->sync_standby_priority;
		sender->reply_time = walsnd->replyTime;
		SpinLockRelease(&walsnd->mutex);

		if (sender->pid == 0)
			continue;

		/* A receiver that never reports a flush counts as asynchronous. */
		if (XLogRecPtrIsInvalid(sender->flush))
			sender->sync_priority = 0;
		sender->sync_state = "async";
		sender->slot = -1;
		sender->number = i;
		facts->nsenders++;
	}
}

bool
rw_glance_at_sender(int place, RwGlance *glance)
{
	WalSnd	   *walsnd = &WalSndCtl->walsnds[place];
	bool		streams;

	/* Most places are empty, and one that is just being taken can wait. */
	if (*(volatile pid_t *) &walsnd->pid == 0)
		return false;

	SpinLockAcquire(&walsnd->mutex);
	streams = walsnd->pid != 0 && walsnd->state == WALSNDSTATE_STREAMING;
	glance->pid = walsnd->pid;
	glance->physical = rw_sender_is_physical(walsnd);
	glance->sent = walsnd->sentPtr;
	glance->write = walsnd->write;
	glance->flush = walsnd->flush;
	glance->replay = walsnd->apply;
	SpinLockRelease(&walsnd->mutex);
	return streams;
}

/* Which of the walsenders belong to synchronous standbys. */
static void
observe_sync_states(RwFacts *facts)
{
	SyncRepStandbyData *candidates;
	int			ncandidates = SyncRepGetCandidateStandbys(&candidates);
	int			i;
	int			j;

	for (i = 0; i < facts->nsenders; i++)
	{
		RwSenderFacts *sender = &facts->senders[i];
		bool		is_candidate = false;

		for (j = 0; j < ncandidates; j++)
		{
			if (candidates[j].walsnd_index == sender->number &&
				candidates[j].pid == sender->pid)
				is_candidate = true;
		}
		if (sender->sync_priority == 0)
			sender->sync_state = "async";
		else if (!is_candidate)
			sender->sync_state = "potential";
		else if (SyncRepConfig &&
				 SyncRepConfig->syncrep_method == SYNC_REP_PRIORITY)
			sender->sync_state = "sync";
		else
			sender->sync_state = "quorum";
	}

	pfree(candidates);
}

/*
 * Core's rules for wal_status and safe_wal_size.  A slot whose WAL is gone may
 * still catch up while a process uses it: it is unreserved, not lost.
 */
static void
fill_wal_status(RwSlotFacts *slot, XLogRecPtr write_position)
{
	WALAvailability available;

	if (slot->invalidation)
		available = WALAVAIL_REMOVED;
	else
		available = rw_wal_availability(slot->restart_lsn);

	switch (available)
	{
		case WALAVAIL_INVALID_LSN:
			slot->wal_status = RW_WAL_UNKNOWN;
			break;
		case WALAVAIL_RESERVED:
			slot->wal_status = RW_WAL_RESERVED;
			break;
		case WALAVAIL_EXTENDED:
			slot->wal_status = RW_WAL_EXTENDED;
			break;
		case WALAVAIL_UNRESERVED:
			slot->wal_status = RW_WAL_UNRESERVED;
			break;
		case WALAVAIL_REMOVED:
			if (!XLogRecPtrIsInvalid(slot->restart_lsn) &&
				slot->active_pid != 0)
				slot->wal_status = RW_WAL_UNRESERVED;
			else
				slot->wal_status = RW_WAL_LOST;
			break;
	}

	slot->limited = slot->wal_status != RW_WAL_LOST &&
		max_slot_wal_keep_size_mb >= 0;
	if (slot->limited)
	{
		XLogSegNo	segment;
		uint64		kept_by_slots;
		uint64		kept_anyway;
		XLogRecPtr	fatal;

		XLByteToSeg(slot->restart_lsn, segment, wal_segment_size);
		kept_by_slots = XLogMBVarToSegs(max_slot_wal_keep_size_mb,
										wal_segment_size);
		kept_anyway = XLogMBVarToSegs(wal_keep_size_mb, wal_segment_size);
		segment += Max(kept_by_slots, kept_anyway) + 1;
		XLogSegNoOffsetToRecPtr(segment, 0, wal_segment_size, fatal);
		slot->safe_wal_size = (int64) (fatal - write_position);
	}
}

/* The age of an xmin in transactions; -1 if there is none. */
static int32
age_of_xmin(TransactionId xmin, TransactionId next)
{
	if (!TransactionIdIsNormal(xmin))
		return -1;
	return Max((int32) (next - xmin), 0);
}

/* Is this the name of a slot of core's table synchronization: pg_N_sync_N_N? */
static bool
is_table_sync(const char *name)
{
	unsigned int subscription;
	unsigned int relation;
	int			end = 0;

	return sscanf(name, "pg_%u_sync_%u_%n", &subscription, &relation,
				  &end) == 2 && end > 0;
}

static void
observe_slots(RwFacts *facts)
{
	int			i;

	if (RW_MAX_SLOTS == 0)
		return;
	facts->slots = palloc0(RW_MAX_SLOTS * sizeof(RwSlotFacts));

	rw_lock_shared(ReplicationSlotControlLock);
	for (i = 0; i < RW_MAX_SLOTS; i++)
	{
		ReplicationSlot *live = &ReplicationSlotCtl->replication_slots[i];
		RwSlotFacts *slot = &facts->slots[facts->nslots];
		TransactionId xmin;
		TransactionId catalog_xmin;
		int32		catalog_age;

		if (!live->in_use || rw_slot_is_own(live))
			continue;

		SpinLockAcquire(&live->mutex);
		memcpy(slot->name, NameStr(live->data.name), RW_NAME_LEN);
		slot->logical = live->data.database != InvalidOid;
		slot->database = live->data.database;
		slot->temporary = live->data.persistency == RS_TEMPORARY;
		slot->synced = rw_slot_synced(live);
		slot->failover = rw_slot_failover(live);
		slot->active_pid = rw_slot_active_pid(live);
		slot->restart_lsn = live->data.restart_lsn;
		slot->confirmed_flush = live->data.confirmed_flush;
		slot->inactive_since = rw_slot_inactive_since(live);
		slot->invalidation = rw_slot_invalidation(live);
		slot->sync_skipped = rw_slot_sync_skipped(live);
		xmin = live->data.xmin;
		catalog_xmin = live->data.catalog_xmin;
		SpinLockRelease(&live->mutex);

		slot->name[RW_NAME_LEN - 1] = '\0';
		slot->table_sync = slot->logical && is_table_sync(slot->name);
		slot->number = i;
		slot->sender = -1;
		slot->xmin_age = age_of_xmin(xmin, facts->next_xid);
		catalog_age = age_of_xmin(catalog_xmin, facts->next_xid);
		if (catalog_age > slot->xmin_age)
		{
			slot->xmin_age = catalog_age;
			slot->catalog_only = true;
		}
		facts->nslots++;
	}
	LWLockRelease(ReplicationSlotControlLock);
}

/*
 * Does this walsender send the WAL that pg_basebackup streams beside the
 * files?  It uses a temporary slot unless options name another or none; then
 * the same peer receives the files from another walsender.
 */
static bool
is_part_of_backup(const RwFacts *facts, const RwSenderFacts *sender)
{
	int			i;

	if (sender->slot >= 0 && facts->slots[sender->slot].temporary)
		return true;
	for (i = 0; i < facts->nsenders; i++)
	{
		const RwPeer *peer = &facts->senders[i].peer;

		if (facts->senders[i].state == RW_SENDER_BACKUP &&
			strcmp(peer->application_name,
				   sender->peer.application_name) == 0 &&
			strcmp(peer->address, sender->peer.address) == 0)
			return true;
	}
	return false;
}

/*
 * Join walsenders with their slots, name them, and find out which of them have
 * a replica at the other end.
 */
static void
join_senders(RwFacts *facts)
{
	int			i;
	int			j;

	for (i = 0; i < facts->nsenders; i++)
	{
		RwSenderFacts *sender = &facts->senders[i];
		RwSlotFacts *slot = NULL;

		for (j = 0; j < facts->nslots; j++)
		{
			if (facts->slots[j].active_pid == sender->pid)
			{
				slot = &facts->slots[j];
				sender->slot = j;
				slot->sender = i;
				break;
			}
		}

		/* A temporary slot has another name at each connection. */
		if (slot && !slot->temporary)
			rw_name_copy(sender->name, slot->name);
		else
			rw_name_copy(sender->name, sender->peer.application_name);

		/*
		 * A standby reports its replay position from its first reply on; base
		 * backups and pg_receivewal never do.  Between two streams on one
		 * connection the walsender is as at its start, but for the positions.
		 * A consumer of logical changes counts as a replica if it has a slot
		 * to come back to.
		 */
		if (sender->state == RW_SENDER_STARTUP)
			sender->replica = slot == NULL &&
				!XLogRecPtrIsInvalid(sender->replay);
		else if (sender->state != RW_SENDER_CATCHUP &&
			sender->state != RW_SENDER_STREAMING &&
			sender->state != RW_SENDER_STOPPING)
			sender->replica = sender->receiver = false;
		else if (slot && slot->logical)
			sender->replica = !slot->temporary && !slot->table_sync;
		else
		{
			sender->replica = !XLogRecPtrIsInvalid(sender->replay);
			sender->receiver = !sender->replica &&
				!is_part_of_backup(facts, sender);
		}

		/* With a slot, the feedback is the slot's xmin. */
		sender->xmin_age = -1;
		if (sender->replica && slot == NULL)
			sender->xmin_age = age_of_xmin(sender->peer.backend_xmin,
										   facts->next_xid);
	}
}

XLogRecPtr
rw_horizon(TimeLineID *tli)
{
	XLogRecPtr	replay;
	XLogRecPtr	received;
	TimeLineID	received_tli;

	if (!RecoveryInProgress())
		return GetFlushRecPtr(tli);

	/*
	 * Received WAL counts only on the timeline that is being replayed: after
	 * a switch of timelines the receiver's position belongs to the old one
	 * until streaming starts again.
	 */
	received = GetWalRcvFlushRecPtr(NULL, &received_tli);
	replay = GetXLogReplayRecPtr(tli);
	if (received_tli == *tli && received > replay)
		return received;
	return replay;
}

void
rw_observe_senders(RwFacts *facts)
{
	memset(facts, 0, sizeof(RwFacts));
	observe_senders(facts);
	observe_slots(facts);
	facts->in_recovery = RecoveryInProgress();
	facts->now = rw_clock_now();
	facts->segment_size = wal_segment_size;
	rw_observe_peers(facts, true);
	join_senders(facts);
}

void
rw_observe(RwFacts *facts, bool remember)
{
	XLogRecPtr	write_position;
	int			i;

	rw_layout_require();
	memset(facts, 0, sizeof(RwFacts));

	/*
	 * Walsenders come before the horizon: all that they had sent was flushed
	 * by then, so no replica seems to be ahead of this server.
	 */
	facts->next_xid = rw_next_xid();
	observe_senders(facts);
	observe_sync_states(facts);
	/* Core measures safe_wal_size from here, in recovery too. */
	write_position = GetXLogWriteRecPtr();
	observe_slots(facts);
	for (i = 0; i < facts->nslots; i++)
		fill_wal_status(&facts->slots[i], write_position);

	facts->in_recovery = RecoveryInProgress();
	if (facts->in_recovery)
	{
		facts->crash_recovery = GetRecoveryState() == RECOVERY_STATE_CRASH;
		/* In this order no healthy upstream seems to be behind replay. */
		rw_observe_recovery(&facts->recovery);
		rw_observe_receiver(&facts->receiver);
	}
	facts->horizon = rw_horizon(&facts->tli);
	facts->complete = facts->horizon;
	facts->now = rw_clock_now();
	facts->wall = GetCurrentTimestamp();
	facts->sender_timeout_ms = wal_sender_timeout;
	facts->segment_size = wal_segment_size;
	facts->idle_slot_timeout_s = RW_IDLE_SLOT_TIMEOUT_S;
	facts->syncs_slots = RW_SYNCS_SLOTS;

	rw_observe_peers(facts, remember);
	join_senders(facts);
	if (!facts->in_recovery)
		rw_observe_standby_slots(facts);
}
