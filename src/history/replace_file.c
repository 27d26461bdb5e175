/*-------------------------------------------------------------------------
 *
 * replace_file.c
 *	  Replaces a file such that a crash leaves the old one or the new one.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include <fcntl.h>
#include <unistd.h>

#include "src/history/replace_file.h"

#define TMP_SUFFIX	".tmp"

static bool
write_all(int fd, const void *data, size_t length)
{
	const char *p = data;

	while (length > 0)
	{
		ssize_t		n = write(fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			/* If write() set no errno, assume a full disk. */
			if (n == 0)
				errno = ENOSPC;
			return false;
		}
		p += n;
		length -= n;
	}
	return true;
}

static bool
flush_to_disk(int fd)
{
	int			rc;

	do
	{
		rc = fsync(fd);
	} while (rc != 0 && errno == EINTR);
	return rc == 0;
}

/* Write PATH.tmp; false, with errno set, if a step of it failed. */
static bool
write_new(const RwNewFile *file, const char *tmp, mode_t mode, bool flush,
		  RwReplaceProgress *progress)
{
	int			fd;
	int			save_errno;

	/*
	 * A link that somebody puts there in between makes open() fail, as does a
	 * directory, which unlink() does not remove.
	 */
	progress->step = RW_REPLACE_CREATE;
	(void) unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	if (fd < 0)
		return false;

	progress->step = RW_REPLACE_WRITE;
	if (!write_all(fd, file->bytes, file->length))
		goto failed;
	progress->step = RW_REPLACE_FLUSH;
	if (flush && !flush_to_disk(fd))
		goto failed;
	progress->step = RW_REPLACE_CLOSE;
	return close(fd) == 0;

failed:
	save_errno = errno;
	(void) close(fd);
	errno = save_errno;
	return false;
}

/* As core does, take no offense where directories cannot be flushed. */
static bool
flush_directory_of(const char *path)
{
	char		directory[MAXPGPATH];
	char	   *slash;
	int			fd;
	bool		ok;
	int			save_errno;

	strcpy(directory, path);
	slash = strrchr(directory, '/');
	Assert(slash != NULL);
	*slash = '\0';

	fd = open(directory, O_RDONLY);
	if (fd < 0)
		return errno == EISDIR || errno == EACCES;
	ok = flush_to_disk(fd) || errno == EBADF || errno == EINVAL;
	save_errno = errno;
	(void) close(fd);
	errno = save_errno;
	return ok;
}

bool
rw_replace_file(const RwNewFile *file, mode_t mode, bool flush, pid_t parent,
				RwReplaceProgress *progress)
{
	char		tmp[MAXPGPATH];

	progress->error = 0;
	Assert(strlen(file->path) + strlen(TMP_SUFFIX) < sizeof(tmp));
	strcpy(tmp, file->path);
	strcat(tmp, TMP_SUFFIX);
	if (!write_new(file, tmp, mode, flush, progress))
		goto failed;

	progress->step = RW_REPLACE_RENAME;
	if (parent != 0 && getppid() != parent)
	{
		errno = ESRCH;
		goto failed;
	}
	if (rename(tmp, file->path) != 0)
		goto failed;

	progress->step = RW_REPLACE_FLUSH_DIRECTORY;
	if (flush && !flush_directory_of(file->path))
		goto failed;
	progress->step = RW_REPLACE_DONE;
	return true;

failed:
	progress->error = errno;
	if (progress->step != RW_REPLACE_CREATE)
		(void) unlink(tmp);
	return false;
}
