/*-------------------------------------------------------------------------
 *
 * replicas.c
 *	  A round of the table of replicas.
 *
 * The order of the steps follows from what may have happened since the last
 * round.  Connections that have ended are noted first, while the places of
 * those that were seen are still theirs.  Connections that went on are
 * recognized next, by process and name.  Those that are no longer there are
 * taken out then, so that a replica that has reconnected in the meantime is
 * found gone when its new connection is taken in.  Known names go before new
 * ones, or a newcomer could evict a replica that is just coming back.
 *
 * At the end of each round a name is known in at most one place, and no
 * connection that belongs to a replica is beside the place of that replica
 * while it is gone.
 *
 * Names are compared only when connections come and go, while a name is
 * connected more than once, and while a connection belongs to nobody.  In
 * other rounds every connection finds its place at the first try, because the
 * server always lists its walsenders in the same order.
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
	const RwOwnWal *own;
	RwReplicaEvents *events;
} Round;

static void leave_out_gap(Round *round, int64 unwatched);
static int	find_continued(Round *round);
static void end_connections(Round *round);
static void take_in_gone(Round *round);
static void forget_expired(Round *round, RwTime forget_after);
static void take_in_new(Round *round);
static void claim_places(Round *round);

static void connect_place(Round *round, int place, RwSeen *seen);
static void move_connection(Round *round, int from, int to);
static int	find_heir(Round *round, int place);
static RwSeen *find_seen(Round *round, int place);

void
rw_replicas_update(RwReplica *table, int size, RwRound *input,
				   RwReplicaEvents *events)
{
	Round		round = {
		.table = table,
		.size = size,
		.seen = input->seen,
		.nseen = input->nseen,
		.now = input->now,
		.own = &input->own,
		.events = events
	};
	int			nconnected = 0;

	events->nevents = 0;
	if (input->resumed)
		leave_out_gap(&round, input->unwatched);
	rw_replicas_note_ends(table, size, input, events);

	for (int i = 0; i < size; i++)
		nconnected += table[i].used && table[i].connected;

	if (find_continued(&round) < nconnected)
		end_connections(&round);
	take_in_gone(&round);
	forget_expired(&round, input->forget_after);
	take_in_new(&round);
	claim_places(&round);
	rw_replicas_judge_names(table, size, input, events);
}

/* ----------------------------------------------------------------
 *		The steps of a round
 * ----------------------------------------------------------------
 */

/* Nobody has watched since the last round. */
static void
leave_out_gap(Round *round, int64 unwatched)
{
	for (int i = 0; i < round->size; i++)
	{
		RwReplica  *replica = &round->table[i];

		if (!replica->used)
			continue;
		if (replica->streaming_since != RW_NEVER)
			replica->streaming_since += unwatched;
		if (replica->alone_since != RW_NEVER)
			replica->alone_since += unwatched;
		if (!replica->connected)
			replica->unwatched += unwatched;
		rw_rate_init(&replica->replay_rate);
	}
}

/*
 * Is this the connection that was in this place?  Between two streams it has
 * given back its slot, and with that the name.
 */
static bool
is_continued(const RwReplica *replica, const RwSeen *seen)
{
	return rw_replica_is_connected(replica, seen->name) ||
		(seen->ended && replica->connected &&
		 rw_name_equal(replica->application_name, seen->application_name));
}

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

			if (replica->pid == seen->pid && is_continued(replica, seen))
			{
				seen->place = place;
				rw_replica_follow(replica, seen, round->own, round->now);
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

		if (!replica->used || !replica->connected || find_seen(round, i))
			continue;

		rw_name_copy(name, replica->name);
		heir = find_heir(round, i);

		if (!replica->known && (!replica->expected || heir >= 0))
			rw_replica_clear(replica);
		else if (heir >= 0)
			move_connection(round, heir, i);
		else
		{
			replica->connected = false;
			replica->belongs = false;
			replica->steady = replica->moves = false;
			replica->pid = 0;
			replica->streaming_since = RW_NEVER;
			replica->gone_at = round->now;
			if (replica->known)
				rw_replica_add_event(round->events, RW_REPLICA_GONE, name);
		}
		rw_replicas_count_connections(round->table, round->size, name,
								  round->now);
	}
}

/*
 * Give replicas that were gone and are back their places, if their connections
 * belong to them from the start.
 */
static void
take_in_gone(Round *round)
{
	for (int i = 0; i < round->nseen; i++)
	{
		RwSeen	   *seen = &round->seen[i];
		RwReplica  *replica;

		if (seen->place >= 0 || !rw_replica_is_own(seen, seen->sent))
			continue;

		replica = rw_replicas_find_returning(round->table, round->size,
											 seen->application_name,
											 seen->slot_name, seen->address);
		if (replica == NULL || rw_replica_must_prove(replica, round->now))
			continue;

		connect_place(round, replica - round->table, seen);
		if (replica->known)
			rw_replica_add_event(round->events, RW_REPLICA_BACK,
								 replica->name);
	}
}

/*
 * Forget replicas that have been gone for too long, and names that are not
 * known and do not try any more.
 */
static void
forget_expired(Round *round, RwTime forget_after)
{
	for (int i = 0; i < round->size; i++)
	{
		RwReplica  *replica = &round->table[i];
		RwTime		gone = round->now - replica->gone_at - replica->unwatched;

		if (!replica->used || replica->connected || replica->expected ||
			rw_attempts_count(&replica->attempts, round->now) > 0)
			continue;
		if (!replica->known)
		{
			if (gone >= RW_MINUTE)
				rw_replica_clear(replica);
		}
		else if (forget_after > 0 && gone >= forget_after &&
				 !replica->has_slot)
		{
			rw_replica_add_event(round->events, RW_REPLICA_EXPIRED,
								 replica->name);
			rw_replica_clear(replica);
		}
	}
}

/*
 * The place of a new connection, or -1.  If the table is full, one that may be
 * that of a gone replica neither takes its place from the replica itself, nor
 * another's.
 */
static int
place_for(Round *round, const RwSeen *seen)
{
	RwReplica  *gone;

	if (!rw_replicas_has_room(round->table, round->size))
	{
		gone = rw_replicas_find_returning(round->table, round->size,
										  seen->application_name,
										  seen->slot_name, seen->address);
		if (gone != NULL)
			return rw_seen_position(seen) != 0 ? gone - round->table : -1;
	}
	return rw_replicas_find_room(round->table, round->size, round->events);
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

		place = place_for(round, seen);
		if (place < 0)
			continue;

		replica = &round->table[place];
		if (!replica->used)
			replica->replay_moved_at = replica->progressed_at = round->now;
		connect_place(round, place, seen);
		if (replica->known)
			rw_replica_add_event(round->events, RW_REPLICA_BACK,
								 replica->name);
	}
}

/*
 * Under another name, is this connection that of another replica than the one
 * that is gone, because that one still replied when it had come?
 */
static bool
is_another(const RwReplica *gone, const RwReplica *connection)
{
	return !rw_name_equal(gone->name, connection->name) &&
		gone->replied_at > connection->connected_at;
}

/*
 * Move connections that have come to belong to a replica to the place in which
 * it is gone.
 */
static void
claim_places(Round *round)
{
	for (int i = 0; i < round->nseen; i++)
	{
		RwSeen	   *seen = &round->seen[i];
		RwReplica  *replica;

		if (seen->place < 0 || !round->table[seen->place].belongs ||
			round->table[seen->place].known)
			continue;

		replica = rw_replicas_find_returning(round->table, round->size,
											 seen->application_name,
											 seen->slot_name, seen->address);
		if (replica == NULL ||
			is_another(replica, &round->table[seen->place]))
			continue;
		if (rw_replica_must_prove(replica, round->now) &&
			!rw_replica_proves(&round->table[seen->place], round->now))
		{
			round->table[seen->place].belongs = false;
			continue;
		}

		move_connection(round, seen->place, replica - round->table);
		if (replica->known)
			rw_replica_add_event(round->events, RW_REPLICA_BACK,
								 replica->name);
	}
}

/* ----------------------------------------------------------------
 *		Connections
 * ----------------------------------------------------------------
 */

/*
 * Put a new connection into a place: an empty one, or that of its replica
 * while that was gone.
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
	replica->belongs = false;
	replica->steady = replica->moves = false;
	rw_name_copy(replica->name, seen->name);
	replica->pid = seen->pid;
	replica->reply_time = seen->reply_time;
	replica->first_sent = seen->sent;
	replica->first_reported = 0;
	replica->connected_at = round->now;
	replica->alone_since = RW_NEVER;
	replica->replied_at = RW_NEVER;
	replica->last_seen = round->now;
	replica->gone_at = RW_NEVER;
	replica->unwatched = 0;
	rw_rate_init(&replica->replay_rate);

	seen->place = place;
	rw_replica_follow(replica, seen, round->own, round->now);

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
 * Move a connection to the place of the known replica that it belongs to,
 * which is gone, or whose dead connection has ended.  What is known of the
 * replica stays, and so does the generation, and with it the data kept beside
 * the table.
 */
static void
move_connection(Round *round, int from, int to)
{
	RwReplica  *replica = &round->table[to];
	RwSeen	   *seen = find_seen(round, from);
	RwReplica	moved = round->table[from];

	rw_replica_clear(&round->table[from]);
	connect_place(round, to, seen);

	replica->known |= moved.known;
	replica->belongs = moved.belongs;
	replica->steady |= moved.steady;
	replica->moves |= moved.moves;
	replica->shared = moved.shared;
	replica->first_sent = moved.first_sent;
	replica->first_reported = moved.first_reported;
	replica->connected_at = moved.connected_at;
	replica->streaming_since = moved.streaming_since;
	replica->replied_at = moved.replied_at;
	replica->last_seen = moved.last_seen;
	replica->replay_rate = moved.replay_rate;
	if (moved.parted != RW_NOT_PARTED && replica->parted == RW_NOT_PARTED)
		rw_replica_part(replica, moved.parted, moved.mark);
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
		if (i == place || !table[i].belongs ||
			!rw_replica_is_connected(&table[i], table[place].name) ||
			find_seen(round, i) == NULL)
			continue;

		if (heir < 0 || table[i].replied_at > table[heir].replied_at ||
			(table[i].replied_at == table[heir].replied_at &&
			 table[i].connected_at > table[heir].connected_at))
			heir = i;
	}
	return heir;
}

/* The connection in this place, if it was seen in this round, or NULL. */
static RwSeen *
find_seen(Round *round, int place)
{
	for (int i = 0; i < round->nseen; i++)
	{
		if (round->seen[i].place == place)
			return &round->seen[i];
	}
	return NULL;
}
