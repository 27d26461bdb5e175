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

/* Is there another row of this name, of a replica? */
static bool
has_replica_row(const RwLinks *links, const char *name)
{
	int			i;

	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];

		if (!link->upstream && rw_is_replicas_link(link) &&
			rw_name_equal(link->name, name))
			return true;
	}
	return false;
}

/*
 * Is this the row of the alert's subject?  A slot and a replica that does not
 * use it may have one name.  A standby's own row may have another name than
 * the server.
 */
static bool
is_row_of(const RwLinks *links, const RwLink *link, const RwAlert *alert)
{
	RwSubjectClass class = rw_alert_class(alert->alert);

	if (link->upstream || class == RW_SUBJECT_NODE)
		return link->upstream && class == RW_SUBJECT_NODE;
	if (!rw_name_equal(link->name, alert->subject))
		return false;
	if (class == RW_SUBJECT_SLOT)
		return link->slot != NULL;
	return rw_is_replicas_link(link) ||
		(rw_is_slot_alone(link) && !has_replica_row(links, link->name));
}

/* Have the alerts been judged lately?  The caller holds state_lock. */
static bool
is_judged(const RwFacts *facts)
{
	return rw_alerts->judged_at != RW_NEVER &&
		facts->now - rw_alerts->judged_at <= rw_sample_lifetime();
}

static RwHealth
health_of(const RwAlert *alert)
{
	return alert->severity == RW_SEVERITY_CRITICAL ?
		RW_HEALTH_CRITICAL : RW_HEALTH_WARNING;
}

int
rw_own_health(const RwFacts *facts, RwHealth *health)
{
	int			nfiring = -1;
	int			i;

	*health = RW_HEALTH_UNKNOWN;
	rw_lock_shared(rw_state_lock);
	if (is_judged(facts))
	{
		nfiring = 0;
		*health = RW_HEALTH_OK;
		for (i = 0; i < rw_alerts->nfiring; i++)
		{
			const RwAlert *alert = &rw_alerts->firing[i];

			if (!alert->used || alert->forgotten)
				continue;
			nfiring++;
			*health = Max(*health, health_of(alert));
		}
	}
	LWLockRelease(rw_state_lock);
	return nfiring;
}

void
rw_give_health(const RwFacts *facts, RwLinks *links)
{
	int			i;
	int			j;

	if (links->published == NULL)
		return;

	rw_lock_shared(rw_state_lock);
	if (is_judged(facts))
	{
		for (i = 0; i < links->nlinks; i++)
			links->links[i].health = RW_HEALTH_OK;
	}
	for (j = 0; j < rw_alerts->nfiring; j++)
	{
		const RwAlert *alert = &rw_alerts->firing[j];

		if (!alert->used || alert->forgotten)
			continue;
		for (i = 0; i < links->nlinks; i++)
		{
			RwLink	   *link = &links->links[i];

			if (link->health == RW_HEALTH_UNKNOWN ||
				!is_row_of(links, link, alert))
				continue;
			link->health = Max(link->health, health_of(alert));
		}
	}
	LWLockRelease(rw_state_lock);
}
