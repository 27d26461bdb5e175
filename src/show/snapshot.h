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

#include "src/alert/alertlist.h"
#include "src/base/render.h"
#include "src/command/command.h"
#include "src/lag/lag.h"
#include "src/port/port.h"
#include "src/wait/waiters.h"
#include "src/worker/worker.h"

typedef struct RwSnapshot
{
	RwFacts		facts;
	RwLinks		links;
	RwSyncFacts sync;
	RwWorkerState worker;
	int			worker_pid;		/* 0: none runs */
	RwPortState port;
	RwRunnerState runner;
	int			waiters;
	RwWaitStats waits;
	int			nalerts;
	RwAlertView *alerts;
} RwSnapshot;

/* Render the pages, each from one look. */
extern void rw_render_status(RwText *out, const RwSnapshot *look);
extern void rw_render_metrics(RwText *out, const RwSnapshot *look,
							  bool openmetrics);

#endif							/* RW_SNAPSHOT_H */
