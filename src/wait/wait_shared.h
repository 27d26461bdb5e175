/*-------------------------------------------------------------------------
 *
 * wait_shared.h
 *	  The shared memory of waits.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAIT_SHARED_H
#define RW_WAIT_SHARED_H

#include "port/atomics.h"

#include "src/wait/wait.h"
#include "src/wait/wait_queue.h"

/* An LSN in a cache line of its own. */
typedef union RwPaddedLsn
{
	pg_atomic_uint64 lsn;
	char		pad[PG_CACHE_LINE_SIZE];
} RwPaddedLsn;

/*
 * Shared by one walsender and the sampler (stall.c), in a cache line of its
 * own.
 */
typedef struct RwSenderSleep
{
	/*
	 * The position up to which it had sent WAL when it last was about to
	 * sleep; 0 if it then had output that the client was to take first.
	 * Written by the walsender.
	 */
	pg_atomic_uint64 asleep_at;

	/*
	 * That position, from when the sampler wakes it there to when it has seen
	 * whether that was needed; else 0.
	 */
	pg_atomic_uint64 woken_at;

	char		pad[PG_CACHE_LINE_SIZE - 2 * sizeof(pg_atomic_uint64)];
} RwSenderSleep;

/*
 * As RwNudged, of one walsender's connection (ask.c).  Written by the sessions
 * that nudge it, and by itself.
 */
typedef struct RwSenderNudged
{
	pg_atomic_uint64 end;
	pg_atomic_uint64 at;
	pg_atomic_uint32 in_vain;
	pg_atomic_uint32 pid;		/* whose connection that is */
} RwSenderNudged;

/* As RwWaitStats. */
typedef struct RwWaitCounters
{
	pg_atomic_uint64 waits;
	pg_atomic_uint64 immediate;
	pg_atomic_uint64 timeouts;
	pg_atomic_uint64 errors;
	pg_atomic_uint64 total_time;
	pg_atomic_uint64 max_time;
	pg_atomic_uint64 rescued;
	pg_atomic_uint64 times[RW_HISTOGRAM_BUCKETS];
} RwWaitCounters;

/*
 * The key of a session that is woken with all others of its queue only, and
 * the highest that any has.  No position gets there.
 */
#define RW_KEY_ALL_ONLY		(PG_UINT64_MAX - 1)

/*
 * A source of progress: replay on this server, or one walsender's replica at
 * one stage.  It knows the lowest LSN that it has to wake a session for, and
 * nothing else of the queue; see the head of waiters.c.
 */
typedef struct RwWakeSource
{
	/*
	 * The lowest LSN that a session waits for beyond what this source has
	 * reached, RW_NOBODY_WAITS if there is none.  Written under waiters_lock,
	 * read without: by the startup process after each record, by a walsender
	 * after each reply.
	 */
	RwPaddedLsn next;

	/*
	 * How far it has got: replay when it last woke a session, a walsender at
	 * each reply.  Written by that process alone.
	 */
	pg_atomic_uint64 position;

	/* RW_DUE and RW_AGAIN: raised without the lock, cleared under it. */
	pg_atomic_uint32 due;

	/* Up to where sessions have been woken for it.  Under waiters_lock. */
	RwWaitMark	woken;

	RwQueue		queue;			/* whose sessions it wakes; never changes */
} RwWakeSource;

/* A source in cache lines of its own, `next` in the first. */
typedef union RwPaddedSource
{
	RwWakeSource source;
	char		pad[2 * PG_CACHE_LINE_SIZE];
} RwPaddedSource;

/* Sessions up to the position are to be woken. */
#define RW_DUE			0x01

/* The position went back, or means more than before: begin again. */
#define RW_AGAIN		0x02

typedef struct RwWaitShared
{
	/* Replay on this server: what it reads for each record comes first. */
	RwPaddedSource replay;

	/* One of each queue that wakes all of its sessions, whatever their LSN. */
	RwPaddedSource all[RW_NUM_QUEUES];

	/*
	 * Up to where everything is known to be visible on this primary.  See
	 * visible.c.
	 */
	RwPaddedLsn visible;

	/* Queues in which sessions are due, a bit each; as RwWakeSource.due. */
	pg_atomic_uint32 due_queues;

	/* Raised under waiters_lock, lowered without. */
	pg_atomic_uint32 nwaiters;

	/* Under waiters_lock. */
	RwWaitQueue queues[RW_NUM_QUEUES];

	/*
	 * [max_wal_senders * RW_NUM_STAGES]: each walsender's, by its place in
	 * core's array.
	 */
	RwPaddedSource *senders;

	/*
	 * [MaxBackends], by the number of the PGPROC.  An entry is written by its
	 * backend under waiters_lock, but for the pid, which is set to 0 without.
	 */
	RwWaiter   *places;

	/* [max_wal_senders], by the walsender's place in the server's array. */
	RwSenderSleep *sleeps;
	RwSenderNudged *nudged;		/* likewise */

	/*
	 * [MaxBackends]: not 0 if the backend, once it has been taken out of its
	 * queue, is to wake those that are still due.  Written under waiters_lock.
	 */
	int32	   *helpers;

	/*
	 * For each backend, by the number of its PGPROC, the LSN beyond which its
	 * next commit ends, written by it alone.  See visible.c.
	 */
	RwPaddedLsn *marks;			/* [MaxBackends] */

	/*
	 * When this primary last nudged its standbys, how long that took, and
	 * where it ends.
	 */
	pg_atomic_uint64 nudged_at;
	pg_atomic_uint64 nudge_took;
	pg_atomic_uint64 nudge_end;

	/* Added to without a lock. */
	RwWaitCounters counters;
} RwWaitShared;

/* The stages of replicas, each with a queue. */
#define RW_NUM_STAGES	(RW_NUM_QUEUES - RW_QUEUE_REPLICA_WRITE)

/* NULL where the library is not preloaded. */
extern RwWaitShared *rw_wait_shared;

/* The source of a walsender, by its place in core's array, at a stage. */
static inline RwWakeSource *
rw_sender_source(int place, RwQueue stage)
{
	return &rw_wait_shared->senders[place * RW_NUM_STAGES +
									stage - RW_QUEUE_REPLICA_WRITE].source;
}

#endif							/* RW_WAIT_SHARED_H */
