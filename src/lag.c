/*-------------------------------------------------------------------------
 *
 * lag.c
 *	  From facts and history to one row for each replication link.
 *
 * Works in three steps.  First the rows are made: a row a walsender, a row a
 * slot that nobody uses, a row a known replica that is gone, and on a standby
 * one for its own link.  Each gets a position.  Then, in one go under the
 * history's lock, each position is turned into a time lag.  Last come the
 * reasons, which need the lag (lag_reason.c).
 *
 * The receiving end's rules are in lag_upstream.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "replication/slot.h"
#include "replication/walsender.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "src/compat.h"
#include "src/lag.h"
#include "src/lag_reason.h"
#include "src/lag_upstream.h"
#include "src/settings.h"

/* Figures older than this are no longer called exact. */
#define REPLY_AGE_EXACT		(1 * RW_SECOND)

/*
 * What appeared while nobody looked for longer than this, and than a thinned
 * history's gaps at that age, is not dated exactly: the server or the worker
 * was down.
 */
#define GAP_EXACT			(3 * RW_SECOND)
#define GAP_EXACT_SHARE		256

TimestampTz
rw_wall_time(const RwFacts *facts, RwTime at)
{
	return at == RW_NEVER ? 0 : facts->wall - (facts->now - at);
}

RwPublished *
rw_published(const RwFacts *facts)
{
	static RwReplica *replicas = NULL;
	static RwSlotNote *slot_notes = NULL;
	RwPublished *published;
	RwHistory  *history;

	if (rw_shared == NULL)
		return NULL;

	/*
	 * Room for the tables is kept: as big as it is, memory from palloc would
	 * come from the kernel and go back there each time.
	 */
	if (replicas == NULL)
		replicas = MemoryContextAlloc(TopMemoryContext,
									  rw_max_replicas * sizeof(RwReplica));
	if (slot_notes == NULL)
		slot_notes = MemoryContextAlloc(TopMemoryContext,
										Max(RW_MAX_SLOTS, 1) *
										sizeof(RwSlotNote));

	published = palloc0(sizeof(RwPublished));
	published->replicas = replicas;
	published->slot_notes = slot_notes;

	LWLockAcquire(rw_shared->state_lock, LW_SHARED);
	published->last_sample = rw_shared->last_sample;
	published->wal_rate = rw_rate(&rw_shared->wal_rate, facts->horizon,
								  facts->now);
	published->upstream = rw_shared->upstream;
	memcpy(published->replicas, rw_replicas,
		   rw_max_replicas * sizeof(RwReplica));
	memcpy(published->slot_notes, rw_slot_notes,
		   RW_MAX_SLOTS * sizeof(RwSlotNote));
	LWLockRelease(rw_shared->state_lock);

	LWLockAcquire(rw_shared->history_lock, LW_SHARED);
	history = &rw_shared->history;
	if (history->npoints > 0)
		published->history_start = history->points[0].first;
	LWLockRelease(rw_shared->history_lock);

	return published;
}

int64
rw_sample_lifetime(void)
{
	return Max(3 * RW_SECOND, 3 * rw_sample_interval_ms * RW_MS);
}

static RwLinkState
sender_state(WalSndState state)
{
	switch (state)
	{
		case WALSNDSTATE_STARTUP:
			return RW_STATE_STARTUP;
		case WALSNDSTATE_BACKUP:
			return RW_STATE_BACKUP;
		case WALSNDSTATE_CATCHUP:
			return RW_STATE_CATCHUP;
		case WALSNDSTATE_STREAMING:
			return RW_STATE_STREAMING;
		case WALSNDSTATE_STOPPING:
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
	return strcmp(note->name, slot->name) == 0 ? note : NULL;
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
	strlcpy(link->name, name, RW_NAME_LEN);
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
		if (its && sender->state == WALSNDSTATE_STARTUP &&
			its->replay != InvalidXLogRecPtr)
		{
			link->position = its->replay;
			link->last_seen = its->last_seen;
		}
		else if (its && sender->replica && its->end != 0 &&
				 its->left == sender->replay)
			link->position = Min(link->position, its->end);
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

static void
add_rows(RwFacts *facts, RwLinks *links)
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
				strcmp(links->links[j].name, replica->name) == 0;
		if (!shown)
			add_gone(links, replica);
	}
}

/* The age of the figures that a connected receiver reported; -1 unknown. */
int64
rw_reply_age(const RwLink *link, const RwFacts *facts)
{
	if (link->replica == NULL || link->sender->reply_time == 0)
		return -1;
	return facts->now - link->last_seen;
}

/*
 * Turn the positions into lags.  Under the history's lock: nothing here
 * allocates or calls out.
 */
static void
measure(const RwFacts *facts, RwLinks *links)
{
	RwHistoryView view;
	int			i;

	for (i = 0; i < links->nlinks; i++)
	{
		RwLink	   *link = &links->links[i];

		if (link->position != InvalidXLogRecPtr)
			link->lag_bytes = facts->horizon > link->position ?
				facts->horizon - link->position : 0;
	}
	if (links->published == NULL)
		return;

	view.history = &rw_shared->history;
	view.horizon = facts->horizon;
	view.now = facts->now;

	LWLockAcquire(rw_shared->history_lock, LW_SHARED);
	for (i = 0; i < links->nlinks; i++)
	{
		RwLink	   *link = &links->links[i];
		RwTime		at;
		RwTime		gap;
		RwTime		gap_start;

		if (link->lag_bytes < 0)
			continue;
		if (link->lag_bytes == 0)
		{
			link->lag = 0;
			continue;
		}
		switch (rw_history_appeared(&view, link->position, &at))
		{
			case RW_FOUND:
				gap = rw_history_gap(&view, link->position, &gap_start);
				if (link->bound == RW_BOUND_EXACT && gap > GAP_EXACT &&
					gap > (facts->now - at) / GAP_EXACT_SHARE)
				{
					at = gap_start;
					link->bound = RW_BOUND_AT_MOST;
				}
				link->lag = Max(facts->now - at, 0);
				break;
			case RW_FOUND_OLDER:
				link->lag = Max(facts->now - at, 0);
				link->bound = RW_BOUND_AT_LEAST;
				break;
			case RW_FOUND_NOTHING:
				break;
		}
	}
	LWLockRelease(rw_shared->history_lock);

	for (i = 0; i < links->nlinks; i++)
	{
		RwLink	   *link = &links->links[i];

		/* It may have got further since it last told us. */
		if (link->sender && link->lag > 0 && link->bound == RW_BOUND_EXACT)
		{
			int64		age = rw_reply_age(link, facts);

			if (age < 0 || age > REPLY_AGE_EXACT)
				link->bound = RW_BOUND_AT_MOST;
		}
		if (link->upstream)
			rw_upstream_measure(link, facts, links->published);
	}
}

/* How well each link is: by the worst alert that fires on it. */
static void
give_health(const RwFacts *facts, RwLinks *links)
{
	int			i;
	int			j;

	LWLockAcquire(rw_shared->state_lock, LW_SHARED);
	if (rw_alerts->judged_at != RW_NEVER &&
		facts->now - rw_alerts->judged_at <= rw_sample_lifetime())
	{
		for (i = 0; i < links->nlinks; i++)
			links->links[i].health = RW_HEALTH_OK;
	}
	for (j = 0; j < rw_alerts->nfiring; j++)
	{
		const RwAlert *alert = &rw_alerts->firing[j];
		bool		of_node = alert->alert >= rw_class_alerts[RW_SUBJECT_NODE].first;
		RwHealth	health = alert->severity == RW_SEVERITY_CRITICAL ?
			RW_HEALTH_CRITICAL : RW_HEALTH_WARNING;

		if (!alert->used || alert->forgotten)
			continue;
		for (i = 0; i < links->nlinks; i++)
		{
			RwLink	   *link = &links->links[i];

			if (link->health == RW_HEALTH_UNKNOWN ||
				link->upstream != of_node ||
				strcmp(link->name, alert->subject) != 0)
				continue;
			link->health = Max(link->health, health);
		}
	}
	LWLockRelease(rw_shared->state_lock);
}

/*
 * Upstream first, then the worst, then by name; equal names by their
 * walsenders' process numbers.
 */
static int
compare_links(const void *a, const void *b)
{
	const RwLink *left = a;
	const RwLink *right = b;
	int			order;

	if (left->upstream != right->upstream)
		return left->upstream ? -1 : 1;
	if (left->health != right->health)
		return (int) right->health - (int) left->health;
	order = strcmp(left->name, right->name);
	if (order == 0 && left->sender && right->sender)
		order = left->sender->pid - right->sender->pid;
	return order;
}

/*
 * Those who went since the worker's last round have gone: in this look's copy
 * of the table.  Who is not known leaves nothing behind.
 */
static void
notice_gone(const RwFacts *facts, RwPublished *published)
{
	int			i;
	int			j;

	for (i = 0; i < rw_max_replicas; i++)
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
		if (!replica->known)
			replica->used = false;
		replica->connected = false;
		replica->pid = 0;
		replica->gone_at = facts->now;
	}
}

void
rw_links(RwFacts *facts, RwLinks *links, bool explain)
{
	memset(links, 0, sizeof(RwLinks));
	links->published = rw_published(facts);
	if (links->published)
		notice_gone(facts, links->published);

	add_rows(facts, links);
	measure(facts, links);
	if (explain)
	{
		rw_explain(facts, links);
		if (links->published)
			give_health(facts, links);
	}

	qsort(links->links, links->nlinks, sizeof(RwLink), compare_links);
}
