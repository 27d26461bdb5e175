/*-------------------------------------------------------------------------
 *
 * request.c
 *	  What a client of the port asks: bytes in, request out.
 *
 * The bytes come from anybody who can reach the port and are not terminated;
 * every step looks at where they end.
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

#include "src/digit.h"
#include "src/request.h"

/* A piece of the request. */
typedef struct Piece
{
	const char *at;
	const char *end;
} Piece;

/* The longest parameter, decoded. */
#define PARAMETER_MAX	64

static bool
refuse(RwRequest *request, int status, const char *problem)
{
	request->refusal = status;
	request->problem = problem;
	return false;
}

static bool
piece_is(Piece piece, const char *word)
{
	size_t		len = strlen(word);

	return piece.end - piece.at == len && memcmp(piece.at, word, len) == 0;
}

/* Letters count as the same in either case; `word` has small ones. */
static bool
starts_with(const char *at, const char *end, const char *word)
{
	for (; *word; word++, at++)
	{
		char		c;

		if (at == end)
			return false;
		c = *at >= 'A' && *at <= 'Z' ? *at + ('a' - 'A') : *at;
		if (c != *word)
			return false;
	}
	return true;
}

/* Take what is before the next `separator`, or all that is left. */
static Piece
take_until(Piece *rest, char separator)
{
	Piece		piece = *rest;
	const char *at = memchr(rest->at, separator, rest->end - rest->at);

	if (at == NULL)
		rest->at = rest->end;
	else
	{
		piece.end = at;
		rest->at = at + 1;
	}
	return piece;
}

/* A line without its end, which may be LF or CR LF. */
static Piece
take_line(Piece *rest)
{
	Piece		line = take_until(rest, '\n');

	if (line.end > line.at && line.end[-1] == '\r')
		line.end--;
	return line;
}

static bool
is_small_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What names and methods are made of, in RFC 9110's words a tchar. */
static bool
is_token_char(char c)
{
	return is_digit(c) || is_small_letter(c) || (c >= 'A' && c <= 'Z') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_token(Piece piece)
{
	const char *p;

	for (p = piece.at; p < piece.end; p++)
	{
		if (!is_token_char(*p))
			return false;
	}
	return piece.end > piece.at;
}

size_t
rw_request_length(const char *data, size_t len, size_t seen)
{
	size_t		i;

	if (len == 0)
		return 0;

	if (is_small_letter(data[0]))
	{
		const char *end = memchr(data + seen, '\n', len - seen);

		return end ? end - data + 1 : 0;
	}

	/* No method begins otherwise; TLS does, for one. */
	if (data[0] < 'A' || data[0] > 'Z')
		return len;

	/* The empty line may have begun in what was seen. */
	for (i = seen > 2 ? seen - 2 : 0; i < len; i++)
	{
		if (data[i] != '\n')
			continue;
		if (i + 1 < len && data[i + 1] == '\n')
			return i + 2;
		if (i + 2 < len && data[i + 1] == '\r' && data[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

/*
 * Parameters
 */

/* A number without sign up to the limit; digits of base 10 or 16. */
static bool
take_number(Piece *rest, int base, int most_digits, uint64 *value)
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
take_char(Piece *rest, char c)
{
	if (rest->at == rest->end || *rest->at != c)
		return false;
	rest->at++;
	return true;
}

static bool
read_lsn(Piece value, uint64 *lsn)
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
read_token(Piece value, uint32 *tli, uint64 *lsn)
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
read_lag(Piece value, RwAskLimits *limits)
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

		if (!piece_is(value, unit->name))
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

static bool
read_parameter(RwRequest *request, Piece name, Piece value)
{
	RwAskLimits *limits = &request->limits;
	uint64		number;

	if (piece_is(name, "lag"))
		return read_lag(value, limits) ||
			refuse(request, 400, "lag is not an amount such as 10MB or 5s, or is given twice");

	if (request->agent)
	{
		if (!piece_is(name, "floor"))
			return refuse(request, 400, "parameter is not known");
		if (limits->floor != 0 || !take_number(&value, 10, 3, &number) ||
			value.at != value.end || number < 1 || number > 100)
			return refuse(request, 400, "floor is not a number from 1 to 100, or is given twice");
		limits->floor = (int) number;
		return true;
	}

	if (piece_is(name, "lsn"))
	{
		if (limits->has_lsn || !read_lsn(value, &limits->lsn))
			return refuse(request, 400, "lsn is not an LSN, or is given twice");
		limits->has_lsn = true;
		return true;
	}
	if (piece_is(name, "token"))
	{
		if (limits->has_token ||
			!read_token(value, &limits->token_tli, &limits->token_lsn))
			return refuse(request, 400, "token is not a commit token, or is given twice");
		limits->has_token = true;
		return true;
	}
	if (piece_is(name, "cut_off"))
	{
		if (limits->serve_cut_off || !piece_is(value, "serve"))
			return refuse(request, 400, "cut_off can only be serve, once");
		limits->serve_cut_off = true;
		return true;
	}
	return refuse(request, 400, "parameter is not known");
}

/* Undo percent-encoding; false if it is none, or too long. */
static bool
decode(Piece *piece, char *buffer)
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

static bool
read_query(RwRequest *request, Piece query)
{
	bool		takes_limits = request->topic == RW_ASK_REPLICA ||
		request->topic == RW_ASK_READ_ONLY ||
		request->topic == RW_ASK_READINESS;

	while (query.at < query.end)
	{
		Piece		value = take_until(&query, '&');
		Piece		name;
		char		buffer[PARAMETER_MAX];

		if (value.at == value.end)
			continue;
		if (!takes_limits)
			return refuse(request, 400, "no parameters are known here");
		name = take_until(&value, '=');
		if (!decode(&value, buffer))
			return refuse(request, 400, "parameter is too long or not encoded well");
		if (!read_parameter(request, name, value))
			return false;
	}
	return true;
}

/*
 * The agent's line
 */

static bool
read_agent_line(RwRequest *request, Piece line)
{
	Piece		word = take_until(&line, ' ');

	if (piece_is(word, "primary"))
		request->topic = RW_ASK_PRIMARY;
	else if (piece_is(word, "replica"))
		request->topic = RW_ASK_REPLICA;
	else
		return refuse(request, 400, "neither primary nor replica");

	while (line.at < line.end)
	{
		Piece		name;

		word = take_until(&line, ' ');
		if (word.at == word.end)
			continue;
		if (request->topic != RW_ASK_REPLICA)
			return refuse(request, 400, "no parameters are known here");
		name = take_until(&word, '=');
		if (!read_parameter(request, name, word))
			return false;
	}
	return true;
}

/*
 * HTTP
 */

static const struct
{
	const char *path;
	RwTopic		topic;
}			paths[] = {
	{"/", RW_ASK_PRIMARY},
	{"/primary", RW_ASK_PRIMARY},
	{"/read-write", RW_ASK_PRIMARY},
	{"/replica", RW_ASK_REPLICA},
	{"/read-only", RW_ASK_READ_ONLY},
	{"/liveness", RW_ASK_LIVENESS},
	{"/readiness", RW_ASK_READINESS},
	{"/health", RW_ASK_HEALTH},
	{"/metrics", RW_ASK_METRICS},
	{"/status", RW_ASK_STATUS},
};

static bool
read_target(RwRequest *request, Piece target)
{
	Piece		path = take_until(&target, '?');
	int			i;

	for (i = 0; i < lengthof(paths); i++)
	{
		if (piece_is(path, paths[i].path))
		{
			request->topic = paths[i].topic;
			return read_query(request, target);
		}
	}
	return refuse(request, 404, "there is no such page");
}

static bool
read_method(RwRequest *request, Piece method)
{
	if (piece_is(method, "GET"))
		request->method = RW_METHOD_GET;
	else if (piece_is(method, "HEAD"))
		request->method = RW_METHOD_HEAD;
	else if (piece_is(method, "OPTIONS"))
		request->method = RW_METHOD_OPTIONS;
	else
		return refuse(request, 405, "the methods are GET, HEAD and OPTIONS");
	return true;
}

/* Is a word anywhere in this piece? */
static bool
contains(Piece piece, const char *word)
{
	for (; piece.at < piece.end; piece.at++)
	{
		if (starts_with(piece.at, piece.end, word))
			return true;
	}
	return false;
}

static bool
read_header(RwRequest *request, Piece line)
{
	Piece		name = take_until(&line, ':');
	const char *p;

	/* Without a colon the name would go to the line's end. */
	if (line.at == name.end || !is_token(name))
		return refuse(request, 400, "the header is malformed");
	for (p = line.at; p < line.end; p++)
	{
		if ((unsigned char) *p < ' ' && *p != '\t')
			return refuse(request, 400, "the header is malformed");
	}

	if (starts_with(name.at, name.end, "accept") && name.end - name.at == 6)
		request->openmetrics |= contains(line, "application/openmetrics-text");
	else if (starts_with(name.at, name.end, "content-length") ||
			 starts_with(name.at, name.end, "transfer-encoding"))
		request->has_body = true;
	return true;
}

static bool
read_http(RwRequest *request, Piece rest)
{
	Piece		line = take_line(&rest);
	Piece		method = take_until(&line, ' ');
	Piece		target = take_until(&line, ' ');
	const char *p;
	bool		understood;

	if (!is_token(method) || target.at == target.end || *target.at != '/' ||
		line.end - line.at != 8 || memcmp(line.at, "HTTP/1.", 7) != 0 ||
		!is_digit(line.at[7]))
		return refuse(request, 400, "this is not a request of HTTP/1.0 or 1.1");
	for (p = target.at; p < target.end; p++)
	{
		if (*p <= ' ' || *p > '~')
			return refuse(request, 400, "this is not a request of HTTP/1.0 or 1.1");
	}

	/* The answer to HEAD has no body, also when it is a refusal. */
	understood = read_method(request, method);

	while (rest.at < rest.end)
	{
		line = take_line(&rest);
		if (line.at == line.end)
			break;
		if (!read_header(request, line))
			return false;
	}
	if (!understood)
	{
		int			refusal = request->refusal;
		const char *problem = request->problem;

		/* A page that does not exist has no methods either. */
		if (read_target(request, target) || request->refusal != 404)
			return refuse(request, refusal, problem);
		return false;
	}
	return read_target(request, target);
}

void
rw_request_parse(const char *data, size_t len, RwRequest *request)
{
	Piece		rest = {data, data + len};

	memset(request, 0, sizeof(RwRequest));
	if (len > 0 && is_small_letter(data[0]))
	{
		request->agent = true;
		(void) read_agent_line(request, take_line(&rest));
	}
	else
		(void) read_http(request, rest);
}

const char *
rw_topic_name(RwTopic topic)
{
	switch (topic)
	{
		case RW_ASK_PRIMARY:
			return "primary";
		case RW_ASK_REPLICA:
			return "replica";
		case RW_ASK_READ_ONLY:
			return "read-only";
		case RW_ASK_LIVENESS:
			return "liveness";
		case RW_ASK_READINESS:
			return "readiness";
		case RW_ASK_HEALTH:
			return "health";
		case RW_ASK_METRICS:
			return "metrics";
		case RW_ASK_STATUS:
			return "status";
	}
	return "";
}
