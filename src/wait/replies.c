/*-------------------------------------------------------------------------
 *
 * replies.c
 *	  Waking sessions when a replica reports that it has reached their LSN.
 *
 * A walsender comes here in each iteration of its loop (keepalive.c).  It
 * compares fields of its own entry in core's array, which no other process
 * writes.  Core has put the positions there, where waiting sessions read them,
 * before it comes here.
 *
 * A position counts from when the replica streams, and as far as it is this
 * server's WAL: these are the rules of rw_replica_position().  Those of its
 * rules that depend on other connections, or on what the sampler has found
 * out, are left to the session that is woken.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "replication/slot.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"

#include "src/replica/position.h"
#include "src/wait/intern.h"
#include "src/wait/waiters.h"

/* What this walsender's entry said when it was last looked at. */
typedef struct Seen
{
	bool		known;
	WalSndState state;
	XLogRecPtr	sent;
	XLogRecPtr	write;
	XLogRecPtr	flush;
	XLogRecPtr	apply;
	TimestampTz reply_time;
} Seen;

static Seen seen;

/* A keepalive has requested a reply, which has not come. */
static bool requested = false;

/* The positions that sessions have been woken for, by stage. */
static XLogRecPtr counted[RW_NUM_STAGES];

static bool
is_as_seen(const WalSnd *walsnd)
{
	return seen.known && walsnd->state == seen.state &&
		walsnd->sentPtr == seen.sent && walsnd->write == seen.write &&
		walsnd->flush == seen.flush && walsnd->apply == seen.apply &&
		walsnd->replyTime == seen.reply_time;
}

/* Does this replica count at all? */
static bool
does_count(void)
{
	RwReported	applied = {true, seen.sent, seen.apply};

	if (seen.state != WALSNDSTATE_STREAMING)
		return false;

	/* It has WAL that was not sent to it, as rw_find_parted() sees it. */
	return seen.apply <= seen.sent || RecoveryInProgress() ||
		(MyReplicationSlot != NULL && SlotIsLogical(MyReplicationSlot)) ||
		!rw_is_past_sent(&applied, wal_segment_size);
}

static void
notice_position(RwQueue stage, XLogRecPtr reported, bool counts, bool begins)
{
	RwWakeSource *source = rw_sender_source(MyWalSnd - WalSndCtl->walsnds,
											stage);
	XLogRecPtr *last = &counted[stage - RW_QUEUE_REPLICA_WRITE];
	RwReported	here = {true, seen.sent, reported};
	XLogRecPtr	position = counts ?
		rw_position_here(&here, InvalidXLogRecPtr) : InvalidXLogRecPtr;
	bool		again = begins || position < *last;

	if (position == *last && !begins)
		return;
	*last = position;
	pg_atomic_write_u64(&source->position, position);

	/* Pairs with the barrier of a backend that begins to wait. */
	pg_memory_barrier();
	if (again || rw_waiters_next(source) <= position)
		rw_waiters_wake(source, again);
}

static void
notice_reply(const Seen *last)
{
	RwReply		before = {last->write, last->flush, last->apply};
	RwReply		reply = {seen.write, seen.flush, seen.apply};

	if (seen.reply_time != last->reply_time &&
		seen.state == WALSNDSTATE_STREAMING && last->state == seen.state)
		rw_ask_notice_reply(&reply, &before, &requested);
}

void
rw_replies_notice(void)
{
	Seen		last = seen;
	bool		begins = !last.known;
	bool		counts;

	if (MyWalSnd == NULL || is_as_seen(MyWalSnd))
		return;

	seen.known = true;
	seen.state = MyWalSnd->state;
	seen.sent = MyWalSnd->sentPtr;
	seen.write = MyWalSnd->write;
	seen.flush = MyWalSnd->flush;
	seen.apply = MyWalSnd->apply;
	seen.reply_time = MyWalSnd->replyTime;

	notice_reply(&last);
	counts = does_count();
	notice_position(RW_QUEUE_REPLICA_WRITE, seen.write, counts, begins);
	notice_position(RW_QUEUE_REPLICA_FLUSH, seen.flush, counts, begins);
	notice_position(RW_QUEUE_REPLICA_REPLAY, seen.apply, counts, begins);

	/* From now on this replica can be asked to report. */
	if (seen.state == WALSNDSTATE_STREAMING &&
		seen.apply != InvalidXLogRecPtr &&
		(last.state != WALSNDSTATE_STREAMING ||
		 last.apply == InvalidXLogRecPtr))
		rw_waiters_wake_all(RW_QUEUE_REPLICA_REPLAY);
}

void
rw_replies_requested(void)
{
	requested = true;
}
