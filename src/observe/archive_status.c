/*-------------------------------------------------------------------------
 *
 * archive_status.c
 *	  A look at what waits to be archived.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dirent.h>
#include <sys/stat.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "pgstat.h"
#include "storage/fd.h"

#include "src/base/compat.h"
#include "src/observe/archive_status.h"
#include "src/observe/intern.h"

#define STATUS_DIR	XLOGDIR "/archive_status"

/* Log that archive_status can't be read, and why: errno. */
static void
report_unreadable(RwArchiveFacts *archive, const char *path)
{
	if (archive->reported)
		return;
	archive->reported = true;
	ereport(WARNING,
			(errcode_for_file_access(),
			 errmsg("could not read \"%s\": %m", path),
			 errdetail("The alert \"archiver_failing\" stays as it is until this can be read.")));
}

/* Read the names in archive_status; false if they can't be read. */
static bool
read_queue(RwArchiveFacts *archive, RwArchiveQueue *queue)
{
	int64		nentries = 0;
	int			error;
	struct dirent *entry;
	DIR		   *dir = AllocateDir(STATUS_DIR);

	memset(queue, 0, sizeof(RwArchiveQueue));
	error = errno;
	if (dir != NULL)
	{
		while (errno = 0, (entry = readdir(dir)) != NULL)
		{
			nentries++;
			rw_archive_queue_add(queue, entry->d_name);
		}
		error = errno;
		FreeDir(dir);
	}
	if (dir == NULL || error != 0)
	{
		errno = error;
		report_unreadable(archive, STATUS_DIR);
		return false;
	}
	archive->nentries = nentries;
	return true;
}

/*
 * Find out since when the first file of a kind waits.  The archiver may have
 * finished some since their names were read; false if nothing can be said.
 */
static bool
date_first(RwArchiveFacts *archive, const RwArchiveQueue *queue,
		   RwArchiveKind kind)
{
	RwArchiveFile *file = &archive->first[kind];
	int			i;

	for (i = 0; i < queue->nfirst[kind]; i++)
	{
		const char *name = queue->first[kind][i];
		char		path[MAXPGPATH];
		struct stat status;
		TimestampTz ready_at;

		StatusFilePath(path, name, ".ready");
		if (stat(path, &status) == 0)
		{
			ready_at = time_t_to_timestamptz(status.st_mtim.tv_sec) +
				status.st_mtim.tv_nsec / 1000;
			rw_archive_note_file(file, name, ready_at,
								 GetCurrentTimestamp() - ready_at,
								 archive->empty_at, rw_clock_now());
			return true;
		}
		if (errno != ENOENT)
		{
			report_unreadable(archive, path);
			return false;
		}
	}
	memset(file, 0, sizeof(RwArchiveFile));
	return queue->nwaiting[kind] == queue->nfirst[kind];
}

/* Only a copy of the whole backend status array shows the process. */
static void
observe_process(RwArchiveFacts *archive)
{
	const PgBackendStatus *status;

	pgstat_clear_backend_activity_snapshot();
	status = rw_status_of_type(B_ARCHIVER);
	rw_archive_note_process(archive, status ? status->st_procpid : 0,
							status ? status->st_proc_start_timestamp : 0,
							archive->looked_at);
	pgstat_clear_backend_activity_snapshot();
}

/* A time of the wall clock on ours; RW_NEVER stays that. */
static RwTime
time_of(TimestampTz timestamp, RwTime now)
{
	if (timestamp == 0)
		return RW_NEVER;
	return now - Max(GetCurrentTimestamp() - timestamp, 0);
}

static void
observe_statistics(RwArchiveFacts *archive)
{
	PgStat_ArchiverStats *stats = pgstat_fetch_stat_archiver();
	RwTime		now = rw_clock_now();

	archive->archived_at = time_of(stats->last_archived_timestamp, now);
	archive->failed_at = time_of(stats->last_failed_timestamp, now);
	strlcpy(archive->archived, stats->last_archived_wal,
			RW_ARCHIVE_NAME_LEN);
	strlcpy(archive->failed, stats->last_failed_wal, RW_ARCHIVE_NAME_LEN);
}

/* Something waits: see what the archiver does. */
static void
observe_archiver(RwArchiveFacts *archive)
{
	if (XLogArchiveLibrary[0] != '\0')
		archive->by = RW_ARCHIVE_BY_LIBRARY;
	else if (XLogArchiveCommand[0] != '\0')
		archive->by = RW_ARCHIVE_BY_COMMAND;
	else
		archive->by = RW_ARCHIVE_BY_NOTHING;
	observe_process(archive);
	observe_statistics(archive);
}

/* Nothing waits: what has been seen of the archiver is of the past. */
static void
forget_archiver(RwArchiveFacts *archive)
{
	archive->empty_at = archive->looked_at;
	archive->pid = 0;
	archive->started = 0;
	archive->gone_since = archive->restarted_at = RW_NEVER;
}

void
rw_observe_archive(RwArchiveFacts *archive, bool in_recovery)
{
	RwTime		now = rw_clock_now();
	bool		active = in_recovery ? XLogArchivingAlways() :
		XLogArchivingActive();
	RwArchiveQueue queue;

	if (active == archive->active && !rw_archive_look_is_due(archive, now))
		return;
	if (!active)
	{
		/* What is there was left by a primary, and waits for nobody yet. */
		memset(archive, 0, sizeof(RwArchiveFacts));
		archive->looked_at = archive->empty_at = now;
		return;
	}

	archive->active = true;
	archive->looked_at = now;
	archive->known = read_queue(archive, &queue) &&
		date_first(archive, &queue, RW_ARCHIVE_SEGMENT) &&
		date_first(archive, &queue, RW_ARCHIVE_OTHER);
	if (!archive->known)
		return;
	archive->reported = false;
	archive->nwaiting = queue.nwaiting[RW_ARCHIVE_SEGMENT] +
		queue.nwaiting[RW_ARCHIVE_OTHER];
	if (rw_archive_oldest(archive))
		observe_archiver(archive);
	else
		forget_archiver(archive);
}
