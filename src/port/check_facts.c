/*-------------------------------------------------------------------------
 *
 * check_facts.c
 *	  What is known of this server when a health check comes.
 *
 * The sampling worker publishes a standby's state with each sample
 * (lag/standby_state_shared.h); the rest is read from the server here, so that
 * it is true of this moment.  Nothing here takes an LWLock, so a health check
 * is answered whatever lock a stopped process holds.
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

#include "src/lag/lag.h"
#include "src/lag/standby_state_shared.h"
#include "src/observe/timeline_file.h"
#include "src/port/intern.h"
#include "src/settings.h"
#include "src/wait/wait.h"

/* The server defines the name in miscinit.c only. */
#define LOCK_FILE			"postmaster.pid"

/*
 * Does the server take connections?  The postmaster reports that only in its
 * lock file, for pg_ctl.  There it also reports that it is about to stop, in
 * smart mode for as long as there are sessions.  A crash leaves the file as it
 * is, but then the server is in recovery.
 */
static bool
accepts_connections(bool in_recovery)
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

/* The history of a timeline, or NULL if it cannot be read. */
static const RwTimeline *
cached_history(RwTimelineCache *cache, TimeLineID tli)
{
	if (cache->tli != tli)
		cache->tli = rw_timeline_load(&cache->timeline, tli) ? tli : 0;
	return cache->tli == tli ? &cache->timeline : NULL;
}

void
rw_check_facts_collect(RwCheckFacts *facts, const RwRequest *request,
					   RwTimelineCache *cache)
{
	const RwAskLimits *limits = &request->limits;

	memset(facts, 0, sizeof(RwCheckFacts));
	facts->standby = rw_standby_state_read();
	facts->now = rw_clock_now();
	facts->sample_age_max = rw_sample_lifetime();

	facts->in_recovery = RecoveryInProgress();
	if (facts->in_recovery)
		facts->crash_recovery = GetRecoveryState() == RECOVERY_STATE_CRASH;
	if (request->topic == RW_ASK_PRIMARY ||
		request->topic == RW_ASK_REPLICA ||
		request->topic == RW_ASK_READ_ONLY ||
		request->topic == RW_ASK_READINESS)
		facts->accepting = accepts_connections(facts->in_recovery);

	if (!limits->has_lsn && !limits->has_token)
		return;

	/*
	 * Read the position before its timeline: if the timeline is switched in
	 * between, the position is still part of the new one's history.
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
	if (!limits->has_token)
		return;
	facts->system = GetSystemIdentifier();
	if (facts->in_recovery && facts->standby.parted == RW_NOT_PARTED)
		facts->upstream_may_be_behind = rw_upstream_may_be_behind();
	if (facts->system == limits->token_system &&
		limits->token_tli < facts->tli)
		facts->timeline = cached_history(cache, facts->tli);
}
