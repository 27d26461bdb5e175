/*-------------------------------------------------------------------------
 *
 * report_fill.h
 *	  From a round of the sampling worker to its report.
 *
 * A pure file.  The report is what the line and replwatch_cluster() know of
 * this server and of its replicas (tree/tree_shared.h).
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPORT_FILL_H
#define RW_REPORT_FILL_H

#include "src/lag/lag.h"
#include "src/lag/staleness.h"
#include "src/tree/tree_shared.h"

/* What a report is made from. */
typedef struct RwReportInput
{
	const RwFacts *facts;
	const RwLinks *links;		/* with published, and health */
	RwStaleness staleness;
	char		name[RW_NAME_LEN];	/* what this server calls itself */
	RwHealth	health;			/* of all of it */
	int			alerts;			/* that fire; -1: not known */
	int			port;			/* 0: none */
	const char *version;
	const char *application_name;	/* of the WAL receiver */
	const char *hostaddr;		/* of its upstream server; may be empty */
	int			max_children;
} RwReportInput;

/*
 * Make the report, in whose children there is room for max_children.  What has
 * not been explained in this round keeps the reason of the last report.
 */
extern void rw_report_fill(RwReport *report, const RwReport *last,
						   const RwReportInput *input);

/*
 * A number that is most likely another one if the report has other words:
 * names, states, roles, health, alerts, the reason of this server but for the
 * numbers in it, and which replicas there are.
 */
extern uint64 rw_report_words(const RwReport *report);

#endif							/* RW_REPORT_FILL_H */
