/*-------------------------------------------------------------------------
 *
 * stall.c
 *	  Walsenders that sleep although they have WAL to send.
 *
 * From 16 on, a walsender is woken through a condition variable.  It joins the
 * list of processes that wait for that only after its last look at how far WAL
 * is flushed (on a standby: received, or replayed).  WAL that is flushed in
 * between does not wake it, and is sent at the next commit, reply or timeout.
 * On a system with one busy client, one commit in some ten thousand reaches
 * its standby seconds late because of that.  Two nets catch such cases, both
 * only where replwatch.tend_walsenders is on.
 *
 * The first is in the walsender.  When it is about to sleep, it joins the list
 * itself and looks at the position after that.  If there is WAL to send, it
 * sets its own latch, and core's loop runs once more instead of sleeping; WAL
 * that is flushed later finds it on the list.  Core then leaves the list and
 * joins it anew, and for the few nanoseconds in between the gap is still
 * there.
 *
 * The latch is set only once for each position, because a walsender may have
 * reasons not to send all there is: the end of a timeline, or a record of
 * which only a part is flushed and which it cannot decode yet.
 *
 * A logical walsender that sends WAL only after the standbys of
 * synchronized_standby_slots have confirmed it waits for that on another
 * condition variable, with the same gap.  If it is about to sleep again over
 * the same WAL, it joins that list, and looks at the standbys after that.
 *
 * Core asks whether output is pending several times in each iteration, and
 * sleeps after some of these calls only:
 *
 *	Physical (WalSndLoop): the latch is reset; a call, look and send, flush, a
 *	call; another call and sleep if caught up.  So the first call after the
 *	flush comes after the look.  If there is more to send, the list is joined
 *	and the latch set for nothing, once per message of up to 128 kB.
 *
 *	Logical: core sleeps in WalSndWaitForWal(), where it reads the next record:
 *	the latch is reset; look, flush, a call, sleep.  But it also flushes and
 *	calls for each change that it sends, and in WalSndLoop for each record.
 *	The latch tells these apart.  It is set here in WalSndLoop's call before a
 *	record is read; WalSndWaitForWal() resets it before it looks, and sets it
 *	when it returns.  So if the latch is set at a call, core will not sleep
 *	there, and nothing is done.  But the latch also keeps core from sleeping
 *	once while output is pending.  A walsender that is well behind therefore
 *	does without, and if it then waits for the rest of a long record, that is
 *	left to the second net.
 *
 * 15 sets the latch of each walsender, and has no gap.
 *
 * The second net is in the sampler.  A walsender is woken if it has stood
 * still between two looks, behind WAL that was there at the first, and sleeps
 * for WAL, with no output pending and its latch not set.  It is counted as
 * rescued if it then sends.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "replication/walsender_private.h"
#include "storage/latch.h"
#include "storage/procarray.h"

#include "src/base/compat.h"
#include "src/observe/observe.h"
#include "src/wait/stall.h"
#include "src/wait/wait_shared.h"

/* This walsender's entry in shared memory; NULL before it streams. */
static RwSenderSleep *own = NULL;

/*
 * The position for which the latch was last set, and whether it has been set
 * because standbys have confirmed that.
 */
static XLogRecPtr looked_for = InvalidXLogRecPtr;
static bool saw_confirmed = false;

/*
 * Of a logical walsender, whether it was near the end of the WAL when it was
 * about to read the last record, and where that end was known to be.
 */
static bool near_end = true;
static XLogRecPtr known_end = InvalidXLogRecPtr;

static bool
is_logical(void)
{
	return MyReplicationSlot != NULL && SlotIsLogical(MyReplicationSlot);
}

/*
 * Is this walsender in one of the loops in which it waits for WAL?  One that
 * creates a logical slot is, too.
 */
static bool
is_streaming(void)
{
	if (MyWalSnd == NULL)
		return false;
	return MyWalSnd->state == WALSNDSTATE_CATCHUP ||
		MyWalSnd->state == WALSNDSTATE_STREAMING ||
		MyWalSnd->state == WALSNDSTATE_STOPPING || is_logical();
}

static void
set_entry(void)
{
	own = &rw_wait_shared->sleeps[MyWalSnd - WalSndCtl->walsnds];
	pg_atomic_write_u64(&own->asleep_at, InvalidXLogRecPtr);
	pg_atomic_write_u64(&own->woken_at, InvalidXLogRecPtr);
}

/* How far there is WAL that this walsender could send. */
static XLogRecPtr
end_of_wal(void)
{
	TimeLineID	tli;

	/* WAL that is not replayed cannot be decoded. */
	if (is_logical() && RecoveryInProgress())
		return GetXLogReplayRecPtr(NULL);
	return rw_horizon(&tli);
}

/*
 * May this logical walsender, which is about to read the next record, have to
 * wait for it?  The position is read only if the last one has been passed, as
 * core does it: it needs a spinlock.
 */
static bool
is_near_end(XLogRecPtr sent)
{
	if (rw_sends_after_standbys())
		return true;
	if (sent >= known_end)
		known_end = end_of_wal();
	return sent >= known_end || known_end - sent < XLOG_BLCKSZ;
}

/*
 * If the sampler has woken this walsender, count that as a rescue once it has
 * sent WAL; forget it if it has none to send, or waits for its client.
 */
static void
count_rescue(XLogRecPtr sent, bool pending, bool about_to_sleep)
{
	XLogRecPtr	woken_at = pg_atomic_read_u64(&own->woken_at);

	if (likely(woken_at == InvalidXLogRecPtr))
		return;
	if (sent == woken_at && !pending && !about_to_sleep)
		return;
	if (sent > woken_at && !pending)
		pg_atomic_fetch_add_u64(&rw_wait_shared->counters.rescued, 1);
	pg_atomic_write_u64(&own->woken_at, InvalidXLogRecPtr);
}

/*
 * Join the list on which the walsender will be woken, and have it run once more
 * if there is something by then that it may have missed.
 */
static void
look_again(XLogRecPtr sent)
{
	XLogRecPtr	end;

	if (!rw_join_walsenders_to_wake())
		return;
	end = end_of_wal();
	if (end <= sent)
		return;

	if (end != looked_for)
	{
		looked_for = end;
		saw_confirmed = false;
		SetLatch(MyLatch);
		return;
	}

	/* Core has seen this WAL, and may be waiting for its confirmation. */
	if (is_logical() && rw_sends_after_standbys() && !saw_confirmed)
	{
		rw_join_walsenders_to_confirm();
		if (rw_standbys_have(end))
		{
			saw_confirmed = true;
			SetLatch(MyLatch);
		}
	}
}

void
rw_stall_asked(bool pending, bool was_flushed)
{
	bool		about_to_sleep;
	XLogRecPtr	sent;

	if (!is_streaming())
		return;
	if (own == NULL)
		set_entry();

	/* Only this process writes it. */
	sent = MyWalSnd->sentPtr;
	about_to_sleep = was_flushed && !(is_logical() && MyLatch->is_set);
	count_rescue(sent, pending, about_to_sleep);

	if (pending)
	{
		pg_atomic_write_u64(&own->asleep_at, InvalidXLogRecPtr);
		return;
	}
	if (!about_to_sleep)
	{
		if (!was_flushed && is_logical())
		{
			near_end = is_near_end(sent);
			if (near_end)
				SetLatch(MyLatch);
		}
		return;
	}

	pg_atomic_write_u64(&own->asleep_at, sent);
	if (near_end || !is_logical())
		look_again(sent);
}

/*
 * Wake a walsender if it sleeps at that position with no output pending and
 * has not been woken yet.  Returns whether it was woken now.
 */
static bool
wake_sleeper(const RwSenderFacts *sender)
{
	RwSenderSleep *sleep = &rw_wait_shared->sleeps[sender->number];
	PGPROC	   *proc;

	if (pg_atomic_read_u64(&sleep->asleep_at) != sender->sent)
		return false;

	/* The process may end at any time; then another one looks for nothing. */
	proc = BackendPidGetProc(sender->pid);
	if (proc == NULL || !rw_sleeps_for_wal(proc) || proc->procLatch.is_set)
		return false;

	/* SetLatch has a barrier, and so has ResetLatch in the walsender. */
	pg_atomic_write_u64(&sleep->woken_at, sender->sent);
	SetLatch(&proc->procLatch);
	ereport(DEBUG1,
			(errmsg_internal("woke walsender %d, which sleeps at " RW_LSN_FORMAT,
							 sender->pid, LSN_FORMAT_ARGS(sender->sent))));
	return true;
}

void
rw_stall_round(RwSenderSeen *seen, const RwFacts *facts)
{
	int			i;

	for (i = 0; i < facts->nsenders; i++)
	{
		const RwSenderFacts *sender = &facts->senders[i];
		RwSenderSeen *last = &seen[sender->number];
		bool		logical = sender->slot >= 0 &&
			facts->slots[sender->slot].logical;

		if (last->pid != sender->pid)
			memset(last, 0, sizeof(RwSenderSeen));
		if (sender->state == RW_SENDER_STREAMING &&
			sender->sent == last->sent && sender->sent < last->end &&
			last->end != last->woken_for && wake_sleeper(sender))
			last->woken_for = last->end;

		last->pid = sender->pid;
		last->sent = sender->sent;
		last->end = logical && facts->in_recovery ?
			facts->recovery.replay : facts->horizon;
	}
}
