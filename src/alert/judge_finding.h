/*-------------------------------------------------------------------------
 *
 * judge_finding.h
 *	  How the rules put down what they find.
 *
 * Internal to the judge room; others include judge.h.
 *
 * A rule starts the finding of its alert with the value that it is about and
 * the limits of that, and judges then.  Findings that no rule starts say that
 * nothing is wrong.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_JUDGE_FINDING_H
#define RW_JUDGE_FINDING_H

#include "src/alert/judge.h"

/* After so many times its limit, what lasts is critical. */
#define RW_CRITICAL_FACTOR	5

/* The finding of one of its class's alerts. */
static inline RwFinding *
rw_finding_of(RwSubject *subject, RwAlertKind alert)
{
	return &subject->findings[alert - rw_class_alerts[subject->class].first];
}

/*
 * Start, or start anew, the finding of an alert of the subject's class;
 * returns it.  A negative value is not known, a limit of 0 is none.
 */
static inline RwFinding *
rw_start_finding(RwSubject *subject, RwAlertKind alert, RwUnit unit,
				 int64 value, int64 warning, int64 critical)
{
	RwFinding  *finding = rw_finding_of(subject, alert);

	finding->unit = unit;
	finding->value = value;
	finding->limits[RW_SEVERITY_WARNING] = warning;
	finding->limits[RW_SEVERITY_CRITICAL] = critical;
	return finding;
}

#endif							/* RW_JUDGE_FINDING_H */
