/*-------------------------------------------------------------------------
 *
 * keepalive.c
 *	  Keepalives to standbys, and wake-ups by their replies.
 *
 * A standby whose upstream is idle receives nothing for up to half of
 * wal_receiver_timeout, and so cannot tell an idle server from a dead
 * connection.  Where replwatch.tend_walsenders is on, each walsender that
 * streams to a physical standby sends the protocol's own keepalive message
 * each second.  No WAL is written, and a standby without replwatch handles
 * the message like core's.  While the standby has not replayed everything,
 * the keepalive also requests a reply, so that the primary's figures about a
 * standby that stands still are a second old, not
 * wal_receiver_status_interval.
 *
 * Core has no hook in a walsender's loop.  But in each iteration the loop
 * asks whether output is pending, and it does so through PqCommMethods, the
 * table of functions that core itself exchanges to redirect a process's
 * protocol output.  Our walsenders have a copy of that table whose
 * is_send_pending queues the keepalive and answers that it is pending.  The
 * sampler wakes the walsenders once a second for that; a sleeping walsender
 * otherwise wakes only for WAL, replies and timeouts.
 *
 * This is a safe place: the loop asks between messages, never within one; it
 * does not sleep over what is pending when it first asks after a flush, which
 * is when a keepalive is queued; and nothing is queued while earlier output is
 * still pending, so the buffer cannot grow for a standby that does not read.
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

#include "src/base/layout.h"
#include "src/settings.h"
#include "src/wait/intern.h"
#include "src/wait/stall.h"

/* 'k', end of WAL, time, whether a reply is asked for */
#define KEEPALIVE_LEN	(1 + 8 + 8 + 1)

static const PQcommMethods *core_methods = NULL;
static PQcommMethods walsender_methods;

/* When this walsender queued its last keepalive. */
static RwTime last_keepalive = RW_NEVER;

/* Output was flushed since the loop last asked. */
static bool flushed = false;

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
	if (request_reply)
		rw_replies_requested();
	core_methods->putmessage_noblock('d', message, KEEPALIVE_LEN);
}

/*
 * Queue a keepalive if it is time, and return whether it was.  The fields of
 * MyWalSnd that are read here are written by this process only.
 */
static bool
keepalive_if_due(void)
{
	RwTime		now;

	if (MyWalSnd == NULL || MyWalSnd->state != WALSNDSTATE_STREAMING ||
		(MyReplicationSlot != NULL && SlotIsLogical(MyReplicationSlot)))
		return false;

	/* The sampler sets the pace; its wake-up may be a little early. */
	now = rw_clock_now();
	if (now - last_keepalive < RW_KEEPALIVE_INTERVAL / 2)
		return false;
	last_keepalive = now;

	/*
	 * At the end of an old timeline this side ends the stream first, and a
	 * keepalive may still follow, as core's may; libpq skips it.
	 *
	 * No reply is requested of pg_receivewal, which never replays: it would
	 * flush its file each time.
	 */
	queue_keepalive(MyWalSnd->sentPtr,
					MyWalSnd->apply != InvalidXLogRecPtr &&
					MyWalSnd->apply < MyWalSnd->sentPtr);
	return true;
}

static bool
walsender_is_send_pending(void)
{
	bool		pending = core_methods->is_send_pending();
	bool		was_flushed = flushed;

	flushed = false;
	rw_replies_notice();
	rw_stall_asked(pending, was_flushed);

	/* Later ones may come when the loop has seen that it need not write. */
	if (was_flushed && !pending)
		pending = keepalive_if_due();
	return pending;
}

static int
walsender_flush_if_writable(void)
{
	flushed = true;
	return core_methods->flush_if_writable();
}

void
rw_keepalive_connection(void)
{
	if (rw_tend_walsenders && am_walsender && core_methods == NULL &&
		rw_layout_is_trusted())
	{
		core_methods = PqCommMethods;
		walsender_methods = *core_methods;
		walsender_methods.is_send_pending = walsender_is_send_pending;
		walsender_methods.flush_if_writable = walsender_flush_if_writable;
		PqCommMethods = &walsender_methods;
	}
}
