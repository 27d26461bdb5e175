/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  The clock by which replwatch measures time.
 *
 * All times inside are RwTime: microseconds on a clock that never steps and
 * that all processes of the machine share.  The wall clock is used only where
 * a time is shown or stored in a file, and is computed there from the age of
 * the RwTime.  So a step of the wall clock moves all times that are shown,
 * but no lag.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_CLOCK_H
#define RW_CLOCK_H

#include <time.h>

/* Microseconds since a moment long before the machine booted. */
typedef int64 RwTime;

#define RW_NEVER		((RwTime) 0)	/* no moment */
#define RW_MS			INT64CONST(1000)
#define RW_SECOND		INT64CONST(1000000)
#define RW_MINUTE		(60 * RW_SECOND)
#define RW_HOUR			(60 * RW_MINUTE)
#define RW_DAY			(24 * RW_HOUR)

/*
 * On Linux, the boot clock also counts the time during which the machine was
 * suspended: what has not been replayed over night is a night old.
 */
#ifdef CLOCK_BOOTTIME
#define RW_CLOCK_ID		CLOCK_BOOTTIME
#else
#define RW_CLOCK_ID		CLOCK_MONOTONIC
#endif

/*
 * Times before the machine booted, as files have them, must be positive too:
 * the clock starts this long before.
 */
#define RW_CLOCK_ORIGIN		(1000 * RW_DAY)

static inline RwTime
rw_clock_now(void)
{
	struct timespec ts;

	clock_gettime(RW_CLOCK_ID, &ts);
	return RW_CLOCK_ORIGIN + (RwTime) ts.tv_sec * RW_SECOND +
		ts.tv_nsec / 1000;
}

#endif							/* RW_CLOCK_H */
