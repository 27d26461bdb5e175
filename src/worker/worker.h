/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  The sampling worker: observe, record, publish, judge, save.
 *
 * One process, "replwatch sampler", runs from the start of the postmaster to
 * its end, on primaries and standbys, before consistency, and whether or not a
 * standby accepts connections.  It uses shared memory and no database.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WORKER_H
#define RW_WORKER_H

/* The entry point, called by the postmaster by name (base/process.c). */
extern PGDLLEXPORT void rw_worker_main(Datum arg);

#endif							/* RW_WORKER_H */
