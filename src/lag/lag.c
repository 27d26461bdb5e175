/*-------------------------------------------------------------------------
 *
 * lag.c
 *	  From facts and history to one row for each replication link.
 *
 * Works in three steps.  First the rows are made: a row a walsender, a row a
 * slot that nobody uses, a row a known replica that is gone, and on a standby
 * one for its own link.  Each gets a position (lag_rows.c).  Then, in one go
 * under the history's lock, each position is turned into a time lag.  Last come
 * the reasons, which need the lag (lag_reason.c).
 *
 * The receiving end's rules are in lag_upstream.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "replication/slot.h"
#include "utils/memutils.h"

#include "src/base/compat.h"
#include "src/history/history.h"
#include "src/lag/lag.h"
#include "src/lag/lag_reason.h"
#include "src/lag/lag_rows.h"
#include "src/lag/lag_upstream.h"
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

	if (!rw_is_preloaded())
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

	LWLockAcquire(rw_state_lock, LW_SHARED);
	published->last_sample = rw_lag_shared->last_sample;
	published->wal_rate = rw_rate(&rw_lag_shared->wal_rate, facts->horizon,
								  facts->now);
	published->upstream = rw_lag_shared->upstream;
	memcpy(published->replicas, rw_replicas,
		   rw_max_replicas * sizeof(RwReplica));
	memcpy(published->slot_notes, rw_slot_notes,
		   RW_MAX_SLOTS * sizeof(RwSlotNote));
	LWLockRelease(rw_state_lock);

	LWLockAcquire(rw_history_lock, LW_SHARED);
	history = &rw_history_shared->history;
	if (history->npoints > 0)
		published->history_start = history->points[0].first;
	LWLockRelease(rw_history_lock);

	return published;
}

int64
rw_sample_lifetime(void)
{
	return Max(3 * RW_SECOND, 3 * rw_sample_interval_ms * RW_MS);
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

	view.history = &rw_history_shared->history;
	view.horizon = facts->horizon;
	view.now = facts->now;

	LWLockAcquire(rw_history_lock, LW_SHARED);
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
	LWLockRelease(rw_history_lock);

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
	order = rw_name_compare(left->name, right->name);
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

	rw_add_rows(facts, links);
	measure(facts, links);
	if (explain)
		rw_explain(facts, links);
}

void
rw_sort_links(RwLinks *links)
{
	qsort(links->links, links->nlinks, sizeof(RwLink), compare_links);
}
