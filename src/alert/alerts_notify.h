/*-------------------------------------------------------------------------
 *
 * alerts_notify.h
 *	  What is told of the alerts: in words, in the log, by alert_command.
 *
 * Internal to the alerts room; others include alert.h.
 *
 * Words come first, for all items of a round at once: they are published,
 * too.  What is told then of an item, and whether anything is, was decided
 * before.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERTS_NOTIFY_H
#define RW_ALERTS_NOTIFY_H

#include "src/alert/alerts_item.h"

/*
 * Find words for what fires.  Once its condition is over, and it only has to
 * hold for that to count, the last words stay.  Fills in each item's text,
 * which is empty where there is nothing to say, and for that the reasons of
 * all links.
 */
extern void rw_alert_items_describe(RwAlertItem *items, int nitems,
									RwFacts *facts, RwLinks *links,
									const RwSubjects *subjects);

/* Log what is to be told of an item, if anything is. */
extern void rw_alert_item_log(const RwAlertItem *item, RwTime now);

/* Have alert_command run for what is to be told of it, if anything is. */
extern void rw_alert_item_push(const RwAlertItem *item, TimestampTz wall);

#endif							/* RW_ALERTS_NOTIFY_H */
