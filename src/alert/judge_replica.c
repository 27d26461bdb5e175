/*-------------------------------------------------------------------------
 *
 * judge_replica.c
 *	  What the rules say of replicas.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "replication/walsender.h"

#include "src/alert/judge_finding.h"
#include "src/alert/judge_replica.h"
#include "src/lag/lag.h"
#include "src/settings.h"

/* Whose figures are older than this may have got further. */
#define REPLY_AGE_BEGUN		(1 * RW_SECOND)

bool
rw_link_streams(const RwLink *link)
{
	return link && link->sender && link->replica &&
		(link->sender->state == RW_SENDER_STREAMING ||
		 link->sender->state == RW_SENDER_STOPPING);
}

bool
rw_is_judged(const RwLink *link, const RwFacts *facts)
{
	const RwReplica *replica = link->replica;

	if (link->upstream || replica == NULL)
		return false;
	return replica->known ||
		(replica->shared && replica->streaming_since != RW_NEVER &&
		 facts->now - replica->streaming_since >= rw_known_after_s * RW_SECOND);
}

/* For how long a replica has not streamed, as far as it was watched. */
static int64
away(const RwSubject *subject, const RwFacts *facts, RwTime watching_since)
{
	RwTime		since = watching_since;

	if (rw_link_streams(subject->link))
		return -1;
	if (subject->link && subject->link->replica)
		since = Max(since, subject->link->replica->streamed_at);
	return facts->now - since;
}

static void
judge_missing(RwSubject *subject, const RwFacts *facts,
			  const RwNodeFacts *node, const RwLimits *limits,
			  RwTime watching_since)
{
	int64		limit = limits->of[RW_LIMIT_MISSING_TIMEOUT];
	int64		lasts = away(subject, facts, watching_since);
	RwSeverity	level = subject->expected || node->last_replica_gone ?
		RW_SEVERITY_CRITICAL : RW_SEVERITY_WARNING;
	RwFinding  *finding;

	/* It may have been away for longer than it was watched. */
	finding = rw_start_finding(subject, RW_ALERT_REPLICA_MISSING,
							   RW_UNIT_TIME,
							   lasts >= 0 && subject->link &&
							   subject->link->replica &&
							   subject->link->replica->streamed_at != RW_NEVER ?
							   facts->now -
							   subject->link->replica->streamed_at :
							   lasts, limit, 0);

	/*
	 * Some sender is no reason to raise it, but only one that streams is one
	 * to clear it: a replica may come and go without ever getting there.
	 */
	finding->judged = rw_judge_level(limit > 0 && lasts >= 0 ?
									 level : RW_SEVERITY_NONE);
	if (lasts < limit || (subject->link && subject->link->sender))
		finding->judged.raise = RW_SEVERITY_NONE;
}

/*
 * What a connection was alerted for is not over when it ends: whether the
 * replica is well is told by the next one, or by replica_missing.
 */
static void
judge_silent(RwSubject *subject, const RwFacts *facts, const RwLimits *limits)
{
	const RwLink *link = subject->link;
	int64		limit = limits->of[RW_LIMIT_SILENT_TIMEOUT];
	int64		age = rw_link_streams(link) ? rw_reply_age(link, facts) : -1;
	RwFinding  *finding;

	if (limit > 0)
		limit = Max(limit, facts->sender_timeout_ms * RW_MS / 2 + 5 * RW_SECOND);

	/* Without a timeout core asks for no reply: it is due to new WAL only. */
	if (facts->sender_timeout_ms == 0 && age >= 0 && link->lag >= 0)
		age = Min(age, link->lag);

	finding = rw_start_finding(subject, RW_ALERT_REPLICA_SILENT, RW_UNIT_TIME,
							   age, limit, 0);
	if (limit == 0)
		return;
	finding->pending = age > REPLY_AGE_BEGUN;

	if (age < 0)
		finding->judged = rw_judge_nothing();
	else
		finding->judged = rw_judge_level(age > limit ? RW_SEVERITY_WARNING :
										 RW_SEVERITY_NONE);
}

static void
judge_stalled(RwSubject *subject, const RwFacts *facts,
			  const RwLimits *limits)
{
	const RwLink *link = subject->link;
	int64		limit = limits->of[RW_LIMIT_STALL_TIMEOUT];
	int64		lasts = -1;
	int64		age;
	RwFinding  *finding = rw_start_finding(subject, RW_ALERT_REPLICA_STALLED,
										   RW_UNIT_TIME, -1, limit,
										   limit * RW_CRITICAL_FACTOR);

	if (limit == 0 || (link && link->logical))
		return;
	age = rw_link_streams(link) ? rw_reply_age(link, facts) : -1;
	if (age < 0)
	{
		finding->judged = rw_judge_nothing();
		return;
	}
	if (link->lag_bytes > 0)
	{
		/* Up to its last reply: whoever says nothing may be replaying. */
		lasts = Max(link->last_seen - link->replica->replay_moved_at, 0);
		if (link->lag >= 0)
			lasts = Min(lasts, link->lag - age - subject->delay);
	}
	finding->value = lasts;
	finding->judged = rw_judge_lasting(lasts, limit,
									   limit * RW_CRITICAL_FACTOR);
	/* What is behind the next moment has moved all the same. */
	finding->judged.keep = finding->judged.raise;
	if (lasts >= 0)
		finding->progress = link->position;
	finding->pending = lasts > 0;
}

static void
judge_lags(RwSubject *subject, const RwFacts *facts, const RwLimits *limits,
		   RwTime watching_since)
{
	const RwLink *link = subject->link;
	int64		warning = limits->of[RW_LIMIT_LAG_WARNING];
	int64		lag = link ? link->lag : -1;
	int64		bytes = link ? link->lag_bytes : -1;
	int64		absence = away(subject, facts, watching_since);
	RwFinding  *finding;

	/* An expected one may be catching up for the first time. */
	if (link && !rw_is_judged(link, facts))
		lag = bytes = -1;
	/* Of one that was never here, or is forgotten, there is nothing to say. */
	if (link == NULL)
		lag = bytes = 0;
	/* One that is soon back has not fallen behind for that. */
	else if (absence >= 0 && absence < limits->of[RW_LIMIT_MISSING_TIMEOUT])
		lag = bytes = -1;
	if (lag >= 0)
		lag = Max(lag - subject->delay, 0);

	finding = rw_start_finding(subject, RW_ALERT_REPLICA_LAG, RW_UNIT_TIME,
							   lag, warning,
							   limits->of[RW_LIMIT_LAG_CRITICAL]);
	finding->judged = rw_judge_value(lag, warning,
									 limits->of[RW_LIMIT_LAG_CRITICAL]);

	finding = rw_start_finding(subject, RW_ALERT_REPLICA_LAG_BYTES,
							   RW_UNIT_SIZE, bytes,
							   limits->of[RW_LIMIT_LAG_BYTES_WARNING],
							   limits->of[RW_LIMIT_LAG_BYTES_CRITICAL]);
	finding->judged = rw_judge_value(bytes,
									 limits->of[RW_LIMIT_LAG_BYTES_WARNING],
									 limits->of[RW_LIMIT_LAG_BYTES_CRITICAL]);

	/* Much at once is bad only if it stays. */
	if (finding->judged.raise == RW_SEVERITY_CRITICAL && lag <= warning)
		finding->judged.raise = finding->judged.no_warning ?
			RW_SEVERITY_NONE : RW_SEVERITY_WARNING;
}

void
rw_judge_replica(RwSubject *subject, const RwFacts *facts,
				 const RwNodeFacts *node, RwTime watching_since)
{
	RwLimits	limits;

	rw_limits_for(subject->name, &limits);
	subject->delay = limits.of[RW_LIMIT_DELAY];
	judge_missing(subject, facts, node, &limits, watching_since);
	judge_silent(subject, facts, &limits);
	judge_stalled(subject, facts, &limits);
	judge_lags(subject, facts, &limits, watching_since);
}
