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

#include "src/lag/lag.h"
#include "src/lag/standby_state_shared.h"
#include "src/observe/timeline_file.h"
#include "src/port/check_facts.h"
#include "src/settings.h"
#include "src/wait/replay.h"

/* Core has the name in one of its own files only. */
#define LOCK_FILE			"postmaster.pid"

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
	facts->standby = rw_standby_state_read();
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
