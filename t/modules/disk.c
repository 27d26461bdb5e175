/*-------------------------------------------------------------------------
 *
 * disk.c
 *	  Watches and holds up what the server writes to replwatch's files: for
 *	  t/069.
 *
 * Preloaded by LD_PRELOAD, not by the server.  Each write(), fsync() and
 * rename() of such a file, and each fsync() of its directory, appends a line
 * to the file disk.calls in the data directory, if that exists.  While the
 * file disk.hold exists, fsync() and rename() of such files do not begin, as
 * on a filesystem that is frozen, which is noted by a line "PID waits".
 *
 * Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From 16 on the server's makefiles hide all functions that are not marked. */
#define SEEN	__attribute__((visibility("default")))

/* Find the path of replwatch's file, or of its directory, from pg_stat on. */
static const char *
find_path(int fd, char *path, size_t size)
{
	char		link[64];
	char	   *found;
	ssize_t		length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, size - 1);
	if (length < 0)
		return NULL;
	path[length] = '\0';
	found = strstr(path, "/pg_stat");
	if (found == NULL)
		return NULL;
	found++;
	if (strstr(found, "/replwatch.") == NULL && strchr(found, '/') != NULL)
		return NULL;
	return found;
}

static void
note(const char *line)
{
	int			fd = open("disk.calls", O_WRONLY | O_APPEND);

	if (fd < 0)
		return;
	syscall(SYS_write, fd, line, strlen(line));
	close(fd);
}

static void
note_call(const char *call, const char *path)
{
	char		line[PATH_MAX + 64];

	snprintf(line, sizeof(line), "%s %s\n", call, path);
	note(line);
}

static void
wait_while_held(void)
{
	char		line[64];

	if (access("disk.hold", F_OK) != 0)
		return;
	snprintf(line, sizeof(line), "%d waits\n", (int) getpid());
	note(line);
	while (access("disk.hold", F_OK) == 0)
		usleep(10000);
}

SEEN ssize_t
write(int fd, const void *data, size_t length)
{
	int			save_errno = errno;
	char		path[PATH_MAX];
	const char *found = find_path(fd, path, sizeof(path));

	if (found != NULL)
		note_call("write", found);
	errno = save_errno;
	return syscall(SYS_write, fd, data, length);
}

SEEN int
fsync(int fd)
{
	char		path[PATH_MAX];
	const char *found = find_path(fd, path, sizeof(path));

	if (found != NULL)
	{
		wait_while_held();
		note_call("fsync", found);
	}
	return syscall(SYS_fsync, fd);
}

SEEN int
rename(const char *from, const char *to)
{
	if (strstr(from, "/replwatch.") != NULL)
	{
		wait_while_held();
		note_call("rename", from);
	}
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}
