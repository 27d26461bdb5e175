/*-------------------------------------------------------------------------
 *
 * judge_slot.c
 *	  The rules of the alerts about replication slots.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/intern.h"

static bool
is_lost(const RwSubject *subject)
{
	return subject->link->slot->wal_status == RW_WAL_LOST;
}

/* How long the slot has neither been used nor moved; -1 if it has. */
static int64
time_unused(const RwJudgeInput *input, const RwSubject *subject)
{
	const RwSlotNote *note = subject->note;

	if (note == NULL || note->inactive_since == RW_NEVER)
		return -1;
	return input->facts->now - Max(note->inactive_since, note->moved_at);
}

/*
 * The same, but what was before this server had its role, or before its worker
 * started, does not count.
 */
static int64
time_watched_unused(const RwJudgeInput *input, const RwSubject *subject)
{
	return Min(time_unused(input, subject),
			   input->facts->now - input->memory->watching_since);
}

/* slot_lost: it is invalidated. */
void
rw_judge_slot_lost(const RwJudgeInput *input, const RwSubject *subject,
				   RwFinding *finding)
{
	finding->value = subject->link->retained_bytes;
	if (is_lost(subject))
		finding->judged = rw_judge_level(RW_SEVERITY_CRITICAL);
}

/*
 * Will the slot be lost within `limit`, at the present rate of WAL?  On a busy
 * server that is so for every slot if it stays where it is.  Therefore the slot
 * must also have used up half of what it may retain, or have been unused for
 * longer than a restart of its replica takes.
 */
static RwJudged
judge_time_left(const RwJudgeInput *input, const RwSubject *subject,
				int64 limit)
{
	const RwLink *link = subject->link;
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);
	bool		unused = time_watched_unused(input, subject) >=
		subject->limits.of[RW_LIMIT_MISSING_TIMEOUT];

	if (!link->slot->limited ||
		(!unused && link->retained_bytes <= link->slot->safe_wal_size))
		return judged;
	/* That no WAL is written now does not mean that the danger is over. */
	if (link->slot_time_left < 0)
		return rw_judge_nothing();
	if (link->slot_time_left < limit)
		judged.raise = RW_SEVERITY_WARNING;
	if (link->slot_time_left <= 2 * limit)
		judged.keep = RW_SEVERITY_WARNING;
	return judged;
}

/*
 * slot_at_risk: it will be lost within slot_time_left, or retains more than
 * slot_retained, or the server does not guarantee its WAL any more.  The last
 * is critical, and is judged only where slot_time_left is not 0.
 */
void
rw_judge_slot_at_risk(const RwJudgeInput *input, const RwSubject *subject,
					  RwFinding *finding)
{
	const RwLink *link = subject->link;
	bool		unreserved = link->slot->wal_status == RW_WAL_UNRESERVED;
	int64		time_limit = finding->limits[RW_SEVERITY_WARNING];
	int64		size_limit = subject->limits.of[RW_LIMIT_SLOT_RETAINED];

	finding->value = link->slot_time_left;
	if (is_lost(subject))
		return;
	if (time_limit > 0)
		finding->judged = unreserved ?
			rw_judge_level(RW_SEVERITY_CRITICAL) :
			judge_time_left(input, subject, time_limit);
	if (size_limit <= 0)
		return;
	finding->judged = rw_judge_either(finding->judged,
									  rw_judge_value(link->retained_bytes,
													 size_limit, 0));

	/* Show the size where that, and not the time, is the reason. */
	if (link->retained_bytes > size_limit && !unreserved &&
		(link->slot_time_left < 0 || link->slot_time_left >= time_limit))
	{
		finding->unit = RW_UNIT_SIZE;
		finding->value = link->retained_bytes;
		finding->limits[RW_SEVERITY_WARNING] = size_limit;
	}
}

/*
 * slot_inactive: it retains WAL and has neither been used nor moved for
 * slot_inactive_timeout.  Any move clears it.  A slot that pg_basebackup has
 * made waits for its standby to start.
 */
void
rw_judge_slot_inactive(const RwJudgeInput *input, const RwSubject *subject,
					   RwFinding *finding)
{
	const RwLink *link = subject->link;
	int64		limit = finding->limits[RW_SEVERITY_WARNING];
	int64		unused = time_unused(input, subject);

	if (is_lost(subject) || unused < 0 || subject->note->for_backup ||
		link->retained_bytes <= 0)
	{
		finding->judged = rw_judge_lasting(-1, limit, 0);
		return;
	}
	finding->value = unused;
	finding->judged = rw_judge_lasting(time_watched_unused(input, subject),
									   limit, 0);
	finding->judged.keep = finding->judged.raise;
	if (limit > 0)
		finding->progress = link->slot->restart_lsn +
			link->slot->confirmed_flush;
}
