/*-------------------------------------------------------------------------
 *
 * alert_list.c
 *	  The alerts as SQL and the port show them.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/alert/alert.h"
#include "src/alert/alert_list.h"

static int
compare_alerts(const void *a, const void *b)
{
	const RwAlert *left = a;
	const RwAlert *right = b;
	bool		left_fires = left->cleared_at == 0;
	bool		right_fires = right->cleared_at == 0;

	if (left_fires != right_fires)
		return left_fires ? -1 : 1;
	if (!left_fires)
		return left->cleared_at > right->cleared_at ? -1 :
			left->cleared_at < right->cleared_at ? 1 : 0;
	if (left->severity != right->severity)
		return (int) right->severity - (int) left->severity;
	if (left->rule.raised_at != right->rule.raised_at)
		return left->rule.raised_at < right->rule.raised_at ? -1 : 1;
	return rw_name_compare(left->subject, right->subject);
}

RwAlertView *
rw_alert_list(TimestampTz wall, int *n)
{
	RwAlert    *alerts = rw_alerts_copy(n);
	RwAlertView *views = palloc(Max(*n, 1) * sizeof(RwAlertView));
	int			i;

	qsort(alerts, *n, sizeof(RwAlert), compare_alerts);

	rw_lock_shared(rw_state_lock);
	for (i = 0; i < *n; i++)
	{
		RwAlertView *view = &views[i];

		view->alert = alerts[i];
		/* The worker has not cleared it yet, but is about to. */
		view->cleared_at = view->alert.forgotten ? wall :
			view->alert.cleared_at;
		if (view->cleared_at != 0)
			view->state = "cleared";
		else
			view->state = rw_is_silenced(rw_alerts->silences,
										 rw_alerts->nsilences,
										 rw_alert_class(view->alert.alert),
										 view->alert.subject, wall) ?
				"silenced" : "firing";
	}
	LWLockRelease(rw_state_lock);
	pfree(alerts);
	return views;
}
