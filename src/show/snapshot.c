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
#include "utils/timestamp.h"

#include "src/alert/health.h"
#include "src/settings.h"
#include "src/show/show.h"

/*
 * How stale reads here are.  What the upstream server has told counts while the
 * line is there, or is about to come back.
 */
static void
add_staleness(RwNode *node, const RwLinks *links)
{
	const RwLink *first = links->nlinks > 0 ? &links->links[0] : NULL;
	RwToldUpstream told = {0};

	node->line_state = RW_LINE_OFF;
	if (node->published)
		told = rw_told_upstream_read(&node->line_state);
	node->staleness = rw_staleness(&node->facts, node->published,
								   first && first->upstream ? first : NULL,
								   node->line_state == RW_LINE_UP ||
								   node->line_state == RW_LINE_CONNECTING ?
								   &told : NULL);
}

/* Fill in the rest: the facts are there, and the links. */
static void
complete_node(RwNode *node, const RwLinks *links)
{
	RwFacts    *facts = &node->facts;

	node->published = links->published;
	add_staleness(node, links);

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
	RwLinks		links;

	rw_observe(&node->facts, false);
	rw_links(&node->facts, &links, false);
	complete_node(node, &links);
}

void
rw_cluster_take(RwCluster *cluster)
{
	cluster->tree = rw_tree_take();
	cluster->now = rw_clock_now();
	cluster->wall = GetCurrentTimestamp();
}

void
rw_snapshot_take(RwSnapshot *snapshot)
{
	RwNode	   *node = &snapshot->node;

	rw_observe(&node->facts, true);
	rw_links(&node->facts, &snapshot->links, true);
	rw_give_health(&node->facts, &snapshot->links);
	rw_sort_links(&snapshot->links);
	complete_node(node, &snapshot->links);
	rw_cluster_take(&snapshot->cluster);
	rw_wait_stats_copy(&snapshot->waits);
	snapshot->alerts = rw_alert_list(node->facts.wall, &snapshot->nalerts);
}
