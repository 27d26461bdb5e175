/*-------------------------------------------------------------------------
 *
 * write_json.c
 *	  Writes a row as members of a JSON object.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "datatype/timestamp.h"

#include "src/show/write_json.h"

/*
 * Dates are worked out from 1 March of the year 0 on, so that a leap day is
 * the last day of its year.
 */
#define DAYS_TO_2000	730425	/* to 1 January 2000 */
#define DAYS_TO_YEAR_1	306
#define DAYS_TO_10000	(25 * DAYS_PER_ERA - 60)
#define DAYS_PER_ERA	146097	/* of 400 years */

/* A number with leading zeros, up to so many digits. */
static void
add_digits(RwText *out, int number, int digits)
{
	int			limit = 1;

	while (--digits > 0)
		limit *= 10;
	for (; limit > 1 && number < limit; limit /= 10)
		rw_text_add(out, "0");
	rw_text_int(out, number);
}

/* The date of a day, counted from 1 January 2000. */
static void
add_date(RwText *out, int day)
{
	int			days = day + DAYS_TO_2000;
	int			era = days / DAYS_PER_ERA;
	int			of_era = days % DAYS_PER_ERA;
	int			year;
	int			of_year;
	int			month;			/* 0 is March */

	/* Less the leap days so far, the years have 365 days each. */
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	/* Five months from March on have 153 days, and so have the next five. */
	month = (5 * of_year + 2) / 153;

	add_digits(out, era * 400 + year + (month >= 10), 4);
	rw_text_add(out, "-");
	add_digits(out, month < 10 ? month + 3 : month - 9, 2);
	rw_text_add(out, "-");
	add_digits(out, of_year - (153 * month + 2) / 5 + 1, 2);
}

/*
 * A year of ISO 8601 has four digits.  Other times, which only the clock of a
 * replica could show, are null.
 */
static void
add_time(RwText *out, int64 at)
{
	int64		day = at / USECS_PER_DAY;
	int64		time = at % USECS_PER_DAY;

	if (time < 0)
	{
		day--;
		time += USECS_PER_DAY;
	}
	if (day + DAYS_TO_2000 < DAYS_TO_YEAR_1 ||
		day + DAYS_TO_2000 >= DAYS_TO_10000)
	{
		rw_text_add(out, "null");
		return;
	}
	rw_text_add(out, "\"");
	add_date(out, (int) day);
	rw_text_add(out, "T");
	add_digits(out, (int) (time / USECS_PER_HOUR), 2);
	rw_text_add(out, ":");
	add_digits(out, (int) (time / USECS_PER_MINUTE % 60), 2);
	rw_text_add(out, ":");
	add_digits(out, (int) (time / USECS_PER_SEC % 60), 2);
	rw_text_add(out, ".");
	add_digits(out, (int) (time % USECS_PER_SEC), 6);
	rw_text_add(out, "Z\"");
}

static void
add_pids(RwText *out, const RwValue *value)
{
	int			i;

	rw_text_add(out, "[");
	for (i = 0; i < value->number; i++)
	{
		if (i > 0)
			rw_text_add(out, ",");
		rw_text_int(out, value->pids[i]);
	}
	rw_text_add(out, "]");
}

static void
add_value(RwText *out, RwColumnType type, const RwValue *value,
		  RwLsnWriter write_lsn)
{
	switch (type)
	{
		case RW_TEXT:
		case RW_NAME:
		case RW_IDENTIFIER:
		case RW_ADDRESS:
			if (value->text[0] == '\0')
				rw_text_add(out, "null");
			else
				rw_text_quoted(out, value->text);
			break;
		case RW_BOOLEAN:
			rw_text_add(out, value->number ? "true" : "false");
			break;
		case RW_DOUBLE:
			rw_text_int(out, (int64) value->real);
			break;
		case RW_LSN:
			rw_text_add(out, "\"");
			write_lsn(out, (uint64) value->number);
			rw_text_add(out, "\"");
			break;
		case RW_DURATION:
			rw_text_decimal(out, value->number, 6);
			break;
		case RW_TIME:
			add_time(out, value->number);
			break;
		case RW_PIDS:
			add_pids(out, value);
			break;
		case RW_INTEGER:
		case RW_BIGINT:
		case RW_OID:
		case RW_XID:
		case RW_ROLE:
		case RW_DATABASE:
			rw_text_int(out, value->number);
			break;
	}
}

void
rw_json_members(RwText *out, const RwColumns *columns, const void *row,
				RwLsnWriter write_lsn)
{
	int			i;

	for (i = 0; i < columns->ncolumns; i++)
	{
		const RwColumn *column = &columns->columns[i];
		RwValue		value;

		if (column->name == NULL || (column->flags & RW_NOT_ON_PAGES) != 0)
			continue;
		value = column->get(row);
		if (value.state == RW_VALUE_ABSENT)
			continue;
		/* The first member follows the object's brace. */
		if (out->data[out->len - 1] != '{')
			rw_text_add(out, ",");
		rw_text_adds(out, "\"", column->name, "\":", NULL);
		if (value.state == RW_VALUE_UNKNOWN)
			rw_text_add(out, "null");
		else
			add_value(out, column->type, &value, write_lsn);
	}
}
