/*-------------------------------------------------------------------------
 *
 * command_settings.c
 *	  replwatch.alert_command, and a warning about placeholders in it.
 *
 * Placeholders such as %s, known from archive_command, were once replaced here,
 * too.  A line that still has them runs without complaint, but passes on "%s".
 * On the other hand, "date +%s" and the like are common, and are not wrong.  So
 * there is only a warning, and none for a line that names one of the variables.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/guc.h"
#include "utils/portal.h"

#include "src/command/command.h"
#include "src/settings.h"

/* The first % of what was a placeholder; NULL: there is none. */
static const char *
find_placeholder(const char *command)
{
	const char *p;

	if (strstr(command, "REPLWATCH_") != NULL)
		return NULL;
	for (p = strchr(command, '%'); p != NULL; p = strchr(p + 1, '%'))
	{
		if (p[1] != '\0' && strchr("asvtd%", p[1]) != NULL)
			return p;
	}
	return NULL;
}

static void
warn_of_placeholder(const char *command)
{
	const char *placeholder = find_placeholder(command);

	if (placeholder != NULL)
		ereport(WARNING,
				(errmsg("\"%.2s\" in \"%s\" is not replaced",
						placeholder, "replwatch.alert_command"),
				 errdetail("Alerts are passed to the command in environment variables only."),
				 errhint("Unless it is meant for the command, write \"$REPLWATCH_ALERT\" for %%a, \"$REPLWATCH_SUBJECT\" for %%s, \"$REPLWATCH_SEVERITY\" for %%v, \"$REPLWATCH_STATE\" for %%t, \"$REPLWATCH_DETAIL\" for %%d, and %% for %%%%. Keep the double quotes.")));
}

/*
 * ALTER SYSTEM only checks a new value, and its client is who can mend it.
 * The check runs at other times, too: at each reload, and for the view
 * pg_file_settings.
 */
static bool
check_alert_command(char **newval, void **extra, GucSource source)
{
	if (ActivePortal != NULL &&
		ActivePortal->commandTag == CMDTAG_ALTER_SYSTEM)
		warn_of_placeholder(*newval);
	return true;
}

/* Of all processes that take over a new value, one logs it: the postmaster. */
static void
assign_alert_command(const char *newval, void *extra)
{
	if (!IsUnderPostmaster && strcmp(newval, rw_alert_command) != 0)
		warn_of_placeholder(newval);
}

void
rw_command_settings(void)
{
	DefineCustomStringVariable("replwatch.alert_command",
							   "Sets the shell command that will be called for each change of an alert.",
							   "The command finds the alert in the environment variables REPLWATCH_ALERT, REPLWATCH_SUBJECT, REPLWATCH_SEVERITY, REPLWATCH_STATE, REPLWATCH_DETAIL, REPLWATCH_TIME and REPLWATCH_NODE. An empty string disables the command.",
							   &rw_alert_command,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_alert_command, assign_alert_command,
							   NULL);
}
