/*-------------------------------------------------------------------------
 *
 * sync_watch.c
 *	  For how long commits and logical replication have waited for standbys.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/sync_watch.h"

/*
 * A walsender that waits is awake for a moment now and then, and may be seen
 * so once.
 */
#define MISSES_ALLOWED		1

static int
remove_mark(RwSyncMark *marks, int nmarks, int which)
{
	memmove(&marks[which], &marks[which + 1],
			(nmarks - which - 1) * sizeof(RwSyncMark));
	return nmarks - 1;
}

/* Of the marks between the first and the last, the one that is missed least. */
static int
least_mark(const RwSyncMark *marks, int nmarks)
{
	int			least = 1;
	int			i;

	for (i = 2; i < nmarks - 1; i++)
	{
		if (marks[i + 1].at - marks[i - 1].at <
			marks[least + 1].at - marks[least - 1].at)
			least = i;
	}
	return least;
}

/*
 * Bring the marks of a queue up to date, so that the first of them dates the
 * first commit.  Returns how many there are.
 */
static int
follow_queue(RwSyncMark *marks, int nmarks, const RwSyncQueue *queue,
			 RwTime now)
{
	if (XLogRecPtrIsInvalid(queue->first))
		return 0;

	while (nmarks > 0 && marks[0].lsn < queue->first)
		nmarks = remove_mark(marks, nmarks, 0);
	if (nmarks > 0 && marks[nmarks - 1].lsn >= queue->last)
		return nmarks;

	if (nmarks == RW_SYNC_MARKS)
		nmarks = remove_mark(marks, nmarks, least_mark(marks, nmarks));
	marks[nmarks].lsn = queue->last;
	marks[nmarks].at = now;
	return nmarks + 1;
}

void
rw_watch_sync(RwSyncWatch *watch, const RwSyncQueues *queues, RwTime now)
{
	RwSyncStage stage;

	watch->since = RW_NEVER;
	for (stage = RW_SYNC_WRITE; stage < RW_NUM_SYNC_STAGES; stage++)
	{
		const RwSyncQueue *queue = &queues->stages[stage];
		RwSyncMark *marks = watch->stages[stage].marks;
		int			nmarks;

		nmarks = follow_queue(marks, watch->stages[stage].nmarks, queue, now);
		watch->stages[stage].nmarks = nmarks;
		if (nmarks > 0 &&
			(watch->since == RW_NEVER || marks[0].at < watch->since))
		{
			watch->since = marks[0].at;
			watch->stage = stage;
			watch->lsn = queue->first;
		}
	}
}

static bool
does_anyone_wait(const RwFacts *facts)
{
	int			i;

	for (i = 0; i < facts->nsenders; i++)
	{
		if (facts->senders[i].waits_for_standby)
			return true;
	}
	return false;
}

void
rw_watch_standby_slot(RwStandbySlotWatch *watch, const RwFacts *facts)
{
	const RwStandbySlotFacts *slot = &facts->standby_slot;

	if (slot->fault != RW_STANDBY_SLOT_BEHIND ||
		slot->restart_lsn != watch->slot.restart_lsn ||
		!rw_name_equal(slot->name, watch->slot.name))
		watch->since = RW_NEVER;
	watch->slot = *slot;

	if (slot->fault != RW_STANDBY_SLOT_BEHIND)
		return;
	if (does_anyone_wait(facts))
	{
		watch->misses = 0;
		if (watch->since == RW_NEVER)
			watch->since = facts->now;
	}
	else if (++watch->misses > MISSES_ALLOWED)
		watch->since = RW_NEVER;
}
