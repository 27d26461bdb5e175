/*-------------------------------------------------------------------------
 *
 * timeline.h
 *	  Where timelines part.
 *
 * A pure file.  It works on the text of a timeline history file
 * (pg_wal/0000000N.history), which has a line for each ancestor, oldest first,
 * with its number and the LSN at which it was left.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_TIMELINE_H
#define RW_TIMELINE_H

/* More than any real cluster has; a file with more ancestors is refused. */
#define RW_TIMELINE_MAX		1024

typedef struct RwTimelineEntry
{
	uint32		tli;
	uint64		end;			/* where it was left; PG_UINT64_MAX for the
								 * timeline itself, the last entry */
} RwTimelineEntry;

typedef struct RwTimeline
{
	int			nentries;
	RwTimelineEntry entries[RW_TIMELINE_MAX];
} RwTimeline;

/*
 * Read the history file of timeline `tli`: `len` bytes of text.  Timeline 1
 * has no file, so its len is 0.  Like the server's own reader, this skips
 * empty lines and lines that start with #.
 *
 * Returns false and leaves *timeline empty if the file is malformed: a line
 * without a number and an LSN, numbers that do not rise or that reach tli,
 * LSNs that fall, too many lines, or no ancestor of a timeline other than 1,
 * which means that the file was cut off.
 */
extern bool rw_timeline_parse(RwTimeline *timeline, uint32 tli,
							  const char *contents, size_t len);

/*
 * Is `tli` this timeline or an ancestor of it?  If so, *end is the LSN at
 * which it was left: PG_UINT64_MAX for the timeline itself.
 */
extern bool rw_timeline_find(const RwTimeline *timeline, uint32 tli,
							 uint64 *end);

/*
 * The LSN up to which two timelines have the same WAL: PG_UINT64_MAX if they
 * are the same timeline, 0 if they share nothing.  Timelines of one number
 * that were left at different LSNs, or have different ancestors, part there.
 */
extern uint64 rw_timeline_fork(const RwTimeline *a, const RwTimeline *b);

#endif							/* RW_TIMELINE_H */
