/*-------------------------------------------------------------------------
 *
 * nudge.c
 *	  When to write a nudge for a standby.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/wait/nudge.h"

/* Doubled so often, the shortest time is longer than the longest. */
#define MAX_DOUBLINGS	14

RwTime
rw_nudge_due(const RwNudged *nudged, uint64 replayed, RwTime last, RwTime now)
{
	if (nudged->end > replayed && now - nudged->at >= RW_NUDGE_WAIT)
		return RW_NEVER;
	if (last == RW_NEVER)
		return now;
	return last + Min(RW_NUDGE_MIN << Min(nudged->in_vain, MAX_DOUBLINGS),
					  RW_NUDGE_MAX);
}

void
rw_nudge_written(RwNudged *nudged, uint64 replayed, uint64 end, RwTime now)
{
	if (nudged->end <= replayed)
	{
		nudged->end = end;
		nudged->at = now;
	}
	nudged->in_vain = Min(nudged->in_vain + 1, MAX_DOUBLINGS);
}

/*
 * Is there a record that the standby could replay?  WAL is also flushed, and
 * sent, up to the end of a page, in the middle of a record.
 */
static bool
has_more(const RwReply *reply)
{
	return reply->flush > reply->replay &&
		(reply->flush % XLOG_BLCKSZ != 0 ||
		 reply->flush - reply->replay >= XLOG_BLCKSZ);
}

bool
rw_nudge_answered(const RwReply *reply, const RwReply *last, uint64 end,
				  bool *requested)
{
	if (reply->write != last->write || reply->flush != last->flush)
		return false;
	if (*requested)
	{
		*requested = false;
		return false;
	}
	return end != 0 && last->replay < end && reply->replay >= end &&
		has_more(reply);
}
