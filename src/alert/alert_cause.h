/*-------------------------------------------------------------------------
 *
 * alert_cause.h
 *	  Which alert keeps another one quiet.
 *
 * A pure file.  One cause, one report: an alert that follows from another one
 * of the same subject goes on in SQL, but is kept from the log and from
 * alert_command while the other explains it.  The table of alerts
 * (alert_kinds.h) says which alerts cause which.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERT_CAUSE_H
#define RW_ALERT_CAUSE_H

#include "src/alert/alert_kinds.h"
#include "src/alert/judge.h"

/* Why a cause keeps its effects quiet. */
typedef enum RwCauseState
{
	RW_CAUSE_NONE,				/* it does not */
	RW_CAUSE_FIRING,
	RW_CAUSE_PENDING,			/* its condition has begun */
	RW_CAUSE_CLEARED			/* it was cleared a moment ago */
} RwCauseState;

typedef struct RwCause
{
	RwCauseState state;
	RwAlertKind alert;			/* unless the state is RW_CAUSE_NONE */
} RwCause;

/*
 * The cause that keeps an alert quiet now.  `states` has the states of all
 * alerts of its subject, after this round's step, and `subject` is NULL if the
 * subject is gone.
 *
 * A firing cause keeps everything quiet.  The other two only keep quiet what
 * has not been reported yet: a pending cause a warning, which would come
 * before the cause is due; and a cleared cause what it has left behind, for as
 * long as the cause lasted, but ten minutes at most.
 */
extern RwCause rw_find_cause(RwAlertKind alert, const RwAlertState *states,
							 const RwSubject *subject, RwTime now);

#endif							/* RW_ALERT_CAUSE_H */
