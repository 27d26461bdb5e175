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

/* WAL that is not here so long after it was reported comes late. */
#define LATE_AFTER			(500 * RW_MS)

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
rw_message_is_real(const RwReceiverFacts *receiver)
{
	/*
	 * A starting receiver sets all its times to one value, and its end of WAL
	 * to its own.
	 */
	return receiver->send_time != receiver->receipt_time;
}

bool
rw_upstream_streams(const RwReceiverFacts *receiver)
{
	return rw_upstream_state(receiver) == RW_STATE_STREAMING &&
		rw_message_is_real(receiver);
}

bool
rw_upstream_feeds_from_archive(const RwUpstream *upstream,
							   const RwReceiverFacts *receiver)
{
	return receiver->has_restore_command && !rw_upstream_streams(receiver) &&
		(!receiver->has_conninfo || upstream->archive.came_at != RW_NEVER);
}

bool
rw_upstream_refuses(const RwUpstream *upstream, RwTime now)
{
	return rw_attempts_count(&upstream->attempts, now) >= RW_ATTEMPTS_REFUSED;
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

RwTime
rw_record_begun_at(const RwFacts *facts, const RwUpstream *upstream)
{
	if (upstream->begun_at == RW_NEVER)
		return RW_NEVER;
	return upstream->begun == facts->recovery.begun ?
		upstream->begun_at : facts->now;
}

bool
rw_silence_is_normal(const RwUpstream *upstream,
					 const RwReceiverFacts *receiver)
{
	return receiver->timeout_ms == 0 && !upstream->tended;
}

/* A real message from the upstream server. */
typedef struct Message
{
	int			pid;			/* of the receiver it came to; 0: not known */
	TimeLineID	tli;
	TimestampTz send_time;
	TimestampTz receipt_time;
	uint64		latest_end;
	RwTime		at;				/* when it came */
} Message;

/* Is it of the timeline that WAL is received of now, and reports its end? */
static bool
is_of_timeline(const Message *message, const RwUpstream *upstream)
{
	return message->tli == upstream->reported_tli &&
		message->receipt_time > upstream->reported_since;
}

/* WAL up to this LSN, as far as it is not here, comes later than written. */
static void
expect_late(RwUpstream *upstream, uint64 end)
{
	/* Until what has come late before is replayed, that is the older. */
	if (upstream->replay >= upstream->late_end)
		upstream->late_proof = upstream->complete_at;
	upstream->late_end = Max(upstream->late_end, end);
}

/*
 * Keep what a message says.  If it came before the last one, or seems to have,
 * only the end of WAL that it reports may be news.
 */
static void
keep_message(RwUpstream *upstream, const Message *message)
{
	/* The keepalive of a walsender that catches up ends at what was sent. */
	if (is_of_timeline(message, upstream) &&
		message->latest_end >= upstream->reported)
	{
		upstream->reported = message->latest_end;
		upstream->reported_at = Max(upstream->reported_at, message->at);
	}
	if (message->at < upstream->message_at)
		return;
	if (message->pid != 0 && message->pid != upstream->message_pid)
	{
		upstream->message_pid = message->pid;
		upstream->contact_end = message->latest_end;
		expect_late(upstream, message->latest_end);
	}
	upstream->message_at = message->at;
	upstream->send_time = message->send_time;
	upstream->receipt_time = message->receipt_time;
	upstream->latest_end = message->latest_end;
}

/* Follow the last message, and whether the upstream tends its walsenders. */
static void
follow_messages(RwUpstream *upstream, const RwFacts *facts)
{
	const RwReceiverFacts *receiver = &facts->receiver;
	Message		message = {
		receiver->pid, receiver->tli, receiver->send_time,
		receiver->receipt_time, receiver->latest_end,
		facts->now - Max(facts->wall - receiver->receipt_time, 0)
	};

	if (receiver->pid != upstream->receiver_pid)
	{
		upstream->receiver_pid = receiver->pid;
		/* The first message of a connection follows none. */
		upstream->quick_messages = -1;
	}
	if (!rw_message_is_real(receiver) ||
		(receiver->receipt_time == upstream->receipt_time &&
		 receiver->send_time == upstream->send_time) ||
		!rw_message_counts(receiver->latest_end, upstream, facts->now))
		return;
	/* One that has ended leaves its times, and has left a note of them. */
	upstream->message_came = receiver->pid != 0;
	upstream->refused = upstream->not_in_history = false;

	/*
	 * Core sends a message without WAL only after a long silence, or when the
	 * receiver asked for one after such a silence.  Several that follow other
	 * messages quickly show that the upstream server tends its walsenders.
	 *
	 * A message is certain to have no WAL only if nothing was written since
	 * the last look, because the end of WAL that messages report stays the
	 * same throughout a burst.  On a busy link no such messages are seen, so
	 * what was learned is kept when the receiver changes, until a message of
	 * any kind comes late.  One that comes after nobody has watched is not.
	 */
	if (upstream->quick_messages < 0)
		upstream->quick_messages = 0;
	else if (message.at - Max(upstream->message_at, facts->watch.resumed_at) >=
			 QUICK_MESSAGE)
	{
		upstream->quick_messages = 0;
		upstream->tended = false;
	}
	else if (receiver->send_time > receiver->latest_end_time &&
			 receiver->written == upstream->written &&
			 ++upstream->quick_messages >= QUICK_MESSAGES)
		upstream->tended = true;

	upstream->written = receiver->written;
	keep_message(upstream, &message);
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
	 * A connection on which messages are overdue is down, too, and so is one
	 * on which none has come yet: it may be refused.  Down it is since the
	 * last message.  A standby that has not streamed since it started is not
	 * down as long as it replays its way through the archive, up to its end.
	 */
	heard_at = upstream->message_at;
	if (connected && upstream->quick_messages >= 0 &&
		(facts->now - heard_at < rw_allowed_silence(upstream, receiver) ||
		 rw_silence_is_normal(upstream, receiver)))
	{
		upstream->down_since = RW_NEVER;
		upstream->streamed = true;
		if (facts->now - upstream->streaming_since >= known_after)
			upstream->settled = true;
	}
	else if (upstream->down_since == RW_NEVER)
		upstream->down_since = heard_at != RW_NEVER ? heard_at : facts->now;
	else
	{
		/* It may have been up between two looks. */
		upstream->down_since = Max(upstream->down_since, heard_at);
		if (!upstream->streamed &&
			upstream->archive.end_found_at == RW_NEVER)
			upstream->down_since = Max(upstream->down_since,
									   upstream->replay_moved_at);
	}

	if (facts->recovery.pause_state != RW_PAUSE_PAUSED)
		upstream->paused_since = RW_NEVER;
	else if (upstream->paused_since == RW_NEVER)
		upstream->paused_since = facts->now;
}

/*
 * Follow the timeline.  Reports about the old one are not true of the new one.
 */
static void
follow_timeline(RwUpstream *upstream, const RwFacts *facts)
{
	TimeLineID	tli = Max(facts->receiver.tli, facts->tli);

	if (tli == upstream->reported_tli)
		return;
	/* At the first look there is no old one. */
	upstream->reported_since = upstream->reported_tli != 0 ? facts->wall : 0;
	upstream->reported_tli = tli;
	upstream->reported = upstream->catchup_target = 0;
	upstream->first_reported = 0;
	upstream->catchup_target_at = RW_NEVER;
	upstream->reported_at = upstream->replay_target_at = RW_NEVER;
}

/*
 * Follow how complete the WAL of this standby is.  Each message reports the
 * end of the upstream server's WAL, so a standby that catches up knows of WAL
 * that it has not received.  One target at a time follows that: once the WAL
 * up to it is here, nothing was missing at the moment when it was set, and
 * the next target is set.
 */
static void
follow_catchup(RwUpstream *upstream, const RwFacts *facts)
{
	if (upstream->catchup_target > facts->horizon ||
		upstream->parted != RW_NOT_PARTED)
		return;
	if (upstream->catchup_target_at != RW_NEVER)
		upstream->complete_at = upstream->catchup_target_at;
	upstream->catchup_target = upstream->reported;
	upstream->catchup_target_at = upstream->message_at;
}

/*
 * Follow up to when all is replayed, likewise: what was reported then.  In step
 * that is as of the last message.
 */
static void
follow_proof(RwUpstream *upstream, const RwFacts *facts)
{
	if (upstream->parted != RW_NOT_PARTED)
		return;
	if (upstream->catchup_target > facts->horizon &&
		upstream->catchup_target_at != RW_NEVER &&
		facts->now - upstream->catchup_target_at > LATE_AFTER)
		expect_late(upstream, upstream->reported);

	if (upstream->replay_target_at != RW_NEVER &&
		rw_upstream_has_replayed(upstream, facts, upstream->replay_target))
	{
		upstream->proven_at = upstream->replay_target_at;
		upstream->replay_target_at = RW_NEVER;
	}
	if (upstream->replay_target_at != RW_NEVER ||
		upstream->reported_at == RW_NEVER)
		return;
	if (rw_upstream_has_replayed(upstream, facts, upstream->reported))
		upstream->proven_at = upstream->reported_at;
	else
	{
		upstream->replay_target = upstream->reported;
		upstream->replay_target_at = upstream->reported_at;
	}
}

StaticAssertDecl(RW_REFUSAL_LEN == RW_ENDED_MESSAGE_LEN,
				 "a message can be copied");

/*
 * Take the last message of a receiver that has ended, as it has noted it, which
 * may have come after the last look.
 */
static void
take_last_message(RwUpstream *upstream, const RwFacts *facts,
				  const RwEndedFacts *ended)
{
	const Message message = {
		ended->pid, ended->tli, ended->send_time, ended->receipt_time,
		ended->latest_end, Min(ended->received_at, facts->now)
	};

	upstream->refused = upstream->not_in_history = false;

	/*
	 * It shows that nothing was missing then only together with the end of WAL
	 * that it reports.
	 */
	if (!is_of_timeline(&message, upstream))
		return;
	upstream->streamed = true;
	if (message.receipt_time != upstream->receipt_time ||
		message.send_time != upstream->send_time)
		keep_message(upstream, &message);
}

/* Follow a receiver that has ended: was it refused? */
static void
follow_end(RwUpstream *upstream, const RwFacts *facts,
		   const RwEndedFacts *ended)
{
	if (ended->send_time != ended->receipt_time &&
		rw_message_counts(ended->latest_end, upstream, facts->now))
		take_last_message(upstream, facts, ended);
	else if (!upstream->message_came && ended->connected)
	{
		rw_attempts_add(&upstream->attempts, facts->now);
		memcpy(upstream->refusal, ended->message, RW_REFUSAL_LEN);
		rw_follow_refusal(upstream, facts, ended);
	}
	upstream->message_came = false;
}

/*
 * Follow the receivers that have ended since the last round, and the one that
 * was seen in this one, in the order in which they ran.  That one comes last,
 * unless it has ended since it was seen.
 */
static void
follow_receivers(RwUpstream *upstream, const RwFacts *facts)
{
	bool		followed = false;

	for (int i = 0; i < facts->nended; i++)
	{
		const RwEndedFacts *ended = &facts->ended[i];

		if (!ended->receiver)
			continue;
		if (ended->pid == facts->receiver.pid && !followed)
		{
			follow_messages(upstream, facts);
			followed = true;
		}
		follow_end(upstream, facts, ended);
	}
	if (!followed)
		follow_messages(upstream, facts);
}

/* Follow how far replay has got, and whether there is a record to replay. */
static void
follow_replay(RwUpstream *upstream, const RwFacts *facts)
{
	XLogRecPtr	replay = facts->recovery.replay;

	if (replay > upstream->replay)
		upstream->replay_moved_at = facts->now;
	if (facts->recovery.begun != upstream->begun)
	{
		upstream->begun = facts->recovery.begun;
		upstream->begun_at = facts->now;
	}
	if (replay != upstream->replay)
		upstream->waited_at = RW_NEVER;
	if (facts->recovery.waits_for_wal && replay < facts->horizon)
		upstream->waited_at = facts->now;
	upstream->replay = replay;
	upstream->horizon = facts->horizon;
	upstream->partial = facts->recovery.partial;
	rw_rate_add(&upstream->replay_rate, replay, facts->now);
}

uint64
rw_complete_wal(const RwUpstream *upstream, const RwFacts *facts)
{
	if (facts->in_recovery && upstream->partial &&
		upstream->replay == facts->recovery.replay &&
		upstream->horizon == facts->horizon)
		return upstream->replay;
	return facts->horizon;
}

bool
rw_upstream_has_replayed(const RwUpstream *upstream, const RwFacts *facts,
						 uint64 lsn)
{
	return facts->horizon >= lsn &&
		facts->recovery.replay >= Min(lsn, rw_complete_wal(upstream, facts));
}

/* Make a moment that is known from before the clock stood still older. */
static void
age_moment(RwTime *moment, int64 stood_still)
{
	if (*moment != RW_NEVER)
		*moment -= stood_still;
}

/* Nobody has watched since the last round. */
static void
leave_out_gap(RwUpstream *upstream, const RwWatch *watch)
{
	if (upstream->streaming_since != RW_NEVER)
		upstream->streaming_since += watch->unwatched;
	rw_rate_init(&upstream->replay_rate);

	/* What shows how stale this standby can be. */
	age_moment(&upstream->message_at, watch->stood_still);
	age_moment(&upstream->catchup_target_at, watch->stood_still);
	age_moment(&upstream->complete_at, watch->stood_still);
	age_moment(&upstream->reported_at, watch->stood_still);
	age_moment(&upstream->replay_target_at, watch->stood_still);
	age_moment(&upstream->late_proof, watch->stood_still);
	age_moment(&upstream->proven_at, watch->stood_still);
	age_moment(&upstream->archive.commit_at, watch->stood_still);
}

/*
 * Note when this standby is in step for the first time.  One that is always a
 * little behind, or catches up for hours, only has to come to where the
 * upstream server was at first contact: from then on its lag is known.
 *
 * Where the stream does not come, WAL may come from the archive.  Finding its
 * end proves nothing there, for the archive may be out of reach as well; that
 * it goes on does.  A standby that has only the archive cannot know better.
 *
 * One that waits for recovery_min_apply_delay has everything that was committed
 * that long ago, by the primary's clock.  It need not have a receiver: that is
 * started only when there is no WAL left to replay.
 */
static void
follow_in_step(RwUpstream *upstream, const RwFacts *facts)
{
	const RwRecoveryFacts *recovery = &facts->recovery;
	uint64		target;

	if (upstream->was_in_step || upstream->parted != RW_NOT_PARTED)
		return;
	/* An upstream server that is behind this one may have parted from it. */
	if (upstream->first_reported == 0 &&
		upstream->reported >= recovery->replay)
		upstream->first_reported = upstream->reported;
	target = upstream->first_reported;

	if (target != 0 && facts->horizon >= target &&
		recovery->replay >= Min(target, rw_complete_wal(upstream, facts)))
		upstream->was_in_step = true;
	else if (recovery->waits_for_delay)
		upstream->was_in_step = true;
	else if (facts->receiver.has_restore_command &&
			 (facts->receiver.has_conninfo ?
			  upstream->archive.came_at : upstream->archive.end_found_at) !=
			 RW_NEVER)
		upstream->was_in_step = true;
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

	if (rw_watch_resumed(&facts->watch))
		leave_out_gap(upstream, &facts->watch);
	follow_replay(upstream, facts);
	rw_follow_parting(upstream, facts);
	follow_timeline(upstream, facts);
	follow_receivers(upstream, facts);
	rw_follow_archive(&upstream->archive, facts,
					  rw_upstream_streams(&facts->receiver));
	follow_link_state(upstream, facts, known_after);
	follow_catchup(upstream, facts);
	follow_proof(upstream, facts);
	follow_in_step(upstream, facts);
}
