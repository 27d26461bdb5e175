/*-------------------------------------------------------------------------
 *
 * alert_state.h
 *	  When an alert is raised, escalated, eased, cleared and reported again.
 *
 * A pure file.  Each alert of each subject has a state.  Once a round it is
 * stepped by what was judged of the facts of that moment, which is two levels:
 *
 *		raise	the highest severity whose limit is exceeded
 *		keep	the highest severity whose clearing condition is not met
 *
 * `keep` is never below `raise`; what lies between them is the hysteresis.  An
 * alert is raised when `raise` has been at a severity or above for the hold
 * time without interruption, and eased or cleared when `keep` has been below
 * it for as long.  So it turns at most once in a hold time, however fast the
 * facts do.  Where the judge itself has seen that what raises the alert has
 * lasted for the hold time, it says so (`held`), and the alert is raised at
 * once.
 *
 * Facts that are not known neither begin nor interrupt anything, and the time in
 * which they are not known is no part of a hold time.  Neither is a time in which
 * nobody looked.
 *
 * Reports are separate from that.  A muted alert changes silently.  Once it is
 * no longer muted, its present severity is compared with the one last
 * reported, and the difference is reported.  Thus the reports make sense by
 * themselves: raised and cleared alternate, and whatever was raised will be
 * cleared.  An alert that was never reported, and whose condition is over
 * already, is not reported: an effect need not be reported because its cause
 * has ended a moment before it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERT_STATE_H
#define RW_ALERT_STATE_H

#include "src/base/clock.h"

typedef enum RwSeverity
{
	RW_SEVERITY_NONE,
	RW_SEVERITY_WARNING,
	RW_SEVERITY_CRITICAL
} RwSeverity;

#define RW_NUM_SEVERITIES	(RW_SEVERITY_CRITICAL + 1)

/* What is judged of the facts of one moment. */
typedef struct RwJudged
{
	bool		known;			/* false: the facts are not known */
	bool		no_warning;		/* warnings are switched off */
	RwSeverity	raise;
	RwSeverity	keep;
	RwSeverity	held;			/* up to this severity, what raises the alert
								 * has been seen to last for the hold time */
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
	RW_CHANGE_REPEATED			/* no change, but reported again */
} RwChange;

/*
 * One alert of one subject.  All zero is one that has never fired.  For each
 * severity, `over` is since when `raise` has been at it or above, and `under`
 * since when `keep` has been below it; RW_NEVER if that is not so.
 */
typedef struct RwAlertState
{
	RwSeverity	severity;		/* now; NONE: does not fire */
	RwSeverity	reported;		/* as last reported */
	RwTime		raised_at;		/* RW_NEVER before the first time */
	RwTime		changed_at;		/* of the last change of severity */
	RwTime		reported_at;	/* of the last report.  This and, of a cleared
								 * alert, the two above are later by the time
								 * in which nobody has looked since */
	RwTime		over[RW_NUM_SEVERITIES];
	RwTime		under[RW_NUM_SEVERITIES];
	RwTime		unknown_since;	/* RW_NEVER if the facts are known */
} RwAlertState;

/*
 * Step the state by one round's judgement.  Returns how the severity changed.
 * `hold` in microseconds; 0 acts on a single look.
 */
extern RwChange rw_alert_step(RwAlertState *state, const RwJudged *judged,
							  RwTime hold, RwTime now);

/*
 * Nobody has looked for so long, in microseconds: called before the step of the
 * first look after that.  It is no part of the time until the next repeated
 * report, nor of the time since an alert was cleared, either.
 */
extern void rw_alert_unseen(RwAlertState *state, RwTime lasted);

/*
 * End the alert whatever the facts are: its subject was forgotten, or the
 * server has another role.  Returns RW_CHANGE_CLEARED if it fired.
 */
extern RwChange rw_alert_end(RwAlertState *state, RwTime now);

/*
 * What to report now, after the changes of this round; notes that it was
 * reported.  Nothing while `muted`.  An alert that goes on firing is reported
 * again each `repeat` microseconds; 0: never.
 */
extern RwChange rw_alert_report(RwAlertState *state, bool muted,
								RwTime repeat, RwTime now);

/*
 * Start the hold times again, for a process that did not see what was before:
 * what fires goes on firing, and nothing else is half-way to a change.
 */
extern void rw_alert_restart(RwAlertState *state);

/* Can the state be dropped?  Nothing fires, is pending or to be reported. */
extern bool rw_alert_idle(const RwAlertState *state);

/*
 * Judge a value that is too high above its limits, and low enough again below
 * half of them.  A negative value is not known; a limit of 0 is none.
 */
extern RwJudged rw_judge_value(int64 value, int64 warning, int64 critical);

/*
 * Judge a condition that should not last too long: `lasts` is how long it has
 * lasted, or negative if it is not met.  It raises the alert at the limits,
 * and keeps it, at the severity that it has, until it ends.
 */
extern RwJudged rw_judge_lasting(int64 lasts, int64 warning, int64 critical);

/* Judge a plain condition, which needs no limit besides the hold time. */
static inline RwJudged
rw_judge_level(RwSeverity level)
{
	return (RwJudged) {.known = true, .raise = level, .keep = level};
}

/* Not known. */
static inline RwJudged
rw_judge_nothing(void)
{
	return (RwJudged) {.raise = RW_SEVERITY_NONE, .keep = RW_SEVERITY_NONE};
}

/*
 * Combine two judgements of one alert, either of which raises and keeps it.
 * While one of them is not known, the alert is not cleared.
 */
extern RwJudged rw_judge_either(RwJudged one, RwJudged other);

#endif							/* RW_ALERT_STATE_H */
