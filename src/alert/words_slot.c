/*-------------------------------------------------------------------------
 *
 * words_slot.c
 *	  The words of the alerts about replication slots.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/intern.h"

/* The room for "process N ("application")". */
#define RW_USER_LEN		(RW_NAME_LEN + 32)

/* Slot synchronization looks at each slot twice a minute at least. */
#define SYNC_OVERDUE	(2 * RW_MINUTE)

/* What to do so that the next slot lives longer. */
static const char *
setting_to_change(const RwSlotFacts *slot)
{
	if (slot->invalidation == NULL ||
		strcmp(slot->invalidation, "wal_removed") == 0)
		return "Increase \"max_slot_wal_keep_size\"";
	if (strcmp(slot->invalidation, "idle_timeout") == 0)
		return "Increase \"idle_replication_slot_timeout\"";
	if (strcmp(slot->invalidation, "rows_removed") == 0)
		return "Turn on \"hot_standby_feedback\"";
	if (strcmp(slot->invalidation, "wal_level_insufficient") == 0)
		return "Set \"wal_level\" to \"logical\" on the primary";
	return "See the server log for the cause";
}

void
rw_words_slot_lost(const RwJudgeInput *input, const RwSubject *subject,
				   const RwFinding *finding, RwSeverity severity,
				   RwAlertText *text)
{
	const RwLink *link = subject->link;
	const RwSlotFacts *slot = link->slot;
	const char *cause = slot->invalidation ? slot->invalidation :
		"wal_removed";
	char		name[RW_QUOTED_NAME_LEN];
	char		size[RW_SIZE_LEN];
	char		ago[RW_CLOCK_LEN];

	if (subject->note && subject->note->lost_at != RW_NEVER)
		rw_add_detail(text, "The slot was invalidated (", cause, ") ",
					  rw_clock_text(ago, input->facts->now -
									subject->note->lost_at),
					  " ago.", NULL);
	else
		rw_add_detail(text, "The slot was invalidated (", cause, ").", NULL);
	if (link->retained_bytes >= 0)
		rw_add_detail(text, "It retained ",
					  rw_size_text(size, link->retained_bytes), " of WAL.",
					  NULL);
	if (slot->sender >= 0)
	{
		rw_add_detail(text,
					  "A replica streams through it all the same, but the slot retains no WAL for it.",
					  NULL);
		rw_add_hint(text, setting_to_change(slot),
					", disconnect its replica, run pg_drop_replication_slot(",
					rw_quoted_name(name, subject->name),
					"), and create the slot again.", NULL);
		return;
	}
	if (slot->synced && input->facts->in_recovery)
	{
		rw_add_hint(text, setting_to_change(slot),
					", and look at the slot on the primary server, from which it is synchronized.",
					NULL);
		return;
	}
	rw_add_hint(text, setting_to_change(slot),
				", run pg_drop_replication_slot(",
				rw_quoted_name(name, subject->name),
				"), and rebuild its replica.", NULL);
}

/* "process 4711 ("replica1")": who uses the slot. */
static const char *
user_text(char *buffer, const RwJudgeInput *input, const RwSlotFacts *slot)
{
	RwText		out;

	rw_text_begin(&out, buffer, RW_USER_LEN);
	rw_text_add(&out, "process ");
	rw_text_int(&out, slot->active_pid);
	if (slot->sender >= 0)
	{
		rw_text_add(&out, " (\"");
		rw_text_add(&out,
					input->facts->senders[slot->sender].peer.application_name);
		rw_text_add(&out, "\")");
	}
	return buffer;
}

void
rw_words_slot_at_risk(const RwJudgeInput *input, const RwSubject *subject,
					  const RwFinding *finding, RwSeverity severity,
					  RwAlertText *text)
{
	const RwLink *link = subject->link;
	bool		by_use = finding->unit == RW_UNIT_TIME &&
		link->slot_idle_left >= 0 && finding->value == link->slot_idle_left;
	bool		by_limit = link->slot->limited &&
		finding->unit == RW_UNIT_TIME;
	const char *setting = by_use ? "idle_replication_slot_timeout" :
		by_limit ? "max_slot_wal_keep_size" : "replwatch.slot_retained";
	char		name[RW_QUOTED_NAME_LEN];
	char		size[RW_SIZE_LEN];
	char		user[RW_USER_LEN];

	rw_size_text(size, link->retained_bytes);
	if (link->slot->wal_status == RW_WAL_UNRESERVED)
		rw_add_detail(text, "The slot retains ", size,
					  " of WAL, more than is allowed, and will be lost at the next checkpoint unless it advances.",
					  NULL);
	else if (finding->unit == RW_UNIT_SIZE)
		rw_add_detail(text, "The slot retains ", size, " of WAL, above ",
					  text->threshold, ".", NULL);
	else if (by_use)
		rw_add_detail(text, "The slot retains ", size,
					  " of WAL and, being unused, will be lost in ",
					  text->value,
					  ", or at the first checkpoint after that.", NULL);
	else if (text->value[0] != '\0')
		rw_add_detail(text, "The slot retains ", size,
					  " of WAL and, at the rate of the last minute, will be lost in ",
					  text->value, ".", NULL);
	else
		rw_add_detail(text, "The slot retains ", size, " of WAL.", NULL);
	if (link->reason == RW_REASON_HELD_BY_TRANSACTION ||
		link->reason == RW_REASON_NOTHING_FOR_IT)
		rw_add_reason(text, link);

	if (link->slot->synced && input->facts->in_recovery)
		rw_add_hint(text,
					"Look at the slot on the primary server, from which it is synchronized, or increase \"",
					setting, "\".", NULL);
	else if (link->slot->active_pid == 0 && link->slot->table_sync)
		rw_add_hint(text,
					"See the subscriber's server log for why the copy of its table does not end, or increase \"",
					setting, "\"; run pg_drop_replication_slot(",
					rw_quoted_name(name, subject->name),
					") only if the subscription no longer exists.", NULL);
	else if (link->slot->active_pid == 0)
		rw_add_hint(text, "Bring its replica back, increase \"", setting,
					"\", or run pg_drop_replication_slot(",
					rw_quoted_name(name, subject->name), ").", NULL);
	else if (link->reason == RW_REASON_HELD_BY_TRANSACTION)
		rw_add_hint(text, "End that transaction, or increase \"", setting,
					"\".", NULL);
	else
		rw_add_hint(text,
					"Look at replwatch_status() for why its replica, ",
					user_text(user, input, link->slot),
					", is behind, or increase \"", setting, "\".", NULL);
}

/* Why a copy of the primary's slot may not move. */
static void
add_why_not_synced(RwAlertText *text, const RwJudgeInput *input,
				   const RwSlotFacts *slot)
{
	int64		ago = input->facts->wall - slot->inactive_since;
	char		clock[RW_CLOCK_LEN];

	if (!input->facts->syncs_slots)
		rw_add_detail(text,
					  "It is synchronized from the primary server, but \"sync_replication_slots\" is off.",
					  NULL);
	else if (slot->sync_skipped)
		rw_add_detail(text,
					  "Slot synchronization does not bring it up to date (",
					  slot->sync_skipped, ").", NULL);
	else if (slot->inactive_since != 0 && ago > SYNC_OVERDUE)
		rw_add_detail(text, "Slot synchronization last reached it ",
					  rw_clock_text(clock, ago), " ago.", NULL);
	else
	{
		rw_add_detail(text,
					  "Slot synchronization works, so it does not move on the primary server either.",
					  NULL);
		rw_add_hint(text, "Look at the slot on the primary server.", NULL);
		return;
	}
	rw_add_hint(text,
				"See the server log for why slot synchronization fails: it needs \"sync_replication_slots\", \"hot_standby_feedback\", \"primary_slot_name\", and dbname in \"primary_conninfo\".",
				NULL);
}

/* Who uses a slot that does not move, and how often it was used. */
static void
add_use(RwAlertText *text, const RwJudgeInput *input,
		const RwSubject *subject)
{
	const RwSlotFacts *slot = subject->link->slot;
	uint32		uses = subject->note->uses;
	char		number[RW_NUMBER_LEN];
	char		user[RW_USER_LEN];

	if (slot->active_pid == 0 && uses == 0)
		rw_add_detail(text, "Nobody uses it.", NULL);
	else if (slot->active_pid != 0)
		rw_add_detail(text, "It is used by ", user_text(user, input, slot),
					  ".", NULL);
	if (uses > 1 || (uses == 1 && slot->active_pid == 0))
		rw_add_detail(text, "In this time it was used ",
					  uses == 1 ? "once" : rw_number_text(number, uses),
					  uses == 1 ? "" : " times",
					  slot->active_pid == 0 ? ", and is not used now." : ".",
					  NULL);
}

void
rw_words_slot_inactive(const RwJudgeInput *input, const RwSubject *subject,
					   const RwFinding *finding, RwSeverity severity,
					   RwAlertText *text)
{
	const RwSlotFacts *slot = subject->link->slot;
	char		name[RW_QUOTED_NAME_LEN];
	char		size[RW_SIZE_LEN];

	rw_add_detail(text, "The slot has not moved for ", text->value,
				  " and retains ",
				  rw_size_text(size, subject->link->retained_bytes),
				  " of WAL.", NULL);
	if (slot->synced && input->facts->in_recovery)
	{
		add_why_not_synced(text, input, slot);
		return;
	}
	add_use(text, input, subject);
	if (slot->table_sync)
		rw_add_detail(text,
					  "It is for the initial copy of a table by a subscription.",
					  NULL);
	rw_quoted_name(name, subject->name);
	if (slot->active_pid != 0)
		rw_add_hint(text,
					"Find out why that process's client confirms nothing: it may be stopped, blocked, or short of disk space, or not confirm what it receives.",
					NULL);
	else if (slot->table_sync)
		rw_add_hint(text,
					"The subscription drops it when the table has been copied: see the subscriber's server log for why that takes so long, and run pg_drop_replication_slot(",
					name, ") only if the subscription no longer exists.",
					NULL);
	else if (subject->note->uses > 0)
		rw_add_hint(text,
					"See the server log and that of its client for why it gets no further, or run pg_drop_replication_slot(",
					name, ") if the slot is no longer needed.", NULL);
	else if (input->facts->in_recovery)
		rw_add_hint(text,
					"If it is left over from when this server was a primary, run pg_drop_replication_slot(",
					name,
					"); if it is kept for a failover, see why nothing moves it.",
					NULL);
	else
		rw_add_hint(text,
					"Bring its replica back or, if the slot is no longer needed, run pg_drop_replication_slot(",
					name, ").", NULL);
}
