/*-------------------------------------------------------------------------
 *
 * judge_sync.c
 *	  The rule of the alert about what waits for standbys: sync_short.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/intern.h"

/* How long this server has been watched without a gap. */
static int64
time_watched(const RwJudgeInput *input)
{
	return input->facts->now - input->facts->watch.resumed_at;
}

/*
 * Judge the commits that wait, however many standbys there are.  That the
 * oldest one has waited longer than the hold time needs no hold time more.
 */
static RwJudged
judge_commits(const RwJudgeInput *input, RwFinding *finding)
{
	RwTime		since = input->memory->sync.since;
	int64		waited = since == RW_NEVER ? -1 : input->facts->now - since;
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);

	if (Min(waited, time_watched(input)) > input->hold)
		judged.raise = judged.held = RW_SEVERITY_CRITICAL;
	if (waited > input->hold / 2)
		judged.keep = RW_SEVERITY_CRITICAL;

	/* It is what the alert is about unless standbys are missing. */
	if (judged.keep > RW_SEVERITY_NONE &&
		input->node->sync.connected >= input->node->sync.wanted)
	{
		finding->unit = RW_UNIT_TIME;
		finding->value = waited;
		finding->limits[RW_SEVERITY_WARNING] = input->hold;
	}
	return judged;
}

/* Judge the slots that logical replication waits for. */
static RwJudged
judge_standby_slot(const RwJudgeInput *input)
{
	RwTime		since = input->memory->standby_slot.since;
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);

	if (input->facts->standby_slot.fault == RW_STANDBY_SLOT_FINE)
		return judged;
	if (input->facts->standby_slot.fault != RW_STANDBY_SLOT_BEHIND)
		return rw_judge_level(RW_SEVERITY_WARNING);
	if (since != RW_NEVER && input->facts->now - since > input->hold)
	{
		judged.keep = RW_SEVERITY_WARNING;
		if (time_watched(input) > input->hold)
			judged.raise = judged.held = RW_SEVERITY_WARNING;
	}
	return judged;
}

/*
 * sync_short, on a primary: fewer synchronous standbys are connected than
 * commits need, or a commit has waited longer than the hold time, or a slot
 * that logical replication waits for is not used, or can't be, or does not
 * move.
 */
void
rw_judge_sync_short(const RwJudgeInput *input, const RwSubject *subject,
					RwFinding *finding)
{
	const RwSyncFacts *sync = &input->node->sync;
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);

	if (input->facts->in_recovery)
		return;
	finding->value = sync->connected;
	finding->limits[RW_SEVERITY_WARNING] = sync->wanted;
	if (sync->connected < sync->wanted)
		judged = rw_judge_level(sync->waiting > 0 ? RW_SEVERITY_CRITICAL :
								RW_SEVERITY_WARNING);
	judged = rw_judge_either(judged, judge_commits(input, finding));
	finding->judged = rw_judge_either(judged, judge_standby_slot(input));
}
