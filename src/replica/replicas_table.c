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

/*
 * A replica that has all of a timeline looks for the next one at its next
 * retry, mostly after five seconds.
 */
#define FOLLOWS_WITHIN		(10 * RW_SECOND)

/* A replica that has been away for so long shows that it is back first. */
#define AWAY_LONG			(30 * RW_SECOND)

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

/* Does a gone replica make room before another one? */
static bool
gives_way(const RwReplica *replica, const RwReplica *other)
{
	if (replica->known != other->known)
		return !replica->known;
	return replica->gone_at < other->gone_at;
}

bool
rw_replicas_has_room(const RwReplica *table, int size)
{
	for (int i = 0; i < size; i++)
	{
		if (!table[i].used || (!table[i].known && !table[i].connected &&
							   !table[i].expected))
			return true;
	}
	return false;
}

int
rw_replicas_find_room(RwReplica *table, int size, RwReplicaEvents *events)
{
	int			room = -1;

	for (int i = 0; i < size && (room < 0 || table[room].used); i++)
	{
		if (!table[i].used)
			room = i;
		else if (!table[i].connected && !table[i].expected &&
				 (room < 0 || gives_way(&table[i], &table[room])))
			room = i;
	}
	if (room < 0)
		return -1;

	if (table[room].used)
	{
		if (table[room].known)
			rw_replica_add_event(events, RW_REPLICA_EVICTED,
								 table[room].name);
		rw_replica_clear(&table[room]);
	}
	if (++table[room].generation == 0)
		table[room].generation = 1;
	return room;
}

/* ----------------------------------------------------------------
 *		Parting
 * ----------------------------------------------------------------
 */

void
rw_replica_part(RwReplica *replica, RwParted parted, uint64 mark)
{
	/* It parted where it was first seen to; later marks are further on. */
	if (replica->parted == parted)
		mark = Min(mark, replica->mark);
	replica->parted = parted;
	replica->mark = mark;
	replica->position = replica->position == 0 ?
		mark : Min(replica->position, mark);
}

bool
rw_replica_parted_for_good(const RwReplica *replica, const RwOwnWal *own)
{
	return replica->parted != RW_NOT_PARTED &&
		(replica->parted != RW_AHEAD || !own->in_recovery);
}

uint32
rw_replicas_parted(const RwReplica *table, int size, const RwOwnWal *own)
{
	uint32		set = 0;
	int			i;

	for (i = 0; i < size; i++)
	{
		/* FNV-1a, with whole numbers for bytes */
		if (table[i].connected && rw_replica_parted_for_good(&table[i], own))
			set = Max((set ^ (uint32) table[i].pid) * 16777619, 1);
	}
	return set;
}

void
rw_replica_reach_fork(RwReplica *replica, uint64 mark, RwTime now)
{
	/* A dead connection may end long after it has got there. */
	if (replica->parted == RW_DIVERGED ||
		(replica->ended_at_mark != RW_NEVER && mark < replica->mark))
		return;
	if (replica->ended_at_mark == RW_NEVER || replica->mark != mark)
		replica->ended_at_mark = now;
	replica->mark = mark;
	if (now - replica->ended_at_mark >= FOLLOWS_WITHIN)
		rw_replica_part(replica, RW_LEFT_BEHIND, mark);
}

void
rw_replica_reunite(RwReplica *replica)
{
	replica->parted = RW_NOT_PARTED;
	replica->parted_by_request = false;
	replica->mark = 0;
	replica->ended_at_mark = RW_NEVER;
}

uint64
rw_replica_position_from(const RwReplica *replica, const RwReported *reported)
{
	uint64		position = rw_position_here(reported, replica->position);

	return replica->parted != RW_NOT_PARTED ?
		Min(position, replica->mark) : position;
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
rw_replicas_find_gone_slot(RwReplica *table, int size, const char *slot_name)
{
	for (int i = 0; i < size; i++)
	{
		if (table[i].used && !table[i].connected &&
			(table[i].known || table[i].expected) &&
			rw_name_equal(table[i].slot_name, slot_name))
			return &table[i];
	}
	return NULL;
}

bool
rw_name_identifies(const char *application_name)
{
	return application_name[0] != '\0' &&
		!rw_name_equal(application_name, "walreceiver");
}

RwReplica *
rw_replicas_find_by_application(RwReplica *table, int size,
								const char *application_name,
								const char *address, bool has_slot)
{
	RwReplica  *found = NULL;
	int			nusers = 0;

	if (!rw_name_identifies(application_name))
		return NULL;

	for (int i = 0; i < size; i++)
	{
		if (!table[i].used ||
			!rw_name_equal(table[i].application_name, application_name))
			continue;

		/* A connection that belongs to nobody may be the one in question. */
		if (table[i].known || table[i].expected || table[i].shared)
			nusers++;
		if (table[i].known && has_slot != (table[i].slot_name[0] != '\0') &&
			strcmp(table[i].address, address) == 0)
			found = &table[i];
	}
	return nusers == 1 ? found : NULL;
}

RwReplica *
rw_replicas_find_returning(RwReplica *table, int size,
						   const char *application_name,
						   const char *slot_name, const char *address)
{
	bool		has_slot = slot_name[0] != '\0';
	RwReplica  *found = rw_replicas_find_gone(table, size, has_slot ?
											  slot_name : application_name);
	RwReplica  *other;

	if (found != NULL && (found->known || found->expected))
		return found;
	other = rw_replicas_find_by_application(table, size, application_name,
											address, has_slot);
	return other != NULL && !other->connected ? other : found;
}

bool
rw_replica_streams(const RwReplica *replica, RwTime now)
{
	return replica->connected && replica->belongs &&
		replica->streaming_since != RW_NEVER &&
		replica->parted == RW_NOT_PARTED &&
		(replica->steady ||
		 (rw_attempts_count(&replica->attempts, now) == 0 &&
		  (replica->streamed_at == RW_NEVER ||
		   now - replica->streamed_at < AWAY_LONG)));
}

bool
rw_replica_is_refused(const RwReplica *replica, RwTime now)
{
	return !replica->connected &&
		rw_attempts_count(&replica->attempts, now) >= RW_ATTEMPTS_REFUSED;
}

bool
rw_replica_must_prove(const RwReplica *gone, RwTime now)
{
	return gone->known && gone->parted == RW_NOT_PARTED &&
		rw_replica_is_refused(gone, now);
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

void
rw_replicas_cut(RwReplica *table, int size, uint64 lsn)
{
	for (int i = 0; i < size; i++)
	{
		RwReplica  *replica = &table[i];

		if (!replica->used)
			continue;
		/* The next connection shows whether it has diverged. */
		if (replica->parted == RW_AHEAD)
			rw_replica_reunite(replica);
		if (replica->position <= lsn)
			continue;
		replica->position = lsn;
		rw_rate_init(&replica->replay_rate);
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
			rw_replica_reunite(&table[i]);
		}
	}
	return known;
}
