/*-------------------------------------------------------------------------
 *
 * runner.c
 *	  The command runner, a background worker: runs alert_command.
 *
 * Its loop never waits for a command, so that it handles a reload, a shutdown
 * and the death of the postmaster while a command runs.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "src/base/compat.h"
#include "src/base/process.h"
#include "src/command/intern.h"
#include "src/command/shell.h"
#include "src/settings.h"

/* The time from SIGTERM to SIGKILL, and from there to giving up. */
#define GRACE				(2 * RW_SECOND)

/* The same after the death of the postmaster. */
#define ORPHAN_GRACE		(500 * RW_MS)

/* How often to check for changes that cause no signal. */
#define POLL_INTERVAL		(50 * RW_MS)

/* The state of a command. */
typedef enum RunStage
{
	RUN_NORMAL,
	RUN_TERMINATED,				/* was sent SIGTERM */
	RUN_KILLED					/* was sent SIGKILL */
} RunStage;

typedef struct Run
{
	RwShell		shell;
	RwNotice	notice;			/* the change that it runs for */
	char	   *command;		/* alert_command at the start */
	RwTime		started;
	RunStage	stage;
	RwTime		stage_since;
	bool		timed_out;
	int			timeout_ms;		/* if timed_out: the timeout */
} Run;

typedef struct Runner
{
	Run			run;			/* the last command; whether it still runs is
								 * in run.shell */
	MemoryContext context;		/* for one command */
	uint32		wait_event;
	bool		orphan;			/* the postmaster has died */
} Runner;

/* This process; also for its signal handlers. */
static Runner runner;

static void
handle_child(SIGNAL_ARGS)
{
	int			save_errno = errno;

	SetLatch(MyLatch);
	errno = save_errno;
}

/* Immediate shutdown or a crash of another process. */
static void
handle_quit(SIGNAL_ARGS)
{
	rw_shell_signal(&runner.run.shell, SIGKILL);
	_exit(2);
}

/*
 * An error ends this process while a command runs.  The command must not become
 * the child of a postmaster that is process 1, see rw_shell_adopt().
 */
static void
end_run(int code, Datum arg)
{
	RwTime		limit = rw_clock_now() + GRACE;

	rw_shell_signal(&runner.run.shell, SIGKILL);
	while (rw_shell_poll(&runner.run.shell) && rw_clock_now() < limit)
		pg_usleep(10 * RW_MS);
}

/* The number of variables that make_environment() sets. */
#define NUM_VARIABLES		7

/* Do two entries of an environment, name=value, have the same name? */
static bool
same_variable(const char *one, const char *other)
{
	size_t		len = strcspn(one, "=") + 1;

	return strncmp(one, other, len) == 0;
}

/* The server's environment, with the values of the notice. */
static char **
make_environment(const RwNotice *notice)
{
	char	  **environment;
	int			n = 0;

	while (environ[n] != NULL)
		n++;
	environment = palloc((NUM_VARIABLES + n + 1) * sizeof(char *));

	n = 0;
	environment[n++] = psprintf("REPLWATCH_ALERT=%s", notice->alert);
	environment[n++] = psprintf("REPLWATCH_SUBJECT=%s", notice->subject);
	environment[n++] = psprintf("REPLWATCH_SEVERITY=%s", notice->severity);
	environment[n++] = psprintf("REPLWATCH_STATE=%s", notice->state);
	environment[n++] = psprintf("REPLWATCH_DETAIL=%s", notice->detail);
	environment[n++] = psprintf("REPLWATCH_TIME=%s",
								timestamptz_to_str(notice->at));
	environment[n++] = psprintf("REPLWATCH_NODE=%s", notice->node);
	Assert(n == NUM_VARIABLES);

	for (char **entry = environ; *entry != NULL; entry++)
	{
		int			i = 0;

		while (i < NUM_VARIABLES && !same_variable(environment[i], *entry))
			i++;
		if (i == NUM_VARIABLES)
			environment[n++] = *entry;
	}
	environment[n] = NULL;
	return environment;
}

/* Which command was run for which alert. */
static int
errdetail_run(const Run *run)
{
	return errdetail("The alert command for %s (%s) on \"%s\" was: %s",
					 run->notice.alert, run->notice.state,
					 run->notice.subject, run->command);
}

static void
start_run(Run *run, RwTime now)
{
	run->command = pstrdup(rw_alert_command);
	run->started = now;
	run->stage = RUN_NORMAL;
	run->timed_out = false;

	if (!rw_shell_start(&run->shell, run->command,
						make_environment(&run->notice)))
		ereport(WARNING,
				(errmsg("could not start alert command: %m"),
				 errdetail_run(run)));
}

/* Log how the command has ended, or that it was given up. */
static void
report_run(const Run *run)
{
	int			status = run->shell.status;

	if (run->timed_out)
		ereport(WARNING,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("alert command timed out after %d ms",
						run->timeout_ms),
				 errdetail_run(run)));
	else if (run->stage != RUN_NORMAL)
		ereport(LOG,
				(errmsg("alert command was terminated because its runner is stopping"),
				 errdetail_run(run)));
	else if (WIFSIGNALED(status))
		ereport(WARNING,
				(errmsg("alert command was terminated by signal %d: %s",
						WTERMSIG(status), pg_strsignal(WTERMSIG(status))),
				 errdetail_run(run)));
	else if (WEXITSTATUS(status) != 0)
		ereport(WARNING,
				(errmsg("alert command failed with exit code %d",
						WEXITSTATUS(status)),
				 errdetail_run(run)));
	else
		ereport(DEBUG1,
				(errmsg_internal("alert command completed"),
				 errdetail_run(run)));
}

static void
enter_stage(Run *run, RunStage stage, RwTime now)
{
	run->stage = stage;
	run->stage_since = now;
	rw_shell_signal(&run->shell, stage == RUN_KILLED ? SIGKILL : SIGTERM);
}

/*
 * Check on the command, and terminate it if its time is over or the runner is
 * stopping.  `grace` is the time that it has to react to a signal.  False if
 * no command runs any more.
 */
static bool
advance_run(Run *run, RwTime now, bool stopping, RwTime grace)
{
	if (run->shell.group == 0)
	{
		/* Reap processes that left the group and are our children now. */
		(void) rw_shell_poll(&run->shell);
		return false;
	}

	if (!rw_shell_poll(&run->shell))
	{
		report_run(run);
		return false;
	}

	switch (run->stage)
	{
		case RUN_NORMAL:
			if (now - run->started >= rw_alert_command_timeout_ms * RW_MS)
			{
				run->timed_out = true;
				run->timeout_ms = rw_alert_command_timeout_ms;
			}
			if (run->timed_out || stopping)
				enter_stage(run, RUN_TERMINATED, now);
			break;
		case RUN_TERMINATED:
			if (now - run->stage_since >= grace)
				enter_stage(run, RUN_KILLED, now);
			break;
		case RUN_KILLED:
			if (now - run->stage_since >= grace)
			{
				rw_shell_abandon(&run->shell);
				report_run(run);
				return false;
			}
			break;
	}
	return true;
}

/* When to check on the command again if nothing happens; RW_NEVER: not. */
static RwTime
next_check(const Run *run, RwTime now)
{
	if (run->shell.group == 0)
		return RW_NEVER;
	/* The death of the shell causes a signal, that of others may not. */
	if (!run->shell.running || run->stage != RUN_NORMAL)
		return now + POLL_INTERVAL;
	return run->started + rw_alert_command_timeout_ms * RW_MS;
}

/* Sleep until `next` or until something happens. */
static void
sleep_until(RwTime next)
{
	int			events = WL_LATCH_SET | WL_POSTMASTER_DEATH;
	long		timeout = -1;

	if (runner.orphan)
	{
		pg_usleep(POLL_INTERVAL);
		return;
	}

	if (next != RW_NEVER)
	{
		events |= WL_TIMEOUT;
		timeout = Max(next - rw_clock_now(), 0) / RW_MS + 1;
	}
	if (WaitLatch(MyLatch, events, timeout,
				  runner.wait_event) & WL_POSTMASTER_DEATH)
		runner.orphan = true;
}

/* Claim the runner's place and set up what it needs. */
static void
runner_init(void)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGQUIT, handle_quit);
	pqsignal(SIGCHLD, handle_child);
	BackgroundWorkerUnblockSignals();

	if (!rw_process_claim(RW_PROCESS_RUNNER))
		proc_exit(0);
	rw_shell_adopt();
	on_proc_exit(end_run, 0);

	rw_process_report(RW_PROCESS_RUNNER, RW_PROCESS_RUNNING);
	runner.wait_event = rw_wait_event("ReplwatchCommandRunner");
	runner.context = AllocSetContextCreate(TopMemoryContext,
										   "replwatch command",
										   ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(runner.context);
}

void
rw_command_main(Datum arg)
{
	runner_init();

	for (;;)
	{
		RwTime		now = rw_clock_now();
		bool		stopping;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}

		stopping = runner.orphan || ShutdownRequestPending ||
			rw_alert_command[0] == '\0';
		if (!advance_run(&runner.run, now, stopping,
						 runner.orphan ? ORPHAN_GRACE : GRACE))
		{
			if (stopping)
				break;
			MemoryContextReset(runner.context);
			if (rw_command_take(&runner.run.notice))
			{
				start_run(&runner.run, now);
				continue;
			}
		}
		sleep_until(next_check(&runner.run, now));
	}
	proc_exit(0);
}
