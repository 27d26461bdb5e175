/*-------------------------------------------------------------------------
 *
 * arguments.h
 *	  Arguments of the SQL functions.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ARGUMENTS_H
#define RW_ARGUMENTS_H

#include "datatype/timestamp.h"

/*
 * A duration in microseconds, PG_INT64_MAX if it is longer than any number of
 * them; 22023 if it is negative.
 */
extern int64 rw_duration_argument(const Interval *duration, const char *name);

#endif							/* RW_ARGUMENTS_H */
