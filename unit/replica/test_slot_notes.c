/*-------------------------------------------------------------------------
 *
 * test_slot_notes.c
 *	  Tests of src/replica/slot_notes.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/replica/slot_notes.h"
#include "unit/tap.h"

#define SIZE	4
#define START	(1000 * RW_DAY)

static RwSlotNote notes[SIZE];
static RwSlotSeen seen[SIZE];
static int	nseen;
static RwTime now;

static void
begin(const char *title)
{
	section(title);
	memset(notes, 0, sizeof(notes));
	nseen = 0;
	now = START;
}

#define SEGMENT	0x1000000

/* An unused physical slot that retains 1000 bytes. */
static RwSlotSeen *
add_slot(int number, const char *name)
{
	RwSlotSeen *slot = &seen[nseen++];

	memset(slot, 0, sizeof(RwSlotSeen));
	rw_name_copy(slot->name, name);
	slot->number = number;
	slot->restart_lsn = 100 * SEGMENT;
	slot->end = slot->restart_lsn + 1000;
	slot->retained = 1000;
	slot->segment_size = SEGMENT;
	return slot;
}

/* A logical slot that a walsender uses. */
static RwSlotSeen *
add_logical_slot(int number, const char *name)
{
	RwSlotSeen *slot = add_slot(number, name);

	slot->logical = slot->sending = slot->counted = true;
	slot->pid = 10;
	slot->confirmed_flush = slot->restart_lsn + 100;
	slot->sent = slot->end;
	return slot;
}

static void
round_after(RwTime pause)
{
	now += pause;
	rw_slot_notes_update(notes, SIZE, seen, nseen, now);
	for (int i = 0; i < nseen; i++)
		seen[i].nended = 0;
}

/* Did the slot at place 0 move in a round from now? */
static bool
moves(void)
{
	round_after(RW_SECOND);
	return notes[0].moved_at == now;
}

static void
test_use(void)
{
	RwSlotSeen *slot;

	begin("used and unused");
	slot = add_slot(1, "a");
	round_after(0);
	is_text(notes[1].name, "a", "a note is at its slot's place");
	is_int(notes[1].inactive_since, START, "unused since it was first seen");
	is_int(notes[1].moved_at, START, "moved when it was first seen");
	round_after(RW_SECOND);
	is_int(notes[1].inactive_since, START, "unused since then");

	slot->pid = 10;
	round_after(RW_SECOND);
	is_int(notes[1].inactive_since, RW_NEVER, "used");
	slot->sending = slot->for_backup = true;
	round_after(RW_SECOND);
	ok(notes[1].for_backup, "used by pg_basebackup");
	slot->pid = 0;
	slot->sending = slot->for_backup = false;
	round_after(RW_SECOND);
	is_int(notes[1].inactive_since, now, "unused again");
	ok(notes[1].for_backup, "how it was last used is remembered");
	slot->pid = 11;
	slot->sending = true;
	round_after(RW_SECOND);
	ok(!notes[1].for_backup, "used by a standby");
	is_int(notes[1].moved_at, START, "none of which has moved it");
}

static void
test_uses(void)
{
	RwSlotSeen *slot;

	begin("how often it was used");
	slot = add_slot(0, "a");
	slot->released = 5;
	round_after(0);
	round_after(RW_SECOND);
	is_uint(notes[0].uses, 0, "not yet");
	slot->pid = 10;
	round_after(RW_SECOND);
	round_after(RW_SECOND);
	is_uint(notes[0].uses, 1, "once, and still");
	slot->pid = 0;
	slot->released = 6;
	slot->nended = 1;
	slot->ended[0] = 10;
	round_after(RW_SECOND);
	is_uint(notes[0].uses, 1, "that is over");
	slot->pid = 11;
	round_after(RW_SECOND);
	is_uint(notes[0].uses, 2, "by another process");
	slot->pid = 12;
	round_after(RW_SECOND);
	is_uint(notes[0].uses, 3, "and by one more, without a pause to be seen");
	slot->pid = 0;
	round_after(RW_SECOND);
	slot->nended = 2;
	slot->ended[0] = 12;
	slot->ended[1] = 13;
	round_after(RW_SECOND);
	is_uint(notes[0].uses, 4, "by a walsender between two looks");
	slot->nended = 1;
	slot->ended[0] = 14;
	slot->released = 7;
	round_after(RW_SECOND);
	is_uint(notes[0].uses, 5, "by one of which the server knows, too");
	slot->released = 8;
	round_after(RW_SECOND);
	is_uint(notes[0].uses, 6, "by something of which only the server knows");
	is_int(notes[0].moved_at, START, "and all of that has not moved it");
	slot->restart_lsn++;
	round_after(RW_SECOND);
	is_uint(notes[0].uses, 0, "a move begins the count anew");
}

static void
test_reports(void)
{
	RwSlotSeen *slot;

	begin("reports of a consumer");
	slot = add_slot(0, "a");
	round_after(0);
	ok(!notes[0].report_due, "nobody would make any");
	slot->pid = 10;
	slot->sending = true;
	round_after(RW_SECOND);
	ok(notes[0].report_due, "a consumer that has just connected");
	round_after(13 * RW_SECOND);
	ok(notes[0].report_due, "may be silent for a while");
	round_after(RW_SECOND);
	ok(!notes[0].report_due, "but not for longer");
	slot->restart_lsn++;
	round_after(RW_SECOND);
	ok(notes[0].report_due, "it has moved the slot");
	slot->reply_time = 1;
	round_after(RW_SECOND);
	ok(notes[0].report_due, "what was new may have come after this report");
	round_after(RW_SECOND);
	ok(notes[0].report_due, "it is the same report");
	slot->reply_time = 2;
	round_after(RW_SECOND);
	ok(!notes[0].report_due, "but not after the next one");
	slot->restart_lsn++;
	round_after(RW_SECOND);
	ok(notes[0].report_due, "a move begins anew");
	slot->pid = 0;
	slot->sending = false;
	slot->reply_time = 0;
	round_after(RW_SECOND);
	ok(!notes[0].report_due, "it has gone");
	for (int i = 1; i <= 2; i++)
	{
		slot->pid = 10 + i;
		slot->sending = true;
		slot->reply_time = 10 + i;
		round_after(RW_SECOND);
		ok(notes[0].report_due == (i == 1),
		   "reports on all connections count");
	}
}

static void
test_moves(void)
{
	RwSlotSeen *slot;

	begin("movement and loss");
	slot = add_slot(0, "a");
	round_after(0);
	ok(!moves(), "it has not moved");
	slot->restart_lsn += 100;
	ok(moves(), "restart_lsn moved");
	slot->retained = 200;
	slot->end += 1000;
	ok(!moves(), "more WAL is no movement");

	slot->lost = true;
	slot->restart_lsn = 0;
	slot->retained = 0;
	round_after(RW_SECOND);
	is_int(notes[0].lost_at, now, "lost");
	is_uint(notes[0].restart_lsn, 100 * SEGMENT + 100,
			"its last position is remembered");
	is_uint(notes[0].retained, 200, "and what it retained");
	round_after(RW_SECOND);
	is_int(notes[0].lost_at, now - RW_SECOND, "lost since then");
	slot->restart_lsn = 101 * SEGMENT;
	slot->pid = 10;
	slot->sending = true;
	ok(!moves(), "a replica that streams through it does not move it");
	is_uint(notes[0].retained, 200, "nor change what it retained");
	slot->lost = false;
	ok(moves(), "intact again");
	is_int(notes[0].lost_at, RW_NEVER, "since now");
	is_uint(notes[0].restart_lsn, 101 * SEGMENT, "at its new position");

	begin("to and fro");
	slot = add_slot(0, "a");
	slot->end += 10 * SEGMENT;
	round_after(0);
	for (int i = 0; i < 5; i++)
	{
		slot->pid = 10 + i;
		slot->restart_lsn += 5000;
		ok(moves() == (i == 0), "a consumer comes to where it was before");
		slot->restart_lsn -= 5000;
		ok(!moves(), "goes, and begins anew");
		slot->pid = 0;
		ok(!moves(), "later");
	}
	is_uint(notes[0].uses, 4, "its attempts since it moved");
	slot->restart_lsn += 5001;
	ok(moves(), "further than ever");
	slot->restart_lsn -= SEGMENT + 1;
	ok(moves(), "one that was set back by more than a segment begins anew");
	ok(!moves(), "but has to move from there");
	slot->restart_lsn++;
	ok(moves(), "as it does");
}

static void
test_nothing_to_do(void)
{
	RwSlotSeen *slot;

	begin("at the end of the WAL");
	slot = add_slot(0, "a");
	round_after(0);
	slot->restart_lsn = slot->end;
	ok(moves(), "it comes there");
	ok(moves(), "where it has nothing to move to");
	slot->end += 40;
	ok(moves(), "nor if only a page's header was added");
	slot->end++;
	ok(!moves(), "but to a record");

	begin("a standby that starts again");
	slot = add_slot(0, "a");
	slot->replaying = true;
	round_after(0);
	slot->end -= 1000;
	ok(!moves(), "it has not replayed again what the slot retains");
	slot->end += 1000;
	ok(!moves(), "it has");
	slot->replaying = false;
	slot->end -= 1000;
	ok(moves(), "on a primary the end of the WAL is what it is");

	begin("a consumer that confirms whole segments");
	slot = add_slot(0, "a");
	slot->end += 10 * SEGMENT;
	slot->pid = 10;
	slot->sending = true;
	round_after(0);
	ok(!moves(), "it has nothing of this one yet");
	slot->written = slot->restart_lsn + 100;
	ok(moves(), "it gets a part of it");
	ok(!moves(), "and no more");
	slot->sending = false;
	slot->pid = 0;
	slot->written = 0;
	ok(!moves(), "it goes");
	slot->sending = true;
	slot->pid = 11;
	slot->written = slot->restart_lsn + 100;
	ok(!moves(), "it is back, and gets no further");
	slot->written = slot->restart_lsn + SEGMENT;
	ok(moves(), "it gets all of it");
	slot->written++;
	ok(!moves(), "it should have confirmed that");
	slot->restart_lsn += SEGMENT;
	ok(moves(), "as it does");
	slot->end = slot->written = slot->restart_lsn + 500;
	ok(moves() && moves(), "on an idle server it has all");
	slot->end += 500;
	ok(!moves(), "stopped, it does not get what comes then");

	begin("a logical slot at the end");
	slot = add_logical_slot(0, "a");
	slot->written = slot->end;
	round_after(0);
	slot->decoded = 1;
	ok(!moves(), "it counts what is confirmed, not what is received");
	slot->restart_lsn += 50;
	ok(!moves(), "nor how much less is retained of what was confirmed");
	slot->confirmed_flush++;
	ok(moves(), "a little is confirmed");
	ok(!moves(), "and no more");
	slot->confirmed_flush = slot->end;
	ok(moves() && moves(), "all is confirmed, although restart_lsn stays");
	slot->end += 1000;
	slot->decoded = 2;
	ok(!moves(), "until there is more");
	slot->sending = slot->counted = false;
	slot->pid = 0;
	slot->end = slot->confirmed_flush;
	ok(moves(), "nothing is missing to an unused one, either");
}

static void
test_nothing_for_it(void)
{
	RwSlotSeen *slot;
	uint64		commit;

	begin("nothing for the consumer");
	slot = add_logical_slot(0, "a");
	round_after(0);
	ok(!notes[0].nothing_for_it, "at the first look it may still catch up");
	ok(moves() && notes[0].nothing_for_it,
	   "a new slot, for which nothing was ever decoded");
	slot->end += 1000;
	slot->sent += 500;
	(void) moves();
	ok(!moves() && !notes[0].nothing_for_it,
	   "until all of that was decoded it is not known");
	slot->sent = slot->end;
	ok(moves() && notes[0].nothing_for_it, "it had nothing for it, either");

	commit = slot->end + 100;
	slot->decoded = 1;
	ok(!moves() && !notes[0].nothing_for_it,
	   "a transaction for it is counted before it is sent");
	slot->sent = slot->end = commit;
	ok(!moves() && !moves(), "it does not confirm it");
	slot->end = slot->sent += 1000;
	ok(!moves(), "whatever follows");
	slot->confirmed_flush = commit - 50;
	ok(moves(), "it confirms a part of it");
	ok(!moves() && !notes[0].nothing_for_it, "which is not all");
	slot->confirmed_flush = commit;
	ok(moves() && notes[0].nothing_for_it, "it confirms all of it");
	slot->end = slot->sent += 1000;
	ok(moves() && moves() && notes[0].nothing_for_it,
	   "what follows is not for it");
	slot->decoded = 2;
	ok(!moves() && !notes[0].nothing_for_it, "there is one again");
	slot->confirmed_flush = slot->sent;
	ok(moves() && notes[0].nothing_for_it, "all that was sent is confirmed");

	slot->pid = 11;
	slot->decoded = 3;
	slot->sent = slot->end = slot->confirmed_flush + 500;
	ok(!moves() && !moves(),
	   "on a new connection what is not confirmed is decoded again");
	slot->confirmed_flush += 500;
	ok(moves() && notes[0].nothing_for_it, "and confirmed");
	slot->end = slot->sent += 1000;
	ok(moves() && notes[0].nothing_for_it, "what follows is not for it");

	slot->sending = false;
	slot->pid = 0;
	ok(!moves() && !notes[0].nothing_for_it, "nobody uses it");
	slot->sending = true;
	slot->pid = 12;
	slot->counted = false;
	ok(!moves() && !notes[0].nothing_for_it, "the server has no count");

	begin("the server's counts are lost in a crash");
	slot = add_logical_slot(0, "a");
	slot->decoded = 7;
	slot->confirmed_flush = slot->sent;
	ok(moves() && moves(), "all is confirmed");
	slot->end = slot->sent += 1000;
	ok(moves() && notes[0].nothing_for_it, "what follows is not for it");
	slot->pid = 11;
	slot->decoded = 0;
	slot->end = slot->sent += 1000;
	ok(moves() && moves() && notes[0].nothing_for_it, "it still is not");
	slot->decoded = 1;
	slot->end = slot->sent += 1000;
	ok(!moves() && !moves(), "until a transaction is");

	begin("a slot that was used before");
	slot = add_logical_slot(0, "a");
	slot->decoded = 7;
	round_after(0);
	ok(!moves() && !notes[0].nothing_for_it,
	   "what was decoded before may not be confirmed");
	ok(!moves(), "nor is it");
	slot->confirmed_flush = slot->sent;
	ok(moves(), "now it is");
	slot->end = slot->sent += 1000;
	ok(moves() && notes[0].nothing_for_it, "from now on it is known");
}

/*
 * Consumers that come and go at random, and at times confirm more: the clock
 * follows what was confirmed, and nothing else.
 */
static void
test_random(void)
{
	uint64		random = 42;
	uint64		furthest = 0;
	RwTime		moved = START;
	int			wrong = 0;
	RwSlotSeen *slot;

	begin("at random");
	slot = add_slot(0, "a");
	slot->end += 100 * SEGMENT;
	furthest = slot->restart_lsn;
	round_after(0);
	for (int i = 0; i < 100000; i++)
	{
		RwTime		pause = next_random(&random) % RW_MINUTE;

		switch (next_random(&random) % 6)
		{
			case 0:
				slot->pid = 0;
				slot->sending = false;
				break;
			case 1:
				slot->pid = 1 + next_random(&random) % 1000;
				slot->sending = next_random(&random) % 2;
				break;
			case 2:
				slot->restart_lsn = furthest - next_random(&random) % SEGMENT;
				break;
			case 3:
				if (next_random(&random) % 20 == 0)
					slot->restart_lsn = furthest + next_random(&random) % 3;
				break;
			case 4:
				slot->end = slot->restart_lsn + 100 * SEGMENT;
				break;
			default:
				slot->released = next_random(&random);
				slot->nended = next_random(&random) % 3;
				slot->ended[0] = slot->ended[1] = next_random(&random) % 9;
				break;
		}
		round_after(pause);
		if (slot->restart_lsn > furthest)
		{
			furthest = slot->restart_lsn;
			moved = now;
		}
		wrong += notes[0].moved_at != moved;
		wrong += (notes[0].inactive_since == RW_NEVER) != (slot->pid != 0);
		if (moved == now)
			wrong += notes[0].uses != 0;
	}
	is_int(wrong, 0, "only what was confirmed counts");
}

static void
test_places(void)
{
	begin("places");
	add_slot(0, "a");
	add_slot(2, "b");
	round_after(0);
	is_text(notes[0].name, "a", "the first slot");
	is_text(notes[1].name, "", "a place without a slot");
	is_text(notes[2].name, "b", "the second slot");

	nseen = 0;
	add_slot(0, "b");
	add_slot(2, "a");
	round_after(RW_SECOND);
	is_text(notes[0].name, "b", "two slots have changed places");
	is_text(notes[2].name, "a", "both ways");
	is_int(notes[0].inactive_since, START, "a note follows its slot");
	is_int(notes[2].inactive_since, START, "so does the other");

	nseen = 0;
	add_slot(2, "a");
	round_after(RW_SECOND);
	is_text(notes[0].name, "", "a slot was dropped");
	nseen = 0;
	add_slot(0, "b");
	add_slot(2, "a");
	round_after(RW_SECOND);
	is_int(notes[0].inactive_since, now, "one made again begins anew");
	is_int(notes[2].inactive_since, START, "the other goes on");

	nseen = 0;
	add_slot(0, "c");
	add_slot(1, "b");
	round_after(RW_SECOND);
	is_text(notes[0].name, "c", "a new slot in the place of another");
	is_int(notes[0].inactive_since, now, "has a note of its own");
	is_text(notes[1].name, "b", "which has moved");
	is_text(notes[2].name, "", "and one was dropped");
}

int
main(void)
{
	test_use();
	test_uses();
	test_reports();
	test_moves();
	test_nothing_to_do();
	test_nothing_for_it();
	test_random();
	test_places();
	return tap_end();
}
