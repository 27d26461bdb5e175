/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The sampling worker: its life.
 *
 * What it does in a round is in sample.c.
 *
 * There is at most one worker: it claims its place in shared memory by its
 * pid.  Normally the postmaster starts it.  Where max_worker_processes left no
 * room for that, sessions that come by try again now and then, in case there
 * is room later.
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
#include "src/command/command.h"
#include "src/port/port.h"
#include "src/settings.h"
#include "src/shared.h"
#include "src/worker/persist.h"
#include "src/worker/sample.h"
#include "src/worker/worker.h"

#define WORKER_NAME			"replwatch sampler"

/* How long no worker may run before somebody else tries to start one. */
#define WORKER_PATIENCE		(5 * RW_SECOND)

#define WORKER_RESTART_S	1

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

static void
describe_worker(BackgroundWorker *worker)
{
	memset(worker, 0, sizeof(BackgroundWorker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker->bgw_start_time = BgWorkerStart_PostmasterStart;
	worker->bgw_restart_time = WORKER_RESTART_S;
	snprintf(worker->bgw_library_name, sizeof(worker->bgw_library_name),
			 "replwatch");
	snprintf(worker->bgw_function_name, BGW_MAXLEN, "rw_worker_main");
	snprintf(worker->bgw_name, BGW_MAXLEN, WORKER_NAME);
	snprintf(worker->bgw_type, BGW_MAXLEN, WORKER_NAME);
}

/* A new connection is an occasion to see whether the worker is there. */
static void
ensure_at_connection(Port *port, int status)
{
	if (next_client_authentication_hook)
		next_client_authentication_hook(port, status);
	rw_worker_ensure();
}

void
rw_worker_init(void)
{
	BackgroundWorker worker;

	/* pg_upgrade wants the server to itself. */
	if (IsBinaryUpgrade)
		return;

	describe_worker(&worker);
	RegisterBackgroundWorker(&worker);

	next_client_authentication_hook = ClientAuthentication_hook;
	ClientAuthentication_hook = ensure_at_connection;
}

RwWorkerState
rw_worker_state(RwTime now, int *pid)
{
	RwTime		last_sample;

	*pid = (int) pg_atomic_read_u32(&rw_shared->worker_pid);

	LWLockAcquire(rw_shared->state_lock, LW_SHARED);
	last_sample = rw_shared->last_sample;
	LWLockRelease(rw_shared->state_lock);

	if (*pid != 0)
		return last_sample == RW_NEVER ?
			RW_WORKER_STARTING : RW_WORKER_RUNNING;
	/* Each failed attempt to start one begins the wait anew. */
	if (IsUnderPostmaster && !IsBinaryUpgrade &&
		pg_atomic_unlocked_test_flag(&rw_shared->no_worker_reported) &&
		now - (RwTime) pg_atomic_read_u64(&rw_shared->worker_wanted_at) <
		WORKER_PATIENCE)
		return RW_WORKER_STARTING;
	return RW_WORKER_DOWN;
}

void
rw_worker_ensure(void)
{
	RwTime		now;
	uint64		wanted_at;
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	if (rw_shared == NULL || !IsUnderPostmaster || IsBinaryUpgrade ||
		pg_atomic_read_u32(&rw_shared->worker_pid) != 0)
		return;

	/* One of us at a time, and not again and again. */
	now = rw_clock_now();
	wanted_at = pg_atomic_read_u64(&rw_shared->worker_wanted_at);
	if (now - (RwTime) wanted_at < WORKER_PATIENCE ||
		!pg_atomic_compare_exchange_u64(&rw_shared->worker_wanted_at,
										&wanted_at, now))
		return;

	describe_worker(&worker);
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
		pfree(handle);
	else if (pg_atomic_test_set_flag(&rw_shared->no_worker_reported))
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start the replwatch sampler: no free background worker slot"),
				 errdetail("Time lags are not recorded until one can be started."),
				 errhint("Consider increasing \"max_worker_processes\".")));
}

static void
release_place(int code, Datum arg)
{
	pg_atomic_write_u64(&rw_shared->worker_wanted_at, rw_clock_now());
	pg_atomic_write_u32(&rw_shared->worker_pid, 0);
}

/* Become the worker; false if there is another. */
static bool
claim_place(void)
{
	uint32		expected = 0;

	if (!pg_atomic_compare_exchange_u32(&rw_shared->worker_pid, &expected,
										(uint32) MyProcPid))
		return false;
	before_shmem_exit(release_place, (Datum) 0);
	pg_atomic_clear_flag(&rw_shared->no_worker_reported);
	return true;
}

static void
log_start(void)
{
	RwTime		start = RW_NEVER;

	LWLockAcquire(rw_shared->history_lock, LW_SHARED);
	if (rw_shared->history.npoints > 0)
		start = rw_shared->history.points[0].first;
	LWLockRelease(rw_shared->history_lock);

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
	if (!claim_place())
		proc_exit(0);

	/* A worker before this one may have left its history in memory. */
	if (rw_shared->history.npoints == 0)
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
			rw_port_ensure(rw_clock_now());
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
			rw_command_tend(now);
			rw_port_ensure(now);
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
