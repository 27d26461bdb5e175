/*-------------------------------------------------------------------------
 *
 * slot_columns.c
 *	  The columns of the replication slot of a link.
 *
 * Figures that core shows have core's names and meaning; see
 * pg_replication_slots.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/base/compat.h"
#include "src/show/show.h"

/*
 * SLOT_GETTER(synced, value) defines slot_synced(), a getter of an
 * RwLinkRow.  The value is an expression of `link` and `slot`.
 */
#define SLOT_GETTER(column, value) \
static RwValue \
slot_##column(const void *row) \
{ \
	const RwLink *link = ((const RwLinkRow *) row)->link; \
	const RwSlotFacts *slot = link->slot; \
\
	return slot ? value : rw_value_absent(); \
}

SLOT_GETTER(name, rw_value_text(slot->name))
SLOT_GETTER(kind, rw_value_text(slot->logical ? "logical" : "physical"))
SLOT_GETTER(database, rw_value_nonzero(slot->database))
SLOT_GETTER(active, rw_value_number(slot->active_pid != 0))
SLOT_GETTER(synced, RW_SERVER_SYNCS_SLOTS ? rw_value_number(slot->synced) :
			rw_value_absent())
SLOT_GETTER(restart_lsn, rw_value_nonzero(slot->restart_lsn))
SLOT_GETTER(confirmed_flush_lsn, rw_value_nonzero(slot->confirmed_flush))
SLOT_GETTER(wal_status, rw_value_text(rw_wal_status_name(slot)))
/* Negative once the slot is over its limit. */
SLOT_GETTER(safe_wal_size, slot->limited ?
			rw_value_number(slot->safe_wal_size) : rw_value_absent())
SLOT_GETTER(retained_bytes, rw_value_count(link->retained_bytes))
SLOT_GETTER(time_left, rw_value_count(link->slot_time_left))
SLOT_GETTER(inactive_since, rw_value_nonzero(link->inactive_since))
SLOT_GETTER(invalidation_reason, rw_value_text(slot->invalidation))

/* Without a slot, the feedback of a standby can hold back vacuum, too. */
static RwValue
slot_xmin_age(const void *row)
{
	const RwLink *link = ((const RwLinkRow *) row)->link;

	if (link->slot)
		return rw_value_count(link->slot->xmin_age);
	return link->sender ? rw_value_count(link->sender->xmin_age) :
		rw_value_absent();
}

static const RwColumn slot_columns[] = {
	{"slot_name", RW_NAME, RW_HIDDEN, .get = slot_name},
	{NULL, RW_BOOLEAN, 0, .get = slot_active,
		.metric = {"replwatch_slot_active",
			.help = "Whether the replication slot is in use: 1 or 0."}},
	{"database", RW_DATABASE, RW_HIDDEN | RW_NOT_ON_PAGES,
		.get = slot_database},
	{"slot_synced", RW_BOOLEAN, RW_HIDDEN, .get = slot_synced,
		.metric = {"replwatch_slot_synced",
			.help = "Whether the replication slot is synchronized from the primary: 1 or 0; absent before PostgreSQL 17."}},
	{"restart_lsn", RW_LSN, RW_HIDDEN, .get = slot_restart_lsn,
		.metric = {"replwatch_slot_restart_position_bytes",
			.help = "LSN of the oldest WAL that the replication slot needs, in bytes since 0/0; absent if it needs none."}},
	{"confirmed_flush_lsn", RW_LSN, RW_HIDDEN,
		.get = slot_confirmed_flush_lsn,
		.metric = {"replwatch_slot_confirmed_flush_position_bytes",
			.help = "LSN up to which the logical replication slot's subscriber has confirmed to have received data, in bytes since 0/0; absent for physical slots."}},
	{"wal_status", RW_TEXT, RW_HIDDEN, .get = slot_wal_status,
		.metric = {"replwatch_slot_wal_status",
			.help = "Whether the server keeps the WAL that the replication slot needs, in the label wal_status: reserved, extended, unreserved or lost; absent if the slot needs none.",
			.label = "wal_status"}},
	{"safe_wal_size", RW_BIGINT, RW_HIDDEN, .get = slot_safe_wal_size,
		.metric = {"replwatch_slot_safe_wal_bytes",
			.help = "WAL that can be written until the replication slot is over max_slot_wal_keep_size, in bytes; negative beyond that, absent without that limit."}},
	{"retained_bytes", RW_BIGINT, RW_HIDDEN, .get = slot_retained_bytes,
		.metric = {"replwatch_slot_retained_bytes",
			.help = "WAL that the replication slot keeps, in bytes; last known amount for a lost slot, absent if it keeps none."}},
	{"slot_time_left", RW_DURATION, RW_HIDDEN, .get = slot_time_left,
		.metric = {"replwatch_slot_time_left_seconds",
			.help = "Time until the replication slot is over max_slot_wal_keep_size if WAL grows as in the last minute, in seconds; absent without that limit or if WAL does not grow."}},
	{"slot_xmin_age", RW_INTEGER, RW_HIDDEN, .get = slot_xmin_age,
		.metric = {"replwatch_slot_xmin_age_transactions",
			.help = "Age of the oldest transaction whose rows the replication slot keeps from vacuum, in transactions; absent if it keeps none."}},
	{"inactive_since", RW_TIME, RW_HIDDEN, .get = slot_inactive_since,
		.metric = {"replwatch_slot_inactive_since_timestamp_seconds",
			.help = "Time since when the replication slot has not been in use, in seconds since 1970; absent while it is in use."}},
	{"invalidation_reason", RW_TEXT, RW_HIDDEN,
		.get = slot_invalidation_reason,
		.metric = {"replwatch_slot_invalidation",
			.help = "Why the replication slot was invalidated, in the label reason; absent if it was not.",
			.label = "reason"}},
};

static const RwColumn slot_labels[] = {
	{"slot", RW_TEXT, 0, .get = slot_name},
	{"kind", RW_TEXT, 0, .get = slot_kind},
};

const RwColumns rw_slot_columns = {
	slot_columns, lengthof(slot_columns), slot_labels, lengthof(slot_labels)
};
