/*-------------------------------------------------------------------------
 *
 * test_replicas.c
 *	  Tests of src/replica/replicas.c, replicas_names.c and replicas_table.c.
 *
 * The tests play a primary: connections come, reply and go, and round after
 * round brings the table up to date.  What it then holds of a name, and what
 * it reported, is compared as text.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/replica/replica.h"
#include "unit/tap.h"

#define SIZE			64
#define MAX_SEEN		400
#define START			(1000 * RW_DAY)
#define KNOWN_AFTER		RW_MINUTE
#define HORIZON			UINT64CONST(0x10000000000)

static RwReplica *table = NULL;
static int	size;
static RwSeen seen[MAX_SEEN];
static int	nseen;
static RwTime now;
static RwTime forget_after;
static RwReplicaEvents events;
static RwTimeline timeline;
static RwOwnWal own;
static RwSeenEnd ended[MAX_SEEN];
static int	nended;

/* ----------------------------------------------------------------
 *		Playing a primary
 * ----------------------------------------------------------------
 */

static void
begin(const char *title, int places)
{
	section(title);
	size = places;
	free(table);
	table = calloc(size, sizeof(RwReplica));
	nseen = nended = 0;
	now = START;
	forget_after = RW_DAY;
	timeline.nentries = 1;
	timeline.entries[0] = (RwTimelineEntry) {1, PG_UINT64_MAX};
	own = (RwOwnWal) {HORIZON, false, 1, &timeline, 16777216};
}

/* A walsender starts: it streams at once, and has had no reply yet. */
static RwSeen *
start(const char *name, int pid)
{
	RwSeen	   *new = &seen[nseen++];

	memset(new, 0x7f, sizeof(RwSeen));
	strncpy(new->name, name, RW_NAME_LEN);
	strncpy(new->application_name, name, RW_NAME_LEN);
	strncpy(new->slot_name, "", RW_NAME_LEN);
	strcpy(new->address, "192.0.2.1");
	new->pid = pid;
	new->logical = false;
	new->streaming = true;
	new->ended = false;
	new->has_slot = false;
	new->sent = new->write = new->flush = new->replay = 0;
	new->reply_time = 0;
	return new;
}

/* The same, and it has replied once before it is seen. */
static RwSeen *
come(const char *name, int pid)
{
	RwSeen	   *new = start(name, pid);

	new->sent = 1003;
	new->write = 1002;
	new->flush = 1001;
	new->replay = 1000;
	new->reply_time = 1;
	return new;
}

static RwSeen *
of(int pid)
{
	for (int i = 0; i < nseen; i++)
	{
		if (seen[i].pid == pid)
			return &seen[i];
	}
	ok(false, "the test itself is right");
	return &seen[0];
}

static void
leave(int pid)
{
	int			i = of(pid) - seen;

	memmove(&seen[i], &seen[i + 1], (nseen - i - 1) * sizeof(RwSeen));
	nseen--;
}

/* A walsender learns the slot of its connection; or the test is of names. */
static void
rename_to(RwSeen *it, const char *name)
{
	strcpy(it->name, name);
	strcpy(it->application_name, name);
}

static void
reply(int pid)
{
	of(pid)->reply_time++;
}

static void
replay(int pid, uint64 lsn)
{
	reply(pid);
	of(pid)->sent = lsn + 3;
	of(pid)->write = lsn + 2;
	of(pid)->flush = lsn + 1;
	of(pid)->replay = lsn;
}

/*
 * A round, so much later.  Tests let days go by between two rounds; with
 * `resumed` nobody has watched meanwhile.
 */
static void
next_round(RwTime time, bool resumed)
{
	RwSeen	   *copy = malloc(nseen * sizeof(RwSeen));
	RwRound		round = {
		.own = own,
		.known_after = KNOWN_AFTER,
		.forget_after = forget_after,
		.resumed = resumed,
		.unwatched = resumed ? time : 0,
		.nseen = nseen,
		.seen = copy,
		.nended = nended,
		.ended = ended
	};

	/* Reading beyond the end is noticed only where memory ends there. */
	memcpy(copy, seen, nseen * sizeof(RwSeen));
	round.now = now += time;
	rw_replicas_update(table, size, &round, &events);
	nended = 0;
	memcpy(seen, copy, nseen * sizeof(RwSeen));
	free(copy);
}

static void
after(RwTime time)
{
	next_round(time, false);
}

/* A connection that has been known for a while. */
static void
settle(const char *name, int pid)
{
	come(name, pid);
	after(RW_SECOND);
	replay(pid, 1000);
	after(KNOWN_AFTER);
}

/* ----------------------------------------------------------------
 *		Looking
 * ----------------------------------------------------------------
 */

/* All places of a name: "0 connected known, 3 connected". */
static const char *
places(const char *name)
{
	static char result[4000];
	int			used = 0;

	result[0] = '\0';
	for (int i = 0; i < size; i++)
	{
		if (!table[i].used || strcmp(table[i].name, name) != 0)
			continue;
		used += snprintf(result + used, sizeof(result) - used, "%s%d %s%s%s",
						 used > 0 ? ", " : "", i,
						 table[i].connected ? "connected" : "gone",
						 table[i].known ? " known" : "",
						 table[i].shared ? " shared" : "");
	}
	return result;
}

/* What was reported in the last round: "known a, gone b". */
static const char *
reported(void)
{
	static char result[RW_REPLICA_MAX_EVENTS * (RW_NAME_LEN + 12)];
	int			used = 0;
	const char *const types[] = {
		[RW_REPLICA_KNOWN] = "known",
		[RW_REPLICA_GONE] = "gone",
		[RW_REPLICA_BACK] = "back",
		[RW_REPLICA_SHARED] = "shared",
		[RW_REPLICA_EVICTED] = "evicted",
		[RW_REPLICA_EXPIRED] = "expired",
	};

	result[0] = '\0';
	for (int i = 0; i < events.nevents; i++)
		used += snprintf(result + used, sizeof(result) - used, "%s%s %s",
						 used > 0 ? ", " : "", types[events.events[i].type],
						 events.events[i].name);
	return result;
}

/* How often the table contradicts itself or what was seen. */
static int
contradictions(void)
{
	int			wrong = 0;

	for (int i = 0; i < size; i++)
	{
		const RwReplica *r = &table[i];
		int			followed = 0;
		int			company = 0;

		if (!r->used)
			continue;

		for (int j = 0; j < nseen; j++)
			followed += seen[j].place == i && seen[j].pid == r->pid;
		for (int j = 0; j < size; j++)
		{
			if (j == i || !table[j].used ||
				strcmp(table[j].name, r->name) != 0)
				continue;
			company += table[j].connected;
			/* Attempts may be counted beside anything. */
			if (!table[j].connected && !table[j].known)
				continue;
			wrong += r->known && table[j].known;

			/* Only connections that belong to nobody are beside a gone one. */
			wrong += !r->connected &&
				(!table[j].connected || table[j].belongs);
			wrong += r->connected && table[j].connected &&
				r->shared != table[j].shared;
		}

		wrong += followed != (r->connected ? 1 : 0);
		wrong += r->connected != (r->gone_at == RW_NEVER);
		wrong += r->connected && (r->alone_since == RW_NEVER) != (company > 0);
		wrong += !r->connected && r->pid != 0;
		wrong += r->known && r->shared;
		wrong += r->belongs && !r->connected;
		wrong += r->steady && !r->belongs;
		wrong += r->parted != RW_NOT_PARTED && r->position > r->mark;
		wrong += r->generation == 0;
	}

	for (int i = 0; i < nseen; i++)
	{
		wrong += seen[i].place < -1 || seen[i].place >= size;
		if (seen[i].place >= 0)
			wrong += strncmp(table[seen[i].place].name, seen[i].name,
							 RW_NAME_LEN - 1) != 0;
	}
	return wrong;
}

/* ----------------------------------------------------------------
 *		One replica
 * ----------------------------------------------------------------
 */

static void
test_life(void)
{
	begin("coming to be known", SIZE);

	after(0);
	is_text(reported(), "", "no connection, no event");

	come("a", 100)->streaming = false;
	after(RW_SECOND);
	is_text(places("a"), "0 connected", "connected");
	is_int(of(100)->place, 0, "and where it is");
	is_text(table[0].address, "192.0.2.1", "address");
	is_int(table[0].pid, 100, "process");
	is_int(table[0].connected_at, now, "when");
	is_int(table[0].last_seen, now, "seen when it connected");
	is_int(table[0].streaming_since, RW_NEVER, "not streaming");
	is_int(table[0].replied_at, RW_NEVER, "no reply");
	is_int(table[0].alone_since, now, "alone");
	after(RW_HOUR);
	is_text(places("a"), "0 connected", "not streaming: never known");

	of(100)->streaming = true;
	after(RW_SECOND);
	is_int(table[0].streaming_since, now, "streaming");
	after(KNOWN_AFTER - 1);
	is_text(places("a"), "0 connected", "not quite long enough");
	is_text(reported(), "", "no event so far");
	after(1);
	is_text(places("a"), "0 connected known", "long enough: known");
	is_text(reported(), "known a", "reported");
	after(RW_SECOND);
	is_text(reported(), "", "once");

	of(100)->streaming = false;
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "stays known when it stops");
	is_int(table[0].streaming_since, RW_NEVER, "no longer streaming");
	of(100)->streaming = true;
	after(RW_SECOND);
	is_int(table[0].streaming_since, now, "and again");

	section("going and coming back");

	leave(100);
	after(RW_SECOND);
	is_text(places("a"), "0 gone known", "gone");
	is_text(reported(), "gone a", "reported");
	is_int(table[0].gone_at, now, "when");
	is_int(table[0].pid, 0, "no process");
	is_int(table[0].streaming_since, RW_NEVER, "not streaming");
	after(RW_HOUR);
	is_text(reported(), "", "reported once");
	is_int(table[0].gone_at, now - RW_HOUR, "since then");

	come("a", 200);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "back in its place");
	is_text(reported(), "back a", "reported");
	is_int(of(200)->place, 0, "the connection's place");
	is_int(table[0].pid, 200, "process");
	is_int(table[0].gone_at, RW_NEVER, "not gone");
	is_int(table[0].connected_at, now, "connected anew");
	is_int(table[0].alone_since, now, "alone anew");
	is_int(table[0].last_seen, now, "seen");
	after(RW_SECOND);
	is_text(reported(), "", "reported once");

	begin("one that is not known leaves nothing behind", SIZE);
	come("a", 100);
	after(RW_SECOND);
	leave(100);
	after(RW_SECOND);
	is_text(places("a"), "", "unused again");
	is_text(reported(), "", "no event");
	come("a", 101);
	after(KNOWN_AFTER - RW_SECOND);
	after(KNOWN_AFTER - 1);
	is_text(places("a"), "0 connected",
			"time on another connection is not its own");
	of(101)->streaming = false;
	after(1);
	of(101)->streaming = true;
	after(KNOWN_AFTER);
	is_text(places("a"), "0 connected", "nor is time before a pause");

	begin("both of its names", SIZE);
	settle("a", 100);
	is_text(table[0].application_name, "a", "its application_name");
	is_text(table[0].slot_name, "", "no slot");
	leave(100);
	after(RW_SECOND);
	strcpy(come("a", 101)->application_name, "standby1");
	strcpy(of(101)->slot_name, "a");
	after(RW_SECOND);
	is_text(table[0].application_name, "standby1", "another, with a slot");
	is_text(table[0].slot_name, "a", "the slot");
	leave(101);
	after(RW_SECOND);
	is_text(places("a"), "0 gone known", "gone");
	is_text(table[0].application_name, "standby1", "application_name is kept");
	is_text(table[0].slot_name, "a", "so is the slot's name");

	begin("known at once", SIZE);
	come("a", 100);
	{
		RwRound		round = {
			.now = now,
			.own = own,
			.nseen = nseen,
			.seen = seen
		};

		rw_replicas_update(table, size, &round, &events);
	}
	is_text(reported(), "known a", "if known_after is 0");
}

static void
test_figures(void)
{
	RwTime		began;

	begin("what it takes over", SIZE);

	start("a", 100)->logical = true;
	of(100)->has_slot = true;
	after(0);
	began = now;
	ok(table[0].logical, "logical");
	ok(table[0].has_slot, "with slot");
	is_uint(table[0].replay, 0, "no LSN yet");
	is_int(table[0].replay_moved_at, began, "moved: counted from the start");

	replay(100, 1000);
	after(RW_SECOND);
	is_uint(table[0].sent, 1003, "sent");
	is_uint(table[0].write, 1002, "write");
	is_uint(table[0].flush, 1001, "flush");
	is_uint(table[0].replay, 1000, "replay");
	is_int(table[0].reply_time, 1, "reply time");
	is_int(table[0].replied_at, now, "replied");
	is_int(table[0].last_seen, now, "last seen");
	is_int(table[0].replay_moved_at, now, "moved");

	after(RW_SECOND);
	is_int(table[0].replied_at, now - RW_SECOND, "no reply since");
	is_int(table[0].last_seen, now - RW_SECOND, "not seen since");
	reply(100);
	after(RW_SECOND);
	is_int(table[0].last_seen, now, "seen: a reply without news");
	is_int(table[0].replay_moved_at, now - 2 * RW_SECOND, "not moved");
	of(100)->reply_time -= 1000;
	after(RW_SECOND);
	is_int(table[0].last_seen, now, "seen: the replica's clock went back");

	of(100)->logical = of(100)->has_slot = false;
	strcpy(of(100)->address, "");
	after(RW_SECOND);
	ok(!table[0].logical && !table[0].has_slot, "no longer");
	is_text(table[0].address, "", "a local socket");

	section("the rate of replay");

	for (int i = 1; i <= 20; i++)
	{
		replay(100, 1000 + i * 500);
		after(RW_SECOND);
	}
	is_double(rw_rate(&table[0].replay_rate, table[0].replay, now),
			  20 * 500 / 24.0, "of this connection");

	section("figures of a new connection");

	after(KNOWN_AFTER);
	leave(100);
	after(RW_HOUR);
	is_text(places("a"), "0 gone known", "known");
	is_uint(table[0].replay, 11000, "kept while it is gone");
	began = table[0].replay_moved_at;
	start("a", 101);
	after(RW_HOUR);
	is_text(reported(), "", "it is not back before it has a position");
	is_uint(table[0].sent, 11003, "sent: kept");
	is_uint(table[0].write, 11002, "write: kept");
	is_uint(table[0].flush, 11001, "flush: kept");
	is_uint(table[0].replay, 11000, "replay: kept");
	is_uint(table[0].position, 11000, "position: kept");
	of(101)->sent = 12000;
	after(RW_SECOND);
	is_uint(table[0].sent, 11003, "what is sent to it is not its own yet");

	replay(101, 300);
	after(RW_SECOND);
	is_text(reported(), "back a", "then it is");
	is_int(table[0].replay_rate.npoints, 1, "its rate begins");
	is_uint(table[0].sent, 303, "made again from a backup: less is sent");
	is_uint(table[0].write, 302, "less is written");
	is_uint(table[0].flush, 301, "less is flushed");
	is_uint(table[0].replay, 300, "less is replayed");
	is_int(table[0].replay_moved_at, began, "less is no movement");
	replay(101, 400);
	after(RW_SECOND);
	is_int(table[0].replay_moved_at, now, "more than that is");
	after(RW_SECOND);
	is_double(rw_rate(&table[0].replay_rate, 400, now), 50,
			  "and the rate is that of this connection");

	section("a connection that was there before the worker");

	begin("a reply time of unknown age is no reply", SIZE);
	replay((start("a", 100), 100), 1000);
	after(0);
	is_int(table[0].replied_at, RW_NEVER, "no reply was seen");
	is_int(table[0].reply_time, 1, "but its time");
	is_uint(table[0].replay, 1000, "and its LSNs");
	reply(100);
	after(RW_SECOND);
	is_int(table[0].replied_at, now, "the next one is seen");
}

static void
test_flapping(void)
{
	int			wrong = 0;
	uint32		generation;

	begin("fifty reconnections", SIZE);
	settle("a", 100);
	generation = table[0].generation;
	for (int i = 1; i <= 50; i++)
	{
		leave(100 + i - 1);
		if (i % 2 == 0)
		{
			/* The worker saw it gone. */
			after(100 * RW_MS);
			wrong += strcmp(reported(), "gone a") != 0;
			come("a", 100 + i);
			after(100 * RW_MS);
			wrong += strcmp(reported(), "back a") != 0;
		}
		else
		{
			come("a", 100 + i);
			after(100 * RW_MS);
			wrong += strcmp(reported(), "gone a, back a") != 0;
		}
		wrong += strcmp(places("a"), "0 connected known") != 0;
		wrong += contradictions();
	}
	is_int(wrong, 0, "known all the time, and each is reported");
	is_int(table[0].generation, generation, "it is the same replica");
	is_uint(table[0].replay, 1000, "its LSNs are kept");

	begin("fifty reconnections of one that is not known", SIZE);
	for (int i = 0; i < 50; i++)
	{
		come("a", 100 + i);
		after(KNOWN_AFTER - RW_SECOND);
		wrong += strcmp(places("a"), "0 connected") != 0 || events.nevents > 0;
		leave(100 + i);
	}
	is_int(wrong, 0, "it does not become known again, and there is no event");
}

/* ----------------------------------------------------------------
 *		A name connected twice
 * ----------------------------------------------------------------
 */

static void
test_dead_connection(void)
{
	uint32		generation;

	begin("a dead connection and a new one", SIZE);

	come("other", 50);
	settle("a", 100);
	generation = table[1].generation;
	come("short", 60);
	after(RW_SECOND);
	leave(60);
	after(RW_SECOND);
	come("a", 200);
	after(RW_SECOND);
	is_text(places("a"), "1 connected known, 2 connected",
			"each in its place");
	is_text(reported(), "", "no event");
	is_int(table[1].alone_since, RW_NEVER, "not alone");
	is_int(table[2].alone_since, RW_NEVER, "neither");

	for (int i = 0; i < 10; i++)
	{
		replay(200, 5000 + i);
		after(KNOWN_AFTER);
	}
	is_text(places("a"), "1 connected known, 2 connected",
			"only one replies: not shared, and known once");
	is_text(reported(), "", "no event");

	leave(100);
	after(RW_SECOND);
	is_text(places("a"), "1 connected known", "the new one inherits");
	is_text(reported(), "", "no event: it was there");
	is_int(of(200)->place, 1, "it has moved");
	is_int(table[1].pid, 200, "with its process");
	is_uint(table[1].replay, 5009, "and LSNs");
	is_int(table[1].connected_at, START + 64 * RW_SECOND, "and times");
	is_int(table[1].alone_since, now, "it is alone");
	is_int(table[1].generation, generation, "the place is the same replica's");
	ok(!table[2].used, "its own place is unused");
	is_int(contradictions(), 0, "no contradictions");
	after(RW_SECOND);
	leave(200);
	after(RW_SECOND);
	is_text(reported(), "gone a", "it is gone like any known one");

	begin("the new one ends first", SIZE);
	settle("a", 100);
	come("a", 200);
	after(RW_SECOND);
	leave(200);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "the dead one is what is left");
	is_text(reported(), "", "no event");
	leave(100);
	after(RW_SECOND);
	is_text(reported(), "gone a", "until it ends too");

	begin("both end at once", SIZE);
	settle("a", 100);
	come("a", 200);
	after(RW_SECOND);
	leave(100);
	leave(200);
	after(RW_SECOND);
	is_text(places("a"), "0 gone known", "gone, in one place");
	is_text(reported(), "gone a", "reported");

	begin("both end at once, the known one in the later place", SIZE);
	come("x", 50)->streaming = false;
	settle("a", 100);
	leave(50);
	after(RW_SECOND);
	come("a", 200);
	after(RW_SECOND);
	is_text(places("a"), "0 connected, 1 connected known", "so it is");
	nseen = 0;
	after(RW_SECOND);
	is_text(places("a"), "1 gone known", "gone, in one place");

	begin("the dead one ends as the next one comes", SIZE);
	settle("a", 100);
	leave(100);
	come("a", 200);
	come("a", 300);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known, 1 connected", "one is back");
	is_text(reported(), "gone a, back a", "reported once");

	begin("several dead ones", SIZE);
	settle("a", 100);
	come("x", 50);
	after(RW_SECOND);
	come("y", 60);
	after(RW_SECOND);
	come("a", 200);
	after(RW_SECOND);
	reply(200);
	after(RW_SECOND);
	come("a", 300);
	after(RW_SECOND);
	leave(50);
	after(RW_SECOND);
	come("a", 400);
	after(RW_SECOND);
	leave(60);
	after(RW_SECOND);
	come("a", 500);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known, 1 connected, 2 connected, "
			"3 connected, 4 connected", "places are not taken in order");
	leave(100);
	after(RW_SECOND);
	is_int(table[0].pid, 200, "the one that replied inherits");
	is_text(places("a"), "0 connected known, 1 connected, 2 connected, "
			"4 connected", "the others stay");
	leave(200);
	after(RW_SECOND);
	is_int(table[0].pid, 500, "if none did, the one that came last");
	leave(300);
	leave(400);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "until it is alone");
	is_int(contradictions(), 0, "no contradictions");

	begin("several, in another order", SIZE);
	come("x", 50)->streaming = false;
	settle("a", 100);
	leave(50);
	after(RW_SECOND);
	come("a", 200);
	after(RW_SECOND);
	reply(200);
	come("a", 300);
	after(RW_SECOND);
	is_text(places("a"), "0 connected, 1 connected known, 2 connected",
			"the first is before the known one");
	leave(100);
	after(RW_SECOND);
	is_int(table[1].pid, 200, "it replied, and inherits");

	begin("a dead one that was not known", SIZE);
	come("a", 100);
	after(RW_SECOND);
	of(100)->streaming = false;
	come("a", 200);
	after(RW_SECOND);
	reply(200);
	after(KNOWN_AFTER);
	is_text(places("a"), "0 connected, 1 connected known",
			"the new one becomes known by itself");
	is_text(reported(), "known a", "reported");
	leave(200);
	after(RW_SECOND);
	is_text(places("a"), "1 connected known", "the dead one stands for it");
	is_int(table[1].pid, 100, "in its place");
	is_text(reported(), "", "no event");
	leave(100);
	after(RW_SECOND);
	is_text(reported(), "gone a", "until that ends");
}

static void
test_shared(void)
{
	begin("two replicas of one name", SIZE);

	settle("a", 100);
	come("a", 200);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known, 1 connected", "no reply yet");
	reply(100);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known, 1 connected",
			"the earlier replies: the later may be about to end");
	reply(200);
	after(RW_SECOND);
	is_text(places("a"), "0 connected shared, 1 connected shared",
			"the later too: shared, and not known");
	is_text(reported(), "shared a", "reported");
	after(RW_HOUR);
	is_text(places("a"), "0 connected shared, 1 connected shared",
			"as long as both are there, never known");
	is_text(reported(), "", "reported once");

	come("a", 300);
	after(RW_SECOND);
	is_text(places("a"),
			"0 connected shared, 1 connected shared, 2 connected shared",
			"so is a third one");
	is_text(reported(), "", "no event");
	replay(300, 7);
	after(RW_SECOND);
	is_uint(table[2].replay, 7, "each is followed");
	is_int(contradictions(), 0, "no contradictions");

	section("one is left alone");

	leave(100);
	after(RW_SECOND);
	is_text(places("a"), "1 connected shared, 2 connected shared",
			"one leaves nothing behind");
	is_text(reported(), "", "no event");
	leave(200);
	after(RW_SECOND);
	is_text(places("a"), "2 connected shared", "one alone");
	is_int(table[2].alone_since, now, "since now");
	after(KNOWN_AFTER - 1);
	is_text(places("a"), "2 connected shared", "not quite long enough");
	after(1);
	is_text(places("a"), "2 connected known", "no longer shared, and known");
	is_text(reported(), "known a", "reported");

	section("alone, and not again");

	come("a", 400);
	after(RW_SECOND);
	reply(300);
	reply(400);
	after(RW_SECOND);
	is_text(reported(), "shared a", "shared again");
	leave(400);
	after(KNOWN_AFTER - RW_SECOND);
	come("a", 500);
	after(RW_SECOND);
	is_text(places("a"), "0 connected shared, 2 connected shared",
			"the next one comes in time");
	leave(500);
	after(KNOWN_AFTER - RW_SECOND);
	is_text(places("a"), "2 connected shared", "time begins anew");
	after(KNOWN_AFTER - 1);
	is_text(places("a"), "2 connected shared", "all of it");
	after(1);
	is_text(places("a"), "2 connected known", "and is over");
	leave(300);
	after(1);
	is_text(reported(), "gone a", "it goes like any known one");

	begin("all leave", SIZE);
	settle("a", 100);
	come("a", 200);
	after(RW_SECOND);
	reply(100);
	reply(200);
	after(RW_SECOND);
	leave(100);
	leave(200);
	after(RW_SECOND);
	is_text(places("a"), "", "none is missing");
	is_text(reported(), "", "no event");

	begin("what does not make a name shared", SIZE);
	settle("a", 100);
	come("a", 200)->streaming = false;
	after(RW_SECOND);
	reply(100);
	reply(200);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known, 1 connected",
			"one that does not stream yet");
	of(200)->streaming = true;
	after(RW_SECOND);
	is_text(places("a"), "0 connected shared, 1 connected shared",
			"it does: both have replied before");

	begin("replies that do not count", SIZE);
	settle("a", 100);
	reply(100);
	come("a", 200);
	after(RW_SECOND);
	reply(200);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known, 1 connected",
			"the last one of the dead, seen with the new connection");

	begin("the same, the dead one in the later place", SIZE);
	come("x", 50)->streaming = false;
	settle("a", 100);
	leave(50);
	after(RW_SECOND);
	reply(100);
	come("a", 200);
	after(RW_SECOND);
	reply(200);
	after(RW_SECOND);
	is_text(places("a"), "0 connected, 1 connected known",
			"the last one of the dead");

	begin("the worker comes later than both", SIZE);
	come("a", 100)->reply_time = 4711;
	come("a", 200)->reply_time = 4712;
	after(RW_SECOND);
	reply(200);
	after(RW_SECOND);
	is_text(places("a"), "0 connected, 1 connected",
			"one of them may be dead since yesterday");
	reply(100);
	after(RW_SECOND);
	is_text(places("a"), "0 connected shared, 1 connected shared",
			"it is not");

	begin("three, one of them dead", SIZE);
	settle("a", 100);
	come("a", 200);
	after(RW_SECOND);
	come("a", 300);
	after(RW_SECOND);
	reply(200);
	reply(300);
	after(RW_SECOND);
	is_text(places("a"),
			"0 connected shared, 1 connected shared, 2 connected shared",
			"two that reply are enough");
	is_text(reported(), "shared a", "reported once");

	begin("other names", SIZE);
	settle("a", 100);
	settle("b", 200);
	reply(100);
	reply(200);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "have nothing to do with it");
	is_text(places("b"), "1 connected known", "neither with another");
}

/* ----------------------------------------------------------------
 *		Processes and names
 * ----------------------------------------------------------------
 */

static void
test_processes(void)
{
	char		name[RW_NAME_LEN + 1];
	char		cut[RW_NAME_LEN];

	begin("a process number is used again", SIZE);
	settle("a", 100);
	leave(100);
	come("b", 100);
	after(RW_SECOND);
	is_text(places("a"), "0 gone known", "the old one is gone");
	is_text(places("b"), "1 connected", "the new one is new");
	is_text(reported(), "gone a", "reported");
	ok(rw_replicas_find_pid(table, size, 100) == &table[1],
	   "found under its process number");
	leave(100);
	come("a", 100);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "and again by the first");
	is_text(places("b"), "", "the other leaves nothing behind");

	begin("a process changes its name", SIZE);
	come("walreceiver", 100)->streaming = false;
	after(RW_SECOND);
	strcpy(of(100)->name, "slot1");
	strcpy(of(100)->slot_name, "slot1");
	of(100)->has_slot = true;
	after(RW_SECOND);
	is_text(places("walreceiver"), "", "it is another replica");
	is_text(places("slot1"), "0 connected", "with its own name");
	settle("known", 200);
	rename_to(of(200), "renamed");
	after(RW_SECOND);
	is_text(places("known"), "1 gone known", "the old name is missing");
	is_text(places("renamed"), "2 connected", "the new one is new");
	is_text(reported(), "gone known", "reported");

	begin("processes swap names", SIZE);
	settle("a", 100);
	settle("b", 200);
	rename_to(of(100), "b");
	rename_to(&seen[1], "a");
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "each has its place");
	is_text(places("b"), "1 connected known", "each has its place");
	is_int(table[0].pid, 200, "the first one's");
	is_int(table[1].pid, 100, "the second one's");
	is_text(reported(), "gone a, gone b, back b, back a", "reported");

	begin("another order of processes", SIZE);
	settle("a", 100);
	settle("b", 200);
	settle("c", 300);
	{
		RwSeen		first = seen[0];

		seen[0] = seen[2];
		seen[2] = first;
	}
	after(RW_SECOND);
	is_text(reported(), "", "makes no difference");
	ok(seen[0].place == 2 && seen[1].place == 1 && seen[2].place == 0,
	   "each has its place");

	begin("long names", SIZE);
	memset(name, 'n', RW_NAME_LEN);
	name[RW_NAME_LEN - 1] = '\0';
	settle(name, 100);
	is_text(places(name), "0 connected known", "63 bytes");
	strcpy(cut, name);
	cut[RW_NAME_LEN - 2] = 'x';
	come(cut, 200);
	after(RW_SECOND);
	is_text(places(cut), "1 connected", "all of which count");
	is_text(places(name), "0 connected known", "also here");
	leave(100);
	after(RW_SECOND);
	memset(name, 'n', RW_NAME_LEN);
	is_text(events.events[0].name, table[0].name, "reported whole");
	come(name, 300);
	after(RW_SECOND);
	is_int(of(300)->place, 0, "a name without an end ends there");
	is_int(strlen(table[0].name), RW_NAME_LEN - 1, "and has one in the table");
	after(RW_SECOND);
	is_text(reported(), "", "and is found again");
	ok(rw_replicas_find_gone(table, size, name) == NULL, "not gone");
	leave(300);
	after(RW_SECOND);
	ok(rw_replicas_find_gone(table, size, name) == &table[0], "gone");

	begin("a long address", SIZE);
	memset(come("a", 100)->address, '1', RW_ADDRESS_LEN);
	after(RW_SECOND);
	is_int(strlen(table[0].address), RW_ADDRESS_LEN - 1, "has an end");

	begin("an empty name", SIZE);
	settle("", 100);
	is_text(places(""), "0 connected known", "is a name");
	is_text(reported(), "known ", "reported");
}

/* ----------------------------------------------------------------
 *		A full table
 * ----------------------------------------------------------------
 */

static const char *
numbered(const char *what, int i)
{
	static char name[RW_NAME_LEN];

	snprintf(name, sizeof(name), "%s%d", what, i);
	return name;
}

static void
test_full(void)
{
	int			followed = 0;
	int			first_unfollowed;
	uint32		generation;

	begin("seventy replicas in sixty-four places", SIZE);
	for (int i = 0; i < 70; i++)
		come(numbered("r", i), 1000 + i);
	after(RW_SECOND);
	for (int i = 0; i < 70; i++)
		followed += seen[i].place >= 0;
	is_int(followed, 64, "so many are followed");
	is_int(of(1063)->place, 63, "those that came first");
	is_int(of(1064)->place, -1, "and no others");
	is_int(contradictions(), 0, "no contradictions");
	after(KNOWN_AFTER);
	is_int(events.nevents, 64, "known they are too");

	generation = table[10].generation;
	leave(1010);
	after(RW_SECOND);
	is_text(reported(), "gone r10, evicted r10",
			"one that is gone makes room at once");
	is_int(of(1064)->place, 10, "for the first that waits");
	is_text(table[10].name, "r64", "under its own name");
	is_int(table[10].generation, generation + 1, "as another replica");
	is_int(of(1065)->place, -1, "the next one waits on");
	is_int(contradictions(), 0, "no contradictions");

	come("r10", 2010);
	after(RW_SECOND);
	is_int(of(2010)->place, -1, "one that comes back has to wait as well");
	is_text(reported(), "", "no event");

	begin("which one makes room", 4);
	for (int i = 0; i < 4; i++)
		settle(numbered("r", i), 100 + i);
	leave(102);
	after(RW_SECOND);
	leave(100);
	after(RW_SECOND);
	leave(101);
	after(RW_SECOND);
	come("new1", 201);
	after(RW_SECOND);
	is_text(reported(), "evicted r2", "the one that has been gone longest");
	is_int(of(201)->place, 2, "its place");
	come("new2", 202);
	come("new3", 203);
	come("new4", 204);
	after(RW_SECOND);
	is_text(reported(), "evicted r0, evicted r1", "then in this order");
	is_int(of(204)->place, -1, "until all are connected");
	is_text(places("r3"), "3 connected known", "the others are left alone");
	is_int(contradictions(), 0, "no contradictions");

	begin("one that comes back goes first", 2);
	settle("a", 100);
	settle("b", 200);
	leave(100);
	after(RW_SECOND);
	come("new", 300);
	come("a", 400);
	after(RW_SECOND);
	is_text(reported(), "back a", "before a new one");
	is_int(of(400)->place, 0, "in its place");
	is_int(of(300)->place, -1, "for which there is no room then");

	begin("a place that is free", 2);
	settle("a", 100);
	leave(100);
	come("b", 200);
	after(RW_SECOND);
	is_text(reported(), "gone a", "none is evicted");
	is_int(of(200)->place, 1, "as long as there is one");

	begin("one that has expired", 1);
	settle("a", 100);
	leave(100);
	after(RW_SECOND);
	come("b", 200);
	after(RW_DAY);
	is_text(reported(), "expired a", "makes room before it is evicted");
	is_text(places("b"), "0 connected", "there");

	begin("a connection that is not followed", 2);
	settle("a", 100);
	settle("b", 200);
	come("a", 300);
	after(RW_SECOND);
	is_int(of(300)->place, -1, "of a name that is");
	leave(100);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "takes over when that ends");
	is_int(of(300)->place, 0, "there");

	begin("no places", 0);
	come("a", 100);
	after(RW_SECOND);
	is_int(of(100)->place, -1, "none is followed");
	is_text(reported(), "", "no event");

	begin("generations", 1);
	settle("a", 100);
	generation = table[0].generation;
	ok(generation != 0, "not 0");
	leave(100);
	come("a", 101);
	after(RW_SECOND);
	is_int(table[0].generation, generation, "the same replica");
	rw_replicas_forget(table, size, "a");
	leave(101);
	after(RW_SECOND);
	is_int(table[0].used, false, "a place that is unused");
	come("a", 102);
	after(RW_SECOND);
	is_int(table[0].generation, generation + 1, "another one, of that name");
	leave(102);
	come("b", 103);
	after(RW_SECOND);
	is_int(table[0].generation, generation + 2, "another name");
	table[0].generation = PG_UINT32_MAX;
	leave(103);
	after(RW_SECOND);
	come("c", 104);
	after(RW_SECOND);
	is_int(table[0].generation, 1, "0 is left out");

	section("more events than are reported");

	begin("two hundred become known", 300);
	for (int i = 0; i < 200; i++)
		come(numbered("r", i), 1000 + i);
	after(RW_SECOND);
	after(KNOWN_AFTER);
	is_int(events.nevents, RW_REPLICA_MAX_EVENTS, "so many are reported");
	is_text(events.events[RW_REPLICA_MAX_EVENTS - 1].name, "r127", "in order");
	is_text(places("r199"), "199 connected known", "all are known");
	after(RW_SECOND);
	is_int(events.nevents, 0, "the rest is not reported later");

	/* 300 wait for 200 places, so that all is full. */
	first_unfollowed = nseen;
	for (int i = 0; i < 200; i++)
		come(numbered("s", i), 2000 + i);
	after(RW_SECOND);
	followed = 0;
	for (int i = first_unfollowed; i < nseen; i++)
		followed += seen[i].place >= 0;
	is_int(followed, 100, "what there is room for");
	is_int(contradictions(), 0, "no contradictions");
}

/* ----------------------------------------------------------------
 *		Forgetting
 * ----------------------------------------------------------------
 */

static void
test_cut(void)
{
	begin("timelines part", SIZE);
	settle("gone", 100);
	settle("here", 200);
	settle("behind", 300);
	replay(100, 5000);
	replay(200, 5000);
	after(RW_SECOND);
	leave(100);
	after(RW_SECOND);

	rw_replicas_cut(table, SIZE, 3000);
	is_uint(rw_replicas_find_gone(table, SIZE, "gone")->position, 3000,
			"a gone one is where they part");
	is_uint(rw_replicas_find_gone(table, SIZE, "gone")->replay, 5000,
			"what it has reported is shown as it was");
	is_uint(rw_replicas_find_pid(table, SIZE, 300)->position, 1000,
			"one that is behind stays there");

	replay(300, 6000);
	after(RW_SECOND);
	leave(200);
	leave(300);
	after(RW_SECOND);
	is_uint(rw_replicas_find_gone(table, SIZE, "behind")->position, 6000,
			"what was replayed since is the new timeline's");
}

static void
test_forgetting(void)
{
	begin("age", SIZE);
	settle("a", 100);
	leave(100);
	after(RW_SECOND);
	after(RW_DAY - 1);
	is_text(places("a"), "0 gone known", "not quite a day");
	after(1);
	is_text(places("a"), "", "a day");
	is_text(reported(), "expired a", "reported");
	come("a", 200);
	after(RW_SECOND);
	is_text(places("a"), "0 connected", "it has to become known again");

	begin("back at the last moment", SIZE);
	settle("a", 100);
	leave(100);
	after(RW_SECOND);
	come("a", 200);
	after(RW_DAY);
	is_text(reported(), "back a", "is back");

	begin("never", SIZE);
	forget_after = 0;
	settle("a", 100);
	leave(100);
	after(RW_SECOND);
	after(10000 * RW_DAY);
	is_text(places("a"), "0 gone known", "if forget_after is 0");

	begin("connected replicas", SIZE);
	settle("a", 100);
	after(100 * RW_DAY);
	is_text(places("a"), "0 connected known", "do not age");

	begin("time in which nobody watched", SIZE);
	settle("a", 100);
	leave(100);
	after(RW_SECOND);
	after(RW_DAY / 2);
	next_round(100 * RW_DAY, true);
	is_text(places("a"), "0 gone known", "does not count");
	next_round(100 * RW_DAY, true);
	after(RW_DAY / 2 - 1);
	is_text(places("a"), "0 gone known", "how often ever");
	after(1);
	is_text(places("a"), "", "the day is over when it was watched");
	come("b", 200);
	after(RW_SECOND);
	replay(200, 1000);
	after(RW_MINUTE / 2);
	next_round(RW_DAY, true);
	is_text(places("b"), "0 connected", "nor towards becoming known");
	is_int(table[0].replay_rate.npoints, 1, "the rate begins anew");
	after(RW_MINUTE / 2 - 1);
	is_text(places("b"), "0 connected", "for as long");
	after(1);
	is_text(places("b"), "0 connected known", "which goes on then");
	next_round(RW_DAY, true);
	is_text(places("b"), "0 connected known", "and stays");
	leave(200);
	next_round(10 * RW_DAY, true);
	is_text(places("b"), "0 gone known", "one that has left in a gap");
	after(RW_DAY - 1);
	is_text(places("b"), "0 gone known", "is gone since the end of that");
	after(1);
	is_text(places("b"), "", "and forgotten a day later");

	begin("time during which the server was down", SIZE);
	forget_after = RW_DAY;
	settle("a", 100);
	leave(100);
	after(RW_SECOND);
	table[0].unwatched = RW_HOUR;
	after(RW_DAY);
	is_text(places("a"), "0 gone known", "does not count");
	after(RW_HOUR - 1);
	is_text(places("a"), "0 gone known", "all of it");
	table[0].unwatched = 2 * RW_HOUR;
	come("a", 101);
	after(RW_HOUR);
	is_int(table[0].unwatched, 0, "it is over once it is back");
	leave(101);
	after(RW_SECOND);
	after(RW_DAY);
	is_text(places("a"), "", "and counts no more");

	begin("slots", SIZE);
	settle("a", 100);
	of(100)->has_slot = true;
	after(RW_SECOND);
	leave(100);
	after(RW_SECOND);
	after(100 * RW_DAY);
	is_text(places("a"), "0 gone known", "keep from being forgotten");
	rw_replicas_slot_dropped(table, size, "b");
	after(RW_SECOND);
	is_text(places("a"), "0 gone known", "another's slot does not matter");
	rw_replicas_slot_dropped(table, size, "a");
	is_text(places("a"), "0 gone known", "its slot is dropped");
	after(0);
	is_text(reported(), "expired a", "it ages like others");

	begin("slots of the connected", SIZE);
	come("a", 100)->has_slot = true;
	after(RW_SECOND);
	rw_replicas_slot_dropped(table, size, "a");
	ok(table[0].has_slot, "are what is seen");

	begin("forgetting on purpose", SIZE);
	ok(!rw_replicas_forget(table, size, "a"), "no replica of that name");
	settle("a", 100);
	settle("b", 200);
	leave(100);
	after(RW_SECOND);
	ok(!rw_replicas_forget(table, size, "c"), "no replica of that name");
	ok(rw_replicas_find_gone(table, size, "a") == &table[0], "gone");
	ok(rw_replicas_forget(table, size, "a"), "one that is gone");
	is_text(places("a"), "", "leaves nothing behind");
	ok(rw_replicas_find_gone(table, size, "a") == NULL, "not even gone");
	ok(!rw_replicas_forget(table, size, "a"), "only once");
	is_text(places("b"), "1 connected known", "others stay");
	come("a", 300);
	after(RW_SECOND);
	is_text(reported(), "", "when it comes it is new");
	ok(!rw_replicas_forget(table, size, "a"), "one that is not known");
	after(KNOWN_AFTER);
	is_text(reported(), "known a", "goes on");

	ok(rw_replicas_forget(table, size, "b"), "one that is connected");
	is_text(places("b"), "1 connected", "is no longer known");
	after(RW_SECOND);
	after(KNOWN_AFTER - 1);
	is_text(places("b"), "1 connected", "has to stream");
	after(1);
	is_text(reported(), "known b", "for all of the time");

	begin("forgetting one with a dead connection", SIZE);
	settle("a", 100);
	come("a", 200);
	after(RW_SECOND);
	after(KNOWN_AFTER);
	ok(rw_replicas_forget(table, size, "a"), "it was known");
	after(RW_SECOND);
	is_text(places("a"), "0 connected, 1 connected", "neither is known");
	leave(100);
	after(RW_SECOND);
	is_text(places("a"), "1 connected", "nothing is inherited");

	begin("forgetting a shared name", SIZE);
	settle("a", 100);
	come("a", 200);
	after(RW_SECOND);
	reply(100);
	reply(200);
	after(RW_SECOND);
	ok(!rw_replicas_forget(table, size, "a"), "no connection of it is known");
}

static void
test_finding(void)
{
	begin("finding", SIZE);
	settle("a", 100);
	settle("b", 200);
	ok(rw_replicas_find_pid(table, size, 100) == &table[0], "a process");
	ok(rw_replicas_find_pid(table, size, 200) == &table[1], "another");
	ok(rw_replicas_find_pid(table, size, 201) == NULL, "no such process");
	ok(rw_replicas_find_pid(table, size, 0) == NULL, "no process");
	ok(rw_replicas_find_gone(table, size, "a") == NULL, "connected");
	leave(100);
	after(RW_SECOND);
	ok(rw_replicas_find_pid(table, size, 100) == NULL, "process gone");
	ok(rw_replicas_find_pid(table, size, 0) == NULL, "still no process");
	ok(rw_replicas_find_gone(table, size, "a") == &table[0], "gone");
	ok(rw_replicas_find_gone(table, size, "b") == NULL, "connected");
	ok(rw_replicas_find_gone(table, size, "c") == NULL, "no such name");
}

/* ----------------------------------------------------------------
 *		Whose connection is it?
 * ----------------------------------------------------------------
 */

#define FORK			5000

/* This server has left timeline 1. */
static void
leave_timeline_1(void)
{
	timeline.nentries = 2;
	timeline.entries[0].end = FORK;
	timeline.entries[1] = (RwTimelineEntry) {2, PG_UINT64_MAX};
	own.tli = 2;
}

/* A connection that has ended, and was the one of this process. */
static RwSeenEnd *
note_end(const char *application_name, int pid)
{
	RwSeenEnd  *end = &ended[nended++];

	memset(end, 0, sizeof(RwSeenEnd));
	strcpy(end->application_name, application_name);
	strcpy(end->address, "192.0.2.1");
	end->pid = pid;
	return end;
}

static void
use_slot(RwSeen *it, const char *slot_name)
{
	strcpy(it->name, slot_name);
	strcpy(it->slot_name, slot_name);
	it->has_slot = true;
}

static void
test_visitors(void)
{
	RwReplica	before;
	int			attempts;

	begin("connections that are nobody's", SIZE);
	settle("a", 100);
	leave(100);
	after(RW_SECOND);
	before = table[0];

	start("a", 101)->streaming = false;
	after(RW_SECOND);
	of(101)->streaming = true;
	of(101)->sent = 2000;
	reply(101);
	after(RW_MINUTE);
	after(RW_MINUTE);
	is_text(places("a"), "0 gone known, 1 connected",
			"one that never reports a position is not the replica");
	is_text(reported(), "", "no event");
	leave(101);
	after(RW_SECOND);
	start("a", 102)->streaming = false;
	of(102)->sent = of(102)->replay = 900;
	after(RW_SECOND);
	is_text(places("a"), "0 gone known, 1 connected",
			"nor is one that was sent nothing");
	note_end("a", 102)->backup = true;
	leave(102);
	note_end("a", 103)->backup = true;
	after(RW_SECOND);
	ok(memcmp(&table[0], &before, sizeof(RwReplica)) == 0,
	   "nor a base backup: the replica is as it was");

	note_end("b", 104);
	strcpy(note_end("b", 105)->slot_name, "c");
	after(RW_SECOND);
	ok(memcmp(&table[0], &before, sizeof(RwReplica)) == 0,
	   "and so it is after attempts of others");
	is_text(places("b"), "1 gone", "which are counted");
	after(2 * RW_MINUTE);
	is_text(places("b"), "", "for a while");

	section("attempts of its own");
	strcpy(note_end("a", 106)->message, "requested WAL segment is gone");
	after(RW_SECOND);
	ok(!rw_replica_is_refused(&table[0], now), "one may be a restart");
	strcpy(note_end("a", 107)->message, "requested WAL segment has gone");
	after(RW_SECOND);
	ok(rw_replica_is_refused(&table[0], now), "two are not");
	is_text(table[0].refusal, "requested WAL segment has gone",
			"the last one says why");
	is_int(table[0].streamed_at, before.streamed_at, "it has not streamed");
	is_int(table[0].gone_at, before.gone_at, "and is gone since then");

	section("coming back for good");
	come("a", 108);
	after(RW_SECOND);
	is_text(places("a"), "0 gone known, 1 connected",
			"it may be another attempt");
	ok(!table[1].belongs, "and is not the replica's yet");
	after(3 * RW_SECOND - 1);
	is_text(places("a"), "0 gone known, 1 connected", "not for three seconds");
	is_text(reported(), "", "no event");
	ok(rw_replica_is_refused(&table[0], now), "the replica is refused");
	after(1);
	is_text(places("a"), "0 connected known", "then it is");
	is_text(reported(), "back a", "as is said");
	ok(rw_replica_streams(&table[0], now), "it streams");
	after(RW_SECOND);
	is_int(table[0].streamed_at, now, "which counts");
	leave(108);
	attempts = rw_attempts_count(&table[0].attempts, now);
	note_end("a", 108);
	after(RW_SECOND);
	is_int(rw_attempts_count(&table[0].attempts, now), attempts,
		   "and its end is no failure");
	come("a", 109);
	after(RW_SECOND);
	is_text(places("a"), "0 gone known, 1 connected", "another attempt, maybe");
	replay(109, 1500);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "getting further counts at once");
	ok(rw_replica_streams(&table[0], now), "it streams");
}

/* A visitor under the name of an expected replica that is there. */
static void
test_visitor_of_expected(void)
{
	uint32		generation;

	begin("a visitor of an expected replica", SIZE);
	settle("a", 100);
	generation = table[0].generation;
	start("a", 101)->streaming = false;
	after(RW_SECOND);
	table[0].expected = table[1].expected = true;
	leave(101);
	reply(100);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "leaves nothing behind");
	is_int(table[0].generation, generation, "the replica keeps its place");
}

/* Replica a, in place 0 and known, goes, and is refused. */
static void
refuse_a(void)
{
	leave(100);
	after(RW_SECOND);
	note_end("a", 101);
	note_end("a", 102);
	after(RW_SECOND);
}

static void
test_back_from_refusal(void)
{
	begin("a refused replica that catches up", SIZE);
	settle("a", 100);
	refuse_a();
	ok(rw_replica_is_refused(&table[0], now), "is refused");
	start("a", 103)->streaming = false;
	replay(103, 2000);
	after(RW_SECOND);
	for (int i = 1; i <= 3; i++)
	{
		is_text(places("a"), "0 gone known, 1 connected",
				"it may be another attempt");
		note_end("a", 200 + i);
		replay(103, 2000 + 100 * i);
		after(RW_SECOND);
	}
	is_text(places("a"), "0 connected known",
			"after three seconds, and further on, it is back");
	ok(!rw_replica_streams(&table[0], now), "though it does not stream yet");

	begin("a refused replica that was rebuilt from an older backup", SIZE);
	settle("a", 100);
	replay(100, 50000);
	after(RW_SECOND);
	refuse_a();
	start("a", 103)->streaming = false;
	for (int i = 0; i <= 3; i++)
	{
		note_end("a", 200 + i);
		replay(103, 2000 + 100 * i);
		after(RW_SECOND);
	}
	is_text(places("a"), "0 connected known", "is back, though further back");

	begin("a refused replica that had replayed more than it reported", SIZE);
	settle("a", 100);
	refuse_a();
	start("a", 103)->streaming = false;
	for (int i = 1; i <= 5; i++)
	{
		of(103)->replay = 1500;
		of(103)->sent = of(103)->write = of(103)->flush = 2000 + 100 * i;
		reply(103);
		after(RW_SECOND);
	}
	is_text(places("a"), "0 gone known, 1 connected",
			"is not back for that alone");

	begin("an attempt that is sent WAL from the start of a segment on", SIZE);
	settle("a", 100);
	refuse_a();
	start("a", 103)->streaming = false;
	of(103)->replay = table[0].position;
	of(103)->sent = table[0].position - 100;
	reply(103);
	after(200 * RW_MS);
	of(103)->streaming = true;
	of(103)->sent = 2000;
	reply(103);
	after(200 * RW_MS);
	is_text(places("a"), "0 gone known, 1 connected", "gets no further by it");

	begin("a refused replica that gets no further", SIZE);
	settle("a", 100);
	refuse_a();
	start("a", 103)->streaming = false;
	of(103)->replay = table[0].position;
	for (int i = 1; i <= 20; i++)
	{
		of(103)->sent = of(103)->write = of(103)->flush = 2000 + 100 * i;
		reply(103);
		after(RW_SECOND);
	}
	is_text(places("a"), "0 gone known, 1 connected",
			"is not back, however much it is sent");

	begin("a refused replica in a full table", 3);
	settle("a", 100);
	settle("b", 110);
	settle("c", 120);
	leave(110);
	after(RW_SECOND);
	refuse_a();
	come("a", 103);
	after(RW_SECOND);
	is_text(reported(), "back a", "takes its own place");
	is_text(places("b"), "1 gone known", "and nobody else's");
	leave(103);
	note_end("a", 103);
	after(RW_SECOND);
	is_text(places("a"), "0 gone known", "it is known after the attempt");

	begin("a refused replica that catches up, in a full table", 3);
	settle("a", 100);
	settle("b", 110);
	settle("c", 120);
	leave(110);
	after(RW_SECOND);
	refuse_a();
	start("a", 103)->streaming = false;
	after(RW_SECOND);
	is_text(places("a"), "0 gone known", "is not followed before it replies");
	replay(103, 2000);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "then in its own place");
	is_text(places("b"), "1 gone known", "and in nobody else's");

	begin("a newcomer that takes the last place", 3);
	settle("a", 100);
	settle("c", 120);
	refuse_a();
	come("n", 130);
	come("a", 103);
	after(RW_SECOND);
	is_text(reported(), "back a", "leaves the refused replica its own");

	begin("a refused replica that is expected, in a full table", 2);
	settle("a", 100);
	settle("c", 120);
	table[0].expected = true;
	refuse_a();
	come("a", 103);
	after(RW_SECOND);
	is_text(reported(), "back a", "takes its own place, too");
}

/*
 * Rounds of a refused replica, which either only tries, in connections of less
 * than three seconds that bring it no further, or is really back, and gets
 * further in each round.  Others try under its name.  Returns in how many runs
 * it was taken for what it is not.
 */
static int
count_mistaken(bool tries)
{
	uint64		random = 4711;
	int			mistaken = 0;

	for (int run = 0; run < 300; run++)
	{
		RwSeen	   *it = NULL;
		RwTime		begun = 0;
		uint64		position = 20000;
		int			pid = 1000;

		begin(tries ? "tries" : "is back", SIZE);
		settle("a", 100);
		replay(100, position);
		after(RW_SECOND);
		refuse_a();
		for (int step = 0; step < 60; step++)
		{
			RwTime		time = (100 + next_random(&random) % 400) * RW_MS;

			if (next_random(&random) % 4 == 0)
			{
				note_end("a", 5000 + step)->sent = 60000;
				ended[nended - 1].replay = next_random(&random) % 2 * 60000;
			}
			if (it != NULL && tries && now + time - begun >= 2900 * RW_MS)
			{
				note_end("a", pid);
				leave(pid);
				it = NULL;
			}
			else if (it == NULL)
			{
				it = start("a", ++pid);
				begun = now;
				it->streaming = next_random(&random) % 2;
				it->sent = position + next_random(&random) % 3000 -
					(it->streaming ? 0 : 5000);
				it->replay = next_random(&random) % 2 * position;
				reply(pid);
			}
			else
			{
				it = of(pid);
				it->streaming |= next_random(&random) % 4 == 0;
				if (!tries)
					position += 1 + next_random(&random) % 500;
				it->sent = Max(it->sent, position) +
					next_random(&random) % 1000;
				it->write = it->flush = it->sent;
				it->replay = position;
				reply(pid);
			}
			after(time);
			if (tries ? table[0].connected :
				now - begun > 5 * RW_SECOND && !table[0].connected)
			{
				mistaken++;
				break;
			}
		}
	}
	return mistaken;
}

static void
test_tries(void)
{
	is_int(count_mistaken(true), 0, "a replica that only tries is not back");
	is_int(count_mistaken(false), 0, "one that is back is back within 5 s");
}

static void
test_returning(void)
{
	uint32		generation;

	begin("without its slot", SIZE);
	use_slot(come("standby1", 100), "slot1");
	after(RW_SECOND);
	after(KNOWN_AFTER);
	generation = table[0].generation;
	leave(100);
	after(RW_SECOND);
	is_text(places("slot1"), "0 gone known", "known by its slot");
	come("standby1", 101);
	after(RW_SECOND);
	is_text(places("standby1"), "0 connected known",
			"known by its application_name");
	is_text(places("slot1"), "", "and no longer gone");
	is_text(reported(), "back standby1", "reported");
	is_int(table[0].generation, generation, "it is the same replica");
	leave(101);
	after(RW_SECOND);
	use_slot(come("standby1", 102), "slot1");
	after(RW_SECOND);
	is_text(places("slot1"), "0 connected known", "and with its slot again");
	is_text(places("standby1"), "", "under one name only");

	begin("without a position at first", SIZE);
	use_slot(come("standby1", 100), "slot1");
	after(RW_SECOND);
	after(KNOWN_AFTER);
	leave(100);
	after(RW_SECOND);
	start("standby1", 101)->streaming = false;
	after(RW_SECOND);
	is_text(places("slot1"), "0 gone known", "is still gone");
	is_text(places("standby1"), "1 connected", "beside a connection");
	replay(101, 1000);
	after(RW_SECOND);
	is_text(places("slot1"), "", "until it is sent WAL, and replies");
	is_text(places("standby1"), "0 connected known", "in its place");
	is_int(table[0].streamed_at, now - 2 * RW_SECOND - RW_SECOND,
		   "though it does not stream yet");

	begin("two of one application_name", SIZE);
	use_slot(come("same", 100), "slot1");
	use_slot(come("same", 200), "slot2");
	after(RW_SECOND);
	after(KNOWN_AFTER);
	leave(100);
	leave(200);
	after(RW_SECOND);
	come("same", 300);
	after(RW_SECOND);
	is_text(places("slot1"), "0 gone known", "neither the one");
	is_text(places("slot2"), "1 gone known", "nor the other");
	is_text(places("same"), "2 connected", "is a third");

	begin("two of one application_name, both here", SIZE);
	use_slot(come("same", 100), "slot1");
	after(RW_SECOND);
	after(KNOWN_AFTER);
	come("same", 200);
	after(RW_SECOND);
	reply(100);
	reply(200);
	after(RW_SECOND);
	leave(100);
	after(RW_SECOND);
	is_text(places("slot1"), "0 gone known", "the one is gone");
	is_text(places("same"), "1 connected", "and the other does not replace it");
	after(KNOWN_AFTER);
	is_text(places("same"), "1 connected known", "but is known by itself");

	begin("two of one application_name, which are not known", SIZE);
	use_slot(come("same", 100), "slot1");
	after(RW_SECOND);
	after(KNOWN_AFTER);
	come("same", 200);
	come("same", 300);
	after(RW_SECOND);
	reply(200);
	reply(300);
	after(RW_SECOND);
	leave(100);
	after(RW_SECOND);
	is_text(places("slot1"), "0 gone known", "do not replace a third");
	is_text(places("same"), "1 connected shared, 2 connected shared",
			"but share the name");

	begin("without its slot, beside its own dead connection", SIZE);
	use_slot(come("standby1", 100), "slot1");
	after(RW_SECOND);
	after(KNOWN_AFTER);
	come("standby1", 200);
	after(RW_SECOND);
	for (int i = 0; i < 3; i++)
	{
		reply(200);
		after(KNOWN_AFTER);
	}
	is_text(places("standby1"), "1 connected", "is not known twice");
	leave(100);
	after(RW_SECOND);
	is_text(places("standby1"), "0 connected known", "and takes its place");
	is_text(places("slot1"), "", "once that ends");

	begin("without a name of its own", SIZE);
	use_slot(come("walreceiver", 100), "slot1");
	after(RW_SECOND);
	after(KNOWN_AFTER);
	leave(100);
	after(RW_SECOND);
	come("walreceiver", 101);
	after(RW_SECOND);
	is_text(places("slot1"), "0 gone known", "it can't be told who it is");
}

static void
test_parted(void)
{
	begin("a replica that has diverged", SIZE);
	settle("a", 100);
	leave_timeline_1();
	replay(100, FORK - 100);
	after(RW_SECOND);
	of(100)->sent = FORK;
	of(100)->replay = FORK + 10;
	reply(100);
	after(RW_SECOND);
	is_int(table[0].parted, RW_DIVERGED, "is seen to");
	is_uint(table[0].mark, FORK, "where");
	is_uint(table[0].position, FORK, "counts up to there");
	is_uint(table[0].replay, FORK + 10, "whatever it reports");
	ok(!rw_replica_streams(&table[0], now), "does not stream any more");
	is_int(table[0].streamed_at, now - RW_SECOND, "since then");
	leave(100);
	after(RW_HOUR);
	is_int(table[0].parted, RW_DIVERGED, "remains so while it is gone");
	come("a", 101);
	of(101)->sent = FORK;
	of(101)->replay = FORK + 10;
	after(RW_SECOND);
	is_int(table[0].parted, RW_DIVERGED, "and when it is back");
	leave(101);
	after(RW_SECOND);
	replay((come("a", 102), 102), FORK + 500);
	after(RW_SECOND);
	is_int(table[0].parted, RW_NOT_PARTED, "until it follows this server");
	is_uint(table[0].position, FORK + 500, "then all of it counts");

	begin("one that is not known yet", SIZE);
	leave_timeline_1();
	come("a", 100);
	of(100)->sent = FORK;
	of(100)->replay = FORK + 10;
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "is known at once");
	ok(rw_replicas_forget(table, size, "a"), "and can be forgotten");
	is_int(table[0].parted, RW_NOT_PARTED, "with that");

	begin("one that is known, and does not reply at first", SIZE);
	settle("a", 100);
	use_slot(come("b", 200), "slot2");
	after(RW_SECOND);
	after(KNOWN_AFTER);
	leave_timeline_1();
	leave(100);
	leave(200);
	after(RW_SECOND);
	start("a", 101)->sent = FORK;
	start("b", 201)->sent = FORK;
	after(RW_SECOND);
	of(101)->replay = of(201)->replay = FORK + 10;
	reply(101);
	reply(201);
	after(RW_SECOND);
	is_text(places("a"), "0 connected known", "is the same");
	is_text(places("b"), "1 connected known", "under another name, too");
	ok(table[0].parted && table[1].parted, "and has diverged");
	is_int(contradictions(), 0, "no contradictions");

	begin("one that no round has ever seen", SIZE);
	leave_timeline_1();
	note_end("a", 100)->start = FORK + 1;
	ended[0].start_tli = 1;
	note_end("b", 101)->sent = FORK;
	ended[1].replay = FORK + 5;
	note_end("c", 102)->sent = FORK;
	ended[2].replay = FORK;
	after(RW_SECOND);
	is_text(places("a"), "0 gone", "that has asked for too much, once");
	note_end("a", 103)->start = FORK + 1;
	ended[0].start_tli = 1;
	after(RW_SECOND);
	is_text(places("a"), "0 gone known", "that has asked for too much");
	is_int(table[0].parted, RW_DIVERGED, "has diverged");
	is_text(places("b"), "1 gone known", "that has replayed too much");
	is_int(table[1].parted, RW_DIVERGED, "likewise");
	is_int(contradictions(), 0, "no contradictions");

	begin("one that stays on a timeline that was left", SIZE);
	settle("a", 100);
	leave_timeline_1();
	leave(100);
	note_end("a", 100)->sent = FORK;
	ended[0].replay = FORK;
	after(RW_SECOND);
	is_int(table[0].parted, RW_NOT_PARTED, "may be about to follow");
	note_end("a", 101)->sent = FORK;
	ended[0].replay = FORK;
	after(5 * RW_SECOND);
	is_int(table[0].parted, RW_NOT_PARTED, "also five seconds later");
	note_end("a", 102)->sent = FORK;
	ended[0].replay = FORK;
	after(5 * RW_SECOND);
	is_int(table[0].parted, RW_LEFT_BEHIND, "comes again for nothing");
	is_uint(table[0].mark, FORK, "there");
	replay((come("a", 103), 103), FORK + 100);
	after(RW_SECOND);
	is_int(table[0].parted, RW_NOT_PARTED, "follows at last");

	begin("one that comes past the same fork twice", SIZE);
	settle("a", 100);
	leave_timeline_1();
	for (int i = 0; i < 2; i++)
	{
		leave(100 + i);
		note_end("a", 100 + i)->sent = FORK;
		ended[0].replay = FORK;
		after(RW_SECOND);
		replay((come("a", 101 + i), 101 + i), FORK + 100);
		after(RW_MINUTE);
	}
	is_int(table[0].ended_at_mark, 0, "as after it was rebuilt");
	is_int(table[0].parted, RW_NOT_PARTED, "is not left behind");

	begin("one whose dead connection ends later", SIZE);
	settle("a", 100);
	leave_timeline_1();
	timeline.entries[1].end = FORK + 1000;
	timeline.entries[timeline.nentries++] =
		(RwTimelineEntry) {3, PG_UINT64_MAX};
	own.tli = 3;
	leave(100);
	after(RW_SECOND);
	for (int i = 0; i < 4; i++)
	{
		note_end("a", 101 + i)->sent = i != 1 ? FORK + 1000 : FORK;
		ended[0].replay = ended[0].sent;
		after(5 * RW_SECOND);
	}
	is_int(table[0].parted, RW_LEFT_BEHIND, "is left behind");
	is_uint(table[0].mark, FORK + 1000, "where it has got to");

	begin("one that is ahead", SIZE);
	settle("a", 100);
	own.horizon = 1003;
	of(100)->replay = 1100;
	reply(100);
	after(RW_SECOND);
	is_int(table[0].parted, RW_AHEAD, "of a primary that has lost WAL");
	own.horizon = 1200;
	replay(100, 1150);
	after(RW_SECOND);
	is_int(table[0].parted, RW_AHEAD, "remains so when that goes on");
	is_uint(table[0].position, 1003, "and does not get further");

	begin("one that is ahead of a server in recovery", SIZE);
	own.in_recovery = true;
	own.horizon = 1003;
	come("a", 100)->replay = 1100;
	after(RW_SECOND);
	is_int(table[0].parted, RW_AHEAD, "is so for a while");
	is_text(places("a"), "0 connected", "and not known for that");
	own.horizon = 1200;
	replay(100, 1150);
	after(RW_SECOND);
	is_int(table[0].parted, RW_NOT_PARTED, "until the server has got it");
}

/*
 * A replica that connects every five seconds and gets nowhere, in one of
 * several ways.  Rounds see it, or not.  What is known of it after each
 * attempt is written to *log.
 */
enum
{
	NEVER_REPLIES, BROKEN_WAL, DIVERGED_STREAM, LEFT_BEHIND, REFUSED, KINDS
};

#define ATTEMPTS		20
#define LOG_LEN			7

static void
reconnect_in_vain(int kind, uint64 rounds, bool visible,
				  uint64 (*log)[LOG_LEN])
{
	uint64		attempts = 4711 + kind;
	bool		connected = false;
	int			ends_at = 0;
	int			pid = 200;
	int			passed = 0;
	int			next_round = 0;
	RwTime		begun;

	size = SIZE;
	free(table);
	table = calloc(size, sizeof(RwReplica));
	nseen = nended = 0;
	now = START;
	timeline.nentries = 1;
	timeline.entries[0].end = PG_UINT64_MAX;
	own = (RwOwnWal) {HORIZON, false, 1, &timeline, 16777216};
	settle("a", 100);
	leave(100);
	leave_timeline_1();
	after(RW_SECOND);
	begun = now;

	for (int ms = 0; ms < ATTEMPTS * 5000; ms++)
	{
		uint64		sent = 1003 + ms / 1000;
		uint64		replayed = 1000;

		if (kind == DIVERGED_STREAM || kind == LEFT_BEHIND)
			sent = FORK;
		if (kind == DIVERGED_STREAM)
			replayed = FORK + 100;
		else if (kind == LEFT_BEHIND)
			replayed = FORK;
		else if (kind == NEVER_REPLIES || kind == REFUSED)
			sent = replayed = 0;

		if (ms % 5000 == 0)
		{
			ends_at = ms + next_random(&attempts) % 700;
			connected = true;
			if (visible && ms > 0)
			{
				RwSeen	   *it = start("a", ++pid);

				it->streaming = kind != REFUSED;
				it->sent = it->write = it->flush = sent;
				it->replay = replayed;
				it->reply_time = pid;
			}
		}
		if (connected && ms == ends_at)
		{
			RwSeenEnd  *end = note_end("a", pid);

			connected = false;
			end->sent = end->flush = sent;
			end->replay = replayed;
			if (kind == REFUSED)
			{
				end->start = FORK + 64;
				end->start_tli = 1;
			}
			nseen = 0;
		}
		if (ms == next_round)
		{
			after((ms - passed) * RW_MS);
			passed = ms;
			next_round = ms + 100 + next_random(&rounds) % 150;
		}
		if (ms % 5000 == 4999)
		{
			const RwReplica *a = &table[0];
			uint64		values[LOG_LEN] = {a->known, a->connected,
				a->parted, a->mark, a->position, a->streamed_at,
				/* Rounds differ by less than the attempts are apart. */
			(a->progressed_at - begun) / (5 * RW_SECOND)};

			memcpy(log[ms / 5000], values, sizeof(values));
		}
	}
}

static void
test_in_vain(void)
{
	static uint64 unseen[ATTEMPTS][LOG_LEN];
	static uint64 other[ATTEMPTS][LOG_LEN];
	int			different = 0;
	int			refused = 0;
	int			parted = 0;

	begin("a replica that comes again and again in vain", SIZE);
	for (int kind = 0; kind < KINDS; kind++)
	{
		reconnect_in_vain(kind, 1, false, unseen);
		parted += table[0].parted == (RwParted[])
		{
			RW_NOT_PARTED, RW_NOT_PARTED, RW_DIVERGED, RW_LEFT_BEHIND,
				RW_DIVERGED
		}[kind];
		refused += rw_replica_is_refused(&table[0], now);
		for (int rounds = 1; rounds <= 50; rounds++)
		{
			reconnect_in_vain(kind, rounds, true, other);
			different += memcmp(unseen, other, sizeof(unseen)) != 0;
			refused += rw_replica_is_refused(&table[0], now);
		}
	}
	is_int(different, 0, "is what it was, whether or not it was seen");
	is_int(refused, 51 * KINDS, "is refused");
	is_int(parted, KINDS, "and has parted, or has not");
}

/* ----------------------------------------------------------------
 *		Whatever happens
 * ----------------------------------------------------------------
 */

static void
test_at_random(void)
{
	uint64		state = 20260102;
	int			wrong = 0;
	int			counts[RW_REPLICA_EXPIRED + 1] = {0};
	int			pid = 1000;

	begin("whatever happens", 12);
	forget_after = 10 * RW_MINUTE;
	for (int round = 0; round < 100000; round++)
	{
		for (int i = next_random(&state) % 3; i > 0; i--)
		{
			uint64		random = next_random(&state) >> 8;
			int			which = nseen > 0 ? random / 64 % nseen : 0;

			if (random % 64 < 4 && nseen < 15)
			{
				/* Walsenders are not listed in the order of their coming. */
				come(numbered("r", random / 64 % 14), pid++);
				if (nseen > 1)
				{
					RwSeen		last = seen[nseen - 1];

					seen[nseen - 1] = seen[which];
					seen[which] = last;
				}
			}
			else if (nseen == 0)
				continue;
			else if (random % 64 < 8)
				leave(seen[which].pid);
			else if (random % 64 < 12)
				seen[which].streaming = !seen[which].streaming;
			else if (random % 64 < 13)
				rename_to(&seen[which], numbered("r", random / 4096 % 14));
			else if (random % 64 < 14)
				seen[which].has_slot = !seen[which].has_slot;
			else if (random % 64 < 15)
				rw_replicas_forget(table, size, seen[which].name);
			else if (random % 64 < 16)
				rw_replicas_slot_dropped(table, size,
										 numbered("r", random / 4096 % 14));
			else
				replay(seen[which].pid, random);
		}
		after(next_random(&state) % (10 * RW_SECOND));
		wrong += contradictions();
		for (int i = 0; i < events.nevents; i++)
			counts[events.events[i].type]++;
	}
	is_int(wrong, 0, "nothing contradicts");
	for (int i = 0; i <= RW_REPLICA_EXPIRED; i++)
		ok(counts[i] > 50, "all kinds of events were seen");
}

/*
 * Standbys that come and go, with or without their slots, some of them leaving
 * dead connections behind, some of them in vain; that share application_names,
 * get stuck, do not follow this server when it is promoted, and are rewound.
 */
#define STANDBYS		10
#define OF_ONE_NAME		2		/* the last two have the same */

static struct
{
	char		application_name[RW_NAME_LEN];
	char		slot_name[RW_NAME_LEN];
	bool		has_slot;		/* uses its slot */
	bool		left;			/* stays on the timeline before ours */
	int			pid;			/* of its connection; 0: none */
	uint64		replay;
} standbys[STANDBYS];

static uint64 random_state = 20261129;

static uint32
any(uint32 n)
{
	return (next_random(&random_state) >> 8) % n;
}

static uint64
last_fork(void)
{
	return timeline.nentries > 1 ?
		timeline.entries[timeline.nentries - 2].end : 0;
}

static void
note_end_of(int i, int pid)
{
	RwSeenEnd  *end = note_end(standbys[i].application_name, pid);

	if (standbys[i].has_slot)
		strcpy(end->slot_name, standbys[i].slot_name);
	for (int j = 0; j < nseen; j++)
	{
		if (seen[j].pid != pid)
			continue;
		strcpy(end->slot_name, seen[j].slot_name);
		end->sent = seen[j].sent;
		end->flush = seen[j].flush;
		end->replay = seen[j].replay;
	}
}

/* A slot is used by one walsender at a time, dead or not. */
static bool
is_in_use(int i)
{
	for (int j = 0; j < nseen && standbys[i].has_slot; j++)
	{
		if (strcmp(seen[j].slot_name, standbys[i].slot_name) == 0)
			return true;
	}
	return false;
}

static void
something_happens(int i, int *last_pid)
{
	RwSeen	   *it = standbys[i].pid != 0 ? of(standbys[i].pid) : NULL;

	switch (any(16))
	{
		case 0:
			/* It loses its slot, or is given one. */
			if (it == NULL)
				standbys[i].has_slot = !standbys[i].has_slot;
			break;
		case 1:
			/* An attempt that no round sees. */
			if (it == NULL)
				note_end_of(i, ++*last_pid);
			break;
		case 2:
			/* Its connection is dead; the server has yet to notice. */
			standbys[i].pid = 0;
			break;
		case 3:
		case 4:
			if (it == NULL)
				break;
			note_end_of(i, it->pid);
			leave(it->pid);
			standbys[i].pid = 0;
			break;
		case 5:
			if (standbys[i].left)
			{
				/* It is rewound, or follows at last. */
				standbys[i].left = false;
				standbys[i].replay = last_fork();
				if (it)
					leave(it->pid);
				standbys[i].pid = 0;
			}
			break;
		default:
			if (it == NULL && is_in_use(i))
				note_end_of(i, ++*last_pid);
			else if (it == NULL)
			{
				it = start(standbys[i].application_name, ++*last_pid);
				it->streaming = false;
				standbys[i].pid = it->pid;
				if (standbys[i].has_slot)
					use_slot(it, standbys[i].slot_name);
			}
			if (it == NULL || it->pid == *last_pid)
				break;
			it->sent = standbys[i].left ? last_fork() : own.horizon;
			it->streaming |= any(3) == 0;
			if (any(3) == 0)
				break;
			if (standbys[i].left && any(3) == 0)
				standbys[i].replay += any(100);
			else
				standbys[i].replay = Max(standbys[i].replay, it->sent);
			it->write = it->flush = it->sent;
			it->replay = standbys[i].replay;
			it->reply_time++;
			break;
	}
}

static void
server_goes_on(void)
{
	own.horizon += any(1000);
	if (any(200) != 0 || timeline.nentries > 600)
		return;
	timeline.entries[timeline.nentries - 1].end = own.horizon;
	timeline.entries[timeline.nentries].tli = ++own.tli;
	timeline.entries[timeline.nentries++].end = PG_UINT64_MAX;
	own.horizon += 1 + any(100);
	for (int i = 0; i < STANDBYS; i++)
		standbys[i].left = any(3) == 0;
}

/* Known places of one standby; -1 for one whose name is not its own. */
static int
known_places(int i)
{
	int			n = 0;

	if (i >= STANDBYS - OF_ONE_NAME)
		return -1;
	for (int j = 0; j < size; j++)
		n += table[j].used && table[j].known &&
			strcmp(table[j].application_name,
				   standbys[i].application_name) == 0;
	return n;
}

static void
test_identities(void)
{
	static RwReplica before[SIZE];
	int			contradicting = 0;
	int			streamed = 0;
	int			forgiven = 0;
	int			beyond = 0;
	int			twice = 0;
	int			looked_at[4] = {0};
	int			pid = 1000;

	begin("identities, whatever happens", SIZE);
	forget_after = 0;
	own.horizon = 10000;
	for (int i = 0; i < STANDBYS; i++)
	{
		strcpy(standbys[i].application_name,
			   i < STANDBYS - OF_ONE_NAME ? numbered("s", i) : "same");
		strcpy(standbys[i].slot_name, numbered("slot", i));
		standbys[i].has_slot = any(2);
	}
	for (int round = 0; round < 50000; round++)
	{
		const char *forgotten = "";

		server_goes_on();
		for (int i = any(4); i > 0; i--)
			something_happens(any(STANDBYS), &pid);

		/* A dead connection ends. */
		if (nseen > 0 && any(10) == 0)
		{
			int			dead = any(nseen);

			for (int i = 0; i < STANDBYS && dead >= 0; i++)
			{
				if (standbys[i].pid == seen[dead].pid)
					dead = -1;
			}
			if (dead >= 0)
				leave(seen[dead].pid);
		}
		if (nseen > SIZE - STANDBYS - 10)
		{
			nseen = 0;
			for (int i = 0; i < STANDBYS; i++)
				standbys[i].pid = 0;
		}
		memcpy(before, table, sizeof(before));
		if (any(500) == 0)
		{
			forgotten = before[any(STANDBYS)].name;
			rw_replicas_forget(table, size, forgotten);
		}
		after(any(4) == 0 ? any(20) * RW_SECOND : 100 * RW_MS);

		contradicting += contradictions();
		for (int i = 0; i < STANDBYS; i++)
			twice += known_places(i) > 1;
		for (int i = 0; i < size; i++)
		{
			const RwReplica *was = &before[i];
			const RwReplica *is = &table[i];
			const RwSeen *its = NULL;
			RwReported	reported = {0};

			if (!is->used || !was->used || is->generation != was->generation)
				continue;
			for (int j = 0; j < nseen; j++)
			{
				if (seen[j].place == i)
					its = &seen[j];
			}
			if (its)
				reported = (RwReported) {its->streaming, its->sent,
				its->replay};
			looked_at[0] += is->streamed_at != was->streamed_at;
			streamed += is->streamed_at != was->streamed_at &&
				(its == NULL || !its->streaming || its->replay == 0 ||
				 is->parted != RW_NOT_PARTED);
			looked_at[1] += was->parted != RW_NOT_PARTED;
			beyond += is->parted != RW_NOT_PARTED && is->position > is->mark;
			if (was->parted == RW_NOT_PARTED || is->parted != RW_NOT_PARTED ||
				strcmp(was->name, forgotten) == 0)
				continue;
			looked_at[2]++;
			forgiven += its == NULL ||
				!rw_is_reunited(was->parted, was->mark, &reported, &own);
		}
		looked_at[3] += strstr(reported(), "back") != NULL;
	}
	is_int(contradicting, 0, "nothing contradicts");
	is_int(twice, 0, "no standby is known in two places");
	is_int(streamed, 0, "it has streamed only when it did");
	is_int(beyond, 0, "it does not get beyond its mark");
	is_int(forgiven, 0, "and it has parted until it has our WAL again");
	for (int i = 0; i < lengthof(looked_at); i++)
		ok(looked_at[i] > 100, "the test itself looks at something");
}

/* Which of three connected replicas have parted, given as these bits. */
static uint32
parted_set(int bits)
{
	for (int i = 0; i < 3; i++)
	{
		table[i].used = table[i].connected = true;
		table[i].pid = 1001 + i;
		table[i].parted = bits & (1 << i) ? RW_DIVERGED : RW_NOT_PARTED;
	}
	return rw_replicas_parted(table, size, &own);
}

static void
test_parted_set(void)
{
	int			same = 0;

	begin("which replicas have parted", 8);
	is_uint(parted_set(0), 0, "none");
	for (int a = 0; a < 8; a++)
	{
		for (int b = 0; b < a; b++)
			same += parted_set(a) == parted_set(b);
	}
	is_int(same, 0, "the sets of replicas differ");
	parted_set(1);
	table[0].connected = false;
	is_uint(rw_replicas_parted(table, size, &own), 0,
			"one that is gone is not among them");
	table[0].connected = true;
	table[0].parted = RW_AHEAD;
	ok(rw_replicas_parted(table, size, &own) != 0, "one that is ahead is");
	own.in_recovery = true;
	is_uint(rw_replicas_parted(table, size, &own), 0,
			"but not of a server in recovery");
}

int
main(void)
{
	test_life();
	test_figures();
	test_flapping();
	test_dead_connection();
	test_shared();
	test_processes();
	test_full();
	test_cut();
	test_forgetting();
	test_finding();
	test_visitors();
	test_visitor_of_expected();
	test_back_from_refusal();
	test_tries();
	test_returning();
	test_parted();
	test_in_vain();
	test_at_random();
	test_identities();
	test_parted_set();
	return tap_end();
}
