/*-------------------------------------------------------------------------
 *
 * replace_file.h
 *	  Replaces a file such that a crash leaves the old one or the new one.
 *
 * PURE, but for the files.  The new contents are written to PATH.tmp, which
 * is flushed to disk before it is renamed to PATH; then the directory is
 * flushed.  So PATH names the old contents until the new ones are safe, also
 * where the machine loses power.
 *
 * Neither PATH nor PATH.tmp is followed if it is a symbolic link: that, or
 * whatever else a crash may have left there, is replaced.  The directory may
 * be reached through links.
 *
 * Only functions that may be called in a signal handler are called, so that
 * a process that was forked without exec can do this.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPLACE_FILE_H
#define RW_REPLACE_FILE_H

#include <sys/types.h>

/* What a file is to hold. */
typedef struct RwNewFile
{
	const char *path;			/* DIRECTORY/NAME, one of replwatch's own */
	void	   *bytes;
	size_t		length;
} RwNewFile;

/* The steps, in order. */
typedef enum RwReplaceStep
{
	RW_REPLACE_NOT_BEGUN,
	RW_REPLACE_CREATE,			/* PATH.tmp */
	RW_REPLACE_WRITE,
	RW_REPLACE_FLUSH,
	RW_REPLACE_CLOSE,
	RW_REPLACE_RENAME,
	RW_REPLACE_FLUSH_DIRECTORY,
	RW_REPLACE_DONE
} RwReplaceStep;

/*
 * How far it has got, kept up to date on the way: another process may read it
 * in shared memory, also after this one has been killed.
 */
typedef struct RwReplaceProgress
{
	RwReplaceStep step;			/* being taken, or failed */
	int			error;			/* errno, once the step has failed; else 0 */
} RwReplaceProgress;

/*
 * Replace a file; a new one gets this mode, less the umask.  Without `flush`
 * nothing waits for the disk.  If `parent` is not 0, the file is renamed only
 * while that is this process's parent; else the error is ESRCH.  On failure
 * the result is false, PATH.tmp is removed, and PATH is as before, unless
 * flushing the directory failed.
 */
extern bool rw_replace_file(const RwNewFile *file, mode_t mode, bool flush,
							pid_t parent, RwReplaceProgress *progress);

#endif							/* RW_REPLACE_FILE_H */
