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

/* Under this much observation there is no rate yet. */
#define RW_RATE_MIN_TIME	(1 * RW_SECOND)

/* What takes longer than a century never happens. */
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

/* Forget everything: a new link, another timeline. */
extern void rw_rate_init(RwRate *rate);

/*
 * Note where the LSN is now; 0 is passed over, and a step backwards starts
 * anew.  A `now` before the newest point counts as that point's.
 */
extern void rw_rate_add(RwRate *rate, uint64 lsn, RwTime now);

/*
 * Bytes a second over the last minute at most; negative: not known yet.  An
 * `lsn` or a `now` behind what was noted was looked at before that was: what
 * was noted counts.
 */
extern double rw_rate(const RwRate *rate, uint64 lsn, RwTime now);

/*
 * Microseconds until `missing` bytes are caught up by something that takes
 * `speed` bytes a second while `growth` come in.  0 when nothing is missing;
 * -1 when that never happens at these rates, or a rate is unknown.
 */
extern int64 rw_catchup(uint64 missing, double speed, double growth);

/*
 * Microseconds until `left` bytes have been written at `growth` bytes a
 * second; -1 when nothing is being written or the rate is unknown.  Nothing
 * left is 0.
 */
extern int64 rw_time_left(int64 left, double growth);

#endif							/* RW_RATES_H */
