/*-------------------------------------------------------------------------
 *
 * judge_node.h
 *	  What the rules say of this server itself, the node.
 *
 * Internal to the judge room; others include judge.h.
 *
 * A primary is judged by its synchronous standbys and its archiver, a standby
 * by its upstream server and its replay.  Since when the archiver has failed
 * is remembered here from round to round.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_JUDGE_NODE_H
#define RW_JUDGE_NODE_H

#include "src/alert/judge.h"

/*
 * Fill in the findings of a primary.  Of *node, `sync` is filled in already;
 * what is asked of slots and archiver is filled in here.
 */
extern void rw_judge_primary(RwSubject *subject, const RwFacts *facts,
							 RwNodeFacts *node);

/* Fill in the findings of a standby, whose link is the one upstream. */
extern void rw_judge_standby(RwSubject *subject, const RwFacts *facts,
							 const RwUpstream *upstream);

#endif							/* RW_JUDGE_NODE_H */
