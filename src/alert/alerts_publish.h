/*-------------------------------------------------------------------------
 *
 * alerts_publish.h
 *	  The published alerts: where the worker puts them and others see them.
 *
 * Internal to the alerts room; others include alert.h, which has what they
 * may do with the published alerts.
 *
 * What fires has a place in shared memory, which its entry knows, for as long
 * as it fires; then it goes to a ring of those that were cleared, where the
 * oldest makes room.  When all places are taken, what begins to fire is told
 * of but not seen until one is free.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERTS_PUBLISH_H
#define RW_ALERTS_PUBLISH_H

#include "src/alert/alerts_item.h"

/*
 * Bring one alert's place up to date, and the entry's note of it.  state_lock
 * is held exclusively.
 */
extern void rw_alert_item_publish(const RwAlertItem *item, RwTime now,
								  TimestampTz wall);

#endif							/* RW_ALERTS_PUBLISH_H */
