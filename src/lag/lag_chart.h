/*-------------------------------------------------------------------------
 *
 * lag_chart.h
 *	  The charts of lag, one for each link that is followed.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LAG_CHART_H
#define RW_LAG_CHART_H

#include "src/lag/lag.h"

/*
 * Add a point to the chart of the upstream link and of each known replica's.
 * Called by the worker alone, once per round; takes state_lock.
 */
extern void rw_lag_chart_add(const RwFacts *facts, const RwLinks *links);

#endif							/* RW_LAG_CHART_H */
