/*-------------------------------------------------------------------------
 *
 * write_row.h
 *	  Writes rows as results of SQL functions.
 *
 * A row is a struct, and its columns a table (show/columns.h).  A column of
 * the function's declaration takes the value of the table's column of that
 * name.  The declaration may be that of another 1.x version of the extension:
 * columns that it does not have are left out, those that this library does not
 * know are NULL.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WRITE_ROW_H
#define RW_WRITE_ROW_H

#include "fmgr.h"
#include "funcapi.h"

#include "src/show/columns.h"

/* The rows of a set-returning function. */
typedef struct RwRows
{
	TupleDesc	tupdesc;
	Tuplestorestate *store;
	const RwColumn **columns;	/* by declared column; NULL: not known */
	Datum	   *values;
	bool	   *nulls;
} RwRows;

/*
 * Begin the result of a function that returns rows with the columns of a
 * table and, unless `more` is NULL, those of another one, whose getters take
 * the same row.  Allocates in the current memory context.  An error (42804) if
 * a column is declared with another type than the table's.
 */
extern void rw_rows_begin(RwRows *rows, FunctionCallInfo fcinfo,
						  const RwColumns *columns, const RwColumns *more);

/*
 * Add a row.  With `hide`, columns that are flagged as hidden are NULL.  Names
 * of roles and databases are looked up: no lock may be held.
 */
extern void rw_rows_add(RwRows *rows, const void *row, bool hide);

/* The result of a function that returns one row. */
extern Datum rw_row_result(FunctionCallInfo fcinfo, const RwColumns *columns,
						   const void *row, bool hide);

#endif							/* RW_WRITE_ROW_H */
