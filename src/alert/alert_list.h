/*-------------------------------------------------------------------------
 *
 * alert_list.h
 *	  The alerts as SQL and the port show them.
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
	const char *state;			/* "firing", "silenced" or "cleared" */
	TimestampTz cleared_at;		/* 0 while it fires */
} RwAlertView;

/*
 * All alerts: those that fire, the worst first and of these the oldest, then
 * the cleared ones, the latest first; how many in *n.  Allocates in the current
 * memory context, and takes state_lock.
 */
extern RwAlertView *rw_alert_list(TimestampTz wall, int *n);

#endif							/* RW_ALERT_LIST_H */
