/*-------------------------------------------------------------------------
 *
 * subject.c
 *	  Which subject of alerts is meant by an argument.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"

#include "src/alert/alerts_shared.h"
#include "src/alert/subject.h"
#include "src/base/compat.h"
#include "src/lag/lag_shared.h"
#include "src/replica/expected.h"
#include "src/replica/node_name.h"
#include "src/replica/replica_shared.h"
#include "src/settings.h"

#define SLOT_PREFIX		"slot:"

static void
search_slots(RwNameSearch *search)
{
	int			i;

	/* Unused entries have an empty name. */
	for (i = 0; i < RW_MAX_SLOTS; i++)
		rw_search_add(search, rw_slot_notes[i].name);
}

/* What has alerts, or is silenced. */
static void
search_alerts(RwNameSearch *search, uint32 classes)
{
	int			i;

	for (i = 0; i < rw_alerts->nfiring; i++)
	{
		const RwAlert *alert = &rw_alerts->firing[i];

		/* One that is about to be cleared must not be found again. */
		if (alert->used && !alert->forgotten &&
			(classes & RW_CLASS_BIT(rw_alert_class(alert->alert))))
			rw_search_add(search, alert->subject);
	}
	for (i = 0; i < rw_alerts->nsilences; i++)
	{
		if (classes & rw_alerts->silences[i].classes)
			rw_search_add(search, rw_alerts->silences[i].name);
	}
}

/* Expected names of which there is neither a replica nor a slot. */
static void
search_expected(RwNameSearch *search)
{
	const char	(*expected)[RW_NAME_LEN];
	int			n;
	int			i;

	expected = rw_expected(&n);
	for (i = 0; i < n; i++)
	{
		RwNameSearch own;

		if (!rw_name_alike(expected[i], search->wanted))
			continue;
		rw_search_begin(&own, expected[i]);
		rw_search_replicas(&own, rw_replicas, rw_max_replicas);
		search_slots(&own);
		if (rw_search_end(&own) != RW_NAME_FOUND)
			rw_search_add(search, expected[i]);
	}
}

static const char *
own_subject(void)
{
	return rw_node_name(RecoveryInProgress(), rw_lag_shared->upstream_name);
}

/* The classes that a plain name means. */
static uint32
classes_of(const char *name)
{
	uint32		classes = RW_CLASS_BIT(RW_SUBJECT_REPLICA);
	bool		followed = false;
	int			i;

	for (i = 0; i < rw_max_replicas; i++)
	{
		const RwReplica *replica = &rw_replicas[i];

		if (!replica->used || !rw_name_equal(replica->name, name))
			continue;
		followed = true;
		if (replica->slot_name[0] != '\0')
			classes |= RW_CLASS_BIT(RW_SUBJECT_SLOT);
	}
	if (!followed)
		classes |= RW_CLASS_BIT(RW_SUBJECT_SLOT);
	if (rw_name_equal(own_subject(), name))
		classes |= RW_CLASS_BIT(RW_SUBJECT_NODE);
	return classes;
}

void
rw_find_subject_meant(RwSubjectMeant *meant, const char *argument)
{
	RwNameSearch *search = &meant->search;
	size_t		prefix_len = strlen(SLOT_PREFIX);

	meant->classes = 0;
	if (strncmp(argument, SLOT_PREFIX, prefix_len) == 0)
	{
		rw_search_begin(search, argument + prefix_len);
		search_slots(search);
		search_alerts(search, RW_CLASS_BIT(RW_SUBJECT_SLOT));
		meant->classes = RW_CLASS_BIT(RW_SUBJECT_SLOT);
	}
	else
	{
		rw_search_begin(search, argument);
		rw_search_replicas(search, rw_replicas, rw_max_replicas);
		search_slots(search);
		search_alerts(search, RW_ALL_CLASSES);
		search_expected(search);
		rw_search_add(search, own_subject());
	}
	meant->found = rw_search_end(search);
	if (meant->found == RW_NAME_FOUND && meant->classes == 0)
		meant->classes = classes_of(search->found[0]);
}
