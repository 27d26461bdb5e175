/*-------------------------------------------------------------------------
 *
 * write_row.c
 *	  Rows of the SQL functions.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "src/sql/write_row.h"

void
rw_row_begin(RwRow *row)
{
	row->ncolumns = 0;
	memset(row->values, 0, sizeof(row->values));
	memset(row->nulls, true, sizeof(row->nulls));
}

void
rw_row_check(TupleDesc tupdesc)
{
	if (tupdesc->natts > RW_ROW_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("function is declared with more columns than this version of replwatch knows")));
}

void
rw_row_null(RwRow *row)
{
	Assert(row->ncolumns < RW_ROW_MAX);
	row->ncolumns++;
}

void
rw_row_datum(RwRow *row, Datum value)
{
	Assert(row->ncolumns < RW_ROW_MAX);
	row->values[row->ncolumns] = value;
	row->nulls[row->ncolumns++] = false;
}

void
rw_row_text(RwRow *row, const char *value)
{
	if (value == NULL || value[0] == '\0')
		rw_row_null(row);
	else
		rw_row_datum(row, CStringGetTextDatum(value));
}

void
rw_row_name(RwRow *row, const char *value)
{
	if (value == NULL || value[0] == '\0')
		rw_row_null(row);
	else
		rw_row_datum(row, DirectFunctionCall1(namein,
											  CStringGetDatum(value)));
}

void
rw_row_count(RwRow *row, int64 value)
{
	if (value < 0)
		rw_row_null(row);
	else
		rw_row_datum(row, Int64GetDatum(value));
}

void
rw_row_int(RwRow *row, int32 value)
{
	rw_row_datum(row, Int32GetDatum(value));
}

void
rw_row_bool(RwRow *row, bool value)
{
	rw_row_datum(row, BoolGetDatum(value));
}

void
rw_row_lsn(RwRow *row, XLogRecPtr value)
{
	if (value == InvalidXLogRecPtr)
		rw_row_null(row);
	else
		rw_row_datum(row, LSNGetDatum(value));
}

void
rw_row_time(RwRow *row, TimestampTz value)
{
	if (value == 0)
		rw_row_null(row);
	else
		rw_row_datum(row, TimestampTzGetDatum(value));
}

/* Like core's lag columns: hours are not made days. */
void
rw_row_duration(RwRow *row, int64 value)
{
	if (value < 0)
		rw_row_null(row);
	else
	{
		Interval   *interval = palloc0(sizeof(Interval));

		interval->time = value;
		rw_row_datum(row, IntervalPGetDatum(interval));
	}
}
