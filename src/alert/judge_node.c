/*-------------------------------------------------------------------------
 *
 * judge_node.c
 *	  The rules of the alerts about this server itself, the node.
 *
 * Those of a primary find nothing on a standby, and the other way round; both
 * may archive.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/intern.h"

/*
 * archiver_failing, where this server archives: a file has waited to be
 * archived for archiver_failing_timeout, as of the last look.
 */
void
rw_judge_archiver_failing(const RwJudgeInput *input, const RwSubject *subject,
						  RwFinding *finding)
{
	const RwArchiveFacts *archive = input->archive;
	const RwArchiveFile *oldest = rw_archive_oldest(archive);
	int64		limit = finding->limits[RW_SEVERITY_WARNING];

	finding->judged.no_warning = limit <= 0;
	if (archive->looked_at == RW_NEVER ||
		(archive->active && !archive->known))
		finding->judged.known = limit <= 0;
	else if (oldest)
	{
		finding->value = Max(archive->looked_at - oldest->since, 0);
		if (limit > 0 && finding->value >= limit)
			finding->judged = rw_judge_level(RW_SEVERITY_WARNING);
	}
}

/*
 * upstream_down, on a standby with primary_conninfo: nothing has come from the
 * upstream server for upstream_timeout.
 */
void
rw_judge_upstream_down(const RwJudgeInput *input, const RwSubject *subject,
					   RwFinding *finding)
{
	const RwFacts *facts = input->facts;
	RwTime		since = input->links->published->upstream.down_since;

	if (!facts->in_recovery)
		return;
	if (facts->receiver.has_conninfo && since != RW_NEVER)
		finding->value = facts->now - since;
	finding->judged = rw_judge_lasting(finding->value,
									   finding->limits[RW_SEVERITY_WARNING],
									   finding->limits[RW_SEVERITY_CRITICAL]);
	finding->pending = finding->limits[RW_SEVERITY_WARNING] > 0 &&
		finding->value >= 0;
}

/*
 * replay_paused, on a standby: it has been paused, with WAL to replay, for
 * stall_timeout.  Of a standby that is fed from the archive it is not known
 * what there is to replay.
 */
void
rw_judge_replay_paused(const RwJudgeInput *input, const RwSubject *subject,
					   RwFinding *finding)
{
	const RwLink *link = subject->link;
	RwTime		since = input->links->published->upstream.paused_since;

	if (!input->facts->in_recovery)
		return;
	if (since != RW_NEVER &&
		(link->lag_bytes > 0 ||
		 (link->state == RW_STATE_ARCHIVE && link->lag > 0)))
	{
		finding->value = input->facts->now - since;
		if (link->lag >= 0)
			finding->value = Min(finding->value, link->lag);
	}
	finding->judged = rw_judge_lasting(finding->value,
									   finding->limits[RW_SEVERITY_WARNING],
									   0);
	finding->pending = finding->limits[RW_SEVERITY_WARNING] > 0 &&
		finding->value >= 0;
}

/*
 * self_lag, on a standby: its own time lag, less recovery_min_apply_delay, is
 * above the limits.  It is not judged until the standby has once streamed for
 * known_after.
 */
void
rw_judge_self_lag(const RwJudgeInput *input, const RwSubject *subject,
				  RwFinding *finding)
{
	const RwUpstream *upstream = &input->links->published->upstream;
	const RwLink *link = subject->link;

	if (!input->facts->in_recovery)
		return;
	if (link->lag >= 0 && upstream->settled)
		finding->value = Max(link->lag - subject->delay, 0);
	/* If the lag is only silence, that is for upstream_down, in its time. */
	if (link->lag_bytes == 0 && upstream->down_since != RW_NEVER &&
		input->facts->now - Max(upstream->down_since,
								input->facts->watch.resumed_at) <
		subject->limits.of[RW_LIMIT_UPSTREAM_TIMEOUT])
		finding->value = -1;
	finding->judged = rw_judge_value(finding->value,
									 finding->limits[RW_SEVERITY_WARNING],
									 finding->limits[RW_SEVERITY_CRITICAL]);
}

/*
 * replica_diverged, on the standby itself: its WAL is not its upstream
 * server's.  A server that it was pointed to may only be behind.
 */
void
rw_judge_self_diverged(const RwJudgeInput *input, const RwSubject *subject,
					   RwFinding *finding)
{
	const RwUpstream *upstream = &input->links->published->upstream;

	if (!input->facts->in_recovery || upstream->parted == RW_NOT_PARTED ||
		(upstream->parted == RW_AHEAD && !upstream->lost_wal))
		return;
	finding->judged = rw_judge_level(RW_SEVERITY_CRITICAL);
	finding->pending = true;
}
