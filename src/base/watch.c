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

void
rw_watch_round(RwWatch *watch, RwTime now, int64 wall, int64 allowed)
{
	int64		passed = now - watch->round_at;
	int64		ahead = wall - watch->wall_at - passed;

	watch->unwatched = watch->stood_still = 0;
	if (watch->round_at != RW_NEVER &&
		(passed > allowed || ahead >= RW_WALL_STEP))
	{
		watch->resumed_at = now;
		watch->unwatched = passed;
		if (ahead >= RW_WALL_STEP)
			watch->stood_still = ahead;
	}
	watch->round_at = now;
	watch->wall_at = wall;
}
