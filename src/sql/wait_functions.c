/*-------------------------------------------------------------------------
 *
 * wait_functions.c
 *	  SQL functions about waits: replwatch_waiters, replwatch_wait_stats.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"

#include "src/alert/health.h"
#include "src/base/locks.h"
#include "src/lag/lag.h"
#include "src/replica/replica_shared.h"
#include "src/show/show.h"
#include "src/sql/write_row.h"
#include "src/wait/wait.h"

PG_FUNCTION_INFO_V1(replwatch_waiters);
PG_FUNCTION_INFO_V1(replwatch_wait_stats);

static const char *const kind_names[] = {
	[RW_WAIT_LSN] = "lsn",
	[RW_WAIT_TOKEN] = "token",
	[RW_WAIT_READ_AFTER] = "read_after",
	[RW_WAIT_REPLICAS] = "replicas",
};

static const char *const stage_names[] = {
	[RW_QUEUE_REPLAY] = "replay",
	[RW_QUEUE_REPLICA_WRITE] = "write",
	[RW_QUEUE_REPLICA_FLUSH] = "flush",
	[RW_QUEUE_REPLICA_REPLAY] = "replay",
};

StaticAssertDecl(lengthof(kind_names) == RW_WAIT_REPLICAS + 1,
				 "every kind of wait has a name");
StaticAssertDecl(lengthof(stage_names) == RW_NUM_QUEUES,
				 "every queue has a stage");

/* What a wait still lacks. */
typedef struct WaitOutlook
{
	int64		missing;		/* bytes; -1: unknown */
	int64		eta;			/* microseconds; -1: unknown */
	const char *reason;			/* why it takes so long; NULL: nothing holds
								 * it up */
} WaitOutlook;

/* A row of replwatch_waiters(). */
typedef struct WaiterRow
{
	const RwFacts *facts;
	const RwWaiter *waiter;
	WaitOutlook outlook;
} WaiterRow;

/*
 * WAITER_GETTER(pid, value) defines waiter_pid(), the getter of the column
 * "pid" of a WaiterRow.  The value is an expression of `waiter`, `outlook` and
 * `facts`.
 */
#define WAITER_GETTER(column, value) \
static RwValue \
waiter_##column(const void *row) \
{ \
	const RwFacts *facts pg_attribute_unused() = \
		((const WaiterRow *) row)->facts; \
	const RwWaiter *waiter pg_attribute_unused() = \
		((const WaiterRow *) row)->waiter; \
	const WaitOutlook *outlook pg_attribute_unused() = \
		&((const WaiterRow *) row)->outlook; \
\
	return value; \
}

WAITER_GETTER(pid, rw_value_number(waiter->pid))
WAITER_GETTER(kind, rw_value_text(kind_names[waiter->kind]))
WAITER_GETTER(target, rw_value_nonzero(waiter->target))
WAITER_GETTER(count, waiter->queue == RW_QUEUE_REPLAY ?
			  rw_value_absent() : rw_value_number(waiter->count))
WAITER_GETTER(stage, rw_value_text(stage_names[waiter->queue]))
WAITER_GETTER(since, rw_value_nonzero(rw_wall_time(facts, waiter->since)))
WAITER_GETTER(deadline,
			  rw_value_nonzero(rw_wall_time(facts, waiter->deadline)))
WAITER_GETTER(missing_bytes, rw_value_count(outlook->missing))
WAITER_GETTER(eta, rw_value_count(outlook->eta))
WAITER_GETTER(reason, rw_value_text(outlook->reason))

static const RwColumn waiter_columns[] = {
	{"pid", RW_INTEGER, 0, .get = waiter_pid},
	{"kind", RW_TEXT, 0, .get = waiter_kind},
	{"target", RW_LSN, 0, .get = waiter_target},
	{"count", RW_INTEGER, 0, .get = waiter_count},
	{"stage", RW_TEXT, 0, .get = waiter_stage},
	{"since", RW_TIME, 0, .get = waiter_since},
	{"deadline", RW_TIME, 0, .get = waiter_deadline},
	{"missing_bytes", RW_BIGINT, 0, .get = waiter_missing_bytes},
	{"eta", RW_DURATION, 0, .get = waiter_eta},
	{"reason", RW_TEXT, 0, .get = waiter_reason},
};

static const RwColumns waiter_table = {
	waiter_columns, lengthof(waiter_columns), NULL, 0
};

static int
compare_lsns_descending(const void *a, const void *b)
{
	XLogRecPtr	left = *(const XLogRecPtr *) a;
	XLogRecPtr	right = *(const XLogRecPtr *) b;

	return left < right ? 1 : left > right ? -1 : 0;
}

/*
 * The outlook of a wait for this server's own WAL; replay_reason is why replay
 * is behind.
 */
static WaitOutlook
outlook_here(const RwWaiter *waiter, const char *replay_reason)
{
	WaitOutlook outlook = {-1, -1, "this server is not on that timeline yet"};
	XLogRecPtr	replayed;

	if (waiter->key > waiter->target)
		return outlook;
	if (!RecoveryInProgress())
	{
		outlook.missing = 0;
		outlook.reason = "a commit up to there cannot be seen yet";
		return outlook;
	}
	replayed = rw_replayed();
	outlook.missing = waiter->target > replayed ?
		(int64) (waiter->target - replayed) : 0;
	outlook.eta = rw_replay_eta(outlook.missing);
	outlook.reason = replay_reason;
	return outlook;
}

/*
 * The outlook of a wait for replicas: it ends when the last of those that are
 * needed reaches the target.
 */
static WaitOutlook
outlook_at_replicas(const RwFacts *facts, const RwLinks *links,
					const RwWaiter *waiter)
{
	WaitOutlook outlook = {-1, -1, "fewer replicas are connected than are waited for"};
	XLogRecPtr *positions = palloc(Max(facts->nsenders, 1) * sizeof(XLogRecPtr));
	int			n = rw_replica_positions(facts, waiter->queue,
										 InvalidXLogRecPtr, positions);
	XLogRecPtr	position;
	int			i;

	if (n < waiter->count || waiter->count < 1)
		return outlook;
	qsort(positions, n, sizeof(XLogRecPtr), compare_lsns_descending);
	position = positions[waiter->count - 1];
	outlook.missing = waiter->target > position ?
		(int64) (waiter->target - position) : 0;
	outlook.reason = NULL;

	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];

		if (link->sender == NULL ||
			rw_replica_position(link->sender, waiter->queue) != position)
			continue;
		outlook.reason = link->reason_text;
		if (waiter->queue == RW_QUEUE_REPLICA_REPLAY && link->replica)
			outlook.eta = rw_eta(outlook.missing, &link->replica->replay_rate,
								 position, link->replica->replay_moved_at);
		break;
	}
	return outlook;
}

/*
 * The sessions that wait for an LSN or for replicas, one row each.
 */
Datum
replwatch_waiters(PG_FUNCTION_ARGS)
{
	const char *replay_reason = NULL;
	RwWaiter   *waiters;
	RwFacts		facts;
	RwLinks		links;
	RwRows		rows;
	int			n;
	int			i;

	rw_require_preload();
	rw_rows_begin(&rows, fcinfo, &waiter_table, NULL);

	waiters = palloc(MaxBackends * sizeof(RwWaiter));
	n = rw_waiters_copy(waiters);
	rw_observe(&facts, false);
	rw_find_parted(&facts);
	rw_links(&facts, &links, true);
	rw_give_health(&facts, &links);
	rw_sort_links(&links);
	if (links.nlinks > 0 && links.links[0].upstream)
		replay_reason = links.links[0].reason_text;

	for (i = 0; i < n; i++)
	{
		const RwWaiter *waiter = &waiters[i];
		WaiterRow	row = {
			&facts, waiter, waiter->queue == RW_QUEUE_REPLAY ?
			outlook_here(waiter, replay_reason) :
			outlook_at_replicas(&facts, &links, waiter)
		};

		rw_rows_add(&rows, &row, false);
	}
	return (Datum) 0;
}

/*
 * The number and duration of waits since server start, as one row.
 */
Datum
replwatch_wait_stats(PG_FUNCTION_ARGS)
{
	RwWaitStats stats;

	rw_require_preload();
	rw_wait_stats_copy(&stats);
	return rw_row_result(fcinfo, &rw_wait_columns, &stats, false);
}
