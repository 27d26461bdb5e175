/*-------------------------------------------------------------------------
 *
 * test_wait_heap.c
 *	  Tests of src/wait/wait_heap.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/wait/wait_heap.h"
#include "unit/tap.h"

#define SIZE	1000

static RwHeapEntry entries[SIZE];
static int32 places[SIZE];
static RwWaitHeap heap;

/* The expected content: the LSN of each member, or RW_NOBODY_WAITS. */
static uint64 model[SIZE];

/* The number of members whose recorded place is wrong. */
static int
misplaced(void)
{
	int			wrong = heap.nentries < 0 || heap.nentries > SIZE;
	int			there = 0;

	for (int i = 0; i < SIZE; i++)
	{
		if (places[i] < 0)
			continue;
		there++;
		wrong += places[i] >= heap.nentries ||
			heap.entries[places[i]].member != i;
	}
	return wrong + (there != heap.nentries);
}

static uint64
lowest_of_model(void)
{
	uint64		lowest = RW_NOBODY_WAITS;

	for (int i = 0; i < SIZE; i++)
		lowest = Min(lowest, model[i]);
	return lowest;
}

static void
test_by_hand(void)
{
	section("by hand");

	rw_heap_init(&heap, SIZE, entries, places);
	is_uint(rw_heap_lowest(&heap), RW_NOBODY_WAITS, "an empty heap has no LSN");
	is_int(rw_heap_pop(&heap, PG_UINT64_MAX), -1, "and no member to pop");
	rw_heap_remove(&heap, 3);
	is_int(heap.nentries, 0, "removing an absent member does nothing");

	rw_heap_add(&heap, 1, 100);
	rw_heap_add(&heap, 2, 50);
	rw_heap_add(&heap, 3, 200);
	is_uint(rw_heap_lowest(&heap), 50, "the lowest LSN");
	is_int(rw_heap_pop(&heap, 49), -1, "no member below the lowest LSN");
	is_int(rw_heap_pop(&heap, 50), 2, "a member at the lowest LSN");
	is_int(rw_heap_pop(&heap, 50), -1, "and no other");
	rw_heap_add(&heap, 3, 10);
	is_int(heap.nentries, 2, "adding a member again");
	is_uint(rw_heap_lowest(&heap), 10, "changes its LSN");
	rw_heap_remove(&heap, 3);
	is_uint(rw_heap_lowest(&heap), 100, "a removed member is gone");
	is_int(rw_heap_pop(&heap, 1000), 1, "the last member");
	is_int(rw_heap_pop(&heap, 1000), -1, "the heap is empty again");
}

static void
test_at_random(void)
{
	uint64		state = 4711;
	int			wrong = 0;

	section("at random, against a plain array");

	rw_heap_init(&heap, SIZE, entries, places);
	for (int i = 0; i < SIZE; i++)
		model[i] = RW_NOBODY_WAITS;

	for (int round = 0; round < 20000; round++)
	{
		int			member = next_random(&state) % SIZE;
		uint64		lsn = next_random(&state) % 5000;

		switch (next_random(&state) % 4)
		{
			case 0:
			case 1:
				rw_heap_add(&heap, member, lsn);
				model[member] = lsn;
				break;
			case 2:
				rw_heap_remove(&heap, member);
				model[member] = RW_NOBODY_WAITS;
				break;
			case 3:
				member = rw_heap_pop(&heap, lsn / 8);
				if (member < 0)
					wrong += lowest_of_model() <= lsn / 8;
				else
				{
					wrong += model[member] != lowest_of_model() ||
						model[member] > lsn / 8;
					model[member] = RW_NOBODY_WAITS;
				}
				break;
		}
		wrong += rw_heap_lowest(&heap) != lowest_of_model();
		if (round % 500 == 0)
			wrong += misplaced();
	}
	is_int(wrong, 0, "it agrees at every step");

	while (rw_heap_pop(&heap, PG_UINT64_MAX - 1) >= 0)
		;
	is_int(heap.nentries, 0, "all are popped in the end");
	is_int(misplaced(), 0, "and none has a place");
}

int
main(void)
{
	test_by_hand();
	test_at_random();
	return tap_end();
}
