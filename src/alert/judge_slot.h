/*-------------------------------------------------------------------------
 *
 * judge_slot.h
 *	  What the rules say of replication slots.
 *
 * Internal to the judge room; others include judge.h.
 *
 * A slot is lost, at risk to be, for time or for the WAL that it retains, or
 * inactive: neither used nor moved.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_JUDGE_SLOT_H
#define RW_JUDGE_SLOT_H

#include "src/alert/judge.h"

/*
 * Fill in the findings of a slot, which its link has.  `note` is what the
 * worker remembers of it, or NULL.  That it was not used before
 * `watching_since` is not held against it, as with replicas.
 */
extern void rw_judge_slot(RwSubject *subject, const RwFacts *facts,
						  const RwSlotNote *note, RwTime watching_since);

#endif							/* RW_JUDGE_SLOT_H */
