/*-------------------------------------------------------------------------
 *
 * history_functions.c
 *	  SQL functions about the past: LSN and time, charts, forgetting.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "src/alert/alert.h"
#include "src/base/arguments.h"
#include "src/base/locks.h"
#include "src/history/history.h"
#include "src/lag/lag.h"
#include "src/lag/lag_shared.h"
#include "src/replica/replica_shared.h"
#include "src/settings.h"
#include "src/sql/write_row.h"

PG_FUNCTION_INFO_V1(replwatch_lsn_time);
PG_FUNCTION_INFO_V1(replwatch_time_lsn);
PG_FUNCTION_INFO_V1(replwatch_history);
PG_FUNCTION_INFO_V1(replwatch_trend);
PG_FUNCTION_INFO_V1(replwatch_forget);

/* Ten-second steps that a trend shows: the last five minutes. */
#define TREND_STEPS		30

/* A chart copied out of shared memory, and the name of its replica. */
typedef struct NamedChart
{
	char		name[RW_NAME_LEN];
	RwChart		chart;
} NamedChart;

/* A row of replwatch_history(). */
typedef struct HistoryRow
{
	const char *name;
	TimestampTz at;
	const RwChartPoint *point;
} HistoryRow;

/*
 * HISTORY_GETTER(lag, ...) defines history_lag(), which gets that of a
 * HistoryRow by an expression of `seen`, the row.
 */
#define HISTORY_GETTER(column, value) \
static RwValue \
history_##column(const void *row) \
{ \
	const HistoryRow *seen = row; \
\
	return value; \
}

HISTORY_GETTER(at, rw_value_nonzero(seen->at))
HISTORY_GETTER(name, rw_value_text(seen->name))
HISTORY_GETTER(lag_bytes, seen->point->bytes == RW_CHART_NO_BYTES ?
			   rw_value_unknown() : rw_value_count((int64) seen->point->bytes))
HISTORY_GETTER(lag, seen->point->lag == RW_CHART_NO_LAG ?
			   rw_value_unknown() :
			   rw_value_number((int64) seen->point->lag * 10 * RW_MS))
HISTORY_GETTER(state, rw_value_text(rw_link_state_name(seen->point->state)))

static const RwColumn history_columns_array[] = {
	{"at", RW_TIME, 0, .get = history_at},
	{"name", RW_TEXT, 0, .get = history_name},
	{"lag_bytes", RW_BIGINT, 0, .get = history_lag_bytes},
	{"lag", RW_DURATION, 0, .get = history_lag},
	{"state", RW_TEXT, 0, .get = history_state},
};

static const RwColumns history_columns = {
	history_columns_array, lengthof(history_columns_array), NULL, 0
};

/*
 * When the end of WAL reached an LSN on this server: timestamptz, NULL where
 * the history does not say.
 */
Datum
replwatch_lsn_time(PG_FUNCTION_ARGS)
{
	XLogRecPtr	lsn = PG_GETARG_LSN(0);
	RwHistoryView view;
	TimeLineID	tli;
	RwTime		at = RW_NEVER;
	RwFound		found;
	TimestampTz wall;

	rw_require_preload();

	view.history = &rw_history_shared->history;
	view.horizon = rw_horizon(&tli);

	/* Side by side, so that the same moment has the same time each time. */
	view.now = rw_clock_now();
	wall = GetCurrentTimestamp();
	LWLockAcquire(rw_history_lock, LW_SHARED);
	found = rw_history_reached(&view, lsn, &at);
	LWLockRelease(rw_history_lock);

	if (found != RW_FOUND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(wall - (view.now - at));
}

/*
 * Where the end of WAL was at a time: pg_lsn, NULL where the history does not
 * say.
 */
Datum
replwatch_time_lsn(PG_FUNCTION_ARGS)
{
	TimestampTz time = PG_GETARG_TIMESTAMPTZ(0);
	TimestampTz wall = GetCurrentTimestamp();
	RwHistoryView view;
	TimeLineID	tli;
	XLogRecPtr	lsn;

	rw_require_preload();

	/* Nothing is older than the axis; that also keeps the sum in range. */
	view.now = rw_clock_now();
	if (time > wall || time < wall - view.now)
		PG_RETURN_NULL();

	view.history = &rw_history_shared->history;
	view.horizon = rw_horizon(&tli);
	LWLockAcquire(rw_history_lock, LW_SHARED);
	lsn = rw_history_lsn_at(&view, view.now - (wall - time));
	LWLockRelease(rw_history_lock);

	if (lsn == InvalidXLogRecPtr)
		PG_RETURN_NULL();
	PG_RETURN_LSN(lsn);
}

/* The chart in a place of the table, if there is one to show. */
static bool
copy_chart(int place, NamedChart *copy)
{
	RwReplica  *replica = &rw_replicas[place];

	if (!replica->used ||
		rw_charts[place].generation != replica->generation)
		return false;
	rw_name_copy(copy->name, replica->name);
	copy->chart = rw_charts[place].chart;
	return true;
}

static void
add_chart_rows(RwRows *rows, const NamedChart *named, RwTime since,
			   RwTime now, TimestampTz wall)
{
	RwChartPoint points[RW_CHART_MAX_POINTS];
	int			npoints = rw_chart_read(&named->chart, since, points);
	int			i;

	for (i = 0; i < npoints; i++)
	{
		RwTime		at = (RwTime) points[i].at * RW_SECOND;
		HistoryRow	row = {named->name, wall - (now - at), &points[i]};

		rw_rows_add(rows, &row, false);
	}
}

/* May the caller see what core shows of a walsender's connection? */
static bool
may_see_replicas(void)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

/*
 * The charts of one replica, or of all: rows (at, name, lag_bytes, lag,
 * state), the standby's own link first.  None for callers to whom core does
 * not show walsenders.
 */
Datum
replwatch_history(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(0) ? NULL :
		text_to_cstring(PG_GETARG_TEXT_PP(0));
	int64		since = PG_ARGISNULL(1) ? RW_HOUR :
		rw_duration_argument(PG_GETARG_INTERVAL_P(1), "since");
	RwTime		now = rw_clock_now();
	TimestampTz wall = GetCurrentTimestamp();
	bool		in_recovery = RecoveryInProgress();
	NamedChart *copy;
	RwRows		rows;
	int			place;

	rw_require_preload();
	rw_rows_begin(&rows, fcinfo, &history_columns);
	if (!may_see_replicas())
		return (Datum) 0;
	copy = palloc(sizeof(NamedChart));

	/* Charts are a day deep, and have no room for much older times. */
	since = Min(since, 2 * RW_DAY);

	/* Place -1 is the upstream link's. */
	for (place = -1; place < rw_max_replicas; place++)
	{
		bool		found;

		LWLockAcquire(rw_state_lock, LW_SHARED);
		if (place >= 0)
			found = copy_chart(place, copy);
		else
		{
			found = in_recovery;
			rw_name_copy(copy->name, rw_lag_shared->upstream_name);
			copy->chart = rw_lag_shared->upstream_chart;
		}
		LWLockRelease(rw_state_lock);

		if (found && (name == NULL || rw_name_equal(copy->name, name)))
			add_chart_rows(&rows, copy, now - since, now, wall);
	}
	return (Datum) 0;
}

/*
 * The last five minutes of a link's lag as a line of characters, its worst
 * full height: text, NULL if there is no such link or nothing is recorded.
 * Block characters where both server and client can have them.
 */
Datum
replwatch_trend(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		upstream = strcmp(text_to_cstring(PG_GETARG_TEXT_PP(1)),
								  "upstream") == 0;
	bool		blocks = GetDatabaseEncoding() == PG_UTF8 &&
		pg_get_client_encoding() == PG_UTF8;
	int			heights[TREND_STEPS];
	StringInfoData trend;
	NamedChart *copy;
	bool		found = false;
	bool		known = false;
	int			i;

	if (!rw_is_preloaded() || !may_see_replicas())
		PG_RETURN_NULL();

	copy = palloc(sizeof(NamedChart));
	LWLockAcquire(rw_state_lock, LW_SHARED);
	if (upstream)
	{
		found = true;
		copy->chart = rw_lag_shared->upstream_chart;
	}
	for (i = 0; !upstream && i < rw_max_replicas && !found; i++)
	{
		if (rw_name_equal(rw_replicas[i].name, name))
			found = copy_chart(i, copy);
	}
	LWLockRelease(rw_state_lock);
	if (!found)
		PG_RETURN_NULL();

	rw_chart_trend(&copy->chart, rw_clock_now(), TREND_STEPS, heights);
	initStringInfo(&trend);
	for (i = 0; i < TREND_STEPS; i++)
	{
		if (heights[i] >= 0)
			known = true;
		/* The line begins where the record does. */
		if (!known)
			continue;
		if (heights[i] < 0)
			appendStringInfoChar(&trend, ' ');
		else if (blocks)
		{
			/* U+2581 to U+2588, lower one eighth block to full block */
			appendStringInfoString(&trend, "\xE2\x96");
			appendStringInfoChar(&trend, (char) (0x81 + heights[i]));
		}
		else
			appendStringInfoChar(&trend, '0' + heights[i]);
	}
	if (!known)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(trend.data));
}

/*
 * Forget a replica that was removed on purpose, and clear its alerts: true if
 * it was known or had any.
 */
Datum
replwatch_forget(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		forgotten;

	rw_require_preload();

	LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
	forgotten = rw_replicas_forget(rw_replicas, rw_max_replicas, name);
	forgotten |= rw_alerts_forget(name);
	LWLockRelease(rw_state_lock);

	PG_RETURN_BOOL(forgotten);
}
