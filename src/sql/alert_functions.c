/*-------------------------------------------------------------------------
 *
 * alert_functions.c
 *	  SQL functions about alerts: replwatch_alerts, replwatch_silence.
 *
 * replwatch_silence() changes the list of silences in shared memory.  The
 * sampling worker saves it and acts on it in its next round.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/alert/alert.h"
#include "src/alert/alert_list.h"
#include "src/base/compat.h"
#include "src/base/layout.h"
#include "src/base/locks.h"
#include "src/show/show.h"
#include "src/sql/report_name.h"
#include "src/sql/write_row.h"

PG_FUNCTION_INFO_V1(replwatch_alerts);
PG_FUNCTION_INFO_V1(replwatch_silence);

/*
 * The alerts that fire, the worst first, and then those that were cleared
 * last, one row each.
 */
Datum
replwatch_alerts(PG_FUNCTION_ARGS)
{
	RwAlertView *views;
	RwRows		rows;
	int			n;
	int			i;

	rw_require_preload();
	rw_layout_require();
	rw_rows_begin(&rows, fcinfo, &rw_alert_columns, NULL);

	views = rw_alert_list(GetCurrentTimestamp(), &n);
	for (i = 0; i < n; i++)
		rw_rows_add(&rows, &views[i], false);
	return (Datum) 0;
}

/*
 * Keep the alerts of a subject (text) from log and command for a duration
 * (interval) from now on.  A duration that is not positive ends a silence.
 * Returns false if there is no such subject.  An error if the name could be
 * that of two (22023), or if too many subjects are silenced (53400).
 */
Datum
replwatch_silence(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Interval   *duration = PG_GETARG_INTERVAL_P(1);
	TimestampTz wall = GetCurrentTimestamp();
	TimestampTz until;
	RwSubjectMeant meant;
	bool		room = true;

	rw_require_preload();
	rw_layout_require();

	if (rw_interval_is_infinite(duration))
		until = DT_NOEND;
	else
		until = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
														TimestampTzGetDatum(wall),
														IntervalPGetDatum(duration)));

	LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
	rw_find_subject_meant(&meant, name);
	if (meant.found == RW_NAME_FOUND)
		room = rw_set_silence(&meant, until, wall);
	LWLockRelease(rw_state_lock);

	if (meant.found == RW_NAME_AMBIGUOUS)
		rw_report_ambiguous_name(&meant.search);
	if (!room)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("more than %d subjects cannot be silenced at a time",
						RW_MAX_SILENCES)));
	PG_RETURN_BOOL(meant.found == RW_NAME_FOUND);
}
