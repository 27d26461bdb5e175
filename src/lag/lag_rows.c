/*-------------------------------------------------------------------------
 *
 * lag_rows.c
 *	  The rows of replication links, each with its position.
 *
 * A connected replica's position comes from its walsender, as far as it is
 * this server's WAL (replica/position.h).  The position of a replica that is
 * gone, or has not replied yet, is what the worker remembers of it, or what
 * its slot shows.
 *
 * A connection that belongs to no replica (replica/replica.h) has a row of its
 * own and takes nothing from the row of a replica that is gone, not even the
 * slot that it has asked for.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/lag/intern.h"

TimestampTz
rw_wall_time(const RwFacts *facts, RwTime at)
{
	return at == RW_NEVER ? 0 : facts->wall - (facts->now - at);
}

/* A replica that is neither known nor expected leaves no row behind. */
void
rw_notice_gone(const RwFacts *facts, RwPublished *published)
{
	int			i;
	int			j;

	for (i = 0; i < published->max_replicas; i++)
	{
		RwReplica  *replica = &published->replicas[i];

		if (!replica->used || !replica->connected)
			continue;
		for (j = 0; j < facts->nsenders; j++)
		{
			if (facts->senders[j].pid == replica->pid)
				break;
		}
		if (j < facts->nsenders)
			continue;
		if (!replica->known && !replica->expected)
			replica->used = false;
		replica->connected = false;
		replica->pid = 0;
		replica->gone_at = facts->now;
	}
}

static RwLinkState
state_of_sender(const RwSenderFacts *sender)
{
	switch (sender->state)
	{
		case RW_SENDER_STARTUP:
			return RW_STATE_STARTUP;
		case RW_SENDER_BACKUP:
			return RW_STATE_BACKUP;
		case RW_SENDER_CATCHUP:
			return RW_STATE_CATCHUP;
		case RW_SENDER_STREAMING:
			return RW_STATE_STREAMING;
		case RW_SENDER_STOPPING:
			return RW_STATE_STOPPING;
	}
	return RW_STATE_STARTUP;
}

const RwSlotNote *
rw_find_slot_note(const RwPublished *published, const RwSlotFacts *slot)
{
	const RwSlotNote *note;

	if (published == NULL || slot->number >= published->max_slots)
		return NULL;
	note = &published->slot_notes[slot->number];
	return rw_name_equal(note->name, slot->name) ? note : NULL;
}

/*
 * When will the server end the slot because nobody uses it?  Core's rules: it
 * must reserve WAL, and one that is synchronized from a primary is exempt.
 * The next checkpoint does it.
 */
static void
fill_idle_left(RwLink *link, const RwSlotFacts *slot, const RwFacts *facts)
{
	int64		timeout = facts->idle_slot_timeout_s * RW_SECOND;

	if (timeout == 0 || slot->active_pid != 0 || slot->inactive_since == 0 ||
		slot->restart_lsn == InvalidXLogRecPtr || rw_slot_is_lost(slot) ||
		(facts->in_recovery && slot->synced))
		return;
	link->slot_idle_left = Max(slot->inactive_since + timeout - facts->wall,
							   0);
	if (link->slot_time_left < 0 ||
		link->slot_idle_left < link->slot_time_left)
		link->slot_time_left = link->slot_idle_left;
}

/* Fill in what a slot retains, and until when. */
static void
fill_slot(RwLink *link, const RwSlotFacts *slot, const RwFacts *facts,
		  const RwPublished *published)
{
	const RwSlotNote *note = rw_find_slot_note(published, slot);

	link->slot = slot;
	link->logical = slot->logical;

	if (rw_slot_is_lost(slot))
	{
		if (note && note->restart_lsn != InvalidXLogRecPtr)
			link->retained_bytes = note->retained;
	}
	else if (slot->restart_lsn != InvalidXLogRecPtr)
		link->retained_bytes = facts->horizon > slot->restart_lsn ?
			facts->horizon - slot->restart_lsn : 0;

	/* Core also works out safe_wal_size for a slot that retains nothing. */
	if (slot->limited && slot->restart_lsn != InvalidXLogRecPtr && published &&
		!rw_slot_is_lost(slot))
		link->slot_time_left = rw_time_left(slot->safe_wal_size,
											published->wal_rate);
	fill_idle_left(link, slot, facts);
	if (slot->active_pid == 0)
	{
		link->inactive_since = slot->inactive_since;
		/* If the worker has not noted it yet, it is unused as of now. */
		if (link->inactive_since == 0 && published)
			link->inactive_since = note && note->inactive_since != RW_NEVER ?
				rw_wall_time(facts, note->inactive_since) : facts->wall;
	}
}

/* Add a row in which all figures are unknown; name is RW_NAME_LEN bytes. */
static RwLink *
add_row(RwLinks *links, const char *name, RwLinkState state)
{
	RwLink	   *link = &links->links[links->nlinks++];

	memset(link, 0, sizeof(RwLink));
	rw_name_copy(link->name, name);
	link->state = state;
	link->health = RW_HEALTH_UNKNOWN;
	link->lag_bytes = -1;
	link->lag = -1;
	link->catchup = -1;
	link->retained_bytes = -1;
	link->slot_time_left = -1;
	link->slot_idle_left = -1;
	link->restart_passed = RW_NEVER;
	return link;
}

/*
 * Does a gone replica have a row already: that of its slot, or that of a
 * connection which the worker has not noticed yet?
 */
static bool
has_row(const RwLinks *links, const RwReplica *replica)
{
	int			i;

	for (i = 0; i < links->nlinks; i++)
	{
		if (links->links[i].replica == replica)
			return true;
	}
	return false;
}

/* The gone replica that this connection would belong to, or NULL. */
static const RwReplica *
find_returning(const RwSenderFacts *sender, const RwFacts *facts,
			   const RwPublished *published)
{
	const RwSlotFacts *slot = sender->slot >= 0 ?
		&facts->slots[sender->slot] : NULL;

	if (published == NULL)
		return NULL;
	return rw_replicas_find_returning(published->replicas,
									  published->max_replicas,
									  sender->peer.application_name,
									  slot && !slot->temporary ?
									  slot->name : "",
									  sender->peer.address);
}

/* What a receiver has reported to have replayed or applied. */
static uint64
reported_position(const RwLink *link)
{
	return link->sender->replay == 0 && link->logical ?
		link->sender->flush : link->sender->replay;
}

/*
 * Does this connection take the place of the gone replica of its names?  The
 * worker may not have noticed yet that it streams.  If that replica is refused,
 * this may be one more attempt.
 */
static bool
is_replicas_own(const RwLink *link, const RwReplica *returning,
				const RwFacts *facts)
{
	if (link->replica)
		return link->replica->belongs;
	if (returning && rw_replica_must_prove(returning, facts->now))
		return false;
	return link->sender->replica &&
		link->sender->state == RW_SENDER_STREAMING &&
		reported_position(link) != 0;
}

/* Set the position of the receiver at the other end, and its last_seen. */
static void
locate_sender(RwLink *link, const RwSenderFacts *sender,
			  const RwReplica *returning, const RwFacts *facts)
{
	const RwReplica *replica = link->replica;
	const RwSlotFacts *slot = sender->slot >= 0 ?
		&facts->slots[sender->slot] : link->slot;
	RwReported	reported = {
		.streaming = sender->state == RW_SENDER_STREAMING,
		.sent = sender->sent,
		.position = reported_position(link)
	};
	uint64		known = 0;

	/* The place of a new connection has only what was sent on it. */
	if (replica)
		known = replica->position;
	if (returning)
		known = Max(known, returning->position);

	/*
	 * A base backup has no position, and neither has a connection before it
	 * streams.  That of a receiver which never replays, such as
	 * pg_receivewal, is how far it has written.
	 */
	if (sender->state == RW_SENDER_BACKUP ||
		(sender->state == RW_SENDER_STARTUP && !sender->replica))
		link->position = InvalidXLogRecPtr;
	else if (reported.position != 0)
		link->position = rw_position_here(&reported, known);
	else if (known != 0)
		link->position = known;
	else if (link->logical && slot)
		link->position = slot->confirmed_flush;
	else
		link->position = Min(sender->write, sender->sent);

	if (replica && replica->parted != RW_NOT_PARTED)
		link->position = Min(link->position, replica->mark);
	link->past_sent = !link->logical &&
		rw_is_past_sent(&reported, facts->segment_size);

	/* A reply that the worker has not seen yet came just now. */
	if (replica && replica->reply_time == sender->reply_time)
		link->last_seen = replica->last_seen;
}

/* Does a row have this slot? */
static bool
has_slot_row(const RwLinks *links, const RwSlotFacts *slot)
{
	int			i;

	for (i = 0; i < links->nlinks; i++)
	{
		if (links->links[i].slot == slot)
			return true;
	}
	return false;
}

/*
 * Between two streams a connection has given back its slot, which is its
 * replica's all the same, unless that is gone or has another connection.
 */
static void
keep_identity(RwLink *link, const RwLinks *links, const RwFacts *facts)
{
	RwPublished *published = links->published;
	const RwReplica *replica = link->replica;
	int			i;

	rw_name_copy(link->name, replica->name);
	if (!replica->belongs &&
		rw_replicas_find_gone_slot(published->replicas,
								   published->max_replicas,
								   replica->slot_name))
		return;
	for (i = 0; i < facts->nslots; i++)
	{
		const RwSlotFacts *slot = &facts->slots[i];

		if (slot->sender < 0 &&
			rw_name_equal(slot->name, replica->slot_name) &&
			!has_slot_row(links, slot))
			fill_slot(link, slot, facts, published);
	}
}

static void
add_sender_row(RwLinks *links, const RwFacts *facts,
			   const RwSenderFacts *sender)
{
	RwPublished *published = links->published;
	RwLink	   *link = add_row(links, sender->name, state_of_sender(sender));
	const RwReplica *returning = NULL;
	bool		own;

	link->sender = sender;
	link->sent = sender->sent;
	link->write = sender->write;
	link->flush = sender->flush;
	link->replay = sender->replay;
	link->last_seen = facts->now;
	if (published && sender->replica)
		link->replica = rw_replicas_find_pid(published->replicas,
											 published->max_replicas,
											 sender->pid);
	if (link->replica == NULL || !link->replica->belongs)
		returning = find_returning(sender, facts, published);
	if (sender->slot >= 0)
		link->logical = facts->slots[sender->slot].logical;
	own = is_replicas_own(link, returning, facts);
	if (link->replica == NULL && own &&
		(returning == NULL || !has_row(links, returning)))
		link->replica = returning;
	if (link->replica && sender->state == RW_SENDER_STARTUP)
		keep_identity(link, links, facts);
	if (sender->slot >= 0)
	{
		const RwSlotFacts *slot = &facts->slots[sender->slot];

		if (returning == NULL || own ||
			(!returning->known && !returning->expected) ||
			!rw_name_equal(returning->slot_name, slot->name))
			fill_slot(link, slot, facts, published);
	}
	locate_sender(link, sender, returning, facts);
}

/* The last known figures of a replica that is gone. */
static void
fill_gone(RwLink *link, const RwReplica *replica)
{
	link->replica = replica;
	link->position = replica->position;
	link->sent = replica->sent;
	link->write = replica->write;
	link->flush = replica->flush;
	link->replay = replica->replay;
	link->last_seen = replica->last_seen;
}

static void
add_unused_slot_row(RwLinks *links, const RwFacts *facts,
					const RwSlotFacts *slot)
{
	RwPublished *published = links->published;
	RwLink	   *link = add_row(links, slot->name,
							   rw_slot_is_lost(slot) ?
							   RW_STATE_LOST : RW_STATE_INACTIVE);
	const RwReplica *replica = NULL;

	fill_slot(link, slot, facts, published);
	if (published)
		replica = rw_replicas_find_gone_slot(published->replicas,
											 published->max_replicas,
											 slot->name);
	/* It may be back without its slot. */
	if (replica && !has_row(links, replica))
		fill_gone(link, replica);
	if (link->position == InvalidXLogRecPtr)
		link->position = slot->confirmed_flush;
	if (link->position == InvalidXLogRecPtr)
	{
		/* A standby's slot follows its flush; it may have replayed less. */
		link->bound = RW_BOUND_AT_LEAST;
		link->position = slot->restart_lsn;
	}
	if (link->position == InvalidXLogRecPtr)
	{
		const RwSlotNote *note = rw_find_slot_note(published, slot);

		if (note)
			link->position = note->restart_lsn;
	}
}

static void
add_gone_row(RwLinks *links, const RwReplica *replica)
{
	RwLink	   *link = add_row(links, replica->name, RW_STATE_MISSING);

	fill_gone(link, replica);
	link->logical = replica->logical;
	if (link->position == InvalidXLogRecPtr)
		link->position = replica->flush;
}

int
rw_max_links(const RwFacts *facts, const RwPublished *published)
{
	int			ngone = 0;
	int			i;

	for (i = 0; published && i < published->max_replicas; i++)
	{
		if (published->replicas[i].used && !published->replicas[i].connected)
			ngone++;
	}
	return 1 + facts->nsenders + facts->nslots + ngone;
}

void
rw_add_rows(const RwFacts *facts, RwLinks *links)
{
	RwPublished *published = links->published;
	int			i;

	if (facts->in_recovery && !facts->crash_recovery)
	{
		RwLink	   *link = add_row(links, facts->receiver.name,
								   rw_upstream_state(&facts->receiver));

		rw_fill_upstream(link, facts, published);
	}

	for (i = 0; i < facts->nsenders; i++)
		add_sender_row(links, facts, &facts->senders[i]);

	for (i = 0; i < facts->nslots; i++)
	{
		if (!has_slot_row(links, &facts->slots[i]))
			add_unused_slot_row(links, facts, &facts->slots[i]);
	}

	for (i = 0; published && i < published->max_replicas; i++)
	{
		const RwReplica *replica = &published->replicas[i];

		if (replica->used && !replica->connected &&
			(replica->known || replica->expected) &&
			!has_row(links, replica))
			add_gone_row(links, replica);
	}
}

/* Rows of one name are ordered by the process IDs of their walsenders. */
int
rw_compare_links(const void *a, const void *b)
{
	const RwLink *left = a;
	const RwLink *right = b;
	int			order;

	if (left->upstream != right->upstream)
		return left->upstream ? -1 : 1;
	if (left->health != right->health)
		return (int) right->health - (int) left->health;
	order = rw_name_compare(left->name, right->name);
	if (order == 0 && left->sender && right->sender)
		order = left->sender->pid - right->sender->pid;
	return order;
}
