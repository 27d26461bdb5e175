/*-------------------------------------------------------------------------
 *
 * write_row.h
 *	  Rows of the SQL functions.
 *
 * A row is filled from left to right.  Its function may have been declared
 * by another 1.x version of the extension: columns that the declaration does
 * not have are left out, those that this library does not know are NULL.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WRITE_ROW_H
#define RW_WRITE_ROW_H

#include "access/tupdesc.h"
#include "access/xlogdefs.h"
#include "datatype/timestamp.h"

/* Columns of the widest function, and room for later ones. */
#define RW_ROW_MAX			64

typedef struct RwRow
{
	int			ncolumns;		/* filled so far */
	Datum		values[RW_ROW_MAX];
	bool		nulls[RW_ROW_MAX];
} RwRow;

/* Begin a row: all columns NULL. */
extern void rw_row_begin(RwRow *row);

/* Check that a function's declaration is one that rows can be made for. */
extern void rw_row_check(TupleDesc tupdesc);

/*
 * Fill the next column.  Unknown is NULL: a NULL or empty string, a negative
 * number where it can't be one (rw_row_count, rw_row_duration), an invalid
 * LSN, time 0.  Durations are in microseconds.
 */
extern void rw_row_null(RwRow *row);
extern void rw_row_datum(RwRow *row, Datum value);
extern void rw_row_text(RwRow *row, const char *value);
extern void rw_row_name(RwRow *row, const char *value);
extern void rw_row_count(RwRow *row, int64 value);	/* bigint */
extern void rw_row_int(RwRow *row, int32 value);
extern void rw_row_bool(RwRow *row, bool value);
extern void rw_row_lsn(RwRow *row, XLogRecPtr value);
extern void rw_row_time(RwRow *row, TimestampTz value);
extern void rw_row_duration(RwRow *row, int64 value);

#endif							/* RW_WRITE_ROW_H */
