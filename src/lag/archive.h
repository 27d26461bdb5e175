/*-------------------------------------------------------------------------
 *
 * archive.h
 *	  What the worker learns of WAL that a standby gets without a stream.
 *
 * A pure file.  Nobody says how much WAL there is beyond what comes from the
 * archive.  But all that was committed before the last replayed commit is here,
 * and whether replay has come to the end of what it finds shows by what it
 * waits for.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ARCHIVE_H
#define RW_ARCHIVE_H

#include "src/observe/observe.h"

typedef struct RwArchive
{
	uint64		replay;			/* as of the last sample */
	uint64		streamed_to;	/* receivers have brought WAL up to here */

	/*
	 * When replay was last seen to be at the end of the WAL that it finds, and
	 * where that was.  RW_NEVER: not since the server started.
	 */
	RwTime		end_found_at;
	uint64		end_found;

	RwTime		came_at;		/* WAL last came from the archive; RW_NEVER:
								 * none has since the last real message */

	/*
	 * The last replayed commit, as of the last sample, by its own clock; and
	 * when the last one that no receiver has brought was made.  Its clock may
	 * be ahead of ours, so that is never later than it was first seen.
	 */
	TimestampTz commit_time;
	RwTime		commit_at;		/* RW_NEVER: no such commit */
	bool		commit_streamed;	/* a later one has been streamed */

	/* Commands that run; RW_NEVER: none does. */
	RwRecoveryCommand command;	/* of the startup process, */
	int			command_pid;	/* the last that was seen; 0: none */
	RwTime		command_since;	/* the same one, as far as is known */
	RwTime		cleanup_since;	/* archive_cleanup_command */
} RwArchive;

/* A command that has run for so long is named. */
#define RW_LONG_COMMAND		(10 * RW_SECOND)

/*
 * Bring *archive up to date; called in each round of the worker.  `streams`: a
 * message has come on the present connection to the upstream server.
 */
extern void rw_follow_archive(RwArchive *archive, const RwFacts *facts,
							  bool streams);

/* When the last commit that no receiver has brought was made, or RW_NEVER. */
extern RwTime rw_archive_commit(const RwArchive *archive,
								const RwFacts *facts, bool streams);

/*
 * Is there certainly more WAL to be found than what has been replayed, nobody
 * knows how much?
 */
extern bool rw_archive_goes_on(const RwArchive *archive,
							   const RwFacts *facts, bool streams);

#endif							/* RW_ARCHIVE_H */
