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
#include "src/base/locks.h"
#include "src/observe/intern.h"

int
rw_backend_status_number(void)
{
	/*
	 * If there is no snapshot yet, the server takes one.  For each process it
	 * takes this lock, which can't be held meanwhile: reading the entry of a
	 * process that was stopped while it wrote it does not end.
	 */
	rw_require_free(RW_BACKENDS_LOCK, LW_SHARED);
	return pgstat_fetch_stat_numbackends();
}

const PgBackendStatus *
rw_status_of_pid(int pid)
{
	int			nbackends = rw_backend_status_number();
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
	int			nbackends = rw_backend_status_number();
	int			i;

	for (i = 1; i <= nbackends; i++)
	{
		LocalPgBackendStatus *local = rw_backend_status(i);

		if (local && local->backendStatus.st_backendType == type)
			return &local->backendStatus;
	}
	return NULL;
}
