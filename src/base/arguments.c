/*-------------------------------------------------------------------------
 *
 * arguments.c
 *	  Conversion of the SQL functions' arguments.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/base/arguments.h"

int64
rw_duration_argument(const Interval *duration, const char *name)
{
	double		microseconds = duration->time +
		(double) USECS_PER_DAY * (duration->day +
								  (double) DAYS_PER_MONTH * duration->month);

	if (microseconds < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be negative", name)));
	if (microseconds >= (double) PG_INT64_MAX)
		return PG_INT64_MAX;
	return (int64) microseconds;
}
