/*-------------------------------------------------------------------------
 *
 * replicas.c
 *	  A round of the table of replicas.
 *
 * The order of the steps follows from what may have happened since the last
 * round.  Connections that went on are recognized first, by process and name.
 * Those that have ended are taken out next, so that a replica that has
 * reconnected in the meantime is found gone when its new connection is taken
 * in.  Known names go before new ones, or a newcomer could evict a replica
 * that is just coming back.
 *
 * Two invariants hold at the end of each round, and the code relies on them:
 * a name is known in at most one place, and the place of a gone replica is
 * the only one with its name.
 *
 * Names are compared only when connections come and go, and while a name is
 * connected more than once.  In other rounds every connection finds its place
 * at the first try, because the server always lists its walsenders in the
 * same order.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/replica/intern.h"

/* The arguments of a round, for its steps. */
typedef struct Round
{
	RwReplica  *table;
	int			size;
	RwSeen	   *seen;
	int			nseen;
	RwTime		now;
	RwReplicaEvents *events;
} Round;

static int	find_continued(Round *round);
static void end_connections(Round *round);
static void take_in_gone(Round *round);
static void forget_expired(Round *round, RwTime forget_after);
static void take_in_new(Round *round);

static void connect_place(Round *round, int place, RwSeen *seen);
static void follow_connection(RwReplica *replica, const RwSeen *seen,
							  RwTime now);
static void move_connection(Round *round, int from, int to);
static int	find_room(Round *round);
static int	find_heir(Round *round, int place);
static bool is_seen(Round *round, int place);

void
rw_replicas_update(RwReplica *table, int size, RwSeen *seen, int nseen,
				   RwTime now, RwTime known_after, RwTime forget_after,
				   RwReplicaEvents *events)
{
	Round		round = {table, size, seen, nseen, now, events};
	int			nconnected = 0;

	events->nevents = 0;

	for (int i = 0; i < size; i++)
		nconnected += table[i].used && table[i].connected;

	if (find_continued(&round) < nconnected)
		end_connections(&round);
	take_in_gone(&round);
	forget_expired(&round, forget_after);
	take_in_new(&round);
	rw_replicas_judge_names(table, size, now, known_after, events);
}

/* ----------------------------------------------------------------
 *		The steps of a round
 * ----------------------------------------------------------------
 */

/*
 * Find the places of the connections that went on; returns how many there
 * are.  The pid alone is not enough, because the system assigns it again.
 */
static int
find_continued(Round *round)
{
	int			found = 0;
	int			place = 0;

	for (int i = 0; i < round->nseen; i++)
	{
		RwSeen	   *seen = &round->seen[i];

		seen->place = -1;

		/* Start where the last one was found. */
		for (int tried = 0; tried < round->size; tried++)
		{
			RwReplica  *replica = &round->table[place];

			if (replica->pid == seen->pid &&
				rw_replica_is_connected(replica, seen->name))
			{
				seen->place = place;
				follow_connection(replica, seen, round->now);
				found++;
				break;
			}
			place = (place + 1) % round->size;
		}
	}
	return found;
}

/*
 * Known replicas stay, as gone, unless another connection of the same name
 * went on: then that one is the replica, and this was its dead connection.
 * Others leave nothing behind.
 */
static void
end_connections(Round *round)
{
	for (int i = 0; i < round->size; i++)
	{
		RwReplica  *replica = &round->table[i];
		char		name[RW_NAME_LEN];
		int			heir;

		if (!replica->used || !replica->connected || is_seen(round, i))
			continue;

		rw_name_copy(name, replica->name);
		heir = find_heir(round, i);

		if (!replica->known)
			rw_replica_clear(replica);
		else if (heir >= 0)
			move_connection(round, heir, i);
		else
		{
			replica->connected = false;
			replica->pid = 0;
			replica->streaming_since = RW_NEVER;
			replica->gone_at = round->now;
			rw_replica_add_event(round->events, RW_REPLICA_GONE, name);
		}
		rw_replicas_count_connections(round->table, round->size, name,
								  round->now);
	}
}

/* Give replicas that were gone and are back their places. */
static void
take_in_gone(Round *round)
{
	for (int i = 0; i < round->nseen; i++)
	{
		RwSeen	   *seen = &round->seen[i];
		RwReplica  *replica;

		if (seen->place >= 0)
			continue;

		replica = rw_replicas_find_gone(round->table, round->size,
										seen->name);
		if (replica == NULL)
			continue;

		connect_place(round, replica - round->table, seen);
		rw_replica_add_event(round->events, RW_REPLICA_BACK, replica->name);
	}
}

/* Forget replicas that have been gone for too long. */
static void
forget_expired(Round *round, RwTime forget_after)
{
	if (forget_after <= 0)
		return;

	for (int i = 0; i < round->size; i++)
	{
		RwReplica  *replica = &round->table[i];

		if (replica->used && !replica->connected && !replica->has_slot &&
			!replica->expected &&
			round->now - replica->gone_at >= forget_after)
		{
			rw_replica_add_event(round->events, RW_REPLICA_EXPIRED,
								 replica->name);
			rw_replica_clear(replica);
		}
	}
}

/* Give other new connections a place, as long as there is one. */
static void
take_in_new(Round *round)
{
	for (int i = 0; i < round->nseen; i++)
	{
		RwSeen	   *seen = &round->seen[i];
		RwReplica  *replica;
		int			place;

		if (seen->place >= 0)
			continue;

		place = find_room(round);
		if (place < 0)
			return;

		replica = &round->table[place];
		rw_name_copy(replica->name, seen->name);
		if (++replica->generation == 0)
			replica->generation = 1;
		connect_place(round, place, seen);
	}
}

/* ----------------------------------------------------------------
 *		Connections
 * ----------------------------------------------------------------
 */

/*
 * Put a new connection into a place that has its name already: an empty one
 * or that of the same replica while it was gone.
 *
 * A reply time that the connection already has does not count as a reply: a
 * worker that has just started also finds dead connections, whose last reply
 * may be from yesterday.
 */
static void
connect_place(Round *round, int place, RwSeen *seen)
{
	RwReplica  *replica = &round->table[place];

	replica->used = true;
	replica->connected = true;
	replica->pid = seen->pid;
	rw_name_copy(replica->application_name, seen->application_name);
	rw_name_copy(replica->slot_name, seen->slot_name);
	replica->reply_time = seen->reply_time;
	replica->connected_at = round->now;
	replica->alone_since = RW_NEVER;
	replica->replied_at = RW_NEVER;
	replica->last_seen = round->now;
	replica->gone_at = RW_NEVER;
	rw_rate_init(&replica->replay_rate);

	seen->place = place;
	follow_connection(replica, seen, round->now);
	replica->replay_moved_at = round->now;

	rw_replicas_count_connections(round->table, round->size, replica->name,
							  round->now);
	for (int i = 0; i < round->size; i++)
	{
		if (i != place && round->table[i].shared &&
			rw_replica_is_connected(&round->table[i], replica->name))
			replica->shared = true;
	}
}

/*
 * Update a place with what was seen of its connection.  A walsender starts
 * with its LSNs at 0 and knows where the replica is only after the first
 * reply.  Until then the place keeps where the replica was; afterwards it has
 * where the replica is, even if that is less, as it is after a rebuild from a
 * backup.
 */
static void
follow_connection(RwReplica *replica, const RwSeen *seen, RwTime now)
{
	replica->logical = seen->logical;
	replica->has_slot = seen->has_slot;
	rw_address_copy(replica->address, seen->address);

	if (!seen->streaming)
		replica->streaming_since = RW_NEVER;
	else if (replica->streaming_since == RW_NEVER)
		replica->streaming_since = now;
	if (seen->streaming)
		replica->streamed_at = now;

	if (seen->reply_time != replica->reply_time)
	{
		replica->reply_time = seen->reply_time;
		replica->replied_at = now;
		replica->last_seen = now;
	}

	/*
	 * A replica that cannot follow us to a new timeline asks for the old one
	 * again and again, on this connection or another, and goes on reporting
	 * its position there.
	 */
	if (seen->replay != 0 && seen->replay != replica->fork_replay)
		replica->fork_lsn = 0;
	if (replica->fork_lsn != 0)
		return;

	if (seen->replay > replica->replay)
		replica->replay_moved_at = now;

	if (seen->sent != 0)
		replica->sent = seen->sent;
	if (seen->write != 0)
		replica->write = seen->write;
	if (seen->flush != 0)
		replica->flush = seen->flush;
	if (seen->replay != 0)
		replica->replay = seen->replay;
	rw_rate_add(&replica->replay_rate, seen->replay, now);
}

/*
 * Move a connection to the place of the known replica whose dead connection
 * has ended, and so make it known.  The generation stays, and with it the
 * data kept beside the table, because it is the same replica's.
 */
static void
move_connection(Round *round, int from, int to)
{
	RwReplica  *replica = &round->table[to];
	uint32		generation = replica->generation;

	*replica = round->table[from];
	replica->generation = generation;
	replica->known = true;
	rw_replica_clear(&round->table[from]);

	for (int i = 0; i < round->nseen; i++)
	{
		if (round->seen[i].place == from)
			round->seen[i].place = to;
	}
}

/* Find a place for a newcomer, evicting a gone replica if need be, or -1. */
static int
find_room(Round *round)
{
	int			longest_gone = -1;

	for (int i = 0; i < round->size; i++)
	{
		if (!round->table[i].used)
			return i;
		if (!round->table[i].connected && !round->table[i].expected &&
			(longest_gone < 0 ||
			 round->table[i].gone_at < round->table[longest_gone].gone_at))
			longest_gone = i;
	}

	if (longest_gone >= 0)
	{
		rw_replica_add_event(round->events, RW_REPLICA_EVICTED,
							 round->table[longest_gone].name);
		rw_replica_clear(&round->table[longest_gone]);
	}
	return longest_gone;
}

/*
 * Find the connection that went on under the name of this place, whose own
 * has ended, or -1.  Of several, the one that replied last counts or, if none
 * did, the one that came last.
 */
static int
find_heir(Round *round, int place)
{
	RwReplica  *table = round->table;
	int			heir = -1;

	for (int i = 0; i < round->size; i++)
	{
		if (i == place ||
			!rw_replica_is_connected(&table[i], table[place].name) ||
			!is_seen(round, i))
			continue;

		if (heir < 0 || table[i].replied_at > table[heir].replied_at ||
			(table[i].replied_at == table[heir].replied_at &&
			 table[i].connected_at > table[heir].connected_at))
			heir = i;
	}
	return heir;
}

/* Is the connection in this place one that was seen in this round? */
static bool
is_seen(Round *round, int place)
{
	for (int i = 0; i < round->nseen; i++)
	{
		if (round->seen[i].place == place)
			return true;
	}
	return false;
}
