/*-------------------------------------------------------------------------
 *
 * observe.c
 *	  One look at the server: the sending side.
 *
 * What core's own views show is worked out here the way core does it, so that
 * the two agree column by column; where a rule is core's (which slot is lost,
 * how much WAL is safe, which standby is synchronous) the comment says so.
 *
 * Who is at the other end is in observe_peers.c, the receiving side in
 * observe_recovery.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "replication/syncrep.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "src/base/compat.h"
#include "src/observe/observe.h"
#include "src/observe/observe_peers.h"
#include "src/observe/observe_recovery.h"

static void
observe_senders(RwFacts *facts)
{
	SyncRepStandbyData *candidates;
	int			ncandidates;
	int			i;
	int			j;

	facts->senders = palloc0(Max(max_wal_senders, 1) * sizeof(RwSenderFacts));
	ncandidates = SyncRepGetCandidateStandbys(&candidates);

	for (i = 0; i < max_wal_senders; i++)
	{
		WalSnd	   *walsnd = &WalSndCtl->walsnds[i];
		RwSenderFacts *sender = &facts->senders[facts->nsenders];
		bool		is_candidate = false;

		SpinLockAcquire(&walsnd->mutex);
		sender->pid = walsnd->pid;
		sender->state = walsnd->state;
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
		for (j = 0; j < ncandidates; j++)
		{
			if (candidates[j].walsnd_index == i &&
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

		sender->slot = -1;
		sender->place = -1;
		facts->nsenders++;
	}

	pfree(candidates);
}

/*
 * Core's rules for wal_status and safe_wal_size.  A slot whose WAL is gone
 * but whose process still runs may catch up yet: unreserved, not lost.
 */
static void
judge_slot(RwSlotFacts *slot, XLogRecPtr write_position)
{
	WALAvailability available;

	if (slot->invalidation)
		available = WALAVAIL_REMOVED;
	else
		available = GetWALAvailability(slot->restart_lsn);

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

/* How many transactions back is an xmin; -1 if there is none. */
static int32
xmin_age(TransactionId xmin, TransactionId next)
{
	if (!TransactionIdIsNormal(xmin))
		return -1;
	return Max((int32) (next - xmin), 0);
}

static void
observe_slots(RwFacts *facts)
{
	TransactionId next = XidFromFullTransactionId(ReadNextFullTransactionId());
	XLogRecPtr	write_position;
	int			i;
	int			j;

	if (RW_MAX_SLOTS == 0)
		return;
	facts->slots = palloc0(RW_MAX_SLOTS * sizeof(RwSlotFacts));

	/* Core measures what is safe from here, in recovery too. */
	write_position = GetXLogWriteRecPtr();

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (i = 0; i < RW_MAX_SLOTS; i++)
	{
		ReplicationSlot *live = &ReplicationSlotCtl->replication_slots[i];
		RwSlotFacts *slot = &facts->slots[facts->nslots];
		TransactionId xmin;
		TransactionId catalog_xmin;

		if (!live->in_use)
			continue;

		SpinLockAcquire(&live->mutex);
		memcpy(slot->name, NameStr(live->data.name), RW_NAME_LEN);
		slot->logical = live->data.database != InvalidOid;
		slot->database = live->data.database;
		slot->temporary = live->data.persistency == RS_TEMPORARY;
		slot->synced = rw_slot_synced(live);
		slot->active_pid = rw_slot_active_pid(live);
		slot->restart_lsn = live->data.restart_lsn;
		slot->confirmed_flush = live->data.confirmed_flush;
		slot->inactive_since = rw_slot_inactive_since(live);
		slot->invalidation = rw_slot_invalidation(live);
		xmin = live->data.xmin;
		catalog_xmin = live->data.catalog_xmin;
		SpinLockRelease(&live->mutex);

		slot->name[RW_NAME_LEN - 1] = '\0';
		slot->number = i;
		slot->sender = -1;
		slot->xmin_age = Max(xmin_age(xmin, next),
							 xmin_age(catalog_xmin, next));
		facts->nslots++;
	}
	LWLockRelease(ReplicationSlotControlLock);

	for (j = 0; j < facts->nslots; j++)
		judge_slot(&facts->slots[j], write_position);
}

/* PostgreSQL's own short-lived table synchronisation, pg_N_sync_N_N. */
static bool
is_table_sync(const char *name)
{
	unsigned int subscription;
	unsigned int relation;
	int			end = 0;

	return sscanf(name, "pg_%u_sync_%u_%n", &subscription, &relation,
				  &end) == 2 && end > 0;
}

/*
 * Is this the WAL that pg_basebackup streams beside the files?  It has a
 * temporary slot, unless it was told to take another or none; and the same
 * peer is being sent the files.
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

		if (facts->senders[i].state == WALSNDSTATE_BACKUP &&
			strcmp(peer->application_name,
				   sender->peer.application_name) == 0 &&
			strcmp(peer->address, sender->peer.address) == 0)
			return true;
	}
	return false;
}

/* Join senders with their slots, name them, and tell replicas from others. */
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

		/* A temporary slot's name is another one at each connection. */
		if (slot && !slot->temporary)
			rw_name_copy(sender->name, slot->name);
		else
			rw_name_copy(sender->name, sender->peer.application_name);

		/*
		 * A standby reports from its first reply on what it has replayed.
		 * Base backups and pg_receivewal never do.  A consumer of logical
		 * changes counts if it has a slot to come back to.
		 */
		if (sender->state != WALSNDSTATE_CATCHUP &&
			sender->state != WALSNDSTATE_STREAMING &&
			sender->state != WALSNDSTATE_STOPPING)
			sender->replica = sender->receiver = false;
		else if (slot && slot->logical)
			sender->replica = !slot->temporary && !is_table_sync(slot->name);
		else
		{
			sender->replica = !XLogRecPtrIsInvalid(sender->replay);
			sender->receiver = !sender->replica &&
				!is_part_of_backup(facts, sender);
		}
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
	 * What was received counts only on the timeline that is being replayed:
	 * after a switch of timelines the receiver's position is the old one's
	 * until streaming begins anew.
	 */
	received = GetWalRcvFlushRecPtr(NULL, &received_tli);
	replay = GetXLogReplayRecPtr(tli);
	if (received_tli == *tli && received > replay)
		return received;
	return replay;
}

void
rw_observe(RwFacts *facts, bool remember)
{
	memset(facts, 0, sizeof(RwFacts));

	/*
	 * Senders before the horizon: what they were sent was flushed by then, so
	 * no replica is ever seen ahead of its upstream.
	 */
	observe_senders(facts);
	observe_slots(facts);

	facts->in_recovery = RecoveryInProgress();
	if (facts->in_recovery)
	{
		facts->crash_recovery = GetRecoveryState() == RECOVERY_STATE_CRASH;
		rw_observe_receiver(&facts->receiver);
		rw_observe_recovery(&facts->recovery);
	}
	facts->horizon = rw_horizon(&facts->tli);
	facts->now = rw_clock_now();
	facts->wall = GetCurrentTimestamp();

	rw_observe_peers(facts, remember);
	join_senders(facts);
}

void
rw_observe_sync(RwSyncFacts *sync)
{
	int			i;

	memset(sync, 0, sizeof(RwSyncFacts));
	if (SyncRepConfig == NULL || RecoveryInProgress())
		return;

	sync->wanted = SyncRepConfig->num_sync;
	for (i = 0; i < max_wal_senders; i++)
	{
		WalSnd	   *walsnd = &WalSndCtl->walsnds[i];

		SpinLockAcquire(&walsnd->mutex);
		if (walsnd->pid != 0 &&
			(walsnd->state == WALSNDSTATE_STREAMING ||
			 walsnd->state == WALSNDSTATE_STOPPING) &&
			walsnd->sync_standby_priority > 0 &&
			!XLogRecPtrIsInvalid(walsnd->flush))
			sync->connected++;
		SpinLockRelease(&walsnd->mutex);
	}

	/* Each backend sets its own state; a glance without a lock will do. */
	for (i = 0; i < ProcGlobal->allProcCount; i++)
	{
		if (ProcGlobal->allProcs[i].syncRepState == SYNC_REP_WAITING)
			sync->waiting++;
	}
}
