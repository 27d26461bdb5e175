/*-------------------------------------------------------------------------
 *
 * test_shell.c
 *	  Tests of src/command/shell.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/command/shell.h"
#include "unit/tap.h"

static char *const plain_environment[] = {
	"PATH=/usr/bin:/bin", "COLOUR=blue", NULL
};
static char *const *environment = plain_environment;

static RwShell shell;

/* What commands write goes to this file, in place of our standard error. */
static FILE *output;
static char written[4096];

static bool
start(const char *command)
{
	int			save_stderr = dup(STDERR_FILENO);
	bool		started;

	if (ftruncate(fileno(output), 0) != 0 ||
		dup2(fileno(output), STDERR_FILENO) < 0)
		return false;
	fcntl(save_stderr, F_SETFD, FD_CLOEXEC);
	started = rw_shell_start(&shell, command, environment);
	dup2(save_stderr, STDERR_FILENO);
	close(save_stderr);
	return started;
}

/* As a caller would wait, but without a latch. */
static void
wait_a_moment(void)
{
	(void) poll(NULL, 0, 2);
}

/* What the command has written, without the last newline. */
static const char *
read_output(void)
{
	ssize_t		len = pread(fileno(output), written, sizeof(written) - 1, 0);

	len = Max(len, 0);
	if (len > 0 && written[len - 1] == '\n')
		len--;
	written[len] = '\0';
	return written;
}

/* Run a command to its end, which must come by itself; what it wrote. */
static const char *
run(const char *command)
{
	if (!start(command))
		return "(not started)";
	while (rw_shell_poll(&shell))
		wait_a_moment();
	return read_output();
}

/* Poll a command until it has written this. */
static void
wait_for(const char *words)
{
	do
	{
		wait_a_moment();
		(void) rw_shell_poll(&shell);
	} while (strstr(read_output(), words) == NULL);
}

static int
count_descriptors(void)
{
	DIR		   *dir = opendir("/dev/fd");
	int			count = 0;

	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void
test_ends(void)
{
	section("how it ends");

	is_text(run("exit 0"), "", "nothing to say");
	ok(WIFEXITED(shell.status) && WEXITSTATUS(shell.status) == 0, "success");
	run("exit 3");
	ok(WIFEXITED(shell.status) && WEXITSTATUS(shell.status) == 3,
	   "an exit code");
	ok(strstr(run("no_such_command"), "no_such_command") != NULL,
	   "a command that does not exist is named");
	ok(WIFEXITED(shell.status) && WEXITSTATUS(shell.status) == 127,
	   "its exit code");
	run("if");
	ok(WIFEXITED(shell.status) && WEXITSTATUS(shell.status) != 0,
	   "a syntax error");
	run("kill -USR1 $$");
	ok(WIFSIGNALED(shell.status) && WTERMSIG(shell.status) == SIGUSR1,
	   "a signal");
}

static void
test_surroundings(void)
{
	int			high = fcntl(STDIN_FILENO, F_DUPFD, 700);
	sigset_t	blocked;

	section("what it finds");

	is_text(run("echo \"$COLOUR$HOME\""), "blue",
			"the environment that it was given");
	is_text(run("cat"), "", "standard input is empty");
	is_text(run("echo out; echo err >&2"), "out\nerr",
			"both outputs are our standard error, in order");
	is_text(run("cut -d' ' -f6 /proc/self/stat | grep -qx $$ && echo own"),
			"own", "a session of its own");

	ok(high >= 700, "a descriptor is open far from the others");
	is_text(run("ls /dev/fd/ | tr '\\n' ' '"), "0 1 2 3 ",
			"three descriptors, and that of ls");

	/* As the server has them: some ignored, some blocked. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGURG);
	sigprocmask(SIG_BLOCK, &blocked, NULL);

	/* Not 29 and up: our parent may have ignored libc's own two. */
	is_text(run("grep -E '^Sig(Blk|Ign)' /proc/self/status |"
				" sed 's/:.*\\(.......\\)$/ \\1/'"),
			"SigBlk 0000000\nSigIgn 0000000",
			"no signal is ignored or blocked");
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	is_int(sigismember(&blocked, SIGTERM), 0, "our own are as before");
	close(high);
}

/*
 * What the values of an alert rely on: the shell does not parse what a variable
 * contains, and in double quotes does not split it either.
 */
static void
test_values(void)
{
	static const char *const values[] = {
		"plain", "two  blanks ", " * ? [a-z]", "it's \"one\"", "$(touch ran)",
		"`touch ran`", "'; touch ran; '", "\"; touch ran #", "two\nlines\n",
		"\\ \\\\ \\' \\\" $HOME ${HOME}", "%s %d %%", "-n --help", "a;b&c|d>ran",
		"gr\xc3\xbcn \xff\x01", ""
	};

	section("values in its environment");

	for (int i = 0; i < (int) lengthof(values); i++)
	{
		char		entry[100];
		char		expected[100];
		char	   *surroundings[] = {"PATH=/usr/bin:/bin", entry, NULL};

		snprintf(entry, sizeof(entry), "VALUE=%s", values[i]);
		snprintf(expected, sizeof(expected), "<%s><%s>", values[i], values[i]);
		environment = surroundings;
		/* Command substitution takes off newlines at the end. */
		is_text(run("printf '<%s>' \"$VALUE\" >&2;"
					" again=\"$(printf '%s.' \"$VALUE\")\";"
					" printf '<%s>' \"${again%.}\";"
					" : $VALUE $(true $VALUE) `true $VALUE`"),
				expected, values[i]);
	}
	environment = plain_environment;
	ok(access("ran", F_OK) != 0, "nothing of them is executed");
}

static void
test_group(void)
{
	pid_t		left;

	section("what belongs to it");

	start("(while test -e /dev/null; do sleep 0.05; done) & echo started");
	wait_for("started");
	while (shell.running)
	{
		wait_a_moment();
		(void) rw_shell_poll(&shell);
	}
	ok(rw_shell_poll(&shell), "it has not ended while a child is left");
	is_int(shell.status, 0, "though the shell has");
	rw_shell_signal(&shell, SIGTERM);
	while (rw_shell_poll(&shell))
		wait_a_moment();
	ok(true, "a signal reaches the child");

	start("sleep 1000 & sleep 1000 & echo started; wait");
	wait_for("started");
	rw_shell_signal(&shell, SIGTERM);
	while (rw_shell_poll(&shell))
		wait_a_moment();
	ok(WIFSIGNALED(shell.status) && WTERMSIG(shell.status) == SIGTERM,
	   "a signal reaches the shell and its children");

	start("trap '' TERM; sleep 1000 & echo started; wait; wait");
	wait_for("started");
	rw_shell_signal(&shell, SIGTERM);
	poll(NULL, 0, 100);
	ok(rw_shell_poll(&shell), "SIGTERM can be ignored");
	rw_shell_signal(&shell, SIGKILL);
	while (rw_shell_poll(&shell))
		wait_a_moment();
	ok(WIFSIGNALED(shell.status) && WTERMSIG(shell.status) == SIGKILL,
	   "SIGKILL can not");

	/* So soon that the child may not have its group yet. */
	for (int i = 0; i < 50; i++)
	{
		start("sleep 1000");
		rw_shell_signal(&shell, SIGTERM);
		while (rw_shell_poll(&shell))
			wait_a_moment();
	}
	ok(true, "a signal right after the start is not lost");

	run("setsid sh -c 'echo started; sleep 0.3' & sleep 0.1");
	ok(shell.group == 0, "a process with a new session has left it");
	ok(waitpid(-1, NULL, 0) > 0, "and is a child of ours when its parent goes");

	start("exec sleep 1000");
	left = shell.group;
	rw_shell_abandon(&shell);
	ok(!rw_shell_poll(&shell), "it can be given up");
	rw_shell_signal(&shell, SIGTERM);
	is_int(kill(left, SIGKILL), 0, "no signal is sent to it then");
	is_int(waitpid(left, NULL, 0), left, "it can still be reaped");
}

int
main(void)
{
	int			descriptors;

	/* Appending, so that two who write do not overwrite each other's. */
	output = tmpfile();
	if (output == NULL || fcntl(fileno(output), F_SETFL, O_APPEND) != 0)
		return 1;
	descriptors = count_descriptors();

	/* A command that never ends is to be a failure. */
	alarm(300);
	rw_shell_adopt();
	test_ends();
	test_surroundings();
	test_values();
	test_group();

	section("what is left");
	is_int(count_descriptors(), descriptors, "no descriptor");
	return tap_end();
}
