/*-------------------------------------------------------------------------
 *
 * watch.h
 *	  Gaps in what the sampling worker has watched.
 *
 * A pure file.  Much is judged by how long something has lasted from one look
 * of the worker to the next.  Between two looks that are far apart nobody has
 * watched: the machine was suspended, its virtual machine paused, or the
 * worker stopped.  There are two signs of that:
 *
 *	- On our clock the last look is long ago.  So it is after a suspension,
 *	  which the boot clock counts, and when only the worker was stopped.
 *	- The wall clock is ahead of ours by more than at the last look: our clock
 *	  has stood still.  So it is once somebody sets the wall clock of a virtual
 *	  machine that was paused, and where there is no boot clock.  Until then
 *	  nothing in the machine shows that it was.
 *
 * What follows from a gap is up to those who judge:
 *
 *	- It is no part of a time that something has lasted, such as known_after,
 *	  forget_after and hold times.
 *	- No alert is raised because something has lasted longer than its limit,
 *	  before the limit has passed since the gap.  What fires goes on.  A gap
 *	  that is short for the limit does not postpone the alert for so long: see
 *	  RW_MAKE_UP_FACTOR.
 *	- No rate is computed, and nothing is forecast, from before the gap.
 *	- What was known before is older than our clock says by the time that it
 *	  stood still.
 *
 * Times that are shown are not changed: a replica that was last seen before
 * the night was last seen before the night.
 *
 * An administrator who sets the wall clock forward is taken for a gap, too.
 * That costs a few limits' time, and the proof that a standby is up to date
 * until its upstream server's next message.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WATCH_H
#define RW_WATCH_H

#include "src/base/clock.h"

/* The wall clock is not adjusted by so much at a time. */
#define RW_WALL_STEP	(1 * RW_SECOND)

/*
 * A gap is forgotten once it has been watched for so many times as long as the
 * gap was.  Otherwise a worker that is late now and then, or a wall clock that
 * is set forth and back, would postpone alerts with long limits for ever.
 */
#define RW_MAKE_UP_FACTOR	2

/* Begins as all zero. */
typedef struct RwWatch
{
	RwTime		round_at;		/* of the last round; RW_NEVER: none yet */
	int64		wall_at;		/* the same moment on the wall clock */
	RwTime		resumed_at;		/* the first round after the last gap;
								 * RW_NEVER: there was none, or it is
								 * forgotten */
	RwTime		made_up_at;		/* when it is forgotten */

	/* Of the gap that has ended with the last round; 0: none has. */
	int64		unwatched;		/* how long it was on our clock, */
	int64		stood_still;	/* and how long that stood still meanwhile */
} RwWatch;

/*
 * A round begins, at this moment of both clocks.  Rounds further apart than
 * `allowed` microseconds have a gap between them.
 */
extern void rw_watch_round(RwWatch *watch, RwTime now, int64 wall,
						   int64 allowed);

/*
 * For how long our clock has stood still since the last round, as far as the
 * clocks show; 0 if it has not.  For processes that look between rounds.
 */
extern int64 rw_watch_stood_still(const RwWatch *watch, RwTime now,
								  int64 wall);

/* Has a gap ended with the last round? */
static inline bool
rw_watch_resumed(const RwWatch *watch)
{
	return watch->resumed_at != RW_NEVER &&
		watch->resumed_at == watch->round_at;
}

#endif							/* RW_WATCH_H */
