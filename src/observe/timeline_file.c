/*-------------------------------------------------------------------------
 *
 * timeline_file.c
 *	  The history files of this server's timelines.
 *
 * Core's own reader takes a missing file for a timeline without ancestors, and
 * raises an error if it can't read the file.  Here both give the same answer:
 * only timeline 1 has no ancestors.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xlog_internal.h"
#include "storage/fd.h"

#include "src/observe/timeline_file.h"

/* Room for a timeline history file: 1,024 lines with a reason each. */
#define TIMELINE_FILE_MAX	(256 * 1024)

bool
rw_timeline_load(RwTimeline *timeline, TimeLineID tli)
{
	char		path[MAXPGPATH];
	char	   *contents;
	ssize_t		len = 0;
	ssize_t		got;
	bool		ok;
	int			fd;

	if (tli == 1)
		return rw_timeline_parse(timeline, tli, "", 0);

	TLHistoryFilePath(path, tli);
	fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	if (fd < 0)
		return false;
	contents = palloc(TIMELINE_FILE_MAX);
	/* A part of the file would be a different history. */
	while ((got = read(fd, contents + len, TIMELINE_FILE_MAX - len)) > 0)
		len += got;
	CloseTransientFile(fd);
	ok = got == 0 && len > 0 && len < TIMELINE_FILE_MAX &&
		rw_timeline_parse(timeline, tli, contents, len);
	pfree(contents);
	return ok;
}
