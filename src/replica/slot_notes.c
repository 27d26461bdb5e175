/*-------------------------------------------------------------------------
 *
 * slot_notes.c
 *	  What the sampling worker remembers of replication slots.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/base/compat.h"
#include "src/replica/slot_notes.h"

/* The note for a slot: at the slot's own place, wherever it was before. */
static RwSlotNote *
claim_slot_note(RwSlotNote *notes, const RwSlotFacts *slot)
{
	RwSlotNote *note = &notes[slot->number];
	int			i;

	if (rw_name_equal(note->name, slot->name))
		return note;

	for (i = 0; i < RW_MAX_SLOTS; i++)
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

void
rw_slot_notes_update(RwSlotNote *notes, const RwFacts *facts)
{
	int			next = 0;
	int			i;

	for (i = 0; i < facts->nslots; i++)
	{
		const RwSlotFacts *slot = &facts->slots[i];
		RwSlotNote *note = claim_slot_note(notes, slot);

		if (slot->sender >= 0)
		{
			const RwSenderFacts *sender = &facts->senders[slot->sender];

			note->used_here = true;
			note->for_backup = !sender->replica &&
				strcmp(sender->peer.application_name, "pg_basebackup") == 0;
		}
		if (slot->restart_lsn != note->restart_lsn ||
			slot->confirmed_flush != note->confirmed_flush)
			note->moved_at = facts->now;

		if (slot->active_pid != 0)
			note->inactive_since = RW_NEVER;
		else if (note->inactive_since == RW_NEVER)
			note->inactive_since = facts->now;

		if (slot->wal_status == RW_WAL_LOST)
		{
			if (note->lost_at == RW_NEVER)
				note->lost_at = facts->now;
		}
		else
		{
			note->lost_at = RW_NEVER;
			note->restart_lsn = slot->restart_lsn;
			note->confirmed_flush = slot->confirmed_flush;
			note->retained = slot->restart_lsn != InvalidXLogRecPtr &&
				facts->horizon > slot->restart_lsn ?
				facts->horizon - slot->restart_lsn : 0;
		}
	}

	/* Slots come in the order of their places; the others are dropped. */
	for (i = 0; i < RW_MAX_SLOTS; i++)
	{
		if (next < facts->nslots && facts->slots[next].number == i)
			next++;
		else
			notes[i].name[0] = '\0';
	}
}
