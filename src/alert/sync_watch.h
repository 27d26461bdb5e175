/*-------------------------------------------------------------------------
 *
 * sync_watch.h
 *	  For how long commits and logical replication have waited for standbys.
 *
 * A pure file.  On a busy server there is always a commit that waits, so what
 * counts is how long the oldest one has waited.  Neither the server nor a
 * single look knows that.  But each stage has its queue in the order of LSNs,
 * and a commit enters it as soon as its WAL is flushed: if the last one of an
 * earlier look was beyond this one, then this one waited already.  So a few
 * marks, each with the last LSN of a look and when that was, date the first of
 * the queue, whichever commits have come and gone meanwhile.
 *
 *		marks		100 @ 1 s   250 @ 2 s   400 @ 3 s
 *		queue now	           180 ... 460
 *
 * The commit at 180 has waited since 2 s at the latest: 100 is past, 250 is
 * not.  When the room for marks is full, those that are closest in time are
 * merged; then a commit seems to have waited a little less than it has, and
 * never more.
 *
 * Likewise for the slot that logical walsenders wait for: it counts only for
 * as long as it does not move.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SYNC_WATCH_H
#define RW_SYNC_WATCH_H

#include "src/base/clock.h"
#include "src/observe/sync_queues.h"

#define RW_SYNC_MARKS		32

/* The last LSN of a queue at some time. */
typedef struct RwSyncMark
{
	XLogRecPtr	lsn;
	RwTime		at;
} RwSyncMark;

/* All zero at first. */
typedef struct RwSyncWatch
{
	struct
	{
		int			nmarks;
		RwSyncMark	marks[RW_SYNC_MARKS];	/* both fields ascending */
	}			stages[RW_NUM_SYNC_STAGES];

	/* The commit that has waited longest, of all stages. */
	RwTime		since;			/* RW_NEVER: none waits */
	RwSyncStage stage;
	XLogRecPtr	lsn;
} RwSyncWatch;

/* All zero at first. */
typedef struct RwStandbySlotWatch
{
	RwStandbySlotFacts slot;	/* the one that is waited for */
	RwTime		since;			/* it has not moved; RW_NEVER: none is */
	int			misses;			/* looks since somebody was seen to wait */
} RwStandbySlotWatch;

/* Bring the watch up to date with this look. */
extern void rw_watch_sync(RwSyncWatch *watch, const RwSyncQueues *queues,
						  RwTime now);

extern void rw_watch_standby_slot(RwStandbySlotWatch *watch,
								  const RwFacts *facts);

#endif							/* RW_SYNC_WATCH_H */
