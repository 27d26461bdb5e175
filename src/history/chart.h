/*-------------------------------------------------------------------------
 *
 * chart.h
 *	  The chart of one link's lag.
 *
 * A pure file.  Two rings hold a point every ten seconds for an hour and
 * every five minutes for a day.  A point is the worst value of its step, so
 * that no peak is lost.  Time in which nothing was added takes no points, so
 * points can be older than a day.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_CHART_H
#define RW_CHART_H

#include "src/base/clock.h"

#define RW_CHART_FINE_STEP		(10 * RW_SECOND)
#define RW_CHART_FINE_POINTS	360 /* an hour */
#define RW_CHART_COARSE_STEP	(5 * RW_MINUTE)
#define RW_CHART_COARSE_POINTS	288 /* a day */
#define RW_CHART_MAX_POINTS		(RW_CHART_FINE_POINTS + RW_CHART_COARSE_POINTS)

/* Unknown values. */
#define RW_CHART_NO_BYTES		PG_UINT64_MAX
#define RW_CHART_NO_LAG			((1 << 28) - 1)

typedef struct RwChartPoint
{
	uint64		bytes;			/* byte lag, or RW_CHART_NO_BYTES */
	uint32		at;				/* start of the step: RwTime in whole seconds */
	uint32		lag:28,			/* time lag in 10 ms, or RW_CHART_NO_LAG */
				state:4;		/* the caller's, the latest of the step */
} RwChartPoint;

typedef struct RwChartRing
{
	int32		npoints;
	int32		newest;			/* index of the current step's point */
} RwChartRing;

typedef struct RwChart
{
	RwChartRing fine_ring;
	RwChartRing coarse_ring;
	RwChartPoint fine[RW_CHART_FINE_POINTS];
	RwChartPoint coarse[RW_CHART_COARSE_POINTS];
} RwChart;

/* Make a chart empty. */
extern void rw_chart_init(RwChart *chart);

/*
 * Add the values of now: byte lag (RW_CHART_NO_BYTES if unknown), time lag in
 * microseconds (negative if unknown; kept as 31 days if longer), and a state
 * from 0 to 15.
 */
extern void rw_chart_add(RwChart *chart, RwTime now, uint64 bytes, int64 lag,
						 int state);

/*
 * Get the points from the step that contains `since` on, oldest first; coarse
 * ones only for the time before the first fine one.  `out` has room for
 * RW_CHART_MAX_POINTS; returns how many there are.
 */
extern int	rw_chart_read(const RwChart *chart, RwTime since,
						  RwChartPoint *out);

/*
 * Get the last `npoints` fine steps up to `now` as heights, oldest first,
 * into heights[npoints]: from 0 (no lag) to 7 (the worst of them, but at
 * least a second), and -1 where nothing is known.
 */
extern void rw_chart_trend(const RwChart *chart, RwTime now, int npoints,
						   int *heights);

#endif							/* RW_CHART_H */
