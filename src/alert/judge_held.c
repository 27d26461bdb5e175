/*-------------------------------------------------------------------------
 *
 * judge_held.c
 *	  The rules of the alerts about what consumers hold back on this server.
 *
 * Both are about the node: WAL that fills the volume of pg_wal, and rows that
 * vacuum cannot remove.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/intern.h"

/* Critical is within this part of wal_disk_time_left, and below that part of
 * the free space. */
#define CRITICAL_TIME_PART	4
#define CRITICAL_FREE_PART	2

/* Will held WAL fill the volume within `limit`? */
static RwJudged
judge_time_left(RwForecast forecast, int64 left, int64 limit)
{
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);

	if (limit <= 0 || forecast == RW_FORECAST_NEVER)
		return judged;
	if (forecast == RW_FORECAST_UNKNOWN)
		return rw_judge_nothing();

	if (left < limit / CRITICAL_TIME_PART)
		judged.raise = RW_SEVERITY_CRITICAL;
	else if (left < limit)
		judged.raise = RW_SEVERITY_WARNING;
	if (left <= limit / CRITICAL_TIME_PART * 2)
		judged.keep = RW_SEVERITY_CRITICAL;
	else if (left / 2 <= limit)
		judged.keep = RW_SEVERITY_WARNING;
	return judged;
}

/* Is less free than `limit`?  It must be half as much again to clear. */
static RwJudged
judge_free(int64 free, int64 limit)
{
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);
	int64		critical = limit / CRITICAL_FREE_PART;

	if (limit <= 0)
		return judged;
	if (free < critical)
		judged.raise = RW_SEVERITY_CRITICAL;
	else if (free < limit)
		judged.raise = RW_SEVERITY_WARNING;
	if (free <= critical + critical / 2)
		judged.keep = RW_SEVERITY_CRITICAL;
	else if (free <= limit + limit / 2)
		judged.keep = RW_SEVERITY_WARNING;
	return judged;
}

/*
 * wal_disk: held WAL will fill its volume within wal_disk_time_left; or less
 * is free than wal_disk_free percent.  On a large volume that is plenty, so it
 * must also be less than four times max_wal_size.
 */
void
rw_judge_wal_disk(const RwJudgeInput *input, const RwSubject *subject,
				  RwFinding *finding)
{
	const RwWalDisk *disk = &input->memory->wal_disk;
	int64		time_limit = finding->limits[RW_SEVERITY_WARNING];
	int64		free_limit = disk->volume.size / 100 *
		subject->limits.of[RW_LIMIT_WAL_DISK_FREE];
	int64		left;
	RwForecast	forecast;
	RwJudged	by_time;
	RwJudged	by_free;

	if (time_limit <= 0 && subject->limits.of[RW_LIMIT_WAL_DISK_FREE] <= 0)
		return;
	if (!disk->volume.known)
	{
		finding->judged = rw_judge_nothing();
		return;
	}

	free_limit = Min(free_limit, 4 * disk->volume.max_wal_size);
	forecast = rw_wal_disk_forecast(disk, input->facts->now, &left);
	by_time = judge_time_left(forecast, left, time_limit);
	by_free = judge_free(disk->volume.free, free_limit);
	finding->judged = rw_judge_either(by_time, by_free);

	/* Show the space where that, and not the time, is the reason. */
	if (by_free.raise > by_time.raise ||
		(by_free.raise == by_time.raise && by_free.keep > by_time.keep))
	{
		finding->unit = RW_UNIT_SIZE;
		finding->value = disk->volume.free;
		finding->limits[RW_SEVERITY_WARNING] = free_limit;
		finding->limits[RW_SEVERITY_CRITICAL] = free_limit / CRITICAL_FREE_PART;
	}
	else
	{
		finding->value = left;
		finding->limits[RW_SEVERITY_CRITICAL] = time_limit /
			CRITICAL_TIME_PART;
	}
}

/*
 * Who holds back vacuum the most.  What was invalidated holds nothing.  On a
 * standby, slots that are synchronized from the primary are the primary's, and
 * nothing is held back unless this standby sends feedback itself.
 */
void
rw_find_xmin_holder(const RwFacts *facts, RwXminHolder *holder)
{
	int			i;

	holder->slot = NULL;
	holder->sender = NULL;
	holder->age = -1;
	if (facts->in_recovery && !facts->receiver.sends_feedback)
		return;

	for (i = 0; i < facts->nslots; i++)
	{
		const RwSlotFacts *slot = &facts->slots[i];

		if (slot->xmin_age <= holder->age || slot->invalidation ||
			(facts->in_recovery && slot->synced))
			continue;
		holder->slot = slot;
		holder->sender = slot->sender >= 0 ?
			&facts->senders[slot->sender] : NULL;
		holder->age = slot->xmin_age;
	}
	for (i = 0; i < facts->nsenders; i++)
	{
		const RwSenderFacts *sender = &facts->senders[i];

		if (sender->xmin_age <= holder->age)
			continue;
		holder->slot = NULL;
		holder->sender = sender;
		holder->age = sender->xmin_age;
	}
}

/*
 * xmin_held: a slot or the feedback of a standby holds back vacuum by more
 * than xmin_age transactions.
 */
void
rw_judge_xmin_held(const RwJudgeInput *input, const RwSubject *subject,
				   RwFinding *finding)
{
	RwXminHolder holder;

	rw_find_xmin_holder(input->facts, &holder);
	finding->value = Max(holder.age, 0);
	finding->judged = rw_judge_value(finding->value,
									 finding->limits[RW_SEVERITY_WARNING], 0);
}
