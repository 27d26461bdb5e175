/*-------------------------------------------------------------------------
 *
 * command.c
 *	  alert_command: what is to be run, and that there is who runs it.
 *
 * The runner itself is in runner.c.  It is a dynamic background worker,
 * started by the sampling worker.  There is at most one: it claims its place
 * by its pid, and a second one goes at once.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "src/base/compat.h"
#include "src/command/command.h"
#include "src/settings.h"
#include "src/shared.h"

#define RUNNER_NAME			"replwatch command runner"

/* All of twice the default number of replicas may change at once. */
#define QUEUE_LENGTH		128

/* How often the start of a runner is tried. */
#define START_INTERVAL		RW_SECOND

typedef struct CommandShared
{
	/* Without a lock; the runner writes them */
	pg_atomic_uint32 runner_pid;	/* 0: none runs */
	pg_atomic_uint32 runner_proc;	/* number of its PGPROC */

	/* Without a lock; the sampling worker writes it */
	pg_atomic_flag no_runner_reported;	/* that none can be started is logged */

	/* Under command_lock */
	uint32		first;			/* place of the notice that came first */
	uint32		count;
	uint32		dropped;		/* since there was room last */
	RwNotice	notices[QUEUE_LENGTH];
} CommandShared;

static CommandShared *command = NULL;

Size
rw_command_size(void)
{
	return MAXALIGN(sizeof(CommandShared));
}

void
rw_command_attach(void)
{
	bool		found;

	command = ShmemInitStruct("replwatch command", sizeof(CommandShared),
							  &found);
	if (!found)
	{
		memset(command, 0, sizeof(CommandShared));
		pg_atomic_init_u32(&command->runner_pid, 0);
		pg_atomic_init_u32(&command->runner_proc, 0);
		pg_atomic_init_flag(&command->no_runner_reported);
	}
}

static void
wake_runner(void)
{
	if (pg_atomic_read_u32(&command->runner_pid) != 0)
		SetLatch(rw_proc_latch(pg_atomic_read_u32(&command->runner_proc)));
}

void
rw_command_push(const RwNotice *notice)
{
	uint32		dropped = 0;

	if (rw_alert_command[0] == '\0')
		return;

	LWLockAcquire(rw_shared->command_lock, LW_EXCLUSIVE);
	if (command->count < QUEUE_LENGTH)
	{
		command->notices[(command->first + command->count) % QUEUE_LENGTH] =
			*notice;
		command->count++;
	}
	else
		dropped = ++command->dropped;
	LWLockRelease(rw_shared->command_lock);

	/* How many there were is told when there is room. */
	if (dropped == 1)
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("alert command is not run for some changes"),
				 errdetail("%d changes wait for it to be run already; those that come now are dropped.",
						   QUEUE_LENGTH),
				 errhint("Look at how long \"replwatch.alert_command\" takes.")));
	wake_runner();
}

bool
rw_command_take(RwNotice *notice)
{
	bool		found;

	LWLockAcquire(rw_shared->command_lock, LW_EXCLUSIVE);
	found = command->count > 0;
	if (found)
	{
		*notice = command->notices[command->first];
		command->first = (command->first + 1) % QUEUE_LENGTH;
		command->count--;
	}
	LWLockRelease(rw_shared->command_lock);
	return found;
}

/* Only who pushes adds to these figures, so they may be looked at unlocked. */
static void
forget_queue(void)
{
	if (command->count == 0 && command->dropped == 0)
		return;
	LWLockAcquire(rw_shared->command_lock, LW_EXCLUSIVE);
	command->count = 0;
	command->dropped = 0;
	LWLockRelease(rw_shared->command_lock);
}

/*
 * Say how many were dropped once half of the queue is free: a queue that is
 * full again and again is one event.
 */
static void
report_dropped(void)
{
	uint32		dropped = 0;

	if (command->dropped == 0)
		return;
	LWLockAcquire(rw_shared->command_lock, LW_EXCLUSIVE);
	if (command->count <= QUEUE_LENGTH / 2)
	{
		dropped = command->dropped;
		command->dropped = 0;
	}
	LWLockRelease(rw_shared->command_lock);

	if (dropped > 0)
		ereport(LOG,
				(errmsg("alert command was not run for %u changes", dropped)));
}

/* Start a runner; false if there is no room for one. */
static bool
start_runner(BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;
	MemoryContext old;
	bool		started;

	memset(&worker, 0, sizeof(BackgroundWorker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker.bgw_start_time = BgWorkerStart_PostmasterStart;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name),
			 "replwatch");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "rw_command_main");
	snprintf(worker.bgw_name, BGW_MAXLEN, RUNNER_NAME);
	snprintf(worker.bgw_type, BGW_MAXLEN, RUNNER_NAME);

	old = MemoryContextSwitchTo(TopMemoryContext);
	started = RegisterDynamicBackgroundWorker(&worker, handle);
	MemoryContextSwitchTo(old);
	return started;
}

void
rw_command_tend(RwTime now)
{
	static BackgroundWorkerHandle *handle = NULL;	/* the last we started */
	static RwTime tried_at = RW_NEVER;
	pid_t		pid;

	if (rw_alert_command[0] == '\0')
	{
		/* Who sets it once more is told once more. */
		pg_atomic_clear_flag(&command->no_runner_reported);
		forget_queue();
		return;
	}
	report_dropped();

	if (pg_atomic_read_u32(&command->runner_pid) != 0 ||
		now - tried_at < START_INTERVAL)
		return;
	tried_at = now;

	/* One that is on its way has not claimed its place yet. */
	if (handle != NULL)
	{
		if (GetBackgroundWorkerPid(handle, &pid) != BGWH_STOPPED)
			return;
		pfree(handle);
		handle = NULL;
	}

	if (start_runner(&handle))
		pg_atomic_clear_flag(&command->no_runner_reported);
	else if (pg_atomic_test_set_flag(&command->no_runner_reported))
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start the replwatch command runner: no free background worker slot"),
				 errdetail("\"replwatch.alert_command\" is not run until one can be started."),
				 errhint("Consider increasing \"max_worker_processes\".")));
}

RwRunnerState
rw_runner_state(bool sampled)
{
	if (rw_alert_command[0] == '\0')
		return RW_RUNNER_OFF;
	if (rw_shared == NULL)
		return RW_RUNNER_DOWN;
	if (pg_atomic_read_u32(&command->runner_pid) != 0)
		return RW_RUNNER_RUNNING;
	if (!pg_atomic_unlocked_test_flag(&command->no_runner_reported))
		return RW_RUNNER_NO_SLOT;
	return sampled ? RW_RUNNER_STARTING : RW_RUNNER_DOWN;
}

static void
release_place(int code, Datum arg)
{
	pg_atomic_write_u32(&command->runner_pid, 0);
}

bool
rw_command_claim(void)
{
	uint32		expected = 0;

	if (!pg_atomic_compare_exchange_u32(&command->runner_pid, &expected,
										(uint32) MyProcPid))
		return false;
	pg_atomic_write_u32(&command->runner_proc, rw_my_proc_number());
	before_shmem_exit(release_place, (Datum) 0);
	return true;
}
