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

/* An unused slot that retains 100 bytes. */
static RwSlotSeen *
add_slot(int number, const char *name)
{
	RwSlotSeen *slot = &seen[nseen++];

	memset(slot, 0, sizeof(RwSlotSeen));
	rw_name_copy(slot->name, name);
	slot->number = number;
	slot->restart_lsn = 1000;
	slot->retained = 100;
	return slot;
}

static void
round_after(RwTime pause)
{
	now += pause;
	rw_slot_notes_update(notes, SIZE, seen, nseen, now);
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
	ok(!notes[1].used_here, "not used by a walsender");
	round_after(RW_SECOND);
	is_int(notes[1].inactive_since, START, "unused since then");

	slot->active = true;
	round_after(RW_SECOND);
	is_int(notes[1].inactive_since, RW_NEVER, "used");
	ok(!notes[1].used_here, "but not by a walsender");
	slot->sending = slot->for_backup = true;
	round_after(RW_SECOND);
	ok(notes[1].used_here && notes[1].for_backup, "used by pg_basebackup");
	slot->active = slot->sending = slot->for_backup = false;
	round_after(RW_SECOND);
	is_int(notes[1].inactive_since, now, "unused again");
	ok(notes[1].used_here && notes[1].for_backup,
	   "how it was last used is remembered");
	slot->active = slot->sending = true;
	round_after(RW_SECOND);
	ok(notes[1].used_here && !notes[1].for_backup, "used by a standby");
}

static void
test_moves(void)
{
	RwSlotSeen *slot;

	begin("movement and loss");
	slot = add_slot(0, "a");
	round_after(0);
	round_after(RW_SECOND);
	is_int(notes[0].moved_at, START, "it has not moved");
	slot->restart_lsn = 2000;
	round_after(RW_SECOND);
	is_int(notes[0].moved_at, now, "restart_lsn moved");
	slot->confirmed_flush = 3000;
	slot->retained = 200;
	round_after(RW_SECOND);
	is_int(notes[0].moved_at, now, "confirmed_flush moved");

	slot->lost = true;
	slot->restart_lsn = 0;
	slot->retained = 0;
	round_after(RW_SECOND);
	is_int(notes[0].lost_at, now, "lost");
	is_uint(notes[0].restart_lsn, 2000, "its last position is remembered");
	is_uint(notes[0].retained, 200, "and what it retained");
	round_after(RW_SECOND);
	is_int(notes[0].lost_at, now - RW_SECOND, "lost since then");
	slot->lost = false;
	slot->restart_lsn = 4000;
	round_after(RW_SECOND);
	is_int(notes[0].lost_at, RW_NEVER, "intact again");
	is_uint(notes[0].restart_lsn, 4000, "at its new position");
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
	test_moves();
	test_places();
	return tap_end();
}
