/*-------------------------------------------------------------------------
 *
 * wait.h
 *	  Waiting until this server has replayed an LSN.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAIT_H
#define RW_WAIT_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"

#include "src/base/rates.h"
#include "src/wait/waiters.h"

/* A timeout in milliseconds that never comes. */
#define RW_WAIT_FOR_EVER	(-1)

typedef enum RwWaitResult
{
	RW_WAITED,					/* replayed; a new snapshot sees it */
	RW_WAIT_TIMED_OUT,
	RW_WAIT_NOT_IN_RECOVERY,	/* a primary, or one since during the wait */
	RW_WAIT_TOO_MANY			/* replwatch.max_waiters */
} RwWaitResult;

/*
 * A wait of any kind, as those who know what it is for describe it.
 */
typedef struct RwWait
{
	RwWaiter	waiter;			/* kind, queue, target and count are given */
	int			timeout_ms;

	/*
	 * Is it over?  RW_WAIT_TIMED_OUT if not yet; then waiter.key is the LSN
	 * to be woken for, and woken says whether there is somebody who does.
	 */
	RwWaitResult (*look) (struct RwWait *wait);
	bool		woken;

	/*
	 * If not NULL: before it sleeps, ask for what it waits for.  Returns when
	 * to ask again, RW_NEVER if that is done.
	 */
	RwTime		(*ask) (struct RwWait *wait);
} RwWait;

/*
 * Wait, at most timeout_ms: not at all if that is 0.  The caller holds neither
 * snapshot nor lock.  Raises what interrupts, look and ask raise.
 */
extern RwWaitResult rw_wait(RwWait *wait);

/*
 * Wait until this server has the target, at most timeout_ms: until a standby
 * has replayed it, while a primary has written it or has not.  If the target
 * is a commit token's, tli is its timeline and has to be the server's or an
 * ancestor; 0 takes any.  The caller holds neither snapshot nor lock.
 * *in_recovery says what this server was when the wait began.  Raises what
 * interrupts and rw_token_check raise.
 */
extern RwWaitResult rw_wait_here(RwWaitKind kind, TimeLineID tli,
								 XLogRecPtr target, int timeout_ms,
								 bool *in_recovery);

/*
 * A timeout argument in milliseconds: NULL is replwatch.wait_timeout, negative
 * an error 22023, more than 2^31 ms is as much, infinite is for ever.
 */
extern int	rw_timeout_argument(const Interval *timeout);

/*
 * Microseconds until what is at `position` since `moved_at` has taken so many
 * bytes more at its present rate; -1 if it stands still or the rate is not
 * known.
 */
extern int64 rw_eta(uint64 missing, const RwRate *rate, XLogRecPtr position,
					RwTime moved_at);

/* The same for this server's own replay. */
extern int64 rw_replay_eta(uint64 missing);

/* Raise what a result other than RW_WAITED and RW_WAIT_TIMED_OUT means. */
extern void rw_wait_raise(RwWaitResult result, XLogRecPtr target,
						  bool was_in_recovery);

#endif							/* RW_WAIT_H */
