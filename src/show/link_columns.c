/*-------------------------------------------------------------------------
 *
 * link_columns.c
 *	  The columns of replication links.
 *
 * Figures that core shows have core's names and meaning; see
 * pg_stat_replication.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/show/show.h"

/*
 * LINK_GETTER(lag, value) defines link_lag(), the getter of the column "lag"
 * of an RwLinkRow.  The value is an expression of `link` and `facts`.  With
 * SENDER_GETTER it is one of `sender`, for columns that only links with a
 * walsender have, and with PEER_GETTER one of `peer`, the walsender's client.
 */
#define LINK_GETTER(column, value) \
static RwValue \
link_##column(const void *row) \
{ \
	const RwLink *link pg_attribute_unused() = \
		((const RwLinkRow *) row)->link; \
	const RwFacts *facts pg_attribute_unused() = \
		((const RwLinkRow *) row)->facts; \
\
	return value; \
}

#define SENDER_GETTER(column, value) \
static RwValue \
link_##column(const void *row) \
{ \
	const RwSenderFacts *sender = ((const RwLinkRow *) row)->link->sender; \
\
	return sender ? value : rw_value_absent(); \
}

#define PEER_GETTER(column, value) \
static RwValue \
link_##column(const void *row) \
{ \
	const RwSenderFacts *sender = ((const RwLinkRow *) row)->link->sender; \
	const RwPeer *peer = sender ? &sender->peer : NULL; \
\
	if (peer == NULL) \
		return rw_value_absent(); \
	return peer->backend_start != 0 ? value : rw_value_unknown(); \
}

LINK_GETTER(name, rw_value_text(link->name))
LINK_GETTER(link, rw_value_text(link->upstream ? "upstream" : "downstream"))
LINK_GETTER(kind, rw_value_text(link->logical ? "logical" : "physical"))
LINK_GETTER(state, rw_value_text(rw_link_state_name(link->state)))
LINK_GETTER(health, rw_value_text(rw_health_name(link->health)))
LINK_GETTER(reason_code, rw_value_text(rw_reason_name(link->reason)))
LINK_GETTER(reason, rw_value_text(link->reason_text))
LINK_GETTER(lag_bytes, rw_value_count(link->lag_bytes))
LINK_GETTER(lag, rw_value_count(link->lag))
LINK_GETTER(lag_bound, link->lag < 0 ? rw_value_unknown() :
			rw_value_text(rw_bound_name(link->bound)))
LINK_GETTER(catchup, rw_value_count(link->catchup))
LINK_GETTER(last_seen, rw_value_nonzero(rw_wall_time(facts, link->last_seen)))
LINK_GETTER(sent_lsn, rw_value_nonzero(link->sent))
LINK_GETTER(write_lsn, rw_value_nonzero(link->write))
LINK_GETTER(flush_lsn, rw_value_nonzero(link->flush))
LINK_GETTER(replay_lsn, rw_value_nonzero(link->replay))
SENDER_GETTER(write_lag, rw_value_count(sender->write_lag))
SENDER_GETTER(flush_lag, rw_value_count(sender->flush_lag))
SENDER_GETTER(replay_lag, rw_value_count(sender->replay_lag))
SENDER_GETTER(sync_priority, rw_value_number(sender->sync_priority))
SENDER_GETTER(sync_state, rw_value_text(sender->sync_state))
SENDER_GETTER(reply_time, rw_value_nonzero(sender->reply_time))
PEER_GETTER(usesysid, rw_value_number(peer->role))
PEER_GETTER(backend_start, rw_value_number(peer->backend_start))
PEER_GETTER(backend_xmin, rw_value_nonzero(peer->backend_xmin))
PEER_GETTER(client_addr, rw_value_text(peer->address))

/* SQL shows an empty one, as core does. */
PEER_GETTER(application_name, ((RwValue) {.text = peer->application_name}))

LINK_GETTER(reported_at,
			rw_value_nonzero(rw_wall_time(facts, link->reported_at)))

/* The process on this server at this end of the link. */
static RwValue
link_pid(const void *row)
{
	const RwLinkRow *at = row;

	if (at->link->sender)
		return rw_value_number(at->link->sender->pid);
	if (at->link->upstream && at->facts->receiver.pid != 0)
		return rw_value_number(at->facts->receiver.pid);
	return rw_value_absent();
}

/* The other end: the walsender's client, or the upstream server. */
PEER_GETTER(peer_hostname, rw_value_text(peer->hostname))
LINK_GETTER(client_hostname, link->upstream ?
			rw_value_text(facts->receiver.host) : link_peer_hostname(row))
PEER_GETTER(peer_port, rw_value_nonzero(peer->port))
LINK_GETTER(client_port, link->upstream ?
			rw_value_nonzero(facts->receiver.port) : link_peer_port(row))

/*
 * The name of a slot that is no replica's, which tells its series from those of
 * a replica that streams without it under the same name.
 */
LINK_GETTER(slot_alone, rw_is_slot_alone(link) ?
			rw_value_text(link->slot->name) : rw_value_absent())

/* Connections of one name are one series, which has their number. */
static RwValue
link_connections(const void *row)
{
	const RwLink *link = ((const RwLinkRow *) row)->link;
	const RwFacts *facts = ((const RwLinkRow *) row)->facts;
	int			n = 0;
	int			i;

	if (link->upstream)
		return rw_value_number(facts->receiver.pid != 0);
	for (i = 0; i < facts->nsenders && !rw_is_slot_alone(link); i++)
		n += rw_name_equal(facts->senders[i].name, link->name);
	return rw_value_number(n);
}

static const RwColumn link_columns[] = {
	{"name", RW_TEXT, RW_HIDDEN, .get = link_name},
	{"link", RW_TEXT, RW_HIDDEN, .get = link_link},
	{"kind", RW_TEXT, RW_HIDDEN, .get = link_kind},
	{"state", RW_TEXT, RW_HIDDEN, .get = link_state,
		.metric = {"replwatch_link_state",
			.help = "State of the replication link, in the label state: startup, catchup, streaming, backup, stopping, inactive, missing, lost, connecting, waiting, archive or disconnected.",
			.label = "state"}},
	{"health", RW_TEXT, RW_HIDDEN, .get = link_health,
		.metric = {"replwatch_link_health",
			.help = "Health of the replication link by its worst alert, in the label health: ok, warning, critical, or unknown while its alerts are not judged.",
			.label = "health"}},
	{"reason_code", RW_TEXT, RW_HIDDEN, .get = link_reason_code,
		.metric = {"replwatch_link_reason",
			.help = "Why the replica is behind, in the label reason_code; absent if it is not behind.",
			.label = "reason_code"}},
	{"reason", RW_TEXT, RW_HIDDEN, .get = link_reason},
	{"lag_bytes", RW_BIGINT, RW_HIDDEN, .get = link_lag_bytes,
		.metric = {"replwatch_link_lag_bytes",
			.help = "WAL that the replica has not replayed, in bytes; absent if unknown."}},
	{"lag", RW_DURATION, RW_HIDDEN, .get = link_lag,
		.metric = {"replwatch_link_lag_seconds",
			.help = "How stale a read on the replica can be, in seconds; absent if unknown."}},
	{"lag_bound", RW_TEXT, RW_HIDDEN, .get = link_lag_bound,
		.metric = {"replwatch_link_lag_bound",
			.help = "How the time lag that is shown compares to the real one, in the label bound: exact, at least or at most; absent if the time lag is unknown.",
			.label = "bound"}},
	{"catchup", RW_DURATION, RW_HIDDEN, .get = link_catchup,
		.metric = {"replwatch_link_catchup_seconds",
			.help = "Time until the replica has caught up at the rates of the last minute, in seconds; absent if a rate is unknown or it would never catch up."}},
	{NULL, RW_INTEGER, 0, .get = link_connections,
		.metric = {"replwatch_link_connections",
			.help = "Number of connections under the name of the replication link: walsenders of this server, or the WAL receiver of the upstream link."}},
	{"last_seen", RW_TIME, RW_HIDDEN, .get = link_last_seen,
		.metric = {"replwatch_link_last_seen_timestamp_seconds",
			.help = "Time of the last message from the server at the other end of the replication link, in seconds since 1970; absent if unknown."}},
	{"sent_lsn", RW_LSN, RW_HIDDEN, .get = link_sent_lsn,
		.metric = {"replwatch_link_position_bytes",
			.help = "Last known LSN up to which WAL was sent, written, flushed or replayed on the replication link, by the label stage, in bytes since 0/0; absent if unknown.",
			.label = "stage", .label_value = "sent"}},
	{"write_lsn", RW_LSN, RW_HIDDEN, .get = link_write_lsn,
		.metric = {"replwatch_link_position_bytes",
			.label = "stage", .label_value = "write"}},
	{"flush_lsn", RW_LSN, RW_HIDDEN, .get = link_flush_lsn,
		.metric = {"replwatch_link_position_bytes",
			.label = "stage", .label_value = "flush"}},
	{"replay_lsn", RW_LSN, RW_HIDDEN, .get = link_replay_lsn,
		.metric = {"replwatch_link_position_bytes",
			.label = "stage", .label_value = "replay"}},
	{"write_lag", RW_DURATION, RW_HIDDEN, .get = link_write_lag,
		.metric = {"replwatch_link_core_lag_seconds",
			.help = "Lag in pg_stat_replication, by the label stage, in seconds; absent without a recent measurement.",
			.label = "stage", .label_value = "write"}},
	{"flush_lag", RW_DURATION, RW_HIDDEN, .get = link_flush_lag,
		.metric = {"replwatch_link_core_lag_seconds",
			.label = "stage", .label_value = "flush"}},
	{"replay_lag", RW_DURATION, RW_HIDDEN, .get = link_replay_lag,
		.metric = {"replwatch_link_core_lag_seconds",
			.label = "stage", .label_value = "replay"}},
	{"sync_priority", RW_INTEGER, RW_HIDDEN, .get = link_sync_priority,
		.metric = {"replwatch_link_sync_priority",
			.help = "Priority of the standby in synchronous_standby_names, 0 if it is asynchronous; absent if it is not connected."}},
	{"sync_state", RW_TEXT, RW_HIDDEN, .get = link_sync_state,
		.metric = {"replwatch_link_sync_state",
			.help = "Synchronous state of the standby, in the label sync_state: async, potential, sync or quorum; absent if it is not connected.",
			.label = "sync_state"}},
	{"reply_time", RW_TIME, RW_HIDDEN, .get = link_reply_time,
		.metric = {"replwatch_link_reply_timestamp_seconds",
			.help = "Time of the replica's last reply by its own clock, in seconds since 1970; absent if it is not connected or has not replied yet."}},
	{"pid", RW_INTEGER, 0, .get = link_pid},
	{"usesysid", RW_OID, RW_HIDDEN | RW_NOT_ON_PAGES, .get = link_usesysid},
	{"usename", RW_ROLE, RW_HIDDEN | RW_NOT_ON_PAGES, .get = link_usesysid},
	{"application_name", RW_TEXT, RW_HIDDEN, .get = link_application_name},
	{"client_addr", RW_ADDRESS, RW_HIDDEN | RW_NOT_ON_PAGES,
		.get = link_client_addr},
	{"client_hostname", RW_TEXT, RW_HIDDEN | RW_NOT_ON_PAGES,
		.get = link_client_hostname},
	{"client_port", RW_INTEGER, RW_HIDDEN | RW_NOT_ON_PAGES,
		.get = link_client_port},
	{"backend_start", RW_TIME, RW_HIDDEN, .get = link_backend_start,
		.metric = {"replwatch_link_start_timestamp_seconds",
			.help = "Time at which the replica connected, in seconds since 1970; absent if it is not connected."}},
	{"backend_xmin", RW_XID, RW_HIDDEN | RW_NOT_ON_PAGES,
		.get = link_backend_xmin},
	{"reported_at", RW_TIME, RW_HIDDEN, .get = link_reported_at,
		.metric = {"replwatch_link_report_timestamp_seconds",
			.help = "Time of the replica's last report over the line, in seconds since 1970; absent if it does not report."}},
};

static const RwColumn link_labels[] = {
	{"link", RW_TEXT, 0, .get = link_link},
	{"kind", RW_TEXT, 0, .get = link_kind},
	{"name", RW_TEXT, 0, .get = link_name},
	{"slot", RW_TEXT, 0, .get = link_slot_alone},
};

const RwColumns rw_link_columns = {
	link_columns, lengthof(link_columns), link_labels, lengthof(link_labels)
};
