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

#include "src/observe/observe_node.h"

void
rw_observe_node(const RwFacts *facts, RwNodeFacts *node)
{
	memset(node, 0, sizeof(RwNodeFacts));
	if (facts->in_recovery)
		return;
	rw_observe_sync(&node->sync);
	rw_observe_sync_queues(&node->sync_queues);
}
