/*-------------------------------------------------------------------------
 *
 * page_status.c
 *	  /status: what SQL shows, as JSON.
 *
 * Members have the names of the columns of replwatch_status(),
 * replwatch_node() and replwatch_alerts().  Durations are numbers of seconds,
 * times are ISO 8601 in UTC.  Users, clients' addresses and xmins are left
 * out, for whoever reaches the port may read this; names of databases too,
 * which only a database knows.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "src/base/compat.h"
#include "src/settings.h"
#include "src/show/snapshot.h"
#include "src/show/words.h"

static void
add_name(RwText *out, const char *name)
{
	/* The first of an object follows its brace. */
	if (out->data[out->len - 1] != '{')
		rw_text_add(out, ",");
	rw_text_adds(out, "\"", name, "\":", NULL);
}

static void
add_null(RwText *out, const char *name)
{
	add_name(out, name);
	rw_text_add(out, "null");
}

static void
add_string(RwText *out, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
	{
		add_null(out, name);
		return;
	}
	add_name(out, name);
	rw_text_quoted(out, value);
}

static void
add_int(RwText *out, const char *name, int64 value)
{
	add_name(out, name);
	rw_text_int(out, value);
}

/* Negative is not known. */
static void
add_count(RwText *out, const char *name, int64 value)
{
	if (value < 0)
		add_null(out, name);
	else
		add_int(out, name, value);
}

static void
add_bool(RwText *out, const char *name, bool value)
{
	add_name(out, name);
	rw_text_add(out, value ? "true" : "false");
}

static void
add_duration(RwText *out, const char *name, int64 value)
{
	if (value < 0)
	{
		add_null(out, name);
		return;
	}
	add_name(out, name);
	rw_text_decimal(out, value, 6);
}

static void
add_lsn(RwText *out, const char *name, XLogRecPtr lsn)
{
	char		shown[32];

	snprintf(shown, sizeof(shown), RW_LSN_FORMAT, LSN_FORMAT_ARGS(lsn));
	add_string(out, name, lsn == InvalidXLogRecPtr ? NULL : shown);
}

static void
add_time(RwText *out, const char *name, TimestampTz at)
{
	char		shown[MAXDATELEN + 1];
	struct pg_tm tm;
	fsec_t		fsec;

	if (at == 0 || timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
	{
		add_null(out, name);
		return;
	}
	snprintf(shown, sizeof(shown), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
			 tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
			 tm.tm_sec, (int) fsec);
	add_string(out, name, shown);
}

static void
add_sender(RwText *out, const RwSenderFacts *sender)
{
	add_duration(out, "write_lag", sender->write_lag);
	add_duration(out, "flush_lag", sender->flush_lag);
	add_duration(out, "replay_lag", sender->replay_lag);
	add_int(out, "sync_priority", sender->sync_priority);
	add_string(out, "sync_state", sender->sync_state);
	add_time(out, "reply_time", sender->reply_time);
	add_int(out, "pid", sender->pid);
	add_string(out, "application_name", sender->peer.application_name);
	add_time(out, "backend_start", sender->peer.backend_start);
}

static void
add_slot(RwText *out, const RwLink *link)
{
	const RwSlotFacts *slot = link->slot;

	add_string(out, "slot_name", slot->name);
	if (RW_SERVER_SYNCS_SLOTS)
		add_bool(out, "slot_synced", slot->synced);
	add_lsn(out, "restart_lsn", slot->restart_lsn);
	add_lsn(out, "confirmed_flush_lsn", slot->confirmed_flush);
	add_string(out, "wal_status", rw_wal_status_name(slot));
	if (slot->limited)
		add_int(out, "safe_wal_size", slot->safe_wal_size);
	add_count(out, "retained_bytes", link->retained_bytes);
	add_duration(out, "slot_time_left", link->slot_time_left);
	add_count(out, "slot_xmin_age", slot->xmin_age);
	add_time(out, "inactive_since", link->inactive_since);
	add_string(out, "invalidation_reason", slot->invalidation);
}

static void
add_link(RwText *out, const RwLink *link, const RwFacts *facts)
{
	rw_text_add(out, "{");
	add_string(out, "name", link->name);
	add_string(out, "link", link->upstream ? "upstream" : "downstream");
	add_string(out, "kind", link->logical ? "logical" : "physical");
	add_string(out, "state", rw_link_state_name(link->state));
	add_string(out, "health", rw_health_name(link->health));
	add_string(out, "reason_code", rw_reason_name(link->reason));
	add_string(out, "reason", link->reason_text);
	add_count(out, "lag_bytes", link->lag_bytes);
	add_duration(out, "lag", link->lag);
	add_string(out, "lag_bound",
			   link->lag < 0 ? NULL : rw_bound_name(link->bound));
	add_duration(out, "catchup", link->catchup);
	add_time(out, "last_seen", rw_wall_time(facts, link->last_seen));
	add_lsn(out, "sent_lsn", link->sent);
	add_lsn(out, "write_lsn", link->write);
	add_lsn(out, "flush_lsn", link->flush);
	add_lsn(out, "replay_lsn", link->replay);
	if (link->sender)
		add_sender(out, link->sender);
	else if (link->upstream && facts->receiver.pid != 0)
		add_int(out, "pid", facts->receiver.pid);
	if (link->slot)
		add_slot(out, link);
	rw_text_add(out, "}");
}

static void
add_recovery(RwText *out, const RwSnapshot *look)
{
	const RwFacts *facts = &look->facts;
	const RwReceiverFacts *receiver = &facts->receiver;
	int			i;

	add_string(out, "upstream_host", receiver->host);
	add_count(out, "upstream_port", receiver->port > 0 ? receiver->port : -1);
	add_string(out, "receiver_state", rw_receiver_state_name(receiver));
	add_time(out, "last_message",
			 rw_wall_time(facts, rw_last_message(facts,
												 look->links.published)));
	add_duration(out, "apply_delay", facts->recovery.apply_delay_ms * RW_MS);
	add_name(out, "replay_blocked_by");
	rw_text_add(out, "[");
	for (i = 0; i < facts->recovery.nblockers; i++)
	{
		if (i > 0)
			rw_text_add(out, ",");
		rw_text_int(out, facts->recovery.blockers[i]);
	}
	rw_text_add(out, "]");
}

static void
add_node(RwText *out, const RwSnapshot *look)
{
	const RwFacts *facts = &look->facts;
	const RwPublished *published = look->links.published;
	char		identifier[32];

	/* As a string: not every reader of JSON has integers of 64 bits. */
	snprintf(identifier, sizeof(identifier), UINT64_FORMAT,
			 GetSystemIdentifier());

	rw_text_add(out, "{");
	add_string(out, "role", rw_role_name(facts));
	add_string(out, "system_identifier", identifier);
	add_int(out, "timeline", facts->tli);
	add_lsn(out, "horizon", facts->horizon);
	add_count(out, "wal_rate", (int64) published->wal_rate);
	if (facts->in_recovery)
		add_recovery(out, look);
	add_string(out, "replay_state", rw_replay_state_name(facts));
	add_int(out, "sync_wanted", look->sync.wanted);
	add_int(out, "sync_connected", look->sync.connected);
	add_int(out, "commits_waiting", look->sync.waiting);
	add_string(out, "worker_state", rw_process_state_name(RW_PROCESS_SAMPLER, look->worker));
	add_count(out, "worker_pid", look->worker_pid > 0 ? look->worker_pid : -1);
	add_time(out, "last_sample", rw_wall_time(facts, published->last_sample));
	add_time(out, "history_start",
			 rw_wall_time(facts, published->history_start));
	add_int(out, "waiters", look->waiters);
	add_string(out, "version", REPLWATCH_VERSION);
	add_count(out, "port", rw_port > 0 ? rw_port : -1);
	add_string(out, "port_state", rw_process_state_name(RW_PROCESS_PORT, look->port));
	add_string(out, "command_runner_state",
			   rw_process_state_name(RW_PROCESS_RUNNER, look->runner));
	rw_text_add(out, "}");
}

static void
add_alert(RwText *out, const RwAlertView *view)
{
	const RwAlert *alert = &view->alert;

	rw_text_add(out, "{");
	add_string(out, "alert", rw_alert_name(alert->alert));
	add_string(out, "severity", rw_severity_name(alert->severity));
	add_string(out, "subject", alert->subject);
	add_string(out, "state", view->state);
	add_time(out, "raised_at", alert->raised_at);
	add_time(out, "changed_at", alert->changed_at);
	add_time(out, "cleared_at", view->cleared_at);
	add_string(out, "value", alert->value);
	add_string(out, "threshold", alert->threshold);
	add_string(out, "detail", alert->detail);
	rw_text_add(out, "}");
}

void
rw_render_status(RwText *out, const RwSnapshot *look)
{
	int			i;

	rw_text_add(out, "{\"node\":");
	add_node(out, look);
	rw_text_add(out, ",\n\"status\":[");
	for (i = 0; i < look->links.nlinks; i++)
	{
		rw_text_add(out, i == 0 ? "\n" : ",\n");
		add_link(out, &look->links.links[i], &look->facts);
	}
	rw_text_add(out, "],\n\"alerts\":[");
	for (i = 0; i < look->nalerts; i++)
	{
		rw_text_add(out, i == 0 ? "\n" : ",\n");
		add_alert(out, &look->alerts[i]);
	}
	rw_text_add(out, "]}\n");
}
