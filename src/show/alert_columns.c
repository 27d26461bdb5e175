/*-------------------------------------------------------------------------
 *
 * alert_columns.c
 *	  The columns of alerts.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/show/show.h"

/*
 * ALERT_GETTER(subject, value) defines alert_subject(), the getter of the
 * column "subject" of an RwAlertView.  The value is an expression of `view`
 * and `alert`.
 */
#define ALERT_GETTER(column, value) \
static RwValue \
alert_##column(const void *row) \
{ \
	const RwAlertView *view = row; \
	const RwAlert *alert pg_attribute_unused() = &view->alert; \
\
	return value; \
}

ALERT_GETTER(alert, rw_value_text(rw_alert_name(alert->alert)))
ALERT_GETTER(severity, rw_value_text(rw_severity_name(alert->severity)))
ALERT_GETTER(subject, rw_value_text(alert->subject))
ALERT_GETTER(state, rw_value_text(view->state))
ALERT_GETTER(raised_at, rw_value_nonzero(alert->raised_at))
ALERT_GETTER(changed_at, rw_value_nonzero(alert->changed_at))
ALERT_GETTER(cleared_at, rw_value_nonzero(view->cleared_at))
ALERT_GETTER(value, rw_value_text(alert->value))
ALERT_GETTER(threshold, rw_value_text(alert->threshold))
ALERT_GETTER(detail, rw_value_text(alert->detail))

static const RwColumn alert_columns[] = {
	{"alert", RW_TEXT, 0, .get = alert_alert},
	{"severity", RW_TEXT, 0, .get = alert_severity},
	{"subject", RW_TEXT, 0, .get = alert_subject},
	{"state", RW_TEXT, 0, .get = alert_state},
	{"raised_at", RW_TIME, 0, .get = alert_raised_at,
		.metric = {"replwatch_alert_raised_timestamp_seconds",
			.help = "Time at which a firing alert was raised, in seconds since 1970; absent for alerts that do not fire."}},
	{"changed_at", RW_TIME, 0, .get = alert_changed_at},
	{"cleared_at", RW_TIME, 0, .get = alert_cleared_at},
	{"value", RW_TEXT, 0, .get = alert_value},
	{"threshold", RW_TEXT, 0, .get = alert_threshold},
	{"detail", RW_TEXT, 0, .get = alert_detail},
};

static const RwColumn alert_labels[] = {
	{"alert", RW_TEXT, 0, .get = alert_alert},
	{"severity", RW_TEXT, 0, .get = alert_severity},
	{"state", RW_TEXT, 0, .get = alert_state},
	{"subject", RW_TEXT, 0, .get = alert_subject},
};

const RwColumns rw_alert_columns = {
	alert_columns, lengthof(alert_columns),
	alert_labels, lengthof(alert_labels)
};

/*
 * The number of alerts that fire
 */

static RwValue
total_warnings(const void *row)
{
	return rw_value_number(((const RwAlertTotals *) row)->warnings);
}

static RwValue
total_criticals(const void *row)
{
	return rw_value_number(((const RwAlertTotals *) row)->criticals);
}

static const RwColumn totals_columns[] = {
	{NULL, RW_INTEGER, 0, .get = total_warnings,
		.metric = {"replwatch_alerts_firing",
			.help = "Number of alerts that are firing on this server, silenced ones included, by the label severity.",
			.label = "severity", .label_value = "warning"}},
	{NULL, RW_INTEGER, 0, .get = total_criticals,
		.metric = {"replwatch_alerts_firing",
			.label = "severity", .label_value = "critical"}},
};

const RwColumns rw_alert_totals_columns = {
	totals_columns, lengthof(totals_columns), NULL, 0
};
