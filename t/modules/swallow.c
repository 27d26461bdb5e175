/*-------------------------------------------------------------------------
 *
 * swallow.c
 *	  Holds up a walsender where it is about to sleep: for t/088.
 *
 * Preloaded after replwatch.  The file "swallow" in the data directory says
 * which walsender to hold, once it has sent all WAL, and where:
 *
 *	confirm			a logical one that awaits the confirmation of the standby with
 *					the slot replica1: before replwatch's look, off the list of
 *					those that are woken, the second time that it gets there,
 *					because the first time it looks again for the WAL alone
 *	before KIND		before replwatch's look, likewise off that list
 *	after KIND		after it; then its wake-up is taken from it
 *	after KIND late	likewise, and first wait until the sampler has woken it to
 *					send a keepalive, so that the next such wake-up is a
 *					second away
 *	keepalive		a physical one whose client never replies: before its last
 *					call, when it has sent no keepalive for a second; then it
 *					goes on without any WAL
 *
 * KIND is physical or logical.  The file swallow.holding appears when the
 * walsender is held.  It goes on when there is WAL to send and the file
 * swallow.written, with swallow.done in place of "swallow".  When it has then
 * sent some of that WAL, swallow.sent has the milliseconds that this took.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

/* Development packages of the server do not include gssapi.h. */
#undef ENABLE_GSS

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "libpq/auth.h"
#include "libpq/libpq.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "replication/walreceiver.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/condition_variable.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static ClientAuthentication_hook_type previous_hook = NULL;
static const PQcommMethods *inner = NULL;
static PQcommMethods outer;

/*
 * Calls since output was last flushed; -1 after the sleep that follows, and
 * where a physical walsender flushed only what it had before: it then goes on
 * without sleeping.
 */
static int	calls = -1;
static bool was_pending = false;

/* Where it was held last, and since when it has been left to itself. */
static XLogRecPtr held_at = InvalidXLogRecPtr;
static TimestampTz let_go;

static bool
is_logical(void)
{
	return MyReplicationSlot != NULL && SlotIsLogical(MyReplicationSlot);
}

static XLogRecPtr
end_of_wal(void)
{
	if (!RecoveryInProgress())
		return GetFlushRecPtr(NULL);
	if (is_logical())
		return GetXLogReplayRecPtr(NULL);
	return Max(GetWalRcvFlushRecPtr(NULL, NULL), GetXLogReplayRecPtr(NULL));
}

/* Does nothing more happen with the WAL that wakes walsenders? */
static bool
is_quiet(void)
{
	return !RecoveryInProgress() || GetXLogReplayRecPtr(NULL) == end_of_wal();
}

static void
write_file(const char *name, long number)
{
	FILE	   *file = AllocateFile("swallow.tmp", "w");

	if (file == NULL)
		elog(FATAL, "could not write swallow.tmp: %m");
	fprintf(file, "%ld\n", number);
	FreeFile(file);
	if (rename("swallow.tmp", name) != 0)
		elog(FATAL, "could not rename swallow.tmp: %m");
}

/* Does the file say so?  Sets *late. */
static bool
is_wanted(const char *wanted, bool *late)
{
	char		line[64] = "";
	FILE	   *file = AllocateFile("swallow", "r");

	if (file == NULL)
		return false;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	FreeFile(file);
	*late = strstr(line, " late") != NULL;
	return strncmp(line, wanted, strlen(wanted)) == 0;
}

/* Has everything been sent, and has a standby no reason to reply any more? */
static bool
is_idle(void)
{
	return MyWalSnd->state == WALSNDSTATE_STREAMING &&
		MyWalSnd->sentPtr >= end_of_wal() && is_quiet() &&
		(is_logical() || MyWalSnd->apply >= MyWalSnd->sentPtr);
}

/* Where the slot replica1 retains WAL from: its standby has confirmed that. */
static XLogRecPtr
confirmed(void)
{
	ReplicationSlot *slot = SearchNamedReplicationSlot("replica1", true);

	return slot ? ((volatile ReplicationSlot *) slot)->data.restart_lsn :
		InvalidXLogRecPtr;
}

static void
leave_list(void)
{
	ConditionVariableCancelSleep();
}

static void
join_list(void)
{
#if PG_VERSION_NUM >= 160000
	ConditionVariablePrepareToSleep(MyWalSnd->kind == REPLICATION_KIND_PHYSICAL ?
									&WalSndCtl->wal_flush_cv :
									&WalSndCtl->wal_replay_cv);
#endif
}

/* Wait until something other than WAL wakes this walsender. */
static void
wait_for_keepalive(void)
{
	XLogRecPtr	end;

	do
	{
		end = end_of_wal();
		join_list();
		ResetLatch(MyLatch);
		while ((WaitLatch(MyLatch,
						  WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10,
						  PG_WAIT_EXTENSION) & WL_LATCH_SET) == 0)
			CHECK_FOR_INTERRUPTS();
	} while (end != end_of_wal());
}

static void
hold(void)
{
	held_at = MyWalSnd->sentPtr;
	write_file("swallow.holding", 0);
	while (end_of_wal() <= held_at || access("swallow.written", F_OK) != 0)
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000);
	}
}

/* The same, but no WAL is written. */
static void
hold_without_keepalive(void)
{
	pg_usleep(1000000);
	write_file("swallow.holding", 0);
	while (access("swallow.written", F_OK) != 0)
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000);
	}
}

static void
go_on(void)
{
	let_go = GetCurrentTimestamp();
	unlink("swallow");
	write_file("swallow.done", 0);
}

static bool
swallow_is_send_pending(void)
{
	static bool was_there = false;
	bool		is_last;
	bool		late;
	bool		pending;

	if (MyWalSnd == NULL)
		return inner->is_send_pending();
	if (held_at != InvalidXLogRecPtr && MyWalSnd->sentPtr > held_at)
	{
		held_at = InvalidXLogRecPtr;
		write_file("swallow.sent",
				   (long) ((GetCurrentTimestamp() - let_go) / 1000));
	}
	if (calls >= 0)
		calls++;

	/*
	 * A logical walsender asks once before it sleeps, and with the latch set
	 * where it does not.
	 */
	is_last = is_logical() ? calls == 1 && !MyLatch->is_set : calls == 2;

	if (calls == 1 && (!is_logical() || is_last) && is_idle() &&
		is_wanted(is_logical() ? "before logical" : "before physical", &late))
	{
		leave_list();
		hold();
		go_on();
	}
	if (is_logical() && is_last && MyWalSnd->sentPtr < end_of_wal() &&
		confirmed() < end_of_wal() && is_wanted("confirm", &late))
	{
		if (was_there)
		{
			leave_list();
			hold();
			go_on();
		}
		was_there = !was_there;
	}
	if (!is_logical() && is_last &&
		MyWalSnd->state == WALSNDSTATE_STREAMING &&
		MyWalSnd->write == InvalidXLogRecPtr &&
		is_wanted("keepalive", &late))
	{
		hold_without_keepalive();
		go_on();
	}
	pending = inner->is_send_pending();
	if (is_last && !pending && is_idle() &&
		is_wanted(is_logical() ? "after logical" : "after physical", &late))
	{
		hold();
		if (late)
			wait_for_keepalive();
		leave_list();
		ResetLatch(MyLatch);
		go_on();
	}
	if (is_last)
		calls = -1;
	was_pending = pending;
	return pending;
}

static int
swallow_flush_if_writable(void)
{
	calls = was_pending && !is_logical() ? -1 : 0;
	return inner->flush_if_writable();
}

static void
swallow_hook(Port *port, int status)
{
	if (previous_hook)
		previous_hook(port, status);
	if (!am_walsender)
		return;
	inner = PqCommMethods;
	outer = *inner;
	outer.is_send_pending = swallow_is_send_pending;
	outer.flush_if_writable = swallow_flush_if_writable;
	PqCommMethods = &outer;
}

void
_PG_init(void)
{
	previous_hook = ClientAuthentication_hook;
	ClientAuthentication_hook = swallow_hook;
}
