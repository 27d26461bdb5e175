/*-------------------------------------------------------------------------
 *
 * wait_replicas.c
 *	  Waiting until a number of replicas have reached an LSN.
 *
 * The walsender that receives a replica's reply wakes the sessions whose LSN
 * the reply has reached (replies.c).  A standby with replwatch is asked to
 * reply at once; one without reports what it has replayed when it runs out of
 * WAL, or every wal_receiver_status_interval.
 *
 * A session that looks first counts the walsenders that have got there, which
 * needs no memory and no locks but their spinlocks.  If these are enough, it
 * finds out which replicas they belong to: a name counts once, and some do not
 * count at all.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"

#include "src/base/compat.h"
#include "src/base/layout.h"
#include "src/base/locks.h"
#include "src/replica/position.h"
#include "src/replica/replica_shared.h"
#include "src/settings.h"
#include "src/wait/intern.h"
#include "src/wait/statement.h"
#include "src/wait/token.h"

#define FUNCTION_NAME	"replwatch_wait_for_replicas"

PG_FUNCTION_INFO_V1(replwatch_wait_for_replicas);

XLogRecPtr
rw_replica_position(const RwSenderFacts *sender, RwQueue stage)
{
	RwReported	reported = {true, sender->sent, InvalidXLogRecPtr};

	if (sender->state != RW_SENDER_STREAMING || sender->parted ||
		(!sender->replica && !sender->receiver))
		return InvalidXLogRecPtr;

	switch (stage)
	{
		case RW_QUEUE_REPLICA_WRITE:
			reported.position = sender->write;
			break;
		case RW_QUEUE_REPLICA_FLUSH:
			reported.position = sender->flush;
			break;
		case RW_QUEUE_REPLICA_REPLAY:
			reported.position = sender->replay;
			break;
		case RW_QUEUE_REPLAY:
			break;
	}
	return rw_position_here(&reported, InvalidXLogRecPtr);
}

/*
 * Two connections of one name may belong to one replica: only the furthest of
 * them counts.
 */
static bool
is_overtaken(const RwFacts *facts, int i, RwQueue stage)
{
	XLogRecPtr	position = rw_replica_position(&facts->senders[i], stage);
	int			j;

	for (j = 0; j < facts->nsenders; j++)
	{
		XLogRecPtr	other = rw_replica_position(&facts->senders[j], stage);

		if ((other > position || (other == position && j < i)) &&
			rw_name_equal(facts->senders[j].name, facts->senders[i].name))
			return true;
	}
	return false;
}

int
rw_replica_positions(const RwFacts *facts, RwQueue stage, XLogRecPtr target,
					 XLogRecPtr *positions)
{
	int			n = 0;
	int			i;

	for (i = 0; i < facts->nsenders; i++)
	{
		XLogRecPtr	position = rw_replica_position(&facts->senders[i], stage);

		if (position == InvalidXLogRecPtr || position < target ||
			is_overtaken(facts, i, stage))
			continue;
		if (positions)
			positions[n] = position;
		n++;
	}
	return n;
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

/*
 * The target, by default this session's last commit; InvalidXLogRecPtr if
 * there is none yet.
 */
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
					 errmsg("target must be specified on a standby"),
					 errdetail("A standby has no commits of its own.")));
		if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("%s cannot wait for a transaction that has not committed",
							FUNCTION_NAME),
					 errhint("Commit first, or specify a target.")));
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

/* A wait for replicas. */
typedef struct ReplicaWait
{
	RwWait		wait;
	MemoryContext context;		/* for one count */
	int			have;
} ReplicaWait;

/* How many walsenders have got there: at least as many as replicas have. */
static int
count_walsenders(RwQueue stage, XLogRecPtr target)
{
	int			n = 0;

	for (int place = 0; place < max_wal_senders; place++)
	{
		RwGlance	glance;
		RwReported	reported = {.streaming = true};
		XLogRecPtr	position;

		if (!rw_glance_at_sender(place, &glance))
			continue;
		reported.sent = glance.sent;
		reported.position = stage == RW_QUEUE_REPLICA_WRITE ? glance.write :
			stage == RW_QUEUE_REPLICA_FLUSH ? glance.flush : glance.replay;
		position = rw_position_here(&reported, InvalidXLogRecPtr);
		n += position != InvalidXLogRecPtr && position >= target;
	}
	return n;
}

/* How many replicas have got there. */
static int
count_replicas(ReplicaWait *replicas)
{
	const RwWaiter *waiter = &replicas->wait.waiter;
	MemoryContext old = MemoryContextSwitchTo(replicas->context);
	RwFacts		facts;
	int			n;

	rw_observe_senders(&facts);
	rw_find_parted(&facts);
	n = rw_replica_positions(&facts, waiter->queue, waiter->target, NULL);
	MemoryContextSwitchTo(old);
	MemoryContextReset(replicas->context);
	return n;
}

static RwWaitResult
look_for_replicas(RwWait *wait)
{
	ReplicaWait *replicas = (ReplicaWait *) wait;
	const RwWaiter *waiter = &wait->waiter;

	/* A replica that has reported any position has reached 0/0. */
	wait->waiter.key = Max(waiter->target, 1);
	wait->woken = rw_tend_walsenders;

	if (count_walsenders(waiter->queue, waiter->target) < waiter->count)
		return RW_WAIT_TIMED_OUT;
	replicas->have = count_replicas(replicas);
	return replicas->have >= waiter->count ? RW_WAITED : RW_WAIT_TIMED_OUT;
}

/*
 * If no standby can be asked, one that begins to stream wakes all sessions
 * that wait for replay (replies.c), which then ask it.
 */
static RwTime
ask_replicas(RwWait *wait)
{
	return rw_ask_standbys(wait->waiter.target);
}

static int
wait_for_replicas(RwQueue stage, XLogRecPtr target, int count, int timeout_ms)
{
	ReplicaWait replicas = {
		.wait = {
			.waiter = {
				.kind = RW_WAIT_REPLICAS,
				.queue = stage,
				.target = target,
				.count = count
			},
			.timeout_ms = timeout_ms,
			.look = look_for_replicas
		},
		.context = AllocSetContextCreate(CurrentMemoryContext,
										 "replwatch replicas",
										 ALLOCSET_SMALL_SIZES)
	};
	RwWaitResult result;

	if (stage == RW_QUEUE_REPLICA_REPLAY && !RecoveryInProgress())
		replicas.wait.ask = ask_replicas;
	result = rw_wait(&replicas.wait);
	rw_wait_raise(result, target, false);
	if (result != RW_WAITED)
		replicas.have = count_replicas(&replicas);
	MemoryContextDelete(replicas.context);
	return replicas.have;
}

/*
 * The query, if its snapshot can be released while the session waits.  On a
 * standby the call is refused otherwise.  On a primary no snapshot and no lock
 * of the session can hold up replay elsewhere, so it keeps them.
 */
static QueryDesc *
statement_to_release(FunctionCallInfo fcinfo)
{
	return RecoveryInProgress() ? rw_statement_check(fcinfo, FUNCTION_NAME) :
		rw_statement_alone(fcinfo);
}

/*
 * Wait until `count` replicas have reached `stage` of `target`, for at most
 * `timeout`, and return how many have.  The COMMENT on the function has the
 * details.
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
	rw_layout_require();

	count = count_argument(PG_ARGISNULL(1) ? 1 : PG_GETARG_INT32(1));
	stage = PG_ARGISNULL(2) ? RW_QUEUE_REPLICA_REPLAY :
		stage_argument(PG_GETARG_TEXT_PP(2));
	timeout_ms = rw_timeout_argument(PG_ARGISNULL(3) ? NULL :
									 PG_GETARG_INTERVAL_P(3));

	/* Nothing to wait for: check once. */
	if (count == 0)
		timeout_ms = 0;
	target = target_argument(fcinfo);
	if (timeout_ms != 0)
		query = statement_to_release(fcinfo);

	/* Before the first commit there is nothing to wait for. */
	if (PG_ARGISNULL(0) && target == InvalidXLogRecPtr)
		count = 0;

	if (query)
		rw_statement_release(query, FUNCTION_NAME);
	have = wait_for_replicas(stage, target, count, timeout_ms);
	if (query)
		rw_statement_resume(query);

	/* How many replicas there are, and where, is not for everybody. */
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
		have = Min(have, count);
	PG_RETURN_INT32(have);
}
