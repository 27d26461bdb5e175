/*-------------------------------------------------------------------------
 *
 * shmem.h
 *	  Shared memory: its total size and its initialization.
 *
 * Each folder declares, sizes and initializes its own part.  All of it is
 * plain data, and is empty at each start of the server, also after a crash.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SHMEM_H
#define RW_SHMEM_H

/* Request the memory and the locks, once all settings are known. */
extern void rw_shmem_request(void);

/*
 * Create the parts, or attach to them.  The postmaster calls this again after
 * a crash, with new memory.
 */
extern void rw_shmem_startup(void);

#endif							/* RW_SHMEM_H */
