/*-------------------------------------------------------------------------
 *
 * test_histogram.c
 *	  Tests of src/wait/histogram.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/wait/histogram.h"
#include "unit/tap.h"

static RwHistogram histogram;

static void
add(int64 duration)
{
	histogram.counts[rw_histogram_bucket(duration)]++;
}

int
main(void)
{
	static const int64 durations[] = {
		2, 3, 7, 10, 100, 286, 1000, 5000, 123456, 1000000, 60000000,
		3600000000
	};
	int			wrong = 0;
	int64		last = 0;

	section("nothing");
	is_int(rw_histogram_percentile(&histogram, 0.5), -1, "no percentile");

	section("one");
	for (int i = 0; i < lengthof(durations); i++)
	{
		int64		p;

		memset(&histogram, 0, sizeof(histogram));
		add(durations[i]);
		p = rw_histogram_percentile(&histogram, 0.5);
		if (p < durations[i] || p > durations[i] * 1.2 + 1)
			wrong++;
		if (p != rw_histogram_percentile(&histogram, 0) ||
			p != rw_histogram_percentile(&histogram, 1))
			wrong++;
	}
	is_int(wrong, 0, "all percentiles are it, at most a fifth too high");

	section("extremes");
	memset(&histogram, 0, sizeof(histogram));
	add(-5);
	add(0);
	add(1);
	is_int(rw_histogram_percentile(&histogram, 1), 1,
		   "what is not positive is next to nothing");
	add(PG_INT64_MAX);
	ok(rw_histogram_percentile(&histogram, 1) > INT64CONST(3600000000),
	   "the longest is over an hour");

	section("many");
	memset(&histogram, 0, sizeof(histogram));
	for (int i = 1; i <= 1000; i++)
		add(i);
	ok(rw_histogram_percentile(&histogram, 0.5) >= 500 &&
	   rw_histogram_percentile(&histogram, 0.5) <= 600, "median");
	ok(rw_histogram_percentile(&histogram, 0.99) >= 990 &&
	   rw_histogram_percentile(&histogram, 0.99) <= 1190, "99 percent");
	wrong = 0;
	for (int i = 0; i <= 100; i++)
	{
		int64		p = rw_histogram_percentile(&histogram, i / 100.0);

		wrong += p < last;
		last = p;
	}
	is_int(wrong, 0, "percentiles rise");

	return tap_end();
}
