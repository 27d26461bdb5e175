/*-------------------------------------------------------------------------
 *
 * wait.h
 *	  Read your writes: what other folders use.
 *
 * README.md in this folder says how a wait proceeds.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAIT_H
#define RW_WAIT_H

#include "access/xact.h"
#include "access/xlogdefs.h"
#include "nodes/nodes.h"

#include "src/base/clock.h"
#include "src/base/rates.h"
#include "src/observe/observe.h"
#include "src/wait/histogram.h"

/* ----------------------------------------------------------------
 *		Waiting sessions (waiters.c)
 * ----------------------------------------------------------------
 */

/* What a session waits for; a waiting session is in one of these queues. */
typedef enum RwQueue
{
	RW_QUEUE_REPLAY,			/* replay on this server */
	RW_QUEUE_REPLICA_WRITE,		/* reports of replicas, by stage */
	RW_QUEUE_REPLICA_FLUSH,
	RW_QUEUE_REPLICA_REPLAY
} RwQueue;

#define RW_NUM_QUEUES	(RW_QUEUE_REPLICA_REPLAY + 1)

typedef enum RwWaitKind
{
	RW_WAIT_LSN,				/* replwatch_wait_for_lsn */
	RW_WAIT_TOKEN,				/* replwatch_wait_for_token */
	RW_WAIT_READ_AFTER,			/* SET replwatch.read_after */
	RW_WAIT_REPLICAS			/* replwatch_wait_for_replicas */
} RwWaitKind;

typedef struct RwWaiter
{
	int			pid;			/* 0: the entry is not in use */
	RwWaitKind	kind;
	RwQueue		queue;
	XLogRecPtr	target;
	XLogRecPtr	key;			/* LSN that the queue wakes it for: the
								 * target, or RW_KEY_ALL_ONLY while the target
								 * cannot be compared with replay here */
	int			count;			/* of replicas; 0 for waits on this server */
	RwTime		since;
	RwTime		deadline;		/* RW_NEVER: none */
} RwWaiter;

/* Copy the entries in use to `copy`, which has room for MaxBackends. */
extern int	rw_waiters_copy(RwWaiter *copy);

/* The number of waiting sessions. */
extern int	rw_waiters_number(void);

/*
 * Wake all sessions in the queue, to check again: their LSN may never be
 * reached, or mean something else now.
 */
extern void rw_waiters_wake_all(RwQueue queue);

/*
 * The estimated time in microseconds until `missing` bytes more are replayed
 * or acknowledged, given the rate at which `position` has moved and when it
 * last did; -1 if it stands still or the rate is not known.
 */
extern int64 rw_eta(uint64 missing, const RwRate *rate, XLogRecPtr position,
					RwTime moved_at);

/* The same for replay on this server; -1 also while replay is paused. */
extern int64 rw_replay_eta(uint64 missing);

/* ----------------------------------------------------------------
 *		Statistics of waits since server start (wait_stats.c)
 *
 * Backends count at the end of a wait, without a lock: most waits end at once
 * and take no lock for anything else.
 * ----------------------------------------------------------------
 */

typedef struct RwWaitStats
{
	uint64		waits;
	uint64		immediate;		/* did not have to wait */
	uint64		timeouts;
	uint64		errors;			/* promotion, cancel, ... */
	uint64		total_time;		/* microseconds, of all that had to wait */
	uint64		max_time;
	uint64		rescued;		/* walsenders that had missed WAL; not waits */
	RwHistogram times;
} RwWaitStats;

/*
 * Copy the counters.  Waits that end meanwhile may be missing from some of
 * them, but none is counted anywhere without being counted in `waits`.
 */
extern void rw_wait_stats_copy(RwWaitStats *copy);

/*
 * The time in microseconds that the given fraction (0 to 1) of those waits
 * that had to wait did not exceed; -1 if there were none.
 */
extern int64 rw_wait_percentile(const RwWaitStats *stats, double fraction);

/* ----------------------------------------------------------------
 *		Walsenders that sleep though they have WAL to send (stall.c)
 * ----------------------------------------------------------------
 */

/* What the sampler saw of a walsender in its last round. */
typedef struct RwSenderSeen
{
	int			pid;			/* 0: nothing yet */
	XLogRecPtr	sent;
	XLogRecPtr	end;			/* of the WAL that it could send */
	XLogRecPtr	woken_for;		/* the end for which it was last woken */
} RwSenderSeen;

/*
 * Wake walsenders that have not moved since the last round, behind WAL that was
 * there by then, and sleep.  `seen` has max_wal_senders entries, zero at first.
 * Called by the sampler in each round, where replwatch.tend_walsenders is on.
 * Takes ProcArrayLock if there may be one to wake.
 */
extern void rw_stall_round(RwSenderSeen *seen, const RwFacts *facts);

/* ----------------------------------------------------------------
 *		Positions on this server (replay.c)
 * ----------------------------------------------------------------
 */

/*
 * The LSN up to which this server has replayed: a snapshot taken now sees all
 * that comes before it.  Only in recovery.
 */
extern XLogRecPtr rw_replayed(void);

/*
 * Returns the start of the page if the LSN lies within a WAL page's header,
 * else the LSN itself.  The insert position can be behind the header of a page
 * that does not exist yet, and replay never ends up there.
 */
extern XLogRecPtr rw_before_page_header(XLogRecPtr lsn);

/* ----------------------------------------------------------------
 *		Positions of replicas (wait_replicas.c)
 *
 * Streaming standbys and subscribers count, and for the stages write and flush
 * also receivers such as pg_receivewal.  Base backups and the initial copy of
 * a subscriber's table do not.
 * ----------------------------------------------------------------
 */

/*
 * The position of one connection at a stage, as far as it is this server's WAL;
 * InvalidXLogRecPtr if it does not count.  rw_find_parted() has been called.
 */
extern XLogRecPtr rw_replica_position(const RwSenderFacts *sender,
									  RwQueue stage);

/*
 * The number of replicas that have reached the target at a stage; several
 * connections of one name count once.  If `positions` is not NULL, their
 * positions are stored there; it has room for all senders.
 */
extern int	rw_replica_positions(const RwFacts *facts, RwQueue stage,
								 XLogRecPtr target, XLogRecPtr *positions);

/* ----------------------------------------------------------------
 *		Wiring: called by replwatch.c, shmem.c and hooks.c
 * ----------------------------------------------------------------
 */

/* Shared memory of this folder (wait_shared.c). */
extern Size rw_wait_shmem_size(void);
extern void rw_wait_shmem_attach(void);

/*
 * Define settings: the read-only ones (token.c) and replwatch.read_after
 * (read_after.c).  Called once from _PG_init.
 */
extern void rw_token_settings(void);
extern void rw_read_after_settings(void);

/*
 * Replace the redo functions of all resource managers, where
 * replwatch.wake_on_replay is on and latches can be found (layout.h).  Called
 * by the shmem_startup hook, when every library has registered its own; does
 * nothing when called again after a crash (replay.c).
 */
extern void rw_replay_init(void);

/*
 * Called in a new process after authentication: has a walsender send
 * keepalives and follow its replica's replies, where replwatch.tend_walsenders
 * is on (keepalive.c).
 */
extern void rw_keepalive_connection(void);

/* The time between two keepalives of a walsender. */
#define RW_KEEPALIVE_INTERVAL	RW_SECOND

/* Called before a commit: notes a position in the WAL before it (visible.c). */
extern void rw_visible_before_commit(void);

/*
 * Called at each other event of a transaction, and before a utility command
 * (token.c).
 */
extern void rw_token_xact_callback(XactEvent event);
extern void rw_token_utility(const Node *command);

/*
 * Called before a utility command.  If the command sets replwatch.read_after
 * and comes from the client, waits, and returns true: the caller then executes
 * the command and calls rw_read_after_end(), also after an error.  Raises
 * 22P02 if the value is neither a token nor an LSN, RW003 if the token is of
 * another system, RW002 if it was not replayed in time, 55000 where waiting is
 * not possible, and the errors of a wait.
 */
extern bool rw_read_after_begin(Node *command, bool from_client);
extern void rw_read_after_end(void);

#endif							/* RW_WAIT_H */
