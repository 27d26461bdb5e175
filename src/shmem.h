/*-------------------------------------------------------------------------
 *
 * shmem.h
 *	  Shared memory: its size in all, and its set-up.
 *
 * Each folder declares, sizes and sets up its own part.  All of it is plain
 * data, and begins empty at each start of the server, also after a crash.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SHMEM_H
#define RW_SHMEM_H

/* Ask for the memory at server start; called once from _PG_init. */
extern void rw_shmem_init(void);

#endif							/* RW_SHMEM_H */
