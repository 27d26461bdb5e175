/*-------------------------------------------------------------------------
 *
 * replicas_table.c
 *	  The places of the table of replicas: looking up and forgetting.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/replica/intern.h"

/* ----------------------------------------------------------------
 *		Places
 * ----------------------------------------------------------------
 */

bool
rw_replica_is_connected(const RwReplica *replica, const char *name)
{
	return replica->used && replica->connected &&
		rw_name_equal(replica->name, name);
}

/*
 * Zeros are no replica, no times and an empty rate.  The generation is kept
 * to count on from, or the next replica in this place would pass for this
 * one.
 */
void
rw_replica_clear(RwReplica *replica)
{
	uint32		generation = replica->generation;

	memset(replica, 0, sizeof(RwReplica));
	replica->generation = generation;
}

void
rw_replica_add_event(RwReplicaEvents *events, RwReplicaEventType type,
					 const char *name)
{
	if (events->nevents >= RW_REPLICA_MAX_EVENTS)
		return;
	events->events[events->nevents].type = type;
	rw_name_copy(events->events[events->nevents].name, name);
	events->nevents++;
}

/* ----------------------------------------------------------------
 *		Looking up and forgetting
 * ----------------------------------------------------------------
 */

RwReplica *
rw_replicas_find_gone(RwReplica *table, int size, const char *name)
{
	for (int i = 0; i < size; i++)
	{
		if (table[i].used && !table[i].connected &&
			rw_name_equal(table[i].name, name))
			return &table[i];
	}
	return NULL;
}

RwReplica *
rw_replicas_find_pid(RwReplica *table, int size, int pid)
{
	for (int i = 0; i < size; i++)
	{
		if (table[i].used && table[i].connected && table[i].pid == pid)
			return &table[i];
	}
	return NULL;
}

void
rw_replicas_slot_dropped(RwReplica *table, int size, const char *name)
{
	RwReplica  *replica = rw_replicas_find_gone(table, size, name);

	if (replica != NULL)
		replica->has_slot = false;
}

/* Take a replica's positions back to `lsn`. */
static void
cut_positions(RwReplica *replica, uint64 lsn)
{
	replica->sent = Min(replica->sent, lsn);
	replica->write = Min(replica->write, lsn);
	replica->flush = Min(replica->flush, lsn);
	replica->replay = Min(replica->replay, lsn);
	rw_rate_init(&replica->replay_rate);
}

void
rw_replicas_cut(RwReplica *table, int size, uint64 lsn)
{
	for (int i = 0; i < size; i++)
	{
		RwReplica  *replica = &table[i];

		if (!replica->used || Max(replica->replay, replica->flush) <= lsn)
			continue;
		if (replica->fork_lsn == 0)
			replica->fork_replay = replica->replay;
		replica->fork_lsn = lsn;
		cut_positions(replica, lsn);
	}
}

/*
 * All connections of the name start again, including one that would replace a
 * dead one.  The next round that sees them stream counts from then.
 */
bool
rw_replicas_forget(RwReplica *table, int size, const char *name)
{
	RwReplica  *gone = rw_replicas_find_gone(table, size, name);
	bool		known = false;

	if (gone != NULL)
	{
		rw_replica_clear(gone);
		return true;
	}

	for (int i = 0; i < size; i++)
		known = known || (table[i].known &&
						  rw_replica_is_connected(&table[i], name));

	for (int i = 0; i < size && known; i++)
	{
		if (rw_replica_is_connected(&table[i], name))
		{
			table[i].known = false;
			table[i].streaming_since = RW_NEVER;
		}
	}
	return known;
}
