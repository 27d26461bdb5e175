/*-------------------------------------------------------------------------
 *
 * histogram.h
 *	  How durations are distributed, in a fixed number of counters.
 *
 * A pure file.  Buckets grow by a factor of the fourth root of 2, from a
 * microsecond to over an hour, so that a percentile read from them is at most
 * a fifth too high.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_HISTOGRAM_H
#define RW_HISTOGRAM_H

#define RW_HISTOGRAM_BUCKETS	132

typedef struct RwHistogram
{
	uint64		counts[RW_HISTOGRAM_BUCKETS];
} RwHistogram;

/* The bucket to count a duration in microseconds in; negative ones as 0. */
extern int	rw_histogram_bucket(int64 duration);

/*
 * The duration that a part of them, `fraction` from 0 to 1, did not exceed,
 * as the upper end of its bucket; -1 if none were counted.
 */
extern int64 rw_histogram_percentile(const RwHistogram *histogram,
									 double fraction);

#endif							/* RW_HISTOGRAM_H */
