/*-------------------------------------------------------------------------
 *
 * replicas_names.c
 *	  Names in the table of replicas: which are shared, which known.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/replica/intern.h"

void
rw_replicas_count_connections(RwReplica *table, int size, const char *name,
						  RwTime now)
{
	int			last = -1;
	int			n = 0;

	for (int i = 0; i < size; i++)
	{
		if (!rw_replica_is_connected(&table[i], name))
			continue;

		if (n > 0)
			table[last].alone_since = RW_NEVER;
		last = i;
		n++;
	}

	if (n > 1)
		table[last].alone_since = RW_NEVER;
	else if (n == 1 && table[last].alone_since == RW_NEVER)
		table[last].alone_since = now;
}

/*
 * Are two connections of the same name two replicas?  Then both reply.  A
 * reply of the earlier one that was seen in the same round as the later one
 * may have been its last, and does not count.
 */
static bool
are_two(const RwReplica *a, const RwReplica *b)
{
	RwTime		later = Max(a->connected_at, b->connected_at);

	return a->belongs && b->belongs &&
		a->streaming_since != RW_NEVER && b->streaming_since != RW_NEVER &&
		a->replied_at > later && b->replied_at > later;
}

/* Mark all connections of a name as shared, and none as known. */
static void
declare_shared(RwReplica *table, int size, const char *name,
			   RwReplicaEvents *events)
{
	for (int i = 0; i < size; i++)
	{
		if (rw_replica_is_connected(&table[i], name))
		{
			table[i].shared = true;
			table[i].known = false;
		}
	}
	rw_replica_add_event(events, RW_REPLICA_SHARED, name);
}

/* Is another connection of the same name, which may be dead, known? */
static bool
known_elsewhere(const RwReplica *table, int size, int place)
{
	const RwReplica *replica = &table[place];

	if (replica->alone_since != RW_NEVER)
		return false;

	for (int i = 0; i < size; i++)
	{
		if (i != place && table[i].known &&
			rw_replica_is_connected(&table[i], replica->name))
			return true;
	}
	return false;
}

void
rw_replicas_judge_names(RwReplica *table, int size, RwTime now,
						RwTime known_after, RwReplicaEvents *events)
{
	for (int i = 0; i < size; i++)
	{
		RwReplica  *replica = &table[i];

		if (!replica->used || !replica->connected)
			continue;

		if (replica->alone_since == RW_NEVER)
		{
			for (int j = i + 1; j < size && !replica->shared; j++)
			{
				if (rw_replica_is_connected(&table[j], replica->name) &&
					are_two(replica, &table[j]))
					declare_shared(table, size, replica->name, events);
			}
		}
		else if (replica->shared && now - replica->alone_since >= known_after)
			replica->shared = false;
	}

	/* Which names are shared is certain only now. */
	for (int i = 0; i < size; i++)
	{
		RwReplica  *replica = &table[i];

		if (!replica->used || !replica->connected || replica->known ||
			replica->shared || !replica->belongs ||
			replica->streaming_since == RW_NEVER ||
			now - replica->streaming_since < known_after ||
			known_elsewhere(table, size, i))
			continue;

		replica->known = true;
		rw_replica_add_event(events, RW_REPLICA_KNOWN, replica->name);
	}
}
