/*-------------------------------------------------------------------------
 *
 * replay.h
 *	  Being told of replay.
 *
 * Where replwatch.wake_on_replay is on, the startup process wakes those who
 * wait for what it has just replayed.  It reads one atomic a record to see
 * that nobody does, and writes nothing, takes no lock, allocates nothing and
 * raises nothing until somebody's LSN has come.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPLAY_H
#define RW_REPLAY_H

#include "access/xlogdefs.h"

#include "src/base/clock.h"

/* Put us in front of replay; called once from _PG_init. */
extern void rw_replay_init(void);

/* Shared memory; called from the shared room. */
extern Size rw_replay_size(void);
extern void rw_replay_attach(void);

/*
 * Up to where this server has replayed: everything before it is visible to a
 * snapshot taken now.  Only in recovery.
 */
extern XLogRecPtr rw_replayed(void);

/* Is that as far as this LSN, or further?  Also after recovery. */
extern bool rw_has_replayed(XLogRecPtr target);

/*
 * Has replay begun with the record that reaches this LSN?  Asked by a waiter
 * that is in the queue and has then found its target not replayed: if so,
 * replay may have missed it, and it must not rely on being woken.
 */
extern bool rw_being_replayed(XLogRecPtr target);

/*
 * Ask the standbys of this primary that have replwatch to report as soon as
 * they have replayed the target.  Writes a record that does nothing, which no
 * logical decoding shows to anybody; one is enough for all who wait for what
 * comes before it, and there is at most one an interval (microseconds).
 * RW_NEVER if that is done; otherwise when to come again.
 */
extern RwTime rw_replay_nudge(XLogRecPtr target, int64 interval);

/*
 * An LSN that lies within the header of a WAL page stands for the page's
 * start: the position to insert at is behind the header of a page that does
 * not exist yet, and nothing is ever replayed up to there.
 */
extern XLogRecPtr rw_before_page_header(XLogRecPtr lsn);

#endif							/* RW_REPLAY_H */
