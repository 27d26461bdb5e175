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
 * Have both replied since the later one came?  A reply of the earlier one that
 * was seen in the same round as the later one may have been its last, and does
 * not count.
 */
static bool
both_reply(const RwReplica *a, const RwReplica *b)
{
	RwTime		later = Max(a->connected_at, b->connected_at);

	return a->replied_at > later && b->replied_at > later;
}

/* Are two connections of the same name two replicas? */
static bool
are_two(const RwReplica *a, const RwReplica *b)
{
	return a->belongs && b->belongs &&
		a->streaming_since != RW_NEVER && b->streaming_since != RW_NEVER &&
		both_reply(a, b);
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

/*
 * May these two, one with a slot and one without, be one replica that was
 * given a slot, or has lost it?  Either may be gone.
 */
static bool
may_be_one(const RwReplica *a, const RwReplica *b)
{
	return (a->slot_name[0] != '\0') != (b->slot_name[0] != '\0') &&
		rw_name_identifies(a->application_name) &&
		rw_name_equal(a->application_name, b->application_name) &&
		!both_reply(a, b);
}

/*
 * Is this replica known in another place: by a connection of its name, which
 * may be dead, or under its other name?
 */
static bool
known_elsewhere(const RwReplica *table, int size, int place)
{
	const RwReplica *replica = &table[place];

	for (int i = 0; i < size; i++)
	{
		if (i != place && table[i].known &&
			(rw_name_equal(table[i].name, replica->name) ||
			 may_be_one(&table[i], replica)))
			return true;
	}
	return false;
}

/* Has a connection shown that it is one of a replica that is to be known? */
static bool
has_proved(const RwReplica *replica, const RwRound *round)
{
	if (rw_replica_parted_for_good(replica, &round->own))
		return true;
	return replica->streaming_since != RW_NEVER &&
		round->now - replica->streaming_since >= round->known_after;
}

void
rw_replicas_judge_names(RwReplica *table, int size, const RwRound *round,
						RwReplicaEvents *events)
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
		else if (replica->shared &&
				 round->now - replica->alone_since >= round->known_after)
			replica->shared = false;
	}

	/* Which names are shared is certain only now. */
	for (int i = 0; i < size; i++)
	{
		RwReplica  *replica = &table[i];

		if (!replica->used || !replica->connected || replica->known ||
			replica->shared || !replica->belongs ||
			!has_proved(replica, round) || known_elsewhere(table, size, i))
			continue;

		replica->known = true;
		rw_replica_add_event(events, RW_REPLICA_KNOWN, replica->name);
	}
}
