/*-------------------------------------------------------------------------
 *
 * wait_stats.c
 *	  How many waits there were since server start, and how long they took.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/wait/wait_stats.h"

/* As RwWaitStats. */
typedef struct StatsShared
{
	pg_atomic_uint64 waits;
	pg_atomic_uint64 immediate;
	pg_atomic_uint64 timeouts;
	pg_atomic_uint64 errors;
	pg_atomic_uint64 total_time;
	pg_atomic_uint64 max_time;
	pg_atomic_uint64 times[RW_HISTOGRAM_BUCKETS];
} StatsShared;

static StatsShared *shared = NULL;

Size
rw_wait_stats_size(void)
{
	return MAXALIGN(sizeof(StatsShared));
}

void
rw_wait_stats_attach(void)
{
	bool		found;
	int			i;

	shared = ShmemInitStruct("replwatch wait statistics", sizeof(StatsShared),
							 &found);
	if (found)
		return;
	pg_atomic_init_u64(&shared->waits, 0);
	pg_atomic_init_u64(&shared->immediate, 0);
	pg_atomic_init_u64(&shared->timeouts, 0);
	pg_atomic_init_u64(&shared->errors, 0);
	pg_atomic_init_u64(&shared->total_time, 0);
	pg_atomic_init_u64(&shared->max_time, 0);
	for (i = 0; i < RW_HISTOGRAM_BUCKETS; i++)
		pg_atomic_init_u64(&shared->times[i], 0);
}

/* `waits` comes first here and last in the copy: no part is greater. */
void
rw_wait_stats_count(RwWaitEnd end, int64 duration)
{
	uint64		most;

	pg_atomic_fetch_add_u64(&shared->waits, 1);
	switch (end)
	{
		case RW_WAIT_IMMEDIATE:
			pg_atomic_fetch_add_u64(&shared->immediate, 1);
			return;
		case RW_WAIT_REACHED:
			break;
		case RW_WAIT_TIMEOUT:
			pg_atomic_fetch_add_u64(&shared->timeouts, 1);
			break;
		case RW_WAIT_ERROR:
			pg_atomic_fetch_add_u64(&shared->errors, 1);
			break;
	}

	pg_atomic_fetch_add_u64(&shared->total_time, duration);
	most = pg_atomic_read_u64(&shared->max_time);
	while ((uint64) duration > most &&
		   !pg_atomic_compare_exchange_u64(&shared->max_time, &most, duration))
		;
	/* After max_time, which no percentile may be greater than. */
	pg_atomic_fetch_add_u64(&shared->times[rw_histogram_bucket(duration)], 1);
}

void
rw_wait_stats_copy(RwWaitStats *copy)
{
	int			i;

	for (i = 0; i < RW_HISTOGRAM_BUCKETS; i++)
		copy->times.counts[i] = pg_atomic_read_u64(&shared->times[i]);
	pg_read_barrier();
	copy->immediate = pg_atomic_read_u64(&shared->immediate);
	copy->timeouts = pg_atomic_read_u64(&shared->timeouts);
	copy->errors = pg_atomic_read_u64(&shared->errors);
	copy->total_time = pg_atomic_read_u64(&shared->total_time);
	copy->max_time = pg_atomic_read_u64(&shared->max_time);
	pg_read_barrier();
	copy->waits = pg_atomic_read_u64(&shared->waits);
}

int64
rw_wait_percentile(const RwWaitStats *stats, double fraction)
{
	/* A bucket's end may be above all that it holds. */
	return Min(rw_histogram_percentile(&stats->times, fraction),
			   (int64) stats->max_time);
}
