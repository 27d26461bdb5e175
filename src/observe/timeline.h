/*-------------------------------------------------------------------------
 *
 * timeline.h
 *	  Where timelines part.
 *
 * rw_timeline_parse and rw_timeline_fork are pure.  They work on the text of
 * a timeline history file (pg_wal/0000000N.history): a line for each
 * ancestor, oldest first, with its number and the LSN at which it was left.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_TIMELINE_H
#define RW_TIMELINE_H

/* More ancestors than any real cluster has; a longer file is refused. */
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
 * Read the `len` bytes of text of timeline `tli`'s history file; timeline 1
 * has none, which is len 0.  Empty lines and lines that start with # count
 * for nothing, as in the server's own reader.  False, and nothing in
 * *timeline, if it is malformed: a line without number and LSN, numbers that
 * do not rise or reach tli, LSNs that fall, too many lines, or no ancestor of
 * a timeline other than 1 (a file that was cut off; the server writes none
 * such).
 */
extern bool rw_timeline_parse(RwTimeline *timeline, uint32 tli,
							  const char *contents, size_t len);

/*
 * Is `tli` this timeline or an ancestor of it?  If so, *end is where it was
 * left (PG_UINT64_MAX for the timeline itself).
 */
extern bool rw_timeline_find(const RwTimeline *timeline, uint32 tli,
							 uint64 *end);

/*
 * The LSN up to which two timelines are the same WAL; PG_UINT64_MAX if one is
 * the other, 0 if they share nothing.  Equal numbers that were left at
 * different LSNs, or have different ancestors, part there.
 */
extern uint64 rw_timeline_fork(const RwTimeline *a, const RwTimeline *b);

#endif							/* RW_TIMELINE_H */
