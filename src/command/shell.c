/*-------------------------------------------------------------------------
 *
 * shell.c
 *	  One shell command, run as a child process without waiting for it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "src/command/shell.h"

/* The number of descriptors closed where the open ones cannot be listed. */
#define MANY_DESCRIPTORS	65536

void
rw_shell_adopt(void)
{
#ifdef PR_SET_CHILD_SUBREAPER
	(void) prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
#endif
}

/*
 * The highest open descriptor.  Closing all possible ones would take long
 * where the limit is a billion.
 */
static int
last_descriptor(void)
{
	DIR		   *dir = opendir("/dev/fd");
	int			last = -1;
	bool		complete = false;
	long		limit;

	if (dir != NULL)
	{
		struct dirent *entry;

		while ((entry = readdir(dir)) != NULL)
		{
			int			fd = atoi(entry->d_name);

			last = Max(last, fd);
			/* Some systems list only the first three. */
			complete |= (fd == dirfd(dir));
		}
		closedir(dir);
	}
	if (complete)
		return last;

	limit = sysconf(_SC_OPEN_MAX);
	return limit < 0 || limit > MANY_DESCRIPTORS ?
		MANY_DESCRIPTORS - 1 : (int) limit - 1;
}

/*
 * The child, up to execve().  Signals are blocked, because the handlers are
 * still the server's, and only async-signal-safe functions are called.
 */
static void
become_shell(const char *command, char *const *environment, pid_t parent,
			 int last)
{
	char	   *const arguments[] = {"sh", "-c", unconstify(char *, command), NULL};
	struct sigaction by_default;
	sigset_t	nothing;
	int			null;

	(void) setsid();

	/* If the parent is killed with SIGKILL, at least the shell dies, too. */
#ifdef PR_SET_PDEATHSIG
	(void) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
#endif
	if (getppid() != parent)
		_exit(127);

	memset(&by_default, 0, sizeof(by_default));
	by_default.sa_handler = SIG_DFL;
	sigemptyset(&by_default.sa_mask);
	for (int signo = 1; signo < NSIG; signo++)
		(void) sigaction(signo, &by_default, NULL);

	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(127);
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		_exit(127);
	if (null > STDERR_FILENO)
		(void) close(null);
	for (int fd = STDERR_FILENO + 1; fd <= last; fd++)
		(void) close(fd);

	sigemptyset(&nothing);
	(void) sigprocmask(SIG_SETMASK, &nothing, NULL);
	(void) execve("/bin/sh", arguments, environment);
	_exit(127);
}

bool
rw_shell_start(RwShell *shell, const char *command, char *const *environment)
{
	pid_t		parent = getpid();
	pid_t		pid;
	int			last = last_descriptor();
	int			save_errno;
	sigset_t	everything;
	sigset_t	before;

	memset(shell, 0, sizeof(RwShell));

	/*
	 * No handler of ours may run in the child, and none in the parent before
	 * shell->group is set.
	 */
	sigfillset(&everything);
	(void) sigprocmask(SIG_SETMASK, &everything, &before);
	pid = fork();
	if (pid == 0)
		become_shell(command, environment, parent, last);
	save_errno = errno;
	if (pid > 0)
	{
		shell->running = true;
		shell->group = pid;
	}
	(void) sigprocmask(SIG_SETMASK, &before, NULL);
	errno = save_errno;
	return pid > 0;
}

bool
rw_shell_poll(RwShell *shell)
{
	pid_t		pid;
	int			status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
	{
		if (pid == shell->group)
		{
			shell->running = false;
			shell->status = status;
		}
	}
	if (shell->group == 0)
		return false;

	/*
	 * A process group's ID is not reused while the group has members.  Since
	 * the last call it could have been only if pids had wrapped around.
	 */
	if (shell->running || kill(-shell->group, 0) == 0 || errno != ESRCH)
		return true;

	shell->group = 0;
	return false;
}

void
rw_shell_signal(const RwShell *shell, int signo)
{
	int			save_errno = errno;

	/*
	 * A child that has just been forked has no group of its own yet.  By the
	 * time that it is signaled alone it may have one, with a child in it.
	 */
	if (shell->group != 0 && kill(-shell->group, signo) != 0 &&
		shell->running)
	{
		(void) kill(shell->group, signo);
		(void) kill(-shell->group, signo);
	}
	errno = save_errno;
}

void
rw_shell_abandon(RwShell *shell)
{
	shell->group = 0;
}
