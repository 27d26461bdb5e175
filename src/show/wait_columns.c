/*-------------------------------------------------------------------------
 *
 * wait_columns.c
 *	  The columns of the waits since server start.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/show/show.h"

/*
 * WAIT_GETTER(errors, value) defines wait_errors(), the getter of the column
 * "errors" of an RwWaitStats.  The value is an expression of `stats`.
 */
#define WAIT_GETTER(column, value) \
static RwValue \
wait_##column(const void *row) \
{ \
	const RwWaitStats *stats = row; \
\
	return value; \
}

WAIT_GETTER(waits, rw_value_number((int64) stats->waits))
WAIT_GETTER(immediate, rw_value_number((int64) stats->immediate))
WAIT_GETTER(timeouts, rw_value_number((int64) stats->timeouts))
WAIT_GETTER(errors, rw_value_number((int64) stats->errors))
WAIT_GETTER(p50, rw_value_count(rw_wait_percentile(stats, 0.50)))
WAIT_GETTER(p95, rw_value_count(rw_wait_percentile(stats, 0.95)))
WAIT_GETTER(p99, rw_value_count(rw_wait_percentile(stats, 0.99)))
WAIT_GETTER(total_time, rw_value_number((int64) stats->total_time))
WAIT_GETTER(slept, rw_value_number((int64) (stats->waits - stats->immediate)))
WAIT_GETTER(max_time, rw_value_number((int64) stats->max_time))
WAIT_GETTER(rescued, rw_value_number((int64) stats->rescued))

static const RwColumn wait_columns[] = {
	{"waits", RW_BIGINT, 0, .get = wait_waits,
		.metric = {"replwatch_waits_total",
			.help = "Number of waits for an LSN or for replicas that have ended since server start.",
			.type = RW_COUNTER}},
	{"immediate", RW_BIGINT, 0, .get = wait_immediate,
		.metric = {"replwatch_waits_immediate_total",
			.help = "Number of waits for an LSN or for replicas since server start that found it reached and did not sleep.",
			.type = RW_COUNTER}},
	{"timeouts", RW_BIGINT, 0, .get = wait_timeouts,
		.metric = {"replwatch_waits_timed_out_total",
			.help = "Number of waits for an LSN or for replicas since server start that timed out.",
			.type = RW_COUNTER}},
	{"errors", RW_BIGINT, 0, .get = wait_errors,
		.metric = {"replwatch_waits_failed_total",
			.help = "Number of waits for an LSN or for replicas since server start that ended in an error.",
			.type = RW_COUNTER}},
	{"p50", RW_DURATION, 0, .get = wait_p50,
		.metric = {"replwatch_wait_duration_seconds",
			.help = "Duration of the waits for an LSN or for replicas since server start that had to sleep, in seconds; quantiles are NaN before the first one.",
			.label = "quantile", .label_value = "0.5", .type = RW_SUMMARY}},
	{"p95", RW_DURATION, 0, .get = wait_p95,
		.metric = {"replwatch_wait_duration_seconds",
			.label = "quantile", .label_value = "0.95", .type = RW_SUMMARY}},
	{"p99", RW_DURATION, 0, .get = wait_p99,
		.metric = {"replwatch_wait_duration_seconds",
			.label = "quantile", .label_value = "0.99", .type = RW_SUMMARY}},
	{"total_time", RW_DURATION, 0, .get = wait_total_time,
		.metric = {"replwatch_wait_duration_seconds",
			.type = RW_SUMMARY, .suffix = "_sum"}},
	{NULL, RW_BIGINT, 0, .get = wait_slept,
		.metric = {"replwatch_wait_duration_seconds",
			.type = RW_SUMMARY, .suffix = "_count"}},
	{"max_time", RW_DURATION, 0, .get = wait_max_time,
		.metric = {"replwatch_wait_duration_max_seconds",
			.help = "Duration of the longest wait for an LSN or for replicas since server start, in seconds; 0 before the first one that had to sleep."}},
	{"rescued", RW_BIGINT, 0, .get = wait_rescued,
		.metric = {"replwatch_walsenders_rescued_total",
			.help = "Number of times since server start that a sleeping WAL sender had missed WAL that it had to send, and was woken.",
			.type = RW_COUNTER}},
};

const RwColumns rw_wait_columns = {
	wait_columns, lengthof(wait_columns), NULL, 0
};
