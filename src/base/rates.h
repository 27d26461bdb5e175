/*-------------------------------------------------------------------------
 *
 * rates.h
 *	  How fast an LSN has been moving, and what follows from it.
 *
 * A pure file.  An RwRate remembers where an LSN was every five seconds of
 * the last minute, and where it was last; the rate is what it moved between
 * the oldest of these and now.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_RATES_H
#define RW_RATES_H

#include "src/base/clock.h"

#define RW_RATE_STEP		(5 * RW_SECOND)
#define RW_RATE_POINTS		13	/* both ends of twelve steps: a minute */

/* There is no rate before this much time has been observed. */
#define RW_RATE_MIN_TIME	(1 * RW_SECOND)

/* Longer than a century counts as never. */
#define RW_RATE_FOR_EVER	(36525 * RW_DAY)

typedef struct RwRate
{
	int32		npoints;
	struct
	{
		uint64		lsn;
		RwTime		at;
	}			points[RW_RATE_POINTS]; /* oldest first */
} RwRate;

/* Forget everything, as for a new link or another timeline. */
extern void rw_rate_init(RwRate *rate);

/*
 * Add where the LSN is now; 0 is ignored, and a step backwards starts anew.
 * A `now` before the newest point counts as that point's.
 */
extern void rw_rate_add(RwRate *rate, uint64 lsn, RwTime now);

/*
 * The rate in bytes per second, over at most the last minute; negative if it
 * is not known yet.  An `lsn` or a `now` behind the newest point was read
 * before that point was added, which then counts in its place.
 */
extern double rw_rate(const RwRate *rate, uint64 lsn, RwTime now);

/*
 * The time in microseconds until `missing` bytes are caught up at `speed`
 * bytes per second while `growth` bytes per second are added.  0 if nothing
 * is missing; -1 if it never happens at these rates, or a rate is unknown.
 */
extern int64 rw_catchup(uint64 missing, double speed, double growth);

/*
 * The time in microseconds until `left` bytes have been written at `growth`
 * bytes per second.  0 if nothing is left; -1 if nothing is being written or
 * the rate is unknown.
 */
extern int64 rw_time_left(int64 left, double growth);

#endif							/* RW_RATES_H */
