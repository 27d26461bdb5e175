/*-------------------------------------------------------------------------
 *
 * wait_heap.c
 *	  A heap of waiting sessions, the lowest LSN first.
 *
 * A binary heap that also records each member's place, so that a member is
 * removed without a search.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/wait/wait_heap.h"

void
rw_heap_init(RwWaitHeap *heap, int size, RwHeapEntry *entries, int32 *places)
{
	heap->nentries = 0;
	heap->size = size;
	heap->entries = entries;
	heap->places = places;
	for (int i = 0; i < size; i++)
		places[i] = -1;
}

static void
heap_put(RwWaitHeap *heap, int place, RwHeapEntry entry)
{
	heap->entries[place] = entry;
	heap->places[entry.member] = place;
}

/* Put an entry where it belongs, by moving others from an empty place on. */
static void
heap_settle(RwWaitHeap *heap, int place, RwHeapEntry entry)
{
	while (place > 0)
	{
		int			parent = (place - 1) / 2;

		if (heap->entries[parent].lsn <= entry.lsn)
			break;
		heap_put(heap, place, heap->entries[parent]);
		place = parent;
	}
	for (;;)
	{
		int			child = 2 * place + 1;

		if (child >= heap->nentries)
			break;
		if (child + 1 < heap->nentries &&
			heap->entries[child + 1].lsn < heap->entries[child].lsn)
			child++;
		if (entry.lsn <= heap->entries[child].lsn)
			break;
		heap_put(heap, place, heap->entries[child]);
		place = child;
	}
	heap_put(heap, place, entry);
}

void
rw_heap_add(RwWaitHeap *heap, int member, uint64 lsn)
{
	RwHeapEntry entry = {lsn, member};

	Assert(member >= 0 && member < heap->size);
	rw_heap_remove(heap, member);
	heap->nentries++;
	heap_settle(heap, heap->nentries - 1, entry);
}

void
rw_heap_remove(RwWaitHeap *heap, int member)
{
	int			place;
	RwHeapEntry last;

	Assert(member >= 0 && member < heap->size);
	place = heap->places[member];
	if (place < 0)
		return;
	heap->places[member] = -1;
	last = heap->entries[--heap->nentries];
	if (place < heap->nentries)
		heap_settle(heap, place, last);
}

uint64
rw_heap_lowest(const RwWaitHeap *heap)
{
	return heap->nentries > 0 ? heap->entries[0].lsn : RW_NOBODY_WAITS;
}

int
rw_heap_pop(RwWaitHeap *heap, uint64 lsn)
{
	int			member;

	if (heap->nentries == 0 || heap->entries[0].lsn > lsn)
		return -1;
	member = heap->entries[0].member;
	rw_heap_remove(heap, member);
	return member;
}
