/*-------------------------------------------------------------------------
 *
 * alerts_shared.h
 *	  The alerts and silences, in shared memory.
 *
 * The sampling worker publishes the alerts that fire and those that were
 * cleared; everybody else copies them, or asks for something to be done in the
 * next round.  All of it under state_lock.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERTS_SHARED_H
#define RW_ALERTS_SHARED_H

#include "datatype/timestamp.h"

#include "src/alert/alert_state.h"
#include "src/base/locks.h"
#include "src/base/name.h"

#define RW_ALERT_VALUE_LEN	32
#define RW_ALERT_DETAIL_LEN	384

/* Cleared alerts that are remembered, and subjects that can be silenced. */
#define RW_CLEARED_ALERTS	64
#define RW_MAX_SILENCES		64

/* An alert that fires, or did: what is told of it, and what goes on from it. */
typedef struct RwAlert
{
	bool		used;
	bool		forgotten;		/* about to be cleared by the worker */
	RwAlertKind alert;
	char		subject[RW_NAME_LEN];
	RwSeverity	severity;		/* of a cleared one: its last */
	RwAlertState rule;
	uint64		progress;			/* RwFinding's, when it was raised */

	/* On the wall clock, as the log has them: the same at each look. */
	TimestampTz raised_at;
	TimestampTz changed_at;
	TimestampTz cleared_at;		/* 0 while it fires */
	char		value[RW_ALERT_VALUE_LEN];
	char		threshold[RW_ALERT_VALUE_LEN];
	char		detail[RW_ALERT_DETAIL_LEN];
} RwAlert;

/* Whose alerts are kept from log and command, and until when. */
typedef struct RwSilence
{
	char		name[RW_NAME_LEN];
	TimestampTz until;
} RwSilence;

typedef struct RwAlerts
{
	RwTime		judged_at;		/* by this server's worker; RW_NEVER before */
	uint32		requests;		/* rises with each forget or silence */
	int			nsilences;
	RwSilence	silences[RW_MAX_SILENCES];
	int			newest_cleared; /* place in the ring; -1: none yet */
	RwAlert		cleared[RW_CLEARED_ALERTS];
	int			nfiring;		/* places up to the last that is used */
	RwAlert		firing[FLEXIBLE_ARRAY_MEMBER];	/* [rw_alerts_max] */
} RwAlerts;

/* NULL where the library is not preloaded. */
extern RwAlerts *rw_alerts;
extern int	rw_alerts_max;		/* places for alerts that fire */

/* Shared memory; called by src/shmem.c. */
extern Size rw_alerts_size(void);
extern void rw_alerts_attach(void);

#endif							/* RW_ALERTS_SHARED_H */
