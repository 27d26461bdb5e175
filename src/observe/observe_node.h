/*-------------------------------------------------------------------------
 *
 * observe_node.h
 *	  One look at what commits on a primary depend on: synchronous standbys.
 *
 * Apart from observe.h because only the alerts need it.  The header needs no
 * server, so that files which work on these facts can be pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_OBSERVE_NODE_H
#define RW_OBSERVE_NODE_H

#include "src/observe/observe.h"
#include "src/observe/sync_queues.h"

typedef struct RwNodeFacts
{
	RwSyncFacts sync;
	RwSyncQueues sync_queues;
} RwNodeFacts;

/*
 * Fill *node.  On a standby all of it stays zero.  May allocate a little in the
 * current memory context.
 */
extern void rw_observe_node(const RwFacts *facts, RwNodeFacts *node);

#endif							/* RW_OBSERVE_NODE_H */
