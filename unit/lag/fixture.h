/*-------------------------------------------------------------------------
 *
 * fixture.h
 *	  A server that the tests of src/lag play: facts, history, replicas.
 *
 * begin() makes an idle primary that has sampled for an hour, with its end of
 * WAL at HORIZON, and nobody connected.  Tests change what they are about, and
 * call work_out(), which does what rw_links() does, or parts of it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "src/lag/intern.h"
#include "unit/tap.h"

#define MAX_EACH		16
#define MAX_ROWS		(1 + 3 * MAX_EACH)
#define START			(2000 * RW_DAY)
#define WALL			INT64CONST(844000000000000)
#define HORIZON			UINT64CONST(0x500000000)

static RwFacts facts;
static RwSenderFacts senders[MAX_EACH];
static RwSlotFacts slots[MAX_EACH];
static RwReplica replicas[MAX_EACH];
static RwSlotNote slot_notes[MAX_EACH];
static RwPublished published;
static RwLink rows[MAX_ROWS];
static RwLinks links;
static RwHistory history;

static inline void
begin(const char *title)
{
	section(title);
	memset(&facts, 0, sizeof(facts));
	memset(senders, 0, sizeof(senders));
	memset(slots, 0, sizeof(slots));
	memset(replicas, 0, sizeof(replicas));
	memset(slot_notes, 0, sizeof(slot_notes));
	memset(&published, 0, sizeof(published));

	facts.now = START;
	facts.wall = WALL;
	facts.horizon = facts.complete = HORIZON;
	facts.tli = 1;
	facts.sender_timeout_ms = 60 * 1000;
	facts.segment_size = 16777216;
	facts.senders = senders;
	facts.slots = slots;

	published.wal_rate = -1;
	published.max_replicas = MAX_EACH;
	published.replicas = replicas;
	published.max_slots = MAX_EACH;
	published.slot_notes = slot_notes;
	published.tends_walsenders = true;
	links.published = &published;

	rw_history_init(&history);
	rw_history_add(&history, HORIZON, START - RW_HOUR);
	rw_history_add(&history, HORIZON, START);
}

/* Make it a standby that streams, and has all that its upstream has. */
static inline void
make_standby(void)
{
	facts.in_recovery = true;
	facts.recovery.replay = HORIZON;
	facts.recovery.replay_tli = 1;
	facts.receiver.pid = 900;
	facts.receiver.state = RW_RECEIVER_STREAMING;
	facts.receiver.timeout_ms = 60 * 1000;
	facts.receiver.tli = 1;
	facts.receiver.written = facts.receiver.flushed = HORIZON;
	facts.receiver.latest_end = HORIZON;
	facts.receiver.receipt_time = WALL;
	facts.receiver.send_time = WALL - 5 * RW_MS;
	facts.receiver.has_conninfo = true;
	strcpy(facts.receiver.name, "this_standby");

	published.upstream.receiver_pid = 900;
	published.upstream.message_at = START;
	published.upstream.receipt_time = facts.receiver.receipt_time;
	published.upstream.send_time = facts.receiver.send_time;
	published.upstream.latest_end = HORIZON;
}

/* Let time pass in which nothing is written, and the sampler looks on. */
static inline void
pass(int64 duration)
{
	RwTime		until = facts.now + duration;

	while (facts.now < until)
	{
		int64		step = Min(RW_IDLE_INTERVAL, until - facts.now);

		facts.now += step;
		facts.wall += step;
		rw_history_add(&history, facts.horizon, facts.now);
	}
}

/* Write so much WAL; the next sample sees it. */
static inline void
write_wal(uint64 bytes)
{
	facts.horizon += bytes;
	facts.complete = facts.horizon;
}

/* A standby that streams, has replied just now, and lacks nothing. */
static inline RwSenderFacts *
add_walsender(const char *name, int pid)
{
	RwSenderFacts *sender = &senders[facts.nsenders++];

	strcpy(sender->name, name);
	strcpy(sender->peer.application_name, name);
	sender->pid = pid;
	sender->state = RW_SENDER_STREAMING;
	sender->sent = sender->write = sender->flush = facts.horizon;
	sender->replay = facts.horizon;
	sender->reply_time = facts.wall;
	sender->slot = -1;
	sender->replica = true;
	return sender;
}

/* The same, as the worker follows it: known for an hour. */
static inline RwReplica *
add_replica(const char *name, int pid)
{
	RwReplica  *replica;
	int			i = 0;

	while (replicas[i].used)
		i++;
	replica = &replicas[i];
	strcpy(replica->name, name);
	strcpy(replica->application_name, name);
	replica->used = replica->connected = replica->known = true;
	replica->belongs = replica->steady = true;
	replica->pid = pid;
	replica->sent = replica->write = replica->flush = facts.horizon;
	replica->replay = replica->position = facts.horizon;
	replica->reply_time = facts.wall;
	replica->connected_at = replica->streaming_since = facts.now - RW_HOUR;
	replica->replay_moved_at = facts.now - RW_HOUR;
	replica->last_seen = facts.now;
	replica->streamed_at = facts.now;
	return replica;
}

/* A known replica that has gone just now. */
static inline RwReplica *
add_gone_replica(const char *name)
{
	RwReplica  *replica = add_replica(name, 0);

	replica->connected = replica->belongs = replica->steady = false;
	replica->gone_at = facts.now;
	return replica;
}

/* A physical slot that nobody uses, and that retains nothing yet. */
static inline RwSlotFacts *
add_slot(const char *name)
{
	RwSlotFacts *slot = &slots[facts.nslots];

	strcpy(slot->name, name);
	slot->number = facts.nslots++;
	slot->wal_status = RW_WAL_RESERVED;
	slot->restart_lsn = facts.horizon;
	slot->xmin_age = -1;
	slot->sender = -1;
	return slot;
}

/* A known replica that has gone just now, and used a slot of its name. */
static inline RwReplica *
add_gone_user(const char *slot_name)
{
	RwReplica  *replica = add_gone_replica(slot_name);

	strcpy(replica->slot_name, slot_name);
	replica->has_slot = true;
	return replica;
}

/* What the worker has noted of a slot. */
static inline RwSlotNote *
add_slot_note(const RwSlotFacts *slot)
{
	RwSlotNote *note = &slot_notes[slot->number];

	strcpy(note->name, slot->name);
	return note;
}

static inline void
use_slot(RwSenderFacts *sender, RwSlotFacts *slot)
{
	sender->slot = slot - slots;
	slot->sender = sender - senders;
	slot->active_pid = sender->pid;
}

static inline void
make_rows(void)
{
	memset(rows, 0x7f, sizeof(rows));
	links.nlinks = 0;
	links.links = rows;
	if (links.published)
		rw_notice_gone(&facts, links.published);
	rw_add_rows(&facts, &links);
}

static inline void
work_out(void)
{
	RwHistoryView view = {&history, facts.horizon, facts.now};

	make_rows();
	rw_measure_links(&facts, &links, links.published ? &view : NULL);
	rw_explain_links(&facts, &links);
}

/* The one row of this name. */
static inline RwLink *
row(const char *name)
{
	static RwLink none;
	RwLink	   *found = NULL;
	int			i;

	for (i = 0; i < links.nlinks; i++)
	{
		if (strcmp(links.links[i].name, name) != 0)
			continue;
		if (found)
			ok(false, "the name has one row only");
		found = &links.links[i];
	}
	if (found)
		return found;
	ok(false, "the name has a row");
	memset(&none, 0, sizeof(none));
	return &none;
}

static inline int
count_rows(const char *name)
{
	int			n = 0;
	int			i;

	for (i = 0; i < links.nlinks; i++)
		n += strcmp(links.links[i].name, name) == 0;
	return n;
}

/* Compare a row's lag in milliseconds, and what it is. */
#define is_lag(link, milliseconds, of_bound, what) \
	do { \
		is_int((link)->lag, (milliseconds) * RW_MS, what); \
		is_text(rw_bound_name((link)->bound), of_bound, what ": the bound"); \
	} while (0)

#define is_reason(link, code, text, what) \
	do { \
		is_text((link)->reason == RW_REASON_NONE ? "" : \
				rw_reason_name((link)->reason), code, what ": the code"); \
		is_text((link)->reason_text, text, what); \
	} while (0)

#endif							/* FIXTURE_H */
