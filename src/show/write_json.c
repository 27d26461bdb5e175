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

#include "src/show/write_json.h"

static void
add_json_pids(RwText *out, const RwValue *value)
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
add_json_value(RwText *out, RwColumnType type, const RwValue *value,
			   const RwJsonFormats *formats)
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
			formats->add_lsn(out, (uint64) value->number);
			break;
		case RW_DURATION:
			rw_text_decimal(out, value->number, 6);
			break;
		case RW_TIME:
			formats->add_time(out, value->number);
			break;
		case RW_PIDS:
			add_json_pids(out, value);
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
				const RwJsonFormats *formats)
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
			add_json_value(out, column->type, &value, formats);
	}
}
