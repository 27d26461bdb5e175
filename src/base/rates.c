/*-------------------------------------------------------------------------
 *
 * rates.c
 *	  The rate at which an LSN advances, and forecasts from it.
 *
 * The newest point is always the latest that was added: it moves along until
 * it is a step away from the one before it, and only then another one is
 * begun.  So a step backwards cannot go unnoticed between two points.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include <math.h>

#include "src/base/rates.h"

static int64 time_for(double bytes, double speed);

void
rw_rate_init(RwRate *rate)
{
	rate->npoints = 0;
}

void
rw_rate_add(RwRate *rate, uint64 lsn, RwTime now)
{
	int			n = rate->npoints;

	if (lsn == 0)
		return;

	if (n > 0)
	{
		if (lsn < rate->points[n - 1].lsn)
			n = 0;
		else
			now = Max(now, rate->points[n - 1].at);
	}

	if (n >= 2 &&
		rate->points[n - 1].at - rate->points[n - 2].at < RW_RATE_STEP)
		n--;
	else if (n == RW_RATE_POINTS)
	{
		n--;
		memmove(&rate->points[0], &rate->points[1],
				n * sizeof(rate->points[0]));
	}

	rate->points[n].lsn = lsn;
	rate->points[n].at = now;
	rate->npoints = n + 1;
}

double
rw_rate(const RwRate *rate, uint64 lsn, RwTime now)
{
	const RwTime minute = RW_RATE_STEP * (RW_RATE_POINTS - 1);
	int			oldest = 0;
	RwTime		observed;

	if (rate->npoints == 0)
		return -1;
	lsn = Max(lsn, rate->points[rate->npoints - 1].lsn);
	now = Max(now, rate->points[rate->npoints - 1].at);

	/* A long pause in which nothing was noted says nothing about now. */
	while (oldest < rate->npoints && now - rate->points[oldest].at > minute)
		oldest++;

	if (oldest == rate->npoints)
		return -1;

	observed = now - rate->points[oldest].at;
	if (observed < RW_RATE_MIN_TIME)
		return -1;

	return (double) (lsn - rate->points[oldest].lsn) * RW_SECOND / observed;
}

int64
rw_catchup(uint64 missing, double speed, double growth)
{
	if (missing == 0)
		return 0;
	if (speed < 0 || growth < 0)
		return -1;
	return time_for((double) missing, speed - growth);
}

int64
rw_time_left(int64 left, double growth)
{
	if (left <= 0)
		return 0;
	return time_for((double) left, growth);
}

/*
 * The time in microseconds, rounded up, that so many bytes take; -1 if it is
 * infinite.  The comparisons are written so that it is for a speed of NaN.
 */
static int64
time_for(double bytes, double speed)
{
	double		result;

	if (!(speed > 0))
		return -1;

	result = ceil(bytes * RW_SECOND / speed);
	if (!(result <= (double) RW_RATE_FOR_EVER))
		return -1;
	return (int64) result;
}
