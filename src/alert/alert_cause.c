/*-------------------------------------------------------------------------
 *
 * alert_cause.c
 *	  Which alert keeps another one quiet.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/alert_cause.h"

/* How long a cleared cause explains what it has left behind, at most. */
#define AFTERMATH_MAX		(10 * RW_MINUTE)

/* Is a cleared cause recent enough to explain what it has left behind? */
static bool
has_aftermath(const RwAlertState *cause, RwTime now)
{
	RwTime		lasted = cause->changed_at - cause->raised_at;

	return cause->changed_at != RW_NEVER &&
		now - cause->changed_at < Min(lasted, AFTERMATH_MAX);
}

RwCause
rw_find_cause(RwAlertKind alert, const RwAlertState *states,
			  const RwSubject *subject, RwTime now)
{
	const RwAlertState *state = &states[alert];
	bool		unreported = state->severity > state->reported;
	RwCause		found = {RW_CAUSE_NONE, alert};
	int			i;

	for (i = 0; i < RW_NUM_ALERTS; i++)
	{
		const RwAlertState *cause = &states[i];

		if ((rw_alert_table[alert].causes & RW_ALERT_BIT(i)) == 0)
			continue;
		if (cause->severity != RW_SEVERITY_NONE)
			found.state = RW_CAUSE_FIRING;
		else if (unreported && subject && subject->findings[i].pending &&
				 state->severity == RW_SEVERITY_WARNING)
			found.state = RW_CAUSE_PENDING;
		else if (unreported && has_aftermath(cause, now))
			found.state = RW_CAUSE_CLEARED;
		else
			continue;
		found.alert = i;
		break;
	}
	return found;
}
