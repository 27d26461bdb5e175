/*-------------------------------------------------------------------------
 *
 * check_facts.c
 *	  What health checks need to know of this server.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "utils/pidfile.h"

#include "src/lag/lag_shared.h"
#include "src/observe/timeline_file.h"
#include "src/port/check_facts.h"
#include "src/settings.h"
#include "src/wait/replay.h"

/* Replay that has not moved for this long stands still. */
#define STANDSTILL			(1 * RW_SECOND)

/* So long after the last message what came with it may still be replayed. */
#define LAST_MOMENTS		(3 * RW_SECOND)

/* Core has the name in one of its own files only. */
#define LOCK_FILE			"postmaster.pid"

/* How often to try for a copy that was not written to meanwhile. */
#define READ_TRIES			1000

/*
 * When a primary dies, the WAL that it has sent may end in the middle of a
 * record: its standbys are not behind for that, and have to go on.  Replay that
 * stands still, though nothing holds it, has nothing that it could replay.
 */
static bool
has_run_dry(RwFacts *facts, const RwUpstream *upstream)
{
	if (facts->recovery.replay != upstream->replay ||
		facts->now - upstream->replay_moved_at < STANDSTILL)
		return false;
	rw_observe_hold(facts);
	return facts->recovery.hold == RW_REPLAY_WAIT_NONE;
}

/*
 * A standby without a connection that replays nevertheless, what it did not
 * receive in the last moments of one, has found WAL elsewhere: in the archive,
 * or in a base backup.  That it is behind is certain, by how much is not.
 */
static bool
finds_wal_elsewhere(const RwFacts *facts, const RwLink *link,
					const RwUpstream *upstream)
{
	return link->state != RW_STATE_STREAMING && link->lag_bytes == 0 &&
		facts->now - upstream->replay_moved_at < STANDSTILL &&
		(link->last_seen == RW_NEVER ||
		 upstream->replay_moved_at - link->last_seen > LAST_MOMENTS);
}

void
rw_check_facts_publish(RwFacts *facts, const RwLinks *links)
{
	RwLagShared *page = rw_lag_shared;
	RwStandbyState	standing;
	uint32		change;
	int			i;

	memset(&standing, 0, sizeof(standing));
	standing.sampled_at = facts->now;
	standing.missing_bytes = -1;
	for (i = 0; facts->in_recovery && i < facts->nsenders; i++)
		standing.cascade |= facts->senders[i].replica;
	if (links->nlinks > 0 && links->links[0].upstream)
	{
		const RwLink *link = &links->links[0];

		standing.cut_off = rw_upstream_is_cut_off(link, facts,
												  links->published);
		standing.lag_known = link->lag >= 0;
		standing.at_least = link->bound == RW_BOUND_AT_LEAST;
		standing.at_most = link->bound == RW_BOUND_AT_MOST;
		if (link->lag > 0)
			standing.stale_since = facts->now - link->lag;
		standing.missing_bytes = link->lag_bytes;
		standing.run_dry = standing.cut_off && link->lag_bytes > 0 &&
			has_run_dry(facts, &links->published->upstream);
		if (standing.run_dry)
			standing.at_most = true;
		if (standing.cut_off &&
			finds_wal_elsewhere(facts, link, &links->published->upstream))
		{
			standing.cut_off = false;
			standing.missing_bytes = -1;
		}
	}

	/* An odd number of changes: one is going on. */
	change = pg_atomic_read_u32(&page->standby_state_changes);
	pg_atomic_write_u32(&page->standby_state_changes, change | 1);
	pg_write_barrier();
	page->standby_state = standing;
	pg_write_barrier();
	pg_atomic_write_u32(&page->standby_state_changes, (change | 1) + 1);
}

/* A copy of what was published last; that is nothing if it can't be had. */
static RwStandbyState
read_page(void)
{
	RwLagShared *page = rw_lag_shared;
	RwStandbyState	standing;
	int			i;

	for (i = 0; i < READ_TRIES; i++)
	{
		uint32		before = pg_atomic_read_u32(&page->standby_state_changes);
		uint32		after;

		pg_read_barrier();
		standing = page->standby_state;
		pg_read_barrier();
		after = pg_atomic_read_u32(&page->standby_state_changes);
		if (before == after && (before & 1) == 0)
			return standing;
	}
	memset(&standing, 0, sizeof(standing));
	return standing;
}

/*
 * Does the server take connections?  The postmaster says so in its lock file
 * only, to pg_ctl; there it also says that it is about to stop, in smart mode
 * for as long as there are sessions.  After a crash it leaves the file as it
 * is, but recovery tells then.
 */
static bool
is_accepting(bool in_recovery)
{
	char		contents[MAXPGPATH * 2 + 512];
	const char *line = contents;
	ssize_t		len;
	int			fd;
	int			i;

	if (in_recovery && !HotStandbyActive())
		return false;

	fd = open(LOCK_FILE, O_RDONLY | PG_BINARY, 0);
	if (fd < 0)
		return false;
	len = read(fd, contents, sizeof(contents) - 1);
	close(fd);
	if (len <= 0)
		return false;
	contents[len] = '\0';

	for (i = 1; i < LOCK_FILE_LINE_PM_STATUS; i++)
	{
		line = strchr(line, '\n');
		if (line == NULL)
			return false;
		line++;
	}
	return strncmp(line, PM_STATUS_READY, strlen(PM_STATUS_READY)) == 0;
}

/* The history of a timeline, kept for as long as it is asked for. */
static const RwTimeline *
history_of(TimeLineID tli)
{
	static RwTimeline timeline;
	static TimeLineID loaded = 0;

	if (loaded != tli)
		loaded = rw_timeline_load(&timeline, tli) ? tli : 0;
	return loaded == tli ? &timeline : NULL;
}

void
rw_check_facts_collect(RwCheckFacts *facts, const RwRequest *request)
{
	const RwAskLimits *limits = &request->limits;

	memset(facts, 0, sizeof(RwCheckFacts));
	facts->standing = read_page();
	facts->now = rw_clock_now();
	facts->sample_age_max = rw_sample_lifetime();

	facts->in_recovery = RecoveryInProgress();
	if (facts->in_recovery)
		facts->crash_recovery = GetRecoveryState() == RECOVERY_STATE_CRASH;
	if (request->topic == RW_ASK_REPLICA ||
		request->topic == RW_ASK_READ_ONLY ||
		request->topic == RW_ASK_READINESS)
		facts->accepting = is_accepting(facts->in_recovery);

	if (!limits->has_lsn && !limits->has_token)
		return;

	/*
	 * First how far we are, then what that is worth: the timeline may just
	 * have been switched.
	 */
	if (facts->in_recovery)
	{
		TimeLineID	tli;

		facts->position = rw_replayed();
		(void) GetCurrentReplayRecPtr(&tli);
		facts->tli = tli;
	}
	else
	{
		facts->position = GetXLogInsertRecPtr();
		facts->tli = GetWALInsertionTimeLine();
	}
	if (limits->has_token && limits->token_tli < facts->tli)
		facts->timeline = history_of(facts->tli);
}
