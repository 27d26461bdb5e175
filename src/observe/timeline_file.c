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

/* Is the history file of this timeline in pg_wal? */
static bool
has_history_file(TimeLineID tli)
{
	char		path[MAXPGPATH];

	TLHistoryFilePath(path, tli);
	return access(path, F_OK) == 0;
}

void
rw_newer_timelines(RwNewerTimelines *newer, TimeLineID tli)
{
	TimeLineID	newest;
	TimeLineID	candidate;
	RwTimeline *timeline;
	uint64		end;

	if (newer->tli != tli)
	{
		newer->tli = newer->newest = tli;
		newer->left_at = InvalidXLogRecPtr;
	}
	for (newest = newer->newest; has_history_file(newest + 1); newest++)
		;
	if (newest == newer->newest)
		return;

	/* The newest may be that of a server which was given up. */
	timeline = palloc(sizeof(RwTimeline));
	for (candidate = newest; candidate > newer->newest; candidate--)
	{
		if (rw_timeline_load(timeline, candidate) &&
			rw_timeline_find(timeline, tli, &end))
		{
			newer->left_at = end;
			break;
		}
	}
	newer->newest = newest;
	pfree(timeline);
}
