/*-------------------------------------------------------------------------
 *
 * attempts.h
 *	  How often a replica has tried to connect lately, and failed.
 *
 * A pure file.  A receiver whose WAL or slot is gone, or that follows another
 * timeline, connects every few seconds for a few milliseconds.  Counted are
 * connections that have ended without getting anywhere, in steps of ten
 * seconds, so that the count covers the last fifty to sixty.  The same is
 * counted on a standby, for its own receiver.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ATTEMPTS_H
#define RW_ATTEMPTS_H

#include "src/base/clock.h"

#define RW_ATTEMPT_STEPS	6

/* From this many in the last minute on it is more than a restart. */
#define RW_ATTEMPTS_REFUSED	2

/* The message that says why an attempt failed, with the final 0. */
#define RW_REFUSAL_LEN		128

/* Memory filled with zeros has no attempts. */
typedef struct RwAttempts
{
	RwTime		step_begun;		/* when the last step began */
	uint16		counts[RW_ATTEMPT_STEPS];	/* of each step, the last first */
} RwAttempts;

extern void rw_attempts_add(RwAttempts *attempts, RwTime now);

/* How many there were in the last minute. */
extern int	rw_attempts_count(const RwAttempts *attempts, RwTime now);

#endif							/* RW_ATTEMPTS_H */
