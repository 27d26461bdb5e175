/*-------------------------------------------------------------------------
 *
 * archive_queue.h
 *	  What waits to be archived, and what the archiver has been seen to do.
 *
 * A pure file.  Each file that waits has one in archive_status that is called
 * like it, with ".ready" appended.  The archiver takes them in an order of its
 * own, in which a new file can come before older ones: a timeline's history
 * goes before everything, and the label of a backup before the segments that
 * were written after its first one.  Only segments queue up, and among them
 * the first is the oldest.  So the one that has waited longest is the first
 * segment, or the first of the others.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ARCHIVE_QUEUE_H
#define RW_ARCHIVE_QUEUE_H

#include "src/base/clock.h"

#define RW_ARCHIVE_NAME_LEN		41	/* of the longest that core archives */

typedef enum RwArchiveKind
{
	RW_ARCHIVE_SEGMENT,
	RW_ARCHIVE_OTHER			/* history, backup label, part of a segment */
} RwArchiveKind;

#define RW_ARCHIVE_KINDS	(RW_ARCHIVE_OTHER + 1)

/* ----------------------------------------------------------------
 *		The names in archive_status
 * ----------------------------------------------------------------
 */

/*
 * So many of each kind are kept, because the archiver may finish some before
 * they can be looked at.
 */
#define RW_ARCHIVE_FIRST	8

/* All zero is an empty queue. */
typedef struct RwArchiveQueue
{
	int64		nwaiting[RW_ARCHIVE_KINDS];

	/* In the archiver's order; at most RW_ARCHIVE_FIRST. */
	int			nfirst[RW_ARCHIVE_KINDS];
	char		first[RW_ARCHIVE_KINDS][RW_ARCHIVE_FIRST][RW_ARCHIVE_NAME_LEN];
} RwArchiveQueue;

/* Add a file of archive_status, if it stands for one that waits. */
extern void rw_archive_queue_add(RwArchiveQueue *queue, const char *file);

/* The order in which the archiver takes files: like strcmp(). */
extern int	rw_archive_compare(const char *a, const char *b);

/* ----------------------------------------------------------------
 *		What is remembered of the last look
 * ----------------------------------------------------------------
 */

typedef struct RwArchiveFile
{
	char		name[RW_ARCHIVE_NAME_LEN];	/* empty: there is none */
	int64		ready_at;		/* on the wall clock, as its .ready file has
								 * it; in microseconds, from any origin */
	RwTime		since;			/* it has waited */
} RwArchiveFile;

typedef enum RwArchiveBy
{
	RW_ARCHIVE_BY_NOTHING,		/* neither of the settings below is set */
	RW_ARCHIVE_BY_COMMAND,		/* archive_command */
	RW_ARCHIVE_BY_LIBRARY		/* archive_library */
} RwArchiveBy;

/* All zero is what is known before the first look. */
typedef struct RwArchiveFacts
{
	RwTime		looked_at;		/* RW_NEVER: not yet */
	bool		active;			/* does this server archive, in its role? */
	bool		known;			/* has the last look shown what waits? */
	bool		reported;		/* that archive_status can't be read */
	int64		nentries;		/* in archive_status, waiting or not */

	int64		nwaiting;
	RwArchiveFile first[RW_ARCHIVE_KINDS];	/* the first of each kind */
	RwTime		empty_at;		/* when nothing waited; RW_NEVER: not seen */
	RwArchiveBy by;

	/* Of the archiver's process, since something has waited. */
	int			pid;			/* 0: it is not running */
	RwTime		gone_since;		/* seen not to run; RW_NEVER: it runs */
	int64		started;		/* the latest process seen, as the server has
								 * its start; 0: none */
	RwTime		restarted_at;	/* seen to be another; RW_NEVER: not yet */

	/* pg_stat_archiver; RW_NEVER: none. */
	RwTime		archived_at;
	RwTime		failed_at;
	char		archived[RW_ARCHIVE_NAME_LEN];
	char		failed[RW_ARCHIVE_NAME_LEN];
} RwArchiveFacts;

/*
 * Note in *file that the first of its kind is this one now, whose .ready file
 * is of `ready_at`, `age` before now.
 *
 * The wall clock may have stepped since, and the age be negative.  So a file
 * has never waited for longer than since the last look at which nothing
 * waited, and once it is known the clock counts no more.
 */
extern void rw_archive_note_file(RwArchiveFile *file, const char *name,
								 int64 ready_at, int64 age, RwTime empty_at,
								 RwTime now);

/*
 * Note the archiver's process: its pid, and its start as the server has it.
 * Without a process both are 0.
 */
extern void rw_archive_note_process(RwArchiveFacts *archive, int pid,
									int64 started, RwTime now);

/* The file that has waited longest; NULL if nothing waits. */
extern const RwArchiveFile *rw_archive_oldest(const RwArchiveFacts *archive);

/*
 * Is another look due?  Each 5 s and, if there are many files, so seldom that
 * reading them costs less than a thousandth of the time.
 */
extern bool rw_archive_look_is_due(const RwArchiveFacts *archive, RwTime now);

typedef enum RwArchiver
{
	RW_ARCHIVER_NOT_SET,		/* neither archive_command nor archive_library */
	RW_ARCHIVER_GONE,			/* the process is not running */
	RW_ARCHIVER_RESTARTS,		/* it has ended, and runs again */
	RW_ARCHIVER_FAILS,			/* its last attempt has failed */
	RW_ARCHIVER_ARCHIVES,		/* it works, but not fast enough */
	RW_ARCHIVER_HANGS			/* it finishes nothing */
} RwArchiver;

/*
 * What the archiver does while files wait.  It hangs if it has finished
 * nothing since the oldest began to wait, or for `patience`.
 */
extern RwArchiver rw_archiver_does(const RwArchiveFacts *archive,
								   int64 patience);

#endif							/* RW_ARCHIVE_QUEUE_H */
