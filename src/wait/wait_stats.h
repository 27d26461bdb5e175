/*-------------------------------------------------------------------------
 *
 * wait_stats.h
 *	  How many waits there were since server start, and how long they took.
 *
 * Counted by each backend at the end of its wait, without a lock: most waits
 * are over at once and take none for anything else.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAIT_STATS_H
#define RW_WAIT_STATS_H

#include "src/wait/histogram.h"

/* How a wait ended. */
typedef enum RwWaitEnd
{
	RW_WAIT_IMMEDIATE,			/* was there already */
	RW_WAIT_REACHED,
	RW_WAIT_TIMEOUT,
	RW_WAIT_ERROR				/* promotion, cancel, ... */
} RwWaitEnd;

typedef struct RwWaitStats
{
	uint64		waits;
	uint64		immediate;
	uint64		timeouts;
	uint64		errors;
	uint64		total_time;		/* microseconds, of all that had to wait */
	uint64		max_time;
	RwHistogram times;
} RwWaitStats;

/* Shared memory; called from the shared room. */
extern Size rw_wait_stats_size(void);
extern void rw_wait_stats_attach(void);

/* Count a wait that ended so after a duration in microseconds. */
extern void rw_wait_stats_count(RwWaitEnd end, int64 duration);

/*
 * Copy the figures.  While waits end meanwhile, those of some may be in one
 * figure already and not yet in another, but never in a part and not in
 * `waits`.
 */
extern void rw_wait_stats_copy(RwWaitStats *copy);

/*
 * How long a part of those that had to wait did at most, `fraction` from 0 to
 * 1; -1 if none had to.
 */
extern int64 rw_wait_percentile(const RwWaitStats *stats, double fraction);

#endif							/* RW_WAIT_STATS_H */
