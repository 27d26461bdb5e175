/*-------------------------------------------------------------------------
 *
 * keepalive.c
 *	  The pulse of a replication link.
 *
 * Core has no hook in a walsender's loop.  But the loop asks, each time
 * round, whether output is pending, and it asks through PqCommMethods, the
 * table of functions that core itself exchanges to redirect a process's
 * protocol output.  A walsender of ours has a copy of that table whose
 * is_send_pending queues the keepalive before it answers.  The sampling
 * worker wakes the walsenders once a second, so that they come by; a
 * walsender that sleeps otherwise wakes only for WAL, replies and timeouts.
 *
 * Why here is a safe place: the loop asks between messages, never within
 * one; what is queued is flushed by the code that follows; nothing is queued
 * while earlier output is still pending, so the buffer can't grow for a
 * standby that doesn't read.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/base/libpq_compat.h"

#include "port/pg_bswap.h"
#include "replication/slot.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "utils/timestamp.h"

#include "src/settings.h"
#include "src/wait/waiters.h"

/* 'k', end of WAL, time, whether a reply is asked for */
#define KEEPALIVE_LEN	(1 + 8 + 8 + 1)

static const PQcommMethods *core_methods = NULL;
static PQcommMethods tended_methods;

/* When this walsender queued its last keepalive. */
static RwTime last_keepalive = RW_NEVER;

static void
queue_keepalive(XLogRecPtr end, bool request_reply)
{
	char		message[KEEPALIVE_LEN];
	uint64		net_end = pg_hton64(end);
	uint64		net_time = pg_hton64((uint64) GetCurrentTimestamp());

	message[0] = 'k';
	memcpy(&message[1], &net_end, 8);
	memcpy(&message[9], &net_time, 8);
	message[17] = request_reply ? 1 : 0;
	core_methods->putmessage_noblock('d', message, KEEPALIVE_LEN);
}

/*
 * Send a keepalive if it is time.  MyWalSnd's fields that are read here are
 * written by this process alone.
 */
static void
tend(void)
{
	RwTime		now;

	if (MyWalSnd == NULL || MyWalSnd->state != WALSNDSTATE_STREAMING ||
		(MyReplicationSlot != NULL && SlotIsLogical(MyReplicationSlot)))
		return;

	/* The worker sets the pace; a wake-up that is a little early counts. */
	now = rw_clock_now();
	if (now - last_keepalive < RW_KEEPALIVE_INTERVAL / 2)
		return;
	last_keepalive = now;

	/*
	 * At the end of an old timeline this side ends the stream first, and one
	 * of these may still follow, as core's keepalives may; libpq passes over
	 * it.
	 *
	 * pg_receivewal, which never replays, would flush its file each time that
	 * it is asked.
	 */
	queue_keepalive(MyWalSnd->sentPtr,
					MyWalSnd->apply != InvalidXLogRecPtr &&
					MyWalSnd->apply < MyWalSnd->sentPtr);
}

/* Wake those in a queue whose LSN a reply has just reached. */
static void
pass_on(RwQueue queue, XLogRecPtr position, XLogRecPtr *last)
{
	if (position == *last)
		return;
	*last = position;

	/* Pairs with the barrier of a backend that begins to wait. */
	pg_memory_barrier();
	if (position >= rw_waiters_lowest(queue))
		rw_waiters_wake(queue, position);
}

/*
 * Replies have just been read.  Their positions are in shared memory, where a
 * waiter looks, before anybody is woken.
 */
static void
notice_reply(void)
{
	static XLogRecPtr last_write = InvalidXLogRecPtr;
	static XLogRecPtr last_flush = InvalidXLogRecPtr;
	static XLogRecPtr last_replay = InvalidXLogRecPtr;
	static WalSndState last_state = WALSNDSTATE_STARTUP;

	if (MyWalSnd == NULL)
		return;

	/* Only what streams counts: what was reported before counts from now on. */
	if (MyWalSnd->state != last_state)
	{
		last_state = MyWalSnd->state;
		last_write = last_flush = last_replay = InvalidXLogRecPtr;
	}
	pass_on(RW_QUEUE_REPLICA_WRITE, MyWalSnd->write, &last_write);
	pass_on(RW_QUEUE_REPLICA_FLUSH, MyWalSnd->flush, &last_flush);
	pass_on(RW_QUEUE_REPLICA_REPLAY, MyWalSnd->apply, &last_replay);
}

static bool
tended_is_send_pending(void)
{
	bool		pending = core_methods->is_send_pending();

	notice_reply();
	if (!pending)
		tend();
	return pending;
}

void
rw_keepalive_connection(void)
{
	if (rw_tend_walsenders && am_walsender && core_methods == NULL)
	{
		core_methods = PqCommMethods;
		tended_methods = *core_methods;
		tended_methods.is_send_pending = tended_is_send_pending;
		PqCommMethods = &tended_methods;
	}
}
