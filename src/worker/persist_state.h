/*-------------------------------------------------------------------------
 *
 * persist_state.h
 *	  What the state file holds, and how it is written and read.
 *
 * Internal to the persist room; others include persist.h.
 *
 * It holds the known replicas and their charts, the notes on slots, alerts and
 * silences, and what is remembered of the link to the upstream server.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_PERSIST_STATE_H
#define RW_PERSIST_STATE_H

#include "src/history/store.h"

/*
 * Write the state file from shared memory, under this label.  Takes
 * state_lock; allocates in the current memory context.
 */
extern void rw_save_state(const RwStoreLabel *label);

/*
 * Bring back what is in the state file's payload, into empty tables; the
 * caller holds state_lock exclusively.  `delta` is added to the file's moments
 * to have them on today's axis.  Without `same_role` only alerts, which are to
 * be cleared, and silences come back.  False, and nothing does, if the lengths
 * do not add up.
 */
extern bool rw_restore_state(char *payload, uint32 length,
							 const RwStoreLabel *label, int64 delta,
							 bool same_role);

#endif							/* RW_PERSIST_STATE_H */
