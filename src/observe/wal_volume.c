/*-------------------------------------------------------------------------
 *
 * wal_volume.c
 *	  One look at the volume of pg_wal, and at how far back WAL is kept there.
 *
 * The directory is read at most once in the life of a process, because the
 * server knows which WAL file it has removed last.  It does not know that from
 * its start until it removes one, but then the oldest file stays the same.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/statvfs.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "storage/fd.h"

#include "src/base/compat.h"
#include "src/observe/wal_volume.h"

#define LOOK_INTERVAL	(5 * RW_SECOND)

#define MB				INT64CONST(1048576)

/* Read pg_wal for the oldest WAL file; returns 0 if there is none. */
static XLogSegNo
read_oldest_segment(void)
{
	XLogSegNo	oldest = 0;
	struct dirent *entry;
	DIR		   *dir = AllocateDir(XLOGDIR);

	while ((entry = ReadDirExtended(dir, XLOGDIR, LOG)) != NULL)
	{
		TimeLineID	tli;
		XLogSegNo	segment;

		if (!IsXLogFileName(entry->d_name))
			continue;
		XLogFromFileName(entry->d_name, &tli, &segment, wal_segment_size);
		if (oldest == 0 || segment < oldest)
			oldest = segment;
	}
	if (dir != NULL)
		FreeDir(dir);
	return oldest;
}

/* Where the oldest WAL file begins; 0 if that is not known. */
static XLogRecPtr
find_oldest(void)
{
	static bool was_read = false;
	static XLogSegNo oldest_read;
	XLogSegNo	removed = XLogGetLastRemovedSegno();
	XLogSegNo	oldest;

	if (removed != 0)
		oldest = removed + 1;
	else
	{
		if (!was_read)
			oldest_read = read_oldest_segment();
		was_read = true;
		oldest = oldest_read;
	}
	return oldest * wal_segment_size;
}

/*
 * Where WAL begins that waits to be archived; 0 if none is known to.  While
 * that can't be read, what was seen last holds.
 */
static XLogRecPtr
find_unarchived(const RwArchiveFacts *archive, XLogRecPtr before)
{
	const char *name = archive->first[RW_ARCHIVE_SEGMENT].name;
	TimeLineID	tli;
	XLogSegNo	segment;

	if (archive->active && !archive->known)
		return before;
	if (!archive->active || !IsXLogFileName(name))
		return InvalidXLogRecPtr;
	XLogFromFileName(name, &tli, &segment, wal_segment_size);
	return segment * wal_segment_size;
}

bool
rw_observe_wal_volume(const RwFacts *facts, const RwArchiveFacts *archive,
					  RwWalVolume *volume)
{
	RwWalVolume before = *volume;
	struct statvfs found;

	if (before.at != RW_NEVER && facts->now - before.at < LOOK_INTERVAL)
		return false;

	volume->at = facts->now;
	/* This follows a symbolic link. */
	volume->known = statvfs(XLOGDIR, &found) == 0;
	/* Some file systems do not know their size. */
	if (volume->known && found.f_blocks == 0)
	{
		volume->known = false;
		errno = ENOTSUP;
	}
	if (volume->known)
	{
		volume->size = (int64) found.f_blocks * found.f_frsize;
		volume->free = (int64) found.f_bavail * found.f_frsize;
	}
	else if (before.at == RW_NEVER || before.known)
		ereport(WARNING,
				(errcode_for_file_access(),
				 errmsg("could not determine the free space of directory \"%s\": %m",
						XLOGDIR),
				 errdetail("The alert \"wal_disk\" stays as it is until this is known.")));

	volume->oldest = find_oldest();
	volume->unarchived = find_unarchived(archive, before.unarchived);
	volume->max_wal_size = max_wal_size_mb * MB;
	volume->wal_keep_size = wal_keep_size_mb * MB;
	return true;
}
