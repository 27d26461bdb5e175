/*-------------------------------------------------------------------------
 *
 * history.h
 *	  The LSN history of this server, in shared memory.
 *
 * The sampling worker adds to it, all other processes look it up (lsntime.h),
 * all under rw_history_lock.  The memory is empty at each start of the
 * server, also after a crash, until the worker has loaded its file.
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

/* Protected by rw_history_lock; NULL where the library is not preloaded. */
extern RwHistoryShared *rw_history_shared;

/* Shared memory; called by src/shmem.c. */
extern Size rw_history_size(void);
extern void rw_history_attach(void);

#endif							/* RW_HISTORY_H */
