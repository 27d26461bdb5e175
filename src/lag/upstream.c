/*-------------------------------------------------------------------------
 *
 * upstream.c
 *	  What a round of the worker learns of the link to the upstream server.
 *
 * One look shows a link as it is; since when, and what silence on it means,
 * shows only from one look to the next.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "replication/walreceiver.h"

#include "src/lag/lag.h"
#include "src/lag/lag_upstream.h"
#include "src/lag/upstream.h"
#include "src/settings.h"

/* Messages without WAL that come closer to others than this are ours. */
#define QUICK_MESSAGE		(2 * RW_SECOND)

/* So many of them in a row show an upstream that tends its walsenders. */
#define QUICK_MESSAGES		3

/*
 * A standby that catches up knows of WAL that it has not received, for each
 * message tells where the upstream server's WAL ends.  One mark at a time
 * follows that: when the WAL up to it is here, nothing was missing at the
 * moment when it was set, and the next one is set.
 */
static void
follow_told(RwUpstream *upstream, const RwFacts *facts)
{
	TimeLineID	tli = Max(facts->receiver.tli, facts->tli);

	/* What an old timeline's upstream told is not true of the new one. */
	if (tli != upstream->reported_tli)
	{
		upstream->reported_tli = tli;
		upstream->reported_since = facts->wall;
		upstream->reported = upstream->catchup_target = 0;
		upstream->catchup_target_at = RW_NEVER;
	}
	if (facts->receiver.tli == tli &&
		upstream->receipt_time > upstream->reported_since)
		upstream->reported = Max(upstream->reported, upstream->latest_end);

	if (upstream->catchup_target > facts->horizon)
		return;
	if (upstream->catchup_target_at != RW_NEVER)
		upstream->complete_at = upstream->catchup_target_at;
	upstream->catchup_target = upstream->reported;
	upstream->catchup_target_at = upstream->message_at;
}

/*
 * Follow how the link is.  A connection on which nothing comes, though
 * something should, does not stream.  A standby that has not streamed since it
 * started and still replays its way through the archive is not cut off.
 */
static void
follow_state(RwUpstream *upstream, const RwFacts *facts)
{
	bool		connected =
		rw_upstream_state(&facts->receiver) == RW_STATE_STREAMING;
	RwTime		heard_at;

	if (!connected)
		upstream->streaming_since = RW_NEVER;
	else if (upstream->streaming_since == RW_NEVER)
		upstream->streaming_since = facts->now;

	heard_at = Max(upstream->message_at, upstream->streaming_since);
	if (connected &&
		(facts->now - heard_at < rw_allowed_silence(upstream) ||
		 (wal_receiver_timeout == 0 && !upstream->tended)))
	{
		upstream->down_since = RW_NEVER;
		if (facts->now - upstream->streaming_since >=
			rw_known_after_s * RW_SECOND)
			upstream->settled = true;
	}
	else if (upstream->down_since == RW_NEVER)
		upstream->down_since = connected ? heard_at : facts->now;
	else if (!upstream->streamed)
		upstream->down_since = Max(upstream->down_since,
								   upstream->replay_moved_at);
	upstream->streamed |= upstream->streaming_since != RW_NEVER;

	if (facts->recovery.pause_state != RW_PAUSE_PAUSED)
		upstream->paused_since = RW_NEVER;
	else if (upstream->paused_since == RW_NEVER)
		upstream->paused_since = facts->now;
}

/*
 * Follow the messages from upstream.  Core sends one without WAL only after a
 * long silence, or when asked after one; so some that come soon after others
 * show that the upstream server tends its walsenders.  A message has no WAL
 * for certain only if nothing was written since the last look: the end of WAL
 * that it tells stays the same throughout a burst.  On a busy link such
 * messages are not seen; what was learned is therefore kept when the receiver
 * changes, until a message of whatever kind comes late.
 */
void
rw_follow_upstream(RwUpstream *upstream, const RwFacts *facts)
{
	const RwReceiverFacts *receiver = &facts->receiver;

	if (!facts->in_recovery)
	{
		memset(upstream, 0, sizeof(RwUpstream));
		return;
	}

	if (facts->recovery.replay > upstream->replay)
		upstream->replay_moved_at = facts->now;
	upstream->replay = facts->recovery.replay;
	rw_rate_add(&upstream->replay_rate, upstream->replay, facts->now);

	if (receiver->pid != upstream->receiver_pid)
	{
		upstream->receiver_pid = receiver->pid;
		upstream->quick_messages = -1;	/* the first has none before it */
	}
	if (rw_message_is_real(receiver, upstream) &&
		(receiver->receipt_time != upstream->receipt_time ||
		 receiver->send_time != upstream->send_time))
	{
		RwTime		at = facts->now - Max(facts->wall - receiver->receipt_time, 0);

		if (at < upstream->message_at)
			at = upstream->message_at;
		if (upstream->quick_messages < 0)
			upstream->quick_messages = 0;
		else if (at - upstream->message_at >= QUICK_MESSAGE)
		{
			upstream->quick_messages = 0;
			upstream->tended = false;
		}
		else if (receiver->send_time > receiver->latest_end_time &&
				 receiver->written == upstream->written &&
				 ++upstream->quick_messages >= QUICK_MESSAGES)
			upstream->tended = true;
		upstream->message_at = at;
		upstream->written = receiver->written;
		upstream->send_time = receiver->send_time;
		upstream->receipt_time = receiver->receipt_time;
		upstream->latest_end = receiver->latest_end;
	}
	follow_state(upstream, facts);
	follow_told(upstream, facts);
}
