/*-------------------------------------------------------------------------
 *
 * test_told.c
 *	  Tests of src/line/told.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/line/told.h"
#include "unit/tap.h"

#define KEY_A		((uint64) 0x10001)
#define KEY_B		((uint64) 0x20002)

static const RwServerId none;
static const RwServerId own = {{1, 1}};
static const RwServerId upstream = {{2, 2}};
static const RwServerId a = {{10, 10}};
static const RwServerId b = {{11, 11}};

static RwTold below;
static RwTold above;
static RwServer list[RW_TREE_MAX];

static RwServerId
id(uint64 number)
{
	RwServerId	result = {{number, 99}};

	return result;
}

static RwServer
server(RwServerId self, RwServerId parent, uint64 key)
{
	RwServer	result;

	memset(&result, 0, sizeof(result));
	result.id = self;
	result.parent = parent;
	result.key = key;
	result.lag = 5;
	result.streaming_for = 7;
	result.gone_for = 3;
	result.seen_at = 100;
	result.reported_at = 200;
	result.state = RW_STATE_STREAMING;
	strcpy(result.label, "label");
	strcpy(result.host, "10.0.0.1");
	strcpy(result.name, "name");
	strcpy(result.reason_text, "replay has stood still for 3 s");
	return result;
}

static void
begin(void)
{
	memset(&below, 0, sizeof(below));
	memset(&above, 0, sizeof(above));
}

static bool
from_below(uint64 branch, RwServerId peer, uint32 round, RwServer what)
{
	return rw_told_from_below(&below, own, branch, peer, round, &what);
}

static bool
from_above(uint32 round, RwServer what)
{
	return rw_told_from_above(&above, own, round, &what);
}

static int
make_list(void)
{
	return rw_told_list(&below, &above, own, upstream, list);
}

static const RwServer *
find(const RwTold *told, RwServerId self)
{
	for (int i = 0; i < told->number; i++)
	{
		if (rw_server_id_equal(told->entries[i].server.id, self))
			return &told->entries[i].server;
	}
	return NULL;
}

static int
count(const RwTold *told, uint64 branch)
{
	int			n = 0;

	for (int i = 0; i < told->number; i++)
		n += told->entries[i].branch == branch;
	return n;
}

static void
test_replica(void)
{
	const RwServer *found;

	section("what a replica says of itself");
	begin();
	ok(from_below(KEY_A, a, 1, server(a, id(5), 3)), "it is news");
	found = find(&below, a);
	if (!ok(found != NULL, "it counts"))
		return;
	ok(rw_server_id_equal(found->parent, own), "as a replica of this server");
	is_uint(found->key, KEY_A, "under the key of its walsender");
	is_text(found->label, "", "it does not give itself a label");
	is_text(found->host, "", "nor a host");
	is_int(found->state, RW_STATE_STARTUP, "nor a state");
	is_int(found->lag, -1, "nor a lag");
	is_int(found->streaming_for, -1, "nor does it say that it streams");
	is_int(found->gone_for, -1, "nor that it has gone");
	is_int(found->seen_at, RW_NEVER, "nor that anyone has seen it");
	is_text(found->name, "name", "it has a name");
	is_int(found->reported_at, 200, "and has reported");
	ok(!from_below(KEY_A, a, 1, server(a, none, 0)), "again, it is no news");
	is_int(below.number, 1, "nor a second entry");
}

static void
test_branch(void)
{
	RwServer	nobody = server(none, b, 4);

	section("what a replica says of others");
	begin();
	ok(!from_below(KEY_A, a, 1, server(b, a, 1)),
	   "none counts before its parent");
	from_below(KEY_A, a, 1, server(a, none, 0));
	ok(from_below(KEY_A, a, 1, server(b, a, 1)), "one below it does");
	is_int(find(&below, b)->lag, 5, "as its parent sees it");
	ok(from_below(KEY_A, a, 1, nobody), "so does one without an id");
	ok(!from_below(KEY_A, a, 1, nobody), "once");
	ok(!from_below(KEY_A, a, 1, server(own, a, 2)), "this server does not");
	ok(!from_below(KEY_A, a, 1, server(id(3), own, 2)),
	   "nor one that is a replica of this server");
	ok(!from_below(KEY_A, a, 1, server(id(3), none, 0)),
	   "nor one that is nobody's");
	ok(!from_below(KEY_A, a, 1, server(id(3), id(4), 1)),
	   "nor one of a server that was not told");
	ok(!from_below(KEY_A, a, 1, server(none, none, 0)), "nor nothing at all");
	is_int(below.number, 3, "three are known");

	ok(!from_below(KEY_B, id(7), 2, server(id(3), a, 1)),
	   "nor one below another branch");
	from_below(KEY_A, a, 3, server(a, none, 0));
	ok(!from_below(KEY_A, a, 3, server(id(3), b, 1)),
	   "nor one below what this round has not told");
}

static void
test_own_line(void)
{
	section("a server that has a line itself");
	begin();
	from_below(KEY_A, a, 1, server(a, none, 0));
	from_below(KEY_B, b, 2, server(b, none, 0));
	ok(!from_below(KEY_A, a, 1, server(b, a, 1)),
	   "another replica does not speak for it");
	rw_told_end_line(&below, KEY_B);
	ok(from_below(KEY_A, a, 1, server(b, a, 1)),
	   "but does when its own line has ended");
}

static void
test_rounds(void)
{
	section("rounds");
	begin();
	from_below(KEY_A, a, 1, server(a, none, 0));
	from_below(KEY_A, a, 1, server(id(3), a, 1));
	from_below(KEY_A, a, 1, server(id(4), a, 2));
	from_below(KEY_B, b, 2, server(b, none, 0));
	ok(!rw_told_end_round(&below, KEY_A, 1), "all were told");
	from_below(KEY_A, a, 3, server(a, none, 0));
	from_below(KEY_A, a, 3, server(id(4), a, 2));
	ok(rw_told_end_round(&below, KEY_A, 3), "one was left out");
	ok(find(&below, id(3)) == NULL, "it is gone");
	ok(find(&below, id(4)) != NULL && find(&below, a) != NULL,
	   "the others are not");
	ok(find(&below, b) != NULL, "nor is another line's");

	rw_told_end_line(&below, KEY_A);
	is_int(count(&below, KEY_A), 2, "what a line told stays when it ends");
	ok(rw_told_drop(&below, KEY_A), "until it is dropped");
	is_int(below.number, 1, "with all of its branch");
	ok(!rw_told_drop(&below, KEY_A), "once");
}

static void
test_room(void)
{
	section("room");
	begin();
	from_below(KEY_A, a, 1, server(a, none, 0));
	for (int i = 0; i < 2 * RW_TREE_MAX; i++)
		from_below(KEY_A, a, 1, server(id(1000 + i), a, i + 1));
	is_int(below.number, RW_TREE_MAX, "a branch fills the table");
	ok(find(&below, id(1000 + RW_TREE_MAX - 2)) != NULL &&
	   find(&below, id(1000 + RW_TREE_MAX - 1)) == NULL,
	   "with what it told first");

	ok(from_below(KEY_B, b, 2, server(b, none, 0)),
	   "another replica finds room");
	for (int i = 0; i < 2 * RW_TREE_MAX; i++)
		from_below(KEY_B, b, 2, server(id(5000 + i), b, i + 1));
	is_int(below.number, RW_TREE_MAX, "the table stays as it is");
	is_int(count(&below, KEY_A), RW_TREE_MAX / 2, "both have their half");
	is_int(count(&below, KEY_B), RW_TREE_MAX / 2, "of it");
	ok(find(&below, a) != NULL && find(&below, b) != NULL,
	   "with the replicas themselves");
	ok(find(&below, id(1000)) != NULL && find(&below, id(5000)) != NULL,
	   "and what they told first");

	/* A replica that has started again has another id, and comes last. */
	from_below(KEY_B, id(900), 3, server(id(900), none, 0));
	from_below(KEY_A + 1, id(901), 4, server(id(901), none, 0));
	ok(find(&below, id(900)) != NULL && find(&below, id(901)) != NULL,
	   "nor does a replica lose its place to another one");

	/* As many replicas as there is room. */
	for (int i = 2; i < RW_TREE_MAX - 2; i++)
		from_below(i, id(i), i + 1, server(id(i), none, 0));
	is_int(below.number, RW_TREE_MAX, "replicas crowd out all others");
	ok(find(&below, a) != NULL && find(&below, b) != NULL &&
	   find(&below, id(RW_TREE_MAX - 3)) != NULL, "but no replica");
	ok(!from_below(KEY_A, a, 1, server(id(1000), a, 1)) &&
	   !from_below(KEY_B + 1, id(999), 1, server(id(999), none, 0)),
	   "when there are only replicas, none goes");
}

static void
test_above(void)
{
	const RwServer *found;
	int			n;

	section("what the upstream server says");
	begin();
	ok(from_above(1, server(upstream, none, 0)), "it counts");
	ok(from_above(1, server(own, upstream, 9)), "so does this server's place");
	found = find(&above, own);
	is_text(found->label, "label", "as its parent sees it");
	is_int(found->lag, 5, "with its lag");
	is_int(found->gone_for, 3, "and for how long it was gone");
	is_uint(found->key, 9, "and its key");
	is_text(found->name, "", "what it says itself is known here");
	is_int(found->reported_at, RW_NEVER, "and is not from there");
	ok(!from_above(1, server(id(3), own, 1)),
	   "what this server's replicas are, is not taken");
	from_above(1, server(id(4), upstream, 2));
	from_above(1, server(id(5), id(4), 2));
	is_int(make_list(), 4, "all are in the list");

	from_below(KEY_A, a, 2, server(a, none, 0));
	from_below(KEY_A, a, 2, server(id(4), a, 1));
	n = make_list();
	is_int(n, 5, "but not what a line from below has told, too");
	found = NULL;
	for (int i = 0; i < n; i++)
	{
		if (rw_server_id_equal(list[i].id, id(4)))
		{
			ok(found == NULL, "which is there once");
			found = &list[i];
		}
	}
	ok(found && rw_server_id_equal(found->parent, a), "as from below");
	rw_told_end_line(&below, KEY_A);
	is_int(make_list(), 6, "when that line has ended, the later report counts");

	section("what this server is below of");
	begin();
	from_above(1, server(id(3), none, 0));
	from_above(1, server(upstream, id(3), 1));
	from_above(1, server(own, upstream, 9));
	from_below(KEY_A, a, 2, server(a, none, 0));
	from_below(KEY_A, a, 2, server(id(3), a, 1));
	from_below(KEY_B, upstream, 3, server(upstream, none, 0));
	n = make_list();
	is_int(n, 4, "is not below it, whatever is said there");
	for (int i = 0; i < n; i++)
	{
		if (rw_server_id_equal(list[i].id, id(3)))
			ok(rw_server_id_equal(list[i].parent, none), "nor is its parent");
		if (rw_server_id_equal(list[i].id, upstream))
			ok(rw_server_id_equal(list[i].parent, id(3)),
			   "nor the upstream server");
	}
	rw_told_end_line(&below, KEY_B);
	is_int(make_list(), 5, "one that was below may be above now");
	from_above(1, server(id(3), own, 1));
	from_above(1, server(id(3), upstream, 1));
	is_int(make_list(), 5, "a ring is gone round once");

	section("a long list");
	begin();
	from_below(KEY_A, a, 1, server(a, none, 0));
	for (int i = 0; i < RW_TREE_MAX; i++)
		from_below(KEY_A, a, 1, server(id(1000 + i), a, i + 1));
	for (int i = 0; i < RW_TREE_MAX - 2; i++)
		from_above(1, server(id(5000 + i), upstream, i + 1));
	from_above(1, server(own, upstream, 9));
	from_above(1, server(upstream, none, 0));
	ok(!from_above(1, server(id(9000), upstream, 1)), "a full table is full");
	is_int(make_list(), RW_TREE_MAX, "it is not longer than a tree");
	ok(rw_server_id_equal(list[0].id, a), "replicas come first");
	ok(rw_server_id_equal(list[1].id, own) &&
	   rw_server_id_equal(list[2].id, upstream),
	   "then this server's place, and the upstream server");
}

static void
test_words(void)
{
	RwServer	x = server(a, own, 1);
	RwServer	y = x;

	section("words");
	y.replay = 77;
	y.lag = 99;
	y.seen_at = y.reported_at = 1000;
	strcpy(y.reason_text, "replay has stood still for 12.5 s");
	ok(!rw_server_words_differ(&x, &y), "figures are none");
	strcpy(y.reason_text, "replay has stood still for s");
	ok(rw_server_words_differ(&x, &y), "but whether there are any");
	strcpy(y.reason_text, "replay has stood still for 12.5 min");
	ok(rw_server_words_differ(&x, &y), "and the rest");
	y = x;
	y.health = RW_HEALTH_WARNING;
	ok(rw_server_words_differ(&x, &y), "health");
	y = x;
	strcpy(y.name, "other");
	ok(rw_server_words_differ(&x, &y), "a name");
	y = x;
	y.parent = b;
	ok(rw_server_words_differ(&x, &y), "and a place are words");
	y = x;
	y.staleness = -1;
	ok(rw_server_words_differ(&x, &y), "so is that staleness is not known");
}

int
main(void)
{
	test_replica();
	test_branch();
	test_own_line();
	test_rounds();
	test_room();
	test_above();
	test_words();
	return tap_end();
}
