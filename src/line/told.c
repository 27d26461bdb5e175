/*-------------------------------------------------------------------------
 *
 * told.c
 *	  What came over the lines: the servers that others have told of.  Pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/digit.h"
#include "src/line/told.h"

static bool
is_figure(char c)
{
	return c == '.' || rw_digit(c, 10) >= 0;
}

/* Are texts equal but for their figures? */
static bool
texts_equal(const char *a, const char *b)
{
	while (*a != '\0' || *b != '\0')
	{
		if (is_figure(*a) && is_figure(*b))
		{
			while (is_figure(*a))
				a++;
			while (is_figure(*b))
				b++;
		}
		else if (*a++ != *b++)
			return false;
	}
	return true;
}

bool
rw_server_words_differ(const RwServer *a, const RwServer *b)
{
	return !rw_server_id_equal(a->id, b->id) ||
		!rw_server_id_equal(a->parent, b->parent) ||
		a->key != b->key || a->state != b->state || a->role != b->role ||
		a->tli != b->tli || a->of_primary != b->of_primary ||
		(a->staleness < 0) != (b->staleness < 0) ||
		a->health != b->health || a->reason != b->reason ||
		a->own_reason != b->own_reason || a->alerts != b->alerts ||
		a->port != b->port ||
		strcmp(a->label, b->label) != 0 || strcmp(a->host, b->host) != 0 ||
		strcmp(a->name, b->name) != 0 ||
		strcmp(a->version, b->version) != 0 ||
		!texts_equal(a->reason_text, b->reason_text);
}

/* Is it the same server: by its id, else by its place below its parent? */
static bool
is_same(const RwServer *a, const RwServer *b)
{
	if (rw_server_id_is_set(a->id) || rw_server_id_is_set(b->id))
		return rw_server_id_equal(a->id, b->id);
	return a->key == b->key && rw_server_id_equal(a->parent, b->parent);
}

static RwToldEntry *
find_entry(RwTold *told, uint64 branch, const RwServer *server)
{
	for (int i = 0; i < told->number; i++)
	{
		if (told->entries[i].branch == branch &&
			is_same(&told->entries[i].server, server))
			return &told->entries[i];
	}
	return NULL;
}

/* Has this round told of a server with that id? */
static bool
has_told(const RwTold *told, uint64 branch, uint32 round, RwServerId id)
{
	for (int i = 0; i < told->number; i++)
	{
		const RwToldEntry *entry = &told->entries[i];

		if (entry->branch == branch && entry->round == round &&
			rw_server_id_equal(entry->server.id, id))
			return true;
	}
	return false;
}

/* Is it the entry of a replica of this server? */
static bool
is_replica(const RwToldEntry *entry, RwServerId own)
{
	return entry->branch != RW_BRANCH_ABOVE &&
		rw_server_id_equal(entry->server.parent, own);
}

/* Does a server with that id have a line of its own, of another branch? */
static bool
has_line(const RwTold *told, RwServerId own, uint64 branch, RwServerId id)
{
	if (!rw_server_id_is_set(id))
		return false;
	for (int i = 0; i < told->number; i++)
	{
		const RwToldEntry *entry = &told->entries[i];

		if (entry->branch != branch && entry->live && is_replica(entry, own) &&
			rw_server_id_equal(entry->server.id, id))
			return true;
	}
	return false;
}

/* The others keep their order. */
static void
remove_entry(RwTold *told, int i)
{
	told->number--;
	memmove(&told->entries[i], &told->entries[i + 1],
			(told->number - i) * sizeof(RwToldEntry));
}

static int
branch_size(const RwTold *told, uint64 branch)
{
	int			size = 0;

	for (int i = 0; i < told->number; i++)
		size += told->entries[i].branch == branch;
	return size;
}

/*
 * Make room in a full table for an entry of that branch, or for a replica.
 * The last entry of the largest branch goes, which is the deepest in its tree.
 */
static bool
make_room(RwTold *told, RwServerId own, uint64 branch, bool replica)
{
	int			victim = -1;
	int			most = replica ? 1 : branch_size(told, branch) + 1;

	for (int i = 0; i < told->number; i++)
	{
		int			size;

		if (is_replica(&told->entries[i], own))
			continue;
		size = branch_size(told, told->entries[i].branch);
		if (size > most || (victim >= 0 && size == most))
		{
			most = size;
			victim = i;
		}
	}
	if (victim < 0)
		return false;
	remove_entry(told, victim);
	return true;
}

/* Take it up in a branch, whoever said it. */
static bool
take_entry(RwTold *told, RwServerId own, uint64 branch, uint32 round,
		   const RwServer *server)
{
	RwToldEntry *entry = find_entry(told, branch, server);
	bool		replica = branch != RW_BRANCH_ABOVE &&
		rw_server_id_equal(server->parent, own);
	bool		changed = true;

	if (entry != NULL)
		changed = rw_server_words_differ(&entry->server, server);
	else
	{
		if (told->number == RW_TREE_MAX &&
			(branch == RW_BRANCH_ABOVE ||
			 !make_room(told, own, branch, replica)))
			return false;
		entry = &told->entries[told->number++];
		entry->branch = branch;
	}
	entry->round = round;
	entry->live = true;
	entry->server = *server;
	return changed;
}

bool
rw_told_from_below(RwTold *told, RwServerId own, uint64 branch,
				   RwServerId peer, uint32 round, const RwServer *server)
{
	RwServer	mine = *server;

	if (rw_server_id_equal(server->id, peer))
	{
		mine.parent = own;
		mine.key = branch;
		rw_server_clear_seen(&mine);
		return take_entry(told, own, branch, round, &mine);
	}
	if (rw_server_id_equal(server->id, own) ||
		!rw_server_id_is_set(server->parent) ||
		rw_server_id_equal(server->parent, own) ||
		!has_told(told, branch, round, server->parent) ||
		has_line(told, own, branch, server->id))
		return false;
	return take_entry(told, own, branch, round, server);
}

bool
rw_told_from_above(RwTold *told, RwServerId own, uint32 round,
				   const RwServer *server)
{
	RwServer	mine;

	/* What is below this server nobody up there knows better. */
	if (rw_server_id_equal(server->parent, own))
		return false;
	if (!rw_server_id_equal(server->id, own))
		return take_entry(told, own, RW_BRANCH_ABOVE, round, server);

	memset(&mine, 0, sizeof(RwServer));
	mine.id = own;
	mine.staleness = mine.alerts = -1;
	rw_server_copy_seen(&mine, server);
	return take_entry(told, own, RW_BRANCH_ABOVE, round, &mine);
}

bool
rw_told_end_round(RwTold *told, uint64 branch, uint32 round)
{
	bool		changed = false;

	for (int i = told->number - 1; i >= 0; i--)
	{
		if (told->entries[i].branch == branch &&
			told->entries[i].round != round)
		{
			remove_entry(told, i);
			changed = true;
		}
	}
	return changed;
}

void
rw_told_end_line(RwTold *told, uint64 branch)
{
	for (int i = 0; i < told->number; i++)
	{
		if (told->entries[i].branch == branch)
			told->entries[i].live = false;
	}
}

bool
rw_told_drop(RwTold *told, uint64 branch)
{
	bool		changed = false;

	for (int i = told->number - 1; i >= 0; i--)
	{
		if (told->entries[i].branch == branch)
		{
			remove_entry(told, i);
			changed = true;
		}
	}
	return changed;
}

/* Is it, or what it is below of, in a branch that a line brings? */
static bool
is_below(const RwTold *below, const RwServer *server)
{
	for (int i = 0; i < below->number; i++)
	{
		const RwToldEntry *entry = &below->entries[i];

		if (entry->live && rw_server_id_is_set(entry->server.id) &&
			rw_server_id_equal(entry->server.id,
							   rw_server_id_is_set(server->id) ?
							   server->id : server->parent))
			return true;
	}
	return false;
}

/* The servers on the way up from this one, as the upstream server tells. */
typedef struct Way
{
	int			number;
	RwServerId	ids[RW_TREE_MAX];
} Way;

static bool
is_on_way(const Way *way, RwServerId id)
{
	for (int i = 0; i < way->number; i++)
	{
		if (rw_server_id_equal(way->ids[i], id))
			return true;
	}
	return false;
}

static void
find_way(Way *way, const RwTold *above, RwServerId own)
{
	RwServerId	id = own;

	way->number = 0;
	for (int i = 0; i < above->number && way->number < RW_TREE_MAX; i++)
	{
		const RwServer *server = &above->entries[i].server;

		if (!rw_server_id_equal(server->id, id) ||
			!rw_server_id_is_set(server->parent) ||
			is_on_way(way, server->parent))
			continue;
		id = way->ids[way->number++] = server->parent;
		i = -1;					/* begin again, with that one */
	}
}

/* What goes first into the list, before what there may be no room for. */
static bool
is_close(const RwToldEntry *entry, RwServerId own, RwServerId upstream)
{
	if (entry->branch != RW_BRANCH_ABOVE)
		return is_replica(entry, own);
	return rw_server_id_equal(entry->server.id, own) ||
		rw_server_id_equal(entry->server.id, upstream);
}

int
rw_told_list(const RwTold *below, const RwTold *above, RwServerId own,
			 RwServerId upstream, RwServer *list)
{
	const RwTold *tables[] = {below, above};
	int			number = 0;
	Way			way;

	find_way(&way, above, own);
	for (int pass = 0; pass < 2; pass++)
	{
		for (int t = 0; t < lengthof(tables); t++)
		{
			for (int i = 0; i < tables[t]->number; i++)
			{
				const RwToldEntry *entry = &tables[t]->entries[i];

				if (number == RW_TREE_MAX)
					return number;
				if (is_close(entry, own, upstream) != (pass == 0))
					continue;
				if (is_on_way(&way, entry->server.id) ?
					tables[t] == below && entry->live :
					tables[t] == above && is_below(below, &entry->server))
					continue;
				list[number++] = entry->server;
			}
		}
	}
	return number;
}
