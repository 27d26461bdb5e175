/*-------------------------------------------------------------------------
 *
 * command_settings.c
 *	  replwatch.alert_command, whose template is checked when it is set.
 *
 * A command that cannot be run is refused while its author can still correct
 * it, and not when the first alert is raised.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/guc.h"

#include "src/command/command.h"
#include "src/command/commandline.h"
#include "src/settings.h"

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

void
rw_command_settings(void)
{
	DefineCustomStringVariable("replwatch.alert_command",
							   "Sets the shell command that will be called for each change of an alert.",
							   "Placeholders %a, %s, %v, %t and %d stand for alert, subject, severity, state and detail. An empty string disables the command.",
							   &rw_alert_command,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_alert_command, NULL, NULL);
}
