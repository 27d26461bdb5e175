/*-------------------------------------------------------------------------
 *
 * replicas_ended.c
 *	  What follows from connections that have ended.
 *
 * A connection that a replica makes in vain may last for a few milliseconds,
 * and no round sees it.  It leaves a note when it ends.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/replica/intern.h"

/* The place of a replica that is known or expected under this name, or NULL. */
static RwReplica *
find_named(RwReplica *table, int size, const char *name)
{
	for (int i = 0; i < size; i++)
	{
		if (table[i].used && (table[i].known || table[i].expected) &&
			rw_name_equal(table[i].name, name))
			return &table[i];
	}
	return NULL;
}

/* The replica that has made this connection, or NULL. */
static RwReplica *
find_replica(RwReplica *table, int size, const RwSeenEnd *end)
{
	RwReplica  *replica = rw_replicas_find_pid(table, size, end->pid);

	if (replica != NULL && replica->known)
		return replica;
	replica = find_named(table, size, end->slot_name[0] != '\0' ?
						 end->slot_name : end->application_name);
	if (replica != NULL)
		return replica;
	return rw_replicas_find_by_application(table, size,
										   end->application_name,
										   end->slot_name[0] != '\0');
}

/* Do several connections have this name? */
static bool
is_shared(const RwReplica *table, int size, const char *name)
{
	for (int i = 0; i < size; i++)
	{
		if (table[i].shared && rw_replica_is_connected(&table[i], name))
			return true;
	}
	return false;
}

/*
 * A place for a replica that is not known yet, gone, or NULL.  An archive of
 * WAL may well be on another timeline.
 */
static RwReplica *
add_replica(RwReplica *table, int size, const RwSeenEnd *end, RwTime now,
			RwReplicaEvents *events)
{
	const char *name = end->slot_name[0] != '\0' ?
		end->slot_name : end->application_name;
	int			place;

	if (name[0] == '\0' || is_shared(table, size, name) ||
		strcmp(end->application_name, "pg_receivewal") == 0)
		return NULL;
	place = rw_replicas_find_room(table, size, events);
	if (place < 0)
		return NULL;
	table[place].used = true;
	table[place].known = true;
	rw_name_copy(table[place].name, name);
	rw_name_copy(table[place].application_name, end->application_name);
	rw_name_copy(table[place].slot_name, end->slot_name);
	table[place].has_slot = end->slot_name[0] != '\0';
	table[place].gone_at = table[place].last_seen = now;
	table[place].replay_moved_at = table[place].progressed_at = now;
	return &table[place];
}

/* Does this end show that the replica has parted from this server? */
static RwParted
parted_at_end(const RwSeenEnd *end, const RwOwnWal *own, uint64 *mark)
{
	RwParted	parted = rw_parted_by_request(end->start, end->start_tli, own,
											  mark);

	if (parted == RW_NOT_PARTED)
		parted = rw_parted_at_end(end->sent, end->replay, own, mark);
	return parted;
}

/* Where a connection that no round has seen has brought the replica. */
static void
note_position(RwReplica *replica, const RwSeenEnd *end, const RwRound *round)
{
	RwReported	reported = {false, end->sent, end->replay};
	uint64		position;

	if (end->replay == 0)
		return;
	replica->sent = end->sent;
	replica->flush = end->flush;
	replica->replay = end->replay;
	replica->last_seen = round->now;
	position = rw_position_here(&reported, replica->position);
	if (replica->parted != RW_NOT_PARTED)
		position = Min(position, replica->mark);
	if (position > replica->position)
	{
		replica->position = position;
		replica->replay_moved_at = replica->progressed_at = round->now;
	}
}

static void
note_end(RwReplica *table, int size, const RwSeenEnd *end,
		 const RwRound *round, RwReplicaEvents *events)
{
	RwReplica  *own_place = rw_replicas_find_pid(table, size, end->pid);
	RwReplica  *replica;
	RwParted	parted;
	uint64		mark = 0;

	/* Neither a base backup nor pg_receivewal ever replays. */
	if (end->backup || (end->replay == 0 && end->write != 0))
		return;

	parted = parted_at_end(end, &round->own, &mark);
	replica = find_replica(table, size, end);
	if (replica == NULL && parted != RW_NOT_PARTED &&
		!(parted == RW_AHEAD && round->own.in_recovery))
		replica = add_replica(table, size, end, round->now, events);
	if (replica == NULL)
		return;

	if (own_place != replica)
	{
		/* It has another connection, which is in order. */
		if (replica->connected && replica->steady)
			return;
		note_position(replica, end, round);
	}
	if (parted == RW_LEFT_BEHIND)
		rw_replica_reach_fork(replica, mark, round->now);
	else if (parted != RW_NOT_PARTED)
		rw_replica_part(replica, parted, mark);
	if (rw_replica_parted_for_good(replica, &round->own))
		replica->known = true;
	if (!end->goes_on && (own_place == NULL || !own_place->steady))
	{
		rw_attempts_add(&replica->attempts, round->now);
		memcpy(replica->refusal, end->message, RW_REFUSAL_LEN);
	}
}

void
rw_replicas_note_ends(RwReplica *table, int size, const RwRound *round,
					  RwReplicaEvents *events)
{
	for (int i = 0; i < round->nended; i++)
		note_end(table, size, &round->ended[i], round, events);
}
