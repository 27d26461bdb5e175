/*-------------------------------------------------------------------------
 *
 * sample.h
 *	  One round of the sampling worker.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SAMPLE_H
#define RW_SAMPLE_H

#include "src/observe/observe.h"

/*
 * Observe, record in the history, bring the published state up to date, judge
 * it, and do what is due each second: wake the walsenders that are to send a
 * keepalive, have the receiver report.  Fills *facts, allocating in the
 * current memory context.  True if anything moved since the last round;
 * *alerts_changed says that an alert did.
 */
extern bool rw_sample(RwFacts *facts, bool *alerts_changed);

#endif							/* RW_SAMPLE_H */
