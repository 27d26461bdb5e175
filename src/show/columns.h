/*-------------------------------------------------------------------------
 *
 * columns.h
 *	  The columns of a row, described once for SQL, JSON and metrics.
 *
 * Pure.  A table of columns (RwColumns) describes one kind of row: for each
 * column its name, its type, a function that gets its value from a row, and
 * the metric that shows it, if there is one.  A row is a struct; each table
 * says which.  Three writers read the tables: sql/write_row.h,
 * show/write_json.h and show/write_metrics.h.
 *
 * Pages show the columns in the order of the table.  SQL finds them by name,
 * and shows them in the order of the function's declaration.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_COLUMNS_H
#define RW_COLUMNS_H

/* The type of a column in SQL, and how pages show it if that differs. */
typedef enum RwColumnType
{
	RW_TEXT,
	RW_NAME,
	RW_BOOLEAN,
	RW_INTEGER,
	RW_BIGINT,
	RW_DOUBLE,					/* double precision; pages: cut off to a whole
								 * number */
	RW_LSN,						/* pg_lsn; metrics: bytes since 0/0 */
	RW_DURATION,				/* interval, of microseconds; pages: seconds */
	RW_TIME,					/* timestamptz; JSON: ISO 8601 in UTC;
								 * metrics: seconds since 1970 */
	RW_PIDS,					/* integer[]; metrics: how many */
	RW_IDENTIFIER,				/* bigint; pages: a string, because not every
								 * reader of JSON has integers of 64 bits */

	/* Not on pages. */
	RW_ADDRESS,					/* inet, of a text */
	RW_OID,
	RW_XID,
	RW_ROLE,					/* name of the role with this OID */
	RW_DATABASE					/* name of the database with this OID */
} RwColumnType;

/*
 * SQL shows NULL for unknown and absent values.  JSON shows null for an
 * unknown value, and leaves out an absent one.  Metrics have no sample of
 * either.
 */
typedef enum RwValueState
{
	RW_VALUE_KNOWN,
	RW_VALUE_UNKNOWN,
	RW_VALUE_ABSENT				/* such a row has none: a link without a slot
								 * has no slot_name */
} RwValueState;

typedef struct RwValue
{
	RwValueState state;
	int64		number;			/* of most types; of RW_PIDS, how many */
	double		real;			/* of RW_DOUBLE */
	const char *text;			/* of RW_TEXT, RW_NAME and RW_ADDRESS; of
								 * RW_IDENTIFIER, beside the number */
	const int  *pids;			/* of RW_PIDS */
} RwValue;

typedef RwValue (*RwGetter) (const void *row);

typedef enum RwMetricType
{
	RW_GAUGE,
	RW_COUNTER,
	RW_SUMMARY					/* the sample of an unknown quantile is NaN */
} RwMetricType;

/*
 * The metric of a column.  Columns of one family stand together in their
 * table; the first of them has the family's help and type.
 *
 * A text is shown by a sample of 1 that has it as the value of a label.
 */
typedef struct RwMetric
{
	const char *family;			/* NULL: not shown */
	const char *help;			/* what it is, its unit, when it is absent */
	const char *label;			/* after the row's labels; NULL: none */
	const char *label_value;	/* NULL: the column's text */
	RwMetricType type;
	const char *suffix;			/* of the sample's name, such as "_sum", or
								 * NULL */
} RwMetric;

/* Flags of a column. */
#define RW_HIDDEN		0x01	/* from callers without pg_read_all_stats */
#define RW_NOT_ON_PAGES	0x02	/* anyone may read pages */

typedef struct RwColumn
{
	const char *name;			/* in SQL and JSON; NULL: a metric only */
	RwColumnType type;
	int			flags;
	RwGetter	get;
	RwMetric	metric;
} RwColumn;

typedef struct RwColumns
{
	const RwColumn *columns;
	int			ncolumns;
	const RwColumn *labels;		/* labels of all samples: names and values */
	int			nlabels;
} RwColumns;

/*
 * The values that getters return
 */

static inline RwValue
rw_value_absent(void)
{
	return (RwValue) {.state = RW_VALUE_ABSENT};
}

static inline RwValue
rw_value_unknown(void)
{
	return (RwValue) {.state = RW_VALUE_UNKNOWN};
}

static inline RwValue
rw_value_number(int64 number)
{
	return (RwValue) {.number = number};
}

/* An amount or a duration; a negative one is unknown. */
static inline RwValue
rw_value_count(int64 number)
{
	return number < 0 ? rw_value_unknown() : rw_value_number(number);
}

/* An LSN, a time, a pid, a port or an OID; 0 is unknown. */
static inline RwValue
rw_value_nonzero(int64 number)
{
	return number == 0 ? rw_value_unknown() : rw_value_number(number);
}

/* A rate; a negative one is unknown. */
static inline RwValue
rw_value_real(double real)
{
	if (real < 0)
		return rw_value_unknown();
	return (RwValue) {.real = real};
}

/* NULL and an empty text are unknown. */
static inline RwValue
rw_value_text(const char *text)
{
	if (text == NULL || text[0] == '\0')
		return rw_value_unknown();
	return (RwValue) {.text = text};
}

static inline RwValue
rw_value_pids(const int *pids, int n)
{
	return (RwValue) {.number = n, .pids = pids};
}

#endif							/* RW_COLUMNS_H */
