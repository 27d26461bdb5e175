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

#endif							/* RW_TIMELINE_FILE_H */
