/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  The one axis on which replwatch measures time.
 *
 * Everything inside is an RwTime: microseconds on a clock that never steps
 * and that all processes of the machine share.  The wall clock appears only
 * where a value is shown to somebody or stored in a file, and is worked out
 * there from the age of the RwTime; so a step of the wall clock moves every
 * displayed time and no measured lag.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_CLOCK_H
#define RW_CLOCK_H

#include <time.h>

/* Microseconds since some moment long before the server started. */
typedef int64 RwTime;

#define RW_NEVER		((RwTime) 0)	/* no moment */
#define RW_MS			INT64CONST(1000)
#define RW_SECOND		INT64CONST(1000000)
#define RW_MINUTE		(60 * RW_SECOND)
#define RW_HOUR			(60 * RW_MINUTE)
#define RW_DAY			(24 * RW_HOUR)

/*
 * Linux's boot clock counts a suspended machine's sleep too: what was not
 * replayed over night is a night old.
 */
#ifdef CLOCK_BOOTTIME
#define RW_CLOCK_ID		CLOCK_BOOTTIME
#else
#define RW_CLOCK_ID		CLOCK_MONOTONIC
#endif

/*
 * What was before the machine booted must have a time too: the axis begins
 * this long before.
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
