/*-------------------------------------------------------------------------
 *
 * waitstatus.c
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

#include "src/lag.h"
#include "src/quorum.h"
#include "src/replay.h"
#include "src/shared.h"
#include "src/sqlrow.h"
#include "src/wait.h"
#include "src/waiters.h"

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

/*
 * How much the last of the replicas that are needed still lacks; -1 if there
 * are not as many.
 */
static int64
missing_at_replicas(const RwFacts *facts, const RwWaiter *waiter)
{
	XLogRecPtr *positions = palloc(Max(facts->nsenders, 1) * sizeof(XLogRecPtr));
	int			n = rw_replica_positions(facts, waiter->queue,
										 InvalidXLogRecPtr, positions);

	if (n < waiter->count || waiter->count < 1)
		return -1;
	qsort(positions, n, sizeof(XLogRecPtr), compare_lsns_descending);
	return waiter->target > positions[waiter->count - 1] ?
		(int64) (waiter->target - positions[waiter->count - 1]) : 0;
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
		int64		missing;
		RwRow		row;

		if (here && waiter->key != waiter->target)
			missing = -1;
		else if (here)
			missing = waiter->target > rw_replayed() ?
				(int64) (waiter->target - rw_replayed()) : 0;
		else
			missing = missing_at_replicas(&facts, waiter);

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
		rw_row_count(&row, missing);
		rw_row_duration(&row, here && missing >= 0 ?
						rw_replay_eta(missing) : -1);
		if (missing >= 0)
			rw_row_text(&row, here ? reason : NULL);
		else
			rw_row_text(&row, here ?
						"this server is not on that timeline yet" :
						"fewer replicas are connected than are waited for");
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
