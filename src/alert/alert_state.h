/*-------------------------------------------------------------------------
 *
 * alert_state.h
 *	  What alerts there are, and when one is raised, eased, cleared and told
 *	  of again.
 *
 * A pure file.  There are three classes of subjects: replicas, replication
 * slots, and this server itself, the node.  Each class has its alerts.
 *
 * Each alert of each subject is a small machine.  Once a round
 * it is handed what its rule says of the facts of that moment, which is two
 * levels:
 *
 *		raise	the highest severity whose limit is exceeded
 *		keep	the highest severity whose clearing condition is not met
 *
 * `keep` is never below `raise`; what lies between them is the hysteresis.  An
 * alert is raised when `raise` has stood at a severity or above for the hold
 * time without interruption, and eased or cleared when `keep` has been below
 * for as long: so it turns at most once a hold time, however fast the facts
 * do.  Facts that are not known neither begin nor interrupt anything.
 *
 * Telling is apart from that.  A muted alert changes silently; once it is no
 * longer muted, what was told last and what is true now are compared and the
 * difference is told.  Told changes therefore make sense by themselves:
 * raised and cleared alternate, and whatever was raised will be cleared.  What
 * only has to hold until it is cleared is not raised any more: an effect need
 * not be told of because its cause ended a moment before it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERT_STATE_H
#define RW_ALERT_STATE_H

#include "src/base/clock.h"

/* In each class causes come before what they cause. */
typedef enum RwAlertKind
{
	RW_ALERT_REPLICA_MISSING,
	RW_ALERT_REPLICA_SILENT,
	RW_ALERT_REPLICA_STALLED,
	RW_ALERT_REPLICA_LAG,
	RW_ALERT_REPLICA_LAG_BYTES,
	RW_ALERT_SLOT_LOST,
	RW_ALERT_SLOT_AT_RISK,
	RW_ALERT_SLOT_INACTIVE,
	RW_ALERT_SYNC_SHORT,
	RW_ALERT_ARCHIVER_FAILING,
	RW_ALERT_UPSTREAM_DOWN,
	RW_ALERT_REPLAY_PAUSED,
	RW_ALERT_SELF_LAG
} RwAlertKind;

#define RW_NUM_ALERTS	(RW_ALERT_SELF_LAG + 1)

typedef enum RwSubjectClass
{
	RW_SUBJECT_REPLICA,
	RW_SUBJECT_SLOT,
	RW_SUBJECT_NODE
} RwSubjectClass;

/* The alerts of a class are these, in order. */
typedef struct RwClassAlerts
{
	RwAlertKind first;
	int			n;
} RwClassAlerts;

/* The most that a class has. */
#define RW_CLASS_MAX_ALERTS	5

extern const RwClassAlerts rw_class_alerts[RW_SUBJECT_NODE + 1];

/* "replica_lag" and so on. */
extern const char *rw_alert_name(RwAlertKind alert);

/* The class whose alert it is. */
extern RwSubjectClass rw_alert_class(RwAlertKind alert);

/* Is it kept from log and command while `cause` fires for the same subject? */
extern bool rw_alert_follows_from(RwAlertKind alert, RwAlertKind cause);

typedef enum RwSeverity
{
	RW_SEVERITY_NONE,
	RW_SEVERITY_WARNING,
	RW_SEVERITY_CRITICAL
} RwSeverity;

#define RW_NUM_SEVERITIES	(RW_SEVERITY_CRITICAL + 1)

/* What a rule says of the facts of one moment. */
typedef struct RwJudged
{
	bool		known;			/* false: the facts do not say */
	bool		no_warning;		/* warnings are switched off */
	RwSeverity	raise;
	RwSeverity	keep;
} RwJudged;

/* "warning" and so on; NULL for none. */
extern const char *rw_severity_name(RwSeverity severity);

typedef enum RwChange
{
	RW_CHANGE_NONE,
	RW_CHANGE_RAISED,
	RW_CHANGE_ESCALATED,		/* warning to critical */
	RW_CHANGE_EASED,			/* critical to warning */
	RW_CHANGE_CLEARED,
	RW_CHANGE_REPEATED			/* only told: it still fires */
} RwChange;

/*
 * One alert of one subject.  All zero is one that has never fired.  The times
 * by severity say since when `raise` has been at it or above (over), and `keep`
 * below it (under); RW_NEVER if that is not so.
 */
typedef struct RwAlertState
{
	RwSeverity	severity;		/* now; NONE: does not fire */
	RwSeverity	reported;			/* as last told */
	RwTime		raised_at;		/* of the last raise; RW_NEVER before */
	RwTime		changed_at;		/* of the last change of severity */
	RwTime		reported_at;		/* when something was last told */
	RwTime		over[RW_NUM_SEVERITIES];
	RwTime		under[RW_NUM_SEVERITIES];
} RwAlertState;

/*
 * Take one round's judgement: returns how the severity changed.  `hold` in
 * microseconds; 0 acts on a single look.
 */
extern RwChange rw_alert_step(RwAlertState *state, const RwJudged *judged,
							 RwTime hold, RwTime now);

/*
 * End it without asking the facts: its subject was forgotten, the server has
 * another role.  Returns RW_CHANGE_CLEARED if it fired.
 */
extern RwChange rw_alert_end(RwAlertState *state, RwTime now);

/*
 * What there is to tell now, after any changes of this round; notes that it
 * was told.  Nothing while `muted`.  An alert that goes on firing is told of
 * again each `repeat` microseconds; 0: never.
 */
extern RwChange rw_alert_report(RwAlertState *state, bool muted, RwTime repeat,
							 RwTime now);

/*
 * Start counting anew, for a process that did not see what was before: what
 * fires goes on firing, and nothing else is half-way to any change.
 */
extern void rw_alert_restart(RwAlertState *state);

/* Can it be dropped?  It does not fire, and nothing is pending or untold. */
extern bool rw_alert_idle(const RwAlertState *state);

/*
 * Judge a value that is too high above its limits, and low enough again below
 * half of them.  A negative value is not known; a limit of 0 is none.
 */
extern RwJudged rw_judge_value(int64 value, int64 warning, int64 critical);

/*
 * Judge something that should not go on for too long: `lasts` says for how
 * long it has, 0 or more, or that it does not (negative).  Over the limits it
 * is raised; it is kept, as severe as it became, until it has ended.
 */
extern RwJudged rw_judge_lasting(int64 lasts, int64 warning, int64 critical);

/* Judge a plain condition, for which the hold time is all there is to wait. */
extern RwJudged rw_judge_level(RwSeverity level);

/*
 * Two judgements of one alert, either of which raises and keeps it.  What is
 * not known of one of them keeps it from being cleared.
 */
extern RwJudged rw_judge_either(RwJudged one, RwJudged other);

/* Not known. */
extern RwJudged rw_judge_nothing(void);

#endif							/* RW_ALERT_STATE_H */
