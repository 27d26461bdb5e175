/*-------------------------------------------------------------------------
 *
 * upstream.h
 *	  What a round of the worker learns of the link to the upstream server.
 *
 * One look shows a link as it is; since when, and what silence on it means,
 * shows only from one look to the next.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_UPSTREAM_H
#define RW_UPSTREAM_H

#include "src/base/rates.h"
#include "src/observe/observe.h"

/* What the worker knows of the link to the upstream server. */
typedef struct RwUpstream
{
	int			receiver_pid;	/* whose messages these are; 0 without */
	TimestampTz send_time;		/* of the last message, the sender's clock */
	TimestampTz receipt_time;	/* of the last message, our wall clock */
	uint64		latest_end;		/* the sender's end of WAL, as last told */
	RwTime		message_at;		/* when the last real message came; kept when
								 * the receiver goes, RW_NEVER if none ever */
	uint64		written;		/* by the receiver, at the last message */
	int32		quick_messages; /* messages without WAL that came within two
								 * seconds of another; -1 before the
								 * connection's first */
	bool		tended;			/* the upstream server sends a keepalive each
								 * second */

	/*
	 * WAL that it told of may not be here yet.  `reported` is the greatest end on
	 * its timeline; the target is where that was some time ago.
	 */
	uint32		reported_tli;
	TimestampTz reported_since;		/* only messages received after it count */
	uint64		reported;
	uint64		catchup_target;
	RwTime		catchup_target_at;
	RwTime		complete_at;	/* all that was told by then is here; RW_NEVER
								 * if not known */

	RwTime		replay_moved_at;
	uint64		replay;			/* as of the last sample */
	RwRate		replay_rate;

	RwTime		down_since;		/* nothing has come; RW_NEVER while it does */
	RwTime		streaming_since;	/* RW_NEVER while not connected */
	bool		streamed;		/* since the worker started */
	bool		settled;		/* has streamed for known_after, once */
	RwTime		paused_since;	/* RW_NEVER while replay is not paused */
} RwUpstream;

/*
 * Bring *upstream up to date, in each round: since when the link
 * streams or does not, when the last message came, what it told.  On a primary
 * all of it is cleared.  The caller holds state_lock exclusively.
 */
extern void rw_follow_upstream(RwUpstream *upstream, const RwFacts *facts);

#endif							/* RW_UPSTREAM_H */
