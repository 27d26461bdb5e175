/*-------------------------------------------------------------------------
 *
 * units.c
 *	  Durations, sizes, LSNs and commit tokens as text, written and read.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/clock.h"
#include "src/base/digit.h"
#include "src/base/units.h"

/* The hexadecimal digits of a commit token's parts. */
#define SYSTEM_DIGITS		16
#define TIMELINE_DIGITS		8

/* ----------------------------------------------------------------
 *		Writing
 * ----------------------------------------------------------------
 */

void
rw_text_duration(RwText *out, int64 duration)
{
	if (duration > -RW_SECOND && duration < RW_SECOND)
	{
		rw_text_int(out, duration / RW_MS);
		rw_text_add(out, " ms");
		return;
	}
	if (duration > -10 * RW_SECOND && duration < 10 * RW_SECOND)
		rw_text_decimal(out, duration / (RW_SECOND / 10), 1);
	else
		rw_text_int(out, duration / RW_SECOND);
	rw_text_add(out, " s");
}

/* Hours, minutes and seconds, the hours with at least so many digits. */
static void
add_clock(RwText *out, int64 seconds, int least_hours)
{
	rw_text_number(out, seconds / 3600, 10, least_hours);
	rw_text_add(out, ":");
	rw_text_number(out, seconds / 60 % 60, 10, 2);
	rw_text_add(out, ":");
	rw_text_number(out, seconds % 60, 10, 2);
}

const char *
rw_duration(char *buffer, int64 duration)
{
	int64		seconds = Max(duration, 0) / RW_SECOND;
	RwText		out;

	rw_text_begin(&out, buffer, RW_DURATION_LEN);
	if (seconds < 120)
	{
		rw_text_int(&out, seconds);
		rw_text_add(&out, " s");
	}
	else
		add_clock(&out, seconds, 1);
	return buffer;
}

const char *
rw_clock_text(char *buffer, int64 duration)
{
	RwText		out;

	rw_text_begin(&out, buffer, RW_CLOCK_LEN);
	add_clock(&out, Max(duration, 0) / RW_SECOND, 2);
	return buffer;
}

const char *
rw_size_text(char *buffer, int64 size)
{
	static const char *const units[] = {" bytes", " kB", " MB", " GB", " TB"};
	int			i = 0;
	RwText		out;

	size = Max(size, 0);
	while (size >= 10 * 1024 && i < lengthof(units) - 1)
	{
		size = size / 1024 + (size % 1024 >= 512 ? 1 : 0);
		i++;
	}
	rw_text_begin(&out, buffer, RW_SIZE_LEN);
	rw_text_int(&out, size);
	rw_text_add(&out, units[i]);
	return buffer;
}

void
rw_text_lsn(RwText *out, uint64 lsn)
{
	rw_text_number(out, lsn >> 32, 16, 1);
	rw_text_add(out, "/");
	rw_text_number(out, lsn & 0xFFFFFFFF, 16, 1);
}

void
rw_text_token(RwText *out, uint64 system, uint32 tli, uint64 lsn)
{
	char		digits[SYSTEM_DIGITS + 1];
	RwText		lower;
	char	   *c;

	rw_text_begin(&lower, digits, sizeof(digits));
	rw_text_number(&lower, system, 16, SYSTEM_DIGITS);
	for (c = digits; *c; c++)
	{
		if (*c >= 'A')
			*c += 'a' - 'A';
	}

	rw_text_adds(out, digits, ":", NULL);
	rw_text_number(out, tli, 16, TIMELINE_DIGITS);
	rw_text_add(out, ":");
	rw_text_number(out, lsn >> 32, 16, RW_LSN_DIGITS);
	rw_text_add(out, "/");
	rw_text_number(out, lsn & 0xFFFFFFFF, 16, RW_LSN_DIGITS);
}

/* ----------------------------------------------------------------
 *		Reading
 * ----------------------------------------------------------------
 */

static bool
take_char(const char **at, const char *end, char c)
{
	if (*at == end || **at != c)
		return false;
	(*at)++;
	return true;
}

bool
rw_take_number(const char **at, const char *end, int base, int most_digits,
			   uint64 most, uint64 *value)
{
	int			digits = 0;

	*value = 0;
	while (*at < end)
	{
		int			digit = rw_digit(**at, base);

		if (digit < 0)
			break;
		if (++digits > most_digits || digit > most ||
			*value > (most - digit) / base)
			return false;
		*value = *value * base + digit;
		(*at)++;
	}
	return digits > 0;
}

bool
rw_take_lsn(const char **at, const char *end, int most_digits, uint64 *lsn)
{
	uint64		high;
	uint64		low;

	if (!rw_take_number(at, end, 16, most_digits, PG_UINT32_MAX, &high) ||
		!take_char(at, end, '/') ||
		!rw_take_number(at, end, 16, most_digits, PG_UINT32_MAX, &low))
		return false;
	*lsn = high << 32 | low;
	return true;
}

/* A hexadecimal number of so many digits, not less. */
static bool
take_digits(const char **at, const char *end, int digits, uint64 *value)
{
	const char *last = *at + digits;

	return end - *at >= digits &&
		rw_take_number(at, last, 16, digits, PG_UINT64_MAX, value) &&
		*at == last;
}

bool
rw_take_token(const char **at, const char *end, uint64 *system, uint32 *tli,
			  uint64 *lsn)
{
	uint64		timeline;
	uint64		high;
	uint64		low;

	if (!take_digits(at, end, SYSTEM_DIGITS, system) ||
		!take_char(at, end, ':') ||
		!take_digits(at, end, TIMELINE_DIGITS, &timeline) ||
		timeline == 0 || !take_char(at, end, ':') ||
		!take_digits(at, end, RW_LSN_DIGITS, &high) ||
		!take_char(at, end, '/') ||
		!take_digits(at, end, RW_LSN_DIGITS, &low))
		return false;
	*tli = (uint32) timeline;
	*lsn = high << 32 | low;
	return true;
}

bool
rw_lsn_in(const char *string, uint64 *lsn)
{
	const char *at = string;
	const char *end = string + strlen(string);

	return rw_take_lsn(&at, end, RW_LSN_DIGITS, lsn) && at == end;
}

typedef struct AmountUnit
{
	const char *name;
	bool		is_time;
	int64		size;			/* in bytes, or microseconds */
} AmountUnit;

static const AmountUnit amount_units[] = {
	{"", false, 1},
	{"B", false, 1},
	{"kB", false, INT64CONST(1) << 10},
	{"MB", false, INT64CONST(1) << 20},
	{"GB", false, INT64CONST(1) << 30},
	{"TB", false, INT64CONST(1) << 40},
	{"us", true, 1},
	{"ms", true, RW_MS},
	{"s", true, RW_SECOND},
	{"min", true, RW_MINUTE},
	{"h", true, RW_HOUR},
	{"d", true, RW_DAY},
};

bool
rw_amount_in(const char *at, const char *end, bool *is_time, int64 *amount)
{
	uint64		whole;
	uint64		fraction = 0;
	int64		scale = 1;
	int			i;

	if (!rw_take_number(&at, end, 10, 18, PG_INT64_MAX, &whole))
		return false;
	if (take_char(&at, end, '.'))
	{
		const char *begin = at;

		if (!rw_take_number(&at, end, 10, 6, PG_INT64_MAX, &fraction))
			return false;
		for (; begin < at; begin++)
			scale *= 10;
	}

	for (i = 0; i < lengthof(amount_units); i++)
	{
		const AmountUnit *unit = &amount_units[i];
		size_t		len = strlen(unit->name);

		if (end - at != len || memcmp(at, unit->name, len) != 0)
			continue;

		/* The decimals add less than one unit. */
		if (whole > (uint64) ((PG_INT64_MAX - unit->size) / unit->size))
			return false;
		*is_time = unit->is_time;
		*amount = (int64) whole * unit->size +
			(int64) ((double) fraction / scale * unit->size);
		return true;
	}
	return false;
}
