/*-------------------------------------------------------------------------
 *
 * ask.c
 *	  Asking standbys to report what they have replayed.
 *
 * A session that waits writes a nudge (replay.c), if there is a standby that
 * has not reported the target and may be nudged now (nudge.c).  The standby's
 * walsender notices whether that has brought a reply.  What is known of a
 * connection is kept in shared memory, by the place of its walsender; without
 * a lock, since a nudge more or less does no harm.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"

#include "src/observe/observe.h"
#include "src/wait/intern.h"
#include "src/wait/nudge.h"
#include "src/wait/wait_shared.h"

/* Nothing is known of a connection that has not been nudged. */
static RwNudged
nudged_at_place(int place, int pid)
{
	RwSenderNudged *shared = &rw_wait_shared->nudged[place];
	RwNudged	nudged = {0};

	if (pg_atomic_read_u32(&shared->pid) != (uint32) pid)
		return nudged;
	nudged.end = pg_atomic_read_u64(&shared->end);
	nudged.at = (RwTime) pg_atomic_read_u64(&shared->at);
	nudged.in_vain = pg_atomic_read_u32(&shared->in_vain);
	return nudged;
}

static void
set_nudged(int place, int pid, const RwNudged *nudged)
{
	RwSenderNudged *shared = &rw_wait_shared->nudged[place];

	pg_atomic_write_u64(&shared->end, nudged->end);
	pg_atomic_write_u64(&shared->at, (uint64) nudged->at);
	pg_atomic_write_u32(&shared->in_vain, nudged->in_vain);
	pg_atomic_write_u32(&shared->pid, pid);
}

/* Could this standby report that it has replayed the target? */
static bool
lacks(int place, XLogRecPtr target, RwGlance *glance)
{
	return rw_glance_at_sender(place, glance) && glance->physical &&
		glance->replay != InvalidXLogRecPtr && glance->replay < target;
}

/* When the first of those may be nudged; RW_NEVER if none may. */
static RwTime
first_due(XLogRecPtr target, RwTime last, RwTime now)
{
	RwTime		first = RW_NEVER;

	for (int place = 0; place < max_wal_senders; place++)
	{
		RwGlance	glance;
		RwNudged	nudged;
		RwTime		due;

		if (!lacks(place, target, &glance))
			continue;
		nudged = nudged_at_place(place, glance.pid);
		due = rw_nudge_due(&nudged, glance.replay, last, now);
		if (due != RW_NEVER && (first == RW_NEVER || due < first))
			first = due;
	}
	return first;
}

static void
note_nudge(XLogRecPtr target, XLogRecPtr end, RwTime now)
{
	for (int place = 0; place < max_wal_senders; place++)
	{
		RwGlance	glance;
		RwNudged	nudged;

		if (!lacks(place, target, &glance))
			continue;
		nudged = nudged_at_place(place, glance.pid);
		rw_nudge_written(&nudged, glance.replay, end, now);
		set_nudged(place, glance.pid, &nudged);
	}
}

RwTime
rw_ask_standbys(XLogRecPtr target)
{
	RwTime		now = rw_clock_now();
	uint64		last = pg_atomic_read_u64(&rw_wait_shared->nudged_at);
	RwTime		due;
	XLogRecPtr	end;

	/* A session that writes nothing does not write this either. */
	if (XactReadOnly)
		return RW_NEVER;

	/* One is enough for all who wait for an LSN before it. */
	if (pg_atomic_read_u64(&rw_wait_shared->nudge_end) > target)
		return RW_NEVER;

	due = first_due(target, (RwTime) last, now);
	if (due == RW_NEVER)
		return RW_NEVER;

	/* The disk must not be busy with nudges alone. */
	due = Max(due, (RwTime) last +
			  (RwTime) pg_atomic_read_u64(&rw_wait_shared->nudge_took));
	if (now < due)
		return due;

	/* The first session to get here nudges for all. */
	if (!pg_atomic_compare_exchange_u64(&rw_wait_shared->nudged_at, &last,
										now))
		return now + RW_NUDGE_MIN / 4;

	end = rw_replay_insert_nudge();
	note_nudge(target, end, now);
	pg_atomic_write_u64(&rw_wait_shared->nudge_end, end);
	XLogFlush(end);
	pg_atomic_write_u64(&rw_wait_shared->nudge_took, rw_clock_now() - now);
	return RW_NEVER;
}

void
rw_ask_notice_reply(const RwReply *reply, const RwReply *last,
					bool *requested)
{
	int			place = MyWalSnd - WalSndCtl->walsnds;
	RwNudged	nudged = nudged_at_place(place, MyProcPid);

	if (rw_nudge_answered(reply, last, nudged.end, requested))
		pg_atomic_write_u32(&rw_wait_shared->nudged[place].in_vain, 0);
}
