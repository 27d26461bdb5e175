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

/* Reads in one call: as much as a pipe holds, so as to return soon. */
#define READS_AT_A_TIME		16
#define READ_SIZE			4096

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
			 int output, int last)
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

	/* In this order, because the pipe may be among the first three. */
	if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
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
	int			ends[2];
	int			last;
	int			save_errno;
	sigset_t	everything;
	sigset_t	before;

	memset(shell, 0, sizeof(RwShell));
	shell->output = -1;

	if (pipe(ends) != 0)
		return false;
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 ||
		fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0)
		goto failed;
	last = last_descriptor();

	/*
	 * No handler of ours may run in the child, and none in the parent before
	 * shell->group is set.
	 */
	sigfillset(&everything);
	(void) sigprocmask(SIG_SETMASK, &everything, &before);
	pid = fork();
	if (pid == 0)
		become_shell(command, environment, parent, ends[1], last);
	save_errno = errno;
	if (pid > 0)
	{
		shell->running = true;
		shell->output = ends[0];
		shell->group = pid;
	}
	(void) sigprocmask(SIG_SETMASK, &before, NULL);
	errno = save_errno;
	if (pid < 0)
		goto failed;

	(void) close(ends[1]);
	return true;

failed:
	save_errno = errno;
	(void) close(ends[0]);
	(void) close(ends[1]);
	errno = save_errno;
	return false;
}

static void
close_output(RwShell *shell)
{
	if (shell->output >= 0)
		(void) close(shell->output);
	shell->output = -1;
}

static void
keep_output(RwShell *shell, const char *chunk, size_t len)
{
	size_t		room = RW_SHELL_OUTPUT_LEN - shell->nkept;

	memcpy(shell->kept + shell->nkept, chunk, Min(len, room));
	shell->nkept += Min(len, room);
	shell->more |= len > room;
}

static void
read_output(RwShell *shell)
{
	char		chunk[READ_SIZE];

	for (int i = 0; i < READS_AT_A_TIME && shell->output >= 0; i++)
	{
		ssize_t		len = read(shell->output, chunk, sizeof(chunk));

		if (len > 0)
			keep_output(shell, chunk, len);
		else if (len < 0 && errno == EINTR)
			continue;
		else if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		else
			close_output(shell);
	}
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

	/* After waitpid(), so that a command that has ended is read in full. */
	read_output(shell);

	/*
	 * A process group's ID is not reused while the group has members.  Since
	 * the last call it could have been only if pids had wrapped around.
	 */
	if (shell->running || kill(-shell->group, 0) == 0 || errno != ESRCH)
		return true;

	close_output(shell);
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
	close_output(shell);
	shell->group = 0;
}

/* The number of bytes at the end that are an incomplete UTF-8 character. */
static size_t
incomplete_character(const char *bytes, size_t len)
{
	for (size_t back = 1; back <= Min(len, 4); back++)
	{
		unsigned char c = bytes[len - back];

		if ((c & 0xC0) == 0x80)
			continue;
		if ((c & 0xE0) == 0xC0)
			return back < 2 ? back : 0;
		if ((c & 0xF0) == 0xE0)
			return back < 3 ? back : 0;
		if ((c & 0xF8) == 0xF0)
			return back < 4 ? back : 0;
		return 0;
	}
	return 0;
}

const char *
rw_shell_output(RwShell *shell)
{
	size_t		len = shell->nkept;

	len -= incomplete_character(shell->kept, len);
	while (len > 0 && strchr(" \t\r\n", shell->kept[len - 1]) != NULL &&
		   shell->kept[len - 1] != '\0')
		len--;
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = shell->kept[i];

		if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7F)
			shell->kept[i] = '?';
	}
	shell->nkept = len;
	strcpy(shell->kept + len, shell->more ? "..." : "");
	return shell->kept;
}
