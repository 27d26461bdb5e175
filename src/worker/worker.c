/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The sampling worker: its life.
 *
 * What it does in a round is in sample.c.
 *
 * Normally the postmaster starts it together with the server.  Where
 * max_worker_processes left no room for that, new connections try again now
 * and then.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "src/base/libpq_compat.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "src/base/compat.h"
#include "src/base/process.h"
#include "src/command/command.h"
#include "src/history/history.h"
#include "src/settings.h"
#include "src/worker/persist.h"
#include "src/worker/sample.h"
#include "src/worker/worker.h"

/* How often changes are written to disk; a reload writes them at once. */
#define SAVE_INTERVAL		(10 * RW_SECOND)

/* What was told of an alert is not to be told again after a crash. */
#define URGENT_SAVE_INTERVAL	(1 * RW_SECOND)

/*
 * And if nothing has: a crash would otherwise leave open when the stretch in
 * which nothing was written ended.
 */
#define IDLE_SAVE_INTERVAL	(1 * RW_MINUTE)

static ClientAuthentication_hook_type next_client_authentication_hook = NULL;

/* A new connection is an occasion to see whether the worker is there. */
static void
ensure_at_connection(Port *port, int status)
{
	if (next_client_authentication_hook)
		next_client_authentication_hook(port, status);
	rw_process_ensure(RW_PROCESS_SAMPLER, true);
}

void
rw_worker_init(void)
{
	/* pg_upgrade wants the server to itself. */
	if (IsBinaryUpgrade)
		return;

	rw_process_register(RW_PROCESS_SAMPLER);

	next_client_authentication_hook = ClientAuthentication_hook;
	ClientAuthentication_hook = ensure_at_connection;
}

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

/* Milliseconds to sleep: less while something moves. */
static long
pause_ms(bool moved)
{
	return moved ? rw_sample_interval_ms :
		Max(rw_sample_interval_ms, (int) (RW_IDLE_INTERVAL / RW_MS));
}

void
rw_worker_main(Datum arg)
{
	MemoryContext context;
	RwFacts		facts;
	RwTime		next_round = RW_NEVER;
	RwTime		last_save;
	bool		unsaved = false;
	bool		urgent = false;
	bool		save_asked = false;
	uint32		wait_event;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();

	/* A second worker has nothing to do, and is not to be started again. */
	if (!rw_process_claim(RW_PROCESS_SAMPLER))
		proc_exit(0);

	/* A worker before this one may have left its history in memory. */
	if (rw_history_shared->history.npoints == 0)
		rw_persist_load_history();
	log_start();

	/* The archiver's figures are wanted, not a copy of every table's, too. */
	SetConfigOption("stats_fetch_consistency", "none", PGC_SUSET,
					PGC_S_OVERRIDE);

	wait_event = rw_wait_event("ReplwatchSampler");
	context = AllocSetContextCreate(TopMemoryContext, "replwatch sample",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	last_save = rw_clock_now();

	while (!ShutdownRequestPending)
	{
		RwTime		now;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			rw_process_ensure(RW_PROCESS_PORT, rw_port != 0);
			/* The interval may be another one now. */
			next_round = RW_NEVER;
			/* Save now, for example before the data directory is copied. */
			save_asked = true;
		}

		now = rw_clock_now();
		if (now >= next_round)
		{
			bool		moved;
			bool		alerts_changed;

			MemoryContextReset(context);
			moved = rw_sample(&facts, &alerts_changed);
			rw_process_report(RW_PROCESS_SAMPLER, RW_PROCESS_RUNNING);
			rw_command_tend();
			rw_process_ensure(RW_PROCESS_PORT, rw_port != 0);
			unsaved |= moved;
			urgent |= alerts_changed;
			next_round = now + pause_ms(moved) * RW_MS;

			if (save_asked ||
				now - last_save >= (urgent ? URGENT_SAVE_INTERVAL :
									unsaved ? SAVE_INTERVAL :
									IDLE_SAVE_INTERVAL))
			{
				/* Sampling and keepalives do not wait for the disk. */
				rw_persist_save(&facts, false);
				last_save = now;
				unsaved = urgent = save_asked = false;
			}
			now = rw_clock_now();
		}

		/* Late or not: only here the postmaster's death is noticed. */
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(next_round - now, 0) / RW_MS + 1, wait_event);
		ResetLatch(MyLatch);
	}

	MemoryContextReset(context);
	(void) rw_sample(&facts, &urgent);
	rw_persist_save(&facts, true);

	/*
	 * Not 0, which would mean never to be started again, should somebody have
	 * terminated just this process.
	 */
	proc_exit(1);
}
