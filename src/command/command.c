/*-------------------------------------------------------------------------
 *
 * command.c
 *	  The queue of alert_command.
 *
 * The process that works it off is in runner.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/shmem.h"

#include "src/base/locks.h"
#include "src/base/process.h"
#include "src/command/command.h"
#include "src/settings.h"

/* All of twice the default number of replicas may change at once. */
#define QUEUE_LENGTH		128

typedef struct CommandShared
{
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

	/* How many there were is told when there is room. */
	if (dropped == 1)
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("alert command is not run for some changes"),
				 errdetail("%d changes wait for it to be run already; those that come now are dropped.",
						   QUEUE_LENGTH),
				 errhint("Look at how long \"replwatch.alert_command\" takes.")));
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

/* Only who pushes adds to these figures, so they may be looked at unlocked. */
static void
forget_queue(void)
{
	if (command->count == 0 && command->dropped == 0)
		return;
	LWLockAcquire(rw_command_lock, LW_EXCLUSIVE);
	command->count = 0;
	command->dropped = 0;
	LWLockRelease(rw_command_lock);
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
rw_command_tend(void)
{
	bool		wanted = rw_alert_command[0] != '\0';

	if (wanted)
		report_dropped();
	else
		forget_queue();
	rw_process_ensure(RW_PROCESS_RUNNER, wanted);
}
