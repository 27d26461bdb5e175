/*-------------------------------------------------------------------------
 *
 * conninfo.c
 *	  Find one parameter in a connection string.
 *
 * The two grammars are those of libpq's documentation: keyword = value with
 * single quotes and backslashes, and postgresql:// URIs whose parameters
 * follow a question mark, percent-encoded.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/digit.h"
#include "src/base/name.h"
#include "src/observe/conninfo.h"

/* Collects the value of the wanted keyword, and drops all others. */
typedef struct Sink
{
	char	   *value;
	size_t		size;
	size_t		len;
	bool		wanted;
} Sink;

static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline void
append_to_value(Sink *sink, char c)
{
	if (sink->wanted && sink->len + 1 < sink->size)
		sink->value[sink->len++] = c;
}

static inline void
begin_value(Sink *sink, const char *key, size_t keylen, const char *keyword)
{
	sink->wanted = keylen == strlen(keyword) &&
		strncmp(key, keyword, keylen) == 0;
	if (sink->wanted)
		sink->len = 0;
}

static void
parse_uri(const char *p, const char *keyword, Sink *sink)
{
	p = strchr(p, '?');
	while (p != NULL && *p != '\0')
	{
		const char *key = ++p;

		while (*p != '\0' && *p != '=' && *p != '&')
			p++;
		if (*p != '=')
			continue;
		begin_value(sink, key, p - key, keyword);
		for (p++; *p != '\0' && *p != '&'; p++)
		{
			if (*p == '%')
			{
				int			high = rw_digit(p[1], 16);
				int			low = high < 0 ? -1 : rw_digit(p[2], 16);

				if (low < 0 || high + low == 0)
					return;
				append_to_value(sink, (char) (high * 16 + low));
				p += 2;
			}
			else
				append_to_value(sink, *p);
		}
	}
}

static void
parse_keywords(const char *p, const char *keyword, Sink *sink)
{
	for (;;)
	{
		const char *key;
		size_t		keylen;

		while (is_space(*p))
			p++;
		if (*p == '\0')
			return;

		key = p;
		while (*p != '\0' && *p != '=' && !is_space(*p))
			p++;
		keylen = p - key;
		while (is_space(*p))
			p++;
		if (*p != '=')
			return;
		begin_value(sink, key, keylen, keyword);
		p++;
		while (is_space(*p))
			p++;

		if (*p == '\'')
		{
			for (p++; *p != '\0' && *p != '\''; p++)
			{
				if (*p == '\\' && p[1] != '\0')
					p++;
				append_to_value(sink, *p);
			}
			if (*p == '\'')
				p++;
		}
		else
		{
			for (; *p != '\0' && !is_space(*p); p++)
			{
				if (*p == '\\' && p[1] != '\0')
					p++;
				append_to_value(sink, *p);
			}
		}
	}
}

bool
rw_conninfo_get(const char *conninfo, const char *keyword,
				char *value, size_t size)
{
	Sink		sink = {value, size, 0, false};

	if (size == 0)
		return false;

	if (strncmp(conninfo, "postgresql://", 13) == 0 ||
		strncmp(conninfo, "postgres://", 11) == 0)
		parse_uri(conninfo, keyword, &sink);
	else
		parse_keywords(conninfo, keyword, &sink);

	value[sink.len] = '\0';
	return sink.len > 0;
}

/* More is not looked at. */
#define LIST_LEN	1024

/*
 * Copy the next element of a list to `size` bytes, unless it is longer, and
 * advance *list; false at the end.
 */
static bool
next_element(const char **list, char *element, size_t size)
{
	size_t		len;

	if (*list == NULL)
		return false;
	len = strcspn(*list, ",");
	element[0] = '\0';
	if (len < size)
	{
		memcpy(element, *list, len);
		element[len] = '\0';
	}
	*list = (*list)[len] == ',' ? *list + len + 1 : NULL;
	return true;
}

void
rw_conninfo_hostaddr(const char *conninfo, const char *host, char *hostaddr)
{
	char		hosts[LIST_LEN];
	char		addresses[LIST_LEN];
	char		element[LIST_LEN];
	const char *next_host = hosts;
	const char *next_address = addresses;

	hostaddr[0] = '\0';
	if (!rw_conninfo_get(conninfo, "host", hosts, sizeof(hosts)) ||
		!rw_conninfo_get(conninfo, "hostaddr", addresses, sizeof(addresses)))
		return;
	while (next_element(&next_host, element, sizeof(element)) &&
		   next_element(&next_address, hostaddr, RW_ADDRESS_LEN))
	{
		if (strcmp(element, host) == 0)
			return;
	}
	hostaddr[0] = '\0';
}
