/*-------------------------------------------------------------------------
 *
 * replicas_table.h
 *	  The table of replicas itself: its places, asking and forgetting.
 *
 * A pure file, internal to the replicas room; others include replicas.h, which
 * has what they may ask of the table and do to it between two rounds.
 *
 * Below is what the rest of the room needs beside that: whose a place is, how
 * one is emptied, how texts are put into it, and how events are told.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPLICAS_TABLE_H
#define RW_REPLICAS_TABLE_H

#include "src/replica/replicas.h"

/* Is it a connection of this name? */
extern bool rw_replica_is_connected(const RwReplica *replica,
									const char *name);

/*
 * Make a place unused.  Its generation stays, so that the next replica in it
 * gets another one.
 */
extern void rw_replica_clear(RwReplica *replica);

/* Add an event; one too many is dropped. */
extern void rw_replica_add_event(RwReplicaEvents *events, RwReplicaEventType type,
							const char *name);

#endif							/* RW_REPLICAS_TABLE_H */
