/*-------------------------------------------------------------------------
 *
 * shell.h
 *	  One shell command, run as a child process without waiting for it.
 *
 * A pure file: it calls the operating system only.
 *
 * The command runs as "/bin/sh -c" in a session and process group of its own,
 * with default signal handlers, no signal blocked, empty standard input, and
 * none of our other descriptors.  Its standard output and error are our
 * standard error.
 *
 * A command has ended when no process of its process group is left, including
 * those in the background.  A process that starts a new session has left it.
 *
 * Nothing here waits.  The caller calls rw_shell_poll() upon SIGCHLD, and now
 * and then.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SHELL_H
#define RW_SHELL_H

#include <sys/types.h>

typedef struct RwShell
{
	pid_t		group;			/* process group, and pid of the shell; 0: no
								 * command runs */
	bool		running;		/* the shell itself runs */
	int			status;			/* if not: its status, from waitpid() */
} RwShell;

/*
 * From now on, orphaned descendants of this process become its children.
 * Otherwise they become children of process 1, and if that is a postmaster, as
 * in many containers, it takes the signal that terminated one of them for the
 * crash of a server process.
 */
extern void rw_shell_adopt(void);

/*
 * Start a command with this environment.  False with errno set on failure.
 * SIGCHLD must not be ignored.
 */
extern bool rw_shell_start(RwShell *shell, const char *command,
						   char *const *environment);

/*
 * Reap the children of this process, all of them.  False when the command has
 * ended; its status is complete then.
 */
extern bool rw_shell_poll(RwShell *shell);

/* Signal the whole process group; may be called from a signal handler. */
extern void rw_shell_signal(const RwShell *shell, int signo);

/* Forget a command that SIGKILL did not end. */
extern void rw_shell_abandon(RwShell *shell);

#endif							/* RW_SHELL_H */
