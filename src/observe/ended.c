/*-------------------------------------------------------------------------
 *
 * ended.c
 *	  Replication connections that have ended, as their processes note it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/base/libpq_compat.h"

#include <signal.h>

#include "libpq/libpq-be.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "replication/walreceiver.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "src/base/compat.h"
#include "src/observe/ended.h"
#include "src/observe/intern.h"
#include "src/observe/start_command.h"

/* Notes `drained` to `written` - 1 are in the ring, each at its place. */
typedef struct EndedRing
{
	slock_t		mutex;
	uint64		written;
	uint64		drained;
	RwEndedFacts notes[RW_MAX_ENDED];
} EndedRing;

static EndedRing *ring = NULL;

/* What this walsender will leave at its end, apart from its positions. */
static RwEndedFacts own_note;
static bool leaves_note_at_end = false;

Size
rw_ended_size(void)
{
	return MAXALIGN(sizeof(EndedRing));
}

void
rw_ended_attach(void)
{
	bool		found;

	ring = ShmemInitStruct("replwatch ended connections", sizeof(EndedRing),
						   &found);
	if (!found)
	{
		memset(ring, 0, sizeof(EndedRing));
		SpinLockInit(&ring->mutex);
	}
}

/*
 * A process that reads its startup packet exits in its signal handlers, at
 * once, so signals are blocked while the spinlock is held.
 */
static void
leave_note(const RwEndedFacts *note)
{
	sigset_t	mask;

	if (ring == NULL)
		return;
	sigprocmask(SIG_BLOCK, &BlockSig, &mask);
	SpinLockAcquire(&ring->mutex);
	ring->notes[ring->written % RW_MAX_ENDED] = *note;
	ring->written++;
	SpinLockRelease(&ring->mutex);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

void
rw_observe_ended(RwFacts *facts)
{
	facts->nended = 0;
	facts->ended = NULL;
	if (ring == NULL)
		return;

	/* Usually there is none. */
	SpinLockAcquire(&ring->mutex);
	if (ring->written - ring->drained > RW_MAX_ENDED)
		ring->drained = ring->written - RW_MAX_ENDED;
	facts->nended = (int) (ring->written - ring->drained);
	SpinLockRelease(&ring->mutex);
	if (facts->nended == 0)
		return;

	facts->ended = palloc_array(RwEndedFacts, RW_MAX_ENDED);
	facts->nended = 0;
	while (facts->nended < RW_MAX_ENDED)
	{
		bool		any;

		SpinLockAcquire(&ring->mutex);
		if (ring->written - ring->drained > RW_MAX_ENDED)
			ring->drained = ring->written - RW_MAX_ENDED;
		any = ring->drained < ring->written;
		if (any)
			facts->ended[facts->nended++] =
				ring->notes[ring->drained++ % RW_MAX_ENDED];
		SpinLockRelease(&ring->mutex);
		if (!any)
			break;
	}
}

/*
 * Note the slot of a START_REPLICATION that runs, and where it starts if it
 * has failed.
 */
static void
note_start_command(bool failed)
{
	RwStartCommand command;

	if (debug_query_string == NULL ||
		!rw_start_command_in(debug_query_string, &command))
		return;
	rw_clean_name(own_note.slot, command.slot, RW_NAME_LEN);
	if (failed)
	{
		own_note.start_lsn = command.lsn;
		own_note.start_tli = command.tli;
	}
}

/*
 * A finished base backup leaves the walsender in that state; after one that
 * failed, the state is another by the time the process ends.
 */
static void
note_backup(void)
{
	if (MyWalSnd != NULL && MyWalSnd->state == WALSNDSTATE_BACKUP)
		own_note.backup = true;
}

/*
 * Its names, as pg_stat_replication shows them, and its address.  With
 * log_hostname that is a name.
 */
static void
note_names(void)
{
	const char *name = application_name;

	if ((name == NULL || name[0] == '\0') && MyProcPort != NULL)
		name = MyProcPort->application_name;
	own_note.pid = MyProcPid;
	if (MyProcPort != NULL && MyProcPort->remote_host != NULL &&
		strcmp(MyProcPort->remote_host, "[local]") != 0)
		rw_address_copy(own_note.address, MyProcPort->remote_host);
	if (name != NULL)
		rw_clean_name(own_note.application_name, name, RW_NAME_LEN);
}

/*
 * Called before the walsender gives back its slot and its entry, which core
 * does in callbacks that were registered before this one, or run later.
 */
static void
walsender_ends(int code, Datum arg)
{
	WalSnd	   *walsnd = MyWalSnd;

	note_names();
	note_start_command(false);
	note_backup();
	if (MyReplicationSlot != NULL)
		rw_name_copy(own_note.slot, NameStr(MyReplicationSlot->data.name));
	if (walsnd != NULL)
	{
		SpinLockAcquire(&walsnd->mutex);
		own_note.sent = walsnd->sentPtr;
		own_note.write = walsnd->write;
		own_note.flush = walsnd->flush;
		own_note.replay = walsnd->apply;
		SpinLockRelease(&walsnd->mutex);
	}
	leave_note(&own_note);
}

void
rw_ended_connection(void)
{
	if (!am_walsender || leaves_note_at_end)
		return;
	before_shmem_exit(walsender_ends, (Datum) 0);
	leaves_note_at_end = true;
}

/* An administrator ends the process, or its command: that is no failure. */
static bool
is_asked_for(const ErrorData *edata)
{
	return edata->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
		edata->sqlerrcode == ERRCODE_QUERY_CANCELED;
}

static void
note_error(const ErrorData *edata)
{
	own_note.message[0] = '\0';
	own_note.start_lsn = InvalidXLogRecPtr;
	own_note.start_tli = 0;
	note_start_command(!is_asked_for(edata));
	if (edata->message != NULL && !is_asked_for(edata))
		rw_first_line(own_note.message, edata->message, RW_ENDED_MESSAGE_LEN);
	note_backup();
}

/*
 * Note the last message that a receiver got: the next one overwrites it, maybe
 * before the sampler looks.
 */
static void
note_last_message(RwEndedFacts *note)
{
	RwTime		now = rw_clock_now();
	TimestampTz wall = GetCurrentTimestamp();

	SpinLockAcquire(&WalRcv->mutex);
	/* Else it is still that of the receiver before. */
	if (WalRcv->pid == MyProcPid)
	{
		note->tli = WalRcv->receivedTLI;
		note->send_time = WalRcv->lastMsgSendTime;
		note->receipt_time = WalRcv->lastMsgReceiptTime;
		note->latest_end = WalRcv->latestWalEnd;
	}
	SpinLockRelease(&WalRcv->mutex);
	note->received_at = now - Max(wall - note->receipt_time, 0);
}

/* A receiver ends, or waits for its upstream server to get further. */
static void
note_receiver(const ErrorData *edata)
{
	RwEndedFacts note;
	const char *message = edata->message;
	const char *answer = message ? rw_upstream_answer(message) : NULL;

	memset(&note, 0, sizeof(note));
	note.receiver = true;
	note.pid = MyProcPid;
	rw_own_application_name(note.application_name);
	SpinLockAcquire(&WalRcv->mutex);
	note.connected = rw_receiver_is_connected(WalRcv);
	if (!WalRcv->is_temp_slot)
		rw_name_copy(note.slot, WalRcv->slotname);
	SpinLockRelease(&WalRcv->mutex);
	note.upstream = rw_connected_upstream();
	if (edata->elevel == FATAL)
		note_last_message(&note);
	if (answer != NULL)
	{
		note.connected = true;
		message = answer;
	}
	if (message != NULL && !is_asked_for(edata))
	{
		rw_first_line(note.message, message, RW_ENDED_MESSAGE_LEN);
		note.nlsns = rw_lsns_in(message, note.lsns, lengthof(note.lsns));
	}
	leave_note(&note);
}

/*
 * A receiver that would start beyond the end of its upstream server's WAL, but
 * not by much, does not ask in some releases: it logs that, and waits.
 */
static bool
waits_for_upstream(const ErrorData *edata)
{
	return edata->elevel == LOG && edata->message_id != NULL &&
		edata->message != NULL &&
		strncmp(edata->message_id, "walreceiver requested start point",
				strlen("walreceiver requested start point")) == 0;
}

void
rw_ended_message(const ErrorData *edata)
{
	if (AmWalReceiverProcess() && WalRcv != NULL && waits_for_upstream(edata))
		note_receiver(edata);

	/* A process that panics may hold any lock, and ends the server. */
	if (edata->elevel != ERROR && edata->elevel != FATAL)
		return;

	if (am_walsender)
	{
		note_error(edata);

		/* Refused: it will not get as far as to have a callback. */
		if (edata->elevel == FATAL && !leaves_note_at_end &&
			MyProcPort != NULL)
		{
			note_names();
			leave_note(&own_note);
		}
	}
	else if (edata->elevel == FATAL && AmWalReceiverProcess() &&
			 WalRcv != NULL)
		note_receiver(edata);
}
