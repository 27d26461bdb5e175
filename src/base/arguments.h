/*-------------------------------------------------------------------------
 *
 * arguments.h
 *	  Conversion of the SQL functions' arguments.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ARGUMENTS_H
#define RW_ARGUMENTS_H

#include "datatype/timestamp.h"

/*
 * Convert a duration to microseconds, or PG_INT64_MAX if it is too long for
 * that.  A month counts as 30 days.  Raises 22023, naming the argument, if
 * the duration is negative.
 */
extern int64 rw_duration_argument(const Interval *duration, const char *name);

#endif							/* RW_ARGUMENTS_H */
