/*-------------------------------------------------------------------------
 *
 * shmem.c
 *	  Shared memory: its total size and its initialization.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/alert/alerts_shared.h"
#include "src/base/locks.h"
#include "src/base/process.h"
#include "src/command/command.h"
#include "src/history/history.h"
#include "src/lag/lag_shared.h"
#include "src/observe/ended.h"
#include "src/observe/replaying.h"
#include "src/replica/replica_shared.h"
#include "src/shmem.h"
#include "src/tree/tree_shared.h"
#include "src/wait/wait.h"

typedef struct ShmemPart
{
	Size		(*size) (void);
	void		(*attach) (void);
} ShmemPart;

/* One part for each folder that has shared memory. */
static const ShmemPart parts[] = {
	{rw_process_size, rw_process_attach},
	{rw_ended_size, rw_ended_attach},
	{rw_replaying_size, rw_replaying_attach},
	{rw_history_size, rw_history_attach},
	{rw_replica_size, rw_replica_attach},
	{rw_tree_size, rw_tree_attach},
	{rw_lag_size, rw_lag_attach},
	{rw_wait_shmem_size, rw_wait_shmem_attach},
	{rw_command_size, rw_command_attach},
	{rw_alerts_size, rw_alerts_attach}
};

void
rw_shmem_request(void)
{
	int			i;

	for (i = 0; i < lengthof(parts); i++)
		RequestAddinShmemSpace(parts[i].size());
	rw_locks_request();
}

void
rw_shmem_startup(void)
{
	int			i;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	rw_locks_attach();
	for (i = 0; i < lengthof(parts); i++)
		parts[i].attach();
	LWLockRelease(AddinShmemInitLock);
}
