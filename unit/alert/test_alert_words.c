/*-------------------------------------------------------------------------
 *
 * test_alert_words.c
 *	  Tests of src/alert/alert_words.c and of the words in words_*.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "unit/alert/world.h"

#define S	RW_SECOND
#define MB	(INT64CONST(1024) * 1024)

static RwAlertText words;

/* Put the first subject's alert into words. */
static void
describe(RwAlertKind alert, RwSeverity severity)
{
	judge_world();
	rw_describe_alert(&world.input, subject_of(alert), alert, severity,
					  &words);
}

static void
detail_is(RwAlertKind alert, const char *expected, const char *what)
{
	describe(alert, RW_SEVERITY_WARNING);
	is_text(words.detail, expected, what);
}

/* The first replica says itself why it is behind. */
static void
give_own_reason(RwReason reason, const char *text)
{
	world.link[0].own_reason = true;
	world.link[0].reason = reason;
	strcpy(world.link[0].reason_text, text);
}

/* The hint, without its last sentence, which is the same for all. */
static void
hint_is(RwAlertKind alert, const char *expected, const char *what)
{
	char		hint[RW_ALERT_HINT_LEN];

	describe(alert, RW_SEVERITY_WARNING);
	snprintf(hint, sizeof(hint), "%s See \"%s\" in doc/runbook.md.",
			 expected, rw_alert_name(alert));
	is_text(words.hint, hint, what);
}

static void
test_common(void)
{
	char		name[RW_QUOTED_NAME_LEN];
	char		longest[RW_NAME_LEN];
	char		number[RW_NUMBER_LEN];
	RwCause		cause = {RW_CAUSE_NONE, RW_ALERT_REPLICA_MISSING};

	section("sentences");

	memset(&words, 0, sizeof(words));
	rw_add_detail(&words, "One", " sentence.", NULL);
	is_text(words.detail, "One sentence.", "made of strings");
	rw_add_detail(&words, "Another.", NULL);
	is_text(words.detail, "One sentence. Another.", "after a blank");
	rw_add_hint(&words, "Do.", NULL);
	is_text(words.hint, "Do.", "a hint is apart");
	for (int i = 0; i < 200; i++)
		rw_add_detail(&words, "12345", NULL);
	is_int(strlen(words.detail), RW_ALERT_DETAIL_LEN - 1,
		   "what does not fit is cut off");
	is_text(words.hint, "Do.", "and goes nowhere else");

	section("names and numbers");

	is_text(rw_quoted_name(name, "a-b"), "'a-b'", "a name");
	is_text(rw_quoted_name(name, "a'b"), "'a''b'", "with a quote");
	is_text(rw_quoted_name(name, "a\\'b"), "E'a\\\\''b'", "a backslash");
	memset(longest, '\\', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	is_int(strlen(rw_quoted_name(name, longest)), RW_QUOTED_NAME_LEN - 3,
		   "the longest name");
	is_text(rw_number_text(number, PG_INT64_MIN), "-9223372036854775808",
			"the longest number");

	section("why an alert is quiet");

	memset(&words, 0, sizeof(words));
	rw_add_why_quiet(&words, cause);
	is_text(words.detail, "", "it is not");
	cause.state = RW_CAUSE_FIRING;
	rw_add_why_quiet(&words, cause);
	is_text(words.detail, "Not reported while replica_missing is firing.",
			"a cause fires");
	cause.state = RW_CAUSE_PENDING;
	words.detail[0] = '\0';
	rw_add_why_quiet(&words, cause);
	is_text(words.detail,
			"Not reported because replica_missing may be about to fire.",
			"a cause is pending");
	cause.state = RW_CAUSE_CLEARED;
	words.detail[0] = '\0';
	rw_add_why_quiet(&words, cause);
	is_text(words.detail,
			"Not reported because replica_missing has just cleared.",
			"a cause has cleared");
}

static void
test_values(void)
{
	section("value and limit");

	reset_primary();
	add_replica("a");
	world.link[0].lag = 312 * S;
	describe(RW_ALERT_REPLICA_LAG, RW_SEVERITY_WARNING);
	is_text(words.value, "00:05:12", "a time");
	is_text(words.threshold, "00:00:30", "the limit of a warning");
	describe(RW_ALERT_REPLICA_LAG, RW_SEVERITY_CRITICAL);
	is_text(words.threshold, "00:05:00", "the critical one");
	world.link[0].lag = -1;
	describe(RW_ALERT_REPLICA_LAG, RW_SEVERITY_CRITICAL);
	is_text(words.value, "", "not known");

	goes_away(0, START - 125 * S);
	describe(RW_ALERT_REPLICA_MISSING, RW_SEVERITY_CRITICAL);
	is_text(words.threshold, "00:02:00", "one limit serves both");

	world.link[0].lag_bytes = 20 * MB;
	describe(RW_ALERT_REPLICA_LAG_BYTES, RW_SEVERITY_WARNING);
	is_text(words.value, "20 MB", "a size");
	is_text(words.threshold, "1000 bytes", "and its limit");

	world.node.sync.wanted = 12;
	describe(RW_ALERT_SYNC_SHORT, RW_SEVERITY_WARNING);
	is_text(words.value, "0", "a count");
	is_text(words.threshold, "12", "and how many are needed");

	add_slot("s");
	describe(RW_ALERT_SLOT_LOST, RW_SEVERITY_CRITICAL);
	is_text(words.threshold, "", "no limit");
}

static void
test_replicas(void)
{
	RwLink	   *link = &world.link[0];

	section("replica_missing");

	reset_primary();
	add_replica("it's");
	add_replica("z");
	goes_away(0, START - 125 * S);
	detail_is(RW_ALERT_REPLICA_MISSING,
			  "It has not been connected for 00:02:05. It may stream from another server.",
			  "gone");
	hint_is(RW_ALERT_REPLICA_MISSING,
			"Bring it back or, if it was removed or moved on purpose, run replwatch_forget('it''s').",
			"what to do");
	goes_away(1, START);
	detail_is(RW_ALERT_REPLICA_MISSING,
			  "It has not been connected for 00:02:05. It may stream from another server. No standby is streaming.",
			  "the last one");
	link->sender = &world.senders[0];
	detail_is(RW_ALERT_REPLICA_MISSING,
			  "It is connected but does not stream yet. No standby is streaming.",
			  "connected");
	reset_primary();
	add_replica("z");
	goes_away(0, START - S);
	expect("z");
	detail_is(RW_ALERT_REPLICA_MISSING,
			  "It has not been connected for 00:00:01. It is listed in \"replwatch.expected_replicas\". It may stream from another server. No standby is streaming.",
			  "expected");
	hint_is(RW_ALERT_REPLICA_MISSING,
			"Bring it back, or remove it from \"replwatch.expected_replicas\".",
			"what to do");
	reset_primary();
	expect("z");
	detail_is(RW_ALERT_REPLICA_MISSING,
			  "It has not connected to this server. It is listed in \"replwatch.expected_replicas\". No standby is streaming.",
			  "never here");
	hint_is(RW_ALERT_REPLICA_MISSING,
			"Bring it back, or remove it from \"replwatch.expected_replicas\". If it is this server, set \"replwatch.node_name\" to this name.",
			"which may be the server's own name");
	world.input.node_is_named = true;
	hint_is(RW_ALERT_REPLICA_MISSING,
			"Bring it back, or remove it from \"replwatch.expected_replicas\".",
			"unless that is known");

	reset_primary();
	add_replica("a-b")->known = false;
	add_replica("a_b")->known = false;
	expect("A.B");
	detail_is(RW_ALERT_REPLICA_MISSING,
			  "It has not connected to this server. It could be \"a-b\" or \"a_b\". It is listed in \"replwatch.expected_replicas\".",
			  "a name that could be either of two");

	reset_primary();
	add_replica("a");
	add_replica("b");
	goes_away(0, START - 125 * S);
	link->reason = RW_REASON_REFUSED;
	strcpy(link->reason_text,
		   "tried to stream 12 times in the last minute and could not: no such slot");
	detail_is(RW_ALERT_REPLICA_MISSING,
			  "It has not streamed for 00:02:05. Tried to stream 12 times in the last minute and could not: no such slot.",
			  "refused, which is not elsewhere");

	section("replica_diverged");

	reset_primary();
	add_replica("a")->parted = RW_DIVERGED;
	link->reason = RW_REASON_DIVERGED;
	strcpy(link->reason_text,
		   "its WAL beyond LSN 0/300 is not in this server's history");
	detail_is(RW_ALERT_REPLICA_DIVERGED,
			  "Its WAL beyond LSN 0/300 is not in this server's history.",
			  "diverged");
	hint_is(RW_ALERT_REPLICA_DIVERGED,
			"Run pg_rewind on it, or rebuild it.", "what to do");
	world.replicas[0].parted = RW_AHEAD;
	hint_is(RW_ALERT_REPLICA_DIVERGED,
			"Rebuild it; if this server has gone on by then, run replwatch_forget('a') before it connects again.",
			"ahead: what to do");
	world.replicas[0].parted = RW_LEFT_BEHIND;
	hint_is(RW_ALERT_REPLICA_DIVERGED,
			"Set \"recovery_target_timeline\" to \"latest\" on it, and check that it can read the timeline history files.",
			"left behind: what to do");

	section("replica_silent");

	reset_primary();
	add_replica("a");
	link->last_seen = START - 40 * S;
	detail_is(RW_ALERT_REPLICA_SILENT,
			  "It is connected but has not replied for 00:00:40.", "silent");
	hint_is(RW_ALERT_REPLICA_SILENT,
			"Check the network, and the walreceiver process on that server.",
			"what to do");

	section("replica_stalled");

	reset_primary();
	add_replica("a")->replay_moved_at = START - 90 * S;
	link->lag = RW_HOUR;
	link->lag_bytes = 50 * MB;
	detail_is(RW_ALERT_REPLICA_STALLED,
			  "Replay has not advanced for 00:01:30, with 50 MB to replay.",
			  "stalled");
	hint_is(RW_ALERT_REPLICA_STALLED,
			"Look at replwatch_status() on that server: replay may be paused, or in conflict with a query.",
			"what to do");

	link->reason = RW_REASON_REPLAY_STUCK;
	strcpy(link->reason_text, "replay has not advanced for 90 s");
	detail_is(RW_ALERT_REPLICA_STALLED,
			  "Replay has not advanced for 00:01:30, with 50 MB to replay.",
			  "what is seen of it here says no more");
	give_own_reason(RW_REASON_PAUSED,
					"replay is paused; run pg_wal_replay_resume()");
	detail_is(RW_ALERT_REPLICA_STALLED,
			  "Replay has not advanced for 00:01:30, with 50 MB to replay. It reports: replay is paused; run pg_wal_replay_resume().",
			  "what it says itself does");
	hint_is(RW_ALERT_REPLICA_STALLED,
			"Run pg_wal_replay_resume() on that server.", "what to do then");
	give_own_reason(RW_REASON_CONFLICT, "blocked by process 17");
	hint_is(RW_ALERT_REPLICA_STALLED,
			"On that server, end the sessions that block replay, or decrease \"max_standby_streaming_delay\".",
			"in a conflict");
	give_own_reason(RW_REASON_PAUSED_AT_TARGET, "x");
	hint_is(RW_ALERT_REPLICA_STALLED,
			"Look at replwatch_status() on that server.",
			"nothing is guessed any more");

	section("replica_lag");

	reset_primary();
	add_replica("a");
	link->lag = 312 * S;
	link->lag_bytes = 1342 * MB;
	detail_is(RW_ALERT_REPLICA_LAG,
			  "Time lag is 00:05:12 (1342 MB), above 00:00:30.", "the lag");
	hint_is(RW_ALERT_REPLICA_LAG,
			"Look at replwatch_status() on that server.", "what to do");
	link->reason = RW_REASON_REPLAY_STUCK;
	strcpy(link->reason_text,
		   "it has flushed all WAL and replay is not advancing");
	describe(RW_ALERT_REPLICA_LAG, RW_SEVERITY_CRITICAL);
	is_text(words.detail,
			"Time lag is 00:05:12 (1342 MB), above 00:05:00. It has flushed all WAL and replay is not advancing.",
			"with its reason, and the critical limit");
	give_own_reason(RW_REASON_PAUSED, "replay is paused");
	detail_is(RW_ALERT_REPLICA_LAG,
			  "Time lag is 00:05:12 (1342 MB), above 00:00:30. It reports: replay is paused.",
			  "with its own reason");
	hint_is(RW_ALERT_REPLICA_LAG,
			"Run pg_wal_replay_resume() on that server.", "what to do then");
	link->own_reason = false;
	link->reason = RW_REASON_NONE;
	link->bound = RW_BOUND_AT_LEAST;
	link->lag = 20 * S;
	detail_is(RW_ALERT_REPLICA_LAG,
			  "Time lag is at least 00:00:20 (1342 MB), no longer above 00:00:30.",
			  "a bound, and on its way down");
	link->bound = RW_BOUND_AT_MOST;
	link->lag = 40 * S;
	world.limits.of[RW_LIMIT_DELAY] = 5 * S;
	detail_is(RW_ALERT_REPLICA_LAG,
			  "Time lag is at most 00:00:40 (1342 MB), above 00:00:30. Of that, 00:00:05 is intentional.",
			  "the other bound, and a delay");
	link->lag = 0;
	detail_is(RW_ALERT_REPLICA_LAG,
			  "Time lag is at most 00:00:00 (1342 MB), no longer above 00:00:30. Of that, 00:00:05 is intentional.",
			  "none");
	link->lag = -1;
	detail_is(RW_ALERT_REPLICA_LAG, "", "not known");

	section("replica_lag_bytes");

	reset_primary();
	add_replica("a");
	link->lag = 3 * S;
	link->lag_bytes = 2000;
	detail_is(RW_ALERT_REPLICA_LAG_BYTES,
			  "Byte lag is 2000 bytes, above 1000 bytes. Time lag is 00:00:03.",
			  "the lag");
	hint_is(RW_ALERT_REPLICA_LAG_BYTES,
			"Look at replwatch_status() on that server.", "what to do");
	give_own_reason(RW_REASON_PAUSED, "replay is paused");
	detail_is(RW_ALERT_REPLICA_LAG_BYTES,
			  "Byte lag is 2000 bytes, above 1000 bytes. Time lag is 00:00:03. It reports: replay is paused.",
			  "with its own reason");
	hint_is(RW_ALERT_REPLICA_LAG_BYTES,
			"Run pg_wal_replay_resume() on that server.", "what to do then");
	link->own_reason = false;
	link->reason = RW_REASON_NONE;
	link->lag = 0;
	link->lag_bytes = 1000;
	detail_is(RW_ALERT_REPLICA_LAG_BYTES,
			  "Byte lag is 1000 bytes, no longer above 1000 bytes. Time lag is 00:00:00.",
			  "down to the limit");
	link->lag = -1;
	link->lag_bytes = 2000;
	detail_is(RW_ALERT_REPLICA_LAG_BYTES,
			  "Byte lag is 2000 bytes, above 1000 bytes.", "bytes only");
}

static void
test_slots(void)
{
	static const struct
	{
		const char *invalidation;
		const char *hint;
	}			causes[] = {
		{"wal_removed", "Increase \"max_slot_wal_keep_size\""},
		{"idle_timeout", "Increase \"idle_replication_slot_timeout\""},
		{"rows_removed", "Turn on \"hot_standby_feedback\""},
		{"wal_level_insufficient",
		"Set \"wal_level\" to \"logical\" on the primary"},
		{"anything", "See the server log for the cause"},
	};
	RwLink	   *link = &world.link[0];
	RwSlotFacts *slot = &world.slots[0];
	RwSlotNote *note;
	char		hint[RW_ALERT_HINT_LEN];

	section("slot_lost");

	reset_primary();
	note = add_slot("s");
	slot->wal_status = RW_WAL_LOST;
	link->retained_bytes = 64 * MB;
	note->lost_at = START - 61 * S;
	detail_is(RW_ALERT_SLOT_LOST,
			  "The slot was invalidated (wal_removed) 00:01:01 ago. It retained 64 MB of WAL.",
			  "when and why, and what it retained");
	note->lost_at = RW_NEVER;
	link->retained_bytes = -1;
	detail_is(RW_ALERT_SLOT_LOST, "The slot was invalidated (wal_removed).",
			  "as far as is known");
	hint_is(RW_ALERT_SLOT_LOST,
			"Increase \"max_slot_wal_keep_size\", run pg_drop_replication_slot('s'), and rebuild its replica.",
			"what to do");
	for (int i = 0; i < lengthof(causes); i++)
	{
		slot->invalidation = causes[i].invalidation;
		snprintf(hint, sizeof(hint),
				 "%s, run pg_drop_replication_slot('s'), and rebuild its replica.",
				 causes[i].hint);
		hint_is(RW_ALERT_SLOT_LOST, hint, causes[i].invalidation);
	}
	slot->sender = 0;
	slot->invalidation = "wal_removed";
	detail_is(RW_ALERT_SLOT_LOST,
			  "The slot was invalidated (wal_removed). A replica streams through it all the same, but the slot retains no WAL for it.",
			  "while a replica streams through it");
	hint_is(RW_ALERT_SLOT_LOST,
			"Increase \"max_slot_wal_keep_size\", disconnect its replica, run pg_drop_replication_slot('s'), and create the slot again.",
			"the replica need not be rebuilt");
	slot->sender = -1;
	slot->synced = world.facts.in_recovery = true;
	hint_is(RW_ALERT_SLOT_LOST,
			"Increase \"max_slot_wal_keep_size\", and look at the slot on the primary server, from which it is synchronized.",
			"a standby's copy, which can't be dropped");
	slot->synced = world.facts.in_recovery = false;
	slot->invalidation = "anything";
	note->name[0] = '\0';
	detail_is(RW_ALERT_SLOT_LOST, "The slot was invalidated (anything).",
			  "without a note");

	section("slot_at_risk");

	reset_primary();
	add_slot("s");
	link->retained_bytes = 64 * MB;
	slot->limited = true;
	link->slot_time_left = 600 * S;
	detail_is(RW_ALERT_SLOT_AT_RISK,
			  "The slot retains 64 MB of WAL and, at the rate of the last minute, will be lost in 00:10:00.",
			  "for time");
	hint_is(RW_ALERT_SLOT_AT_RISK,
			"Look at replwatch_status() for why its replica, process 4711, is behind, or increase \"max_slot_wal_keep_size\".",
			"what to do while it is used");
	slot->sender = 0;
	rw_name_copy(world.senders[0].peer.application_name, "app");
	hint_is(RW_ALERT_SLOT_AT_RISK,
			"Look at replwatch_status() for why its replica, process 4711 (\"app\"), is behind, or increase \"max_slot_wal_keep_size\".",
			"by a walsender");
	link->reason = RW_REASON_HELD_BY_TRANSACTION;
	strcpy(link->reason_text, "held by process 1");
	detail_is(RW_ALERT_SLOT_AT_RISK,
			  "The slot retains 64 MB of WAL and, at the rate of the last minute, will be lost in 00:10:00. Held by process 1.",
			  "and an open transaction is why");
	hint_is(RW_ALERT_SLOT_AT_RISK,
			"End that transaction, or increase \"max_slot_wal_keep_size\".",
			"what to do about that");
	link->reason = RW_REASON_NONE;
	slot->sender = -1;
	slot->active_pid = 0;
	hint_is(RW_ALERT_SLOT_AT_RISK,
			"Bring its replica back, increase \"max_slot_wal_keep_size\", or run pg_drop_replication_slot('s').",
			"and while it is not");
	world.facts.idle_slot_timeout_s = 7200;
	link->slot_idle_left = 600 * S;
	detail_is(RW_ALERT_SLOT_AT_RISK,
			  "The slot retains 64 MB of WAL and, being unused, will be lost in 00:10:00, or at the first checkpoint after that.",
			  "for want of use");
	hint_is(RW_ALERT_SLOT_AT_RISK,
			"Bring its replica back, increase \"idle_replication_slot_timeout\", or run pg_drop_replication_slot('s').",
			"by another setting");
	link->slot_idle_left = -1;
	link->slot_time_left = -1;
	detail_is(RW_ALERT_SLOT_AT_RISK, "The slot retains 64 MB of WAL.",
			  "nobody knows for how long");
	world.limits.of[RW_LIMIT_SLOT_RETAINED] = 32 * MB;
	detail_is(RW_ALERT_SLOT_AT_RISK,
			  "The slot retains 64 MB of WAL, above 32 MB.", "for size");
	hint_is(RW_ALERT_SLOT_AT_RISK,
			"Bring its replica back, increase \"replwatch.slot_retained\", or run pg_drop_replication_slot('s').",
			"by the setting that says so");
	slot->limited = false;
	hint_is(RW_ALERT_SLOT_AT_RISK,
			"Bring its replica back, increase \"replwatch.slot_retained\", or run pg_drop_replication_slot('s').",
			"where the server has no limit");
	slot->synced = world.facts.in_recovery = true;
	hint_is(RW_ALERT_SLOT_AT_RISK,
			"Look at the slot on the primary server, from which it is synchronized, or increase \"replwatch.slot_retained\".",
			"a standby's copy, which can't be dropped");
	slot->synced = world.facts.in_recovery = false;
	slot->wal_status = RW_WAL_UNRESERVED;
	detail_is(RW_ALERT_SLOT_AT_RISK,
			  "The slot retains 64 MB of WAL, more than is allowed, and will be lost at the next checkpoint unless it advances.",
			  "unreserved");

	section("slot_inactive");

	reset_primary();
	note = add_slot("s");
	note->moved_at = START - 1000 * S;
	link->retained_bytes = 64 * MB;
	slot->active_pid = 0;
	detail_is(RW_ALERT_SLOT_INACTIVE,
			  "The slot has not moved for 00:16:40 and retains 64 MB of WAL. Nobody uses it.",
			  "unused");
	hint_is(RW_ALERT_SLOT_INACTIVE,
			"Bring its replica back or, if the slot is no longer needed, run pg_drop_replication_slot('s').",
			"what to do");
	note->uses = 1;
	detail_is(RW_ALERT_SLOT_INACTIVE,
			  "The slot has not moved for 00:16:40 and retains 64 MB of WAL. In this time it was used once, and is not used now.",
			  "used in vain");
	note->uses = 12;
	detail_is(RW_ALERT_SLOT_INACTIVE,
			  "The slot has not moved for 00:16:40 and retains 64 MB of WAL. In this time it was used 12 times, and is not used now.",
			  "again and again");
	hint_is(RW_ALERT_SLOT_INACTIVE,
			"See the server log and that of its client for why it gets no further, or run pg_drop_replication_slot('s') if the slot is no longer needed.",
			"what to do about that");
	slot->active_pid = 4711;
	detail_is(RW_ALERT_SLOT_INACTIVE,
			  "The slot has not moved for 00:16:40 and retains 64 MB of WAL. It is used by process 4711. In this time it was used 12 times.",
			  "also now");
	slot->sender = 0;
	note->uses = 1;
	rw_name_copy(world.senders[0].peer.application_name, "app");
	detail_is(RW_ALERT_SLOT_INACTIVE,
			  "The slot has not moved for 00:16:40 and retains 64 MB of WAL. It is used by process 4711 (\"app\").",
			  "by a consumer that confirms nothing");
	hint_is(RW_ALERT_SLOT_INACTIVE,
			"Find out why that process's client confirms nothing: it may be stopped, blocked, or short of disk space, or not confirm what it receives.",
			"what to do about it");

	section("slot_inactive of a table's initial copy");

	reset_primary();
	note = add_slot("pg_16394_sync_16385_7300000000000000000");
	note->moved_at = START - 1000 * S;
	link->retained_bytes = 64 * MB;
	slot->active_pid = 0;
	slot->table_sync = true;
	for (note->uses = 0; note->uses < 2; note->uses++)
		hint_is(RW_ALERT_SLOT_INACTIVE,
				"The subscription drops it when the table has been copied: see the subscriber's server log for why that takes so long, and run pg_drop_replication_slot('pg_16394_sync_16385_7300000000000000000') only if the subscription no longer exists.",
				"it is not to be dropped under the subscription");
	note->uses = 0;
	detail_is(RW_ALERT_SLOT_INACTIVE,
			  "The slot has not moved for 00:16:40 and retains 64 MB of WAL. Nobody uses it. It is for the initial copy of a table by a subscription.",
			  "what it is for");
	hint_is(RW_ALERT_SLOT_AT_RISK,
			"See the subscriber's server log for why the copy of its table does not end, or increase \"replwatch.slot_retained\"; run pg_drop_replication_slot('pg_16394_sync_16385_7300000000000000000') only if the subscription no longer exists.",
			"nor is it when it is at risk");

	section("slot_inactive on a standby");

	reset_primary();
	note = add_slot("s");
	note->moved_at = START - 1000 * S;
	link->retained_bytes = 64 * MB;

	world.facts.in_recovery = true;
	slot->active_pid = note->uses = 0;
	slot->sender = -1;
	hint_is(RW_ALERT_SLOT_INACTIVE,
			"If it is left over from when this server was a primary, run pg_drop_replication_slot('s'); if it is kept for a failover, see why nothing moves it.",
			"unused");
	slot->synced = true;
	world.facts.wall = 1000 * RW_DAY;
	slot->inactive_since = world.facts.wall - 119 * S;
	detail_is(RW_ALERT_SLOT_INACTIVE,
			  "The slot has not moved for 00:16:40 and retains 64 MB of WAL. It is synchronized from the primary server, but \"sync_replication_slots\" is off.",
			  "a copy that nothing synchronizes");
	world.facts.syncs_slots = true;
	detail_is(RW_ALERT_SLOT_INACTIVE,
			  "The slot has not moved for 00:16:40 and retains 64 MB of WAL. Slot synchronization works, so it does not move on the primary server either.",
			  "a true copy");
	hint_is(RW_ALERT_SLOT_INACTIVE,
			"Look at the slot on the primary server.", "where to look");
	slot->inactive_since = world.facts.wall - 121 * S;
	detail_is(RW_ALERT_SLOT_INACTIVE,
			  "The slot has not moved for 00:16:40 and retains 64 MB of WAL. Slot synchronization last reached it 00:02:01 ago.",
			  "a copy that is left alone");
	hint_is(RW_ALERT_SLOT_INACTIVE,
			"See the server log for why slot synchronization fails: it needs \"sync_replication_slots\", \"hot_standby_feedback\", \"primary_slot_name\", and dbname in \"primary_conninfo\".",
			"what it needs");
	slot->sync_skipped = "wal_not_flushed";
	detail_is(RW_ALERT_SLOT_INACTIVE,
			  "The slot has not moved for 00:16:40 and retains 64 MB of WAL. Slot synchronization does not bring it up to date (wal_not_flushed).",
			  "a copy that is skipped");
}

/* A standby that is synchronous, and how far it has got. */
static RwSenderFacts *
add_synchronous(const char *name, XLogRecPtr flush, XLogRecPtr replay)
{
	RwSenderFacts *sender = &world.senders[world.facts.nsenders++];

	rw_name_copy(sender->name, name);
	sender->sync_state = world.node.sync.quorum ? "quorum" : "sync";
	sender->write = sender->flush = flush;
	sender->replay = replay;
	sender->replica = !XLogRecPtrIsInvalid(replay);
	sender->receiver = !sender->replica;
	world.node.sync.connected++;
	return sender;
}

/* A primary on which a commit at `lsn` has waited for 70 s at that stage. */
static void
reset_hanging(RwSyncStage stage, XLogRecPtr lsn)
{
	reset_primary();
	world.input.hold = 5 * RW_SECOND;
	world.node.sync.wanted = 1;
	world.node.sync.waiting = 3;
	world.memory.sync.since = START - 70 * RW_SECOND;
	world.memory.sync.stage = stage;
	world.memory.sync.lsn = lsn;
}

static void
standby_slot_is(RwStandbySlotFault fault, const char *detail, const char *hint)
{
	world.facts.standby_slot.fault = fault;
	detail_is(RW_ALERT_SYNC_SHORT, detail, "a slot that is waited for");
	hint_is(RW_ALERT_SYNC_SHORT, hint, "what to do");
}

static void
test_sync_short(void)
{
	RwLink	   *link;

	section("sync_short");

	reset_primary();
	world.node.sync.wanted = 2;
	world.node.sync.connected = 1;
	world.node.sync.waiting = 3;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Synchronous standbys: 2 needed, 1 connected. Commits waiting: 3.",
			  "too few");
	hint_is(RW_ALERT_SYNC_SHORT,
			"Bring back a standby that is listed in \"synchronous_standby_names\", or shorten that list.",
			"what to do");
	world.memory.sync.since = START - 70 * RW_SECOND;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Synchronous standbys: 2 needed, 1 connected. Commits waiting: 3, the oldest for 00:01:10.",
			  "too few, for some time");

	world.facts.horizon = 5000;
	world.facts.nsenders = 1;
	rw_name_copy(world.senders[0].name, "a");
	world.senders[0].state = RW_SENDER_CATCHUP;
	world.senders[0].sync_priority = 1;
	world.senders[0].flush = 2000;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Synchronous standbys: 2 needed, 1 connected. Commits waiting: 3, the oldest for 00:01:10. \"a\" does not count until it has caught up (3000 bytes behind).",
			  "one has not caught up");
	hint_is(RW_ALERT_SYNC_SHORT,
			"Wait for it, or shorten \"synchronous_standby_names\".",
			"what to do");
	world.senders[0].flush = 0;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Synchronous standbys: 2 needed, 1 connected. Commits waiting: 3, the oldest for 00:01:10. \"a\" does not count until it has caught up.",
			  "nor reported how far it is");
	world.senders[0].sync_priority = 0;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Synchronous standbys: 2 needed, 1 connected. Commits waiting: 3, the oldest for 00:01:10.",
			  "an asynchronous one has not caught up");

	section("sync_short: commits that hang");

	reset_hanging(RW_SYNC_FLUSH, 20 * 1024 * 1024);
	add_synchronous("archive", 0, 0)->flush = 4 * 1024 * 1024;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Commits waiting: 3, the oldest for 00:01:10. The oldest is not yet flushed by \"archive\" (16 MB behind).",
			  "a receiver that does not confirm");
	hint_is(RW_ALERT_SYNC_SHORT,
			"If \"archive\" is pg_receivewal, run it with --synchronous; or remove it from \"synchronous_standby_names\".",
			"what to do");
	is_text(words.value, "00:01:10", "the value");
	is_text(words.threshold, "00:00:05", "the limit");
	world.memory.sync.stage = RW_SYNC_REPLAY;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Commits waiting: 3, the oldest for 00:01:10. The oldest is not yet replayed by \"archive\" (never reported).",
			  "one that can't replay");
	hint_is(RW_ALERT_SYNC_SHORT,
			"\"archive\" does not replay WAL: remove it from \"synchronous_standby_names\", or do not use \"remote_apply\".",
			"what to do");

	reset_hanging(RW_SYNC_REPLAY, 5000);
	add_replica("a");
	link = &world.link[0];
	link->sender = add_synchronous("a", 5000, 3000);
	link->reason = RW_REASON_REPLAY_STUCK;
	strcpy(link->reason_text, "replay has not advanced");
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Commits waiting: 3, the oldest for 00:01:10. The oldest is not yet replayed by \"a\" (2000 bytes behind). Replay has not advanced.",
			  "a standby that does not replay");
	hint_is(RW_ALERT_SYNC_SHORT,
			"Look at replwatch_status() on \"a\": replay may be paused or blocked there.",
			"what to do");
	give_own_reason(RW_REASON_PAUSED, "replay is paused");
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Commits waiting: 3, the oldest for 00:01:10. The oldest is not yet replayed by \"a\" (2000 bytes behind). It reports: replay is paused.",
			  "one that says why");
	hint_is(RW_ALERT_SYNC_SHORT, "Run pg_wal_replay_resume() on \"a\".",
			"what to do then");
	link->own_reason = false;
	link->reason = RW_REASON_REPLAY_BEHIND;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Commits waiting: 3, the oldest for 00:01:10. The oldest is not yet replayed by \"a\" (2000 bytes behind).",
			  "a reason that says nothing new");
	link->reason = RW_REASON_REPLAY_STUCK;
	memset(link->reason_text, 'x', RW_REASON_LEN - 1);
	rw_name_copy(world.senders[0].name, "a_name_that_is_longer_than_most");
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Commits waiting: 3, the oldest for 00:01:10. The oldest is not yet replayed by \"a_name_that_is_longer_than_most\" (2000 bytes behind).",
			  "a reason without room");

	reset_hanging(RW_SYNC_WRITE, 5000);
	world.node.sync.wanted = 2;
	add_synchronous("a", 4000, 1);
	add_synchronous("b", 5000, 1);
	add_synchronous("c", 0, 1)->sync_state = "potential";
	add_synchronous("d", 0, 1)->sync_state = "async";
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Commits waiting: 3, the oldest for 00:01:10. The oldest is not yet written by \"a\" (1000 bytes behind).",
			  "one of the first two");
	hint_is(RW_ALERT_SYNC_SHORT,
			"Check \"a\" and the network to it, or remove it from \"synchronous_standby_names\".",
			"what to do");
	world.senders[1].write = 4999;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Commits waiting: 3, the oldest for 00:01:10. The oldest is not yet written by \"a\" (1000 bytes behind) and \"b\" (1 bytes behind).",
			  "both");
	world.senders[1].write = 5001;
	world.senders[0].write = 5000;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Commits waiting: 3, the oldest for 00:01:10.",
			  "they have just got so far");

	reset_hanging(RW_SYNC_FLUSH, 5000);
	world.node.sync.wanted = 2;
	world.node.sync.quorum = true;
	add_synchronous("a", 4000, 1);
	add_synchronous("b", 5000, 1);
	add_synchronous("c", 3000, 1);
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Commits waiting: 3, the oldest for 00:01:10. The oldest is not yet flushed by 1 of \"a\" (1000 bytes behind) and \"c\" (2000 bytes behind).",
			  "one more of a quorum");
	world.senders[1].flush = 1;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Commits waiting: 3, the oldest for 00:01:10. The oldest is not yet flushed by 2 of \"a\" (1000 bytes behind), \"b\" (4999 bytes behind) and 1 other.",
			  "two more");

	section("sync_short: synchronized_standby_slots");

	reset_primary();
	rw_name_copy(world.facts.standby_slot.name, "s");
	world.facts.nslots = 2;
	world.slots[1].logical = true;
	standby_slot_is(RW_STANDBY_SLOT_UNUSED,
					"Slot \"s\" of \"synchronized_standby_slots\" is not used, and logical replication would wait for it if a slot had failover enabled.",
					"Bring its standby back, or remove it from \"synchronized_standby_slots\".");
	world.slots[1].failover = true;
	world.slots[1].invalidation = "wal_removed";
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Slot \"s\" of \"synchronized_standby_slots\" is not used, and logical replication would wait for it if a slot had failover enabled.",
			  "a failover slot that was invalidated waits for nothing");
	world.slots[1].invalidation = NULL;
	standby_slot_is(RW_STANDBY_SLOT_UNUSED,
					"Slot \"s\" of \"synchronized_standby_slots\" is not used, and logical replication waits for it.",
					"Bring its standby back, or remove it from \"synchronized_standby_slots\".");
	standby_slot_is(RW_STANDBY_SLOT_ABSENT,
					"Slot \"s\" of \"synchronized_standby_slots\" does not exist, and logical replication waits for it.",
					"Create it and have its standby use it, or remove it from \"synchronized_standby_slots\".");
	standby_slot_is(RW_STANDBY_SLOT_LOGICAL,
					"Slot \"s\" of \"synchronized_standby_slots\" is a logical slot, and logical replication waits for it.",
					"Remove it from \"synchronized_standby_slots\", which is for the slots of standbys.");
	standby_slot_is(RW_STANDBY_SLOT_INVALID,
					"Slot \"s\" of \"synchronized_standby_slots\" has been invalidated, and logical replication waits for it.",
					"Drop it and rebuild its standby, or remove it from \"synchronized_standby_slots\".");
	world.facts.horizon = 3000;
	world.facts.standby_slot.restart_lsn = 1000;
	world.memory.standby_slot.since = START - 70 * RW_SECOND;
	standby_slot_is(RW_STANDBY_SLOT_BEHIND,
					"Slot \"s\" of \"synchronized_standby_slots\" is used but has not moved for 00:01:10, is 2000 bytes behind, and logical replication waits for it.",
					"Check its standby, or remove it from \"synchronized_standby_slots\".");
	world.slots[1].failover = false;
	detail_is(RW_ALERT_SYNC_SHORT,
			  "Slot \"s\" of \"synchronized_standby_slots\" is used but has not moved for 00:01:10, is 2000 bytes behind, and logical replication would wait for it if a slot had failover enabled.",
			  "nobody waits for it");
	world.memory.standby_slot.since = RW_NEVER;
	detail_is(RW_ALERT_SYNC_SHORT, "", "it has moved");
}

static void
test_node(void)
{
	RwLink	   *link = &world.link[0];

	test_sync_short();

	section("upstream_down");

	reset_standby();
	world.published.upstream.down_since = START - 70 * S;
	link->lag = -1;
	detail_is(RW_ALERT_UPSTREAM_DOWN,
			  "The connection is open, but nothing has come from the upstream server for 00:01:10.",
			  "silence");
	link->state = RW_STATE_DISCONNECTED;
	link->lag = 75 * S;
	link->bound = RW_BOUND_AT_MOST;
	detail_is(RW_ALERT_UPSTREAM_DOWN,
			  "This standby has not streamed for 00:01:10. Data read here is stale by at most 00:01:15.",
			  "no connection, and what that means");
	hint_is(RW_ALERT_UPSTREAM_DOWN,
			"Check that the upstream server is running and reachable, and \"primary_conninfo\"; the server log has the errors.",
			"what to do");

	reset_standby();
	world.published.upstream.down_since = START - 70 * S;
	link->state = RW_STATE_DISCONNECTED;
	link->lag = -1;
	link->reason = RW_REASON_REFUSED;
	strcpy(link->reason_text,
		   "the upstream server refused 12 connections in the last minute");
	detail_is(RW_ALERT_UPSTREAM_DOWN,
			  "This standby has not streamed for 00:01:10. The upstream server refused 12 connections in the last minute.",
			  "refused");
	link->state = RW_STATE_ARCHIVE;
	link->lag = 6 * S;
	link->bound = RW_BOUND_AT_MOST;
	link->reason = RW_REASON_FROM_ARCHIVE;
	strcpy(link->reason_text,
		   "WAL comes from the archive; the last replayed commit is 6 s old");
	detail_is(RW_ALERT_UPSTREAM_DOWN,
			  "This standby has not streamed for 00:01:10. WAL comes from the archive; the last replayed commit is 6 s old. Data read here is stale by at most 00:00:06.",
			  "from the archive, and how old");
	hint_is(RW_ALERT_UPSTREAM_DOWN,
			"Check that the upstream server is running and reachable, and \"primary_conninfo\"; the server log has the errors.",
			"what to do");
	for (int i = 0; i < 3; i++)
		rw_attempts_add(&world.published.upstream.attempts,
						world.facts.now);
	hint_is(RW_ALERT_UPSTREAM_DOWN,
			"Check pg_hba.conf, the slots, the WAL and \"max_wal_senders\" of the upstream server, and \"primary_conninfo\".",
			"what to do if it is refused");
	link->reason = RW_REASON_RESTORE_COMMAND;
	strcpy(link->reason_text, "the restore_command has been running for 10 s");
	detail_is(RW_ALERT_UPSTREAM_DOWN,
			  "This standby has not streamed for 00:01:10. The restore_command has been running for 10 s. Data read here is stale by at most 00:00:06.",
			  "a command that does not end");
	hint_is(RW_ALERT_UPSTREAM_DOWN,
			"Look at the processes that the command runs on this server, and at what they wait for.",
			"what to do about that");
	link->reason = RW_REASON_PAUSED;
	strcpy(link->reason_text, "replay is paused");
	detail_is(RW_ALERT_UPSTREAM_DOWN,
			  "This standby has not streamed for 00:01:10. Replay is paused. Data read here is stale by at most 00:00:06.",
			  "paused, so that no receiver is started");
	hint_is(RW_ALERT_UPSTREAM_DOWN, "Run pg_wal_replay_resume().",
			"what to do about that");
	link->reason = RW_REASON_CONFLICT;
	strcpy(link->reason_text, "replay waits for a lock");
	hint_is(RW_ALERT_UPSTREAM_DOWN,
			"Look for long queries in pg_stat_activity, or decrease \"max_standby_archive_delay\".",
			"a conflict with WAL from the archive");
	link->state = RW_STATE_DISCONNECTED;
	hint_is(RW_ALERT_UPSTREAM_DOWN,
			"Look for long queries in pg_stat_activity, or decrease \"max_standby_streaming_delay\".",
			"with what was streamed");
	link->state = RW_STATE_STREAMING;
	hint_is(RW_ALERT_UPSTREAM_DOWN,
			"Check pg_hba.conf, the slots, the WAL and \"max_wal_senders\" of the upstream server, and \"primary_conninfo\".",
			"but not of a connection that is open");

	section("replica_diverged on the standby itself");

	reset_standby();
	world.published.upstream.parted = RW_DIVERGED;
	link->reason = RW_REASON_DIVERGED;
	strcpy(link->reason_text, "it has replayed too much");
	detail_is(RW_ALERT_SELF_DIVERGED,
			  "It has replayed too much. Data read here may never have existed there.",
			  "why, and what that means");

	section("replay_paused");

	reset_standby();
	world.published.upstream.paused_since = START - 70 * S;
	link->lag = 80 * S;
	link->lag_bytes = 20 * MB;
	detail_is(RW_ALERT_REPLAY_PAUSED,
			  "Replay is paused, with 20 MB to replay.", "what there is");
	hint_is(RW_ALERT_REPLAY_PAUSED, "Run pg_wal_replay_resume().",
			"what to do");
	world.facts.recovery.pause_cause = RW_PAUSE_AT_TARGET;
	detail_is(RW_ALERT_REPLAY_PAUSED,
			  "Replay is paused at the recovery target, with 20 MB to replay.",
			  "at the target");
	link->lag_bytes = 0;
	detail_is(RW_ALERT_REPLAY_PAUSED,
			  "Replay is paused at the recovery target. The amount of WAL in the archive is not known.",
			  "fed by the archive");
	link->lag_bytes = 20 * MB;
	hint_is(RW_ALERT_REPLAY_PAUSED,
			"Run pg_wal_replay_resume() to end recovery and promote this server; to replay more WAL instead, change the recovery target and restart it.",
			"which resuming promotes");
	world.facts.recovery.pause_cause = RW_PAUSE_FOR_SETTING;
	detail_is(RW_ALERT_REPLAY_PAUSED,
			  "Replay is paused, with 20 MB to replay. A setting is lower than on the primary server.",
			  "a setting that is not known");
	hint_is(RW_ALERT_REPLAY_PAUSED,
			"Raise the setting that the server log names. Then restart this server; pg_wal_replay_resume() would only shut it down.",
			"which resuming stops");
	world.facts.recovery.nlow = 2;
	world.facts.recovery.low[0] =
		(RwLowSetting) {.name = "max_connections", .here = 30, .needed = 47};
	world.facts.recovery.low[1] =
		(RwLowSetting) {.name = "max_wal_senders", .here = 5, .needed = 10};
	detail_is(RW_ALERT_REPLAY_PAUSED,
			  "Replay is paused, with 20 MB to replay. The setting \"max_connections\" is 30 here and 47 on the primary server. The setting \"max_wal_senders\" is 5 here and 10 on the primary server.",
			  "settings that are known");
	hint_is(RW_ALERT_REPLAY_PAUSED,
			"Set \"max_connections\" to at least 47. Set \"max_wal_senders\" to at least 10. Then restart this server; pg_wal_replay_resume() would only shut it down.",
			"and what they have to be");

	section("self_lag");

	link->reason = RW_REASON_PAUSED;
	strcpy(link->reason_text, "replay is paused");
	detail_is(RW_ALERT_SELF_LAG,
			  "Time lag is 00:01:20 (20 MB), above 00:00:30. Replay is paused.",
			  "the lag, and why");
	link->reason = RW_REASON_PAUSED_FOR_SETTING;
	hint_is(RW_ALERT_SELF_LAG,
			"Set \"max_connections\" to at least 47. Set \"max_wal_senders\" to at least 10. Then restart this server; pg_wal_replay_resume() would only shut it down.",
			"what to do while it is paused for settings");
	world.facts.recovery.pause_cause = RW_PAUSE_BY_HAND;
	link->reason = RW_REASON_PAUSED;
	hint_is(RW_ALERT_SELF_LAG, "Run pg_wal_replay_resume().",
			"what to do while it is paused");
	link->reason = RW_REASON_CONFLICT;
	hint_is(RW_ALERT_SELF_LAG,
			"Look for long queries in pg_stat_activity, or decrease \"max_standby_streaming_delay\".",
			"a conflict with somebody");
	world.facts.recovery.nblockers = 2;
	world.facts.recovery.blockers[0] = 4711;
	hint_is(RW_ALERT_SELF_LAG,
			"End the session with pg_terminate_backend(4711), or decrease \"max_standby_streaming_delay\".",
			"a conflict with a session that is known");
	world.facts.recovery.query_start = world.facts.wall - 65 * S;
	strcpy(world.facts.recovery.query, "SELECT 1");
	world.facts.recovery.blockers_likely = true;
	hint_is(RW_ALERT_SELF_LAG,
			"Check process 4711 in pg_stat_activity. End the session with pg_terminate_backend(4711), or decrease \"max_standby_streaming_delay\". Its query began 00:01:05 ago: \"SELECT 1\".",
			"one that is likely, with its query");
	link->reason = RW_REASON_RECEIVER_DOWN;
	hint_is(RW_ALERT_SELF_LAG,
			"Check that the upstream server is running and reachable.",
			"no receiver");
	link->reason = RW_REASON_UPSTREAM_SILENT;
	hint_is(RW_ALERT_SELF_LAG,
			"Check that the upstream server is running and reachable.",
			"silence");
	link->reason = RW_REASON_FROM_ARCHIVE;
	hint_is(RW_ALERT_SELF_LAG,
			"Check that new WAL reaches the archive, and \"restore_command\".",
			"the archive");
	link->reason = RW_REASON_RESTORE_COMMAND;
	hint_is(RW_ALERT_SELF_LAG,
			"Look at the processes that the command runs on this server, and at what they wait for.",
			"a command that does not end");
	link->reason = RW_REASON_REPLAY_BEHIND;
	hint_is(RW_ALERT_SELF_LAG,
			"Look at replwatch_status() on this server and its upstream.",
			"anything else");
	world.facts.recovery.apply_delay_ms = 7000;
	link->reason = RW_REASON_NONE;
	detail_is(RW_ALERT_SELF_LAG,
			  "Time lag is 00:01:20 (20 MB), above 00:00:30. Of that, 00:00:07 is intentional.",
			  "with recovery_min_apply_delay");
}

static void
test_held(void)
{
	section("wal_disk");

	reset_primary();
	set_volume(500, 41, 0.1);
	detail_is(RW_ALERT_WAL_DISK,
			  "At the rate at which it grows, pg_wal will fill its volume in 01:23:20. Of the volume's 1000 MB, 500 MB (50%) are free. \"max_wal_size\" and \"wal_keep_size\" allow 40 MB.",
			  "when, and how much is free");
	world.facts.horizon = 1000 * MB;
	world.memory.wal_disk.volume.wal_keep_size = 2 * MB;
	world.memory.wal_disk.volume.unarchived = 930 * MB;
	detail_is(RW_ALERT_WAL_DISK,
			  "Of the volume's 1000 MB, 500 MB (50%) are free. 70 MB are not archived. \"max_wal_size\" and \"wal_keep_size\" allow 42 MB.",
			  "no longer, and what is not archived");
	hint_is(RW_ALERT_WAL_DISK,
			"Look at pg_stat_archiver and the server log for why WAL is not archived.",
			"what to do");
	set_volume(40, 81, 0.1);
	world.facts.nslots = 1;
	world.slots[0].restart_lsn = 919 * MB;
	rw_name_copy(world.slots[0].name, "s");
	detail_is(RW_ALERT_WAL_DISK,
			  "At the rate at which it grows, pg_wal will fill its volume in 00:06:40. Of the volume's 1000 MB, 40 MB (4%) are free. Slot \"s\" holds 81 MB of WAL. \"max_wal_size\" and \"wal_keep_size\" allow 40 MB.",
			  "a slot");
	hint_is(RW_ALERT_WAL_DISK,
			"Bring the consumer of the slot back, set \"max_slot_wal_keep_size\", or run pg_drop_replication_slot('s').",
			"what to do");
	world.slots[0].active_pid = 4711;
	hint_is(RW_ALERT_WAL_DISK,
			"Look at replwatch_status() for why the consumer of the slot is behind, set \"max_slot_wal_keep_size\", or run pg_drop_replication_slot('s').",
			"what to do about one that is used");
	set_volume(40, 0, 0);
	world.slots[0].restart_lsn = 960 * MB;
	detail_is(RW_ALERT_WAL_DISK,
			  "Of the volume's 1000 MB, 40 MB (4%) are free, less than 50 MB. Slot \"s\" holds 40 MB of WAL. \"max_wal_size\" and \"wal_keep_size\" allow 40 MB.",
			  "little space");
	hint_is(RW_ALERT_WAL_DISK,
			"Enlarge the volume, remove what else is on it, or decrease \"max_wal_size\" or \"wal_keep_size\".",
			"what to do");
	set_volume(60, 0, 0);
	world.memory.wal_disk.volume.oldest = 900 * MB;
	detail_is(RW_ALERT_WAL_DISK,
			  "Of the volume's 1000 MB, 60 MB (6%) are free, no longer less than 50 MB. Slot \"s\" holds 40 MB of WAL. \"max_wal_size\" and \"wal_keep_size\" allow 40 MB.",
			  "and a little more");
	hint_is(RW_ALERT_WAL_DISK,
			"Run CHECKPOINT to remove WAL that is no longer needed, and look at the server log if that fails.",
			"nobody holds the WAL that is there");
	reset_standby();
	set_volume(40, 81, 0.1);
	world.facts.horizon = 1000 * MB;
	world.facts.recovery.replay = 919 * MB;
	detail_is(RW_ALERT_WAL_DISK,
			  "At the rate at which it grows, pg_wal will fill its volume in 00:06:40. Of the volume's 1000 MB, 40 MB (4%) are free. 81 MB are not replayed. \"max_wal_size\" and \"wal_keep_size\" allow 40 MB.",
			  "replay");
	hint_is(RW_ALERT_WAL_DISK,
			"Look at replwatch_status() for why replay is behind.",
			"what to do");

	section("xmin_held");

	reset_primary();
	world.facts.nslots = 1;
	world.slots[0].sender = -1;
	world.slots[0].xmin_age = 123456;
	rw_name_copy(world.slots[0].name, "s");
	detail_is(RW_ALERT_XMIN_HELD,
			  "Slot \"s\" holds back vacuum by 123456 transactions, above 100000. Nobody uses it.",
			  "a slot");
	hint_is(RW_ALERT_XMIN_HELD,
			"Bring its standby back, or run pg_drop_replication_slot('s').",
			"what to do");
	world.slots[0].logical = world.slots[0].catalog_only = true;
	detail_is(RW_ALERT_XMIN_HELD,
			  "Slot \"s\" holds back vacuum of system catalogs by 123456 transactions, above 100000. Nobody uses it.",
			  "a logical slot");
	hint_is(RW_ALERT_XMIN_HELD,
			"Bring its consumer back, or run pg_drop_replication_slot('s').",
			"what to do");
	world.facts.nsenders = 1;
	world.senders[0].xmin_age = -1;
	world.slots[0].sender = 0;
	world.slots[0].active_pid = 4711;
	rw_name_copy(world.senders[0].name, "r");
	world.slots[0].xmin_age = 70000;
	detail_is(RW_ALERT_XMIN_HELD,
			  "Slot \"s\" holds back vacuum of system catalogs by 70000 transactions, no longer above 100000.",
			  "one that is used");
	hint_is(RW_ALERT_XMIN_HELD,
			"Look at replwatch_status() for why its consumer does not advance it, or run pg_drop_replication_slot('s').",
			"what to do");
	world.slots[0].logical = false;
	detail_is(RW_ALERT_XMIN_HELD,
			  "The feedback of standby \"r\" holds back vacuum of system catalogs by 70000 transactions, no longer above 100000. It is held by a logical slot on that standby or on one that follows it.",
			  "a standby with a logical slot");
	hint_is(RW_ALERT_XMIN_HELD,
			"Look for the oldest \"catalog_xmin\" in pg_replication_slots on that standby, and advance or drop its slot.",
			"what to do");
	world.slots[0].catalog_only = false;
	detail_is(RW_ALERT_XMIN_HELD,
			  "The feedback of standby \"r\" holds back vacuum by 70000 transactions, no longer above 100000. It is held by a transaction on that standby or on one that follows it.",
			  "a standby with a transaction");
	hint_is(RW_ALERT_XMIN_HELD,
			"Look for the oldest \"backend_xmin\" in pg_stat_activity on that standby and end its session, or turn off \"hot_standby_feedback\" there.",
			"what to do");
	world.facts.nslots = 0;
	world.senders[0].xmin_age = 200000;
	detail_is(RW_ALERT_XMIN_HELD,
			  "The feedback of standby \"r\" holds back vacuum by 200000 transactions, above 100000. It is held by a transaction on that standby or on one that follows it.",
			  "a standby without a slot");
}

/* The longest names and greatest figures leave no hint without its end. */
/* What is said of the archiver, after what waits. */
static void
archiver_is(const char *detail, const char *hint, const char *what)
{
	char		whole[RW_ALERT_DETAIL_LEN];

	snprintf(whole, sizeof(whole),
			 "WAL file \"000000010000000000000001\" has waited to be archived for 00:06:40. Files waiting: 3. %s",
			 detail);
	detail_is(RW_ALERT_ARCHIVER_FAILING, whole, what);
	hint_is(RW_ALERT_ARCHIVER_FAILING, hint, what);
}

static void
test_archiver(void)
{
	const char *exits = "The archiver exits if \"archive_command\" is not found, is ended by a signal, or exits with a code above 125; the server log says which.";
	RwArchiveFacts *archive = &world.archive;

	section("archiver_failing");

	reset_primary();
	waits_for_archive(START - 400 * S);
	archive->nwaiting = 3;
	archiver_is("The archiver is running, but has finished nothing for 00:06:40. Last archived: none.",
				"Check what the archiver, process 4711, and its \"archive_command\" wait for.",
				"hangs from the start");
	archive->by = RW_ARCHIVE_BY_NOTHING;
	archiver_is("Neither \"archive_command\" nor \"archive_library\" is set. Last archived: none.",
				"Set \"archive_command\" or \"archive_library\".",
				"nothing to archive with");
	archive->by = RW_ARCHIVE_BY_COMMAND;
	archive->pid = 0;
	archive->gone_since = START - 70 * S;
	archiver_is("The archiver has not been seen running for 00:01:10. Last archived: none.",
				exits, "gone");
	archive->pid = 4712;
	archive->gone_since = RW_NEVER;
	archive->restarted_at = START - 5 * S;
	archiver_is("The archiver has exited and was restarted 00:00:05 ago. Last archived: none.",
				exits, "restarted");
	archive->by = RW_ARCHIVE_BY_LIBRARY;
	hint_is(RW_ALERT_ARCHIVER_FAILING,
			"Check the server log for why the archiver exits: \"archive_library\" may not load, or raise an error.",
			"restarted, with a library");
	archive->failed_at = START - 4 * S;
	strcpy(archive->failed, "000000010000000000000002");
	archiver_is("The archiver's last attempt failed. Last archived: none. Last failure: \"000000010000000000000002\" 00:00:04 ago.",
				"Check the server log for messages of \"archive_library\".",
				"fails");
	archive->archived_at = START - 3 * S;
	strcpy(archive->archived, "000000010000000000000003");
	archiver_is("The archiver works, but cannot keep up with the WAL. Last archived: \"000000010000000000000003\" 00:00:03 ago. Last failure: \"000000010000000000000002\" 00:00:04 ago.",
				"Check how long \"archive_library\" takes for a file, and what it waits for.",
				"too slow");
	archive->failed_at = archive->restarted_at = RW_NEVER;
	archive->archived_at = START - 310 * S;
	archiver_is("The archiver works, but cannot keep up with the WAL. Last archived: \"000000010000000000000003\" 00:05:10 ago.",
				"Check how long \"archive_library\" takes for a file, and what it waits for.",
				"takes as long as the timeout for a file");
	archive->archived_at--;
	archiver_is("The archiver is running, but has finished nothing for 00:05:10. Last archived: \"000000010000000000000003\" 00:05:10 ago.",
				"Check what the archiver, process 4712, and its \"archive_library\" wait for.",
				"longer: hangs since then");
	world.limits.of[RW_LIMIT_ARCHIVER_FAILING_TIMEOUT] = S;
	archive->archived_at = START - 120 * S;
	archiver_is("The archiver works, but cannot keep up with the WAL. Last archived: \"000000010000000000000003\" 00:02:00 ago.",
				"Check how long \"archive_library\" takes for a file, and what it waits for.",
				"a short timeout does not make it hang");
}

static void
test_length(void)
{
	char		longest[RW_NAME_LEN];
	int			cut = 0;

	section("the longest texts");

	memset(longest, '\'', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (int standby = 0; standby <= 1; standby++)
	{
		if (standby)
			reset_standby();
		else
			reset_primary();
		add_replica(longest);
		add_slot(longest);
		expect(longest);
		world.memory.sync.since = 1;
		rw_name_copy(world.facts.standby_slot.name, longest);
		world.facts.standby_slot.fault = RW_STANDBY_SLOT_INVALID;
		world.node.sync.wanted = world.node.sync.waiting = PG_INT32_MAX;
		waits_for_archive(1);
		memset(&world.archive.first[RW_ARCHIVE_SEGMENT], 'F',
			   RW_ARCHIVE_NAME_LEN - 1);
		memset(world.archive.archived, 'F', RW_ARCHIVE_NAME_LEN - 1);
		memset(world.archive.failed, 'F', RW_ARCHIVE_NAME_LEN - 1);
		world.archive.nwaiting = PG_INT32_MAX;
		world.archive.archived_at = world.archive.failed_at = 1;
		world.facts.nslots = MAX_THINGS;
		for (int i = 0; i < MAX_THINGS; i++)
		{
			world.slots[i].sender = -1;
			world.slots[i].xmin_age = PG_INT32_MAX;
			world.slots[i].catalog_only = true;
			world.slots[i].restart_lsn = 1;
			rw_name_copy(world.slots[i].name, longest);
		}
		world.facts.receiver.sends_feedback = true;
		world.facts.horizon = PG_INT64_MAX;
		set_volume(1, PG_INT64_MAX / 1048576, 0);
		world.memory.wal_disk.levels[0].points[0].held = 0;
		world.memory.wal_disk.volume.unarchived = 2;
		for (int i = 0; i < world.links.nlinks; i++)
		{
			world.link[i].lag = world.link[i].lag_bytes = PG_INT64_MAX;
			world.link[i].retained_bytes = PG_INT64_MAX;
			world.link[i].reason = RW_REASON_PAUSED;
			memset(world.link[i].reason_text, 'x', RW_REASON_LEN - 1);
		}
		for (int i = 0; i < RW_NUM_ALERTS; i++)
		{
			judge_world();

			/* A primary does not follow an upstream server. */
			if (rw_alert_class(i) == RW_SUBJECT_NODE &&
				(subject_of(i)->link != NULL) !=
				(i != RW_ALERT_SYNC_SHORT && i != RW_ALERT_ARCHIVER_FAILING))
				continue;
			rw_describe_alert(&world.input, subject_of(i), i,
							  RW_SEVERITY_CRITICAL, &words);
			cut += strstr(words.hint, " in doc/runbook.md.") == NULL;
			cut += words.detail[0] != '\0' &&
				words.detail[strlen(words.detail) - 1] != '.';
		}
	}
	is_int(cut, 0, "no sentence is cut off");
}

int
main(void)
{
	test_common();
	test_values();
	test_replicas();
	test_slots();
	test_node();
	test_archiver();
	test_held();
	test_length();
	return tap_end();
}
