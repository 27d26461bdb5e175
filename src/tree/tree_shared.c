/*-------------------------------------------------------------------------
 *
 * tree_shared.c
 *	  The tree in shared memory.
 *
 * Each part is a box of bytes: what is in it is made elsewhere and copied in
 * at once, so that a box is open for some microseconds only.  Servers are
 * packed (pack.h): most of them take a third of what they could.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/base/locks.h"
#include "src/base/process.h"
#include "src/settings.h"
#include "src/tree/pack.h"
#include "src/tree/tree_shared.h"

/* How long to try for a copy that was not written to meanwhile. */
#define READ_TIME			(2 * RW_MS)

/*
 * Room for each server that is told, and for each child.  Only if most of
 * RW_TREE_MAX servers have names near the limit, the last of them do not fit.
 */
#define TOLD_ROOM			(RW_TREE_MAX * 256)
#define CHILD_ROOM			512

StaticAssertDecl(RW_PACKED_SIZE(sizeof(RwChild)) <= CHILD_ROOM,
				 "all children fit, however long their names");

/* A part of shared memory with one writer. */
typedef struct Box
{
	pg_atomic_uint32 changes;	/* odd while it is written */
	uint32		len;			/* 0: nothing was published */
	char		data[FLEXIBLE_ARRAY_MEMBER];
} Box;

/* The line to the upstream server, as it is in its box. */
typedef struct UpstreamBox
{
	RwToldUpstream told;
	RwLineState state;
} UpstreamBox;

typedef struct TreeShared
{
	RwServerId	own_id;
	pg_atomic_uint32 report_number; /* of reports with other words */
} TreeShared;

static const char *const line_state_names[] = {
	[RW_LINE_OFF] = "off",
	[RW_LINE_CONNECTING] = "connecting",
	[RW_LINE_UP] = "up",
	[RW_LINE_REFUSED] = "refused",
};

StaticAssertDecl(lengthof(line_state_names) == RW_LINE_REFUSED + 1,
				 "every state of the line has a name");

static const RwPackKind pack_child = {
	sizeof(RwChild), 7,
	{
		RW_PACK_SERVER_TEXTS,
		RW_PACK_TEXT(RwChild, application_name),
		RW_PACK_TEXT(RwChild, slot_name)
	}
};

/* NULL where the library is not preloaded. */
static TreeShared *tree_shared = NULL;
static Box *report_box = NULL;
static Box *told_box = NULL;
static Box *upstream_box = NULL;

const char *
rw_line_state_name(RwLineState state)
{
	return line_state_names[state];
}

/* ----------------------------------------------------------------
 *		Shared memory
 * ----------------------------------------------------------------
 */

static Size
report_room(void)
{
	return sizeof(RwReport) + mul_size(rw_max_replicas, CHILD_ROOM);
}

static Size
box_size(Size room)
{
	return MAXALIGN(offsetof(Box, data) + room);
}

Size
rw_tree_size(void)
{
	return add_size(add_size(MAXALIGN(sizeof(TreeShared)),
							 box_size(report_room())),
					add_size(box_size(TOLD_ROOM),
							 box_size(sizeof(UpstreamBox))));
}

static Box *
make_box(char **memory, Size room, bool found)
{
	Box		   *box = (Box *) *memory;

	*memory += box_size(room);
	if (!found)
		pg_atomic_init_u32(&box->changes, 0);
	return box;
}

void
rw_tree_attach(void)
{
	bool		found;
	char	   *memory = ShmemInitStruct("replwatch tree", rw_tree_size(),
										 &found);

	if (!found)
		memset(memory, 0, rw_tree_size());
	tree_shared = (TreeShared *) memory;
	memory += MAXALIGN(sizeof(TreeShared));
	report_box = make_box(&memory, report_room(), found);
	told_box = make_box(&memory, TOLD_ROOM, found);
	upstream_box = make_box(&memory, sizeof(UpstreamBox), found);

	if (!found)
	{
		pg_atomic_init_u32(&tree_shared->report_number, 0);
		/* Without randomness there is no id, and so no line. */
		if (!pg_strong_random(&tree_shared->own_id, sizeof(RwServerId)))
			memset(&tree_shared->own_id, 0, sizeof(RwServerId));
	}
}

RwServerId
rw_own_server_id(void)
{
	return tree_shared->own_id;
}

/* ----------------------------------------------------------------
 *		Boxes
 * ----------------------------------------------------------------
 */

static void
box_write(Box *box, const void *data, Size len)
{
	uint32		change = pg_atomic_read_u32(&box->changes) | 1;

	pg_atomic_write_u32(&box->changes, change);
	pg_write_barrier();
	memcpy(box->data, data, len);
	box->len = len;
	pg_write_barrier();
	pg_atomic_write_u32(&box->changes, change + 1);
}

/* A copy of what is in a box with that much room; returns its length, or 0. */
static Size
box_read(Box *box, void *data, Size room)
{
	RwTime		end = rw_clock_now() + READ_TIME;

	do
	{
		uint32		before = pg_atomic_read_u32(&box->changes);
		Size		len;

		pg_read_barrier();
		len = box->len;
		if ((before & 1) == 0 && len <= room)
		{
			memcpy(data, box->data, len);
			pg_read_barrier();
			if (pg_atomic_read_u32(&box->changes) == before)
				return len;
		}
	} while (rw_clock_now() < end);
	return 0;
}

/* ----------------------------------------------------------------
 *		The report
 * ----------------------------------------------------------------
 */

void
rw_report_publish(const RwReport *report, bool changed)
{
	int			nchildren = Min(report->nchildren, rw_max_replicas);
	RwChild    *children = palloc(nchildren * sizeof(RwChild));
	char	   *data = palloc(report_room());
	RwReport   *head = (RwReport *) data;
	Size		len;
	int			i;

	*head = *report;
	head->own.id = tree_shared->own_id;
	head->nchildren = nchildren;
	head->children = NULL;
	memcpy(children, report->children, nchildren * sizeof(RwChild));
	for (i = 0; i < nchildren; i++)
		children[i].server.parent = tree_shared->own_id;
	len = rw_pack(data + sizeof(RwReport), report_room() - sizeof(RwReport),
				  &pack_child, children, nchildren);
	box_write(report_box, data, sizeof(RwReport) + len);
	pfree(data);
	pfree(children);

	if (changed)
	{
		pg_atomic_fetch_add_u32(&tree_shared->report_number, 1);
		rw_process_wake(RW_PROCESS_PORT);
	}
}

void
rw_report_read(RwReport *report)
{
	RwChild    *children = report->children;
	char	   *data = palloc(report_room());
	Size		len = box_read(report_box, data, report_room());

	memset(report, 0, sizeof(RwReport));
	if (len > 0)
	{
		memcpy(report, data, sizeof(RwReport));
		rw_unpack(children, rw_max_replicas, &pack_child,
				  data + sizeof(RwReport), len - sizeof(RwReport));
	}
	report->children = children;
	pfree(data);
}

bool
rw_report_changed(uint32 *number)
{
	uint32		now = pg_atomic_read_u32(&tree_shared->report_number);
	bool		changed = now != *number;

	*number = now;
	return changed;
}

/* ----------------------------------------------------------------
 *		What was told
 * ----------------------------------------------------------------
 */

void
rw_told_publish(const RwServer *told, int ntold)
{
	char	   *data = palloc(TOLD_ROOM);

	box_write(told_box, data,
			  rw_pack(data, TOLD_ROOM, &rw_pack_server, told,
					  Min(ntold, RW_TREE_MAX)));
	pfree(data);
}

int
rw_told_read(RwServer *told)
{
	char	   *data = palloc(TOLD_ROOM);
	Size		len = box_read(told_box, data, TOLD_ROOM);
	int			ntold = rw_unpack(told, RW_TREE_MAX, &rw_pack_server, data,
								  len);

	pfree(data);
	return ntold;
}

void
rw_told_upstream_publish(const RwToldUpstream *told, RwLineState state)
{
	UpstreamBox upstream = {*told, state};

	box_write(upstream_box, &upstream, sizeof(UpstreamBox));
}

RwToldUpstream
rw_told_upstream_read(RwLineState *state)
{
	UpstreamBox upstream;

	if (box_read(upstream_box, &upstream, sizeof(UpstreamBox)) == 0)
		memset(&upstream, 0, sizeof(UpstreamBox));
	*state = upstream.state;
	return upstream.told;
}

/* ----------------------------------------------------------------
 *		The tree
 * ----------------------------------------------------------------
 */

RwTree *
rw_tree_take(void)
{
	RwTree	   *tree;
	RwReport	report;
	RwServer   *children;
	RwServer   *told;
	int			i;

	if (!rw_is_preloaded())
		return NULL;

	tree = palloc0(sizeof(RwTree));
	report.children = palloc(rw_max_replicas * sizeof(RwChild));
	rw_report_read(&report);
	if (report.own.reported_at != RW_NEVER)
	{
		children = palloc(rw_max_replicas * sizeof(RwServer));
		for (i = 0; i < report.nchildren; i++)
			children[i] = report.children[i].server;
		told = palloc(RW_TREE_MAX * sizeof(RwServer));
		rw_tree_build(tree, &report.own, children, report.nchildren, told,
					  rw_told_read(told));
		pfree(told);
		pfree(children);
	}
	pfree(report.children);
	return tree;
}
