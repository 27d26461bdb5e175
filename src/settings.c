/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  Definitions of all settings.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "src/settings.h"

int			rw_sample_interval_ms = 100;
int			rw_max_replicas = 64;
bool		rw_tend_walsenders = true;
int			rw_known_after_s = 60;
int			rw_forget_after_s = 86400;

void
rw_settings_init(void)
{
	DefineCustomIntVariable("replwatch.sample_interval",
							"Sets the time between two samples of the replication state.",
							"While nothing moves, samples are up to 250 milliseconds apart.",
							&rw_sample_interval_ms,
							100, 10, 10000,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.known_after",
							"Sets how long a replica has to stream before it is known.",
							"A known replica remains visible when it is gone.",
							&rw_known_after_s,
							60, 0, 86400,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.forget_after",
							"Sets how long a replica without a slot is remembered after it has gone.",
							"If set to zero, it is remembered until replwatch_forget() is called.",
							&rw_forget_after_s,
							86400, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);

	/* What is fixed at server start can't be defined any later. */
	if (process_shared_preload_libraries_in_progress)
	{
		DefineCustomIntVariable("replwatch.max_replicas",
								"Sets the number of replicas that are followed and remembered.",
								"When more connect, those that have been gone longest are forgotten.",
								&rw_max_replicas,
								64, 1, 1000,
								PGC_POSTMASTER, 0,
								NULL, NULL, NULL);

		DefineCustomBoolVariable("replwatch.tend_walsenders",
								 "Sends a keepalive to standbys each second.",
								 "Lets a standby tell an idle upstream server from a dead connection.",
								 &rw_tend_walsenders,
								 true,
								 PGC_POSTMASTER, 0,
								 NULL, NULL, NULL);
	}

	MarkGUCPrefixReserved("replwatch");
}
