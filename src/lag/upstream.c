/*-------------------------------------------------------------------------
 *
 * upstream.c
 *	  What the worker learns of the link to the upstream server over time.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/lag/upstream.h"

/* An upstream server that sends a keepalive each second has missed three. */
#define TENDED_SILENCE		(3 * RW_SECOND)

/* A message without WAL that follows another within this time is quick. */
#define QUICK_MESSAGE		(2 * RW_SECOND)

/* So many in a row show that the upstream server tends its walsenders. */
#define QUICK_MESSAGES		3

RwLinkState
rw_upstream_state(const RwReceiverFacts *receiver)
{
	if (receiver->pid != 0 && receiver->state == RW_RECEIVER_STREAMING)
		return RW_STATE_STREAMING;
	if (receiver->pid != 0 && receiver->state == RW_RECEIVER_WAITING)
		return RW_STATE_WAITING;
	/* A receiver that the postmaster is about to start has no pid yet. */
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
	 * A starting receiver sets all its times to one value, its own.  The
	 * times of a receiver that has ended stay, and may be newer than the last
	 * sample.
	 */
	if (receiver->send_time != receiver->receipt_time)
		return true;
	return receiver->pid != 0 && receiver->state == RW_RECEIVER_STREAMING &&
		receiver->latest_end > upstream->latest_end;
}

int64
rw_allowed_silence(const RwUpstream *upstream,
				   const RwReceiverFacts *receiver)
{
	if (upstream->tended)
		return TENDED_SILENCE;
	/* After half its timeout a receiver asks for a message. */
	if (receiver->timeout_ms > 0)
		return receiver->timeout_ms * RW_MS / 2 + 5 * RW_SECOND;
	/* Without a timeout it never asks. */
	return RW_SECOND;
}

bool
rw_silence_is_normal(const RwUpstream *upstream,
					 const RwReceiverFacts *receiver)
{
	return receiver->timeout_ms == 0 && !upstream->tended;
}

/* Follow the last message, and whether the upstream tends its walsenders. */
static void
follow_messages(RwUpstream *upstream, const RwFacts *facts)
{
	const RwReceiverFacts *receiver = &facts->receiver;
	RwTime		at;

	if (receiver->pid != upstream->receiver_pid)
	{
		upstream->receiver_pid = receiver->pid;
		/* The first message of a connection follows none. */
		upstream->quick_messages = -1;
	}
	if (!rw_message_is_real(receiver, upstream) ||
		(receiver->receipt_time == upstream->receipt_time &&
		 receiver->send_time == upstream->send_time))
		return;

	at = facts->now - Max(facts->wall - receiver->receipt_time, 0);
	at = Max(at, upstream->message_at);

	/*
	 * Core sends a message without WAL only after a long silence, or when the
	 * receiver asked for one after such a silence.  Several that follow other
	 * messages quickly show that the upstream server tends its walsenders.
	 *
	 * A message is certain to have no WAL only if nothing was written since
	 * the last look, because the end of WAL that messages report stays the
	 * same throughout a burst.  On a busy link no such messages are seen, so
	 * what was learned is kept when the receiver changes, until a message of
	 * any kind comes late.
	 */
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

/* Follow since when the link streams or is down, and replay is paused. */
static void
follow_link_state(RwUpstream *upstream, const RwFacts *facts,
				  int64 known_after)
{
	const RwReceiverFacts *receiver = &facts->receiver;
	bool		connected = rw_upstream_state(receiver) == RW_STATE_STREAMING;
	RwTime		heard_at;

	if (!connected)
		upstream->streaming_since = RW_NEVER;
	else if (upstream->streaming_since == RW_NEVER)
		upstream->streaming_since = facts->now;

	/*
	 * A connection on which messages are overdue is down, too.  A standby
	 * that has not streamed since it started is not, as long as it replays
	 * its way through the archive.
	 */
	heard_at = Max(upstream->message_at, upstream->streaming_since);
	if (connected &&
		(facts->now - heard_at < rw_allowed_silence(upstream, receiver) ||
		 rw_silence_is_normal(upstream, receiver)))
	{
		upstream->down_since = RW_NEVER;
		if (facts->now - upstream->streaming_since >= known_after)
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
 * Follow how complete the WAL of this standby is.  Each message reports the
 * end of the upstream server's WAL, so a standby that catches up knows of WAL
 * that it has not received.  One target at a time follows that: once the WAL
 * up to it is here, nothing was missing at the moment when it was set, and
 * the next target is set.
 */
static void
follow_reported_end(RwUpstream *upstream, const RwFacts *facts)
{
	TimeLineID	tli = Max(facts->receiver.tli, facts->tli);

	/* What was reported of the old timeline is not true of the new one. */
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

void
rw_follow_upstream(RwUpstream *upstream, const RwFacts *facts,
				   int64 known_after)
{
	if (!facts->in_recovery)
	{
		memset(upstream, 0, sizeof(RwUpstream));
		return;
	}

	if (facts->recovery.replay > upstream->replay)
		upstream->replay_moved_at = facts->now;
	upstream->replay = facts->recovery.replay;
	rw_rate_add(&upstream->replay_rate, upstream->replay, facts->now);

	follow_messages(upstream, facts);
	follow_link_state(upstream, facts, known_after);
	follow_reported_end(upstream, facts);
}
