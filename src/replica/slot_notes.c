/*-------------------------------------------------------------------------
 *
 * slot_notes.c
 *	  What the sampling worker remembers of replication slots.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/replica/slot_notes.h"

/* The header of a page may be part of the WAL before anything follows it. */
#define PAGE_HEADER		40

/*
 * Clients of the server and standbys report each ten seconds by default.  Two
 * reports are enough: the first may have been made before there was something
 * new to report.
 */
#define REPORT_AFTER	(15 * RW_SECOND)
#define REPORTS			2

/*
 * The note of a slot, moved to the slot's place if it was elsewhere, or a new
 * one.  The note that was there before goes where the slot's was: its own
 * slot may have moved, too.
 */
static RwSlotNote *
claim_slot_note(RwSlotNote *notes, int size, const RwSlotSeen *slot)
{
	RwSlotNote *note = &notes[slot->number];

	if (rw_name_equal(note->name, slot->name))
		return note;

	for (int i = 0; i < size; i++)
	{
		if (rw_name_equal(notes[i].name, slot->name))
		{
			RwSlotNote	other = *note;

			*note = notes[i];
			notes[i] = other;
			return note;
		}
	}

	memset(note, 0, sizeof(RwSlotNote));
	rw_name_copy(note->name, slot->name);
	return note;
}

/*
 * How many connections have begun to use the slot since the last look.  The
 * note is as of that look.
 */
static int
count_uses(const RwSlotNote *note, const RwSlotSeen *slot)
{
	int			n = 0;

	for (int i = 0; i < slot->nended; i++)
		n += slot->ended[i] != note->user && slot->ended[i] != slot->pid;
	if (slot->pid != 0)
		n += slot->pid != note->user;
	else if (n == 0 && note->inactive_since != RW_NEVER &&
			 note->released != 0 && slot->released != note->released)
		n = 1;
	return n;
}

/*
 * Does the consumer of a physical slot have more than it has confirmed,
 * because it confirms whole segments?
 */
static bool
is_within_segment(const RwSlotSeen *slot)
{
	return !slot->logical && slot->sending &&
		slot->written > slot->restart_lsn &&
		slot->written - slot->restart_lsn <= slot->segment_size;
}

/*
 * Raise the marks; returns true if the slot is further than it ever was.
 * Decoding can move the restart_lsn of a logical slot up to what was confirmed
 * before, which is no news of its consumer.  A consumer that starts again from
 * more than a segment before is another one, or was set back, and begins anew.
 */
static bool
move_marks(RwSlotNote *note, const RwSlotSeen *slot)
{
	bool		moved = slot->logical ?
		slot->confirmed_flush > note->furthest_confirmed :
		slot->restart_lsn > note->furthest_restart;

	if (note->furthest_restart > slot->restart_lsn &&
		note->furthest_restart - slot->restart_lsn > slot->segment_size)
	{
		note->furthest_restart = slot->restart_lsn;
		note->furthest_confirmed = slot->confirmed_flush;
		note->furthest_written = 0;
		moved = true;
	}
	note->furthest_restart = Max(note->furthest_restart, slot->restart_lsn);
	note->furthest_confirmed = Max(note->furthest_confirmed,
								   slot->confirmed_flush);
	if (is_within_segment(slot) && slot->written > note->furthest_written)
	{
		note->furthest_written = slot->written;
		moved = true;
	}
	return moved;
}

static bool
reaches(uint64 position, uint64 end)
{
	return position + PAGE_HEADER >= end;
}

/*
 * Has the consumer of a logical slot confirmed all that is for it?  What is
 * after that was sent, too, but no transaction in it was decoded for it.
 *
 * The server counts the transactions that it has decoded, and does not say
 * where they ended.  At the look after the one that finds a new count, all of
 * them are part of what was sent.  So if other WAL follows at once, a consumer
 * that confirms transactions only is not found to have confirmed the last one.
 * What a consumer has not confirmed is decoded again on its next connection,
 * and counted again.
 */
static void
follow_decoded(RwSlotNote *note, const RwSlotSeen *slot)
{
	note->nothing_for_it = false;
	if (!slot->logical || !slot->sending || !slot->counted)
		return;

	/* Zero is a count that was reset: nothing was decoded since. */
	if (slot->decoded != note->decoded && slot->decoded != 0)
		note->for_it = PG_UINT64_MAX;
	else if (note->for_it == PG_UINT64_MAX)
		note->for_it = slot->sent;
	note->decoded = slot->decoded;

	/* Until it has caught up, something for it may be in the rest. */
	note->nothing_for_it = slot->confirmed_flush >= note->for_it &&
		note->end != 0 && reaches(slot->sent, note->end);
}

/* Is there nothing to which the slot could move? */
static bool
has_all(const RwSlotNote *note, const RwSlotSeen *slot)
{
	if (slot->logical)
		return note->nothing_for_it ||
			reaches(slot->confirmed_flush, note->end);
	return reaches(is_within_segment(slot) ? slot->written :
				   slot->restart_lsn, note->end);
}

static void
update_slot_note(RwSlotNote *note, const RwSlotSeen *slot, RwTime now)
{
	bool		moved;

	if (slot->sending)
		note->for_backup = slot->for_backup;
	note->uses += count_uses(note, slot);
	follow_decoded(note, slot);
	/* A standby that starts again replays what it had before. */
	note->end = slot->replaying ? Max(note->end, slot->end) : slot->end;
	note->released = slot->released;
	if (slot->pid != 0)
	{
		note->user = slot->pid;
		note->inactive_since = RW_NEVER;
	}
	else if (note->inactive_since == RW_NEVER)
		note->inactive_since = now;

	if (slot->lost)
	{
		if (note->lost_at == RW_NEVER)
			note->lost_at = now;
		return;
	}
	note->lost_at = RW_NEVER;
	note->restart_lsn = slot->restart_lsn;
	note->retained = slot->retained;

	moved = move_marks(note, slot);
	if (slot->reply_time != 0 && slot->reply_time != note->reply_time)
		note->replies++;
	note->reply_time = slot->reply_time;
	if (moved || note->moved_at == RW_NEVER || has_all(note, slot))
	{
		note->moved_at = now;
		note->uses = note->replies = 0;
	}
	note->report_due = slot->sending && note->replies < REPORTS &&
		now - note->moved_at < REPORT_AFTER;
}

void
rw_slot_notes_update(RwSlotNote *notes, int size, const RwSlotSeen *seen,
					 int nseen, RwTime now)
{
	int			next = 0;

	for (int i = 0; i < nseen; i++)
		update_slot_note(claim_slot_note(notes, size, &seen[i]), &seen[i],
						 now);

	/* Notes in places without a slot are of slots that were dropped. */
	for (int i = 0; i < size; i++)
	{
		if (next < nseen && seen[next].number == i)
			next++;
		else
			notes[i].name[0] = '\0';
	}
}
