/*-------------------------------------------------------------------------
 *
 * observe_decoding.c
 *	  What logical decoding has done, and which transaction may hold it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "pgstat.h"
#include "utils/builtins.h"

#include "src/base/compat.h"
#include "src/base/locks.h"
#include "src/observe/intern.h"
#include "src/observe/observe.h"

void
rw_observe_decoded(RwFacts *facts)
{
	int			i;

	for (i = 0; i < facts->nslots; i++)
	{
		RwSlotFacts *slot = &facts->slots[i];
		PgStat_StatReplSlotEntry *stats;
		NameData	name;

		if (!slot->logical || slot->sender < 0)
			continue;
		namestrcpy(&name, slot->name);
		stats = pgstat_fetch_replslot(name);
		if (stats == NULL)
			continue;
		/* One of these grows with each transaction, whole or streamed. */
		slot->decoded = stats->total_txns + stats->total_bytes;
		slot->counted = true;
	}
}

static TransactionId
oldest_running_xid(void)
{
	TransactionId xid;

	rw_hold_for_call(XidGenLock);
	rw_hold_for_call(ProcArrayLock);
	xid = rw_oldest_running_xid();
	rw_release_after_call(ProcArrayLock);
	rw_release_after_call(XidGenLock);
	return xid;
}

void
rw_observe_oldest_transaction(RwFacts *facts)
{
	RwOldestTransaction *oldest = &facts->oldest;
	TransactionId xid;
	const PgBackendStatus *status;

	memset(oldest, 0, sizeof(RwOldestTransaction));
	if (RecoveryInProgress())
		return;

	/* Without any, this is the next ID that will be given. */
	xid = oldest_running_xid();
	if (!TransactionIdPrecedes(xid, rw_next_xid()))
		return;
	rw_hold_for_call(ProcArrayLock);
	oldest->pid = BackendXidGetPid(xid);
	rw_release_after_call(ProcArrayLock);
	if (oldest->pid == 0)
	{
		/* It is prepared, unless it has just ended. */
		oldest->found = oldest_running_xid() == xid;
		return;
	}

	pgstat_clear_backend_activity_snapshot();
	status = rw_status_of_pid(oldest->pid);
	if (status)
		oldest->begun = status->st_xact_start_timestamp;
	oldest->found = oldest->begun != 0;
}
