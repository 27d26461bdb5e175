/*-------------------------------------------------------------------------
 *
 * slot_notes.h
 *	  What the sampling worker remembers of replication slots.
 *
 * A pure file.  The server knows a slot as it is now.  Noted here is since
 * when it has not been used, since when it has not moved, how often it was
 * used since then, and what it retained before it was lost.
 *
 * A slot moves when its consumer confirms more than it ever has, whoever that
 * is and on whatever connection.  A consumer that comes again and again and
 * confirms the same each time does not move it.
 *
 * A slot that has nothing to move to counts as moved: while it is at the end
 * of the WAL, or its consumer has confirmed all that is for it.  So does one
 * whose consumer confirms only whole WAL segments, as pg_receivewal does,
 * while that takes the rest of one.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SLOT_NOTES_H
#define RW_SLOT_NOTES_H

#include "src/base/clock.h"
#include "src/base/name.h"

/* The most connections to a slot between two looks that are told apart. */
#define RW_SLOT_MAX_ENDED	4

/* A slot as the worker saw it. */
typedef struct RwSlotSeen
{
	char		name[RW_NAME_LEN];
	int			number;			/* its place in the server's array */
	bool		logical;
	int			pid;			/* of the process that uses it; 0: none */
	bool		sending;		/* that is a walsender */
	bool		for_backup;		/* that is pg_basebackup's */
	bool		lost;			/* it was invalidated */
	uint64		restart_lsn;	/* 0 if it reserves nothing */
	uint64		confirmed_flush;
	uint64		retained;		/* bytes from restart_lsn to the horizon */
	uint64		end;			/* of the WAL that its consumer could have */
	bool		replaying;		/* the server is in recovery */
	uint64		segment_size;	/* of WAL files */

	/* Of the walsender. */
	uint64		sent;
	uint64		written;		/* as the consumer has reported */
	int64		reply_time;		/* of its last report; 0: none yet */
	bool		counted;		/* `decoded` is known */
	uint64		decoded;		/* changes whenever a transaction was decoded
								 * for the consumer of a logical slot */

	/* Uses of the slot that may have been missed. */
	int64		released;		/* when it was last given back, as the server
								 * has it; 0: not known */
	int			nended;			/* walsenders that have ended since the last
								 * look, and had used it */
	int			ended[RW_SLOT_MAX_ENDED];	/* their pids */
} RwSlotSeen;

typedef struct RwSlotNote
{
	char		name[RW_NAME_LEN];	/* empty: no such slot */
	RwTime		inactive_since; /* RW_NEVER while it is used */
	RwTime		lost_at;		/* RW_NEVER while it is intact */
	uint64		retained;		/* bytes it kept when last seen intact */
	uint64		restart_lsn;	/* when last seen intact */
	bool		for_backup;		/* last used by pg_basebackup */

	/* How far it was ever moved. */
	uint64		furthest_restart;
	uint64		furthest_confirmed;
	uint64		furthest_written;	/* of a physical slot */
	RwTime		moved_at;		/* when it last moved, or had nothing to move
								 * to */
	uint32		uses;			/* connections to it that began since then */
	uint32		replies;		/* reports of its consumers since then */
	int64		reply_time;		/* RwSlotSeen's, at the last look */
	bool		report_due;		/* its consumer may have got further, and need
								 * not have reported that yet */
	int			user;			/* the pid of its last user */
	int64		released;		/* RwSlotSeen's, at the last look */

	/* Of a logical slot, at the last look. */
	bool		nothing_for_it; /* its consumer has confirmed all that was sent
								 * but for WAL that has nothing for it */
	uint64		decoded;
	uint64		end;			/* of the WAL; of a physical slot, too */
	uint64		for_it;			/* what was decoded for the consumer ends at
								 * this LSN or before; PG_UINT64_MAX: not
								 * known */
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
