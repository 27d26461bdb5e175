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

/* Register the worker; called once from _PG_init. */
extern void rw_worker_init(void);

extern PGDLLEXPORT void rw_worker_main(Datum arg);

#endif							/* RW_WORKER_H */
