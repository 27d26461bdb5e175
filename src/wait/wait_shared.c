/*-------------------------------------------------------------------------
 *
 * wait_shared.c
 *	  The shared memory of waits.
 *
 * One allocation: the struct, the sources and entries of the walsenders, the
 * marks and entries of the backends, and for each queue its two arrays.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "replication/walsender.h"
#include "storage/shmem.h"

#include "src/wait/wait_shared.h"

RwWaitShared *rw_wait_shared = NULL;

/* ShmemInitStruct aligns the struct itself to a cache line. */
StaticAssertDecl(offsetof(RwWaitShared, replay) == 0 &&
				 offsetof(RwWakeSource, next) == 0 &&
				 sizeof(RwPaddedLsn) == PG_CACHE_LINE_SIZE &&
				 sizeof(RwPaddedSource) == 2 * PG_CACHE_LINE_SIZE,
				 "replay reads a cache line that nothing else is in");

/* Everything after the struct begins at a cache line, too. */
#define SHARED_SIZE		CACHELINEALIGN(sizeof(RwWaitShared))

static int
sender_sources(void)
{
	return max_wal_senders * RW_NUM_STAGES;
}

static Size
senders_size(void)
{
	return mul_size(sender_sources(), sizeof(RwPaddedSource));
}

static Size
marks_size(void)
{
	return mul_size(MaxBackends, sizeof(RwPaddedLsn));
}

static Size
sleeps_size(void)
{
	return mul_size(max_wal_senders, sizeof(RwSenderSleep));
}

static Size
nudged_size(void)
{
	return CACHELINEALIGN(mul_size(max_wal_senders, sizeof(RwSenderNudged)));
}

static Size
places_size(void)
{
	return MAXALIGN(mul_size(MaxBackends, sizeof(RwWaiter)));
}

static Size
helpers_size(void)
{
	return MAXALIGN(mul_size(MaxBackends, sizeof(int32)));
}

static Size
entries_size(void)
{
	return MAXALIGN(mul_size(RW_WAIT_QUEUE_ROOM(MaxBackends),
							 sizeof(RwWaitMark)));
}

static Size
queue_size(void)
{
	return add_size(entries_size(),
					MAXALIGN(mul_size(MaxBackends, sizeof(RwWaitMember))));
}

Size
rw_wait_shmem_size(void)
{
	Size		size = add_size(SHARED_SIZE, senders_size());

	size = add_size(size, marks_size());
	size = add_size(size, sleeps_size());
	size = add_size(size, nudged_size());
	size = add_size(size, places_size());
	size = add_size(size, helpers_size());
	return add_size(size, mul_size(RW_NUM_QUEUES, queue_size()));
}

static void
source_init(RwWakeSource *source, RwQueue queue, XLogRecPtr position)
{
	pg_atomic_init_u64(&source->next.lsn, RW_NOBODY_WAITS);
	pg_atomic_init_u64(&source->position, position);
	pg_atomic_init_u32(&source->due, 0);
	source->woken = rw_wait_mark_after(position);
	source->queue = queue;
}

static void
counters_init(RwWaitCounters *counters)
{
	pg_atomic_init_u64(&counters->waits, 0);
	pg_atomic_init_u64(&counters->immediate, 0);
	pg_atomic_init_u64(&counters->timeouts, 0);
	pg_atomic_init_u64(&counters->errors, 0);
	pg_atomic_init_u64(&counters->total_time, 0);
	pg_atomic_init_u64(&counters->max_time, 0);
	pg_atomic_init_u64(&counters->rescued, 0);
	for (int i = 0; i < RW_HISTOGRAM_BUCKETS; i++)
		pg_atomic_init_u64(&counters->times[i], 0);
}

/* Called with AddinShmemInitLock held. */
void
rw_wait_shmem_attach(void)
{
	bool		found;
	char	   *p;

	rw_wait_shared = ShmemInitStruct("replwatch waits", rw_wait_shmem_size(),
									 &found);
	if (found)
		return;

	memset(rw_wait_shared, 0, rw_wait_shmem_size());
	source_init(&rw_wait_shared->replay.source, RW_QUEUE_REPLAY,
				InvalidXLogRecPtr);
	pg_atomic_init_u32(&rw_wait_shared->due_queues, 0);
	pg_atomic_init_u64(&rw_wait_shared->visible.lsn, InvalidXLogRecPtr);
	pg_atomic_init_u32(&rw_wait_shared->nwaiters, 0);
	pg_atomic_init_u64(&rw_wait_shared->nudged_at, RW_NEVER);
	pg_atomic_init_u64(&rw_wait_shared->nudge_took, 0);
	pg_atomic_init_u64(&rw_wait_shared->nudge_end, InvalidXLogRecPtr);
	counters_init(&rw_wait_shared->counters);

	p = (char *) rw_wait_shared + SHARED_SIZE;
	rw_wait_shared->senders = (RwPaddedSource *) p;
	p += senders_size();
	for (int i = 0; i < sender_sources(); i++)
		source_init(&rw_wait_shared->senders[i].source,
					RW_QUEUE_REPLICA_WRITE + i % RW_NUM_STAGES,
					InvalidXLogRecPtr);
	rw_wait_shared->marks = (RwPaddedLsn *) p;
	p += marks_size();
	for (int i = 0; i < MaxBackends; i++)
		pg_atomic_init_u64(&rw_wait_shared->marks[i].lsn, InvalidXLogRecPtr);
	rw_wait_shared->sleeps = (RwSenderSleep *) p;
	for (int i = 0; i < max_wal_senders; i++)
	{
		pg_atomic_init_u64(&rw_wait_shared->sleeps[i].asleep_at, 0);
		pg_atomic_init_u64(&rw_wait_shared->sleeps[i].woken_at, 0);
	}
	p += sleeps_size();
	rw_wait_shared->nudged = (RwSenderNudged *) p;
	for (int i = 0; i < max_wal_senders; i++)
	{
		pg_atomic_init_u64(&rw_wait_shared->nudged[i].end, 0);
		pg_atomic_init_u64(&rw_wait_shared->nudged[i].at, 0);
		pg_atomic_init_u32(&rw_wait_shared->nudged[i].in_vain, 0);
		pg_atomic_init_u32(&rw_wait_shared->nudged[i].pid, 0);
	}
	p += nudged_size();
	rw_wait_shared->places = (RwWaiter *) p;
	p += places_size();
	rw_wait_shared->helpers = (int32 *) p;
	p += helpers_size();
	for (int i = 0; i < RW_NUM_QUEUES; i++, p += queue_size())
	{
		source_init(&rw_wait_shared->all[i].source, i, RW_KEY_ALL_ONLY);
		rw_wait_queue_init(&rw_wait_shared->queues[i], MaxBackends,
						   (RwWaitMark *) p,
						   (RwWaitMember *) (p + entries_size()));
	}
}
