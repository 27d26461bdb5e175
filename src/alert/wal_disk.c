/*-------------------------------------------------------------------------
 *
 * wal_disk.c
 *	  When held WAL will fill its volume.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/wal_disk.h"
#include "src/base/rates.h"

/* The time left is at most so many times the stretch that the rate is of. */
#define REACH		2

static int64
distance(XLogRecPtr from, XLogRecPtr to)
{
	return to > from ? (int64) (to - from) : 0;
}

void
rw_wal_holders(const RwFacts *facts, const RwWalVolume *volume,
			   RwWalHolders *holders)
{
	int			i;

	holders->slot = NULL;
	holders->by_slot = holders->by_archiver = -1;
	holders->by_replay = holders->by_others = -1;
	for (i = 0; i < facts->nslots; i++)
	{
		const RwSlotFacts *slot = &facts->slots[i];

		if (slot->invalidation || slot->wal_status == RW_WAL_LOST ||
			XLogRecPtrIsInvalid(slot->restart_lsn))
			continue;
		if (holders->slot == NULL ||
			slot->restart_lsn < holders->slot->restart_lsn)
			holders->slot = slot;
	}
	if (holders->slot)
		holders->by_slot = distance(holders->slot->restart_lsn,
									facts->horizon);
	if (!XLogRecPtrIsInvalid(volume->unarchived))
		holders->by_archiver = distance(volume->unarchived, facts->horizon);

	if (facts->in_recovery)
		holders->by_replay = distance(facts->recovery.replay, facts->horizon);

	/*
	 * Under load pg_wal may well exceed its size until the next checkpoint
	 * completes.  Only twice that much shows that none does.  On a standby it
	 * is the settings of the primary that decide when that is.
	 */
	else if (!XLogRecPtrIsInvalid(volume->oldest) &&
			 distance(volume->oldest, facts->horizon) > 2 * rw_wal_allowed(volume))
		holders->by_others = distance(volume->oldest, facts->horizon) -
			rw_wal_allowed(volume);
	holders->held = Max(Max(holders->by_slot, holders->by_archiver),
						Max(holders->by_replay, holders->by_others));
	holders->held = Max(holders->held, 0);
}

int64
rw_wal_allowed(const RwWalVolume *volume)
{
	return volume->max_wal_size + volume->wal_keep_size;
}

static void
add_point(RwHeldLevel *level, RwTime step, const RwHeldPoint *point)
{
	if (level->npoints > 0 &&
		point->at - level->points[level->newest].at < step)
		return;
	level->newest = (level->newest + 1) % RW_WAL_DISK_POINTS;
	level->points[level->newest] = *point;
	level->npoints = Min(level->npoints + 1, RW_WAL_DISK_POINTS);
}

void
rw_wal_disk_add(RwWalDisk *disk, const RwFacts *facts)
{
	RwWalHolders holders;
	int			i;

	/*
	 * What was written on another timeline may be less, and how fast WAL was
	 * written while nobody watched is not known.
	 */
	if (facts->horizon < disk->now.lsn ||
		facts->watch.resumed_at > disk->now.at)
	{
		for (i = 0; i < RW_WAL_DISK_LEVELS; i++)
			disk->levels[i].npoints = 0;
		disk->begin.at = RW_NEVER;
	}

	rw_wal_holders(facts, &disk->volume, &holders);
	disk->now.at = disk->volume.at;
	disk->now.lsn = facts->horizon;
	disk->now.held = holders.held;
	disk->by_others = holders.by_others > Max(holders.by_slot,
											  holders.by_archiver);

	/* It began when little was held, or less than ever since. */
	if (disk->begin.at == RW_NEVER || disk->now.held <= disk->begin.held ||
		disk->now.held <= rw_wal_allowed(&disk->volume) / 8)
	{
		disk->begin = disk->now;
		disk->first.at = RW_NEVER;
	}
	else if (disk->first.at == RW_NEVER)
		disk->first = disk->now;
	for (i = 0; i < RW_WAL_DISK_LEVELS; i++)
		add_point(&disk->levels[i], RW_WAL_DISK_STEP << i, &disk->now);
}

/* By how much held WAL has grown since then; see wal_disk.h. */
static double
growth_since(const RwWalDisk *disk, const RwHeldPoint *then)
{
	bool		first_is_past = disk->first.at != RW_NEVER &&
		disk->first.at < disk->now.at;
	const RwHeldPoint *from = first_is_past ? &disk->first : &disk->begin;
	int64		held = Max(disk->now.held - from->held, 0);
	int64		written = distance(from->lsn, disk->now.lsn);

	if (then->at >= from->at || disk->by_others)
		return disk->now.held - then->held;
	if (written == 0)
		return 0;
	return (double) distance(then->lsn, disk->now.lsn) *
		Min(held, written) / written;
}

RwForecast
rw_wal_disk_forecast(const RwWalDisk *disk, RwTime now, int64 *left)
{
	RwTime		longest = 0;
	int64		full_after = -1;	/* the last look */
	int			i;
	int			j;

	*left = -1;
	if (disk->now.held <= rw_wal_allowed(&disk->volume))
		return RW_FORECAST_NEVER;

	/* From the shortest stretch of the past to the longest. */
	for (i = 0; i < RW_WAL_DISK_LEVELS; i++)
	{
		const RwHeldLevel *level = &disk->levels[i];

		for (j = 0; j < level->npoints; j++)
		{
			const RwHeldPoint *then =
				&level->points[(level->newest + RW_WAL_DISK_POINTS - j) %
							   RW_WAL_DISK_POINTS];
			RwTime		stretch = disk->now.at - then->at;

			if (stretch <= longest)
				continue;
			longest = stretch;
			full_after = rw_time_left(disk->volume.free,
									  growth_since(disk, then) * RW_SECOND /
									  stretch);
			if (full_after >= 0 && full_after <= REACH * stretch)
				goto found;
		}
	}
	if (longest < RW_WAL_DISK_MIN_TIME)
		return RW_FORECAST_UNKNOWN;
	if (disk->by_others)
		return RW_FORECAST_NEVER;
found:
	if (full_after < 0)
		return RW_FORECAST_NEVER;
	*left = Max(full_after - (now - disk->now.at), 0);
	return RW_FORECAST_FULL;
}
