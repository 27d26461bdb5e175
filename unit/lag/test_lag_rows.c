/*-------------------------------------------------------------------------
 *
 * test_lag_rows.c
 *	  Tests of src/lag/lag_rows.c.
 *
 * Which rows there are, and where each replica is.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "unit/lag/fixture.h"

static void
test_connected(void)
{
	RwSenderFacts *sender;
	RwReplica  *replica;

	begin("A connected standby");
	sender = add_walsender("s1", 101);
	replica = add_replica("s1", 101);
	sender->sent = HORIZON - 1;
	sender->write = HORIZON - 2;
	sender->flush = HORIZON - 3;
	sender->replay = HORIZON - 4;
	replica->replay = HORIZON - 10;
	replica->last_seen = START - RW_SECOND;
	make_rows();
	is_int(links.nlinks, 1, "one row");
	is_uint(row("s1")->position, HORIZON - 4, "is where it has replayed to");
	is_uint(row("s1")->sent, HORIZON - 1, "sent");
	is_uint(row("s1")->write, HORIZON - 2, "write");
	is_uint(row("s1")->flush, HORIZON - 3, "flush");
	is_uint(row("s1")->replay, HORIZON - 4, "replay");
	ok(row("s1")->sender == sender && row("s1")->replica == replica,
	   "the row knows its walsender and its replica");
	ok(!row("s1")->upstream && !row("s1")->logical, "downstream, physical");
	is_int(row("s1")->last_seen, START - RW_SECOND,
		   "a reply that the worker knows");
	sender->reply_time++;
	make_rows();
	is_int(row("s1")->last_seen, START, "a newer one came just now");
	is_int(row("s1")->lag, -1, "lags are for later");
	is_int(row("s1")->lag_bytes, -1, "in bytes, too");
	is_int(row("s1")->health, RW_HEALTH_UNKNOWN, "and so is health");
	is_int(row("s1")->slot_time_left, -1, "no slot has no time left");
	is_int(row("s1")->retained_bytes, -1, "and retains nothing");
	is_int(row("s1")->catchup, -1, "there is no forecast yet");

	begin("States of a walsender");
	sender = add_walsender("s1", 101);
	sender->state = RW_SENDER_STARTUP;
	make_rows();
	is_int(row("s1")->state, RW_STATE_STARTUP, "startup");
	sender->state = RW_SENDER_BACKUP;
	make_rows();
	is_int(row("s1")->state, RW_STATE_BACKUP, "backup");
	sender->state = RW_SENDER_CATCHUP;
	make_rows();
	is_int(row("s1")->state, RW_STATE_CATCHUP, "catchup");
	sender->state = RW_SENDER_STREAMING;
	make_rows();
	is_int(row("s1")->state, RW_STATE_STREAMING, "streaming");
	sender->state = RW_SENDER_STOPPING;
	make_rows();
	is_int(row("s1")->state, RW_STATE_STOPPING, "stopping");
}

static void
test_no_reply_yet(void)
{
	RwSenderFacts *sender;
	RwSlotFacts *slot;
	RwReplica  *replica;

	begin("A replica that is back and has not replied yet");
	sender = add_walsender("s1", 101);
	replica = add_replica("s1", 101);
	sender->write = HORIZON;
	sender->flush = sender->replay = 0;
	replica->position = HORIZON - 500;
	make_rows();
	is_uint(row("s1")->position, HORIZON - 500, "is where it was");
	sender->replica = false;
	make_rows();
	is_uint(row("s1")->position, HORIZON,
			"a receiver that is no replica is where it has written to");
	ok(row("s1")->replica == NULL, "and has no replica");

	begin("A walsender that has not started to send");
	sender = add_walsender("s1", 101);
	sender->state = RW_SENDER_STARTUP;
	sender->replica = false;
	sender->replay = HORIZON + 77;
	make_rows();
	is_uint(row("s1")->position, 0,
			"is not where the last stream left its figures");

	begin("A subscriber");
	sender = add_walsender("sub", 101);
	slot = add_slot("sub");
	slot->logical = true;
	slot->confirmed_flush = HORIZON - 300;
	use_slot(sender, slot);
	make_rows();
	ok(row("sub")->logical, "is logical");
	is_uint(row("sub")->position, HORIZON, "has applied so much");
	sender->replay = 0;
	sender->flush = HORIZON - 200;
	make_rows();
	is_uint(row("sub")->position, HORIZON - 200, "has flushed so much");
	sender->flush = 0;
	make_rows();
	is_uint(row("sub")->position, HORIZON - 300, "has confirmed so much");
}

static void
test_parted(void)
{
	RwSenderFacts *sender;
	RwReplica  *replica;

	begin("A replica that has parted from this server");
	sender = add_walsender("s1", 101);
	replica = add_replica("s1", 101);
	sender->replay = HORIZON - 100;
	replica->position = replica->mark = HORIZON - 900;
	replica->parted = RW_DIVERGED;
	make_rows();
	is_uint(row("s1")->position, HORIZON - 900, "counts up to the mark");
	is_uint(row("s1")->replay, HORIZON - 100,
			"its replay_lsn is shown as reported");
	sender->replay = HORIZON - 1000;
	make_rows();
	is_uint(row("s1")->position, HORIZON - 1000,
			"a mark ahead of it does not take it further");

	begin("A replica that has replayed what it was not sent");
	sender = add_walsender("s1", 101);
	replica = add_replica("s1", 101);
	sender->sent = HORIZON - 700;
	sender->replay = HORIZON - 100;
	make_rows();
	is_uint(row("s1")->position, HORIZON - 700, "counts up to that");
	sender->state = RW_SENDER_CATCHUP;
	replica->position = HORIZON - 600;
	make_rows();
	is_uint(row("s1")->position, HORIZON - 600,
			"while it catches up, to what was known to be ours");
	sender->state = RW_SENDER_STOPPING;
	make_rows();
	is_uint(row("s1")->position, HORIZON - 600,
			"one that stops need not have caught up");
}

static void
test_slots(void)
{
	RwSlotFacts *slot;
	RwSlotNote *note;
	RwReplica  *replica;

	begin("A slot that nobody uses");
	slot = add_slot("slot");
	slot->restart_lsn = HORIZON - 5000;
	make_rows();
	is_int(row("slot")->state, RW_STATE_INACTIVE, "is inactive");
	is_int(row("slot")->retained_bytes, 5000, "retains what it needs");
	is_uint(row("slot")->position, HORIZON - 5000, "its replica is at restart_lsn");
	is_int(row("slot")->bound, RW_BOUND_AT_LEAST, "or further behind");
	slot->confirmed_flush = HORIZON - 4000;
	make_rows();
	is_uint(row("slot")->position, HORIZON - 4000, "what was confirmed");
	is_int(row("slot")->bound, RW_BOUND_EXACT, "is exact");
	replica = add_gone_user("slot");
	replica->position = HORIZON - 3000;
	replica->flush = HORIZON - 2000;
	replica->last_seen = START - RW_MINUTE;
	make_rows();
	is_uint(row("slot")->position, HORIZON - 3000, "as its replica is");
	is_uint(row("slot")->flush, HORIZON - 2000, "its last figures");
	is_int(row("slot")->last_seen, START - RW_MINUTE, "and when that was");
	ok(row("slot")->replica == replica, "its replica");
	is_int(links.nlinks, 1, "one row for both");
	replica->position = 0;
	make_rows();
	is_uint(row("slot")->position, HORIZON - 4000,
			"a replica that never replied has no position");

	begin("A slot that is lost");
	slot = add_slot("slot");
	slot->wal_status = RW_WAL_LOST;
	slot->restart_lsn = 0;
	make_rows();
	is_int(row("slot")->state, RW_STATE_LOST, "is lost");
	is_int(row("slot")->retained_bytes, -1, "what it retained is not known");
	is_uint(row("slot")->position, 0, "nor where it was");
	note = add_slot_note(slot);
	note->restart_lsn = HORIZON - 7000;
	note->retained = 6000;
	make_rows();
	is_int(row("slot")->retained_bytes, 6000, "unless the worker saw it");
	is_uint(row("slot")->position, HORIZON - 7000, "and where it was");
	strcpy(note->name, "other");
	make_rows();
	is_int(row("slot")->retained_bytes, -1, "a note on another slot is none");
	strcpy(note->name, "slot");
	note->restart_lsn = 0;
	make_rows();
	is_int(row("slot")->retained_bytes, -1, "a slot that retained nothing");
	slot->number = MAX_EACH;
	make_rows();
	is_int(row("slot")->retained_bytes, -1,
		   "a place beyond the notes has none");

	begin("For how long a slot can retain WAL");
	slot = add_slot("slot");
	slot->limited = true;
	slot->safe_wal_size = 1000000;
	published.wal_rate = 1000;
	make_rows();
	is_int(row("slot")->slot_time_left, 1000 * RW_SECOND, "at this rate");
	slot->safe_wal_size = -5;
	make_rows();
	is_int(row("slot")->slot_time_left, 0, "no longer");
	slot->safe_wal_size = 1000000;
	published.wal_rate = -1;
	make_rows();
	is_int(row("slot")->slot_time_left, -1, "the rate is not known");
	published.wal_rate = 1000;
	slot->restart_lsn = 0;
	make_rows();
	is_int(row("slot")->slot_time_left, -1, "it retains nothing");
	slot->restart_lsn = HORIZON;
	slot->limited = false;
	make_rows();
	is_int(row("slot")->slot_time_left, -1, "there is no limit");

	slot->limited = true;
	slot->invalidation = "wal_removed";
	slot->wal_status = RW_WAL_UNRESERVED;
	make_rows();
	is_int(row("slot")->slot_time_left, -1, "it is lost, whatever core says");

	begin("For how long a slot can be unused");
	slot = add_slot("slot");
	slot->inactive_since = WALL - 100 * RW_SECOND;
	make_rows();
	is_int(row("slot")->slot_time_left, -1, "there is no such limit");
	facts.idle_slot_timeout_s = 300;
	make_rows();
	is_int(row("slot")->slot_time_left, 200 * RW_SECOND, "the rest of it");
	is_int(row("slot")->slot_idle_left, 200 * RW_SECOND, "which is known");
	slot->limited = true;
	slot->safe_wal_size = 1000000;
	published.wal_rate = 10000;
	make_rows();
	is_int(row("slot")->slot_time_left, 100 * RW_SECOND,
		   "at this rate that is not the first end");
	published.wal_rate = 1000;
	make_rows();
	is_int(row("slot")->slot_time_left, 200 * RW_SECOND, "at this one it is");
	slot->inactive_since = WALL - 301 * RW_SECOND;
	make_rows();
	is_int(row("slot")->slot_time_left, 0, "until the next checkpoint");
	slot->limited = false;
	facts.in_recovery = slot->synced = true;
	make_rows();
	is_int(row("slot")->slot_time_left, -1, "synced slots are exempt");
	facts.in_recovery = false;
	make_rows();
	is_int(row("slot")->slot_time_left, 0, "after a promotion they are not");
	slot->active_pid = 4711;
	make_rows();
	is_int(row("slot")->slot_time_left, -1, "it is used");
	slot->active_pid = 0;
	slot->restart_lsn = 0;
	make_rows();
	is_int(row("slot")->slot_time_left, -1, "it retains nothing");

	begin("Since when a slot is not used");
	slot = add_slot("slot");
	make_rows();
	is_int(row("slot")->inactive_since, WALL, "as of now");
	note = add_slot_note(slot);
	note->inactive_since = START - RW_HOUR;
	make_rows();
	is_int(row("slot")->inactive_since, WALL - RW_HOUR,
		   "as the worker has it");
	note->inactive_since = RW_NEVER;
	make_rows();
	is_int(row("slot")->inactive_since, WALL, "the worker saw it used");
	slot->inactive_since = WALL - 2 * RW_HOUR;
	make_rows();
	is_int(row("slot")->inactive_since, WALL - 2 * RW_HOUR, "as core has it");
	slot->active_pid = 4711;
	make_rows();
	is_int(row("slot")->inactive_since, 0, "it is used");
	slot->active_pid = 0;
	slot->inactive_since = 0;
	links.published = NULL;
	make_rows();
	is_int(row("slot")->inactive_since, 0, "not known without the worker");

	begin("A slot in use");
	slot = add_slot("slot");
	slot->restart_lsn = HORIZON - 5000;
	use_slot(add_walsender("slot", 101), slot);
	make_rows();
	is_int(links.nlinks, 1, "has no row of its own");
	is_int(row("slot")->retained_bytes, 5000, "its walsender shows it");
	is_uint(row("slot")->position, HORIZON, "and where the replica is");
	ok(row("slot")->slot == slot, "the row knows the slot");
}

static void
test_gone(void)
{
	RwSenderFacts *sender;
	RwSlotFacts *slot;
	RwReplica  *replica;

	begin("A known replica that is gone");
	replica = add_gone_replica("s1");
	replica->sent = HORIZON - 1;
	replica->write = HORIZON - 4;
	replica->flush = HORIZON - 2;
	replica->replay = replica->position = HORIZON - 3;
	replica->last_seen = START - RW_MINUTE;
	replica->gone_at = START - RW_SECOND;
	make_rows();
	is_int(row("s1")->state, RW_STATE_MISSING, "is missing");
	is_uint(row("s1")->position, HORIZON - 3, "is where it was");
	is_uint(row("s1")->sent, HORIZON - 1, "has been sent so much");
	is_uint(row("s1")->write, HORIZON - 4, "has written so much");
	is_uint(row("s1")->flush, HORIZON - 2, "has flushed so much");
	is_uint(row("s1")->replay, HORIZON - 3, "has replayed so much");
	is_int(replica->gone_at, START - RW_SECOND, "is gone since then");
	is_int(row("s1")->last_seen, START - RW_MINUTE, "was there until then");
	replica->replay = replica->position = 0;
	make_rows();
	is_uint(row("s1")->position, HORIZON - 2,
			"a subscriber is where it flushed to");
	replica->logical = true;
	make_rows();
	ok(row("s1")->logical, "and is one");
	replica->known = false;
	make_rows();
	is_int(links.nlinks, 0, "a replica that is not known has no row");

	begin("A known replica that is back, unnoticed by the worker");
	add_gone_replica("s1");
	add_walsender("s1", 102);
	make_rows();
	is_int(count_rows("s1"), 1, "has one row");
	is_int(row("s1")->state, RW_STATE_STREAMING, "as it is now");

	begin("One that is back with its slot");
	slot = add_slot("s1");
	replica = add_gone_replica("s1");
	strcpy(replica->slot_name, "s1");
	use_slot(add_walsender("s1", 102), slot);
	make_rows();
	is_int(count_rows("s1"), 1, "has one row");
	ok(row("s1")->slot == slot && row("s1")->replica == replica,
	   "of both");

	begin("A subscriber that is back with its slot, and has no replay position");
	slot = add_slot("sub");
	slot->logical = true;
	replica = add_gone_replica("sub");
	replica->logical = true;
	strcpy(replica->slot_name, "sub");
	sender = add_walsender("sub", 102);
	sender->replay = 0;
	use_slot(sender, slot);
	make_rows();
	is_int(count_rows("sub"), 1, "has one row");
	ok(row("sub")->slot == slot && row("sub")->replica == replica,
	   "of both");

	begin("A name that is not known has tried, and has not replied yet");
	slot = add_slot("sub");
	slot->logical = true;
	slot->confirmed_flush = HORIZON - 300;
	replica = add_gone_replica("sub");
	replica->known = false;
	replica->position = 0;
	strcpy(replica->slot_name, "sub");
	sender = add_walsender("sub", 102);
	sender->write = sender->flush = sender->replay = 0;
	use_slot(sender, slot);
	make_rows();
	is_int(count_rows("sub"), 1, "has one row");
	is_uint(row("sub")->position, HORIZON - 300, "is where its slot is");

	begin("The same of one that is known, whose slot it has not got yet");
	replica = add_gone_replica("sub");
	replica->position = 0;
	strcpy(replica->slot_name, "sub");
	slot = add_slot("sub");
	slot->logical = true;
	slot->confirmed_flush = HORIZON - 300;
	sender = add_walsender("sub", 102);
	sender->write = sender->flush = sender->replay = 0;
	use_slot(sender, slot);
	make_rows();
	is_int(count_rows("sub"), 2, "has a row beside the replica's");
	is_uint(links.links[0].position, HORIZON - 300, "is where its slot is");

	begin("A replica that is refused, at an attempt that nobody has noticed");
	add_slot("s1");
	replica = add_gone_replica("s1");
	strcpy(replica->slot_name, "s1");
	for (int i = 0; i < RW_ATTEMPTS_REFUSED; i++)
		rw_attempts_add(&replica->attempts, START);
	add_walsender("s1", 102);
	work_out();
	is_int(count_rows("s1"), 2, "has a row beside the attempt's");
	is_int(links.links[0].state, RW_STATE_STREAMING, "which is that");
	is_int(links.links[1].state, RW_STATE_INACTIVE, "that of its slot");
	is_int(links.links[1].reason, RW_REASON_REFUSED, "says why");
	ok(links.links[1].replica == replica, "it is the replica's");

	begin("A walsender that has ended, unnoticed by the worker");
	replica = add_replica("s1", 101);
	add_replica("s2", 102)->known = false;
	make_rows();
	is_int(row("s1")->state, RW_STATE_MISSING, "its replica is missing");
	is_int(replica->gone_at, START, "as of now");
	is_int(replica->pid, 0, "without a walsender");
	is_int(count_rows("s2"), 0, "a replica that is not known has no row");
	ok(!replicas[1].used, "and no place in the table");
	replica = add_replica("s2", 102);
	replica->known = false;
	replica->expected = true;
	make_rows();
	is_int(row("s2")->state, RW_STATE_MISSING, "one that is expected has");

	begin("A walsender that goes on");
	replica = add_replica("s1", 101);
	add_walsender("s1", 101);
	make_rows();
	ok(replica->connected && replica->gone_at == RW_NEVER, "is not gone");
	replica->used = replica->connected = false;
	make_rows();
	is_int(links.nlinks, 1, "an unused place has no row");
}

static void
test_visitors(void)
{
	RwSenderFacts *sender;
	RwSlotFacts *slot;
	RwReplica  *gone;
	RwReplica  *visitor;

	begin("A connection beside the gone replica of its names");
	gone = add_gone_replica("s1");
	gone->position = HORIZON - 900;
	sender = add_walsender("s1", 101);
	sender->state = RW_SENDER_STARTUP;
	sender->replica = false;
	make_rows();
	is_int(count_rows("s1"), 2, "does not hide it while it starts");
	ok(links.links[0].replica == NULL && links.links[1].replica == gone,
	   "but is a row of its own");
	sender->replica = true;
	sender->state = RW_SENDER_CATCHUP;
	make_rows();
	is_int(count_rows("s1"), 2, "nor while it catches up");
	is_uint(links.links[0].position, HORIZON, "being where it says");
	sender->state = RW_SENDER_STREAMING;
	sender->replay = 0;
	make_rows();
	is_int(count_rows("s1"), 2, "nor while it has not replied");
	sender->replay = HORIZON;
	make_rows();
	is_int(count_rows("s1"), 1, "it is back when it has");

	visitor = add_replica("s1", 101);
	visitor->known = visitor->belongs = false;
	make_rows();
	is_int(count_rows("s1"), 2,
		   "unless the worker has found that it is not the replica's");
	sender->state = RW_SENDER_BACKUP;
	sender->replica = false;
	make_rows();
	is_int(count_rows("s1"), 2, "as a base backup never is");

	begin("A connection that uses the slot of a gone replica");
	slot = add_slot("slot");
	slot->restart_lsn = HORIZON - 5000;
	gone = add_gone_user("slot");
	gone->position = HORIZON - 900;
	sender = add_walsender("slot", 101);
	strcpy(sender->peer.application_name, "pg_receivewal");
	sender->replica = false;
	sender->replay = 0;
	use_slot(sender, slot);
	make_rows();
	is_int(links.nlinks, 2, "does not hide the replica");
	ok(links.links[0].sender == sender && links.links[0].slot == NULL,
	   "takes nothing of it, not even the slot");
	is_int(links.links[0].retained_bytes, -1, "nor what that retains");
	ok(links.links[1].slot == slot && links.links[1].replica == gone,
	   "which has its own row");
	is_int(links.links[1].state, RW_STATE_INACTIVE, "of the replica");
	is_int(links.links[1].retained_bytes, 5000, "with what it retains");
	is_uint(links.links[1].position, HORIZON - 900, "and where that was");
	gone->used = false;
	make_rows();
	is_int(links.nlinks, 1, "with nobody gone it is the user of the slot");

	begin("A connection between two streams, of a replica that is gone");
	slot = add_slot("slot");
	slot->restart_lsn = HORIZON - 5000;
	gone = add_gone_user("slot");
	visitor = add_replica("slot", 101);
	visitor->known = visitor->belongs = false;
	strcpy(visitor->slot_name, "slot");
	sender = add_walsender("s1", 101);
	sender->state = RW_SENDER_STARTUP;
	make_rows();
	ok(links.links[0].sender == sender && links.links[0].slot == NULL,
	   "does not take the slot");
	ok(links.links[1].slot == slot && links.links[1].replica == gone,
	   "which is the replica's");
	visitor->belongs = true;
	make_rows();
	ok(links.links[0].slot == slot, "unless it is the replica's, too");

	begin("Two connections between two streams, of one slot");
	add_slot("slot");
	for (int i = 101; i <= 102; i++)
	{
		sender = add_walsender("s1", i);
		sender->state = RW_SENDER_STARTUP;
		strcpy(add_replica("slot", i)->slot_name, "slot");
	}
	make_rows();
	is_int(links.nlinks, 2, "are two rows");
	ok(links.links[0].slot && !links.links[1].slot,
	   "of which one has the slot");

	begin("A standby without the slot that bears its name");
	slot = add_slot("s1");
	slot->restart_lsn = HORIZON - 5000;
	add_walsender("s1", 101);
	add_replica("s1", 101);
	make_rows();
	is_int(count_rows("s1"), 2, "is one row, and the slot another");
	ok(links.links[0].slot == NULL && links.links[0].replica,
	   "the standby has no slot");
	is_int(links.links[0].retained_bytes, -1, "and retains nothing");
	ok(links.links[1].slot == slot && links.links[1].replica == NULL,
	   "the slot has no replica");
	is_uint(links.links[1].position, HORIZON - 5000,
			"and is not where the standby is");
	facts.nsenders = 0;
	make_rows();
	is_int(count_rows("s1"), 2, "also when the standby has gone");
	is_int(links.links[1].state, RW_STATE_MISSING, "which is missing");
}

static void
test_upstream_row(void)
{
	begin("The upstream row");
	make_rows();
	is_int(links.nlinks, 0, "a primary has none");
	make_standby();
	add_walsender("a", 101);
	make_rows();
	is_int(links.nlinks, 2, "a standby has one");
	ok(links.links[0].upstream, "the first");
	is_text(links.links[0].name, "this_standby", "with its own name");
	is_uint(links.links[0].position, HORIZON, "where it has replayed to");
	is_int(links.links[0].last_seen, START, "and the time of its last message");
	facts.crash_recovery = true;
	make_rows();
	is_int(count_rows("this_standby"), 0, "in crash recovery there is none");

	begin("A replica of the standby's own name");
	make_standby();
	add_gone_replica("this_standby");
	make_rows();
	is_int(count_rows("this_standby"), 2, "is another link");

	begin("Without the worker");
	make_standby();
	add_walsender("s1", 101);
	add_slot("slot");
	add_gone_replica("s2");
	links.published = NULL;
	make_rows();
	is_int(links.nlinks, 3, "walsenders, slots and the receiver have rows");
	is_int(count_rows("s2"), 0, "a gone replica has none");
	is_int(row("this_standby")->last_seen, RW_NEVER,
		   "messages are not known");
}

static void
test_wall(void)
{
	begin("The wall clock");
	is_int(rw_wall_time(&facts, RW_NEVER), 0, "never is no time");
	is_int(rw_wall_time(&facts, START), WALL, "now");
	is_int(rw_wall_time(&facts, START - RW_HOUR), WALL - RW_HOUR,
		   "an hour ago");
}

/* An LSN near the end of WAL, before, at or beyond it; often there is none. */
static uint64
random_lsn(uint64 *state)
{
	switch (next_random(state) % 8)
	{
		case 0:
		case 1:
			return 0;
		case 2:
		case 3:
			return HORIZON;
		case 4:
			return HORIZON + next_random(state) % 1000;
		default:
			return HORIZON - next_random(state) % 2000000;
	}
}

static const char *
random_name(uint64 *state)
{
	static const char *const names[] =
	{"a", "b", "c", "d", "e", "f", "g", "walreceiver", ""};

	return names[next_random(state) % lengthof(names)];
}

static bool
one_in(int n, uint64 *state)
{
	return next_random(state) % n == 0;
}

static void
add_random_slot(uint64 *state)
{
	/* No two slots have the same name, and no replica that of a temporary. */
	bool		temporary = one_in(4, state);
	RwSlotFacts *slot = add_slot((char[])
								 {(temporary ? 'A' : 'a') + facts.nslots, 0});
	RwSlotNote *note = &slot_notes[slot->number];

	memset(note, 0, sizeof(RwSlotNote));
	slot->logical = one_in(2, state);
	slot->temporary = temporary;
	slot->wal_status = next_random(state) % (RW_WAL_LOST + 1);
	slot->restart_lsn = random_lsn(state);
	if (slot->logical || one_in(8, state))
		slot->confirmed_flush = random_lsn(state);
	slot->limited = one_in(2, state);
	slot->safe_wal_size = (int64) (next_random(state) % 2000) - 1000;
	if (slot->wal_status == RW_WAL_LOST && one_in(2, state))
		slot->invalidation = "rows_removed";
	if (one_in(4, state))
		slot->active_pid = 4711;
	if (one_in(2, state))
		slot->inactive_since = WALL - RW_HOUR;
	if (one_in(2, state))
	{
		(void) add_slot_note(slot);
		note->restart_lsn = random_lsn(state);
		note->retained = 6000;
		note->inactive_since = one_in(2, state) ? START - RW_HOUR : RW_NEVER;
	}
}

/* Also some that no server has, such as a base backup that replays. */
static void
add_random_walsender(uint64 *state)
{
	RwSenderFacts *sender = add_walsender(random_name(state),
										  101 + facts.nsenders);

	if (facts.nslots > 0 && one_in(2, state))
	{
		RwSlotFacts *slot = &slots[next_random(state) % facts.nslots];

		if (slot->sender < 0)
		{
			use_slot(sender, slot);
			if (!slot->temporary)
				strcpy(sender->name, slot->name);
		}
	}
	sender->state = next_random(state) % (RW_SENDER_STOPPING + 1);
	sender->replica = !one_in(3, state);
	sender->parted = one_in(8, state);
	sender->sent = Min(random_lsn(state), HORIZON);
	sender->write = random_lsn(state);
	sender->flush = random_lsn(state);
	sender->replay = random_lsn(state);
	if (one_in(4, state))
		sender->write = sender->flush = sender->replay = 0;
	if (one_in(4, state))
		sender->reply_time = one_in(2, state) ? 0 : WALL - RW_MINUTE;
	if (one_in(4, state))
		strcpy(sender->peer.address, "192.0.2.1");
}

/* The walsender that serves this place, or NULL. */
static const RwSenderFacts *
find_walsender(const RwReplica *replica)
{
	for (int i = 0; i < facts.nsenders; i++)
	{
		if (senders[i].pid == replica->pid)
			return &senders[i];
	}
	return NULL;
}

/*
 * A connection has the names of its walsender.  Between two streams it keeps
 * those of the slot that it had.
 */
static void
name_connection(RwReplica *replica)
{
	const RwSenderFacts *sender = find_walsender(replica);

	if (sender == NULL || sender->state == RW_SENDER_STARTUP)
		return;
	strcpy(replica->name, sender->name);
	strcpy(replica->application_name, sender->peer.application_name);
	strcpy(replica->address, sender->peer.address);
	replica->has_slot = sender->slot >= 0 && !slots[sender->slot].temporary;
	strcpy(replica->slot_name,
		   replica->has_slot ? slots[sender->slot].name : "");
}

/* A name is known, expected or gone in one place only. */
static bool
has_other_place(const RwReplica *replica)
{
	for (int i = 0; i < MAX_EACH; i++)
	{
		const RwReplica *other = &replicas[i];

		if (other != replica && other->used &&
			strcmp(other->name, replica->name) == 0 &&
			(!other->connected || other->known || other->expected))
			return true;
	}
	return false;
}

static void
add_random_replica(int pid, uint64 *state)
{
	RwReplica  *replica = one_in(2, state) ?
		add_gone_replica(random_name(state)) :
		add_replica(random_name(state), pid);
	int			n;

	if (one_in(2, state))
		strcpy(replica->slot_name, one_in(2, state) ?
			   replica->name : random_name(state));
	replica->has_slot = replica->slot_name[0] != '\0';
	if (one_in(4, state))
		strcpy(replica->address, "192.0.2.1");
	if (replica->connected)
	{
		name_connection(replica);
		replica->belongs = one_in(2, state);
		replica->steady = replica->belongs && one_in(2, state);
		replica->shared = one_in(8, state);
	}
	if (has_other_place(replica))
	{
		replica->known = false;
		if (!replica->connected)
		{
			memset(replica, 0, sizeof(RwReplica));
			return;
		}
	}
	else
	{
		replica->known = one_in(2, state);
		replica->expected = one_in(4, state);
	}
	replica->logical = one_in(4, state);

	replica->position = random_lsn(state);
	replica->flush = random_lsn(state);
	replica->replay = random_lsn(state);
	if (one_in(3, state))
	{
		/* One that has parted has a position: what it has of our WAL. */
		replica->parted = 1 + next_random(state) % RW_LEFT_BEHIND;
		replica->mark = HORIZON - next_random(state) % 3 * 1000;
		replica->position = replica->mark - next_random(state) % 2 * 500;
	}
	if (one_in(2, state))
		replica->replay_moved_at = START - next_random(state) % RW_MINUTE;
	rw_rate_add(&replica->replay_rate, HORIZON - 5000, START - RW_SECOND);
	rw_rate_add(&replica->replay_rate, HORIZON - 1000, START);
	n = next_random(state) % 4;
	for (int i = 0; i < n; i++)
		rw_attempts_add(&replica->attempts,
						START - next_random(state) % RW_MINUTE);
	if (one_in(2, state))
		strcpy(replica->refusal, "no such WAL");
}

/* Any mixture of walsenders, slots and replicas of a few names. */
static void
make_random(uint64 *state)
{
	int			n;
	int			i;

	memset(senders, 0, sizeof(senders));
	memset(slots, 0, sizeof(slots));
	memset(replicas, 0, sizeof(replicas));
	facts.nsenders = facts.nslots = 0;
	facts.in_recovery = one_in(2, state);
	facts.crash_recovery = one_in(8, state);
	facts.complete = HORIZON - next_random(state) % 2 * 100;
	published.wal_rate = (int) (next_random(state) % 3000) - 1000;
	published.tends_walsenders = one_in(2, state);
	links.published = one_in(8, state) ? NULL : &published;

	n = next_random(state) % 8;
	for (i = 0; i < n; i++)
		add_random_slot(state);
	n = next_random(state) % 8;
	for (i = 0; i < n; i++)
		add_random_walsender(state);
	/* The places are in another order than the walsenders. */
	n = next_random(state) % 12;
	for (i = 0; i < n; i++)
		add_random_replica(101 + i * 7 % 12, state);
}

/* How many rows have this walsender, slot or replica? */
static int
count_rows_of(const void *what)
{
	int			n = 0;

	for (int i = 0; i < links.nlinks; i++)
		n += links.links[i].sender == what || links.links[i].slot == what ||
			links.links[i].replica == what;
	return n;
}

/* Each walsender has a row, and each slot one, be it the walsender's. */
static int
count_wrong_rows(void)
{
	int			expected = facts.in_recovery && !facts.crash_recovery;
	int			wrong = expected && !links.links[0].upstream;

	for (int i = 0; i < facts.nsenders; i++)
		wrong += count_rows_of(&senders[i]) != 1;
	for (int i = 0; i < facts.nslots; i++)
		wrong += count_rows_of(&slots[i]) != 1;

	expected += facts.nsenders;
	for (int i = 0; i < links.nlinks; i++)
	{
		const RwLink *link = &links.links[i];

		expected += !link->sender && (link->slot || link->replica);
		if (link->sender && link->slot)
			wrong += link->slot->sender < 0 ?
				link->state != RW_STATE_STARTUP :
				link->sender != &senders[link->slot->sender];
		else if (link->slot)
			wrong += link->state != (link->slot->wal_status == RW_WAL_LOST ?
									 RW_STATE_LOST : RW_STATE_INACTIVE);
		else if (link->replica && !link->sender)
			wrong += link->state != RW_STATE_MISSING;
	}
	wrong += links.nlinks != expected;
	return wrong + (links.nlinks > rw_max_links(&facts, links.published));
}

/*
 * A gone replica has one row: its slot's or its own, unless it is back on a
 * connection that the worker has not noticed yet.  No other connection takes
 * its slot.  `before` is the table before those were noticed that are gone.
 */
static int
count_wrong_replicas(const RwReplica *before)
{
	int			wrong = 0;

	for (int i = 0; i < MAX_EACH; i++)
	{
		bool		lasts = before[i].known || before[i].expected;

		wrong += count_rows_of(&replicas[i]) > 1;
		if (links.published && before[i].used && lasts &&
			!replicas[i].connected)
			wrong += count_rows_of(&replicas[i]) != 1;
	}
	for (int i = 0; i < links.nlinks; i++)
	{
		const RwLink *link = &links.links[i];
		const RwReplica *gone;

		if (!link->replica)
			continue;
		if (link->sender)
			wrong += link->replica->connected ?
				link->replica->pid != link->sender->pid :
				link->state != RW_STATE_STREAMING;
		else if (!link->slot)
			wrong += strcmp(link->name, link->replica->name) != 0;
		else
			wrong += strcmp(link->slot->name, link->replica->slot_name) != 0;

		if (!link->sender || !link->slot || !link->replica->connected ||
			link->replica->belongs)
			continue;
		gone = rw_replicas_find_gone_slot(replicas, MAX_EACH,
										  link->slot->name);
		wrong += gone && strcmp(gone->name, link->slot->name) == 0;
	}
	return wrong;
}

/* A replica that has parted never seems to have all of this server's WAL. */
static int
count_wrong_positions(void)
{
	int			wrong = 0;

	for (int i = 0; i < links.nlinks; i++)
	{
		const RwLink *link = &links.links[i];

		wrong += link->lag < -1 || link->lag_bytes < -1 || link->catchup < -1;
		if (rw_has_parted(link))
			wrong += link->lag == 0 || link->lag_bytes == 0 ||
				link->position > link->replica->mark;
	}
	return wrong;
}

static int
sign(int number)
{
	return (number > 0) - (number < 0);
}

/* Any three rows can be put in order. */
static int
count_disorder(uint64 *state)
{
	int			disorder = 0;
	int			i;
	int			j;
	int			k;

	for (i = 0; i < links.nlinks; i++)
		links.links[i].health = next_random(state) % 4;
	for (i = 0; i < links.nlinks; i++)
	{
		const RwLink *a = &links.links[i];

		for (j = 0; j < links.nlinks; j++)
		{
			const RwLink *b = &links.links[j];
			int			ab = rw_compare_links(a, b);

			disorder += sign(ab) != -sign(rw_compare_links(b, a));
			disorder += a->upstream && !b->upstream && ab >= 0;
			disorder += a->upstream == b->upstream &&
				a->health > b->health && ab >= 0;
			disorder += a->upstream == b->upstream &&
				a->health == b->health &&
				strcmp(a->name, b->name) < 0 && ab >= 0;
			k = next_random(state) % links.nlinks;
			disorder += ab < 0 &&
				rw_compare_links(b, &links.links[k]) < 0 &&
				rw_compare_links(a, &links.links[k]) >= 0;
		}
	}
	return disorder;
}

static void
test_random(void)
{
	static RwReplica before[MAX_EACH];
	uint64		state = 20260802;
	int			wrong = 0;
	int			wrong_replicas = 0;
	int			wrong_positions = 0;
	int			disorder = 0;
	int			rounds;

	begin("Random servers");
	make_standby();
	rw_history_init(&history);
	rw_history_add(&history, HORIZON - 1000000, START - RW_HOUR);
	rw_history_add(&history, HORIZON - 500000, START - RW_MINUTE);
	rw_history_add(&history, HORIZON - 400, START - 2 * RW_SECOND);
	rw_history_add(&history, HORIZON, START - RW_SECOND);
	for (rounds = 0; rounds < 20000; rounds++)
	{
		make_random(&state);
		memcpy(before, replicas, sizeof(before));
		work_out();
		wrong += count_wrong_rows();
		wrong_replicas += count_wrong_replicas(before);
		wrong_positions += count_wrong_positions();
		disorder += count_disorder(&state);
	}
	is_int(wrong, 0, "each link has its row, and there are no others");
	is_int(wrong_replicas, 0, "and so has each replica that is gone");
	is_int(wrong_positions, 0, "one that has parted has no more than its mark");
	is_int(disorder, 0, "upstream first, then the worst, then by name");

	begin("Two connections of one name");
	add_walsender("s1", 102);
	add_walsender("s1", 101);
	make_rows();
	ok(rw_compare_links(&links.links[1], &links.links[0]) < 0,
	   "are ordered by their process IDs");
}

int
main(void)
{
	test_connected();
	test_no_reply_yet();
	test_parted();
	test_slots();
	test_gone();
	test_visitors();
	test_upstream_row();
	test_wall();
	test_random();
	return tap_end();
}
