/*-------------------------------------------------------------------------
 *
 * lag_upstream.c
 *	  The row of a standby's own link.
 *
 * If WAL is known to be missing, the history says since when, whatever holds
 * it back.  If none is, that may be because there is none or because nobody
 * tells: what decides is the age of the last real message.  A walreceiver
 * that starts stamps its fields with its own time, message or not; such a
 * stamp is no message (rw_message_is_real).
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "replication/walreceiver.h"
#include "utils/timestamp.h"

#include "src/base/compat.h"
#include "src/lag/lag_reason.h"
#include "src/lag/lag_upstream.h"

/* An upstream that sends a keepalive each second has missed three. */
#define TENDED_SILENCE		(3 * RW_SECOND)

RwLinkState
rw_upstream_state(const RwReceiverFacts *receiver)
{
	if (receiver->pid != 0 && receiver->state == RW_RECEIVER_STREAMING)
		return RW_STATE_STREAMING;
	if (receiver->pid != 0 && receiver->state == RW_RECEIVER_WAITING)
		return RW_STATE_WAITING;
	if (receiver->state == RW_RECEIVER_CONNECTING)
		return RW_STATE_CONNECTING;
	return receiver->has_restore_command ?
		RW_STATE_ARCHIVE : RW_STATE_DISCONNECTED;
}

bool
rw_message_is_real(const RwReceiverFacts *receiver,
				   const RwUpstream *upstream)
{
	/*
	 * A starting receiver gives all its times one and the same value.  Those
	 * of one that has ended stay, and may be newer than the last sample.
	 */
	if (receiver->send_time != receiver->receipt_time)
		return true;
	return receiver->pid != 0 && receiver->state == RW_RECEIVER_STREAMING &&
		receiver->latest_end > upstream->latest_end;
}

RwTime
rw_last_message(const RwFacts *facts, const RwPublished *published)
{
	const RwReceiverFacts *receiver = &facts->receiver;
	const RwUpstream *upstream = &published->upstream;

	/* The worker saw the latest, unless one came since. */
	if (rw_message_is_real(receiver, upstream) &&
		receiver->receipt_time != upstream->receipt_time)
	{
		RwTime		at = facts->now -
			Max(facts->wall - receiver->receipt_time, 0);

		return Max(at, upstream->message_at);
	}
	return upstream->message_at;
}

void
rw_upstream_fill(RwLink *link, const RwFacts *facts,
				 const RwPublished *published)
{
	link->upstream = true;
	link->position = facts->recovery.replay;
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

int64
rw_allowed_silence(const RwUpstream *upstream)
{
	if (upstream->tended)
		return TENDED_SILENCE;
	/* A receiver that hears nothing asks after half its timeout. */
	if (wal_receiver_timeout > 0)
		return wal_receiver_timeout * RW_MS / 2 + 5 * RW_SECOND;
	/* And never, if it has none. */
	return RW_SECOND;
}

bool
rw_upstream_is_cut_off(const RwLink *link, const RwFacts *facts,
					   const RwPublished *published)
{
	/* Who is fed from the archive alone has nobody who could tell. */
	if (link->state != RW_STATE_STREAMING)
		return facts->receiver.has_conninfo ||
			!facts->receiver.has_restore_command;
	if (link->last_seen == RW_NEVER)
		return true;
	/* Where silence is normal it says nothing at all. */
	if (wal_receiver_timeout == 0 && !published->upstream.tended)
		return false;
	return facts->now - link->last_seen >= rw_allowed_silence(&published->upstream);
}

/* Is there WAL that the upstream server told of long enough ago? */
static bool
is_incomplete(const RwFacts *facts, const RwPublished *published)
{
	return published->upstream.catchup_target > facts->horizon;
}

void
rw_upstream_measure(RwLink *link, const RwFacts *facts,
					const RwPublished *published)
{
	/*
	 * What has not been received may be much older than what has: it is
	 * missing since, at worst, nothing was.
	 */
	if (is_incomplete(facts, published))
	{
		int64		lag = -1;

		if (published->upstream.complete_at != RW_NEVER)
			lag = facts->now - published->upstream.complete_at;
		else if (facts->recovery.latest_commit_time != 0)
			lag = Max(facts->wall - facts->recovery.latest_commit_time, 0);

		link->lag_bytes = published->upstream.reported - link->position;
		if (lag < 0 || lag > link->lag)
		{
			link->lag = lag;
			link->bound = RW_BOUND_AT_MOST;
		}
		return;
	}

	/* What is known to be missing is missing since it was known. */
	if (link->lag_bytes != 0)
		return;

	if (link->state == RW_STATE_STREAMING && link->last_seen != RW_NEVER &&
		facts->now - link->last_seen < rw_allowed_silence(&published->upstream))
		return;

	/*
	 * Nobody says that there is no more.  Where silence is normal it says
	 * nothing at all.
	 */
	link->lag = -1;
	link->bound = RW_BOUND_AT_MOST;
	if (link->state == RW_STATE_STREAMING && wal_receiver_timeout == 0 &&
		!published->upstream.tended)
		return;
	if (link->last_seen != RW_NEVER && facts->receiver.has_conninfo)
		link->lag = facts->now - link->last_seen;
	else if (facts->recovery.latest_commit_time != 0)
		link->lag = Max(facts->wall - facts->recovery.latest_commit_time, 0);
}

static void
explain_hold(RwLink *link, const RwFacts *facts)
{
	const RwRecoveryFacts *recovery = &facts->recovery;
	const char *thing = "another session";
	char		who[RW_MAX_BLOCKERS * 14 + 32] = "";
	int			len = 0;
	int			i;

	switch (recovery->hold)
	{
		case RW_REPLAY_WAIT_NONE:
			return;
		case RW_REPLAY_WAIT_PAUSED:
			rw_give_reason(link, RW_REASON_PAUSED,
						   "replay is paused; run pg_wal_replay_resume()");
			return;
		case RW_REPLAY_WAIT_DELAY:
			rw_give_reason(link, RW_REASON_APPLY_DELAY,
						   "replay waits as recovery_min_apply_delay (%d ms) says",
						   recovery->apply_delay_ms);
			return;
		case RW_REPLAY_WAIT_SNAPSHOT:
			thing = "a snapshot";
			break;
		case RW_REPLAY_WAIT_LOCK:
			thing = "a lock";
			break;
		case RW_REPLAY_WAIT_PIN:
			thing = "a buffer pin";
			break;
		case RW_REPLAY_WAIT_OTHER:
			break;
	}

	for (i = 0; i < recovery->nblockers && len < sizeof(who); i++)
		len += snprintf(who + len, sizeof(who) - len, "%s%d",
						i == 0 ? " of process " : ", ",
						recovery->blockers[i]);
	rw_give_reason(link, RW_REASON_CONFLICT, "replay waits for %s%s%s",
				   thing, who,
				   recovery->nblockers > 0 && recovery->blockers_likely ?
				   " (likely)" : "");
}

void
rw_upstream_explain(RwLink *link, RwFacts *facts,
					const RwPublished *published)
{
	char		duration[RW_DURATION_LEN];
	bool		receiver_down = link->state != RW_STATE_STREAMING;

	if (link->lag_bytes > 0)
	{
		rw_observe_hold(facts);
		explain_hold(link, facts);
		if (link->reason != RW_REASON_NONE)
			return;
	}
	else if (link->lag == 0)
		return;

	if (link->state == RW_STATE_ARCHIVE && !facts->receiver.has_conninfo)
		rw_give_reason(link, RW_REASON_FROM_ARCHIVE,
					   "WAL comes from the archive; how much there is beyond the last replayed commit is not known");
	else if (receiver_down && !facts->receiver.has_conninfo)
		rw_give_reason(link, RW_REASON_RECEIVER_DOWN,
					   "primary_conninfo is not set");
	else if (receiver_down && link->last_seen != RW_NEVER)
		rw_give_reason(link, RW_REASON_RECEIVER_DOWN,
					   "not streaming; last message from upstream %s ago",
					   rw_duration(duration, facts->now - link->last_seen));
	else if (receiver_down)
		rw_give_reason(link, RW_REASON_RECEIVER_DOWN,
					   "not streaming; no message from upstream since server start");
	else if (is_incomplete(facts, published))
		rw_give_reason(link, RW_REASON_REPLAY_BEHIND,
					   "not all WAL of the upstream server has been received yet");
	else if (link->lag_bytes > 0)
		rw_give_reason(link, RW_REASON_REPLAY_BEHIND,
					   "received WAL is being replayed");
	else if (link->last_seen == RW_NEVER)
		rw_give_reason(link, RW_REASON_UPSTREAM_SILENT,
					   "no message from upstream yet");
	else
		rw_give_reason(link, RW_REASON_UPSTREAM_SILENT,
					   "no message from upstream for %s%s",
					   rw_duration(duration, facts->now - link->last_seen),
					   link->lag < 0 ?
					   "; wal_receiver_timeout is 0, so silence tells nothing" :
					   "");
}
