/*-------------------------------------------------------------------------
 *
 * replica_round.h
 *	  The replicas and slots in one round of the sampling worker.
 *
 * A round is prepared without a lock, applied to shared memory under
 * rw_state_lock, and its events are logged when the lock has been released.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPLICA_ROUND_H
#define RW_REPLICA_ROUND_H

#include "src/observe/observe.h"
#include "src/replica/replica.h"
#include "src/replica/slot_notes.h"

typedef struct RwReplicaRound
{
	RwRound		replicas;		/* its receivers: those that replay or apply */
	RwSlotSeen *slots;
	int			nslots;
	RwReplicaEvents events;
} RwReplicaRound;

/*
 * Extract from the facts what the table of replicas and the slot notes are to
 * know.  `timeline` is the history of this server's timeline; it is empty if
 * it can't be read.  Allocates in the current memory context.
 */
extern RwReplicaRound *rw_replica_round_prepare(const RwFacts *facts,
												const RwTimeline *timeline);

/*
 * Bring rw_replicas and rw_slot_notes up to date.  The caller holds
 * rw_state_lock exclusively.
 */
extern void rw_replica_round_apply(RwReplicaRound *round);

/* Log what has happened; call without the lock. */
extern void rw_replica_round_log(const RwReplicaRound *round);

#endif							/* RW_REPLICA_ROUND_H */
