/*-------------------------------------------------------------------------
 *
 * page.h
 *	  The pages of the port: /metrics, /status and /cluster.
 *
 * A page is rendered as a whole, from one snapshot of the server, into a
 * buffer that belongs to the client until it has read all of it.  There are a
 * few buffers, each large enough for as many links as this server can have.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_PAGE_H
#define RW_PAGE_H

#include "src/base/render.h"
#include "src/port/intern.h"

/* Number of buffers, and so of clients that can read pages at a time. */
#define RW_PAGES_MAX	4

typedef struct RwPage
{
	bool		used;
	const char *type;			/* media type */
	RwText		text;
} RwPage;

/* Allocate the buffers in TopMemoryContext, at the first call. */
extern void rw_pages_init(void);

/* Is there a buffer for one more page? */
extern bool rw_page_has_room(void);

/*
 * Render the page that a request asks for.  NULL if that cannot be done, with
 * the reason.  If *try_again, a lock was not free (base/locks.h), and the page
 * may be made later; otherwise all buffers are in use, or the page does not fit.
 * Leaves allocations in the current memory context, which the page does not
 * need, and the reason among them.
 */
extern RwPage *rw_page_make(const RwRequest *request, const char **reason,
							bool *try_again);

/* Make the page's buffer available again. */
extern void rw_page_release(RwPage *page);

#endif							/* RW_PAGE_H */
