/*-------------------------------------------------------------------------
 *
 * alert_publish.c
 *	  The alerts in shared memory: written by the worker, read by others.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/alert/alert.h"
#include "src/alert/intern.h"

/* A free place for an alert that has begun to fire, or -1. */
static int
find_free_place(void)
{
	int			i;

	for (i = 0; i < rw_alerts_max; i++)
	{
		if (!rw_alerts->firing[i].used)
		{
			rw_alerts->nfiring = Max(rw_alerts->nfiring, i + 1);
			return i;
		}
	}
	return -1;
}

void
rw_publish_alert(const RwAlertItem *item, RwTime now, TimestampTz wall)
{
	RwAlertEntry *entry = item->entry;
	int			i = rw_alert_place(item->alert);
	int			place = entry->places[i];
	RwAlert    *alert;

	if (place < 0)
	{
		if (item->state.severity == RW_SEVERITY_NONE ||
			(place = find_free_place()) < 0)
			return;
		entry->places[i] = place;
		alert = &rw_alerts->firing[place];
		memset(alert, 0, sizeof(RwAlert));
		alert->used = true;
		alert->alert = item->alert;
		rw_name_copy(alert->subject, entry->key.name);
		alert->raised_at = wall - (now - item->state.raised_at);
		alert->changed_at = alert->raised_at;
	}
	alert = &rw_alerts->firing[place];
	if (item->change != RW_CHANGE_NONE)
		alert->changed_at = wall;
	alert->rule = item->state;
	alert->progress = entry->progress[i];
	if (item->text.detail[0] != '\0')
	{
		memcpy(alert->value, item->text.value, RW_ALERT_VALUE_LEN);
		memcpy(alert->threshold, item->text.threshold, RW_ALERT_VALUE_LEN);
		memcpy(alert->detail, item->text.detail, RW_ALERT_DETAIL_LEN);
	}

	if (item->state.severity != RW_SEVERITY_NONE)
	{
		alert->severity = item->state.severity;
		return;
	}

	/* It has cleared: move it to the ring, with its last severity. */
	alert->forgotten = false;
	alert->cleared_at = wall;
	rw_alerts->newest_cleared =
		(rw_alerts->newest_cleared + 1) % RW_CLEARED_ALERTS;
	rw_alerts->cleared[rw_alerts->newest_cleared] = *alert;
	memset(alert, 0, sizeof(RwAlert));
	entry->places[i] = -1;
	while (rw_alerts->nfiring > 0 &&
		   !rw_alerts->firing[rw_alerts->nfiring - 1].used)
		rw_alerts->nfiring--;
}

bool
rw_alerts_forget(const RwSubjectMeant *meant)
{
	bool		found = false;
	int			i;

	for (i = 0; i < rw_alerts->nfiring; i++)
	{
		RwAlert    *alert = &rw_alerts->firing[i];
		RwSubjectClass class = rw_alert_class(alert->alert);

		if (alert->used && class != RW_SUBJECT_NODE &&
			(meant->classes & RW_CLASS_BIT(class)) &&
			rw_name_equal(alert->subject, meant->search.found[0]))
			found = alert->forgotten = true;
	}
	if (found)
		rw_alerts->requests++;
	return found;
}

RwAlert *
rw_alerts_copy(int *n)
{
	RwAlert    *copy = palloc((rw_alerts_max + RW_CLEARED_ALERTS) *
							  sizeof(RwAlert));
	int			i;

	*n = 0;
	rw_lock_shared(rw_state_lock);
	for (i = 0; i < rw_alerts->nfiring; i++)
	{
		if (rw_alerts->firing[i].used)
			copy[(*n)++] = rw_alerts->firing[i];
	}
	for (i = 0; i < RW_CLEARED_ALERTS && rw_alerts->newest_cleared >= 0; i++)
	{
		const RwAlert *alert =
			&rw_alerts->cleared[(rw_alerts->newest_cleared - i +
								 RW_CLEARED_ALERTS) % RW_CLEARED_ALERTS];

		if (!alert->used)
			break;
		copy[(*n)++] = *alert;
	}
	LWLockRelease(rw_state_lock);
	return copy;
}
