/*-------------------------------------------------------------------------
 *
 * write_row.c
 *	  Writes rows as results of SQL functions.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "src/sql/write_row.h"

static const Oid sql_types[] = {
	[RW_TEXT] = TEXTOID,
	[RW_NAME] = NAMEOID,
	[RW_BOOLEAN] = BOOLOID,
	[RW_INTEGER] = INT4OID,
	[RW_BIGINT] = INT8OID,
	[RW_DOUBLE] = FLOAT8OID,
	[RW_LSN] = PG_LSNOID,
	[RW_DURATION] = INTERVALOID,
	[RW_TIME] = TIMESTAMPTZOID,
	[RW_PIDS] = INT4ARRAYOID,
	[RW_IDENTIFIER] = INT8OID,
	[RW_ADDRESS] = INETOID,
	[RW_OID] = OIDOID,
	[RW_XID] = XIDOID,
	[RW_ROLE] = NAMEOID,
	[RW_DATABASE] = NAMEOID,
};

StaticAssertDecl(lengthof(sql_types) == RW_DATABASE + 1,
				 "every type of column has an SQL type");

/*
 * Like core's lag columns: hours are not made days.
 */
static Datum
duration_datum(int64 duration)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = duration;
	return IntervalPGetDatum(interval);
}

static Datum
pids_datum(const RwValue *value)
{
	int			n = (int) value->number;
	Datum	   *pids = palloc(n * sizeof(Datum));
	int			i;

	for (i = 0; i < n; i++)
		pids[i] = Int32GetDatum(value->pids[i]);
	return PointerGetDatum(construct_array(pids, n, INT4OID, sizeof(int32),
										   true, TYPALIGN_INT));
}

/* A name; false if there is none. */
static bool
name_datum(const char *name, Datum *datum)
{
	if (name == NULL)
		return false;
	*datum = DirectFunctionCall1(namein, CStringGetDatum(name));
	return true;
}

/* The value in SQL; false if it is NULL. */
static bool
value_datum(RwColumnType type, const RwValue *value, Datum *datum)
{
	if (value->state != RW_VALUE_KNOWN)
		return false;
	switch (type)
	{
		case RW_TEXT:
			*datum = CStringGetTextDatum(value->text);
			return true;
		case RW_NAME:
			return name_datum(value->text, datum);
		case RW_ROLE:
			return name_datum(GetUserNameFromId((Oid) value->number, true),
							  datum);
		case RW_DATABASE:
			return name_datum(get_database_name((Oid) value->number), datum);
		case RW_ADDRESS:
			*datum = DirectFunctionCall1(inet_in, CStringGetDatum(value->text));
			return true;
		case RW_BOOLEAN:
			*datum = BoolGetDatum(value->number != 0);
			return true;
		case RW_INTEGER:
			*datum = Int32GetDatum((int32) value->number);
			return true;
		case RW_BIGINT:
		case RW_IDENTIFIER:
			*datum = Int64GetDatum(value->number);
			return true;
		case RW_DOUBLE:
			*datum = Float8GetDatum(value->real);
			return true;
		case RW_LSN:
			*datum = LSNGetDatum((XLogRecPtr) value->number);
			return true;
		case RW_DURATION:
			*datum = duration_datum(value->number);
			return true;
		case RW_TIME:
			*datum = TimestampTzGetDatum(value->number);
			return true;
		case RW_PIDS:
			if (value->number == 0)
				return false;
			*datum = pids_datum(value);
			return true;
		case RW_OID:
			*datum = ObjectIdGetDatum((Oid) value->number);
			return true;
		case RW_XID:
			*datum = TransactionIdGetDatum((TransactionId) value->number);
			return true;
	}
	return false;
}

static void
fill_row(RwRows *rows, const void *row, bool hide)
{
	int			i;

	for (i = 0; i < rows->tupdesc->natts; i++)
	{
		const RwColumn *column = rows->columns[i];
		RwValue		value;

		rows->values[i] = (Datum) 0;
		rows->nulls[i] = true;
		if (column == NULL || (hide && (column->flags & RW_HIDDEN) != 0))
			continue;
		value = column->get(row);
		rows->nulls[i] = !value_datum(column->type, &value, &rows->values[i]);
	}
}

/*
 * Is this the column that a function declares?  An error if it is declared
 * with another type.
 */
static bool
is_declared(const RwColumn *column, Form_pg_attribute attribute)
{
	if (column->name == NULL ||
		strcmp(column->name, NameStr(attribute->attname)) != 0)
		return false;
	if (attribute->atttypid != sql_types[column->type])
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("output column \"%s\" is declared with another type than this version of replwatch returns",
						column->name)));
	return true;
}

/*
 * Find a declared column in a table; NULL if it is not there.  Declarations
 * mostly have the order of the table, so *next remembers where to begin.
 */
static const RwColumn *
find_column(const RwColumns *table, Form_pg_attribute attribute, int *next)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
	{
		int			place = (*next + i) % table->ncolumns;

		if (is_declared(&table->columns[place], attribute))
		{
			*next = (place + 1) % table->ncolumns;
			return &table->columns[place];
		}
	}
	return NULL;
}

static void
prepare_columns(RwRows *rows, TupleDesc tupdesc, const RwColumns *columns,
				const RwColumns *more)
{
	int			n = tupdesc->natts;
	int			next = 0;
	int			next_more = 0;
	int			i;

	rows->tupdesc = tupdesc;
	rows->columns = palloc(n * sizeof(RwColumn *));
	rows->values = palloc(n * sizeof(Datum));
	rows->nulls = palloc(n * sizeof(bool));

	for (i = 0; i < n; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		/* The column after the last one found is likely, in either table. */
		if (more && is_declared(&more->columns[next_more], attribute))
		{
			rows->columns[i] = &more->columns[next_more];
			next_more = (next_more + 1) % more->ncolumns;
			continue;
		}
		rows->columns[i] = find_column(columns, attribute, &next);
		if (rows->columns[i] == NULL && more)
			rows->columns[i] = find_column(more, attribute, &next_more);
	}
}

void
rw_rows_begin(RwRows *rows, FunctionCallInfo fcinfo,
			  const RwColumns *columns, const RwColumns *more)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	rows->store = rsinfo->setResult;
	prepare_columns(rows, rsinfo->setDesc, columns, more);
}

void
rw_rows_add(RwRows *rows, const void *row, bool hide)
{
	fill_row(rows, row, hide);
	tuplestore_putvalues(rows->store, rows->tupdesc, rows->values,
						 rows->nulls);
}

Datum
rw_row_result(FunctionCallInfo fcinfo, const RwColumns *columns,
			  const void *row, bool hide)
{
	TupleDesc	tupdesc;
	RwRows		rows;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	prepare_columns(&rows, tupdesc, columns, NULL);
	fill_row(&rows, row, hide);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
											 rows.values, rows.nulls));
}
