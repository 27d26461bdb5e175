/*-------------------------------------------------------------------------
 *
 * lag_upstream.h
 *	  The row of a standby's own link.
 *
 * Internal to the lag room, but for the state of the link, which the worker
 * follows; others include lag.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LAG_UPSTREAM_H
#define RW_LAG_UPSTREAM_H

#include "src/lag/lag.h"

extern RwLinkState rw_upstream_state(const RwReceiverFacts *receiver);
extern void rw_upstream_fill(RwLink *link, const RwFacts *facts,
							 const RwPublished *published);

/* How old the last message may be before its absence means something. */
extern int64 rw_allowed_silence(const RwUpstream *upstream);

/* What the byte lag alone can't tell: silence is not the absence of WAL. */
extern void rw_upstream_measure(RwLink *link, const RwFacts *facts,
								const RwPublished *published);
extern void rw_upstream_explain(RwLink *link, RwFacts *facts,
								const RwPublished *published);

#endif							/* RW_LAG_UPSTREAM_H */
