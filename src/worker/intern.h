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
#include "src/lag/lag.h"
#include "src/observe/observe.h"
#include "src/observe/timeline_file.h"
#include "src/tree/tree_shared.h"
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

/* The history and the state. */
#define RW_SAVED_FILES	2

/*
 * The process that writes the files (saver.c), a child of the sampler: a
 * filesystem that stands still stops no round.  Zeroed: none has been started.
 */
typedef struct RwSaver
{
	pid_t		pid;			/* 0: none */
	RwTime		begun;			/* when it was started */
	bool		slow;			/* that it takes long has been logged */
	int			nfiles;
	const char *paths[RW_SAVED_FILES];
	RwReplaceProgress *progress;	/* [RW_SAVED_FILES], shared with it */
} RwSaver;

typedef enum RwSaverState
{
	RW_SAVER_NONE,				/* there is no such process */
	RW_SAVER_RUNNING,
	RW_SAVER_DONE,				/* it has just ended; all files are on disk */
	RW_SAVER_FAILED				/* it has just ended, which was logged */
} RwSaverState;

/* What the worker keeps of the report that it publishes (report.c). */
typedef struct RwReporter
{
	RwReport	last;			/* [rw_max_replicas] children */
	RwChild    *spare;			/* room for those of the next one */
	uint64		words;			/* rw_report_words() of the last one */
	RwTime		explained_at;	/* its reasons are as of then */
	int			receiver_pid;	/* to which these two belong */
	char		application_name[RW_NAME_LEN];
	char		hostaddr[RW_ADDRESS_LEN];
} RwReporter;

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
	int			newer_receiver;	/* whose first message has come */
	RwTime		replay_looked;	/* when it was last seen what replay waits for */
	RwTime		command_looked; /* when a command's process was last seen */

	/* On a primary, see flush_inserted(); InvalidXLogRecPtr: none. */
	XLogRecPtr	unflushed;		/* end of WAL at the last round, if it had not
								 * been flushed */
	XLogRecPtr	flush_requested;	/* up to here, once */

	RwReporter	reporter;
	RwSaver		saver;

	/* What is to be saved (rw_persist_save), and when that was last begun. */
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
 * Publish what this server knows of itself and of its replicas (report.c), after
 * the alerts have been judged.  Sets the health of the links, and explains them
 * when that is due.
 */
extern void rw_report_round(RwSampler *sampler, RwLinks *links);

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
 * Begin to save both files, and mark everything as saved; nothing waits for
 * the disk.  Not to be called while a save is under way.  Failures are logged,
 * and have the files saved again as if something had moved.
 */
extern void rw_persist_save(RwSampler *sampler);

/* Is a save under way?  Settles one that has ended. */
extern bool rw_persist_is_saving(RwSampler *sampler);

/*
 * Save both files for the last time, once a save that is under way has ended.
 * They are on disk when this returns, which can take as long as the disk is
 * kept busy.
 */
extern void rw_persist_save_last(RwSampler *sampler, uint32 wait_event);

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

/* The state file's contents, with this label; takes state_lock. */
extern void rw_collect_state(RwNewFile *file, const RwStoreLabel *label);

/*
 * Restore shared memory from the state file's payload; the caller holds
 * state_lock exclusively.  `delta` is added to the file's moments to have them
 * on the present clock.  Without `same_role` only alerts, which are to be
 * cleared, silences and the server's own names are restored.  If the lengths
 * do not add up, nothing is, and the result is false.
 */
extern bool rw_restore_state(const char *payload, uint32 length,
							 const RwStoreLabel *label, int64 delta,
							 bool same_role);

/*
 * The process that writes the files (saver.c).
 *
 * It has the sampler's own memory as of its start, and only writes the files.
 * It ends with the sampler: on Linux at once, elsewhere before it renames a
 * file.  A rename that the kernel is at is not interrupted: on a filesystem that
 * comes back to life it may put the file of a later saver in place while that
 * is being written.  The later saver goes on writing it, and the checksum shows
 * whether it got so far.
 *
 * It detaches from the server's shared memory, so that one that waits for the
 * disk when the server has crashed neither keeps that allocated nor keeps the
 * server from starting again.
 *
 * It exits with 0 or 1, also when it is signaled: where the postmaster is the
 * first process of a container, it inherits orphans, and would restart the
 * server upon anything else.
 */

/*
 * Start it, to write these files; there is none now.  Their contents can be
 * freed at once.  If it cannot be started, that is logged, and the result is
 * false.
 */
extern bool rw_saver_start(RwSaver *saver, const RwNewFile *files, int nfiles);

/* How it is doing; logs what has failed, and once if it takes long. */
extern RwSaverState rw_saver_poll(RwSaver *saver);

/*
 * Wait for it to end, if it runs.  The postmaster's signal to end has gone to
 * it, too.  Does not return if the postmaster dies meanwhile.
 */
extern void rw_saver_wait(RwSaver *saver, uint32 wait_event);

#endif							/* RW_WORKER_INTERN_H */
