/*-------------------------------------------------------------------------
 *
 * lag_chart.c
 *	  The charts of lag, one for each link that is followed.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/lag/lag_chart.h"
#include "src/lag/lag_shared.h"
#include "src/replica/replica_shared.h"

/* The chart of a replica's place in the table, emptied for a new replica. */
static RwChart *
chart_of_replica(int place, uint32 generation)
{
	RwPlaceChart *chart = &rw_charts[place];

	if (chart->generation != generation)
	{
		rw_chart_init(&chart->chart);
		chart->generation = generation;
	}
	return &chart->chart;
}

void
rw_lag_chart_add(const RwFacts *facts, const RwLinks *links)
{
	int			i;

	LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];
		uint64		bytes = link->lag_bytes < 0 ?
			RW_CHART_NO_BYTES : (uint64) link->lag_bytes;
		RwChart    *chart;

		if (link->upstream)
		{
			rw_name_copy(rw_lag_shared->upstream_name, link->name);
			chart = &rw_lag_shared->upstream_chart;
		}
		else if (link->replica)
		{
			int			place = link->replica - links->published->replicas;

			chart = chart_of_replica(place, link->replica->generation);
		}
		else
			continue;
		rw_chart_add(chart, facts->now, bytes, link->lag, link->state);
	}
	LWLockRelease(rw_state_lock);
}
