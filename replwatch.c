/*-------------------------------------------------------------------------
 *
 * replwatch.c
 *	  Watches over streaming replication from inside the server.
 *
 * This file only starts the rooms; each explains itself in its header under
 * src/.  Calls go from right to left only:
 *
 *	compat, clock, digit, errcodes, arguments | lsntime rates chart replicas
 *	timeline conninfo waitheap histogram rules commandline shell render request
 *	verdict answer (pure) |
 *	settings limits | shared waiters commits replay command | observe | lag |
 *	statement token timelinefile | wait readafter quorum | tend store persist |
 *	judge alerttext alerts | alertlist words status past waitstatus alertstatus |
 *	health page respond listen clients port | sample worker runner | this file
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "src/alert/alert_settings.h"
#include "src/base/compat.h"
#include "src/command/command_settings.h"
#include "src/replica/expected.h"
#include "src/settings.h"
#include "src/shmem.h"
#include "src/wait/keepalive.h"
#include "src/wait/read_after.h"
#include "src/wait/replay.h"
#include "src/wait/token.h"
#include "src/worker/worker.h"

RW_MODULE_MAGIC;

void		_PG_init(void);

/*
 * Without shared_preload_libraries the functions still work as far as they
 * can (status, node) or say what is missing.
 */
void
_PG_init(void)
{
	rw_settings_init();
	rw_replica_settings();
	rw_command_settings();
	rw_alert_settings();

	if (process_shared_preload_libraries_in_progress)
	{
		rw_shmem_init();
		rw_replay_init();
		rw_token_init();
		rw_read_after_init();
		rw_keepalive_init();
		rw_worker_init();
	}

	/* The rooms above have settings of their own. */
	MarkGUCPrefixReserved("replwatch");
}
