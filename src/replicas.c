/*-------------------------------------------------------------------------
 *
 * replicas.c
 *	  The table of replicas: who is connected, who is known, who is gone.
 *
 * A round has its order from what may happen between two looks.  Connections
 * that went on are recognized first, by process and name.  Those that are
 * over are taken out next, so that a replica that has reconnected in the
 * meantime is found gone when its new connection is taken in.  Names that are
 * known go before new ones, or a newcomer could evict a replica that is just
 * coming back.
 *
 * Two things hold at the end of each round, and the code relies on them: a
 * name is known in one place at most, and the place of a gone replica is the
 * only one of its name.
 *
 * Names are compared only when connections come and go, and while a name is
 * connected more than once.  In the rounds between, every connection finds
 * its place at one glance, for the server lists its walsenders always in the
 * same order.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "src/replicas.h"

/* What all steps of a round work on. */
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
static void expire(Round *round, RwTime forget_after);
static void take_in_new(Round *round);
static void judge_names(Round *round, RwTime known_after);

static void connect_place(Round *round, int place, RwSeen *seen);
static void follow(RwReplica *replica, const RwSeen *seen, RwTime now);
static void move_connection(Round *round, int from, int to);
static int	find_room(Round *round);
static int	find_heir(Round *round, int place);
static void count_company(Round *round, const char *name);
static bool are_two(const RwReplica *a, const RwReplica *b);
static void declare_shared(Round *round, const char *name);
static bool known_elsewhere(Round *round, int place);
static bool is_seen(Round *round, int place);
static bool same_name(const char *a, const char *b);
static bool is_connected(const RwReplica *replica, const char *name);
static void copy_text(char *to, const char *from, size_t size);
static void tell(RwReplicaEvents *events, RwReplicaEventType type,
				 const char *name);
static void cut(RwReplica *replica, uint64 lsn);
static void clear(RwReplica *replica);

void
rw_replicas_init(RwReplica *table, int size)
{
	for (int i = 0; i < size; i++)
		clear(&table[i]);
}

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
	expire(&round, forget_after);
	take_in_new(&round);
	judge_names(&round, known_after);
}

/* ----------------------------------------------------------------
 *		The steps of a round
 * ----------------------------------------------------------------
 */

/*
 * Give the connections that go on their places; returns how many there are.
 * A process number alone means nothing: the system gives it out again.
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
				is_connected(replica, seen->name))
			{
				seen->place = place;
				follow(replica, seen, round->now);
				found++;
				break;
			}
			place = (place + 1) % round->size;
		}
	}
	return found;
}

/*
 * Known replicas stay, as gone ones, unless another connection of the name
 * goes on: then that one is the replica, and this was its dead connection.
 * The others leave nothing behind.
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

		copy_text(name, replica->name, RW_NAME_LEN);
		heir = find_heir(round, i);

		if (!replica->known)
			clear(replica);
		else if (heir >= 0)
			move_connection(round, heir, i);
		else
		{
			replica->connected = false;
			replica->pid = 0;
			replica->streaming_since = RW_NEVER;
			replica->gone_at = round->now;
			tell(round->events, RW_REPLICA_GONE, name);
		}
		count_company(round, name);
	}
}

/* Replicas that were gone and are back. */
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
		tell(round->events, RW_REPLICA_BACK, replica->name);
	}
}

static void
expire(Round *round, RwTime forget_after)
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
			tell(round->events, RW_REPLICA_EXPIRED, replica->name);
			clear(replica);
		}
	}
}

/* Connections whose name is not known here. */
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
		copy_text(replica->name, seen->name, RW_NAME_LEN);
		if (++replica->generation == 0)
			replica->generation = 1;
		connect_place(round, place, seen);
	}
}

/* Who shares a name, who does no longer, and who is known from now on. */
static void
judge_names(Round *round, RwTime known_after)
{
	for (int i = 0; i < round->size; i++)
	{
		RwReplica  *replica = &round->table[i];

		if (!replica->used || !replica->connected)
			continue;

		if (replica->alone_since == RW_NEVER)
		{
			for (int j = i + 1; j < round->size && !replica->shared; j++)
			{
				if (is_connected(&round->table[j], replica->name) &&
					are_two(replica, &round->table[j]))
					declare_shared(round, replica->name);
			}
		}
		else if (replica->shared &&
				 round->now - replica->alone_since >= known_after)
			replica->shared = false;
	}

	/* Only now is it certain which names are shared. */
	for (int i = 0; i < round->size; i++)
	{
		RwReplica  *replica = &round->table[i];

		if (!replica->used || !replica->connected || replica->known ||
			replica->shared || replica->streaming_since == RW_NEVER ||
			round->now - replica->streaming_since < known_after ||
			known_elsewhere(round, i))
			continue;

		replica->known = true;
		tell(round->events, RW_REPLICA_KNOWN, replica->name);
	}
}

/* ----------------------------------------------------------------
 *		Connections
 * ----------------------------------------------------------------
 */

/*
 * A new connection takes a place, which is empty but for the name or that of
 * the same replica when it was gone.
 *
 * That the connection has a reply time already is not taken for a reply: when
 * the worker has just started it finds dead connections too, and theirs may
 * be of yesterday.
 */
static void
connect_place(Round *round, int place, RwSeen *seen)
{
	RwReplica  *replica = &round->table[place];

	replica->used = true;
	replica->connected = true;
	replica->pid = seen->pid;
	replica->reply_time = seen->reply_time;
	replica->connected_at = round->now;
	replica->alone_since = RW_NEVER;
	replica->replied_at = RW_NEVER;
	replica->last_seen = round->now;
	replica->gone_at = RW_NEVER;
	rw_rate_init(&replica->replay_rate);

	seen->place = place;
	follow(replica, seen, round->now);
	replica->replay_moved_at = round->now;

	count_company(round, replica->name);
	for (int i = 0; i < round->size; i++)
	{
		if (i != place && round->table[i].shared &&
			is_connected(&round->table[i], replica->name))
			replica->shared = true;
	}
}

/*
 * Take over what was seen of a connection.  A walsender starts with its LSNs
 * at 0 and knows where the replica is only after the first reply.  Until then
 * the place says where the replica was, and afterwards where it is, even if
 * that is less: it may have been made again from a backup.
 */
static void
follow(RwReplica *replica, const RwSeen *seen, RwTime now)
{
	replica->logical = seen->logical;
	replica->has_slot = seen->has_slot;
	copy_text(replica->address, seen->address, RW_ADDRESS_LEN);

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
	 * One that can't follow us to a new timeline asks for the old one again
	 * and again, on this connection or another, and goes on showing where it
	 * is there.
	 */
	if (seen->replay != 0 && seen->replay != replica->left)
		replica->end = 0;
	if (replica->end != 0)
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
 * A connection moves to the place of the known replica whose dead connection
 * is over, and so becomes known.  The generation stays, and with it what is
 * kept beside the table: it is the replica's past.
 */
static void
move_connection(Round *round, int from, int to)
{
	RwReplica  *replica = &round->table[to];
	uint32		generation = replica->generation;

	*replica = round->table[from];
	replica->generation = generation;
	replica->known = true;
	clear(&round->table[from]);

	for (int i = 0; i < round->nseen; i++)
	{
		if (round->seen[i].place == from)
			round->seen[i].place = to;
	}
}

/* A place for a newcomer, or -1. */
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
		tell(round->events, RW_REPLICA_EVICTED,
			 round->table[longest_gone].name);
		clear(&round->table[longest_gone]);
	}
	return longest_gone;
}

/*
 * The connection of the same name that goes on when this place's is over; of
 * several, the one that replied last or, as none did, came last.
 */
static int
find_heir(Round *round, int place)
{
	RwReplica  *table = round->table;
	int			heir = -1;

	for (int i = 0; i < round->size; i++)
	{
		if (i == place || !is_connected(&table[i], table[place].name) ||
			!is_seen(round, i))
			continue;

		if (heir < 0 || table[i].replied_at > table[heir].replied_at ||
			(table[i].replied_at == table[heir].replied_at &&
			 table[i].connected_at > table[heir].connected_at))
			heir = i;
	}
	return heir;
}

/* ----------------------------------------------------------------
 *		Names
 * ----------------------------------------------------------------
 */

/* A connection of this name came or went: is the rest alone? */
static void
count_company(Round *round, const char *name)
{
	int			last = -1;
	int			n = 0;

	for (int i = 0; i < round->size; i++)
	{
		if (!is_connected(&round->table[i], name))
			continue;

		/* Until proven otherwise by the count. */
		if (n > 0)
			round->table[last].alone_since = RW_NEVER;
		last = i;
		n++;
	}

	if (n > 1)
		round->table[last].alone_since = RW_NEVER;
	else if (n == 1 && round->table[last].alone_since == RW_NEVER)
		round->table[last].alone_since = round->now;
}

/*
 * Are these two connections of one name two replicas?  If so, both reply.  A
 * reply that was seen in the same round as the later connection may be the
 * last one of the earlier.
 */
static bool
are_two(const RwReplica *a, const RwReplica *b)
{
	RwTime		later = Max(a->connected_at, b->connected_at);

	return a->streaming_since != RW_NEVER && b->streaming_since != RW_NEVER &&
		a->replied_at > later && b->replied_at > later;
}

static void
declare_shared(Round *round, const char *name)
{
	for (int i = 0; i < round->size; i++)
	{
		if (is_connected(&round->table[i], name))
		{
			round->table[i].shared = true;
			round->table[i].known = false;
		}
	}
	tell(round->events, RW_REPLICA_SHARED, name);
}

/* Is the name known already, by a connection that may be dead? */
static bool
known_elsewhere(Round *round, int place)
{
	const RwReplica *replica = &round->table[place];

	if (replica->alone_since != RW_NEVER)
		return false;

	for (int i = 0; i < round->size; i++)
	{
		if (i != place && round->table[i].known &&
			is_connected(&round->table[i], replica->name))
			return true;
	}
	return false;
}

/* ----------------------------------------------------------------
 *		Asking and forgetting
 * ----------------------------------------------------------------
 */

RwReplica *
rw_replicas_find_gone(RwReplica *table, int size, const char *name)
{
	for (int i = 0; i < size; i++)
	{
		if (table[i].used && !table[i].connected &&
			same_name(table[i].name, name))
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

void
rw_replicas_cut(RwReplica *table, int size, uint64 lsn)
{
	for (int i = 0; i < size; i++)
	{
		RwReplica  *replica = &table[i];

		if (!replica->used || Max(replica->replay, replica->flush) <= lsn)
			continue;
		if (replica->end == 0)
			replica->left = replica->replay;
		replica->end = lsn;
		cut(replica, lsn);
	}
}

/*
 * All connections of the name start again, also one that waits to inherit
 * from a dead one.  The next round that sees them stream counts from then.
 */
bool
rw_replicas_forget(RwReplica *table, int size, const char *name)
{
	RwReplica  *gone = rw_replicas_find_gone(table, size, name);
	bool		known = false;

	if (gone != NULL)
	{
		clear(gone);
		return true;
	}

	for (int i = 0; i < size; i++)
		known = known || (table[i].known && is_connected(&table[i], name));

	for (int i = 0; i < size && known; i++)
	{
		if (is_connected(&table[i], name))
		{
			table[i].known = false;
			table[i].streaming_since = RW_NEVER;
		}
	}
	return known;
}

/* ----------------------------------------------------------------
 *		Helpers
 * ----------------------------------------------------------------
 */

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

static bool
same_name(const char *a, const char *b)
{
	return strncmp(a, b, RW_NAME_LEN - 1) == 0;
}

static bool
is_connected(const RwReplica *replica, const char *name)
{
	return replica->used && replica->connected &&
		same_name(replica->name, name);
}

/* All of the target is written: it may end up in a file. */
static void
copy_text(char *to, const char *from, size_t size)
{
	size_t		len = strnlen(from, size - 1);

	memcpy(to, from, len);
	memset(to + len, 0, size - len);
}

static void
tell(RwReplicaEvents *events, RwReplicaEventType type, const char *name)
{
	if (events->nevents >= RW_REPLICA_MAX_EVENTS)
		return;
	events->events[events->nevents].type = type;
	copy_text(events->events[events->nevents].name, name, RW_NAME_LEN);
	events->nevents++;
}

static void
cut(RwReplica *replica, uint64 lsn)
{
	replica->sent = Min(replica->sent, lsn);
	replica->write = Min(replica->write, lsn);
	replica->flush = Min(replica->flush, lsn);
	replica->replay = Min(replica->replay, lsn);
	rw_rate_init(&replica->replay_rate);
}

/*
 * No replica, no time and an empty rate are all zeros.  The generation goes
 * on from where it is, or the next one in this place would look like this
 * one.
 */
static void
clear(RwReplica *replica)
{
	uint32		generation = replica->generation;

	memset(replica, 0, sizeof(RwReplica));
	replica->generation = generation;
}
