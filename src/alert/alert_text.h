/*-------------------------------------------------------------------------
 *
 * alert_text.h
 *	  What is said about an alert.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERT_TEXT_H
#define RW_ALERT_TEXT_H

#include "src/alert/judge.h"
#include "src/base/units.h"

#define RW_ALERT_HINT_LEN	384

/* Each may be empty. */
typedef struct RwAlertText
{
	char		value[RW_ALERT_VALUE_LEN];
	char		threshold[RW_ALERT_VALUE_LEN];	/* of the severity */
	char		detail[RW_ALERT_DETAIL_LEN];	/* whole sentences */
	char		hint[RW_ALERT_HINT_LEN];
} RwAlertText;

/*
 * Put a finding into words.  `severity` is what the alert has now; its subject
 * is one that rw_judge() found, with the reasons of its link worked out.
 */
extern void rw_alert_describe(const RwSubject *subject, RwAlertKind alert,
							  RwSeverity severity, const RwFacts *facts,
							  const RwNodeFacts *node,
							  const RwPublished *published,
							  RwAlertText *text);

#endif							/* RW_ALERT_TEXT_H */
