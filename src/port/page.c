/*-------------------------------------------------------------------------
 *
 * page.c
 *	  The pages of the port: /metrics, /status and /cluster.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "replication/walsender.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"

#include "src/base/compat.h"
#include "src/port/page.h"
#include "src/settings.h"
#include "src/show/show.h"

/*
 * The size of a buffer: a base, and a share for each link that this server can
 * have.  A link with its alerts takes some 5 kB, and much more with the
 * longest names.  The base alone has room for all servers of a tree, of at most
 * 2 kB each.
 */
#define PAGE_BASE		(RW_TREE_MAX * 2 * 1024)
#define PAGE_LINK		(16 * 1024)
#define PAGE_MAX		(64 * 1024 * 1024)

static RwPage pages[RW_PAGES_MAX];
static char *buffers[RW_PAGES_MAX];
static Size page_size;

void
rw_pages_init(void)
{
	int64		links = 1 + (int64) max_wal_senders + RW_MAX_SLOTS +
		rw_max_replicas;
	int			i;

	if (page_size != 0)
		return;
	page_size = Min(PAGE_BASE + links * PAGE_LINK, PAGE_MAX);

	/* Exiting for lack of memory would not help: the worker is restarted. */
	for (i = 0; i < RW_PAGES_MAX; i++)
		buffers[i] = MemoryContextAllocExtended(TopMemoryContext, page_size,
												MCXT_ALLOC_NO_OOM);
}

static RwPage *
find_free_page(void)
{
	int			i;

	for (i = 0; i < RW_PAGES_MAX; i++)
	{
		if (!pages[i].used && buffers[i] != NULL)
			return &pages[i];
	}
	return NULL;
}

bool
rw_page_has_room(void)
{
	return find_free_page() != NULL;
}

static void
render_page(RwPage *page, const RwRequest *request)
{
	RwSnapshot *snapshot;

	rw_text_begin(&page->text, buffers[page - pages], page_size);
	page->type = "application/json";
	if (request->topic == RW_ASK_CLUSTER)
	{
		RwCluster	cluster;

		rw_cluster_take(&cluster);
		rw_render_cluster(&page->text, &cluster);
		return;
	}

	snapshot = palloc(sizeof(RwSnapshot));
	rw_snapshot_take(snapshot);
	if (request->topic == RW_ASK_STATUS)
		rw_render_status(&page->text, snapshot);
	else
	{
		page->type = "text/plain; version=0.0.4; charset=utf-8";
		rw_render_metrics(&page->text, snapshot);
	}
}

/*
 * Render a page, unless a lock is busy; then return why.  Nothing but LWLocks
 * and memory is held where that error is raised (base/locks.h).
 */
static const char *
try_to_render(RwPage *page, const RwRequest *request)
{
	MemoryContext context = CurrentMemoryContext;
	const char *volatile reason = NULL;

	PG_TRY();
	{
		render_page(page, request);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
		LWLockReleaseAll();
		reason = psprintf("the page could not be made within 5 s: %s",
						  error->message);
	}
	PG_END_TRY();
	return reason;
}

RwPage *
rw_page_make(const RwRequest *request, const char **reason, bool *try_again)
{
	RwPage	   *page = find_free_page();

	*reason = page ? try_to_render(page, request) : NULL;
	*try_again = *reason != NULL;
	if (*try_again)
		return NULL;

	/* The client could not tell half a page from a whole one. */
	if (page == NULL || page->text.full)
	{
		*reason = "there is no room for this page at present";
		return NULL;
	}
	page->used = true;
	return page;
}

void
rw_page_release(RwPage *page)
{
	page->used = false;
}
