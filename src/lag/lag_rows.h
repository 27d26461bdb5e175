/*-------------------------------------------------------------------------
 *
 * lag_rows.h
 *	  The rows of replication links, each with its position.
 *
 * Internal to the lag room; others include lag.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LAG_ROWS_H
#define RW_LAG_ROWS_H

#include "src/lag/lag.h"

/*
 * Make all rows, not sorted yet, from the facts and links->published.  Lags,
 * reasons, forecasts and health stay unknown; where the position itself is
 * only a bound, `bound` says so already.  Allocates in the current memory
 * context.
 */
extern void rw_add_rows(RwFacts *facts, RwLinks *links);

#endif							/* RW_LAG_ROWS_H */
