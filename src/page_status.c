/*-------------------------------------------------------------------------
 *
 * page_status.c
 *	  /status: what SQL shows, as JSON.
 *
 * Members have the names of the columns of replwatch_status() and
 * replwatch_node().  Durations are numbers of seconds, times are ISO 8601 in
 * UTC.  Users, clients' addresses and xmins are left out, for whoever reaches
 * the port may read this; names of databases too, which only a database knows.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "src/compat.h"
#include "src/look.h"
#include "src/words.h"

static void
add_name(RwText *text, const char *name)
{
	/* The first of an object follows its brace. */
	if (text->data[text->len - 1] != '{')
		rw_text_add(text, ",");
	rw_text_adds(text, "\"", name, "\":", NULL);
}

static void
add_null(RwText *text, const char *name)
{
	add_name(text, name);
	rw_text_add(text, "null");
}

static void
add_string(RwText *text, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
	{
		add_null(text, name);
		return;
	}
	add_name(text, name);
	rw_text_quoted(text, value);
}

static void
add_int(RwText *text, const char *name, int64 value)
{
	add_name(text, name);
	rw_text_int(text, value);
}

/* Negative is not known. */
static void
add_count(RwText *text, const char *name, int64 value)
{
	if (value < 0)
		add_null(text, name);
	else
		add_int(text, name, value);
}

static void
add_bool(RwText *text, const char *name, bool value)
{
	add_name(text, name);
	rw_text_add(text, value ? "true" : "false");
}

static void
add_duration(RwText *text, const char *name, int64 value)
{
	if (value < 0)
	{
		add_null(text, name);
		return;
	}
	add_name(text, name);
	rw_text_decimal(text, value, 6);
}

static void
add_lsn(RwText *text, const char *name, XLogRecPtr lsn)
{
	char		shown[32];

	snprintf(shown, sizeof(shown), RW_LSN_FORMAT, LSN_FORMAT_ARGS(lsn));
	add_string(text, name, lsn == InvalidXLogRecPtr ? NULL : shown);
}

static void
add_time(RwText *text, const char *name, TimestampTz at)
{
	char		shown[MAXDATELEN + 1];
	struct pg_tm tm;
	fsec_t		fsec;

	if (at == 0 || timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
	{
		add_null(text, name);
		return;
	}
	snprintf(shown, sizeof(shown), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
			 tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
			 tm.tm_sec, (int) fsec);
	add_string(text, name, shown);
}

static void
add_sender(RwText *text, const RwSenderFacts *sender)
{
	add_duration(text, "write_lag", sender->write_lag);
	add_duration(text, "flush_lag", sender->flush_lag);
	add_duration(text, "replay_lag", sender->replay_lag);
	add_int(text, "sync_priority", sender->sync_priority);
	add_string(text, "sync_state", sender->sync_state);
	add_time(text, "reply_time", sender->reply_time);
	add_int(text, "pid", sender->pid);
	add_string(text, "application_name", sender->peer.application_name);
	add_time(text, "backend_start", sender->peer.backend_start);
}

static void
add_slot(RwText *text, const RwLink *link)
{
	const RwSlotFacts *slot = link->slot;

	add_string(text, "slot_name", slot->name);
	if (RW_SERVER_SYNCS_SLOTS)
		add_bool(text, "slot_synced", slot->synced);
	add_lsn(text, "restart_lsn", slot->restart_lsn);
	add_lsn(text, "confirmed_flush_lsn", slot->confirmed_flush);
	add_string(text, "wal_status", rw_wal_status_name(slot));
	if (slot->limited)
		add_int(text, "safe_wal_size", slot->safe_wal_size);
	add_count(text, "retained_bytes", link->retained_bytes);
	add_duration(text, "slot_time_left", link->slot_time_left);
	add_count(text, "slot_xmin_age", slot->xmin_age);
	add_time(text, "inactive_since", link->inactive_since);
	add_string(text, "invalidation_reason", slot->invalidation);
}

static void
add_link(RwText *text, const RwLink *link, const RwFacts *facts)
{
	rw_text_add(text, "{");
	add_string(text, "name", link->name);
	add_string(text, "link", link->upstream ? "upstream" : "downstream");
	add_string(text, "kind", link->logical ? "logical" : "physical");
	add_string(text, "state", rw_link_state_name(link->state));
	add_string(text, "reason_code", rw_reason_name(link->reason));
	add_string(text, "reason", link->reason_text);
	add_count(text, "lag_bytes", link->lag_bytes);
	add_duration(text, "lag", link->lag);
	add_string(text, "lag_bound",
			   link->lag < 0 ? NULL : rw_bound_name(link->bound));
	add_duration(text, "catchup", link->catchup);
	add_time(text, "last_seen", rw_wall_time(facts, link->last_seen));
	add_lsn(text, "sent_lsn", link->sent);
	add_lsn(text, "write_lsn", link->write);
	add_lsn(text, "flush_lsn", link->flush);
	add_lsn(text, "replay_lsn", link->replay);
	if (link->sender)
		add_sender(text, link->sender);
	if (link->slot)
		add_slot(text, link);
	rw_text_add(text, "}");
}

static void
add_recovery(RwText *text, const RwLook *look)
{
	const RwFacts *facts = &look->facts;
	const RwReceiverFacts *receiver = &facts->receiver;
	int			i;

	add_string(text, "upstream_host", receiver->host);
	add_count(text, "upstream_port", receiver->port > 0 ? receiver->port : -1);
	add_string(text, "receiver_state", rw_receiver_state_name(receiver));
	add_time(text, "last_message",
			 rw_wall_time(facts, rw_last_message(facts,
												 look->links.published)));
	add_duration(text, "apply_delay", facts->recovery.apply_delay_ms * RW_MS);
	add_name(text, "replay_blocked_by");
	rw_text_add(text, "[");
	for (i = 0; i < facts->recovery.nblockers; i++)
	{
		if (i > 0)
			rw_text_add(text, ",");
		rw_text_int(text, facts->recovery.blockers[i]);
	}
	rw_text_add(text, "]");
}

static void
add_node(RwText *text, const RwLook *look)
{
	const RwFacts *facts = &look->facts;
	const RwPublished *published = look->links.published;
	char		identifier[32];

	/* As a string: not every reader of JSON has integers of 64 bits. */
	snprintf(identifier, sizeof(identifier), UINT64_FORMAT,
			 GetSystemIdentifier());

	rw_text_add(text, "{");
	add_string(text, "role", rw_role_name(facts));
	add_string(text, "system_identifier", identifier);
	add_int(text, "timeline", facts->tli);
	add_lsn(text, "horizon", facts->horizon);
	add_count(text, "wal_rate", (int64) published->wal_rate);
	if (facts->in_recovery)
		add_recovery(text, look);
	add_string(text, "replay_state", rw_replay_state_name(facts));
	add_int(text, "sync_wanted", look->sync.wanted);
	add_int(text, "sync_connected", look->sync.connected);
	add_int(text, "commits_waiting", look->sync.waiting);
	add_string(text, "worker_state", rw_worker_state_name(look->worker));
	add_count(text, "worker_pid", look->worker_pid > 0 ? look->worker_pid : -1);
	add_time(text, "last_sample", rw_wall_time(facts, published->last_sample));
	add_time(text, "history_start",
			 rw_wall_time(facts, published->history_start));
	add_int(text, "waiters", look->waiters);
	add_string(text, "version", REPLWATCH_VERSION);
	rw_text_add(text, "}");
}

void
rw_render_status(RwText *text, const RwLook *look)
{
	int			i;

	rw_text_add(text, "{\"node\":");
	add_node(text, look);
	rw_text_add(text, ",\n\"status\":[");
	for (i = 0; i < look->links.nlinks; i++)
	{
		rw_text_add(text, i == 0 ? "\n" : ",\n");
		add_link(text, &look->links.links[i], &look->facts);
	}
	rw_text_add(text, "]}\n");
}
