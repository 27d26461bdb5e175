/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  The sampling worker: observe, record, publish.
 *
 * One process, "replwatch sampler", which runs from the start of the
 * postmaster to its end, on primaries and standbys and before consistency,
 * whether or not a standby accepts connections.  It has shared memory and no
 * database.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WORKER_H
#define RW_WORKER_H

#include "src/base/clock.h"

typedef enum RwWorkerState
{
	RW_WORKER_STARTING,			/* has not sampled yet */
	RW_WORKER_RUNNING,
	RW_WORKER_DOWN
} RwWorkerState;

/* Register the worker; called once from _PG_init. */
extern void rw_worker_init(void);

/* How the worker is, with its pid if it runs.  Needs the library preloaded. */
extern RwWorkerState rw_worker_state(RwTime now, int *pid);

/*
 * If no worker runs and none has for some seconds, try to start one; when
 * that is impossible, say so once in the log.  Called where a session comes
 * by anyway.
 */
extern void rw_worker_ensure(void);

extern PGDLLEXPORT void rw_worker_main(Datum arg);

#endif							/* RW_WORKER_H */
