/*-------------------------------------------------------------------------
 *
 * test_lag_upstream.c
 *	  Tests of src/lag/lag_upstream.c and lag_upstream_reason.c.
 *
 * A standby's own row: what it lacks, what it can't know, and why.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "unit/lag/fixture.h"

static RwReceiverFacts *const receiver = &facts.receiver;
static RwUpstream *const upstream = &published.upstream;

static void
begin_standby(const char *title)
{
	begin(title);
	make_standby();
}

static RwLink *
own_row(void)
{
	work_out();
	return row("this_standby");
}

/* The receiver ends; its last times stay. */
static void
end_receiver(void)
{
	receiver->pid = 0;
	receiver->state = RW_RECEIVER_STOPPED;
}

static void
test_nothing_missing(void)
{
	begin_standby("In step with an upstream that sends a keepalive a second");
	upstream->tended = true;
	is_lag(own_row(), 0, "exact", "a message has just come");
	is_reason(own_row(), "", "", "there is no reason");
	pass(3 * RW_SECOND - RW_MS);
	is_lag(own_row(), 0, "exact", "or almost 3 s ago");
	pass(RW_MS);
	is_lag(own_row(), 3000, "at most", "3 s ago");
	is_reason(own_row(), "upstream_silent", "no message from upstream for 3 s",
			  "then it is silent");
	pass(RW_MINUTE);
	is_lag(own_row(), 63000, "at most", "a minute later");

	begin_standby("In step, on a machine that was paused for an hour");
	upstream->tended = true;
	rw_watch_round(&published.watch, facts.now, facts.wall, 3 * RW_SECOND);
	pass(100 * RW_MS);
	is_lag(own_row(), 0, "exact", "nothing shows that it was");
	facts.wall += RW_HOUR;
	is_lag(own_row(), 3600100, "at most",
		   "until the wall clock is set, before the worker's next round");
	receiver->receipt_time = facts.wall;
	receiver->send_time = facts.wall - 1;
	is_lag(own_row(), 0, "exact", "a message comes");

	begin_standby("In step with any other upstream");
	pass(35 * RW_SECOND - RW_MS);
	is_lag(own_row(), 0, "exact",
		   "up to half of wal_receiver_timeout and 5 s");
	pass(RW_MS);
	is_lag(own_row(), 35000, "at most", "not longer");
	receiver->timeout_ms = 120 * 1000;
	is_lag(own_row(), 0, "exact", "a longer timeout");

	begin_standby("In step, wal_receiver_timeout being 0");
	receiver->timeout_ms = 0;
	is_lag(own_row(), 0, "exact", "a message has just come");
	pass(RW_SECOND);
	is_int(own_row()->lag, -1, "a second later nothing is known");
	is_reason(own_row(), "upstream_silent",
			  "no message from upstream for 1 s; wal_receiver_timeout is 0, so silence means nothing",
			  "the reason names the setting");
	upstream->tended = true;
	is_lag(own_row(), 0, "exact", "unless its walsenders are tended");
	pass(4 * RW_SECOND);
	is_lag(own_row(), 5000, "at most", "then silence means something");

	begin_standby("No message at all yet");
	upstream->message_at = RW_NEVER;
	upstream->receipt_time = 0;
	receiver->send_time = receiver->receipt_time;
	upstream->latest_end = HORIZON;
	is_int(own_row()->last_seen, RW_NEVER, "a receiver's start is none");
	is_int(own_row()->lag, -1, "the lag is not known");
	is_reason(own_row(), "upstream_silent", "no message from upstream yet",
			  "the reason");
	facts.recovery.latest_commit_time = facts.wall - RW_MINUTE;
	is_lag(own_row(), 60000, "at most", "but for the last commit's time");
}

static void
test_positions(void)
{
	begin_standby("Positions");
	receiver->latest_end = HORIZON + 40;
	receiver->written = HORIZON + 30;
	receiver->flushed = HORIZON + 20;
	facts.horizon = facts.complete = HORIZON + 20;
	facts.recovery.replay = HORIZON + 10;
	is_uint(own_row()->sent, HORIZON + 40, "as the upstream server says");
	is_uint(own_row()->write, HORIZON + 30, "written");
	is_uint(own_row()->flush, HORIZON + 20, "flushed");
	is_uint(own_row()->replay, HORIZON + 10, "replayed");
	end_receiver();
	is_uint(own_row()->sent, 0, "without a receiver there is no end");
	is_uint(own_row()->write, 0, "nothing written");
	is_uint(own_row()->flush, 0, "nothing flushed");
	is_uint(own_row()->replay, HORIZON + 10, "but replayed all the same");
}

static void
test_messages(void)
{
	begin_standby("When the last message came");
	facts.now += RW_SECOND;
	facts.wall += RW_SECOND;
	is_int(own_row()->last_seen, START, "as the worker saw it");
	receiver->receipt_time = facts.wall - 200 * RW_MS;
	is_int(own_row()->last_seen, facts.now - 200 * RW_MS,
		   "or later, by its own time");
	receiver->receipt_time = facts.wall + RW_HOUR;
	is_int(own_row()->last_seen, facts.now, "but not in the future");
	receiver->receipt_time = facts.wall - RW_HOUR;
	is_int(own_row()->last_seen, START,
		   "nor before what the worker saw, if the clock was set back");
}

static void
test_missing(void)
{
	begin_standby("Received and not replayed");
	write_wal(1000);
	pass(20 * RW_SECOND);
	is_lag(own_row(), 19875, "exact", "missing since it was received");
	is_int(own_row()->lag_bytes, 1000, "in bytes");
	is_reason(own_row(), "replay_behind", "received WAL is being replayed",
			  "the reason");
	end_receiver();
	is_lag(own_row(), 19875, "exact", "whatever became of the receiver");

	begin_standby("A part of a record received");
	write_wal(1000);
	facts.complete = facts.recovery.replay;
	pass(20 * RW_SECOND);
	upstream->message_at = facts.now;
	is_lag(own_row(), 0, "exact", "nothing is missing that can be replayed");
	is_int(own_row()->lag_bytes, 0, "in bytes");
	is_reason(own_row(), "", "", "there is no reason");
	upstream->reported = upstream->catchup_target = facts.horizon + 1;
	upstream->complete_at = facts.now - 2 * RW_SECOND;
	is_lag(own_row(), 2000, "at most", "unless the rest was reported");
	is_int(own_row()->lag_bytes, 1001, "all of it, in bytes");
	upstream->catchup_target = facts.horizon;
	end_receiver();
	pass(10 * RW_SECOND);
	is_lag(own_row(), 10000, "at most", "cut off, nobody knows of more");
	is_int(own_row()->lag_bytes, 0, "in bytes");

	begin_standby("Reported and not received");
	upstream->reported = HORIZON + 5000;
	upstream->catchup_target = HORIZON + 4000;
	upstream->complete_at = START - RW_MINUTE;
	is_lag(own_row(), 60000, "at most", "missing since nothing was");
	is_int(own_row()->lag_bytes, 5000, "in bytes, all that was reported");
	is_reason(own_row(), "replay_behind",
			  "not all WAL of the upstream server has been received yet",
			  "the reason");
	upstream->complete_at = RW_NEVER;
	is_int(own_row()->lag, -1, "not known when nothing was missing");
	facts.recovery.latest_commit_time = facts.wall - RW_HOUR;
	is_lag(own_row(), 3600000, "at most", "but for the last commit's time");
	facts.recovery.latest_commit_time = facts.wall + RW_HOUR;
	is_lag(own_row(), 0, "exact", "a commit of the future is of now");

	begin_standby("Reported and not received, received and not replayed");
	write_wal(1000);
	pass(20 * RW_SECOND);
	upstream->reported = upstream->catchup_target = facts.horizon + 1;
	upstream->complete_at = facts.now - 2 * RW_SECOND;
	is_lag(own_row(), 19875, "exact", "the older of the two counts");
	is_int(own_row()->lag_bytes, 1001, "in bytes, both");
	upstream->catchup_target = facts.horizon;
	is_int(own_row()->lag_bytes, 1000,
		   "what was reported just now may be on its way");
}

static void
test_down(void)
{
	begin_standby("Cut off");
	pass(10 * RW_SECOND);
	end_receiver();
	is_lag(own_row(), 10000, "at most", "dated by the last message");
	is_int(own_row()->state, RW_STATE_DISCONNECTED, "disconnected");
	is_reason(own_row(), "receiver_down",
			  "not streaming; last message from upstream 10 s ago",
			  "the reason");
	facts.recovery.latest_commit_time = facts.wall - RW_HOUR;
	is_lag(own_row(), 10000, "at most", "not by the last commit");
	receiver->has_restore_command = true;
	is_int(own_row()->state, RW_STATE_ARCHIVE, "with an archive to look in");
	is_reason(own_row(), "receiver_down",
			  "not streaming; last message from upstream 10 s ago",
			  "the reason is the same");
	upstream->message_at = RW_NEVER;
	receiver->send_time = receiver->receipt_time;
	is_lag(own_row(), 3600000, "at most",
		   "without any message by the last commit");
	is_reason(own_row(), "receiver_down",
			  "not streaming; no message from upstream since server start",
			  "the reason says so");

	begin_standby("Fed from the archive alone");
	memset(upstream, 0, sizeof(RwUpstream));
	end_receiver();
	receiver->has_conninfo = false;
	receiver->has_restore_command = true;
	receiver->flushed = 0;
	receiver->send_time = receiver->receipt_time;
	is_int(own_row()->lag, -1, "not known without a commit");
	is_reason(own_row(), "from_archive",
			  "WAL comes from the archive; what there is beyond it is not known",
			  "the reason");
	facts.recovery.latest_commit_time = facts.wall - RW_HOUR;
	is_lag(own_row(), 3600000, "at most", "dated by the last commit");
	is_reason(own_row(), "from_archive",
			  "WAL comes from the archive; the last replayed commit is 1:00:00 old, and what there is beyond it is not known",
			  "the reason, with how old that is");
	upstream->message_at = facts.now - RW_MINUTE;
	is_lag(own_row(), 60000, "at most", "or by the last message");

	begin_standby("Refused, and fed from the archive");
	pass(10 * RW_MINUTE);
	end_receiver();
	receiver->has_restore_command = true;
	upstream->down_since = START;
	facts.horizon = facts.complete = facts.recovery.replay = HORIZON + 1000;
	facts.recovery.latest_commit_time = facts.wall - 7 * RW_SECOND;
	is_lag(own_row(), 7000, "at most",
		   "dated by the commit as soon as that is here");
	upstream->archive.came_at = facts.now;
	receiver->state = RW_RECEIVER_CONNECTING;
	is_int(own_row()->state, RW_STATE_ARCHIVE,
		   "an attempt to connect changes no state");
	is_reason(own_row(), "from_archive",
			  "WAL comes from the archive; the last replayed commit is 7 s old, and what there is beyond it is not known",
			  "the reason");
	facts.recovery.hold = RW_REPLAY_WAIT_PAUSED;
	is_reason(own_row(), "paused",
			  "replay is paused; run pg_wal_replay_resume()",
			  "unless replay is paused");
	facts.recovery.hold = RW_REPLAY_WAIT_LOCK;
	is_reason(own_row(), "conflict", "replay waits for a lock",
			  "or waits for a session");
	facts.recovery.hold = RW_REPLAY_WAIT_NONE;
	for (int i = 0; i < 3; i++)
		rw_attempts_add(&upstream->attempts, facts.now);
	strcpy(upstream->refusal, "no entry");
	is_reason(own_row(), "from_archive",
			  "WAL comes from the archive; the last replayed commit is 7 s old, and what there is beyond it is not known; the upstream server refused 3 connections in the last minute: no entry",
			  "the reason, with why it does not stream");
	for (int i = 0; i < 2; i++)
	{
		size_t		len;

		/* Two bytes a character, from an odd and from an even one on. */
		memset(upstream->refusal, 0, RW_REFUSAL_LEN);
		for (int at = i; at + 2 < RW_REFUSAL_LEN; at += 2)
			memcpy(upstream->refusal + at, "\xc3\xa9", 2);
		if (i > 0)
			upstream->refusal[0] = 'x';
		len = strlen(own_row()->reason_text);
		ok(len < RW_REASON_LEN &&
		   own_row()->reason_text[len - 1] == '\xa9',
		   "cut off between two characters");
	}
	strcpy(upstream->refusal, "no entry");
	receiver->pid = 901;
	receiver->state = RW_RECEIVER_STREAMING;
	receiver->send_time = receiver->receipt_time = facts.wall;
	receiver->timeout_ms = 0;
	is_lag(own_row(), 7000, "at most",
		   "nor does a connection on which nothing has come");
	is_int(own_row()->state, RW_STATE_ARCHIVE, "change the state");
	facts.recovery.latest_commit_time = facts.wall + RW_HOUR;
	is_lag(own_row(), 0, "at most", "a commit of the future is of now");
	is_text(rw_reason_name(own_row()->reason), "from_archive",
			"there is a reason all the same");
	facts.recovery.latest_commit_time = facts.wall - 7 * RW_SECOND;
	upstream->reported = upstream->catchup_target = HORIZON + 5000;
	upstream->complete_at = START;
	receiver->send_time--;
	upstream->message_at = facts.now;
	upstream->archive.commit_at = facts.now - 7 * RW_SECOND;
	is_lag(own_row(), 7000, "at most",
		   "streaming again, what came from the archive still counts");
	is_int(own_row()->state, RW_STATE_STREAMING, "which the state says");

	begin_standby("Fed from nowhere");
	end_receiver();
	receiver->has_conninfo = false;
	is_reason(own_row(), "receiver_down", "primary_conninfo is not set",
			  "the reason");
}

static void
test_replay_wait(void)
{
	RwRecoveryFacts *recovery = &facts.recovery;

	begin_standby("What replay waits for");
	recovery->hold = RW_REPLAY_WAIT_PAUSED;
	is_reason(own_row(), "", "", "nothing, if nothing is missing");
	write_wal(1000);
	pass(20 * RW_SECOND);
	is_reason(own_row(), "paused",
			  "replay is paused; run pg_wal_replay_resume()", "paused");
	recovery->pause_cause = RW_PAUSE_AT_TARGET;
	is_reason(own_row(), "paused_at_target",
			  "replay is paused at the recovery target; pg_wal_replay_resume() promotes this server",
			  "paused at the target");
	recovery->pause_cause = RW_PAUSE_FOR_SETTING;
	is_reason(own_row(), "paused_for_setting",
			  "replay is paused because a setting is lower than on the primary server; the server log says which",
			  "paused for a setting that is not known");
	recovery->nlow = 1;
	recovery->low[0] =
		(RwLowSetting) {.name = "max_connections", .here = 100, .needed = 200};
	is_reason(own_row(), "paused_for_setting",
			  "replay is paused until this server is restarted with max_connections = 200 (now 100)",
			  "paused for one that is known");
	recovery->nlow = RW_NUM_STANDBY_SETTINGS;
	for (int i = 0; i < RW_NUM_STANDBY_SETTINGS; i++)
		recovery->low[i] = (RwLowSetting)
	{
		.name = "max_locks_per_transaction", .here = 64, .needed = 128
	};
	ok(strlen(own_row()->reason_text) < RW_REASON_LEN, "or for many");
	recovery->hold = RW_REPLAY_WAIT_DELAY;
	recovery->apply_delay_ms = 3600000;
	is_reason(own_row(), "apply_delay",
			  "replay is delayed by recovery_min_apply_delay (3600000 ms)",
			  "the delay");
	recovery->hold = RW_REPLAY_WAIT_OTHER;
	is_reason(own_row(), "conflict", "replay waits for another session",
			  "a conflict of which no more is known");
	recovery->hold = RW_REPLAY_WAIT_PIN;
	is_reason(own_row(), "conflict", "replay waits for a buffer pin",
			  "a pin");
	recovery->hold = RW_REPLAY_WAIT_SNAPSHOT;
	recovery->nblockers = 1;
	recovery->blockers[0] = 1234;
	recovery->blockers_likely = true;
	is_reason(own_row(), "conflict",
			  "replay waits for a snapshot of process 1234 (likely)",
			  "a snapshot");
	recovery->hold = RW_REPLAY_WAIT_LOCK;
	recovery->nblockers = 2;
	recovery->blockers[1] = 99;
	recovery->blockers_likely = false;
	is_reason(own_row(), "conflict",
			  "replay waits for a lock of process 1234, 99", "a lock");
	recovery->hold = RW_REPLAY_WAIT_TABLESPACE;
	is_reason(own_row(), "conflict",
			  "replay waits to drop a tablespace, for the transaction of process 1234, 99",
			  "a tablespace");
	recovery->hold = RW_REPLAY_WAIT_DATABASE;
	is_reason(own_row(), "conflict",
			  "replay waits to drop a database, for the session of process 1234, 99",
			  "a database");
	recovery->hold = RW_REPLAY_WAIT_LOCK;
	recovery->nblockers = 0;
	recovery->blockers_likely = true;
	is_reason(own_row(), "conflict", "replay waits for a lock",
			  "a lock whose holder is gone");
	recovery->nblockers = RW_MAX_BLOCKERS;
	for (int i = 0; i < RW_MAX_BLOCKERS; i++)
		recovery->blockers[i] = PG_INT32_MAX;
	ok(strstr(own_row()->reason_text, "(likely)") != NULL,
	   "the longest text fits");
	end_receiver();
	is_text(rw_reason_name(own_row()->reason), "conflict",
			"it goes before a receiver that is down");
}

static void
test_query(void)
{
	RwRecoveryFacts *recovery = &facts.recovery;
	RwLink	   *link;
	size_t		len;

	begin_standby("The query that blocks replay");
	write_wal(1000);
	pass(20 * RW_SECOND);
	recovery->hold = RW_REPLAY_WAIT_LOCK;
	recovery->nblockers = 1;
	recovery->blockers[0] = 99;
	strcpy(recovery->query, "SELECT 1");
	link = own_row();
	rw_add_query_to_reason(link, &facts);
	is_text(link->reason_text, "replay waits for a lock of process 99",
			"is not shown if it is not known since when it runs");
	recovery->query_start = facts.wall - 7 * RW_SECOND;
	rw_add_query_to_reason(link, &facts);
	is_text(link->reason_text,
			"replay waits for a lock of process 99; its query began 7 s ago: SELECT 1",
			"with its start");
	link = own_row();
	recovery->query[0] = '\0';
	rw_add_query_to_reason(link, &facts);
	is_text(link->reason_text,
			"replay waits for a lock of process 99; its query began 7 s ago",
			"if it has a text");

	/* Whatever is before it, it is cut off between two characters. */
	recovery->nblockers = RW_MAX_BLOCKERS;
	for (int i = 0; i < RW_MAX_BLOCKERS; i++)
		recovery->blockers[i] = PG_INT32_MAX;
	for (int i = 0; i < 126; i += 2)
		strcpy(recovery->query + i, "\xc3\xa9");
	for (int pid = PG_INT32_MAX; pid > 1000000; pid /= 10)
	{
		recovery->blockers[0] = pid;
		link = own_row();
		rw_add_query_to_reason(link, &facts);
		len = strlen(link->reason_text);
		ok(len < RW_REASON_LEN && link->reason_text[len - 1] == '\xa9',
		   "the end of a long one");
	}

	recovery->hold = RW_REPLAY_WAIT_PAUSED;
	link = own_row();
	rw_add_query_to_reason(link, &facts);
	is_text(link->reason_text, "replay is paused; run pg_wal_replay_resume()",
			"there is none while replay is paused");
}

static void
test_parted(void)
{
	begin_standby("A standby that has diverged");
	pass(20 * RW_SECOND);
	receiver->receipt_time = facts.wall;
	upstream->message_at = facts.now - 8 * RW_SECOND;
	upstream->receipt_time = facts.wall - 8 * RW_SECOND;
	upstream->left_at = upstream->mark = UINT64CONST(0x100000028);
	upstream->parted = RW_DIVERGED;
	work_out();
	is_uint(own_row()->position, UINT64CONST(0x100000028),
			"is where it has diverged");
	ok(own_row()->lag > 0, "lags since then");
	is_text(rw_bound_name(own_row()->bound), "at least",
			"or longer, where the history does not reach");
	is_int(own_row()->last_seen, facts.now - 8 * RW_SECOND,
		   "and takes no message for a proof");
	is_int(own_row()->lag_bytes, -1, "how much it lacks nobody knows");
	is_reason(own_row(), "diverged",
			  "the upstream server left this timeline at LSN 1/28, and this standby has replayed beyond that; run pg_rewind on it, or rebuild it",
			  "the reason");
	end_receiver();
	is_text(rw_reason_name(own_row()->reason), "diverged",
			"with a receiver or without");

	begin_standby("A standby that was left behind");
	pass(20 * RW_SECOND);
	upstream->mark = HORIZON;
	upstream->parted = RW_LEFT_BEHIND;
	is_lag(own_row(), 20000, "at most", "lags since the last message");
	is_reason(own_row(), "timeline_left",
			  "the upstream server left this timeline at LSN 5/0, and this standby does not follow; check recovery_target_timeline",
			  "the reason");
	upstream->message_at = RW_NEVER;
	receiver->send_time = receiver->receipt_time;
	is_int(own_row()->lag, -1, "or for a time that is not known");

	begin_standby("A standby that is ahead");
	upstream->mark = HORIZON - 1000;
	upstream->latest_end = HORIZON - 300;
	upstream->parted = RW_AHEAD;
	upstream->lost_wal = true;
	is_int(own_row()->lag_bytes, 700,
		   "lacks what the upstream server has written instead");
	is_reason(own_row(), "ahead",
			  "this standby has replayed WAL beyond LSN 4/FFFFFC18 that the upstream server no longer has; unless that is a standby which is only behind, rebuild this one",
			  "the reason");
	upstream->lost_wal = false;
	is_reason(own_row(), "ahead",
			  "this standby has replayed WAL beyond LSN 4/FFFFFC18, where the WAL of the upstream server ended",
			  "the reason, of another upstream");
}

static void
test_refused(void)
{
	begin_standby("A standby that is refused");
	pass(20 * RW_SECOND);
	end_receiver();
	upstream->down_since = START;
	for (int i = 0; i < 3; i++)
		rw_attempts_add(&upstream->attempts, facts.now);
	is_reason(own_row(), "refused",
			  "the upstream server refused 3 connections in the last minute",
			  "the reason");
	strcpy(upstream->refusal, "replication slot \"s1\" does not exist");
	is_reason(own_row(), "refused",
			  "the upstream server refused 3 connections in the last minute: replication slot \"s1\" does not exist",
			  "and what it said");
	upstream->down_since = RW_NEVER;
	make_standby();
	receiver->receipt_time = facts.wall;
	is_reason(own_row(), "", "", "once it streams that is over");

	begin_standby("WAL that cannot be read");
	write_wal(1000);
	pass(20 * RW_SECOND);
	facts.complete = facts.horizon;
	upstream->waited_at = facts.now;
	facts.receiver.state = RW_RECEIVER_STOPPED;
	facts.receiver.pid = 0;
	upstream->replay_moved_at = START;
	is_reason(own_row(), "broken_wal",
			  "replay does not get past LSN 5/0, where the WAL cannot be read; see the server log",
			  "the reason");
	upstream->waited_at = RW_NEVER;
	is_text(rw_reason_name(own_row()->reason), "receiver_down",
			"but for replay that is busy");
}

static void
test_commands(void)
{
	RwArchive  *archive = &upstream->archive;

	begin_standby("A restore_command that takes long");
	pass(20 * RW_SECOND);
	end_receiver();
	receiver->has_restore_command = true;
	archive->command = RW_COMMAND_RESTORE;
	archive->command_since = facts.now - 10 * RW_SECOND + 1;
	is_text(rw_reason_name(own_row()->reason), "receiver_down",
			"not yet");
	archive->command_since--;
	is_reason(own_row(), "restore_command",
			  "the restore_command has been running for 10 s, and replay waits for it",
			  "now");
	archive->came_at = facts.now - RW_MINUTE;
	is_text(rw_reason_name(own_row()->reason), "restore_command",
			"it goes before what comes from the archive");
	write_wal(1000);
	facts.recovery.hold = RW_REPLAY_WAIT_PAUSED;
	is_text(rw_reason_name(own_row()->reason), "paused",
			"not before replay that is paused");

	begin_standby("A recovery_end_command that takes long");
	pass(20 * RW_SECOND);
	end_receiver();
	archive->command = RW_COMMAND_END;
	archive->command_since = facts.now - RW_MINUTE;
	is_reason(own_row(), "restore_command",
			  "the recovery_end_command has been running for 60 s, and recovery ends only after it",
			  "the reason");

	begin_standby("An archive_cleanup_command that takes long");
	archive->cleanup_since = facts.now - 10 * RW_SECOND + 1;
	is_reason(own_row(), "", "", "not yet");
	archive->cleanup_since--;
	is_reason(own_row(), "restore_command",
			  "the archive_cleanup_command has been running for 10 s, and the restartpoint waits for it",
			  "it is named even if nothing is missing");
	write_wal(1000);
	is_reason(own_row(), "replay_behind",
			  "received WAL is being replayed; the archive_cleanup_command has been running for 10 s, and the restartpoint waits for it",
			  "and beside another reason");
}

static bool
is_cut_off(void)
{
	RwLink	   *link = own_row();

	return rw_upstream_is_cut_off(link, &facts, &published);
}

static void
test_cut_off(void)
{
	begin_standby("Is it cut off?");
	ok(!is_cut_off(), "a message has just come");
	pass(35 * RW_SECOND - RW_MS);
	ok(!is_cut_off(), "the next is not due yet");
	pass(RW_MS);
	ok(is_cut_off(), "it is due");
	upstream->message_at = facts.now - 4 * RW_SECOND;
	ok(!is_cut_off(), "4 s ago");
	upstream->tended = true;
	ok(is_cut_off(), "4 s ago, of an upstream that sends one a second");
	upstream->tended = false;
	receiver->timeout_ms = 0;
	pass(RW_HOUR);
	ok(!is_cut_off(), "where silence is normal it is not");
	upstream->message_at = RW_NEVER;
	upstream->latest_end = HORIZON;
	receiver->send_time = receiver->receipt_time;
	ok(is_cut_off(), "before the first message it is");

	begin_standby("Is it cut off without a receiver?");
	end_receiver();
	ok(is_cut_off(), "yes");
	receiver->has_restore_command = true;
	ok(is_cut_off(), "with an archive beside it, too");
	receiver->has_conninfo = false;
	ok(!is_cut_off(), "with an archive alone it has no upstream to ask");
	receiver->has_restore_command = false;
	ok(is_cut_off(), "with neither it is");
}

/* Never healthier than is known: random links. */
static void
test_random(void)
{
	uint64		state = 20260804;
	int			wrong = 0;
	int			zero = 0;
	int			parted = 0;
	int			i;

	begin_standby("Random links");
	facts.now += RW_SECOND;
	facts.wall += RW_SECOND;
	for (i = 0; i < 50000; i++)
	{
		const RwLink *link;
		bool		streaming;

		make_standby();
		facts.horizon = facts.complete = HORIZON + next_random(&state) % 2 * 1000;
		facts.recovery.replay = facts.horizon -
			next_random(&state) % 2 * 500;
		facts.recovery.latest_commit_time = next_random(&state) % 2 ?
			facts.wall - next_random(&state) % RW_DAY : 0;
		facts.recovery.hold = next_random(&state) % 7;
		receiver->state = next_random(&state) % 5;
		receiver->pid = receiver->state == RW_RECEIVER_STOPPED ? 0 : 900;
		receiver->timeout_ms = next_random(&state) % 2 * 60 * 1000;
		receiver->has_conninfo = next_random(&state) % 2;
		receiver->has_restore_command = next_random(&state) % 2;
		upstream->tended = next_random(&state) % 2;
		upstream->message_at = next_random(&state) % 4 ?
			facts.now - next_random(&state) % RW_MINUTE : RW_NEVER;
		upstream->catchup_target = HORIZON + next_random(&state) % 3 * 1000;
		upstream->reported = upstream->catchup_target + 1000;
		upstream->complete_at = next_random(&state) % 2 ?
			facts.now - next_random(&state) % RW_HOUR : RW_NEVER;
		upstream->parted = next_random(&state) % 3 ? RW_NOT_PARTED :
			RW_AHEAD + next_random(&state) % 3;
		upstream->mark = HORIZON - 500 + next_random(&state) % 3 * 500;
		link = own_row();
		streaming = link->state == RW_STATE_STREAMING;

		/* Exactly 0 only if the upstream has just said that nothing is. */
		if (link->lag == 0 && link->bound == RW_BOUND_EXACT &&
			link->lag_bytes == 0)
		{
			zero++;
			wrong += !streaming || link->last_seen == RW_NEVER ||
				facts.now - link->last_seen >=
				rw_allowed_silence(upstream, receiver) ||
				upstream->catchup_target > facts.horizon ||
				facts.recovery.replay < facts.horizon;
		}

		/* Where WAL is missing, or that is not known, there is a reason. */
		wrong += (link->reason != RW_REASON_NONE) !=
			(link->lag_bytes > 0 || link->lag != 0 ||
			 link->bound != RW_BOUND_EXACT);

		/* Nor is one that has other WAL than its upstream. */
		if (upstream->parted != RW_NOT_PARTED)
		{
			parted++;
			wrong += link->lag == 0 || link->lag_bytes == 0 ||
				link->bound == RW_BOUND_EXACT;
		}

		/* A standby that is cut off is never in step. */
		wrong += rw_upstream_is_cut_off(link, &facts, &published) &&
			link->lag_bytes == 0 && link->lag == 0 &&
			link->bound == RW_BOUND_EXACT;
	}
	is_int(wrong, 0, "a lag of 0 is what the upstream server has just said");
	ok(zero > 100 && parted > 100, "the test itself looks at something");
}

int
main(void)
{
	test_nothing_missing();
	test_positions();
	test_messages();
	test_missing();
	test_down();
	test_replay_wait();
	test_query();
	test_parted();
	test_refused();
	test_commands();
	test_cut_off();
	test_random();
	return tap_end();
}
