/*-------------------------------------------------------------------------
 *
 * timing.h
 *	  The clock of the clients of bench/run, and the order of its times.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_BENCH_TIMING_H
#define RW_BENCH_TIMING_H

#include <time.h>

/* Microseconds. */
static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* For qsort(). */
static int
compare(const void *a, const void *b)
{
	double		left = *(const double *) a;
	double		right = *(const double *) b;

	return left < right ? -1 : left > right;
}

#endif							/* RW_BENCH_TIMING_H */
