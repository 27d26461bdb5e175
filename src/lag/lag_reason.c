/*-------------------------------------------------------------------------
 *
 * lag_reason.c
 *	  Why a link is behind, and when it will have caught up.
 *
 * What a downstream replica lacks has three parts: WAL that was not sent yet,
 * was not flushed there, or was not replayed there.  The greatest part gives
 * the reason.  WAL that has been missing for a second can't have been late for
 * longer, no matter for how long the link was quiet before.
 *
 * What keeps a replica from replaying shows only there.  One that reports over
 * the line says so itself, and then its reason counts.
 *
 * The reasons of the upstream row are in lag_upstream_reason.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include <stdarg.h>

#include "src/base/render.h"
#include "src/lag/intern.h"
#include "src/observe/start_command.h"

/* A reply that was asked for is overdue after this time. */
#define REPLY_AGE_SILENT	(3 * RW_SECOND)

/* Core's own ping gets a reply within this time or half the timeout. */
#define REPLY_AGE_PINGED	(35 * RW_SECOND)

/* Replay that does not move for this long is stuck. */
#define REPLAY_AGE_STUCK	(3 * RW_SECOND)

/*
 * The server logs the running transactions so often, where anything is
 * written, and only then can restart_lsn move.  A transaction that began long
 * after it stayed is not what holds it.
 */
#define HELD_AFTER			(15 * RW_SECOND)
#define HELD_SINCE			(60 * RW_SECOND)

/* A replica with less time lag than this keeps up. */
#define KEEPS_UP			(1 * RW_SECOND)

/*
 * A replica falls behind only if WAL grows faster than its replay by more than
 * this factor: one that is delayed on purpose does not.
 */
#define CLEARLY_FASTER		1.05

void
rw_give_reason(RwLink *link, RwReason reason,...)
{
	RwText		text;
	const char *string;
	va_list		strings;

	link->reason = reason;
	rw_text_begin(&text, link->reason_text, RW_REASON_LEN);
	va_start(strings, reason);
	while ((string = va_arg(strings, const char *)) != NULL)
		rw_text_add(&text, string);
	va_end(strings);
}

void
rw_add_to_reason(RwLink *link, const char *string)
{
	size_t		len = strlen(link->reason_text);

	/* It may have words of another server, which are UTF-8. */
	rw_first_line(link->reason_text + len, string, RW_REASON_LEN - len);
}

/*
 * Is a reply overdue?  `age` is that of the last one, or -1.
 */
static bool
is_reply_overdue(const RwLink *link, int64 age, const RwFacts *facts,
				 const RwPublished *published)
{
	const RwSenderFacts *sender = link->sender;

	/* Core pings a replica that is silent for half of wal_sender_timeout. */
	if (age > Max(REPLY_AGE_PINGED,
				  facts->sender_timeout_ms * RW_MS / 2 + 5 * RW_SECOND))
		return true;

	/*
	 * Replicas acknowledge WAL as soon as it arrives, and standbys reply to
	 * the keepalives that we send each second.
	 */
	return Min(age, link->lag) > REPLY_AGE_SILENT &&
		(sender->sent > sender->write ||
		 (published->tends_walsenders && !link->logical &&
		  sender->state == RW_SENDER_STREAMING &&
		  sender->replay < sender->sent));
}

/* Give the reason of a replica whose WAL is not this server's. */
static void
explain_parted(RwLink *link, const RwFacts *facts, RwParted parted,
			   uint64 mark)
{
	char		lsn[RW_DURATION_LEN];
	RwText		text;

	rw_text_begin(&text, lsn, sizeof(lsn));
	rw_text_lsn(&text, mark);
	switch (parted)
	{
		case RW_NOT_PARTED:
			break;
		case RW_DIVERGED:
			rw_give_reason(link, RW_REASON_DIVERGED,
						   "its WAL beyond LSN ", lsn,
						   " is not in this server's history; run pg_rewind on it, or rebuild it",
						   NULL);
			break;
		case RW_AHEAD:
			if (facts->in_recovery)
				rw_give_reason(link, RW_REASON_AHEAD,
							   "it has WAL beyond LSN ", lsn,
							   " that this server has not received", NULL);
			else
				rw_give_reason(link, RW_REASON_AHEAD,
							   "it has WAL beyond LSN ", lsn,
							   " that this server did not write; rebuild it",
							   NULL);
			break;
		case RW_LEFT_BEHIND:
			rw_give_reason(link, RW_REASON_TIMELINE_LEFT,
						   "it stays on a timeline that this server left at LSN ",
						   lsn,
						   "; check its recovery_target_timeline, or run pg_rewind on it",
						   NULL);
			break;
	}
}

/* Give the reason of a replica that tries to connect and fails. */
static void
explain_refused(RwLink *link, const RwFacts *facts)
{
	const RwReplica *replica = link->replica;
	char		number[RW_DURATION_LEN];
	RwText		text;

	rw_text_begin(&text, number, sizeof(number));
	rw_text_int(&text, rw_attempts_count(&replica->attempts, facts->now));
	rw_give_reason(link, RW_REASON_REFUSED, "tried to stream ", number,
				   " times in the last minute and could not",
				   replica->refusal[0] != '\0' ? ": " : "",
				   replica->refusal, NULL);
}

/*
 * Give the reason of a logical walsender that must not get ahead of the slots
 * in synchronized_standby_slots.
 */
static void
explain_waiting_for_standby(RwLink *link, const RwFacts *facts)
{
	const RwStandbySlotFacts *slot = &facts->standby_slot;
	const char *what = "";
	char		size[RW_SIZE_LEN];

	switch (slot->fault)
	{
		case RW_STANDBY_SLOT_FINE:
			return;
		case RW_STANDBY_SLOT_ABSENT:
			what = "which does not exist";
			break;
		case RW_STANDBY_SLOT_LOGICAL:
			what = "which is a logical slot";
			break;
		case RW_STANDBY_SLOT_INVALID:
			what = "which has been invalidated";
			break;
		case RW_STANDBY_SLOT_UNUSED:
			what = "which is not used";
			break;
		case RW_STANDBY_SLOT_BEHIND:
			rw_give_reason(link, RW_REASON_WAITS_FOR_STANDBY,
						   "waits for slot \"", slot->name,
						   "\" of synchronized_standby_slots, which is ",
						   rw_size_text(size, facts->horizon -
										slot->restart_lsn),
						   " behind", NULL);
			return;
	}
	rw_give_reason(link, RW_REASON_WAITS_FOR_STANDBY, "waits for slot \"",
				   slot->name, "\" of synchronized_standby_slots, ", what,
				   NULL);
}

bool
rw_may_be_held(const RwLink *link, const RwFacts *facts)
{
	return !facts->in_recovery && link->restart_passed != RW_NEVER &&
		facts->now - link->restart_passed >= HELD_AFTER &&
		link->lag_bytes >= 0 && link->lag >= 0 && link->lag < HELD_AFTER;
}

/*
 * Give the reason of a consumer that is in step while the restart_lsn of its
 * slot stays for the oldest transaction.  Which transaction that is the server
 * knows for itself; that decoding waits for it follows from both being old.
 * Returns false if it does not follow.
 */
static bool
explain_held(RwLink *link, const RwFacts *facts)
{
	const RwOldestTransaction *oldest = &facts->oldest;
	int64		open = facts->wall - oldest->begun;
	char		duration[RW_DURATION_LEN];
	char		pid[RW_DURATION_LEN];
	RwText		text;

	if (!oldest->found || !rw_may_be_held(link, facts))
		return false;
	if (oldest->pid == 0)
	{
		rw_give_reason(link, RW_REASON_HELD_BY_TRANSACTION,
					   "all is confirmed, but the slot retains WAL for a prepared transaction; see pg_prepared_xacts",
					   NULL);
		return true;
	}
	if (open < HELD_AFTER ||
		facts->now - link->restart_passed > open + HELD_SINCE)
		return false;
	rw_text_begin(&text, pid, sizeof(pid));
	rw_text_int(&text, oldest->pid);
	rw_give_reason(link, RW_REASON_HELD_BY_TRANSACTION,
				   "all is confirmed, but the slot retains WAL for the transaction of process ",
				   pid, ", which has been open for ",
				   rw_duration(duration, open), NULL);
	return true;
}

/*
 * Has the worker seen, at its last look, that the consumer of a logical slot
 * has confirmed all that is for it?
 */
static bool
has_nothing_to_confirm(const RwLink *link, const RwPublished *published)
{
	const RwSlotNote *note = link->slot ?
		rw_find_slot_note(published, link->slot) : NULL;

	return note != NULL && note->nothing_for_it &&
		note->user == link->slot->active_pid;
}

static void
explain_connected(RwLink *link, const RwFacts *facts,
				  const RwPublished *published)
{
	int64		age = rw_reply_age(link, facts);
	XLogRecPtr	flush = Max(link->flush, link->position);
	XLogRecPtr	sent = Max(link->sent, flush);
	int64		to_send = facts->horizon > sent ? facts->horizon - sent : 0;
	int64		to_flush = sent - flush;
	int64		to_replay = flush - link->position;
	int64		unmoved;
	char		duration[RW_DURATION_LEN];

	if (link->replica && link->replica->shared)
	{
		rw_give_reason(link, RW_REASON_SHARED_NAME,
					   "another replica has the same name; set primary_slot_name or application_name in its primary_conninfo",
					   NULL);
		return;
	}
	if (link->lag_bytes > 0 && link->lag >= KEEPS_UP &&
		has_nothing_to_confirm(link, published))
	{
		rw_give_reason(link, RW_REASON_NOTHING_FOR_IT,
					   "all that was sent is confirmed, but for WAL that has nothing for it",
					   NULL);
		return;
	}
	if (explain_held(link, facts) || link->lag_bytes <= 0)
		return;

	/* Replay can't be stuck before there is something to replay. */
	unmoved = link->replica ?
		Min(facts->now - link->replica->replay_moved_at, link->lag) : 0;
	if (is_reply_overdue(link, age, facts, published))
		rw_give_reason(link, RW_REASON_SILENT, "no reply for ",
					   rw_duration(duration, age), NULL);
	else if (link->sender->waits_for_standby &&
			 facts->standby_slot.fault != RW_STANDBY_SLOT_FINE)
		explain_waiting_for_standby(link, facts);
	else if (to_send >= to_flush && to_send >= to_replay)
		rw_give_reason(link, RW_REASON_SENDER_BEHIND,
					   "most of the missing WAL has not been sent yet", NULL);
	else if (to_flush >= to_replay)
		rw_give_reason(link, RW_REASON_FLUSH_BEHIND,
					   "most of the missing WAL has been sent but not acknowledged as flushed",
					   NULL);
	else if (!link->sender->replica)
		rw_give_reason(link, RW_REASON_FLUSH_BEHIND,
					   "the missing WAL has been sent but not acknowledged",
					   NULL);
	else if (unmoved > REPLAY_AGE_STUCK &&
			 link->replica->position == link->position)
		rw_give_reason(link, RW_REASON_REPLAY_STUCK,
					   "WAL is flushed there, but replay has not advanced for ",
					   rw_duration(duration, unmoved), NULL);
	else
		rw_give_reason(link, RW_REASON_REPLAY_BEHIND,
					   "WAL is flushed there and being replayed", NULL);
}

static void
explain_gone(RwLink *link, const RwFacts *facts)
{
	char		duration[RW_DURATION_LEN];
	char		pid[RW_DURATION_LEN];
	RwText		text;

	if (link->state == RW_STATE_LOST)
		rw_give_reason(link, RW_REASON_SLOT_LOST, "slot was invalidated (",
					   link->slot->invalidation ? link->slot->invalidation :
					   "wal_removed",
					   ") and cannot be used again", NULL);
	else if (link->replica &&
			 rw_replica_is_refused(link->replica, facts->now))
		explain_refused(link, facts);
	else if (link->replica)
		rw_give_reason(link, RW_REASON_GONE, "not connected for ",
					   rw_duration(duration,
								   facts->now - link->replica->gone_at),
					   NULL);
	else if (link->position == InvalidXLogRecPtr)
		rw_give_reason(link, RW_REASON_GONE, "slot has never been used", NULL);
	else if (link->slot && link->slot->active_pid != 0)
	{
		rw_text_begin(&text, pid, sizeof(pid));
		rw_text_int(&text, link->slot->active_pid);
		rw_give_reason(link, RW_REASON_GONE, "slot is used by process ", pid,
					   ", which is not a walsender", NULL);
	}
	else if (link->lag_bytes > 0)
	{
		if (link->inactive_since != 0)
			rw_give_reason(link, RW_REASON_GONE, "slot not used for ",
						   rw_duration(duration,
									   facts->wall - link->inactive_since),
						   NULL);
		else
			rw_give_reason(link, RW_REASON_GONE, "slot is not used", NULL);
	}
}

/* When the replica will have caught up; or the reason says that it won't. */
static void
forecast_catchup(RwLink *link, const RwFacts *facts,
				 const RwPublished *published)
{
	const RwRate *rate;
	double		speed;
	double		growth = published->wal_rate;

	if (link->lag_bytes <= 0 || rw_has_parted(link) ||
		(link->upstream && published->upstream.parted != RW_NOT_PARTED))
		return;

	/*
	 * A replica that keeps up replays at the rate at which WAL is written,
	 * more or less, and is always a little behind.  It will have what is
	 * missing now soon.
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
	if (link->catchup < 0 && speed >= 0 && growth > speed * CLEARLY_FASTER &&
		link->reason != RW_REASON_NONE)
		rw_add_to_reason(link, "; falling further behind");
}

bool
rw_may_report(const RwLink *link)
{
	return !link->logical && rw_is_replicas_link(link);
}

/* Put the replica's own reason in place of what can be seen of it here. */
static void
take_own_reason(RwLink *link, const RwFacts *facts,
				const RwPublished *published)
{
	const RwServer *report;

	if (!rw_may_report(link))
		return;
	report = rw_tree_find_report(published->told, published->ntold,
								 published->own_id,
								 rw_replica_key(published, link->replica));
	if (report == NULL)
		return;
	link->reported_at = report->reported_at;
	if (link->reason != RW_REASON_NONE && rw_reason_gives_way(link->reason) &&
		report->own_reason && rw_reason_says_more(report->reason) &&
		rw_report_is_fresh(report, facts->now))
	{
		rw_give_reason(link, report->reason, report->reason_text, NULL);
		link->own_reason = true;
	}
}

void
rw_explain_links(const RwFacts *facts, RwLinks *links)
{
	const RwPublished *published = links->published;
	int			i;

	for (i = 0; i < links->nlinks; i++)
	{
		RwLink	   *link = &links->links[i];

		if (published == NULL)
		{
			rw_give_reason(link, RW_REASON_NOT_PRELOADED,
						   "time lag needs shared_preload_libraries", NULL);
			continue;
		}
		if (link->upstream)
			rw_explain_upstream(link, facts, published);
		else if (rw_has_parted(link))
			explain_parted(link, facts, link->replica->parted,
						   link->replica->mark);
		else if (link->past_sent)
			explain_parted(link, facts, RW_AHEAD, link->sent);
		else if (link->sender)
			explain_connected(link, facts, published);
		else
			explain_gone(link, facts);
		forecast_catchup(link, facts, published);
		take_own_reason(link, facts, published);
	}
}
