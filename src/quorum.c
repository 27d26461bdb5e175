/*-------------------------------------------------------------------------
 *
 * quorum.c
 *	  Waiting until n replicas have an LSN.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"

#include "src/compat.h"
#include "src/quorum.h"
#include "src/replay.h"
#include "src/settings.h"
#include "src/shared.h"
#include "src/statement.h"
#include "src/token.h"
#include "src/wait.h"

/* Between two nudges, for all waiters together. */
#define NUDGE_INTERVAL	(1 * RW_MS)

#define FUNCTION_NAME	"replwatch_wait_for_replicas"

PG_FUNCTION_INFO_V1(replwatch_wait_for_replicas);

XLogRecPtr
rw_position_at(const RwSenderFacts *sender, RwQueue stage)
{
	if (sender->state != WALSNDSTATE_STREAMING ||
		(!sender->replica && !sender->receiver))
		return InvalidXLogRecPtr;

	switch (stage)
	{
		case RW_QUEUE_REPLICA_WRITE:
			return sender->write;
		case RW_QUEUE_REPLICA_FLUSH:
			return sender->flush;
		case RW_QUEUE_REPLICA_REPLAY:
			return sender->replay;
		case RW_QUEUE_REPLAY:
			break;
	}
	return InvalidXLogRecPtr;
}

int
rw_count_replicas(const RwFacts *facts, RwQueue stage, XLogRecPtr target)
{
	int			count = 0;
	int			i;
	int			j;

	for (i = 0; i < facts->nsenders; i++)
	{
		const RwSenderFacts *sender = &facts->senders[i];
		XLogRecPtr	position = rw_position_at(sender, stage);

		if (position == InvalidXLogRecPtr || position < target)
			continue;
		/* Two connections of one name may be one replica, twice. */
		for (j = 0; j < i; j++)
		{
			XLogRecPtr	other = rw_position_at(&facts->senders[j], stage);

			if (other != InvalidXLogRecPtr && other >= target &&
				strcmp(facts->senders[j].name, sender->name) == 0)
				break;
		}
		if (j == i)
			count++;
	}
	return count;
}

static RwQueue
stage_argument(text *argument)
{
	char	   *stage = text_to_cstring(argument);

	if (strcmp(stage, "write") == 0)
		return RW_QUEUE_REPLICA_WRITE;
	if (strcmp(stage, "flush") == 0)
		return RW_QUEUE_REPLICA_FLUSH;
	if (strcmp(stage, "replay") == 0)
		return RW_QUEUE_REPLICA_REPLAY;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("stage must be \"write\", \"flush\" or \"replay\"")));
}

static int
count_argument(int32 count)
{
	if (count < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("count must not be negative")));
	if (count > max_wal_senders)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("count must not be greater than \"max_wal_senders\" (%d)",
						max_wal_senders)));
	return count;
}

/* The target: given, or this session's last commit; 0 if there is none. */
static XLogRecPtr
target_argument(FunctionCallInfo fcinfo)
{
	TimeLineID	tli;
	XLogRecPtr	target;
	XLogRecPtr	end;

	if (PG_ARGISNULL(0))
	{
		if (RecoveryInProgress())
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("target must be given on a standby"),
					 errdetail("A standby has no commits of its own.")));
		if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("%s cannot wait for a transaction that has not committed",
							FUNCTION_NAME),
					 errhint("Commit first, or give a target.")));
		return rw_last_commit().lsn;
	}

	target = rw_before_page_header(PG_GETARG_LSN(0));
	end = RecoveryInProgress() ? rw_horizon(&tli) : GetXLogInsertRecPtr();
	if (target > end)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("LSN " RW_LSN_FORMAT " has not been written on this server",
						LSN_FORMAT_ARGS(PG_GETARG_LSN(0))),
				 errdetail("The WAL of this server ends at LSN " RW_LSN_FORMAT ".",
						   LSN_FORMAT_ARGS(end))));
	return target;
}

/* Look once, in a context of its own. */
static int
look(MemoryContext context, RwQueue stage, XLogRecPtr target)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	RwFacts		facts;
	int			count;

	rw_observe(&facts, true);
	count = rw_count_replicas(&facts, stage, target);
	MemoryContextSwitchTo(old);
	MemoryContextReset(context);
	return count;
}

/*
 * Until `count` have it, the deadline, or for ever: returns how many have.
 * The place is taken, and left by the caller.
 */
static int
wait_in_place(MemoryContext context, RwQueue stage, XLogRecPtr target,
			  int count, RwTime deadline)
{
	bool		nudging = stage == RW_QUEUE_REPLICA_REPLAY &&
		!RecoveryInProgress();
	int			looked;

	for (looked = 0;; looked++)
	{
		RwTime		next_look = deadline;
		int			have;

		rw_waiter_stay(target);
		have = look(context, stage, target);
		if (have >= count ||
			(deadline != RW_NEVER && rw_clock_now() >= deadline))
			return have;

		if (nudging)
		{
			RwTime		again = rw_replay_nudge(target, NUDGE_INTERVAL);

			if (again == RW_NEVER)
				nudging = false;
			else if (next_look == RW_NEVER || again < next_look)
				next_look = again;
		}
		rw_wait_sleep(next_look, rw_tend_walsenders, looked);
	}
}

static int
wait_for_replicas(RwQueue stage, XLogRecPtr target, int count, int timeout_ms)
{
	RwTime		since = rw_clock_now();
	volatile RwTime deadline = timeout_ms == RW_WAIT_FOR_EVER ? RW_NEVER :
		since + timeout_ms * RW_MS;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "replwatch replicas",
												  ALLOCSET_SMALL_SIZES);
	volatile int have = look(context, stage, target);

	if (have >= count || timeout_ms == 0)
		rw_waiter_count(have >= count ? RW_WAIT_IMMEDIATE : RW_WAIT_TIMEOUT,
						since);
	else
	{
		if (!rw_waiter_join(RW_WAIT_REPLICAS, stage, target, count, since,
							deadline))
		{
			rw_waiter_count(RW_WAIT_ERROR, since);
			rw_wait_raise(RW_WAIT_TOO_MANY, target, false);
		}
		PG_TRY();
		{
			have = wait_in_place(context, stage, target, count, deadline);
		}
		PG_CATCH();
		{
			rw_waiter_leave();
			rw_waiter_count(RW_WAIT_ERROR, since);
			PG_RE_THROW();
		}
		PG_END_TRY();
		rw_waiter_leave();
		rw_waiter_count(have >= count ? RW_WAIT_REACHED : RW_WAIT_TIMEOUT,
						since);
	}
	MemoryContextDelete(context);
	return have;
}

/*
 * Wait until `count` replicas have reached `stage` of `target`, at most
 * `timeout`; returns how many have.  Everything is in the COMMENT on the
 * function.
 */
Datum
replwatch_wait_for_replicas(PG_FUNCTION_ARGS)
{
	int			count;
	RwQueue		stage;
	int			timeout_ms;
	XLogRecPtr	target;
	QueryDesc  *query = NULL;
	int			have;

	rw_require_preload();

	count = count_argument(PG_ARGISNULL(1) ? 1 : PG_GETARG_INT32(1));
	stage = PG_ARGISNULL(2) ? RW_QUEUE_REPLICA_REPLAY :
		stage_argument(PG_GETARG_TEXT_PP(2));
	timeout_ms = rw_timeout_argument(PG_ARGISNULL(3) ? NULL :
									 PG_GETARG_INTERVAL_P(3));

	/* Where there is nothing to wait for it only looks. */
	if (count == 0)
		timeout_ms = 0;
	target = target_argument(fcinfo);
	if (timeout_ms != 0)
		query = rw_statement_check(fcinfo, FUNCTION_NAME);

	/* Before the first commit there is nothing to wait for. */
	if (PG_ARGISNULL(0) && target == InvalidXLogRecPtr)
		count = 0;

	if (query)
		rw_statement_release(query, FUNCTION_NAME);
	have = wait_for_replicas(stage, target, count, timeout_ms);
	if (query)
		rw_statement_resume(query);

	PG_RETURN_INT32(have);
}
