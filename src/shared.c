/*-------------------------------------------------------------------------
 *
 * shared.c
 *	  Shared memory: size, set-up, attachment.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "src/alert/alert_settings.h"
#include "src/base/compat.h"
#include "src/command/command.h"
#include "src/settings.h"
#include "src/shared.h"
#include "src/wait/commits.h"
#include "src/wait/replay.h"
#include "src/wait/waiters.h"

#define RW_NUM_LOCKS	4

RwShared   *rw_shared = NULL;
RwReplica  *rw_replicas = NULL;
RwPlaceChart *rw_charts = NULL;
RwSlotNote *rw_slot_notes = NULL;
RwAlerts   *rw_alerts = NULL;
int			rw_alerts_max = 0;

static shmem_request_hook_type next_shmem_request_hook = NULL;
static shmem_startup_hook_type next_shmem_startup_hook = NULL;

static Size
replicas_size(void)
{
	return mul_size(rw_max_replicas, sizeof(RwReplica));
}

static Size
charts_size(void)
{
	return mul_size(rw_max_replicas, sizeof(RwPlaceChart));
}

static Size
slot_notes_size(void)
{
	return mul_size(RW_MAX_SLOTS, sizeof(RwSlotNote));
}

/* Room for every alert there can be: none is lost for want of it. */
static int
alerts_max(void)
{
	return rw_class_alerts[RW_SUBJECT_REPLICA].n *
		(rw_max_replicas + RW_MAX_EXPECTED) +
		rw_class_alerts[RW_SUBJECT_SLOT].n * RW_MAX_SLOTS +
		rw_class_alerts[RW_SUBJECT_NODE].n;
}

static Size
alerts_size(void)
{
	return add_size(offsetof(RwAlerts, firing),
					mul_size(alerts_max(), sizeof(RwAlert)));
}

/* Sizes that depend on settings are known only now. */
static void
request_memory(void)
{
	if (next_shmem_request_hook)
		next_shmem_request_hook();

	RequestAddinShmemSpace(MAXALIGN(sizeof(RwShared)));
	RequestAddinShmemSpace(MAXALIGN(replicas_size()));
	RequestAddinShmemSpace(MAXALIGN(charts_size()));
	RequestAddinShmemSpace(MAXALIGN(slot_notes_size()));
	RequestAddinShmemSpace(MAXALIGN(alerts_size()));
	RequestAddinShmemSpace(rw_waiters_size());
	RequestAddinShmemSpace(rw_wait_stats_size());
	RequestAddinShmemSpace(rw_replay_size());
	RequestAddinShmemSpace(rw_commits_size());
	RequestAddinShmemSpace(rw_command_size());
	RequestNamedLWLockTranche("replwatch", RW_NUM_LOCKS);
}

/*
 * Create the structures, or find them.  The postmaster comes here again after
 * a crash, with fresh memory.
 */
static void
startup_memory(void)
{
	bool		found;

	if (next_shmem_startup_hook)
		next_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);

	rw_shared = ShmemInitStruct("replwatch", sizeof(RwShared), &found);
	if (!found)
	{
		LWLockPadded *locks = GetNamedLWLockTranche("replwatch");

		memset(rw_shared, 0, sizeof(RwShared));
		rw_shared->history_lock = &locks[0].lock;
		rw_shared->state_lock = &locks[1].lock;
		rw_shared->waiters_lock = &locks[2].lock;
		rw_shared->command_lock = &locks[3].lock;
		pg_atomic_init_u32(&rw_shared->worker_pid, 0);
		pg_atomic_init_u64(&rw_shared->worker_wanted_at, rw_clock_now());
		pg_atomic_init_flag(&rw_shared->no_worker_reported);
		pg_atomic_init_u32(&rw_shared->port_pid, 0);
		pg_atomic_init_u64(&rw_shared->port_wanted_at, RW_NEVER);
		pg_atomic_init_flag(&rw_shared->no_port_reported);
		pg_atomic_init_u32(&rw_shared->port_listens, 0);
		pg_atomic_init_u32(&rw_shared->standby_state_page.changes, 0);
		rw_history_init(&rw_shared->history);
		rw_rate_init(&rw_shared->wal_rate);
		rw_rate_init(&rw_shared->upstream.replay_rate);
		rw_chart_init(&rw_shared->upstream_chart);
	}

	rw_replicas = ShmemInitStruct("replwatch replicas", replicas_size(),
								  &found);
	if (!found)
		rw_replicas_init(rw_replicas, rw_max_replicas);

	rw_charts = ShmemInitStruct("replwatch charts", charts_size(), &found);
	if (!found)
		memset(rw_charts, 0, charts_size());

	rw_slot_notes = ShmemInitStruct("replwatch slots",
									Max(slot_notes_size(), 1), &found);
	if (!found)
		memset(rw_slot_notes, 0, slot_notes_size());

	rw_alerts = ShmemInitStruct("replwatch alerts", alerts_size(), &found);
	if (!found)
	{
		memset(rw_alerts, 0, alerts_size());
		rw_alerts->newest_cleared = -1;
	}
	rw_alerts_max = alerts_max();

	rw_waiters_attach();
	rw_wait_stats_attach();
	rw_replay_attach();
	rw_commits_attach();
	rw_command_attach();

	LWLockRelease(AddinShmemInitLock);
}

void
rw_shared_init(void)
{
	next_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_memory;
}

void
rw_require_preload(void)
{
	if (rw_shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("replwatch must be loaded via \"shared_preload_libraries\"")));
}
