/*-------------------------------------------------------------------------
 *
 * timeline_file.h
 *	  The history files of this server's timelines.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_TIMELINE_FILE_H
#define RW_TIMELINE_FILE_H

#include "access/xlogdefs.h"

#include "src/observe/timeline.h"

/*
 * Read a timeline's history file from pg_wal.  Returns false if it is missing
 * or can't be used.  Needs a transient 256 kB of the current memory context.
 */
extern bool rw_timeline_load(RwTimeline *timeline, TimeLineID tli);

/* What is known of timelines newer than one; begins as all zero. */
typedef struct RwNewerTimelines
{
	TimeLineID	tli;			/* than this one */
	TimeLineID	newest;			/* whose history file is in pg_wal */
	XLogRecPtr	left_at;		/* where a newer one that descends from `tli`
								 * parts from it; 0: there is none */
} RwNewerTimelines;

/*
 * Look whether history files of timelines newer than `tli` have come.  A
 * receiver fetches those of all timelines up to its upstream server's, before
 * it asks for WAL.  Mostly this is one attempt to open a file that does not
 * exist.
 */
extern void rw_newer_timelines(RwNewerTimelines *newer, TimeLineID tli);

#endif							/* RW_TIMELINE_FILE_H */
