/*-------------------------------------------------------------------------
 *
 * page_metrics_links.c
 *	  /metrics: links and slots.
 *
 * A series goes on when a replica reconnects, for its labels are the link's
 * name and kind, which stay.  Two connections of one name can't be told apart
 * by that: the one that is behind most stands for all, and
 * replwatch_link_connections counts them.  Temporary slots, whose names are
 * other ones each time, are left out.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/base/compat.h"
#include "src/show/page_metrics.h"
#include "src/show/words.h"

/* Is it the one of its name that stands for all? */
static bool
stands_for_all(const RwLinks *links, int i)
{
	const RwLink *link = &links->links[i];
	int			j;

	/* Those of a name are neighbours. */
	for (j = i - 1; j >= 0; j--)
	{
		const RwLink *other = &links->links[j];

		if (other->upstream != link->upstream ||
			!rw_name_equal(other->name, link->name))
			break;
		if (other->lag < 0 || (link->lag >= 0 && other->lag >= link->lag))
			return false;
	}
	for (j = i + 1; j < links->nlinks; j++)
	{
		const RwLink *other = &links->links[j];

		if (other->upstream != link->upstream ||
			!rw_name_equal(other->name, link->name))
			break;
		if (link->lag >= 0 && (other->lag < 0 || other->lag > link->lag))
			return false;
	}
	return true;
}

/*
 * A sample of a link.  The head comes before a family's first one: families
 * without samples are left out.
 */
static void
link_sample(RwMetrics *out, const RwLink *link, const char *family,
			const char *help, const char *label, const char *word,
			int64 value, RwSampleUnit unit)
{
	if (out->family != family)
		rw_metrics_head(out, family, "gauge", help);
	out->family = family;

	rw_text_adds(out->page, family, "{link=\"",
				 link->upstream ? "upstream" : "downstream",
				 "\",kind=\"", link->logical ? "logical" : "physical",
				 "\",name=", NULL);
	rw_text_quoted(out->page, link->name);
	if (label)
	{
		rw_text_adds(out->page, ",", label, "=", NULL);
		rw_text_quoted(out->page, word);
	}
	rw_text_add(out->page, "}");
	rw_metrics_value(out, value, unit);
}

#define FOR_EACH_LINK(out, link, i) \
	for (i = 0; i < (out)->look->links.nlinks; i++) \
		if ((link = &(out)->look->links.links[i], \
			 stands_for_all(&(out)->look->links, i)))

typedef const char *(*LinkWord) (const RwLink *link);

/* Words: NULL is none. */
static void
link_words(RwMetrics *out, const char *family, const char *help,
		   const char *label,
		   LinkWord word_of)
{
	const RwLink *link;
	int			i;

	FOR_EACH_LINK(out, link, i)
	{
		const char *word = word_of(link);

		if (word)
			link_sample(out, link, family, help, label, word, 1,
						RW_SAMPLE_WHOLE);
	}
}

typedef int64 (*LinkCount) (const RwLink *link, const RwSnapshot *look);

/* Numbers: a negative one is not known. */
static void
link_counts(RwMetrics *out, const char *family, const char *help,
			LinkCount count_of, RwSampleUnit unit)
{
	const RwLink *link;
	int			i;

	FOR_EACH_LINK(out, link, i)
	{
		int64		value = count_of(link, out->look);

		if (value >= 0)
			link_sample(out, link, family, help, NULL, NULL, value, unit);
	}
}

static const char *
state_of(const RwLink *link)
{
	return rw_link_state_name(link->state);
}

static const char *
health_of(const RwLink *link)
{
	return rw_health_name(link->health);
}

static const char *
reason_of(const RwLink *link)
{
	return rw_reason_name(link->reason);
}

static const char *
bound_of(const RwLink *link)
{
	return link->lag < 0 ? NULL : rw_bound_name(link->bound);
}

static const char *
sync_state_of(const RwLink *link)
{
	return link->sender ? link->sender->sync_state : NULL;
}

static int64
lag_of(const RwLink *link, const RwSnapshot *look)
{
	return link->lag;
}

static int64
lag_bytes_of(const RwLink *link, const RwSnapshot *look)
{
	return link->lag_bytes;
}

static int64
catchup_of(const RwLink *link, const RwSnapshot *look)
{
	return link->catchup;
}

/* Times before 2000, which the server counts from, are none. */
static int64
last_seen_of(const RwLink *link, const RwSnapshot *look)
{
	TimestampTz at = rw_wall_time(&look->facts, link->last_seen);

	return at == 0 ? -1 : at;
}

static int64
reply_time_of(const RwLink *link, const RwSnapshot *look)
{
	return link->sender && link->sender->reply_time != 0 ?
		link->sender->reply_time : -1;
}

static int64
start_of(const RwLink *link, const RwSnapshot *look)
{
	return link->sender && link->sender->peer.backend_start != 0 ?
		link->sender->peer.backend_start : -1;
}

static int64
sync_priority_of(const RwLink *link, const RwSnapshot *look)
{
	return link->sender ? link->sender->sync_priority : -1;
}

static int64
connections_of(const RwLink *link, const RwSnapshot *look)
{
	int64		n = 0;
	int			i;

	if (link->upstream)
		return look->facts.receiver.pid != 0;
	for (i = 0; i < look->facts.nsenders; i++)
		n += rw_name_equal(look->facts.senders[i].name, link->name);
	return n;
}

/* The stages of each link: positions, and the lags that core measures. */
static void
add_stages(RwMetrics *out)
{
	const RwLink *link;
	int			i;

	FOR_EACH_LINK(out, link, i)
	{
		const char *family = "replwatch_link_position_bytes";
		const char *help = "How far the WAL has been taken, by stage, as a position.";

		if (link->sent != InvalidXLogRecPtr)
			link_sample(out, link, family, help, "stage", "sent",
						(int64) link->sent, RW_SAMPLE_WHOLE);
		if (link->write != InvalidXLogRecPtr)
			link_sample(out, link, family, help, "stage", "write",
						(int64) link->write, RW_SAMPLE_WHOLE);
		if (link->flush != InvalidXLogRecPtr)
			link_sample(out, link, family, help, "stage", "flush",
						(int64) link->flush, RW_SAMPLE_WHOLE);
		if (link->replay != InvalidXLogRecPtr)
			link_sample(out, link, family, help, "stage", "replay",
						(int64) link->replay, RW_SAMPLE_WHOLE);
	}

	FOR_EACH_LINK(out, link, i)
	{
		const char *family = "replwatch_link_core_lag_seconds";
		const char *help = "The lags of pg_stat_replication, by stage.";
		const RwSenderFacts *sender = link->sender;

		if (sender && sender->write_lag >= 0)
			link_sample(out, link, family, help, "stage", "write",
						sender->write_lag, RW_SAMPLE_MICROSECONDS);
		if (sender && sender->flush_lag >= 0)
			link_sample(out, link, family, help, "stage", "flush",
						sender->flush_lag, RW_SAMPLE_MICROSECONDS);
		if (sender && sender->replay_lag >= 0)
			link_sample(out, link, family, help, "stage", "replay",
						sender->replay_lag, RW_SAMPLE_MICROSECONDS);
	}
}

static void
add_links(RwMetrics *out)
{
	link_words(out, "replwatch_link_state", "What the link does.", "state",
			   state_of);
	link_words(out, "replwatch_link_health",
			   "The worst alert that fires on it: ok, warning, critical; unknown if it is not judged.",
			   "health", health_of);
	link_words(out, "replwatch_link_reason",
			   "Why the replica is behind; no sample if it is not.",
			   "reason_code", reason_of);
	link_counts(out, "replwatch_link_lag_seconds",
				"How stale a read on the replica can be; no sample if that is not known.",
				lag_of, RW_SAMPLE_MICROSECONDS);
	link_words(out, "replwatch_link_lag_bound",
			   "What that is: exact, at least, or at most.", "bound",
			   bound_of);
	link_counts(out, "replwatch_link_lag_bytes",
				"WAL that the replica has not replayed.", lag_bytes_of,
				RW_SAMPLE_WHOLE);
	link_counts(out, "replwatch_link_catchup_seconds",
				"Time until it has caught up at the last minute's rates.",
				catchup_of, RW_SAMPLE_MICROSECONDS);
	link_counts(out, "replwatch_link_connections",
				"Connections under this name.", connections_of, RW_SAMPLE_WHOLE);
	link_counts(out, "replwatch_link_last_seen_timestamp_seconds",
				"When it last replied, or was last connected.", last_seen_of,
				RW_SAMPLE_MOMENT);
	link_counts(out, "replwatch_link_reply_timestamp_seconds",
				"When it last replied, by its own clock.", reply_time_of,
				RW_SAMPLE_MOMENT);
	link_counts(out, "replwatch_link_start_timestamp_seconds",
				"When it connected.", start_of, RW_SAMPLE_MOMENT);
	add_stages(out);
	link_words(out, "replwatch_link_sync_state",
			   "Whether it is synchronous: async, potential, sync, quorum.",
			   "sync_state", sync_state_of);
	link_counts(out, "replwatch_link_sync_priority",
				"Its place among synchronous standbys; 0 if it is none.",
				sync_priority_of, RW_SAMPLE_WHOLE);
}

/*
 * Of slots
 */

static void
slot_sample(RwMetrics *out, const RwLink *link, const char *family,
			const char *help, const char *label, const char *word,
			int64 value, RwSampleUnit unit)
{
	if (out->family != family)
		rw_metrics_head(out, family, "gauge", help);
	out->family = family;

	rw_text_adds(out->page, family, "{slot=", NULL);
	rw_text_quoted(out->page, link->slot->name);
	rw_text_adds(out->page, ",kind=\"",
				 link->slot->logical ? "logical" : "physical", "\"", NULL);
	if (label)
	{
		rw_text_adds(out->page, ",", label, "=", NULL);
		rw_text_quoted(out->page, word);
	}
	rw_text_add(out->page, "}");
	rw_metrics_value(out, value, unit);
}

#define FOR_EACH_SLOT(out, link, i) \
	for (i = 0; i < (out)->look->links.nlinks; i++) \
		if ((link = &(out)->look->links.links[i], \
			 link->slot != NULL && !link->slot->temporary))

static void
slot_words(RwMetrics *out, const char *family, const char *help,
		   const char *label,
		   LinkWord word_of)
{
	const RwLink *link;
	int			i;

	FOR_EACH_SLOT(out, link, i)
	{
		const char *word = word_of(link);

		if (word)
			slot_sample(out, link, family, help, label, word, 1,
						RW_SAMPLE_WHOLE);
	}
}

static void
slot_counts(RwMetrics *out, const char *family, const char *help,
			LinkCount count_of, RwSampleUnit unit)
{
	const RwLink *link;
	int			i;

	FOR_EACH_SLOT(out, link, i)
	{
		int64		value = count_of(link, out->look);

		if (value >= 0)
			slot_sample(out, link, family, help, NULL, NULL, value, unit);
	}
}

static const char *
wal_status_of(const RwLink *link)
{
	return rw_wal_status_name(link->slot);
}

static const char *
invalidation_of(const RwLink *link)
{
	return link->slot->invalidation;
}

static int64
active_of(const RwLink *link, const RwSnapshot *look)
{
	return link->slot->active_pid != 0;
}

static int64
synced_of(const RwLink *link, const RwSnapshot *look)
{
	return RW_SERVER_SYNCS_SLOTS ? link->slot->synced : -1;
}

static int64
retained_of(const RwLink *link, const RwSnapshot *look)
{
	return link->retained_bytes;
}

static int64
time_left_of(const RwLink *link, const RwSnapshot *look)
{
	return link->slot_time_left;
}

static int64
xmin_age_of(const RwLink *link, const RwSnapshot *look)
{
	return link->slot->xmin_age;
}

static int64
inactive_since_of(const RwLink *link, const RwSnapshot *look)
{
	return link->inactive_since != 0 ? link->inactive_since : -1;
}

static int64
restart_of(const RwLink *link, const RwSnapshot *look)
{
	return link->slot->restart_lsn != InvalidXLogRecPtr ?
		(int64) link->slot->restart_lsn : -1;
}

static int64
confirmed_of(const RwLink *link, const RwSnapshot *look)
{
	return link->slot->confirmed_flush != InvalidXLogRecPtr ?
		(int64) link->slot->confirmed_flush : -1;
}

static void
add_slots(RwMetrics *out)
{
	const RwLink *link;
	int			i;

	slot_counts(out, "replwatch_slot_active", "Whether it is used.",
				active_of, RW_SAMPLE_WHOLE);
	slot_words(out, "replwatch_slot_wal_status",
			   "Whether its WAL is kept: reserved, extended, unreserved, lost.",
			   "wal_status", wal_status_of);
	slot_counts(out, "replwatch_slot_retained_bytes",
				"WAL that it keeps; of a lost one, the last known.",
				retained_of, RW_SAMPLE_WHOLE);
	/* How much may be written until it is lost can be overdrawn. */
	FOR_EACH_SLOT(out, link, i)
	{
		if (link->slot->limited)
			slot_sample(out, link, "replwatch_slot_safe_wal_bytes",
						"WAL that can be written until it is over its limit.",
						NULL, NULL, link->slot->safe_wal_size, RW_SAMPLE_WHOLE);
	}
	slot_counts(out, "replwatch_slot_time_left_seconds",
				"When that will be at the last minute's rate.",
				time_left_of, RW_SAMPLE_MICROSECONDS);
	slot_counts(out, "replwatch_slot_xmin_age_transactions",
				"By how many transactions it holds vacuum back.",
				xmin_age_of, RW_SAMPLE_WHOLE);
	slot_counts(out, "replwatch_slot_inactive_since_timestamp_seconds",
				"Since when it is unused.", inactive_since_of, RW_SAMPLE_MOMENT);
	slot_counts(out, "replwatch_slot_restart_position_bytes",
				"The oldest WAL that it needs, as a position.", restart_of,
				RW_SAMPLE_WHOLE);
	slot_counts(out, "replwatch_slot_confirmed_flush_position_bytes",
				"What its subscriber has confirmed, as a position.",
				confirmed_of, RW_SAMPLE_WHOLE);
	slot_counts(out, "replwatch_slot_synced",
				"Whether it is kept in step with the primary's.", synced_of,
				RW_SAMPLE_WHOLE);
	slot_words(out, "replwatch_slot_invalidation",
			   "Why it was invalidated; no sample if it was not.", "reason",
			   invalidation_of);
}

void
rw_metrics_links(RwMetrics *out)
{
	add_links(out);
	add_slots(out);
}
