/*-------------------------------------------------------------------------
 *
 * observe_node.c
 *	  One look at what a primary depends on: synchronous standbys, archiver.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "pgstat.h"

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

static void
observe_archiver(RwNodeFacts *node)
{
	PgStat_ArchiverStats *stats;

	if (!XLogArchivingActive())
		return;
	/* Else the statistics stay as they were first read in a transaction. */
	pgstat_clear_snapshot();
	stats = pgstat_fetch_stat_archiver();
	node->archiver_failing =
		stats->last_failed_timestamp > stats->last_archived_timestamp;
	rw_name_copy(node->failed_wal, stats->last_failed_wal);
}

void
rw_observe_node(const RwFacts *facts, RwNodeFacts *node)
{
	memset(node, 0, sizeof(RwNodeFacts));
	if (facts->in_recovery)
		return;
	rw_observe_sync(&node->sync);
	find_absent_slot(facts, node->absent_slot);
	observe_archiver(node);
}
