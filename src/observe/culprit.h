/*-------------------------------------------------------------------------
 *
 * culprit.h
 *	  Which of the sessions that may block replay are the ones that do.
 *
 * A pure file.  What is named here may be terminated by whoever reads it, so
 * rather nobody is named than somebody who is innocent.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_CULPRIT_H
#define RW_CULPRIT_H

#include "src/observe/observe.h"

/* A session with an open transaction. */
typedef struct RwHolder
{
	int			pid;
	TransactionId xmin;			/* invalid: it has no snapshot now */
	TimestampTz began;			/* the transaction; 0: not known */
} RwHolder;

/*
 * Each of these adds the blockers to *recovery.  `since` is the wall-clock
 * time by which replay had come to the record, 0 if that is not known: a
 * transaction that began later can't be what replay waits for.
 *
 * Replay waits for the end of all transactions that had a conflicting
 * snapshot when it came to the record, whether or not they still have it.
 */

/*
 * Of the transactions in the record's database, those with a snapshot that
 * does not see `horizon`, oldest first.  If there is none, but only one
 * transaction that was there in time, it is the one, likely.
 */
extern void rw_blame_snapshots(RwRecoveryFacts *recovery, RwHolder *holders,
							   int n, TransactionId horizon,
							   TimestampTz since);

/*
 * Of the transactions in all databases, the only one with a snapshot, likely,
 * where nothing is known of the record.
 */
extern void rw_blame_any_snapshot(RwRecoveryFacts *recovery,
								  const RwHolder *holders, int n,
								  TimestampTz since);

/*
 * All transactions in all databases: those that a tablespace waits for.  Here
 * `since` is known.
 */
extern void rw_blame_transactions(RwRecoveryFacts *recovery,
								  const RwHolder *holders, int n,
								  TimestampTz since);

/*
 * Of the transactions that have locked the relation of the pinned page, the
 * only one with a snapshot, likely.
 */
extern void rw_blame_pins(RwRecoveryFacts *recovery, const RwHolder *holders,
						  int n);

/* Add a blocker, if there is room. */
extern void rw_add_blocker(RwRecoveryFacts *recovery, int pid);

/*
 * Copy a query to `size` bytes, with a blank for each run of white space, cut
 * off where it does not fit.
 */
extern void rw_one_line(char *to, const char *query, size_t size);

/*
 * Fill in which settings are lower here than they are on the primary; both in
 * the order of the server's checks.
 */
extern void rw_find_low_settings(RwRecoveryFacts *recovery, const int *here,
								 const int *primary);

#endif							/* RW_CULPRIT_H */
