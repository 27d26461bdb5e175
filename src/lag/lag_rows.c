/*-------------------------------------------------------------------------
 *
 * lag_rows.c
 *	  The rows of replication links, each with its position.
 *
 * Where one is that is connected the facts say.  Where one is that is not, or
 * that has not replied yet, is what the worker remembers of it, or what its
 * slot tells.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/lag/lag_rows.h"
#include "src/lag/lag_upstream.h"
#include "src/settings.h"

static RwLinkState
sender_state(RwSenderState state)
{
	switch (state)
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

static const RwSlotNote *
find_slot_note(const RwPublished *published, const RwSlotFacts *slot)
{
	const RwSlotNote *note;

	if (published == NULL)
		return NULL;
	note = &published->slot_notes[slot->number];
	return rw_name_equal(note->name, slot->name) ? note : NULL;
}

/* What a slot keeps, and for how long it still can. */
static void
add_slot(RwLink *link, const RwSlotFacts *slot, const RwFacts *facts,
		 const RwPublished *published)
{
	const RwSlotNote *note = find_slot_note(published, slot);

	link->slot = slot;
	link->logical = slot->logical;

	if (slot->wal_status == RW_WAL_LOST)
	{
		if (note && note->restart_lsn != InvalidXLogRecPtr)
			link->retained_bytes = note->retained;
	}
	else if (slot->restart_lsn != InvalidXLogRecPtr)
		link->retained_bytes = facts->horizon > slot->restart_lsn ?
			facts->horizon - slot->restart_lsn : 0;

	/* Core works out what is safe for a slot that keeps nothing, too. */
	if (slot->limited && slot->restart_lsn != InvalidXLogRecPtr && published)
		link->slot_time_left = rw_time_left(slot->safe_wal_size,
											published->wal_rate);
	if (slot->active_pid == 0)
	{
		link->inactive_since = slot->inactive_since;
		/* What the worker has not seen unused yet, nobody uses since now. */
		if (link->inactive_since == 0 && published)
			link->inactive_since = note && note->inactive_since != RW_NEVER ?
				rw_wall_time(facts, note->inactive_since) : facts->wall;
	}
}

static RwLink *
add_link(RwLinks *links, const char *name, RwLinkState state)
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
	return link;
}

static void
add_sender(RwLinks *links, const RwFacts *facts, const RwSenderFacts *sender)
{
	RwPublished *published = links->published;
	RwLink	   *link = add_link(links, sender->name,
								sender_state(sender->state));

	link->sender = sender;
	link->sent = sender->sent;
	link->write = sender->write;
	link->flush = sender->flush;
	link->replay = sender->replay;
	link->last_seen = facts->now;
	if (sender->slot >= 0)
		add_slot(link, &facts->slots[sender->slot], facts, published);
	if (published && sender->replica)
		link->replica = rw_replicas_find_pid(published->replicas,
											 rw_max_replicas, sender->pid);

	/*
	 * A receiver that never replays, such as pg_receivewal, is as far as it
	 * has taken the WAL.  One that has come back and not replied yet is where
	 * it was when it went.
	 */
	if (sender->replay != InvalidXLogRecPtr)
		link->position = sender->replay;
	else if (link->replica && link->replica->replay != InvalidXLogRecPtr)
		link->position = link->replica->replay;
	else if (link->logical && sender->flush != InvalidXLogRecPtr)
		link->position = sender->flush;
	else if (link->logical)
		link->position = link->slot->confirmed_flush;
	else
		link->position = sender->write;

	/*
	 * Before it streams, what a connection shows is what its last stream left
	 * behind, maybe on a timeline that is no more.  The worker may still take
	 * it for connected, or not yet.
	 */
	if (published)
	{
		const RwReplica *its =
			rw_replicas_find_pid(published->replicas, rw_max_replicas,
								 sender->pid);

		if (its == NULL)
			its = rw_replicas_find_gone(published->replicas, rw_max_replicas,
										link->name);
		if (its && sender->state == RW_SENDER_STARTUP &&
			its->replay != InvalidXLogRecPtr)
		{
			link->position = its->replay;
			link->last_seen = its->last_seen;
		}
		else if (its && sender->replica && its->fork_lsn != 0 &&
				 its->fork_replay == sender->replay)
			link->position = Min(link->position, its->fork_lsn);
	}

	/*
	 * last_seen is when it last replied.  A reply newer than the worker's
	 * last sample came just now.
	 */
	if (link->replica && link->replica->reply_time == sender->reply_time)
		link->last_seen = link->replica->last_seen;
}

static void
add_unused_slot(RwLinks *links, const RwFacts *facts, const RwSlotFacts *slot)
{
	RwPublished *published = links->published;
	RwLink	   *link = add_link(links, slot->name,
								slot->wal_status == RW_WAL_LOST ?
								RW_STATE_LOST : RW_STATE_INACTIVE);

	add_slot(link, slot, facts, published);
	if (published)
		link->replica = rw_replicas_find_gone(published->replicas,
											  rw_max_replicas, slot->name);
	if (link->replica)
	{
		link->position = link->replica->replay;
		link->sent = link->replica->sent;
		link->write = link->replica->write;
		link->flush = link->replica->flush;
		link->replay = link->replica->replay;
		link->last_seen = link->replica->last_seen;
	}
	if (link->position == InvalidXLogRecPtr)
		link->position = slot->confirmed_flush;
	if (link->position == InvalidXLogRecPtr)
	{
		/* What it has replayed can only be older than what it still needs. */
		link->bound = RW_BOUND_AT_LEAST;
		link->position = slot->restart_lsn;
	}
	if (link->position == InvalidXLogRecPtr)
	{
		const RwSlotNote *note = find_slot_note(published, slot);

		if (note)
			link->position = note->restart_lsn;
	}
}

static void
add_gone(RwLinks *links, const RwReplica *replica)
{
	RwLink	   *link = add_link(links, replica->name, RW_STATE_MISSING);

	link->replica = replica;
	link->logical = replica->logical;
	link->position = replica->replay;
	link->sent = replica->sent;
	link->write = replica->write;
	link->flush = replica->flush;
	link->replay = replica->replay;
	link->last_seen = replica->last_seen;
	if (link->position == InvalidXLogRecPtr)
		link->position = replica->flush;
}

void
rw_add_rows(RwFacts *facts, RwLinks *links)
{
	RwPublished *published = links->published;
	int			ngone = 0;
	int			i;
	int			j;

	for (i = 0; published && i < rw_max_replicas; i++)
	{
		if (published->replicas[i].used && !published->replicas[i].connected)
			ngone++;
	}
	links->links = palloc((1 + facts->nsenders + facts->nslots + ngone) *
						  sizeof(RwLink));

	if (facts->in_recovery && !facts->crash_recovery)
	{
		RwLink	   *link = add_link(links, facts->receiver.name,
									rw_upstream_state(&facts->receiver));

		rw_upstream_fill(link, facts, published);
	}

	for (i = 0; i < facts->nsenders; i++)
		add_sender(links, facts, &facts->senders[i]);

	for (i = 0; i < facts->nslots; i++)
	{
		if (facts->slots[i].sender < 0)
			add_unused_slot(links, facts, &facts->slots[i]);
	}

	for (i = 0; published && i < rw_max_replicas; i++)
	{
		RwReplica  *replica = &published->replicas[i];
		bool		shown = false;

		if (!replica->used || replica->connected || !replica->known)
			continue;
		/* It may have come back since the last sample. */
		for (j = 0; j < links->nlinks && !shown; j++)
			shown = !links->links[j].upstream &&
				rw_name_equal(links->links[j].name, replica->name);
		if (!shown)
			add_gone(links, replica);
	}
}
