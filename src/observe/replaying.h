/*-------------------------------------------------------------------------
 *
 * replaying.h
 *	  What the record that is being replayed can be in conflict with.
 *
 * Who blocks replay depends on the record that waits, which only the startup
 * process has.  So it leaves a note of each record that can conflict with
 * sessions before it replays it: see src/wait/replay.c, which is where it gets
 * the records, unless replwatch.wake_on_replay is off.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPLAYING_H
#define RW_REPLAYING_H

#include "access/xlogreader.h"
#include "utils/elog.h"

#include "src/observe/observe.h"

typedef enum RwReplayingKind
{
	RW_REPLAYING_ROWS,			/* removes rows, or index entries */
	RW_REPLAYING_DROP_DATABASE,
	RW_REPLAYING_DROP_TABLESPACE,
	RW_REPLAYING_SETTINGS		/* of the primary, which have changed */
} RwReplayingKind;

typedef struct RwReplaying
{
	RwReplayingKind kind;
	Oid			database;		/* InvalidOid: all of them */
	TimestampTz begun;			/* of RW_REPLAYING_DROP_TABLESPACE: when */
	TransactionId horizon;		/* of RW_REPLAYING_ROWS: snapshots conflict
								 * that do not see this transaction */
	int			settings[RW_NUM_STANDBY_SETTINGS];	/* of
													 * RW_REPLAYING_SETTINGS */
} RwReplaying;

/*
 * To be called by the startup process before it replays a record, at least for
 * those of the resource managers for which rw_can_conflict() is true.  Writes
 * a few words of a cache line of its own, and those only for a record that can
 * be in conflict, on a server that takes queries.  Takes no lock, allocates
 * nothing and raises nothing.
 */
extern void rw_replaying_note(XLogReaderState *record);

/* May records of this resource manager conflict with sessions? */
extern bool rw_can_conflict(RmgrId rmid);

/* Is a record being replayed now, of whatever kind? */
extern bool rw_is_replaying(void);

/* Copy the note of the record that is being replayed; false if it has none. */
extern bool rw_replaying_read(RwReplaying *replaying);

/*
 * To be called for each message on its way to the log, in any process: keeps
 * in mind that replay has been paused at the recovery target, of which only
 * the message tells.  Raises nothing.
 */
extern void rw_replaying_message(const ErrorData *edata);

/* Has replay been paused at the recovery target? */
extern bool rw_target_was_reached(void);

/* Shared memory; called by src/shmem.c. */
extern Size rw_replaying_size(void);
extern void rw_replaying_attach(void);

#endif							/* RW_REPLAYING_H */
