/*-------------------------------------------------------------------------
 *
 * command.c
 *	  The queue of alert_command; runner.c empties it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/shmem.h"

#include "src/base/locks.h"
#include "src/base/process.h"
#include "src/command/intern.h"
#include "src/settings.h"

/* Two changes for each of the default number of replicas fit in. */
#define QUEUE_LENGTH		128

typedef struct CommandShared
{
	/* Under command_lock */
	uint32		first;			/* index of the oldest notice */
	uint32		count;
	uint32		dropped;		/* since the queue became full */
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
		memset(command, 0, sizeof(CommandShared));
}

void
rw_command_push(const RwNotice *notice)
{
	uint32		dropped = 0;

	if (rw_alert_command[0] == '\0')
		return;

	LWLockAcquire(rw_command_lock, LW_EXCLUSIVE);
	if (command->count < QUEUE_LENGTH)
	{
		command->notices[(command->first + command->count) % QUEUE_LENGTH] =
			*notice;
		command->count++;
	}
	else
		dropped = ++command->dropped;
	LWLockRelease(rw_command_lock);

	/* report_dropped() will log how many there were. */
	if (dropped == 1)
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("alert command queue is full"),
				 errdetail("%d changes are waiting already; further changes are dropped until there is room.",
						   QUEUE_LENGTH),
				 errhint("Check how long \"replwatch.alert_command\" takes to run.")));
	rw_process_wake(RW_PROCESS_RUNNER);
}

bool
rw_command_take(RwNotice *notice)
{
	bool		found;

	LWLockAcquire(rw_command_lock, LW_EXCLUSIVE);
	found = command->count > 0;
	if (found)
	{
		*notice = command->notices[command->first];
		command->first = (command->first + 1) % QUEUE_LENGTH;
		command->count--;
	}
	LWLockRelease(rw_command_lock);
	return found;
}

/* Only this process adds to the counters, so it may read them unlocked. */
static void
clear_queue(void)
{
	if (command->count == 0 && command->dropped == 0)
		return;
	LWLockAcquire(rw_command_lock, LW_EXCLUSIVE);
	command->count = 0;
	command->dropped = 0;
	LWLockRelease(rw_command_lock);
}

/*
 * Log the number of dropped notices once half of the queue is free, so that a
 * queue that keeps filling up is one event.
 */
static void
report_dropped(void)
{
	uint32		dropped = 0;

	if (command->dropped == 0)
		return;
	LWLockAcquire(rw_command_lock, LW_EXCLUSIVE);
	if (command->count <= QUEUE_LENGTH / 2)
	{
		dropped = command->dropped;
		command->dropped = 0;
	}
	LWLockRelease(rw_command_lock);

	if (dropped > 0)
		ereport(LOG,
				(errmsg("alert command was not run for %u changes", dropped)));
}

void
rw_command_ensure_runner(void)
{
	bool		wanted = rw_alert_command[0] != '\0';

	if (wanted)
		report_dropped();
	else
		clear_queue();
	rw_process_ensure(RW_PROCESS_RUNNER, wanted);
}
