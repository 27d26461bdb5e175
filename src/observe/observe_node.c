/*-------------------------------------------------------------------------
 *
 * observe_node.c
 *	  One look at what commits on a primary depend on: synchronous standbys.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/base/compat.h"
#include "src/observe/observe_node.h"

static bool
is_slot_used(const RwFacts *facts, const char *name)
{
	int			i;

	for (i = 0; i < facts->nslots; i++)
	{
		if (rw_name_equal(facts->slots[i].name, name) &&
			facts->slots[i].active_pid != 0)
			return true;
	}
	return false;
}

/* The first slot of synchronized_standby_slots that nobody uses. */
static void
find_absent_slot(const RwFacts *facts, char *name)
{
	char	   *list = rw_synchronized_standby_slots();
	char	   *next;

	for (; list; list = next)
	{
		next = strchr(list, ',');
		if (next)
			*next++ = '\0';
		while (*list == ' ' || *list == '"')
			list++;
		list[strcspn(list, " \"")] = '\0';
		if (*list != '\0' && !is_slot_used(facts, list))
		{
			rw_name_copy(name, list);
			return;
		}
	}
}

void
rw_observe_node(const RwFacts *facts, RwNodeFacts *node)
{
	memset(node, 0, sizeof(RwNodeFacts));
	if (facts->in_recovery)
		return;
	rw_observe_sync(&node->sync);
	rw_observe_sync_queues(&node->sync_queues);
	find_absent_slot(facts, node->absent_slot);
}
