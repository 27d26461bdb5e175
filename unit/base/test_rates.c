/*-------------------------------------------------------------------------
 *
 * test_rates.c
 *	  Tests of src/base/rates.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/base/rates.h"
#include "unit/tap.h"

#define START			(1000 * RW_DAY)
#define MB				UINT64CONST(1048576)

static RwRate rate;

/* `seconds` of samples every 100 ms, `speed` bytes a second; *lsn goes on. */
static RwTime
run(RwTime now, int seconds, uint64 speed, uint64 *lsn)
{
	for (int i = 0; i < seconds * 10; i++)
	{
		now += 100 * RW_MS;
		*lsn += speed / 10;
		rw_rate_add(&rate, *lsn, now);
	}
	return now;
}

static void
test_beginning(void)
{
	section("the beginning");

	rw_rate_init(&rate);
	ok(rw_rate(&rate, 1000, START) < 0, "empty: not known");

	rw_rate_add(&rate, 0, START);
	is_int(rate.npoints, 0, "LSN 0 is passed over");

	rw_rate_add(&rate, 1000, START);
	ok(rw_rate(&rate, 1000, START) < 0, "no time observed: not known");
	ok(rw_rate(&rate, 2000, START + RW_RATE_MIN_TIME - 1) < 0,
	   "not quite a second observed: not known");
	is_double(rw_rate(&rate, 2000, START + RW_RATE_MIN_TIME), 1000,
			  "a second observed: known");
	is_double(rw_rate(&rate, 1000, START + RW_RATE_MIN_TIME), 0,
			  "not moving is a rate of 0");
	is_double(rw_rate(&rate, 999, START + RW_SECOND), 0,
			  "an LSN behind what was noted: that counts");
}

static void
test_minute(void)
{
	uint64		lsn = MB;
	RwTime		now;
	RwTime		oldest;
	int			wrong = 0;

	section("the last minute");

	rw_rate_init(&rate);
	now = run(START, 3, 1000, &lsn);
	is_double(rw_rate(&rate, lsn, now), 1000, "before the first step is over");
	is_int(rate.npoints, 2, "two points: where it was, and where it is");

	now = run(now, 600, 1000, &lsn);
	is_double(rw_rate(&rate, lsn, now), 1000, "steady for ten minutes");
	is_int(rate.npoints, RW_RATE_POINTS, "all points are used");

	oldest = rate.points[0].at;
	ok(now - oldest <= RW_MINUTE && now - oldest > RW_MINUTE - RW_RATE_STEP,
	   "they cover nearly a minute");
	for (int i = 1; i < RW_RATE_POINTS - 1; i++)
		wrong += rate.points[i].at - rate.points[i - 1].at != RW_RATE_STEP;
	is_int(wrong, 0, "they are a step apart");

	now = run(now, 30, 9000, &lsn);
	ok(rw_rate(&rate, lsn, now) > 4500 && rw_rate(&rate, lsn, now) < 6000,
	   "half a minute of something else counts for half");
	now = run(now, 30, 9000, &lsn);
	is_double(rw_rate(&rate, lsn, now), 9000,
			  "what is over a minute ago counts no more");

	rw_rate_init(&rate);
	lsn = MB;
	now = run(START, 60, 1000, &lsn);
	oldest = rate.points[0].at;
	is_double(rw_rate(&rate, lsn + 40, oldest + RW_MINUTE),
			  (double) (lsn + 40 - rate.points[0].lsn) / 60,
			  "a point that is exactly a minute old counts");
	is_double(rw_rate(&rate, lsn + 40, oldest + RW_MINUTE + 1),
			  (double) (lsn + 40 - rate.points[1].lsn) / 55.000001,
			  "an older one does not");
	is_double(rw_rate(&rate, lsn, rate.points[RW_RATE_POINTS - 1].at +
					  RW_MINUTE), 0, "after a minute's pause: the last point");
	ok(rw_rate(&rate, lsn, rate.points[RW_RATE_POINTS - 1].at +
			   RW_MINUTE + 1) < 0, "after a longer pause: not known");
}

static void
test_steps_back(void)
{
	uint64		lsn = MB;
	RwTime		now;

	section("standing still");

	rw_rate_init(&rate);
	now = run(START, 30, 1000, &lsn);
	now = run(now, 15, 0, &lsn);
	is_double(rw_rate(&rate, lsn, now), (29900 / 44.9),
			  "counts like any movement");
	now = run(now, 60, 0, &lsn);
	is_double(rw_rate(&rate, lsn, now), 0, "for a minute: 0");

	section("steps backwards");

	rw_rate_init(&rate);
	rw_rate_add(&rate, lsn, START);
	rw_rate_add(&rate, lsn - 1, START + 100 * RW_MS);
	is_int(rate.npoints, 1, "after a single point");
	rw_rate_add(&rate, lsn, START);
	is_int(rate.points[1].at, START + 100 * RW_MS, "and of the clock");

	now = run(START, 12, 1000, &lsn);
	rw_rate_add(&rate, lsn - 1, now + 100 * RW_MS);
	is_int(rate.npoints, 1, "an LSN that steps back by a byte starts anew");
	is_uint(rate.points[0].lsn, lsn - 1, "from where it is");
	is_int(rate.points[0].at, now + 100 * RW_MS, "and when");

	rw_rate_init(&rate);
	now = run(START, 12, 1000, &lsn);
	rw_rate_add(&rate, lsn + 1000, now - 3 * RW_SECOND);
	is_int(rate.points[rate.npoints - 1].at, now,
		   "a clock that steps back stands still");
	is_uint(rate.points[rate.npoints - 1].lsn, lsn + 1000,
			"and the LSN is noted");
	is_double(rw_rate(&rate, 1, START), rw_rate(&rate, lsn + 1000, now),
			  "asked with an older look: what was noted counts");
	is_double(rw_rate(&rate, PG_UINT64_MAX, rate.points[0].at + RW_MINUTE),
			  (double) (PG_UINT64_MAX - rate.points[0].lsn) / 60,
			  "the largest LSN is no trouble");
}

static void
test_catchup(void)
{
	section("catching up");

	is_int(rw_catchup(0, 5, 1), 0, "nothing is missing");
	is_int(rw_catchup(0, -1, -1), 0, "nothing is missing, rates unknown");
	is_int(rw_catchup(1000, 300, 100), 5 * RW_SECOND, "what remains of speed");
	is_int(rw_catchup(1000, 200, 0), 5 * RW_SECOND, "nothing comes in");
	is_int(rw_catchup(1, 0.5, 0), 2 * RW_SECOND, "slowly");
	is_int(rw_catchup(1, 3e6, 0), 1, "rounded up: something is missing");
	is_int(rw_catchup(1000, 100, 100), -1, "as much comes in");
	is_int(rw_catchup(1000, 100, 200), -1, "more comes in");
	is_int(rw_catchup(1000, 0, 0), -1, "not moving");
	is_int(rw_catchup(1000, -1, 0), -1, "speed unknown");
	is_int(rw_catchup(1000, 100, -1), -1, "growth unknown");
	is_int(rw_catchup(1000, -1, -3), -1, "both unknown");
	is_int(rw_catchup(1000, NAN, 0), -1, "speed not a number");
	is_int(rw_catchup(1000, 100, NAN), -1, "growth not a number");
	is_int(rw_catchup(1000, INFINITY, INFINITY), -1, "both infinite");
	is_int(rw_catchup(PG_UINT64_MAX, 1e-300, 0), -1, "too long for a number");
	is_int(rw_catchup(36525 * UINT64CONST(86400), 1, 0), RW_RATE_FOR_EVER,
		   "a century");
	is_int(rw_catchup(36525 * UINT64CONST(86400) + 1, 1, 0), -1,
		   "more than a century is for ever");
}

static void
test_time_left(void)
{
	section("time left");

	is_int(rw_time_left(1000, 100), 10 * RW_SECOND, "at this growth");
	is_int(rw_time_left(1, 3e6), 1, "rounded up: something is left");
	is_int(rw_time_left(0, 100), 0, "nothing left");
	is_int(rw_time_left(-5, 100), 0, "less than nothing left");
	is_int(rw_time_left(0, -1), 0, "nothing left, growth unknown");
	is_int(rw_time_left(1000, 0), -1, "nothing is written");
	is_int(rw_time_left(1000, -1), -1, "growth unknown");
	is_int(rw_time_left(1000, NAN), -1, "growth not a number");
	is_int(rw_time_left(PG_INT64_MAX, 1e-9), -1, "too long for a number");
	is_int(rw_time_left(PG_INT64_MAX, 1e18), 9223373, "much, and fast");
}

int
main(void)
{
	test_beginning();
	test_minute();
	test_steps_back();
	test_catchup();
	test_time_left();
	return tap_end();
}
