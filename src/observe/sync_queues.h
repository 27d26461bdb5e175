/*-------------------------------------------------------------------------
 *
 * sync_queues.h
 *	  Commits that wait for synchronous standbys.
 *
 * Core has a queue for each stage that a commit may wait for, in the order of
 * their LSNs.  Its two ends are all that is looked at, because its lock is one
 * that every commit takes.
 *
 * The header needs no server, so that files which work on these facts can be
 * pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SYNC_QUEUES_H
#define RW_SYNC_QUEUES_H

#include "src/observe/observe.h"

/* What a standby must have done with a commit's WAL, in core's order. */
typedef enum RwSyncStage
{
	RW_SYNC_WRITE,
	RW_SYNC_FLUSH,
	RW_SYNC_REPLAY
} RwSyncStage;

#define RW_NUM_SYNC_STAGES	(RW_SYNC_REPLAY + 1)

/* The LSNs that the first and the last commit wait for; both 0: none waits. */
typedef struct RwSyncQueue
{
	XLogRecPtr	first;
	XLogRecPtr	last;
} RwSyncQueue;

typedef struct RwSyncQueues
{
	RwSyncQueue stages[RW_NUM_SYNC_STAGES];
} RwSyncQueues;

/* Fill *queues; all of it is zero on a standby, and where nobody can wait. */
extern void rw_observe_sync_queues(RwSyncQueues *queues);

#endif							/* RW_SYNC_QUEUES_H */
