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

/* For how long the slot has not moved; -1 if that is not known. */
static int64
time_unmoved(const RwJudgeInput *input, const RwSubject *subject)
{
	const RwSlotNote *note = subject->note;

	if (note == NULL || note->moved_at == RW_NEVER)
		return -1;
	return input->facts->now - note->moved_at;
}

/* The same, as far as it has been watched. */
static int64
time_watched_unmoved(const RwJudgeInput *input, const RwSubject *subject)
{
	return Min(time_unmoved(input, subject),
			   input->facts->now - rw_watched_since(input));
}

/* slot_lost: it is invalidated, although a replica may stream through it. */
void
rw_judge_slot_lost(const RwJudgeInput *input, const RwSubject *subject,
				   RwFinding *finding)
{
	finding->value = subject->link->retained_bytes;
	if (rw_slot_is_lost(subject->link->slot))
		finding->judged = rw_judge_level(RW_SEVERITY_CRITICAL);
}

/*
 * Does the time count until the slot will have exceeded what it may retain?
 * On a busy server there is little left of it for every slot that stays where
 * it is.  Therefore the slot must also have used up half of what it may
 * retain; or nobody uses it, and it has not moved for longer than a restart of
 * its replica takes.  A consumer that is there may confirm much at a time.
 */
static bool
is_limited_by_size(const RwJudgeInput *input, const RwSubject *subject)
{
	const RwLink *link = subject->link;

	return link->slot->limited &&
		(link->retained_bytes > link->slot->safe_wal_size ||
		 (link->slot->active_pid == 0 &&
		  time_watched_unmoved(input, subject) >=
		  subject->limits.of[RW_LIMIT_MISSING_TIMEOUT]));
}

/*
 * The same for idle_replication_slot_timeout: half of it is over, or more than
 * a restart of the replica takes.
 */
static bool
is_limited_by_use(const RwJudgeInput *input, const RwSubject *subject)
{
	int64		left = subject->link->slot_idle_left;
	int64		unused = input->facts->idle_slot_timeout_s * RW_SECOND - left;

	return left >= 0 &&
		unused >= Min(left, subject->limits.of[RW_LIMIT_MISSING_TIMEOUT]);
}

/* Will the slot be lost within `limit`?  Sets *left to the time until then. */
static RwJudged
judge_time_left(const RwJudgeInput *input, const RwSubject *subject,
				int64 limit, int64 *left)
{
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);
	bool		by_size = is_limited_by_size(input, subject);

	if (!by_size && !is_limited_by_use(input, subject))
		return judged;
	if (!by_size)
		*left = subject->link->slot_idle_left;
	/* That no WAL is written now does not mean that the danger is over. */
	if (*left < 0)
		return rw_judge_nothing();
	if (*left < limit)
		judged.raise = RW_SEVERITY_WARNING;
	if (*left <= 2 * limit)
		judged.keep = RW_SEVERITY_WARNING;
	return judged;
}

/*
 * Is this a standby's copy of a slot, which nobody uses here, and which a
 * failover manager or slot synchronization keeps moving?  After a start they
 * have some time for that.
 */
static bool
is_kept_elsewhere(const RwJudgeInput *input, const RwSubject *subject)
{
	return input->facts->in_recovery && subject->link->slot->sender < 0 &&
		time_watched_unmoved(input, subject) <
		subject->limits.of[RW_LIMIT_MISSING_TIMEOUT];
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
	if (rw_slot_is_lost(link->slot) || is_kept_elsewhere(input, subject))
		return;
	if (time_limit > 0)
		finding->judged = unreserved ?
			rw_judge_level(RW_SEVERITY_CRITICAL) :
			judge_time_left(input, subject, time_limit, &finding->value);
	if (size_limit <= 0)
		return;
	finding->judged = rw_judge_either(finding->judged,
									  rw_judge_value(link->retained_bytes,
													 size_limit, 0));

	/* Show the size where that, and not the time, is the reason. */
	if (link->retained_bytes > size_limit && !unreserved &&
		(finding->value < 0 || finding->value >= time_limit))
	{
		finding->unit = RW_UNIT_SIZE;
		finding->value = link->retained_bytes;
		finding->limits[RW_SEVERITY_WARNING] = size_limit;
	}
}

/*
 * slot_inactive: it retains WAL and has not moved for slot_inactive_timeout,
 * whoever uses it.  A slot that pg_basebackup has made waits for its standby
 * to start.
 */
void
rw_judge_slot_inactive(const RwJudgeInput *input, const RwSubject *subject,
					   RwFinding *finding)
{
	const RwLink *link = subject->link;
	int64		limit = finding->limits[RW_SEVERITY_WARNING];
	int64		unmoved = time_unmoved(input, subject);

	if (rw_slot_is_lost(link->slot) || unmoved < 0 ||
		subject->note->for_backup || link->retained_bytes < 0)
	{
		finding->judged = rw_judge_lasting(-1, limit, 0);
		return;
	}
	finding->value = unmoved;
	finding->judged = rw_judge_lasting(time_watched_unmoved(input, subject),
									   limit, 0);
	if (subject->note->report_due || link->retained_bytes == 0)
		finding->judged.raise = RW_SEVERITY_NONE;
	/*
	 * Only a move clears it, not a restart of the server, nor of a standby
	 * whose horizon is not yet where it was.
	 */
	finding->judged.keep = rw_judge_lasting(unmoved, limit, 0).raise;
}
