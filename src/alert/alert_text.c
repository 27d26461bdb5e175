/*-------------------------------------------------------------------------
 *
 * alert_text.c
 *	  What is said about an alert.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/builtins.h"

#include "src/alert/alert_text.h"

static void
value_text(char *buffer, size_t len, RwUnit unit, int64 value)
{
	char		text[RW_SIZE_LEN];

	StaticAssertStmt(RW_SIZE_LEN >= RW_CLOCK_LEN, "either fits");
	buffer[0] = '\0';
	if (value < 0)
		return;
	switch (unit)
	{
		case RW_UNIT_NONE:
			snprintf(buffer, len, INT64_FORMAT, value);
			break;
		case RW_UNIT_TIME:
			strlcpy(buffer, rw_clock_text(text, value), len);
			break;
		case RW_UNIT_SIZE:
			strlcpy(buffer, rw_size_text(text, value), len);
			break;
	}
}

static void add(char *buffer, size_t size, const char *format,...)
			pg_attribute_printf(3, 4);

/* Append a sentence. */
static void
add(char *buffer, size_t size, const char *format,...)
{
	size_t		len = strlen(buffer);
	va_list		args;

	if (len > 0 && len + 1 < size)
	{
		buffer[len++] = ' ';
		buffer[len] = '\0';
	}
	va_start(args, format);
	vsnprintf(buffer + len, size - len, format, args);
	va_end(args);
}

#define add_detail(...)		add(text->detail, sizeof(text->detail), __VA_ARGS__)
#define add_hint(...)		add(text->hint, sizeof(text->hint), __VA_ARGS__)

/* The reason of the link as a sentence. */
static void
add_reason(RwAlertText *text, const RwLink *link)
{
	if (link->reason != RW_REASON_NONE)
		add_detail("%c%s.", toupper((unsigned char) link->reason_text[0]),
				   link->reason_text + 1);
}

static const char *
bound_text(const RwLink *link)
{
	switch (link->bound)
	{
		case RW_BOUND_EXACT:
			break;
		case RW_BOUND_AT_LEAST:
			return "at least ";
		case RW_BOUND_AT_MOST:
			return "at most ";
	}
	return "";
}

/* On which side of its limit it is: it fires until well below. */
static const char *
side(const RwFinding *finding, RwSeverity severity)
{
	return finding->value > finding->limits[severity] ? "above" :
		"no longer above";
}

static void
describe_lag(const RwSubject *subject, RwAlertKind alert,
			 RwSeverity severity, RwAlertText *text)
{
	const RwFinding *finding =
		&subject->findings[alert - rw_class_alerts[subject->class].first];
	const RwLink *link = subject->link;
	char		lag[RW_CLOCK_LEN];
	char		size[RW_SIZE_LEN];

	rw_size_text(size, link->lag_bytes);
	if (alert == RW_ALERT_REPLICA_LAG_BYTES)
	{
		add_detail("Byte lag is %s, %s %s.", size, side(finding, severity),
				   text->threshold);
		if (link->lag >= 0)
			add_detail("Time lag is %s%s.", bound_text(link),
					   rw_clock_text(lag, link->lag));
	}
	else if (link->lag >= 0)
	{
		add_detail("Time lag is %s%s (%s), %s %s.", bound_text(link),
				   rw_clock_text(lag, link->lag), size,
				   side(finding, severity), text->threshold);
		if (subject->delay > 0)
			add_detail("Of that, %s is on purpose.",
					   rw_clock_text(lag, subject->delay));
	}
	add_reason(text, link);
}

/* What resuming does depends on why replay was paused. */
static void
advise_resume(RwAlertText *text)
{
	add_hint("Run pg_wal_replay_resume().");
	add_hint("Where the server log says that a recovery target was reached or that a setting is too low, that would promote or stop this server.");
}

static void
advise_self(const RwLink *link, const RwFacts *facts, RwAlertText *text)
{
	switch (link->reason)
	{
		case RW_REASON_PAUSED:
			advise_resume(text);
			break;
		case RW_REASON_CONFLICT:
			if (facts->recovery.nblockers > 0)
				add_hint("End the session with pg_terminate_backend(%d), or decrease \"max_standby_streaming_delay\".",
						 facts->recovery.blockers[0]);
			else
				add_hint("Look for long queries in pg_stat_activity, or decrease \"max_standby_streaming_delay\".");
			break;
		case RW_REASON_RECEIVER_DOWN:
		case RW_REASON_UPSTREAM_SILENT:
			add_hint("Check that the upstream server runs and can be reached.");
			break;
		case RW_REASON_FROM_ARCHIVE:
			add_hint("Check that the archive gets new WAL, and \"restore_command\".");
			break;
		default:
			add_hint("Look at replwatch_status() on this server and its upstream.");
			break;
	}
}

static void
describe_replica(const RwSubject *subject, RwAlertKind alert,
				 RwSeverity severity, const RwNodeFacts *node,
				 RwAlertText *text)
{
	const RwLink *link = subject->link;
	char		size[RW_SIZE_LEN];

	switch (alert)
	{
		case RW_ALERT_REPLICA_MISSING:
			if (link && link->sender)
				add_detail("It is connected but does not stream yet.");
			else if (link && link->last_seen != RW_NEVER)
				add_detail("It has not been connected for %s.", text->value);
			else
				add_detail("It has not connected to this server.");
			if (subject->expected)
				add_detail("It is listed in \"replwatch.expected_replicas\".");
			if (node->last_replica_gone)
				add_detail("No replica streams now.");
			if (subject->expected)
				add_hint("Bring it back, or take it off \"replwatch.expected_replicas\".");
			else
				add_hint("Bring it back, or, if it was removed on purpose, run replwatch_forget(%s).",
						 quote_literal_cstr(subject->name));
			break;
		case RW_ALERT_REPLICA_SILENT:
			add_detail("It is connected but has not replied for %s.",
					   text->value);
			add_hint("Check the network, and the walreceiver process on that server.");
			break;
		case RW_ALERT_REPLICA_STALLED:
			add_detail("Replay has not advanced for %s, with %s to replay.",
					   text->value, rw_size_text(size, link->lag_bytes));
			add_hint("Look at replwatch_status() on that server: replay may be paused, or in conflict with a query.");
			break;
		default:
			describe_lag(subject, alert, severity, text);
			add_hint("Look at replwatch_status() on that server.");
			break;
	}
}

/* Which setting lets slots live longer. */
static const char *
setting_that_lost(const RwSlotFacts *slot)
{
	if (slot->invalidation == NULL ||
		strcmp(slot->invalidation, "wal_removed") == 0)
		return "Increase \"max_slot_wal_keep_size\"";
	if (strcmp(slot->invalidation, "idle_timeout") == 0)
		return "Increase \"idle_replication_slot_timeout\"";
	if (strcmp(slot->invalidation, "rows_removed") == 0)
		return "Turn on \"hot_standby_feedback\"";
	if (strcmp(slot->invalidation, "wal_level_insufficient") == 0)
		return "Set \"wal_level\" to logical on the primary";
	return "See the server log for the cause";
}

static void
describe_slot(const RwSubject *subject, RwAlertKind alert,
			  const RwFacts *facts, const RwPublished *published,
			  RwAlertText *text)
{
	const RwLink *link = subject->link;
	const RwSlotFacts *slot = link->slot;
	const RwSlotNote *note = &published->slot_notes[slot->number];
	char	   *name = quote_literal_cstr(subject->name);
	char		size[RW_SIZE_LEN];
	char		ago[RW_CLOCK_LEN];

	rw_size_text(size, link->retained_bytes);
	switch (alert)
	{
		case RW_ALERT_SLOT_LOST:
			if (rw_name_equal(note->name, slot->name) &&
				note->lost_at != RW_NEVER)
				add_detail("The slot was invalidated (%s) %s ago.",
						   slot->invalidation ? slot->invalidation : "wal_removed",
						   rw_clock_text(ago, facts->now - note->lost_at));
			else
				add_detail("The slot was invalidated (%s).",
						   slot->invalidation ? slot->invalidation : "wal_removed");
			if (link->retained_bytes >= 0)
				add_detail("It retained %s of WAL.", size);
			add_hint("%s, run pg_drop_replication_slot(%s), and make its replica anew.",
					 setting_that_lost(slot), name);
			break;
		case RW_ALERT_SLOT_AT_RISK:
			if (slot->wal_status == RW_WAL_UNRESERVED)
				add_detail("The slot retains %s of WAL, more than is allowed, and is lost at the next checkpoint unless it moves.",
						   size);
			else if (subject->findings[alert - RW_ALERT_SLOT_LOST].unit == RW_UNIT_SIZE)
				add_detail("The slot retains %s of WAL, above %s.", size,
						   text->threshold);
			else if (text->value[0] != '\0')
				add_detail("The slot retains %s of WAL and, at the rate of the last minute, will be lost in %s.",
						   size, text->value);
			else
				add_detail("The slot retains %s of WAL.", size);
			if (slot->active_pid != 0)
				add_hint("Look at replwatch_status() for why its replica is behind, or increase \"max_slot_wal_keep_size\".");
			else
				add_hint("Bring its replica back, increase \"max_slot_wal_keep_size\", or run pg_drop_replication_slot(%s).",
						 name);
			break;
		default:
			add_detail("The slot has not been used for %s and retains %s of WAL.",
					   text->value, size);
			add_hint("Bring its replica back or, if nobody needs the slot any more, run pg_drop_replication_slot(%s).",
					 name);
			break;
	}
}

static void
describe_node(const RwSubject *subject, RwAlertKind alert,
			  RwSeverity severity, const RwFacts *facts,
			  const RwNodeFacts *node, RwAlertText *text)
{
	const RwLink *link = subject->link;
	char		size[RW_SIZE_LEN];

	switch (alert)
	{
		case RW_ALERT_SYNC_SHORT:
			if (node->sync.connected < node->sync.wanted)
			{
				add_detail("Synchronous standbys: %d needed, %d connected.",
						   node->sync.wanted, node->sync.connected);
				add_detail("Commits that wait: %d.", node->sync.waiting);
				add_hint("Bring a standby back that is listed in \"synchronous_standby_names\", or shorten that list.");
			}
			if (node->absent_slot[0] != '\0')
			{
				add_detail("Slot \"%s\" of \"synchronized_standby_slots\" is not used, and logical replication waits for it.",
						   node->absent_slot);
				add_hint("Bring its standby back, or take it off \"synchronized_standby_slots\".");
			}
			break;
		case RW_ALERT_ARCHIVER_FAILING:
			add_detail("Archiving WAL file \"%s\" failed, and nothing has been archived for %s.",
					   node->failed_wal, text->value);
			add_hint("See the server log for what \"archive_command\" or \"archive_library\" says.");
			break;
		case RW_ALERT_UPSTREAM_DOWN:
			if (link->state == RW_STATE_STREAMING)
				add_detail("The connection is open, but nothing has come from the upstream server for %s.",
						   text->value);
			else
				add_detail("This standby has not streamed for %s.",
						   text->value);
			if (link->lag >= 0)
				add_detail("What is read here is stale by %s%s.",
						   bound_text(link), rw_clock_text(size, link->lag));
			add_hint("Check that the upstream server runs and can be reached, and \"primary_conninfo\"; the server log has the errors.");
			break;
		case RW_ALERT_REPLAY_PAUSED:
			add_detail("Replay is paused, with %s to replay.",
					   rw_size_text(size, link->lag_bytes));
			advise_resume(text);
			break;
		default:
			describe_lag(subject, alert, severity, text);
			advise_self(link, facts, text);
			break;
	}
}

void
rw_alert_describe(const RwSubject *subject, RwAlertKind alert,
				  RwSeverity severity, const RwFacts *facts,
				  const RwNodeFacts *node, const RwPublished *published,
				  RwAlertText *text)
{
	const RwFinding *finding =
		&subject->findings[alert - rw_class_alerts[subject->class].first];
	int64		limit = finding->limits[severity];

	memset(text, 0, sizeof(RwAlertText));
	/* Where one limit serves both, it is with the warning. */
	if (limit == 0)
		limit = finding->limits[RW_SEVERITY_WARNING];
	value_text(text->value, sizeof(text->value), finding->unit,
			   finding->value);
	if (limit > 0)
		value_text(text->threshold, sizeof(text->threshold), finding->unit,
				   limit);

	switch (subject->class)
	{
		case RW_SUBJECT_REPLICA:
			describe_replica(subject, alert, severity, node, text);
			break;
		case RW_SUBJECT_SLOT:
			describe_slot(subject, alert, facts, published, text);
			break;
		case RW_SUBJECT_NODE:
			describe_node(subject, alert, severity, facts, node, text);
			break;
	}
	add_hint("More is said of \"%s\" in doc/runbook.md.",
			 rw_alert_name(alert));
}
