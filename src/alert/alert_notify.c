/*-------------------------------------------------------------------------
 *
 * alert_notify.c
 *	  Reports of alerts: log entries, and runs of alert_command.
 *
 * What is reported of an alert, if anything, has been decided before
 * (rw_alert_report()).
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/alert/intern.h"
#include "src/command/command.h"
#include "src/replica/node_name.h"

void
rw_log_alert(const RwAlertItem *item, RwTime now)
{
	const char *alert = rw_alert_name(item->alert);
	const char *severity = rw_severity_name(item->state.severity);
	const char *subject = item->entry->key.name;
	const RwAlertText *text = &item->text;
	char		lasted[RW_CLOCK_LEN];

	switch (item->reported)
	{
		case RW_CHANGE_NONE:
			break;
		case RW_CHANGE_RAISED:
			ereport(WARNING,
					(errmsg("replication alert raised: %s (%s) on \"%s\"",
							alert, severity, subject),
					 text->detail[0] ? errdetail("%s", text->detail) : 0,
					 text->hint[0] ? errhint("%s", text->hint) : 0));
			break;
		case RW_CHANGE_ESCALATED:
			ereport(WARNING,
					(errmsg("replication alert escalated: %s (%s) on \"%s\"",
							alert, severity, subject),
					 text->detail[0] ? errdetail("%s", text->detail) : 0,
					 text->hint[0] ? errhint("%s", text->hint) : 0));
			break;
		case RW_CHANGE_REPEATED:
			ereport(WARNING,
					(errmsg("replication alert still firing: %s (%s) on \"%s\" after %s",
							alert, severity, subject,
							rw_clock_text(lasted, now - item->state.raised_at)),
					 text->detail[0] ? errdetail("%s", text->detail) : 0,
					 text->hint[0] ? errhint("%s", text->hint) : 0));
			break;
		case RW_CHANGE_EASED:
			ereport(LOG,
					(errmsg("replication alert eased: %s (%s) on \"%s\"",
							alert, severity, subject),
					 text->detail[0] ? errdetail("%s", text->detail) : 0));
			break;
		case RW_CHANGE_CLEARED:
			ereport(LOG,
					(errmsg("replication alert cleared: %s on \"%s\" after %s",
							alert, subject,
							rw_clock_text(lasted, item->state.changed_at -
										  item->state.raised_at))));
			break;
	}
}

/* REPLWATCH_STATE, as alert_command gets it. */
static const char *const change_names[] = {
	[RW_CHANGE_NONE] = "",
	[RW_CHANGE_RAISED] = "raised",
	[RW_CHANGE_ESCALATED] = "escalated",
	[RW_CHANGE_EASED] = "eased",
	[RW_CHANGE_CLEARED] = "cleared",
	[RW_CHANGE_REPEATED] = "repeated",
};

StaticAssertDecl(lengthof(change_names) == RW_CHANGE_REPEATED + 1,
				 "every change has a name");

void
rw_push_alert(const RwAlertItem *item, const RwFacts *facts)
{
	RwNotice	notice;

	if (item->reported == RW_CHANGE_NONE)
		return;
	memset(&notice, 0, sizeof(notice));
	strlcpy(notice.alert, rw_alert_name(item->alert), sizeof(notice.alert));
	rw_name_copy(notice.subject, item->entry->key.name);
	strlcpy(notice.severity,
			rw_severity_name(item->reported == RW_CHANGE_CLEARED ?
							 item->reported_before : item->state.severity),
			sizeof(notice.severity));
	strlcpy(notice.state, change_names[item->reported], sizeof(notice.state));
	strlcpy(notice.detail, item->text.detail, sizeof(notice.detail));
	rw_node_name_elsewhere(facts, notice.node);
	notice.at = facts->wall;
	rw_command_push(&notice);
}
