/*-------------------------------------------------------------------------
 *
 * request_parameters.c
 *	  The parameters of a request: what is asked for beyond the topic.
 *
 * A value is read to its end or not at all, and what is given twice is
 * refused.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/digit.h"
#include "src/port/request_parameters.h"

/* The longest parameter, decoded. */
#define PARAMETER_MAX	64

/* A number without sign up to the limit; digits of base 10 or 16. */
static bool
take_number(RwPiece *rest, int base, int most_digits, uint64 *value)
{
	int			digits = 0;

	*value = 0;
	while (rest->at < rest->end)
	{
		int			digit = rw_digit(*rest->at, base);

		if (digit < 0)
			break;
		if (++digits > most_digits)
			return false;
		*value = *value * base + digit;
		rest->at++;
	}
	return digits > 0;
}

static bool
take_char(RwPiece *rest, char c)
{
	if (rest->at == rest->end || *rest->at != c)
		return false;
	rest->at++;
	return true;
}

static bool
read_lsn(RwPiece value, uint64 *lsn)
{
	uint64		high;
	uint64		low;

	if (!take_number(&value, 16, 8, &high) || !take_char(&value, '/') ||
		!take_number(&value, 16, 8, &low) || value.at != value.end)
		return false;
	*lsn = high << 32 | low;
	return true;
}

static bool
read_token(RwPiece value, uint32 *tli, uint64 *lsn)
{
	uint64		number;

	if (!take_number(&value, 10, 10, &number) || number == 0 ||
		number > PG_UINT32_MAX || !take_char(&value, ':'))
		return false;
	*tli = (uint32) number;
	return read_lsn(value, lsn);
}

typedef struct Unit
{
	const char *name;
	bool		is_time;
	int64		size;			/* in bytes, or microseconds */
} Unit;

static const Unit units[] = {
	{"", false, 1},
	{"B", false, 1},
	{"kB", false, INT64CONST(1) << 10},
	{"MB", false, INT64CONST(1) << 20},
	{"GB", false, INT64CONST(1) << 30},
	{"TB", false, INT64CONST(1) << 40},
	{"us", true, 1},
	{"ms", true, 1000},
	{"s", true, INT64CONST(1000000)},
	{"min", true, INT64CONST(60000000)},
	{"h", true, INT64CONST(3600000000)},
	{"d", true, INT64CONST(86400000000)},
};

/* lag=10MB and lag=5s are two limits; one of each kind may be given. */
static bool
read_lag(RwPiece value, RwAskLimits *limits)
{
	uint64		whole;
	uint64		fraction = 0;
	int64		scale = 1;
	int			i;

	if (!take_number(&value, 10, 18, &whole))
		return false;
	if (take_char(&value, '.'))
	{
		const char *begin = value.at;

		if (!take_number(&value, 10, 6, &fraction))
			return false;
		for (; begin < value.at; begin++)
			scale *= 10;
	}

	for (i = 0; i < lengthof(units); i++)
	{
		const Unit *unit = &units[i];
		int64		amount;

		if (!rw_piece_is(value, unit->name))
			continue;
		if (whole > (uint64) ((PG_INT64_MAX - unit->size) / unit->size))
			return false;
		amount = (int64) whole * unit->size +
			(int64) ((double) fraction / scale * unit->size);
		if (unit->is_time ? limits->has_time : limits->has_bytes)
			return false;
		if (unit->is_time)
		{
			limits->has_time = true;
			limits->time = amount;
		}
		else
		{
			limits->has_bytes = true;
			limits->bytes = amount;
		}
		return true;
	}
	return false;
}

bool
rw_read_parameter(RwRequest *request, RwPiece name, RwPiece value)
{
	RwAskLimits *limits = &request->limits;
	uint64		number;

	if (rw_piece_is(name, "lag"))
		return read_lag(value, limits) ||
			rw_refuse(request, 400, "lag is not an amount such as 10MB or 5s, or is given twice");

	if (request->agent)
	{
		if (!rw_piece_is(name, "floor"))
			return rw_refuse(request, 400, "parameter is not known");
		if (limits->floor != 0 || !take_number(&value, 10, 3, &number) ||
			value.at != value.end || number < 1 || number > 100)
			return rw_refuse(request, 400, "floor is not a number from 1 to 100, or is given twice");
		limits->floor = (int) number;
		return true;
	}

	if (rw_piece_is(name, "lsn"))
	{
		if (limits->has_lsn || !read_lsn(value, &limits->lsn))
			return rw_refuse(request, 400, "lsn is not an LSN, or is given twice");
		limits->has_lsn = true;
		return true;
	}
	if (rw_piece_is(name, "token"))
	{
		if (limits->has_token ||
			!read_token(value, &limits->token_tli, &limits->token_lsn))
			return rw_refuse(request, 400, "token is not a commit token, or is given twice");
		limits->has_token = true;
		return true;
	}
	if (rw_piece_is(name, "cut_off"))
	{
		if (limits->serve_cut_off || !rw_piece_is(value, "serve"))
			return rw_refuse(request, 400, "cut_off can only be serve, once");
		limits->serve_cut_off = true;
		return true;
	}
	return rw_refuse(request, 400, "parameter is not known");
}

/* Undo percent-encoding; false if it is none, or too long. */
static bool
decode(RwPiece *piece, char *buffer)
{
	size_t		len = 0;
	const char *p;

	for (p = piece->at; p < piece->end; p++)
	{
		int			c = (unsigned char) *p;

		if (c == '%')
		{
			int			high = piece->end - p > 2 ? rw_digit(p[1], 16) : -1;
			int			low = piece->end - p > 2 ? rw_digit(p[2], 16) : -1;

			if (high < 0 || low < 0)
				return false;
			c = high << 4 | low;
			p += 2;
		}
		if (len == PARAMETER_MAX)
			return false;
		buffer[len++] = (char) c;
	}
	piece->at = buffer;
	piece->end = buffer + len;
	return true;
}

bool
rw_read_query(RwRequest *request, RwPiece query)
{
	bool		takes_limits = request->topic == RW_ASK_REPLICA ||
		request->topic == RW_ASK_READ_ONLY ||
		request->topic == RW_ASK_READINESS;

	while (query.at < query.end)
	{
		RwPiece		value = rw_take_until(&query, '&');
		RwPiece		name;
		char		buffer[PARAMETER_MAX];

		if (value.at == value.end)
			continue;
		if (!takes_limits)
			return rw_refuse(request, 400, "no parameters are known here");
		name = rw_take_until(&value, '=');
		if (!decode(&value, buffer))
			return rw_refuse(request, 400, "parameter is too long or not encoded well");
		if (!rw_read_parameter(request, name, value))
			return false;
	}
	return true;
}
