/*-------------------------------------------------------------------------
 *
 * wait_stats.c
 *	  Statistics of waits since server start.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"

#include "src/wait/intern.h"
#include "src/wait/wait_shared.h"

/*
 * `waits` is counted first here and copied last, so that no other counter of a
 * copy is greater.
 */
void
rw_wait_stats_count(RwWaitEnd end, int64 duration)
{
	RwWaitCounters *counters = &rw_wait_shared->counters;
	uint64		most;
	int			bucket;

	pg_atomic_fetch_add_u64(&counters->waits, 1);
	switch (end)
	{
		case RW_WAIT_IMMEDIATE:
			pg_atomic_fetch_add_u64(&counters->immediate, 1);
			return;
		case RW_WAIT_REACHED:
			break;
		case RW_WAIT_TIMEOUT:
			pg_atomic_fetch_add_u64(&counters->timeouts, 1);
			break;
		case RW_WAIT_ERROR:
			pg_atomic_fetch_add_u64(&counters->errors, 1);
			break;
	}

	pg_atomic_fetch_add_u64(&counters->total_time, duration);
	most = pg_atomic_read_u64(&counters->max_time);
	while ((uint64) duration > most &&
		   !pg_atomic_compare_exchange_u64(&counters->max_time, &most,
										   duration))
		;

	/* After max_time, which no percentile may exceed. */
	bucket = rw_histogram_bucket(duration);
	pg_atomic_fetch_add_u64(&counters->times[bucket], 1);
}

void
rw_wait_stats_copy(RwWaitStats *copy)
{
	RwWaitCounters *counters = &rw_wait_shared->counters;
	int			i;

	for (i = 0; i < RW_HISTOGRAM_BUCKETS; i++)
		copy->times.counts[i] = pg_atomic_read_u64(&counters->times[i]);
	pg_read_barrier();
	copy->immediate = pg_atomic_read_u64(&counters->immediate);
	copy->timeouts = pg_atomic_read_u64(&counters->timeouts);
	copy->errors = pg_atomic_read_u64(&counters->errors);
	copy->total_time = pg_atomic_read_u64(&counters->total_time);
	copy->max_time = pg_atomic_read_u64(&counters->max_time);
	copy->rescued = pg_atomic_read_u64(&counters->rescued);
	pg_read_barrier();
	copy->waits = pg_atomic_read_u64(&counters->waits);
}

int64
rw_wait_percentile(const RwWaitStats *stats, double fraction)
{
	/* The end of a bucket may be above all values in it. */
	return Min(rw_histogram_percentile(&stats->times, fraction),
			   (int64) stats->max_time);
}
