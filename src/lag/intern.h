/*-------------------------------------------------------------------------
 *
 * intern.h
 *	  What only the files of src/lag may see.
 *
 * All of this is pure; lag.c calls it step by step.  Others include lag.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LAG_INTERN_H
#define RW_LAG_INTERN_H

#include "src/base/units.h"
#include "src/history/lsntime.h"
#include "src/lag/lag.h"

/* ---- lag_rows.c: the rows, each with its position ---- */

/*
 * Mark replicas as gone, in a copy of the table, whose walsender has ended
 * since the worker's last sample.
 */
extern void rw_notice_gone(const RwFacts *facts, RwPublished *published);

/* The room that rw_add_rows() needs in links->links. */
extern int	rw_max_links(const RwFacts *facts, const RwPublished *published);

/*
 * Make all rows from the facts and links->published, in no particular order
 * but the upstream row first.  Lags, reasons, forecasts and health stay
 * unknown.  A row whose position is itself only a bound says so in `bound`.
 */
extern void rw_add_rows(const RwFacts *facts, RwLinks *links);

/* The order of rw_sort_links(), for qsort(). */
extern int	rw_compare_links(const void *a, const void *b);

/* ---- lag_measure.c: from positions to lags ---- */

/*
 * Fill in lag_bytes, lag and bound of all links.  Without a view there is no
 * time lag.  Called under history_lock: it neither allocates nor takes locks.
 */
extern void rw_measure_links(const RwFacts *facts, RwLinks *links,
							 const RwHistoryView *view);

/* ---- lag_reason.c: why a link is behind, and until when ---- */

/*
 * May an open transaction be why restart_lsn stays where it is, although the
 * consumer is in step?
 */
extern bool rw_may_be_held(const RwLink *link, const RwFacts *facts);

/* Can this be the row of a replica that reports over the line? */
extern bool rw_may_report(const RwLink *link);

/*
 * Fill in the reasons and forecasts of all links.  If rw_may_be_held() any,
 * facts->oldest has been filled in, and if rw_may_report() any, what was told
 * is there.
 */
extern void rw_explain_links(const RwFacts *facts, RwLinks *links);

/*
 * Set a link's reason, and its text to the strings that follow, of which the
 * last is NULL.
 */
extern void rw_give_reason(RwLink *link, RwReason reason,...);

/* Add to the text of a link's reason. */
extern void rw_add_to_reason(RwLink *link, const char *string);

/* ---- lag_upstream.c: the row of this standby's own link ---- */

/* Fill in the upstream row, but for its name and state. */
extern void rw_fill_upstream(RwLink *link, const RwFacts *facts,
							 const RwPublished *published);

/*
 * Correct the lag of the upstream row for WAL that this standby does not have
 * yet or does not know of: silence does not mean that there is none.
 */
extern void rw_measure_upstream(RwLink *link, const RwFacts *facts,
								const RwPublished *published);

/* Has the upstream server reported WAL, some time ago, that is not here? */
extern bool rw_upstream_is_incomplete(const RwFacts *facts,
									  const RwPublished *published);

/* When the last commit that came from the archive was made, or RW_NEVER. */
extern RwTime rw_archived_commit(const RwFacts *facts,
								 const RwUpstream *upstream);

/* ---- lag_upstream_reason.c: why that link is behind ---- */

/* Give the upstream row its reason. */
extern void rw_explain_upstream(RwLink *link, const RwFacts *facts,
								const RwPublished *published);

#endif							/* RW_LAG_INTERN_H */
