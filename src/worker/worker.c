/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The sampling worker: its start, its loop and its end.
 *
 * A round of the loop is in sample.c, the files that it saves are in
 * persist.c.
 *
 * Normally the postmaster starts the worker together with the server.  Where
 * max_worker_processes left no room for that, new connections try again now
 * and then.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/walsender.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "src/base/compat.h"
#include "src/base/layout.h"
#include "src/base/process.h"
#include "src/command/command.h"
#include "src/history/history.h"
#include "src/settings.h"
#include "src/worker/intern.h"
#include "src/worker/worker.h"

/* How often changes are written to disk; a reload writes them at once. */
#define SAVE_INTERVAL		(10 * RW_SECOND)

/* An alert that has been reported must not be reported again after a crash. */
#define URGENT_SAVE_INTERVAL	(1 * RW_SECOND)

/*
 * How often the files are written when nothing has changed.  Otherwise a crash
 * would leave open when the stretch in which nothing was written ended.
 */
#define IDLE_SAVE_INTERVAL	(1 * RW_MINUTE)

static void
log_start(void)
{
	RwTime		start = RW_NEVER;

	LWLockAcquire(rw_history_lock, LW_SHARED);
	if (rw_history_shared->history.npoints > 0)
		start = rw_history_shared->history.points[0].first;
	LWLockRelease(rw_history_lock);

	if (start == RW_NEVER)
		ereport(LOG, (errmsg("replwatch sampler started with an empty LSN history")));
	else
		ereport(LOG,
				(errmsg("replwatch sampler started with an LSN history of %d s",
						(int) ((rw_clock_now() - start) / RW_SECOND))));
}

/* Microseconds from one round to the next: fewer while something moves. */
static int64
round_interval(bool moved)
{
	int64		interval = rw_sample_interval_ms * RW_MS;

	return moved ? interval : Max(interval, RW_IDLE_INTERVAL);
}

static bool
is_save_due(const RwSampler *sampler, RwTime now)
{
	int64		interval = IDLE_SAVE_INTERVAL;

	if (sampler->urgent)
		interval = URGENT_SAVE_INTERVAL;
	else if (sampler->unsaved)
		interval = SAVE_INTERVAL;
	return sampler->save_asked || now - sampler->saved_at >= interval;
}

static void
start_sampler(RwSampler *sampler)
{
	memset(sampler, 0, sizeof(RwSampler));

	/* A worker before this one may have left its history in memory. */
	if (rw_history_shared->history.npoints == 0)
		rw_persist_load_history();
	log_start();

	/* Read statistics as they are now, and without a copy of every table's. */
	SetConfigOption("stats_fetch_consistency", "none", PGC_SUSET,
					PGC_S_OVERRIDE);

	sampler->context = AllocSetContextCreate(TopMemoryContext,
											 "replwatch sample",
											 ALLOCSET_DEFAULT_SIZES);
	sampler->senders = MemoryContextAllocZero(TopMemoryContext,
											  Max(max_wal_senders, 1) *
											  sizeof(RwSenderSeen));
	sampler->saved_at = rw_clock_now();
}

static void
reload_settings(RwSampler *sampler)
{
	ProcessConfigFile(PGC_SIGHUP);
	rw_process_ensure(RW_PROCESS_PORT, rw_port != 0);
	/* The interval may have changed. */
	sampler->next_round = RW_NEVER;
	/* Users reload to have the files saved before they copy the directory. */
	sampler->save_asked = true;
}

static void
run_round(RwSampler *sampler, RwTime now)
{
	bool		moved;

	MemoryContextReset(sampler->context);
	moved = rw_sample(sampler);
	rw_process_report(RW_PROCESS_SAMPLER, RW_PROCESS_RUNNING);
	rw_command_ensure_runner();
	rw_process_ensure(RW_PROCESS_PORT, rw_port != 0);
	sampler->next_round = now + round_interval(moved);
}

/* The process that saves has ended. */
static void
handle_child(SIGNAL_ARGS)
{
	int			save_errno = errno;

	SetLatch(MyLatch);
	errno = save_errno;
}

void
rw_worker_main(Datum arg)
{
	RwSampler	sampler;
	uint32		wait_event;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGCHLD, handle_child);
	BackgroundWorkerUnblockSignals();

	/* A worker that exits with 0 is not started again. */
	if (!rw_layout_is_trusted())
	{
		rw_layout_warn();
		proc_exit(0);
	}
	if (!rw_process_claim(RW_PROCESS_SAMPLER))
		proc_exit(0);

	start_sampler(&sampler);
	wait_event = rw_wait_event("ReplwatchSampler");
	MemoryContextSwitchTo(sampler.context);

	while (!ShutdownRequestPending)
	{
		RwTime		now;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			reload_settings(&sampler);
		}

		now = rw_clock_now();
		if (now >= sampler.next_round)
		{
			run_round(&sampler, now);
			now = rw_clock_now();
		}
		if (!rw_persist_is_saving(&sampler) && is_save_due(&sampler, now))
			rw_persist_save(&sampler);

		/* Wait even when late: this also notices the postmaster's death. */
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(sampler.next_round - now, 0) / RW_MS + 1,
						 wait_event);
		ResetLatch(MyLatch);
	}

	MemoryContextReset(sampler.context);
	(void) rw_sample(&sampler);
	rw_persist_save_last(&sampler, wait_event);

	/*
	 * With exit code 0 the postmaster would not start the worker again when
	 * only this process was terminated.
	 */
	proc_exit(1);
}
