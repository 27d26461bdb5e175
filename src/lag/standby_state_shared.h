/*-------------------------------------------------------------------------
 *
 * standby_state_shared.h
 *	  A standby's state in shared memory: published with each sample, and read
 *	  without a lock.
 *
 * Health checks must never wait, not even for a worker that was stopped in
 * the middle of publishing; so a reader takes no lock, but tries again when
 * the state was written to meanwhile.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_STANDBY_STATE_SHARED_H
#define RW_STANDBY_STATE_SHARED_H

#include "src/lag/lag.h"
#include "src/lag/standby_state.h"

/*
 * Publish the state that follows from the sample's facts and links.  Called by
 * the worker alone.  May look closer at what holds replay back, and fills in
 * that part of *facts.
 */
extern void rw_standby_state_publish(RwFacts *facts, const RwLinks *links);

/*
 * A copy of the state that was published last.  If none can be had, since the
 * worker was stopped while writing it, it is as before the first sample.
 */
extern RwStandbyState rw_standby_state_read(void);

#endif							/* RW_STANDBY_STATE_SHARED_H */
