/*-------------------------------------------------------------------------
 *
 * answer.h
 *	  Answers of the port in HTTP.
 *
 * Each ends the connection, tells its length and, if it is not a page of its
 * own, has a body of JSON that says why:
 *
 *	{"ok":false,"check":"replica","role":"standby","lag":12.034,
 *	 "lag_bound":"exact","lag_bytes":4096,"cut_off":false,
 *	 "reason":"lag is 12 s, more than 10 s"}
 *
 * Pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ANSWER_H
#define RW_ANSWER_H

#include "src/base/render.h"
#include "src/port/verdict.h"

/* Room for any answer here; a page's own body is not among them. */
#define RW_ANSWER_MAX	2048

/* The answer to a health check: 200 or 503. */
extern void rw_answer_check(RwText *out, const RwRequest *request,
							const RwVerdict *verdict);

/* Any other status, with a reason. */
extern void rw_answer_refusal(RwText *out, int status, RwMethod method,
							  const char *reason);

/* What goes before a page of that type and length. */
extern void rw_answer_head(RwText *out, int status, const char *type,
						   size_t length);

#endif							/* RW_ANSWER_H */
