/*-------------------------------------------------------------------------
 *
 * waiters.h
 *	  The backends that wait for an LSN, and how they are woken.
 *
 * Each backend has a place, by the number of its PGPROC.  A place belongs to
 * one of four queues, by what is waited for: replay on this server, or a
 * replica's report that it has written, flushed or replayed.  Whoever makes
 * progress (the startup process, a walsender) reads one atomic to see that
 * nobody waits for what it has reached, and goes on; only when somebody does
 * it takes the lock and wakes just those.
 *
 * waiters_lock guards places and queues.  It is held for a few steps in
 * memory; latches are set after it is released.  A latch that is set for
 * nothing does no harm: a waiter looks for itself, and now and then without
 * being told.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAITERS_H
#define RW_WAITERS_H

#include "access/xlogdefs.h"
#include "port/atomics.h"

#include "src/clock.h"
#include "src/histogram.h"

typedef enum RwQueue
{
	RW_QUEUE_REPLAY,			/* this server's own replay */
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

/* How a wait ended, for the statistics. */
typedef enum RwWaitEnd
{
	RW_WAIT_IMMEDIATE,			/* was there already */
	RW_WAIT_REACHED,
	RW_WAIT_TIMEOUT,
	RW_WAIT_ERROR				/* promotion, cancel, ... */
} RwWaitEnd;

typedef struct RwWaiter
{
	int			pid;			/* 0: nobody waits in this place */
	RwWaitKind	kind;
	RwQueue		queue;
	XLogRecPtr	target;
	XLogRecPtr	key;			/* LSN that the queue wakes it for: the
								 * target, unless that means nothing yet */
	int			count;			/* of replicas; 0 for waits on this server */
	RwTime		since;
	RwTime		deadline;		/* RW_NEVER: none */
} RwWaiter;

typedef struct RwWaitStats
{
	uint64		waits;
	uint64		immediate;
	uint64		timeouts;
	uint64		errors;
	uint64		total_time;		/* microseconds, of all that had to wait */
	uint64		max_time;
	RwHistogram times;
} RwWaitStats;

/* Shared memory; called from the shared room. */
extern Size rw_waiters_size(void);
extern void rw_waiters_attach(void);

/*
 * Take this backend's place, as described but for the pid, and join the queue.
 * False if max_waiters are there already.  From here to rw_waiter_done nothing
 * may return but by an error that is caught; leaving the backend leaves the
 * place.  In between the transaction counts as ended for those who wait for
 * its end, so it may hold neither snapshot nor lock.
 */
extern bool rw_waiter_join(const RwWaiter *waiter);

/*
 * Stay in the queue, to be woken for the LSN `key`: the target, or
 * RW_KEY_WHEN_TOLD to be woken only with all.  False if this backend has been
 * there for this LSN all the time; otherwise the LSN may have come in between.
 */
extern bool rw_waiter_stay(XLogRecPtr key);

#define RW_KEY_WHEN_TOLD	(PG_UINT64_MAX - 1)

/*
 * Leave place and queue, if this backend has them, and note how its wait,
 * which began at `since`, ended.
 */
extern void rw_waiter_done(RwWaitEnd end, RwTime since);

/*
 * The lowest LSN that somebody in this queue waits for.  Replay asks after
 * each record.
 */
extern pg_atomic_uint64 *rw_lowest_awaited;

static inline XLogRecPtr
rw_waiters_lowest(RwQueue queue)
{
	return pg_atomic_read_u64(&rw_lowest_awaited[queue]);
}

/* Wake those in the queue whose LSN is at or below `reached`. */
extern void rw_waiters_wake(RwQueue queue, XLogRecPtr reached);

/* Wake all in the queue: what they wait for may never come. */
extern void rw_waiters_wake_all(RwQueue queue);

/* Copy the places in use to `copy`, which has room for MaxBackends. */
extern int	rw_waiters_copy(RwWaiter *copy);

/* How many wait now. */
extern int	rw_waiters_number(void);

extern void rw_wait_stats_copy(RwWaitStats *copy);

/*
 * How long a part of those that had to wait did at most, `fraction` from 0 to
 * 1; -1 if none had to.
 */
extern int64 rw_wait_percentile(const RwWaitStats *stats, double fraction);

#endif							/* RW_WAITERS_H */
