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

RwReplica  *rw_replicas = NULL;
RwPlaceChart *rw_charts = NULL;
RwSlotNote *rw_slot_notes = NULL;
RwOwnNames *rw_own_names = NULL;

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
					add_size(slot_notes_size(), MAXALIGN(sizeof(RwOwnNames))));
}

void
rw_replica_attach(void)
{
	bool		found;
	char	   *memory = ShmemInitStruct("replwatch replicas",
										 rw_replica_size(), &found);

	rw_replicas = (RwReplica *) memory;
	memory += replicas_size();
	rw_charts = (RwPlaceChart *) memory;
	memory += charts_size();
	rw_slot_notes = (RwSlotNote *) memory;
	memory += slot_notes_size();
	rw_own_names = (RwOwnNames *) memory;
	if (!found)
		memset(rw_replicas, 0, rw_replica_size());
}
