/*-------------------------------------------------------------------------
 *
 * histogram.h
 *	  A histogram of durations with a fixed number of buckets.
 *
 * A pure file.  Buckets grow by a factor of the fourth root of 2, from a
 * microsecond to over an hour, so that a percentile is at most a fifth too
 * high.
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

/* The bucket of a duration in microseconds; negative ones count as 0. */
extern int	rw_histogram_bucket(int64 duration);

/*
 * The duration that the given fraction (0 to 1) did not exceed, as the upper
 * end of its bucket; -1 if nothing was counted.
 */
extern int64 rw_histogram_percentile(const RwHistogram *histogram,
									 double fraction);

#endif							/* RW_HISTOGRAM_H */
