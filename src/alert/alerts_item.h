/*-------------------------------------------------------------------------
 *
 * alerts_item.h
 *	  The alerts that a round of the worker has to do with.
 *
 * Internal to the alerts room; others include alert.h.
 *
 * The worker keeps an entry for each subject, with the machines of its alerts
 * (alert_state.h).  A round makes an item of each alert that fires, has changed or
 * is to be told of (alert_round.c).  The items are then put into words and told
 * (alerts_notify.h), and published (alerts_publish.h).
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERTS_ITEM_H
#define RW_ALERTS_ITEM_H

#include "src/alert/alert_text.h"

typedef struct RwAlertEntryKey
{
	RwSubjectClass class;
	char		name[RW_NAME_LEN];	/* padded with zeroes: hashed as it is */
} RwAlertEntryKey;

typedef struct RwAlertEntry
{
	RwAlertEntryKey key;
	uint64		round;			/* in which its subject was last there */
	RwAlertState states[RW_CLASS_MAX_ALERTS];
	uint64		progress[RW_CLASS_MAX_ALERTS];
	int			places[RW_CLASS_MAX_ALERTS];	/* where it is published, -1
												 * if it is not */
} RwAlertEntry;

/* One alert that changed, fires or is to be told of in this round. */
typedef struct RwAlertItem
{
	RwAlertEntry *entry;
	int			i;				/* of its class's alerts */
	RwAlertKind alert;
	RwSeverity	reported_before;	/* what was told last */
	RwChange	change;
	RwChange	reported;
	bool		muted;
	const char *cause;			/* the alert that mutes it, or NULL */
	const char *how;			/* what that does */
	const RwSubject *subject;	/* NULL if that is gone */
	RwAlertState state;			/* a copy: the entry may be gone, too */
	RwAlertText text;			/* only if there is something to tell */
} RwAlertItem;

#endif							/* RW_ALERTS_ITEM_H */
