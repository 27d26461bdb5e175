/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  Waiting until everything up to an LSN can be seen on this server.
 *
 * rw_wait() is the loop of every wait, also of that for replicas.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/pg_lsn.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "src/base/arguments.h"
#include "src/base/compat.h"
#include "src/base/layout.h"
#include "src/lag/lag_shared.h"
#include "src/settings.h"
#include "src/wait/intern.h"
#include "src/wait/statement.h"
#include "src/wait/token.h"
#include "src/wait/visible.h"
#include "src/wait/waiters.h"

/* How often a session that nothing wakes checks. */
#define LOOK_MIN_MS		1
#define LOOK_MAX_MS		20

/* The same on a primary, where nothing wakes a session. */
#define VISIBLE_MIN_MS	1
#define VISIBLE_MAX_MS	250

/*
 * The longest time between two checks of a session that is woken, as a
 * multiple of wait_recheck.
 */
#define RECHECK_SLACK	10

/* Replay that has not moved for this long is considered to stand still. */
#define STANDSTILL		(3 * RW_SECOND)

PG_FUNCTION_INFO_V1(replwatch_wait_for_lsn);
PG_FUNCTION_INFO_V1(replwatch_wait_for_token);

int
rw_timeout_argument(const Interval *timeout)
{
	int64		microseconds;

	if (timeout == NULL)
		return rw_wait_timeout_ms;
	if (rw_interval_is_infinite(timeout))
		return RW_WAIT_FOR_EVER;

	microseconds = rw_duration_argument(timeout, "timeout");
	/* Less than a millisecond is still not 0, which does not wait. */
	if (microseconds > 0 && microseconds < RW_MS)
		return 1;
	return (int) Min(microseconds / RW_MS, INT_MAX);
}

/*
 * Sleep until woken, until the deadline (RW_NEVER: none) or until it is time
 * to check again; processes interrupts.  `looked` is the number of checks so
 * far, `since` the time at which the wait began.
 */
static void
sleep_until_woken(RwTime since, RwTime deadline, bool woken, int looked)
{
	static uint32 wait_event = 0;
	int64		recheck_ms = rw_wait_recheck_ms;
	int64		sleep_ms;

	if (wait_event == 0)
		wait_event = rw_wait_event("ReplwatchWait");

	/*
	 * A session that is woken checks less often the longer it waits: thousands
	 * of sessions that wait for a distant LSN must not slow down replay, and a
	 * lost wake-up costs no more time than has gone by, or wait_recheck.  A
	 * session that nothing wakes checks often at first, when the LSN is likely
	 * to be reached soon.
	 */
	if (woken)
		sleep_ms = Max(recheck_ms,
					   Min((rw_clock_now() - since) / RW_MS,
						   RECHECK_SLACK * recheck_ms));
	else
		sleep_ms = Min(recheck_ms,
					   Min(LOOK_MIN_MS + looked / 8, LOOK_MAX_MS));
	if (deadline != RW_NEVER)
	{
		/* Rounded up, so as not to wake just before it. */
		int64		left = (deadline - rw_clock_now() + RW_MS - 1) / RW_MS;

		sleep_ms = Max(Min(sleep_ms, left), 0);
	}

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 sleep_ms, wait_event);
	ResetLatch(MyLatch);

	/* What follows may take its time, or end this session. */
	rw_waiter_help();
	CHECK_FOR_INTERRUPTS();

	/* An interrupt may have read a catalog, and left a snapshot for that. */
	InvalidateCatalogSnapshot();
}

/* The loop of a session that is in the queue; its caller leaves the queue. */
static RwWaitResult
wait_in_queue(RwWait *wait)
{
	RwTime		deadline = wait->waiter.deadline;
	int			looked;

	for (looked = 0;; looked++)
	{
		RwTime		wake_at = deadline;
		RwWaitResult result = wait->look(wait);

		/* Once more, now that the process that gets there will see us. */
		if (result == RW_WAIT_TIMED_OUT && rw_waiter_stay(wait->waiter.key))
			result = wait->look(wait);
		if (result != RW_WAIT_TIMED_OUT ||
			(deadline != RW_NEVER && rw_clock_now() >= deadline))
			return result;

		if (wait->ask)
		{
			RwTime		again = wait->ask(wait);

			if (again != RW_NEVER && (wake_at == RW_NEVER || again < wake_at))
				wake_at = again;
		}
		sleep_until_woken(wait->waiter.since, wake_at, wait->woken, looked);
	}
}

static RwWaitEnd
wait_end(RwWaitResult result)
{
	switch (result)
	{
		case RW_WAITED:
			return RW_WAIT_REACHED;
		case RW_WAIT_TIMED_OUT:
			return RW_WAIT_TIMEOUT;
		case RW_WAIT_NOT_IN_RECOVERY:
		case RW_WAIT_TOO_MANY:
			break;
	}
	return RW_WAIT_ERROR;
}

RwWaitResult
rw_wait(RwWait *wait)
{
	RwTime		since = rw_clock_now();
	RwWaitEnd	end;
	RwWaitResult result;

	wait->waiter.since = since;
	wait->waiter.deadline = wait->timeout_ms == RW_WAIT_FOR_EVER ? RW_NEVER :
		since + wait->timeout_ms * RW_MS;

	PG_TRY();
	{
		result = wait->look(wait);
		end = result == RW_WAITED ? RW_WAIT_IMMEDIATE : wait_end(result);
		if (result == RW_WAIT_TIMED_OUT && wait->timeout_ms != 0)
		{
			result = rw_waiter_join(&wait->waiter) ?
				wait_in_queue(wait) : RW_WAIT_TOO_MANY;
			end = wait_end(result);
		}
	}
	PG_CATCH();
	{
		rw_waiter_done(RW_WAIT_ERROR, since);
		PG_RE_THROW();
	}
	PG_END_TRY();
	rw_waiter_done(end, since);
	return result;
}

/* A wait for this server's own WAL. */
typedef struct LocalWait
{
	RwWait		wait;
	TimeLineID	tli;			/* the token's, or 0 */
} LocalWait;

/* As rw_token_check(); without a token, every position counts. */
static RwTokenStanding
token_standing(const RwWait *wait)
{
	RwToken		token = {((const LocalWait *) wait)->tli, wait->waiter.target};

	return token.tli != 0 ? rw_token_check(token) : RW_TOKEN_HERE;
}

/*
 * Has it been replayed?  The position is read before the timeline is checked:
 * replay may just have switched to another timeline, on which a position does
 * not count for the token.
 */
static RwWaitResult
look_replayed(RwWait *wait)
{
	XLogRecPtr	target = wait->waiter.target;
	bool		in_recovery = RecoveryInProgress();
	bool		replayed = rw_has_replayed(target);
	RwTokenStanding standing = token_standing(wait);

	if (replayed && standing == RW_TOKEN_HERE)
		return RW_WAITED;

	/*
	 * Replay wakes the session at the target, and all sessions when the
	 * timeline changes.  Nothing wakes it when a position that replay has
	 * passed becomes certain.  Any number may be given as an LSN.
	 */
	wait->waiter.key = standing == RW_TOKEN_NEWER ? RW_KEY_ALL_ONLY :
		Min(target, RW_KEY_ALL_ONLY);
	wait->woken = rw_replay_wakes() &&
		(standing == RW_TOKEN_NEWER || !rw_being_replayed(target));

	/*
	 * As it was before the position was read: recovery that has ended since
	 * may have replayed the target, which the next check sees.
	 */
	return in_recovery ? RW_WAIT_TIMED_OUT : RW_WAIT_NOT_IN_RECOVERY;
}

/* The same on a primary: can all that was written up to there be seen? */
static RwWaitResult
look_visible(RwWait *wait)
{
	XLogRecPtr	target = wait->waiter.target;

	if (token_standing(wait) != RW_TOKEN_HERE ||
		target > GetXLogInsertRecPtr())
		return RW_WAIT_NOT_IN_RECOVERY;

	/* Without the array of processes, other backends can't be looked at. */
	if (!rw_procs_are_trusted())
		rw_layout_require();

	wait->waiter.key = target;
	wait->woken = true;			/* by look_again_at() */
	return rw_visible(target) ? RW_WAITED : RW_WAIT_TIMED_OUT;
}

/*
 * Nothing wakes a session when a commit becomes visible.  Most commits do
 * within milliseconds, but if one waits for a standby, thousands of sessions
 * may wait for it, and for long.
 */
static RwTime
look_again_at(RwWait *wait)
{
	RwTime		now = rw_clock_now();
	RwTime		waited = now - wait->waiter.since;

	return now + Max(VISIBLE_MIN_MS * RW_MS,
					 Min(waited / 8, VISIBLE_MAX_MS * RW_MS));
}

RwWaitResult
rw_wait_here(RwWaitKind kind, TimeLineID tli, XLogRecPtr target,
			 int timeout_ms, bool *in_recovery)
{
	LocalWait	local = {
		.wait = {
			.waiter = {
				.kind = kind,
				.queue = RW_QUEUE_REPLAY,
				.target = rw_before_page_header(target)
			},
			.timeout_ms = timeout_ms,
			.look = look_visible,
			.ask = look_again_at
		},
		.tli = tli
	};

	*in_recovery = RecoveryInProgress();
	if (*in_recovery)
	{
		local.wait.look = look_replayed;
		local.wait.ask = NULL;
	}
	return rw_wait(&local.wait);
}

int64
rw_eta(uint64 missing, const RwRate *rate, XLogRecPtr position,
	   RwTime moved_at)
{
	RwTime		now = rw_clock_now();

	/* The rate of the last minute means nothing once replay has stopped. */
	if (missing > 0 && now - moved_at > STANDSTILL)
		return -1;
	return rw_catchup(missing, rw_rate(rate, position, now), 0);
}

int64
rw_replay_eta(uint64 missing)
{
	RwRate		rate;
	XLogRecPtr	position;
	RwTime		moved_at;

	LWLockAcquire(rw_state_lock, LW_SHARED);
	rate = rw_lag_shared->upstream.replay_rate;
	position = rw_lag_shared->upstream.replay;
	moved_at = rw_lag_shared->upstream.replay_moved_at;
	LWLockRelease(rw_state_lock);

	if (missing > 0 && GetRecoveryPauseState() != RECOVERY_NOT_PAUSED)
		return -1;
	return rw_eta(missing, &rate, position, moved_at);
}

void
rw_wait_raise(RwWaitResult result, XLogRecPtr target, bool was_in_recovery)
{
	if (result == RW_WAIT_TOO_MANY)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many sessions are waiting for an LSN"),
				 errhint("Consider increasing \"replwatch.max_waiters\".")));
	if (result != RW_WAIT_NOT_IN_RECOVERY)
		return;
	if (was_in_recovery)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recovery ended before LSN " RW_LSN_FORMAT " was replayed",
						LSN_FORMAT_ARGS(target)),
				 errdetail("This server was promoted after replaying up to LSN " RW_LSN_FORMAT ".",
						   LSN_FORMAT_ARGS(rw_replayed()))));
	else
	{
		XLogRecPtr	end = GetXLogInsertRecPtr();

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("LSN " RW_LSN_FORMAT " has not been written on this server",
						LSN_FORMAT_ARGS(target)),
				 errdetail("This server is a primary on timeline %u, whose WAL ends at LSN " RW_LSN_FORMAT ".",
						   GetWALInsertionTimeLine(), LSN_FORMAT_ARGS(end))));
	}
}

/* Both functions: wait in the statement, or check once if the timeout is 0. */
static bool
wait_in_statement(FunctionCallInfo fcinfo, const char *function,
				  RwWaitKind kind, TimeLineID tli, XLogRecPtr target,
				  int timeout_ms)
{
	QueryDesc  *query = NULL;
	RwWaitResult result;
	bool		in_recovery;

	/* Checked whether or not there is a need to wait. */
	if (timeout_ms != 0)
		query = rw_statement_check(fcinfo, function);
	else
		rw_isolation_check(function);

	if (query)
		rw_statement_release(query, function);
	result = rw_wait_here(kind, tli, target, timeout_ms, &in_recovery);
	if (query)
		rw_statement_resume(query);

	rw_wait_raise(result, target, in_recovery);
	return result == RW_WAITED;
}

static int
timeout_argument(FunctionCallInfo fcinfo, int argument)
{
	return rw_timeout_argument(PG_ARGISNULL(argument) ? NULL :
							   PG_GETARG_INTERVAL_P(argument));
}

/*
 * Wait until this server has replayed `target`, or on a primary until its
 * commits up to there can be seen, for at most `timeout`.  True if the next
 * statement sees it, false on timeout; true for a NULL target.
 * The COMMENT on the function has the errors.
 */
Datum
replwatch_wait_for_lsn(PG_FUNCTION_ARGS)
{
	int			timeout_ms;

	rw_require_preload();
	timeout_ms = timeout_argument(fcinfo, 1);
	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(wait_in_statement(fcinfo, "replwatch_wait_for_lsn",
									 RW_WAIT_LSN, 0, PG_GETARG_LSN(0),
									 timeout_ms));
}

/*
 * The same for a commit token, whose timeline must be this server's or an
 * ancestor.  True for a NULL token.
 */
Datum
replwatch_wait_for_token(PG_FUNCTION_ARGS)
{
	int			timeout_ms;
	RwToken		token;

	rw_require_preload();
	timeout_ms = timeout_argument(fcinfo, 1);
	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(true);
	rw_token_argument(PG_GETARG_TEXT_PP(0), &token);
	PG_RETURN_BOOL(wait_in_statement(fcinfo, "replwatch_wait_for_token",
									 RW_WAIT_TOKEN, token.tli, token.lsn,
									 timeout_ms));
}
