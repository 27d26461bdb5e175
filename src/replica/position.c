/*-------------------------------------------------------------------------
 *
 * position.c
 *	  How far another server has this server's WAL.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/replica/position.h"

uint64
rw_position_here(const RwReported *reported, uint64 known)
{
	uint64		ours = reported->sent;

	if (!reported->streaming)
		ours = Max(ours, known);
	return Min(reported->position, ours);
}

/* Is this the LSN at which an ancestor of our timeline was left? */
static bool
is_fork(uint64 lsn, const RwOwnWal *own)
{
	const RwTimeline *timeline = own->timeline;

	if (lsn == 0 || lsn >= own->horizon)
		return false;
	for (int i = 0; i + 1 < timeline->nentries; i++)
	{
		if (timeline->entries[i].end == lsn)
			return true;
	}
	return false;
}

bool
rw_is_past_sent(const RwReported *reported, uint64 segment_size)
{
	if (!reported->streaming || reported->sent == 0 ||
		reported->position <= reported->sent)
		return false;
	return reported->position % segment_size != 0 ||
		reported->position - reported->sent >= segment_size;
}

RwParted
rw_parted_live(const RwReported *reported, const RwOwnWal *own, uint64 *mark)
{
	if (!rw_is_past_sent(reported, own->segment_size))
		return RW_NOT_PARTED;

	/*
	 * All the WAL of its timeline was sent, and it has more.  What was sent
	 * later is of no account: the walsender may since have sent WAL that the
	 * replica had of its own.
	 */
	*mark = reported->sent;
	return is_fork(reported->sent, own) ? RW_DIVERGED : RW_AHEAD;
}

RwParted
rw_parted_at_end(uint64 sent, uint64 replayed, const RwOwnWal *own,
				 uint64 *mark)
{
	/* A connection that was still catching up can end anywhere else. */
	if (replayed < sent || !is_fork(sent, own))
		return RW_NOT_PARTED;
	*mark = sent;
	return replayed > sent ? RW_DIVERGED : RW_LEFT_BEHIND;
}

RwParted
rw_parted_by_request(uint64 start, uint32 tli, const RwOwnWal *own,
					 uint64 *mark)
{
	uint64		end;

	if (start == 0)
		return RW_NOT_PARTED;
	if (tli == 0 || tli == own->tli)
	{
		*mark = own->horizon;
		return start > own->horizon ? RW_AHEAD : RW_NOT_PARTED;
	}
	if (!rw_timeline_find(own->timeline, tli, &end) || start < end)
		return RW_NOT_PARTED;
	*mark = end;
	return start > end ? RW_DIVERGED : RW_LEFT_BEHIND;
}

/* Where this server's timeline begins, as far as is known. */
static uint64
timeline_start(const RwOwnWal *own)
{
	const RwTimeline *timeline = own->timeline;

	return timeline->nentries > 1 ?
		timeline->entries[timeline->nentries - 2].end : 0;
}

/*
 * A replica that was ahead of a server in recovery, which has been promoted
 * since, is either diverged by now or was not ahead: on the timelines that
 * were left there is no other WAL.  Only its mark is from before the
 * promotion.
 */
bool
rw_is_reunited(RwParted parted, uint64 mark, const RwReported *reported,
			   const RwOwnWal *own)
{
	if (reported->position == 0)
		return false;
	switch (parted)
	{
		case RW_NOT_PARTED:
			break;
		case RW_AHEAD:
			/* A server in recovery may only have been behind. */
			if (own->in_recovery || mark <= timeline_start(own))
				return reported->streaming &&
					reported->position <= reported->sent;
			/* Else WAL that is sent later does not replace what it has. */
			return reported->position <= mark;
		case RW_DIVERGED:
			/* On a timeline that was left no more than its end is sent. */
			return reported->sent > mark || reported->position <= mark;
		case RW_LEFT_BEHIND:
			return reported->sent > mark || reported->position < mark;
	}
	return true;
}
