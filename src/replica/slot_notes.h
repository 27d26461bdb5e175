/*-------------------------------------------------------------------------
 *
 * slot_notes.h
 *	  What the sampling worker remembers of replication slots.
 *
 * A pure file.  The server knows a slot as it is now.  Noted here is since
 * when it has not been used or moved, what it retained before it was lost,
 * and whether it has been used at all since the server started.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SLOT_NOTES_H
#define RW_SLOT_NOTES_H

#include "src/base/clock.h"
#include "src/base/name.h"

/* A slot as the worker saw it. */
typedef struct RwSlotSeen
{
	char		name[RW_NAME_LEN];
	int			number;			/* its place in the server's array */
	bool		active;			/* some process uses it */
	bool		sending;		/* a walsender uses it */
	bool		for_backup;		/* that is pg_basebackup's */
	bool		lost;			/* it was invalidated */
	uint64		restart_lsn;	/* 0 if it reserves nothing */
	uint64		confirmed_flush;
	uint64		retained;		/* bytes from restart_lsn to the horizon */
} RwSlotSeen;

typedef struct RwSlotNote
{
	char		name[RW_NAME_LEN];	/* empty: no such slot */
	RwTime		inactive_since; /* RW_NEVER while it is used */
	RwTime		lost_at;		/* RW_NEVER while it is intact */
	uint64		retained;		/* bytes it kept when last seen intact */
	uint64		restart_lsn;	/* when last seen intact */
	uint64		confirmed_flush;
	RwTime		moved_at;		/* when one of these last changed */
	bool		used_here;		/* by a walsender since the server started */
	bool		for_backup;		/* last used by pg_basebackup */
} RwSlotNote;

/*
 * Bring the notes, one for each of `size` places in the server's array of
 * slots, up to date with the `nseen` slots that there are now, in the order
 * of their numbers.  A note belongs to a name and follows its slot to another
 * place.  Memory filled with zeros has no notes.
 */
extern void rw_slot_notes_update(RwSlotNote *notes, int size,
								 const RwSlotSeen *seen, int nseen,
								 RwTime now);

#endif							/* RW_SLOT_NOTES_H */
