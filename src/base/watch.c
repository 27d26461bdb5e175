/*-------------------------------------------------------------------------
 *
 * watch.c
 *	  Gaps in what the sampling worker has watched.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/watch.h"

int64
rw_watch_stood_still(const RwWatch *watch, RwTime now, int64 wall)
{
	int64		ahead = (wall - watch->wall_at) - (now - watch->round_at);

	return watch->round_at != RW_NEVER && ahead >= RW_WALL_STEP ? ahead : 0;
}

void
rw_watch_round(RwWatch *watch, RwTime now, int64 wall, int64 allowed)
{
	int64		passed = now - watch->round_at;
	int64		left;

	watch->unwatched = 0;
	watch->stood_still = rw_watch_stood_still(watch, now, wall);
	if (watch->round_at != RW_NEVER &&
		(passed > allowed || watch->stood_still > 0))
	{
		/* What was left of the gap before is added. */
		left = Max(watch->made_up_at - watch->round_at, 0);
		watch->resumed_at = now;
		watch->made_up_at = now + left +
			RW_MAKE_UP_FACTOR * (passed + watch->stood_still);
		watch->unwatched = passed;
	}
	else if (now >= watch->made_up_at)
		watch->resumed_at = RW_NEVER;
	watch->round_at = now;
	watch->wall_at = wall;
}
