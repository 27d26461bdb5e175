/*-------------------------------------------------------------------------
 *
 * chart.c
 *	  The chart of one link's lag.
 *
 * Both rings take every value; they differ only in the length of their step.
 * A ring holds steps in which something was added, not a span of time: while
 * a replica is gone its chart stands still, and old steps stay until they are
 * overwritten by newer ones.
 *
 * Memory filled with zeros is an empty chart.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/history/chart.h"

#define LAG_UNIT			(10 * RW_MS)
#define LAG_MAX				(31 * RW_DAY)
#define TOP_HEIGHT			7

/* The least lag, in units of 10 ms, that is drawn that high: a second. */
#define FULL_HEIGHT_LAG		100

static void ring_add(RwChartRing *ring, RwChartPoint *points, int size,
					 RwTime step, RwTime now, const RwChartPoint *seen);
static const RwChartPoint *ring_point(const RwChartRing *ring,
									  const RwChartPoint *points, int size,
									  int i);
static uint32 step_start(RwTime at, RwTime step);

void
rw_chart_init(RwChart *chart)
{
	chart->fine_ring.npoints = chart->fine_ring.newest = 0;
	chart->coarse_ring.npoints = chart->coarse_ring.newest = 0;
}

void
rw_chart_add(RwChart *chart, RwTime now, uint64 bytes, int64 lag, int state)
{
	RwChartPoint seen;

	seen.at = 0;
	seen.bytes = bytes;
	seen.state = state & 15;
	if (lag < 0)
		seen.lag = RW_CHART_NO_LAG;
	else
		seen.lag = (Min(lag, LAG_MAX) + LAG_UNIT / 2) / LAG_UNIT;

	ring_add(&chart->fine_ring, chart->fine, RW_CHART_FINE_POINTS,
			 RW_CHART_FINE_STEP, now, &seen);
	ring_add(&chart->coarse_ring, chart->coarse, RW_CHART_COARSE_POINTS,
			 RW_CHART_COARSE_STEP, now, &seen);
}

int
rw_chart_read(const RwChart *chart, RwTime since, RwChartPoint *out)
{
	int			n = 0;
	uint32		fine_start = PG_UINT32_MAX;
	uint32		since_fine = step_start(since, RW_CHART_FINE_STEP);
	uint32		since_coarse = step_start(since, RW_CHART_COARSE_STEP);

	if (chart->fine_ring.npoints > 0)
		fine_start = ring_point(&chart->fine_ring, chart->fine,
								RW_CHART_FINE_POINTS, 0)->at;

	/* A fine ring that was never full has all that was ever added. */
	for (int i = 0; i < chart->coarse_ring.npoints &&
		 chart->fine_ring.npoints == RW_CHART_FINE_POINTS; i++)
	{
		const RwChartPoint *point = ring_point(&chart->coarse_ring,
											   chart->coarse,
											   RW_CHART_COARSE_POINTS, i);

		if (point->at >= since_coarse && point->at < fine_start &&
			since_fine < fine_start)
			out[n++] = *point;
	}

	for (int i = 0; i < chart->fine_ring.npoints; i++)
	{
		const RwChartPoint *point = ring_point(&chart->fine_ring,
											   chart->fine,
											   RW_CHART_FINE_POINTS, i);

		if (point->at >= since_fine)
			out[n++] = *point;
	}
	return n;
}

void
rw_chart_trend(const RwChart *chart, RwTime now, int npoints, int *heights)
{
	const int64 step = RW_CHART_FINE_STEP / RW_SECOND;
	int64		newest = step_start(now, RW_CHART_FINE_STEP);
	uint64		worst = FULL_HEIGHT_LAG;

	for (int i = 0; i < npoints; i++)
		heights[i] = -1;

	/* Two passes, because the worst is known only after the first. */
	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = 0; i < chart->fine_ring.npoints; i++)
		{
			const RwChartPoint *point = ring_point(&chart->fine_ring,
												   chart->fine,
												   RW_CHART_FINE_POINTS, i);
			int64		back = (newest - (int64) point->at) / step;

			if (point->at > newest || back >= npoints ||
				point->lag == RW_CHART_NO_LAG)
				continue;

			if (pass == 0)
				worst = Max(worst, point->lag);
			else if (point->lag == 0)
				heights[npoints - 1 - back] = 0;
			else
			{
				/* Rounded up, so that a small lag is not shown as none. */
				heights[npoints - 1 - back] =
					(point->lag * TOP_HEIGHT + worst - 1) / worst;
			}
		}
	}
}

/*
 * Add `seen`, whose time is ignored, to one ring.  Should `now` be before the
 * current step, it counts as in it.
 */
static void
ring_add(RwChartRing *ring, RwChartPoint *points, int size, RwTime step,
		 RwTime now, const RwChartPoint *seen)
{
	RwChartPoint *point = &points[ring->newest];
	uint32		at = step_start(now, step);

	if (ring->npoints > 0 && at <= point->at)
	{
		/* An unknown value is neither high nor low. */
		if (point->bytes == RW_CHART_NO_BYTES)
			point->bytes = seen->bytes;
		else if (seen->bytes != RW_CHART_NO_BYTES)
			point->bytes = Max(point->bytes, seen->bytes);

		if (point->lag == RW_CHART_NO_LAG)
			point->lag = seen->lag;
		else if (seen->lag != RW_CHART_NO_LAG)
			point->lag = Max(point->lag, seen->lag);

		point->state = seen->state;
		return;
	}

	if (ring->npoints > 0)
		ring->newest = (ring->newest + 1) % size;
	ring->npoints = Min(ring->npoints + 1, size);
	points[ring->newest] = *seen;
	points[ring->newest].at = at;
}

/* The i'th point of a ring, 0 being the oldest. */
static const RwChartPoint *
ring_point(const RwChartRing *ring, const RwChartPoint *points, int size,
		   int i)
{
	return &points[(ring->newest + size - ring->npoints + 1 + i) % size];
}

/* The start of the step that contains `at`, in seconds. */
static uint32
step_start(RwTime at, RwTime step)
{
	int64		seconds = at / RW_SECOND;

	if (seconds < 0)
		return 0;
	seconds = Min(seconds, PG_UINT32_MAX);
	return (uint32) (seconds - seconds % (step / RW_SECOND));
}
