/*-------------------------------------------------------------------------
 *
 * test_wait_queue.c
 *	  Tests of src/wait/wait_queue.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/wait/wait_queue.h"
#include "unit/tap.h"

#define SIZE	100

static RwWaitMark entries[RW_WAIT_QUEUE_ROOM(SIZE)];
static RwWaitMember members[SIZE];
static RwWaitQueue queue;

/* The expected content: the key of each member, or RW_NOBODY_WAITS. */
static uint64 model[SIZE];

static void
empty_both(void)
{
	rw_wait_queue_init(&queue, SIZE, entries, members);
	for (int i = 0; i < SIZE; i++)
		model[i] = RW_NOBODY_WAITS;
}

/* Is the model's member behind the mark? */
static bool
is_behind(int member, RwWaitMark mark)
{
	return model[member] != RW_NOBODY_WAITS &&
		(model[member] > mark.key ||
		 (model[member] == mark.key && member > mark.member));
}

/* The first member of the model behind the mark; -1 if there is none. */
static int
first_behind(RwWaitMark mark)
{
	int			first = -1;

	for (int i = 0; i < SIZE; i++)
	{
		if (is_behind(i, mark) && (first < 0 || model[i] < model[first]))
			first = i;
	}
	return first;
}

/* The number of things that are wrong with the arrays. */
static int
broken(void)
{
	int			wrong = 0;
	int			there = 0;

	wrong += queue.begin < 0 || queue.nentries < 0 ||
		queue.begin + queue.nentries > RW_WAIT_QUEUE_ROOM(SIZE);
	for (int i = 0; i + 1 < queue.nentries; i++)
	{
		RwWaitMark	a = entries[queue.begin + i];
		RwWaitMark	b = entries[queue.begin + i + 1];

		wrong += !(a.key < b.key ||
				   (a.key == b.key && a.member < b.member));
	}
	for (int i = 0; i < SIZE; i++)
	{
		there += members[i].queued;
		wrong += members[i].queued != (model[i] != RW_NOBODY_WAITS);
		wrong += members[i].queued && members[i].key != model[i];
	}
	return wrong + (there != queue.nentries);
}

/* Take members out of both; returns how often they disagree. */
static int
take_from_both(RwWaitMark *mark, uint64 upto, int room, int *ntaken)
{
	RwWaitMark	expected = *mark;
	int			taken[SIZE];
	int			wrong = 0;
	int			next;

	*ntaken = rw_wait_queue_take(&queue, mark, upto, taken, room);
	for (int i = 0; i < *ntaken; i++)
	{
		next = first_behind(expected);
		wrong += next != taken[i] || next < 0 || model[next] > upto;
		expected.key = model[taken[i]];
		expected.member = taken[i];
		model[taken[i]] = RW_NOBODY_WAITS;
	}

	/* If there was room, that was all. */
	next = first_behind(expected);
	wrong += *ntaken < room && next >= 0 && model[next] <= upto;

	/* The mark lies between what was taken and what was not. */
	wrong += first_behind(*mark) != next;
	wrong += mark->key < expected.key;
	return wrong;
}

static void
test_by_hand(void)
{
	RwWaitMark	mark = rw_wait_mark_after(0);
	int			taken[4];

	section("by hand");

	empty_both();
	is_uint(rw_wait_queue_after(&queue, mark), RW_NOBODY_WAITS,
			"an empty queue has no key");
	is_int(rw_wait_queue_take(&queue, &mark, 10, taken, 4), 0,
		   "and no member to take");
	is_uint(mark.key, 10, "the mark has moved all the same");
	rw_wait_queue_remove(&queue, 3);
	is_int(queue.nentries, 0, "removing an absent member does nothing");

	rw_wait_queue_add(&queue, 1, 100);
	rw_wait_queue_add(&queue, 2, 50);
	rw_wait_queue_add(&queue, 3, 200);
	is_uint(rw_wait_queue_after(&queue, mark), 50, "the lowest key");
	is_int(rw_wait_queue_take(&queue, &mark, 49, taken, 4), 0,
		   "no member below the lowest key");
	is_int(rw_wait_queue_take(&queue, &mark, 50, taken, 4), 1,
		   "one at the lowest key");
	is_int(taken[0], 2, "the right one");
	rw_wait_queue_add(&queue, 2, 50);
	is_int(rw_wait_queue_take(&queue, &mark, 100, taken, 4), 1,
		   "one that comes back with its key is not taken again");
	is_int(taken[0], 1, "but the next one is");
	mark = rw_wait_mark_after(0);
	is_uint(rw_wait_queue_after(&queue, mark), 50, "the other is still there");

	rw_wait_queue_add(&queue, 3, 10);
	is_int(queue.nentries, 2, "adding a member again");
	is_uint(rw_wait_queue_after(&queue, mark), 10, "changes its key");
}

static void
test_same_key(void)
{
	RwWaitMark	mark = rw_wait_mark_after(0);
	int			taken[SIZE];
	bool		out[SIZE] = {false};
	int			rounds = 0;
	int			n;

	section("many with one key, a few at a time, who come back");

	empty_both();
	for (int i = 0; i < SIZE; i++)
		rw_wait_queue_add(&queue, i, 77);
	while ((n = rw_wait_queue_take(&queue, &mark, 77, taken, 7)) > 0)
	{
		rounds++;
		for (int i = 0; i < n; i++)
		{
			ok(!out[taken[i]], "a member is taken once");
			out[taken[i]] = true;
			rw_wait_queue_add(&queue, taken[i], 77);
		}
	}
	is_int(rounds, (SIZE + 6) / 7, "each is taken");
	is_int(queue.nentries, SIZE, "and all are back");
}

/*
 * Sessions with increasing keys, some of which leave before they are taken,
 * more than the room for entries.
 */
static void
test_in_order(void)
{
	uint64		state = 815;
	RwWaitMark	mark = rw_wait_mark_after(0);
	int			wrong = 0;
	int			next = 0;
	int			ntaken;

	section("with increasing keys");

	empty_both();
	for (int i = 0; i < 5000; i++)
	{
		int			member = next++ % SIZE;

		rw_wait_queue_add(&queue, member, 1000 + i / 3);
		model[member] = 1000 + i / 3;
		if (i % 5 == 0)
		{
			member = next_random(&state) % SIZE;
			rw_wait_queue_remove(&queue, member);
			model[member] = RW_NOBODY_WAITS;
		}
		if (i % 4 == 0)
			wrong += take_from_both(&mark, 1000 + Max(i - 60, 0) / 3, 8,
									&ntaken);
		wrong += broken();
	}
	is_int(wrong, 0, "it agrees at every step");
}

static void
test_at_random(void)
{
	uint64		state = 4711;
	RwWaitMark	mark = rw_wait_mark_after(0);
	int			wrong = 0;
	int			ntaken;
	int			total = 0;

	section("at random, against a plain array");

	empty_both();
	for (int round = 0; round < 40000; round++)
	{
		int			member = next_random(&state) % SIZE;
		uint64		key = next_random(&state) % 500;

		switch (next_random(&state) % 8)
		{
			case 0:
			case 1:
			case 2:
			case 3:
				rw_wait_queue_add(&queue, member, key);
				model[member] = key;
				break;
			case 4:
				rw_wait_queue_remove(&queue, member);
				model[member] = RW_NOBODY_WAITS;
				break;
			case 5:
				mark.key = next_random(&state) % 500;
				mark.member = next_random(&state) % SIZE;
				break;
			default:
				wrong += take_from_both(&mark, mark.key + key / 8,
										1 + next_random(&state) % 12,
										&ntaken);
				total += ntaken;
				break;
		}
		member = first_behind(mark);
		wrong += rw_wait_queue_after(&queue, mark) !=
			(member < 0 ? RW_NOBODY_WAITS : model[member]);
		if (round % 100 == 0)
			wrong += broken();
	}
	is_int(wrong, 0, "it agrees at every step");
	ok(total > 1000, "and many were taken");
}

int
main(void)
{
	test_by_hand();
	test_same_key();
	test_in_order();
	test_at_random();
	return tap_end();
}
