/*-------------------------------------------------------------------------
 *
 * tree.c
 *	  The servers of one system, as the tree in which they replicate.
 *
 * Building goes through nodes, one for each server that may get into the
 * tree: first this server, then its replicas, then what was told of others.
 * Of nodes that turn out to be the same server, by id, place or name, all but
 * one are left out; the others find their parents by id.  Then all that can
 * be reached from a server without a parent is in the tree, level by level
 * for as long as there is room.  So a ring of servers that name each other as
 * parents hangs nowhere, and needs no search.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/tree/tree.h"

#define MAX_NODES		(1 + 2 * RW_TREE_MAX)
#define OWN				0		/* this server's node */
#define NONE			(-1)

/* Places of a hash table of nodes: a power of 2, with room to spare. */
#define PLACES			1024

typedef struct Node
{
	const RwServer *server;
	const RwServer *report;		/* of a replica of this server: what it says
								 * itself, or NULL */
	bool		child;			/* is a replica of this server */
	bool		left_out;
	bool		in_tree;
	int16		parent;			/* nodes; NONE at the end of a list */
	int16		first_child;
	int16		next_sibling;
	int16		depth;
	int16		index;			/* in the tree */
} Node;

typedef struct Nodes
{
	RwServerId	own;
	RwTime		now;
	const RwServer *above;		/* what its parent says of this server */
	int16		first_root;
	int			nnodes;
	Node		nodes[MAX_NODES];
	int16		by_id[PLACES];	/* nodes; NONE: free */
} Nodes;

static const char *const role_names[] = {
	[RW_ROLE_UNKNOWN] = NULL,
	[RW_ROLE_PRIMARY] = "primary",
	[RW_ROLE_STANDBY] = "standby",
	[RW_ROLE_CASCADE] = "cascade",
};

StaticAssertDecl(lengthof(role_names) == RW_ROLE_CASCADE + 1,
				 "every role has a name");
StaticAssertDecl(PLACES > MAX_NODES, "a search ends at a free place");

const char *
rw_server_role_name(RwServerRole role)
{
	return role_names[role];
}

/* ----------------------------------------------------------------
 *		One server
 * ----------------------------------------------------------------
 */

int64
rw_server_staleness(const RwServer *server, RwTime now)
{
	if (server->role == RW_ROLE_PRIMARY)
		return 0;
	if (server->staleness < 0 || server->reported_at == RW_NEVER)
		return -1;
	return server->staleness + Max(now - server->reported_at, 0);
}

bool
rw_report_is_fresh(const RwServer *report, RwTime now)
{
	return report->reported_at != RW_NEVER &&
		now - report->reported_at <= RW_REPORT_FRESH;
}

bool
rw_reason_gives_way(RwReason reason)
{
	return reason == RW_REASON_NONE ||
		reason == RW_REASON_REPLAY_STUCK ||
		reason == RW_REASON_REPLAY_BEHIND ||
		reason == RW_REASON_FLUSH_BEHIND;
}

bool
rw_reason_says_more(RwReason reason)
{
	return reason >= RW_REASON_DIVERGED && reason != RW_REASON_REPLAY_BEHIND;
}

void
rw_server_clear_seen(RwServer *server)
{
	memset(server->label, 0, sizeof(server->label));
	memset(server->host, 0, sizeof(server->host));
	server->state = RW_STATE_STARTUP;
	server->lag = -1;
	server->streaming_for = -1;
	server->gone_for = -1;
	server->seen_at = RW_NEVER;
}

void
rw_server_copy_seen(RwServer *to, const RwServer *from)
{
	to->parent = from->parent;
	to->key = from->key;
	memcpy(to->label, from->label, sizeof(to->label));
	memcpy(to->host, from->host, sizeof(to->host));
	to->state = from->state;
	to->lag = from->lag;
	to->streaming_for = from->streaming_for;
	to->gone_for = from->gone_for;
	to->seen_at = from->seen_at;
}

static bool
is_connected(const RwServer *server)
{
	return server->state <= RW_STATE_STOPPING;
}

/* When was a replica last connected, as far as its parent has said? */
static RwTime
last_there(const RwServer *server)
{
	if (is_connected(server))
		return server->seen_at;
	return server->gone_for < 0 ? RW_NEVER :
		server->seen_at - server->gone_for;
}

/* Since when does it stream?  RW_NEVER: not known. */
static RwTime
streams_since(const RwServer *server)
{
	return server->state == RW_STATE_STREAMING && server->streaming_for >= 0 ?
		server->seen_at - server->streaming_for : RW_NEVER;
}

/*
 * Put together what this server sees of a replica and what that says of
 * itself.  What may pass counts only while the report is fresh.
 */
static void
merge_report(RwServer *server, const RwServer *report, RwTime now)
{
	bool		fresh = rw_report_is_fresh(report, now);

	server->id = report->id;
	rw_name_copy(server->name, report->name);
	server->role = report->role;
	if (fresh || server->replay == 0)
	{
		server->tli = report->tli;
		server->replay = report->replay;
	}
	server->staleness = report->staleness;
	server->of_primary = report->of_primary;
	if (fresh)
		server->health = Max(server->health, report->health);
	if (fresh && rw_reason_gives_way(server->reason) &&
		rw_reason_says_more(report->reason))
	{
		server->reason = report->reason;
		server->own_reason = true;
		memcpy(server->reason_text, report->reason_text, RW_REASON_LEN);
	}
	server->alerts = report->alerts;
	server->port = report->port;
	memcpy(server->version, report->version, RW_VERSION_LEN);
	server->reported_at = report->reported_at;
}

/* ----------------------------------------------------------------
 *		Looking into what was told
 * ----------------------------------------------------------------
 */

static bool
is_report_of(const RwServer *server, RwServerId own, uint64 key)
{
	return rw_server_id_is_set(server->id) && server->key == key &&
		rw_server_id_equal(server->parent, own);
}

const RwServer *
rw_tree_find_report(const RwServer *told, int ntold, RwServerId own,
					uint64 key)
{
	const RwServer *latest = NULL;

	for (int i = 0; i < ntold; i++)
	{
		if (is_report_of(&told[i], own, key) &&
			(!latest || told[i].reported_at > latest->reported_at))
			latest = &told[i];
	}
	return latest;
}

bool
rw_tree_streams_elsewhere(const RwServer *told, int ntold, RwServerId own,
						  uint64 key, const char *name, int64 gone_for,
						  RwTime now)
{
	const RwServer *report = rw_tree_find_report(told, ntold, own, key);

	for (int i = 0; i < ntold; i++)
	{
		const RwServer *other = &told[i];

		/* Does its parent say now that it streams? */
		if (!rw_server_id_is_set(other->parent) ||
			rw_server_id_equal(other->parent, own) ||
			rw_server_id_equal(other->id, own) ||
			other->state != RW_STATE_STREAMING || other->streaming_for < 0 ||
			now - other->seen_at > RW_ELSEWHERE_LASTS)
			continue;

		if (report && rw_server_id_equal(other->id, report->id))
		{
			if (other->seen_at > report->reported_at)
				return true;
		}
		else if ((rw_name_equal(other->label, name) ||
				  rw_name_equal(other->name, name)) &&
				 other->streaming_for + (now - other->seen_at) <=
				 gone_for + RW_ELSEWHERE_SLACK)
			return true;
	}
	return false;
}

/* ----------------------------------------------------------------
 *		Which nodes there are
 * ----------------------------------------------------------------
 */

static RwServerId
node_id(const Node *node)
{
	return node->report ? node->report->id : node->server->id;
}

static Node *
add_node(Nodes *all, const RwServer *server)
{
	Node	   *node = &all->nodes[all->nnodes++];

	memset(node, 0, sizeof(Node));
	node->server = server;
	node->parent = node->first_child = node->next_sibling = NONE;
	return node;
}

static Node *
find_child(Nodes *all, uint64 key)
{
	for (int i = OWN + 1; i < all->nnodes && all->nodes[i].child; i++)
	{
		if (all->nodes[i].server->key == key)
			return &all->nodes[i];
	}
	return NULL;
}

static void
add_told(Nodes *all, const RwServer *told)
{
	bool		has_id = rw_server_id_is_set(told->id);
	bool		has_parent = rw_server_id_is_set(told->parent);

	if (has_id && rw_server_id_equal(told->id, all->own))
	{
		if (has_parent && told->seen_at != RW_NEVER &&
			(!all->above || told->seen_at > all->above->seen_at))
			all->above = told;
	}
	else if (has_parent && rw_server_id_equal(told->parent, all->own))
	{
		Node	   *child = has_id ? find_child(all, told->key) : NULL;

		if (child && (!child->report ||
					  told->reported_at > child->report->reported_at))
			child->report = told;
	}
	else if (has_id || has_parent)
		add_node(all, told);
}

/* ----------------------------------------------------------------
 *		Each server once
 * ----------------------------------------------------------------
 */

/* Is this a replica that is connected to this server and replies to it? */
static bool
is_live_child(const Node *node)
{
	return node->child && is_connected(node->server) &&
		node->server->reason != RW_REASON_SILENT;
}

/* Of two nodes for one server, does the first one count? */
static bool
counts_before(const Node *a, const Node *b)
{
	RwTime		a_reported = (a->report ? a->report : a->server)->reported_at;
	RwTime		b_reported = (b->report ? b->report : b->server)->reported_at;

	if (is_live_child(a) != is_live_child(b))
		return is_live_child(a);
	if (a_reported != b_reported)
		return a_reported > b_reported;
	return last_there(a->server) >= last_there(b->server);
}

/* The place of the node with this id, or the one that is free for it. */
static int16 *
place_of(Nodes *all, RwServerId id)
{
	uint32		i = (uint32) (id.part[0] ^ (id.part[0] >> 32));

	for (;; i++)
	{
		int16	   *place = &all->by_id[i % PLACES];

		if (*place == NONE ||
			rw_server_id_equal(node_id(&all->nodes[*place]), id))
			return place;
	}
}

static void
keep_one_of_each_id(Nodes *all)
{
	for (int i = 0; i < PLACES; i++)
		all->by_id[i] = NONE;
	for (int i = OWN; i < all->nnodes; i++)
	{
		Node	   *node = &all->nodes[i];
		Node	   *loser = node;
		int16	   *place;

		if (!rw_server_id_is_set(node_id(node)))
			continue;
		place = place_of(all, node_id(node));
		if (*place == NONE || !counts_before(&all->nodes[*place], node))
		{
			loser = *place == NONE ? NULL : &all->nodes[*place];
			*place = i;
		}

		/* Of replicas that are seen to be two, one lies about its id. */
		if (loser && is_live_child(loser))
			loser->report = NULL;
		else if (loser)
			loser->left_out = true;
	}
}

/* A parent has one replica with each key. */
static void
keep_one_of_each_key(Nodes *all)
{
	int16		by_key[PLACES];

	for (int i = 0; i < PLACES; i++)
		by_key[i] = NONE;
	for (int i = OWN + 1; i < all->nnodes; i++)
	{
		Node	   *node = &all->nodes[i];
		RwServerId	parent = node->server->parent;
		uint64		hash = parent.part[0] ^ (node->server->key * 1000003);
		uint32		j = (uint32) (hash ^ (hash >> 32));

		if (node->left_out || !rw_server_id_is_set(parent))
			continue;
		if (all->above && all->above->key == node->server->key &&
			rw_server_id_equal(all->above->parent, parent) && !node->child)
		{
			node->left_out = true;	/* that is this server */
			continue;
		}
		for (;; j++)
		{
			int16	   *place = &by_key[j % PLACES];
			Node	   *other = &all->nodes[Max(*place, 0)];

			if (*place == NONE)
			{
				*place = i;
				break;
			}
			if (other->server->key != node->server->key ||
				!rw_server_id_equal(other->server->parent, parent))
				continue;
			if (counts_before(other, node))
				node->left_out = true;
			else
			{
				other->left_out = true;
				*place = i;
			}
			break;
		}
	}
}

/* ----------------------------------------------------------------
 *		Each name once
 * ----------------------------------------------------------------
 */

/* How its parent sees the server of a node; NULL if it has none. */
static const RwServer *
seen(const Nodes *all, int i)
{
	const RwServer *server = i == OWN ? all->above : all->nodes[i].server;

	return server && rw_server_id_is_set(server->parent) ? server : NULL;
}

/* Does this server see itself that it is there? */
static bool
is_certain(const Nodes *all, int i)
{
	return i == OWN || all->nodes[i].child;
}

/*
 * Two that are connected under one name may be one server that has moved.  If
 * so, is the first of these nodes the one that does not count?
 */
static bool
is_shadow(const Nodes *all, int i, int j)
{
	RwTime		since_i = streams_since(seen(all, i));
	RwTime		since_j = streams_since(seen(all, j));
	bool		came_last = since_i != since_j ? since_i > since_j : i > j;
	RwTime		came_at = Max(since_i, since_j);
	RwTime		seen_at = seen(all, came_last ? j : i)->seen_at;
	bool		believed = is_certain(all, came_last ? i : j) ||
		all->now - came_at > RW_ELSEWHERE_LASTS;

	/* The other one is still there: they are two. */
	if (came_at == RW_NEVER || seen_at > came_at + RW_ELSEWHERE_SLACK)
		return false;
	return came_last != believed;
}

/* Does a node give way to another one whose server has the same name? */
static bool
gives_way(const Nodes *all, int i, int j)
{
	const RwServer *server = seen(all, i);
	const RwServer *other = seen(all, j);
	RwTime		last = last_there(server);
	RwTime		other_last = last_there(other);

	if (!is_connected(server) && !is_connected(other))
		return last != other_last ? last < other_last : i > j;
	if (!is_connected(server))
	{
		RwTime		since = streams_since(other);

		/* If that has streamed for longer, it is another server. */
		return last <= other_last &&
			(since == RW_NEVER || since >= last - RW_ELSEWHERE_SLACK);
	}
	if (is_certain(all, i))
		return false;
	if (!is_connected(other))
		return last + RW_ELSEWHERE_SLACK < other_last;
	return is_shadow(all, i, j);
}

/* A name of the server of a node: that of its link, or its own. */
static const char *
name_of(const Nodes *all, int i, bool its_own)
{
	const Node *node = &all->nodes[i];

	if (its_own)
		return (node->report ? node->report : node->server)->name;
	return seen(all, i)->label;
}

static uint32
hash_name(const char *name)
{
	uint32		hash = 2166136261U; /* FNV-1a */

	for (int i = 0; i < RW_NAME_LEN - 1 && name[i] != '\0'; i++)
		hash = (hash ^ (uint8) name[i]) * 16777619;
	return hash % PLACES;
}

/*
 * Names with one hash are a list of entries: 2 * i is the label of node i, and
 * 2 * i + 1 what it calls itself.
 */
static void
keep_one_of_each_name(Nodes *all)
{
	int16		by_name[PLACES];
	int16		next[2 * MAX_NODES];

	for (int i = 0; i < PLACES; i++)
		by_name[i] = NONE;
	for (int n = 0; n < 2 * all->nnodes; n++)
	{
		int			i = n / 2;
		const char *name;
		int16	   *place;

		if (all->nodes[i].left_out || !seen(all, i))
			continue;
		name = name_of(all, i, n % 2);
		if (name[0] == '\0')
			continue;
		place = &by_name[hash_name(name)];
		for (int m = *place; m != NONE; m = next[m])
		{
			Node	   *node = &all->nodes[i];
			Node	   *other = &all->nodes[m / 2];

			if (m / 2 == i || node->left_out || other->left_out ||
				!rw_name_equal(name, name_of(all, m / 2, m % 2)))
				continue;
			if (i != OWN && gives_way(all, i, m / 2))
				node->left_out = true;
			else if (m / 2 != OWN && gives_way(all, m / 2, i))
				other->left_out = true;
		}
		next[n] = *place;
		*place = n;
	}
}

/* ----------------------------------------------------------------
 *		The tree
 * ----------------------------------------------------------------
 */

/*
 * Is there a way up from this server to one without a parent?  In a ring
 * there is no end of steps.
 */
static bool
has_way_up(const Nodes *all)
{
	int			steps = 0;

	for (int i = all->nodes[OWN].parent; i != NONE; i = all->nodes[i].parent)
	{
		if (all->nodes[i].left_out || ++steps == RW_TREE_MAX)
			return false;
	}
	return true;
}

static void
find_parents(Nodes *all)
{
	for (int i = OWN + 1; i < all->nnodes; i++)
	{
		Node	   *node = &all->nodes[i];
		RwServerId	parent = node->server->parent;

		if (node->left_out)
			continue;
		if (node->child)
			node->parent = OWN;
		else if (rw_server_id_is_set(parent))
		{
			node->parent = *place_of(all, parent);
			node->left_out = node->parent == NONE;
		}
	}

	/* This server is in the tree in any case. */
	if (all->above)
	{
		all->nodes[OWN].parent = *place_of(all, all->above->parent);
		if (!has_way_up(all))
			all->nodes[OWN].parent = NONE;
	}
}

/* What a server calls itself, else the name of its link. */
static const char *
shown_name(const Node *node)
{
	const RwServer *server = node->report ? node->report : node->server;

	return server->name[0] != '\0' ? server->name : node->server->label;
}

static int
compare_nodes(const Node *a, const Node *b)
{
	int			result = rw_name_compare(shown_name(a), shown_name(b));

	if (result != 0)
		return result;
	if (a->server->key != b->server->key)
		return a->server->key < b->server->key ? -1 : 1;
	return 0;
}

/* Link each node to its parent, in the order of names. */
static void
link_nodes(Nodes *all)
{
	int16		order[MAX_NODES];
	int			norder = 0;

	for (int i = OWN; i < all->nnodes; i++)
	{
		int			low = 0;
		int			high = norder;

		if (all->nodes[i].left_out)
			continue;
		while (low < high)
		{
			int			middle = (low + high) / 2;

			if (compare_nodes(&all->nodes[order[middle]], &all->nodes[i]) <= 0)
				low = middle + 1;
			else
				high = middle;
		}
		memmove(&order[low + 1], &order[low], (norder - low) * sizeof(int16));
		order[low] = i;
		norder++;
	}

	all->first_root = NONE;
	while (norder > 0)
	{
		Node	   *node = &all->nodes[order[--norder]];
		int16	   *first = node->parent == NONE ? &all->first_root :
			&all->nodes[node->parent].first_child;

		node->next_sibling = *first;
		*first = order[norder];
	}
}

/*
 * Go from the roots down, level by level, for as long as there is room.  This
 * server always has it: if it is no root, one of those that were told is its
 * own place.
 */
static void
choose_nodes(Nodes *all)
{
	int16		queue[MAX_NODES];
	int			nqueue = 0;

	if (all->nodes[OWN].parent == NONE)
		queue[nqueue++] = OWN;
	for (int i = all->first_root; i != NONE; i = all->nodes[i].next_sibling)
	{
		if (i != OWN)
			queue[nqueue++] = i;
	}
	for (int done = 0; done < Min(nqueue, RW_TREE_MAX); done++)
	{
		Node	   *node = &all->nodes[queue[done]];

		node->in_tree = true;
		if (node->parent != NONE)
			node->depth = all->nodes[node->parent].depth + 1;
		for (int i = node->first_child; i != NONE;
			 i = all->nodes[i].next_sibling)
			queue[nqueue++] = i;
	}
}

static void
add_server(RwTree *tree, Nodes *all, int i)
{
	Node	   *node = &all->nodes[i];
	RwServer   *server = &tree->servers[tree->nservers];

	*server = *node->server;
	if (node->report)
		merge_report(server, node->report, all->now);
	if (i == OWN && all->above)
		rw_server_copy_seen(server, all->above);
	server->depth = node->depth;
	server->upstream = node->parent == NONE ? -1 :
		all->nodes[node->parent].index;
	node->index = tree->nservers++;
}

static void
add_servers(RwTree *tree, Nodes *all)
{
	int			i = all->first_root;

	while (i != NONE)
	{
		/* What is below a node that has no room has none either. */
		if (all->nodes[i].in_tree)
		{
			add_server(tree, all, i);
			if (all->nodes[i].first_child != NONE)
			{
				i = all->nodes[i].first_child;
				continue;
			}
		}
		while (i != NONE && all->nodes[i].next_sibling == NONE)
			i = all->nodes[i].parent;
		if (i != NONE)
			i = all->nodes[i].next_sibling;
	}
}

void
rw_tree_build(RwTree *tree, const RwServer *own, const RwServer *children,
			  int nchildren, const RwServer *told, int ntold)
{
	Nodes		all;

	all.own = own->id;
	all.now = own->reported_at;
	all.above = NULL;
	all.nnodes = 0;

	add_node(&all, own);
	for (int i = 0; i < Min(nchildren, RW_TREE_MAX); i++)
		add_node(&all, &children[i])->child = true;
	for (int i = 0; i < Min(ntold, RW_TREE_MAX); i++)
		add_told(&all, &told[i]);
	if (own->role == RW_ROLE_PRIMARY)
		all.above = NULL;		/* it is nobody's replica any more */

	keep_one_of_each_id(&all);
	keep_one_of_each_key(&all);
	keep_one_of_each_name(&all);
	find_parents(&all);
	link_nodes(&all);
	choose_nodes(&all);

	tree->nservers = 0;
	add_servers(tree, &all);
}
