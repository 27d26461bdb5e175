/*-------------------------------------------------------------------------
 *
 * attempts.c
 *	  How often a replica has tried to connect lately, and failed.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/replica/attempts.h"

#define STEP	(10 * RW_SECOND)

/* How many steps have ended since the last one began. */
static int
steps_since(const RwAttempts *attempts, RwTime now)
{
	RwTime		passed = Max(now - attempts->step_begun, 0);

	return (int) Min(passed / STEP, RW_ATTEMPT_STEPS);
}

void
rw_attempts_add(RwAttempts *attempts, RwTime now)
{
	int			steps = steps_since(attempts, now);

	if (steps > 0)
	{
		for (int i = RW_ATTEMPT_STEPS - 1; i >= 0; i--)
			attempts->counts[i] = i >= steps ? attempts->counts[i - steps] : 0;
		attempts->step_begun = now - (now - attempts->step_begun) % STEP;
	}
	if (attempts->counts[0] < PG_UINT16_MAX)
		attempts->counts[0]++;
}

int
rw_attempts_count(const RwAttempts *attempts, RwTime now)
{
	int			steps = steps_since(attempts, now);
	int			n = 0;

	for (int i = 0; i + steps < RW_ATTEMPT_STEPS; i++)
		n += attempts->counts[i];
	return n;
}
