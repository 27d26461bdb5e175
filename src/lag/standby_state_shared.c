/*-------------------------------------------------------------------------
 *
 * standby_state_shared.c
 *	  A standby's state in shared memory: published with each sample, and read
 *	  without a lock.
 *
 * The number of changes is odd while one is going on.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/lag/intern.h"
#include "src/lag/lag_shared.h"
#include "src/lag/standby_state_shared.h"

/* How often to try for a copy that was not written to meanwhile. */
#define READ_TRIES			1000

static void
collect_standby_facts(RwStandbyFacts *standby, RwFacts *facts,
					  const RwLinks *links)
{
	int			i;

	memset(standby, 0, sizeof(RwStandbyFacts));
	standby->now = facts->now;
	for (i = 0; facts->in_recovery && i < facts->nsenders; i++)
		standby->has_replicas |= facts->senders[i].replica;
	if (links->nlinks > 0 && links->links[0].upstream)
	{
		const RwLink *link = &links->links[0];
		const RwUpstream *upstream = &links->published->upstream;

		standby->has_upstream = true;
		standby->cut_off = rw_upstream_is_cut_off(link, facts,
												  links->published);
		standby->cut_off_since = Max(link->last_seen,
									 rw_archived_commit(facts, upstream));
		standby->was_in_step = upstream->was_in_step;
		standby->lag = link->lag;
		standby->lag_bytes = link->lag_bytes;
		standby->at_least = link->bound == RW_BOUND_AT_LEAST;
		standby->at_most = link->bound == RW_BOUND_AT_MOST;
		standby->parted = upstream->parted;
		standby->mark = upstream->mark;
		standby->common = upstream->lost_wal ? 0 : upstream->mark;
		standby->goes_on =
			rw_archive_goes_on(&upstream->archive, facts,
							   rw_upstream_streams(&facts->receiver));
	}
}

void
rw_standby_state_publish(RwFacts *facts, const RwLinks *links)
{
	RwStandbyFacts standby;
	RwStandbyState state;
	uint32		change;

	collect_standby_facts(&standby, facts, links);
	rw_standby_state(&state, &standby);

	change = pg_atomic_read_u32(&rw_lag_shared->standby_state_changes);
	pg_atomic_write_u32(&rw_lag_shared->standby_state_changes, change | 1);
	pg_write_barrier();
	rw_lag_shared->standby_state = state;
	pg_write_barrier();
	pg_atomic_write_u32(&rw_lag_shared->standby_state_changes,
						(change | 1) + 1);
}

RwStandbyState
rw_standby_state_read(void)
{
	RwStandbyState state;
	int			i;

	for (i = 0; i < READ_TRIES; i++)
	{
		uint32		before;
		uint32		after;

		before = pg_atomic_read_u32(&rw_lag_shared->standby_state_changes);
		pg_read_barrier();
		state = rw_lag_shared->standby_state;
		pg_read_barrier();
		after = pg_atomic_read_u32(&rw_lag_shared->standby_state_changes);
		if (before == after && (before & 1) == 0)
			return state;
	}
	memset(&state, 0, sizeof(state));
	return state;
}
