/*-------------------------------------------------------------------------
 *
 * test_watch.c
 *	  Tests of src/base/watch.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/base/watch.h"
#include "unit/tap.h"

#define START		(1000 * RW_DAY)
#define WALL		INT64CONST(844000000000000)
#define ALLOWED		(3 * RW_SECOND)

static RwWatch watch;
static RwTime now;
static int64 wall;

static void
begin(const char *title)
{
	section(title);
	memset(&watch, 0, sizeof(watch));
	now = START;
	wall = WALL;
	rw_watch_round(&watch, now, wall, ALLOWED);
}

/* The next round, after so long on each clock. */
static bool
resumes_after(int64 on_ours, int64 on_the_wall)
{
	now += on_ours;
	wall += on_the_wall;
	rw_watch_round(&watch, now, wall, ALLOWED);
	return rw_watch_resumed(&watch);
}

int
main(void)
{
	begin("a worker that watches");
	ok(!rw_watch_resumed(&watch), "the first round follows none");
	for (int i = 0; i < 100; i++)
		ok(!resumes_after(100 * RW_MS, 100 * RW_MS), "nor is there a gap");
	ok(!resumes_after(ALLOWED, ALLOWED), "a round that is late");
	is_int(watch.resumed_at, RW_NEVER, "there never was one");

	section("one that was stopped, or suspended with the machine");
	ok(resumes_after(8 * RW_HOUR, 8 * RW_HOUR), "is seen");
	is_int(watch.resumed_at, now, "at this moment");
	is_int(watch.unwatched, 8 * RW_HOUR, "so long nobody watched");
	is_int(watch.stood_still, 0, "the clocks went on");
	ok(!resumes_after(100 * RW_MS, 100 * RW_MS), "the gap is over");
	is_int(watch.resumed_at, now - 100 * RW_MS, "and noted");
	is_int(watch.unwatched, 0, "with nothing more to leave out");
	ok(resumes_after(ALLOWED + 1, ALLOWED + 1), "a short gap is one, too");

	begin("a clock that stood still");
	ok(resumes_after(100 * RW_MS, RW_HOUR), "is seen by the other");
	is_int(watch.unwatched, 100 * RW_MS, "so long the round was on ours");
	is_int(watch.stood_still, RW_HOUR - 100 * RW_MS, "and so long not");
	ok(!resumes_after(100 * RW_MS, 100 * RW_MS), "once");
	is_int(watch.stood_still, 0, "and not added again");
	ok(resumes_after(RW_HOUR, 9 * RW_HOUR), "both at a time");
	is_int(watch.unwatched, RW_HOUR, "the one");
	is_int(watch.stood_still, 8 * RW_HOUR, "and the other");

	begin("a gap is forgotten");
	ok(resumes_after(5 * RW_SECOND, 5 * RW_SECOND), "one of 5 s");
	for (int i = 1; i < 10; i++)
		ok(!resumes_after(RW_SECOND, RW_SECOND), "it is watched again");
	is_int(watch.resumed_at, now - 9 * RW_SECOND, "the gap still counts");
	ok(!resumes_after(RW_SECOND, RW_SECOND), "for twice as long");
	is_int(watch.resumed_at, RW_NEVER, "then no longer");
	ok(resumes_after(RW_HOUR, RW_HOUR), "one of an hour");
	ok(!resumes_after(RW_SECOND, RW_SECOND), "it is watched again");
	ok(resumes_after(5 * RW_SECOND, 5 * RW_SECOND), "a short one follows");
	for (int i = 1; i < 3600; i++)
		(void) resumes_after(2 * RW_SECOND, 2 * RW_SECOND);
	is_int(watch.resumed_at, now - 2 * 3599 * RW_SECOND,
		   "which does not make the long one forgotten");
	for (int i = 0; i < 6; i++)
		(void) resumes_after(2 * RW_SECOND, 2 * RW_SECOND);
	is_int(watch.resumed_at, RW_NEVER, "before its time");
	ok(resumes_after(RW_SECOND, RW_HOUR), "the clock stood still for an hour");
	for (int i = 0; i < 3599; i++)
		(void) resumes_after(2 * RW_SECOND, 2 * RW_SECOND);
	is_int(watch.resumed_at, now - 2 * 3599 * RW_SECOND, "which counts as well");
	(void) resumes_after(2 * RW_SECOND, 2 * RW_SECOND);
	is_int(watch.resumed_at, RW_NEVER, "and is forgotten as well");

	begin("gaps again and again");
	{
		RwTime		longest = 0;

		for (int i = 0; i < 100; i++)
		{
			ok(resumes_after(4 * RW_SECOND, 4 * RW_SECOND), "a short one");
			for (int j = 0; j < 30; j++)
			{
				if (watch.resumed_at != RW_NEVER)
					longest = Max(longest, now - watch.resumed_at);
				(void) resumes_after(RW_SECOND, RW_SECOND);
			}
		}
		is_int(longest, 7 * RW_SECOND, "do not add up");
	}

	begin("the wall clock alone");
	ok(!resumes_after(100 * RW_MS, 100 * RW_MS + RW_SECOND - 1),
	   "may be set forward by less than a second");
	ok(resumes_after(100 * RW_MS, 100 * RW_MS + RW_SECOND),
	   "by more it is taken for a gap");
	ok(!resumes_after(100 * RW_MS, -RW_HOUR), "and back by any time");
	is_int(watch.stood_still, 0, "which makes nothing younger");
	ok(resumes_after(5 * RW_SECOND, -RW_HOUR), "but hides no gap");
	is_int(watch.unwatched, 5 * RW_SECOND, "of our clock");
	return tap_end();
}
