/*-------------------------------------------------------------------------
 *
 * alert_notify.c
 *	  What is told of the alerts: in words, in the log, by alert_command.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/alert/alerts_notify.h"
#include "src/command/command.h"
#include "src/lag/lag.h"

/* Does the finding say that the alert is to go on? */
static bool
is_on(const RwAlertItem *item)
{
	const RwFinding *finding = &item->subject->findings[item->i];

	return finding->judged.known &&
		(finding->judged.keep > RW_SEVERITY_NONE ||
		 (finding->progress != 0 &&
		  finding->progress == item->entry->progress[item->i]));
}

void
rw_alert_items_describe(RwAlertItem *items, int nitems, RwFacts *facts,
						RwLinks *links, const RwSubjects *subjects)
{
	int			i;

	rw_explain(facts, links);
	for (i = 0; i < nitems; i++)
	{
		RwAlertItem *item = &items[i];
		const RwAlert *published;
		size_t		len;

		memset(&item->text, 0, sizeof(RwAlertText));
		if (item->state.severity == RW_SEVERITY_NONE ||
			item->subject == NULL || !is_on(item))
		{
			/* Nobody but us writes them. */
			if (item->entry->places[item->i] < 0)
				continue;
			published = &rw_alerts->firing[item->entry->places[item->i]];
			memcpy(item->text.detail, published->detail, RW_ALERT_DETAIL_LEN);
			memcpy(item->text.value, published->value, RW_ALERT_VALUE_LEN);
			memcpy(item->text.threshold, published->threshold,
				   RW_ALERT_VALUE_LEN);
			continue;
		}
		rw_alert_describe(item->subject, item->alert, item->state.severity,
						  facts, &subjects->node, links->published,
						  &item->text);
		len = strlen(item->text.detail);
		if (item->cause)
			snprintf(item->text.detail + len, RW_ALERT_DETAIL_LEN - len,
					 " It is not told of while %s %s.", item->cause,
					 item->how);
		else if (!item->muted && item->state.reported == RW_SEVERITY_NONE)
			snprintf(item->text.detail + len, RW_ALERT_DETAIL_LEN - len,
					 " It is not told of, being about to be cleared.");
	}
}

void
rw_alert_item_log(const RwAlertItem *item, RwTime now)
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

/* The words that an alert_command gets, by what is told. */
static const char *const change_names[] = {
	[RW_CHANGE_NONE] = "",
	[RW_CHANGE_RAISED] = "raised",
	[RW_CHANGE_ESCALATED] = "escalated",
	[RW_CHANGE_EASED] = "eased",
	[RW_CHANGE_CLEARED] = "cleared",
	[RW_CHANGE_REPEATED] = "repeated",
};

void
rw_alert_item_push(const RwAlertItem *item, TimestampTz wall)
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
	notice.at = wall;
	rw_command_push(&notice);
}
