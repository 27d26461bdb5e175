/*-------------------------------------------------------------------------
 *
 * persist.h
 *	  What outlives the server's process: the history and the known replicas.
 *
 * Only the worker calls this.
 *
 * The LSN history goes on being true in a base backup and in a rewound
 * server, as far as the timelines are the same.  What is known of replicas
 * and slots is true of one server in one role on one timeline, and is dropped
 * when any of these is another.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_PERSIST_H
#define RW_PERSIST_H

#include "src/observe/observe.h"

/*
 * Write both files.  With `durable` the history is on disk when this returns,
 * which can take as long as a checkpoint keeps the disk busy.  Allocates in
 * the current memory context.
 */
extern void rw_persist_save(const RwFacts *facts, bool durable);

/* Bring back the history, into an empty one. */
extern void rw_persist_load_history(void);

/*
 * Bring back replicas and slots, into empty tables; not before the server's
 * role and timeline are decided.
 */
extern void rw_persist_load_state(const RwFacts *facts);

/*
 * The server is on a timeline that is not the history's: cut off what the
 * two do not share.  Called each time the facts differ from the history.
 */
extern void rw_persist_follow_timeline(const RwFacts *facts);

#endif							/* RW_PERSIST_H */
