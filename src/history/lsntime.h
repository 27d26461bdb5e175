/*-------------------------------------------------------------------------
 *
 * lsntime.h
 *	  The history: when was this LSN reached, when did the byte after it
 *	  appear, and how far was the WAL at that moment.
 *
 * A pure file: no server, no clock, no allocation, no error.  The history is
 * plain data of a fixed size and may live in shared memory; whoever owns it
 * guards it with a lock.
 *
 * A point says that the end of WAL was seen at `lsn` from `first` to `last`.
 * A stretch in which nothing was written is therefore one point with two
 * ends, and the two questions that look alike get their different answers:
 * after an idle hour, the LSN at its end was *reached* an hour ago, while the
 * byte after it *appeared* just now.
 *
 *		lsn
 *		 |                                   C--
 *		 |                               .
 *		 |          B--------------------		reached(B) = B.first
 *		 |        .								appeared(B) = B.last
 *		 |   A---
 *		 +------------------------------------------ time
 *
 * Invariant: LSNs rise strictly from point to point, first <= last within a
 * point, and the last of one point is at or before the first of the next.
 *
 * Full policy: when the array is full it is thinned in one pass, oldest
 * first.  A point is dropped if the gap that it leaves between its
 * neighbours, from the last of one to the first of the other, stays within
 * what its age allows: nothing under RW_HISTORY_FULL_RESOLUTION, a
 * 512th of the age beyond.  So an answer about the past errs by at most
 * 0.2 percent of its age, no flat stretch longer than that is ever lost, and
 * points over RW_HISTORY_DEPTH go.  30 days of steady writing, sampled every
 * 100 ms, need some 8,000 points; where more than three quarters of the array
 * are needed (a very short sampling interval), the allowed gap is doubled
 * until a quarter is free.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LSNTIME_H
#define RW_LSNTIME_H

#include "src/base/clock.h"

/* Places in the array: 24 bytes each, 384 kB. */
#define RW_HISTORY_POINTS			16384

/*
 * Younger points are never thinned, unless they would take more than half of
 * the array; then this time is halved until they do not.
 */
#define RW_HISTORY_FULL_RESOLUTION	RW_MINUTE

/* Older points are forgotten when room is made. */
#define RW_HISTORY_DEPTH			(30 * RW_DAY)

/*
 * The longest pause between two samples of an idle server.  A byte that ends
 * a flat stretch appeared at some moment within such a pause: half of it is
 * the estimate with the smallest error.
 */
#define RW_IDLE_INTERVAL			(250 * RW_MS)

/* A gap up to this is one between two samples, the second a little late. */
#define RW_TWO_LOOKS				(2 * RW_IDLE_INTERVAL)

typedef struct RwPoint
{
	uint64		lsn;			/* end of WAL */
	RwTime		first;			/* first seen there */
	RwTime		last;			/* last seen there */
} RwPoint;

typedef struct RwHistory
{
	int32		npoints;
	RwPoint		points[RW_HISTORY_POINTS];	/* oldest first */
} RwHistory;

/*
 * The history as a reader sees it: what was recorded, and what he sees now.
 * The horizon may be below the newest point: a standby that has restarted
 * has not received everything again, and a base backup brings a history from
 * elsewhere.  Points beyond it still date what is at or below it.  No answer
 * is later than `now`.
 */
typedef struct RwHistoryView
{
	const RwHistory *history;
	uint64		horizon;		/* end of WAL now */
	RwTime		now;
} RwHistoryView;

typedef enum RwFound
{
	RW_FOUND,					/* the time is known */
	RW_FOUND_OLDER,				/* before the history begins; *at: its start */
	RW_FOUND_NOTHING			/* not there yet, or there is no history */
} RwFound;

/* Make an empty history. */
extern void rw_history_init(RwHistory *h);

/*
 * Record that the end of WAL is at `lsn` now.  An LSN below the newest point
 * is passed over (a restarted standby finds its WAL again; WAL that was
 * undone is taken out with rw_history_cut first), and so is 0.  A `now`
 * before the newest point counts as that point's.
 */
extern void rw_history_add(RwHistory *h, uint64 lsn, RwTime now);

/*
 * Forget what is beyond `lsn`: timelines parted there.  What is at or below
 * keeps its times; `lsn` counts as last seen when the newest point was.
 */
extern void rw_history_cut(RwHistory *h, uint64 lsn);

/* Make room, as the full policy says; the newest point always stays. */
extern void rw_history_thin(RwHistory *h, RwTime now);

/*
 * When did the end of WAL reach `lsn`?  RW_FOUND_NOTHING beyond the horizon.
 * Between two points the time is interpolated, or the middle up to
 * RW_TWO_LOOKS.
 */
extern RwFound rw_history_reached(const RwHistoryView *view, uint64 lsn,
								  RwTime *at);

/*
 * When did the byte after `lsn` appear?  RW_FOUND_NOTHING when it has not,
 * that is, at and beyond the horizon.  Between two points it is the middle
 * up to RW_TWO_LOOKS; in longer gaps the time is interpolated, but is at least
 * half of RW_IDLE_INTERVAL after the first of them.
 */
extern RwFound rw_history_appeared(const RwHistoryView *view, uint64 lsn,
								   RwTime *at);

/*
 * How long nobody looked, around the moment at which the byte after `lsn`
 * appeared: the gap between two points in which rw_history_appeared found
 * it, and in *start where that begins.  Only for an lsn that it found.
 */
extern RwTime rw_history_gap(const RwHistoryView *view, uint64 lsn,
							 RwTime *start);

/*
 * Where was the end of WAL at the moment `at`?  0 before the history's start
 * and after `now`; never beyond the horizon.
 */
extern uint64 rw_history_lsn_at(const RwHistoryView *view, RwTime at);

/*
 * Store and load.  A file holds points in wall-clock microseconds, that is,
 * RwTime + wall_offset.  Export writes all points to `out`, which has
 * room for RW_HISTORY_POINTS, and returns their number.  Import takes them
 * into an empty history, and keeps their ages even if the wall clock has been
 * set back below them in the meantime: the newest then counts as seen just
 * now.  It returns false, and leaves the history empty, if they break the
 * invariant, have times that no clock shows, or are too many.
 */
extern int	rw_history_export(const RwHistory *h, int64 wall_offset,
							  RwPoint *out);
extern bool rw_history_import(RwHistory *h, const RwPoint *in, int npoints,
							  int64 wall_offset, RwTime now);

#endif							/* RW_LSNTIME_H */
