/*-------------------------------------------------------------------------
 *
 * replica_shared.c
 *	  The replicas, their charts and the slot notes, in shared memory.
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

RwReplica  *rw_replicas = NULL;
RwPlaceChart *rw_charts = NULL;
RwSlotNote *rw_slot_notes = NULL;

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
	return add_size(add_size(replicas_size(), charts_size()),
					slot_notes_size());
}

void
rw_replica_attach(void)
{
	bool		found;
	char	   *memory = ShmemInitStruct("replwatch replicas",
										 rw_replica_size(), &found);

	rw_replicas = (RwReplica *) memory;
	rw_charts = (RwPlaceChart *) (memory + replicas_size());
	rw_slot_notes = (RwSlotNote *) (memory + replicas_size() + charts_size());
	if (!found)
		memset(memory, 0, rw_replica_size());
}
