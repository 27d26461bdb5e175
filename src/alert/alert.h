/*-------------------------------------------------------------------------
 *
 * alert.h
 *	  Alerts about replication: what the worker calls, and what others may.
 *
 * Once a round the sampling worker judges all replicas, slots and the server
 * itself, publishes the alerts that fire in shared memory, and reports changes
 * to the server log and to alert_command.  Other processes read the published
 * alerts (alert_list.h), or leave a request for the next round.
 *
 * README.md in this folder shows the way of an alert through its files.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERT_H
#define RW_ALERT_H

#include "src/alert/alerts_shared.h"
#include "src/alert/subject.h"
#include "src/lag/lag.h"

/*
 * Judge everything and report what has changed; called by the sampling worker
 * in each round.  The links come without reasons, which are worked out here if
 * there is something to report.  Takes state_lock.  Returns true if something
 * has changed that is worth saving soon.
 */
extern bool rw_alerts_round(RwFacts *facts, RwLinks *links);

/*
 * Look at what takes too long for a round, if that is due, so that the next
 * rounds can judge it; called at the end of each.
 */
extern void rw_alerts_look(const RwFacts *facts);

/*
 * Clear the alerts of a replica or slot that was removed on purpose.  The
 * worker does so in its next round; until then they are shown as cleared.
 * Returns true if there were any.  The caller holds state_lock exclusively.
 */
extern bool rw_alerts_forget(const RwSubjectMeant *meant);

/*
 * Do these silences keep the alerts of this subject from log and command?
 */
extern bool rw_is_silenced(const RwSilence *silences, int nsilences,
						   RwSubjectClass class, const char *name,
						   TimestampTz wall);

/*
 * Silence what was found (RW_NAME_FOUND) until a time, or no longer if that
 * has passed.  False if there are too many silences.  The worker saves it in
 * its next round.  The caller holds state_lock exclusively.
 */
extern bool rw_set_silence(const RwSubjectMeant *meant, TimestampTz until,
						   TimestampTz wall);

/*
 * A copy of the published alerts: those that fire, then the cleared ones, the
 * latest first; how many in *n.  Allocates in the current memory context, and
 * takes state_lock.
 */
extern RwAlert *rw_alerts_copy(int *n);

#endif							/* RW_ALERT_H */
