/*-------------------------------------------------------------------------
 *
 * history.h
 *	  The LSN history of this server, in shared memory.
 *
 * The sampling worker adds to it; everybody else asks it (lsntime.h) under
 * history_lock.  It begins empty at each start of the server, also after a
 * crash, and the worker brings back what its file holds.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_HISTORY_H
#define RW_HISTORY_H

#include "src/base/locks.h"
#include "src/history/lsntime.h"

typedef struct RwHistoryShared
{
	uint32		tli;			/* timeline of the newest point */
	RwHistory	history;
} RwHistoryShared;

/* NULL where the library is not preloaded; under history_lock. */
extern RwHistoryShared *rw_history_shared;

/* Shared memory; called by src/shmem.c. */
extern Size rw_history_size(void);
extern void rw_history_attach(void);

#endif							/* RW_HISTORY_H */
