/*-------------------------------------------------------------------------
 *
 * judge.c
 *	  What the alerts' rules say of the facts of this moment.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "pgstat.h"
#include "replication/slot.h"
#include "replication/walsender.h"
#include "utils/guc.h"

#include "src/compat.h"
#include "src/judge.h"
#include "src/lag_reason.h"
#include "src/settings.h"

/* After so many times its limit, what lasts is critical. */
#define CRITICAL_FACTOR		5

/* Whose figures are older than this may have got further. */
#define REPLY_AGE_BEGUN		(1 * RW_SECOND)

/* What the worker remembers of the node from one round to the next. */
static RwTime watching_since = RW_NEVER;	/* in the role that it has */
static bool was_in_recovery;
static RwTime archiver_failing_since = RW_NEVER;

static RwFinding *
finding_of(RwSubject *subject, RwAlertKind alert)
{
	return &subject->findings[alert - rw_class_alerts[subject->class].first];
}

static RwFinding *
start_finding(RwSubject *subject, RwAlertKind alert, RwUnit unit, int64 value,
			  int64 warning, int64 critical)
{
	RwFinding  *finding = finding_of(subject, alert);

	finding->unit = unit;
	finding->value = value;
	finding->limits[RW_SEVERITY_WARNING] = warning;
	finding->limits[RW_SEVERITY_CRITICAL] = critical;
	return finding;
}

static bool
streams(const RwLink *link)
{
	return link && link->sender && link->replica &&
		(link->sender->state == WALSNDSTATE_STREAMING ||
		 link->sender->state == WALSNDSTATE_STOPPING);
}

/* Is this link one of a replica that is to be judged? */
static bool
is_judged(const RwLink *link, const RwFacts *facts)
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
away(const RwSubject *subject, const RwFacts *facts)
{
	RwTime		since = watching_since;

	if (streams(subject->link))
		return -1;
	if (subject->link && subject->link->replica)
		since = Max(since, subject->link->replica->streamed_at);
	return facts->now - since;
}

static void
judge_missing(RwSubject *subject, const RwFacts *facts,
			  const RwNodeFacts *node, const RwLimits *limits)
{
	int64		limit = limits->of[RW_LIMIT_MISSING_TIMEOUT];
	int64		lasts = away(subject, facts);
	RwSeverity	level = subject->expected || node->last_replica_gone ?
		RW_SEVERITY_CRITICAL : RW_SEVERITY_WARNING;
	RwFinding  *finding;

	/* It may have been away for longer than it was watched. */
	finding = start_finding(subject, RW_ALERT_REPLICA_MISSING, RW_UNIT_TIME,
							lasts >= 0 && subject->link &&
							subject->link->replica &&
							subject->link->replica->streamed_at != RW_NEVER ?
							facts->now - subject->link->replica->streamed_at :
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
	int64		age = streams(link) ? rw_reply_age(link, facts) : -1;
	RwFinding  *finding;

	if (limit > 0)
		limit = Max(limit, wal_sender_timeout * RW_MS / 2 + 5 * RW_SECOND);

	/* Without a timeout core asks for no reply: it is due to new WAL only. */
	if (wal_sender_timeout == 0 && age >= 0 && link->lag >= 0)
		age = Min(age, link->lag);

	finding = start_finding(subject, RW_ALERT_REPLICA_SILENT, RW_UNIT_TIME,
							age, limit, 0);
	if (limit == 0)
		return;
	finding->begun = age > REPLY_AGE_BEGUN;

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
	RwFinding  *finding = start_finding(subject, RW_ALERT_REPLICA_STALLED,
										RW_UNIT_TIME, -1, limit,
										limit * CRITICAL_FACTOR);

	if (limit == 0 || (link && link->logical))
		return;
	age = streams(link) ? rw_reply_age(link, facts) : -1;
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
									   limit * CRITICAL_FACTOR);
	/* What is behind the next moment has moved all the same. */
	finding->judged.keep = finding->judged.raise;
	if (lasts >= 0)
		finding->mark = link->position;
	finding->begun = lasts > 0;
}

static void
judge_lags(RwSubject *subject, const RwFacts *facts, const RwLimits *limits)
{
	const RwLink *link = subject->link;
	int64		warning = limits->of[RW_LIMIT_LAG_WARNING];
	int64		lag = link ? link->lag : -1;
	int64		bytes = link ? link->lag_bytes : -1;
	int64		absence = away(subject, facts);
	RwFinding  *finding;

	/* An expected one may be catching up for the first time. */
	if (link && !is_judged(link, facts))
		lag = bytes = -1;
	/* Of one that was never here, or is forgotten, there is nothing to say. */
	if (link == NULL)
		lag = bytes = 0;
	/* One that is soon back has not fallen behind for that. */
	else if (absence >= 0 && absence < limits->of[RW_LIMIT_MISSING_TIMEOUT])
		lag = bytes = -1;
	if (lag >= 0)
		lag = Max(lag - subject->delay, 0);

	finding = start_finding(subject, RW_ALERT_REPLICA_LAG, RW_UNIT_TIME, lag,
							warning, limits->of[RW_LIMIT_LAG_CRITICAL]);
	finding->judged = rw_judge_value(lag, warning,
									 limits->of[RW_LIMIT_LAG_CRITICAL]);

	finding = start_finding(subject, RW_ALERT_REPLICA_LAG_BYTES, RW_UNIT_SIZE,
							bytes, limits->of[RW_LIMIT_LAG_BYTES_WARNING],
							limits->of[RW_LIMIT_LAG_BYTES_CRITICAL]);
	finding->judged = rw_judge_value(bytes,
									 limits->of[RW_LIMIT_LAG_BYTES_WARNING],
									 limits->of[RW_LIMIT_LAG_BYTES_CRITICAL]);

	/* Much at once is bad only if it stays. */
	if (finding->judged.raise == RW_SEVERITY_CRITICAL && lag <= warning)
		finding->judged.raise = finding->judged.no_warning ?
			RW_SEVERITY_NONE : RW_SEVERITY_WARNING;
}

static void
judge_replica(RwSubject *subject, const RwFacts *facts,
			  const RwNodeFacts *node)
{
	RwLimits	limits;

	rw_limits_for(subject->name, &limits);
	subject->delay = limits.of[RW_LIMIT_DELAY];
	judge_missing(subject, facts, node, &limits);
	judge_silent(subject, facts, &limits);
	judge_stalled(subject, facts, &limits);
	judge_lags(subject, facts, &limits);
}

/*
 * Will it be lost soon?  On a busy server every slot would be, if it stayed
 * where it is; so that counts only once it has used up half of what it may
 * retain, or has been unused for longer than a restart takes.
 */
static RwJudged
judge_time_left(const RwLink *link, int64 limit, bool unused)
{
	const RwSlotFacts *slot = link->slot;
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);

	if (limit <= 0 || !slot->limited ||
		(!unused && link->retained_bytes <= slot->safe_wal_size))
		return judged;
	if (link->slot_time_left >= 0)
	{
		if (link->slot_time_left < limit)
			judged.raise = RW_SEVERITY_WARNING;
		if (link->slot_time_left <= 2 * limit)
			judged.keep = RW_SEVERITY_WARNING;
	}
	else
		return rw_judge_nothing();	/* a pause in the writing is no rescue */
	return judged;
}

static void
judge_slot(RwSubject *subject, const RwFacts *facts, const RwSlotNote *note)
{
	const RwLink *link = subject->link;
	const RwSlotFacts *slot = link->slot;
	RwLimits	limits;
	int64		limit;
	int64		retained;
	int64		lasts = -1;		/* neither used nor moved */
	int64		watched = -1;	/* the same, as far as it was watched */
	bool		lost = slot->wal_status == RW_WAL_LOST;
	RwFinding  *finding;

	rw_limits_for(subject->name, &limits);
	if (note && note->inactive_since != RW_NEVER)
	{
		lasts = facts->now - Max(note->inactive_since, note->moved_at);
		watched = Min(lasts, facts->now - watching_since);
	}

	finding = start_finding(subject, RW_ALERT_SLOT_LOST, RW_UNIT_SIZE,
							link->retained_bytes, 0, 0);
	finding->judged = rw_judge_level(lost ? RW_SEVERITY_CRITICAL :
									 RW_SEVERITY_NONE);

	limit = limits.of[RW_LIMIT_SLOT_TIME_LEFT];
	retained = limits.of[RW_LIMIT_SLOT_RETAINED];
	finding = start_finding(subject, RW_ALERT_SLOT_AT_RISK, RW_UNIT_TIME,
							link->slot_time_left, limit, 0);
	finding->judged = rw_judge_level(RW_SEVERITY_NONE);
	if (!lost && limit > 0)
	{
		finding->judged =
			judge_time_left(link, limit,
							watched >= limits.of[RW_LIMIT_MISSING_TIMEOUT]);
		if (slot->wal_status == RW_WAL_UNRESERVED)
			finding->judged = rw_judge_level(RW_SEVERITY_CRITICAL);
	}
	if (!lost && retained > 0)
	{
		finding->judged =
			rw_judge_either(finding->judged,
							rw_judge_value(link->retained_bytes, retained, 0));
		if (link->retained_bytes > retained && slot->wal_status != RW_WAL_UNRESERVED &&
			(link->slot_time_left < 0 || link->slot_time_left >= limit))
			start_finding(subject, RW_ALERT_SLOT_AT_RISK, RW_UNIT_SIZE,
						  link->retained_bytes, retained, 0);
	}

	/*
	 * One that pg_basebackup made waits for its standby to start, and after a
	 * restart or promotion of this server replicas have to find it again.
	 */
	limit = limits.of[RW_LIMIT_SLOT_INACTIVE_TIMEOUT];
	if (lost || lasts < 0 || note->for_backup || link->retained_bytes <= 0)
		lasts = watched = -1;
	finding = start_finding(subject, RW_ALERT_SLOT_INACTIVE, RW_UNIT_TIME,
							lasts, limit, 0);
	finding->judged = rw_judge_lasting(watched, limit, 0);
	finding->judged.keep = finding->judged.raise;
	if (lasts >= 0 && limit > 0)
		finding->mark = slot->restart_lsn + slot->confirmed_flush;
}

static void
judge_standby(RwSubject *subject, const RwFacts *facts,
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
	finding = start_finding(subject, RW_ALERT_UPSTREAM_DOWN, RW_UNIT_TIME,
							value, limit, limit * CRITICAL_FACTOR);
	finding->judged = rw_judge_lasting(value, limit, limit * CRITICAL_FACTOR);
	finding->begun = limit > 0 && value >= 0;

	limit = limits.of[RW_LIMIT_STALL_TIMEOUT];
	value = -1;
	if (upstream->paused_since != RW_NEVER && link->lag_bytes > 0)
	{
		value = facts->now - upstream->paused_since;
		if (link->lag >= 0)
			value = Min(value, link->lag);
	}
	finding = start_finding(subject, RW_ALERT_REPLAY_PAUSED, RW_UNIT_TIME,
							value, limit, 0);
	finding->judged = rw_judge_lasting(value, limit, 0);
	finding->begun = limit > 0 && value >= 0;

	subject->delay = facts->recovery.apply_delay_ms * RW_MS;
	value = link->lag < 0 || !upstream->settled ? -1 :
		Max(link->lag - subject->delay, 0);
	/* That nothing comes is for upstream_down to tell, in its time. */
	if (link->lag_bytes == 0 && upstream->down_since != RW_NEVER &&
		facts->now - upstream->down_since < limits.of[RW_LIMIT_UPSTREAM_TIMEOUT])
		value = -1;
	finding = start_finding(subject, RW_ALERT_SELF_LAG, RW_UNIT_TIME, value,
							limits.of[RW_LIMIT_LAG_WARNING],
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
			if (strcmp(facts->slots[i].name, list) == 0 &&
				facts->slots[i].active_pid != 0)
				break;
		}
		if (i == facts->nslots)
			strlcpy(name, list, RW_NAME_LEN);
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

static void
judge_primary(RwSubject *subject, const RwFacts *facts, RwNodeFacts *node)
{
	RwLimits	limits;
	int64		limit;
	int64		lasts;
	bool		is_short;
	RwFinding  *finding;

	rw_limits_for(subject->name, &limits);

	find_absent_slot(facts, node->absent_slot);
	is_short = node->sync.connected < node->sync.wanted;
	finding = start_finding(subject, RW_ALERT_SYNC_SHORT, RW_UNIT_NONE,
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
	finding = start_finding(subject, RW_ALERT_ARCHIVER_FAILING, RW_UNIT_TIME,
							lasts, limit, 0);
	finding->judged = rw_judge_lasting(lasts, limit, 0);
}

static RwSubject *
add_subject(RwSubjects *subjects, RwSubjectClass class, const char *name,
			const RwLink *link)
{
	RwSubject  *subject = &subjects->subjects[subjects->n++];
	int			i;

	memset(subject, 0, sizeof(RwSubject));
	subject->class = class;
	strlcpy(subject->name, name, RW_NAME_LEN);
	subject->link = link;
	for (i = 0; i < rw_class_alerts[class].n; i++)
	{
		subject->findings[i].judged = rw_judge_level(RW_SEVERITY_NONE);
		subject->findings[i].value = -1;
	}
	return subject;
}

/*
 * The connection that a replica is on.  As long as its old one is not noticed
 * to be dead it has two, and the old one is the one that is known.
 */
static const RwLink *
latest_connection(const RwLinks *links, const RwLink *link)
{
	const RwLink *latest = link;
	int			i;

	if (link->sender == NULL || link->replica->alone_since != RW_NEVER)
		return link;
	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *other = &links->links[i];

		if (other->sender && other->replica &&
			other->last_seen > latest->last_seen &&
			strcmp(other->name, link->name) == 0)
			latest = other;
	}
	return latest;
}

static void
add_replicas(RwSubjects *subjects, const RwFacts *facts, const RwLinks *links)
{
	const char	(*expected)[RW_NAME_LEN];
	char		own[RW_NAME_LEN];
	int			nexpected;
	int			njudged;
	RwSubject  *subject;
	int			i;
	int			j = 0;
	int			k = 0;

	/* Links come in the order of their names: equal ones are neighbours. */
	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];

		if (!is_judged(link, facts))
			continue;
		subject = subjects->n > 0 ? &subjects->subjects[subjects->n - 1] : NULL;
		if (subject && subject->class == RW_SUBJECT_REPLICA &&
			strcmp(subject->name, link->name) == 0)
		{
			/* Of those that share a name the worst counts. */
			if (link->lag > subject->link->lag)
				subject->link = link;
			continue;
		}
		add_subject(subjects, RW_SUBJECT_REPLICA, link->name,
					link->replica->shared ? link :
					latest_connection(links, link));
	}

	/* Only a primary can say that nobody else has it. */
	if (facts->in_recovery)
		return;

	/* These come in order, too: what was found above is looked at once. */
	expected = rw_expected(&nexpected);
	njudged = subjects->n;
	rw_own_name(own);
	for (i = 0; i < nexpected; i++)
	{
		const char *name = expected[i];

		if (strcmp(name, own) == 0 ||
			(cluster_name && strcmp(name, cluster_name) == 0))
			continue;
		while (j < njudged && strcmp(subjects->subjects[j].name, name) < 0)
			j++;
		if (j < njudged && strcmp(subjects->subjects[j].name, name) == 0)
			subject = &subjects->subjects[j];
		else
		{
			subject = add_subject(subjects, RW_SUBJECT_REPLICA, name, NULL);
			while (k < links->nlinks && strcmp(links->links[k].name, name) < 0)
				k++;
			for (; k < links->nlinks && strcmp(links->links[k].name, name) == 0; k++)
				subject->link = &links->links[k];
		}
		subject->expected = true;
	}
}

static const RwSlotNote *
note_of(const RwLinks *links, const RwSlotFacts *slot)
{
	const RwSlotNote *note = &links->published->slot_notes[slot->number];

	return strcmp(note->name, slot->name) == 0 ? note : NULL;
}

void
rw_judge(const RwFacts *facts, const RwLinks *links, RwSubjects *subjects)
{
	int			nexpected;
	int			i;

	if (watching_since == RW_NEVER || was_in_recovery != facts->in_recovery)
		watching_since = facts->now;
	was_in_recovery = facts->in_recovery;

	memset(subjects, 0, sizeof(RwSubjects));
	(void) rw_expected(&nexpected);
	subjects->subjects = palloc((1 + 2 * links->nlinks + nexpected) *
								sizeof(RwSubject));

	rw_observe_sync(&subjects->node.sync);
	subjects->node.last_replica_gone = true;
	for (i = 0; i < links->nlinks; i++)
	{
		if (streams(&links->links[i]))
			subjects->node.last_replica_gone = false;
	}

	add_replicas(subjects, facts, links);
	for (i = 0; i < subjects->n; i++)
		judge_replica(&subjects->subjects[i], facts, &subjects->node);

	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];
		const RwSlotNote *note;

		if (link->slot == NULL || link->slot->temporary)
			continue;
		note = note_of(links, link->slot);
		if (facts->in_recovery && !(note && note->used_here))
			continue;
		judge_slot(add_subject(subjects, RW_SUBJECT_SLOT, link->slot->name,
							   link), facts, note);
	}

	if (!facts->in_recovery)
		judge_primary(add_subject(subjects, RW_SUBJECT_NODE,
								  rw_primary_name(), NULL),
					  facts, &subjects->node);
	else if (links->nlinks > 0 && links->links[0].upstream)
		judge_standby(add_subject(subjects, RW_SUBJECT_NODE,
								  links->links[0].name, &links->links[0]),
					  facts, &links->published->upstream);
}
