/*-------------------------------------------------------------------------
 *
 * nudge.h
 *	  When to write a nudge for a standby.
 *
 * A pure file.  A nudge is a WAL record that does nothing but have a standby
 * with replwatch report as soon as it has replayed it.  A standby also reports
 * without: when it has received WAL, when it has replayed all that it has, and
 * when a keepalive requests it.  So a nudge is of use only where a standby
 * with replwatch is behind; and it is a write for nothing where the standby
 * does not run replwatch or does not replay at all, which its walsender cannot
 * see.
 *
 * Therefore the nudges of each connection become fewer the more of them have
 * been in vain: each doubles the time to the next one.  Once one was seen to
 * bring a reply that would not have come without it, the next may follow after
 * a millisecond again.  While a standby has had a nudge for a second and not
 * replayed it, because it is paused, delayed, cut off or far behind, there are
 * none.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_NUDGE_H
#define RW_NUDGE_H

#include "src/base/clock.h"

/* The shortest and the longest time between two nudges. */
#define RW_NUDGE_MIN	(1 * RW_MS)
#define RW_NUDGE_MAX	(10 * RW_SECOND)

/* For how long a nudge may stay unanswered. */
#define RW_NUDGE_WAIT	(1 * RW_SECOND)

/* The nudges of one connection. */
typedef struct RwNudged
{
	uint64		end;			/* of the first one that was not replayed when
								 * this was last set; 0: none */
	RwTime		at;				/* when that was written */
	uint32		in_vain;		/* how many since one has brought a reply */
} RwNudged;

/* A standby's reply. */
typedef struct RwReply
{
	uint64		write;
	uint64		flush;
	uint64		replay;
} RwReply;

/*
 * When this standby may be nudged next, given how far it has replayed and when
 * the last nudge for any standby was written (RW_NEVER: none was).  RW_NEVER
 * if not before it has replayed more.
 */
extern RwTime rw_nudge_due(const RwNudged *nudged, uint64 replayed,
						   RwTime last, RwTime now);

/* A nudge that ends there has been written for this standby. */
extern void rw_nudge_written(RwNudged *nudged, uint64 replayed, uint64 end,
							 RwTime now);

/*
 * Has the nudge that ends there (0: none) brought this reply, `last` being the
 * one before it?  Not if the standby had WAL to report as written or flushed,
 * or none to replay.  Nor if *requested, a reply was requested; it is cleared
 * when that has come.  What is left is a reply of core's own in rare cases:
 * each wal_receiver_status_interval, upon core's own keepalive, when a commit
 * with remote_apply has been replayed, or when a standby has run out of WAL to
 * replay and gets some more in the microseconds until it reports that.  Such a
 * reply costs a few nudges in vain.
 */
extern bool rw_nudge_answered(const RwReply *reply, const RwReply *last,
							  uint64 end, bool *requested);

#endif							/* RW_NUDGE_H */
