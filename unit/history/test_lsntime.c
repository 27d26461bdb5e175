/*-------------------------------------------------------------------------
 *
 * test_lsntime.c
 *	  Tests of src/history/lsntime.c.
 *
 * What is said of a long history cannot be tested on a short one: some tests
 * run through weeks of samples, and keep a sparse log of the truth to compare
 * with.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/history/lsntime.h"
#include "unit/tap.h"

#define START			(1000 * RW_DAY)
#define SAMPLE			(100 * RW_MS)

/* What is left at most when the array was full, and what is never touched. */
#define POINTS_KEPT		(RW_HISTORY_POINTS * 3 / 4)

static RwHistory history;
static RwHistory other;
static RwPoint file[RW_HISTORY_POINTS + 1];

static const RwTime NONE = PG_INT64_MIN;

/* ----------------------------------------------------------------
 *		Helpers
 * ----------------------------------------------------------------
 */

/* Short forms: the times are seconds, and so are the answers. */
static void
add(uint64 lsn, double seconds)
{
	rw_history_add(&history, lsn, START + seconds * RW_SECOND);
}

static RwHistoryView
view(uint64 horizon, double now)
{
	RwHistoryView result = {&history, horizon, START + now * RW_SECOND};

	return result;
}

static void
reached(RwHistoryView view, uint64 lsn, RwFound found, double seconds,
		const char *what)
{
	RwTime		at = NONE;
	RwFound		result = rw_history_reached(&view, lsn, &at);

	if (result != found)
		is_int(result, found, what);
	else if (found == RW_FOUND_NOTHING)
		is_int(at, NONE, what);
	else
		is_int(at, START + (RwTime) (seconds * RW_SECOND), what);
}

static void
appeared(RwHistoryView view, uint64 lsn, RwFound found, double seconds,
		 const char *what)
{
	RwTime		at = NONE;
	RwFound		result = rw_history_appeared(&view, lsn, &at);

	if (result != found)
		is_int(result, found, what);
	else if (found == RW_FOUND_NOTHING)
		is_int(at, NONE, what);
	else
		is_int(at, START + (RwTime) (seconds * RW_SECOND), what);
}

static void
lsn_at(RwHistoryView view, double seconds, uint64 lsn, const char *what)
{
	is_uint(rw_history_lsn_at(&view, START + seconds * RW_SECOND), lsn, what);
}

/* How often the invariant of lsntime.h is broken. */
static int
disorder(const RwHistory *h)
{
	int			wrong = h->npoints < 0 || h->npoints > RW_HISTORY_POINTS;

	for (int i = 0; i < h->npoints; i++)
	{
		wrong += h->points[i].first > h->points[i].last;
		if (i > 0)
			wrong += h->points[i].lsn <= h->points[i - 1].lsn ||
				h->points[i].first < h->points[i - 1].last;
	}
	return wrong;
}

/*
 * How many gaps are longer than 1/share of their age, if they are longer than
 * what was between two samples.
 */
static int
wide_gaps(const RwHistory *h, RwTime now, RwTime sample, int share)
{
	int			wrong = 0;

	for (int i = 1; i < h->npoints; i++)
	{
		RwTime		gap = h->points[i].first - h->points[i - 1].last;

		wrong += gap > sample && gap * share > now - h->points[i - 1].last;
	}
	return wrong;
}

/* ----------------------------------------------------------------
 *		Adding
 * ----------------------------------------------------------------
 */

static void
test_add(void)
{
	section("adding");

	history.npoints = 4711;
	rw_history_init(&history);
	is_int(history.npoints, 0, "empty");

	add(0, 0);
	is_int(history.npoints, 0, "LSN 0 is passed over");
	add(100, 1);
	add(100, 2);
	is_int(history.npoints, 1, "the same LSN is the same point");
	is_int(history.points[0].first, START + RW_SECOND, "with its first");
	is_int(history.points[0].last, START + 2 * RW_SECOND, "and its last");
	add(200, 3);
	is_int(history.npoints, 2, "a larger LSN is another");
	add(199, 4);
	add(0, 4);
	is_int(history.npoints, 2, "a smaller LSN is passed over");
	is_int(history.points[1].last, START + 3 * RW_SECOND, "altogether");

	add(200, 2.5);
	is_int(history.points[1].last, START + 3 * RW_SECOND,
		   "a clock that goes back: the same LSN");
	add(300, 1);
	is_int(history.points[2].first, START + 3 * RW_SECOND,
		   "a clock that goes back: another LSN");
	add(301, 3);
	add(302, 3);
	is_int(history.points[4].first, START + 3 * RW_SECOND,
		   "a clock that stands still");
	is_int(disorder(&history), 0, "the order holds");
}

/* ----------------------------------------------------------------
 *		Asking
 * ----------------------------------------------------------------
 */

/* The picture in lsntime.h: A, idle, B, idle for an hour, C. */
static void
draw(void)
{
	rw_history_init(&history);
	add(1000, 0);
	add(1000, 10);
	add(2000, 20);
	add(2000, 3620);
	add(3000, 3630);
	add(3000, 3631);
}

static void
test_reached(void)
{
	RwHistoryView v;

	section("reached");

	rw_history_init(&history);
	reached(view(5000, 1), 4000, RW_FOUND_NOTHING, 0, "no history");
	reached(view(0, 1), 0, RW_FOUND_NOTHING, 0, "nothing at all");

	draw();
	v = view(3000, 3632);
	reached(v, 1000, RW_FOUND, 0, "A");
	reached(v, 2000, RW_FOUND, 20, "B: when the idle hour began");
	reached(v, 3000, RW_FOUND, 3630, "C");
	reached(v, 1500, RW_FOUND, 15, "half way from A to B");
	reached(v, 1001, RW_FOUND, 10.01, "just after A");
	reached(v, 2250, RW_FOUND, 3622.5, "a quarter of the way from B to C");
	reached(v, 999, RW_FOUND_OLDER, 0, "before A");
	reached(v, 0, RW_FOUND_OLDER, 0, "long before A");
	reached(v, 3001, RW_FOUND_NOTHING, 0, "beyond the horizon");
	reached(v, PG_UINT64_MAX, RW_FOUND_NOTHING, 0, "far beyond");

	section("reached, beyond the newest point");

	v = view(4000, 3641);
	reached(v, 4000, RW_FOUND, 3641, "what the reader sees is reached now");
	reached(v, 3500, RW_FOUND, 3636, "half way there");
	reached(v, 3000, RW_FOUND, 3630, "the newest point itself");
	reached(v, 4001, RW_FOUND_NOTHING, 0, "beyond the horizon");

	section("reached, with a clock that was read before");

	v = view(4000, 3600);
	reached(v, 4000, RW_FOUND, 3600, "the horizon: not later than now");
	reached(v, 3000, RW_FOUND, 3600, "the newest point: not later than now");
	reached(v, 2000, RW_FOUND, 20, "others as ever");
	reached(view(4000, -5), 500, RW_FOUND_OLDER, -5,
			"the start: not later than now");
}

static void
test_appeared(void)
{
	RwHistoryView v;

	section("appeared");

	rw_history_init(&history);
	appeared(view(5000, 1), 4000, RW_FOUND_NOTHING, 0, "no history");
	appeared(view(5000, 1), 6000, RW_FOUND_NOTHING, 0, "nor beyond it");

	draw();
	v = view(3000, 3632);
	appeared(v, 1000, RW_FOUND, 10.125, "after A: in the pause after it");
	appeared(v, 2000, RW_FOUND, 3620.125, "after B: when the hour was over");
	appeared(v, 1500, RW_FOUND, 15, "half way from A to B");
	appeared(v, 1999, RW_FOUND, 19.99, "just before B");
	appeared(v, 1010, RW_FOUND, 10.125, "in the pause after A");
	appeared(v, 1013, RW_FOUND, 10.13, "after that pause");
	appeared(v, 999, RW_FOUND_OLDER, 0, "before A");
	appeared(v, 0, RW_FOUND_OLDER, 0, "long before A");
	appeared(v, 3000, RW_FOUND_NOTHING, 0, "at the horizon: not there");
	appeared(v, 3001, RW_FOUND_NOTHING, 0, "beyond the horizon");

	section("appeared, in short gaps");

	rw_history_init(&history);
	add(1000, 0);
	add(2000, 0.1);
	add(3000, 0.35);
	add(4000, 0.75);
	v = view(4000, 1);
	appeared(v, 1000, RW_FOUND, 0.05, "half of the gap");
	appeared(v, 1999, RW_FOUND, 0.05, "of all that came in it");
	appeared(v, 2000, RW_FOUND, 0.225, "of an idle interval");
	appeared(v, 3000, RW_FOUND, 0.55, "and of a late look");
	appeared(v, 3999, RW_FOUND, 0.55, "of all that came in it");

	section("appeared, beyond the newest point");

	draw();
	v = view(4000, 3641);
	appeared(v, 3000, RW_FOUND, 3631.125, "after the newest point");
	appeared(v, 3500, RW_FOUND, 3636, "half way to the reader's own");
	appeared(v, 3999, RW_FOUND, 3640.99, "the last byte");
	appeared(v, 4000, RW_FOUND_NOTHING, 0, "the reader's own");
	appeared(view(4000, 3631), 3000, RW_FOUND, 3631, "no gap");
	appeared(view(4000, 3631.1), 3000, RW_FOUND, 3631.05, "a short one");

	section("appeared, with a clock that was read before");

	v = view(4000, 3600);
	appeared(v, 3500, RW_FOUND, 3600, "not later than now");
	appeared(v, 2500, RW_FOUND, 3600, "not later than now");
	appeared(v, 1500, RW_FOUND, 15, "others as ever");
	appeared(view(4000, -5), 500, RW_FOUND_OLDER, -5,
			 "the start: not later than now");
}

/* The length and the start of the gap, in seconds. */
static void
gap(RwHistoryView view, uint64 lsn, double length, double start,
	const char *what)
{
	RwTime		at = NONE;

	is_int(rw_history_gap(&view, lsn, &at), length * RW_SECOND, what);
	is_int(at, START + (RwTime) (start * RW_SECOND), "its start");
}

static void
test_gap(void)
{
	section("gap");

	draw();
	gap(view(3000, 3632), 1000, 10, 10, "between A and B");
	gap(view(3000, 3632), 1999, 10, 10, "the same just before B");
	gap(view(3000, 3632), 2000, 10, 3620, "between B and C");
	gap(view(4000, 3641), 3500, 10, 3631, "up to the reader's own point");
}

static void
test_lsn_at(void)
{
	RwHistoryView v;

	section("LSN at a moment");

	rw_history_init(&history);
	lsn_at(view(5000, 1), 1, 0, "no history");

	draw();
	v = view(4000, 3641);
	lsn_at(v, -0.000001, 0, "before the start");
	lsn_at(v, 0, 1000, "the start");
	lsn_at(v, 5, 1000, "in a flat stretch");
	lsn_at(v, 10, 1000, "at its end");
	lsn_at(v, 15, 1500, "half way to the next");
	lsn_at(v, 10.02, 1002, "just after");
	lsn_at(v, 19.999999, 1999, "just before the next");
	lsn_at(v, 20, 2000, "at its beginning");
	lsn_at(v, 3630.5, 3000, "in the newest");
	lsn_at(v, 3636, 3500, "half way to the horizon");
	lsn_at(v, 3641, 4000, "now");
	lsn_at(v, 3641.000001, 0, "after now");
	lsn_at(view(3000, 3641), 3636, 3000, "when nothing came since");
	lsn_at(view(4000, 3631), 3631, 4000, "now, as the newest was seen");
	lsn_at(view(4000, 3630.5), 3630.5, 3000,
		   "now, which was before the newest was last seen");
	lsn_at(view(4000, 3600), 3620, 0, "after an older now");
	lsn_at(view(4000, -1), -1, 0, "a now before the start");

	section("LSN at a moment that several points share");

	rw_history_init(&history);
	add(1000, 1);
	add(2000, 1);
	add(3000, 1);
	add(4000, 2);
	lsn_at(view(4000, 2), 1, 3000, "the furthest of them");
	lsn_at(view(4000, 2), 1.5, 3500, "the line starts there");
}

/* A standby that has restarted and has not received everything again. */
static void
test_low_horizon(void)
{
	RwHistoryView v;

	section("a horizon below the newest point");

	draw();
	v = view(1500, 4000);
	reached(v, 1500, RW_FOUND, 15, "reached before, at the horizon");
	reached(v, 1250, RW_FOUND, 12.5, "below it");
	reached(v, 1000, RW_FOUND, 0, "at a point");
	reached(v, 1501, RW_FOUND_NOTHING, 0, "beyond it");
	reached(v, 2000, RW_FOUND_NOTHING, 0, "beyond it, at a point");
	appeared(v, 1499, RW_FOUND, 14.99, "appeared before");
	appeared(v, 1000, RW_FOUND, 10.125, "at a point");
	appeared(v, 1500, RW_FOUND_NOTHING, 0, "at the horizon");
	lsn_at(v, 12.5, 1250, "where it was");
	lsn_at(v, 3000, 1500, "no further than the horizon");
	lsn_at(v, 4000, 1500, "now");

	v = view(2000, 4000);
	reached(v, 2000, RW_FOUND, 20, "the horizon at a point");
	appeared(v, 2000, RW_FOUND_NOTHING, 0, "has nothing after it");

	v = view(500, 4000);
	reached(v, 500, RW_FOUND_OLDER, 0, "the horizon before all points");
	appeared(v, 400, RW_FOUND_OLDER, 0, "likewise");
	lsn_at(v, 15, 500, "no further than the horizon");

	add(1500, 4000);
	add(1900, 4001);
	add(3000, 4002);
	is_int(history.npoints, 3, "what is received again adds no points");
	is_int(history.points[2].last, START + 4002 * RW_SECOND,
		   "until the newest is there again");
}

/* Sizes at which doubles are coarse and differences large. */
static void
test_large(void)
{
	RwHistoryView v;
	RwTime		at;
	uint64		lsn;

	section("large numbers");

	rw_history_init(&history);
	add(1, 0);
	add(PG_UINT64_MAX - 10, 86400);
	v = view(PG_UINT64_MAX, 86400 + 10);
	reached(v, PG_UINT64_MAX, RW_FOUND, 86410, "the largest LSN");
	reached(v, UINT64CONST(1) << 63, RW_FOUND, 43200, "half of it");
	reached(v, PG_UINT64_MAX - 5, RW_FOUND, 86405, "small differences");
	lsn_at(v, 86405, PG_UINT64_MAX - 5, "the other way round");
	ok(rw_history_reached(&v, PG_UINT64_MAX - 11, &at) == RW_FOUND &&
	   at == START + RW_DAY, "no later than the next point");
	lsn = rw_history_lsn_at(&v, START + RW_DAY - 1);
	ok(lsn > PG_UINT64_MAX / 2 && lsn <= PG_UINT64_MAX - 10,
	   "no further than the next point");

	rw_history_init(&history);
	rw_history_add(&history, 100, -(INT64CONST(1) << 60));
	rw_history_add(&history, 200, INT64CONST(1) << 60);
	v = view(200, 0);
	v.now = INT64CONST(1) << 61;
	ok(rw_history_reached(&v, 150, &at) == RW_FOUND && at == 0,
	   "73,000 years");
	is_uint(rw_history_lsn_at(&v, INT64CONST(1) << 59), 175,
			"the other way round");
	is_uint(rw_history_lsn_at(&v, (INT64CONST(1) << 60) - 1), 200,
			"where time is finer than a double");
}

/* When the line from a point to the one after it was at an LSN between. */
static RwTime
walk_between(const RwPoint *prev, uint64 lsn)
{
	RwTime		gap = prev[1].first - prev->last;

	if (gap <= 2 * RW_IDLE_INTERVAL)
		return prev->last + gap / 2;
	return prev->last + gap * (int64) (lsn - prev->lsn) /
		(int64) (prev[1].lsn - prev->lsn);
}

/*
 * All questions to small histories, answered again in the plainest way: walk
 * from point to point.
 */
static int
compare_with_walk(RwHistoryView *v)
{
	const RwHistory *h = v->history;
	RwPoint		points[20];
	int			n = h->npoints;
	int			wrong = 0;
	RwTime		last_reached = NONE;
	RwTime		last_appeared = NONE;
	uint64		last_lsn = 0;

	for (int i = 0; i < n; i++)
		points[i] = h->points[i];
	if (n > 0 && v->horizon > points[n - 1].lsn)
	{
		points[n].lsn = v->horizon;
		points[n].first = points[n].last = Max(v->now, points[n - 1].last);
		n++;
	}

	for (uint64 lsn = 0; lsn < 50; lsn++)
	{
		RwTime		at = NONE;
		RwTime		expected = NONE;
		RwFound		found = rw_history_reached(v, lsn, &at);
		RwFound		expected_found = RW_FOUND_NOTHING;

		if (n > 0 && lsn <= v->horizon)
		{
			expected_found = lsn < points[0].lsn ? RW_FOUND_OLDER : RW_FOUND;
			expected = points[0].first;
			for (int i = 0; i < n; i++)
			{
				if (points[i].lsn == lsn)
					expected = points[i].first;
				if (i > 0 && points[i - 1].lsn < lsn && lsn < points[i].lsn)
					expected = walk_between(&points[i - 1], lsn);
			}
			expected = Min(expected, v->now);
		}
		wrong += found != expected_found || llabs(at - expected) > 1;
		if (found != RW_FOUND_NOTHING)
		{
			wrong += at < last_reached || at > v->now;
			last_reached = at;
		}

		at = expected = NONE;
		found = rw_history_appeared(v, lsn, &at);
		expected_found = RW_FOUND_NOTHING;
		if (n > 0 && lsn < v->horizon)
		{
			expected_found = lsn < points[0].lsn ? RW_FOUND_OLDER : RW_FOUND;
			expected = points[0].first;
			for (int i = 1; i < n; i++)
			{
				RwTime		gap = points[i].first - points[i - 1].last;

				if (lsn < points[i - 1].lsn || lsn >= points[i].lsn)
					continue;
				expected = Max(walk_between(&points[i - 1], lsn),
							   points[i - 1].last +
							   Min(gap / 2, RW_IDLE_INTERVAL / 2));
			}
			expected = Min(expected, v->now);
		}
		wrong += found != expected_found || llabs(at - expected) > 1;
		if (found != RW_FOUND_NOTHING)
		{
			/* The byte after it is there no earlier than it. */
			wrong += at < last_appeared || at < last_reached || at > v->now;
			last_appeared = at;
		}
	}

	for (int tick = -2; tick < 60; tick++)
	{
		RwTime		at = START + tick * RW_IDLE_INTERVAL / 4;
		uint64		lsn = rw_history_lsn_at(v, at);
		uint64		expected = 0;

		if (n > 0 && at >= points[0].first && at <= v->now)
		{
			for (int i = 0; i < n; i++)
			{
				if (points[i].first <= at)
					expected = points[i].lsn;
				else if (i > 0 && points[i - 1].last < at)
					expected = points[i - 1].lsn +
						(points[i].lsn - points[i - 1].lsn) *
						(uint64) (at - points[i - 1].last) /
						(uint64) (points[i].first - points[i - 1].last);
			}
			expected = Min(expected, v->horizon);
		}
		wrong += lsn > expected ? lsn - expected > 1 : expected - lsn > 1;
		if (lsn != 0)
		{
			wrong += lsn < last_lsn || lsn > v->horizon;
			last_lsn = lsn;
		}
	}
	return wrong;
}

static void
test_against_walk(void)
{
	uint64		state = 4711;
	int			wrong = 0;
	int			broken = 0;

	section("small histories, walked through");

	for (int round = 0; round < 20000; round++)
	{
		uint64		lsn = next_random(&state) % 10;
		RwTime		now = START;
		RwHistoryView v;

		rw_history_init(&history);
		for (int i = next_random(&state) % 16; i > 0; i--)
		{
			lsn += next_random(&state) % 6;
			now += next_random(&state) % 6 * RW_IDLE_INTERVAL / 4;
			rw_history_add(&history, lsn, now);
		}
		broken += disorder(&history);

		v.history = &history;
		v.horizon = next_random(&state) % 2 ? lsn + next_random(&state) % 5 :
			next_random(&state) % 50;
		v.now = now + (int) (next_random(&state) % 8 - 2) *
			RW_IDLE_INTERVAL / 4;
		wrong += compare_with_walk(&v);

		rw_history_cut(&history, next_random(&state) % 50);
		broken += disorder(&history);
		wrong += compare_with_walk(&v);
	}
	is_int(broken, 0, "all are in order, before and after a cut");
	is_int(wrong, 0, "all answers are the same, and rise");
}

/* ----------------------------------------------------------------
 *		Cutting
 * ----------------------------------------------------------------
 */

static void
test_cut(void)
{
	RwHistoryView v;

	section("cutting");

	rw_history_init(&history);
	rw_history_cut(&history, 100);
	is_int(history.npoints, 0, "nothing");

	draw();
	rw_history_cut(&history, 5000);
	is_int(history.npoints, 3, "beyond all points: nothing is lost");
	rw_history_cut(&history, 3000);
	is_int(history.npoints, 3, "at the newest: nothing is lost");

	rw_history_cut(&history, 2000);
	is_int(history.npoints, 2, "at a point: it is the newest then");
	is_int(history.points[1].first, START + 20 * RW_SECOND, "with its first");
	is_int(history.points[1].last, START + 3631 * RW_SECOND,
		   "until the WAL beyond was last seen");

	draw();
	rw_history_cut(&history, 2500);
	is_int(history.npoints, 3, "between two points: a point of its own");
	is_uint(history.points[2].lsn, 2500, "there");
	is_int(history.points[2].first, START + 3625 * RW_SECOND,
		   "from the moment at which the line was there");
	is_int(history.points[2].last, START + 3631 * RW_SECOND,
		   "until the WAL beyond was last seen");
	add(2500, 9000);
	add(4000, 9010);
	v = view(4000, 9010);
	reached(v, 2250, RW_FOUND, 3622.5, "what is below keeps its time");
	reached(v, 2500, RW_FOUND, 3625, "so does the end");
	reached(v, 3250, RW_FOUND, 9005, "what is new has its own");
	appeared(v, 2500, RW_FOUND, 9000.125, "beginning where timelines parted");

	draw();
	rw_history_cut(&history, 1001);
	is_int(history.npoints, 2, "a byte after a point");
	is_int(history.points[1].first, START + 10010 * RW_MS, "a moment after");
	is_int(disorder(&history), 0, "the order holds");

	draw();
	rw_history_cut(&history, 1000);
	is_int(history.npoints, 1, "at the oldest");
	draw();
	rw_history_cut(&history, 999);
	is_int(history.npoints, 0, "before the oldest: everything is lost");
	draw();
	rw_history_cut(&history, 0);
	is_int(history.npoints, 0, "at 0");

	rw_history_init(&history);
	for (int i = 0; i < RW_HISTORY_POINTS; i++)
		add(100 + 10 * i, i * 0.1);
	is_int(history.npoints, RW_HISTORY_POINTS, "a full array");
	rw_history_cut(&history, 100 + 10 * (RW_HISTORY_POINTS - 1) - 5);
	is_int(history.npoints, RW_HISTORY_POINTS, "has room for the end");
	is_int(disorder(&history), 0, "in order");
}

/* ----------------------------------------------------------------
 *		Thinning
 * ----------------------------------------------------------------
 */

/* A point of the truth: when was the WAL there, and until when. */
typedef struct Truth
{
	uint64		lsn;
	RwTime		first;
	RwTime		last;
} Truth;

static Truth truth[1000000];
static int	ntruth;

static void
test_thin_by_hand(void)
{
	RwTime		now;
	RwTime		age;

	section("what is thinned");

	rw_history_init(&history);
	rw_history_thin(&history, START);
	is_int(history.npoints, 0, "nothing");
	add(100, 0);
	rw_history_thin(&history, START + 20 * RW_DAY);
	is_int(history.npoints, 1, "one point stays");
	add(200, 1);
	rw_history_thin(&history, START + 20 * RW_DAY);
	is_int(history.npoints, 2, "two points stay");

	/* Three points; the gap that the middle one leaves is two seconds. */
	rw_history_init(&history);
	add(100, 0);
	add(200, 1);
	add(300, 2);
	age = 2 * RW_SECOND * 512;
	rw_history_thin(&history, START + RW_SECOND + age - 1);
	is_int(history.npoints, 3, "a gap just too long for the age");
	rw_history_thin(&history, START + RW_SECOND + age);
	is_int(history.npoints, 2, "a gap just short enough");
	is_uint(history.points[0].lsn, 100, "the oldest stays");
	is_uint(history.points[1].lsn, 300, "the newest stays");

	/* The gap is measured between the flat stretches. */
	rw_history_init(&history);
	add(100, 0);
	add(100, 5000);
	add(200, 5001);
	add(300, 5002);
	add(300, 9000);
	rw_history_thin(&history, START + 5001 * RW_SECOND + age);
	is_int(history.npoints, 2, "long neighbours do not matter");
	is_int(history.points[0].last, START + 5000 * RW_SECOND,
		   "and keep their last");
	is_int(history.points[1].first, START + 5002 * RW_SECOND,
		   "and their first");

	rw_history_init(&history);
	add(100, 0);
	add(200, 1);
	add(200, 1000);
	add(300, 1001);
	rw_history_thin(&history, START + 3 * RW_DAY);
	is_int(history.npoints, 3, "a long stretch is not lost");
	rw_history_thin(&history, START + (1000 + 1001 * 512) * RW_SECOND);
	is_int(history.npoints, 2, "until it is old enough");

	/* In a row: every gap is measured from the last one kept. */
	rw_history_init(&history);
	for (int i = 0; i <= 100; i++)
		add(100 + i, i);
	rw_history_thin(&history, START + RW_DAY);
	is_int(disorder(&history), 0, "in a row: in order");
	is_int(wide_gaps(&history, START + RW_DAY, RW_SECOND, 512), 0,
		   "no gap is too wide");
	is_int(history.npoints, 2, "a row of a hundred within 168 seconds");
	rw_history_init(&history);
	for (int i = 0; i <= 400; i++)
		add(100 + i, i);
	rw_history_thin(&history, START + RW_DAY);
	is_int(history.npoints, 4, "four hundred leave two between");
	is_int(wide_gaps(&history, START + RW_DAY, RW_SECOND, 512), 0,
		   "no gap is too wide");

	section("what is left alone");

	rw_history_init(&history);
	for (int i = 0; i <= 600; i++)
		rw_history_add(&history, 100 + i, START + i);
	now = START + 600 + RW_MINUTE;
	rw_history_thin(&history, now - 600 - 1);
	is_int(history.npoints, 601, "all under a minute");
	rw_history_thin(&history, now - 300);
	is_int(history.npoints, 301, "all but the older ones");
	is_uint(history.points[1].lsn, 100 + 301, "which are a minute old");

	/* A moment is no gap, but a point under a minute is never dropped. */
	rw_history_init(&history);
	for (int i = 0; i < 600; i++)
		add(100 + i, 0);
	rw_history_thin(&history, START);
	is_int(history.npoints, 600, "all of one moment");

	section("what is too old");

	rw_history_init(&history);
	add(100, 0);
	add(200, 10);
	add(200, 20);
	add(300, 100000);
	now = START + RW_HISTORY_DEPTH;
	rw_history_thin(&history, now);
	is_int(history.npoints, 3, "thirty days are kept");
	rw_history_thin(&history, now + 1);
	is_int(history.npoints, 2, "what is over them goes");
	rw_history_thin(&history, now + 20 * RW_SECOND);
	is_int(history.npoints, 2, "a stretch stays until its end is");
	rw_history_thin(&history, now + 20 * RW_SECOND + 1);
	is_int(history.npoints, 1, "and then goes");
	rw_history_thin(&history, now + 1000 * RW_DAY);
	is_int(history.npoints, 1, "the newest point stays however old");
	is_uint(history.points[0].lsn, 300, "and is that");

	rw_history_init(&history);
	add(100, 0);
	add(200, 1);
	add(300, 2);
	rw_history_thin(&history, now + RW_DAY);
	is_int(history.npoints, 1, "of several that are too old");
	is_uint(history.points[0].lsn, 300, "the newest stays");

	section("a clock that went back");

	rw_history_init(&history);
	for (int i = 0; i <= 3000; i++)
		add(100 + i, i);
	rw_history_thin(&history, START - RW_DAY);
	is_int(disorder(&history), 0, "the order holds");
	ok(history.npoints < 2500, "the newest point's time counts");
	is_int(wide_gaps(&history, START + 3000 * RW_SECOND, RW_SECOND, 512), 0,
		   "and no other");
}

/*
 * Compare a history with the truth, as far as it is not older than the depth:
 * every answer within 0.2 percent of its age and what lies between samples,
 * every flat stretch that is longer than that still there.
 */
static void
check_truth(RwTime now, RwTime sample, double share, const char *when)
{
	RwHistoryView v = {&history, history.points[history.npoints - 1].lsn, now};
	int			wrong_reached = 0;
	int			wrong_appeared = 0;
	int			wrong_lsn = 0;
	int			lost = 0;
	int			checked = 0;
	int			stretches = 0;
	int			at_point = 0;

	for (int i = 1; i < ntruth - 1; i++)
	{
		RwTime		at;
		RwTime		error;
		RwTime		moment;
		uint64		lsn;
		uint64		low;
		uint64		high;
		int			j;

		if (truth[i - 1].first < history.points[0].first)
			continue;
		checked++;

		error = (now - truth[i].first) * share + sample;
		if (rw_history_reached(&v, truth[i].lsn, &at) != RW_FOUND ||
			llabs(at - truth[i].first) > error)
			wrong_reached++;

		error = (now - truth[i].last) * share + sample;
		if (rw_history_appeared(&v, truth[i].lsn, &at) != RW_FOUND ||
			llabs(at - truth[i].last) > error + RW_IDLE_INTERVAL / 2)
			wrong_appeared++;

		/*
		 * The WAL at a moment in between was where it really was at some
		 * moment nearby.
		 */
		moment = truth[i].last + (truth[i + 1].first - truth[i].last) / 3;
		lsn = rw_history_lsn_at(&v, moment);
		error = (now - moment) * share + sample;
		for (j = i; j > 0 && truth[j].last > moment - error; j--)
			;
		low = truth[j].lsn;
		for (j = i + 1; j < ntruth - 1 && truth[j].first < moment + error; j++)
			;
		high = truth[j].lsn;
		wrong_lsn += lsn < low || lsn > high;

		/* Idle stretches */
		error = (now - truth[i].last) * share;
		if (truth[i].last - truth[i].first > Max(error, sample))
		{
			stretches++;
			while (at_point < history.npoints - 1 &&
				   history.points[at_point].lsn < truth[i].lsn)
				at_point++;
			lost += history.points[at_point].lsn != truth[i].lsn ||
				history.points[at_point].first != truth[i].first ||
				history.points[at_point].last != truth[i].last;
		}
	}

	printf("# %s: %d points, %d moments and %d stretches checked\n", when,
		   history.npoints, checked, stretches);
	ok(checked > 10000 && stretches > 10, "there is something to check");
	is_int(wrong_reached, 0, "reached");
	is_int(wrong_appeared, 0, "appeared");
	is_int(wrong_lsn, 0, "LSN at a moment");
	is_int(lost, 0, "flat stretches");
}

/*
 * Go on writing for so long, sampled that often, with idle stretches of all
 * lengths if `idle`, and log the truth about every `log_step`.  Returns the
 * time; *most is the most points that a thinning of the full array has left.
 */
static RwTime
write_wal(RwTime now, RwTime duration, RwTime sample, RwTime log_step,
		  bool idle, int *most)
{
	uint64		state = 88172645463325252;
	uint64		lsn = UINT64CONST(0x1234567890);
	uint64		speed = 1;
	RwTime		end = now + duration;
	RwTime		logged = 0;

	if (history.npoints > 0)
		lsn = history.points[history.npoints - 1].lsn;
	ntruth = 0;
	*most = 0;

	while (now < end)
	{
		int			before = history.npoints;
		uint64		random = next_random(&state);

		/* Quiet and busy times: lines are to be wrong where they can. */
		if (random % 701 == 0)
			speed = UINT64CONST(1) << (random >> 32) % 20;

		now += sample;
		lsn += random % 1000 * speed + 1;
		rw_history_add(&history, lsn, now);
		if (history.npoints < before)
		{
			/* One was added after thinning. */
			*most = Max(*most, history.npoints - 1);
		}

		if (now - logged >= log_step || (idle && random % 4999 == 0))
		{
			logged = now;
			truth[ntruth].lsn = lsn;
			truth[ntruth].first = now;

			/* From a quarter of a second to some four hours */
			if (idle && random % 4999 == 0)
			{
				int			a = next_random(&state) % 16;
				int			b = next_random(&state) % 16;

				now += Min(RW_IDLE_INTERVAL << a * b / 15, (end - now) / 2);
				rw_history_add(&history, lsn, now);
			}
			truth[ntruth++].last = now;
		}
	}
	return now;
}

/* How many of the newest points are younger than this? */
static int
young_points(RwTime now, RwTime age)
{
	int			n = 0;

	while (n < history.npoints &&
		   history.points[history.npoints - 1 - n].last > now - age)
		n++;
	return n;
}

static void
test_forty_days(void)
{
	RwTime		now;
	RwTime		start;
	int			most;

	section("forty days of steady writing, a sample every 100 ms");

	rw_history_init(&history);
	now = write_wal(START, 40 * RW_DAY, SAMPLE, 10 * RW_SECOND, false, &most);
	printf("# at most %d points left by thinning\n", most);
	ok(most > 7500 && most < 9000, "some 8,000 points are enough");
	is_int(disorder(&history), 0, "the order holds");
	is_int(wide_gaps(&history, now, SAMPLE, 512), 0,
		   "no gap is wider than its age allows");
	start = history.points[0].last;
	ok(now - start < RW_HISTORY_DEPTH + 15 * RW_MINUTE &&
	   now - start > RW_HISTORY_DEPTH / 256 * 255, "thirty days are kept");
	rw_history_thin(&history, now);
	is_int(young_points(now, RW_MINUTE), 600, "the last minute is complete");

	section("and then a sample every 10 ms");

	now = write_wal(now, 20 * RW_MINUTE, 10 * RW_MS, RW_SECOND, false, &most);
	printf("# at most %d points left by thinning\n", most);
	ok(most <= POINTS_KEPT, "a quarter of the array is made free");
	ok(most > POINTS_KEPT / 4 * 3, "and no more than necessary");
	is_int(disorder(&history), 0, "the order holds");
	ok(wide_gaps(&history, now, SAMPLE, 512) > 0, "gaps are wider");
	is_int(wide_gaps(&history, now, SAMPLE, 256), 0, "but not than twice");
	ok(now - history.points[0].last > RW_HISTORY_DEPTH / 128 * 127,
	   "thirty days are kept");
	rw_history_thin(&history, now);
	is_int(young_points(now, RW_MINUTE), 6000, "the last minute is complete");

	section("forty days with idle stretches");

	rw_history_init(&history);
	now = write_wal(START, 40 * RW_DAY, SAMPLE, 10 * RW_SECOND, true, &most);
	printf("# at most %d points left by thinning\n", most);
	ok(most <= POINTS_KEPT, "a quarter of the array is made free");
	is_int(disorder(&history), 0, "the order holds");
	is_int(wide_gaps(&history, now, SAMPLE, 512), 0,
		   "no gap is wider than its age allows");
	check_truth(now, SAMPLE, 0.002, "as it is");
	rw_history_thin(&history, now);
	check_truth(now, SAMPLE, 0.002, "thinned");
	now += RW_DAY;
	rw_history_thin(&history, now);
	check_truth(now, SAMPLE, 0.002, "thinned again, a day later");
}

static void
test_short_interval(void)
{
	RwTime		now;
	int			most;

	section("a sample every 10 ms");

	rw_history_init(&history);
	now = write_wal(START, RW_DAY, 10 * RW_MS, RW_SECOND, true, &most);
	printf("# at most %d points left by thinning\n", most);
	ok(most <= POINTS_KEPT, "a quarter of the array is made free");
	is_int(disorder(&history), 0, "the order holds");
	is_int(wide_gaps(&history, now, 10 * RW_MS, 512), 0,
		   "no gap is wider than its age allows");
	check_truth(now, 10 * RW_MS, 0.002, "10 ms");

	section("a sample every millisecond");

	rw_history_init(&history);
	now = write_wal(START, 20 * RW_MINUTE, RW_MS, RW_SECOND, false, &most);
	printf("# at most %d points left by thinning\n", most);
	ok(most <= POINTS_KEPT, "a quarter of the array is made free");
	is_int(disorder(&history), 0, "the order holds");
	rw_history_thin(&history, now);
	is_int(young_points(now, RW_MINUTE / 8), 7500,
		   "an eighth of a minute is complete");
	is_int(wide_gaps(&history, now, RW_MS, 512), 0,
		   "no gap is wider than its age allows");

	section("a sample every microsecond");

	rw_history_init(&history);
	now = write_wal(START, RW_SECOND, 1, RW_SECOND, false, &most);
	ok(most <= POINTS_KEPT, "a quarter of the array is made free");
	is_int(disorder(&history), 0, "the order holds");

	section("a clock that stands still");

	rw_history_init(&history);
	for (int i = 1; i <= 100000; i++)
		rw_history_add(&history, i, START);
	is_int(disorder(&history), 0, "the order holds");
	is_uint(history.points[history.npoints - 1].lsn, 100000,
			"the newest is there");
	for (int i = 1; i <= 100000; i++)
		rw_history_add(&history, 100000 + i, START + RW_HOUR - i);
	is_int(disorder(&history), 0, "also when it goes back");
	is_int(history.points[history.npoints - 1].last, START + RW_HOUR - 1,
		   "it stands where it was furthest");
}

/*
 * Histories that resist: what remains when the array is full of points that
 * are each as far from the next as thinning allows.
 */
static void
test_worst_cases(void)
{
	int			before = 0;
	int			too_many = 0;
	RwTime		now = START;

	section("gaps that grow");

	/* Backwards in time, each gap is a share of the age. */
	for (int i = 0; i < RW_HISTORY_POINTS; i++)
	{
		double		age = RW_DAY * pow(0.9985, i - RW_HISTORY_POINTS / 2);

		file[i].lsn = i + 1;
		file[i].first = i - (RwTime) Min(age, 29 * (double) RW_DAY);
		file[i].last = file[i].first;
	}
	ok(rw_history_import(&history, file, RW_HISTORY_POINTS, 0, START),
	   "a full array");
	rw_history_thin(&history, RW_HISTORY_POINTS);
	ok(history.npoints <= POINTS_KEPT, "is thinned all the same");
	is_int(disorder(&history), 0, "the order holds");

	section("flat stretches and nothing else");

	rw_history_init(&history);
	for (int i = 1; i <= 200000; i++)
	{
		now += RW_MINUTE;
		rw_history_add(&history, i, now);
		now += RW_MINUTE;
		rw_history_add(&history, i, now);
		too_many += history.npoints < before &&
			history.npoints > POINTS_KEPT + 1;
		before = history.npoints;
	}
	is_int(too_many, 0, "a quarter of the array is made free");
	is_int(disorder(&history), 0, "the order holds");
	ok(now - history.points[0].last < 50 * RW_DAY, "old ones are forgotten");

	section("an empty minute in the oldest days");

	rw_history_init(&history);
	add(1, 0);
	for (int i = 0; i < 100000; i++)
		add(2 + i, 28 * 86400 + i * 0.0001);
	ok(history.npoints <= RW_HISTORY_POINTS, "a long gap is no trouble");
	is_uint(history.points[0].lsn, 1, "and its far end stays");
}

/* ----------------------------------------------------------------
 *		Storing and loading
 * ----------------------------------------------------------------
 */

static bool
import_one(uint64 lsn, int64 first, int64 last)
{
	RwPoint		point = {lsn, first, last};

	other.npoints = 99;
	return rw_history_import(&other, &point, 1, 0, START);
}

static bool
import_two(uint64 lsn, int64 first, int64 last)
{
	RwPoint		points[2] = {{100, 1000, 2000}, {lsn, first, last}};

	other.npoints = 99;
	return rw_history_import(&other, points, 2, 0, START);
}

static void
test_files(void)
{
	const int64 offset = INT64CONST(700000000000000);
	int			n;
	int			wrong;

	section("storing and loading");

	draw();
	n = rw_history_export(&history, offset, file);
	is_int(n, 3, "all points are stored");
	is_uint(file[1].lsn, 2000, "with LSN");
	is_int(file[1].first, START + 20 * RW_SECOND + offset, "and first");
	is_int(file[1].last, START + 3620 * RW_SECOND + offset, "and last");

	ok(rw_history_import(&other, file, n, offset, START + RW_HOUR * 2),
	   "loaded by the same server");
	is_int(other.npoints, 3, "all of them");
	is_int(memcmp(other.points, history.points, 3 * sizeof(RwPoint)), 0,
		   "they are the same");

	/* After a reboot, the clock began anew, ten hours later. */
	ok(rw_history_import(&other, file, n, offset + START + 10 * RW_HOUR,
						 5 * RW_MINUTE), "loaded after a reboot");
	is_int(other.points[1].first, 20 * RW_SECOND - 10 * RW_HOUR,
		   "times before the clock began");
	is_int(disorder(&other), 0, "in order");

	/* The newest was written at 3631 s; the wall clock shows 3000 s. */
	ok(rw_history_import(&other, file, n, offset + 631 * RW_SECOND,
						 START + 3000 * RW_SECOND), "wall clock just there");
	is_int(other.points[2].last, START + 3000 * RW_SECOND, "just now");
	ok(rw_history_import(&other, file, n, offset + 630 * RW_SECOND,
						 START + 3000 * RW_SECOND), "wall clock set back");
	is_int(other.points[2].last, START + 3000 * RW_SECOND,
		   "the newest was seen just now");
	is_int(other.points[0].first, START + (3000 - 3631) * RW_SECOND,
		   "the oldest is as much older as it was");
	is_int(other.points[1].last - other.points[1].first, 3600 * RW_SECOND,
		   "an hour is an hour");
	ok(rw_history_import(&other, file, n, offset - 1000 * RW_DAY,
						 START + 3000 * RW_SECOND), "set back by years");
	is_int(other.points[2].last, START + 3000 * RW_SECOND,
		   "the newest was seen just now");

	ok(rw_history_import(&other, file, 0, offset, START) &&
	   other.npoints == 0, "an empty file");
	rw_history_init(&history);
	is_int(rw_history_export(&history, offset, file), 0, "an empty history");

	rw_history_init(&history);
	for (int i = 0; i < RW_HISTORY_POINTS; i++)
		add(100 + i, i);
	n = rw_history_export(&history, offset, file);
	is_int(n, RW_HISTORY_POINTS, "a full array is stored");
	ok(rw_history_import(&other, file, n, offset, START + RW_DAY) &&
	   other.npoints == n, "and loaded");
	wrong = 0;
	for (int i = 0; i < n; i++)
		wrong += other.points[i].lsn != history.points[i].lsn ||
			other.points[i].first != history.points[i].first ||
			other.points[i].last != history.points[i].last;
	is_int(wrong, 0, "as it was");
	rw_history_add(&other, 1000000, START + RW_DAY);
	ok(other.npoints <= POINTS_KEPT + 1 && disorder(&other) == 0,
	   "and goes on");

	section("what is refused");

	file[RW_HISTORY_POINTS].lsn = 1000000;
	file[RW_HISTORY_POINTS].first = file[RW_HISTORY_POINTS].last =
		file[RW_HISTORY_POINTS - 1].last;
	ok(!rw_history_import(&other, file, n + 1, offset, START + RW_DAY) &&
	   other.npoints == 0, "one too many");
	ok(!rw_history_import(&other, file, -1, offset, START) &&
	   other.npoints == 0, "a negative number");
	ok(import_one(1, 1000, 1000), "this one is right");
	ok(!import_one(0, 1000, 1000) && other.npoints == 0, "LSN 0");
	ok(!import_one(1, 1001, 1000) && other.npoints == 0, "first after last");
	ok(!import_one(1, PG_INT64_MIN, 1000), "the smallest time");
	ok(!import_one(1, 1000, PG_INT64_MAX), "the largest time");
	ok(!import_one(1, -(INT64CONST(1) << 60) - 1, 0), "40,000 years ago");
	ok(!import_one(1, 0, (INT64CONST(1) << 60) + 1), "in 40,000 years");
	ok(import_one(1, -(INT64CONST(1) << 60), INT64CONST(1) << 60),
	   "and what is just not");
	is_int(other.points[0].last, START, "is no trouble");
	ok(import_two(101, 2000, 2000), "these two are right");
	ok(!import_two(100, 3000, 3000) && other.npoints == 0, "the same LSN");
	ok(!import_two(99, 3000, 3000), "an LSN that falls");
	ok(!import_two(101, 1999, 3000), "times that overlap");
	ok(!import_two(101, 500, 700), "times that go back");
	ok(!import_two(101, 3000, 2999), "the second's first after its last");
}

int
main(void)
{
	test_add();
	test_reached();
	test_appeared();
	test_gap();
	test_lsn_at();
	test_low_horizon();
	test_large();
	test_against_walk();
	test_cut();
	test_thin_by_hand();
	test_forty_days();
	test_short_interval();
	test_worst_cases();
	test_files();
	return tap_end();
}
