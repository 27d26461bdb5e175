/*-------------------------------------------------------------------------
 *
 * render.c
 *	  Text into a buffer of fixed size.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include <stdarg.h>

#include "src/base/render.h"

void
rw_text_begin(RwText *out, char *data, size_t size)
{
	out->data = data;
	out->size = size;
	out->len = 0;
	out->full = false;

	data[0] = '\0';
}

static void
add_char(RwText *out, char c)
{
	if (out->len + 1 < out->size)
	{
		out->data[out->len++] = c;
		out->data[out->len] = '\0';
	}
	else
		out->full = true;
}

void
rw_text_add(RwText *out, const char *string)
{
	for (; *string; string++)
		add_char(out, *string);
}

void
rw_text_adds(RwText *out,...)
{
	const char *string;
	va_list		strings;

	va_start(strings, out);
	while ((string = va_arg(strings, const char *)) != NULL)
		rw_text_add(out, string);
	va_end(strings);
}

void
rw_text_number(RwText *out, uint64 value, unsigned base, int least)
{
	char		digits[20];
	int			n = 0;

	while (value > 0 || n < least)
	{
		digits[n++] = "0123456789ABCDEF"[value % base];
		value /= base;
	}
	while (n > 0)
		add_char(out, digits[--n]);
}

/* Add the sign, and return the absolute value, which PG_INT64_MIN has too. */
static uint64
add_sign(RwText *out, int64 value)
{
	if (value >= 0)
		return (uint64) value;
	add_char(out, '-');
	return -(uint64) value;
}

void
rw_text_int(RwText *out, int64 value)
{
	rw_text_number(out, add_sign(out, value), 10, 1);
}

void
rw_text_decimal(RwText *out, int64 value, int decimals)
{
	uint64		size = add_sign(out, value);
	uint64		unit = 1;
	int			i;

	for (i = 0; i < decimals; i++)
		unit *= 10;
	rw_text_number(out, size / unit, 10, 1);
	if (decimals > 0)
	{
		add_char(out, '.');
		rw_text_number(out, size % unit, 10, decimals);
	}
}

/* Escaped so that it is a string both in JSON and in Prometheus' format. */
void
rw_text_quoted(RwText *out, const char *string)
{
	add_char(out, '"');
	for (; *string; string++)
	{
		if (*string == '"' || *string == '\\')
			add_char(out, '\\');
		add_char(out, *string >= ' ' && *string <= '~' ? *string : '?');
	}
	add_char(out, '"');
}
