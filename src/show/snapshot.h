/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *	  One look at everything, for pages that show everything.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SNAPSHOT_H
#define RW_SNAPSHOT_H

#include "src/alert/alert_list.h"
#include "src/base/process.h"
#include "src/base/render.h"
#include "src/lag/lag.h"
#include "src/wait/waiters.h"

typedef struct RwSnapshot
{
	RwFacts		facts;
	RwLinks		links;
	RwSyncFacts sync;
	RwProcessState worker;
	int			worker_pid;		/* 0: none runs */
	RwProcessState port;
	RwProcessState runner;
	int			waiters;
	RwWaitStats waits;
	int			nalerts;
	RwAlertView *alerts;
} RwSnapshot;

/* Render the pages, each from one look. */
extern void rw_render_status(RwText *out, const RwSnapshot *look);
extern void rw_render_metrics(RwText *out, const RwSnapshot *look);

#endif							/* RW_SNAPSHOT_H */
