/*-------------------------------------------------------------------------
 *
 * slot_notes.h
 *	  What the sampling worker remembers of replication slots.
 *
 * Core knows a slot as it is now.  Since when it has not been used or moved,
 * what it retained before it was lost, and whether it has been used at all
 * since the server started, is noted here.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SLOT_NOTES_H
#define RW_SLOT_NOTES_H

#include "src/base/clock.h"
#include "src/base/name.h"
#include "src/observe/observe.h"

typedef struct RwSlotNote
{
	char		name[RW_NAME_LEN];	/* empty: no such slot */
	RwTime		inactive_since; /* RW_NEVER while it is used */
	RwTime		lost_at;		/* RW_NEVER while it is not */
	uint64		retained;		/* bytes it kept when last seen intact */
	uint64		restart_lsn;	/* as last seen intact */
	uint64		confirmed_flush;
	RwTime		moved_at;		/* when one of these last changed */
	bool		used_here;		/* by a walsender since the server started */
	bool		for_backup;		/* last used by pg_basebackup */
} RwSlotNote;

/*
 * Bring the notes, one for each place in the server's array of slots, up to
 * date.  The caller holds state_lock exclusively.
 */
extern void rw_slot_notes_update(RwSlotNote *notes, const RwFacts *facts);

#endif							/* RW_SLOT_NOTES_H */
