/*-------------------------------------------------------------------------
 *
 * test_tree.c
 *	  Tests of src/tree/tree.c.
 *
 * A tree is compared as text: "p(a b(c))" is p with the replicas a and b, and
 * c below b.  Servers have ids after their names; one that has not reported
 * is in angle brackets, by the name of its link.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/tree/tree.h"
#include "unit/tap.h"

#define NOW			(1000 * RW_DAY)
#define MAX_GIVEN	600

static RwServer own;
static RwServer children[MAX_GIVEN];
static int	nchildren;
static RwServer told[MAX_GIVEN];
static int	ntold;
static RwTree tree;
static char drawn[RW_TREE_MAX * 80];

/* ----------------------------------------------------------------
 *		Helpers
 * ----------------------------------------------------------------
 */

/* The id of the server with this name: its first bytes. */
static RwServerId
id_of(const char *name)
{
	RwServerId	id = {{0, 0}};

	memcpy(&id, name, Min(strlen(name), sizeof(id)));
	return id;
}

static void
name_server(RwServer *server, const char *name)
{
	server->id = id_of(name);
	strcpy(server->name, name);
	server->reported_at = NOW;
}

/* A tree of this server alone. */
static void
begin(const char *title, const char *name)
{
	if (title)
		section(title);
	memset(&own, 0, sizeof(own));
	memset(children, 0x7f, sizeof(children));
	memset(told, 0x7f, sizeof(told));
	memset(&tree, 0x7f, sizeof(tree));
	name_server(&own, name);
	own.role = RW_ROLE_STANDBY;
	nchildren = ntold = 0;
}

static void
be_seen(RwServer *server, const char *parent, uint64 key)
{
	server->parent = id_of(parent);
	server->key = key;
	server->state = RW_STATE_STREAMING;
	server->streaming_for = RW_MINUTE;
	server->gone_for = -1;
	server->seen_at = NOW;
}

static void
be_gone(RwServer *server, int64 gone_for)
{
	server->state = RW_STATE_MISSING;
	server->streaming_for = -1;
	server->gone_for = gone_for;
}

/* A replica of this server, as it sees it. */
static RwServer *
add_child(const char *label, uint64 key)
{
	RwServer   *child = &children[nchildren++];

	memset(child, 0, sizeof(RwServer));
	be_seen(child, own.name, key);
	strcpy(child->label, label);
	return child;
}

/* A server that was told of, with its parent and key; "": none. */
static RwServer *
tell(const char *name, const char *parent, uint64 key)
{
	RwServer   *server = &told[ntold++];

	memset(server, 0, sizeof(RwServer));
	if (name[0])
		name_server(server, name);
	if (parent[0])
	{
		be_seen(server, parent, key);
		snprintf(server->label, RW_NAME_LEN, "link%d", (int) key);
	}
	return server;
}

/* What a replica of this server says of itself. */
static RwServer *
report(const char *name, uint64 key)
{
	RwServer   *server = tell(name, own.name, key);

	server->state = 0;
	server->streaming_for = -1;
	server->seen_at = RW_NEVER;
	server->label[0] = '\0';
	return server;
}

static void
build(void)
{
	rw_tree_build(&tree, &own, children, nchildren, told, ntold);
}

static const char *
draw(void)
{
	char	   *at = drawn;
	int			depth = 0;

	build();
	*at = '\0';
	for (int i = 0; i < tree.nservers; i++)
	{
		const RwServer *server = &tree.servers[i];

		for (; depth > server->depth; depth--)
			*at++ = ')';
		if (i > 0)
			*at++ = server->depth > depth ? '(' : ' ';
		depth = server->depth;
		at += snprintf(at, 80, rw_server_id_is_set(server->id) ? "%s" : "<%s>",
					  server->name[0] ? server->name : server->label);
	}
	for (; depth > 0; depth--)
		*at++ = ')';
	*at = '\0';
	return drawn;
}

static const RwServer *
find(const char *name)
{
	for (int i = 0; i < tree.nservers; i++)
	{
		if (strcmp(tree.servers[i].name, name) == 0)
			return &tree.servers[i];
	}
	ok(false, "the server is in the tree");
	return &tree.servers[0];
}

/* ----------------------------------------------------------------
 *		The shape
 * ----------------------------------------------------------------
 */

static void
test_shape(void)
{
	begin("the shape", "p");
	own.role = RW_ROLE_PRIMARY;
	is_text(draw(), "p", "this server alone");
	is_int(tree.servers[0].depth, 0, "it has no depth");
	is_int(tree.servers[0].upstream, -1, "and no upstream server");

	add_child("b", 1);
	add_child("a", 2);
	is_text(draw(), "p(<a> <b>)", "its replicas, by name");
	is_int(tree.servers[2].upstream, 0, "this server is their parent");

	report("z", 2);
	is_text(draw(), "p(<b> z)", "one of them reports");
	tell("y", "z", 1);
	tell("", "z", 2);
	tell("x", "y", 1);
	is_text(draw(), "p(<b> z(<link2> y(x)))", "and what is below it");
	is_int(find("x")->depth, 3, "each has its depth");
	ok(&tree.servers[find("x")->upstream] == find("y"), "and its parent");

	/* From the middle. */
	begin(NULL, "b");
	tell("p", "", 0);
	tell("b", "p", 7);
	tell("a", "p", 8);
	add_child("c", 1);
	report("c", 1);
	is_text(draw(), "p(a b(c))", "from the middle of the tree");

	begin(NULL, "c");
	tell("c", "b", 1);
	tell("b", "p", 7);
	tell("a", "p", 8);
	tell("p", "", 0);
	is_text(draw(), "p(a b(c))", "from its lower end, in another order");

	begin(NULL, "b");
	tell("b", "p", 7);
	add_child("c", 1);
	is_text(draw(), "b(<c>)", "the upstream server does not report");

	begin(NULL, "b");
	tell("r", "", 0);
	tell("s", "r", 1);
	is_text(draw(), "b r(s)", "two that have no parent");
}

static void
test_names(void)
{
	begin("the order", "p");
	add_child("b", 3);
	add_child("b", 2);
	add_child("a", 5);
	is_text(draw(), "p(<a> <b> <b>)", "two of one name");
	is_uint(tree.servers[2].key, 2, "by their keys");
	strcpy(report("z", 5)->name, "");
	strcpy(report("y", 3)->name, "aa");
	draw();
	is_uint(tree.servers[1].key, 5, "by the label, if it has no name");
	is_uint(tree.servers[2].key, 3, "else by the name");
}

/* ----------------------------------------------------------------
 *		What counts
 * ----------------------------------------------------------------
 */

static void
test_claims(void)
{
	begin("what does not count", "p");
	add_child("a", 1);
	tell("b", "p", 2);
	is_text(draw(), "p(<a>)", "a replica of this server that it does not see");
	tell("c", "b", 1);
	is_text(draw(), "p(<a>)", "and what is below that");
	tell("", "p", 1)->reported_at = NOW;
	is_text(draw(), "p(<a>)", "a report without an id");
	is_int(tree.servers[1].reported_at, RW_NEVER, "is none");
	tell("", "", 0);
	is_text(draw(), "p(<a>)", "neither an id nor a parent");
	tell("d", "nobody", 1);
	is_text(draw(), "p(<a>)", "a parent that is not known");

	begin("rings", "p");
	tell("a", "b", 1);
	tell("b", "a", 1);
	tell("c", "b", 2);
	is_text(draw(), "p", "two that are each other's parents");
	tell("d", "d", 1);
	is_text(draw(), "p", "one that is its own");

	begin(NULL, "a");
	add_child("b", 1);
	report("b", 1);
	tell("a", "b", 9);
	is_text(draw(), "a(b)", "this server is in a ring");
	tell("c", "b", 2);
	told[ntold - 2].parent = id_of("c");
	is_text(draw(), "a(b(c))", "in a larger one");

	begin(NULL, "a");
	tell("b", "c", 1);
	tell("c", "b", 1);
	tell("a", "b", 2);
	is_text(draw(), "a", "this server is below one");
	begin(NULL, "a");
	tell("a", "a", 2);
	is_text(draw(), "a", "this server is said to be its own parent");
}

static void
test_place(void)
{
	RwServer   *place;

	begin("this server's place", "s");
	own.lag = -1;
	own.health = RW_HEALTH_OK;
	own.replay = 70;
	tell("p", "", 0);
	tell("q", "", 0);
	place = tell("s", "p", 7);
	strcpy(place->label, "s_slot");
	strcpy(place->host, "192.0.2.1");
	place->lag = 5;
	place->replay = 60;
	place->health = RW_HEALTH_CRITICAL;
	place->state = RW_STATE_CATCHUP;
	place->streaming_for = 8;
	place->alerts = 3;
	is_text(draw(), "p(s) q", "it is below the one that says so");
	is_uint(find("s")->key, 7, "its key");
	is_text(find("s")->label, "s_slot", "its label");
	is_text(find("s")->host, "192.0.2.1", "its host");
	is_int(find("s")->lag, 5, "its lag");
	is_int(find("s")->state, RW_STATE_CATCHUP, "its state");
	is_int(find("s")->streaming_for, 8, "since when it streams");
	is_int(find("s")->seen_at, NOW, "and when that was");
	is_uint(find("s")->replay, 70, "not its position");
	is_int(find("s")->health, RW_HEALTH_OK, "nor its health");
	is_int(find("s")->alerts, 0, "nor its alerts");

	place->seen_at = RW_NEVER;
	is_text(draw(), "p q s", "one that has never seen it");
	place->seen_at = NOW;
	place->parent = id_of("");
	draw();
	is_text(find("s")->label, "", "one that says nothing of its place");
	place->parent = id_of("p");

	tell("s", "q", 8)->seen_at = NOW - 1;
	is_text(draw(), "p(s) q", "the one that has seen it earlier");
	told[ntold - 1].seen_at = NOW + 1;
	is_text(draw(), "p q(s)", "the one that has seen it later");
	told[ntold - 1].seen_at = NOW - 1;
	tell("old", "p", 7);
	tell("", "p", 7);
	is_text(draw(), "p(s) q", "what has the same place is left out");

	own.role = RW_ROLE_PRIMARY;
	is_text(draw(), "p(old) q s", "a primary is below nobody");
	is_text(find("s")->label, "", "and has no label");
}

/* ----------------------------------------------------------------
 *		Each server once
 * ----------------------------------------------------------------
 */

static void
test_once(void)
{
	RwServer   *child;
	RwServer   *report_here;
	RwServer   *there;

	begin("each server once", "p");
	tell("a", "", 0);
	tell("b", "", 0);
	tell("x", "a", 1)->reported_at = NOW - 2;
	tell("x", "b", 1)->reported_at = NOW - 1;
	is_text(draw(), "a b(x) p", "it was re-pointed: the later report");
	told[2].reported_at = NOW;
	is_text(draw(), "a(x) b p", "whichever comes first");
	told[3].reported_at = NOW;
	told[3].seen_at = NOW + 1;
	is_text(draw(), "a b(x) p", "reported at once: seen later");

	begin(NULL, "p");
	tell("a", "", 0);
	tell("", "a", 1);
	tell("x", "a", 1)->reported_at = NOW - RW_HOUR;
	is_text(draw(), "a(x) p", "with the same key: the one that has reported");
	tell("y", "a", 1)->reported_at = NOW - RW_MINUTE;
	is_text(draw(), "a(y) p", "the later report");
	tell("z", "x", 1);
	is_text(draw(), "a(y) p", "and nothing below the other");

	begin(NULL, "p");
	child = add_child("x", 1);
	report_here = report("x", 1);
	add_child("u", 2);
	report("u", 2);
	there = tell("x", "u", 1);
	there->reported_at = NOW + 1;
	is_text(draw(), "p(u x)", "connected here, and reports: that counts");
	report_here->reported_at = NOW - RW_HOUR;
	is_text(draw(), "p(u x)", "however old its report is");
	child->reason = RW_REASON_SILENT;
	is_text(draw(), "p(u(x))", "it replies no longer, and reports there");
	there->reported_at = report_here->reported_at - 1;
	is_text(draw(), "p(u x)", "it does not, as long ago");
	child->reason = RW_REASON_NONE;
	there->reported_at = NOW;
	report_here->reported_at = NOW - 1;
	child->state = RW_STATE_MISSING;
	is_text(draw(), "p(u(x))", "not connected here, and reports there");
	there->state = RW_STATE_CATCHUP;
	there->streaming_for = -1;
	is_text(draw(), "p(u(x))", "and does not stream there yet");

	begin(NULL, "p");
	be_gone(add_child("old", 1), RW_MINUTE);
	add_child("new", 2);
	report("x", 1)->reported_at = NOW - 1;
	report("x", 2);
	is_text(draw(), "p(x)", "it came back under another name");
	is_uint(find("x")->key, 2, "and that is the one");

	begin(NULL, "p");
	add_child("a", 1);
	report("x", 1);
	add_child("b", 2);
	report("x", 2)->reported_at = NOW - 1;
	tell("c", "x", 1);
	is_text(draw(), "p(<b> x(c))", "two connected replicas report as one");
	told[0].reported_at = NOW - 2;
	is_text(draw(), "p(<a> x(c))", "whichever comes first");

	begin(NULL, "p");
	add_child("x", 1);
	report("old", 1)->reported_at = NOW - 1;
	report("new", 1);
	tell("below", "old", 1);
	is_text(draw(), "p(new)", "it was restarted, and has another id");
	told[0].reported_at = NOW + 1;
	is_text(draw(), "p(old(below))", "whichever comes first");
}

static void
test_moved(void)
{
	RwServer   *child;
	RwServer   *there;

	begin("missing here, streams there", "p");
	child = add_child("x", 1);
	be_gone(child, 10 * RW_SECOND);
	add_child("u", 2);
	report("u", 2);
	is_text(draw(), "p(u <x>)", "missing");
	there = tell("", "u", 5);
	strcpy(there->label, "x");
	there->streaming_for = 9 * RW_SECOND;
	is_text(draw(), "p(u(<x>))", "by its name");
	there->streaming_for = 20 * RW_SECOND;
	is_text(draw(), "p(u(<x>) <x>)", "that one has streamed for longer");
	there->streaming_for = 9 * RW_SECOND;
	child->state = RW_STATE_INACTIVE;
	is_text(draw(), "p(u(<x>))", "its slot is here");
	there->state = RW_STATE_CATCHUP;
	is_text(draw(), "p(u(<x>))", "it catches up there");
	there->state = RW_STATE_STREAMING;
	strcpy(report("x9", 1)->name, "x");
	is_text(draw(), "p(u(<x>))", "it has not reported there yet");
	strcpy(there->label, "link5");
	is_text(draw(), "p(u(<link5>) x)", "it has another name there");
	there->id = id_of("x10");
	strcpy(there->name, "x");
	is_text(draw(), "p(u(x))", "but calls itself so");
	child->state = RW_STATE_STREAMING;
	is_text(draw(), "p(u(x) x)", "both are connected");

	/* Told from above: p saw it first, u then. */
	begin("missing in two places", "s");
	tell("p", "", 0);
	tell("u", "p", 1);
	tell("s", "p", 2);
	child = tell("x", "p", 5);
	be_gone(child, 10 * RW_SECOND);
	there = tell("", "u", 5);
	strcpy(there->label, "x");
	be_gone(there, 9 * RW_SECOND);
	is_text(draw(), "p(s u(<x>))", "where it was last");
	there->gone_for = 11 * RW_SECOND;
	is_text(draw(), "p(s u x)", "whether it has reported or not");
	there->seen_at = NOW - RW_SECOND;
	there->gone_for = 9 * RW_SECOND + 1;
	is_text(draw(), "p(s u x)", "that was said before");
	there->gone_for = 9 * RW_SECOND - 1;
	is_text(draw(), "p(s u(<x>))", "and it was there later");
	there->gone_for = -1;
	is_text(draw(), "p(s u x)", "nobody knows since when it is gone");
	child->gone_for = -1;
	is_text(draw(), "p(s u x)", "in neither place");
	be_seen(there, "u", 5);
	is_text(draw(), "p(s u(<x>))", "it streams in one of them");
	there->seen_at = NOW - RW_MINUTE;
	is_text(draw(), "p(s u(<x>))", "as was said long ago");
	be_gone(child, RW_MINUTE - RW_ELSEWHERE_SLACK);
	is_text(draw(), "p(s u(<x>) x)", "which was not long before it went");
	child->gone_for--;
	is_text(draw(), "p(s u x)", "which was before it went");

	begin(NULL, "s");
	tell("p", "", 0);
	tell("s", "p", 2)->streaming_for = RW_SECOND;
	child = tell("s9", "p", 5);
	strcpy(child->label, "link2");
	be_gone(child, 3 * RW_SECOND);
	is_text(draw(), "p(s)", "this server itself has come back");
	child->gone_for--;
	told[1].streaming_for = 5 * RW_SECOND;
	is_text(draw(), "p(s s9)", "another one of that name");
}

/* One that was seen here and there at nearly one time. */
static void
test_moving(void)
{
	RwServer   *former;
	RwServer   *latter;

	begin("connected in two places", "s");
	tell("p", "", 0);
	tell("u", "p", 1);
	tell("s", "p", 2);
	former = tell("x", "p", 5);
	strcpy(former->label, "x");
	latter = tell("", "u", 5);
	strcpy(latter->label, "x");
	is_text(draw(), "p(s u(<x>) x)", "for long: they are two");
	latter->streaming_for = RW_ELSEWHERE_SLACK;
	is_text(draw(), "p(s u x)", "for a moment: the one that was there before");
	latter->streaming_for++;
	is_text(draw(), "p(s u(<x>) x)", "which is still there: they are two");
	latter->streaming_for = RW_ELSEWHERE_LASTS;
	former->seen_at = NOW - RW_ELSEWHERE_LASTS + RW_ELSEWHERE_SLACK;
	is_text(draw(), "p(s u x)", "nobody knows that yet");
	latter->streaming_for++;
	is_text(draw(), "p(s u(<x>) x)", "but then");
	former->seen_at--;
	is_text(draw(), "p(s u(<x>))", "nobody knows that for long");
	former->streaming_for = latter->streaming_for = -1;
	is_text(draw(), "p(s u(<x>) x)", "nor who came first");
	former->streaming_for = latter->streaming_for = 1;
	former->seen_at = latter->seen_at;
	is_text(draw(), "p(s u x)", "both came at once");

	/* What this server sees itself cannot be doubted. */
	begin(NULL, "p");
	latter = add_child("x", 1);
	latter->streaming_for = 0;
	add_child("u", 2);
	report("u", 2);
	former = tell("y", "u", 5);
	strcpy(former->label, "x");
	is_text(draw(), "p(u <x>)", "it has just come to this server");
	latter->streaming_for = RW_MINUTE;
	former->streaming_for = 0;
	is_text(draw(), "p(u <x>)", "it is said to have just left it");
	former->streaming_for = RW_HOUR;
	is_text(draw(), "p(u(y) <x>)", "they are two");
	be_gone(former, 0);
	is_text(draw(), "p(u(y) <x>)", "though one of them has gone");
	latter->state = RW_STATE_CATCHUP;
	latter->streaming_for = -1;
	is_text(draw(), "p(u <x>)", "it has come back to this server");
}

static bool
elsewhere(int64 gone_for)
{
	return rw_tree_streams_elsewhere(told, ntold, own.id, 1, "x", gone_for,
									 NOW);
}

static void
test_elsewhere(void)
{
	RwServer   *there;
	RwServer   *here;

	begin("streaming elsewhere, by name", "p");
	ok(!elsewhere(RW_DAY), "nothing was told");
	there = tell("", "u", 5);
	there->streaming_for = 10 * RW_SECOND;
	ok(!elsewhere(RW_DAY), "another name");
	strcpy(there->label, "x");
	ok(elsewhere(RW_DAY), "the same label");
	ok(elsewhere(8 * RW_SECOND), "it went, and streamed there at once");
	ok(!elsewhere(8 * RW_SECOND - 1), "it streamed there before");
	there->seen_at = NOW - 1;
	ok(!elsewhere(8 * RW_SECOND), "which was longer ago than it was seen");
	ok(elsewhere(8 * RW_SECOND + 1), "by as much");
	there->seen_at = NOW - RW_ELSEWHERE_LASTS;
	ok(elsewhere(RW_DAY), "seen lately");
	there->seen_at--;
	ok(!elsewhere(RW_DAY), "seen too long ago");
	there->seen_at = RW_NEVER;
	ok(!elsewhere(RW_DAY), "never seen");
	there->seen_at = NOW + RW_SECOND;
	ok(elsewhere(7 * RW_SECOND), "seen after this server's sample");
	ok(!elsewhere(7 * RW_SECOND - 1), "when it had streamed for as much less");
	there->seen_at = NOW;
	there->state = RW_STATE_CATCHUP;
	ok(!elsewhere(RW_DAY), "it catches up");
	there->state = RW_STATE_STREAMING;
	there->streaming_for = -1;
	ok(!elsewhere(RW_DAY), "nobody knows since when");
	there->streaming_for = 0;
	there->parent = own.id;
	ok(!elsewhere(RW_DAY), "it says so itself");
	there->parent = id_of("");
	ok(!elsewhere(RW_DAY), "nobody says so");
	there->parent = id_of("u");
	strcpy(there->label, "u_x");
	strcpy(there->name, "x");
	ok(elsewhere(RW_DAY), "it calls itself so");
	there->id = own.id;
	ok(!elsewhere(RW_DAY), "it is this server");

	begin("streaming elsewhere, by id", "p");
	here = report("srv", 1);
	here->reported_at = NOW - RW_MINUTE;
	there = tell("srv", "u", 5);
	there->streaming_for = RW_DAY;
	ok(elsewhere(0), "however long it has streamed there");
	here->reported_at = there->seen_at;
	ok(!elsewhere(0), "it has reported here since");
	here->reported_at = NOW - RW_MINUTE;
	here->key = 2;
	ok(!elsewhere(0), "that is another replica");
	here->key = 1;
	there->id = id_of("srv2");
	ok(!elsewhere(0), "another id, another name");
	strcpy(there->name, "x");
	ok(!elsewhere(RW_HOUR), "another id, its name, and longer there");
	there->streaming_for = RW_SECOND;
	ok(elsewhere(RW_HOUR), "restarted with another id");
}

/* ----------------------------------------------------------------
 *		Reports
 * ----------------------------------------------------------------
 */

static void
test_report(void)
{
	RwServer   *child;
	RwServer   *said;
	const RwServer *got = &tree.servers[1];

	begin("what counts of a report", "p");
	child = add_child("x_slot", 1);
	strcpy(child->host, "192.0.2.1");
	child->lag = 40;
	child->replay = 1000;
	child->tli = 2;
	child->health = RW_HEALTH_WARNING;
	child->reason = RW_REASON_REPLAY_STUCK;
	strcpy(child->reason_text, "ours");
	child->staleness = child->alerts = -1;
	said = report("x", 1);
	said->role = RW_ROLE_CASCADE;
	said->lag = 0;
	said->replay = 1100;
	said->tli = 3;
	said->health = RW_HEALTH_OK;
	said->reason = RW_REASON_PAUSED;
	strcpy(said->reason_text, "its own");
	said->staleness = 50;
	said->of_primary = true;
	said->alerts = 2;
	said->port = 9732;
	strcpy(said->version, "1.0");
	strcpy(said->host, "198.51.100.1");
	said->reported_at = NOW - RW_REPORT_FRESH;
	build();

	is_text(got->label, "x_slot", "the label is the parent's");
	is_text(got->host, "192.0.2.1", "the host, too");
	is_int(got->state, RW_STATE_STREAMING, "and the state");
	is_int(got->lag, 40, "and the lag");
	is_int(got->streaming_for, RW_MINUTE, "and since when it streams");
	is_int(got->seen_at, NOW, "and when that was");
	ok(rw_server_id_equal(got->id, id_of("x")), "the id is its own");
	is_text(got->name, "x", "and the name");
	is_int(got->role, RW_ROLE_CASCADE, "and the role");
	is_uint(got->tli, 3, "and the timeline");
	is_uint(got->replay, 1100, "and the position");
	is_int(got->staleness, 50, "and the staleness");
	ok(got->of_primary, "which is towards the primary");
	is_int(got->alerts, 2, "and its alerts");
	is_int(got->port, 9732, "and its port");
	is_text(got->version, "1.0", "and its version");
	is_int(got->reported_at, NOW - RW_REPORT_FRESH, "and when it said so");
	is_int(got->health, RW_HEALTH_WARNING, "it makes nothing healthier");
	is_int(got->reason, RW_REASON_PAUSED, "it knows why it is behind");
	is_text(got->reason_text, "its own", "and says so");
	ok(got->own_reason, "and this is its own reason");

	said->health = RW_HEALTH_CRITICAL;
	build();
	is_int(got->health, RW_HEALTH_CRITICAL, "it may be worse");

	for (int reason = 0; reason <= RW_REASON_RESTORE_COMMAND; reason++)
	{
		bool		gives_way = reason == RW_REASON_NONE ||
			reason == RW_REASON_REPLAY_STUCK ||
			reason == RW_REASON_REPLAY_BEHIND ||
			reason == RW_REASON_FLUSH_BEHIND;
		char		what[80];

		child->reason = reason;
		build();
		snprintf(what, sizeof(what), "%s %s",
				 reason ? rw_reason_name(reason) : "no reason",
				 gives_way ? "gives way" : "stays");
		is_text(got->reason_text, gives_way ? "its own" : "ours", what);
	}
	for (int reason = 0; reason <= RW_REASON_RESTORE_COMMAND; reason++)
	{
		bool		says_more = reason >= RW_REASON_DIVERGED &&
			reason != RW_REASON_REPLAY_BEHIND;
		char		what[80];

		said->reason = reason;
		child->reason = RW_REASON_REPLAY_STUCK;
		build();
		snprintf(what, sizeof(what), "%s of its own %s",
				 reason ? rw_reason_name(reason) : "no reason",
				 says_more ? "says more" : "says nothing new");
		is_text(got->reason_text, says_more ? "its own" : "ours", what);
		child->reason = RW_REASON_NONE;
		build();
		is_int(got->reason, says_more ? reason : RW_REASON_NONE,
			   "and so it does where it is not behind");
	}
	child->reason = RW_REASON_REPLAY_STUCK;
	said->reason = RW_REASON_NONE;
	build();
	is_text(got->reason_text, "ours", "it does not know why");
	ok(!got->own_reason, "this is not its own reason");

	said->reason = RW_REASON_PAUSED;
	said->reported_at--;
	build();
	is_int(got->health, RW_HEALTH_WARNING, "its health of long ago");
	is_text(got->reason_text, "ours", "its reason of long ago");
	is_uint(got->replay, 1000, "its position of long ago");
	is_uint(got->tli, 2, "its timeline of long ago");
	is_int(got->staleness, 50, "staleness gets older by itself");
	child->replay = 0;
	build();
	is_uint(got->replay, 1100, "its position, where no other is known");

	ok(rw_tree_find_report(told, ntold, own.id, 1) == said, "it is found");
	ok(!rw_tree_find_report(told, ntold, own.id, 2), "by its key");
	ok(!rw_tree_find_report(told, ntold, id_of("q"), 1), "and its parent");
	said->id = id_of("");
	ok(!rw_tree_find_report(told, ntold, own.id, 1), "if it has reported");
	said->id = id_of("x");
	report("y", 1);
	ok(rw_tree_find_report(told, ntold, own.id, 1) == &told[1],
	   "the latest");
	said->reported_at = NOW + 1;
	ok(rw_tree_find_report(told, ntold, own.id, 1) == said,
	   "whichever comes first");
}

static void
test_staleness(void)
{
	RwServer	server = {.staleness = 10, .reported_at = NOW};

	section("staleness");
	is_int(rw_server_staleness(&server, NOW), 10, "as reported");
	is_int(rw_server_staleness(&server, NOW + 5), 15, "and older");
	is_int(rw_server_staleness(&server, NOW - 5), 10, "never less");
	server.staleness = -1;
	is_int(rw_server_staleness(&server, NOW), -1, "it does not know");
	server.staleness = 10;
	server.reported_at = RW_NEVER;
	is_int(rw_server_staleness(&server, NOW), -1, "it has not reported");
	server.role = RW_ROLE_PRIMARY;
	is_int(rw_server_staleness(&server, NOW), 0, "a primary");

	is_text(rw_server_role_name(RW_ROLE_PRIMARY), "primary", "its role");
	is_text(rw_server_role_name(RW_ROLE_STANDBY), "standby", "another");
	is_text(rw_server_role_name(RW_ROLE_CASCADE), "cascade", "and another");
	ok(!rw_server_role_name(RW_ROLE_UNKNOWN), "none");
}

/* ----------------------------------------------------------------
 *		Many
 * ----------------------------------------------------------------
 */

static void
test_many(void)
{
	char		name[20];
	char		parent[20];

	begin("256 servers", "p");
	own.role = RW_ROLE_PRIMARY;
	for (int i = 0; i < 255; i++)
	{
		snprintf(name, sizeof(name), "s%03d", (i * 7) % 255);
		add_child(name, i + 1);
	}
	build();
	is_int(tree.nservers, 256, "replicas of this server: all of them");
	is_text(tree.servers[255].label, "s254", "in their order");
	add_child("s255", 256);
	build();
	is_int(tree.nservers, 256, "one more: not that");
	is_text(tree.servers[255].label, "s254", "the last");
	while (nchildren < MAX_GIVEN)
		add_child("t", nchildren);
	build();
	is_int(tree.nservers, 256, "far more");

	begin(NULL, "p");
	add_child("s000", 1);
	report("s000", 1);
	for (int i = 1; i < 255; i++)
	{
		snprintf(name, sizeof(name), "s%03d", i);
		snprintf(parent, sizeof(parent), "s%03d", i - 1);
		tell(name, parent, 1);
	}
	build();
	is_int(tree.nservers, 256, "one below the other");
	is_int(tree.servers[255].depth, 255, "to the last");
	tell("s255", "s254", 1);
	add_child("z", 2);
	build();
	is_int(tree.nservers, 256, "two more");
	is_int(tree.servers[254].depth, 254, "the deepest has no room");
	is_text(tree.servers[255].label, "z", "but the one higher up has");
	for (int i = 0; i < 100; i++)
		tell("s300", "s255", i);
	build();
	is_int(tree.nservers, 256, "more is told than there can be");

	/* This server is the lowest of a chain. */
	begin(NULL, "s255");
	for (int i = 0; i < 255; i++)
	{
		snprintf(name, sizeof(name), "s%03d", i);
		snprintf(parent, sizeof(parent), "s%03d", i - 1);
		tell(name, i > 0 ? parent : "", 1);
	}
	tell("s255", "s254", 1);
	add_child("z", 1);
	build();
	is_int(tree.nservers, 256, "above this server");
	is_text(tree.servers[255].name, "s255", "it is in the tree");
	is_int(tree.servers[255].depth, 255, "below all of them");

	begin(NULL, "z");
	for (int i = 0; i < 256; i++)
	{
		snprintf(name, sizeof(name), "s%03d", i);
		tell(name, "", 0);
	}
	build();
	is_int(tree.nservers, 256, "many without a parent");
	is_text(tree.servers[255].name, "z", "this server is in the tree");

	/* This server is deep, and there are many that are not. */
	begin(NULL, "s003");
	tell("s000", "", 0);
	tell("s001", "s000", 1);
	tell("s002", "s001", 1);
	tell("s003", "s002", 1);
	for (int i = 10; i < 262; i++)
	{
		snprintf(name, sizeof(name), "s%03d", i);
		tell(name, "s000", i);
	}
	for (int i = 0; i < 10; i++)
		add_child("z", i);
	build();
	is_int(tree.nservers, 256, "many that are higher up");
	is_text(tree.servers[3].name, "s003", "this server is in the tree");
	is_text(tree.servers[255].name, "s261", "its replicas are not");
}

/* How often the promises of tree.h are broken. */
static int
disorder(void)
{
	int			wrong = tree.nservers < 1 || tree.nservers > RW_TREE_MAX;
	int			nown = 0;

	for (int i = 0; i < tree.nservers; i++)
	{
		const RwServer *server = &tree.servers[i];
		const RwServer *parent = server->upstream < 0 ? NULL :
			&tree.servers[server->upstream];

		nown += rw_server_id_equal(server->id, own.id);
		wrong += server->upstream >= i;
		wrong += server->depth != (parent ? parent->depth + 1 : 0);
		wrong += parent && !rw_server_id_equal(parent->id, server->parent);
		wrong += !rw_server_id_is_set(server->id) && !parent;

		/* A server comes before its replicas, and they before its sibling. */
		wrong += i > 0 && server->depth > tree.servers[i - 1].depth + 1;

		for (int j = 0; j < i; j++)
		{
			const RwServer *other = &tree.servers[j];

			/* Of those that are gone there is one of a name. */
			wrong += rw_server_id_is_set(server->parent) &&
				rw_server_id_is_set(other->parent) &&
				!rw_server_id_equal(server->id, own.id) &&
				!rw_server_id_equal(other->id, own.id) &&
				server->state >= RW_STATE_INACTIVE &&
				other->state >= RW_STATE_INACTIVE &&
				rw_name_equal(server->label, other->label);
			wrong += rw_server_id_is_set(server->id) &&
				rw_server_id_equal(server->id, other->id);
			wrong += parent && server->upstream == other->upstream &&
				server->key == other->key;
		}
	}
	return wrong + (nown != 1);
}

/* In any state, now or a while ago. */
static void
be_random(RwServer *server, uint64 *state)
{
	server->state = next_random(state) % (RW_STATE_LOST + 1);
	server->streaming_for = (int64) (next_random(state) % 30) * RW_SECOND;
	if (server->state != RW_STATE_STREAMING)
		server->streaming_for = -1;
	if (server->state > RW_STATE_STOPPING)
		server->gone_for = (int64) (next_random(state) % 30) * RW_SECOND;
}

/* How many replicas that are connected to this server are not in the tree. */
static int
hidden_children(void)
{
	int			hidden = 0;

	for (int i = 0; i < nchildren; i++)
	{
		bool		found = children[i].state > RW_STATE_STOPPING;

		for (int j = 0; j < tree.nservers; j++)
			found |= tree.servers[j].key == children[i].key &&
				rw_server_id_equal(tree.servers[j].parent, own.id);
		hidden += !found;
	}
	return hidden;
}

/* Anything may be told: few ids, so that they meet. */
static void
test_random(void)
{
	uint64		state = 20261129;
	int			wrong = 0;
	int			largest = 0;
	int			different = 0;
	int			hidden = 0;

	section("random servers");
	for (int round = 0; round < 1000; round++)
	{
		int			nids = 2 + next_random(&state) % 300;
		static RwTree again;
		char		name[20];
		char		parent[20];

		begin(NULL, "n0");
		own.role = next_random(&state) % 4;
		for (uint64 i = next_random(&state) % 80; i > 0; i--)
		{
			snprintf(name, sizeof(name), "n%d",
					 (int) (next_random(&state) % nids));
			be_random(add_child(name, i), &state);
		}
		for (uint64 i = next_random(&state) % 300; i > 0; i--)
		{
			uint64		kind = next_random(&state);
			RwServer   *server;

			snprintf(name, sizeof(name), "n%d",
					 (int) (next_random(&state) % nids));
			snprintf(parent, sizeof(parent), "n%d",
					 (int) (next_random(&state) % nids));
			server = tell(kind % 8 == 0 ? "" : name,
						  kind % 16 == 1 ? "" : parent,
						  next_random(&state) % 80);
			strcpy(server->label, name);
			be_random(server, &state);
			server->reported_at -= next_random(&state) % 8 * RW_SECOND;
			server->seen_at -= next_random(&state) % 8 * RW_SECOND;
		}
		build();
		hidden += hidden_children();
		wrong += disorder();
		largest = Max(largest, tree.nservers);

		/* What depends on nothing but what was told can be made again. */
		again = tree;
		build();
		different += memcmp(&again, &tree, offsetof(RwTree, servers) +
							tree.nservers * sizeof(RwServer)) != 0;
	}
	is_int(wrong, 0, "nobody is twice in the tree, and the tree is one");
	is_int(different, 0, "it is the same again");
	is_int(hidden, 0, "all that are connected to this server are in it");
	ok(largest > 100, "the trees are large");
}

/*
 * A whole system, of which each server has been told everything, in any
 * order: all make the same tree of it.
 */
static void
test_same_everywhere(void)
{
	uint64		state = 4711;
	int			wrong = 0;
	int			incomplete = 0;

	section("the same tree everywhere");
	for (int round = 0; round < 300; round++)
	{
		int			n = 2 + next_random(&state) % 255;
		int			parents[RW_TREE_MAX];
		static char first[sizeof(drawn)];
		char		name[20];
		char		parent[20];

		for (int i = 1; i < n; i++)
			parents[i] = next_random(&state) % i;
		for (int from = 0; from < n; from += 1 + n / 4)
		{
			snprintf(name, sizeof(name), "n%03d", from);
			begin(NULL, name);
			for (int i = 0; i < n; i++)
			{
				snprintf(name, sizeof(name), "n%03d", i);
				snprintf(parent, sizeof(parent), "n%03d",
						 i > 0 ? parents[i] : 0);
				if (i > 0 && parents[i] == from)
				{
					add_child(name, i);
					report(name, i);
				}
				else if (i != from || i > 0)
					tell(name, i > 0 ? parent : "", i);
			}
			for (int i = ntold - 1; i > 0; i--)
			{
				int			j = next_random(&state) % (i + 1);
				RwServer	server = told[i];

				told[i] = told[j];
				told[j] = server;
			}
			draw();
			if (from == 0)
				strcpy(first, drawn);
			wrong += strcmp(first, drawn) != 0;
			incomplete += tree.nservers != n;
		}
	}
	is_int(wrong, 0, "each server makes the same");
	is_int(incomplete, 0, "and it is complete");
}

int
main(void)
{
	test_shape();
	test_names();
	test_claims();
	test_place();
	test_once();
	test_moved();
	test_moving();
	test_elsewhere();
	test_report();
	test_staleness();
	test_many();
	test_random();
	test_same_everywhere();
	return tap_end();
}
