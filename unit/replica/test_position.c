/*-------------------------------------------------------------------------
 *
 * test_position.c
 *	  Tests of src/replica/position.c.
 *
 * By hand, and then with servers that write, are promoted, follow each other
 * and are rebuilt at random, so that their timelines make a tree.  Between two
 * of them walsenders and receivers are played as core's behave, and what is
 * worked out from what they show is compared with the WAL that both have.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/replica/position.h"
#include "unit/tap.h"

/* ----------------------------------------------------------------
 *		By hand
 * ----------------------------------------------------------------
 */

/* A server on timeline 3, which left timeline 1 at 1000 and 2 at 2000. */
static RwTimeline history = {
	.nentries = 3,
	.entries = {{1, 1000}, {2, 2000}, {3, PG_UINT64_MAX}}
};
static RwTimeline promoted = {
	.nentries = 2,
	.entries = {{1, 2050}, {2, PG_UINT64_MAX}}
};
static RwTimeline no_history;
static RwOwnWal own;

static void
begin(const char *title)
{
	section(title);
	own = (RwOwnWal) {.horizon = 3000,.tli = 3,.timeline = &history,
	.segment_size = 16777216};
}

static uint64
here(bool streaming, uint64 sent, uint64 position, uint64 known)
{
	RwReported	reported = {streaming, sent, position};

	return rw_position_here(&reported, known);
}

static void
test_here(void)
{
	begin("How far the WAL is ours");
	is_uint(here(true, 2500, 2400, 0), 2400, "streaming: what it reports");
	is_uint(here(true, 2500, 2600, 0), 2500, "at most what was sent");
	is_uint(here(true, 2500, 2600, 2550), 2500, "whatever was known before");
	is_uint(here(true, 0, 2600, 0), 0, "nothing was sent");
	is_uint(here(false, 2100, 2400, 0), 2100, "catching up: what was sent");
	is_uint(here(false, 2100, 2400, 2300), 2300, "or was known before");
	is_uint(here(false, 2100, 2400, 2450), 2400, "at most what it reports");
	is_uint(here(false, 2100, 500, 2300), 500, "which may be less by now");
	is_uint(here(false, 2100, 0, 2300), 0, "no position, no position");
}

/* "diverged 1000", or "no". */
static const char *
text_of(RwParted parted, uint64 mark)
{
	static const char *const names[] = {
		[RW_NOT_PARTED] = "no",
		[RW_AHEAD] = "ahead",
		[RW_DIVERGED] = "diverged",
		[RW_LEFT_BEHIND] = "left behind"
	};
	static char text[40];

	if (parted == RW_NOT_PARTED)
		return "no";
	snprintf(text, sizeof(text), "%s %d", names[parted], (int) mark);
	return text;
}

static const char *
live(bool streaming, uint64 sent, uint64 position)
{
	RwReported	reported = {streaming, sent, position};
	uint64		mark = 0;
	RwParted	parted = rw_parted_live(&reported, &own, &mark);

	return text_of(parted, mark);
}

static const char *
at_end(uint64 sent, uint64 replayed)
{
	uint64		mark = 0;
	RwParted	parted = rw_parted_at_end(sent, replayed, &own, &mark);

	return text_of(parted, mark);
}

static const char *
by_request(uint64 start, uint32 tli)
{
	uint64		mark = 0;
	RwParted	parted = rw_parted_by_request(start, tli, &own, &mark);

	return text_of(parted, mark);
}

static void
test_parting(void)
{
	begin("On a live connection");
	is_text(live(true, 3000, 3000), "no", "in step");
	is_text(live(true, 3000, 1), "no", "behind");
	is_text(live(true, 2900, 3000), "ahead 2900", "more than was sent");
	is_text(live(false, 2900, 3000), "no", "while it catches up that is usual");
	is_text(live(true, 3000, 3001), "ahead 3000", "more than there is");
	is_text(live(true, 1000, 1001), "diverged 1000",
			"more than timeline 1 has here");
	is_text(live(true, 1000, 1000), "no", "just what it has");
	is_text(live(true, 2000, 2999), "diverged 2000", "the same of timeline 2");
	is_text(live(true, 0, 100), "no", "nothing was sent");
	is_text(live(true, 3000, 0), "no", "no position");
	own.horizon = 2000;
	is_text(live(true, 2000, 2001), "ahead 2000",
			"a server that is at the beginning of its timeline");
	own.timeline = &no_history;
	own.horizon = 3000;
	is_text(live(true, 1000, 1001), "ahead 1000",
			"without a history there are no forks");

	begin("At the end of a connection");
	is_text(at_end(1000, 1001), "diverged 1000", "beyond the end of timeline 1");
	is_text(at_end(2000, 2001), "diverged 2000", "or 2");
	is_text(at_end(1000, 1000), "left behind 1000", "there");
	is_text(at_end(1000, 999), "no", "not there yet");
	is_text(at_end(1001, 2000), "no", "any other LSN means nothing");
	is_text(at_end(3000, 3001), "no", "nor does the end of the WAL");
	is_text(at_end(0, 100), "no", "nothing was sent");
	is_text(at_end(0, 0), "no", "nor reported");
	own.horizon = 2000;
	is_text(at_end(2000, 2000), "no",
			"a server that is at the beginning of its timeline");
	own.timeline = &no_history;
	is_text(at_end(1000, 1001), "no", "without a history");

	begin("By a request that was refused");
	is_text(by_request(0, 1), "no", "there was none");
	is_text(by_request(3000, 3), "no", "our timeline's end");
	is_text(by_request(3001, 3), "ahead 3000", "beyond that");
	is_text(by_request(3001, 0), "ahead 3000", "without a timeline");
	is_text(by_request(2999, 0), "no", "which is ours then");
	is_text(by_request(999, 1), "no", "before timeline 1 was left");
	is_text(by_request(1000, 1), "left behind 1000", "where it was left");
	is_text(by_request(1001, 1), "diverged 1000", "beyond that");
	is_text(by_request(2001, 2), "diverged 2000", "or timeline 2");
	is_text(by_request(2001, 4), "no", "a timeline that is none of ours");
	own.timeline = &no_history;
	is_text(by_request(1001, 1), "no", "without a history");
	own.tli = 0;
	is_text(by_request(5000, 1), "no", "and a timeline");
}

static bool
reunited(RwParted parted, bool streaming, uint64 sent, uint64 position)
{
	RwReported	reported = {streaming, sent, position};

	return rw_is_reunited(parted, 2000, &reported, &own);
}

static void
test_reunion(void)
{
	begin("Having parted, it is seen to have our WAL again");
	ok(reunited(RW_NOT_PARTED, true, 3000, 3000), "it never had");
	for (RwParted parted = RW_AHEAD; parted <= RW_LEFT_BEHIND; parted++)
		ok(!reunited(parted, true, 3000, 0), "not without a position");

	history.entries[1].end = 1900;
	ok(!reunited(RW_AHEAD, true, 2100, 2100),
	   "ahead: not when other WAL has passed it");
	ok(!reunited(RW_AHEAD, true, 2100, 2001), "nor when it is beyond the mark");
	ok(reunited(RW_AHEAD, true, 2100, 2000), "but back at it");
	history.entries[1].end = 2000;
	own.in_recovery = true;
	ok(reunited(RW_AHEAD, true, 2100, 2100),
	   "ahead of a standby: when that has got the WAL");
	ok(!reunited(RW_AHEAD, true, 2100, 2101), "all of it");
	ok(!reunited(RW_AHEAD, false, 2100, 2100), "and has sent it");
	own.in_recovery = false;
	own.timeline = &promoted;
	ok(reunited(RW_AHEAD, true, 2050, 2050),
	   "or has been promoted, having got it");
	ok(!reunited(RW_AHEAD, true, 2050, 2051), "but not without");
	own.timeline = &history;

	ok(!reunited(RW_DIVERGED, true, 2000, 2001), "diverged: beyond the mark");
	ok(reunited(RW_DIVERGED, true, 2000, 2000), "back at it");
	ok(reunited(RW_DIVERGED, false, 2001, 2100),
	   "or sent what comes after, as after pg_rewind");
	ok(!reunited(RW_LEFT_BEHIND, true, 2000, 2000), "left behind: at the mark");
	ok(reunited(RW_LEFT_BEHIND, true, 2000, 1999), "back before it");
	ok(reunited(RW_LEFT_BEHIND, false, 2001, 2000), "or sent what comes after");
}

/* ----------------------------------------------------------------
 *		At random
 *
 * All numbers are small: a page has 8 bytes, a segment 64.  A record never
 * ends where a page does, and therefore no timeline is left there.
 * ----------------------------------------------------------------
 */

#define PAGE			8
#define SEGMENT			64
#define MAX_TIMELINES	12
#define SERVERS			5

/* A server's WAL: the timelines that lead to its end, oldest first. */
typedef struct Server
{
	int			n;
	RwTimelineEntry wal[MAX_TIMELINES]; /* the last one's end is the end */
	bool		primary;		/* it writes on its last timeline */
	bool		follows;		/* recovery_target_timeline is 'latest' */
} Server;

/* What one server knows of another, as the table of replicas would. */
typedef struct Known
{
	uint64		position;
	RwParted	parted;
	uint64		mark;
} Known;

static Server servers[SERVERS];
static Known known[SERVERS][SERVERS];
static uint32 last_tli;
static uint64 state = 20261128;

/* What went wrong, and what the test has looked at. */
static struct
{
	int			beyond;			/* positions beyond the common WAL */
	int			false_alarm;	/* said to have parted, and has not */
	int			wrong_mark;
	int			unnoticed;		/* has parted, is streamed to, not noticed */
	int			at_horizon;
	int			forgiven;		/* has parted, said to be reunited */
	int			unforgiven;		/* is back and streamed to, still parted */
} wrong;

static struct
{
	int			streamed;
	int			ahead;
	int			diverged_live;
	int			diverged_end;
	int			diverged_request;
	int			left_behind;
	int			reunited;
} seen;

static uint32
any(uint32 n)
{
	return (next_random(&state) >> 8) % n;
}

static uint64 *
end_of(Server *server)
{
	return &server->wal[server->n - 1].end;
}

/* The greatest LSN up to this one at which a record can end. */
static uint64
record_end(uint64 lsn)
{
	return lsn % PAGE == 0 ? lsn - 1 : lsn;
}

/* Up to where have both the same WAL? */
static uint64
common(const Server *a, const Server *b)
{
	uint64		lsn = 0;

	for (int i = 0; i < Min(a->n, b->n) && a->wal[i].tli == b->wal[i].tli; i++)
	{
		lsn = Min(a->wal[i].end, b->wal[i].end);
		if (a->wal[i].end != b->wal[i].end)
			break;
	}
	return lsn;
}

static bool
has_parted(Server *upstream, Server *replica)
{
	return *end_of(replica) > common(upstream, replica);
}

/* Which of its timelines is this?  -1: none. */
static int
find_timeline(const Server *server, uint32 tli)
{
	for (int i = 0; i < server->n; i++)
	{
		if (server->wal[i].tli == tli)
			return i;
	}
	return -1;
}

/* Give a server the WAL of another up to an LSN. */
static void
copy_wal(Server *to, const Server *from, uint64 lsn)
{
	to->n = 0;
	do
	{
		to->wal[to->n] = from->wal[to->n];
	} while (to->wal[to->n++].end < lsn);
	*end_of(to) = lsn;
	to->primary = false;
}

static void
write_wal(Server *server)
{
	*end_of(server) = record_end(*end_of(server) + 2 + any(90));
}

static void
promote(Server *server)
{
	if (server->n == MAX_TIMELINES)
		return;
	server->n++;
	*end_of(server) = server->wal[server->n - 2].end;
	server->wal[server->n - 1].tli = ++last_tli;
	server->primary = true;
	write_wal(server);
}

/* A standby gets WAL from elsewhere, such as the archive. */
static void
catch_up(Server *server, Server *from)
{
	uint64		lsn = *end_of(server);

	if (server->primary || has_parted(from, server) ||
		find_timeline(from, server->wal[server->n - 1].tli) < 0 ||
		*end_of(from) == lsn)
		return;
	lsn = record_end(lsn + 2 + any(*end_of(from) - lsn));
	copy_wal(server, from, Min(lsn, *end_of(from)));
}

static void
own_wal_of(Server *server, RwOwnWal *wal, RwTimeline *timeline)
{
	timeline->nentries = server->n;
	memcpy(timeline->entries, server->wal, sizeof(server->wal));
	timeline->entries[server->n - 1].end = PG_UINT64_MAX;
	wal->horizon = *end_of(server);
	wal->in_recovery = !server->primary;
	wal->tli = server->wal[server->n - 1].tli;
	wal->timeline = timeline;
	wal->segment_size = UINT64CONST(1) << 40;	/* none ends early here */
}

/* It is said to have parted: has it, and there? */
static void
check_parting(Server *upstream, Server *replica, RwParted parted, uint64 mark)
{
	if (parted == RW_LEFT_BEHIND)
		wrong.false_alarm += *end_of(replica) != common(upstream, replica);
	else
		wrong.false_alarm += !has_parted(upstream, replica);
	wrong.wrong_mark += mark != common(upstream, replica);
	seen.ahead += parted == RW_AHEAD;
}

/* A look at a live connection. */
static void
look(int u, int r, bool streaming, uint64 sent, uint64 position)
{
	Server	   *upstream = &servers[u];
	Server	   *replica = &servers[r];
	Known	   *it = &known[u][r];
	RwReported	reported = {streaming, sent, position};
	RwOwnWal	wal;
	RwTimeline	timeline;
	uint64		mark = 0;
	RwParted	parted;
	uint64		counts;

	own_wal_of(upstream, &wal, &timeline);
	if (position == 0)
		return;
	if (it->parted != RW_NOT_PARTED &&
		rw_is_reunited(it->parted, it->mark, &reported, &wal))
	{
		it->parted = RW_NOT_PARTED;

		/* It may have parted from us elsewhere since. */
		wrong.forgiven += has_parted(upstream, replica) &&
			it->mark == common(upstream, replica);
		seen.reunited++;
	}
	parted = rw_parted_live(&reported, &wal, &mark);
	if (parted != RW_NOT_PARTED)
	{
		check_parting(upstream, replica, parted, mark);
		seen.diverged_live += parted == RW_DIVERGED;
		it->parted = parted;
		it->mark = mark;
	}
	counts = rw_position_here(&reported, it->position);
	wrong.beyond += counts > common(upstream, replica);
	it->position = counts;

	if (!streaming)
		return;
	seen.streamed++;
	if (position == *end_of(replica) && has_parted(upstream, replica))
	{
		wrong.unnoticed += it->parted == RW_NOT_PARTED;
		wrong.at_horizon += it->parted == RW_NOT_PARTED &&
			counts == wal.horizon;
	}
	if (!has_parted(upstream, replica) && sent > it->mark)
		wrong.unforgiven += it->parted != RW_NOT_PARTED;
}

static void
connection_ends(int u, int r, uint64 start, uint32 start_tli, uint64 sent,
				uint64 position)
{
	Known	   *it = &known[u][r];
	RwOwnWal	wal;
	RwTimeline	timeline;
	uint64		mark = 0;
	RwParted	parted;

	own_wal_of(&servers[u], &wal, &timeline);
	parted = rw_parted_by_request(start, start_tli, &wal, &mark);
	seen.diverged_request += parted == RW_DIVERGED;
	if (parted == RW_NOT_PARTED)
	{
		parted = rw_parted_at_end(sent, position, &wal, &mark);
		seen.diverged_end += parted == RW_DIVERGED;
	}
	if (parted == RW_NOT_PARTED)
		return;
	check_parting(&servers[u], &servers[r], parted, mark);
	if (parted == RW_LEFT_BEHIND)
	{
		seen.left_behind++;
		if (servers[r].follows)
			return;
	}
	it->parted = parted;
	it->mark = mark;
}

/* One server streams from another for a while. */
static void
stream(int u, int r)
{
	Server	   *upstream = &servers[u];
	Server	   *replica = &servers[r];
	uint32		tli = replica->wal[replica->n - 1].tli;
	int			at = find_timeline(upstream, tli);
	uint64		start = *end_of(replica) / SEGMENT * SEGMENT;
	uint64		sent = start;
	uint64		position = 0;
	bool		streaming = false;

	/* The receiver itself gives up where its timeline is the newer one. */
	if (replica->primary || upstream->wal[upstream->n - 1].tli < tli)
		return;
	if (at < 0 || start > upstream->wal[at].end)
	{
		connection_ends(u, r, start, tli, 0, 0);
		return;
	}

	for (int steps = any(12); steps > 0; steps--)
	{
		bool		historic = at < upstream->n - 1;
		uint64		limit;

		if (!historic && upstream->primary && any(3) == 0)
			write_wal(upstream);
		limit = upstream->wal[at].end;
		if (any(4) != 0)
			sent = (sent / PAGE + 1 + any(5)) * PAGE;
		sent = Min(sent, limit);
		streaming |= sent == limit;

		/* It replays what it was sent, unless it has gone on without. */
		if (sent > *end_of(replica) && any(2) == 0)
			*end_of(replica) = Max(*end_of(replica), record_end(sent));
		if (any(2) == 0)
			position = *end_of(replica);
		look(u, r, streaming, sent, position);

		if (historic && sent == limit && any(3) == 0)
		{
			/* The stream ends, when all has been acknowledged. */
			*end_of(replica) = Max(*end_of(replica), record_end(sent));
			position = *end_of(replica);
			break;
		}
	}
	connection_ends(u, r, 0, 0, sent, position);

	if (replica->follows && at < upstream->n - 1 &&
		*end_of(replica) == upstream->wal[at].end)
	{
		replica->wal[replica->n] = upstream->wal[at + 1];
		replica->n++;
		*end_of(replica) = replica->wal[replica->n - 2].end;
	}
}

/* pg_rewind, or a base backup: it becomes a copy of another server. */
static void
rebuild(int r, int from)
{
	uint64		lsn = *end_of(&servers[from]);
	uint64		back = any(Min(lsn, 100));

	copy_wal(&servers[r], &servers[from], record_end(lsn - back));
	servers[r].follows = any(3) != 0;
	memset(known[r], 0, sizeof(known[r]));

	/*
	 * What it had before counts until it streams.  Should it have come back on
	 * another branch, that is wrong for as long as it catches up.
	 */
	for (int u = 0; u < SERVERS; u++)
		known[u][r].position = 0;
}

static void
test_at_random(void)
{
	begin("Random trees of timelines");
	for (int run = 0; run < 3000; run++)
	{
		memset(known, 0, sizeof(known));
		last_tli = 1;
		servers[0] = (Server) {.n = 1,.wal = {{1, 9 + any(200) * PAGE}},
		.primary = true};
		for (int i = 1; i < SERVERS; i++)
			rebuild(i, 0);
		for (int step = 0; step < 200; step++)
		{
			int			a = any(SERVERS);
			int			b = (a + 1 + any(SERVERS - 1)) % SERVERS;

			switch (any(24))
			{
				case 0:
					if (!servers[a].primary)
						promote(&servers[a]);
					break;
				case 1:
					rebuild(a, b);
					break;
				case 2:
				case 3:
					catch_up(&servers[a], &servers[b]);
					break;
				case 4:
				case 5:
				case 6:
					if (servers[a].primary)
						write_wal(&servers[a]);
					break;
				case 7:
					/* Shut down, and started as a standby. */
					servers[a].primary = false;
					break;
				default:
					stream(a, b);
			}
		}
	}
	is_int(wrong.beyond, 0, "no position counts beyond what both have");
	is_int(wrong.false_alarm, 0, "none is said to have parted that has not");
	is_int(wrong.wrong_mark, 0, "the mark is where both part");
	is_int(wrong.unnoticed, 0, "none that has parted goes unnoticed");
	is_int(wrong.at_horizon, 0, "or is said to be at our horizon");
	is_int(wrong.forgiven, 0, "nor is it forgiven");
	is_int(wrong.unforgiven, 0, "until it has our WAL again");
	ok(seen.streamed > 1000 && seen.ahead > 100 && seen.diverged_live > 100 &&
	   seen.diverged_end > 100 && seen.diverged_request > 100 &&
	   seen.left_behind > 100 && seen.reunited > 100,
	   "the test itself looks at something");
}

int
main(void)
{
	test_here();
	test_parting();
	test_reunion();
	test_at_random();
	return tap_end();
}
