/*-------------------------------------------------------------------------
 *
 * judge_replica.h
 *	  What the rules say of replicas.
 *
 * Internal to the judge room; others include judge.h.
 *
 * A replica is missing, silent, stalled, or lags.  The first is judged by how
 * long it has not streamed, the others by the link that it is on.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_JUDGE_REPLICA_H
#define RW_JUDGE_REPLICA_H

#include "src/alert/judge.h"

/* Does a replica that is followed stream on this link?  NULL is no link. */
extern bool rw_link_streams(const RwLink *link);

/* Is this link one of a replica that is to be judged? */
extern bool rw_is_judged(const RwLink *link, const RwFacts *facts);

/*
 * Fill in the findings of a replica, and its delay.  What it did before
 * `watching_since` is not held against it: the worker was not there, or the
 * server had another role.
 */
extern void rw_judge_replica(RwSubject *subject, const RwFacts *facts,
							 const RwNodeFacts *node, RwTime watching_since);

#endif							/* RW_JUDGE_REPLICA_H */
