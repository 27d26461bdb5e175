/*-------------------------------------------------------------------------
 *
 * replica_shared.c
 *	  The replicas, their charts, the slot notes and this server's own
 *	  names, in shared memory.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/shmem.h"

#include "src/base/compat.h"
#include "src/replica/replica_shared.h"
#include "src/settings.h"

pg_atomic_uint32 *rw_parted_set = NULL;
RwReplica  *rw_replicas = NULL;
RwPlaceChart *rw_charts = NULL;
RwSlotNote *rw_slot_notes = NULL;
RwOwnNames *rw_own_names = NULL;

static Size
parted_set_size(void)
{
	return MAXALIGN(sizeof(pg_atomic_uint32));
}

static Size
replicas_size(void)
{
	return MAXALIGN(mul_size(rw_max_replicas, sizeof(RwReplica)));
}

static Size
charts_size(void)
{
	return MAXALIGN(mul_size(rw_max_replicas, sizeof(RwPlaceChart)));
}

static Size
slot_notes_size(void)
{
	return MAXALIGN(mul_size(RW_MAX_SLOTS, sizeof(RwSlotNote)));
}

Size
rw_replica_size(void)
{
	return add_size(add_size(parted_set_size(),
							 add_size(replicas_size(), charts_size())),
					add_size(slot_notes_size(), MAXALIGN(sizeof(RwOwnNames))));
}

void
rw_replica_attach(void)
{
	bool		found;
	char	   *memory = ShmemInitStruct("replwatch replicas",
										 rw_replica_size(), &found);

	rw_parted_set = (pg_atomic_uint32 *) memory;
	memory += parted_set_size();
	rw_replicas = (RwReplica *) memory;
	memory += replicas_size();
	rw_charts = (RwPlaceChart *) memory;
	memory += charts_size();
	rw_slot_notes = (RwSlotNote *) memory;
	memory += slot_notes_size();
	rw_own_names = (RwOwnNames *) memory;
	if (!found)
	{
		memset(rw_parted_set, 0, rw_replica_size());
		pg_atomic_init_u32(rw_parted_set, 0);
	}
}

void
rw_find_parted(RwFacts *facts)
{
	int			i;

	/*
	 * A replica that streams WAL which a primary has not sent is ahead of it,
	 * also before the worker has seen that.
	 */
	for (i = 0; i < facts->nsenders; i++)
	{
		RwSenderFacts *sender = &facts->senders[i];

		RwReported	reported = {
			.streaming = sender->state == RW_SENDER_STREAMING,
			.sent = sender->sent,
			.position = sender->replay
		};

		sender->parted = !facts->in_recovery &&
			(sender->slot < 0 || !facts->slots[sender->slot].logical) &&
			rw_is_past_sent(&reported, facts->segment_size);
	}

	if (pg_atomic_read_u32(rw_parted_set) == 0)
		return;
	LWLockAcquire(rw_state_lock, LW_SHARED);
	for (i = 0; i < facts->nsenders; i++)
	{
		const RwReplica *replica = rw_replicas_find_pid(rw_replicas,
														rw_max_replicas,
														facts->senders[i].pid);

		if (replica != NULL && replica->parted != RW_NOT_PARTED &&
			!(replica->parted == RW_AHEAD && facts->in_recovery))
			facts->senders[i].parted = true;
	}
	LWLockRelease(rw_state_lock);
}
