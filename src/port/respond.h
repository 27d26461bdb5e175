/*-------------------------------------------------------------------------
 *
 * respond.h
 *	  From a request to the bytes that answer it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_RESPOND_H
#define RW_RESPOND_H

#include "src/port/answer.h"
#include "src/port/page.h"

/* An answer: the bytes in `out`, and after them those of the page, if any. */
typedef struct RwResponse
{
	RwText		out;
	RwPage	   *page;			/* NULL if there is none; else it is the
								 * client's until rw_page_release */
	char		buffer[RW_ANSWER_MAX];
} RwResponse;

/* Answer a whole request of that length. */
extern void rw_respond(const char *data, size_t length, RwRequest *request,
					   RwResponse *response);

/* Refuse one that is not whole, for that reason. */
extern void rw_respond_refusal(int status, const char *reason,
							   RwResponse *response);

#endif							/* RW_RESPOND_H */
