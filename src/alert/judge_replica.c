/*-------------------------------------------------------------------------
 *
 * judge_replica.c
 *	  The rules of the alerts about replicas.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/intern.h"

/* A reply older than this may be the beginning of a silence. */
#define REPLY_AGE_PENDING	(1 * RW_SECOND)

/* Does the replica of this link stream now, as far as that counts? */
static bool
streams(const RwLink *link, RwTime now)
{
	return rw_link_streams(link) && rw_replica_streams(link->replica, now);
}

/*
 * How long a replica has been seen not to stream; -1 if it streams.  The time in
 * which it gets further without streaming yet does not count.
 */
static int64
time_away(const RwJudgeInput *input, const RwSubject *subject)
{
	RwTime		since = rw_watched_since(input);

	if (streams(subject->link, input->facts->now))
		return -1;
	if (subject->link && rw_is_replicas_link(subject->link))
	{
		since = Max(since, subject->link->replica->streamed_at);
		since = Max(since, subject->link->replica->progressed_at);
	}
	return input->facts->now - since;
}

bool
rw_any_standby_streams(const RwLinks *links, RwTime now)
{
	int			i;

	for (i = 0; i < links->nlinks; i++)
	{
		if (!links->links[i].logical && streams(&links->links[i], now))
			return true;
	}
	return false;
}

/*
 * replica_missing: it has not streamed for missing_timeout, however often it
 * may have connected meanwhile.  It is cleared by streaming only, here or from
 * another server.
 */
void
rw_judge_replica_missing(const RwJudgeInput *input, const RwSubject *subject,
						 RwFinding *finding)
{
	const RwLink *link = subject->link;
	int64		limit = finding->limits[RW_SEVERITY_WARNING];
	int64		away = time_away(input, subject);

	/* The value is how long it has really been away, watched or not. */
	finding->value = away;
	if (away >= 0 && link && link->replica &&
		link->replica->streamed_at != RW_NEVER)
		finding->value = input->facts->now - link->replica->streamed_at;

	if (limit == 0 || away < 0 || subject->elsewhere)
		return;
	finding->judged = rw_judge_level(subject->expected ||
									 !input->standby_streams ?
									 RW_SEVERITY_CRITICAL :
									 RW_SEVERITY_WARNING);
	if (away < limit)
		finding->judged.raise = RW_SEVERITY_NONE;
}

/*
 * replica_silent: it streams and has not replied for silent_timeout.  The end
 * of the connection does not clear it: only the next connection, here or to
 * another server, or replica_missing, shows how the replica is.
 */
void
rw_judge_replica_silent(const RwJudgeInput *input, const RwSubject *subject,
						RwFinding *finding)
{
	const RwLink *link = subject->link;
	int			sender_timeout_ms = input->facts->sender_timeout_ms;
	int64		limit = finding->limits[RW_SEVERITY_WARNING];
	int64		age = rw_link_streams(link) ?
		rw_reply_age(link, input->facts) : -1;

	/* The server asks for a reply after half of wal_sender_timeout. */
	if (limit > 0)
		limit = Max(limit, sender_timeout_ms * RW_MS / 2 + 5 * RW_SECOND);

	/* Without a timeout it never asks, and a reply is due to new WAL only. */
	if (sender_timeout_ms == 0 && age >= 0 && link->lag >= 0)
		age = Min(age, link->lag);

	finding->value = age;
	finding->limits[RW_SEVERITY_WARNING] = limit;
	if (limit == 0 || subject->elsewhere)
		return;
	finding->pending = age > REPLY_AGE_PENDING;
	if (age < 0)
		finding->judged = rw_judge_nothing();
	else if (age > limit)
		finding->judged = rw_judge_level(RW_SEVERITY_WARNING);
}

/*
 * Is it gone, after it has connected again and again, got WAL, and not
 * replayed it?  The WAL may be broken.
 */
static bool
gets_stuck(const RwLink *link, RwTime now)
{
	return link && link->replica &&
		rw_replica_is_refused(link->replica, now) &&
		link->replica->parted == RW_NOT_PARTED &&
		link->replica->sent > link->replica->position;
}

/*
 * replica_stalled: it has WAL to replay, and its replay has not moved for
 * stall_timeout.  Any progress clears it, so it is kept only while the position
 * stays what it was.
 */
void
rw_judge_replica_stalled(const RwJudgeInput *input, const RwSubject *subject,
						 RwFinding *finding)
{
	const RwLink *link = subject->link;
	int64		limit = finding->limits[RW_SEVERITY_WARNING];
	int64		lasts = -1;
	int64		age;

	if (limit == 0 || subject->elsewhere || (link && link->logical))
		return;
	age = rw_link_streams(link) ? rw_reply_age(link, input->facts) : -1;
	if (age < 0 && gets_stuck(link, input->facts->now))
		age = input->facts->now - link->last_seen;
	if (age < 0)
	{
		finding->judged = rw_judge_nothing();
		return;
	}
	if (link->lag_bytes > 0)
	{
		/* Counted up to its last reply: since then it may have replayed. */
		lasts = Max(link->last_seen - link->replica->replay_moved_at, 0);
		if (link->lag >= 0)
			lasts = Min(lasts, link->lag - age - subject->delay);
	}
	finding->value = lasts;
	finding->judged = rw_judge_lasting(lasts, limit,
									   finding->limits[RW_SEVERITY_CRITICAL]);
	finding->judged.keep = finding->judged.raise;
	if (lasts >= 0)
		finding->progress = link->position;
	finding->pending = lasts > 0;
}

/*
 * Does the lag of this subject count?  If so, *known says whether it is known;
 * if not, there is no lag to judge.
 */
static bool
has_lag(const RwJudgeInput *input, const RwSubject *subject, bool *known)
{
	const RwLink *link = subject->link;
	int64		away = time_away(input, subject);

	/*
	 * A replica that was never here, or was forgotten, has none.  One that
	 * streams from another server is behind that one, if any.
	 */
	if (link == NULL || subject->elsewhere)
		return false;

	/*
	 * An expected replica that is not known yet may be catching up for the
	 * first time, and one that is soon back has not fallen behind for that.
	 */
	*known = rw_is_judged(link, input) &&
		(away < 0 || away >= subject->limits.of[RW_LIMIT_MISSING_TIMEOUT]);
	return true;
}

/* The time lag that counts, less the delay; 0 for none, -1 if not known. */
static int64
time_lag(const RwJudgeInput *input, const RwSubject *subject)
{
	bool		known;

	if (!has_lag(input, subject, &known))
		return 0;
	if (!known || subject->link->lag < 0)
		return -1;
	return Max(subject->link->lag - subject->delay, 0);
}

/* replica_lag: its time lag, less the delay, is above the limits. */
void
rw_judge_replica_lag(const RwJudgeInput *input, const RwSubject *subject,
					 RwFinding *finding)
{
	finding->value = time_lag(input, subject);
	finding->judged = rw_judge_value(finding->value,
									 finding->limits[RW_SEVERITY_WARNING],
									 finding->limits[RW_SEVERITY_CRITICAL]);
}

/*
 * replica_lag_bytes: its byte lag is above the limits.  It becomes critical
 * only with a time lag above lag_warning: a burst of WAL is bad only if the
 * replica stays behind.
 */
void
rw_judge_replica_lag_bytes(const RwJudgeInput *input,
						   const RwSubject *subject, RwFinding *finding)
{
	bool		known;

	if (!has_lag(input, subject, &known))
		finding->value = 0;
	else if (known)
		finding->value = subject->link->lag_bytes;
	finding->judged = rw_judge_value(finding->value,
									 finding->limits[RW_SEVERITY_WARNING],
									 finding->limits[RW_SEVERITY_CRITICAL]);

	if (finding->judged.raise == RW_SEVERITY_CRITICAL &&
		time_lag(input, subject) <= subject->limits.of[RW_LIMIT_LAG_WARNING])
		finding->judged.raise = finding->judged.no_warning ?
			RW_SEVERITY_NONE : RW_SEVERITY_WARNING;
}

/*
 * replica_diverged: its WAL is not this server's.  What a cascade has not
 * received yet its replicas may well have.
 */
void
rw_judge_replica_diverged(const RwJudgeInput *input, const RwSubject *subject,
						  RwFinding *finding)
{
	if (subject->link == NULL || !rw_has_parted(subject->link) ||
		(subject->link->replica->parted == RW_AHEAD &&
		 input->facts->in_recovery))
		return;
	finding->judged = rw_judge_level(RW_SEVERITY_CRITICAL);
	finding->pending = true;
}
