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

/* The WAL archivers that have a name of their own, and follow no timeline. */
static const char *const archivers[] = {"pg_receivewal", "barman_receive_wal"};

static const char *
shown_name(const RwSeenEnd *end)
{
	return end->slot_name[0] != '\0' ? end->slot_name : end->application_name;
}

/*
 * The place of a name: that of a replica which is known or expected, else one
 * in which attempts are counted, or NULL.
 */
static RwReplica *
find_named(RwReplica *table, int size, const char *name)
{
	RwReplica  *found = NULL;

	for (int i = 0; i < size; i++)
	{
		if (!table[i].used || !rw_name_equal(table[i].name, name))
			continue;
		if (table[i].known || table[i].expected)
			return &table[i];
		if (!table[i].connected)
			found = &table[i];
	}
	return found;
}

/* The replica that has made this connection, or NULL. */
static RwReplica *
find_replica(RwReplica *table, int size, const RwSeenEnd *end)
{
	RwReplica  *replica = rw_replicas_find_pid(table, size, end->pid);
	RwReplica  *other;

	if (replica != NULL && replica->known)
		return replica;
	replica = find_named(table, size, shown_name(end));
	if (replica != NULL && (replica->known || replica->expected))
		return replica;
	/* One that is refused at once has not named its slot yet. */
	other = rw_replicas_find_by_application(table, size,
											end->application_name,
											end->address,
											end->slot_name[0] != '\0');
	return other != NULL ? other : replica;
}

static bool
is_archiver(const RwSeenEnd *end)
{
	for (int i = 0; i < lengthof(archivers); i++)
	{
		if (strcmp(end->application_name, archivers[i]) == 0)
			return true;
	}
	return false;
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

/* A place in which the attempts of a name are counted, or NULL. */
static RwReplica *
add_place(RwReplica *table, int size, const RwSeenEnd *end, RwTime now,
		  RwReplicaEvents *events)
{
	const char *name = shown_name(end);
	int			place;

	if (name[0] == '\0' || is_archiver(end) || is_shared(table, size, name) ||
		!rw_replicas_has_room(table, size))
		return NULL;
	place = rw_replicas_find_room(table, size, events);
	table[place].used = true;
	rw_name_copy(table[place].name, name);
	rw_name_copy(table[place].application_name, end->application_name);
	rw_name_copy(table[place].slot_name, end->slot_name);
	rw_address_copy(table[place].address, end->address);
	table[place].has_slot = end->slot_name[0] != '\0';
	table[place].gone_at = now;
	table[place].replay_moved_at = table[place].progressed_at = now;
	return &table[place];
}

/*
 * Note whether this end shows that the replica has parted from this server.
 * Its positions do; a request that was refused does if it is not the first.
 */
static void
note_parting(RwReplica *replica, const RwSeenEnd *end, const RwRound *round)
{
	uint64		mark = 0;
	RwParted	parted = rw_parted_at_end(end->sent, end->replay, &round->own,
										  &mark);
	bool		by_request = false;

	if (parted == RW_NOT_PARTED)
	{
		parted = rw_parted_by_request(end->start, end->start_tli, &round->own,
									  &mark);
		by_request = parted != RW_NOT_PARTED;
		if (by_request && parted != RW_LEFT_BEHIND &&
			rw_attempts_count(&replica->attempts,
							  round->now) < RW_ATTEMPTS_REFUSED)
			return;
	}

	if (parted == RW_LEFT_BEHIND)
		rw_replica_reach_fork(replica, mark, round->now);
	else if (parted != RW_NOT_PARTED)
	{
		replica->parted_by_request = by_request &&
			(replica->parted != parted || replica->parted_by_request);
		rw_replica_part(replica, parted, mark);
	}
	if (rw_replica_parted_for_good(replica, &round->own))
		replica->known = true;
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
	position = rw_replica_position_from(replica, &reported);
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

	/* Neither a base backup nor pg_receivewal ever replays. */
	if (end->backup || (end->replay == 0 && end->write != 0))
		return;

	replica = find_replica(table, size, end);
	if (replica == NULL && (own_place == NULL || !own_place->steady))
		replica = add_place(table, size, end, round->now, events);
	if (replica == NULL)
		return;

	if (own_place != replica)
	{
		/* It has another connection, which is in order. */
		if (replica->connected && replica->steady)
			return;
		note_position(replica, end, round);
	}
	if (!end->goes_on && (own_place == NULL || !own_place->steady))
	{
		rw_attempts_add(&replica->attempts, round->now);
		memcpy(replica->refusal, end->message, RW_REFUSAL_LEN);
	}
	note_parting(replica, end, round);
}

void
rw_replicas_note_ends(RwReplica *table, int size, const RwRound *round,
					  RwReplicaEvents *events)
{
	for (int i = 0; i < round->nended; i++)
		note_end(table, size, &round->ended[i], round, events);
}
