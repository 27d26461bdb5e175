/*-------------------------------------------------------------------------
 *
 * told_upstream.c
 *	  What the upstream server has told of its own staleness.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/tree/told_upstream.h"

/*
 * Make room for a mark.  Without mark i, staleness is said to be greater by
 * up to the time between its neighbours.  Where that is least, compared to
 * how long ago it was, it is missed least.
 */
static void
drop_mark(RwToldUpstream *told, RwTime now)
{
	int			least = 1;
	double		least_share = 0;

	for (int i = 1; i < told->nmarks - 1; i++)
	{
		RwTime		before = told->marks[i - 1].fresh_at;
		RwTime		after = told->marks[i + 1].fresh_at;
		double		share = (double) (after - before) /
			(Max(now - after, 0) + RW_SECOND);

		if (i == 1 || share < least_share)
		{
			least = i;
			least_share = share;
		}
	}
	told->nmarks--;
	memmove(&told->marks[least], &told->marks[least + 1],
			(told->nmarks - least) * sizeof(RwToldMark));
}

static void
add_mark(RwToldUpstream *told, uint64 lsn, RwTime fresh_at, RwTime now)
{
	RwToldMark *last;

	if (told->nmarks > 0 && lsn < told->marks[told->nmarks - 1].lsn)
		told->nmarks = 0;
	last = told->nmarks > 0 ? &told->marks[told->nmarks - 1] : NULL;
	if (last && fresh_at <= last->fresh_at)
		return;
	if (last && lsn == last->lsn)
	{
		last->fresh_at = fresh_at;
		return;
	}
	if (told->nmarks == RW_TOLD_MARKS)
		drop_mark(told, now);
	told->marks[told->nmarks++] = (RwToldMark) {lsn, fresh_at};
}

void
rw_told_upstream_add(RwToldUpstream *told, const RwServer *report,
					 int receiver_pid)
{
	if (!rw_server_id_is_set(report->id) || report->reported_at == RW_NEVER)
		return;
	if (!rw_server_id_equal(told->id, report->id) || told->tli != report->tli)
		told->nmarks = 0;
	else if (report->reported_at < told->told_at)
		return;

	told->id = report->id;
	told->receiver_pid = receiver_pid;
	told->tli = report->tli;
	told->primary = report->role == RW_ROLE_PRIMARY;
	told->of_primary = report->of_primary;
	told->told_at = report->reported_at;
	if (!told->primary && report->of_primary && report->staleness >= 0 &&
		report->replay != 0 && report->tli != 0)
		add_mark(told, report->replay,
				 report->reported_at - report->staleness, report->reported_at);
}

int64
rw_told_upstream_staleness(const RwToldUpstream *told, uint64 replay,
						   uint32 tli, RwTime now)
{
	if (tli != told->tli)
		return -1;
	for (int i = told->nmarks - 1; i >= 0; i--)
	{
		if (told->marks[i].lsn <= replay)
			return Max(now - told->marks[i].fresh_at, 0);
	}
	return -1;
}
