/*-------------------------------------------------------------------------
 *
 * intern.h
 *	  What the files of the table of replicas share among themselves.
 *
 * Pure.  Other folders include replica.h, which has what they may ask of the
 * table and do to it between two rounds.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPLICA_INTERN_H
#define RW_REPLICA_INTERN_H

#include "src/replica/replica.h"

/* ----------------------------------------------------------------
 *		replicas_table.c: places and events
 * ----------------------------------------------------------------
 */

/* Is this place a connection under this name? */
extern bool rw_replica_is_connected(const RwReplica *replica,
									const char *name);

/*
 * Make a place unused.  Its generation stays, so that the next replica in it
 * gets another one.
 */
extern void rw_replica_clear(RwReplica *replica);

/* Is there a place for a newcomer that is not a replica's? */
extern bool rw_replicas_has_room(const RwReplica *table, int size);

/*
 * A place for a newcomer, with a generation of its own and else cleared, or -1.
 * If there is none, the replica that has been gone longest makes room.
 */
extern int	rw_replicas_find_room(RwReplica *table, int size,
								  RwReplicaEvents *events);

/* The replica has parted from this server at `mark`. */
extern void rw_replica_part(RwReplica *replica, RwParted parted,
							uint64 mark);

/* The replica is known to have this server's WAL again. */
extern void rw_replica_reunite(RwReplica *replica);

/*
 * Does a connection to which rw_replica_must_prove() applies show that the
 * replica is back, or that it has parted?
 */
extern bool rw_replica_proves(const RwReplica *connection, RwTime now);

/* How far it has this server's WAL, after what it has reported. */
extern uint64 rw_replica_position_from(const RwReplica *replica,
									   const RwReported *reported);

/*
 * Can this application_name identify a replica?  It can't if it is the one
 * that every receiver uses which was given none.
 */
extern bool rw_name_identifies(const char *application_name);

/*
 * The known replica that this would be, if it has come without its slot or,
 * with `has_slot`, has been given one: the only one that uses this
 * application_name, and from the same address.  Else NULL.
 */
extern RwReplica *rw_replicas_find_by_application(RwReplica *table, int size,
												  const char *application_name,
												  const char *address,
												  bool has_slot);

/* Add an event; one beyond RW_REPLICA_MAX_EVENTS is dropped. */
extern void rw_replica_add_event(RwReplicaEvents *events,
								 RwReplicaEventType type, const char *name);

/* ----------------------------------------------------------------
 *		replicas_follow.c: one connection
 * ----------------------------------------------------------------
 */

/*
 * The position that a receiver has reported: what it has replayed or applied; 0
 * before its first reply.
 */
extern uint64 rw_seen_position(const RwSeen *seen);

/*
 * Does a connection belong to a replica, and is not only an attempt of one?
 * `first_sent` is what had been sent when it was first seen.
 */
extern bool rw_replica_is_own(const RwSeen *seen, uint64 first_sent);

/* Update a place with what was seen of its connection. */
extern void rw_replica_follow(RwReplica *replica, const RwSeen *seen,
							  const RwOwnWal *own, RwTime now);

/* ----------------------------------------------------------------
 *		replicas_ended.c: connections that have ended
 * ----------------------------------------------------------------
 */

/*
 * Note what follows from the connections that have ended since the last round:
 * which were attempts that failed, and which show that a replica has parted.
 */
extern void rw_replicas_note_ends(RwReplica *table, int size,
								  const RwRound *round,
								  RwReplicaEvents *events);

/* ----------------------------------------------------------------
 *		replicas_names.c: names connected once or more than once
 *
 * rw_replicas_count_connections() is called for each connection that comes or
 * goes, rw_replicas_judge_names() at the end of each round.  Between the two,
 * alone_since says which names are connected once.  Nearly all are, and need
 * not be compared.
 * ----------------------------------------------------------------
 */

/*
 * A connection under this name has come or gone: set alone_since of those
 * that remain.
 */
extern void rw_replicas_count_connections(RwReplica *table, int size,
										  const char *name, RwTime now);

/*
 * All connections of the round are in their places: determine which names are
 * shared, which no longer are, and which replicas have become known.  Adds
 * what has changed to *events.
 */
extern void rw_replicas_judge_names(RwReplica *table, int size,
									const RwRound *round,
									RwReplicaEvents *events);

#endif							/* RW_REPLICA_INTERN_H */
