/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The settings of replwatch, as plain variables.
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

/* Sampling and replicas */
int			rw_sample_interval_ms = 100;
int			rw_max_replicas = 64;
int			rw_known_after_s = 60;
int			rw_forget_after_s = 86400;

/* Waits and commit tokens */
int			rw_wait_timeout_ms = 5000;
int			rw_wait_recheck_ms = 1000;
int			rw_max_waiters = 0;
bool		rw_wake_on_replay = true;
bool		rw_tend_walsenders = true;
bool		rw_report_commit_token = false;

/* Alerts */
int			rw_alert_hold_ms = 5000;
int			rw_alert_repeat_s = 3600;
bool		rw_log_alerts = true;
char	   *rw_alert_command = "";
int			rw_alert_command_timeout_ms = 30000;

/* The port */
int			rw_port = 0;
int			rw_port_serves = RW_SERVES_HEALTH;
int			rw_upstream_port = 0;
int			rw_route_lag_ms = 10000;
int			rw_route_hold_ms = 5000;

/* The line */
char	   *rw_line_secret = "";

static const struct config_enum_entry serves_options[] = {
	{"health", RW_SERVES_HEALTH, false},
	{"metrics", RW_SERVES_METRICS, false},
	{"all", RW_SERVES_ALL, false},
	{NULL, 0, false}
};

static void
define_replica_settings(void)
{
	DefineCustomIntVariable("replwatch.sample_interval",
							"Sets the time between samples of the replication state.",
							"Samples are up to 250 milliseconds apart while nothing moves.",
							&rw_sample_interval_ms,
							100, 10, 10000,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);

	/* What is fixed at server start cannot be defined later. */
	if (process_shared_preload_libraries_in_progress)
		DefineCustomIntVariable("replwatch.max_replicas",
								"Sets the maximum number of replicas that are followed and remembered.",
								"When more connect, those that have been disconnected longest are forgotten.",
								&rw_max_replicas,
								64, 1, 1000,
								PGC_POSTMASTER, 0,
								NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.known_after",
							"Sets the time a replica must stream before it is known.",
							"A known replica remains visible after it has disconnected.",
							&rw_known_after_s,
							60, 0, 86400,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.forget_after",
							"Sets the time after which a disconnected replica without a slot is forgotten.",
							"Zero keeps it until replwatch_forget() is called.",
							&rw_forget_after_s,
							86400, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
}

static void
define_wait_settings(void)
{
	DefineCustomIntVariable("replwatch.wait_timeout",
							"Sets the default timeout of waits.",
							"0 checks once; -1 waits indefinitely.",
							&rw_wait_timeout_ms,
							5000, -1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.wait_recheck",
							"Sets how often a waiting session checks its target without being woken.",
							"Guards against a lost wake-up. The longer a session has waited, the less often it checks, down to a tenth as often.",
							&rw_wait_recheck_ms,
							1000, 1, 60000,
							PGC_SUSET, GUC_UNIT_MS | GUC_NOT_IN_SAMPLE,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.max_waiters",
							"Sets the maximum number of sessions that wait at the same time.",
							"Zero means no limit.",
							&rw_max_waiters,
							0, 0, INT_MAX,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);

	/* Without shared memory these could do nothing. */
	if (!process_shared_preload_libraries_in_progress)
		return;

	DefineCustomBoolVariable("replwatch.wake_on_replay",
							 "Wakes waiting sessions as soon as their target has been replayed.",
							 "If off, waiting sessions check every few milliseconds.",
							 &rw_wake_on_replay,
							 true,
							 PGC_POSTMASTER, 0,
							 NULL, NULL, NULL);

	DefineCustomBoolVariable("replwatch.tend_walsenders",
							 "Sends a keepalive message to each standby once a second.",
							 "Lets a standby tell an idle upstream server from a dead connection, and wakes sessions that wait for replicas.",
							 &rw_tend_walsenders,
							 true,
							 PGC_POSTMASTER, 0,
							 NULL, NULL, NULL);

	DefineCustomBoolVariable("replwatch.report_commit_token",
							 "Reports the commit token to the client after each commit that wrote.",
							 "The token arrives as parameter \"replwatch.commit_token\", without a query.",
							 &rw_report_commit_token,
							 false,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);
}

static void
define_alert_settings(void)
{
	DefineCustomIntVariable("replwatch.alert_hold",
							"Sets the time a condition must hold before its alert is raised or cleared.",
							NULL,
							&rw_alert_hold_ms,
							5000, 0, 3600 * 1000,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.alert_repeat",
							"Sets how often a firing alert is reported again.",
							"Zero disables the repetition.",
							&rw_alert_repeat_s,
							3600, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomBoolVariable("replwatch.log_alerts",
							 "Logs each change of an alert.",
							 "If off, replwatch_alerts() still shows them.",
							 &rw_log_alerts,
							 true,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.alert_command_timeout",
							"Sets the maximum time an alert command may run.",
							"The command is terminated together with its process group.",
							&rw_alert_command_timeout_ms,
							30000, 100, 3600000,
							PGC_SIGHUP, GUC_SUPERUSER_ONLY | GUC_UNIT_MS,
							NULL, NULL, NULL);
}

static void
define_port_settings(void)
{
	DefineCustomIntVariable("replwatch.port",
							"Sets the TCP port on which health checks and metrics are served.",
							"Zero disables the port.",
							&rw_port,
							0, 0, 65535,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.upstream_port",
							"Sets the TCP port of replwatch on the upstream server.",
							"Zero means the same as \"replwatch.port\".",
							&rw_upstream_port,
							0, 0, 65535,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);

	DefineCustomEnumVariable("replwatch.port_serves",
							 "Sets what is served on the port.",
							 "Health checks show the role and the lag of this server; metrics and status show every replica and slot.",
							 &rw_port_serves,
							 RW_SERVES_HEALTH, serves_options,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.route_lag",
							"Sets the time lag up to which HAProxy routes reads to this standby.",
							"Used by agent checks that do not set a limit of their own.",
							&rw_route_lag_ms,
							10000, 1, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.route_hold",
							"Sets the time a drained standby must stay below half its lag limit before it gets reads again.",
							"Used by agent checks.",
							&rw_route_hold_ms,
							5000, 0, 3600000,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
}

static void
define_line_settings(void)
{
	DefineCustomStringVariable("replwatch.line_secret",
							   "Sets a secret that the servers of this system must share to report to each other.",
							   "An empty string allows every server that has a copy of this system's files.",
							   &rw_line_secret,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
}

void
rw_settings_init(void)
{
	define_replica_settings();
	define_wait_settings();
	define_alert_settings();
	define_port_settings();
	define_line_settings();
}
