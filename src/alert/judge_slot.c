/*-------------------------------------------------------------------------
 *
 * judge_slot.c
 *	  What the rules say of replication slots.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/alert/judge_finding.h"
#include "src/alert/judge_slot.h"

/*
 * Will it be lost soon?  On a busy server every slot would be, if it stayed
 * where it is; so that counts only once it has used up half of what it may
 * retain, or has been unused for longer than a restart takes.
 */
static RwJudged
judge_time_left(const RwLink *link, int64 limit, bool unused)
{
	const RwSlotFacts *slot = link->slot;
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);

	if (limit <= 0 || !slot->limited ||
		(!unused && link->retained_bytes <= slot->safe_wal_size))
		return judged;
	if (link->slot_time_left >= 0)
	{
		if (link->slot_time_left < limit)
			judged.raise = RW_SEVERITY_WARNING;
		if (link->slot_time_left <= 2 * limit)
			judged.keep = RW_SEVERITY_WARNING;
	}
	else
		return rw_judge_nothing();	/* a pause in the writing is no rescue */
	return judged;
}

void
rw_judge_slot(RwSubject *subject, const RwFacts *facts,
			  const RwSlotNote *note, RwTime watching_since)
{
	const RwLink *link = subject->link;
	const RwSlotFacts *slot = link->slot;
	RwLimits	limits;
	int64		limit;
	int64		retained;
	int64		lasts = -1;		/* neither used nor moved */
	int64		watched = -1;	/* the same, as far as it was watched */
	bool		lost = slot->wal_status == RW_WAL_LOST;
	RwFinding  *finding;

	rw_limits_for(subject->name, &limits);
	if (note && note->inactive_since != RW_NEVER)
	{
		lasts = facts->now - Max(note->inactive_since, note->moved_at);
		watched = Min(lasts, facts->now - watching_since);
	}

	finding = rw_start_finding(subject, RW_ALERT_SLOT_LOST, RW_UNIT_SIZE,
							   link->retained_bytes, 0, 0);
	finding->judged = rw_judge_level(lost ? RW_SEVERITY_CRITICAL :
									 RW_SEVERITY_NONE);

	limit = limits.of[RW_LIMIT_SLOT_TIME_LEFT];
	retained = limits.of[RW_LIMIT_SLOT_RETAINED];
	finding = rw_start_finding(subject, RW_ALERT_SLOT_AT_RISK, RW_UNIT_TIME,
							   link->slot_time_left, limit, 0);
	finding->judged = rw_judge_level(RW_SEVERITY_NONE);
	if (!lost && limit > 0)
	{
		finding->judged =
			judge_time_left(link, limit,
							watched >= limits.of[RW_LIMIT_MISSING_TIMEOUT]);
		if (slot->wal_status == RW_WAL_UNRESERVED)
			finding->judged = rw_judge_level(RW_SEVERITY_CRITICAL);
	}
	if (!lost && retained > 0)
	{
		finding->judged =
			rw_judge_either(finding->judged,
							rw_judge_value(link->retained_bytes, retained, 0));
		if (link->retained_bytes > retained && slot->wal_status != RW_WAL_UNRESERVED &&
			(link->slot_time_left < 0 || link->slot_time_left >= limit))
			rw_start_finding(subject, RW_ALERT_SLOT_AT_RISK, RW_UNIT_SIZE,
							 link->retained_bytes, retained, 0);
	}

	/*
	 * One that pg_basebackup made waits for its standby to start, and after a
	 * restart or promotion of this server replicas have to find it again.
	 */
	limit = limits.of[RW_LIMIT_SLOT_INACTIVE_TIMEOUT];
	if (lost || lasts < 0 || note->for_backup || link->retained_bytes <= 0)
		lasts = watched = -1;
	finding = rw_start_finding(subject, RW_ALERT_SLOT_INACTIVE, RW_UNIT_TIME,
							   lasts, limit, 0);
	finding->judged = rw_judge_lasting(watched, limit, 0);
	finding->judged.keep = finding->judged.raise;
	if (lasts >= 0 && limit > 0)
		finding->progress = slot->restart_lsn + slot->confirmed_flush;
}
