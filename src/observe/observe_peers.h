/*-------------------------------------------------------------------------
 *
 * observe_peers.h
 *	  One look at the server: who is at the other end of each walsender.
 *
 * Internal to the observe room; others include observe.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_OBSERVE_PEERS_H
#define RW_OBSERVE_PEERS_H

#include "src/observe/observe.h"

/*
 * Fill in the peers of facts->senders, from their pids and facts->now.  One
 * that can't be described yet has no backend_start.  `remember` is
 * rw_observe's.
 */
extern void rw_observe_peers(RwFacts *facts, bool remember);

#endif							/* RW_OBSERVE_PEERS_H */
