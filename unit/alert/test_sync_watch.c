/*-------------------------------------------------------------------------
 *
 * test_sync_watch.c
 *	  Tests of src/alert/sync_watch.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/alert/sync_watch.h"
#include "unit/tap.h"

#define START	(100 * RW_DAY)
#define S		RW_SECOND

static RwSyncWatch watch;
static RwSyncQueues queues;
static RwTime now;

static void
reset(const char *title)
{
	section(title);
	memset(&watch, 0, sizeof(watch));
	memset(&queues, 0, sizeof(queues));
	now = START;
}

/*
 * Look at a queue with these ends after `step`.  Returns for how long the
 * oldest commit of all queues has waited, or -1.
 */
static int64
look(RwSyncStage stage, XLogRecPtr first, XLogRecPtr last, RwTime step)
{
	now += step;
	queues.stages[stage].first = first;
	queues.stages[stage].last = last;
	rw_watch_sync(&watch, &queues, now);
	return watch.since == RW_NEVER ? -1 : now - watch.since;
}

static void
test_stories(void)
{
	int64		longest = 0;

	reset("nobody waits");
	is_int(look(RW_SYNC_FLUSH, 0, 0, S), -1, "nobody");

	reset("a commit that hangs");
	is_int(look(RW_SYNC_FLUSH, 100, 100, S), 0, "it is seen first");
	is_int(look(RW_SYNC_FLUSH, 100, 100, S), S, "a second later");
	is_int(look(RW_SYNC_FLUSH, 100, 900, S), 2 * S, "others join it");
	is_int(look(RW_SYNC_FLUSH, 100, 900, RW_HOUR), RW_HOUR + 2 * S,
		   "an hour without a look");
	is_int(watch.lsn, 100, "its LSN");
	is_int(watch.stage, RW_SYNC_FLUSH, "its stage");
	is_int(look(RW_SYNC_FLUSH, 500, 900, S), RW_HOUR + S,
		   "it is cancelled, and the next has waited, too");
	is_int(look(RW_SYNC_FLUSH, 901, 901, S), 0, "all others are done");
	is_int(look(RW_SYNC_FLUSH, 0, 0, S), -1, "all are done");

	reset("two short hangs");
	(void) look(RW_SYNC_FLUSH, 100, 100, S);
	is_int(look(RW_SYNC_FLUSH, 100, 100, 4 * S), 4 * S, "one");
	(void) look(RW_SYNC_FLUSH, 200, 200, 0);
	is_int(look(RW_SYNC_FLUSH, 200, 200, 4 * S), 4 * S,
		   "another, without a look between");
	(void) look(RW_SYNC_FLUSH, 0, 0, S);
	is_int(look(RW_SYNC_FLUSH, 200, 200, S), 0, "nobody waited between");

	reset("a busy server");
	for (int i = 1; i < 10000; i++)
	{
		int64		waited = look(RW_SYNC_FLUSH, 10 * i, 10 * i + 15, S / 10);

		longest = Max(longest, waited);
	}
	is_int(longest, S / 10, "each is seen twice at most");

	reset("a slow link: each commit waits for 20 s");
	longest = 0;
	for (int i = 1; i < 10000; i++)
		longest = look(RW_SYNC_FLUSH, Max(10 * i - 2000, 1), 10 * i, S / 10);
	ok(longest <= 20 * S && longest >= 18 * S, "so it is seen");

	reset("stages");
	(void) look(RW_SYNC_WRITE, 100, 100, S);
	is_int(look(RW_SYNC_REPLAY, 90, 100, S), S, "the one that waited first");
	is_int(watch.stage, RW_SYNC_WRITE, "its stage");
	is_int(look(RW_SYNC_WRITE, 0, 0, S), S, "the other one");
	is_int(watch.stage, RW_SYNC_REPLAY, "its stage");
	is_int(watch.lsn, 90, "its LSN");
}

/*
 * Commits come, are cancelled and are done at random.  The oldest never seems
 * to have waited longer than it has, nor much shorter.
 */
static void
test_random(void)
{
	enum
	{
		NCOMMITS = 400
	};
	static RwTime seen[NCOMMITS + 1];
	uint64		random = 1;
	int			too_long = 0;
	int			too_short = 0;

	reset("at random");
	for (int round = 0; round < 2000; round++)
	{
		int			first = 1;
		int			last = 0;
		RwTime		step;

		memset(&watch, 0, sizeof(watch));
		memset(seen, 0, sizeof(seen));
		while (last < NCOMMITS - 4)
		{
			int			before = last;
			int64		waited;
			int64		really;

			step = (next_random(&random) % 30) * S / 10 + 1;
			last += next_random(&random) % 4;
			first += next_random(&random) % (round % 8 + 1);
			first = Min(first, last + 1);
			for (int i = before + 1; i <= last; i++)
				seen[i] = now + step;
			waited = look(RW_SYNC_FLUSH, first <= last ? 10 * first : 0,
						  first <= last ? 10 * last : 0, step);
			really = first <= last ? now - seen[first] : -1;
			if (waited > really)
				too_long++;
			if (waited < really - really / 4 - 3 * S)
				too_short++;
		}
	}
	is_int(too_long, 0, "never too long");
	is_int(too_short, 0, "and hardly too short");
}

static RwStandbySlotWatch slot_watch;
static RwFacts facts;
static RwSenderFacts sender;

/* Look at the slot; returns for how long it has not moved, or -1. */
static int64
slot_at(XLogRecPtr restart_lsn, bool waits, RwTime step)
{
	facts.now += step;
	facts.standby_slot.restart_lsn = restart_lsn;
	sender.waits_for_standby = waits;
	rw_watch_standby_slot(&slot_watch, &facts);
	return slot_watch.since == RW_NEVER ? -1 : facts.now - slot_watch.since;
}

static void
test_standby_slot(void)
{
	section("a slot that is waited for");

	memset(&slot_watch, 0, sizeof(slot_watch));
	facts.now = START;
	facts.nsenders = 1;
	facts.senders = &sender;
	is_int(slot_at(0, true, S), -1, "there is none");
	facts.standby_slot.fault = RW_STANDBY_SLOT_BEHIND;
	rw_name_copy(facts.standby_slot.name, "a");
	is_int(slot_at(100, false, S), -1, "nobody waits");
	is_int(slot_at(100, true, S), 0, "somebody does");
	is_int(slot_at(100, true, 10 * S), 10 * S, "it does not move");
	is_int(slot_at(100, false, S), 11 * S, "the walsender is seen awake");
	is_int(slot_at(100, true, S), 12 * S, "and waits again");
	is_int(slot_at(101, true, S), 0, "it moves");
	is_int(slot_at(101, false, S), S, "nobody is seen to wait");
	is_int(slot_at(101, false, S), -1, "nobody waits");
	is_int(slot_at(101, true, S), 0, "somebody does again");
	rw_name_copy(facts.standby_slot.name, "b");
	is_int(slot_at(101, true, S), 0, "another slot");
	is_int(slot_at(101, true, S), S, "which does not move");
	facts.standby_slot.fault = RW_STANDBY_SLOT_UNUSED;
	is_int(slot_at(101, true, S), -1, "it is not used");
	facts.standby_slot.fault = RW_STANDBY_SLOT_BEHIND;
	is_int(slot_at(101, true, S), 0, "it is used again");
}

int
main(void)
{
	test_stories();
	test_random();
	test_standby_slot();
	return tap_end();
}
