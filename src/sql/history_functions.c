/*-------------------------------------------------------------------------
 *
 * history_functions.c
 *	  SQL functions about the past: LSNs and times, charts, forgetting.
 *
 * Each copies what it needs out of shared memory under the lock, and formats
 * the copy after it.
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
#include "utils/tuplestore.h"

#include "src/alert/alert.h"
#include "src/base/arguments.h"
#include "src/base/layout.h"
#include "src/base/locks.h"
#include "src/history/history.h"
#include "src/lag/lag.h"
#include "src/lag/lag_shared.h"
#include "src/replica/replica_shared.h"
#include "src/settings.h"
#include "src/sql/report_name.h"
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
 * HISTORY_GETTER(lag, value) defines history_lag(), the getter of the column
 * "lag" of a HistoryRow.  The value is an expression of `seen`, the row.
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

static const RwColumn history_columns[] = {
	{"at", RW_TIME, 0, .get = history_at},
	{"name", RW_TEXT, 0, .get = history_name},
	{"lag_bytes", RW_BIGINT, 0, .get = history_lag_bytes},
	{"lag", RW_DURATION, 0, .get = history_lag},
	{"state", RW_TEXT, 0, .get = history_state},
};

static const RwColumns history_table = {
	history_columns, lengthof(history_columns), NULL, 0
};

/*
 * The time (timestamptz) at which the end of WAL reached an LSN (pg_lsn) on
 * this server.  NULL outside of the recorded history.
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

	/* Read together, so that an LSN has the same time at each call. */
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
 * The end of WAL (pg_lsn) on this server at a time (timestamptz).  NULL
 * outside of the recorded history.
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

	/* No time is before the clock's zero; the sums below stay in range. */
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

/*
 * Copy the chart in a place of the table of replicas.  False if it has none.
 * The caller holds state_lock.
 */
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

/* Does core show walsenders to the caller? */
static bool
may_see_replicas(void)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

/*
 * Find the replica, or this standby's own link, that a name means; false if
 * there is none, and an error (22023) if there are two.
 */
static bool
find_charted(RwNameSearch *search, const char *name, bool in_recovery)
{
	RwNameFound found;

	rw_search_begin(search, name);
	LWLockAcquire(rw_state_lock, LW_SHARED);
	rw_search_replicas(search, rw_replicas, rw_max_replicas);
	if (in_recovery)
		rw_search_add(search, rw_lag_shared->upstream_name);
	LWLockRelease(rw_state_lock);

	found = rw_search_end(search);
	if (found == RW_NAME_AMBIGUOUS)
		rw_report_ambiguous_name(search);
	return found == RW_NAME_FOUND;
}

/*
 * The recorded lag of a replica (text), or of all if that is NULL, since a
 * time ago (interval): a row a point, those of a standby's own link first.
 * No rows for callers to whom core does not show walsenders.
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
	RwNameSearch search;
	RwRows		rows;
	int			place;

	rw_require_preload();
	rw_layout_require();
	rw_rows_begin(&rows, fcinfo, &history_table, NULL);
	if (!may_see_replicas())
		return (Datum) 0;
	copy = palloc(sizeof(NamedChart));
	if (name && !find_charted(&search, name, in_recovery))
		return (Datum) 0;

	/* Charts are a day deep; the times of their points have 32 bits. */
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

		if (found &&
			(name == NULL || rw_name_equal(copy->name, search.found[0])))
			add_chart_rows(&rows, copy, now - since, now, wall);
	}
	return (Datum) 0;
}

/*
 * Copy the chart of a link by name; `link` is as for replwatch_trend().  False
 * if there is none.
 */
static bool
find_chart(const char *name, const char *link, NamedChart *copy)
{
	bool		found = strcmp(link, "upstream") == 0;
	const RwReplica *user;
	int			i;

	LWLockAcquire(rw_state_lock, LW_SHARED);
	if (found)
		copy->chart = rw_lag_shared->upstream_chart;
	else if (strcmp(link, "slot") == 0)
	{
		user = rw_replicas_find_gone_slot(rw_replicas, rw_max_replicas, name);
		found = user != NULL && copy_chart(user - rw_replicas, copy);
	}
	else
	{
		for (i = 0; i < rw_max_replicas && !found; i++)
		{
			if (rw_name_equal(rw_replicas[i].name, name))
				found = copy_chart(i, copy);
		}
	}
	LWLockRelease(rw_state_lock);
	return found;
}

/* A step of a trend: its height is 0 to 7, or negative if nothing is known. */
static void
append_trend_step(StringInfo trend, int height, bool blocks)
{
	if (height < 0)
		appendStringInfoChar(trend, ' ');
	else if (blocks)
	{
		/* U+2581 to U+2588, lower one eighth block to full block */
		appendStringInfoString(trend, "\xE2\x96");
		appendStringInfoChar(trend, (char) (0x81 + height));
	}
	else
		appendStringInfoChar(trend, '0' + height);
}

/*
 * The lag of a link in the last five minutes, as a text of one character a
 * step; the greatest lag has full height.  The arguments (text) are its name
 * and "upstream", "downstream" or, of a slot that nobody uses, "slot": then it
 * is the lag of the replica that has used that slot.  NULL if there is no such
 * link, if nothing is recorded, or if core does not show walsenders to the
 * caller.
 *
 * Uses block characters if both server and client use UTF8, else digits.
 */
Datum
replwatch_trend(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *link = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bool		blocks = GetDatabaseEncoding() == PG_UTF8 &&
		pg_get_client_encoding() == PG_UTF8;
	int			heights[TREND_STEPS];
	StringInfoData trend;
	NamedChart *copy;
	int			i;

	if (!rw_is_preloaded() || !may_see_replicas())
		PG_RETURN_NULL();
	copy = palloc(sizeof(NamedChart));
	if (!find_chart(name, link, copy))
		PG_RETURN_NULL();

	rw_chart_trend(&copy->chart, rw_clock_now(), TREND_STEPS, heights);
	initStringInfo(&trend);
	for (i = 0; i < TREND_STEPS; i++)
	{
		/* The text begins where the record does. */
		if (heights[i] >= 0 || trend.len > 0)
			append_trend_step(&trend, heights[i], blocks);
	}
	if (trend.len == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(trend.data));
}

/*
 * Forget a replica (text) that was removed on purpose, and clear its alerts.
 * Returns false if it was not known and had no alerts.  An error (22023) if
 * the name could be that of two.
 */
Datum
replwatch_forget(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	RwSubjectMeant meant;
	bool		forgotten = false;

	rw_require_preload();
	rw_layout_require();

	LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
	rw_find_subject_meant(&meant, name);
	if (meant.found == RW_NAME_FOUND)
	{
		if (meant.classes & RW_CLASS_BIT(RW_SUBJECT_REPLICA))
			forgotten = rw_replicas_forget(rw_replicas, rw_max_replicas,
										   meant.search.found[0]);
		/* The name may be that of a replica, too. */
		if (!forgotten &&
			(meant.classes & RW_CLASS_BIT(RW_SUBJECT_NODE)))
			forgotten |= rw_upstream_forget(&rw_lag_shared->upstream);
		forgotten |= rw_alerts_forget(&meant);
	}
	LWLockRelease(rw_state_lock);

	if (meant.found == RW_NAME_AMBIGUOUS)
		rw_report_ambiguous_name(&meant.search);
	PG_RETURN_BOOL(forgotten);
}
