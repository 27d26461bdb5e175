/*-------------------------------------------------------------------------
 *
 * timeline.c
 *	  Where timelines part.
 *
 * The server is lenient with history files, because it has to start.  Here
 * the question is whether a commit is still part of a server's history, and a
 * wrong answer is worse than none: a file that does not look as the server
 * writes it is refused, even if the server could use it.  The traces of
 * editing by hand are accepted: blanks instead of a tab, carriage returns at
 * the end of lines, comments, empty lines, a last line without a newline.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include <limits.h>

#include "src/base/units.h"
#include "src/observe/timeline.h"

/* The part of a line that has not been read yet. */
typedef struct Line
{
	const char *next;
	const char *end;
} Line;

static bool read_entry(Line *line, RwTimelineEntry *entry);
static bool skip_blanks(Line *line);

bool
rw_timeline_parse(RwTimeline *timeline, uint32 tli,
				  const char *contents, size_t len)
{
	int			n = 0;

	timeline->nentries = 0;

	while (len > 0)
	{
		const char *newline = memchr(contents, '\n', len);
		size_t		line_len = newline ? newline - contents + 1 : len;
		Line		line = {contents, contents + line_len};

		contents += line_len;
		len -= line_len;

		skip_blanks(&line);
		if (line.next == line.end || *line.next == '#')
			continue;

		/* One entry is for the timeline itself. */
		if (n >= RW_TIMELINE_MAX - 1)
			return false;
		if (!read_entry(&line, &timeline->entries[n]))
			return false;
		if (timeline->entries[n].tli >= tli)
			return false;
		if (n > 0 &&
			(timeline->entries[n].tli <= timeline->entries[n - 1].tli ||
			 timeline->entries[n].end < timeline->entries[n - 1].end))
			return false;
		n++;
	}

	/* Only timeline 1 was not made from another one. */
	if (n == 0 && tli != 1)
		return false;

	timeline->entries[n].tli = tli;
	timeline->entries[n].end = PG_UINT64_MAX;
	timeline->nentries = n + 1;
	return true;
}

bool
rw_timeline_find(const RwTimeline *timeline, uint32 tli, uint64 *end)
{
	for (int i = 0; i < timeline->nentries; i++)
	{
		if (timeline->entries[i].tli == tli)
		{
			*end = timeline->entries[i].end;
			return true;
		}
	}
	return false;
}

/*
 * Two servers share their WAL as long as they went through the same timelines
 * and left each of them at the same LSN.  They part at the first difference.
 * An equal number of the newest timeline proves nothing, because two servers
 * can both be promoted to it.
 */
uint64
rw_timeline_fork(const RwTimeline *a, const RwTimeline *b)
{
	uint64		fork = 0;

	for (int i = 0; i < Min(a->nentries, b->nentries); i++)
	{
		const RwTimelineEntry *ours = &a->entries[i];
		const RwTimelineEntry *theirs = &b->entries[i];

		if (ours->tli != theirs->tli)
			break;
		fork = Min(ours->end, theirs->end);
		if (ours->end != theirs->end)
			break;
	}
	return fork;
}

/*
 * Read "<timeline> <LSN>"; anything after a further blank is a comment.  Two
 * LSNs are refused because they have a meaning of their own: 0 is no LSN, and
 * the largest one stands for a timeline that was not left.
 */
static bool
read_entry(Line *line, RwTimelineEntry *entry)
{
	uint64		tli;

	if (!rw_take_number(&line->next, line->end, 10, INT_MAX, PG_UINT32_MAX,
						&tli) ||
		!skip_blanks(line) ||
		!rw_take_lsn(&line->next, line->end, INT_MAX, &entry->end))
		return false;
	if (line->next < line->end && !skip_blanks(line))
		return false;

	entry->tli = (uint32) tli;
	return entry->tli > 0 && entry->end > 0 && entry->end < PG_UINT64_MAX;
}

/* Returns true if there was at least one. */
static bool
skip_blanks(Line *line)
{
	const char *start = line->next;

	while (line->next < line->end &&
		   (*line->next == ' ' ||
			(*line->next >= '\t' && *line->next <= '\r')))
		line->next++;
	return line->next > start;
}
