/*-------------------------------------------------------------------------
 *
 * columns.h
 *	  The columns of a row, described once for SQL, JSON and metrics.
 *
 * A pure file.  A table of columns (RwColumns) describes one kind of row:
 * for each column its name, its type, how to get its value from the row, and
 * the metric that shows it, if there is one.  What a row is, the table's own
 * file says; a getter takes a pointer to one.  Three writers read the tables:
 * sql/write_row.h, show/write_json.h and show/write_metrics.h.
 *
 * The order of columns in a table is that of the pages.  SQL goes by names:
 * the function's declaration decides on the order there.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_COLUMNS_H
#define RW_COLUMNS_H

/* The type in SQL; how pages show it, where that does not go without saying. */
typedef enum RwColumnType
{
	RW_TEXT,
	RW_NAME,
	RW_BOOLEAN,
	RW_INTEGER,
	RW_BIGINT,
	RW_DOUBLE,					/* pages: cut off to a whole number */
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

/* An unknown value is NULL; JSON leaves out a member that is absent. */
typedef enum RwValueState
{
	RW_VALUE_KNOWN,
	RW_VALUE_UNKNOWN,
	RW_VALUE_ABSENT				/* the row has no such thing */
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
	RW_SUMMARY					/* an unknown quantile is NaN */
} RwMetricType;

/*
 * How a column is shown as a metric.  Columns of one family are neighbours in
 * their table, and the first of them has its help and type.
 *
 * With a label that has no fixed value, the column's text becomes the label's
 * value, and the sample is 1.
 */
typedef struct RwMetric
{
	const char *family;			/* NULL: not shown */
	const char *help;			/* one line */
	const char *label;			/* beside the row's labels, or NULL */
	const char *label_value;	/* fixed, or NULL */
	RwMetricType type;
	const char *suffix;			/* of the sample's name, such as "_sum" */
} RwMetric;

/* Flags of a column. */
#define RW_HIDDEN		0x01	/* from callers without pg_read_all_stats */
#define RW_NOT_ON_PAGES	0x02	/* SQL only: anyone may read the port's pages */

typedef struct RwColumn
{
	const char *name;			/* in SQL and JSON; NULL: only a metric */
	RwColumnType type;
	int			flags;
	RwGetter	get;
	RwMetric	metric;
} RwColumn;

typedef struct RwColumns
{
	const RwColumn *columns;
	int			ncolumns;
	const RwColumn *labels;		/* name and value of each sample's labels */
	int			nlabels;
} RwColumns;

/*
 * What getters return
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

/* Negative is unknown: of amounts and durations. */
static inline RwValue
rw_value_count(int64 number)
{
	return number < 0 ? rw_value_unknown() : rw_value_number(number);
}

/* 0 is unknown: of LSNs, times, pids and ports. */
static inline RwValue
rw_value_nonzero(int64 number)
{
	return number == 0 ? rw_value_unknown() : rw_value_number(number);
}

/* Negative is unknown. */
static inline RwValue
rw_value_real(double real)
{
	if (real < 0)
		return rw_value_unknown();
	return (RwValue) {.real = real};
}

/* NULL is unknown, and so is "" but in SQL's application_name. */
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
