/*-------------------------------------------------------------------------
 *
 * backend_status.c
 *	  Entries of core's backend status array.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/base/compat.h"
#include "src/observe/intern.h"

const PgBackendStatus *
rw_status_of_pid(int pid)
{
	int			nbackends = pgstat_fetch_stat_numbackends();
	int			i;

	for (i = 1; i <= nbackends; i++)
	{
		LocalPgBackendStatus *local = rw_backend_status(i);

		if (local && local->backendStatus.st_procpid == pid)
			return &local->backendStatus;
	}
	return NULL;
}

const PgBackendStatus *
rw_status_of_type(BackendType type)
{
	int			nbackends = pgstat_fetch_stat_numbackends();
	int			i;

	for (i = 1; i <= nbackends; i++)
	{
		LocalPgBackendStatus *local = rw_backend_status(i);

		if (local && local->backendStatus.st_backendType == type)
			return &local->backendStatus;
	}
	return NULL;
}
