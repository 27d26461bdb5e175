/*-------------------------------------------------------------------------
 *
 * alerts_shared.c
 *	  The alerts and silences, in shared memory.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/shmem.h"

#include "src/alert/alerts_shared.h"
#include "src/base/compat.h"
#include "src/replica/expected.h"
#include "src/settings.h"

RwAlerts   *rw_alerts = NULL;
int			rw_alerts_max = 0;

/* A place for every alert that can fire at once. */
static int
alerts_max(void)
{
	return rw_class_alerts(RW_SUBJECT_REPLICA) *
		(rw_max_replicas + RW_MAX_EXPECTED) +
		rw_class_alerts(RW_SUBJECT_SLOT) * RW_MAX_SLOTS +
		rw_class_alerts(RW_SUBJECT_NODE);
}

Size
rw_alerts_size(void)
{
	return MAXALIGN(add_size(offsetof(RwAlerts, firing),
							 mul_size(alerts_max(), sizeof(RwAlert))));
}

void
rw_alerts_attach(void)
{
	bool		found;

	rw_alerts = ShmemInitStruct("replwatch alerts", rw_alerts_size(), &found);
	if (!found)
	{
		memset(rw_alerts, 0, rw_alerts_size());
		rw_alerts->newest_cleared = -1;
	}
	rw_alerts_max = alerts_max();
}
