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

static void
update_slot_note(RwSlotNote *note, const RwSlotSeen *slot, RwTime now)
{
	if (slot->sending)
	{
		note->used_here = true;
		note->for_backup = slot->for_backup;
	}

	if (slot->restart_lsn != note->restart_lsn ||
		slot->confirmed_flush != note->confirmed_flush)
		note->moved_at = now;

	if (slot->active)
		note->inactive_since = RW_NEVER;
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
	note->confirmed_flush = slot->confirmed_flush;
	note->retained = slot->retained;
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
