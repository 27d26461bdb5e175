/*-------------------------------------------------------------------------
 *
 * wal_volume.h
 *	  One look at the volume of pg_wal, and at how far back WAL is kept there.
 *
 * Apart from observe.h because it makes system calls, and only the worker
 * needs it.  The header needs no server, so that files which work on these
 * facts can be pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAL_VOLUME_H
#define RW_WAL_VOLUME_H

#include "src/observe/archive_queue.h"
#include "src/observe/observe.h"

/* Sizes are in bytes. */
typedef struct RwWalVolume
{
	RwTime		at;				/* of this look; RW_NEVER before the first */
	bool		known;			/* size and free are */
	int64		size;
	int64		free;			/* for this server */
	XLogRecPtr	oldest;			/* where the oldest WAL file begins; 0 if not
								 * known */
	XLogRecPtr	unarchived;		/* where WAL begins that waits to be archived;
								 * 0 if none is known to */
	int64		max_wal_size;	/* the settings */
	int64		wal_keep_size;
} RwWalVolume;

/*
 * Look again if the last look was five seconds ago, and return true then.
 * *archive has what waits to be archived, as last seen.
 * *volume begins as all zero; the caller keeps it.  If the file system does
 * not answer, that is logged, once until it does.
 *
 * Not for the time between observing and judging: a file system may be slow.
 */
extern bool rw_observe_wal_volume(const RwFacts *facts,
								  const RwArchiveFacts *archive,
								  RwWalVolume *volume);

#endif							/* RW_WAL_VOLUME_H */
