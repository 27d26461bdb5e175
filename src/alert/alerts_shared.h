/*-------------------------------------------------------------------------
 *
 * alerts_shared.h
 *	  The alerts and silences, in shared memory.
 *
 * The sampling worker publishes the alerts that fire and those that have
 * cleared.  Other processes copy them, or leave a request for its next round.
 * state_lock protects all of it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERTS_SHARED_H
#define RW_ALERTS_SHARED_H

#include "datatype/timestamp.h"

#include "src/alert/alert_kinds.h"
#include "src/alert/alert_state.h"
#include "src/alert/alert_text.h"
#include "src/base/locks.h"
#include "src/base/name.h"

/* How many cleared alerts are kept, and how many subjects can be silenced. */
#define RW_CLEARED_ALERTS	64
#define RW_MAX_SILENCES		64

/*
 * A firing or cleared alert: what is shown of it, and what a new worker needs
 * to go on with it.
 */
typedef struct RwAlert
{
	bool		used;
	bool		forgotten;		/* about to be cleared by the worker */
	RwAlertKind alert;
	char		subject[RW_NAME_LEN];
	RwSeverity	severity;		/* of a cleared one: its last */
	RwAlertState rule;
	uint64		progress;		/* RwFinding's, when it was raised */

	/* On the wall clock, as in the log: fixed when they are set. */
	TimestampTz raised_at;
	TimestampTz changed_at;
	TimestampTz cleared_at;		/* 0 while it fires */
	char		value[RW_ALERT_VALUE_LEN];
	char		threshold[RW_ALERT_VALUE_LEN];
	char		detail[RW_ALERT_DETAIL_LEN];
} RwAlert;

/* A subject whose alerts are kept from log and command, and until when. */
typedef struct RwSilence
{
	char		name[RW_NAME_LEN];
	uint32		classes;		/* RW_CLASS_BIT() of those silenced */
	TimestampTz until;
} RwSilence;

typedef struct RwAlerts
{
	RwTime		judged_at;		/* the worker's last round; RW_NEVER before */
	uint32		requests;		/* counts requests to forget or silence */
	int			nsilences;
	RwSilence	silences[RW_MAX_SILENCES];
	int			newest_cleared; /* place in the ring; -1: none yet */
	RwAlert		cleared[RW_CLEARED_ALERTS];
	int			nfiring;		/* places up to the last one in use */
	RwAlert		firing[FLEXIBLE_ARRAY_MEMBER];	/* [rw_alerts_max] */
} RwAlerts;

/* NULL where the library is not preloaded. */
extern RwAlerts *rw_alerts;
extern int	rw_alerts_max;		/* places for firing alerts */

/* Shared memory; called by src/shmem.c. */
extern Size rw_alerts_size(void);
extern void rw_alerts_attach(void);

#endif							/* RW_ALERTS_SHARED_H */
