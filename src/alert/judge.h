/*-------------------------------------------------------------------------
 *
 * judge.h
 *	  What the alerts' rules say of the facts of this moment.
 *
 * Every subject that there is now gets a finding for each alert of its class.
 * How findings become alerts is in alert_state.h and alert.h.
 *
 * Judged are replicas that are known, expected, or connected under a name
 * that others have too; nothing else that connects is.  On a standby only
 * slots are judged that a walsender has used since the server started: others
 * are copies that somebody keeps for after a failover.
 *
 * Which subjects there are is found in judge.c; what the rules say of each
 * class of them is in judge_replica.c, judge_slot.c and judge_node.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_JUDGE_H
#define RW_JUDGE_H

#include "src/alert/alert_settings.h"
#include "src/alert/alert_state.h"
#include "src/alert/alerts_shared.h"
#include "src/lag/lag.h"

/* What a value is. */
typedef enum RwUnit
{
	RW_UNIT_NONE,
	RW_UNIT_TIME,				/* microseconds */
	RW_UNIT_SIZE				/* bytes */
} RwUnit;

typedef struct RwFinding
{
	RwJudged	judged;
	RwUnit		unit;
	int64		value;			/* negative: not known */
	int64		limits[RW_NUM_SEVERITIES];	/* 0: none */
	uint64		progress;			/* unless 0: kept while this stays the same */
	bool		pending;			/* its condition has begun, and will be
								 * alerted if it goes on */
} RwFinding;

typedef struct RwSubject
{
	RwSubjectClass class;
	char		name[RW_NAME_LEN];
	const RwLink *link;			/* NULL: none, as for a primary itself */
	bool		expected;
	int64		delay;			/* what it lags on purpose, microseconds */
	RwFinding	findings[RW_CLASS_MAX_ALERTS];
} RwSubject;

/* What is found out about the node only to be judged. */
typedef struct RwNodeFacts
{
	RwSyncFacts sync;
	char		absent_slot[RW_NAME_LEN];	/* one that logical walsenders
											 * wait for and nobody uses, or
											 * empty */
	bool		archiver_failing;
	char		failed_wal[RW_NAME_LEN];	/* what was to be archived */
	bool		last_replica_gone;	/* none streams now */
} RwNodeFacts;

typedef struct RwSubjects
{
	RwNodeFacts node;
	int			n;
	RwSubject  *subjects;
} RwSubjects;

/*
 * Judge everything.  Called by the sampling worker once a round; what has to
 * last longer than a round is remembered here.  Allocates in the current
 * memory context.
 */
extern void rw_judge(const RwFacts *facts, const RwLinks *links,
					 RwSubjects *subjects);

#endif							/* RW_JUDGE_H */
