/*-------------------------------------------------------------------------
 *
 * lag.c
 *	  From facts and history to one row for each replication link.
 *
 * Copies what is published, allocates, takes the locks, and calls the pure
 * files one after the other.  Those make the rows with their positions
 * (lag_rows.c), turn positions into lags (lag_measure.c), and find the reasons,
 * which depend on the lags (lag_reason.c).  The rules for a standby's own link
 * are in lag_upstream.c and lag_upstream_reason.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "src/base/compat.h"
#include "src/history/history.h"
#include "src/lag/intern.h"
#include "src/lag/lag_shared.h"
#include "src/replica/replica_shared.h"
#include "src/settings.h"
#include "src/tree/tree_shared.h"

/*
 * Room for the copies of both tables, and of what was told.  It is kept, because
 * memory of this size from palloc would come from the kernel and go back to it
 * each time.
 */
static RwReplica *copied_replicas = NULL;
static RwSlotNote *copied_slot_notes = NULL;
static RwServer *copied_told = NULL;

RwPublished *
rw_published(const RwFacts *facts)
{
	RwPublished *published;
	RwHistory  *history;
	int			nreplicas = rw_max_replicas;

	if (!rw_is_preloaded())
		return NULL;

	if (copied_replicas == NULL)
		copied_replicas = MemoryContextAlloc(TopMemoryContext,
											 rw_max_replicas *
											 sizeof(RwReplica));
	if (copied_slot_notes == NULL)
		copied_slot_notes = MemoryContextAlloc(TopMemoryContext,
											   Max(RW_MAX_SLOTS, 1) *
											   sizeof(RwSlotNote));

	published = palloc0(sizeof(RwPublished));
	published->replicas = copied_replicas;
	published->max_slots = RW_MAX_SLOTS;
	published->slot_notes = copied_slot_notes;
	published->tends_walsenders = rw_tend_walsenders;

	rw_lock_shared(rw_state_lock);
	published->last_sample = rw_lag_shared->last_sample;
	published->watch = rw_lag_shared->watch;
	published->wal_rate = rw_rate(&rw_lag_shared->wal_rate, facts->horizon,
								  facts->now);
	published->upstream = rw_lag_shared->upstream;
	/* Most tables are nearly empty, and places are large. */
	while (nreplicas > 0 && !rw_replicas[nreplicas - 1].used)
		nreplicas--;
	published->max_replicas = nreplicas;
	memcpy(published->replicas, rw_replicas, nreplicas * sizeof(RwReplica));
	memcpy(published->slot_notes, rw_slot_notes,
		   RW_MAX_SLOTS * sizeof(RwSlotNote));
	LWLockRelease(rw_state_lock);

	rw_lock_shared(rw_history_lock);
	history = &rw_history_shared->history;
	if (history->npoints > 0)
		published->history_start = history->points[0].first;
	LWLockRelease(rw_history_lock);

	return published;
}

void
rw_published_told(RwPublished *published)
{
	if (published->told != NULL)
		return;
	if (copied_told == NULL)
		copied_told = MemoryContextAlloc(TopMemoryContext,
										 RW_TREE_MAX * sizeof(RwServer));
	published->own_id = rw_own_server_id();
	published->ntold = rw_told_read(copied_told);
	published->told = copied_told;
}

int64
rw_sample_lifetime(void)
{
	return Max(3 * RW_SECOND, 3 * rw_sample_interval_ms * RW_MS);
}

void
rw_links(RwFacts *facts, RwLinks *links, bool explain)
{
	RwPublished *published = rw_published(facts);

	memset(links, 0, sizeof(RwLinks));
	links->published = published;
	if (published)
	{
		rw_notice_gone(facts, published);
		facts->complete = rw_complete_wal(&published->upstream, facts);
	}

	links->links = palloc(rw_max_links(facts, published) * sizeof(RwLink));
	rw_add_rows(facts, links);

	if (published)
	{
		RwHistoryView view;

		view.history = &rw_history_shared->history;
		view.horizon = facts->horizon;
		view.now = facts->now;

		rw_lock_shared(rw_history_lock);
		rw_measure_links(facts, links, &view);
		LWLockRelease(rw_history_lock);
	}
	else
		rw_measure_links(facts, links, NULL);

	if (explain)
		rw_explain(facts, links);
}

void
rw_explain(RwFacts *facts, RwLinks *links)
{
	int			i;

	/* Without a stream nobody reports what is missing. */
	if (links->published && links->nlinks > 0 &&
		links->links[0].upstream &&
		(links->links[0].lag_bytes > 0 ||
		 links->links[0].state != RW_STATE_STREAMING))
		rw_observe_hold(facts,
						rw_record_begun_at(facts,
										   &links->published->upstream));
	for (i = 0; i < links->nlinks; i++)
	{
		if (rw_may_be_held(&links->links[i], facts))
		{
			rw_observe_oldest_transaction(facts);
			break;
		}
	}
	for (i = 0; links->published && i < links->nlinks; i++)
	{
		if (rw_may_report(&links->links[i]))
		{
			rw_published_told(links->published);
			break;
		}
	}
	rw_explain_links(facts, links);
	links->explained = true;
}

static int
compare_link_pointers(const void *a, const void *b)
{
	return rw_compare_links(*(RwLink *const *) a, *(RwLink *const *) b);
}

/*
 * Rows are large, so pointers to them are sorted.  Then each row is moved once,
 * along the cycles of the permutation.
 */
void
rw_sort_links(RwLinks *links)
{
	RwLink	  **order = palloc(links->nlinks * sizeof(RwLink *));
	int			i;

	for (i = 0; i < links->nlinks; i++)
		order[i] = &links->links[i];
	qsort(order, links->nlinks, sizeof(RwLink *), compare_link_pointers);

	for (i = 0; i < links->nlinks; i++)
	{
		RwLink	   *start = &links->links[i];
		RwLink	   *to = start;
		RwLink		moved;

		if (order[i] == start)
			continue;
		moved = *start;
		while (order[to - links->links] != start)
		{
			RwLink	   *from = order[to - links->links];

			*to = *from;
			order[to - links->links] = to;
			to = from;
		}
		*to = moved;
		order[to - links->links] = to;
	}
	pfree(order);
}
