/*-------------------------------------------------------------------------
 *
 * test_lag_measure.c
 *	  Tests of src/lag/lag_measure.c.
 *
 * The time lag of a replica is how stale a read on it can be: these play a
 * primary that writes, and look at what its replicas lack.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "unit/lag/fixture.h"

static void
test_bytes(void)
{
	RwSenderFacts *sender;

	begin("The byte lag");
	sender = add_walsender("s1", 101);
	add_replica("s1", 101);
	sender->replay = HORIZON - 1000;
	work_out();
	is_int(row("s1")->lag_bytes, 1000, "from the replay position on");
	sender->replay = HORIZON + 1000;
	work_out();
	is_int(row("s1")->lag_bytes, -1, "not known of a replica that is ahead");
	is_int(row("s1")->lag, -1, "nor is its time lag");
	sender->replay = sender->write = 0;
	replicas[0].position = 0;
	work_out();
	is_int(row("s1")->lag_bytes, -1, "not known without a position");
	is_int(row("s1")->lag, -1, "nor is the time lag");

	begin("The WAL ends within a record");
	sender = add_walsender("s1", 101);
	add_replica("s1", 101);
	write_wal(1000);
	facts.complete = HORIZON + 600;
	sender->sent = facts.horizon;
	pass(RW_SECOND);
	replicas[0].last_seen = facts.now;
	sender->replay = HORIZON + 200;
	work_out();
	is_int(row("s1")->lag_bytes, 400, "up to the last whole record");
	is_lag(row("s1"), 875, "exact", "of its own age");
	sender->replay = HORIZON + 600;
	work_out();
	is_int(row("s1")->lag_bytes, 0, "which is all that it can replay");
	is_lag(row("s1"), 0, "exact", "nothing is missing");
	sender->replay = HORIZON + 800;
	work_out();
	is_int(row("s1")->lag_bytes, 0, "never negative");

	begin("Without the worker there are bytes, and no time lag");
	sender = add_walsender("s1", 101);
	sender->replay = HORIZON - 1000;
	links.published = NULL;
	work_out();
	is_int(row("s1")->lag_bytes, 1000, "bytes");
	is_int(row("s1")->lag, -1, "no time lag");
	sender->replay = HORIZON;
	work_out();
	is_int(row("s1")->lag, -1, "not even if nothing is missing");
}

static void
test_idle(void)
{
	RwSenderFacts *sender;
	RwReplica  *replica;

	begin("After an idle hour");
	sender = add_walsender("s1", 101);
	replica = add_replica("s1", 101);
	pass(RW_HOUR);
	replica->last_seen = facts.now;
	work_out();
	is_lag(row("s1"), 0, "exact", "nothing is missing");

	write_wal(100);
	facts.now += 100 * RW_MS;
	facts.wall += 100 * RW_MS;
	replica->last_seen = facts.now;
	work_out();
	is_lag(row("s1"), 50, "exact",
		   "a byte appeared between two looks, not an hour ago");
	rw_history_add(&history, facts.horizon, facts.now);
	pass(2 * RW_SECOND);
	replica->last_seen = facts.now;
	work_out();
	is_lag(row("s1"), 2050, "exact", "and is missing since then");
	sender->sent = facts.horizon;
	sender->replay = facts.horizon - 1;
	work_out();
	is_lag(row("s1"), 2050, "exact", "so is the last byte");
	sender->sent = sender->replay = facts.horizon;
	work_out();
	is_lag(row("s1"), 0, "exact", "until it is replayed");
}

static void
test_reply_age(void)
{
	RwReplica  *replica;

	begin("Old figures of a replica");
	add_walsender("s1", 101);
	replica = add_replica("s1", 101);
	write_wal(100);
	pass(10 * RW_SECOND);
	replica->last_seen = facts.now - RW_SECOND;
	work_out();
	is_lag(row("s1"), 9875, "exact", "a second old");
	replica->last_seen--;
	work_out();
	is_lag(row("s1"), 9875, "at most", "older");
	replica->last_seen = facts.now;
	work_out();
	is_lag(row("s1"), 9875, "exact", "new");
	senders[0].reply_time = 0;
	work_out();
	is_lag(row("s1"), 9875, "at most", "no reply on this connection yet");

	begin("Old figures do not matter where nothing is missing");
	add_walsender("s1", 101);
	replica = add_replica("s1", 101);
	pass(10 * RW_SECOND);
	replica->last_seen = facts.now - 10 * RW_SECOND;
	work_out();
	is_lag(row("s1"), 0, "exact", "nothing is missing");

	begin("A receiver that the worker does not follow");
	add_walsender("pg_receivewal", 101)->replica = false;
	write_wal(100);
	pass(10 * RW_SECOND);
	work_out();
	is_lag(row("pg_receivewal"), 9875, "at most",
		   "the age of its figures is not known");
}

static void
test_ends_of_history(void)
{
	RwSenderFacts *sender;

	begin("WAL from before the history");
	sender = add_walsender("s1", 101);
	add_replica("s1", 101);
	sender->replay = HORIZON - 1;
	work_out();
	is_lag(row("s1"), 3600000, "at least", "as old as the history");

	begin("No history");
	sender = add_walsender("s1", 101);
	add_replica("s1", 101);
	sender->replay = HORIZON - 1;
	rw_history_init(&history);
	work_out();
	is_int(row("s1")->lag, -1, "no time lag");
	sender->replay = HORIZON;
	work_out();
	is_lag(row("s1"), 0, "exact", "but where nothing is missing");
}

/* Write after `gap` without a sample, then look at it `age` later. */
static void
after_gap(int64 gap, int64 age)
{
	RwReplica  *replica;

	begin("A gap in the history");
	add_walsender("s1", 101);
	replica = add_replica("s1", 101);
	facts.now += gap;
	facts.wall += gap;
	write_wal(1000);
	rw_history_add(&history, facts.horizon, facts.now);
	pass(age);
	replica->last_seen = facts.now;
	senders[0].sent = facts.horizon;
	senders[0].replay = HORIZON + 500;
	work_out();
}

static void
test_gaps(void)
{
	RwSlotFacts *slot;

	after_gap(3 * RW_SECOND, 10 * RW_SECOND);
	is_lag(row("s1"), 11500, "exact", "3 s: dated within it");
	after_gap(3 * RW_SECOND + RW_MS, 10 * RW_SECOND);
	is_lag(row("s1"), 13001, "at most", "longer: its beginning");
	after_gap(10 * RW_SECOND, RW_MINUTE);
	is_lag(row("s1"), 70000, "at most", "10 s, a minute ago");
	after_gap(10 * RW_SECOND, 40 * RW_MINUTE);
	is_lag(row("s1"), 2410000, "at most", "40 minutes ago");
	after_gap(10 * RW_SECOND, 43 * RW_MINUTE);
	is_lag(row("s1"), 2585000, "exact",
		   "so long ago that thinning may have left it");

	begin("A gap, seen from a slot whose replica may be further behind");
	slot = add_slot("s1");
	facts.now += RW_MINUTE;
	facts.wall += RW_MINUTE;
	write_wal(1000);
	rw_history_add(&history, facts.horizon, facts.now);
	work_out();
	ok(slot->restart_lsn == HORIZON, "restart_lsn is before the gap");
	is_text(rw_bound_name(row("s1")->bound), "at least",
			"it stays a lower bound");
	is_int(row("s1")->lag, 60 * RW_SECOND - RW_IDLE_INTERVAL / 2,
		   "and is dated within the gap");
}

/*
 * The same for any course of the WAL: the byte after a position appeared after
 * the last look at which it was not there, and not after the first at which it
 * was.
 */
static void
test_random(void)
{
	enum
	{
		LOOKS = 2000
	};
	static uint64 lsns[LOOKS];
	static RwTime looked[LOOKS];
	uint64		state = 20260801;
	RwReplica  *replica;
	RwSenderFacts *sender;
	int			wrong = 0;
	int			exact = 0;
	int			round;
	int			i;

	begin("Random courses");
	sender = add_walsender("s1", 101);
	replica = add_replica("s1", 101);
	for (round = 0; round < 20; round++)
	{
		rw_history_init(&history);
		for (i = 0; i < LOOKS; i++)
		{
			if (next_random(&state) % 3 != 0)
				write_wal(next_random(&state) % 5000);
			/* Short enough never to be a gap, and the whole never thinned. */
			facts.now += 1 + next_random(&state) % (20 * RW_MS);
			lsns[i] = facts.horizon;
			looked[i] = facts.now;
			rw_history_add(&history, facts.horizon, facts.now);
		}
		for (i = 0; i < 500; i++)
		{
			uint64		position = lsns[0] +
				next_random(&state) % (facts.horizon - lsns[0] + 1);
			RwLink	   *link;
			int			there = 0;

			sender->sent = facts.horizon;
			sender->replay = position;
			replica->last_seen = facts.now;
			work_out();
			link = row("s1");
			if (position == facts.horizon)
			{
				wrong += link->lag != 0 || link->lag_bytes != 0;
				continue;
			}
			while (lsns[there] <= position)
				there++;
			exact += link->bound == RW_BOUND_EXACT;
			wrong += link->bound != RW_BOUND_EXACT ||
				link->lag_bytes != facts.horizon - position ||
				link->lag < facts.now - looked[there] ||
				link->lag > facts.now - looked[there - 1];
		}
	}
	is_int(wrong, 0, "each lag is between the two looks around its byte");
	ok(exact > 9000, "the test itself looks at something");
}

int
main(void)
{
	test_bytes();
	test_idle();
	test_reply_age();
	test_ends_of_history();
	test_gaps();
	test_random();
	return tap_end();
}
