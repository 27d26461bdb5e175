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
	rw_add_hint(text, setting_to_change(slot),
				", run pg_drop_replication_slot(",
				rw_quoted_name(name, subject->name),
				"), and rebuild its replica.", NULL);
}

void
rw_words_slot_at_risk(const RwJudgeInput *input, const RwSubject *subject,
					  const RwFinding *finding, RwSeverity severity,
					  RwAlertText *text)
{
	const RwLink *link = subject->link;
	char		name[RW_QUOTED_NAME_LEN];
	char		size[RW_SIZE_LEN];

	rw_size_text(size, link->retained_bytes);
	if (link->slot->wal_status == RW_WAL_UNRESERVED)
		rw_add_detail(text, "The slot retains ", size,
					  " of WAL, more than is allowed, and will be lost at the next checkpoint unless it advances.",
					  NULL);
	else if (finding->unit == RW_UNIT_SIZE)
		rw_add_detail(text, "The slot retains ", size, " of WAL, above ",
					  text->threshold, ".", NULL);
	else if (text->value[0] != '\0')
		rw_add_detail(text, "The slot retains ", size,
					  " of WAL and, at the rate of the last minute, will be lost in ",
					  text->value, ".", NULL);
	else
		rw_add_detail(text, "The slot retains ", size, " of WAL.", NULL);

	if (link->slot->active_pid != 0)
		rw_add_hint(text,
					"Look at replwatch_status() for why its replica is behind, or increase \"max_slot_wal_keep_size\".",
					NULL);
	else
		rw_add_hint(text,
					"Bring its replica back, increase \"max_slot_wal_keep_size\", or run pg_drop_replication_slot(",
					rw_quoted_name(name, subject->name), ").", NULL);
}

void
rw_words_slot_inactive(const RwJudgeInput *input, const RwSubject *subject,
					   const RwFinding *finding, RwSeverity severity,
					   RwAlertText *text)
{
	char		name[RW_QUOTED_NAME_LEN];
	char		size[RW_SIZE_LEN];

	rw_add_detail(text, "The slot has not been used for ", text->value,
				  " and retains ",
				  rw_size_text(size, subject->link->retained_bytes),
				  " of WAL.", NULL);
	rw_add_hint(text,
				"Bring its replica back or, if the slot is no longer needed, run pg_drop_replication_slot(",
				rw_quoted_name(name, subject->name), ").", NULL);
}
