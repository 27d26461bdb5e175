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

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "src/alert/alert_settings.h"
#include "src/command/commandline.h"
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
char	   *rw_alert_command = "";
int			rw_alert_command_timeout_ms = 30000;

/* Who is told of an error in a command when it is set can still correct it. */
static bool
check_alert_command(char **newval, void **extra, GucSource source)
{
	char		line[RW_COMMANDLINE_LEN];
	const char *where;

	switch (rw_commandline_expand(*newval, line, sizeof(line), &where))
	{
		case RW_TEMPLATE_FINE:
			return true;
		case RW_TEMPLATE_CUT:
			GUC_check_errdetail("String ends unexpectedly after escape character \"%%\".");
			break;
		case RW_TEMPLATE_UNKNOWN:
			GUC_check_errdetail("String contains unexpected placeholder \"%%%.*s\".",
								pg_mblen(where + 1), where + 1);
			break;
		case RW_TEMPLATE_QUOTED:
			GUC_check_errdetail("Placeholder \"%.2s\" must not be within single quotes, where the shell expands nothing.",
								where);
			GUC_check_errhint("Use double quotes, or none.");
			break;
		case RW_TEMPLATE_ESCAPED:
			GUC_check_errdetail("Placeholder \"%.2s\" must not follow a backslash.",
								where);
			break;
		case RW_TEMPLATE_LONG:
			GUC_check_errdetail("With its placeholders replaced, it is longer than %d bytes.",
								RW_COMMANDLINE_LEN - 1);
			break;
	}
	return false;
}

int			rw_port = 0;
char	   *rw_listen_addresses = NULL;
int			rw_port_serves = RW_SERVES_HEALTH;
int			rw_route_lag_ms = 10000;
int			rw_route_hold_ms = 5000;

static const struct config_enum_entry serves_options[] = {
	{"health", RW_SERVES_HEALTH, false},
	{"metrics", RW_SERVES_METRICS, false},
	{"all", RW_SERVES_ALL, false},
	{NULL, 0, false}
};

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
							"Sessions are woken when what they wait for has come; this is for a wake-up that was lost. One that has waited for long looks less often, down to a tenth of this.",
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

	DefineCustomStringVariable("replwatch.alert_command",
							   "Sets the shell command that is run for each change of an alert.",
							   "If empty, none is run.  %a, %s, %v, %t and %d stand for alert, subject, severity, state and detail.",
							   &rw_alert_command,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_alert_command, NULL, NULL);

	DefineCustomIntVariable("replwatch.alert_command_timeout",
							"Sets how long an alert command may take before it is ended.",
							"What it started in its process group is ended with it.",
							&rw_alert_command_timeout_ms,
							30000, 100, 3600000,
							PGC_SIGHUP, GUC_SUPERUSER_ONLY | GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.port",
							"Sets the TCP port on which health checks and metrics are answered.",
							"If set to zero, there is none.",
							&rw_port,
							0, 0, 65535,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);

	DefineCustomStringVariable("replwatch.listen_addresses",
							   "Sets the host names or IP addresses on which health checks and metrics are answered.",
							   "Separated by commas; * means all addresses.",
							   &rw_listen_addresses,
							   "localhost",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   NULL, NULL, NULL);

	DefineCustomEnumVariable("replwatch.port_serves",
							 "Sets what is answered on the port.",
							 "Health checks tell the role and the lag; metrics and status tell of every replica and slot.",
							 &rw_port_serves,
							 RW_SERVES_HEALTH, serves_options,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.route_lag",
							"Sets the time lag up to which HAProxy is told to send reads to this standby.",
							"It is for agent checks that give no limit of their own.",
							&rw_route_lag_ms,
							10000, 1, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("replwatch.route_hold",
							"Sets how long a drained standby has to be below half the limit to get reads again.",
							"It is for agent checks.",
							&rw_route_hold_ms,
							5000, 0, 3600000,
							PGC_SIGHUP, GUC_UNIT_MS,
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
								 "Lets a standby tell an idle upstream server from a dead connection, and wakes who waits for replicas.",
								 &rw_tend_walsenders,
								 true,
								 PGC_POSTMASTER, 0,
								 NULL, NULL, NULL);
	}
}
