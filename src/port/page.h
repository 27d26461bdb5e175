/*-------------------------------------------------------------------------
 *
 * page.h
 *	  The pages of the port: /metrics and /status.
 *
 * A page is rendered at once, from one look at the server, into a buffer that
 * is the client's until it has read it all.  There are a few such buffers,
 * with room for as many links as this server can have.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_PAGE_H
#define RW_PAGE_H

#include "src/base/render.h"
#include "src/port/intern.h"

/* So many clients can be reading pages at a time. */
#define RW_PAGES_MAX	4

typedef struct RwPage
{
	bool		used;
	const char *type;			/* media type */
	RwText		text;
} RwPage;

/* Make the buffers, unless they are there; in TopMemoryContext. */
extern void rw_pages_init(void);

/*
 * Render the page that is asked for.  NULL if all buffers are in use.
 * Allocates in the current memory context for the while.
 */
extern RwPage *rw_page_make(const RwRequest *request);

extern void rw_page_release(RwPage *page);

#endif							/* RW_PAGE_H */
