/*-------------------------------------------------------------------------
 *
 * request.c
 *	  What a client of the port asks: bytes in, request out.
 *
 * The bytes come from anyone who can reach the port and are not terminated, so
 * every step checks where they end.
 *
 * The parameters are read in request_parameters.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/port/intern.h"

/* Ignores case; `word` is in lower case. */
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

/* Is a piece this word?  Likewise. */
static bool
is_word(RwPiece piece, const char *word)
{
	return piece.end - piece.at == strlen(word) &&
		starts_with(piece.at, piece.end, word);
}

/* A line without its end, which may be LF or CR LF. */
static RwPiece
take_line(RwPiece *rest)
{
	RwPiece		line = rw_take_until(rest, '\n');

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

/* Is this a letter, a digit or one of these others? */
static bool
is_letter_digit_or(const char *others, char c)
{
	return is_digit(c) || is_small_letter(c) || (c >= 'A' && c <= 'Z') ||
		(c != '\0' && strchr(others, c) != NULL);
}

/* The characters of names and methods: a tchar of RFC 9110. */
static bool
is_token_char(char c)
{
	return is_letter_digit_or("!#$%&'*+-.^_`|~", c);
}

static bool
is_token(RwPiece piece)
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

	/* Not a method; it may be TLS. */
	if (data[0] < 'A' || data[0] > 'Z')
		return len;

	/* The empty line may have begun in the bytes seen before. */
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
 * The agent's line
 */

static bool
read_agent_line(RwRequest *request, RwPiece line)
{
	RwPiece		word = rw_take_until(&line, ' ');

	if (rw_piece_is(word, "primary"))
		request->topic = RW_ASK_PRIMARY;
	else if (rw_piece_is(word, "replica"))
		request->topic = RW_ASK_REPLICA;
	else
		return rw_refuse(request, 400, "unknown check, expected primary or replica");

	while (line.at < line.end)
	{
		RwPiece		name;

		word = rw_take_until(&line, ' ');
		if (word.at == word.end)
			continue;
		if (request->topic != RW_ASK_REPLICA)
			return rw_refuse(request, 400, "no parameters are accepted here");
		name = rw_take_until(&word, '=');
		if (!rw_read_parameter(request, name, word))
			return false;
	}
	return true;
}

/*
 * The host that a request is for
 */

/*
 * Take the port off "HOST" or "HOST:PORT"; false if that is malformed.  A host
 * is a name, an IPv4 address, or an IPv6 address in brackets.
 */
static bool
take_off_port(RwPiece *host)
{
	const char *p = host->at;
	const char *end = host->end;

	if (p < end && *p == '[')
	{
		for (p++; p < end && (*p == ':' || is_letter_digit_or(".", *p)); p++)
			;
		if (p == host->at + 1 || p == end || *p++ != ']')
			return false;
	}
	else
	{
		while (p < end && is_letter_digit_or("-._~!$&'()*+,;=", *p))
			p++;
		if (p == host->at)
			return false;
	}
	host->end = p;
	if (p == end)
		return true;
	if (*p++ != ':')
		return false;
	while (p < end && is_digit(*p))
		p++;
	return p == end;
}

/* Is this an address of 127.0.0.0/8? */
static bool
is_loopback_ipv4(RwPiece host)
{
	int			i;

	for (i = 0; i < 4; i++)
	{
		RwPiece		part = rw_take_until(&host, '.');
		int			value = 0;
		const char *p;

		if (part.at == part.end || part.end - part.at > 3)
			return false;
		for (p = part.at; p < part.end; p++)
		{
			if (!is_digit(*p))
				return false;
			value = 10 * value + (*p - '0');
		}
		if (value > 255 || (i == 0 && value != 127))
			return false;

		/* Nothing follows the last part, and a point each of the others. */
		if ((host.at > part.end) != (i < 3))
			return false;
	}
	return true;
}

/* Does this name the machine that asks for it? */
static bool
is_loopback(RwPiece host)
{
	return is_word(host, "localhost") || is_word(host, "localhost.") ||
		is_word(host, "[::1]") || is_loopback_ipv4(host);
}

/* Note the host that a request is for, as it stands in a header or target. */
static bool
read_host(RwRequest *request, RwPiece host)
{
	if (!take_off_port(&host))
		return rw_refuse(request, 400, "the host is malformed");
	request->other_host = !is_loopback(host);
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
	{"/cluster", RW_ASK_CLUSTER},
	/* In other forms of targets only, see split_target() */
	{"", RW_ASK_PRIMARY},
	{"*", RW_ASK_LIVENESS},
};

static bool
read_target(RwRequest *request, RwPiece target)
{
	RwPiece		path = rw_take_until(&target, '?');
	int			i;

	for (i = 0; i < lengthof(paths); i++)
	{
		if (rw_piece_is(path, paths[i].path))
		{
			request->topic = paths[i].topic;
			return rw_read_query(request, target);
		}
	}
	return rw_refuse(request, 404, "there is no such page");
}

/*
 * Take the host off a target, if there is one; false if that has none of the
 * forms of RFC 9112:
 *
 *	/replica?lag=10MB					as clients ask
 *	http://db1:8009/replica?lag=10MB	as they ask a proxy; the path may be empty
 *	*									OPTIONS only, for the server as a whole
 *
 * OPTIONS for a URL without a path is for the server as a whole, too.
 */
static bool
split_target(RwPiece *target, RwPiece *host, bool is_options)
{
	const char *p;

	host->at = host->end = target->at;
	for (p = target->at; p < target->end; p++)
	{
		if (*p <= ' ' || *p > '~')
			return false;
	}
	if (is_options && rw_piece_is(*target, "*"))
		return true;
	if (target->at < target->end && *target->at == '/')
		return true;
	if (!starts_with(target->at, target->end, "http://"))
		return false;

	host->at = host->end = target->at + strlen("http://");
	while (host->end < target->end && *host->end != '/' && *host->end != '?')
		host->end++;
	target->at = host->end;
	if (is_options && target->at == target->end)
	{
		static const char whole[] = "*";

		target->at = whole;
		target->end = whole + 1;
	}
	return host->at < host->end;
}

static bool
read_method(RwRequest *request, RwPiece method)
{
	if (rw_piece_is(method, "GET"))
		request->method = RW_METHOD_GET;
	else if (rw_piece_is(method, "HEAD"))
		request->method = RW_METHOD_HEAD;
	else if (rw_piece_is(method, "OPTIONS"))
		request->method = RW_METHOD_OPTIONS;
	else
		return rw_refuse(request, 405, "the method is not GET, HEAD or OPTIONS");
	return true;
}

static bool
read_host_header(RwRequest *request, RwPiece value)
{
	if (request->has_host)
		return rw_refuse(request, 400, "there is more than one Host header");
	request->has_host = true;

	while (value.at < value.end && (*value.at == ' ' || *value.at == '\t'))
		value.at++;
	while (value.at < value.end &&
		   (value.end[-1] == ' ' || value.end[-1] == '\t'))
		value.end--;

	/* It is empty where the URL has no host. */
	return value.at == value.end || read_host(request, value);
}

static bool
read_header(RwRequest *request, RwPiece line)
{
	RwPiece		name = rw_take_until(&line, ':');
	const char *p;

	/* Without a colon, the name extends to the end of the line. */
	if (line.at == name.end || !is_token(name))
		return rw_refuse(request, 400, "the header is malformed");
	for (p = line.at; p < line.end; p++)
	{
		if ((unsigned char) *p < ' ' && *p != '\t')
			return rw_refuse(request, 400, "the header is malformed");
	}

	if (starts_with(name.at, name.end, "content-length") ||
		starts_with(name.at, name.end, "transfer-encoding"))
		request->has_body = true;
	if (is_word(name, "host"))
		return read_host_header(request, line);
	return true;
}

static bool
read_http(RwRequest *request, RwPiece rest)
{
	RwPiece		line = take_line(&rest);
	RwPiece		method = rw_take_until(&line, ' ');
	RwPiece		target = rw_take_until(&line, ' ');
	RwPiece		host;
	bool		understood;

	if (!is_token(method) ||
		!split_target(&target, &host, rw_piece_is(method, "OPTIONS")) ||
		line.end - line.at != 8 || memcmp(line.at, "HTTP/1.", 7) != 0 ||
		!is_digit(line.at[7]))
		return rw_refuse(request, 400, "not a request of HTTP/1.0 or 1.1");

	/* Known before anything is refused: an answer to HEAD has no body. */
	understood = read_method(request, method);

	while (rest.at < rest.end)
	{
		line = take_line(&rest);
		if (line.at == line.end)
			break;
		if (!read_header(request, line))
			return false;
	}

	/* A host in the target takes the place of the header's. */
	if (host.at < host.end && !read_host(request, host))
		return false;
	if (!understood)
	{
		int			refusal = request->refusal;
		const char *problem = request->problem;

		/* A page that does not exist has no methods either. */
		if (read_target(request, target) || request->refusal != 404)
			return rw_refuse(request, refusal, problem);
		return false;
	}
	return read_target(request, target);
}

void
rw_request_parse(const char *data, size_t len, RwRequest *request)
{
	RwPiece		rest = {data, data + len};

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
		case RW_ASK_CLUSTER:
			return "cluster";
	}
	return "";
}
