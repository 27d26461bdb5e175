/*-------------------------------------------------------------------------
 *
 * replwatch.c
 *	  Watches over streaming replication from inside the server.
 *
 * This file only wires the folders of src/ together; the README.md of each
 * explains it.  Includes and calls go down only, in this order, which
 * scripts/includes checks:
 *
 *	worker		the loop: observe, record, judge, publish, save
 *	sql			the SQL functions
 *	port		health checks, metrics and pages on a TCP port
 *	show		the rows once, written as JSON and metrics
 *	alert		findings, their state, and reports of their changes
 *	command		runs alert_command
 *	wait		read your writes
 *	lag			one row for each replication link, with its lag and reason
 *	replica		identities of replicas and what is known of them
 *	history		which LSN was reached when
 *	observe		the server's state as plain facts
 *	settings	the settings as plain variables
 *	base		small things without a subject
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
#include "src/base/process.h"
#include "src/command/command.h"
#include "src/hooks.h"
#include "src/port/port.h"
#include "src/replica/expected.h"
#include "src/settings.h"
#include "src/wait/wait.h"

RW_MODULE_MAGIC;

void		_PG_init(void);

/*
 * Without shared_preload_libraries the functions do what they can (status,
 * node) or say what is missing.
 */
void
_PG_init(void)
{
	rw_settings_init();
	rw_replica_settings();
	rw_command_settings();
	rw_alert_settings();
	rw_port_settings();

	if (process_shared_preload_libraries_in_progress)
	{
		rw_token_settings();
		rw_read_after_settings();
		rw_hooks_init();

		/* pg_upgrade wants the server to itself. */
		if (!IsBinaryUpgrade)
			rw_process_register(RW_PROCESS_SAMPLER);
	}

	/* After all settings: it removes those that nobody has defined. */
	MarkGUCPrefixReserved("replwatch");
}
