/*-------------------------------------------------------------------------
 *
 * tap.h
 *	  The few words that the unit tests need to speak TAP.
 *
 * A test program is a main() that calls section() and the checks below, and
 * ends with "return tap_end();".  The plan comes last, so a program that dies
 * halfway has none and fails, as does one with a failed check: its exit code
 * is not 0 then.
 *
 * A check evaluates its arguments once, and returns whether it held.  For
 * something that is checked a million times, count what is wrong and check
 * that the count is 0.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The server's headers put its own in their place, which are not linked. */
#undef printf
#undef fprintf
#undef snprintf
#undef vprintf

#define ok(condition, what) \
	tap_ok(condition, what, __LINE__)
#define is_int(got, expected, what) \
	tap_is_int(got, expected, what, __LINE__)
#define is_uint(got, expected, what) \
	tap_is_uint(got, expected, what, __LINE__)
#define is_double(got, expected, what) \
	tap_is_double(got, expected, what, __LINE__)
#define is_text(got, expected, what) \
	tap_is_text(got, expected, what, __LINE__)

static int	tap_run = 0;
static int	tap_failed = 0;

static inline bool
tap_ok(bool held, const char *what, int line)
{
	tap_run++;
	printf("%sok %d - %s\n", held ? "" : "not ", tap_run, what);
	if (!held)
	{
		tap_failed++;
		printf("# failed in line %d\n", line);
	}
	return held;
}

static inline bool
tap_is_int(int64 got, int64 expected, const char *what, int line)
{
	if (!tap_ok(got == expected, what, line))
		printf("# got %" PRId64 ", expected %" PRId64 "\n",
			   (int64_t) got, (int64_t) expected);
	return got == expected;
}

static inline bool
tap_is_uint(uint64 got, uint64 expected, const char *what, int line)
{
	if (!tap_ok(got == expected, what, line))
		printf("# got %" PRIu64 ", expected %" PRIu64 "\n",
			   (uint64_t) got, (uint64_t) expected);
	return got == expected;
}

/* But for what is lost in rounding. */
static inline bool
tap_is_double(double got, double expected, const char *what, int line)
{
	bool		same = fabs(got - expected) <= fabs(expected) * 1e-9;

	if (!tap_ok(same, what, line))
		printf("# got %.17g, expected %.17g\n", got, expected);
	return same;
}

static inline bool
tap_is_text(const char *got, const char *expected, const char *what,
			int line)
{
	bool		same = strcmp(got, expected) == 0;

	if (!tap_ok(same, what, line))
		printf("# got \"%s\", expected \"%s\"\n", got, expected);
	return same;
}

/* A heading. */
static inline void
section(const char *title)
{
	printf("# %s\n", title);
}

/* The plan, and the exit code. */
static inline int
tap_end(void)
{
	printf("1..%d\n", tap_run);
	if (tap_failed > 0)
		printf("# %d of %d failed\n", tap_failed, tap_run);
	return tap_failed > 0 ? 1 : 0;
}

/*
 * Numbers that look random and are the same in every run.  The state may
 * start at anything but 0.
 */
static inline uint64
next_random(uint64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif							/* TAP_H */
