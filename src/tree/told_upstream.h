/*-------------------------------------------------------------------------
 *
 * told_upstream.h
 *	  What the upstream server has told of its own staleness.
 *
 * A pure file.  How stale reads on a standby are towards the primary does not
 * follow from its own lag and its upstream server's staleness now: what it
 * has replayed may be from a time at which the upstream server was much
 * staler.  So what is kept is marks: "with WAL up to this LSN, all is there
 * that the primary had at this time".  Whoever has replayed that much is no
 * staler than that.  Marks get sparser as they get older, so that a few dozen
 * reach back for days; a mark that is left out only makes what is said
 * staler.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_TOLD_UPSTREAM_H
#define RW_TOLD_UPSTREAM_H

#include "src/tree/tree.h"

#define RW_TOLD_MARKS	32

typedef struct RwToldMark
{
	uint64		lsn;
	RwTime		fresh_at;		/* on this server's axis */
} RwToldMark;

typedef struct RwToldUpstream
{
	RwServerId	id;				/* none: nothing was told */
	int			receiver_pid;	/* the WAL receiver whose upstream it is */
	uint32		tli;
	bool		primary;		/* its staleness is always 0 */
	bool		of_primary;		/* else: it knows towards the primary */
	RwTime		told_at;
	int			nmarks;
	RwToldMark	marks[RW_TOLD_MARKS];	/* ascending, in both */
} RwToldUpstream;				/* begins as zeroes */

/*
 * Take up a report of the upstream server, to which the WAL receiver with
 * this pid is connected.  Marks of another server or timeline are dropped,
 * and so are those of a server whose LSN has gone back.
 */
extern void rw_told_upstream_add(RwToldUpstream *told, const RwServer *report,
								 int receiver_pid);

/*
 * How stale reads are on a standby that has replayed up to `replay` on
 * timeline `tli`, towards the primary, by the marks alone; microseconds, -1
 * if no mark says.  Only for an upstream server that is a standby.
 */
extern int64 rw_told_upstream_staleness(const RwToldUpstream *told,
										uint64 replay, uint32 tli,
										RwTime now);

#endif							/* RW_TOLD_UPSTREAM_H */
