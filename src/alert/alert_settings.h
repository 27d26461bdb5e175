/*-------------------------------------------------------------------------
 *
 * alert_settings.h
 *	  The limits of the alerts, for one subject.
 *
 * The limits are settings.  replwatch.replica_overrides changes some of them
 * for subjects whose names match a pattern.  It is a list
 *
 *		pattern: name=value, name=value; pattern: name=value
 *
 * In a pattern, * stands for any characters and ? for one.  It may match any
 * name of a replica, or one that is alike (rw_name_alike); but a pattern that
 * is exactly the name of another replica means only that.  A name is that of
 * a limit without "replwatch.", or "delay"; a value is written as in the
 * configuration file.  If several patterns match, all of them apply, a later
 * one over an earlier one.
 *
 * This header needs no server, so that files which work on limits can be pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERT_SETTINGS_H
#define RW_ALERT_SETTINGS_H

#include "src/replica/replica.h"

typedef enum RwLimit
{
	RW_LIMIT_NONE,				/* no limit: 0 for every subject */
	RW_LIMIT_LAG_WARNING,
	RW_LIMIT_LAG_CRITICAL,
	RW_LIMIT_LAG_BYTES_WARNING,
	RW_LIMIT_LAG_BYTES_CRITICAL,
	RW_LIMIT_STALL_TIMEOUT,
	RW_LIMIT_SILENT_TIMEOUT,
	RW_LIMIT_MISSING_TIMEOUT,
	RW_LIMIT_SLOT_INACTIVE_TIMEOUT,
	RW_LIMIT_SLOT_TIME_LEFT,
	RW_LIMIT_SLOT_RETAINED,
	RW_LIMIT_UPSTREAM_TIMEOUT,
	RW_LIMIT_ARCHIVER_FAILING_TIMEOUT,
	RW_LIMIT_WAL_DISK_TIME_LEFT,
	RW_LIMIT_WAL_DISK_FREE,		/* percent */
	RW_LIMIT_XMIN_AGE,			/* transactions */
	RW_LIMIT_DELAY				/* intentional lag; only in overrides */
} RwLimit;

#define RW_NUM_LIMITS	(RW_LIMIT_DELAY + 1)

/* Times in microseconds, sizes in bytes; 0 disables the limit. */
typedef struct RwLimits
{
	int64		of[RW_NUM_LIMITS];
} RwLimits;

/* The limits in force where nothing overrides them. */
extern void rw_general_limits(RwLimits *limits);

/*
 * Apply to the general limits the overrides for a subject that is shown by this
 * name.  If it is a replica of the table, else NULL, overrides also find it by
 * an application_name of its own.  The table also shows whether a pattern is
 * the name of another.
 */
extern void rw_override_limits(RwLimits *limits, const char *name,
							   const RwReplica *replica,
							   const RwReplica *table, int size);

/* Define the settings of this folder; called once from _PG_init. */
extern void rw_alert_settings(void);

#endif							/* RW_ALERT_SETTINGS_H */
