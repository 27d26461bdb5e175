/*-------------------------------------------------------------------------
 *
 * lag_reason.h
 *	  Why a link is behind, and when it will have caught up.
 *
 * Internal to the lag room; others include lag.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LAG_REASON_H
#define RW_LAG_REASON_H

#include "src/base/units.h"
#include "src/lag/lag.h"

/* Fill in the reasons and forecasts of all links. */
extern void rw_explain(RwFacts *facts, RwLinks *links);

/* Set a link's reason and its text. */
extern void rw_give_reason(RwLink *link, RwReason reason,
						   const char *text,...) pg_attribute_printf(3, 4);

/* The age of the figures that a connected receiver reported; -1 unknown. */
extern int64 rw_reply_age(const RwLink *link, const RwFacts *facts);

#endif							/* RW_LAG_REASON_H */
