/*-------------------------------------------------------------------------
 *
 * pack.c
 *	  Servers in less memory.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/tree/pack.h"

const RwPackKind rw_pack_server = {
	sizeof(RwServer), 5, {RW_PACK_SERVER_TEXTS}
};

static size_t
text_len(const char *record, const RwPackText *text)
{
	return strnlen(record + text->offset, text->size - 1);
}

static bool
is_reason(const RwPackText *text)
{
	return text->offset == offsetof(RwServer, reason_text);
}

/* The length of a reason in so many bytes: it is cut between characters. */
static size_t
cut_reason(const char *reason, size_t len, size_t room)
{
	if (len <= room)
		return len;
	while (room > 0 && (reason[room] & 0xC0) == 0x80)
		room--;
	return room;
}

/* What a record takes, but for its reason. */
static size_t
packed_size(const RwPackKind *kind, const char *record)
{
	size_t		size = kind->size;

	for (int i = 0; i < kind->ntexts; i++)
	{
		size -= kind->texts[i].size - 1;
		if (!is_reason(&kind->texts[i]))
			size += text_len(record, &kind->texts[i]);
	}
	return size;
}

static char *
pack_record(char *to, const RwPackKind *kind, const char *record,
			size_t *spare, int share)
{
	size_t		at = 0;

	for (int i = 0; i < kind->ntexts; i++)
	{
		const RwPackText *text = &kind->texts[i];
		size_t		len = text_len(record, text);

		if (is_reason(text))
		{
			len = cut_reason(record + text->offset, len, *spare / share);
			*spare -= len;
		}
		memcpy(to, record + at, text->offset + len - at);
		to += text->offset + len - at;
		*to++ = '\0';
		at = text->offset + text->size;
	}
	memcpy(to, record + at, kind->size - at);
	return to + kind->size - at;
}

size_t
rw_pack(char *to, size_t room, const RwPackKind *kind, const void *records,
		int n)
{
	const char *record = records;
	char	   *start = to;
	size_t		spare = room;

	for (int i = 0; i < n; i++)
	{
		size_t		size = packed_size(kind, record + i * kind->size);

		if (size > spare)
			n = i;
		else
			spare -= size;
	}
	for (int i = 0; i < n; i++)
		to = pack_record(to, kind, record + i * kind->size, &spare, n - i);
	return to - start;
}

int
rw_unpack(void *records, int max, const RwPackKind *kind, const char *from,
		  size_t len)
{
	const char *end = from + len;
	int			n;

	for (n = 0; n < max && from < end; n++)
	{
		char	   *record = (char *) records + n * kind->size;
		size_t		at = 0;

		memset(record, 0, kind->size);
		for (int i = 0; i < kind->ntexts; i++)
		{
			const RwPackText *text = &kind->texts[i];
			size_t		text_size;

			memcpy(record + at, from, text->offset - at);
			from += text->offset - at;
			text_size = strlen(from) + 1;
			memcpy(record + text->offset, from, text_size);
			from += text_size;
			at = text->offset + text->size;
		}
		memcpy(record + at, from, kind->size - at);
		from += kind->size - at;
	}
	return n;
}
