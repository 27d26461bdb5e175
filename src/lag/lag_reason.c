/*-------------------------------------------------------------------------
 *
 * lag_reason.c
 *	  Why a link is behind, and when it will have caught up.
 *
 * Of what is missing on a replica, some has not been sent, some not been
 * flushed there, some not been replayed: the greatest part gives the reason.
 * Nothing is late before it is missing, however long a link was quiet before.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "replication/walsender.h"

#include "src/lag/lag_reason.h"
#include "src/lag/lag_upstream.h"
#include "src/settings.h"

/* A reply that was asked for and is this late is missed. */
#define REPLY_AGE_SILENT	(3 * RW_SECOND)

/* Replay that does not move for this long stands still. */
#define REPLAY_AGE_STUCK	(3 * RW_SECOND)

/* With less time lag than this a replica is not falling behind. */
#define KEEPS_UP			(1 * RW_SECOND)

/* Nor where two rates differ by less: one that is delayed on purpose, say. */
#define CLEARLY_MORE		1.05

static const char *const state_names[] = {
	[RW_STATE_STARTUP] = "startup",
	[RW_STATE_CATCHUP] = "catchup",
	[RW_STATE_STREAMING] = "streaming",
	[RW_STATE_BACKUP] = "backup",
	[RW_STATE_STOPPING] = "stopping",
	[RW_STATE_INACTIVE] = "inactive",
	[RW_STATE_MISSING] = "missing",
	[RW_STATE_LOST] = "lost",
	[RW_STATE_CONNECTING] = "connecting",
	[RW_STATE_WAITING] = "waiting",
	[RW_STATE_ARCHIVE] = "archive",
	[RW_STATE_DISCONNECTED] = "disconnected",
};

static const char *const reason_names[] = {
	[RW_REASON_NONE] = NULL,
	[RW_REASON_NOT_PRELOADED] = "not_preloaded",
	[RW_REASON_SILENT] = "silent",
	[RW_REASON_SENDER_BEHIND] = "sender_behind",
	[RW_REASON_FLUSH_BEHIND] = "flush_behind",
	[RW_REASON_REPLAY_STUCK] = "replay_stuck",
	[RW_REASON_GONE] = "gone",
	[RW_REASON_SLOT_LOST] = "slot_lost",
	[RW_REASON_SHARED_NAME] = "shared_name",
	[RW_REASON_REPLAY_BEHIND] = "replay_behind",
	[RW_REASON_PAUSED] = "paused",
	[RW_REASON_APPLY_DELAY] = "apply_delay",
	[RW_REASON_CONFLICT] = "conflict",
	[RW_REASON_RECEIVER_DOWN] = "receiver_down",
	[RW_REASON_UPSTREAM_SILENT] = "upstream_silent",
	[RW_REASON_FROM_ARCHIVE] = "from_archive",
};

static const char *const bound_names[] = {
	[RW_BOUND_EXACT] = "exact",
	[RW_BOUND_AT_LEAST] = "at least",
	[RW_BOUND_AT_MOST] = "at most",
};

static const char *const health_names[] = {
	[RW_HEALTH_OK] = "ok",
	[RW_HEALTH_UNKNOWN] = "unknown",
	[RW_HEALTH_WARNING] = "warning",
	[RW_HEALTH_CRITICAL] = "critical",
};

StaticAssertDecl(lengthof(state_names) == RW_STATE_DISCONNECTED + 1,
				 "every state has a name");
StaticAssertDecl(lengthof(state_names) <= 16,
				 "a chart keeps states in four bits");
StaticAssertDecl(lengthof(reason_names) == RW_REASON_FROM_ARCHIVE + 1,
				 "every reason has a name");

const char *
rw_link_state_name(RwLinkState state)
{
	return state_names[state];
}

const char *
rw_reason_name(RwReason reason)
{
	return reason_names[reason];
}

const char *
rw_bound_name(RwBound bound)
{
	return bound_names[bound];
}

const char *
rw_health_name(RwHealth health)
{
	return health_names[health];
}

void
rw_give_reason(RwLink *link, RwReason reason, const char *text,...)
{
	va_list		args;

	link->reason = reason;
	va_start(args, text);
	vsnprintf(link->reason_text, RW_REASON_LEN, text, args);
	va_end(args);
}

/*
 * Is a reply overdue?  What is missing for a second can't have been
 * acknowledged for longer, whatever was before.
 */
static bool
is_silent(const RwLink *link, int64 age)
{
	const RwSenderFacts *sender = link->sender;

	/* A reply is due when core's own ping has asked for it. */
	if (age > Max(35 * RW_SECOND,
				  wal_sender_timeout * RW_MS / 2 + 5 * RW_SECOND))
		return true;
	/* WAL that arrives is acknowledged at once, a tended link each second. */
	return Min(age, link->lag) > REPLY_AGE_SILENT &&
		(sender->sent > sender->write ||
		 (rw_tend_walsenders && !link->logical &&
		  sender->state == RW_SENDER_STREAMING &&
		  sender->replay < sender->sent));
}

static void
explain_sender(RwLink *link, const RwFacts *facts)
{
	const RwSenderFacts *sender = link->sender;
	int64		age = rw_reply_age(link, facts);
	XLogRecPtr	flush = Max(link->flush, link->position);
	XLogRecPtr	sent = Max(link->sent, flush);
	int64		to_send = facts->horizon > sent ? facts->horizon - sent : 0;
	int64		to_flush = sent - flush;
	int64		to_replay = flush - link->position;
	int64		still;
	char		duration[RW_DURATION_LEN];

	if (link->replica && link->replica->shared)
	{
		rw_give_reason(link, RW_REASON_SHARED_NAME,
					   "another replica has the same name; set primary_slot_name or application_name in its primary_conninfo");
		return;
	}
	if (link->lag_bytes <= 0)
		return;

	/* Nothing stands still before there is something to replay. */
	still = link->replica ?
		Min(facts->now - link->replica->replay_moved_at, link->lag) : 0;
	if (is_silent(link, age))
		rw_give_reason(link, RW_REASON_SILENT, "no reply for %s",
					   rw_duration(duration, age));
	else if (to_send >= to_flush && to_send >= to_replay)
		rw_give_reason(link, RW_REASON_SENDER_BEHIND,
					   "most of what is missing has not been sent yet");
	else if (to_flush >= to_replay)
		rw_give_reason(link, RW_REASON_FLUSH_BEHIND,
					   "most of what is missing has been sent but not acknowledged as flushed");
	else if (!sender->replica)
		rw_give_reason(link, RW_REASON_FLUSH_BEHIND,
					   "what is missing has been sent but not acknowledged");
	else if (still > REPLAY_AGE_STUCK &&
			 link->replica->replay == link->position)
		rw_give_reason(link, RW_REASON_REPLAY_STUCK,
					   "WAL is flushed there, but replay has not advanced for %s",
					   rw_duration(duration, still));
	else
		rw_give_reason(link, RW_REASON_REPLAY_BEHIND,
					   "WAL is flushed there, and being replayed");
}

static void
explain_gone(RwLink *link, const RwFacts *facts)
{
	char		duration[RW_DURATION_LEN];

	if (link->state == RW_STATE_LOST)
		rw_give_reason(link, RW_REASON_SLOT_LOST,
					   "slot was invalidated (%s) and cannot be used again",
					   link->slot->invalidation ? link->slot->invalidation :
					   "wal_removed");
	else if (link->replica)
		rw_give_reason(link, RW_REASON_GONE, "not connected for %s",
					   rw_duration(duration,
								   facts->now - link->replica->gone_at));
	else if (link->position == InvalidXLogRecPtr)
		rw_give_reason(link, RW_REASON_GONE, "slot has never been used");
	else if (link->slot && link->slot->active_pid != 0)
		rw_give_reason(link, RW_REASON_GONE,
					   "slot is used by process %d, which is not a walsender",
					   link->slot->active_pid);
	else if (link->lag_bytes > 0)
	{
		if (link->inactive_since != 0)
			rw_give_reason(link, RW_REASON_GONE, "slot not used for %s",
						   rw_duration(duration,
									   facts->wall - link->inactive_since));
		else
			rw_give_reason(link, RW_REASON_GONE, "slot is not used");
	}
}

/* When it will have caught up, or that it won't. */
static void
forecast(RwLink *link, const RwFacts *facts, const RwPublished *published)
{
	const RwRate *rate;
	double		speed;
	double		growth = published->wal_rate;

	if (link->lag_bytes <= 0)
		return;

	/*
	 * One that keeps up has the rate at which WAL is written, give or take,
	 * and is always a little behind: what is missing now will soon be there.
	 */
	if (link->lag >= 0 && link->lag < KEEPS_UP)
		growth = Min(growth, 0);
	if (link->upstream)
		rate = &published->upstream.replay_rate;
	else if (link->sender && link->replica)
		rate = &link->replica->replay_rate;
	else
		return;

	speed = rw_rate(rate, link->position, facts->now);
	link->catchup = rw_catchup(link->lag_bytes, speed, growth);
	if (link->catchup < 0 && speed >= 0 && growth > speed * CLEARLY_MORE &&
		link->reason != RW_REASON_NONE)
		strlcat(link->reason_text, "; falling further behind",
				RW_REASON_LEN);
}

void
rw_explain(RwFacts *facts, RwLinks *links)
{
	int			i;

	for (i = 0; i < links->nlinks; i++)
	{
		RwLink	   *link = &links->links[i];

		if (links->published == NULL)
		{
			rw_give_reason(link, RW_REASON_NOT_PRELOADED,
						   "time lag needs shared_preload_libraries");
			continue;
		}
		if (link->upstream)
			rw_upstream_explain(link, facts, links->published);
		else if (link->sender)
			explain_sender(link, facts);
		else
			explain_gone(link, facts);
		forecast(link, facts, links->published);
	}
}
