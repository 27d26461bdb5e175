/*-------------------------------------------------------------------------
 *
 * intern.h
 *	  Read your writes: what only the files of this folder use.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAIT_INTERN_H
#define RW_WAIT_INTERN_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"

#include "src/base/clock.h"
#include "src/wait/nudge.h"
#include "src/wait/wait.h"

/* ----------------------------------------------------------------
 *		wait.c: the loop of all waits
 * ----------------------------------------------------------------
 */

/* A timeout in milliseconds that never ends. */
#define RW_WAIT_FOR_EVER	(-1)

typedef enum RwWaitResult
{
	RW_WAITED,					/* reached; a new snapshot sees it */
	RW_WAIT_TIMED_OUT,
	RW_WAIT_NOT_IN_RECOVERY,	/* a primary, maybe promoted meanwhile */
	RW_WAIT_TOO_MANY			/* replwatch.max_waiters */
} RwWaitResult;

/* A wait of any kind. */
typedef struct RwWait
{
	RwWaiter	waiter;			/* given: kind, queue, target and count */
	int			timeout_ms;

	/*
	 * Checks whether the wait is over.  RW_WAIT_TIMED_OUT if not yet; it then
	 * sets waiter.key to the LSN to be woken for, and `woken` to whether
	 * anything wakes this session.
	 */
	RwWaitResult (*look) (struct RwWait *wait);
	bool		woken;

	/*
	 * If not NULL: called each time before sleeping, to request what is waited
	 * for.  Returns when to call it again at the latest, or RW_NEVER.
	 */
	RwTime		(*ask) (struct RwWait *wait);
} RwWait;

/*
 * Wait for at most timeout_ms; if that is 0, only check once.  In recovery the
 * caller holds neither a snapshot nor a lock.  Raises what interrupts, look
 * and ask raise.
 */
extern RwWaitResult rw_wait(RwWait *wait);

/*
 * Wait for at most timeout_ms until a snapshot sees all commits up to the
 * target: a standby must replay it, a primary must have written it, or does
 * not wait, and its commits must be visible.  If the target is a
 * commit token's, tli is the token's timeline, which must be this server's or
 * an ancestor; 0 accepts any.  The caller holds neither a snapshot nor a lock.
 * *in_recovery is set to whether this server was in recovery when the wait
 * began.  Raises what interrupts and rw_token_check() raise.
 */
extern RwWaitResult rw_wait_here(RwWaitKind kind, TimeLineID tli,
								 XLogRecPtr target, int timeout_ms,
								 bool *in_recovery);

/*
 * Raise the error of a result other than RW_WAITED and RW_WAIT_TIMED_OUT:
 * 53000 for too many waits, 55000 for a server that is not in recovery.
 */
extern void rw_wait_raise(RwWaitResult result, XLogRecPtr target,
						  bool was_in_recovery);

/*
 * Convert a timeout argument to milliseconds.  NULL stands for
 * replwatch.wait_timeout, an infinite one for RW_WAIT_FOR_EVER; what exceeds
 * 2^31 ms is capped.  Raises 22023 if it is negative.
 */
extern int	rw_timeout_argument(const Interval *timeout);

/* ----------------------------------------------------------------
 *		wait_stats.c: counting waits
 * ----------------------------------------------------------------
 */

/* How a wait ended. */
typedef enum RwWaitEnd
{
	RW_WAIT_IMMEDIATE,			/* did not have to wait */
	RW_WAIT_REACHED,
	RW_WAIT_TIMEOUT,
	RW_WAIT_ERROR				/* promotion, cancel, ... */
} RwWaitEnd;

/* Count a wait that took `duration` microseconds. */
extern void rw_wait_stats_count(RwWaitEnd end, int64 duration);

/* ----------------------------------------------------------------
 *		replay.c: waking at replay
 *
 * Where replwatch.wake_on_replay is on, the startup process wakes sessions
 * that wait for the LSN that it has just replayed, and all sessions when a new
 * timeline begins.  For each record it reads one atomic variable to see that
 * there are none; until an awaited LSN is reached it writes nothing, takes no
 * lock, allocates nothing and raises nothing.
 * ----------------------------------------------------------------
 */

/* Does replay wake sessions? */
extern bool rw_replay_wakes(void);

/* Has this server replayed up to this LSN?  Also after recovery. */
extern bool rw_has_replayed(XLogRecPtr target);

/*
 * Has replay begun with the record that reaches this LSN?  For a session that
 * is in the queue and has then found its target not replayed: if so, replay
 * may have missed the session, which must not rely on being woken.
 */
extern bool rw_being_replayed(XLogRecPtr target);

/*
 * Insert a nudge, without flushing it, and return its end: a WAL record that
 * does nothing, that logical decoding skips, and that has the standbys of this
 * primary that run replwatch report as soon as they have replayed it.
 */
extern XLogRecPtr rw_replay_insert_nudge(void);

/* ----------------------------------------------------------------
 *		ask.c: asking standbys to report
 * ----------------------------------------------------------------
 */

/*
 * Called on a primary before a session sleeps that waits for standbys to
 * replay the target.  Nudges those that have not reported it, unless that has
 * been done, is not due yet (see nudge.h), or the transaction is read-only.
 * One nudge serves all sessions that wait for an LSN before it, and two are
 * not closer than the time that one took.  Returns when to call again, or
 * RW_NEVER if there is no need.
 */
extern RwTime rw_ask_standbys(XLogRecPtr target);

/*
 * Called in a walsender that streams when a reply has come, given the one
 * before it and whether one was requested, as rw_nudge_answered().  Waits for
 * no lock and raises nothing.
 */
extern void rw_ask_notice_reply(const RwReply *reply, const RwReply *last,
								bool *requested);

/* ----------------------------------------------------------------
 *		replies.c: waking at a replica's reply
 * ----------------------------------------------------------------
 */

/*
 * Called in a walsender in each iteration of its loop, when replies may have
 * been read: wakes sessions that wait for what the replica has reached.
 * Allocates nothing, waits for no lock and raises nothing.
 */
extern void rw_replies_notice(void);

/* This walsender has requested a reply. */
extern void rw_replies_requested(void);

#endif							/* RW_WAIT_INTERN_H */
