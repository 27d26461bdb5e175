/*-------------------------------------------------------------------------
 *
 * health.c
 *	  How well each link is: by the worst alert that fires on it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/alert/alerts_shared.h"
#include "src/alert/health.h"

void
rw_give_health(const RwFacts *facts, RwLinks *links)
{
	int			i;
	int			j;

	if (links->published == NULL)
		return;

	LWLockAcquire(rw_state_lock, LW_SHARED);
	if (rw_alerts->judged_at != RW_NEVER &&
		facts->now - rw_alerts->judged_at <= rw_sample_lifetime())
	{
		for (i = 0; i < links->nlinks; i++)
			links->links[i].health = RW_HEALTH_OK;
	}
	for (j = 0; j < rw_alerts->nfiring; j++)
	{
		const RwAlert *alert = &rw_alerts->firing[j];
		bool		of_node = rw_alert_class(alert->alert) == RW_SUBJECT_NODE;
		RwHealth	health = alert->severity == RW_SEVERITY_CRITICAL ?
			RW_HEALTH_CRITICAL : RW_HEALTH_WARNING;

		if (!alert->used || alert->forgotten)
			continue;
		for (i = 0; i < links->nlinks; i++)
		{
			RwLink	   *link = &links->links[i];

			/* A standby's own link may have another name than the server. */
			if (link->health == RW_HEALTH_UNKNOWN ||
				link->upstream != of_node ||
				(!of_node && !rw_name_equal(link->name, alert->subject)))
				continue;
			link->health = Max(link->health, health);
		}
	}
	LWLockRelease(rw_state_lock);
}
