/*-------------------------------------------------------------------------
 *
 * alert_list.h
 *	  The alerts as they are shown, by SQL and on the port's pages.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERT_LIST_H
#define RW_ALERT_LIST_H

#include "src/alert/alerts_shared.h"

typedef struct RwAlertView
{
	RwAlert		alert;
	const char *state;			/* firing, silenced, cleared */
	TimestampTz cleared_at;		/* 0 while it fires */
} RwAlertView;

/*
 * All of them: those that fire, the worst and then the oldest first, then the
 * latest that were cleared; how many in *n.  Allocates.
 */
extern RwAlertView *rw_alert_list(TimestampTz wall, int *n);

#endif							/* RW_ALERT_LIST_H */
