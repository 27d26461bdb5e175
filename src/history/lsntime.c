/*-------------------------------------------------------------------------
 *
 * lsntime.c
 *	  The history: when was this LSN reached, when did the byte after it
 *	  appear, and how far was the WAL at that moment.
 *
 * All three answers come from the same picture (see lsntime.h): flat
 * stretches, which are the points, and straight lines from the last of one
 * point to the first of the next.  Only the corners need thought: an LSN that
 * is a point's own has a whole stretch of time to itself, and its two ends
 * are the answers to the two questions.
 *
 * A line says how the WAL probably grew between two looks.  Whatever it says,
 * the truth lies between the same two looks, so an answer is never off by
 * more than the gap in which it lies; that is what makes thinning a matter of
 * gaps alone.
 *
 * Times may be negative: a loaded history can be older than the clock.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/history/lsntime.h"

/* The allowed gap is this share of a point's age. */
#define GAP_SHARE			(1.0 / 512)

/* What thinning leaves at most, and how much of it the youngest may take. */
#define POINTS_KEPT			(RW_HISTORY_POINTS / 4 * 3)
#define YOUNG_POINTS_KEPT	(RW_HISTORY_POINTS / 2)

/*
 * Three are enough.  Of the points that a pass leaves, each is older than the
 * next but one by more than the allowed share; when that has been doubled
 * three times, fewer than 4,096 such fit between a microsecond and the depth.
 */
#define MAX_DOUBLINGS		3

/*
 * Times in a file are at most so far from the epoch (36,000 years), which
 * leaves room to add and subtract a few of them.
 */
#define TIME_LIMIT			(INT64CONST(1) << 60)

static int	points_up_to(const RwHistory *h, uint64 lsn);
static int	points_until(const RwHistory *h, RwTime at);
static RwPoint next_point(const RwHistoryView *view, int i);
static RwTime time_between(const RwPoint *prev, const RwPoint *next,
						   uint64 lsn);
static uint64 lsn_between(const RwPoint *prev, const RwPoint *next,
						  RwTime at);
static void thin_once(RwHistory *h, RwTime now, RwTime untouched,
					  double share);

/* ----------------------------------------------------------------
 *		Recording
 * ----------------------------------------------------------------
 */

void
rw_history_init(RwHistory *h)
{
	h->npoints = 0;
}

void
rw_history_add(RwHistory *h, uint64 lsn, RwTime now)
{
	RwPoint    *point;

	if (lsn == 0)
		return;

	if (h->npoints > 0)
	{
		RwPoint    *newest = &h->points[h->npoints - 1];

		if (lsn < newest->lsn)
			return;

		now = Max(now, newest->last);
		if (lsn == newest->lsn)
		{
			newest->last = now;
			return;
		}

		if (h->npoints >= RW_HISTORY_POINTS)
			rw_history_thin(h, now);
	}

	Assert(h->npoints < RW_HISTORY_POINTS);
	point = &h->points[h->npoints++];
	point->lsn = lsn;
	point->first = now;
	point->last = now;
}

/*
 * The WAL up to `lsn` stays what it was, and so does the moment at which it
 * was there.  If that lies between two points, the line between them is cut
 * and ends in a point of its own; otherwise the next point, which may be
 * hours away, would date those bytes.
 */
void
rw_history_cut(RwHistory *h, uint64 lsn)
{
	int			kept = points_up_to(h, lsn);
	RwTime		last;

	if (kept == h->npoints)
		return;

	/* As long as the WAL was beyond, what stays of it ended at lsn. */
	last = h->points[h->npoints - 1].last;

	if (kept > 0 && h->points[kept - 1].lsn < lsn)
	{
		RwPoint    *end = &h->points[kept];

		end->first = time_between(end - 1, end, lsn);
		end->lsn = lsn;
		kept++;
	}
	if (kept > 0)
		h->points[kept - 1].last = last;
	h->npoints = kept;
}

/* ----------------------------------------------------------------
 *		Thinning
 * ----------------------------------------------------------------
 */

void
rw_history_thin(RwHistory *h, RwTime now)
{
	RwTime		untouched = RW_HISTORY_FULL_RESOLUTION;
	double		share = GAP_SHARE;
	int			forgotten;

	if (h->npoints == 0)
		return;

	now = Max(now, h->points[h->npoints - 1].last);

	forgotten = points_until(h, now - RW_HISTORY_DEPTH - 1);
	forgotten = Min(forgotten, h->npoints - 1);
	if (forgotten > 0)
	{
		h->npoints -= forgotten;
		memmove(h->points, h->points + forgotten,
				h->npoints * sizeof(RwPoint));
	}

	/*
	 * Sampled very often, the last minute alone would fill the array, and
	 * doubling the allowed gap would sacrifice all that is older to it.
	 */
	while (untouched > 0 &&
		   h->npoints - points_until(h, now - untouched) > YOUNG_POINTS_KEPT)
		untouched /= 2;

	/* The first round is nearly always the only one. */
	for (int doublings = 0; doublings <= MAX_DOUBLINGS; doublings++)
	{
		thin_once(h, now, untouched, share);
		if (h->npoints <= POINTS_KEPT)
			break;
		share *= 2;
	}
}

/*
 * One pass.  A dropped point lies in the gap between the last point kept and
 * the next one, so measuring that gap each time covers all that were dropped
 * in a row.  What a gap swallows is shorter than the gap, flat stretches
 * included.
 */
static void
thin_once(RwHistory *h, RwTime now, RwTime untouched, double share)
{
	RwPoint    *points = h->points;
	int			kept = 1;		/* the oldest */

	for (int i = 1; i < h->npoints; i++)
	{
		if (i < h->npoints - 1)
		{
			RwTime		age = now - points[i].last;
			RwTime		gap = points[i + 1].first - points[kept - 1].last;

			if (age >= untouched && (double) gap <= (double) age * share)
				continue;
		}
		points[kept++] = points[i];
	}
	h->npoints = kept;
}

/* ----------------------------------------------------------------
 *		Asking
 * ----------------------------------------------------------------
 */

RwFound
rw_history_reached(const RwHistoryView *view, uint64 lsn, RwTime *at)
{
	const RwHistory *h = view->history;
	int			i = points_up_to(h, lsn) - 1;

	if (lsn > view->horizon || h->npoints == 0)
		return RW_FOUND_NOTHING;

	if (i < 0)
	{
		*at = Min(h->points[0].first, view->now);
		return RW_FOUND_OLDER;
	}

	if (h->points[i].lsn == lsn)
		*at = h->points[i].first;
	else
	{
		RwPoint		next = next_point(view, i);

		*at = time_between(&h->points[i], &next, lsn);
	}

	/* The reader may have looked at the clock before the last point came. */
	*at = Min(*at, view->now);
	return RW_FOUND;
}

RwFound
rw_history_appeared(const RwHistoryView *view, uint64 lsn, RwTime *at)
{
	const RwHistory *h = view->history;
	int			i = points_up_to(h, lsn) - 1;
	RwPoint		next;
	RwTime		gap;

	if (lsn >= view->horizon || h->npoints == 0)
		return RW_FOUND_NOTHING;

	if (i < 0)
	{
		*at = Min(h->points[0].first, view->now);
		return RW_FOUND_OLDER;
	}

	/*
	 * The first byte of a line did not come at once when the point before was
	 * last seen, but somewhere in the pause until the next look.
	 */
	next = next_point(view, i);
	gap = next.first - h->points[i].last;
	*at = Max(time_between(&h->points[i], &next, lsn),
			  h->points[i].last + Min(gap, RW_IDLE_INTERVAL) / 2);
	*at = Min(*at, view->now);
	return RW_FOUND;
}

RwTime
rw_history_gap(const RwHistoryView *view, uint64 lsn, RwTime *start)
{
	int			i = points_up_to(view->history, lsn) - 1;
	RwPoint		next = next_point(view, i);

	*start = view->history->points[i].last;
	return next.first - *start;
}

uint64
rw_history_lsn_at(const RwHistoryView *view, RwTime at)
{
	const RwHistory *h = view->history;
	int			i = points_until(h, at);
	uint64		lsn;

	if (h->npoints == 0 || at > view->now || at < h->points[0].first)
		return 0;

	if (i < h->npoints && h->points[i].first <= at)
		lsn = h->points[i].lsn;
	else
	{
		RwPoint		next = next_point(view, i - 1);

		lsn = lsn_between(&h->points[i - 1], &next, at);
	}
	return Min(lsn, view->horizon);
}

/* How many points are at or below `lsn`? */
static int
points_up_to(const RwHistory *h, uint64 lsn)
{
	int			low = 0;
	int			high = h->npoints;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (h->points[middle].lsn <= lsn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How many points were over by `at`, or just ended? */
static int
points_until(const RwHistory *h, RwTime at)
{
	int			low = 0;
	int			high = h->npoints;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (h->points[middle].last <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The point after the i'th.  After the newest comes what the reader sees,
 * which never lies before it: if he took the time just before somebody else
 * added a point, the two are taken for one moment.
 */
static RwPoint
next_point(const RwHistoryView *view, int i)
{
	const RwHistory *h = view->history;
	RwPoint		own;

	if (i + 1 < h->npoints)
		return h->points[i + 1];

	own.lsn = Max(view->horizon, h->points[i].lsn);
	own.first = Max(view->now, h->points[i].last);
	own.last = own.first;
	return own;
}

/*
 * When the line between two points was at `lsn`, which lies between them, or
 * at the second, which may be the reader's own.  Of what came between two
 * looks in a row nobody knows when it did: a burst takes no time, wherever it
 * lies.  There the middle errs least; interpolation is for the gaps that
 * thinning leaves.
 */
static RwTime
time_between(const RwPoint *prev, const RwPoint *next, uint64 lsn)
{
	RwTime		gap = next->first - prev->last;
	double		share = (double) (lsn - prev->lsn) /
		(double) (next->lsn - prev->lsn);

	if (gap <= RW_TWO_LOOKS && lsn < next->lsn)
		share = 0.5;
	return prev->last + Min((RwTime) (share * (double) gap), gap);
}

/* Where the line between two points was at a moment between them. */
static uint64
lsn_between(const RwPoint *prev, const RwPoint *next, RwTime at)
{
	uint64		rise = next->lsn - prev->lsn;
	double		written;

	if (at >= next->first)
		return next->lsn;

	written = (double) rise * (double) (at - prev->last) /
		(double) (next->first - prev->last);

	/* Also keeps the conversion within range where doubles are coarse. */
	if (written >= (double) rise)
		return next->lsn;
	return prev->lsn + (uint64) written;
}

/* ----------------------------------------------------------------
 *		Storing and loading
 * ----------------------------------------------------------------
 */

int
rw_history_export(const RwHistory *h, int64 wall_offset, RwPoint *out)
{
	for (int i = 0; i < h->npoints; i++)
	{
		out[i].lsn = h->points[i].lsn;
		out[i].first = h->points[i].first + wall_offset;
		out[i].last = h->points[i].last + wall_offset;
	}
	return h->npoints;
}

/*
 * A file's checksum says that it is what was written, not that what was
 * written made sense; and everything else here relies on the invariant.
 */
bool
rw_history_import(RwHistory *h, const RwPoint *in, int npoints,
				  int64 wall_offset, RwTime now)
{
	int64		shift = wall_offset;

	rw_history_init(h);
	if (npoints < 0 || npoints > RW_HISTORY_POINTS)
		return false;

	for (int i = 0; i < npoints; i++)
	{
		if (in[i].lsn <= (i > 0 ? in[i - 1].lsn : 0) ||
			in[i].first < (i > 0 ? in[i - 1].last : -TIME_LIMIT) ||
			in[i].last < in[i].first ||
			in[i].last > TIME_LIMIT)
			return false;
	}

	/*
	 * If the wall clock was set back to before the newest point, nobody can
	 * say how long ago that was; all the others are as much older than it as
	 * they were.
	 */
	if (npoints > 0)
		shift = Max(shift, in[npoints - 1].last - now);

	for (int i = 0; i < npoints; i++)
	{
		h->points[i].lsn = in[i].lsn;
		h->points[i].first = in[i].first - shift;
		h->points[i].last = in[i].last - shift;
	}
	h->npoints = npoints;
	return true;
}
