/*-------------------------------------------------------------------------
 *
 * test_lag_reason.c
 *	  Tests of src/lag/lag_reason.c.
 *
 * Why a downstream replica is behind, and when it will have caught up.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "unit/lag/fixture.h"

static RwSenderFacts *sender;
static RwReplica *replica;

/*
 * A standby that was sent, has flushed and has replayed all but the last so
 * many bytes of 1,000,000 that were written `age` ago.  It replies, and its
 * replay moves.
 */
static void
standby_lacks(int64 age, uint64 sent, uint64 flush, uint64 replay)
{
	sender = add_walsender("s1", 101);
	replica = add_replica("s1", 101);
	write_wal(1000000);
	pass(age);
	sender->sent = facts.horizon - sent;
	sender->write = facts.horizon - sent;
	sender->flush = facts.horizon - flush;
	sender->replay = facts.horizon - replay;
	replica->replay = replica->position = sender->replay;
	replica->replay_moved_at = facts.now;
	replica->last_seen = facts.now;
	work_out();
}

static void
test_parts(void)
{
	begin("Nothing is missing");
	standby_lacks(RW_MINUTE, 0, 0, 0);
	is_reason(row("s1"), "", "", "there is no reason");

	begin("The greatest part of what is missing");
	standby_lacks(RW_MINUTE, 500, 500, 900);
	is_reason(row("s1"), "sender_behind",
			  "most of the missing WAL has not been sent yet", "not sent");

	begin("Flush");
	standby_lacks(RW_MINUTE, 100, 500, 900);
	is_reason(row("s1"), "flush_behind",
			  "most of the missing WAL has been sent but not acknowledged as flushed",
			  "not flushed");

	begin("Replay");
	standby_lacks(RW_MINUTE, 100, 200, 900);
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed", "not replayed");

	begin("Of equal parts the first");
	standby_lacks(RW_MINUTE, 300, 600, 900);
	is_reason(row("s1"), "sender_behind",
			  "most of the missing WAL has not been sent yet", "not sent");
	sender->sent = sender->write = facts.horizon;
	sender->flush = facts.horizon - 450;
	work_out();
	is_reason(row("s1"), "flush_behind",
			  "most of the missing WAL has been sent but not acknowledged as flushed",
			  "not flushed");

	begin("A subscriber that must not get ahead of a standby");
	standby_lacks(RW_MINUTE, 500, 500, 500);
	sender->waits_for_standby = true;
	work_out();
	is_reason(row("s1"), "sender_behind",
			  "most of the missing WAL has not been sent yet",
			  "the standby has just got further");
	rw_name_copy(facts.standby_slot.name, "p");
	facts.standby_slot.restart_lsn = facts.horizon - 500;
	for (RwStandbySlotFault fault = RW_STANDBY_SLOT_ABSENT;
		 fault <= RW_STANDBY_SLOT_BEHIND; fault++)
	{
		static const char *const texts[] = {
			[RW_STANDBY_SLOT_ABSENT] = "which does not exist",
			[RW_STANDBY_SLOT_LOGICAL] = "which is a logical slot",
			[RW_STANDBY_SLOT_INVALID] = "which has been invalidated",
			[RW_STANDBY_SLOT_UNUSED] = "which is not used",
			[RW_STANDBY_SLOT_BEHIND] = "which is 500 bytes behind"
		};
		char		text[RW_REASON_LEN];

		facts.standby_slot.fault = fault;
		work_out();
		snprintf(text, sizeof(text),
				 "waits for slot \"p\" of synchronized_standby_slots, %s",
				 texts[fault]);
		is_reason(row("s1"), "waits_for_standby", text, "which one");
	}
	sender->waits_for_standby = false;
	work_out();
	is_reason(row("s1"), "sender_behind",
			  "most of the missing WAL has not been sent yet",
			  "it does not wait");

	begin("A replica that has replied nothing yet is where it was");
	standby_lacks(RW_MINUTE, 100, 200, 900);
	sender->sent = sender->write = sender->flush = sender->replay = 0;
	replica->position = facts.horizon - 700;
	work_out();
	is_reason(row("s1"), "sender_behind",
			  "most of the missing WAL has not been sent yet",
			  "from there on nothing has been sent");

	begin("A receiver that does not replay");
	standby_lacks(RW_MINUTE, 100, 200, 900);
	sender->replica = false;
	sender->replay = 0;
	sender->write = facts.horizon - 900;
	sender->flush = facts.horizon - 100;
	work_out();
	is_reason(row("s1"), "flush_behind",
			  "the missing WAL has been sent but not acknowledged",
			  "what it has flushed and not written is the same to it");
}

static void
test_stuck(void)
{
	begin("Replay that does not move");
	standby_lacks(RW_MINUTE, 0, 0, 900);
	replica->replay_moved_at = facts.now - 3 * RW_SECOND;
	work_out();
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed", "for 3 s");
	replica->replay_moved_at--;
	work_out();
	is_reason(row("s1"), "replay_stuck",
			  "WAL is flushed there, but replay has not advanced for 3 s",
			  "longer");
	replica->replay_moved_at = facts.now - 30 * RW_SECOND;
	work_out();
	is_reason(row("s1"), "replay_stuck",
			  "WAL is flushed there, but replay has not advanced for 30 s",
			  "half a minute");
	replica->position--;
	work_out();
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed",
			  "it has moved since the worker's last look");

	begin("Replay that did not move before there was something to replay");
	standby_lacks(3 * RW_SECOND, 0, 0, 900);
	replica->replay_moved_at = facts.now - RW_HOUR;
	work_out();
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed",
			  "was not stuck then");
}

static void
test_silent(void)
{
	begin("A standby that acknowledges what it gets");
	standby_lacks(RW_MINUTE, 500, 500, 900);
	replica->last_seen = facts.now - 10 * RW_SECOND;
	sender->replay = sender->write = sender->flush = sender->sent;
	replica->replay = replica->position = sender->replay;
	work_out();
	is_reason(row("s1"), "sender_behind",
			  "most of the missing WAL has not been sent yet",
			  "has nothing to reply to");

	begin("A standby that has been sent something");
	standby_lacks(RW_MINUTE, 0, 900, 900);
	sender->write = sender->sent - 900;
	replica->last_seen = facts.now - 3 * RW_SECOND;
	work_out();
	is_reason(row("s1"), "flush_behind",
			  "most of the missing WAL has been sent but not acknowledged as flushed",
			  "may take 3 s to reply");
	replica->last_seen = facts.now - 4 * RW_SECOND;
	work_out();
	is_reason(row("s1"), "silent", "no reply for 4 s", "not longer");

	begin("A standby that does not reply to keepalives");
	standby_lacks(RW_MINUTE, 0, 0, 900);
	replica->last_seen = facts.now - 4 * RW_SECOND;
	work_out();
	is_reason(row("s1"), "silent", "no reply for 4 s", "is silent");
	published.tends_walsenders = false;
	work_out();
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed",
			  "gets none where walsenders are not tended");
	published.tends_walsenders = true;
	sender->state = RW_SENDER_CATCHUP;
	work_out();
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed",
			  "nor while it catches up");

	begin("A subscriber gets no keepalives of ours");
	standby_lacks(RW_MINUTE, 0, 0, 900);
	use_slot(sender, add_slot("s1"));
	slots[0].logical = true;
	replica->last_seen = facts.now - 4 * RW_SECOND;
	work_out();
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed", "so it is not silent");

	begin("WAL that is missing for a moment only");
	standby_lacks(2 * RW_SECOND, 0, 900, 900);
	sender->write = sender->sent - 900;
	replica->last_seen = facts.now - 20 * RW_SECOND;
	work_out();
	is_reason(row("s1"), "flush_behind",
			  "most of the missing WAL has been sent but not acknowledged as flushed",
			  "its reply can't be late yet");

	begin("A standby that does not reply to core's own ping");
	published.tends_walsenders = false;
	standby_lacks(2 * RW_SECOND, 900, 900, 900);
	replica->last_seen = facts.now - 35 * RW_SECOND;
	work_out();
	is_reason(row("s1"), "sender_behind",
			  "most of the missing WAL has not been sent yet",
			  "half of wal_sender_timeout and 5 s have not passed");
	replica->last_seen--;
	work_out();
	is_reason(row("s1"), "silent", "no reply for 35 s", "they have");
	facts.sender_timeout_ms = 10 * 60 * 1000;
	work_out();
	is_reason(row("s1"), "sender_behind",
			  "most of the missing WAL has not been sent yet",
			  "with a longer timeout it comes later");
	facts.sender_timeout_ms = 70 * 1000;
	replica->last_seen = facts.now - 40 * RW_SECOND;
	work_out();
	is_reason(row("s1"), "sender_behind",
			  "most of the missing WAL has not been sent yet",
			  "half of it and 5 s");
	replica->last_seen--;
	work_out();
	is_reason(row("s1"), "silent", "no reply for 40 s", "have passed");
	replica->last_seen = facts.now - 36 * RW_SECOND;
	facts.sender_timeout_ms = 0;
	work_out();
	is_reason(row("s1"), "silent", "no reply for 36 s",
			  "without one it is expected all the same");
	sender->reply_time = 0;
	work_out();
	is_reason(row("s1"), "sender_behind",
			  "most of the missing WAL has not been sent yet",
			  "a connection without a first reply has no age");
}

/* A subscriber that is in step. */
static RwSenderFacts *
add_subscriber(const char *name)
{
	RwSenderFacts *sender = add_walsender(name, 100);
	RwSlotFacts *slot = add_slot(name);

	add_replica(name, 100)->logical = true;
	slot->logical = true;
	slot->confirmed_flush = facts.horizon;
	use_slot(sender, slot);
	return sender;
}

/* All that there is has been confirmed. */
static void
confirm_all(RwSenderFacts *sender)
{
	sender->sent = sender->write = facts.horizon;
	sender->flush = sender->replay = facts.horizon;
	slots[sender->slot].confirmed_flush = facts.horizon;
	replicas[0].position = replicas[0].flush = facts.horizon;
}

static void
test_in_step(void)
{
	RwSenderFacts *sender;
	RwSlotNote *note;

	begin("A consumer that an open transaction holds");
	sender = add_subscriber("sub");
	write_wal(1000);
	pass(RW_MINUTE);
	confirm_all(sender);
	facts.oldest.pid = 4711;
	facts.oldest.begun = facts.wall - 40 * RW_SECOND;
	work_out();
	ok(rw_may_be_held(row("sub"), &facts), "its restart_lsn stays");
	is_reason(row("sub"), "", "", "but there is no transaction");
	facts.oldest.found = true;
	work_out();
	is_reason(row("sub"), "held_by_transaction",
			  "all is confirmed, but the slot retains WAL for the transaction of process 4711, which has been open for 40 s",
			  "there is one");
	facts.oldest.begun = facts.wall - 14 * RW_SECOND;
	work_out();
	is_reason(row("sub"), "", "", "one that has not been open for long");
	pass(5 * RW_MINUTE);
	facts.oldest.begun = facts.wall - RW_MINUTE;
	work_out();
	is_reason(row("sub"), "", "",
			  "one that began long after restart_lsn had stayed");
	facts.oldest.pid = 0;
	facts.oldest.begun = 0;
	work_out();
	is_reason(row("sub"), "held_by_transaction",
			  "all is confirmed, but the slot retains WAL for a prepared transaction; see pg_prepared_xacts",
			  "a prepared one");
	slots[0].restart_lsn = facts.horizon;
	work_out();
	ok(!rw_may_be_held(row("sub"), &facts), "restart_lsn has moved");
	is_reason(row("sub"), "", "", "it is held no longer");
	slots[0].restart_lsn = HORIZON;
	write_wal(1000);
	pass(RW_MINUTE);
	work_out();
	ok(!rw_may_be_held(row("sub"), &facts), "it is not in step");
	confirm_all(sender);
	facts.in_recovery = true;
	work_out();
	ok(!rw_may_be_held(row("sub"), &facts), "a standby knows no transactions");

	begin("A consumer for which there is nothing");
	sender = add_subscriber("sub");
	note = add_slot_note(&slots[0]);
	note->nothing_for_it = true;
	note->user = 100;
	work_out();
	is_reason(row("sub"), "", "", "it has all");
	write_wal(1000);
	sender->sent = facts.horizon;
	pass(RW_MINUTE);
	work_out();
	is_reason(row("sub"), "nothing_for_it",
			  "all that was sent is confirmed, but for WAL that has nothing for it",
			  "it has all that is for it");
	note->user = 99;
	work_out();
	ok(row("sub")->reason != RW_REASON_NOTHING_FOR_IT,
	   "that was another consumer");
	note->user = 100;
	note->nothing_for_it = false;
	work_out();
	ok(row("sub")->reason != RW_REASON_NOTHING_FOR_IT, "there is something");
}

static void
test_gone(void)
{
	RwSlotFacts *slot;

	begin("A replica that is gone");
	add_gone_user("s1");
	pass(75 * RW_SECOND);
	work_out();
	is_reason(row("s1"), "gone", "not connected for 75 s",
			  "even if nothing is missing");
	add_slot("s1");
	work_out();
	is_reason(row("s1"), "gone", "not connected for 75 s", "slot or not");

	begin("A slot that nobody uses");
	slot = add_slot("slot");
	slot->inactive_since = facts.wall;
	work_out();
	is_reason(row("slot"), "", "", "and that lacks nothing");
	write_wal(1);
	pass(3 * RW_HOUR + 25 * RW_MINUTE + 45 * RW_SECOND);
	work_out();
	is_reason(row("slot"), "gone", "slot not used for 3:25:45",
			  "but does by now");
	slot->active_pid = 4711;
	work_out();
	is_reason(row("slot"), "gone",
			  "slot is used by process 4711, which is not a walsender",
			  "a backend reads it");
	slot->active_pid = 0;
	slot->restart_lsn = 0;
	work_out();
	is_reason(row("slot"), "gone", "slot has never been used",
			  "it reserves nothing");

	begin("A slot that is lost");
	slot = add_slot("slot");
	slot->wal_status = RW_WAL_LOST;
	slot->invalidation = "idle_timeout";
	work_out();
	is_reason(row("slot"), "slot_lost",
			  "slot was invalidated (idle_timeout) and cannot be used again",
			  "as core says");
	slot->invalidation = NULL;
	add_gone_user("slot");
	work_out();
	is_reason(row("slot"), "slot_lost",
			  "slot was invalidated (wal_removed) and cannot be used again",
			  "or as it has to be; that its replica is gone comes second");
}

/* It was refused so often, just now. */
static void
refuse(RwReplica *it, int times, const char *message)
{
	for (int i = 0; i < times; i++)
		rw_attempts_add(&it->attempts, facts.now);
	strcpy(it->refusal, message);
}

static void
test_refused(void)
{
	RwReplica  *gone;

	begin("A replica that is refused");
	gone = add_gone_replica("s1");
	pass(5 * RW_SECOND);
	refuse(gone, 1, "");
	work_out();
	is_reason(row("s1"), "gone", "not connected for 5 s", "once is a restart");
	refuse(gone, 1, "");
	work_out();
	is_reason(row("s1"), "refused",
			  "tried to stream 2 times in the last minute and could not",
			  "twice, nobody knows why");
	refuse(gone, 10, "requested WAL segment 000000010000000000000003 has already been removed");
	work_out();
	is_reason(row("s1"), "refused",
			  "tried to stream 12 times in the last minute and could not: requested WAL segment 000000010000000000000003 has already been removed",
			  "twelve times, and why");
	add_walsender("s1", 101)->state = RW_SENDER_STARTUP;
	senders[0].replica = false;
	work_out();
	is_text(rw_reason_name(links.links[1].reason), "refused",
			"the next attempt hides nothing of that");
	facts.nsenders = 0;
	pass(RW_MINUTE);
	work_out();
	is_reason(row("s1"), "gone", "not connected for 65 s",
			  "a minute later it is gone");

	begin("A replica that is refused, with its slot");
	gone = add_gone_user("s1");
	refuse(gone, 3, "replication slot is invalid");
	add_slot("s1");
	work_out();
	is_reason(row("s1"), "refused",
			  "tried to stream 3 times in the last minute and could not: replication slot is invalid",
			  "has the same reason");
	slots[0].wal_status = RW_WAL_LOST;
	work_out();
	is_text(rw_reason_name(row("s1")->reason), "slot_lost",
			"but for a slot that is lost");

	begin("A connected replica");
	standby_lacks(RW_MINUTE, 0, 0, 0);
	refuse(replica, 12, "");
	work_out();
	is_reason(row("s1"), "", "", "is refused no longer");
}

static void
test_parted(void)
{
	begin("A replica that has parted from this server");
	standby_lacks(RW_MINUTE, 0, 0, 0);
	replica->mark = UINT64CONST(0x100000028);
	replica->parted = RW_DIVERGED;
	work_out();
	is_reason(row("s1"), "diverged",
			  "its WAL beyond LSN 1/28 is not in this server's history; run pg_rewind on it, or rebuild it",
			  "diverged");
	is_uint(row("s1")->position, UINT64CONST(0x100000028), "where it is");
	ok(row("s1")->lag_bytes > 0 && row("s1")->lag > 0, "it lags from there");
	is_int(row("s1")->catchup, -1, "and will not catch up");
	replica->parted = RW_AHEAD;
	work_out();
	is_reason(row("s1"), "ahead",
			  "it has WAL beyond LSN 1/28 that this server did not write; rebuild it",
			  "ahead of a primary");
	replica->parted = RW_LEFT_BEHIND;
	work_out();
	is_reason(row("s1"), "timeline_left",
			  "it stays on a timeline that this server left at LSN 1/28; check its recovery_target_timeline, or run pg_rewind on it",
			  "on a timeline that was left");
	facts.nsenders = 0;
	refuse(replica, 5, "refused");
	work_out();
	is_text(rw_reason_name(row("s1")->reason), "timeline_left",
			"gone and refused, that is why");
	is_int(row("s1")->state, RW_STATE_MISSING, "and it is missing");

	begin("A replica that is ahead of a cascade");
	make_standby();
	standby_lacks(RW_MINUTE, 0, 0, 0);
	replica->mark = UINT64CONST(0x100000028);
	replica->parted = RW_AHEAD;
	work_out();
	is_reason(row("s1"), "ahead",
			  "it has WAL beyond LSN 1/28 that this server has not received",
			  "needs no rebuild");

	begin("A replica that is ahead at our horizon");
	standby_lacks(RW_MINUTE, 0, 0, 0);
	sender->replay += 500;
	replica->mark = facts.horizon;
	replica->parted = RW_AHEAD;
	work_out();
	is_int(row("s1")->lag_bytes, -1, "is not said to lack nothing");
	is_int(row("s1")->lag, -1, "nor to be in step");
}

static void
test_others(void)
{
	begin("A name that several use");
	standby_lacks(RW_MINUTE, 0, 0, 0);
	replica->shared = true;
	work_out();
	is_reason(row("s1"), "shared_name",
			  "another replica has the same name; set primary_slot_name or application_name in its primary_conninfo",
			  "is a reason even where nothing is missing");
	sender->replay -= 1000;
	work_out();
	is_text(rw_reason_name(row("s1")->reason), "shared_name",
			"and comes first where something is");

	begin("Without the worker");
	standby_lacks(RW_MINUTE, 500, 500, 900);
	make_standby();
	add_slot("slot");
	links.published = NULL;
	work_out();
	is_reason(row("s1"), "not_preloaded",
			  "time lag needs shared_preload_libraries", "a walsender");
	is_reason(row("slot"), "not_preloaded",
			  "time lag needs shared_preload_libraries", "a slot");
	is_reason(row("this_standby"), "not_preloaded",
			  "time lag needs shared_preload_libraries", "the upstream row");

	begin("A text that is too long");
	standby_lacks(RW_MINUTE, 0, 0, 0);
	{
		char		text[RW_REASON_LEN + 1];

		memset(text, 'x', RW_REASON_LEN);
		text[RW_REASON_LEN] = '\0';
		rw_give_reason(row("s1"), RW_REASON_GONE, "a", text, "b", NULL);
		is_int(strlen(row("s1")->reason_text), RW_REASON_LEN - 1,
			   "is cut off");
	}
}

/* A minute in which both moved at these rates, in bytes a second. */
static void
rates(double wal, int64 replayed)
{
	int			i;

	published.wal_rate = wal;
	rw_rate_init(&replica->replay_rate);
	for (i = 60; i >= 0; i--)
		rw_rate_add(&replica->replay_rate, sender->replay - i * replayed,
					facts.now - i * RW_SECOND);
	work_out();
}

static void
test_forecast(void)
{
	begin("When it will have caught up");
	standby_lacks(10 * RW_SECOND, 0, 0, 600000);
	rates(1000, 3000);
	is_int(row("s1")->catchup, 300 * RW_SECOND,
		   "by the difference of the rates");
	rates(3000, 3000);
	is_int(row("s1")->catchup, -1, "never");
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed",
			  "it does not fall behind either");
	rates(3150, 3000);
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed",
			  "5 percent are within what rates vary");
	rates(3151, 3000);
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed; falling further behind",
			  "more are not");
	rates(1, 0);
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed; falling further behind",
			  "it does not replay at all");
	rates(-1, 3000);
	is_int(row("s1")->catchup, -1, "the rate of WAL is not known");
	rw_rate_init(&replica->replay_rate);
	published.wal_rate = 1000000;
	work_out();
	is_int(row("s1")->catchup, -1, "the rate of replay is not known");
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed",
			  "so it is not said to fall behind");

	begin("One that keeps up");
	standby_lacks(900 * RW_MS, 0, 0, 3000);
	rates(3000, 3000);
	is_int(row("s1")->catchup, RW_SECOND,
		   "will soon have what is missing now");

	begin("One that is a second behind");
	standby_lacks(RW_SECOND + RW_IDLE_INTERVAL / 2, 0, 0, 3000);
	is_lag(row("s1"), 1000, "exact", "is");
	rates(3000, 3000);
	is_int(row("s1")->catchup, -1, "does not keep up any more");

	begin("One that lacks nothing");
	standby_lacks(10 * RW_SECOND, 0, 0, 0);
	rates(1000, 3000);
	is_int(row("s1")->catchup, -1, "has nothing to catch up with");

	begin("One that is gone");
	standby_lacks(10 * RW_SECOND, 0, 0, 600000);
	rates(1000, 3000);
	facts.nsenders = 0;
	work_out();
	is_int(row("s1")->catchup, -1, "does not catch up");

	begin("A standby's own replay");
	make_standby();
	published.wal_rate = 1000;
	write_wal(600000);
	pass(10 * RW_SECOND);
	for (int i = 60; i >= 0; i--)
		rw_rate_add(&published.upstream.replay_rate, HORIZON - i * 4000,
					facts.now - i * RW_SECOND);
	work_out();
	is_int(row("this_standby")->catchup, 200 * RW_SECOND,
		   "is forecast likewise");
}

static void
test_durations(void)
{
	char		buffer[RW_DURATION_LEN];

	section("Durations");
	is_text(rw_duration(buffer, 0), "0 s", "0");
	is_text(rw_duration(buffer, -5 * RW_SECOND), "0 s", "less");
	is_text(rw_duration(buffer, RW_SECOND - 1), "0 s", "less than a second");
	is_text(rw_duration(buffer, 119 * RW_SECOND), "119 s", "119 s");
	is_text(rw_duration(buffer, 120 * RW_SECOND), "0:02:00", "2 minutes");
	is_text(rw_duration(buffer, 610 * RW_SECOND), "0:10:10", "two digits");
	is_text(rw_duration(buffer, 3600 * RW_SECOND - 1), "0:59:59",
			"almost an hour");
	is_text(rw_duration(buffer, 40 * RW_DAY + 9 * RW_SECOND), "960:00:09",
			"40 days");
	ok(strlen(rw_duration(buffer, PG_INT64_MAX)) < RW_DURATION_LEN,
	   "the longest");
}

/* Whatever is missing where: a row that is behind has a reason. */
static void
test_random(void)
{
	uint64		state = 20260803;
	int			wrong = 0;
	int			i;

	begin("Random figures");
	for (i = 0; i < 20000; i++)
	{
		RwLink	   *link;

		facts.nsenders = 0;
		memset(senders, 0, sizeof(senders));
		memset(replicas, 0, sizeof(replicas));
		facts.horizon = facts.complete = HORIZON + 1000;
		facts.now = START + next_random(&state) % RW_MINUTE;
		sender = add_walsender("s1", 101);
		replica = add_replica("s1", 101);
		sender->state = next_random(&state) % 5;
		sender->replica = next_random(&state) % 4 != 0;
		sender->sent = HORIZON + next_random(&state) % 2000;
		sender->write = next_random(&state) % 4 ?
			HORIZON + next_random(&state) % 2000 : 0;
		sender->flush = next_random(&state) % 4 ?
			HORIZON + next_random(&state) % 2000 : 0;
		sender->replay = next_random(&state) % 4 ?
			HORIZON + next_random(&state) % 2000 : 0;
		replica->last_seen = facts.now - next_random(&state) % RW_MINUTE;
		replica->replay_moved_at = facts.now -
			next_random(&state) % RW_MINUTE;
		published.tends_walsenders = next_random(&state) % 2;
		work_out();
		link = row("s1");

		wrong += (link->reason != RW_REASON_NONE) != 
			(link->lag_bytes > 0 || link->past_sent);
		wrong += (link->reason != RW_REASON_NONE) !=
			(link->reason_text[0] != '\0');
		wrong += link->reason == RW_REASON_REPLAY_STUCK &&
			(link->lag <= 3 * RW_SECOND || !sender->replica);
		wrong += link->reason == RW_REASON_SILENT &&
			rw_reply_age(link, &facts) <= 3 * RW_SECOND;
	}
	is_int(wrong, 0, "there is a reason if, and only if, WAL is missing or not ours");
}

static RwServer told[2];

/* The replica says this of itself, so long ago. */
static void
reports(RwReason reason, const char *text, int64 age)
{
	RwServer   *report = &told[0];

	memset(told, 0, sizeof(told));
	published.own_id.part[0] = 1;
	published.told = told;
	published.ntold = 1;
	report->id.part[0] = 2;
	report->parent = published.own_id;
	report->key = rw_replica_key(&published, replica);
	report->reason = reason;
	strcpy(report->reason_text, text);
	report->own_reason = true;
	report->health = RW_HEALTH_OK;
	report->lag = 0;
	report->reported_at = facts.now - age;
	work_out();
}

/* A standby that replays nothing, and whose place is not the first. */
static void
stuck_standby(void)
{
	add_replica("other", 100);
	standby_lacks(RW_MINUTE, 0, 0, 900);
	replica->generation = 7;
	replica->replay_moved_at = facts.now - RW_MINUTE;
	work_out();
}

static void
test_own_reason(void)
{
	static const char *const text =
		"replay is paused; run pg_wal_replay_resume()";
	RwLink		before;

	begin("What a replica says itself");
	stuck_standby();
	before = *row("s1");
	is_text(rw_reason_name(before.reason), "replay_stuck",
			"seen from here, it is stuck");
	ok(!before.own_reason && before.reported_at == RW_NEVER,
	   "it does not report");
	reports(RW_REASON_PAUSED, text, RW_SECOND);
	is_reason(row("s1"), "paused", text, "it knows why");
	ok(row("s1")->own_reason, "which is marked as its own");
	is_int(row("s1")->reported_at, facts.now - RW_SECOND, "and when");
	ok(row("s1")->lag == before.lag && row("s1")->bound == before.bound &&
	   row("s1")->lag_bytes == before.lag_bytes &&
	   row("s1")->health == before.health &&
	   row("s1")->state == before.state, "nothing else follows from that");

	told[0].key++;
	work_out();
	is_reason(row("s1"), "replay_stuck", before.reason_text,
			  "another replica's reason");
	told[0].key--;
	told[0].parent.part[0] = 3;
	work_out();
	is_reason(row("s1"), "replay_stuck", before.reason_text,
			  "one of another server's replicas");

	begin("Which of its reasons count");
	stuck_standby();
	reports(RW_REASON_CONFLICT, "x", 3 * RW_SECOND);
	is_reason(row("s1"), "conflict", "x", "one of 3 s ago");
	reports(RW_REASON_CONFLICT, "x", 3 * RW_SECOND + 1);
	is_reason(row("s1"), "replay_stuck", before.reason_text, "not an older");
	is_int(row("s1")->reported_at, facts.now - 3 * RW_SECOND - 1,
		   "whose age is shown all the same");
	reports(RW_REASON_NONE, "", 0);
	is_reason(row("s1"), "replay_stuck", before.reason_text, "none");
	reports(RW_REASON_REPLAY_BEHIND, "received WAL is being replayed", 0);
	is_reason(row("s1"), "replay_stuck", before.reason_text,
			  "one that says less");
	reports(RW_REASON_GONE, "x", 0);
	is_reason(row("s1"), "replay_stuck", before.reason_text,
			  "one that no standby has");
	reports(RW_REASON_REFUSED, "x", 0);
	is_reason(row("s1"), "replay_stuck", before.reason_text,
			  "or none that streams");
	reports(RW_REASON_CONFLICT, "x", 0);
	told[0].own_reason = false;
	work_out();
	is_reason(row("s1"), "replay_stuck", before.reason_text,
			  "one that is not its own");

	begin("Which reasons give way");
	standby_lacks(RW_MINUTE, 0, 0, 900);
	reports(RW_REASON_APPLY_DELAY, "x", 0);
	is_reason(row("s1"), "apply_delay", "x", "replay_behind");
	begin("Flush");
	standby_lacks(RW_MINUTE, 0, 900, 900);
	reports(RW_REASON_BROKEN_WAL, "x", 0);
	is_reason(row("s1"), "broken_wal", "x", "flush_behind");
	begin("Not sent");
	standby_lacks(RW_MINUTE, 900, 900, 900);
	reports(RW_REASON_PAUSED, "x", 0);
	is_reason(row("s1"), "sender_behind",
			  "most of the missing WAL has not been sent yet",
			  "that is to be seen here");
	begin("Nothing is missing");
	standby_lacks(RW_MINUTE, 0, 0, 0);
	reports(RW_REASON_PAUSED, "x", 0);
	is_reason(row("s1"), "", "", "then it is not behind");
	is_int(row("s1")->reported_at, facts.now, "though it reports");
	begin("Silent");
	standby_lacks(RW_MINUTE, 0, 0, 900);
	replica->last_seen = facts.now - 10 * RW_SECOND;
	reports(RW_REASON_PAUSED, "x", 0);
	is_reason(row("s1"), "silent", "no reply for 10 s", "it stays silent");
	begin("Parted");
	standby_lacks(RW_MINUTE, 0, 0, 900);
	replica->parted = RW_DIVERGED;
	replica->mark = facts.horizon - 1000;
	reports(RW_REASON_PAUSED, "x", 0);
	is_text(rw_reason_name(row("s1")->reason), "diverged",
			"what it is, it need not know");
	begin("Gone");
	replica = add_gone_replica("s1");
	write_wal(1000);
	pass(RW_MINUTE);
	reports(RW_REASON_PAUSED, "x", 0);
	is_text(rw_reason_name(row("s1")->reason), "gone", "it is gone");
	begin("A subscriber");
	standby_lacks(RW_MINUTE, 0, 0, 900);
	use_slot(sender, add_slot("s1"));
	slots[0].logical = true;
	reports(RW_REASON_PAUSED, "x", 0);
	ok(!row("s1")->own_reason, "does not report");

	begin("A reason and a forecast");
	standby_lacks(RW_MINUTE, 0, 0, 900);
	for (int i = 0; i <= 60; i++)
		rw_rate_add(&replica->replay_rate, replica->position,
					facts.now - (60 - i) * RW_SECOND);
	published.wal_rate = 1000;
	work_out();
	is_reason(row("s1"), "replay_behind",
			  "WAL is flushed there and being replayed; falling further behind",
			  "seen from here");
	reports(RW_REASON_APPLY_DELAY, "x", 0);
	is_reason(row("s1"), "apply_delay", "x", "its own stands alone");
}

int
main(void)
{
	test_parts();
	test_stuck();
	test_silent();
	test_in_step();
	test_gone();
	test_refused();
	test_parted();
	test_others();
	test_forecast();
	test_durations();
	test_own_reason();
	test_random();
	return tap_end();
}
