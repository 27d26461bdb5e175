/*-------------------------------------------------------------------------
 *
 * staleness.c
 *	  How stale reads on this server are at most.
 *
 * Towards the upstream server that follows from the lag of this standby's own
 * row, dated by the look of the worker before the missing WAL came.  But WAL
 * need not come when it was written.  Where it may have come late, what is
 * known is when all that has been replayed was all that there was: rougher, but
 * never too little.
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

/* Has a message come, on a new connection, that the worker has not seen? */
static bool
is_contact_new(const RwFacts *facts, const RwUpstream *upstream)
{
	const RwReceiverFacts *receiver = &facts->receiver;

	return receiver->pid != 0 && receiver->pid != upstream->message_pid &&
		rw_message_is_real(receiver);
}

/*
 * May WAL have come, or come, that was written before its time shows?  If so,
 * *proof is when it was not written yet; RW_NEVER: not known.
 */
static bool
is_late(const RwFacts *facts, const RwPublished *published,
		const RwLink *link, RwTime *proof)
{
	const RwUpstream *upstream = &published->upstream;
	bool		late = true;

	if (upstream->message_pid == 0 || is_contact_new(facts, upstream))
	{
		/* Since this server started, none may have come at all. */
		*proof = upstream->complete_at;
		late = *proof != RW_NEVER || upstream->message_pid != 0 ||
			is_contact_new(facts, upstream);
	}
	else if (!rw_upstream_has_replayed(upstream, facts, upstream->late_end))
		*proof = upstream->late_proof;
	else
	{
		/* In step, unless the worker has not seen what is reported now. */
		*proof = RW_NEVER;
		late = link->lag_bytes == 0 &&
			Max(upstream->reported, facts->receiver.latest_end) >
			facts->horizon;
	}

	*proof = Max(*proof, upstream->proven_at);
	if (*proof != RW_NEVER)
		*proof -= rw_watch_stood_still(&published->watch, facts->now,
									   facts->wall);
	*proof = Max(*proof,
				 rw_archive_commit(&upstream->archive, facts,
								   rw_upstream_streams(&facts->receiver)));
	return late;
}

/* Towards the upstream server; -1 if not known. */
static int64
staleness_to_upstream(const RwFacts *facts, const RwPublished *published,
					  const RwLink *link)
{
	int64		staleness = link->lag;
	RwTime		proof;

	if (link->lag < 0 || link->bound == RW_BOUND_AT_LEAST ||
		published->upstream.parted != RW_NOT_PARTED)
		return -1;
	if (link->missing_since != RW_NEVER)
		staleness = Max(staleness, facts->now - link->missing_since);
	else if (link->lag_bytes == 0 && link->lag == 0)
		staleness = Max(facts->now - link->last_seen, 0);
	if (is_late(facts, published, link, &proof))
	{
		if (proof == RW_NEVER)
			return -1;
		staleness = Max(staleness, facts->now - proof);
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

/*
 * Is our clock known to have stood still since this was told?  Then its age is
 * not known.
 */
static bool
is_told_before_gap(const RwToldUpstream *told, const RwFacts *facts,
				   const RwPublished *published)
{
	return told->told_at < published->watch.resumed_at ||
		rw_watch_stood_still(&published->watch, facts->now, facts->wall) > 0;
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
		result.of_primary =
			rw_upstream_has_replayed(&published->upstream, facts,
									 published->upstream.contact_end);
	else if (told->of_primary && !is_told_before_gap(told, facts, published))
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
