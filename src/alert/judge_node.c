/*-------------------------------------------------------------------------
 *
 * judge_node.c
 *	  What the rules say of this server itself, the node.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "pgstat.h"

#include "src/alert/judge_finding.h"
#include "src/alert/judge_node.h"
#include "src/base/compat.h"

/* What the worker remembers from one round to the next. */
static RwTime archiver_failing_since = RW_NEVER;

void
rw_judge_standby(RwSubject *subject, const RwFacts *facts,
				 const RwUpstream *upstream)
{
	const RwLink *link = subject->link;
	RwLimits	limits;
	int64		limit;
	int64		value;
	RwFinding  *finding;

	rw_limits_for(subject->name, &limits);

	limit = limits.of[RW_LIMIT_UPSTREAM_TIMEOUT];
	value = facts->receiver.has_conninfo && upstream->down_since != RW_NEVER ?
		facts->now - upstream->down_since : -1;
	finding = rw_start_finding(subject, RW_ALERT_UPSTREAM_DOWN, RW_UNIT_TIME,
							   value, limit, limit * RW_CRITICAL_FACTOR);
	finding->judged = rw_judge_lasting(value, limit,
									   limit * RW_CRITICAL_FACTOR);
	finding->pending = limit > 0 && value >= 0;

	limit = limits.of[RW_LIMIT_STALL_TIMEOUT];
	value = -1;
	if (upstream->paused_since != RW_NEVER && link->lag_bytes > 0)
	{
		value = facts->now - upstream->paused_since;
		if (link->lag >= 0)
			value = Min(value, link->lag);
	}
	finding = rw_start_finding(subject, RW_ALERT_REPLAY_PAUSED, RW_UNIT_TIME,
							   value, limit, 0);
	finding->judged = rw_judge_lasting(value, limit, 0);
	finding->pending = limit > 0 && value >= 0;

	subject->delay = facts->recovery.apply_delay_ms * RW_MS;
	value = link->lag < 0 || !upstream->settled ? -1 :
		Max(link->lag - subject->delay, 0);
	/* That nothing comes is for upstream_down to tell, in its time. */
	if (link->lag_bytes == 0 && upstream->down_since != RW_NEVER &&
		facts->now - upstream->down_since < limits.of[RW_LIMIT_UPSTREAM_TIMEOUT])
		value = -1;
	finding = rw_start_finding(subject, RW_ALERT_SELF_LAG, RW_UNIT_TIME,
							   value, limits.of[RW_LIMIT_LAG_WARNING],
							   limits.of[RW_LIMIT_LAG_CRITICAL]);
	finding->judged = rw_judge_value(value, limits.of[RW_LIMIT_LAG_WARNING],
									 limits.of[RW_LIMIT_LAG_CRITICAL]);
}

/* Of the slots that logical walsenders wait for, one that nobody uses. */
static void
find_absent_slot(const RwFacts *facts, char *name)
{
	char	   *list = rw_synchronized_standby_slots();
	char	   *next;
	int			i;

	name[0] = '\0';
	for (; list && name[0] == '\0'; list = next)
	{
		next = strchr(list, ',');
		if (next)
			*next++ = '\0';
		while (*list == ' ' || *list == '"')
			list++;
		list[strcspn(list, " \"")] = '\0';
		if (*list == '\0')
			continue;
		for (i = 0; i < facts->nslots; i++)
		{
			if (rw_name_equal(facts->slots[i].name, list) &&
				facts->slots[i].active_pid != 0)
				break;
		}
		if (i == facts->nslots)
			rw_name_copy(name, list);
	}
}

static void
observe_archiver(const RwFacts *facts, RwNodeFacts *node)
{
	PgStat_ArchiverStats *stats;

	if (!XLogArchivingActive())
		return;
	/* What was read before is kept for as long as a transaction lasts. */
	pgstat_clear_snapshot();
	stats = pgstat_fetch_stat_archiver();
	node->archiver_failing =
		stats->last_failed_timestamp > stats->last_archived_timestamp;
	strlcpy(node->failed_wal, stats->last_failed_wal, RW_NAME_LEN);
}

void
rw_judge_primary(RwSubject *subject, const RwFacts *facts, RwNodeFacts *node)
{
	RwLimits	limits;
	int64		limit;
	int64		lasts;
	bool		is_short;
	RwFinding  *finding;

	rw_limits_for(subject->name, &limits);

	find_absent_slot(facts, node->absent_slot);
	is_short = node->sync.connected < node->sync.wanted;
	finding = rw_start_finding(subject, RW_ALERT_SYNC_SHORT, RW_UNIT_NONE,
							   node->sync.connected, node->sync.wanted, 0);
	finding->judged = rw_judge_level(is_short && node->sync.waiting > 0 ?
									 RW_SEVERITY_CRITICAL :
									 is_short || node->absent_slot[0] != '\0' ?
									 RW_SEVERITY_WARNING : RW_SEVERITY_NONE);

	limit = limits.of[RW_LIMIT_ARCHIVER_FAILING_TIMEOUT];
	observe_archiver(facts, node);
	if (!node->archiver_failing)
		archiver_failing_since = RW_NEVER;
	else if (archiver_failing_since == RW_NEVER)
		archiver_failing_since = facts->now;
	lasts = node->archiver_failing ? facts->now - archiver_failing_since : -1;
	finding = rw_start_finding(subject, RW_ALERT_ARCHIVER_FAILING,
							   RW_UNIT_TIME, lasts, limit, 0);
	finding->judged = rw_judge_lasting(lasts, limit, 0);
}
