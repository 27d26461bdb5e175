/*-------------------------------------------------------------------------
 *
 * lag_measure.c
 *	  From the position of a link to its lag.
 *
 * The byte lag is what lies between the position and the end of the WAL of
 * which there are whole records, which nearly always is the horizon.  The time
 * lag is the age of the first missing byte: the history says when that
 * appeared.  How exact this is depends on how often the history was added to
 * at that time, and on how old the replica's figures are.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/lag/intern.h"

/* A replica may have got further since a reply that is older than this. */
#define REPLY_AGE_EXACT		(1 * RW_SECOND)

/*
 * A byte that appeared in a longer gap between two points of the history is
 * not dated exactly: the server or the worker was down.  Thinning leaves gaps
 * in old history, so a gap up to this share of its age does not count.
 */
#define GAP_EXACT			(3 * RW_SECOND)
#define GAP_EXACT_SHARE		256

int64
rw_reply_age(const RwLink *link, const RwFacts *facts)
{
	if (link->replica == NULL || link->sender->reply_time == 0)
		return -1;
	return facts->now - link->last_seen;
}

/* Date the first byte that is missing. */
static void
measure_time_lag(RwLink *link, const RwHistoryView *view)
{
	RwTime		at;
	RwTime		gap;
	RwTime		gap_start;

	switch (rw_history_appeared(view, link->position, &at))
	{
		case RW_FOUND:
			gap = rw_history_gap(view, link->position, &gap_start);
			link->missing_since = gap_start;
			if (link->bound == RW_BOUND_EXACT && gap > GAP_EXACT &&
				gap > (view->now - at) / GAP_EXACT_SHARE)
			{
				at = gap_start;
				link->bound = RW_BOUND_AT_MOST;
			}
			link->lag = Max(view->now - at, 0);
			break;
		case RW_FOUND_OLDER:
			link->lag = Max(view->now - at, 0);
			link->bound = RW_BOUND_AT_LEAST;
			break;
		case RW_FOUND_NOTHING:
			break;
	}
}

/*
 * Since when has the restart_lsn of a logical consumer had WAL after it?  Only
 * of one that is connected: else nothing can be said of why it stays.
 */
static void
date_restart(RwLink *link, const RwHistoryView *view)
{
	RwTime		at;

	if (link->sender && link->slot && link->slot->logical &&
		link->slot->restart_lsn != InvalidXLogRecPtr &&
		rw_history_appeared(view, link->slot->restart_lsn,
							&at) != RW_FOUND_NOTHING)
		link->restart_passed = at;
}

void
rw_measure_links(const RwFacts *facts, RwLinks *links,
				 const RwHistoryView *view)
{
	int			i;

	for (i = 0; i < links->nlinks; i++)
	{
		RwLink	   *link = &links->links[i];

		if (link->position != InvalidXLogRecPtr)
			link->lag_bytes = facts->complete > link->position ?
				facts->complete - link->position : 0;

		/* It does not have the WAL that it seems to have. */
		if (link->lag_bytes == 0 && (link->past_sent || rw_has_parted(link)))
			link->lag_bytes = -1;
		if (view == NULL)
			continue;

		date_restart(link, view);
		if (link->lag_bytes == 0)
			link->lag = 0;
		else if (link->lag_bytes > 0)
			measure_time_lag(link, view);

		/* It may have got further since its last reply. */
		if (link->sender && link->lag > 0 && link->bound == RW_BOUND_EXACT)
		{
			int64		age = rw_reply_age(link, facts);

			if (age < 0 || age > REPLY_AGE_EXACT)
				link->bound = RW_BOUND_AT_MOST;
		}

		/* Where a replica that is ahead has parted is not known. */
		if (link->bound == RW_BOUND_EXACT && rw_has_parted(link) &&
			link->replica->parted == RW_AHEAD)
			link->bound = RW_BOUND_AT_LEAST;
		if (link->upstream)
			rw_measure_upstream(link, facts, links->published);
	}
}
