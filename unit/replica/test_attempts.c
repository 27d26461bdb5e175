/*-------------------------------------------------------------------------
 *
 * test_attempts.c
 *	  Tests of src/replica/attempts.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/replica/attempts.h"
#include "unit/tap.h"

#define START	(1000 * RW_DAY)

static void
test_counting(void)
{
	RwAttempts	attempts = {0};
	RwTime		now = START;

	section("counting");
	is_int(rw_attempts_count(&attempts, now), 0, "none at first");
	rw_attempts_add(&attempts, now);
	is_int(rw_attempts_count(&attempts, now), 1, "one");
	is_int(rw_attempts_count(&attempts, now + 50 * RW_SECOND - 1), 1,
		   "counts for fifty seconds");
	is_int(rw_attempts_count(&attempts, now + RW_MINUTE), 0,
		   "and not for longer than sixty");
	is_int(rw_attempts_count(&attempts, now - RW_SECOND), 1,
		   "also for one whose time is a little older");
	for (int i = 0; i < 11; i++)
		rw_attempts_add(&attempts, now += 5 * RW_SECOND);
	is_int(rw_attempts_count(&attempts, now), 12, "one every five seconds");
	for (int i = 0; i < 100; i++)
		rw_attempts_add(&attempts, now += 5 * RW_SECOND);
	is_int(rw_attempts_count(&attempts, now), 12, "is twelve a minute");
	rw_attempts_add(&attempts, now += RW_DAY);
	is_int(rw_attempts_count(&attempts, now), 1, "after a day all is new");

	section("more than can be counted");
	for (int i = 0; i < 70000; i++)
		rw_attempts_add(&attempts, now);
	is_int(rw_attempts_count(&attempts, now), PG_UINT16_MAX, "stays there");
	for (int i = 0; i < 70000; i++)
		rw_attempts_add(&attempts, now + 10 * RW_SECOND);
	is_int(rw_attempts_count(&attempts, now + 10 * RW_SECOND),
		   2 * PG_UINT16_MAX, "in each step");
}

/* All of the last fifty seconds are counted, and none older than sixty. */
static void
test_at_random(void)
{
	static RwTime made[20000];
	RwAttempts	attempts = {0};
	RwTime		now = START;
	uint64		state = 20261128;
	int			nmade = 0;
	int			wrong = 0;
	int			most = 0;

	section("at random");
	while (nmade < lengthof(made))
	{
		int			least = 0;
		int			all = 0;
		int			count;

		now += next_random(&state) % (next_random(&state) % 50 == 0 ?
									  90 * RW_SECOND : 8 * RW_SECOND);
		if (next_random(&state) % 2)
		{
			rw_attempts_add(&attempts, now);
			made[nmade++] = now;
		}
		for (int i = nmade - 1; i >= 0 && now - made[i] < RW_MINUTE; i--)
		{
			least += now - made[i] < 50 * RW_SECOND;
			all++;
		}
		count = rw_attempts_count(&attempts, now);
		wrong += count < least || count > all;
		most = Max(most, count);
	}
	is_int(wrong, 0, "the last fifty to sixty seconds");
	ok(most > 10, "the test itself looks at something");
}

int
main(void)
{
	test_counting();
	test_at_random();
	return tap_end();
}
