/*-------------------------------------------------------------------------
 *
 * persist.c
 *	  What outlives the server's process: the history and the known replicas.
 *
 * Moments in the files are times of the wall clock, or come with the moment of
 * saving on both clocks, because the monotonic clock starts anew with the
 * machine.  The time that passed in between is taken from the wall clock; if
 * that was set back, no time has passed.
 *
 * This file decides whether a saved file is still true; the contents of the
 * state file are in persist_state.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/file_perm.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "src/base/compat.h"
#include "src/history/history.h"
#include "src/history/store.h"
#include "src/lag/lag_shared.h"
#include "src/observe/timeline_file.h"
#include "src/replica/replica_shared.h"
#include "src/settings.h"
#include "src/worker/intern.h"

static RwStoreRole
role_of(const RwFacts *facts)
{
	return facts->in_recovery ? RW_STORE_STANDBY : RW_STORE_PRIMARY;
}

static void
collect_history(RwNewFile *file, const RwStoreLabel *label)
{
	RwPoint    *points = rw_store_begin(file, RW_HISTORY_FILE,
										RW_HISTORY_POINTS * sizeof(RwPoint));
	RwStoreLabel history_label = *label;
	int			npoints;

	LWLockAcquire(rw_history_lock, LW_SHARED);
	npoints = rw_history_export(&rw_history_shared->history,
								label->wall - label->clock, points);
	history_label.timeline = rw_history_shared->tli;
	LWLockRelease(rw_history_lock);

	rw_store_finish(file, RW_STORE_HISTORY, &history_label,
					npoints * sizeof(RwPoint));
}

/* The contents of the files as of now; returns how many there are to write. */
static int
collect_files(RwSampler *sampler, RwNewFile files[RW_SAVED_FILES])
{
	const RwFacts *facts = &sampler->facts;
	RwStoreLabel label;
	int			nfiles = 0;

	memset(&label, 0, sizeof(label));
	label.timeline = facts->tli;
	label.role = role_of(facts);
	label.clock = rw_clock_now();
	label.wall = GetCurrentTimestamp();

	collect_history(&files[nfiles++], &label);
	/* Before the role is decided the file has not been loaded: keep it. */
	if (rw_lag_shared->state_loaded)
		rw_collect_state(&files[nfiles++], &label);

	sampler->saved_at = label.clock;
	sampler->unsaved = sampler->urgent = sampler->save_asked = false;
	return nfiles;
}

void
rw_persist_save(RwSampler *sampler)
{
	RwNewFile	files[RW_SAVED_FILES];
	int			nfiles = collect_files(sampler, files);

	if (!rw_saver_start(&sampler->saver, files, nfiles))
		sampler->unsaved = true;
	while (nfiles > 0)
		pfree(files[--nfiles].bytes);
}

bool
rw_persist_is_saving(RwSampler *sampler)
{
	RwSaverState state = rw_saver_poll(&sampler->saver);

	if (state == RW_SAVER_FAILED)
		sampler->unsaved = true;
	return state == RW_SAVER_RUNNING;
}

void
rw_persist_save_last(RwSampler *sampler, uint32 wait_event)
{
	RwNewFile	files[RW_SAVED_FILES];
	int			nfiles;
	int			i;

	rw_saver_wait(&sampler->saver, wait_event);
	nfiles = collect_files(sampler, files);
	for (i = 0; i < nfiles; i++)
	{
		RwReplaceProgress progress;

		if (!rw_replace_file(&files[i], pg_file_create_mode, enableFsync, 0,
							 &progress))
			rw_store_log_failure(files[i].path, &progress);
	}
}

void
rw_persist_load_history(void)
{
	RwTime		now = rw_clock_now();
	RwStoreLabel label;
	uint32		length;
	RwPoint    *points;
	bool		ok;

	points = rw_store_load(RW_HISTORY_FILE, RW_STORE_HISTORY, &label, &length);
	if (points == NULL)
		return;

	LWLockAcquire(rw_history_lock, LW_EXCLUSIVE);
	ok = length % sizeof(RwPoint) == 0 &&
		rw_history_import(&rw_history_shared->history, points,
						  length / sizeof(RwPoint),
						  GetCurrentTimestamp() - now, now);
	if (ok)
		rw_history_shared->tli = label.timeline;
	LWLockRelease(rw_history_lock);

	if (!ok)
		rw_store_set_aside(RW_HISTORY_FILE, "its points are out of order");
	pfree(points);
}

/*
 * Is this the server's timeline?  A starting standby replays from its last
 * restartpoint, which may be on an older timeline that leads to this one.
 */
static bool
is_our_timeline(const RwFacts *facts, TimeLineID tli)
{
	RwTimeline *timeline;
	uint64		end;
	bool		ours;

	if (tli == facts->tli)
		return true;
	if (!facts->in_recovery)
		return false;

	timeline = palloc(sizeof(RwTimeline));
	ours = rw_timeline_load(timeline, tli) &&
		rw_timeline_find(timeline, facts->tli, &end) &&
		facts->recovery.replay <= end;
	pfree(timeline);
	return ours;
}

void
rw_persist_load_state(const RwFacts *facts)
{
	RwStoreLabel label;
	uint32		length;
	char	   *payload;
	int64		delta;
	bool		same_role;
	bool		ok;

	payload = rw_store_load(RW_STATE_FILE, RW_STORE_STATE, &label, &length);
	if (payload == NULL)
		return;

	same_role = label.role == role_of(facts) &&
		is_our_timeline(facts, label.timeline);
	if (!same_role)
		ereport(LOG,
				(errmsg("replicas known to this server in another role or on another timeline were forgotten")));

	/* The file's `clock` corresponds to now less the time that passed. */
	delta = facts->now - Max(facts->wall - label.wall, 0) - label.clock;

	LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
	ok = rw_restore_state(payload, length, &label, delta, same_role);
	LWLockRelease(rw_state_lock);

	if (!ok)
		rw_store_set_aside(RW_STATE_FILE, "its lengths do not add up");
	pfree(payload);
}

/*
 * The LSN up to which the history is true on the timeline `to` as well;
 * PG_UINT64_MAX if all of it is.  False if nothing is to be done yet, because
 * recovery still moves along the history's own timeline, which a base backup
 * or pg_rewind brought along.
 */
static bool
find_history_end(RwSampler *sampler, TimeLineID from, TimeLineID to,
				 uint64 *end)
{
	const RwFacts *facts = &sampler->facts;
	RwTimeline *old;
	RwTimeline *new;
	bool		found = true;

	/* The first timeline that this history sees. */
	if (from == 0)
	{
		*end = PG_UINT64_MAX;
		return true;
	}

	old = palloc(sizeof(RwTimeline));
	new = palloc(sizeof(RwTimeline));
	if (rw_timeline_load(old, from) && rw_timeline_load(new, to))
	{
		uint64		until;

		if (facts->in_recovery && rw_timeline_find(old, to, &until) &&
			facts->recovery.replay <= until)
		{
			sampler->step.from = from;
			sampler->step.to = to;
			sampler->step.until = until;
			found = false;
		}
		else
			*end = rw_timeline_fork(old, new);
	}
	else
	{
		/* Where they fork is unknown: keep only what is certain. */
		*end = facts->in_recovery ? facts->recovery.replay : facts->horizon;
		ereport(LOG,
				(errmsg("could not read the history files of timelines %u and %u",
						from, to),
				 errdetail("The LSN history is kept up to " RW_LSN_FORMAT ".",
						   LSN_FORMAT_ARGS(*end))));
	}
	pfree(old);
	pfree(new);
	return found;
}

void
rw_persist_follow_timeline(RwSampler *sampler)
{
	const RwFacts *facts = &sampler->facts;
	const RwTimelineStep *step = &sampler->step;
	TimeLineID	from = rw_history_shared->tli;	/* only written here */
	TimeLineID	to = facts->tli;
	uint64		end;

	if (from == to || to == 0 ||
		(from == step->from && to == step->to && facts->in_recovery &&
		 facts->recovery.replay <= step->until))
		return;
	if (!find_history_end(sampler, from, to, &end))
		return;

	LWLockAcquire(rw_history_lock, LW_EXCLUSIVE);
	if (end != PG_UINT64_MAX)
		rw_history_cut(&rw_history_shared->history, end);
	rw_history_shared->tli = to;
	LWLockRelease(rw_history_lock);

	if (end != PG_UINT64_MAX)
	{
		LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
		rw_replicas_cut(rw_replicas, rw_max_replicas, end);
		LWLockRelease(rw_state_lock);
	}
}
