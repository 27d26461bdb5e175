/*-------------------------------------------------------------------------
 *
 * lag_upstream.c
 *	  The row of a standby's own link: what it lacks.
 *
 * If WAL is known to be missing, the history says since when, whatever holds
 * it back.  If none is known to be missing, there may be none, or nobody may
 * report it: the age of the last real message decides (see
 * rw_message_is_real) or, if that is younger, of the last commit that came from
 * the archive.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/lag/intern.h"

RwTime
rw_last_message(const RwFacts *facts, const RwPublished *published)
{
	const RwReceiverFacts *receiver = &facts->receiver;
	const RwUpstream *upstream = &published->upstream;
	RwTime		seen_at = upstream->message_at;

	/* The clock may have stood still since the worker looked. */
	if (seen_at != RW_NEVER)
		seen_at -= rw_watch_stood_still(&published->watch, facts->now,
										facts->wall);

	/* The worker saw the last message, unless one has come since. */
	if (rw_message_is_real(receiver) &&
		receiver->receipt_time != upstream->receipt_time &&
		rw_message_counts(receiver->latest_end, upstream, facts->now))
	{
		RwTime		at = facts->now -
			Max(facts->wall - receiver->receipt_time, 0);

		return Max(at, seen_at);
	}
	return seen_at;
}

void
rw_fill_upstream(RwLink *link, const RwFacts *facts,
				 const RwPublished *published)
{
	link->upstream = true;
	/* Attempts to stream come and go beside it. */
	if (published && rw_upstream_feeds_from_archive(&published->upstream,
													&facts->receiver))
		link->state = RW_STATE_ARCHIVE;
	link->position = facts->recovery.replay;
	if (published && published->upstream.parted != RW_NOT_PARTED)
		link->position = Min(link->position, published->upstream.mark);
	link->replay = facts->recovery.replay;
	if (facts->receiver.pid != 0)
	{
		link->sent = facts->receiver.latest_end;
		link->write = facts->receiver.written;
		link->flush = facts->receiver.flushed;
	}
	if (published)
		link->last_seen = rw_last_message(facts, published);
}

/*
 * Has a message come on this connection, within the time in which one is due?
 */
static bool
has_recent_message(const RwLink *link, const RwFacts *facts,
				   const RwPublished *published)
{
	return rw_upstream_streams(&facts->receiver) &&
		link->last_seen != RW_NEVER &&
		facts->now - link->last_seen <
		rw_allowed_silence(&published->upstream, &facts->receiver);
}

bool
rw_upstream_is_cut_off(const RwLink *link, const RwFacts *facts,
					   const RwPublished *published)
{
	/* A standby that is fed from the archive alone has no upstream to ask. */
	if (link->state != RW_STATE_STREAMING)
		return facts->receiver.has_conninfo ||
			!facts->receiver.has_restore_command;
	if (link->last_seen == RW_NEVER || !rw_message_is_real(&facts->receiver))
		return true;
	if (rw_silence_is_normal(&published->upstream, &facts->receiver))
		return false;
	return !has_recent_message(link, facts, published);
}

bool
rw_upstream_is_incomplete(const RwFacts *facts, const RwPublished *published)
{
	return published->upstream.catchup_target > facts->horizon;
}

/* The age of the last replayed commit, on the primary's clock; -1 if none. */
static int64
commit_age(const RwFacts *facts)
{
	if (facts->recovery.latest_commit_time == 0)
		return -1;
	return Max(facts->wall - facts->recovery.latest_commit_time, 0);
}

RwTime
rw_archived_commit(const RwFacts *facts, const RwUpstream *upstream)
{
	return rw_archive_commit(&upstream->archive, facts,
							 rw_upstream_streams(&facts->receiver));
}

/*
 * What is read here may have been stale since this standby went on beyond the
 * mark or, if it has nothing beyond it, since the upstream server was last
 * heard of.  An upstream server that has lost WAL may have parted before the
 * mark, having written WAL until we saw where its WAL ended.  How much WAL there
 * is on the upstream server's history is known only on our own timeline.
 */
static void
measure_parted(RwLink *link, const RwFacts *facts,
			   const RwUpstream *upstream)
{
	if (link->lag_bytes <= 0)
		link->lag = link->last_seen != RW_NEVER ?
			facts->now - link->last_seen : -1;
	link->lag_bytes = -1;
	if (upstream->parted == RW_AHEAD && upstream->latest_end > upstream->mark)
		link->lag_bytes = upstream->latest_end - upstream->mark;
	if (upstream->parted == RW_AHEAD && upstream->lost_wal)
		link->bound = RW_BOUND_AT_LEAST;
	else if (link->bound == RW_BOUND_EXACT)
		link->bound = RW_BOUND_AT_MOST;
}

void
rw_measure_upstream(RwLink *link, const RwFacts *facts,
					const RwPublished *published)
{
	const RwUpstream *upstream = &published->upstream;
	RwTime		proof;

	if (upstream->parted != RW_NOT_PARTED)
	{
		measure_parted(link, facts, upstream);
		return;
	}

	/*
	 * WAL that has not been received may be much older than what has been
	 * received.  At worst it has been missing since the last moment at which
	 * nothing was, or since the last commit that came from the archive.
	 */
	if (rw_upstream_is_incomplete(facts, published))
	{
		int64		lag;

		proof = Max(upstream->complete_at, rw_archived_commit(facts, upstream));
		lag = proof != RW_NEVER ? facts->now - proof : commit_age(facts);

		link->lag_bytes = upstream->reported - link->position;
		if (lag < 0 || lag > link->lag)
		{
			link->lag = lag;
			link->bound = RW_BOUND_AT_MOST;
		}
		return;
	}

	/* WAL that is known to be missing has been dated from the history. */
	if (link->lag_bytes != 0)
		return;

	/* The upstream server itself says that there is no more. */
	if (has_recent_message(link, facts, published))
		return;

	/* Nobody says so, and where silence is normal nothing is known. */
	link->lag = -1;
	link->bound = RW_BOUND_AT_MOST;
	if (rw_upstream_streams(&facts->receiver) &&
		rw_silence_is_normal(upstream, &facts->receiver))
		return;
	proof = Max(link->last_seen, rw_archived_commit(facts, upstream));
	link->lag = proof != RW_NEVER ? facts->now - proof : commit_age(facts);
}
