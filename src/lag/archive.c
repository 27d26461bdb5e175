/*-------------------------------------------------------------------------
 *
 * archive.c
 *	  What the worker learns of WAL that a standby gets without a stream.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/lag/archive.h"

/*
 * A standby that is fed by the archive finds a few segments, replays them and
 * finds no more, again and again.  One that finds more than this, for longer
 * than this, catches up.
 */
#define GOES_ON_SEGMENTS	2
#define GOES_ON_AFTER		(10 * RW_SECOND)

/* Has what was replayed last come from elsewhere than from a receiver? */
static bool
is_from_elsewhere(const RwArchive *archive, const RwFacts *facts,
				  bool streams)
{
	return !streams && facts->recovery.replay >
		Max(archive->streamed_to, facts->receiver.flushed);
}

RwTime
rw_archive_commit(const RwArchive *archive, const RwFacts *facts,
				  bool streams)
{
	TimestampTz commit_time = facts->recovery.latest_commit_time;

	if (commit_time == 0 || commit_time == archive->commit_time ||
		!is_from_elsewhere(archive, facts, streams))
		return archive->commit_at;
	/* All that was here before this commit still is. */
	return Max(archive->commit_at,
			   facts->now - Max(facts->wall - commit_time, 0));
}

/*
 * Does the startup process ask the upstream server, or has it just done so?  It
 * does where it finds no more WAL elsewhere.
 */
static bool
asks_upstream(const RwFacts *facts)
{
	bool		asks = facts->receiver.state == RW_RECEIVER_CONNECTING;

	for (int i = 0; i < facts->nended; i++)
		asks |= facts->ended[i].receiver;
	return asks;
}

/*
 * Follow the commands.  One run of a command is told from the next by what
 * happens in between: replay moves, waits, or asks for a receiver.  Where there
 * is no upstream server to ask, and a command takes longer to find nothing than
 * wal_retrieve_retry_interval, nothing does; then its pid tells, which is seen
 * now and then.
 */
static void
follow_commands(RwArchive *archive, const RwFacts *facts)
{
	RwRecoveryCommand command = facts->recovery.command;
	bool		another = command != archive->command ||
		facts->recovery.replay != archive->replay ||
		facts->receiver.pid != 0 || asks_upstream(facts);
	int			pid = facts->recovery.command_pid;

	another |= pid != 0 && archive->command_pid != 0 &&
		pid != archive->command_pid;

	if (command == RW_COMMAND_NONE)
		archive->command_since = RW_NEVER;
	else if (another)
		archive->command_since = facts->now;
	if (another)
		archive->command_pid = 0;
	if (pid != 0)
		archive->command_pid = pid;
	archive->command = command;

	if (!facts->recovery.cleanup_runs)
		archive->cleanup_since = RW_NEVER;
	else if (archive->cleanup_since == RW_NEVER)
		archive->cleanup_since = facts->now;
}

void
rw_follow_archive(RwArchive *archive, const RwFacts *facts, bool streams)
{
	uint64		replay = facts->recovery.replay;

	if (facts->recovery.latest_commit_time != archive->commit_time)
		archive->commit_streamed = !is_from_elsewhere(archive, facts, streams);
	archive->commit_at = rw_archive_commit(archive, facts, streams);
	archive->commit_time = facts->recovery.latest_commit_time;
	follow_commands(archive, facts);

	/*
	 * Until the end is found for the first time, WAL may come from pg_wal,
	 * where it was when the server started.
	 */
	if (streams || !facts->receiver.has_restore_command)
		archive->came_at = RW_NEVER;
	else if (replay > archive->replay && archive->end_found_at != RW_NEVER &&
			 is_from_elsewhere(archive, facts, streams))
		archive->came_at = facts->now;

	archive->streamed_to = Max(archive->streamed_to, facts->receiver.flushed);
	if (streams || facts->recovery.waits_for_wal || asks_upstream(facts) ||
		(replay != InvalidXLogRecPtr && replay <= archive->streamed_to))
	{
		archive->end_found_at = facts->now;
		archive->end_found = replay;
	}
	archive->replay = replay;
}

bool
rw_archive_goes_on(const RwArchive *archive, const RwFacts *facts,
				   bool streams)
{
	if (streams)
		return false;
	return archive->end_found_at == RW_NEVER ||
		(facts->now - archive->end_found_at >= GOES_ON_AFTER &&
		 facts->recovery.replay - archive->end_found >
		 GOES_ON_SEGMENTS * facts->segment_size);
}
