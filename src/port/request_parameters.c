/*-------------------------------------------------------------------------
 *
 * request_parameters.c
 *	  The parameters of a request: what is asked for beyond the topic.
 *
 * A value is read to its end or refused, and so is a parameter that is given
 * twice.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/digit.h"
#include "src/base/units.h"
#include "src/port/intern.h"

/* The longest parameter, decoded. */
#define PARAMETER_MAX	64

/* lag=10MB and lag=5s are two limits; one of each kind may be given. */
static bool
read_lag_value(RwPiece value, RwAskLimits *limits)
{
	bool		is_time;
	int64		amount;

	if (!rw_amount_in(value.at, value.end, &is_time, &amount) ||
		(is_time ? limits->has_time : limits->has_bytes))
		return false;
	if (is_time)
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

/* cut_off=serve, or for how long; 0 needs no unit. */
static bool
read_cut_off_value(RwPiece value, RwAskLimits *limits)
{
	bool		is_time;
	int64		amount;

	if (limits->has_cut_off)
		return false;
	if (rw_piece_is(value, "serve"))
		amount = RW_CUT_OFF_FOR_EVER;
	else if (!rw_amount_in(value.at, value.end, &is_time, &amount) ||
			 (!is_time && amount != 0))
		return false;
	limits->has_cut_off = true;
	limits->cut_off = amount;
	return true;
}

bool
rw_read_parameter(RwRequest *request, RwPiece name, RwPiece value)
{
	RwAskLimits *limits = &request->limits;
	uint64		number;

	if (rw_piece_is(name, "lag"))
		return read_lag_value(value, limits) ||
			rw_refuse(request, 400, "lag is not an amount such as 10MB or 5s, or was given twice");
	if (rw_piece_is(name, "cut_off"))
		return read_cut_off_value(value, limits) ||
			rw_refuse(request, 400, "cut_off is not a duration such as 5min or serve, or was given twice");

	if (request->agent)
	{
		if (!rw_piece_is(name, "floor"))
			return rw_refuse(request, 400, "unknown parameter");
		if (limits->floor != 0 ||
			!rw_take_number(&value.at, value.end, 10, 3, 100, &number) ||
			value.at != value.end || number < 1)
			return rw_refuse(request, 400, "floor is not a number from 1 to 100, or was given twice");
		limits->floor = (int) number;
		return true;
	}

	if (rw_piece_is(name, "lsn"))
	{
		if (limits->has_lsn ||
			!rw_take_lsn(&value.at, value.end, RW_LSN_DIGITS, &limits->lsn) ||
			value.at != value.end)
			return rw_refuse(request, 400, "lsn is not an LSN, or was given twice");
		limits->has_lsn = true;
		return true;
	}
	if (rw_piece_is(name, "token"))
	{
		if (limits->has_token ||
			!rw_take_token(&value.at, value.end, &limits->token_system,
						   &limits->token_tli, &limits->token_lsn) ||
			value.at != value.end)
			return rw_refuse(request, 400, "token is not a commit token, or was given twice");
		limits->has_token = true;
		return true;
	}
	return rw_refuse(request, 400, "unknown parameter");
}

/* Undo percent-encoding; false if it is malformed, or too long. */
static bool
decode_value(RwPiece *piece, char *buffer)
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
			return rw_refuse(request, 400, "no parameters are accepted here");
		name = rw_take_until(&value, '=');
		if (!decode_value(&value, buffer))
			return rw_refuse(request, 400, "parameter is too long or badly encoded");
		if (!rw_read_parameter(request, name, value))
			return false;
	}
	return true;
}
