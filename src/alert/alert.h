/*-------------------------------------------------------------------------
 *
 * alert.h
 *	  The alerts: their life in the worker, and where others see them.
 *
 * Once a round the sampling worker has everything judged, steps each alert's
 * machine (alert_state.h), publishes those that fire in shared memory, and tells of
 * changes in the server log and by alert_command.  Everybody else reads what
 * is published, or asks for something to be done at the next round.
 *
 * The life is in alert_round.c, what is published and read in alert_publish.c,
 * and what is told in alert_notify.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERT_H
#define RW_ALERT_H

#include "src/alert/alerts_shared.h"
#include "src/lag/lag.h"

/*
 * One round; called by the sampling worker with the links that it has worked
 * out, without reasons, which are worked out here if there is something to
 * tell.  True if anything changed that is worth saving soon.
 */
extern bool rw_alerts_round(RwFacts *facts, RwLinks *links);

/*
 * Clear the alerts of a subject that was removed on purpose.  True if there
 * were any.  state_lock is held exclusively.
 */
extern bool rw_alerts_forget(const char *name);

/* Are a subject's alerts to be kept from log and command?  state_lock is held. */
extern bool rw_is_silenced(const char *name, TimestampTz wall);

/*
 * A copy of the published alerts, those that fire first, then the cleared ones
 * from the newest on; how many in *n.  Allocates.
 */
extern RwAlert *rw_alerts_copy(int *n);

#endif							/* RW_ALERT_H */
