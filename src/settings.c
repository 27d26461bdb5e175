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

#include "src/limits.h"
#include "src/settings.h"

int			rw_sample_interval_ms = 100;
int			rw_max_replicas = 64;
bool		rw_tend_walsenders = true;
int			rw_known_after_s = 60;
int			rw_forget_after_s = 86400;
bool		rw_wake_on_replay = true;
int			rw_wait_timeout_ms = 5000;
int			rw_wait_recheck_ms = 1000;
int			rw_max_waiters = 0;
bool		rw_report_commit_token = false;
int			rw_alert_hold_ms = 5000;
int			rw_alert_repeat_s = 3600;
bool		rw_log_alerts = true;

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

	DefineCustomIntVariable("replwatch.wait_timeout",
							"Sets how long a wait for an LSN may take that does not say.",
							"If set to zero, it only looks; if set to -1, it waits for ever.",
							&rw_wait_timeout_ms,
							5000, -1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.wait_recheck",
							"Sets how often a waiting session looks for itself.",
							"Sessions are woken when what they wait for has come; this is for a wake-up that was lost.",
							&rw_wait_recheck_ms,
							1000, 1, 60000,
							PGC_SUSET, GUC_UNIT_MS | GUC_NOT_IN_SAMPLE,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.max_waiters",
							"Sets how many sessions may wait for an LSN at a time.",
							"If set to zero, there is no limit.",
							&rw_max_waiters,
							0, 0, INT_MAX,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.alert_hold",
							"Sets how long an alert's condition has to hold before it is raised or cleared.",
							NULL,
							&rw_alert_hold_ms,
							5000, 0, 3600 * 1000,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.alert_repeat",
							"Sets how often an alert that goes on is told of again.",
							"If set to zero, it is not.",
							&rw_alert_repeat_s,
							3600, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomBoolVariable("replwatch.log_alerts",
							 "Writes changes of alerts to the server log.",
							 "If off, replwatch_alerts() shows them all the same.",
							 &rw_log_alerts,
							 true,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);

	rw_limits_init();

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

		DefineCustomBoolVariable("replwatch.report_commit_token",
								 "Tells the client the commit token after each commit that wrote.",
								 "It arrives as the parameter replwatch.commit_token, without a query.",
								 &rw_report_commit_token,
								 false,
								 PGC_USERSET, 0,
								 NULL, NULL, NULL);

		DefineCustomBoolVariable("replwatch.wake_on_replay",
								 "Wakes waiting sessions from within replay.",
								 "If off, they look for themselves every few milliseconds.",
								 &rw_wake_on_replay,
								 true,
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
