/*-------------------------------------------------------------------------
 *
 * wait_queue.c
 *	  Waiting sessions in the order of what they wait for.
 *
 * A sorted array, which begins anywhere in its room.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/wait/wait_queue.h"

void
rw_wait_queue_init(RwWaitQueue *queue, int size, RwWaitMark *entries,
				   RwWaitMember *members)
{
	queue->begin = 0;
	queue->nentries = 0;
	queue->size = size;
	queue->entries = entries;
	queue->members = members;
	for (int i = 0; i < size; i++)
	{
		members[i].key = RW_NOBODY_WAITS;
		members[i].queued = 0;
	}
}

static bool
is_after(RwWaitMark a, RwWaitMark b)
{
	return a.key > b.key || (a.key == b.key && a.member > b.member);
}

/* The number of entries at or before the mark. */
static int
entries_upto(const RwWaitQueue *queue, RwWaitMark mark)
{
	const RwWaitMark *entries = &queue->entries[queue->begin];
	int			low = 0;
	int			high = queue->nentries;

	/* Most sessions come with a higher LSN than all others. */
	if (high > 0 && is_after(mark, entries[high - 1]))
		return high;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (is_after(entries[middle], mark))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Move `n` entries, given by their places in the room. */
static void
move_entries(RwWaitQueue *queue, int to, int from, int n)
{
	memmove(&queue->entries[to], &queue->entries[from],
			n * sizeof(RwWaitMark));
}

/* Close the gap where `n` entries, from the index on, have been. */
static void
close_gap(RwWaitQueue *queue, int index, int n)
{
	int			left = queue->nentries - index - n;

	if (index < left)
	{
		move_entries(queue, queue->begin + n, queue->begin, index);
		queue->begin += n;
	}
	else
		move_entries(queue, queue->begin + index, queue->begin + index + n,
					 left);
	queue->nentries -= n;
	if (queue->nentries == 0)
		queue->begin = 0;
}

/* Open a gap for one entry at the index, and return its place in the room. */
static int
open_gap(RwWaitQueue *queue, int index)
{
	int			left = queue->nentries - index;

	if (index < left && queue->begin > 0)
	{
		queue->begin--;
		move_entries(queue, queue->begin, queue->begin + 1, index);
	}
	else
	{
		if (queue->begin + queue->nentries == RW_WAIT_QUEUE_ROOM(queue->size))
		{
			move_entries(queue, 0, queue->begin, queue->nentries);
			queue->begin = 0;
		}
		move_entries(queue, queue->begin + index + 1, queue->begin + index,
					 left);
	}
	queue->nentries++;
	return queue->begin + index;
}

void
rw_wait_queue_add(RwWaitQueue *queue, int member, uint64 key)
{
	RwWaitMark	entry = {key, member};
	int			place;

	Assert(member >= 0 && member < queue->size);
	rw_wait_queue_remove(queue, member);
	place = open_gap(queue, entries_upto(queue, entry));
	queue->entries[place] = entry;
	queue->members[member].key = key;
	queue->members[member].queued = 1;
}

void
rw_wait_queue_remove(RwWaitQueue *queue, int member)
{
	RwWaitMark	entry;

	Assert(member >= 0 && member < queue->size);
	if (!queue->members[member].queued)
		return;
	entry.key = queue->members[member].key;
	entry.member = member;
	close_gap(queue, entries_upto(queue, entry) - 1, 1);
	queue->members[member].queued = 0;
}

uint64
rw_wait_queue_after(const RwWaitQueue *queue, RwWaitMark mark)
{
	int			index = entries_upto(queue, mark);

	return index < queue->nentries ?
		queue->entries[queue->begin + index].key : RW_NOBODY_WAITS;
}

int
rw_wait_queue_take(RwWaitQueue *queue, RwWaitMark *mark, uint64 upto,
				   int *taken, int room)
{
	RwWaitMark	end = rw_wait_mark_after(upto);
	int			index;
	int			due;
	int			n;

	Assert(room > 0);
	if (!is_after(end, *mark))
		return 0;
	index = entries_upto(queue, *mark);
	due = entries_upto(queue, end) - index;
	n = Min(due, room);

	for (int i = 0; i < n; i++)
	{
		taken[i] = queue->entries[queue->begin + index + i].member;
		queue->members[taken[i]].queued = 0;
	}
	*mark = n < due ? queue->entries[queue->begin + index + n - 1] : end;
	close_gap(queue, index, n);
	return n;
}
