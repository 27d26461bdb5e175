/*-------------------------------------------------------------------------
 *
 * test_upstream.c
 *	  Tests of src/lag/upstream.c and upstream_parting.c.
 *
 * The tests play a standby: messages come or do not, and the worker looks ten
 * times a second.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/lag/upstream.h"
#include "src/observe/start_command.h"
#include "unit/tap.h"

#define START			(2000 * RW_DAY)
#define WALL			INT64CONST(844000000000000)
#define HORIZON			UINT64CONST(0x500000000)
#define LOOK			(100 * RW_MS)
#define KNOWN_AFTER		RW_MINUTE

static RwFacts facts;
static RwReceiverFacts *const receiver = &facts.receiver;
static RwUpstream upstream;

static void
look(void)
{
	rw_follow_upstream(&upstream, &facts, KNOWN_AFTER);
}

/* Let time pass in which nothing comes, and the worker looks on. */
static void
pass(int64 duration)
{
	while (duration > 0)
	{
		int64		step = Min(duration, LOOK);

		facts.now += step;
		facts.wall += step;
		duration -= step;
		look();
	}
}

/*
 * Nobody watches for so long; for a part of that our clock stands still, which
 * is seen when the wall clock is set.
 */
static void
gap(int64 duration, int64 stood_still)
{
	facts.watch.round_at = facts.now;
	facts.watch.wall_at = facts.wall;
	facts.now += duration - stood_still;
	facts.wall += duration;
	rw_watch_round(&facts.watch, facts.now, facts.wall, 3 * RW_SECOND);
	look();
	rw_watch_round(&facts.watch, facts.now + 1, facts.wall + 1,
				   3 * RW_SECOND);
}

/* A message comes now, from a server whose WAL ends there. */
static void
message(uint64 end)
{
	receiver->send_time = facts.wall - 3 * RW_MS;
	receiver->receipt_time = facts.wall;
	if (end > receiver->latest_end)
		receiver->latest_end_time = receiver->send_time;
	receiver->latest_end = end;
	look();
}

/* One with no news. */
static void
keepalive(void)
{
	message(Max(receiver->latest_end, HORIZON));
}

/* A receiver starts, and sets all its times to the same. */
static void
start_receiver(int pid)
{
	receiver->pid = pid;
	receiver->state = RW_RECEIVER_STREAMING;
	receiver->send_time = receiver->receipt_time = facts.wall;
	receiver->latest_end_time = facts.wall;
	look();
}

static void
end_receiver(void)
{
	receiver->pid = 0;
	receiver->state = RW_RECEIVER_STOPPED;
	look();
}

static void
begin(const char *title)
{
	section(title);
	memset(&facts, 0, sizeof(facts));
	memset(&upstream, 0, sizeof(upstream));
	facts.now = START;
	facts.wall = WALL;
	facts.in_recovery = true;
	facts.tli = receiver->tli = 1;
	facts.horizon = facts.recovery.replay = HORIZON;
	receiver->written = receiver->flushed = HORIZON;
	receiver->timeout_ms = 60 * 1000;
	receiver->has_conninfo = true;
	look();
}

static RwLinkState
state_of(int pid, RwReceiverState state, bool archive)
{
	RwReceiverFacts it = {0};

	it.pid = pid;
	it.state = state;
	it.has_restore_command = archive;
	return rw_upstream_state(&it);
}

static void
test_states(void)
{
	section("States");
	is_int(state_of(1, RW_RECEIVER_STREAMING, true), RW_STATE_STREAMING,
		   "streaming");
	is_int(state_of(1, RW_RECEIVER_WAITING, true), RW_STATE_WAITING,
		   "waiting");
	is_int(state_of(1, RW_RECEIVER_CONNECTING, true), RW_STATE_CONNECTING,
		   "connecting");
	is_int(state_of(0, RW_RECEIVER_CONNECTING, true), RW_STATE_CONNECTING,
		   "about to be started");
	is_int(state_of(0, RW_RECEIVER_STOPPED, false), RW_STATE_DISCONNECTED,
		   "disconnected");
	is_int(state_of(0, RW_RECEIVER_STOPPED, true), RW_STATE_ARCHIVE,
		   "reading the archive");
	is_int(state_of(1, RW_RECEIVER_STOPPING, false), RW_STATE_DISCONNECTED,
		   "stopping");
	is_int(state_of(0, RW_RECEIVER_STREAMING, false), RW_STATE_DISCONNECTED,
		   "a state that the receiver left behind");
}

static void
test_messages(void)
{
	begin("Real messages");
	is_int(upstream.message_at, RW_NEVER, "none at first");
	start_receiver(900);
	is_int(upstream.message_at, RW_NEVER, "the start of a receiver is none");
	pass(RW_SECOND);
	is_int(upstream.message_at, RW_NEVER, "however old it gets");
	keepalive();
	is_int(upstream.message_at, facts.now, "a keepalive is one");
	pass(RW_SECOND);
	is_int(upstream.message_at, facts.now - RW_SECOND, "and gets older");
	end_receiver();
	is_int(upstream.message_at, facts.now - RW_SECOND,
		   "also when the receiver has ended");
	start_receiver(901);
	is_int(upstream.message_at, facts.now - RW_SECOND,
		   "or another has started");
	is_int(upstream.receiver_pid, 901, "which is known by its pid");

	begin("A clock that is set back");
	start_receiver(900);
	pass(RW_SECOND);
	keepalive();
	receiver->receipt_time += RW_HOUR;
	look();
	is_int(upstream.message_at, facts.now, "no message is of the future");
	pass(RW_SECOND);
	receiver->receipt_time -= 2 * RW_HOUR;
	look();
	is_int(upstream.message_at, facts.now - RW_SECOND,
		   "nor older than one before it");

	begin("A promotion");
	start_receiver(900);
	keepalive();
	facts.in_recovery = false;
	look();
	is_int(upstream.message_at, RW_NEVER, "a primary knows of no upstream");
	is_int(upstream.receiver_pid, 0, "and has no receiver");
}

static void
test_tended(void)
{
	int			i;

	begin("An upstream that sends a keepalive each second");
	start_receiver(900);
	is_int(rw_allowed_silence(&upstream, receiver), 35 * RW_SECOND,
		   "is not known at once");
	for (i = 0; i < 3; i++)
	{
		pass(RW_SECOND);
		keepalive();
	}
	ok(!upstream.tended, "the first message follows none, two may be chance");
	pass(RW_SECOND);
	keepalive();
	ok(upstream.tended, "three quick ones show it");
	is_int(rw_allowed_silence(&upstream, receiver), 3 * RW_SECOND,
		   "then silence means something after 3 s");
	end_receiver();
	pass(RW_MINUTE);
	start_receiver(901);
	pass(RW_SECOND);
	keepalive();
	ok(upstream.tended, "which outlives the connection");
	pass(2 * RW_SECOND);
	ok(upstream.tended, "and a pause without a message");
	keepalive();
	ok(!upstream.tended, "but not a message that comes late");
	for (i = 0; i < 2; i++)
	{
		pass(RW_SECOND);
		keepalive();
	}
	ok(!upstream.tended, "it has to be shown again");
	pass(RW_SECOND);
	keepalive();
	ok(upstream.tended, "and is");
	pass(2 * RW_SECOND);
	keepalive();
	pass(RW_SECOND);
	keepalive();
	ok(!upstream.tended, "each time from the beginning");

	begin("Messages of core itself");
	start_receiver(900);
	for (i = 0; i < 10; i++)
	{
		pass(30 * RW_SECOND);
		keepalive();
	}
	ok(!upstream.tended, "come late");

	begin("WAL that is written each second");
	start_receiver(900);
	for (i = 0; i < 10; i++)
	{
		pass(RW_SECOND);
		facts.horizon += 100;
		receiver->written = receiver->flushed = facts.horizon;
		message(facts.horizon);
	}
	ok(!upstream.tended, "shows nothing");

	begin("A burst of WAL");
	start_receiver(900);
	keepalive();
	for (i = 0; i < 10; i++)
	{
		pass(LOOK);
		receiver->written += 1000;
		message(HORIZON + 100000);
	}
	ok(!upstream.tended, "messages while WAL is written may have brought it");

	begin("Without wal_receiver_timeout");
	start_receiver(900);
	receiver->timeout_ms = 0;
	ok(rw_silence_is_normal(&upstream, receiver), "silence is normal");
	is_int(rw_allowed_silence(&upstream, receiver), RW_SECOND,
		   "a message is good for a second");
	upstream.tended = true;
	ok(!rw_silence_is_normal(&upstream, receiver),
	   "unless keepalives come each second");
	upstream.tended = false;
	receiver->timeout_ms = 1;
	ok(!rw_silence_is_normal(&upstream, receiver), "or there is a timeout");
}

static void
test_down(void)
{
	RwTime		heard;

	begin("A link that streams");
	is_int(upstream.down_since, START, "is down until it does");
	is_int(upstream.streaming_since, RW_NEVER, "has not streamed");
	start_receiver(900);
	is_int(upstream.down_since, START, "nor does its start show that");
	message(HORIZON);
	is_int(upstream.down_since, RW_NEVER, "is up at its first message");
	is_int(upstream.streaming_since, START, "as of then");
	ok(upstream.streamed && !upstream.settled, "is not settled at once");
	for (int i = 0; i < 59; i++)
	{
		pass(RW_SECOND);
		keepalive();
	}
	ok(!upstream.settled, "nor after 59 s");
	pass(RW_SECOND);
	keepalive();
	ok(upstream.settled, "but after known_after");
	heard = facts.now;
	pass(3 * RW_SECOND - LOOK);
	is_int(upstream.down_since, RW_NEVER, "is up while silence is allowed");
	pass(LOOK);
	is_int(upstream.down_since, heard,
		   "is down since its last message when it is not");
	pass(RW_MINUTE);
	is_int(upstream.down_since, heard, "and remains so");
	is_int(upstream.streaming_since, START, "though it is connected");
	keepalive();
	is_int(upstream.down_since, RW_NEVER, "until a message comes");
	heard = facts.now;
	pass(RW_SECOND);
	end_receiver();
	is_int(upstream.down_since, heard,
		   "is down since its last message when its receiver ends");
	is_int(upstream.streaming_since, RW_NEVER, "and streams no longer");
	pass(RW_SECOND);
	facts.recovery.replay += 100;
	look();
	is_int(upstream.down_since, heard,
		   "replay of what is left does not bring it back");
	ok(upstream.settled, "it stays settled");

	begin("A new connection on which nothing comes");
	pass(RW_SECOND);
	start_receiver(900);
	pass(34 * RW_SECOND);
	is_int(upstream.down_since, START, "is down since before it was made");
	message(HORIZON);
	is_int(upstream.down_since, RW_NEVER, "until something does");
	pass(34 * RW_SECOND);
	is_int(upstream.down_since, RW_NEVER, "then silence may last");
	pass(RW_SECOND);
	is_int(upstream.down_since, facts.now - 35 * RW_SECOND, "for so long");

	begin("A message that came before the worker saw the receiver");
	receiver->pid = 900;
	receiver->state = RW_RECEIVER_STREAMING;
	facts.now += LOOK;
	facts.wall += LOOK;
	receiver->send_time = facts.wall - 3 * RW_MS;
	receiver->receipt_time = facts.wall - 2 * RW_MS;
	receiver->latest_end = HORIZON;
	look();
	is_int(upstream.down_since, RW_NEVER, "counts");

	begin("Silence that is normal");
	receiver->timeout_ms = 0;
	start_receiver(900);
	message(HORIZON);
	pass(RW_HOUR);
	is_int(upstream.down_since, RW_NEVER, "is not down");

	begin("A standby that replays the archive before it streams");
	memset(&upstream, 0, sizeof(upstream));
	receiver->written = receiver->flushed = 0;
	for (int i = 0; i < 10; i++)
	{
		pass(RW_MINUTE);
		facts.recovery.replay += 100;
		look();
	}
	is_int(upstream.down_since, facts.now, "is not down while it moves");
	pass(RW_MINUTE);
	is_int(upstream.down_since, facts.now - RW_MINUTE, "only after that");
	is_int(upstream.replay_moved_at, facts.now - RW_MINUTE,
		   "which is when replay moved");
	heard = facts.now - RW_MINUTE;
	facts.recovery.waits_for_wal = true;
	look();
	facts.recovery.waits_for_wal = false;
	facts.recovery.replay += 100;
	look();
	is_int(upstream.down_since, heard,
		   "once it has come to the end, the archive does not bring it back");

	begin("Replay that is paused");
	is_int(upstream.paused_since, RW_NEVER, "not yet");
	facts.recovery.pause_state = RW_PAUSE_REQUESTED;
	look();
	is_int(upstream.paused_since, RW_NEVER, "nor when it is asked for");
	facts.recovery.pause_state = RW_PAUSE_PAUSED;
	pass(RW_SECOND);
	is_int(upstream.paused_since, facts.now - RW_SECOND + LOOK, "then");
	facts.recovery.pause_state = RW_PAUSE_NONE;
	look();
	is_int(upstream.paused_since, RW_NEVER, "and no longer");

	begin("The record that is being replayed");
	memset(&upstream, 0, sizeof(upstream));
	is_int(rw_record_begun_at(&facts, &upstream), RW_NEVER,
		   "begun at no known time without a look");
	facts.recovery.begun = HORIZON;
	look();
	pass(RW_SECOND);
	is_int(rw_record_begun_at(&facts, &upstream), facts.now - RW_SECOND,
		   "when it was first seen");
	facts.recovery.begun += 100;
	is_int(rw_record_begun_at(&facts, &upstream), facts.now,
		   "now if it was not seen");
	pass(RW_SECOND);
	is_int(rw_record_begun_at(&facts, &upstream), facts.now - RW_SECOND + LOOK,
		   "until the next look");
}

static void
test_gap(void)
{
	RwTime		then;

	begin("A machine that was suspended, with a clock that goes on");
	start_receiver(900);
	for (int i = 0; i < 5; i++)
	{
		pass(RW_SECOND);
		keepalive();
	}
	then = facts.now;
	ok(upstream.tended, "the upstream tends its walsenders");
	gap(8 * RW_HOUR, 0);
	is_int(upstream.message_at, then, "the last message is that old");
	is_int(upstream.down_since, then, "and nothing comes since then");
	ok(!upstream.settled, "a few seconds and a night do not settle it");
	ok(upstream.replay_rate.npoints == 1, "the rate begins anew");
	pass(RW_SECOND);
	keepalive();
	is_int(upstream.down_since, RW_NEVER, "it goes on");
	ok(upstream.tended, "the silence was not the upstream's");
	pass(2 * RW_SECOND);
	keepalive();
	ok(!upstream.tended, "but a late message is, from then on");
	pass(KNOWN_AFTER - 10 * RW_SECOND);
	keepalive();
	ok(!upstream.settled, "not yet");
	pass(10 * RW_SECOND);
	keepalive();
	ok(upstream.settled, "a minute of it was watched");
	gap(RW_HOUR, 0);
	ok(upstream.settled, "which stays");

	begin("A machine whose clock stood still");
	start_receiver(900);
	pass(RW_SECOND);
	message(HORIZON + 1000);
	then = facts.now;
	pass(100 * RW_MS);
	gap(8 * RW_HOUR, 8 * RW_HOUR);
	is_int(facts.now, then + 100 * RW_MS, "for the clock it was a moment");
	is_int(upstream.message_at, then - 8 * RW_HOUR,
		   "but the last message was before the night");
	is_int(upstream.catchup_target_at, then - 8 * RW_HOUR,
		   "and so was when nothing else was missing");
	is_int(upstream.complete_at, RW_NEVER, "what was not known is not");
	ok(upstream.down_since != RW_NEVER, "it shows nothing of now");
	pass(RW_SECOND);
	message(HORIZON + 2000);
	is_int(upstream.message_at, facts.now, "the next message does");
	facts.horizon = HORIZON + 1000;
	look();
	is_int(upstream.complete_at, then - 8 * RW_HOUR,
		   "all is here that there was before the night");
	gap(RW_MINUTE, RW_MINUTE);
	is_int(upstream.complete_at, then - 8 * RW_HOUR - RW_MINUTE,
		   "which gets older each time");
}

static void
test_reported(void)
{
	RwTime		then;

	begin("WAL that was reported and is not here");
	start_receiver(900);
	pass(RW_SECOND);
	keepalive();
	is_uint(upstream.catchup_target, HORIZON, "nothing");
	pass(RW_SECOND);
	message(HORIZON + 1000);
	then = facts.now;
	is_uint(upstream.reported, HORIZON + 1000, "some");
	is_uint(upstream.catchup_target, HORIZON + 1000, "is the next target");
	is_int(upstream.catchup_target_at, then, "set when the message came");
	is_int(upstream.complete_at, then - RW_SECOND,
		   "nothing was missing at the one before");
	pass(RW_SECOND);
	message(HORIZON + 9000);
	is_uint(upstream.reported, HORIZON + 9000, "more");
	is_uint(upstream.catchup_target, HORIZON + 1000,
			"does not move the target away");
	facts.horizon = HORIZON + 999;
	look();
	is_uint(upstream.catchup_target, HORIZON + 1000, "which is almost reached");
	facts.horizon = HORIZON + 1000;
	look();
	is_int(upstream.complete_at, then,
		   "once it is, nothing was missing when it was set");
	is_uint(upstream.catchup_target, HORIZON + 9000, "and the next is set");

	begin("A new timeline");
	start_receiver(900);
	pass(RW_SECOND);
	message(HORIZON + 5000);
	is_uint(upstream.catchup_target, HORIZON + 5000, "of the old timeline");
	is_int(upstream.complete_at, RW_NEVER, "is not complete");
	pass(RW_SECOND);
	facts.tli = 2;
	look();
	is_int(upstream.complete_at, RW_NEVER,
		   "and never will be by leaving it");
	is_uint(upstream.catchup_target, 0,
			"what was reported there is not missing here");
	receiver->tli = 2;
	look();
	is_uint(upstream.reported, 0, "a message from before does not count");
	pass(RW_SECOND);
	message(HORIZON + 300);
	is_uint(upstream.reported, HORIZON + 300, "one from after does");
}

static void
test_partial(void)
{
	RwFacts		later;

	begin("A part of a record");
	is_uint(rw_complete_wal(&upstream, &facts), HORIZON, "nothing is left");
	facts.horizon = HORIZON + 100;
	look();
	is_uint(rw_complete_wal(&upstream, &facts), HORIZON + 100,
			"all that came counts at first");
	facts.recovery.partial = true;
	look();
	is_uint(rw_complete_wal(&upstream, &facts), HORIZON,
			"a part of a record does not, once it was seen to be one");
	pass(RW_HOUR);
	is_uint(rw_complete_wal(&upstream, &facts), HORIZON, "however long");

	later = facts;
	later.recovery.partial = false;
	is_uint(rw_complete_wal(&upstream, &later), HORIZON,
			"for one who has not looked, too");
	later.horizon = HORIZON + 101;
	is_uint(rw_complete_wal(&upstream, &later), HORIZON + 101,
			"until more comes");
	later = facts;
	later.recovery.replay = HORIZON + 50;
	is_uint(rw_complete_wal(&upstream, &later), HORIZON + 100,
			"or some is replayed");
	later = facts;
	later.in_recovery = false;
	is_uint(rw_complete_wal(&upstream, &later), HORIZON + 100,
			"or the server is promoted");

	facts.horizon = HORIZON + 200;
	facts.recovery.partial = false;
	look();
	is_uint(rw_complete_wal(&upstream, &facts), HORIZON + 200,
			"more, which the worker has not looked at");
	facts.horizon = HORIZON + 100;
	is_uint(rw_complete_wal(&upstream, &facts), HORIZON + 100,
			"what it saw before does not come back");
	facts.horizon = HORIZON + 200;
	facts.recovery.partial = true;
	look();
	facts.recovery.partial = false;
	look();
	is_uint(rw_complete_wal(&upstream, &facts), HORIZON + 200,
			"a part that turns out to be none");
}

/*
 * A standby that catches up with an upstream that writes on: at the moment in
 * complete_at nothing was missing that is missing now.
 */
static void
test_random(void)
{
	enum
	{
		MESSAGES = 20000
	};
	static RwTime sent_at[MESSAGES];
	static uint64 ends[MESSAGES];
	uint64		state = 20260805;
	uint64		end = HORIZON;
	int			nsent = 0;
	int			at = 0;
	int			wrong = 0;
	int			moved = 0;
	RwTime		last_complete = RW_NEVER;

	begin("Random streams");
	start_receiver(900);
	while (nsent < MESSAGES)
	{
		facts.now += 1 + next_random(&state) % LOOK;
		facts.wall = WALL + facts.now - START;
		if (next_random(&state) % 2)
			end += next_random(&state) % 10000;
		if (next_random(&state) % 3 != 0)
		{
			receiver->latest_end = end;
			receiver->send_time = facts.wall - 1;
			receiver->receipt_time = facts.wall;
			sent_at[nsent] = facts.now;
			ends[nsent++] = end;
		}
		/* What has been sent arrives late, and in pieces. */
		if (next_random(&state) % 4 != 0)
			facts.horizon = Min(end, facts.horizon +
								next_random(&state) % 12000);
		look();

		if (upstream.complete_at == RW_NEVER)
			continue;
		wrong += upstream.complete_at < last_complete ||
			upstream.complete_at > facts.now;
		moved += upstream.complete_at > last_complete;
		last_complete = upstream.complete_at;
		while (at < nsent && sent_at[at] < last_complete)
			at++;
		wrong += at == nsent || sent_at[at] != last_complete ||
			ends[at] > facts.horizon;
	}
	is_int(wrong, 0, "all that was reported by complete_at is here");
	ok(moved > 1000, "the test itself looks at something");
}

/* A receiver has ended; the note comes with the next look. */
static void
receiver_ends(const char *message_of_upstream, bool connected)
{
	static RwEndedFacts ended;

	memset(&ended, 0, sizeof(ended));
	ended.receiver = true;
	ended.connected = connected;
	ended.upstream = receiver->upstream;
	strcpy(ended.message, message_of_upstream);
	ended.nlsns = rw_lsns_in(message_of_upstream, ended.lsns, 2);
	facts.ended = &ended;
	facts.nended = 1;
	/* Nobody is connected by the time the note is read. */
	receiver->upstream = 0;
	end_receiver();
	receiver->upstream = ended.upstream;
	facts.nended = 0;
}

/* One that lasts for so long, in milliseconds, without a message. */
static void
attempt(const char *refusal, int lasts)
{
	static int	pid = 2000;

	start_receiver(pid++);
	pass(lasts * RW_MS);
	receiver_ends(refusal, true);
}

static void
test_refused(void)
{
	RwTime		heard;

	begin("Receivers that are refused");
	start_receiver(900);
	message(HORIZON);
	heard = facts.now;
	pass(RW_SECOND);
	receiver_ends("", true);
	is_int(upstream.down_since, heard, "down since the last message");
	start_receiver(901);
	is_int(upstream.down_since, heard, "also while the next one starts");
	end_receiver();
	ok(!rw_upstream_refuses(&upstream, facts.now),
	   "one that has got messages was not refused");
	attempt("requested WAL segment has already been removed", 20);
	ok(!rw_upstream_refuses(&upstream, facts.now), "one refusal may be chance");
	ok(upstream.refused, "but is known");
	pass(5 * RW_SECOND);
	attempt("requested WAL segment has already been removed", 150);
	ok(rw_upstream_refuses(&upstream, facts.now), "two are not");
	is_text(upstream.refusal, "requested WAL segment has already been removed",
			"and what was said is kept");
	for (int i = 0; i < 100; i++)
	{
		pass(5 * RW_SECOND);
		attempt("", (i % 5) * 90);
		if (!rw_upstream_refuses(&upstream, facts.now) ||
			upstream.down_since != heard)
			break;
		if (i == 99)
			ok(true, "goes on, down all the time");
	}
	is_int(upstream.message_at, heard, "none of them was a message");
	start_receiver(901);
	is_int(upstream.down_since, heard, "a receiver's start changes nothing");
	message(HORIZON);
	is_int(upstream.down_since, RW_NEVER, "a message does");
	ok(!upstream.refused, "it was not refused");
	pass(RW_MINUTE);
	ok(!rw_upstream_refuses(&upstream, facts.now), "and that is over");

	begin("Receivers that cannot connect");
	for (int i = 0; i < 5; i++)
	{
		receiver_ends("", false);
		pass(5 * RW_SECOND);
	}
	ok(!upstream.refused && !rw_upstream_refuses(&upstream, facts.now),
	   "are not refused");

	begin("Walsenders that have ended");
	{
		RwEndedFacts ended = {0};

		ended.connected = true;
		facts.ended = &ended;
		facts.nended = 1;
		for (int i = 0; i < 5; i++)
			look();
		ok(!upstream.refused,
		   "are no receivers");
	}
}

static RwEndedFacts notes[4];

/* A receiver that ran between two looks leaves a note; it got no message. */
static RwEndedFacts *
leave_note(int pid, const char *refusal)
{
	RwEndedFacts *ended = &notes[facts.nended++];

	memset(ended, 0, sizeof(RwEndedFacts));
	ended->receiver = ended->connected = true;
	ended->pid = pid;
	ended->tli = receiver->tli;
	strcpy(ended->message, refusal);
	ended->send_time = ended->receipt_time = facts.wall;
	ended->received_at = facts.now;
	ended->latest_end = HORIZON;
	facts.ended = notes;
	return ended;
}

/* It got one, so long ago, from a server whose WAL ended there. */
static RwEndedFacts *
leave_message(int pid, int64 ago, uint64 end)
{
	RwEndedFacts *ended = leave_note(pid, "");

	ended->receipt_time = facts.wall - ago;
	ended->send_time = ended->receipt_time - 3 * RW_MS;
	ended->received_at = facts.now - ago;
	ended->latest_end = end;
	return ended;
}

/* The receiver that runs now has started, and the worker looks. */
static void
look_at_start(int pid)
{
	start_receiver(pid);
	facts.nended = 0;
}

static void
test_between_looks(void)
{
	RwEndedFacts *ended;
	RwTime		came;

	begin("A receiver that comes and goes between two looks");
	pass(RW_SECOND);
	came = facts.now - 50 * RW_MS;
	leave_message(900, 50 * RW_MS, HORIZON);
	look_at_start(901);
	is_int(upstream.message_at, came, "its last message is known");
	is_uint(upstream.latest_end, HORIZON, "and what it reported");
	ok(!upstream.refused, "it was not refused");
	ok(upstream.streamed, "it has streamed");
	is_int(upstream.down_since, came, "and the link is down since then");
	for (int i = 0; i < 3; i++)
	{
		pass(RW_SECOND);
		leave_note(901 + i, "refused");
		look_at_start(902 + i);
	}
	is_int(upstream.message_at, came, "the start of another is no message");
	ok(rw_upstream_refuses(&upstream, facts.now), "but may be refused");
	leave_message(904, 0, HORIZON);
	look_at_start(905);
	ok(!upstream.refused, "until one gets a message again");

	begin("One that was refused, and one that was not");
	pass(RW_SECOND);
	leave_note(900, "refused");
	leave_message(901, 10 * RW_MS, HORIZON);
	look_at_start(902);
	ok(!upstream.refused, "it is over");
	leave_message(902, 5 * RW_MS, HORIZON);
	leave_note(903, "refused");
	look_at_start(904);
	ok(upstream.refused, "the last one counts");
	is_int(upstream.message_at, facts.now - 5 * RW_MS,
		   "and the message before it is known");
	leave_note(904, "refused");
	start_receiver(905);
	message(HORIZON);
	facts.nended = 0;
	ok(!upstream.refused, "one that runs now, too");
	came = facts.now;
	pass(LOOK);
	leave_note(905, "");
	look_at_start(906);
	ok(!upstream.refused, "that had a message which its note lacks");

	begin("A message that came after the last look");
	start_receiver(900);
	message(HORIZON + 100);
	came = facts.now;
	facts.now += LOOK;
	facts.wall += LOOK;
	leave_message(900, 20 * RW_MS, HORIZON + 300);
	look();
	facts.nended = 0;
	is_int(upstream.message_at, facts.now - 20 * RW_MS,
		   "is the last, though one from before was seen in this look");
	is_uint(upstream.latest_end, HORIZON + 300, "and so is its end of WAL");
	is_uint(upstream.reported, HORIZON + 300, "which is missing here");
	is_uint(upstream.catchup_target, HORIZON + 100, "at the time of the first");
	is_int(upstream.catchup_target_at, came, "which stays when it was");
	end_receiver();
	is_int(upstream.message_at, facts.now - 20 * RW_MS,
		   "what the receiver leaves behind brings nothing back");
	is_uint(upstream.latest_end, HORIZON + 300, "nor its end of WAL");

	begin("A receiver that ends after it was seen");
	start_receiver(900);
	pass(LOOK);
	leave_message(900, 0, HORIZON);
	facts.wall -= RW_MS;
	message(HORIZON);
	facts.wall += RW_MS;
	facts.nended = 0;
	leave_note(901, "refused");
	look_at_start(902);
	ok(upstream.refused, "is not the one that is refused after it");

	begin("A receiver that has ended, and left its times alone");
	start_receiver(900);
	receiver->pid = 0;
	receiver->state = RW_RECEIVER_STOPPED;
	pass(LOOK);
	message(HORIZON);
	is_int(upstream.message_at, facts.now, "they are known");
	leave_note(901, "refused");
	look_at_start(902);
	ok(upstream.refused, "but are not those of the next one");

	begin("A note that says what was seen");
	start_receiver(900);
	message(HORIZON);
	came = facts.now;
	facts.now += LOOK;
	facts.wall += LOOK;
	ended = leave_message(900, LOOK, HORIZON);
	ended->received_at += 7 * RW_MS;
	look();
	facts.nended = 0;
	is_int(upstream.message_at, came, "changes nothing");

	begin("A note from before what was seen");
	start_receiver(900);
	message(HORIZON);
	facts.now += LOOK;
	facts.wall += LOOK;
	leave_message(900, 50 * RW_MS, HORIZON + 500);
	start_receiver(901);
	message(HORIZON + 400);
	facts.nended = 0;
	is_int(upstream.message_at, facts.now, "does not turn it back");
	is_uint(upstream.latest_end, HORIZON + 400, "nor the end of WAL");
	is_uint(upstream.reported, HORIZON + 500, "which once was further");
	ended = leave_message(901, RW_SECOND, HORIZON + 600);
	look_at_start(902);
	is_int(upstream.message_at, facts.now, "however late it is read");
	is_uint(upstream.latest_end, HORIZON + 400, "nor does that");
	is_uint(upstream.reported, HORIZON + 600, "but it reported more");

	begin("A receiver that ends while the worker looks");
	pass(RW_SECOND);
	ended = leave_message(900, 0, HORIZON);
	ended->received_at += RW_MS;
	look_at_start(901);
	is_int(upstream.message_at, facts.now, "has no message of the future");

	begin("Before the first look");
	memset(&upstream, 0, sizeof(upstream));
	leave_message(900, 30 * RW_MS, HORIZON + 100);
	look_at_start(901);
	is_int(upstream.message_at, facts.now - 30 * RW_MS, "it is known as well");
	is_uint(upstream.catchup_target, HORIZON + 100, "with what is missing");
	is_int(upstream.complete_at, RW_NEVER, "so nothing shows all to be here");

	begin("A message of another timeline");
	pass(RW_SECOND);
	leave_message(900, 30 * RW_MS, HORIZON + 100)->tli = 2;
	look_at_start(901);
	is_int(upstream.message_at, RW_NEVER, "does not count");
	ok(!upstream.refused, "though it was no refusal");
	leave_message(901, 30 * RW_MS, HORIZON + 100);
	facts.tli = 2;
	look_at_start(902);
	is_int(upstream.message_at, RW_NEVER,
		   "nor does one of the timeline before this one");
	pass(RW_SECOND);
	ended = leave_message(902, RW_SECOND + LOOK, HORIZON + 100);
	ended->tli = 2;
	look_at_start(903);
	is_int(upstream.message_at, RW_NEVER,
		   "nor one of before this one, which the receiver has gone on to");
	leave_message(903, 30 * RW_MS, HORIZON + 100)->tli = 2;
	look_at_start(904);
	is_int(upstream.message_at, facts.now - 30 * RW_MS, "one of now does");
}

#define LEFT_AT		(HORIZON - 500)

static void
is_parted(RwParted parted, uint64 mark, const char *what)
{
	is_int(upstream.parted, parted, what);
	if (parted != RW_NOT_PARTED)
		is_uint(upstream.mark, mark, "there");
}

/* Its upstream has left the timeline; it has replayed to there, or not. */
static void
begin_left(const char *title, uint64 replay)
{
	begin(title);
	facts.recovery.replay_tli = 1;
	facts.left_at = LEFT_AT;
	facts.recovery.replay = facts.horizon = replay;
	receiver->written = receiver->flushed = replay;
	look();
}

static void
test_historic_stream(void)
{
	RwTime		heard;

	begin_left("A stream of a timeline that was left", LEFT_AT - 400);
	start_receiver(900);
	message(LEFT_AT);
	is_int(upstream.message_at, RW_NEVER, "proves nothing");
	is_uint(upstream.reported, 0, "nor does it report an end");
	facts.recovery.replay = facts.horizon = LEFT_AT;
	pass(LOOK);
	message(LEFT_AT);
	is_int(upstream.message_at, RW_NEVER, "nor does its end");
	ok(upstream.down_since != RW_NEVER, "the link is down");
	receiver->state = RW_RECEIVER_WAITING;
	pass(RW_MINUTE);
	is_int(upstream.message_at, RW_NEVER, "nor the time after it");
	receiver->state = RW_RECEIVER_STREAMING;
	message(LEFT_AT);
	receiver->state = RW_RECEIVER_WAITING;
	pass(RW_MINUTE);
	is_int(upstream.message_at, RW_NEVER, "nor another one");
	facts.left_at = 0;
	facts.tli = receiver->tli = facts.recovery.replay_tli = 2;
	receiver->state = RW_RECEIVER_STREAMING;
	pass(LOOK);
	message(LEFT_AT + 100);
	is_int(upstream.message_at, facts.now, "the next timeline's do");
	is_int(upstream.down_since, RW_NEVER, "and it is up");

	begin_left("A server that was promoted and given up", LEFT_AT - 400);
	start_receiver(900);
	message(LEFT_AT + 1);
	is_int(upstream.message_at, facts.now,
		   "this upstream has WAL beyond that, so it has not left");
	pass(RW_SECOND);
	message(LEFT_AT + 100);
	facts.recovery.replay = facts.horizon = LEFT_AT + 100;
	look();
	is_parted(RW_NOT_PARTED, 0, "and neither have we diverged");
	pass(RW_MINUTE);
	is_parted(RW_NOT_PARTED, 0, "however long that lasts");

	begin_left("The same, of an upstream that has not got there", LEFT_AT - 400);
	start_receiver(900);
	message(LEFT_AT - 400);
	is_int(upstream.message_at, RW_NEVER, "is not told apart at once");
	for (int i = 0; i < 5; i++)
	{
		pass(RW_SECOND);
		message(LEFT_AT - 400);
	}
	is_int(upstream.message_at, facts.now,
		   "but a stream that was left would have ended");
	heard = upstream.message_at;
	pass(RW_SECOND);
	is_int(upstream.message_at, heard, "the message was when it came");

	begin_left("A receiver of a timeline that was left, between two looks",
			   LEFT_AT - 400);
	pass(RW_SECOND);
	leave_message(900, 30 * RW_MS, LEFT_AT);
	look_at_start(901);
	is_int(upstream.message_at, RW_NEVER, "proves nothing");
	leave_message(901, 30 * RW_MS, LEFT_AT + 1);
	look_at_start(902);
	is_int(upstream.message_at, facts.now - 30 * RW_MS,
		   "unless there is WAL beyond that");
}

static void
test_diverged(void)
{
	begin_left("Diverged, and refused", HORIZON);
	is_parted(RW_NOT_PARTED, 0, "the file alone shows nothing");
	pass(RW_MINUTE);
	is_parted(RW_NOT_PARTED, 0, "for however long");
	attempt("requested WAL segment has already been removed", 20);
	pass(LOOK);
	is_parted(RW_NOT_PARTED, 0, "nor does any refusal");
	attempt("requested starting point 5/0 on timeline 1 is not in this server's history", 20);
	pass(LOOK);
	is_parted(RW_DIVERGED, LEFT_AT, "with a refusal it does");
	is_int(upstream.message_at, RW_NEVER, "nothing counts then");
	upstream.left_at = 0;
	ok(!rw_message_counts(receiver->latest_end, &upstream, facts.now),
	   "not even without the file");
	start_receiver(900);
	message(LEFT_AT);
	is_parted(RW_DIVERGED, LEFT_AT, "not even a stream");
	is_int(upstream.message_at, RW_NEVER, "which proves nothing");
	message(HORIZON + 1);
	is_parted(RW_NOT_PARTED, 0, "of this timeline, beyond our WAL");

	begin_left("Diverged, seen at the end of the stream", HORIZON);
	start_receiver(900);
	message(LEFT_AT);
	is_parted(RW_DIVERGED, LEFT_AT, "it ends before our WAL does");
	receiver_ends("", true);
	is_parted(RW_DIVERGED, LEFT_AT, "and remains so");
	pass(RW_HOUR);
	is_parted(RW_DIVERGED, LEFT_AT, "however long nothing comes");
	facts.left_at = 0;
	facts.tli = facts.recovery.replay_tli = 2;
	look();
	is_parted(RW_NOT_PARTED, 0, "until it follows");
}

static void
test_left_behind(void)
{
	begin_left("A standby that follows no timeline", LEFT_AT);
	pass(RW_SECOND - LOOK);
	is_parted(RW_NOT_PARTED, 0, "may still be about to");
	pass(LOOK);
	is_parted(RW_LEFT_BEHIND, LEFT_AT, "is left behind after a second");
	facts.left_at = 0;
	look();
	is_parted(RW_NOT_PARTED, 0, "until it follows all the same");

	begin_left("A standby that follows the latest one", LEFT_AT);
	receiver->follows_latest = true;
	pass(30 * RW_SECOND - LOOK);
	is_parted(RW_NOT_PARTED, 0, "looks for it at each retry");
	pass(LOOK);
	is_parted(RW_LEFT_BEHIND, LEFT_AT, "for half a minute");

	begin_left("A standby that has not got there", LEFT_AT - 1);
	pass(RW_HOUR);
	is_parted(RW_NOT_PARTED, 0, "is not left behind");
	facts.recovery.replay = facts.horizon = LEFT_AT;
	look();
	is_parted(RW_NOT_PARTED, 0, "nor when it gets there");
	pass(RW_SECOND);
	is_parted(RW_LEFT_BEHIND, LEFT_AT, "but a second later");

	begin_left("A standby that is refused for another reason", LEFT_AT);
	attempt("replication slot does not exist", 20);
	pass(RW_MINUTE);
	is_parted(RW_NOT_PARTED, 0, "is not said to stay by itself");
}

static void
begin_ahead(const char *title, bool in_step_before)
{
	begin(title);
	facts.recovery.replay_tli = 1;
	receiver->upstream = 1;
	start_receiver(900);
	if (in_step_before)
		message(HORIZON);
	receiver_ends("", true);
	pass(RW_SECOND);
	start_receiver(901);
	message(HORIZON - 300);
	is_parted(RW_NOT_PARTED, 0, "one message may be of a sender that catches up");
	pass(RW_SECOND);
	message(HORIZON - 300);
}

static void
test_ahead(void)
{
	begin_ahead("Ahead of an upstream that never had the WAL", false);
	is_parted(RW_AHEAD, HORIZON - 300, "ahead");
	ok(!upstream.lost_wal, "which it has not lost");
	message(HORIZON - 200);
	is_parted(RW_AHEAD, HORIZON - 300, "where it first was");
	message(HORIZON);
	is_parted(RW_NOT_PARTED, 0, "until it has got that");

	begin_ahead("Ahead of the upstream that it came from", true);
	is_parted(RW_AHEAD, HORIZON - 300, "ahead");
	ok(upstream.lost_wal, "of what that has lost");
	message(HORIZON + 1000);
	is_parted(RW_AHEAD, HORIZON - 300, "which other WAL does not replace");
	receiver_ends("", true);
	pass(RW_HOUR);
	start_receiver(902);
	message(HORIZON + 2000);
	is_parted(RW_AHEAD, HORIZON - 300, "nor time");
	receiver_ends("", true);
	receiver->upstream = 3;
	start_receiver(904);
	message(HORIZON + 3000);
	is_parted(RW_NOT_PARTED, 0, "another upstream may have it");
	ok(!upstream.lost_wal, "and has not lost it");

	begin_ahead("Ahead of an upstream that was only behind", true);
	is_parted(RW_AHEAD, HORIZON - 300, "ahead");
	message(HORIZON + 1000);
	is_parted(RW_AHEAD, HORIZON - 300, "which its end alone does not change");
	facts.recovery.replay = facts.horizon = HORIZON + 500;
	message(HORIZON + 1000);
	is_parted(RW_NOT_PARTED, 0, "but replay of what comes after ours does");

	begin("Ahead of the upstream that it came from, which refuses it");
	facts.recovery.replay_tli = 1;
	receiver->upstream = 1;
	start_receiver(900);
	message(HORIZON);
	receiver_ends("", true);
	start_receiver(901);
	receiver_ends("requested starting point 0/1000 is ahead of the WAL flush position of this server 0/900",
				  true);
	is_parted(RW_AHEAD, 0x900, "ahead");
	ok(upstream.lost_wal, "of what that has lost");

	begin("Refused by an upstream that it was not in step with");
	facts.recovery.replay_tli = 1;
	start_receiver(900);
	receiver_ends("requested starting point 0/1000 is ahead of the WAL flush position of this server 0/900",
				  true);
	is_parted(RW_AHEAD, 0x900, "ahead");
	ok(!upstream.lost_wal, "of what that may never have had");

	begin("Ahead of another upstream");
	facts.recovery.replay_tli = 1;
	receiver->upstream = 1;
	start_receiver(900);
	message(HORIZON);
	receiver_ends("", true);
	pass(RW_SECOND);
	receiver->upstream = 3;
	start_receiver(901);
	message(HORIZON - 300);
	pass(RW_SECOND);
	message(HORIZON - 300);
	is_parted(RW_AHEAD, HORIZON - 300, "ahead");
	ok(!upstream.lost_wal, "of what that never had");
	message(HORIZON + 1000);
	is_parted(RW_NOT_PARTED, 0, "until it has got it");

	begin_ahead("A start of a receiver", true);
	end_receiver();
	upstream.parted = RW_NOT_PARTED;
	start_receiver(903);
	pass(RW_SECOND);
	is_parted(RW_NOT_PARTED, 0, "says nothing of where the upstream ends");
}

static void
is_in_step(bool expected, const char *what)
{
	ok(upstream.was_in_step == expected, what);
}

/* A standby that starts with so much WAL to receive and replay. */
static void
begin_with_backlog(const char *title)
{
	begin(title);
	is_in_step(false, "not before the first contact");
	pass(RW_MINUTE);
	start_receiver(900);
	is_in_step(false, "nor by a receiver that has started");
	message(HORIZON + 1000);
	is_in_step(false, "nor by the first message");
}

/* One that no receiver has brought anything. */
static void
begin_with_archive(const char *title, bool conninfo)
{
	begin(title);
	memset(&upstream, 0, sizeof(upstream));
	receiver->written = receiver->flushed = 0;
	receiver->has_conninfo = conninfo;
	receiver->has_restore_command = true;
	look();
}

static void
test_in_step(void)
{
	begin("In step: an idle upstream server");
	pass(RW_HOUR);
	is_in_step(false, "not without contact, however long");
	start_receiver(900);
	is_in_step(false, "nor by a receiver that has started");
	keepalive();
	is_in_step(true, "by the first message");
	end_receiver();
	pass(RW_HOUR);
	is_in_step(true, "it was, whatever comes");
	facts.in_recovery = false;
	look();
	is_in_step(false, "a primary forgets it");

	begin_with_backlog("In step: a backlog, and a busy upstream server");
	facts.horizon = HORIZON + 1000;
	look();
	is_in_step(false, "WAL that was received is not replayed");
	message(HORIZON + 9000);
	facts.recovery.replay = HORIZON + 999;
	look();
	is_in_step(false, "almost");
	facts.recovery.replay = HORIZON + 1000;
	look();
	is_in_step(true, "replayed up to where the other was at first contact");

	begin_with_backlog("In step: the upstream server dies before that");
	end_receiver();
	facts.recovery.replay = facts.horizon = HORIZON + 999;
	pass(RW_HOUR);
	is_in_step(false, "it never was");

	begin_with_backlog("In step: the other's WAL ends in a record");
	facts.horizon = HORIZON + 1000;
	facts.recovery.replay = HORIZON + 900;
	look();
	is_in_step(false, "not while that may be whole");
	facts.recovery.partial = true;
	look();
	is_in_step(true, "a part of a record cannot be replayed");

	begin_with_backlog("In step: a timeline is left before that");
	facts.tli = receiver->tli = 2;
	facts.recovery.replay = facts.horizon = HORIZON + 2000;
	look();
	is_in_step(false, "what was reported there counts no more");
	pass(RW_SECOND);
	message(HORIZON + 2000);
	is_in_step(true, "what is on the new one does");

	begin_with_backlog("In step: recovery_min_apply_delay");
	facts.recovery.waits_for_delay = true;
	look();
	is_in_step(true, "nothing else holds it back");
	begin("In step: recovery_min_apply_delay without contact");
	pass(RW_MINUTE);
	facts.recovery.waits_for_delay = true;
	look();
	is_in_step(true, "what is waited for is not older than the delay");

	begin_with_archive("In step: the archive alone", false);
	pass(RW_SECOND);
	is_in_step(false, "not while WAL is found");
	facts.recovery.waits_for_wal = true;
	look();
	is_in_step(true, "at its end");

	begin("In step: neither archive nor upstream server");
	receiver->has_conninfo = false;
	facts.recovery.waits_for_wal = true;
	pass(RW_HOUR);
	is_in_step(false, "with nobody");

	begin_with_archive("In step: the archive, and nothing can be streamed", true);
	pass(RW_SECOND);
	facts.recovery.waits_for_wal = true;
	pass(RW_HOUR);
	is_in_step(false, "its end may be that of an archive out of reach");
	facts.recovery.waits_for_wal = false;
	facts.recovery.replay = facts.horizon = HORIZON + 1000;
	look();
	is_in_step(true, "WAL that comes shows that it is not");

	begin("In step: ahead of the upstream server");
	facts.recovery.replay_tli = 1;
	start_receiver(900);
	message(HORIZON - 300);
	is_in_step(false, "not while that may be so");
	pass(3 * RW_SECOND);
	message(HORIZON - 300);
	is_parted(RW_AHEAD, HORIZON - 300, "it is so");
	is_in_step(false, "nor then");
	pass(RW_SECOND);
	message(HORIZON);
	is_parted(RW_NOT_PARTED, 0, "no longer");
	is_in_step(true, "when the other has caught up");
}

/* What a receiver brings at first may have been written long before. */
static void
test_contact(void)
{
	begin("First contact");

	start_receiver(900);
	pass(LOOK);
	is_int(upstream.message_pid, 0, "a receiver that starts is no message");
	message(HORIZON + 1000);
	is_int(upstream.message_pid, 900, "its first message");
	is_uint(upstream.contact_end, HORIZON + 1000, "says how far");
	is_int(upstream.late_proof, RW_NEVER, "since when is not known");
	ok(!rw_upstream_has_replayed(&upstream, &facts, upstream.contact_end), "it is not here");
	pass(RW_SECOND);
	message(HORIZON + 2000);
	is_uint(upstream.contact_end, HORIZON + 1000, "later ones do not count");
	facts.horizon = HORIZON + 1000;
	facts.recovery.replay = HORIZON + 999;
	look();
	ok(!rw_upstream_has_replayed(&upstream, &facts, upstream.contact_end), "it is here");
	facts.recovery.replay = HORIZON + 1000;
	look();
	ok(rw_upstream_has_replayed(&upstream, &facts, upstream.contact_end), "it is replayed");
	facts.horizon = facts.recovery.replay = HORIZON + 2000;
	pass(RW_SECOND);
	message(HORIZON + 2000);
	pass(LOOK);

	section("The next one");

	end_receiver();
	is_int(upstream.message_pid, 900, "the last one is remembered");
	pass(RW_HOUR);
	start_receiver(901);
	message(HORIZON + 3000);
	is_int(upstream.message_pid, 901, "and then the next");
	is_uint(upstream.contact_end, HORIZON + 3000, "up to there");
	is_int(upstream.late_proof, facts.now - RW_HOUR - LOOK,
		   "something may have been missing since the last message");
	gap(RW_HOUR, RW_MINUTE);
	is_int(upstream.late_proof, facts.now - 2 * RW_HOUR - LOOK,
		   "also while the clock stood still");
	facts.horizon = HORIZON + 3000;
	facts.recovery.partial = true;
	look();
	ok(rw_upstream_has_replayed(&upstream, &facts, upstream.contact_end),
	   "a part of a record cannot be replayed");
}

/*
 * WAL that comes much later than it was written, and is replayed later still.
 */
static void
test_late(void)
{
	RwTime		then;

	begin("WAL that comes late");
	start_receiver(900);
	pass(LOOK);
	message(HORIZON);
	is_int(upstream.proven_at, facts.now, "in step: as of the last message");
	pass(LOOK);
	message(HORIZON + 1000);
	then = facts.now;
	is_int(upstream.proven_at, then - LOOK, "or of the one before");
	facts.horizon = HORIZON + 1000;
	pass(LOOK);
	is_uint(upstream.late_end, HORIZON, "what comes soon is not late");
	message(HORIZON + 9000);
	pass(2 * RW_SECOND);
	message(HORIZON + 10000);
	is_uint(upstream.late_end, HORIZON + 10000, "what has not come is");
	is_int(upstream.late_proof, then,
		   "and was not written while nothing was missing");
	pass(RW_SECOND);
	facts.horizon = HORIZON + 9000;
	look();
	facts.recovery.replay = HORIZON + 500;
	pass(2 * RW_SECOND);
	message(HORIZON + 12000);
	is_uint(upstream.late_end, HORIZON + 12000, "nor has this");
	is_int(upstream.late_proof, then, "which changes nothing of that");
	facts.horizon = HORIZON + 12000;
	facts.recovery.replay = HORIZON + 999;
	look();
	is_int(upstream.proven_at, then - LOOK, "not all of the first is replayed");
	facts.recovery.replay = HORIZON + 1000;
	look();
	is_int(upstream.proven_at, then, "now it is");
	is_uint(upstream.replay_target, HORIZON + 12000, "the next target");
	then = facts.now;
	pass(RW_SECOND);
	message(HORIZON + 11000);
	facts.recovery.replay = HORIZON + 12000;
	look();
	is_int(upstream.proven_at, then,
		   "a message that says less than is known proves nothing");
	pass(RW_SECOND);
	message(HORIZON + 12000);
	is_int(upstream.proven_at, facts.now, "one that says as much does");

	then = facts.now;
	gap(RW_HOUR, RW_MINUTE);
	is_int(upstream.proven_at, then - RW_MINUTE,
		   "while the clock stood still it got older");
	pass(RW_SECOND);
	is_int(upstream.proven_at, then - RW_MINUTE, "which it does not forget");
	message(HORIZON + 13000);
	gap(RW_HOUR, RW_MINUTE);
	is_int(upstream.proven_at, then - 2 * RW_MINUTE,
		   "also where there is more to replay");
	then = upstream.replay_target_at;
	gap(RW_HOUR, RW_MINUTE);
	message(HORIZON + 13200);
	facts.recovery.replay = facts.horizon = HORIZON + 13000;
	look();
	is_int(upstream.proven_at, then - RW_MINUTE, "and so does a target");

	message(HORIZON + 13500);
	facts.tli = receiver->tli = 2;
	pass(LOOK);
	then = upstream.proven_at;
	facts.horizon = facts.recovery.replay = HORIZON + 14000;
	look();
	is_int(upstream.proven_at, then,
		   "what was reported of another timeline is no target");
}

/*
 * A standby that gets WAL late, and replays it later: all that there was at
 * proven_at is replayed.
 */
static void
test_random_proof(void)
{
	static RwTime written_at[100001];	/* of each byte */
	uint64		state = 20261129;
	uint64		end = 0;
	int			wrong = 0;
	int			moved = 0;
	RwTime		last = RW_NEVER;

	begin("Random replay");
	start_receiver(900);
	while (end < lengthof(written_at) - 20)
	{
		facts.now += 1 + next_random(&state) % LOOK;
		facts.wall = WALL + facts.now - START;
		for (int n = next_random(&state) % 20; n > 0; n--)
			written_at[end++] = facts.now;
		if (next_random(&state) % 3 != 0)
		{
			receiver->latest_end = HORIZON + end;
			receiver->send_time = facts.wall - 1;
			receiver->receipt_time = facts.wall;
		}
		facts.horizon = Min(HORIZON + end, facts.horizon +
							next_random(&state) % 24);
		facts.recovery.replay = Min(facts.horizon, facts.recovery.replay +
									next_random(&state) % 24);
		look();
		if (upstream.proven_at == RW_NEVER)
			continue;
		wrong += upstream.proven_at < last || upstream.proven_at > facts.now ||
			(facts.recovery.replay < HORIZON + end &&
			 written_at[facts.recovery.replay - HORIZON] < upstream.proven_at);
		moved += upstream.proven_at > last;
		last = upstream.proven_at;
	}
	is_int(wrong, 0, "what is not replayed was not written by proven_at");
	ok(moved > 1000, "the test itself looks at something");
}

int
main(void)
{
	test_states();
	test_messages();
	test_tended();
	test_down();
	test_gap();
	test_reported();
	test_refused();
	test_between_looks();
	test_historic_stream();
	test_diverged();
	test_left_behind();
	test_ahead();
	test_partial();
	test_random();
	test_in_step();
	test_contact();
	test_late();
	test_random_proof();
	return tap_end();
}
