/*-------------------------------------------------------------------------
 *
 * shell.h
 *	  One command of the shell, run beside this process and under control.
 *
 * A pure file: it speaks to the operating system only.
 *
 * The command runs as "/bin/sh -c" in a session and process group of its own,
 * with default signals, nothing blocked, standard input empty, and no other
 * descriptor of ours.  What it writes to standard output and error comes back
 * through a pipe that is always read, so that it can't be held up by who reads
 * the log, nor fill the log: the beginning is kept, the rest is thrown away.
 *
 * A command has ended when nothing of its process group is left: what it put
 * into the background belongs to it.  A process that makes a session of its
 * own has left it.
 *
 * Nothing here waits.  The caller learns by SIGCHLD, by shell->output being
 * readable, or by the clock that it may be worth to call rw_shell_tend.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SHELL_H
#define RW_SHELL_H

#include <sys/types.h>

/* How much is kept of what a command writes. */
#define RW_SHELL_OUTPUT_LEN		1000

typedef struct RwShell
{
	pid_t		group;			/* of processes, and the shell's pid; 0: no
								 * command runs */
	bool		running;		/* the shell itself does */
	int			status;			/* if not: its status, as of waitpid */
	int			output;			/* what to read it from; -1 at its end */
	size_t		nkept;			/* bytes of it */
	char		kept[RW_SHELL_OUTPUT_LEN + sizeof("...")];
	bool		more;			/* than was kept */
} RwShell;

/*
 * From now on, processes that lose their parent below this one become its
 * children.  Otherwise they become those of process 1, and where that is a
 * postmaster, as in many containers, it takes the signal that ended one of
 * them for the crash of a server process.
 */
extern void rw_shell_adopt(void);

/*
 * Start a command with this environment.  False, with errno, if that is
 * impossible.  SIGCHLD must not be ignored.
 */
extern bool rw_shell_start(RwShell *shell, const char *command,
						   char *const *environment);

/*
 * Take in what has happened: read output, reap children, all of this
 * process's.  False when the command has ended, with nothing left of it; its
 * status and output are there then.
 */
extern bool rw_shell_tend(RwShell *shell);

/* Send a signal to all of it.  May be called from a signal handler. */
extern void rw_shell_signal(const RwShell *shell, int signo);

/* Go on without what does not even die of SIGKILL. */
extern void rw_shell_abandon(RwShell *shell);

/*
 * What is kept of the output, made fit for a log: control characters but for
 * tabs and line ends replaced, nothing at the end that is cut or empty, "..."
 * where there was more.
 */
extern const char *rw_shell_output(RwShell *shell);

#endif							/* RW_SHELL_H */
