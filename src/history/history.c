/*-------------------------------------------------------------------------
 *
 * history.c
 *	  The LSN history of this server, in shared memory.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/shmem.h"

#include "src/history/history.h"

RwHistoryShared *rw_history_shared = NULL;

Size
rw_history_size(void)
{
	return MAXALIGN(sizeof(RwHistoryShared));
}

void
rw_history_attach(void)
{
	bool		found;

	rw_history_shared = ShmemInitStruct("replwatch history",
										sizeof(RwHistoryShared), &found);
	if (!found)
	{
		rw_history_shared->tli = 0;
		rw_history_init(&rw_history_shared->history);
	}
}
