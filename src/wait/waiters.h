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
 * it wakes just those.
 *
 * waiters_lock guards the queues.  It is held for a few steps in memory, to
 * join one, to be moved in it, to leave it before one's LSN has come and to
 * wake, and a little longer to list who waits; who has been woken leaves
 * without it.  Latches are set after it is released.  A latch that is set for
 * nothing does no harm: a waiter looks for itself, and now and then without
 * being told.
 *
 * Who makes progress never waits for the lock.  A backend that holds it may
 * have lost its processor, to one of the many that have just been woken, and
 * replay would stand still until it gets it back.  If the lock is taken, what
 * has been reached is left to its holder, who wakes when it is done: those
 * who wait for it are a little later, and replay is not.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAITERS_H
#define RW_WAITERS_H

#include "access/xlogdefs.h"
#include "port/atomics.h"

#include "src/base/clock.h"
#include "src/wait/wait_stats.h"

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

/*
 * Wake those in the queue whose LSN is at or below `reached`, or have whoever
 * holds the lock do it.
 */
extern void rw_waiters_wake(RwQueue queue, XLogRecPtr reached);

/* Wake all in the queue: what they wait for may never come. */
extern void rw_waiters_wake_all(RwQueue queue);

/* Copy the places in use to `copy`, which has room for MaxBackends. */
extern int	rw_waiters_copy(RwWaiter *copy);

/* How many wait now. */
extern int	rw_waiters_number(void);

#endif							/* RW_WAITERS_H */
