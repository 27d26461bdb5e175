/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  Waking sessions when replay reaches their LSN.
 *
 * Core has no hook in replay, but the table of resource managers is writable
 * and inherited by the startup process.  Each redo function, also those of
 * other extensions, is replaced by redo_and_wake(), which calls it and then
 * wakes sessions.  Where records can be in conflict with sessions, a note of
 * each is left before that (see src/observe/replaying.h).
 *
 * The position is published here because core's own moves only after the
 * redo function has returned: a waiter that was woken would not see it yet.
 * What a record did is visible when its redo function returns.
 *
 * Replay and a waiter must not miss each other: either the waiter sees that
 * its target is replayed, or replay sees the waiter.  A barrier after each
 * record would ensure that, and cost more than all the rest.  But core takes
 * a spinlock before each record, to publish its end as what is being replayed,
 * and after it, to publish that as replayed.  A waiter that has joined the
 * queue, and then finds under this lock that its target is neither replayed
 * nor being replayed, is seen by whoever replays the record that reaches it.
 * If such a record is just being replayed, the waiter may have been seen or
 * not, and looks again by itself, soon.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/rmgr.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xloginsert.h"
#include "access/xlogreader.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_control.h"

#include "src/base/compat.h"
#include "src/base/layout.h"
#include "src/observe/replaying.h"
#include "src/settings.h"
#include "src/wait/intern.h"
#include "src/wait/waiters.h"

/* Identifies our record among other records that do nothing. */
#define NUDGE_MAGIC		"replwatch"
#define NUDGE_LEN		sizeof(NUDGE_MAGIC)

/* The redo functions that ours call, by resource manager. */
static void (*next_redo[RM_MAX_ID + 1]) (XLogReaderState *record);

/* Are they replaced?  Child processes inherit this together with the table. */
static bool replaced = false;

static bool
is_nudge(XLogReaderState *record)
{
	return XLogRecGetRmid(record) == RM_XLOG_ID &&
		(XLogRecGetInfo(record) & ~XLR_INFO_MASK) == XLOG_NOOP &&
		XLogRecGetDataLen(record) == NUDGE_LEN &&
		memcmp(XLogRecGetData(record), NUDGE_MAGIC, NUDGE_LEN) == 0;
}

static void
redo_and_wake(XLogReaderState *record)
{
	next_redo[XLogRecGetRmid(record)] (record);

	if (unlikely(rw_waiters_next(&rw_wait_shared->replay.source) <=
				 record->EndRecPtr))
	{
		RwWakeSource *source = &rw_wait_shared->replay.source;

		/* Pairs with rw_replayed: who sees the position sees what was done. */
		pg_write_barrier();
		pg_atomic_write_u64(&source->position, record->EndRecPtr);
		rw_waiters_wake(source, false);
	}
}

static void
redo_noted(XLogReaderState *record)
{
	rw_replaying_note(record);
	redo_and_wake(record);
}

/* Does this record of RM_XLOG_ID begin a new timeline? */
static bool
begins_timeline(XLogReaderState *record)
{
	CheckPoint	checkpoint;
	xl_end_of_recovery end;

	/* Neither is aligned. */
	switch (XLogRecGetInfo(record) & ~XLR_INFO_MASK)
	{
		case XLOG_CHECKPOINT_SHUTDOWN:
			memcpy(&checkpoint, XLogRecGetData(record), sizeof(checkpoint));
			return checkpoint.ThisTimeLineID != checkpoint.PrevTimeLineID;
		case XLOG_END_OF_RECOVERY:
			memcpy(&end, XLogRecGetData(record), sizeof(end));
			return end.ThisTimeLineID != end.PrevTimeLineID;
	}
	return false;
}

static void
redo_xlog(XLogReaderState *record)
{
	redo_noted(record);

	/*
	 * Sessions with a token of the new timeline wait for no LSN until the
	 * server is on it, and those with one of the old timeline may wait for
	 * WAL that is not part of this history.  Core published the timeline
	 * before it called the redo function, under the spinlock with which
	 * rw_token_check() reads it, so either the session sees the timeline or we
	 * find the session in the queue.
	 */
	if (begins_timeline(record))
		rw_waiters_wake_all(RW_QUEUE_REPLAY);

	/* Core sends the reply once its own position has moved, too. */
	if (is_nudge(record))
		XLogRequestWalReceiverReply();
}

void
rw_replay_init(void)
{
	int			i;

	if (!rw_wake_on_replay || !rw_procs_are_trusted() || replaced)
		return;
	for (i = 0; i <= RM_MAX_ID; i++)
	{
		RmgrData   *rmgr = &RmgrTable[i];

		if (!RmgrIdExists(i))
			continue;
		next_redo[i] = rmgr->rm_redo;
		if (i == RM_XLOG_ID)
			rmgr->rm_redo = redo_xlog;
		else
			rmgr->rm_redo = rw_can_conflict(i) ? redo_noted : redo_and_wake;
	}
	replaced = true;
}

bool
rw_replay_wakes(void)
{
	return replaced;
}

/* How far replay had got when it last woke a session. */
static XLogRecPtr
woken_at(void)
{
	return pg_atomic_read_u64(&rw_wait_shared->replay.source.position);
}

XLogRecPtr
rw_replayed(void)
{
	XLogRecPtr	core = GetXLogReplayRecPtr(NULL);
	XLogRecPtr	ours = woken_at();

	/* Pairs with redo_and_wake. */
	pg_read_barrier();
	return Max(core, ours);
}

bool
rw_has_replayed(XLogRecPtr target)
{
	/* A session that was woken finds it here, without a spinlock of core's. */
	if (woken_at() >= target)
	{
		/* Pairs with redo_and_wake. */
		pg_read_barrier();
		return true;
	}
	return GetXLogReplayRecPtr(NULL) >= target;
}

bool
rw_being_replayed(XLogRecPtr target)
{
	return GetCurrentReplayRecPtr(NULL) >= target;
}

XLogRecPtr
rw_replay_insert_nudge(void)
{
	XLogBeginInsert();
	XLogRegisterData(NUDGE_MAGIC, NUDGE_LEN);
	XLogSetRecordFlags(XLOG_MARK_UNIMPORTANT);
	return XLogInsert(RM_XLOG_ID, XLOG_NOOP);
}

XLogRecPtr
rw_before_page_header(XLogRecPtr lsn)
{
	uint64		offset = lsn % XLOG_BLCKSZ;
	uint64		header = XLogSegmentOffset(lsn, wal_segment_size) < XLOG_BLCKSZ ?
		SizeOfXLogLongPHD : SizeOfXLogShortPHD;

	return offset <= header ? lsn - offset : lsn;
}
