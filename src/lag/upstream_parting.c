/*-------------------------------------------------------------------------
 *
 * upstream_parting.c
 *	  Whether a standby has WAL that its upstream server does not have.
 *
 * The messages of the upstream server show where its WAL ends, and so do the
 * errors with which it refuses to send.  A history file shows that some server
 * has left this standby's timeline, which need not be the one that it follows.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/lag/upstream.h"

/* Two messages that say the same of the upstream's WAL are so far apart. */
#define BEHIND_AFTER		(1 * RW_SECOND)

/*
 * A stream of a timeline that was left ends as soon as all of it was sent.
 * One that goes on for so long after that is not one.
 */
#define PAST_TIMELINE_END	(3 * RW_SECOND)

/*
 * A standby that has replayed its timeline up to where it was left looks for
 * the next one at each retry.  One that follows none, or has not found it for
 * so long, stays.
 */
#define STAYS_AFTER			(1 * RW_SECOND)
#define STAYS_AFTER_SEARCH	(30 * RW_SECOND)

bool
rw_message_counts(uint64 latest_end, const RwUpstream *upstream, RwTime now)
{
	if (upstream->parted == RW_DIVERGED || upstream->parted == RW_LEFT_BEHIND)
		return false;
	return upstream->left_at == 0 ||
		latest_end > upstream->left_at ||
		(upstream->caught_up_since != RW_NEVER &&
		 now - upstream->caught_up_since >= PAST_TIMELINE_END);
}

static void
part(RwUpstream *upstream, RwParted parted, uint64 mark)
{
	upstream->parted = parted;
	upstream->mark = mark;
}

/*
 * The WAL on our timeline of the upstream server `follows` ends at `end`, which
 * we are past.
 */
static void
get_ahead(RwUpstream *upstream, uint32 follows, uint64 end)
{
	if (upstream->parted == RW_AHEAD)
		return;
	part(upstream, RW_AHEAD, end);
	upstream->ahead_to = upstream->replay;
	upstream->lost_wal = follows != 0 && upstream->in_step_with == follows;
}

/*
 * Does a message of this connection say where the upstream server's WAL on our
 * timeline ends?
 */
static bool
end_is_known(const RwFacts *facts)
{
	const RwReceiverFacts *receiver = &facts->receiver;

	return receiver->pid != 0 && receiver->state == RW_RECEIVER_STREAMING &&
		receiver->tli == facts->recovery.replay_tli &&
		receiver->send_time != receiver->receipt_time &&
		receiver->latest_end != InvalidXLogRecPtr;
}

/*
 * The upstream server has all our WAL, and sends what comes after it.  If it
 * once did not have WAL that it had sent us, it may have written other WAL
 * under the same LSNs, which its end does not show.  Replay does: it goes on
 * only if the next record says that the one before it is where ours is.
 */
static void
note_in_step(RwUpstream *upstream, const RwReceiverFacts *receiver)
{
	if (upstream->parted == RW_AHEAD && upstream->lost_wal &&
		receiver->upstream == upstream->in_step_with &&
		upstream->replay <= upstream->ahead_to)
		return;
	part(upstream, RW_NOT_PARTED, 0);
	upstream->lost_wal = false;
	upstream->in_step_with = receiver->upstream;
}

/*
 * A message says that the upstream server's WAL ends behind what we have
 * replayed.  While a walsender catches up, its keepalive has only the end of
 * what was sent, so it takes another message that says the same a while later.
 */
static void
follow_behind(RwUpstream *upstream, const RwFacts *facts)
{
	const RwReceiverFacts *receiver = &facts->receiver;

	if (upstream->behind_end != receiver->latest_end)
	{
		upstream->behind_end = receiver->latest_end;
		upstream->behind_since = facts->now;
		upstream->behind_message = receiver->send_time;
	}
	else if (receiver->send_time != upstream->behind_message &&
			 facts->now - upstream->behind_since >= BEHIND_AFTER)
		get_ahead(upstream, receiver->upstream, receiver->latest_end);
}

void
rw_follow_parting(RwUpstream *upstream, const RwFacts *facts)
{
	const RwReceiverFacts *receiver = &facts->receiver;
	uint64		replay = facts->recovery.replay;
	uint64		left_at = facts->left_at;
	bool		known = end_is_known(facts);
	uint64		end = receiver->latest_end;
	bool		past_end;
	bool		no_more;

	/* WAL of our timeline beyond it shows that the upstream has not left it. */
	if (known && left_at != 0 && end > left_at)
		upstream->refuted_at = left_at;
	if (left_at == upstream->refuted_at)
		left_at = 0;

	if (!known || facts->horizon < end)
		upstream->caught_up_since = RW_NEVER;
	else if (upstream->caught_up_since == RW_NEVER)
		upstream->caught_up_since = facts->now;

	upstream->left_at = left_at;
	/* Replay that is paused looks for no timeline. */
	if (left_at == 0 || replay < left_at ||
		facts->recovery.pause_state != RW_PAUSE_NONE)
		upstream->left_since = RW_NEVER;
	else if (upstream->left_since == RW_NEVER)
		upstream->left_since = facts->now;

	/* The stream of a timeline that was left ends soon after its last WAL. */
	past_end = known && left_at != 0 && end <= left_at &&
		(upstream->caught_up_since == RW_NEVER ||
		 facts->now - upstream->caught_up_since < PAST_TIMELINE_END);
	/* A receiver waits for a position only where its timeline has ended. */
	no_more = receiver->pid != 0 && receiver->state == RW_RECEIVER_WAITING &&
		receiver->tli == facts->recovery.replay_tli;

	if (!known || past_end || end >= replay)
		upstream->behind_end = 0;
	if (known && !past_end && end >= replay)
	{
		note_in_step(upstream, receiver);
		upstream->left_since = RW_NEVER;
		return;
	}

	if (known && !past_end)
		follow_behind(upstream, facts);
	else if (left_at != 0 && replay > left_at)
	{
		if (past_end || no_more || upstream->not_in_history)
			part(upstream, RW_DIVERGED, left_at);
	}
	else if (upstream->left_since != RW_NEVER &&
			 !(upstream->refused && upstream->refusal[0] != '\0'))
	{
		RwTime		stays_after = receiver->follows_latest ?
			STAYS_AFTER_SEARCH : STAYS_AFTER;

		if (facts->now - upstream->left_since >= stays_after)
			part(upstream, RW_LEFT_BEHIND, left_at);
	}
	else if (upstream->parted == RW_DIVERGED ||
			 upstream->parted == RW_LEFT_BEHIND)
		part(upstream, RW_NOT_PARTED, 0);
}

/*
 * The LSNs in the error of an upstream server that refuses to send WAL show
 * why it does.  Two are the LSN asked for, which is beyond the end of its WAL,
 * and that end.  One alone is the LSN asked for, which is not in its history.
 */
void
rw_follow_refusal(RwUpstream *upstream, const RwFacts *facts,
				  const RwEndedFacts *ended)
{
	uint64		first = ended->lsns[0];
	uint64		second = ended->lsns[1];

	if (ended->nlsns == 2 && first != second &&
		Max(first, second) <= facts->recovery.replay)
		get_ahead(upstream, ended->upstream, Min(first, second));
	upstream->refused = true;
	upstream->not_in_history = ended->nlsns == 1 &&
		first <= facts->recovery.replay;
}

bool
rw_upstream_forget(RwUpstream *upstream)
{
	if (upstream->parted == RW_NOT_PARTED)
		return false;
	part(upstream, RW_NOT_PARTED, 0);
	upstream->lost_wal = false;
	upstream->in_step_with = 0;
	upstream->behind_end = 0;
	upstream->refused = upstream->not_in_history = false;
	return true;
}
