/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *	  Observes what is shown.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"

#include "src/alert/health.h"
#include "src/settings.h"
#include "src/show/show.h"

/* Fill in the rest: facts and published are there. */
static void
complete_node(RwNode *node)
{
	RwFacts    *facts = &node->facts;

	if (facts->in_recovery &&
		Max(facts->horizon, facts->recovery.begun) > facts->recovery.replay)
		rw_observe_hold(facts, node->published ?
						rw_record_begun_at(facts,
										   &node->published->upstream) :
						RW_NEVER);
	rw_observe_sync(&node->sync);
	node->system_identifier = GetSystemIdentifier();
	snprintf(node->system_identifier_text,
			 sizeof(node->system_identifier_text), UINT64_FORMAT,
			 node->system_identifier);
	node->sampler = rw_process_state(RW_PROCESS_SAMPLER, true);
	node->sampler_pid = rw_process_pid(RW_PROCESS_SAMPLER);
	node->port = rw_process_state(RW_PROCESS_PORT, rw_port != 0);
	node->runner = rw_process_state(RW_PROCESS_RUNNER,
									rw_alert_command[0] != '\0');
	node->waiters = node->published ? rw_waiters_number() : -1;
}

void
rw_node_take(RwNode *node)
{
	rw_observe(&node->facts, false);
	node->published = rw_published(&node->facts);
	complete_node(node);
}

void
rw_snapshot_take(RwSnapshot *snapshot)
{
	RwNode	   *node = &snapshot->node;

	rw_observe(&node->facts, true);
	rw_links(&node->facts, &snapshot->links, true);
	rw_give_health(&node->facts, &snapshot->links);
	rw_sort_links(&snapshot->links);
	node->published = snapshot->links.published;
	complete_node(node);
	rw_wait_stats_copy(&snapshot->waits);
	snapshot->alerts = rw_alert_list(node->facts.wall, &snapshot->nalerts);
}
