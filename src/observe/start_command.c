/*-------------------------------------------------------------------------
 *
 * start_command.c
 *	  What a START_REPLICATION command asks for, and the text of an error.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/digit.h"
#include "src/base/units.h"
#include "src/observe/start_command.h"

static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Can this byte be part of a keyword, or of a name without quotes? */
static inline bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_' || c == '$' || (c & 0x80) != 0;
}

static void
skip_space(const char **at)
{
	while (is_space(**at))
		(*at)++;
}

static inline char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Skip this lower-case keyword, and white space around it, if it comes next. */
static bool
take_keyword(const char **at, const char *keyword)
{
	const char *p;

	skip_space(at);
	for (p = *at; *keyword != '\0'; p++, keyword++)
	{
		if (lower(*p) != *keyword)
			return false;
	}
	if (is_word(*p))
		return false;
	*at = p;
	skip_space(at);
	return true;
}

static bool
take_name(const char **at, char *name)
{
	const char *p = *at;
	bool		quoted = *p == '"';
	size_t		len = 0;

	if (quoted)
		p++;
	for (; *p != '\0'; p++)
	{
		if (quoted && *p == '"' && *++p != '"')
		{
			quoted = false;
			break;
		}
		if (!quoted && !is_word(*p))
			break;
		if (len + 1 < RW_NAME_LEN)
			name[len++] = **at == '"' ? *p : lower(*p);
	}
	name[len] = '\0';
	*at = p;
	return !quoted && len > 0;
}

static bool
take_command(const char *at, RwStartCommand *command)
{
	const char *end;
	uint64		value;
	bool		logical;

	if (!take_keyword(&at, "start_replication"))
		return false;
	if (take_keyword(&at, "slot") && !take_name(&at, command->slot))
		return false;
	logical = take_keyword(&at, "logical");
	if (!logical)
		(void) take_keyword(&at, "physical");

	/* Nothing that is longer than this is an LSN. */
	end = at + strnlen(at, 2 * RW_LSN_DIGITS + 2);
	if (!rw_take_lsn(&at, end, RW_LSN_DIGITS, &value))
		return false;
	command->lsn = value;

	if (!logical && take_keyword(&at, "timeline"))
	{
		end = at + strnlen(at, 11);
		if (!rw_take_number(&at, end, 10, 10, PG_UINT32_MAX, &value))
			return false;
		command->tli = (TimeLineID) value;
	}
	return true;
}

bool
rw_start_command_in(const char *string, RwStartCommand *command)
{
	memset(command, 0, sizeof(RwStartCommand));
	if (take_command(string, command))
		return true;
	memset(command, 0, sizeof(RwStartCommand));
	return false;
}

/* The length of the UTF-8 character at p, 0 if there is none. */
static size_t
utf8_length(const unsigned char *p)
{
	size_t		len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 :
		p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	size_t		i;

	for (i = 1; i < len; i++)
	{
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}

	/* Neither longer than needed, nor a surrogate, nor beyond the last. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

int
rw_lsns_in(const char *message, XLogRecPtr *lsns, int max)
{
	const char *end = message + strlen(message);
	int			n = 0;

	for (const char *at = message; at < end; at++)
	{
		const char *next = at;
		uint64		lsn;

		if (rw_digit(*at, 16) < 0 ||
			(at > message && rw_digit(at[-1], 16) >= 0) ||
			!rw_take_lsn(&next, end, RW_LSN_DIGITS, &lsn))
			continue;
		if (n < max)
			lsns[n] = lsn;
		n++;
		at = next - 1;
	}
	return n;
}

const char *
rw_upstream_answer(const char *message)
{
	const char *answer = NULL;

	while ((message = strstr(message, ":  ")) != NULL)
	{
		message += 3;
		answer = message;
	}
	return answer;
}

void
rw_first_line(char *to, const char *from, size_t size)
{
	size_t		used = 0;

	while (*from != '\0' && *from != '\n' && *from != '\r')
	{
		size_t		len = utf8_length((const unsigned char *) from);
		bool		shown = len > 1 || (*from >= ' ' && *from <= '~');

		if (!shown)
			len = 1;
		if (used + len >= size)
			break;
		if (shown)
			memcpy(to + used, from, len);
		else
			to[used] = '?';
		used += len;
		from += len;
	}
	to[used] = '\0';
}
