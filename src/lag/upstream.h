/*-------------------------------------------------------------------------
 *
 * upstream.h
 *	  What a round of the worker learns of the link to the upstream server.
 *
 * Internal to the sample room.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_UPSTREAM_H
#define RW_UPSTREAM_H

#include "src/observe/observe.h"

/*
 * Bring rw_shared->upstream up to date, in each round: since when the link
 * streams or does not, when the last message came, what it told.  On a primary
 * all of it is cleared.  The caller holds state_lock exclusively.
 */
extern void rw_follow_upstream(const RwFacts *facts);

#endif							/* RW_UPSTREAM_H */
