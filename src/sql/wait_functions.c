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
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "src/base/locks.h"
#include "src/lag/lag.h"
#include "src/sql/write_row.h"
#include "src/wait/replay.h"
#include "src/wait/wait.h"
#include "src/wait/wait_replicas.h"
#include "src/wait/waiters.h"

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

static int
compare_lsns_descending(const void *a, const void *b)
{
	XLogRecPtr	left = *(const XLogRecPtr *) a;
	XLogRecPtr	right = *(const XLogRecPtr *) b;

	return left < right ? 1 : left > right ? -1 : 0;
}

/* What a wait still lacks. */
typedef struct Outlook
{
	int64		missing;		/* bytes; -1: that can't be told */
	int64		eta;			/* microseconds; -1: not known */
	const char *reason;			/* why; NULL if nothing holds it up */
} Outlook;

/* For a wait here; `reason` is why this server's own replay is behind. */
static Outlook
look_here(const RwWaiter *waiter, const char *reason)
{
	Outlook		outlook = {-1, -1, "this server is not on that timeline yet"};
	XLogRecPtr	replayed = rw_replayed();

	if (waiter->key != waiter->target)
		return outlook;
	outlook.missing = waiter->target > replayed ?
		(int64) (waiter->target - replayed) : 0;
	outlook.eta = rw_replay_eta(outlook.missing);
	outlook.reason = reason;
	return outlook;
}

/* For a wait for replicas: what the last of those that are needed lacks. */
static Outlook
look_at_replicas(const RwFacts *facts, const RwLinks *links,
				 const RwWaiter *waiter)
{
	Outlook		outlook = {-1, -1, "fewer replicas are connected than are waited for"};
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
 * A row for each session that waits: see the COMMENT on the function.
 */
Datum
replwatch_waiters(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *reason = NULL;
	RwWaiter   *waiters;
	RwFacts		facts;
	RwLinks		links;
	int			n;
	int			i;

	rw_require_preload();
	InitMaterializedSRF(fcinfo, 0);
	rw_row_check(rsinfo->setDesc);

	waiters = palloc(MaxBackends * sizeof(RwWaiter));
	n = rw_waiters_copy(waiters);
	rw_observe(&facts, false);
	rw_links(&facts, &links, true);
	if (links.nlinks > 0 && links.links[0].upstream)
		reason = links.links[0].reason_text;

	for (i = 0; i < n; i++)
	{
		const RwWaiter *waiter = &waiters[i];
		bool		here = waiter->queue == RW_QUEUE_REPLAY;
		Outlook		outlook = here ? look_here(waiter, reason) :
			look_at_replicas(&facts, &links, waiter);
		RwRow		row;

		rw_row_begin(&row);
		rw_row_int(&row, waiter->pid);
		rw_row_text(&row, kind_names[waiter->kind]);
		rw_row_lsn(&row, waiter->target);
		if (here)
			rw_row_null(&row);
		else
			rw_row_int(&row, waiter->count);
		rw_row_text(&row, stage_names[waiter->queue]);
		rw_row_time(&row, rw_wall_time(&facts, waiter->since));
		rw_row_time(&row, rw_wall_time(&facts, waiter->deadline));
		rw_row_count(&row, outlook.missing);
		rw_row_duration(&row, outlook.eta);
		rw_row_text(&row, outlook.reason);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc,
							 row.values, row.nulls);
	}
	return (Datum) 0;
}

/*
 * A row of figures since server start: see the COMMENT on the function.
 */
Datum
replwatch_wait_stats(PG_FUNCTION_ARGS)
{
	TupleDesc	tupdesc;
	RwWaitStats stats;
	RwRow		row;

	rw_require_preload();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rw_row_check(tupdesc);

	rw_wait_stats_copy(&stats);
	rw_row_begin(&row);
	rw_row_count(&row, stats.waits);
	rw_row_count(&row, stats.immediate);
	rw_row_count(&row, stats.timeouts);
	rw_row_count(&row, stats.errors);
	rw_row_duration(&row, stats.total_time);
	rw_row_duration(&row, stats.max_time);
	rw_row_duration(&row, rw_wait_percentile(&stats, 0.50));
	rw_row_duration(&row, rw_wait_percentile(&stats, 0.95));
	rw_row_duration(&row, rw_wait_percentile(&stats, 0.99));

	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  row.values, row.nulls)));
}
