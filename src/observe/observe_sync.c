/*-------------------------------------------------------------------------
 *
 * observe_sync.c
 *	  What commits and logical walsenders wait for.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/spin.h"

#include "src/base/compat.h"
#include "src/observe/intern.h"
#include "src/observe/standby_slots.h"
#include "src/observe/sync_queues.h"

StaticAssertDecl(RW_SYNC_WRITE == SYNC_REP_WAIT_WRITE &&
				 RW_SYNC_FLUSH == SYNC_REP_WAIT_FLUSH &&
				 RW_SYNC_REPLAY == SYNC_REP_WAIT_APPLY &&
				 RW_NUM_SYNC_STAGES == NUM_SYNC_REP_WAIT_MODE,
				 "stages are core's");

/* The answer may be outdated.  No lock is taken. */
static bool
does_any_commit_wait(void)
{
	int			stage;

	for (stage = 0; stage < RW_NUM_SYNC_STAGES; stage++)
	{
		if (!rw_sync_queue_is_empty(stage))
			return true;
	}
	return false;
}

void
rw_observe_sync(RwSyncFacts *sync)
{
	int			i;

	memset(sync, 0, sizeof(RwSyncFacts));
	if (SyncRepConfig == NULL || RecoveryInProgress())
		return;

	sync->wanted = SyncRepConfig->num_sync;
	sync->quorum = SyncRepConfig->syncrep_method == SYNC_REP_QUORUM;
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

	if (!does_any_commit_wait())
		return;

	/* A count for display needs no lock: each backend sets its own state. */
	for (i = 0; i < ProcGlobal->allProcCount; i++)
	{
		if (ProcGlobal->allProcs[i].syncRepState == SYNC_REP_WAITING)
			sync->waiting++;
	}
}

void
rw_observe_sync_queues(RwSyncQueues *queues)
{
	int			stage;

	memset(queues, 0, sizeof(RwSyncQueues));
	if (SyncRepConfig == NULL || RecoveryInProgress() ||
		!does_any_commit_wait())
		return;

	LWLockAcquire(SyncRepLock, LW_SHARED);
	for (stage = 0; stage < RW_NUM_SYNC_STAGES; stage++)
	{
		RwSyncQueue *queue = &queues->stages[stage];

		if (rw_sync_queue_is_empty(stage))
			continue;
		queue->first = rw_sync_queue_first(stage)->waitLSN;
		queue->last = rw_sync_queue_last(stage)->waitLSN;
	}
	LWLockRelease(SyncRepLock);
}

/* Mark the walsenders that wait for those slots. */
static void
find_waiting_senders(RwFacts *facts)
{
	int			i;
	int			j;

	/* Core keeps the last PGPROCs of backends for walsenders. */
	for (i = MaxBackends - max_wal_senders; i < MaxBackends; i++)
	{
		const PGPROC *proc = &ProcGlobal->allProcs[i];

		if (!rw_waits_for_standby(proc))
			continue;
		for (j = 0; j < facts->nsenders; j++)
		{
			if (facts->senders[j].pid == proc->pid)
				facts->senders[j].waits_for_standby = true;
		}
	}
}

void
rw_observe_standby_slots(RwFacts *facts)
{
	char	   *list = rw_synchronized_standby_slots();

	if (list == NULL)
		return;
	rw_find_standby_slot(facts, list, &facts->standby_slot);
	find_waiting_senders(facts);
}
