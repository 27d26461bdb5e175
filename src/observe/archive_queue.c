/*-------------------------------------------------------------------------
 *
 * archive_queue.c
 *	  What waits to be archived, and what the archiver has been seen to do.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/observe/archive_queue.h"

/* What the archiver takes for a file to archive: see pgarch.c. */
#define READY_SUFFIX		".ready"
#define SHORTEST_NAME		16
#define NAME_CHARACTERS		"0123456789ABCDEF.history.backup.partial"
#define HEX_DIGITS			"0123456789ABCDEF"
#define HISTORY_SUFFIX		".history"
#define TIMELINE_LEN		8	/* in the name of a history file */
#define SEGMENT_LEN			24

#define LOOK_INTERVAL		(5 * RW_SECOND)

/* Reading a name takes about 0.4 us, most of it in the file system. */
#define ENTRY_INTERVAL		(RW_SECOND / 1500)

static bool
is_history(const char *name)
{
	return strspn(name, HEX_DIGITS) == TIMELINE_LEN &&
		strcmp(name + TIMELINE_LEN, HISTORY_SUFFIX) == 0;
}

int
rw_archive_compare(const char *a, const char *b)
{
	bool		a_first = is_history(a);

	if (a_first != is_history(b))
		return a_first ? -1 : 1;
	return strcmp(a, b);
}

/* The length of the name that waits; 0 if none does. */
static size_t
ready_len(const char *file)
{
	size_t		len = strlen(file);

	if (len < SHORTEST_NAME + strlen(READY_SUFFIX))
		return 0;
	len -= strlen(READY_SUFFIX);
	if (len >= RW_ARCHIVE_NAME_LEN ||
		strcmp(file + len, READY_SUFFIX) != 0 ||
		strspn(file, NAME_CHARACTERS) < len)
		return 0;
	return len;
}

void
rw_archive_queue_add(RwArchiveQueue *queue, const char *file)
{
	size_t		len = ready_len(file);
	char		name[RW_ARCHIVE_NAME_LEN];
	RwArchiveKind kind;
	int			place;

	if (len == 0)
		return;
	memcpy(name, file, len);
	name[len] = '\0';
	kind = strlen(name) == SEGMENT_LEN &&
		strspn(name, HEX_DIGITS) == SEGMENT_LEN ?
		RW_ARCHIVE_SEGMENT : RW_ARCHIVE_OTHER;
	queue->nwaiting[kind]++;

	/* Most of many do not belong to the first. */
	for (place = queue->nfirst[kind]; place > 0; place--)
	{
		if (rw_archive_compare(name, queue->first[kind][place - 1]) > 0)
			break;
	}
	if (place == RW_ARCHIVE_FIRST)
		return;
	if (queue->nfirst[kind] < RW_ARCHIVE_FIRST)
		queue->nfirst[kind]++;
	memmove(queue->first[kind][place + 1], queue->first[kind][place],
			(queue->nfirst[kind] - place - 1) * RW_ARCHIVE_NAME_LEN);
	strcpy(queue->first[kind][place], name);
}

void
rw_archive_note_file(RwArchiveFile *file, const char *name, int64 ready_at,
					 int64 age, RwTime empty_at, RwTime now)
{
	if (strcmp(file->name, name) == 0 && file->ready_at == ready_at)
		return;
	strcpy(file->name, name);
	file->ready_at = ready_at;
	file->since = Max(now - Max(age, 0), empty_at);
}

void
rw_archive_note_process(RwArchiveFacts *archive, int pid, int64 started,
						RwTime now)
{
	archive->pid = pid;
	if (pid == 0)
	{
		if (archive->gone_since == RW_NEVER)
			archive->gone_since = now;
		return;
	}
	archive->gone_since = RW_NEVER;
	if (archive->started != 0 && archive->started != started)
		archive->restarted_at = now;
	archive->started = started;
}

const RwArchiveFile *
rw_archive_oldest(const RwArchiveFacts *archive)
{
	const RwArchiveFile *segment = &archive->first[RW_ARCHIVE_SEGMENT];
	const RwArchiveFile *other = &archive->first[RW_ARCHIVE_OTHER];
	const RwArchiveFile *oldest = segment;

	if (segment->name[0] == '\0' ||
		(other->name[0] != '\0' && other->since < segment->since))
		oldest = other;
	return oldest->name[0] != '\0' ? oldest : NULL;
}

bool
rw_archive_look_is_due(const RwArchiveFacts *archive, RwTime now)
{
	return archive->looked_at == RW_NEVER ||
		now - archive->looked_at >= Max(LOOK_INTERVAL,
										archive->nentries * ENTRY_INTERVAL);
}

RwArchiver
rw_archiver_does(const RwArchiveFacts *archive, int64 patience)
{
	const RwArchiveFile *oldest = rw_archive_oldest(archive);
	RwTime		finished = Max(archive->archived_at, archive->failed_at);

	if (archive->by == RW_ARCHIVE_BY_NOTHING)
		return RW_ARCHIVER_NOT_SET;
	if (archive->pid == 0)
		return RW_ARCHIVER_GONE;
	if (archive->restarted_at > finished &&
		archive->looked_at - archive->restarted_at <= patience)
		return RW_ARCHIVER_RESTARTS;
	if (archive->looked_at - finished > patience ||
		(oldest && finished <= oldest->since))
		return RW_ARCHIVER_HANGS;
	return archive->failed_at > archive->archived_at ?
		RW_ARCHIVER_FAILS : RW_ARCHIVER_ARCHIVES;
}
