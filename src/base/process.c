/*-------------------------------------------------------------------------
 *
 * process.c
 *	  The background workers of replwatch: registering and starting them.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"

#include "src/base/compat.h"
#include "src/base/layout.h"
#include "src/base/locks.h"
#include "src/base/process.h"

/* How long a wanted process may be missing before another one is started. */
#define PATIENCE			(5 * RW_SECOND)

/* The postmaster restarts a process that failed after so many seconds. */
#define RESTART_S			1

typedef struct ProcessKind
{
	const char *name;
	const char *function;
	const char *consequence;	/* errdetail while it cannot be started */
} ProcessKind;

static const ProcessKind kinds[RW_NUM_PROCESSES] = {
	[RW_PROCESS_SAMPLER] = {
		"replwatch sampler", "rw_worker_main",
		"Time lags are not recorded until it can be started."
	},
	[RW_PROCESS_RUNNER] = {
		"replwatch command runner", "rw_command_main",
		"\"replwatch.alert_command\" is not run until it can be started."
	},
	[RW_PROCESS_PORT] = {
		"replwatch port", "rw_port_main",
		"Nothing listens on \"replwatch.port\" until it can be started."
	}
};

/*
 * Shared memory of one kind of process.
 *
 * The owner is one word, so that nobody sees the pid of one process with the
 * latch of another.  The process takes it by a compare-and-exchange and gives
 * it back by an exchange, both full barriers; readers who go on to the other
 * fields have a read barrier after it, so that what they find is not older.
 */
typedef struct ProcessPlace
{
	pg_atomic_uint64 owner;		/* pid << 32 | number of its PGPROC; 0: none
								 * runs */
	pg_atomic_uint32 state;		/* RwProcessState, as the owner reported */
	pg_atomic_uint64 missing_since; /* RwTime at which the last one ended or
									 * was started; RW_NEVER: none is on its
									 * way */
	pg_atomic_flag no_slot_reported;	/* it is logged that none can be
										 * started */
} ProcessPlace;

static ProcessPlace *places = NULL; /* [RW_NUM_PROCESSES] */

/* The place that this process has claimed, if any. */
static ProcessPlace *my_place = NULL;

static uint64
read_owner(ProcessPlace *place)
{
	uint64		owner = pg_atomic_read_u64(&place->owner);

	pg_read_barrier();
	return owner;
}

Size
rw_process_size(void)
{
	return MAXALIGN(RW_NUM_PROCESSES * sizeof(ProcessPlace));
}

void
rw_process_attach(void)
{
	bool		again = places != NULL;
	bool		found;
	int			i;

	places = ShmemInitStruct("replwatch processes", rw_process_size(), &found);
	for (i = 0; !found && i < RW_NUM_PROCESSES; i++)
	{
		pg_atomic_init_u64(&places[i].owner, 0);
		pg_atomic_init_u32(&places[i].state, RW_PROCESS_STARTING);

		/*
		 * The postmaster starts the sampler and, after a crash, restarts all
		 * that ran before.
		 */
		pg_atomic_init_u64(&places[i].missing_since,
						   i == RW_PROCESS_SAMPLER || again ?
						   rw_clock_now() : RW_NEVER);
		pg_atomic_init_flag(&places[i].no_slot_reported);
	}
}

static void
describe_process(RwProcess process, BackgroundWorker *worker)
{
	memset(worker, 0, sizeof(BackgroundWorker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker->bgw_start_time = BgWorkerStart_PostmasterStart;
	worker->bgw_restart_time = RESTART_S;
	strlcpy(worker->bgw_library_name, "replwatch",
			sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, kinds[process].function, BGW_MAXLEN);
	strlcpy(worker->bgw_name, kinds[process].name, BGW_MAXLEN);
	strlcpy(worker->bgw_type, kinds[process].name, BGW_MAXLEN);
}

void
rw_process_register(RwProcess process)
{
	BackgroundWorker worker;

	describe_process(process, &worker);
	RegisterBackgroundWorker(&worker);
}

/* Can this process have the postmaster start a worker? */
static bool
can_start(void)
{
	return IsUnderPostmaster && !IsBinaryUpgrade;
}

void
rw_process_ensure(RwProcess process, bool wanted)
{
	ProcessPlace *place;
	RwTime		now;
	uint64		since;
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	if (!rw_is_preloaded() || !can_start())
		return;
	place = &places[process];

	if (!wanted)
	{
		/* When it is wanted again, the lack of a slot is reported again. */
		if (!pg_atomic_unlocked_test_flag(&place->no_slot_reported))
		{
			pg_atomic_write_u64(&place->missing_since, RW_NEVER);
			pg_atomic_clear_flag(&place->no_slot_reported);
		}
		return;
	}
	if (read_owner(place) != 0)
		return;

	/* Several sessions may come here at once; one of them goes on. */
	now = rw_clock_now();
	since = pg_atomic_read_u64(&place->missing_since);
	if ((since != RW_NEVER && now - (RwTime) since < PATIENCE) ||
		!pg_atomic_compare_exchange_u64(&place->missing_since, &since, now))
		return;

	if (!rw_layout_is_trusted())
		return;

	describe_process(process, &worker);
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		pfree(handle);
		pg_atomic_clear_flag(&place->no_slot_reported);
	}
	else if (pg_atomic_test_set_flag(&place->no_slot_reported))
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start the %s: no free background worker slot",
						kinds[process].name),
				 errdetail_internal("%s", kinds[process].consequence),
				 errhint("Consider increasing \"max_worker_processes\".")));
}

static void
release_place(int code, Datum arg)
{
	if (my_place == NULL)
		return;

	/* The postmaster does not restart a process that exits with 0. */
	pg_atomic_write_u64(&my_place->missing_since,
						code == 0 ? RW_NEVER : rw_clock_now());
	pg_atomic_write_u32(&my_place->state, RW_PROCESS_STARTING);
	(void) pg_atomic_exchange_u64(&my_place->owner, 0);
	my_place = NULL;
}

bool
rw_process_claim(RwProcess process)
{
	ProcessPlace *place = &places[process];
	uint64		owner = (uint64) MyProcPid << 32 | (uint32) rw_my_proc_number();
	uint64		expected = 0;

	/* First, because it can fail. */
	before_shmem_exit(release_place, (Datum) 0);
	if (!pg_atomic_compare_exchange_u64(&place->owner, &expected, owner))
		return false;
	my_place = place;
	pg_atomic_clear_flag(&place->no_slot_reported);
	return true;
}

void
rw_process_report(RwProcess process, RwProcessState state)
{
	pg_atomic_write_u32(&places[process].state, state);
}

int
rw_process_pid(RwProcess process)
{
	return rw_is_preloaded() ?
		(int) (pg_atomic_read_u64(&places[process].owner) >> 32) : 0;
}

RwProcessState
rw_process_state(RwProcess process, bool wanted)
{
	ProcessPlace *place;
	RwProcessState state;

	if (!wanted)
		return RW_PROCESS_OFF;
	if (!rw_is_preloaded())
		return RW_PROCESS_DOWN;

	place = &places[process];
	if (read_owner(place) != 0)
		return (RwProcessState) pg_atomic_read_u32(&place->state);
	if (!pg_atomic_unlocked_test_flag(&place->no_slot_reported))
		return RW_PROCESS_NO_SLOT;
	if (!can_start())
		return RW_PROCESS_DOWN;

	/* The postmaster or a connection starts the sampler. */
	if (process == RW_PROCESS_SAMPLER)
	{
		RwTime		since = pg_atomic_read_u64(&place->missing_since);

		return rw_clock_now() - since < PATIENCE ?
			RW_PROCESS_STARTING : RW_PROCESS_DOWN;
	}

	/* The sampler starts the others. */
	state = rw_process_state(RW_PROCESS_SAMPLER, true);
	return state == RW_PROCESS_STARTING || state == RW_PROCESS_RUNNING ?
		RW_PROCESS_STARTING : RW_PROCESS_DOWN;
}

void
rw_process_wake(RwProcess process)
{
	uint64		owner = pg_atomic_read_u64(&places[process].owner);

	if (owner != 0)
		SetLatch(rw_proc_latch((int) (owner & PG_UINT32_MAX)));
}
