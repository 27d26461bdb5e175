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
	const RwAlertState *state = &states[rw_alert_place(alert)];
	bool		unreported = state->severity > state->reported;
	uint32		causes = rw_alert_table[alert].causes;
	RwCause		found = {RW_CAUSE_NONE, alert};
	int			i;

	/* Until no cause is left; most alerts have none. */
	for (i = 0; i < RW_NUM_ALERTS && causes >= RW_ALERT_BIT(i); i++)
	{
		const RwAlertState *cause;
		int			place;

		if ((causes & RW_ALERT_BIT(i)) == 0)
			continue;
		place = rw_alert_place(i);
		cause = &states[place];
		if (cause->severity != RW_SEVERITY_NONE)
			found.state = RW_CAUSE_FIRING;
		else if (unreported && subject && subject->findings[place].pending &&
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
