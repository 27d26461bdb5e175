/*-------------------------------------------------------------------------
 *
 * test_archive.c
 *	  Tests of src/lag/archive.c.
 *
 * With the rows that follow from it, over simulated time.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "unit/lag/fixture.h"

#define LOOK		(100 * RW_MS)
#define SEGMENT		(facts.segment_size)

static RwReceiverFacts *const receiver = &facts.receiver;
static RwRecoveryFacts *const recovery = &facts.recovery;
static RwUpstream *const upstream = &published.upstream;
static RwArchive *const archive = &published.upstream.archive;

/* One round of the worker, some time after the last. */
static void
look_after(int64 duration)
{
	facts.now += duration;
	facts.wall += duration;
	facts.complete = facts.horizon;
	rw_history_add(&history, facts.horizon, facts.now);
	rw_follow_upstream(upstream, &facts, RW_MINUTE);
}

static void
look_for(int64 duration)
{
	for (int64 at = 0; at < duration; at += LOOK)
		look_after(LOOK);
}

/* A message of the upstream server, whose WAL ends there, comes with it. */
static void
stream(uint64 end)
{
	receiver->pid = 900;
	receiver->state = RW_RECEIVER_STREAMING;
	receiver->receipt_time = facts.wall;
	receiver->send_time = facts.wall - RW_MS;
	receiver->latest_end = end;
	receiver->written = receiver->flushed = Max(receiver->flushed, end);
	recovery->replay = Max(recovery->replay, end);
	facts.horizon = Max(facts.horizon, recovery->replay);
}

static void
stop_streaming(void)
{
	receiver->pid = 0;
	receiver->state = RW_RECEIVER_STOPPED;
}

/* Replay goes on to here, and the last commit was made then. */
static void
replay_to(uint64 replay, TimestampTz commit_time)
{
	recovery->replay = replay;
	recovery->latest_commit_time = commit_time;
	facts.horizon = Max(facts.horizon, replay);
}

/* A standby that has just started, in the middle of the WAL. */
static void
begin_standby(const char *title)
{
	begin(title);
	make_standby();
	memset(upstream, 0, sizeof(RwUpstream));
	stop_streaming();
	receiver->written = receiver->flushed = 0;
	receiver->has_restore_command = true;
	look_after(LOOK);
}

static const RwLink *
own_row(void)
{
	work_out();
	return row("this_standby");
}

static bool
goes_on(void)
{
	return rw_archive_goes_on(archive, &facts,
							  rw_upstream_streams(receiver));
}

static void
test_came(void)
{
	TimestampTz commit;

	begin_standby("Does WAL come from the archive?");
	replay_to(InvalidXLogRecPtr, 0);
	look_after(LOOK);
	replay_to(HORIZON + 10 * SEGMENT, 0);
	look_after(LOOK);
	is_int(archive->came_at, RW_NEVER, "at the start it may be from pg_wal");
	recovery->waits_for_wal = true;
	look_for(RW_SECOND);
	is_int(archive->came_at, RW_NEVER, "nothing comes");
	recovery->waits_for_wal = false;
	replay_to(recovery->replay + 100, 0);
	look_after(LOOK);
	is_int(archive->came_at, facts.now, "after that it does");
	look_for(RW_SECOND);
	is_int(archive->came_at, facts.now - RW_SECOND, "which is remembered");
	stream(recovery->replay);
	look_after(LOOK);
	is_int(archive->came_at, RW_NEVER, "until a message comes");
	stop_streaming();
	receiver->flushed += 1000;
	facts.horizon = receiver->flushed;
	replay_to(recovery->replay + 500, 0);
	look_after(LOOK);
	is_int(archive->came_at, RW_NEVER, "what a receiver has left is not");
	replay_to(recovery->replay + 501, 0);
	look_after(LOOK);
	is_int(archive->came_at, facts.now, "what is beyond that is");
	receiver->has_restore_command = false;
	look_after(LOOK);
	is_int(archive->came_at, RW_NEVER, "without a restore_command it is not");

	begin_standby("When was the last commit from elsewhere?");
	commit = facts.wall - RW_MINUTE;
	replay_to(HORIZON + 100, commit);
	look_after(LOOK);
	is_int(archive->commit_at, facts.now - RW_MINUTE - LOOK,
		   "as it says itself");
	facts.wall += RW_HOUR;
	look_after(LOOK);
	is_int(archive->commit_at, facts.now - RW_MINUTE - 2 * LOOK,
		   "whatever becomes of the clock");
	facts.wall -= RW_HOUR;
	replay_to(HORIZON + 200, commit - RW_SECOND);
	look_after(LOOK);
	is_int(archive->commit_at, facts.now - RW_MINUTE - 3 * LOOK,
		   "an earlier commit makes nothing older");
	replay_to(HORIZON + 300, facts.wall + RW_HOUR);
	look_after(LOOK);
	is_int(archive->commit_at, facts.now, "one of the future is of now");
	look_for(RW_SECOND);
	is_int(archive->commit_at, facts.now - RW_SECOND, "and grows old");
	stream(HORIZON + 400);
	replay_to(HORIZON + 400, facts.wall + 2 * RW_HOUR);
	look_after(LOOK);
	stop_streaming();
	look_after(LOOK);
	is_int(archive->commit_at, facts.now - RW_SECOND - 2 * LOOK,
		   "one that was streamed does not count");
	ok(archive->commit_streamed, "and makes it that which is not the last");
	replay_to(HORIZON + 500, facts.wall);
	look_after(LOOK);
	ok(!archive->commit_streamed, "until another comes from elsewhere");
}

static void
test_goes_on(void)
{
	RwEndedFacts ended = {.receiver = true};

	begin_standby("Is there more to be found?");
	ok(goes_on(), "yes, until the end is found");
	look_for(RW_HOUR);
	ok(goes_on(), "however long that takes");
	recovery->waits_for_wal = true;
	look_after(LOOK);
	ok(!goes_on(), "at the end there is not");
	recovery->waits_for_wal = false;
	replay_to(HORIZON + 2 * SEGMENT, 0);
	look_for(RW_HOUR);
	ok(!goes_on(), "nor after two segments, for however long");
	replay_to(HORIZON + 2 * SEGMENT + 1, 0);
	look_after(LOOK);
	ok(goes_on(), "but after more");
	recovery->waits_for_wal = true;
	look_after(LOOK);
	recovery->waits_for_wal = false;
	replay_to(HORIZON + 100 * SEGMENT, 0);
	look_for(10 * RW_SECOND - LOOK);
	ok(!goes_on(), "not if they came quickly");
	look_after(LOOK);
	ok(goes_on(), "but for 10 s");
	stream(recovery->replay);
	look_after(LOOK);
	ok(!goes_on(), "a stream says what there is");
	stop_streaming();
	look_after(LOOK);
	ok(!goes_on(), "also after it has ended");
	replay_to(HORIZON + 200 * SEGMENT, 0);
	receiver->flushed = recovery->replay;
	look_for(RW_MINUTE);
	ok(!goes_on(), "what it has left is not found elsewhere");

	/* A command that takes longer than the retry interval leaves no wait. */
	begin_standby("Where there is no more the upstream server is asked");
	receiver->state = RW_RECEIVER_CONNECTING;
	look_after(LOOK);
	ok(!goes_on(), "a receiver that connects shows the end");
	begin_standby("The same, too quick to be seen");
	ok(goes_on(), "not yet");
	facts.nended = 1;
	facts.ended = &ended;
	look_after(LOOK);
	facts.nended = 0;
	ok(!goes_on(), "one that has ended shows it, too");
}

static void
test_commands(void)
{
	RwEndedFacts ended = {.receiver = true};
	RwTime		begun;

	begin_standby("Commands that run");
	is_int(archive->command_since, RW_NEVER, "none does");
	recovery->command = RW_COMMAND_RESTORE;
	look_after(LOOK);
	begun = facts.now;
	look_for(RW_MINUTE);
	is_int(archive->command_since, begun, "one does");
	replay_to(HORIZON + 100, 0);
	look_after(LOOK);
	is_int(archive->command_since, facts.now, "it is another if replay moves");
	look_for(RW_SECOND);
	facts.nended = 1;
	facts.ended = &ended;
	look_after(LOOK);
	facts.nended = 0;
	is_int(archive->command_since, facts.now, "or a receiver has ended");
	look_for(RW_SECOND);
	receiver->state = RW_RECEIVER_CONNECTING;
	look_after(LOOK);
	receiver->state = RW_RECEIVER_STOPPED;
	is_int(archive->command_since, facts.now, "or is about to start");
	look_for(RW_SECOND);
	recovery->command = RW_COMMAND_END;
	look_after(LOOK);
	is_int(archive->command_since, facts.now, "or it is recovery's last");
	look_for(RW_SECOND);
	recovery->command_pid = 1000;
	look_after(LOOK);
	recovery->command_pid = 0;
	look_for(RW_SECOND);
	recovery->command_pid = 1000;
	begun = archive->command_since;
	look_after(LOOK);
	is_int(archive->command_since, begun, "it is the same process");
	recovery->command_pid = 1001;
	look_after(LOOK);
	is_int(archive->command_since, facts.now, "or another one");
	recovery->command_pid = 0;
	recovery->command = RW_COMMAND_NONE;
	look_after(LOOK);
	is_int(archive->command_since, RW_NEVER, "and ends");

	recovery->cleanup_runs = true;
	look_after(LOOK);
	begun = facts.now;
	replay_to(HORIZON + 200, 0);
	look_for(RW_MINUTE);
	is_int(archive->cleanup_since, begun, "cleanup is beside replay");
	recovery->cleanup_runs = false;
	look_after(LOOK);
	is_int(archive->cleanup_since, RW_NEVER, "and ends");
}

/*
 * A primary commits, archives a segment now and then, and refuses the standby
 * most of the time.  Its clock may be slow.
 */
typedef struct Primary
{
	uint64		random;
	RwTime		segment_every;
	RwTime		poll_every;
	RwTime		slow;			/* its clock is behind by this */
	RwTime		commits[1000];	/* when each was made; the LSN is its number */
	int			ncommits;
	int			narchived;
	RwTime		switched_at;
	RwTime		polled_at;
	RwTime		turns_at;		/* accepts or refuses the standby */
	bool		accepts;
} Primary;

static uint64
lsn_of(int commits)
{
	return HORIZON + (uint64) commits * 1000;
}

static void
step_primary(Primary *primary)
{
	if (next_random(&primary->random) % 10 == 0 && primary->ncommits < 1000)
		primary->commits[primary->ncommits++] = facts.now;
	if (facts.now - primary->switched_at >= primary->segment_every)
	{
		primary->switched_at = facts.now;
		primary->narchived = primary->ncommits;
	}
	if (facts.now >= primary->turns_at)
	{
		primary->accepts = next_random(&primary->random) % 3 == 0;
		primary->turns_at = facts.now +
			next_random(&primary->random) % (40 * RW_SECOND);
	}
}

/* The standby streams all there is, or looks into the archive. */
static void
step_standby(Primary *primary)
{
	int			has = (recovery->replay - HORIZON) / 1000;
	int			to = has;

	recovery->waits_for_wal = false;
	if (primary->accepts)
	{
		to = primary->ncommits;
		stream(lsn_of(to));
	}
	else
	{
		bool		tries = next_random(&primary->random) % 4 == 0;

		if (receiver->state == RW_RECEIVER_STREAMING)
			primary->polled_at = facts.now;
		stop_streaming();
		if (facts.now - primary->polled_at >= primary->poll_every)
		{
			/* It takes a few rounds to replay what is there. */
			to = Min(primary->narchived, has + 20);
			if (to <= has)
				primary->polled_at = facts.now;
			to = Max(to, has);
		}
		else if (tries)
		{
			/* It is refused, before it is connected or after. */
			receiver->pid = 901;
			receiver->state = next_random(&primary->random) % 2 ?
				RW_RECEIVER_CONNECTING : RW_RECEIVER_STREAMING;
			receiver->send_time = receiver->receipt_time = facts.wall;
		}
		else
			recovery->waits_for_wal = true;
	}
	if (to > has)
		replay_to(lsn_of(to), facts.wall - primary->slow -
				  (facts.now - primary->commits[to - 1]));
}

static void
test_random(void)
{
	Primary		primary;
	int			too_small = 0;
	int			jumps = 0;
	int			flips = 0;
	int			archived = 0;
	int			late = 0;

	for (int run = 0; run < 100; run++)
	{
		int64		last = 0;

		begin_standby("");
		receiver->timeout_ms = 60 * 1000;
		memset(&primary, 0, sizeof(primary));
		primary.random = 20261128 + run;
		primary.segment_every = (1 + next_random(&primary.random) % 20) *
			RW_SECOND;
		primary.poll_every = next_random(&primary.random) % 6 * RW_SECOND;
		primary.slow = run % 2 * next_random(&primary.random) % RW_MINUTE;
		primary.accepts = true;
		primary.turns_at = facts.now + RW_SECOND;
		primary.switched_at = facts.now;

		for (int i = 0; i < 3000; i++)
		{
			const RwLink *link;
			int			has;
			int64		truth = 0;

			step_primary(&primary);
			step_standby(&primary);
			look_after(LOOK);
			link = own_row();
			has = (recovery->replay - HORIZON) / 1000;
			if (has < primary.ncommits)
				truth = facts.now - primary.commits[has];

			too_small += link->lag < truth - LOOK;
			jumps += link->lag > last + 2 * LOOK;
			last = link->lag;
			if (archive->came_at == RW_NEVER)
				continue;
			archived++;
			flips += link->state != RW_STATE_ARCHIVE ||
				link->reason != RW_REASON_FROM_ARCHIVE ||
				link->bound != RW_BOUND_AT_MOST || goes_on();
			late += primary.slow == 0 &&
				link->lag > facts.now - primary.commits[has - 1];
		}
	}
	section("A standby that is refused and accepted, fed from the archive");
	ok(archived > 10000, "the test looks at something");
	is_int(too_small, 0, "the bound is never below the truth");
	is_int(jumps, 0, "it never jumps up");
	is_int(flips, 0, "between two messages nothing changes but the figures");
	is_int(late, 0, "it is never above the age of the last commit");
}

int
main(void)
{
	test_came();
	test_goes_on();
	test_commands();
	test_random();
	return tap_end();
}
