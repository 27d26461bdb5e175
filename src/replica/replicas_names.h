/*-------------------------------------------------------------------------
 *
 * replicas_names.h
 *	  Names of replicas: connected once or more than once, shared, known.
 *
 * A pure file, internal to the replicas room; others include replicas.h, which
 * says what becomes of a name that is connected twice.
 *
 * It is told of each connection that comes or goes, and asked at the end of
 * each round.  Between the two it relies on alone_since, which it keeps: names
 * that are connected once, nearly all, need not be compared.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPLICAS_NAMES_H
#define RW_REPLICAS_NAMES_H

#include "src/replica/replicas.h"

/*
 * A connection of this name has come or gone: note in alone_since of those
 * that there are now whether one is alone, and since when.
 */
extern void rw_replicas_count_company(RwReplica *table, int size,
									  const char *name, RwTime now);

/*
 * Once all connections of a round are in their places: settle which names are
 * shared, which are no longer, and which replicas are known from now on.  Adds
 * what is new of that to *events.
 */
extern void rw_replicas_judge_names(RwReplica *table, int size, RwTime now,
									RwTime known_after,
									RwReplicaEvents *events);

#endif							/* RW_REPLICAS_NAMES_H */
