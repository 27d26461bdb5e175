/*-------------------------------------------------------------------------
 *
 * render.c
 *	  Text into a buffer of fixed size.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include <stdarg.h>

#include "src/render.h"

void
rw_text_begin(RwText *text, char *data, size_t size)
{
	text	  ->data = data;
	text	  ->size = size;
	text	  ->len = 0;
	text	  ->full = false;

	data[0] = '\0';
}

static void
put(RwText *text, char c)
{
	if (text->len + 1 < text->size)
	{
		text	  ->data[text->len++] = c;
		text	  ->data[text->len] = '\0';
	}
	else
		text	  ->full = true;
}

void
rw_text_add(RwText *text, const char *string)
{
	for (; *string; string++)
		put(text, *string);
}

void
rw_text_adds(RwText *text,...)
{
	const char *string;
	va_list		strings;

	va_start(strings, text);
	while ((string = va_arg(strings, const char *)) != NULL)
		rw_text_add(text, string);
	va_end(strings);
}

/* In a base up to 16, with so many digits at least. */
static void
put_number(RwText *text, uint64 value, unsigned base, int least)
{
	char		digits[20];
	int			n = 0;

	while (value > 0 || n < least)
	{
		digits[n++] = "0123456789ABCDEF"[value % base];
		value /= base;
	}
	while (n > 0)
		put(text, digits[--n]);
}

/* The size of a number without its sign, which the smallest one has, too. */
static uint64
put_sign(RwText *text, int64 value)
{
	if (value >= 0)
		return (uint64) value;
	put(text, '-');
	return -(uint64) value;
}

void
rw_text_int(RwText *text, int64 value)
{
	put_number(text, put_sign(text, value), 10, 1);
}

void
rw_text_decimal(RwText *text, int64 value, int decimals)
{
	uint64		size = put_sign(text, value);
	uint64		unit = 1;
	int			i;

	for (i = 0; i < decimals; i++)
		unit *= 10;
	put_number(text, size / unit, 10, 1);
	if (decimals > 0)
	{
		put(text, '.');
		put_number(text, size % unit, 10, decimals);
	}
}

void
rw_text_duration(RwText *text, int64 duration)
{
	/* Cut off, not rounded: a limit that was not reached is not shown. */
	if (duration > -10000000 && duration < 10000000)
		rw_text_decimal(text, duration / 100000, 1);
	else
		rw_text_int(text, duration / 1000000);
	rw_text_add(text, " s");
}

void
rw_text_lsn(RwText *text, uint64 lsn)
{
	put_number(text, lsn >> 32, 16, 1);
	put(text, '/');
	put_number(text, lsn & 0xFFFFFFFF, 16, 1);
}

/* What both JSON and Prometheus' formats take for a string. */
void
rw_text_quoted(RwText *text, const char *string)
{
	put(text, '"');
	for (; *string; string++)
	{
		if (*string == '"' || *string == '\\')
			put(text, '\\');
		put(text, *string >= ' ' && *string <= '~' ? *string : '?');
	}
	put(text, '"');
}
