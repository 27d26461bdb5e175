/*-------------------------------------------------------------------------
 *
 * runner.c
 *	  The command runner: its life, and that of a command.
 *
 * Everything is done in steps that do not wait, so that a reload, a shutdown
 * and the end of the postmaster are noticed while a command runs.
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
#include "src/command/command.h"
#include "src/command/commandline.h"
#include "src/command/shell.h"
#include "src/settings.h"

/* From SIGTERM to SIGKILL, and from there to giving up. */
#define GRACE				(2 * RW_SECOND)

/* The same where nobody is left to wait for us. */
#define ORPHAN_GRACE		(500 * RW_MS)

/* How often to look where no signal tells of it. */
#define LOOK_INTERVAL		(50 * RW_MS)

/* How a command is going. */
typedef enum RunStage
{
	RUN_GOING,
	RUN_TERMINATED,				/* was sent SIGTERM */
	RUN_KILLED					/* was sent SIGKILL */
} RunStage;

typedef struct Run
{
	RwShell		shell;
	RwNotice	notice;			/* for which it runs */
	char	   *command;		/* the setting, as it was at the start */
	RwTime		started;
	RunStage	stage;
	RwTime		stage_since;
	bool		timed_out;
	int			timeout_ms;		/* if so: after how long */
} Run;

/* The one that runs, if any. */
static Run	run;

static void
handle_child(SIGNAL_ARGS)
{
	int			save_errno = errno;

	SetLatch(MyLatch);
	errno = save_errno;
}

/* Immediate shutdown or a crash: there is no time to be polite. */
static void
handle_quit(SIGNAL_ARGS)
{
	rw_shell_signal(&run.shell, SIGKILL);
	_exit(2);
}

/* A setting of the environment, name=value. */
static char *
variable(RwCommandValue value, const char *content)
{
	return psprintf("%s=%s", rw_commandline_values[value].variable, content);
}

static bool
is_ours(const char *setting)
{
	for (int i = 0; i < RW_COMMAND_NUMVALUES; i++)
	{
		const char *name = rw_commandline_values[i].variable;
		size_t		len = strlen(name);

		if (strncmp(setting, name, len) == 0 && setting[len] == '=')
			return true;
	}
	return false;
}

/* The server's environment, and what the command is told. */
static char **
make_environment(const RwNotice *notice)
{
	char	  **environment;
	int			n = 0;

	while (environ[n] != NULL)
		n++;
	environment = palloc((n + RW_COMMAND_NUMVALUES + 1) * sizeof(char *));

	n = 0;
	for (char **setting = environ; *setting != NULL; setting++)
	{
		if (!is_ours(*setting))
			environment[n++] = *setting;
	}
	environment[n++] = variable(RW_COMMAND_ALERT, notice->alert);
	environment[n++] = variable(RW_COMMAND_SUBJECT, notice->subject);
	environment[n++] = variable(RW_COMMAND_SEVERITY, notice->severity);
	environment[n++] = variable(RW_COMMAND_STATE, notice->state);
	environment[n++] = variable(RW_COMMAND_DETAIL, notice->detail);
	environment[n++] = variable(RW_COMMAND_TIME,
								timestamptz_to_str(notice->at));
	environment[n] = NULL;
	return environment;
}

/* For which alert which command was run, and what it had to say. */
static int
detail_of_run(void)
{
	const char *output = rw_shell_output(&run.shell);

	if (output[0] == '\0')
		return errdetail("The alert command, run for alert %s (%s) on \"%s\", was: %s",
						 run.notice.alert, run.notice.state,
						 run.notice.subject, run.command);
	return errdetail("The alert command, run for alert %s (%s) on \"%s\", was: %s\nIts output was: %s",
					 run.notice.alert, run.notice.state,
					 run.notice.subject, run.command, output);
}

static void
start_run(RwTime now)
{
	char		line[RW_COMMANDLINE_LEN];
	const char *where;

	run.command = pstrdup(rw_alert_command);
	run.started = now;
	run.stage = RUN_GOING;
	run.timed_out = false;

	/* It was looked at when it was set. */
	if (rw_commandline_expand(run.command, line, sizeof(line),
							  &where) != RW_TEMPLATE_FINE)
		elog(ERROR, "alert command \"%s\" cannot be run", run.command);

	if (!rw_shell_start(&run.shell, line, make_environment(&run.notice)))
		ereport(WARNING,
				(errmsg("could not start alert command: %m"),
				 detail_of_run()));
}

/* It has ended, or is given up. */
static void
report_run(void)
{
	int			status = run.shell.status;

	if (run.timed_out)
		ereport(WARNING,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("alert command was ended after %d ms",
						run.timeout_ms),
				 detail_of_run()));
	else if (run.stage != RUN_GOING)
		ereport(LOG,
				(errmsg("alert command was ended because its runner stops"),
				 detail_of_run()));
	else if (WIFSIGNALED(status))
		ereport(WARNING,
				(errmsg("alert command was terminated by signal %d: %s",
						WTERMSIG(status), pg_strsignal(WTERMSIG(status))),
				 detail_of_run()));
	else if (WEXITSTATUS(status) != 0)
		ereport(WARNING,
				(errmsg("alert command failed with exit code %d",
						WEXITSTATUS(status)),
				 detail_of_run()));
	else
		ereport(DEBUG1,
				(errmsg_internal("alert command ended"), detail_of_run()));
}

static void
enter_stage(RunStage stage, RwTime now)
{
	run.stage = stage;
	run.stage_since = now;
	rw_shell_signal(&run.shell, stage == RUN_KILLED ? SIGKILL : SIGTERM);
}

/*
 * See how the command does, and that it comes to its end.  False when there
 * is none any more.
 */
static bool
tend_run(RwTime now, bool stopping, RwTime grace)
{
	if (run.shell.group == 0)
	{
		/*
		 * What left its group may be a child of ours now, and has to be
		 * reaped.
		 */
		(void) rw_shell_tend(&run.shell);
		return false;
	}

	if (!rw_shell_tend(&run.shell))
	{
		report_run();
		return false;
	}

	switch (run.stage)
	{
		case RUN_GOING:
			if (now - run.started >= rw_alert_command_timeout_ms * RW_MS)
			{
				run.timed_out = true;
				run.timeout_ms = rw_alert_command_timeout_ms;
			}
			if (run.timed_out || stopping)
				enter_stage(RUN_TERMINATED, now);
			break;
		case RUN_TERMINATED:
			if (now - run.stage_since >= grace)
				enter_stage(RUN_KILLED, now);
			break;
		case RUN_KILLED:
			if (now - run.stage_since >= grace)
			{
				rw_shell_abandon(&run.shell);
				report_run();
				return false;
			}
			break;
	}
	return true;
}

/* When to look again if nothing happens; RW_NEVER: there is no need. */
static RwTime
next_look(RwTime now)
{
	if (run.shell.group == 0)
		return RW_NEVER;
	/* The death of the shell is signalled to us, that of others may not be. */
	if (!run.shell.running || run.stage != RUN_GOING)
		return now + LOOK_INTERVAL;
	return run.started + rw_alert_command_timeout_ms * RW_MS;
}

/* Sleep until something happens; false if it is the postmaster's death. */
static bool
sleep_until(RwTime next, uint32 wait_event)
{
	int			events = WL_LATCH_SET | WL_POSTMASTER_DEATH;
	long		timeout = -1;

	if (next != RW_NEVER)
	{
		events |= WL_TIMEOUT;
		timeout = Max(next - rw_clock_now(), 0) / RW_MS + 1;
	}
	if (run.shell.output >= 0)
		events |= WL_SOCKET_READABLE;
	return (WaitLatchOrSocket(MyLatch, events, run.shell.output, timeout,
							  wait_event) & WL_POSTMASTER_DEATH) == 0;
}

void
rw_command_main(Datum arg)
{
	MemoryContext context;
	uint32		wait_event;
	bool		orphan = false;

	run.shell.output = -1;
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGQUIT, handle_quit);
	pqsignal(SIGCHLD, handle_child);
	BackgroundWorkerUnblockSignals();

	if (!rw_process_claim(RW_PROCESS_RUNNER))
		proc_exit(0);
	rw_shell_adopt();

	rw_process_report(RW_PROCESS_RUNNER, RW_PROCESS_RUNNING);
	wait_event = rw_wait_event("ReplwatchCommandRunner");
	context = AllocSetContextCreate(TopMemoryContext, "replwatch command",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);

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

		stopping = orphan || ShutdownRequestPending ||
			rw_alert_command[0] == '\0';
		if (!tend_run(now, stopping, orphan ? ORPHAN_GRACE : GRACE))
		{
			if (stopping)
				break;
			MemoryContextReset(context);
			if (rw_command_take(&run.notice))
			{
				start_run(now);
				continue;
			}
		}

		if (orphan)
			pg_usleep(LOOK_INTERVAL);
		else
			orphan = !sleep_until(next_look(now), wait_event);
	}
	proc_exit(0);
}
