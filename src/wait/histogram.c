/*-------------------------------------------------------------------------
 *
 * histogram.c
 *	  A histogram of durations with a fixed number of buckets.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include <math.h>

#include "src/wait/histogram.h"

#define STEPS_PER_DOUBLING	4

/* The upper end of a bucket, in microseconds. */
static double
bucket_end(int bucket)
{
	return exp2((double) bucket / STEPS_PER_DOUBLING);
}

int
rw_histogram_bucket(int64 duration)
{
	int			bucket = 0;

	if (duration > 1)
		bucket = (int) ceil(log2((double) duration) * STEPS_PER_DOUBLING);
	return Min(bucket, RW_HISTOGRAM_BUCKETS - 1);
}

int64
rw_histogram_percentile(const RwHistogram *histogram, double fraction)
{
	uint64		total = 0;
	uint64		so_far = 0;
	double		wanted;

	for (int i = 0; i < RW_HISTOGRAM_BUCKETS; i++)
		total += histogram->counts[i];
	if (total == 0)
		return -1;

	wanted = fraction * total;
	for (int i = 0; i < RW_HISTOGRAM_BUCKETS; i++)
	{
		so_far += histogram->counts[i];
		if (so_far > 0 && so_far >= wanted)
			return (int64) ceil(bucket_end(i));
	}
	return (int64) ceil(bucket_end(RW_HISTOGRAM_BUCKETS - 1));
}
