/*-------------------------------------------------------------------------
 *
 * test_chart.c
 *	  Tests of src/history/chart.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/history/chart.h"
#include "unit/tap.h"

/* The start of a step of both rings. */
#define START			(1000 * RW_DAY)
#define START_SECONDS	(1000 * 86400)

static RwChart chart;
static RwChartPoint points[RW_CHART_MAX_POINTS];

static void
test_figures(void)
{
	section("the worst of a step");

	rw_chart_init(&chart);
	is_int(rw_chart_read(&chart, 0, points), 0, "an empty chart");

	rw_chart_add(&chart, START + 3 * RW_SECOND, 100, 50 * RW_MS, 2);
	is_int(rw_chart_read(&chart, 0, points), 1,
		   "one point: the coarse one adds nothing to the fine one");
	is_int(points[0].at, START_SECONDS, "the start of its step");
	is_int(points[0].bytes, 100, "byte lag");
	is_int(points[0].lag, 5, "time lag in 10 ms");
	is_int(points[0].state, 2, "state");

	rw_chart_add(&chart, START + 4 * RW_SECOND, 900, 20 * RW_MS, 3);
	rw_chart_add(&chart, START + 5 * RW_SECOND, 200, 90 * RW_MS, 1);
	rw_chart_add(&chart, START + 10 * RW_SECOND - 1, 300, 30 * RW_MS, 4);
	is_int(rw_chart_read(&chart, 0, points), 1, "still the same step");
	is_int(points[0].bytes, 900, "the largest byte lag");
	is_int(points[0].lag, 9, "the longest time lag");
	is_int(points[0].state, 4, "the latest state");

	rw_chart_add(&chart, START + 10 * RW_SECOND, 1, 0, 15);
	is_int(rw_chart_read(&chart, 0, points), 2, "the next step");
	is_int(points[1].at, START_SECONDS + 10, "ten seconds on");
	is_int(points[1].bytes, 1, "begins from nothing");
	is_int(points[1].lag, 0, "no lag is a lag");
	is_int(points[1].state, 15, "the largest state");

	rw_chart_add(&chart, START + 20 * RW_SECOND, 1, 0, 16 + 3);
	rw_chart_read(&chart, 0, points);
	is_int(points[2].state, 3, "a larger state is cut off");

	section("unknown figures");

	rw_chart_init(&chart);
	rw_chart_add(&chart, START, RW_CHART_NO_BYTES, -1, 0);
	rw_chart_read(&chart, 0, points);
	is_uint(points[0].bytes, RW_CHART_NO_BYTES, "byte lag unknown");
	is_int(points[0].lag, RW_CHART_NO_LAG, "time lag unknown");
	rw_chart_add(&chart, START, 7, 20 * RW_MS, 0);
	rw_chart_read(&chart, 0, points);
	is_uint(points[0].bytes, 7, "byte lag known once in the step");
	is_int(points[0].lag, 2, "time lag known once in the step");
	rw_chart_add(&chart, START, RW_CHART_NO_BYTES, -1, 0);
	rw_chart_read(&chart, 0, points);
	is_uint(points[0].bytes, 7, "byte lag unknown again");
	is_int(points[0].lag, 2, "time lag unknown again");

	section("time lags");

	for (int i = 0; i < 6; i++)
	{
		const int64 lag[] = {4 * RW_MS, 5 * RW_MS, 31 * RW_DAY - 10 * RW_MS,
		31 * RW_DAY, 31 * RW_DAY + RW_HOUR, PG_INT64_MAX};
		const int	kept[] = {0, 1, 267839999,
		267840000, 267840000, 267840000};

		rw_chart_init(&chart);
		rw_chart_add(&chart, START, 0, lag[i], 0);
		rw_chart_read(&chart, 0, points);
		is_int(points[0].lag, kept[i], "rounded, 31 days at most");
	}
	rw_chart_init(&chart);
	rw_chart_add(&chart, START, 0, PG_INT64_MIN, 0);
	rw_chart_read(&chart, 0, points);
	is_int(points[0].lag, RW_CHART_NO_LAG, "the smallest number is unknown");
}

static void
test_rings(void)
{
	const int	day = 86400;
	int			n;
	int			wrong;
	RwTime		now;

	section("an hour and a day");

	/* Two days of a sample a second, the lag in 10 ms being the second. */
	rw_chart_init(&chart);
	for (int i = 0; i < 2 * day; i++)
		rw_chart_add(&chart, START + i * RW_SECOND, i, i * 10 * RW_MS, i % 16);
	now = START + (2 * day - 1) * RW_SECOND;

	n = rw_chart_read(&chart, 0, points);
	is_int(chart.fine_ring.npoints, RW_CHART_FINE_POINTS, "fine ring full");
	is_int(chart.coarse_ring.npoints, RW_CHART_COARSE_POINTS,
		   "coarse ring full");
	is_int(n, RW_CHART_FINE_POINTS + RW_CHART_COARSE_POINTS - 12,
		   "all points, but for the last hour's coarse ones");
	is_int(points[0].at, START_SECONDS + day, "a day back");
	is_int(points[n - RW_CHART_FINE_POINTS].at,
		   START_SECONDS + 2 * day - 3600, "the last hour fine");
	is_int(points[n - 1].at, START_SECONDS + 2 * day - 10, "up to now");

	wrong = 0;
	for (int i = 0; i < n; i++)
	{
		int			step = i < n - RW_CHART_FINE_POINTS ? 300 : 10;
		int			last = points[i].at - START_SECONDS + step - 1;

		if (i > 0 && points[i].at <= points[i - 1].at)
			wrong++;
		if (points[i].bytes != last || points[i].lag != last ||
			points[i].state != last % 16)
			wrong++;
	}
	is_int(wrong, 0, "each the worst of its step, oldest first");

	section("since");

	is_int(rw_chart_read(&chart, now - RW_MINUTE + RW_SECOND, points), 6,
		   "a minute");
	is_int(rw_chart_read(&chart, now - RW_MINUTE, points), 7,
		   "the step in which it begins is there");
	is_int(rw_chart_read(&chart, now, points), 1, "the running step");
	is_int(rw_chart_read(&chart, now + RW_MINUTE, points), 0, "the future");
	n = rw_chart_read(&chart, now - RW_HOUR + RW_SECOND, points);
	is_int(n, RW_CHART_FINE_POINTS, "an hour: no coarse ones");
	n = rw_chart_read(&chart, now - RW_HOUR, points);
	is_int(n, RW_CHART_FINE_POINTS + 1, "a second more: one");
	is_int(points[0].at, START_SECONDS + 2 * day - 3600 - 300,
		   "the one in which it begins");
	is_int(rw_chart_read(&chart, PG_INT64_MIN, points),
		   RW_CHART_MAX_POINTS - 12, "the largest span");
	is_int(rw_chart_read(&chart, PG_INT64_MAX, points), 0, "none");

	section("coarse ones where fine ones begin within a step");

	for (int i = 0; i < 17; i++)
		rw_chart_add(&chart, START + (2 * day + i * 10) * RW_SECOND, 0, 0, 0);
	n = rw_chart_read(&chart, 0, points);
	for (int i = 0; i < n - RW_CHART_FINE_POINTS; i++)
		now = points[i].at;
	is_int(now, START_SECONDS + 2 * day - 3600,
		   "the step that is only partly fine is there");
	is_int(rw_chart_read(&chart, START +
						 (2 * day - 3600 + 170) * RW_SECOND, points),
		   RW_CHART_FINE_POINTS, "unless asked for its fine part only");

	section("pauses");

	rw_chart_init(&chart);
	rw_chart_add(&chart, START, 1, 0, 0);
	rw_chart_add(&chart, START + RW_DAY, 2, 0, 0);
	n = rw_chart_read(&chart, 0, points);
	is_int(n, 2, "take no points");
	is_int(points[1].at - points[0].at, day, "but time");

	section("the clock");

	rw_chart_add(&chart, START, 9, 0, 5);
	n = rw_chart_read(&chart, 0, points);
	is_int(n, 2, "that goes back makes no step");
	is_int(points[0].bytes, 1, "an old step is over");
	is_int(points[1].bytes, 9, "the running step takes it");

	rw_chart_init(&chart);
	rw_chart_add(&chart, -RW_HOUR, 1, 0, 0);
	rw_chart_add(&chart, PG_INT64_MAX, 2, 0, 0);
	n = rw_chart_read(&chart, PG_INT64_MIN, points);
	is_int(n, 2, "of whatever it shows");
	is_uint(points[0].at, 0, "no earlier than 0");
	is_uint(points[1].at, PG_UINT32_MAX / 10 * 10, "no later than fits");

	section("an empty chart");

	rw_chart_init(&chart);
	is_int(rw_chart_read(&chart, 0, points), 0, "has forgotten everything");

	/* Ten seconds that begin late in a step of five minutes. */
	rw_chart_init(&chart);
	for (int i = 0; i < 3; i++)
		rw_chart_add(&chart, START + 250 * RW_SECOND + i * RW_CHART_FINE_STEP,
					 7, 7, 0);
	is_int(rw_chart_read(&chart, 0, points), 3,
		   "no coarse point while the fine ones have everything");

	memset(&chart, 0, sizeof(chart));
	is_int(rw_chart_read(&chart, 0, points), 0, "zeros are one: to read");
	for (int i = 0; i < RW_CHART_FINE_POINTS; i++)
		rw_chart_add(&chart, START + i * RW_CHART_FINE_STEP, 0, 0, 0);
	is_int(rw_chart_read(&chart, 0, points), RW_CHART_FINE_POINTS, "to fill");
}

static void
test_trend(void)
{
	int			heights[RW_CHART_FINE_POINTS + 50];
	int			nothing = 4711;
	int			wrong;
	RwTime		now = START + 95 * RW_SECOND;

	section("trend");

	rw_chart_init(&chart);
	rw_chart_trend(&chart, now, 0, &nothing);
	is_int(nothing, 4711, "no steps, no heights");
	rw_chart_trend(&chart, now, -1, &nothing);
	is_int(nothing, 4711, "fewer than none likewise");
	rw_chart_trend(&chart, now, 3, heights);
	ok(heights[0] == -1 && heights[1] == -1 && heights[2] == -1,
	   "nothing is known");

	/* Steps 0 to 9, without 6: 0, 1, ... times 7 s; 8 is unknown. */
	for (int i = 0; i < 10; i++)
	{
		if (i == 6)
			continue;
		rw_chart_add(&chart, START + i * RW_CHART_FINE_STEP, 5,
					 i == 8 ? -1 : i * 7 * RW_SECOND, 0);
	}

	rw_chart_trend(&chart, now, 12, heights);
	is_int(heights[0], -1, "before the first step");
	is_int(heights[1], -1, "likewise");
	is_int(heights[2], 0, "no lag");
	is_int(heights[3], 1, "a ninth of the worst");
	is_int(heights[4], 2, "two ninths, rounded up");
	is_int(heights[5], 3, "three ninths");
	is_int(heights[6], 4, "four ninths");
	is_int(heights[7], 4, "five ninths");
	is_int(heights[8], -1, "a step in which nothing was noted");
	is_int(heights[9], 6, "seven ninths");
	is_int(heights[10], -1, "a step whose lag is not known");
	is_int(heights[11], 7, "the worst");

	rw_chart_trend(&chart, now, 1, heights);
	is_int(heights[0], 7, "the worst of those asked for");
	rw_chart_trend(&chart, now - 20 * RW_SECOND, 4, heights);
	ok(heights[0] == 4 && heights[1] == 5 && heights[2] == -1 &&
	   heights[3] == 7, "up to an earlier moment");
	rw_chart_trend(&chart, now + 20 * RW_SECOND, 3, heights);
	ok(heights[0] == 7 && heights[1] == -1 && heights[2] == -1,
	   "up to a later one");
	rw_chart_trend(&chart, now + RW_DAY, 3, heights);
	ok(heights[0] == -1 && heights[1] == -1 && heights[2] == -1,
	   "long after");

	rw_chart_init(&chart);
	rw_chart_add(&chart, START, 0, 0, 0);
	rw_chart_trend(&chart, START, 1, heights);
	is_int(heights[0], 0, "no lag anywhere");

	rw_chart_init(&chart);
	rw_chart_add(&chart, START, 0, 10 * RW_MS, 0);
	rw_chart_add(&chart, START + RW_CHART_FINE_STEP, 0, 500 * RW_MS, 0);
	rw_chart_trend(&chart, START + RW_CHART_FINE_STEP, 2, heights);
	is_int(heights[0], 1, "less than a second stays low");
	is_int(heights[1], 4, "half a second is half as high");

	rw_chart_init(&chart);
	rw_chart_add(&chart, START, 0, 10 * RW_MS, 0);
	rw_chart_add(&chart, START + RW_CHART_FINE_STEP, 0, 31 * RW_DAY, 0);
	rw_chart_trend(&chart, START + RW_CHART_FINE_STEP, 2, heights);
	is_int(heights[0], 1, "a small lag is not none");
	is_int(heights[1], 7, "the longest lag");

	for (int i = 0; i < 2 * RW_CHART_FINE_POINTS; i++)
		rw_chart_add(&chart, START + i * RW_CHART_FINE_STEP, 0, RW_SECOND, 0);
	now = START + (2 * RW_CHART_FINE_POINTS - 1) * RW_CHART_FINE_STEP;
	rw_chart_trend(&chart, now, RW_CHART_FINE_POINTS + 50, heights);
	wrong = 0;
	for (int i = 0; i < RW_CHART_FINE_POINTS + 50; i++)
		wrong += heights[i] != (i < 50 ? -1 : 7);
	is_int(wrong, 0, "more steps than the ring has");
}

int
main(void)
{
	test_figures();
	test_rings();
	test_trend();
	return tap_end();
}
