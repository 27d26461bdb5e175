/*-------------------------------------------------------------------------
 *
 * staleness.c
 *	  How stale reads on this server are at most.
 *
 * Towards the upstream server that follows from the lag of this standby's own
 * row.  But a lag is dated by when WAL came to be known here, and what a
 * receiver brings at first may have been written long before: since nothing
 * was missing for the last time.
 *
 * Towards the primary it follows only from what the upstream server reports,
 * as of the same connection.  That never makes it less.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/lag/staleness.h"

/* Towards the upstream server; -1 if not known. */
static int64
staleness_to_upstream(const RwFacts *facts, const RwPublished *published,
					  const RwLink *link)
{
	const RwUpstream *upstream = &published->upstream;
	int64		staleness = link->lag;

	if (link->lag < 0 || link->bound == RW_BOUND_AT_LEAST ||
		upstream->parted != RW_NOT_PARTED)
		return -1;
	if (link->lag_bytes == 0 && link->lag == 0)
		staleness = Max(facts->now - link->last_seen, 0);
	if (!rw_upstream_is_past_contact(upstream, facts))
	{
		if (upstream->contact_proof == RW_NEVER)
			return -1;
		staleness = Max(staleness, facts->now - upstream->contact_proof);
	}
	return staleness;
}

/*
 * Is this from the server that the last message came from, and has no receiver
 * got one from another server since the worker looked?
 */
static bool
is_of_upstream(const RwToldUpstream *told, const RwFacts *facts,
			   const RwPublished *published)
{
	const RwReceiverFacts *receiver = &facts->receiver;
	int			pid = published->upstream.message_pid;

	return pid != 0 && rw_server_id_is_set(told->id) &&
		told->receiver_pid == pid &&
		(receiver->pid == 0 || receiver->pid == pid ||
		 !rw_message_is_real(receiver));
}

RwStaleness
rw_staleness(const RwFacts *facts, const RwPublished *published,
			 const RwLink *link, const RwToldUpstream *told)
{
	RwStaleness result = {.staleness = -1};
	int64		marked;

	if (!facts->in_recovery)
		return (RwStaleness) {.staleness = 0, .of_primary = true};
	if (link == NULL || published == NULL)
		return result;
	result.staleness = staleness_to_upstream(facts, published, link);
	if (result.staleness < 0 || told == NULL ||
		!is_of_upstream(told, facts, published))
		return result;

	if (told->primary)
		/* What came from another server before may have been staler. */
		result.of_primary = rw_upstream_is_past_contact(&published->upstream,
														facts);
	else if (told->of_primary)
	{
		marked = rw_told_upstream_staleness(told, facts->recovery.replay,
											facts->recovery.replay_tli,
											facts->now);
		if (marked >= 0)
		{
			result.staleness = Max(result.staleness, marked);
			result.of_primary = true;
		}
	}
	return result;
}
