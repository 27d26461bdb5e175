/*-------------------------------------------------------------------------
 *
 * intern.h
 *	  What the files of the sampling worker share; others include worker.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WORKER_INTERN_H
#define RW_WORKER_INTERN_H

#include "src/history/store.h"
#include "src/observe/observe.h"
#include "src/observe/timeline_file.h"
#include "src/wait/wait.h"

/* What a round saw, compared with the next one's to see if anything moves. */
typedef struct RwRoundSeen
{
	bool		in_recovery;
	TimeLineID	tli;
	XLogRecPtr	horizon;
	XLogRecPtr	replay;
	uint64		senders;		/* sum of pids and positions */
} RwRoundSeen;

/*
 * Recovery moves along the timeline `from` to the timeline `to`, which leaves
 * it at LSN `until`: up to there the history needs no change.
 */
typedef struct RwTimelineStep
{
	TimeLineID	from;			/* 0: none yet */
	TimeLineID	to;
	XLogRecPtr	until;
} RwTimelineStep;

/*
 * The state of the worker's process, owned by rw_worker_main.  What other
 * processes read is in shared memory, and survives a worker that dies.
 */
typedef struct RwSampler
{
	MemoryContext context;		/* current, and reset before each round */
	RwFacts		facts;			/* of the last round, allocated there */
	RwTime		next_round;		/* RW_NEVER: now */

	RwRoundSeen last_round;
	RwSenderSeen *senders;		/* [max_wal_senders] */
	RwTime		second_begun;	/* when each_second last did its work */
	XLogRecPtr	replay_reported;	/* replay LSN at the last request for a
									 * reply of the receiver */
	RwTimelineStep step;
	TimeLineID	timeline_tli;	/* whose history `timeline` is; 0: nobody's */
	RwTimeline	timeline;
	RwNewerTimelines newer;		/* than the one that a standby replays */
	RwTime		newer_looked;	/* when */
	RwTime		replay_looked;	/* when it was last seen what replay waits for */
	RwTime		command_looked; /* when a command's process was last seen */

	/* On a primary, see flush_inserted(); InvalidXLogRecPtr: none. */
	XLogRecPtr	unflushed;		/* end of WAL at the last round, if it had not
								 * been flushed */
	XLogRecPtr	flush_requested;	/* up to here, once */

	/* What is to be saved (rw_persist_save), and since when. */
	RwTime		saved_at;
	bool		unsaved;		/* something moved */
	bool		urgent;			/* an alert changed */
	bool		save_asked;		/* by a reload */
} RwSampler;

/*
 * One round (sample.c): observe, record in the history, bring the published
 * state up to date, judge it, and once a second have keepalives and reports
 * sent.  Fills sampler->facts, and sets `unsaved` and `urgent` if there is
 * something to save.  True if anything moved since the last round.
 */
extern bool rw_sample(RwSampler *sampler);

/*
 * What outlives the server's process (persist.c): the LSN history, and the
 * state, which is known replicas, slot notes, charts, alerts and silences.
 *
 * The LSN history stays true in a base backup and in a rewound server, as far
 * as the timelines are the same.  The state is true of one server in one role
 * on one timeline, and is dropped when any of these is another.
 *
 * Each of these allocates in the current memory context.
 */

/*
 * Write both files, and mark everything as saved.  With `durable` the history
 * is on disk when this returns, which can take as long as a checkpoint keeps
 * the disk busy.  Failures are logged.
 */
extern void rw_persist_save(RwSampler *sampler, bool durable);

/* Read the history's file into the history, which is empty. */
extern void rw_persist_load_history(void);

/*
 * Read the state file into shared memory, whose tables are empty.  Not to be
 * called before the server's role and timeline are decided.
 */
extern void rw_persist_load_state(const RwFacts *facts);

/*
 * Called when sampler->facts are of another timeline than the history: removes
 * from the history and from the replicas' positions what the two timelines do
 * not share.
 */
extern void rw_persist_follow_timeline(RwSampler *sampler);

/*
 * The contents of the state file (persist_state.c).
 */

/* Write the state file with this label; takes state_lock. */
extern void rw_save_state(const RwStoreLabel *label);

/*
 * Restore shared memory from the state file's payload; the caller holds
 * state_lock exclusively.  `delta` is added to the file's moments to have them
 * on the present clock.  Without `same_role` only alerts, which are to be
 * cleared, silences and the server's own names are restored.  If the lengths do not add up, nothing
 * is, and the result is false.
 */
extern bool rw_restore_state(const char *payload, uint32 length,
							 const RwStoreLabel *label, int64 delta,
							 bool same_role);

#endif							/* RW_WORKER_INTERN_H */
