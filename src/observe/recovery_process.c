/*-------------------------------------------------------------------------
 *
 * recovery_process.c
 *	  One look at the server: what the processes of recovery wait for.
 *
 * The startup process replays, and runs restore_command and
 * recovery_end_command; the checkpointer runs archive_cleanup_command.  Both
 * show by their wait events what they are in, under the same names in all
 * supported releases.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "miscadmin.h"
#include "utils/wait_event.h"

#include "src/base/compat.h"
#include "src/observe/intern.h"

/* The pid of an auxiliary process; 0 if it is not there. */
static int
find_pid(BackendType type)
{
	const PgBackendStatus *status;

	/* A copy from before the process was there does not have it. */
	pgstat_clear_backend_activity_snapshot();
	status = rw_status_of_type(type);
	return status ? status->st_procpid : 0;
}

/*
 * The PGPROC of an auxiliary process, or NULL.  Each process looks up a pid
 * once, because those of recovery live as long as that does.
 */
static PGPROC *
find_proc(BackendType type, int *pid)
{
	PGPROC	   *proc = NULL;

	if (*pid != 0)
		proc = AuxiliaryPidGetProc(*pid);
	if (proc == NULL)
	{
		*pid = find_pid(type);
		if (*pid != 0)
			proc = AuxiliaryPidGetProc(*pid);
	}
	return proc;
}

PGPROC *
rw_startup_proc(void)
{
	static int	pid = 0;

	return find_proc(B_STARTUP, &pid);
}

static PGPROC *
checkpointer_proc(void)
{
	static int	pid = 0;

	return find_proc(B_CHECKPOINTER, &pid);
}

/* What a process waits for; an empty string if for nothing. */
static const char *
wait_event_of(const PGPROC *proc)
{
	uint32		wait_event = proc ? proc->wait_event_info : 0;
	const char *name = NULL;

	if (wait_event != 0)
		name = pgstat_get_wait_event(wait_event);
	return name ? name : "";
}

void
rw_observe_recovery_processes(RwFacts *facts)
{
	RwRecoveryFacts *recovery = &facts->recovery;
	const char *event = wait_event_of(rw_startup_proc());

	recovery->command_pid = 0;
	recovery->waits_for_wal =
		strcmp(event, "RecoveryWalStream") == 0 ||
		strcmp(event, "RecoveryRetrieveRetryInterval") == 0;
	recovery->waits_for_delay = strcmp(event, "RecoveryApplyDelay") == 0;
	if (strcmp(event, "RestoreCommand") == 0)
		recovery->command = RW_COMMAND_RESTORE;
	else if (strcmp(event, "RecoveryEndCommand") == 0)
		recovery->command = RW_COMMAND_END;
	else
		recovery->command = RW_COMMAND_NONE;
	recovery->cleanup_runs = strcmp(wait_event_of(checkpointer_proc()),
									"ArchiveCleanupCommand") == 0;
}

void
rw_observe_command_pid(RwFacts *facts)
{
	char		path[MAXPGPATH];
	char		children[64];
	PGPROC	   *proc;
	int			pid;
	int			fd;
	ssize_t		len;

	if (facts->recovery.command == RW_COMMAND_NONE)
		return;
	proc = rw_startup_proc();
	pid = proc ? proc->pid : 0;

	/* The startup process has no other children than its command. */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	fd = open(path, O_RDONLY | PG_BINARY, 0);
	if (fd < 0)
		return;
	len = read(fd, children, sizeof(children) - 1);
	close(fd);
	children[Max(len, 0)] = '\0';
	facts->recovery.command_pid = atoi(children);
}
